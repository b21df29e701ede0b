//! What has to be asked before a plan can stand: aliases and listings first, accounts of the invited afterwards.

use std::{collections::BTreeMap, time::Duration};

use ruma_common::{OwnedRoomAliasId, OwnedRoomId, OwnedUserId, UserId};

use super::RoomPlan;
use crate::{
    action::Op,
    backend::AccountState,
    desired::{Desired, DesiredRoom},
    finding::{Finding, FindingKind, Subject},
    levels::LevelSlot,
    recall::Memory,
    room::{Binding, RoomRef},
    time::Timestamp,
};

/// How long an answer about an alias or a listing is trusted.
const TRUSTED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// Questions to the homeserver.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needs {
    /// Aliases to resolve, sorted.
    pub aliases: Vec<OwnedRoomAliasId>,
    /// Aliases whose room is remembered well enough.
    pub remembered: BTreeMap<OwnedRoomAliasId, Binding>,
    /// Rooms whose directory listing has to be asked for; to be narrowed to those that turn out to be bound.
    pub listings: Vec<OwnedRoomId>,
    /// People about to be invited, sorted.
    pub accounts: Vec<OwnedUserId>,
}

/// What to ask before rooms are read: their aliases, but for those that are remembered from the last day.
pub fn needs_before<'r>(
    rooms: impl IntoIterator<Item = &'r DesiredRoom>,
    memory: &Memory,
    now: Timestamp,
) -> Needs {
    let mut needs = Needs::default();
    for room in rooms {
        for reference in &room.refs {
            let RoomRef::Alias(alias) = reference else {
                continue;
            };
            match memory.aliases.get(alias) {
                Some(known) if now.since(known.asked) < TRUSTED_FOR => {
                    needs
                        .remembered
                        .insert(alias.clone(), Binding::Bound(known.room.clone()));
                }
                _ => needs.aliases.push(alias.clone()),
            }
        }
    }
    needs.aliases.sort();
    needs.aliases.dedup();
    needs
}

/// What to ask once rooms are bound (listings), and once they are planned (accounts of the invited).
pub fn needs_after(desired: &Desired, plans: &[RoomPlan], memory: &Memory, now: Timestamp) -> Needs {
    let mut needs = Needs::default();
    for room in &desired.rooms {
        let (Binding::Bound(id), Some(_)) = (&room.binding, room.rules.listing) else {
            continue;
        };
        if memory.is_paused(&room.refs, &room.binding) {
            continue;
        }
        let checked = memory.rooms.get(id).and_then(|r| r.listing_checked);
        if checked.is_none_or(|at| now.since(at) >= TRUSTED_FOR) {
            needs.listings.push(id.clone());
        }
    }
    let invited = plans
        .iter()
        .flat_map(|plan| &plan.actions)
        .filter_map(|action| action.op.brings_in());
    let mut invited: Vec<&OwnedUserId> = invited.collect();
    invited.sort_unstable();
    invited.dedup();
    needs.accounts = invited.into_iter().cloned().collect();
    needs
}

/// Takes back what the plan would do for people without a usable account (decision 23): their invitation, and the
/// level that goes with it. The homeserver's word counts; unknown is invited.
pub fn hold_back_unregistered(plan: &mut RoomPlan, accounts: &BTreeMap<OwnedUserId, AccountState>) {
    let unusable = |user: &UserId| {
        accounts
            .get(user)
            .filter(|state| matches!(state, AccountState::Missing | AccountState::Deactivated))
    };
    let room = plan.room.clone();
    let mut findings = Vec::new();
    let mut dropped = Vec::new();
    plan.actions.retain(|action| {
        let Some(user) = action.op.brings_in() else {
            return true;
        };
        let Some(state) = unusable(user) else { return true };
        let (kind, what) = if *state == AccountState::Missing {
            (
                FindingKind::Unregistered,
                "has no account on the homeserver; they are invited once they have one",
            )
        } else {
            (
                FindingKind::Deactivated,
                "has a deactivated account and is not invited",
            )
        };
        let about = Subject::Person(room.clone(), user.clone());
        findings.push(Finding::new(about, kind, format!("{room}: {user} {what}")));
        dropped.push(user.clone());
        false
    });
    if dropped.is_empty() {
        return;
    }
    plan.actions.retain_mut(|action| match &mut action.op {
        Op::SetLevels { changes } => {
            changes.retain(|change| {
                !matches!(&change.slot, LevelSlot::User(user) if change.to.is_some() && dropped.binary_search(user).is_ok())
            });
            !changes.is_empty()
        }
        Op::CreateRoom(blueprint) => {
            blueprint.levels.retain(|(user, _)| dropped.binary_search(user).is_err());
            true
        }
        _ => true,
    });
    plan.findings.append(&mut findings);
    plan.findings.sort();
}
