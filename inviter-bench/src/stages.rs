//! The pure stages on a population: how long they take, how much memory, and whether what comes out is right.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use inviter_core::{
    OwnedRoomId,
    action::{Op, RoomTarget},
    guard::{GuardContext, GuardedPlan, Limits, Trigger, Verdict, guard},
    plan::{PlanContext, RoomPlan, Roster, plan_room},
    resolve::resolve,
    room::{Binding, RoomState},
    unite::unite,
};
use serde::{Deserialize, Serialize};

use crate::{
    floor,
    population::{NOW, Population},
    process_memory,
    random::Random,
    scale::Scale,
};

const SEED: u64 = 20_261_122;

/// What one scale came to. Times are medians, in milliseconds; memory is in bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Case {
    pub(crate) scale: Scale,
    /// Per cent of the memberships that come through nested groups.
    pub(crate) nested_percent: f64,
    pub(crate) invitations: usize,
    pub(crate) removals: usize,
    pub(crate) runs: usize,
    pub(crate) stages: Stages<f64>,
    pub(crate) total_ms: f64,
    pub(crate) floor_ms: f64,
    /// Total over floor.
    pub(crate) ratio: f64,
    /// What the input takes: directory, memory of earlier runs, and the generator's own tables.
    pub(crate) input_bytes: u64,
    /// The most that the process took during the first run, all in all.
    pub(crate) peak_bytes: u64,
}

/// Something of each stage.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Stages<T> {
    pub(crate) resolve: T,
    pub(crate) unite: T,
    pub(crate) plan: T,
    pub(crate) guard: T,
}

impl Stages<Duration> {
    fn total(&self) -> Duration {
        self.resolve + self.unite + self.plan + self.guard
    }
}

/// Measures one scale in this process.
pub(crate) fn measure(scale: Scale, runs: usize) -> Result<Case> {
    process_memory::forget_peak()?;
    let empty = process_memory::now()?;
    let mut random = Random::new(SEED);
    let population = Population::new(scale, &mut random)?;
    let input_bytes = process_memory::now()?.saturating_sub(empty);
    process_memory::forget_peak()?;
    // The first run warms up and is not counted, but for memory: later ones find what it has left behind.
    let (_, plan) = run(&population)?;
    let peak_bytes = process_memory::peak()?;
    let (invitations, removals) = check(&plan, &population)?;
    drop(plan);

    let (wanted, actual) = population.as_integers(&mut random);
    let (mut times, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..runs.max(1) {
        let (floor, added, removed) = floor::run(wanted.clone(), actual.clone());
        ensure!(
            (added, removed) == (scale.changes(), scale.changes()),
            "the floor found {added} and {removed} changes"
        );
        floors.push(floor);
        let (stages, plan) = run(&population)?;
        drop(plan);
        times.push(stages);
    }
    let of = |stage: fn(&Stages<Duration>) -> Duration| median_ms(times.iter().map(stage));
    let (total_ms, floor_ms) = (of(Stages::total), median_ms(floors));
    Ok(Case {
        scale,
        nested_percent: percent(population.nested, scale.memberships),
        invitations,
        removals,
        runs,
        stages: Stages {
            resolve: of(|s| s.resolve),
            unite: of(|s| s.unite),
            plan: of(|s| s.plan),
            guard: of(|s| s.guard),
        },
        total_ms,
        floor_ms,
        ratio: total_ms / floor_ms,
        input_bytes,
        peak_bytes,
    })
}

/// The stages as the reconciler runs them. Snapshots are made one after another outside of the measured time: they
/// are the backend's work.
fn run(population: &Population) -> Result<(Stages<Duration>, GuardedPlan)> {
    let mut times = Stages::default();
    let desired = timed(&mut times.resolve, || {
        resolve(&population.reads, &population.policy)
    });
    let desired = timed(&mut times.unite, || unite(desired, &population.bindings));
    let listings = BTreeMap::new();
    let roster = timed(&mut times.plan, || {
        Roster::new(&desired, &population.policy, &population.bot)
    });
    let cx = PlanContext {
        desired: &desired,
        policy: &population.policy,
        bot: &population.bot,
        roster: &roster,
        memory: &population.memory,
        listings: &listings,
        brought: None,
        now: NOW,
    };
    let by_id = timed(&mut times.plan, || {
        let rooms = desired.rooms.iter().enumerate();
        let bound = rooms.filter_map(|(at, room)| match &room.binding {
            Binding::Bound(id) => Some((id, at)),
            _ => None,
        });
        bound.collect::<BTreeMap<&OwnedRoomId, usize>>()
    });
    let mut plans: Vec<Option<RoomPlan>> = vec![None; desired.rooms.len()];
    for room in &population.rooms {
        let state = population.state(room)?;
        timed(&mut times.plan, || {
            if let Some(&at) = by_id.get(&room.id) {
                plans[at] = Some(plan_room(&desired.rooms[at], &state, &cx));
            }
        });
    }
    let plans: Vec<RoomPlan> = timed(&mut times.plan, || {
        let planned = plans.into_iter().zip(&desired.rooms);
        let missing = RoomState::Missing;
        planned
            .map(|(plan, room)| plan.unwrap_or_else(|| plan_room(room, &missing, &cx)))
            .collect()
    });
    let releases = std::collections::BTreeSet::new();
    let limits = Limits::default();
    let cx = GuardContext {
        limits: &limits,
        trigger: Trigger::Person,
        desired: &desired,
        memory: &population.memory,
        releases: &releases,
        now: NOW,
    };
    let plan = timed(&mut times.guard, || guard(plans, &cx));
    Ok((times, plan))
}

fn timed<T>(time: &mut Duration, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let outcome = work();
    *time += started.elapsed();
    outcome
}

/// Every change that the generator made is in the plan and allowed, and nothing else is. Answers how many people are
/// invited and removed.
fn check(plan: &GuardedPlan, population: &Population) -> Result<(usize, usize)> {
    ensure!(
        plan.rooms().len() == population.rooms.len(),
        "{} rooms are planned, and there are {}",
        plan.rooms().len(),
        population.rooms.len()
    );
    let by_id: BTreeMap<&OwnedRoomId, _> = population.rooms.iter().map(|room| (&room.id, room)).collect();
    let (mut invitations, mut removals) = (0, 0);
    for room in plan.rooms() {
        let Some(RoomTarget::Existing(id)) = &room.plan().target else {
            anyhow::bail!("{} is not among the rooms", room.plan().room);
        };
        let Some(actual) = by_id.get(id) else {
            anyhow::bail!("{id} is not among the rooms");
        };
        let (mut invited, mut removed) = (Vec::new(), Vec::new());
        for guarded in room.actions() {
            ensure!(
                guarded.verdict == Verdict::Allowed,
                "{id}: {:?} is held",
                guarded.action
            );
            match &guarded.action.op {
                Op::Invite { user, .. } => invited.push(user),
                Op::Remove { user, .. } => removed.push(user),
                other => anyhow::bail!("{id}: {other:?} is nothing that the generator has asked for"),
            }
        }
        ensure!(
            room.plan().findings.is_empty(),
            "{id}: {:?}",
            room.plan().findings
        );
        for (found, asked, what) in [
            (invited, &actual.to_invite, "invite"),
            (removed, &actual.to_remove, "remove"),
        ] {
            let asked = asked.iter().map(|&person| &population.users[person as usize]);
            ensure!(
                asked.eq(found.iter().copied()),
                "{id}: wrong people to {what}: {found:?}"
            );
            match what {
                "invite" => invitations += found.len(),
                _ => removals += found.len(),
            }
        }
    }
    Ok((invitations, removals))
}

/// The median, in milliseconds.
pub(crate) fn median_ms(times: impl IntoIterator<Item = Duration>) -> f64 {
    let mut times: Vec<Duration> = times.into_iter().collect();
    times.sort_unstable();
    let middle = times.len() / 2;
    let median = match times.as_slice() {
        [] => Duration::ZERO,
        times if times.len() % 2 == 1 => times[middle],
        times => (times[middle - 1] + times[middle]) / 2,
    };
    median.as_secs_f64() * 1e3
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn percent(part: usize, whole: usize) -> f64 {
    part as f64 * 100.0 / whole as f64
}
