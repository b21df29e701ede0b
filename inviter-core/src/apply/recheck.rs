//! Whether the world is still the one that was planned for, asked again before anything is taken away (decision 29).

use std::time::Duration;

use super::{RoomRun, Run};
use crate::{
    action::RoomTarget,
    guard::is_loss,
    recall::{MemoryChange, RememberedAlias},
    report::Outcome,
    room::{Binding, RoomRef},
    time::Timestamp,
};

/// A removal that was planned longer ago is not sent (decision 29).
const REMOVALS_GOOD_FOR: Duration = Duration::from_secs(15 * 60);
const TOO_OLD: &str = "it was planned more than 15 minutes ago; plan again";
const SET_BACK: &str = "the clock was set back since it was planned, and its age is not known; plan again";

/// Why nothing may be taken away any more on the strength of what was planned or decided then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aged {
    /// 15 minutes ago, or longer.
    TooOld,
    /// Later than now: the clock was set back since, so that nobody knows how long ago it was. By the clock alone it
    /// would stay young for as long as that was.
    SetBack,
}

impl Aged {
    /// Whether it is too late for what was planned at a time.
    pub(crate) fn of(planned: Timestamp, now: Timestamp) -> Option<Self> {
        if planned > now {
            Some(Self::SetBack)
        } else if now.since(planned) >= REMOVALS_GOOD_FOR {
            Some(Self::TooOld)
        } else {
            None
        }
    }
}

impl Run<'_> {
    /// What is taken away by the levels is taken from the room that was planned for, too.
    pub(super) async fn recheck_demotions(&self, room: &mut RoomRun<'_>) {
        let mut indices = room.open(2);
        indices.retain(|index| is_loss(&room.actions[*index].action));
        if indices.is_empty() {
            return;
        }
        if let Some(outcome) = self.stale(room).await {
            return room.settle(&indices, &outcome);
        }
        self.use_up(room, &indices, Vec::new(), "the release").await;
    }

    /// Writes down that a person's word is used, so that it is good once whatever happens from here on, together with
    /// other records. What these actions are about does not happen if that fails.
    pub(super) async fn use_up(
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

    /// What becomes of what was planned to be taken away, if the world is not the one that was planned for.
    pub(super) async fn stale(&self, room: &mut RoomRun<'_>) -> Option<Outcome> {
        let stale = |detail: String| Outcome::Stale { detail };
        if let Some(detail) = self.is_too_late() {
            return Some(stale(detail.to_owned()));
        }
        let detail = self.binding_changed(room).await?;
        // Who may not ask any more has not found out that anything has changed.
        Some(if self.backend.is_stopped() {
            Outcome::NotSent
        } else {
            stale(detail)
        })
    }

    /// Why nothing of the plan may be taken away any more.
    pub(super) fn is_too_late(&self) -> Option<&'static str> {
        Aged::of(self.planned, self.options.clock.now()).map(|aged| match aged {
            Aged::TooOld => TOO_OLD,
            Aged::SetBack => SET_BACK,
        })
    }

    /// Whether an alias that leads to the room leads elsewhere by now.
    pub(super) async fn binding_changed(&self, room: &mut RoomRun<'_>) -> Option<String> {
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
}
