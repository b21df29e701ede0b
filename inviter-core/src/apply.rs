//! apply: runs a guarded plan through a [`RoomBackend`], each action on its own.
//!
//! A failure is reported and stops nothing that does not depend on it. Nothing here reads the plan's reasons or
//! second-guesses the guard; what is re-checked is whether the world is still the one that was planned for.

mod record;
mod witness;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures_util::{StreamExt, stream};
use ruma_common::{OwnedRoomId, OwnedUserId};

use self::record::RECORDS_AT_ONCE;
use crate::{
    action::{Action, Op, RoomTarget},
    backend::{BackendError, BackendErrorKind, Effect, RoomBackend},
    guard::{GuardedAction, GuardedPlan, GuardedRoom, Verdict, is_loss},
    levels::{LevelChange, LevelSlot},
    plan::RoomPlan,
    recall::{MemoryChange, MemoryStore, Refusal, RefusedOp, RememberedAlias, RememberedRemoval, StoreError},
    report::{Outcome, ReportItem, RoomReport},
    room::{Binding, RoomRef},
    time::{Clock, Timestamp},
};

pub use self::witness::{InRoom, Unwitnessed, Witness};

/// A removal that was planned longer ago is not sent (decision 29).
pub(crate) const REMOVALS_GOOD_FOR: Duration = Duration::from_secs(15 * 60);
const TOO_OLD: &str = "it was planned more than 15 minutes ago; plan again";

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

/// The work on one room.
struct RoomRun<'a> {
    plan: &'a RoomPlan,
    target: RoomTarget,
    actions: Vec<GuardedAction>,
    outcomes: Vec<Option<Outcome>>,
    memory: Vec<MemoryChange>,
    errors: Vec<String>,
    witness: &'a dyn Witness,
    /// What is taken from people here rests on a person's word, which is yet to be written down as used.
    released: Option<Timestamp>,
}

/// An action that was ended among others, by its index. Without a result: those before it had to wait, and now it is
/// too late.
type Ended = (usize, Option<Result<Effect, BackendError>>, Outcome);

impl RoomRun<'_> {
    /// Indices of what is still to be done in a phase.
    fn open(&self, phase: u8) -> Vec<usize> {
        let all = self.actions.iter().zip(&self.outcomes).enumerate();
        all.filter(|(_, (a, outcome))| outcome.is_none() && a.action.phase() == phase)
            .map(|(index, _)| index)
            .collect()
    }

    fn settle(&mut self, indices: &[usize], outcome: &Outcome) {
        for index in indices {
            self.settle_one(*index, outcome.clone());
        }
    }

    fn settle_open(&mut self, outcome: &Outcome) {
        for index in 0..self.outcomes.len() {
            if self.outcomes[index].is_none() {
                self.settle_one(index, outcome.clone());
            }
        }
    }

    fn settle_one(&mut self, index: usize, outcome: Outcome) {
        self.tell(&self.target, index, &outcome);
        self.outcomes[index] = Some(outcome);
    }

    fn tell(&self, target: &RoomTarget, index: usize, outcome: &Outcome) {
        let room = InRoom::new(&self.plan.room, target, &self.plan.feeds);
        self.witness.settled(room, &self.actions[index].action, outcome);
    }

    /// What is settled.
    fn items(&self) -> Vec<ReportItem> {
        let items = self.actions.iter().zip(&self.outcomes);
        let items = items.filter_map(|(guarded, outcome)| {
            Some(ReportItem {
                action: guarded.action.clone(),
                outcome: outcome.clone()?,
            })
        });
        items.collect()
    }
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

    /// Creates or joins the room, if that is planned. If it fails, everything after it is skipped.
    async fn enter(&self, room: &mut RoomRun<'_>) -> Option<OwnedRoomId> {
        let index = room
            .actions
            .iter()
            .position(|a| matches!(a.action.op, Op::CreateRoom(_) | Op::Join { .. }))?;
        let op = room.actions[index].action.op.clone();
        let result = self.execute(&room.target, &op).await;
        if let Ok(Effect::Revisit(id)) = result {
            room.tell(&RoomTarget::Existing(id.clone()), index, &Outcome::Done);
            room.outcomes[index] = Some(Outcome::Done);
            if let Op::CreateRoom(blueprint) = &op {
                let remembered = RememberedAlias {
                    room: id.clone(),
                    asked: self.options.clock.now(),
                };
                room.memory
                    .push(MemoryChange::Alias(blueprint.alias.clone(), remembered));
                let given = blueprint.levels.iter();
                room.memory
                    .extend(given.map(|(user, l)| MemoryChange::Given(id.clone(), user.clone(), Some(*l))));
                room.memory
                    .push(MemoryChange::ListingChecked(id.clone(), self.options.clock.now()));
            }
            return Some(id);
        }
        let refused_to = match &op {
            Op::Join { invited_by: Some(by) } => Some(by),
            Op::Join { invited_by: None } => room.plan.lineage.joins_as.as_ref(),
            _ => None,
        };
        if let (Some(refused_to), Err(error), RoomTarget::Existing(id)) = (refused_to, &result, &room.target)
            && !error.is_temporary()
            && error.kind != BackendErrorKind::Unauthenticated
        {
            let refusal = Refusal {
                at: self.options.clock.now(),
                of: RefusedOp::Join,
                cause: error.message.clone(),
            };
            let refused = MemoryChange::Refused(id.clone(), refused_to.clone(), Some(refusal));
            room.memory.push(refused);
        }
        let outcome = self.outcome(result.as_ref(), None);
        let because = match op {
            Op::CreateRoom(_) => "the room was not created",
            _ => "the bot could not join",
        };
        room.settle_one(index, outcome);
        let because = because.to_owned();
        room.settle_open(&Outcome::Skipped { because });
        None
    }

    /// What is taken away by the levels is taken from the room that was planned for, too.
    async fn recheck_demotions(&self, room: &mut RoomRun<'_>) {
        let mut indices = room.open(2);
        indices.retain(|index| is_loss(&room.actions[*index].action));
        if indices.is_empty() {
            return;
        }
        if let Some(detail) = self.stale(room).await {
            return room.settle(&indices, &Outcome::Stale { detail });
        }
        self.use_up(room, &indices, Vec::new(), "the release").await;
    }

    /// Writes down that a person's word is used, so that it is good once whatever happens from here on, together with
    /// other records. What these actions are about does not happen if that fails.
    async fn use_up(
        &self,
        room: &mut RoomRun<'_>,
        indices: &[usize],
        mut records: Vec<MemoryChange>,
        what: &str,
    ) {
        if let (Some(at), RoomTarget::Existing(id)) = (room.released, &room.target) {
            records.push(MemoryChange::Released(id.clone(), at));
        }
        if records.is_empty() {
            return;
        }
        match self.options.store.commit(&records).await {
            Ok(()) => room.released = None,
            Err(error) => {
                let because = format!("{what} could not be written down first: {error}");
                room.errors.push(error.to_string());
                room.settle(indices, &Outcome::Skipped { because });
            }
        }
    }

    /// Why what was planned to be taken away must not be, if the world is not the one that was planned for.
    async fn stale(&self, room: &mut RoomRun<'_>) -> Option<String> {
        if self.is_too_old() {
            return Some(TOO_OLD.to_owned());
        }
        self.binding_changed(room).await
    }

    fn is_too_old(&self) -> bool {
        self.options.clock.now().since(self.planned) >= REMOVALS_GOOD_FOR
    }

    /// All changes of power levels as one event (decision 28).
    async fn levels(&self, room: &mut RoomRun<'_>) {
        let mut indices = Vec::new();
        let mut all: Vec<LevelChange> = Vec::new();
        for (index, guarded) in room.actions.iter().enumerate() {
            if let (None, Op::SetLevels { changes }) = (&room.outcomes[index], &guarded.action.op) {
                indices.push(index);
                all.extend(changes.iter().cloned());
            }
        }
        if all.is_empty() {
            return;
        }
        all.sort();
        let result = self.execute(&room.target, &Op::SetLevels { changes: all }).await;
        for index in indices {
            let Op::SetLevels { changes } = &room.actions[index].action.op else {
                continue;
            };
            let outcome = self.outcome(result.as_ref(), Some(changes));
            if let (Outcome::Done, RoomTarget::Existing(id)) = (&outcome, &room.target) {
                let given = changes.iter().filter_map(|change| match &change.slot {
                    LevelSlot::User(user) => Some(MemoryChange::Given(id.clone(), user.clone(), change.to)),
                    _ => None,
                });
                room.memory.extend(given);
                let records = room.records(index, self.options.clock.now(), self.options.history);
                room.memory.extend(records);
            }
            room.settle_one(index, outcome);
        }
    }

    /// Settings: few, one after another.
    async fn one_by_one(&self, room: &mut RoomRun<'_>, phase: u8) {
        for index in room.open(phase) {
            let op = room.actions[index].action.op.clone();
            let result = self.execute(&room.target, &op).await;
            let outcome = self.outcome(result.as_ref(), None);
            if let (Op::SetListing { .. }, Outcome::Done, RoomTarget::Existing(id)) =
                (&op, &outcome, &room.target)
            {
                room.memory
                    .push(MemoryChange::ListingChecked(id.clone(), self.options.clock.now()));
            }
            room.settle_one(index, outcome);
        }
    }

    /// People are brought in once it is written down that it is us. If it cannot be, they are all the same: nobody is
    /// kept out for want of it, and it is tried once more with the rest.
    async fn additions(&self, room: &mut RoomRun<'_>) {
        let now = self.options.clock.now();
        let records = room.open(4).into_iter();
        let mut records: Vec<MemoryChange> = records.filter_map(|index| room.brings_in(index, now)).collect();
        if !records.is_empty()
            && let Err(error) = self.options.store.commit(&records).await
        {
            room.errors.push(error.to_string());
            room.memory.append(&mut records);
        }
        self.people(room, 4).await;
    }

    async fn people(&self, room: &mut RoomRun<'_>, phase: u8) {
        let indices = room.open(phase);
        let work = &*room;
        let mut ended = stream::iter(indices)
            .map(|index| async move {
                let op = &work.actions[index].action.op;
                let (result, outcome) = match op {
                    Op::Remove { .. } if self.is_too_old() => {
                        let detail = TOO_OLD.to_owned();
                        (None, Outcome::Stale { detail })
                    }
                    _ => {
                        let result = self.execute(&work.target, op).await;
                        let outcome = self.outcome(result.as_ref(), None);
                        (Some(result), outcome)
                    }
                };
                // Now, and not when the last one is through.
                work.tell(&work.target, index, &outcome);
                (index, result, outcome)
            })
            .buffer_unordered(self.options.people_at_once.max(1));
        let (mut done, mut records, mut unwritten): (Vec<Ended>, _, _) = (Vec::new(), Vec::new(), Vec::new());
        while let Some((index, result, outcome)) = ended.next().await {
            if outcome == Outcome::Done {
                records.extend(work.records(index, self.options.clock.now(), self.options.history));
            }
            done.push((index, result, outcome));
            if records.len() >= RECORDS_AT_ONCE {
                // What cannot be written now is tried once more with the rest.
                if self.options.store.commit(&records).await.is_err() {
                    unwritten.append(&mut records);
                }
                records.clear();
            }
        }
        drop(ended);
        room.memory.append(&mut unwritten);
        room.memory.append(&mut records);
        for (index, result, outcome) in done {
            if let Some(result) = &result {
                self.remember_refusal(room, index, result.as_ref().err());
                if let (Ok(_), Some(user)) = (result, room.actions[index].action.op.brings_in()) {
                    room.memory
                        .extend(room.plan.learned_if_invited.get(user).cloned());
                }
            }
            room.outcomes[index] = Some(outcome);
        }
    }

    /// Removals, once it is certain that the world is still the one they were planned for (decision 29), and
    /// after they were written down: a count that is too high is safe, one that is too low is not.
    async fn removals(&self, room: &mut RoomRun<'_>) {
        let indices = room.open(5);
        if indices.is_empty() {
            return;
        }
        if let Some(detail) = self.stale(room).await {
            return room.settle(&indices, &Outcome::Stale { detail });
        }
        let now = self.options.clock.now();
        let RoomTarget::Existing(id) = &room.target else {
            return;
        };
        let records = indices
            .iter()
            .filter_map(|index| removed_user(&room.actions[*index].action));
        let records: Vec<MemoryChange> = records
            .map(|user| {
                MemoryChange::Removal(RememberedRemoval {
                    at: now,
                    room: id.clone(),
                    user: user.clone(),
                })
            })
            .collect();
        self.use_up(room, &indices, records, "the removals").await;
        // Only those are still open that were written down.
        self.people(room, 5).await;
    }

    /// Whether an alias that leads to the room leads elsewhere by now.
    async fn binding_changed(&self, room: &mut RoomRun<'_>) -> Option<String> {
        for reference in &room.plan.refs {
            let (RoomRef::Alias(alias), RoomTarget::Existing(id)) = (reference, &room.target) else {
                continue;
            };
            match self.backend.resolve_alias(alias).await {
                Binding::Bound(bound) if bound == *id || room.plan.lineage.before.contains(&bound) => {
                    let remembered = RememberedAlias {
                        room: bound,
                        asked: self.options.clock.now(),
                    };
                    room.memory.push(MemoryChange::Alias(alias.clone(), remembered));
                }
                Binding::Unknown(cause) => return Some(format!("{alias} cannot be confirmed: {cause}")),
                changed => {
                    // Where it led has to be remembered, or nobody would notice that it leads elsewhere; the next run
                    // asks again. Only one that leads nowhere is new wherever it leads after that.
                    room.memory.push(match changed {
                        Binding::Bound(_) => {
                            MemoryChange::Alias(alias.clone(), RememberedAlias::to_be_asked(id))
                        }
                        _ => MemoryChange::AliasForgotten(alias.clone()),
                    });
                    return Some(format!("{alias} does not lead to this room any more; plan again"));
                }
            }
        }
        None
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

    /// A refusal that trying again will not change is remembered for a day (decision 31).
    fn remember_refusal(&self, room: &mut RoomRun<'_>, index: usize, error: Option<&BackendError>) {
        let RoomTarget::Existing(id) = &room.target else {
            return;
        };
        let (user, of) = match &room.actions[index].action.op {
            // Who could not be put in was invited, and that was refused.
            Op::Invite { user, .. } | Op::Add { user, .. } => (user.clone(), RefusedOp::Invite),
            Op::Remove { user, .. } => (user.clone(), RefusedOp::Remove),
            _ => return,
        };
        if let Some(error) = error.filter(|e| e.kind == BackendErrorKind::Refused) {
            let refusal = Refusal {
                at: self.options.clock.now(),
                of,
                cause: error.message.clone(),
            };
            if of == RefusedOp::Invite {
                // It was written down ahead of it that we bring them in, and now others may.
                room.memory
                    .push(MemoryChange::Brought(id.clone(), user.clone(), None));
            }
            room.memory
                .push(MemoryChange::Refused(id.clone(), user, Some(refusal)));
        }
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

fn removed_user(action: &Action) -> Option<&OwnedUserId> {
    match &action.op {
        Op::Remove { user, .. } => Some(user),
        _ => None,
    }
}
