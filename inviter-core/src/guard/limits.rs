//! Counting who would lose something in a room, and holding it where that is too much.

use std::collections::BTreeSet;

use ruma_common::{OwnedUserId, UserId};

use super::{
    GuardContext, GuardedAction, GuardedRoom, HoldReason, Limits, ReleaseCode, Trigger, Verdict,
    bounds::Bounds, exceeded,
};
use crate::{
    action::{Action, Op, RoomTarget},
    levels::LevelSlot,
    plan::RoomPlan,
};

/// Whether an action takes something from a person: a removal, or a level lowered. Tidying up the entry of someone
/// who is not in the room any more takes nothing from anyone.
pub fn is_loss(action: &Action) -> bool {
    matches!(action.op, Op::Remove { .. }) || action.lowers.is_some()
}

/// People who lose something in a room, each once.
#[derive(Debug, Default)]
pub(super) struct Losses<'a> {
    pub(super) removed: BTreeSet<&'a UserId>,
    demoted: BTreeSet<&'a UserId>,
}

impl<'a> Losses<'a> {
    pub(super) fn of(plan: &'a RoomPlan) -> Self {
        let mut losses = Self::default();
        for action in &plan.actions {
            match &action.op {
                Op::Remove { user, .. } => drop(losses.removed.insert(user)),
                Op::SetLevels { changes } if is_loss(action) => {
                    let users = changes.iter().filter_map(|c| match &c.slot {
                        LevelSlot::User(user) => Some(&**user),
                        _ => None,
                    });
                    losses.demoted.extend(users);
                }
                _ => {}
            }
        }
        losses
    }

    /// How many people lose a level and stay.
    pub(super) fn staying(&self) -> u32 {
        size(self.demoted.difference(&self.removed).count())
    }
}

impl GuardContext<'_> {
    pub(super) fn room(&self, mut plan: RoomPlan, bounds: &Bounds) -> GuardedRoom {
        let (removals, demotions) = self.reasons(&plan, bounds);
        let removed: BTreeSet<OwnedUserId> = Losses::of(&plan)
            .removed
            .into_iter()
            .map(ToOwned::to_owned)
            .collect();
        let actions = std::mem::take(&mut plan.actions);
        let actions: Vec<GuardedAction> = actions
            .into_iter()
            .map(|action| {
                let reasons = match &action.op {
                    Op::Remove { .. } => &removals,
                    // The demotion of someone who goes stands and falls with the removal.
                    Op::SetLevels { changes }
                        if changes
                            .iter()
                            .any(|c| matches!(&c.slot, LevelSlot::User(u) if removed.contains(u))) =>
                    {
                        &removals
                    }
                    _ if is_loss(&action) => &demotions,
                    _ => {
                        return GuardedAction {
                            action,
                            verdict: Verdict::Allowed,
                        };
                    }
                };
                let verdict = if !reasons.is_empty() {
                    Verdict::Held {
                        reasons: reasons.clone(),
                    }
                } else if self.trigger == Trigger::Cautious {
                    Verdict::Pending
                } else {
                    Verdict::Allowed
                };
                GuardedAction { action, verdict }
            })
            .collect();
        let last_released = match &plan.target {
            Some(RoomTarget::Existing(id)) => self.memory.rooms.get(id).and_then(|room| room.released),
            _ => None,
        };
        let mut room = GuardedRoom {
            plan,
            actions,
            release: None,
            released: None,
            last_released,
        };
        room.release = ReleaseCode::of(self.memory.identity, room.held());
        let released = room
            .release
            .as_ref()
            .is_some_and(|code| self.releases.contains(code));
        if released {
            room.let_go();
        }
        room
    }

    /// Why removals, and why demotions of people who stay, are held in a room.
    fn reasons(&self, plan: &RoomPlan, bounds: &Bounds) -> (Vec<HoldReason>, Vec<HoldReason>) {
        let mut common = Vec::new();
        if self.memory.clean_run.is_none() {
            common.push(HoldReason::NoCleanRun);
        }
        let feeding = self.feeding(plan);
        common.extend(feeding.iter().filter_map(|p| bounds.shrunk.get(*p)).cloned());
        common.extend(
            plan.vanished
                .iter()
                .map(|group| HoldReason::GroupVanished { group: group.clone() }),
        );
        if plan.census.from_groups == 0 {
            common.push(HoldReason::NobodyWanted);
        }

        let losses = Losses::of(plan);
        let Limits {
            room_count: count,
            room_percent: percent,
            ..
        } = *self.limits;
        let gone: BTreeSet<&UserId> = match &plan.target {
            Some(RoomTarget::Existing(id)) => self
                .recent()
                .filter(|(room, _)| *room == &**id)
                .map(|(_, user)| user)
                .collect(),
            _ => BTreeSet::new(),
        };
        let gone = size(gone.difference(&losses.removed).count());
        let going = size(losses.removed.len()).saturating_add(gone);
        let of = plan.census.population.saturating_add(gone);

        let mut removals = common.clone();
        if exceeded(going.into(), of.into(), count, percent) {
            removals.push(HoldReason::RoomLimit {
                going,
                of,
                count,
                percent,
            });
        }
        removals.extend(bounds.removals(&feeding));

        let mut demotions = common;
        let staying = losses.staying();
        let raised = plan.census.raised.max(staying);
        if exceeded(staying.into(), raised.into(), count, percent) {
            demotions.push(HoldReason::RoomLimit {
                going: staying,
                of: raised,
                count,
                percent,
            });
        }
        demotions.extend(bounds.demotions(&feeding));
        (removals, demotions)
    }
}

pub(super) fn size(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
