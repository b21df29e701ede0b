//! Why something that a saved plan has is not to be done now, although it may be neither done nor unwanted.

use std::collections::{BTreeMap, BTreeSet};

use ruma_common::UserId;

use super::SavedAction;
use crate::{
    action::Op,
    desired::{DesiredRoom, PersonStanding, Role, Seat},
    finding::{Finding, FindingKind, Subject},
    guard::GuardedRoom,
    levels::LevelSlot,
    plan::{RoomPlan, RoomStatus},
    reconcile::Draft,
    room::RoomRef,
};

/// So many reasons are told of one thing.
const TOLD: usize = 3;

/// A plan that was made now, with what the directories want of each of its rooms.
pub(super) struct Present<'a> {
    pub(super) draft: &'a Draft,
    wanted: BTreeMap<&'a RoomRef, &'a DesiredRoom>,
}

impl<'a> Present<'a> {
    pub(super) fn new(draft: &'a Draft) -> Self {
        let rooms = draft.desired.rooms.iter();
        let wanted = rooms.flat_map(|room| room.refs.iter().map(move |name| (name, room)));
        Self {
            draft,
            wanted: wanted.collect(),
        }
    }

    fn seat(&self, room: Option<&'a DesiredRoom>, user: &UserId) -> Option<&'a Seat> {
        let seats = &room?.seats;
        let at = seats.binary_search_by(|seat| (**self.draft.desired.user(seat)).cmp(user));
        seats.get(at.ok()?)
    }

    fn is_uncertain(&self, user: &UserId) -> bool {
        let person = self.draft.desired.person(user);
        person.is_some_and(|person| person.standing == PersonStanding::Uncertain)
    }

    /// The directories of which not everything is known, as reasons.
    fn unread(&self) -> impl Iterator<Item = String> {
        let sources = self.draft.desired.sources.iter();
        let unread = sources.filter(|source| !source.is_complete());
        unread.map(|source| format!("directory {} could not be read completely", source.provider))
    }
}

/// What a plan that was made now says of why these are not in it; nothing if they were done, or are not wanted any more.
pub(super) fn in_the_way(missing: &[SavedAction], room: &GuardedRoom, now: &Present<'_>) -> Vec<Finding> {
    let plan = room.plan();
    if missing.is_empty() {
        return Vec::new();
    }
    match plan.status {
        RoomStatus::Managed | RoomStatus::ToCreate => {}
        // It was joined, and that was all.
        RoomStatus::Found if missing.iter().all(|action| matches!(action.op, Op::Join { .. })) => {
            return Vec::new();
        }
        _ => return not_managed(plan, now.draft),
    }
    let wanted = now.wanted.get(&plan.room).copied();
    let open = Open::of(missing, plan, wanted, now);
    let stays = |finding: &&Finding| open.is_in_the_way(finding);
    let mut findings: Vec<Finding> = plan.findings.iter().filter(stays).cloned().collect();
    findings.extend(open.uncertain.iter().map(|user| uncertain(user, plan, &open)));
    let gaps = open.gaps(plan, wanted, now);
    findings.extend(gaps);
    findings
}

/// Of what is not to be done now: whom it is about, and whether what the directories leave open may be why.
#[derive(Default)]
struct Open<'a> {
    /// Who was to come, or to have another level, as only people have who are there.
    coming: BTreeSet<&'a UserId>,
    /// Who was to go, or to have another level.
    going: BTreeSet<&'a UserId>,
    /// Of whom nobody knows whether they belong anywhere. Nothing is told of them in the room.
    uncertain: BTreeSet<&'a UserId>,
    /// Of these, who was to be removed.
    removed: BTreeSet<&'a UserId>,
    /// Somebody was to be lowered.
    lowers: bool,
    /// Somebody was to come to whom nothing that was read gives a place now.
    unseated: bool,
    /// Somebody was to have a level that nothing that was read gives them now.
    unraised: bool,
}

impl<'a> Open<'a> {
    fn of(
        missing: &'a [SavedAction],
        plan: &RoomPlan,
        wanted: Option<&'a DesiredRoom>,
        now: &Present<'a>,
    ) -> Self {
        let mut open = Self::default();
        let only_wanted = has_only_wanted_people(plan);
        for action in missing {
            match &action.op {
                Op::Invite { user, .. } | Op::Add { user, .. } => {
                    let seat = now.seat(wanted, user);
                    open.unseated |= seat.is_none();
                    open.coming.insert(user);
                    if seat.is_some() && now.is_uncertain(user) {
                        open.uncertain.insert(user);
                    }
                }
                // Who has gone is no concern of anybody's.
                Op::Remove { .. } if only_wanted => {}
                Op::Remove { user, .. } => {
                    open.removed.insert(user);
                    open.going.insert(user);
                    if now.is_uncertain(user) {
                        open.uncertain.insert(user);
                    }
                }
                Op::SetLevels { changes } => {
                    for change in changes {
                        let LevelSlot::User(user) = &change.slot else {
                            continue;
                        };
                        let seat = now.seat(wanted, user);
                        if only_wanted && seat.is_none() {
                            continue;
                        }
                        open.coming.insert(user);
                        open.going.insert(user);
                        if now.is_uncertain(user) {
                            open.uncertain.insert(user);
                        }
                        if action.lowers.is_some() {
                            open.lowers = true;
                        } else if !seat.is_some_and(|seat| gives(seat, change.to)) {
                            open.unraised = true;
                        }
                    }
                }
                _ => {}
            }
        }
        open
    }

    /// Whether a finding about a room that is managed can be why people do not come or go, or something else is not done.
    fn is_in_the_way(&self, finding: &Finding) -> bool {
        let Subject::Person(_, user) = &finding.about else {
            return match finding.kind {
                FindingKind::PublicRoom | FindingKind::NotBroughtIn => !self.going.is_empty(),
                FindingKind::RemovalsNotConsidered => {
                    !self.removed.is_empty() || self.lowers || self.unseated || self.unraised
                }
                // The people of a group that is gone are held, and so not missing. An upgrade that was followed is news.
                FindingKind::GroupVanished | FindingKind::Followed => false,
                _ => true,
            };
        };
        let (comes, goes) = (self.coming.contains(&**user), self.going.contains(&**user));
        match finding.kind {
            FindingKind::Banned
            | FindingKind::LeftThemselves
            | FindingKind::RemovedByOthers
            | FindingKind::NotFederated
            | FindingKind::Unregistered
            | FindingKind::Deactivated => comes,
            FindingKind::Outranked | FindingKind::HistoricalId | FindingKind::InGrace => goes,
            _ => comes || goes,
        }
    }

    /// What was not read, where the plan says nothing of it: it tells only why nobody is removed.
    fn gaps(&self, plan: &RoomPlan, wanted: Option<&DesiredRoom>, now: &Present<'_>) -> Option<Finding> {
        let is_told = |finding: &Finding| finding.kind == FindingKind::RemovalsNotConsidered;
        let told = plan.findings.iter().any(is_told);
        let mut reasons: Vec<String> = Vec::new();
        let members = wanted.map_or(&[][..], |room| room.members.gaps());
        if (self.unseated || self.unraised) && !told {
            reasons.extend(members.iter().map(ToString::to_string));
            reasons.extend(now.unread());
        }
        if self.lowers || self.unraised {
            let owners = wanted.map_or(&[][..], |room| room.owners.gaps());
            // What is missing from a group is missing for its members and for its owners.
            let others = owners.iter().filter(|gap| !told || !members.contains(gap));
            reasons.extend(others.map(ToString::to_string));
        }
        let mut seen = BTreeSet::new();
        reasons.retain(|reason| seen.insert(reason.clone()));
        if reasons.is_empty() {
            return None;
        }
        let more = match reasons.len().saturating_sub(TOLD) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        reasons.truncate(TOLD);
        let message = format!(
            "{}: it is not known who belongs there or has which level, because {}{more}",
            plan.room,
            reasons.join("; ")
        );
        let about = Subject::Room(plan.room.clone());
        Some(Finding::new(about, FindingKind::Incomplete, message))
    }
}

/// Whether a place comes with just this level; `None` is that of everybody.
fn gives(seat: &Seat, level: Option<i64>) -> bool {
    match seat.role {
        Role::Member => level.is_none(),
        Role::Level(own) => level == Some(own),
    }
}

/// Whether nobody is in the room but the bot and people who belong there.
fn has_only_wanted_people(plan: &RoomPlan) -> bool {
    let here = plan.census.joined.saturating_add(plan.census.invited);
    plan.status == RoomStatus::Managed
        && plan
            .seen
            .as_ref()
            .is_some_and(|seen| here == seen.present.saturating_add(1))
}

/// Why nothing is done in a room that is not managed.
fn not_managed(plan: &RoomPlan, now: &Draft) -> Vec<Finding> {
    if !plan.findings.is_empty() {
        return plan.findings.clone();
    }
    // Whoever has paused everything is told so once, and not by the room.
    let paused =
        |finding: &&Finding| finding.kind == FindingKind::Paused && plan.status == RoomStatus::Paused;
    let mut findings: Vec<Finding> = now.findings.iter().filter(paused).cloned().collect();
    if findings.is_empty() {
        let message = format!("{}: it is not managed, so nothing is done in it", plan.room);
        let about = Subject::Room(plan.room.clone());
        findings.push(Finding::new(about, FindingKind::RoomUnknown, message));
    }
    findings
}

/// Of whom nobody knows whether they belong anywhere nothing is told in the room: they stay as they are, or out.
fn uncertain(user: &UserId, plan: &RoomPlan, open: &Open<'_>) -> Finding {
    let (kind, what) = if open.going.contains(user) {
        (
            FindingKind::RemovalsNotConsidered,
            "is left as they are, since it is not known whether the directories still have them",
        )
    } else {
        (
            FindingKind::StatusUnknown,
            "is not brought in, since it is not known whether their account may be used, or whose it is",
        )
    };
    let about = Subject::Person(plan.room.clone(), user.to_owned());
    Finding::new(about, kind, format!("{}: {user} {what}", plan.room))
}
