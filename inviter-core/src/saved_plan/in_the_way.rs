//! Why something that a saved plan has is not to be done now, although it may be neither done nor unwanted.

use std::collections::BTreeSet;

use ruma_common::UserId;

use super::SavedAction;
use crate::{
    action::Op,
    desired::PersonStanding,
    finding::{Finding, FindingKind, Subject},
    guard::GuardedRoom,
    levels::LevelSlot,
    plan::{RoomPlan, RoomStatus},
    reconcile::Draft,
};

/// What a plan that was made now says of why these are not in it; nothing if they were done, or are not wanted any more.
pub(super) fn in_the_way(missing: &[SavedAction], room: &GuardedRoom, now: &Draft) -> Vec<Finding> {
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
        _ => return not_managed(plan, now),
    }
    let (mut coming, mut going) = (BTreeSet::new(), BTreeSet::new());
    for action in missing {
        match &action.op {
            Op::Invite { user, .. } | Op::Add { user, .. } => drop(coming.insert(&**user)),
            Op::Remove { user, .. } => drop(going.insert(&**user)),
            Op::SetLevels { changes } => going.extend(changes.iter().filter_map(|change| {
                let LevelSlot::User(user) = &change.slot else {
                    return None;
                };
                Some(&**user)
            })),
            _ => {}
        }
    }
    let stays = |finding: &&Finding| is_in_the_way(finding, &coming, &going);
    let mut findings: Vec<Finding> = plan.findings.iter().filter(stays).cloned().collect();
    findings.extend(uncertain(&going, plan, now));
    findings
}

/// Whether a finding about a room that is managed can be why people do not come or go, or something else is not done.
fn is_in_the_way(finding: &Finding, coming: &BTreeSet<&UserId>, going: &BTreeSet<&UserId>) -> bool {
    let Subject::Person(_, user) = &finding.about else {
        return match finding.kind {
            FindingKind::PublicRoom | FindingKind::NotBroughtIn => !going.is_empty(),
            // The people of a group that is gone are held, and so not missing. An upgrade that was followed is news.
            FindingKind::GroupVanished | FindingKind::Followed => false,
            _ => true,
        };
    };
    let (comes, goes) = (coming.contains(&**user), going.contains(&**user));
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

/// Of whom nobody knows whether they belong anywhere nothing is told in the room: they stay as they are.
fn uncertain(going: &BTreeSet<&UserId>, plan: &RoomPlan, now: &Draft) -> Vec<Finding> {
    let is_uncertain = |user: &&&UserId| {
        let person = now.desired.person(user);
        person.is_some_and(|person| person.standing == PersonStanding::Uncertain)
    };
    let told = |user: &&UserId| {
        let about = Subject::Person(plan.room.clone(), (*user).to_owned());
        let message = format!(
            "{}: {user} is left as they are, since it is not known whether the directories still have them",
            plan.room
        );
        Finding::new(about, FindingKind::RemovalsNotConsidered, message)
    };
    going.iter().filter(is_uncertain).map(told).collect()
}
