//! Counting who would lose something, and holding it where that is too much.

use std::collections::{BTreeMap, BTreeSet};

use ruma_common::{OwnedUserId, RoomId, UserId};

use super::{GuardContext, GuardedAction, GuardedRoom, HoldReason, Limits, ReleaseCode, Trigger, Verdict};
use crate::{
    action::{Action, Op, RoomTarget},
    directory::ProviderId,
    levels::LevelSlot,
    plan::{RoomPlan, RoomStatus},
    recall::RememberedRemoval,
};

/// Whether an action takes something from a person: a removal, or a level lowered. Tidying up the entry of someone
/// who is not in the room any more takes nothing from anyone.
pub fn is_loss(action: &Action) -> bool {
    matches!(action.op, Op::Remove { .. }) || action.lowers.is_some()
}

/// What the limits over all rooms together hold.
#[derive(Debug)]
pub(super) struct Totals {
    pub(super) removals: Option<HoldReason>,
    pub(super) demotions: Option<HoldReason>,
}

/// People who lose something in a room, each once.
#[derive(Debug, Default)]
struct Losses<'a> {
    removed: BTreeSet<&'a UserId>,
    demoted: BTreeSet<&'a UserId>,
}

impl<'a> Losses<'a> {
    fn of(plan: &'a RoomPlan) -> Self {
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
}

impl GuardContext<'_> {
    fn exceeded(going: u32, of: u32, count: u32, percent: u8) -> bool {
        going > count && u64::from(going) * 100 > u64::from(of) * u64::from(percent)
    }

    /// Removals of the window.
    fn recent(&self) -> impl Iterator<Item = &RememberedRemoval> {
        self.memory
            .removals
            .iter()
            .filter(|r| self.now.since(r.at) < self.limits.window)
    }

    /// Demotions of people who stay, over all rooms together.
    pub(super) fn total_demotions(&self, plans: &[RoomPlan]) -> Option<HoldReason> {
        let (mut going, mut of) = (0u32, 0u32);
        for plan in plans {
            let losses = Losses::of(plan);
            let staying = size(losses.demoted.difference(&losses.removed).count());
            going = going.saturating_add(staying);
            of = of.saturating_add(managed(plan, plan.census.raised).max(staying));
        }
        self.beyond_total(going, of)
    }

    pub(super) fn total(&self, plans: &[RoomPlan]) -> Option<HoldReason> {
        let mut going = 0u32;
        let mut of = 0u32;
        let mut recent: BTreeSet<(&RoomId, &UserId)> = self.recent().map(|r| (&*r.room, &*r.user)).collect();
        for plan in plans {
            let losses = Losses::of(plan);
            going = going.saturating_add(size(losses.removed.len()));
            of = of.saturating_add(managed(plan, plan.census.population));
            // A removal that was recorded and did not come about is in the plan again; it counts once.
            if let Some(RoomTarget::Existing(id)) = &plan.target {
                for user in losses.removed {
                    recent.remove(&(&**id, user));
                }
            }
        }
        let gone = size(recent.len());
        self.beyond_total(going.saturating_add(gone), of.saturating_add(gone))
    }

    fn beyond_total(&self, going: u32, of: u32) -> Option<HoldReason> {
        let Limits {
            total_count: count,
            total_percent: percent,
            ..
        } = *self.limits;
        Self::exceeded(going, of, count, percent).then_some(HoldReason::TotalLimit {
            going,
            of,
            count,
            percent,
        })
    }

    pub(super) fn shrunk(&self) -> BTreeMap<&ProviderId, HoldReason> {
        let shrunk = self.desired.sources.iter().filter_map(|source| {
            let from = self.memory.directories.get(&source.provider)?.active_accounts;
            let to = source.active_accounts;
            let too_much = self.limits.shrinks_too_much(from, to);
            let reason = HoldReason::DirectoryShrank {
                directory: source.provider.clone(),
                from,
                to,
            };
            // A directory that could not be read at all removes nobody in the first place.
            let counts = source.error.is_none() && (source.size_known || !source.is_complete());
            (too_much && counts).then_some((&source.provider, reason))
        });
        shrunk.collect()
    }

    pub(super) fn room(
        &self,
        mut plan: RoomPlan,
        totals: &Totals,
        shrunk: &BTreeMap<&ProviderId, HoldReason>,
    ) -> GuardedRoom {
        let (removals, demotions) = self.reasons(&plan, totals, shrunk);
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
        let target = plan.target.clone();
        let held = actions
            .iter()
            .filter(|a| matches!(a.verdict, Verdict::Held { .. }));
        let code = target
            .as_ref()
            .and_then(|target| ReleaseCode::of(held.map(|a| (target, &a.action.op))));
        let release = code;
        let released = release.as_ref().is_some_and(|code| self.releases.contains(code));
        let mut room = GuardedRoom {
            plan,
            actions,
            release,
            released: None,
        };
        if released {
            room.let_go();
        }
        room
    }

    /// Why removals, and why demotions of people who stay, are held in a room.
    fn reasons(
        &self,
        plan: &RoomPlan,
        totals: &Totals,
        shrunk: &BTreeMap<&ProviderId, HoldReason>,
    ) -> (Vec<HoldReason>, Vec<HoldReason>) {
        let mut common = Vec::new();
        if self.memory.clean_run.is_none() {
            common.push(HoldReason::NoCleanRun);
        }
        let mut feeding: Vec<&ProviderId> = plan.feeds.iter().map(|f| &f.group.provider).collect();
        feeding.sort();
        feeding.dedup();
        common.extend(feeding.iter().filter_map(|p| shrunk.get(p)).cloned());
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
                .filter(|r| r.room == *id)
                .map(|r| &*r.user)
                .collect(),
            _ => BTreeSet::new(),
        };
        let gone = size(gone.difference(&losses.removed).count());
        let going = size(losses.removed.len()).saturating_add(gone);
        let of = plan.census.population.saturating_add(gone);

        let mut removals = common.clone();
        if Self::exceeded(going, of, count, percent) {
            removals.push(HoldReason::RoomLimit {
                going,
                of,
                count,
                percent,
            });
        }
        removals.extend(totals.removals.clone());

        let mut demotions = common;
        let staying = losses.demoted.difference(&losses.removed).count();
        let staying = size(staying);
        let raised = plan.census.raised.max(staying);
        if Self::exceeded(staying, raised, count, percent) {
            demotions.push(HoldReason::RoomLimit {
                going: staying,
                of: raised,
                count,
                percent,
            });
        }
        demotions.extend(totals.demotions.clone());
        (removals, demotions)
    }
}

/// Of the rooms that are left alone anyway nobody counts: a large one would raise the limit for all others.
fn managed(plan: &RoomPlan, people: u32) -> u32 {
    if plan.status == RoomStatus::Managed {
        people
    } else {
        0
    }
}

fn size(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
