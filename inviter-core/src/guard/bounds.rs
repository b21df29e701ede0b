//! What holds beyond one room: the limits over all rooms and over those of one directory, and directories that shrank.

use std::collections::{BTreeMap, BTreeSet};

use ruma_common::{RoomId, UserId};

use super::{
    GuardContext, HoldReason, Limits, exceeded,
    limits::{Losses, size},
};
use crate::{
    action::RoomTarget,
    directory::ProviderId,
    plan::{RoomPlan, RoomStatus},
};

/// What is held for reasons that lie beyond one room.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    /// Removals in all rooms.
    removals: Option<HoldReason>,
    /// Demotions of people who stay, in all rooms.
    demotions: Option<HoldReason>,
    /// Removals in the rooms that a directory feeds.
    directory_removals: BTreeMap<ProviderId, HoldReason>,
    /// Demotions of people who stay in the rooms that a directory feeds.
    directory_demotions: BTreeMap<ProviderId, HoldReason>,
    /// Everything in the rooms that a directory feeds, since it has far fewer accounts than it had.
    pub(super) shrunk: BTreeMap<ProviderId, HoldReason>,
}

impl Bounds {
    /// Why removals are held in a room that these directories feed.
    pub(super) fn removals(&self, feeding: &BTreeSet<&ProviderId>) -> Vec<HoldReason> {
        all(feeding, &self.directory_removals, self.removals.as_ref())
    }

    /// Why demotions of people who stay are held in a room that these directories feed.
    pub(super) fn demotions(&self, feeding: &BTreeSet<&ProviderId>) -> Vec<HoldReason> {
        all(feeding, &self.directory_demotions, self.demotions.as_ref())
    }
}

fn all(
    feeding: &BTreeSet<&ProviderId>,
    of_directories: &BTreeMap<ProviderId, HoldReason>,
    total: Option<&HoldReason>,
) -> Vec<HoldReason> {
    let of_directories = feeding.iter().filter_map(|p| of_directories.get(*p));
    of_directories.chain(total).cloned().collect()
}

/// People who go, out of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Count {
    going: u32,
    of: u32,
}

impl Count {
    fn add(&mut self, going: u32, of: u32) {
        self.going = self.going.saturating_add(going);
        self.of = self.of.saturating_add(of);
    }
}

/// Removals and demotions in the same rooms.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    removals: Count,
    demotions: Count,
}

impl Counts {
    fn add(&mut self, losses: &Losses<'_>, plan: &RoomPlan) {
        let staying = losses.staying();
        self.removals
            .add(size(losses.removed.len()), managed(plan, plan.census.population));
        self.demotions
            .add(staying, managed(plan, plan.census.raised).max(staying));
    }

    /// Somebody who went before.
    fn add_gone(&mut self) {
        self.removals.add(1, 1);
    }
}

impl<'a> GuardContext<'a> {
    /// Removals of the window, each room as what has taken its place, each person once.
    pub(super) fn recent(&self) -> impl Iterator<Item = (&'a RoomId, &'a UserId)> {
        let memory = self.memory;
        let (now, window) = (self.now, self.limits.window);
        let recent = memory.removals.iter().filter(move |r| now.since(r.at) < window);
        recent.map(|r| (memory.successors.current(&r.room), &*r.user))
    }

    /// The directories that feed a room now, or fed it at its last good run.
    pub(super) fn feeding<'p>(&'p self, plan: &'p RoomPlan) -> BTreeSet<&'p ProviderId> {
        let before = match &plan.target {
            Some(RoomTarget::Existing(id)) => self.fed_before(id),
            _ => BTreeSet::new(),
        };
        let now = plan.feeds.iter().chain(&plan.vanished);
        now.map(|feed| &feed.group.provider).chain(before).collect()
    }

    /// The directories that fed a room at its last good run.
    fn fed_before(&self, room: &RoomId) -> BTreeSet<&'a ProviderId> {
        let room = self.memory.rooms.get(room);
        let feeds = room.map_or(&[][..], |room| &room.feeds);
        feeds.iter().map(|feed| &feed.group.provider).collect()
    }

    /// Counts everything once.
    pub(super) fn bounds(&self, plans: &[RoomPlan]) -> Bounds {
        let mut total = Counts::default();
        let mut directories: BTreeMap<&ProviderId, Counts> = BTreeMap::new();
        let mut gone: BTreeSet<(&RoomId, &UserId)> = self.recent().collect();
        let mut feeding: BTreeMap<&RoomId, BTreeSet<&ProviderId>> = BTreeMap::new();
        for plan in plans {
            let losses = Losses::of(plan);
            total.add(&losses, plan);
            let fed_by = self.feeding(plan);
            for provider in &fed_by {
                directories.entry(provider).or_default().add(&losses, plan);
            }
            if let Some(RoomTarget::Existing(id)) = &plan.target {
                // A removal that was recorded and did not come about is in the plan again; it counts once.
                for user in &losses.removed {
                    gone.remove(&(&**id, *user));
                }
                feeding.insert(id, fed_by);
            }
        }
        for (room, _) in gone {
            total.add_gone();
            // A room that this run is not about has lost people all the same.
            let fed_by = feeding.entry(room).or_insert_with(|| self.fed_before(room));
            for provider in fed_by.iter() {
                directories.entry(provider).or_default().add_gone();
            }
        }
        let mut bounds = Bounds {
            removals: self.beyond_total(total.removals),
            demotions: self.beyond_total(total.demotions),
            shrunk: self.shrunk(),
            ..Bounds::default()
        };
        for (provider, counts) in directories {
            let removals = self.beyond_directory(provider, counts.removals, total.removals);
            let demotions = self.beyond_directory(provider, counts.demotions, total.demotions);
            bounds
                .directory_removals
                .extend(removals.map(|r| (provider.clone(), r)));
            bounds
                .directory_demotions
                .extend(demotions.map(|r| (provider.clone(), r)));
        }
        bounds
    }

    fn beyond_total(&self, Count { going, of }: Count) -> Option<HoldReason> {
        let Limits {
            total_count: count,
            total_percent: percent,
            ..
        } = *self.limits;
        exceeded(going.into(), of.into(), count, percent).then_some(HoldReason::TotalLimit {
            going,
            of,
            count,
            percent,
        })
    }

    fn beyond_directory(&self, provider: &ProviderId, here: Count, total: Count) -> Option<HoldReason> {
        let Limits {
            directory_count: count,
            directory_percent: percent,
            total_count,
            total_percent,
            ..
        } = *self.limits;
        // Of a directory that feeds all rooms the limit over all rooms has said the same already.
        if here == total && (count, percent) == (total_count, total_percent) {
            return None;
        }
        let Count { going, of } = here;
        exceeded(going.into(), of.into(), count, percent).then(|| HoldReason::DirectoryLimit {
            directory: provider.clone(),
            going,
            of,
            count,
            percent,
        })
    }

    fn shrunk(&self) -> BTreeMap<ProviderId, HoldReason> {
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
            (too_much && counts).then(|| (source.provider.clone(), reason))
        });
        shrunk.collect()
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
