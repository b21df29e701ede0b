//! Doing what was decided, as long as it would be decided so again.

use ruma_common::OwnedUserId;

use super::{Reconciler, where_to};
use crate::{
    action::{Op, RoomTarget},
    apply::{Aged, InRoom, Unwitnessed, Witness},
    backend::Effect,
    by_hand::{Considered, Decision, End, Ground, Refusal, RefusalKind, WishReport},
    levels::LevelSlot,
    recall::{self, Happened, Happening, MemoryChange, Pause, StoreError},
    report::Outcome,
    room::{Binding, RoomRef},
    time::Timestamp,
};

impl Reconciler {
    /// Does what was decided: one thing after another, and nothing after one that did not come about, so that the same
    /// wish can be repeated.
    ///
    /// The room is read and decided about again before anything is done, and before the bot removes somebody, gives up
    /// its level or leaves (decision 29). What is not called for any more is not done, and the report says why.
    pub async fn carry_out(&self, considered: Considered) -> WishReport {
        self.carry_out_witnessed(considered, &Unwitnessed).await
    }

    /// As [`carry_out`](Self::carry_out), with somebody who is told of each action as soon as it is known what became
    /// of it.
    pub async fn carry_out_witnessed(&self, mut considered: Considered, witness: &dyn Witness) -> WishReport {
        if let Some(ground) = considered.ground.as_deref()
            && (!considered.decision.ops.is_empty() || considered.decision.forget.is_some())
        {
            let now = self.decide_again(ground).await;
            if !is_same(&now, &considered.decision.ops, &considered.decision) {
                considered.decision = if now.ops.is_empty() {
                    now
                } else {
                    let message = changed(ground, &considered.decision.ops, &now);
                    refused(RefusalKind::Changed, message)
                };
            }
        }
        let mut report = considered.report();
        let mut learned = std::mem::take(&mut considered.learned);
        let pause = considered
            .decision
            .pause
            .as_ref()
            .map(|id| Pause::Room(RoomRef::Id(id.clone())));
        let is_paused = |pause: &Pause| {
            let ground = considered.ground.as_deref();
            ground.is_some_and(|ground| ground.memory.paused.contains_key(pause))
        };
        let pause = pause.filter(|pause| !is_paused(pause));
        // First, so that no run comes in between.
        let mut stopped = match self.pause_for(pause.as_ref()).await {
            Ok(()) => false,
            Err(error) => {
                report.errors.push(error.to_string());
                true
            }
        };
        if let Some(ground) = considered.ground.as_deref() {
            let target = RoomTarget::Existing(ground.id.clone());
            let room = InRoom::new(&ground.request.room, &target, &[]);
            let mut not_sent = false;
            for (at, item) in report.items.iter_mut().enumerate() {
                item.outcome = if not_sent {
                    Outcome::NotSent
                } else if stopped {
                    let because = "what comes before it was not done".to_owned();
                    Outcome::Skipped { because }
                } else {
                    self.do_next(ground, &considered.decision, at, &mut learned).await
                };
                witness.settled(room, &item.action, &item.outcome);
                stopped = !matches!(item.outcome, Outcome::Done | Outcome::AlreadySo);
                not_sent = item.outcome == Outcome::NotSent;
            }
        }
        if let Some(pause) = pause
            && stopped
            && report.items.iter().all(|item| item.outcome != Outcome::Done)
        {
            learned.push(MemoryChange::Paused(pause, None));
        }
        let forgotten = considered.decision.forget.clone().filter(|_| !stopped);
        if let Some(id) = &forgotten {
            let pause = Pause::Room(RoomRef::Id(id.clone()));
            if is_paused(&pause) {
                learned.push(MemoryChange::Paused(pause, None));
            }
            learned.push(MemoryChange::Forgotten(id.clone()));
            learned.push(MemoryChange::HandedOver(id.clone(), self.clock.now()));
        }
        if !learned.is_empty() {
            match self.store.commit(&learned).await {
                Ok(()) => report.forgotten = forgotten.is_some(),
                Err(error) => report.errors.push(error.to_string()),
            }
        }
        report
    }

    async fn pause_for(&self, pause: Option<&Pause>) -> Result<(), StoreError> {
        let Some(pause) = pause else { return Ok(()) };
        let paused = MemoryChange::Paused(pause.clone(), Some(self.clock.now()));
        self.store.commit(&[paused]).await
    }

    /// Does the operation at this place in the decision.
    async fn do_next(
        &self,
        ground: &Ground,
        decision: &Decision,
        at: usize,
        learned: &mut Vec<MemoryChange>,
    ) -> Outcome {
        let remaining = &decision.ops[at..];
        let op = &decision.ops[at];
        if at > 0 && takes_away(op, ground) {
            let now = self.decide_again(ground).await;
            if !is_same(&now, remaining, decision) {
                let detail = changed(ground, remaining, &now);
                return Outcome::Stale { detail };
            }
        }
        let id = &ground.id;
        if *op == Op::Leave {
            // Written down first: were it not written down at all, whoever invites the bot back would have the new
            // admin's people removed.
            let handed_over = MemoryChange::HandedOver(id.clone(), self.clock.now());
            if let Err(error) = self.store.commit(&[handed_over]).await {
                return Outcome::Failed {
                    error: error.to_string(),
                    temporary: false,
                };
            }
        }
        let result = self.backend.execute(&RoomTarget::Existing(id.clone()), op).await;
        match &result {
            Ok(effect) => tracing::info!(room = %id, ?op, ?effect, "done by hand"),
            Err(error) => tracing::warn!(room = %id, ?op, %error, "failed by hand"),
        }
        match &result {
            Ok(Effect::Stale(_)) => Outcome::Stale {
                detail: "someone changed it since it was read; ask for it again".to_owned(),
            },
            result => {
                if result.is_ok() {
                    learned.extend(no_longer_given(ground, op));
                }
                if matches!(result, Ok(Effect::Done)) && !self.policy.history.is_zero() {
                    learned.extend(happened(ground, op, self.clock.now()));
                }
                Outcome::of(result.as_ref(), self.clock.now())
            }
        }
    }

    /// The decision as it would be now.
    async fn decide_again(&self, ground: &Ground) -> Decision {
        let room = &ground.request.room;
        if let Some(aged) = Aged::of(ground.at, self.clock.now()) {
            let why = match aged {
                Aged::TooOld => "it was decided more than 15 minutes ago",
                Aged::SetBack => "the clock was set back since it was decided, and its age is not known",
            };
            return refused(
                RefusalKind::Changed,
                format!("{room}: {why}; ask for the same again"),
            );
        }
        match where_to(&self.backend, room, &ground.memory.successors).await {
            Binding::Bound(id) if id == ground.id => {}
            Binding::Bound(_) | Binding::Missing => {
                let message = format!(
                    "{room} has been moved and does not lead to {} any more; ask again for the room that is meant",
                    ground.id
                );
                return refused(RefusalKind::Changed, message);
            }
            Binding::Unknown(cause) => {
                let message = format!("{room}: {cause}; ask for the same again later");
                return refused(RefusalKind::Unknown, message);
            }
        }
        match self.state_of(&self.backend, &ground.id).await {
            Ok(state) => ground.decide(&state),
            Err(error) => {
                let message =
                    format!("{room} could not be read again: {error}; ask for the same again later");
                refused(RefusalKind::Unknown, message)
            }
        }
    }
}

const fn refused(kind: RefusalKind, message: String) -> Decision {
    Decision::refused(Refusal { kind, message })
}

/// Whether the same is still to be done, and leads to the same.
fn is_same(now: &Decision, remaining: &[Op], decision: &Decision) -> bool {
    now.ops == remaining && now.end == decision.end
}

/// Whether somebody loses something by it: the person who is to go, or the room the bot.
fn takes_away(op: &Op, ground: &Ground) -> bool {
    match op {
        Op::Remove { .. } | Op::Leave => true,
        Op::SetLevels { changes } => changes.iter().any(|change| {
            matches!(&change.slot, LevelSlot::User(user) if *user == ground.identity.user_id)
                && change.to < change.from
        }),
        _ => false,
    }
}

/// A sentence on what is other than it was.
fn changed(ground: &Ground, remaining: &[Op], now: &Decision) -> String {
    let room = &ground.request.room;
    let how = match &now.end {
        End::Refused(refusal) => return refusal.message.clone(),
        End::Waits(why) if now.ops.is_empty() => return why.clone(),
        _ => difference(remaining, &now.ops),
    };
    format!("{room} has changed since it was looked at, and {how}; ask for the same again")
}

fn difference(before: &[Op], now: &[Op]) -> String {
    let without = |some: &[Op], others: &[Op]| {
        let only = some.iter().filter(|op| !others.contains(op));
        only.map(in_words).collect::<Vec<_>>().join(" and ")
    };
    match (without(before, now), without(now, before)) {
        (gone, new) if new.is_empty() => format!("{gone} is not called for any more"),
        (gone, new) if gone.is_empty() => format!("{new} is called for as well"),
        (gone, new) => format!("{new} is called for instead of {gone}"),
    }
}

fn in_words(op: &Op) -> String {
    match op {
        Op::Invite { user, .. } => format!("inviting {user}"),
        Op::Remove { user, .. } => format!("removing {user}"),
        Op::Leave => "the bot's leaving".to_owned(),
        Op::SetLevels { changes } => {
            let level =
                |level: Option<i64>| level.map_or_else(|| "none".to_owned(), |level| level.to_string());
            let each = changes.iter().filter_map(|change| match &change.slot {
                LevelSlot::User(user) => Some(format!(
                    "changing the level of {user} from {} to {}",
                    level(change.from),
                    level(change.to)
                )),
                _ => None,
            });
            each.collect::<Vec<_>>().join(" and ")
        }
        _ => "something else".to_owned(),
    }
}

/// What was done with people other than the bot, for whoever asks later.
fn happened<'a>(ground: &'a Ground, op: &'a Op, at: Timestamp) -> impl Iterator<Item = MemoryChange> + 'a {
    let others = Happening::of(op).into_iter();
    let others = others.filter(|(user, _)| *user != ground.identity.user_id);
    others.map(move |(user, what)| {
        MemoryChange::Happened(Happened {
            at,
            room: ground.id.clone(),
            user: user.to_owned(),
            what,
            ground: recall::Ground::ByHand,
            group: None,
        })
    })
}

/// Levels that we gave earlier and that are taken back by this.
fn no_longer_given<'a>(ground: &'a Ground, op: &'a Op) -> impl Iterator<Item = MemoryChange> + 'a {
    let changes = match op {
        Op::SetLevels { changes } => &changes[..],
        _ => &[],
    };
    let given = |user: &OwnedUserId| {
        let remembered = ground.memory.rooms.get(&ground.id);
        remembered.is_some_and(|room| room.given.contains_key(user))
    };
    changes.iter().filter_map(move |change| match &change.slot {
        LevelSlot::User(user) if change.to.is_none() && given(user) => {
            Some(MemoryChange::Given(ground.id.clone(), user.clone(), None))
        }
        _ => None,
    })
}
