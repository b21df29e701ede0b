//! A homeserver in memory that enforces the authorisation rules of the room versions.

mod auth;
mod auth_levels;
mod backend;
mod blueprint;
mod create;
mod faults;
mod ops;
mod room;
mod snapshot;
mod world;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ruma_common::{
    OwnedRoomAliasId, OwnedRoomId, OwnedServerName, OwnedUserId, RoomAliasId, RoomId, RoomVersionId, UserId,
};
use serde_json::Value;

pub use self::{
    backend::InMemoryBackend,
    faults::Call,
    ops::{NewRoom, Preset, Refusal, UserOp, UserOpOutcome},
};
use self::{
    faults::{Fault, Trouble, Verdict},
    room::LEVELS,
    world::{AliasEntry, World},
};
use crate::{
    backend::BackendErrorKind,
    room::{Cause, RoomMember, RoomSnapshot, RoomState},
    room_rules::Listing,
    time::Timestamp,
};

/// A homeserver in memory, with users, rooms and aliases of its own, and users of other servers in its rooms.
///
/// Requests of users ([`act`](Self::act)) are let in or refused by the authorisation rules of the room's version
/// and by the checks that Synapse makes besides. Times and identifiers are counted, so that the same requests
/// always end in the same state. Clones are handles to the same homeserver.
///
/// ```
/// use inviter_core::memory::{InMemoryHomeserver, NewRoom, UserOp};
/// use ruma_common::ServerName;
///
/// let homeserver = InMemoryHomeserver::new(ServerName::parse("example.org")?);
/// let alice = homeserver.register("alice")?;
/// let room = homeserver
///     .act(&alice, &UserOp::CreateRoom(Box::default()))?
///     .created()
///     .ok_or("no room")?;
/// let bob = homeserver.register("bob")?;
/// assert_eq!(homeserver.act(&bob, &UserOp::Join { room }).unwrap_err().status, 403);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct InMemoryHomeserver {
    shared: Arc<Shared>,
}

struct Shared {
    world: Mutex<World>,
    faults: Mutex<Vec<Fault>>,
}

impl fmt::Debug for InMemoryHomeserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InMemoryHomeserver")
            .field("server", &self.world().server)
            .finish_non_exhaustive()
    }
}

impl InMemoryHomeserver {
    /// An empty homeserver. New rooms are of version 12 unless told otherwise.
    pub fn new(server: OwnedServerName) -> Self {
        Self {
            shared: Arc::new(Shared {
                world: Mutex::new(World::new(server)),
                faults: Mutex::default(),
            }),
        }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        // A panic in between leaves no half state that would matter to a test that goes on.
        self.shared.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn faults(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.shared.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name of the homeserver.
    pub fn server(&self) -> OwnedServerName {
        self.world().server.clone()
    }

    /// The version of rooms that are made without naming one.
    pub fn set_default_version(&self, version: RoomVersionId) {
        self.world().default_version = version;
    }

    /// Registers a user; one that exists stays as it is.
    ///
    /// # Errors
    /// When the localpart makes no user ID.
    pub fn register(&self, localpart: &str) -> Result<OwnedUserId, Refusal> {
        let mut world = self.world();
        let user = UserId::parse_with_server_name(localpart, &world.server)
            .map_err(|error| Refusal::new(400, "M_INVALID_USERNAME", format!("{localpart}: {error}")))?;
        world.users.entry(user.clone()).or_default();
        Ok(user)
    }

    /// Makes a user an administrator of the homeserver, or an ordinary user again.
    pub fn set_admin(&self, user: &UserId, admin: bool) {
        self.world().users.entry(user.to_owned()).or_default().admin = admin;
    }

    /// Deactivates an account; it leaves its rooms.
    pub fn deactivate(&self, user: &UserId) {
        self.world().deactivate(user);
    }

    /// Does what a user asks for. Users of other servers are taken to exist.
    ///
    /// # Errors
    /// The refusal that the user's client would get.
    pub fn act(&self, as_user: &UserId, op: &UserOp) -> Result<UserOpOutcome, Refusal> {
        self.world().act(as_user, op)
    }

    /// The homeserver as one of its users sees it, usually the bot.
    pub fn backend(&self, user: OwnedUserId) -> InMemoryBackend {
        InMemoryBackend::new(self.clone(), user)
    }

    /// All rooms.
    pub fn rooms(&self) -> Vec<OwnedRoomId> {
        self.world().rooms.keys().cloned().collect()
    }

    /// A room's state, whoever is in it; `None` if there is no such room or it cannot be read.
    pub fn snapshot(&self, room: &RoomId) -> Option<RoomSnapshot> {
        snapshot::snapshot(self.world().rooms.get(room)?).ok()
    }

    /// A room as a user sees it; `None` if there is no such room.
    pub fn state_for(&self, user: &UserId, room: &RoomId) -> Option<RoomState> {
        let world = self.world();
        Some(snapshot::state_for(&world, world.rooms.get(room)?, user))
    }

    /// Everyone with a member event, sorted; empty if there is no such room.
    pub fn members(&self, room: &RoomId) -> Vec<RoomMember> {
        self.snapshot(room)
            .map(|snapshot| snapshot.members)
            .unwrap_or_default()
    }

    /// The content of a state event.
    pub fn state(&self, room: &RoomId, kind: &str, key: &str) -> Option<Value> {
        Some(self.world().rooms.get(room)?.event(kind, key)?.content.clone())
    }

    /// The content of `m.room.power_levels`.
    pub fn levels(&self, room: &RoomId) -> Option<Value> {
        self.state(room, LEVELS, "")
    }

    /// Where an alias leads.
    pub fn alias(&self, alias: &RoomAliasId) -> Option<OwnedRoomId> {
        Some(self.world().aliases.get(alias)?.room.clone())
    }

    /// Whether a room is in the room directory.
    pub fn is_listed(&self, room: &RoomId) -> bool {
        self.world().rooms.get(room).is_some_and(|room| room.listed)
    }

    /// How many writing requests the backends have sent so far, refused ones too.
    pub fn writes(&self) -> u64 {
        self.world().writes
    }

    /// All state as text, one fact a line, in a fixed order and without times: equal texts are equal homeservers.
    pub fn digest(&self) -> String {
        snapshot::digest(&self.world())
    }

    /// The time of the last event.
    pub fn now(&self) -> Timestamp {
        self.world().now
    }

    /// Lets time pass before the next event.
    pub fn advance(&self, by: Duration) {
        let mut world = self.world();
        world.now = world.now.plus(by);
    }

    /// Puts a state event into a room, whatever the rules say: what another server's bug, an old version or an
    /// administrator could have left there.
    pub fn force_state(&self, room: &RoomId, sender: &UserId, kind: &str, key: &str, content: Value) {
        self.world().put(room, sender, kind, key, content);
    }

    /// Takes a state event out of a room, as if it had been lost.
    pub fn lose_state(&self, room: &RoomId, kind: &str, key: &str) {
        if let Some(events) = self
            .world()
            .rooms
            .get_mut(room)
            .and_then(|room| room.state.get_mut(kind))
        {
            events.remove(key);
        }
    }

    /// Binds an alias, of another server for instance, whatever the rules say.
    pub fn force_alias(&self, alias: OwnedRoomAliasId, room: OwnedRoomId, by: OwnedUserId) {
        self.world().aliases.insert(alias, AliasEntry { room, by });
    }

    /// From now on the alias cannot be looked up (`Some`), or can again (`None`).
    pub fn set_alias_unknown(&self, alias: &RoomAliasId, cause: Option<Cause>) {
        let unknown = &mut self.world().unknown_aliases;
        match cause {
            Some(cause) => drop(unknown.insert(alias.to_owned(), cause)),
            None => drop(unknown.remove(alias)),
        }
    }

    /// From now on the room cannot be read (`Some`), or can again (`None`).
    pub fn set_room_unknown(&self, room: &RoomId, cause: Option<Cause>) {
        let unknown = &mut self.world().unknown_rooms;
        match cause {
            Some(cause) => drop(unknown.insert(room.to_owned(), cause)),
            None => drop(unknown.remove(room)),
        }
    }

    /// The next call of a backend that matches fails, and does nothing.
    pub fn fail_next(&self, calls: impl Fn(&Call<'_>) -> bool + Send + 'static, kind: BackendErrorKind) {
        self.plan_fault(calls, Trouble::Fail(kind), false);
    }

    /// Every call of a backend that matches fails from now on, until [`heal`](Self::heal).
    pub fn fail_always(&self, calls: impl Fn(&Call<'_>) -> bool + Send + 'static, kind: BackendErrorKind) {
        self.plan_fault(calls, Trouble::Fail(kind), true);
    }

    /// The next call that matches is done, and its answer is lost: the caller gets an error.
    pub fn lose_next_answer(
        &self,
        calls: impl Fn(&Call<'_>) -> bool + Send + 'static,
        kind: BackendErrorKind,
    ) {
        self.plan_fault(calls, Trouble::LoseAnswer(kind), false);
    }

    /// Just before the next call that matches, something else happens: another user acts, for instance.
    pub fn before_next(
        &self,
        calls: impl Fn(&Call<'_>) -> bool + Send + 'static,
        event: impl FnOnce(&Self) + Send + 'static,
    ) {
        self.plan_fault(calls, Trouble::First(Box::new(event)), false);
    }

    /// Forgets all planned faults.
    pub fn heal(&self) {
        self.faults().clear();
    }

    fn plan_fault(
        &self,
        calls: impl Fn(&Call<'_>) -> bool + Send + 'static,
        trouble: Trouble,
        lasting: bool,
    ) {
        self.faults().push(Fault {
            matches: Box::new(calls),
            trouble,
            lasting,
        });
    }

    /// What goes wrong with a call; hooks have run when this returns.
    fn meet(&self, call: &Call<'_>) -> Verdict {
        let mut verdict = faults::meet(&mut self.faults(), call);
        for hook in verdict.first.drain(..) {
            hook(self);
        }
        verdict
    }

    /// The listing of a room, if there is such a room.
    fn listing_of(&self, room: &RoomId) -> Option<Listing> {
        let listed = self.world().rooms.get(room)?.listed;
        Some(if listed { Listing::Public } else { Listing::Private })
    }
}
