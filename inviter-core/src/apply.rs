//! apply: runs a guarded plan through a [`RoomBackend`], each action on its own.
//!
//! A failure is reported and stops nothing that does not depend on it. Nothing here reads the plan's reasons or
//! second-guesses the guard; what is re-checked is whether the world is still the one that was planned for.

mod entering;
mod people;
mod recheck;
mod record;
mod room_run;
mod settings;
mod witness;

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::{StreamExt, stream};
use ruma_common::OwnedRoomId;

use self::room_run::RoomRun;
use crate::{
    action::{Op, RoomTarget},
    backend::{BackendError, BackendErrorKind, Effect, RoomBackend},
    guard::{GuardedPlan, GuardedRoom, Verdict},
    levels::LevelChange,
    recall::{MemoryStore, StoreError},
    report::{Outcome, ReportItem, RoomReport},
    time::{Clock, Timestamp},
};

pub(crate) use self::recheck::Aged;
pub use self::witness::{InRoom, Unwitnessed, Witness};

/// How to apply.
#[derive(Debug, Clone, Copy)]
pub struct ApplyOptions<'a> {
    /// Tells the time for what is remembered and for decision 29.
    pub clock: &'a dyn Clock,
    /// Where to remember what was done, room by room.
    pub store: &'a dyn MemoryStore,
    /// Is told of each action as soon as it is known what became of it.
    pub witness: &'a dyn Witness,
    /// Remembers what was done with people, for whoever asks later.
    pub history: bool,
    /// Rooms worked on at the same time.
    pub rooms_at_once: usize,
    /// Invitations or removals under way at the same time in one room.
    pub people_at_once: usize,
}

/// What came of applying.
#[derive(Debug, Default)]
pub struct Applied {
    /// Reports in the order of the plan.
    pub rooms: Vec<RoomReport>,
    /// Rooms to read and plan once more in this run: created or joined just now. Index into `rooms`.
    pub revisit: Vec<(usize, OwnedRoomId)>,
    /// The store's failures.
    pub errors: Vec<String>,
}

/// Runs what the guard allowed.
pub async fn apply(plan: GuardedPlan, backend: &dyn RoomBackend, options: &ApplyOptions<'_>) -> Applied {
    let planned = plan.planned();
    options.witness.begins(&plan);
    let run = Run {
        backend,
        options,
        planned,
        logged_out: AtomicBool::new(false),
    };
    let run = &run;
    // In whatever order they come to an end: one room that has to wait keeps no other from beginning.
    let rooms = stream::iter(plan.into_rooms()).enumerate();
    let mut done: Vec<(usize, RoomApplied)> = rooms
        .map(|(index, room)| async move { (index, run.room(room).await) })
        .buffer_unordered(options.rooms_at_once.max(1))
        .collect()
        .await;
    done.sort_by_key(|(index, _)| *index);
    let mut applied = Applied::default();
    for (index, room) in done {
        applied.revisit.extend(room.revisit.map(|id| (index, id)));
        applied.errors.extend(room.errors);
        applied.rooms.push(room.report);
    }
    applied
}

struct RoomApplied {
    report: RoomReport,
    revisit: Option<OwnedRoomId>,
    errors: Vec<String>,
}

struct Run<'a> {
    backend: &'a dyn RoomBackend,
    options: &'a ApplyOptions<'a>,
    planned: Timestamp,
    /// The token is not accepted any more: asking a thousand times more helps nobody.
    logged_out: AtomicBool,
}

impl Run<'_> {
    async fn room(&self, room: GuardedRoom) -> RoomApplied {
        let released = room.released_at(self.options.clock.now());
        let (plan, actions, release) = room.into_parts();
        let (items, revisit, errors, target) = match plan.target.clone() {
            Some(target) => {
                let outcomes = actions.iter().map(|a| match &a.verdict {
                    Verdict::Allowed => None,
                    Verdict::Held { reasons } => Some(Outcome::Held {
                        reasons: reasons.clone(),
                    }),
                    Verdict::Pending => Some(Outcome::Pending),
                });
                let outcomes = outcomes.collect();
                let work = RoomRun {
                    plan: &plan,
                    target,
                    actions,
                    outcomes,
                    memory: Vec::new(),
                    errors: Vec::new(),
                    witness: self.options.witness,
                    released,
                };
                self.work(work).await
            }
            None => (Vec::new(), None, Vec::new(), None),
        };
        let report = RoomReport {
            room: plan.room,
            target,
            status: plan.status,
            items,
            findings: plan.findings,
            feeds: plan.feeds,
            census: plan.census,
            going: plan.going,
            release,
        };
        RoomApplied {
            report,
            revisit,
            errors,
        }
    }

    async fn work(
        &self,
        mut room: RoomRun<'_>,
    ) -> (
        Vec<ReportItem>,
        Option<OwnedRoomId>,
        Vec<String>,
        Option<RoomTarget>,
    ) {
        if let Some(id) = self.enter(&mut room).await {
            // What else was planned for the room is planned again from what it really is.
            let items = room.items();
            let target = Some(RoomTarget::Existing(id.clone()));
            self.commit(&mut room).await;
            return (items, Some(id), room.errors, target);
        }
        self.recheck_demotions(&mut room).await;
        self.levels(&mut room).await;
        self.one_by_one(&mut room, 3).await;
        self.additions(&mut room).await;
        self.removals(&mut room).await;
        room.settle_open(&Outcome::Skipped {
            because: "it was not reached".to_owned(),
        });
        room.memory.extend(room.plan.learned.iter().cloned());
        let finished = room
            .outcomes
            .iter()
            .all(|o| matches!(o, Some(Outcome::Done | Outcome::AlreadySo)));
        if finished {
            room.memory.extend(room.plan.learned_if_done.iter().cloned());
        }
        self.commit(&mut room).await;
        (room.items(), None, room.errors, Some(room.target))
    }

    async fn execute(&self, target: &RoomTarget, op: &Op) -> Result<Effect, BackendError> {
        if self.logged_out.load(Ordering::Relaxed) {
            let message = "not tried, since the homeserver no longer accepts the bot's token";
            return Err(BackendError::new(
                BackendErrorKind::Unauthenticated,
                "token",
                message,
            ));
        }
        let result = self.backend.execute(target, op).await;
        match &result {
            Ok(effect) => tracing::info!(room = %target, ?op, ?effect, "done"),
            Err(error) => tracing::warn!(room = %target, ?op, %error, "failed"),
        }
        if let Err(error) = &result
            && error.kind == BackendErrorKind::Unauthenticated
        {
            self.logged_out.store(true, Ordering::Relaxed);
        }
        result
    }

    fn outcome(&self, result: Result<&Effect, &BackendError>, changes: Option<&Vec<LevelChange>>) -> Outcome {
        match (result, changes) {
            (Ok(Effect::Stale(dropped)), Some(changes)) if !changes.iter().any(|c| dropped.contains(c)) => {
                Outcome::Done
            }
            _ => Outcome::of(result, self.options.clock.now()),
        }
    }

    async fn commit(&self, room: &mut RoomRun<'_>) {
        let changes = std::mem::take(&mut room.memory);
        if changes.is_empty() {
            return;
        }
        if let Err(error) = self.options.store.commit(&changes).await {
            let error: &StoreError = &error;
            room.errors.push(error.to_string());
        }
    }
}
