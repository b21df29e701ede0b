//! Wishes of a person about one room: read it, decide, and, once more just before, do it.

mod carrying_out;

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use ruma_common::{OwnedRoomId, UserId};

use super::{Reconciler, RunError, RunOptions, about::About, bindings::bind};
use crate::{
    RoomBackend,
    backend::{AccountState, Observe, ReadOnly},
    by_hand::{Considered, Decision, Ground, Naming, Refusal, RefusalKind, Request, Wish},
    desired::{Desired, DesiredRoom},
    recall::{Memory, MemoryChange},
    resolve::resolve,
    room::{Binding, Cause, RoomRef, RoomState},
    succession::{Moved, Successors},
    unite::{followed, unite_followed},
};

/// How many aliases are asked at the same time.
const QUESTIONS_AT_ONCE: usize = 8;

impl Reconciler {
    /// Decides about a person's wish. Sends no writing request, and remembers nothing.
    pub async fn consider(&self, request: &Request) -> Result<Considered, RunError> {
        let backend = ReadOnly(Arc::clone(&self.backend));
        let identity = backend.whoami().await?;
        let now = self.clock.now();
        let memory = self.store.recall().await?.into_memory();
        let about = About::new(&self.policy, &RunOptions::default(), &memory)?;
        let directories = self.read_groups(&about.policy.scope.groups, true).await;
        let mut resolved = resolve(&directories, &about.policy);
        let mut bindings = bind(&backend, &resolved, &about, &memory, now).await;
        let room = &request.room;
        let mut binding = where_to(&backend, room, &memory.successors).await;
        let wanted = match room {
            RoomRef::Alias(alias) => {
                let wanted = bindings.all.contains_key(alias);
                bindings.answer(alias.clone(), binding.clone());
                wanted
            }
            RoomRef::Id(_) => true,
        };
        bindings
            .settle(&backend, &memory, &self.policy, &identity.user_id)
            .await;
        let mut learned = bindings.learned(&memory, now);
        let mut refusal = None;
        if let RoomRef::Alias(alias) = room {
            let named = |change: &MemoryChange| matches!(change, MemoryChange::Alias(of, _) if of == alias);
            if !wanted {
                learned.retain(|change| !named(change));
            }
            binding = bindings
                .all
                .get(alias)
                .map_or(Binding::Missing, |binding| followed(binding, &memory.successors));
            refusal = bindings.moved(std::slice::from_ref(room)).map(elsewhere);
        }
        let nowhere = refusal.unwrap_or_else(|| nowhere(room, &binding, &resolved, &memory));
        let mut considered = Considered {
            room: room.clone(),
            room_id: None,
            bot: identity.user_id.clone(),
            decision: Decision::refused(nowhere),
            ground: None,
            learned,
        };
        let Binding::Bound(id) = binding else {
            return Ok(considered);
        };
        let state = self.state_of(&backend, &id).await?;
        let naming = match &request.wish {
            Wish::KickMember(user) => naming(&backend, &resolved, user, &id, &memory).await,
            _ => Vec::new(),
        };
        let account = match &request.wish {
            Wish::Unmanage { admin: Some(admin) } => self.account_of(&backend, admin).await,
            _ => AccountState::Unknown,
        };
        let successors = &memory.successors;
        about.keep_apart(&mut resolved, &bindings.all, successors);
        let mut desired = unite_followed(resolved, &bindings.all, successors);
        bindings.keep_together(&mut desired, &memory);
        let here = desired
            .rooms
            .iter()
            .find(|wanted| wanted.binding == Binding::Bound(id.clone()));
        let paused = here.and_then(|wanted| bindings.pause_of(wanted, &memory));
        let ground = Ground {
            at: now,
            request: request.clone(),
            id: id.clone(),
            identity,
            desired,
            naming,
            account,
            paused,
            memory,
            policy: about.policy,
        };
        considered.decision = ground.decide(&state);
        considered.ground = Some(Box::new(ground));
        considered.room_id = Some(id);
        Ok(considered)
    }

    /// The state of one room, read now.
    pub(super) async fn state_of(
        &self,
        backend: &dyn RoomBackend,
        id: &OwnedRoomId,
    ) -> Result<RoomState, RunError> {
        let mut states = backend.observe(Observe::Rooms(vec![id.clone()]));
        while let Some(observed) = states.next().await {
            let observed = observed?;
            if observed.room_id == *id {
                return Ok(observed.state);
            }
        }
        let cause = Cause::new("the homeserver says nothing about it");
        Ok(RoomState::Unknown(cause))
    }

    /// Only our own homeserver can say; what it does not say is unknown.
    async fn account_of(&self, backend: &dyn RoomBackend, user: &UserId) -> AccountState {
        if user.server_name() != self.policy.homeserver {
            return AccountState::Unknown;
        }
        match backend.accounts(&[user.to_owned()]).await {
            Ok(states) => states.first().copied().unwrap_or(AccountState::Unknown),
            Err(error) => {
                tracing::warn!(%user, %error, "the account could not be looked up");
                AccountState::Unknown
            }
        }
    }
}

/// The room that a name leads to, or the one that has taken its place since.
async fn where_to(backend: &dyn RoomBackend, room: &RoomRef, successors: &Successors) -> Binding {
    let binding = match room {
        RoomRef::Id(id) => Binding::Bound(id.clone()),
        RoomRef::Alias(alias) => backend.resolve_alias(alias).await,
    };
    followed(&binding, successors)
}

/// Which of the two rooms is meant, only the person knows.
fn elsewhere(moved: &Moved) -> Refusal {
    let Moved { alias, from, to } = moved;
    let message = format!(
        "{alias} led to {from}, which is managed, and now leads to {to}; name the room that is meant by its ID, or run \
         `inviter adopt '{alias}'` if it is {to} from now on"
    );
    Refusal {
        kind: RefusalKind::Unknown,
        message,
    }
}

/// Every other stop on the way to a room ends here.
fn nowhere(room: &RoomRef, binding: &Binding, desired: &Desired, memory: &Memory) -> Refusal {
    if let Binding::Unknown(cause) = binding {
        let message = format!("{room}: {cause}; name the room by its ID, or try again later");
        return Refusal {
            kind: RefusalKind::Unknown,
            message,
        };
    }
    let led_to = match room {
        RoomRef::Alias(alias) => memory.led_to(alias),
        RoomRef::Id(_) => None,
    };
    let message = match led_to {
        Some(id) => format!("{room} leads nowhere any more; it led to {id}, so name that if it is meant"),
        None if desired.rooms.iter().any(|wanted| wanted.refs.contains(room)) => {
            format!("{room} does not exist yet; the next sync creates it")
        }
        None => format!("{room} leads nowhere; `inviter joined` lists the rooms that the bot is in"),
    };
    Refusal {
        kind: RefusalKind::NotManaged,
        message,
    }
}

/// The entries that name a person one by one and are about this room, or may be. Each alias is asked now, in the scope
/// or not, paused or not: where it led earlier may not be where it leads. One that cannot be asked counts as leading
/// here if it did so when it was last asked.
async fn naming(
    backend: &dyn RoomBackend,
    desired: &Desired,
    user: &UserId,
    id: &OwnedRoomId,
    memory: &Memory,
) -> Vec<Naming> {
    let names = |room: &&DesiredRoom| {
        let mut seats = room.seats.iter();
        seats.any(|seat| seat.is_fixed() && desired.user(seat) == user)
    };
    let entries = desired.rooms.iter().filter(names).flat_map(|room| &room.refs);
    // Owned, so that whoever waits for this can be a task.
    let entries: Vec<RoomRef> = entries.cloned().collect();
    // In the order of the entries, whichever answer comes first.
    let mut answers = stream::iter(entries)
        .map(|entry| async move {
            let binding = where_to(backend, &entry, &memory.successors).await;
            (entry, binding)
        })
        .buffered(QUESTIONS_AT_ONCE);
    let mut naming = Vec::new();
    while let Some((entry, binding)) = answers.next().await {
        let unsure = match binding {
            Binding::Bound(bound) if bound == *id => None,
            Binding::Bound(_) | Binding::Missing => continue,
            Binding::Unknown(cause) => {
                let led_here = matches!(&entry, RoomRef::Alias(alias)
                    if memory.led_to(alias).is_some_and(|room| room == id));
                (!led_here).then_some(cause)
            }
        };
        naming.push(Naming { entry, unsure });
    }
    naming
}
