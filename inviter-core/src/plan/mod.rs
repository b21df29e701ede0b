//! plan: compares one desired room with the room as it is. Pure: the same input gives the same bytes.

mod blocked;
mod census;
mod creation;
mod feeds;
mod forgetting;
mod grace;
mod join;
mod levels;
mod needs;
mod people;
mod room_plan;
mod roster;
mod seen;
mod settings;
mod upgraded;

use std::{collections::BTreeMap, sync::Arc};

use join::Join;
pub use needs::{Needs, hold_back_unregistered, needs_after, needs_before};
pub use room_plan::{Census, RoomPlan, RoomStatus};
pub use roster::Roster;
use ruma_common::{OwnedRoomId, OwnedUserId, RoomAliasId, UserId};
use upgraded::refused_join;
pub(crate) use upgraded::{closed_room, moved_room};

use crate::{
    action::{Action, Op, RoomTarget, Why},
    desired::{Desired, DesiredRoom, Seat},
    finding::{Finding, FindingKind, Subject},
    policy::Policy,
    recall::{Brought, Memory, MemoryChange, Pause, RememberedRoom},
    room::{Binding, Cause, RoomRef, RoomSnapshot, RoomState},
    room_rules::{Listing, RemovePolicy},
    succession::{Lineage, Upgrade},
    time::Timestamp,
};

/// What planning a room needs beside the room.
#[derive(Debug, Clone, Copy)]
pub struct PlanContext<'a> {
    /// People and groups.
    pub desired: &'a Desired,
    /// The administrator's decisions.
    pub policy: &'a Policy,
    /// The bot.
    pub bot: &'a UserId,
    /// The people of `desired` as `policy` and `bot` see them.
    pub roster: &'a Roster<'a>,
    /// What earlier runs saw and did.
    pub memory: &'a Memory,
    /// Room-directory listings that were asked for.
    pub listings: &'a BTreeMap<OwnedRoomId, Listing>,
    /// Whom we have brought into the room that is planned ([`MemoryStore::brought`]); `None` if that was not looked up,
    /// as in a room whose rules do not ask for it.
    ///
    /// [`MemoryStore::brought`]: crate::recall::MemoryStore::brought
    pub brought: Option<&'a BTreeMap<OwnedUserId, Brought>>,
    /// The present.
    pub now: Timestamp,
}

/// Compares one desired room with its state.
pub fn plan_room(room: &DesiredRoom, state: &RoomState, cx: &PlanContext<'_>) -> RoomPlan {
    let mut draft = RoomDraft::new(room, cx);
    match (&room.binding, state) {
        (Binding::Unknown(cause), _) | (_, RoomState::Unknown(cause)) => draft.unknown(cause),
        (_, RoomState::Missing) => draft.missing(),
        (_, RoomState::NotJoined { invited_by }) => draft.not_joined(invited_by.as_deref()),
        (_, RoomState::Joined(snapshot)) => draft.joined(snapshot),
    }
    draft.plan.actions.sort_by_key(Action::phase);
    draft.plan.findings.sort();
    // A group may be there twice, for its members and for its owners; what it causes is told once.
    draft.plan.findings.dedup();
    draft.plan
}

/// The plan of a room that is not looked at, because a person has paused it.
pub fn paused_room(room: &DesiredRoom, pause: &Pause, cx: &PlanContext<'_>) -> RoomPlan {
    let mut draft = RoomDraft::new(room, cx);
    draft.plan.status = RoomStatus::Paused;
    // It need not be among those in which every grace begins anew once the pause is over.
    if !cx.memory.is_paused(&room.refs, &room.binding)
        && let (Binding::Bound(id), Some(remembered)) = (&room.binding, draft.remembered)
    {
        let missing = remembered.missing.keys();
        let begins_anew = missing.map(|user| MemoryChange::Missing(id.clone(), user.clone(), None));
        draft.plan.learned = begins_anew.collect();
    }
    // Whoever has paused everything is told so once.
    if let Pause::Room(paused) = pause {
        let name = draft.plan.room.clone();
        draft.tell(
            FindingKind::Paused,
            format!("{name}: paused, so nothing is done in it; `inviter resume '{paused}'` goes on"),
        );
    }
    draft.plan
}

/// A plan in the making.
struct RoomDraft<'a> {
    room: &'a DesiredRoom,
    cx: &'a PlanContext<'a>,
    remembered: Option<&'a RememberedRoom>,
    /// By seat: whether it leads to an invitation.
    wanted: Vec<bool>,
    /// Whether everything that could keep someone in the room is known; settled once people are looked at.
    removals_known: bool,
    plan: RoomPlan,
}

impl<'a> RoomDraft<'a> {
    fn new(room: &'a DesiredRoom, cx: &'a PlanContext<'a>) -> Self {
        let (target, remembered) = match &room.binding {
            Binding::Bound(id) => (Some(RoomTarget::Existing(id.clone())), cx.memory.rooms.get(id)),
            _ => (None, None),
        };
        let name = room
            .refs
            .first()
            .cloned()
            .unwrap_or_else(|| RoomRef::Alias(nameless()));
        let plan = RoomPlan {
            room: name,
            refs: room.refs.clone(),
            target,
            status: RoomStatus::Unknown,
            actions: Vec::new(),
            findings: Vec::new(),
            feeds: Arc::clone(&room.feeds),
            census: Census::default(),
            going: BTreeMap::new(),
            keeps_brought: room.rules.remove == RemovePolicy::BroughtByUs || !cx.policy.history.is_zero(),
            invited_by: None,
            lineage: Lineage::default(),
            seen: None,
            vanished: Vec::new(),
            learned: Vec::new(),
            learned_if_invited: BTreeMap::new(),
            learned_if_done: Vec::new(),
        };
        let mut draft = Self {
            room,
            cx,
            remembered,
            wanted: room
                .seats
                .iter()
                .map(|seat| census::is_wanted(seat, cx))
                .collect(),
            removals_known: false,
            plan,
        };
        draft.count_wanted();
        draft
    }

    fn user(&self, seat: &Seat) -> &'a UserId {
        self.cx.desired.user(seat)
    }

    /// Which seat is somebody's.
    fn seat_of(&self, user: &UserId) -> Option<usize> {
        let (seats, roster) = (&self.room.seats, self.cx.roster);
        seats
            .binary_search_by(|seat| roster.id(seat.person).cmp(user.as_bytes()))
            .ok()
    }

    fn alias(&self) -> Option<&'a RoomAliasId> {
        self.room.refs.iter().find_map(|r| match r {
            RoomRef::Alias(alias) => Some(&**alias),
            RoomRef::Id(_) => None,
        })
    }

    fn act(&mut self, op: Op, why: Why) {
        self.plan.actions.push(Action::new(op, why));
    }

    fn tell(&mut self, kind: FindingKind, message: impl Into<String>) {
        let about = Subject::Room(self.plan.room.clone());
        self.plan.findings.push(Finding::new(about, kind, message));
    }

    fn tell_of(&mut self, user: &UserId, kind: FindingKind, message: impl Into<String>) {
        let about = Subject::Person(self.plan.room.clone(), user.to_owned());
        self.plan.findings.push(Finding::new(about, kind, message));
    }

    fn unknown(&mut self, cause: &Cause) {
        let message = format!("{}: {cause}; nothing is done in it", self.plan.room);
        self.tell(FindingKind::RoomUnknown, message);
    }

    fn not_joined(&mut self, invited_by: Option<&UserId>) {
        self.plan.invited_by = invited_by.map(ToOwned::to_owned);
        match invited_by {
            Some(inviter) if self.cx.policy.trusted_inviters.contains(inviter) => {
                self.plan.status = RoomStatus::Invited;
                if let Some(refusal) = refused_join(self.remembered, inviter, self.cx.now) {
                    let message = format!(
                        "{}: the invitation of {inviter} could not be accepted: {}; tried again a day later, or once \
                         another trusted person has invited {}",
                        self.plan.room, refusal.cause, self.cx.bot
                    );
                    return self.tell(FindingKind::Refused, message);
                }
                self.act(
                    Op::Join {
                        invited_by: Some(inviter.to_owned()),
                    },
                    Why::TrustedInviter,
                );
            }
            Some(inviter) => {
                self.plan.status = RoomStatus::Invited;
                let message = format!(
                    "{}: invited by {inviter}, who is not a trusted inviter; add them to `trusted_inviters`, or have \
                     a trusted person invite {}",
                    self.plan.room, self.cx.bot
                );
                self.tell(FindingKind::UntrustedInvitation, message);
            }
            None => {
                self.plan.status = RoomStatus::NotJoined;
                let (room, bot) = (&self.plan.room, self.cx.bot);
                let message = if self.is_handed_over() {
                    format!(
                        "{room}: it was given away with `inviter unmanage`, and the bot is not in it; take its group \
                         away, too, or, to take it back, have {bot} invited and run `inviter adopt '{room}'`"
                    )
                } else {
                    format!("{room}: the bot is not in it; have {bot} invited")
                };
                self.tell(FindingKind::NotJoined, message);
            }
        }
    }

    fn joined(&mut self, snapshot: &RoomSnapshot) {
        let as_read = snapshot;
        let with_those_before = self.with_those_out_before(snapshot);
        let snapshot = with_those_before.as_ref().unwrap_or(snapshot);
        // Seats and members are walked side by side: out of order, members would look like strangers.
        let Some(join) = Join::of(&self.room.seats, &snapshot.members, self.cx.roster) else {
            return self.unknown(&Cause::new(
                "its members came in no order, or twice, which is a fault of the backend",
            ));
        };
        self.take_census(snapshot, &join);
        let mut seen = self.seen(snapshot, &join);
        let adopted = self.is_adopted(snapshot);
        if !adopted && snapshot.replaced_by.is_none() {
            seen.if_adopted = Some(self.if_adopted(snapshot, &join));
        }
        self.plan.seen = Some(Box::new(seen));
        if let Some(replacement) = &snapshot.replaced_by {
            self.plan.status = RoomStatus::Replaced;
            if adopted {
                let upgrade = Upgrade::of(snapshot, replacement, self.cx.bot);
                self.plan.lineage.upgrade = Some(Box::new(upgrade));
            }
            let way = if self.alias().is_some() {
                "move the alias to the new room"
            } else {
                "change the ID in the configuration to that of the new room"
            };
            let message = format!(
                "{}: {} was replaced by {}; {way}",
                self.plan.room, snapshot.room_id, replacement.named
            );
            return self.tell(FindingKind::Replaced, message);
        }
        if !adopted {
            self.plan.status = RoomStatus::Found;
            if self.is_handed_over() {
                let message = format!(
                    "{}: {} was given away with `inviter unmanage`; to take it back, run `inviter adopt '{}'`",
                    self.plan.room, snapshot.room_id, self.plan.room
                );
                return self.tell(FindingKind::HandedOver, message);
            }
            let message = format!(
                "{}: {} was created by {} and nobody has adopted it; if it is yours, run `inviter adopt '{}'`",
                self.plan.room, snapshot.room_id, snapshot.creator, self.plan.room
            );
            return self.tell(FindingKind::NotAdopted, message);
        }
        self.plan.status = RoomStatus::Managed;
        self.manage(snapshot, &join);
        self.forget_people(as_read, snapshot);
    }

    /// Everything that is to be done in a room that may be managed.
    fn manage(&mut self, snapshot: &RoomSnapshot, join: &Join<'_>) {
        for cause in &snapshot.unreadable {
            let message = format!("{}: {cause}; nobody is removed or lowered here", self.plan.room);
            self.tell(FindingKind::Unreadable, message);
        }
        let people = self.people(snapshot, join);
        self.power_levels(snapshot, &people);
        self.settings(snapshot);
        self.remember_feeds(snapshot);
        self.remember_people(snapshot, &people.inviting);
    }

    fn is_adopted(&self, snapshot: &RoomSnapshot) -> bool {
        is_adopted(snapshot, self.remembered, self.cx.policy, self.cx.bot)
    }

    /// Whether a person has given the room away, and nobody has taken it back.
    fn is_handed_over(&self) -> bool {
        self.remembered.is_some_and(|r| r.handed_over.is_some())
    }

    /// Home room: created by an account of our own homeserver (decision 11).
    fn is_home(&self, snapshot: &RoomSnapshot) -> bool {
        snapshot.creator.server_name() == self.cx.policy.homeserver
    }
}

/// Whether a room is ours, or was put under management (decision 9).
pub(crate) fn is_adopted(
    snapshot: &RoomSnapshot,
    remembered: Option<&RememberedRoom>,
    policy: &Policy,
    bot: &UserId,
) -> bool {
    if remembered.is_some_and(|room| room.handed_over.is_some()) {
        return false;
    }
    let adopt = &policy.adopt;
    snapshot.creator == bot
        || adopt.any
        || adopt.trusted_creators.contains(&snapshot.creator)
        || remembered.is_some_and(|room| room.adopted.is_some())
}

/// `resolve` gives every room a reference; this stands in for none, so that nothing has to panic.
fn nameless() -> ruma_common::OwnedRoomAliasId {
    ruma_common::owned_room_alias_id!("#nameless:invalid")
}
