//! From a draft to what was done and is remembered.

use super::{
    Draft, Reconciler, RunError, RunOptions, about::About, planning::Known, remembering,
    restricted::Restriction,
};
use crate::{
    action::Op,
    apply::{ApplyOptions, Unwitnessed, Witness, apply},
    finding::{Finding, FindingKind},
    guard::GuardedRoom,
    recall::{Memory, MemoryChange, MemoryIdentity, MemoryStore, Recalled},
    report::{Report, Tally},
    room::RoomRef,
    runs::{RememberedRun, RunCause},
    server::MetLimit,
    time::Timestamp,
};

impl Reconciler {
    /// Does what the guard allowed in a draft. Rooms that are created or joined on the way are read and planned
    /// once more under the same guard.
    pub async fn apply(&self, draft: Draft, options: &RunOptions) -> Report {
        self.apply_witnessed(draft, options, &Unwitnessed).await
    }

    /// As [`apply`](Self::apply), with somebody who is told of each action as soon as it is known what became of it.
    pub async fn apply_witnessed(&self, draft: Draft, options: &RunOptions, witness: &dyn Witness) -> Report {
        let Draft {
            identity,
            desired,
            plan,
            findings,
            directories,
            outside: _,
            rooms_outside: _,
            mut memory,
            learned,
            elsewhere: _,
            began,
            whole,
            left_out,
            restriction,
        } = draft;
        let arrives = |op: &Op| matches!(op, Op::CreateRoom(_) | Op::Join { .. });
        let actions = plan.rooms().iter().flat_map(GuardedRoom::actions);
        // As large as the directories themselves, and needed only where a room is to be planned once more.
        let directories = actions
            .into_iter()
            .any(|guarded| arrives(&guarded.action.op))
            .then_some(directories);
        let apply_options = ApplyOptions {
            clock: &*self.clock,
            store: &self.store,
            witness,
            history: !self.policy.history.is_zero(),
            rooms_at_once: self.rooms_at_once,
            people_at_once: self.people_at_once,
        };
        let release = plan.release().cloned();
        // Before anything is done: what is found out while applying is the newer knowledge.
        let known = if learned.is_empty() {
            Ok(())
        } else {
            self.store.commit(&learned).await
        };
        let first = apply(plan, &self.backend, &apply_options).await;
        let mut report = Report {
            rooms: first.rooms,
            findings,
            release,
            errors: first.errors,
        };
        report.errors.extend(known.err().map(|error| error.to_string()));

        let present = memory.identity;
        let revisits = !first.revisit.is_empty();
        let gone = revisits && !self.recall_again(&mut memory, &mut report.errors).await;
        // Without the memory nobody knows any more what is paused, adopted or others'.
        if revisits && !gone {
            let rooms = first.revisit.iter().filter_map(|(ix, _)| report.rooms.get(*ix));
            let options = RunOptions {
                rooms: rooms.map(|room| room.room.clone()).collect(),
                ..options.clone()
            };
            let known = Known {
                identity,
                memory: memory.clone(),
                directories: directories.unwrap_or_default(),
                fresh: true,
            };
            match self.again(known, &options).await {
                Ok(mut again) => {
                    again.restriction.clone_from(&restriction);
                    self.apply_again(again, &mut report, &apply_options).await;
                }
                Err(error) => report.errors.push(error.to_string()),
            }
        }
        let now = self.clock.now();
        let run = remembering::Run {
            whole,
            left_out,
            released: !options.releases.is_empty(),
            history: self.policy.history,
            now,
        };
        let mut learned: Vec<MemoryChange> = loss_told(&report, present).into_iter().collect();
        // What follows from a memory that is gone is nothing for the next one.
        if !gone {
            learned.extend(remembering::learned(
                &desired,
                &report,
                &memory,
                &self.limits,
                run,
            ));
        }
        if restriction.is_some() {
            Restriction::unlearn(&mut learned);
        }
        let met = self.backend.limits_met().into_iter();
        learned.extend(met.map(|(kind, wait)| MemoryChange::LimitMet(kind, MetLimit { at: now, wait })));
        let run = ran(&report, whole, &options.cause, (began, now));
        learned.push(MemoryChange::Ran(run));
        let kept = self.store.commit(&learned).await;
        report.errors.extend(kept.err().map(|error| error.to_string()));
        report
    }

    /// Remembers that a run could not begin, for whoever asks how things stand. [`sync`](Self::sync) does so by itself;
    /// who plans and applies does it with the error of [`plan`](Self::plan).
    pub async fn not_begun(&self, options: &RunOptions, began: Timestamp, error: &RunError) {
        let run = RememberedRun {
            at: began,
            took: u64::try_from(self.clock.now().since(began).as_millis()).unwrap_or(u64::MAX),
            cause: options.cause.clone(),
            whole: options.is_whole(),
            tally: Tally::default(),
            errors: true,
            unread: 0,
            incomplete: 0,
            not_begun: Some(error.to_string()),
        };
        if let Err(error) = self.store.commit(&[MemoryChange::Ran(run)]).await {
            tracing::warn!(%error, "a run that could not begin is not remembered either");
        }
    }

    /// Takes in what the first round has written down: its removals count towards the limits of the second. Answers
    /// whether it is the same memory still.
    async fn recall_again(&self, memory: &mut Memory, errors: &mut Vec<String>) -> bool {
        match self.store.recall().await {
            Ok(recalled) => match still(recalled, memory) {
                Ok(now) => *memory = now,
                Err(why) => {
                    errors.push(why);
                    return false;
                }
            },
            Err(error) => {
                // Nobody goes where it is not known how many have gone.
                memory.clean_run = None;
                errors.push(error.to_string());
            }
        }
        true
    }

    /// Plans rooms once more that were created or joined, with all the care of a first plan: other aliases may lead to
    /// them.
    async fn again(&self, known: Known, options: &RunOptions) -> Result<Draft, RunError> {
        let about = About::new(&self.policy, options, &known.memory)?;
        self.draft(known, &about, options).await
    }

    async fn apply_again(&self, mut draft: Draft, report: &mut Report, options: &ApplyOptions<'_>) {
        let names: Vec<(RoomRef, Vec<RoomRef>)> = draft
            .plan
            .rooms()
            .iter()
            .map(|room| (room.plan().room.clone(), room.plan().refs.clone()))
            .collect();
        if let Err(error) = self.store.commit(&draft.learned).await {
            report.errors.push(error.to_string());
        }
        let left_out = draft.restriction.take().map(|some| some.narrow(&mut draft));
        let second = apply(draft.plan, &self.backend, options).await;
        report.errors.extend(second.errors);
        for mut room in second.rooms {
            // Other names may have turned out to be the same room's.
            let refs = names.iter().find(|(name, _)| *name == room.room);
            let refs = refs.map_or(&[][..], |(_, refs)| refs);
            let index = report.rooms.iter().position(|r| refs.contains(&r.room));
            if let Some(first) = index.map(|ix| &mut report.rooms[ix]) {
                let mut items = std::mem::take(&mut first.items);
                items.append(&mut room.items);
                room.items = items;
                *first = room;
            }
        }
        Restriction::tell(left_out.unwrap_or_default(), report);
    }
}

/// That a run has told of the memory that was lost before the one that it began with.
fn loss_told(report: &Report, present: MemoryIdentity) -> Option<MemoryChange> {
    let is_loss = |finding: &Finding| finding.kind == FindingKind::MemoryLost;
    let told = report.findings.iter().any(is_loss);
    told.then_some(MemoryChange::LossTold(present))
}

/// The same memory as before, with what was remembered since; or why there is none. Another one is nothing to go on
/// with: the next run recalls it, and tells that this one was lost.
fn still(recalled: Recalled, before: &Memory) -> Result<Memory, String> {
    let why = match &recalled {
        Recalled::Lost(lost) => lost.why.clone(),
        Recalled::Memory(_) => "the memory of earlier runs is another one now".to_owned(),
    };
    let memory = recalled.into_memory();
    if memory.identity == before.identity {
        return Ok(memory);
    }
    Err(format!(
        "{why}; this was during the run, so rooms that it has created or joined wait for the next one"
    ))
}

/// What is remembered of a run that has come to its end.
fn ran(
    report: &Report,
    whole: bool,
    cause: &RunCause,
    (began, now): (Timestamp, Timestamp),
) -> RememberedRun {
    let directories = |kind| u32::try_from(report.directories(kind).len()).unwrap_or(u32::MAX);
    RememberedRun {
        at: began,
        took: u64::try_from(now.since(began).as_millis()).unwrap_or(u64::MAX),
        cause: cause.clone(),
        whole,
        tally: report.tally(),
        errors: !report.errors.is_empty(),
        unread: directories(FindingKind::DirectoryUnread),
        incomplete: directories(FindingKind::Incomplete),
        not_begun: None,
    }
}
