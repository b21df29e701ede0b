//! Backends that are broken, each in one way.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream::BoxStream};
use inviter_core::{
    OwnedRoomId, OwnedUserId, RoomAliasId, RoomBackend, RoomId,
    action::{Op, RoomTarget},
    backend::{AccountState, BackendError, BackendErrorKind, Effect, Identity, Observe, Observed},
    levels::{Key, LevelSlot},
    memory::{InMemoryBackend, UserOp},
    room::{Binding, Membership, RoomSnapshot, RoomState},
    room_rules::Listing,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breakage {
    DropsPageOfMembers,
    LosesCreateEvent,
    SaysItCreatedEverything,
    TakesUnreachableForMissing,
    FoldsCaseOfAliases,
    TakesUnknownAccountsForMissing,
    TurnsErrorIntoEmptyAnswer,
    LosesInvitations,
    RemembersRoomsThatWereLeft,
    ListsRoomsTwice,
    FillsUnreadableWithDefaults,
    TakesBannedForLeft,
    TakesKickedForLeft,
    SaysInvitedAlthoughBanned,
    SaysRemovedWithoutRemoving,
    RemovesTheAbsentWithError,
    AnswersWithStaleState,
    SwallowsDroppedChanges,
    OverwritesChangesOfOthers,
    ForgetsUnknownLevelKeys,
    TakesRoomOfAnother,
    RenamesNamedRooms,
    ReportsJoinWithoutRevisit,
    LeavesTombstoneToModerators,
    IgnoresListing,
    SaysItLeftWithoutLeaving,
    DeclinesInvitationsByLeaving,
    SaysAddedWithoutAdding,
    SaysAddedAlthoughBanned,
}

impl Breakage {
    /// Each, and a check that has to notice it.
    pub(crate) const ALL: &[(Self, &str)] = &[
        (Self::DropsPageOfMembers, "observe_every_one_of_sixty_members"),
        (Self::LosesCreateEvent, "create_version_12"),
        (Self::SaysItCreatedEverything, "observe_creator_of_version_10"),
        (Self::TakesUnreachableForMissing, "alias_foreign_is_unknown"),
        (Self::FoldsCaseOfAliases, "alias_case_counts"),
        (Self::TakesUnknownAccountsForMissing, "accounts_in_order"),
        (Self::TurnsErrorIntoEmptyAnswer, "observe_not_joined"),
        (Self::LosesInvitations, "observe_joined_and_invited"),
        (
            Self::RemembersRoomsThatWereLeft,
            "observe_leaves_out_what_was_left",
        ),
        (Self::ListsRoomsTwice, "observe_rooms_each_once"),
        (Self::FillsUnreadableWithDefaults, "observe_unreadable_member"),
        (Self::TakesBannedForLeft, "observe_memberships_and_senders"),
        (Self::TakesKickedForLeft, "observe_memberships_and_senders"),
        (Self::SaysInvitedAlthoughBanned, "invite_banned_is_refused"),
        (Self::SaysRemovedWithoutRemoving, "remove_joined"),
        (Self::RemovesTheAbsentWithError, "remove_absent_is_already_so"),
        (Self::AnswersWithStaleState, "observe_changes_at_once"),
        (Self::SwallowsDroppedChanges, "levels_drop_what_is_stale"),
        (Self::OverwritesChangesOfOthers, "levels_drop_what_is_stale"),
        (Self::ForgetsUnknownLevelKeys, "levels_keep_what_is_not_ours"),
        (Self::TakesRoomOfAnother, "create_alias_of_another_is_taken"),
        (Self::RenamesNamedRooms, "name_given_meanwhile_stays"),
        (Self::ReportsJoinWithoutRevisit, "join_by_invitation"),
        (
            Self::LeavesTombstoneToModerators,
            "create_moderators_cannot_close_version_12",
        ),
        (Self::IgnoresListing, "listing_there_and_back"),
        (Self::SaysItLeftWithoutLeaving, "leave"),
        (Self::DeclinesInvitationsByLeaving, "leave_keeps_an_invitation"),
        (Self::SaysAddedWithoutAdding, "add"),
        (Self::SaysAddedAlthoughBanned, "add_banned_is_refused"),
    ];
}

/// What a broken backend has seen so far.
#[derive(Debug, Default)]
struct Seen {
    snapshots: BTreeMap<OwnedRoomId, RoomSnapshot>,
    rooms: Vec<OwnedRoomId>,
}

#[derive(Debug)]
pub(crate) struct Broken {
    inner: InMemoryBackend,
    breakage: Breakage,
    seen: Arc<Mutex<Seen>>,
}

impl Broken {
    pub(crate) fn new(inner: InMemoryBackend, breakage: Breakage) -> Self {
        Self {
            inner,
            breakage,
            seen: Arc::default(),
        }
    }

    fn is(&self, breakage: Breakage) -> bool {
        self.breakage == breakage
    }

    /// Changes what the sound backend is told to do.
    fn distort(&self, room: &RoomTarget, op: &Op) -> Op {
        let mut op = op.clone();
        match (&mut op, room) {
            (Op::SetLevels { changes }, RoomTarget::Existing(id))
                if self.is(Breakage::OverwritesChangesOfOthers) =>
            {
                let levels = self.inner.homeserver().snapshot(id).unwrap().levels;
                for change in changes {
                    change.from = match &change.slot {
                        LevelSlot::Key(key) => levels.key_entry(*key),
                        LevelSlot::Event(kind) => levels.event_entry(kind),
                        LevelSlot::User(user) => levels.user_entry(user),
                    };
                }
            }
            (Op::SetName { .. }, RoomTarget::Existing(id)) if self.is(Breakage::RenamesNamedRooms) => {
                let homeserver = self.inner.homeserver();
                homeserver.lose_state(id, "m.room.name", "");
            }
            (Op::CreateRoom(blueprint), _) if self.is(Breakage::IgnoresListing) => {
                blueprint.listing = Listing::Private;
            }
            _ => {}
        }
        op
    }

    /// Damages what the sound backend has done.
    fn damage(&self, room: &RoomTarget, op: &Op, effect: Effect) -> Effect {
        let homeserver = self.inner.homeserver();
        let me = self.inner.user().to_owned();
        match (self.breakage, op, effect, room) {
            (Breakage::SwallowsDroppedChanges, _, Effect::Stale(_), _)
            | (Breakage::ReportsJoinWithoutRevisit, Op::Join { .. }, Effect::Revisit(_), _) => Effect::Done,
            (Breakage::ForgetsUnknownLevelKeys, Op::SetLevels { .. }, effect, RoomTarget::Existing(id)) => {
                let mut content = homeserver.levels(id).unwrap();
                content.as_object_mut().unwrap().retain(|key, _| {
                    matches!(key.as_str(), "users" | "events")
                        || Key::ALL.iter().any(|known| known.as_str() == key)
                });
                let op = UserOp::set(id.clone(), "m.room.power_levels", content);
                // Where it is refused, it was not the bot's to change.
                let _ = homeserver.act(&me, &op);
                effect
            }
            (Breakage::LeavesTombstoneToModerators, Op::CreateRoom(_), Effect::Revisit(id), _) => {
                let mut content = homeserver.levels(&id).unwrap();
                content["events"]
                    .as_object_mut()
                    .unwrap()
                    .remove("m.room.tombstone");
                homeserver.force_state(&id, &me, "m.room.power_levels", "", content);
                Effect::Revisit(id)
            }
            (_, _, effect, _) => effect,
        }
    }
}

/// Spoils a snapshot as the breakage does.
fn spoil(breakage: Breakage, me: &OwnedUserId, mut snapshot: RoomSnapshot) -> RoomState {
    match breakage {
        Breakage::DropsPageOfMembers => snapshot.members.truncate(50),
        Breakage::LosesCreateEvent => {
            return RoomState::Unknown(inviter_core::room::Cause::new("no create event"));
        }
        Breakage::SaysItCreatedEverything => snapshot.creator = me.clone(),
        Breakage::FillsUnreadableWithDefaults => snapshot.unreadable.clear(),
        Breakage::TakesBannedForLeft => {
            for member in &mut snapshot.members {
                if member.membership == Membership::Banned {
                    member.membership = Membership::Left;
                }
            }
        }
        Breakage::TakesKickedForLeft => {
            for member in &mut snapshot.members {
                if member.membership == Membership::Left {
                    member.sender = member.user_id.clone();
                }
            }
        }
        _ => {}
    }
    RoomState::Joined(Box::new(snapshot))
}

#[async_trait]
impl RoomBackend for Broken {
    async fn whoami(&self) -> Result<Identity, BackendError> {
        self.inner.whoami().await
    }

    async fn resolve_alias(&self, alias: &RoomAliasId) -> Binding {
        let folded = RoomAliasId::parse(alias.as_str().to_lowercase()).unwrap();
        let asked = if self.is(Breakage::FoldsCaseOfAliases) {
            &folded
        } else {
            alias
        };
        match self.inner.resolve_alias(asked).await {
            Binding::Unknown(_) if self.is(Breakage::TakesUnreachableForMissing) => Binding::Missing,
            binding => binding,
        }
    }

    fn observe(&self, what: Observe) -> BoxStream<'static, Result<Observed, BackendError>> {
        let (breakage, seen) = (self.breakage, Arc::clone(&self.seen));
        let me = self.inner.user().to_owned();
        let joined = what == Observe::Joined;
        let what = match what {
            Observe::Joined if breakage == Breakage::RemembersRoomsThatWereLeft => {
                // It never forgets a room that it was in once.
                let mut seen = seen.lock().unwrap();
                let homeserver = self.inner.homeserver();
                let rooms = homeserver
                    .rooms()
                    .into_iter()
                    .filter(|room| homeserver.members(room).iter().any(|member| member.user_id == me));
                seen.rooms = rooms.collect();
                Observe::Rooms(seen.rooms.clone())
            }
            Observe::Rooms(mut rooms) if breakage == Breakage::ListsRoomsTwice => {
                if rooms.len() > 1 {
                    rooms.extend_from_within(..1);
                }
                Observe::Rooms(rooms)
            }
            what => what,
        };
        self.inner
            .observe(what)
            .filter_map(move |observed| {
                let mut observed = observed.unwrap();
                observed.state = match observed.state {
                    RoomState::Joined(snapshot) if breakage == Breakage::AnswersWithStaleState => {
                        let mut seen = seen.lock().unwrap();
                        let first = seen
                            .snapshots
                            .entry(observed.room_id.clone())
                            .or_insert(*snapshot);
                        RoomState::Joined(Box::new(first.clone()))
                    }
                    RoomState::Joined(snapshot) => spoil(breakage, &me, *snapshot),
                    other => other,
                };
                let not_joined = matches!(observed.state, RoomState::NotJoined { .. });
                let gone = not_joined
                    && match breakage {
                        Breakage::LosesInvitations => joined,
                        Breakage::TurnsErrorIntoEmptyAnswer => !joined,
                        _ => false,
                    };
                std::future::ready((!gone).then_some(Ok(observed)))
            })
            .boxed()
    }

    async fn accounts(&self, users: &[OwnedUserId]) -> Result<Vec<AccountState>, BackendError> {
        let mut states = self.inner.accounts(users).await?;
        if self.is(Breakage::TakesUnknownAccountsForMissing) {
            states.fill(AccountState::Missing);
        }
        Ok(states)
    }

    async fn listing(&self, room: &RoomId) -> Result<Listing, BackendError> {
        self.inner.listing(room).await
    }

    async fn execute(&self, room: &RoomTarget, op: &Op) -> Result<Effect, BackendError> {
        match op {
            Op::Remove { .. } if self.is(Breakage::SaysRemovedWithoutRemoving) => return Ok(Effect::Done),
            Op::SetListing { .. } if self.is(Breakage::IgnoresListing) => return Ok(Effect::Done),
            Op::Add { .. } if self.is(Breakage::SaysAddedWithoutAdding) => return Ok(Effect::Done),
            Op::Leave if self.is(Breakage::SaysItLeftWithoutLeaving) => return Ok(Effect::Done),
            Op::Leave if self.is(Breakage::DeclinesInvitationsByLeaving) => {
                if let RoomTarget::Existing(room) = room {
                    let op = UserOp::Leave { room: room.clone() };
                    // Where it is refused, there was nothing to decline.
                    let _ = self.inner.homeserver().act(self.inner.user(), &op);
                }
            }
            _ => {}
        }
        let told = self.distort(room, op);
        match self.inner.execute(room, &told).await {
            Ok(Effect::AlreadySo)
                if self.is(Breakage::RemovesTheAbsentWithError) && matches!(op, Op::Remove { .. }) =>
            {
                Err(BackendError::new(
                    BackendErrorKind::Refused,
                    "room",
                    "403 M_FORBIDDEN: not in the room",
                ))
            }
            Ok(effect) => Ok(self.damage(room, op, effect)),
            Err(error) => match (self.breakage, op, error.kind.clone()) {
                (Breakage::SaysInvitedAlthoughBanned, Op::Invite { .. }, BackendErrorKind::Refused)
                | (Breakage::SaysAddedAlthoughBanned, Op::Add { .. }, BackendErrorKind::Refused) => {
                    Ok(Effect::Done)
                }
                (Breakage::TakesRoomOfAnother, Op::CreateRoom(blueprint), BackendErrorKind::AliasTaken) => {
                    let room = self.inner.homeserver().alias(&blueprint.alias).unwrap();
                    Ok(Effect::Revisit(room))
                }
                _ => Err(error),
            },
        }
    }
}
