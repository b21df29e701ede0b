//! What a whole run teaches, and what it misses.

use std::{collections::BTreeSet, time::Duration};

use ruma_common::{OwnedRoomId, OwnedUserId};

use super::holding::holds;
use crate::{
    desired::{Desired, DesiredRoom, Feed, GroupStanding, Person, PersonStanding, SourceOutcome},
    directory::ProviderId,
    finding::{Finding, FindingKind, Subject},
    guard::{HoldReason, Limits, is_loss},
    plan::RoomStatus,
    recall::{Memory, MemoryChange, Refusal, RememberedDirectory},
    report::{Outcome, Report, ReportItem},
    room::{Binding, RoomRef},
    scope::Scope,
    time::Timestamp,
};

/// What kind of run it was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    /// Over all rooms.
    pub(super) whole: bool,
    /// Some desired rooms were not looked at: they are outside the scope, or paused.
    pub(super) left_out: bool,
    /// A person let something go.
    pub(super) released: bool,
    /// How long it is remembered what was done with people.
    pub(super) history: Duration,
    /// When it came to its end.
    pub(super) now: Timestamp,
}

/// What a run teaches beside what was done room by room.
pub(super) fn learned(
    desired: &Desired,
    report: &Report,
    memory: &Memory,
    limits: &Limits,
    run: Run,
) -> Vec<MemoryChange> {
    let Run { whole, now, .. } = run;
    let read = desired.sources.iter().all(SourceOutcome::is_complete);
    let known = report.rooms.iter().all(|room| room.status != RoomStatus::Unknown);
    let items = || report.rooms.iter().flat_map(|room| &room.items);
    let done = items().all(|item| {
        !matches!(
            item.outcome,
            Outcome::Failed { .. } | Outcome::Skipped { .. } | Outcome::NotSent | Outcome::Stale { .. }
        )
    });
    let decided = || {
        let done = |item: &ReportItem| matches!(item.outcome, Outcome::Done | Outcome::AlreadySo);
        run.released && items().any(|item| done(item) && is_loss(&item.action))
    };
    // The first one ends a hold on all removals, so it has to have looked at something, and at everything.
    let looked = || {
        let is = |status| report.rooms.iter().any(|room| room.status == status);
        is(RoomStatus::Managed) && !is(RoomStatus::Paused) && !is(RoomStatus::Moved)
    };
    let clean = whole && read && known && done && report.errors.is_empty();
    let clean = clean && (memory.clean_run.is_some() || looked());

    let mut learned = Vec::new();
    for source in desired.sources.iter().filter(|s| s.is_complete() && s.size_known) {
        let active_accounts = source.active_accounts;
        let before = memory.directories.get(&source.provider);
        let shrank =
            before.is_some_and(|before| limits.shrinks_too_much(before.active_accounts, active_accounts));
        let held = items().any(|item| holds_for(&item.outcome, &source.provider));
        // Remembering the smaller size would let go on the next run what this one holds, or what this one did not
        // come to because something else was not known.
        if !shrank
            || clean && !run.left_out && !held && (decided() || hides_nothing(desired, &source.provider))
        {
            // Who has time yet goes later, and then as many at once as the directory has lost: they are still of it.
            let active_accounts = match before {
                Some(before) if shrank => active_accounts
                    .saturating_add(in_grace(report, &source.provider))
                    .min(before.active_accounts),
                _ => active_accounts,
            };
            let remembered = RememberedDirectory {
                at: now,
                active_accounts,
            };
            learned.push(MemoryChange::Directory(source.provider.clone(), remembered));
        }
    }
    if clean {
        learned.push(MemoryChange::CleanRun(now));
    }
    let complete = whole && !run.left_out && read && known;
    learned.extend(holds(report, memory, complete, now));
    if whole {
        let before = match run.history {
            Duration::ZERO => Timestamp(u64::MAX >> 1),
            history => Timestamp(
                now.0
                    .saturating_sub(u64::try_from(history.as_millis()).unwrap_or(u64::MAX)),
            ),
        };
        learned.push(MemoryChange::ForgetHistory(before));
    }
    let window = u64::try_from(limits.window.as_millis()).unwrap_or(u64::MAX);
    learned.push(MemoryChange::ForgetRemovals(Timestamp(
        now.0.saturating_sub(window),
    )));
    let refused = u64::try_from(Refusal::COUNTS_FOR.as_millis()).unwrap_or(u64::MAX);
    learned.push(MemoryChange::ForgetRefusals(Timestamp(
        now.0.saturating_sub(refused),
    )));
    learned
}

/// Whether every room that a directory feeds is known completely, so that whatever its size takes was in the plan.
fn hides_nothing(desired: &Desired, provider: &ProviderId) -> bool {
    let fed = |room: &&DesiredRoom| room.feeds.iter().any(|feed| feed.group.provider == *provider);
    let mut fed = desired.rooms.iter().filter(fed);
    let certain = |person: &Person| person.standing != PersonStanding::Uncertain;
    fed.all(|room| room.members.is_complete() && room.owners.is_complete())
        && desired.people.iter().all(certain)
}

/// How many people have time yet before they go from rooms that a directory feeds; each counts once.
fn in_grace(report: &Report, provider: &ProviderId) -> u64 {
    let fed = report
        .rooms
        .iter()
        .filter(|room| room.feeds.iter().any(|feed| feed.group.provider == *provider));
    let people: BTreeSet<&OwnedUserId> = fed
        .flat_map(|room| &room.findings)
        .filter(|finding| finding.kind == FindingKind::InGrace)
        .filter_map(|finding| match &finding.about {
            Subject::Person(_, user) => Some(user),
            _ => None,
        })
        .collect();
    u64::try_from(people.len()).unwrap_or(u64::MAX)
}

fn holds_for(outcome: &Outcome, provider: &ProviderId) -> bool {
    let Outcome::Held { reasons } = outcome else {
        return false;
    };
    reasons
        .iter()
        .any(|r| matches!(r, HoldReason::DirectoryShrank { directory, .. } if directory == provider))
}

/// Rooms that were fed at their last good run and that no group stands for any more: kept, and told.
pub(super) fn abandoned(
    desired: &Desired,
    others: &[DesiredRoom],
    scope: &Scope,
    memory: &Memory,
) -> Vec<Finding> {
    let rooms = || desired.rooms.iter().chain(others);
    let wanted: BTreeSet<&RoomRef> = rooms().flat_map(|room| &room.refs).collect();
    let bound =
        |id: &OwnedRoomId| rooms().any(|room| matches!(&room.binding, Binding::Bound(other) if other == id));
    let mut findings = Vec::new();
    for (id, room) in &memory.rooms {
        let aliases = memory
            .aliases
            .iter()
            .filter(|(_, a)| memory.successors.current(&a.room) == id)
            .map(|(alias, _)| alias);
        let refs = aliases.map(|a| RoomRef::Alias(a.clone()));
        let refs: Vec<RoomRef> = refs.chain([RoomRef::Id(id.clone())]).collect();
        let Some(name) = refs.first() else { continue };
        let gone = |feed: &Feed| desired.group_standing(&feed.group) == GroupStanding::Vanished;
        let unknown = |feed: &Feed| desired.group_standing(&feed.group) == GroupStanding::Unknown;
        let outside = |feed: &Feed| !scope.groups.admits([&*feed.group.name, feed.group.key.as_str()]);
        let is_outside = !scope.has_followed_room(&refs, &Binding::Bound(id.clone()), &memory.successors)
            || room.feeds.iter().all(outside);
        if is_outside || refs.iter().any(|r| wanted.contains(r)) || bound(id) {
            continue;
        }
        let any_gone = room.feeds.iter().any(gone);
        // A group that could not be read this time is another matter, and told as such.
        if !any_gone && room.feeds.iter().any(unknown) {
            continue;
        }
        // A group may feed members and owners; it is named once.
        let groups: BTreeSet<String> = room.feeds.iter().map(|f| f.group.to_string()).collect();
        let groups: Vec<String> = groups.into_iter().collect();
        let groups = groups.join(", ");
        // One that has another name now may stand for another room.
        let elsewhere: BTreeSet<String> = rooms()
            .flat_map(|other| other.feeds.iter().map(move |feed| (other, feed)))
            .filter(|(_, feed)| room.feeds.iter().any(|old| old.group == feed.group))
            .filter_map(|(other, feed)| Some(format!("{} stands for {}", feed.group, other.refs.first()?)))
            .collect();
        let elsewhere: Vec<String> = elsewhere.into_iter().collect();
        let message = if any_gone {
            format!(
                "{name}: no group stands for it any more (it was {groups}); its people stay until you decide: \
                 `inviter unmanage '{name}'` takes it out of management"
            )
        } else if elsewhere.is_empty() {
            format!(
                "{name}: no group stands for it any more (it was {groups}, still there and standing for no room now); \
                 its people stay; correct `decoders` or the [[room]] entries, or take it out of management with \
                 `inviter unmanage '{name}'`"
            )
        } else {
            format!(
                "{name}: no group stands for it any more (it was {groups}; now {}); its people stay; give the group \
                 its old name back, or take the room out of management with `inviter unmanage '{name}'`",
                elsewhere.join(", ")
            )
        };
        findings.push(Finding::new(
            Subject::RoomId(id.clone()),
            FindingKind::GroupVanished,
            message,
        ));
    }
    findings
}
