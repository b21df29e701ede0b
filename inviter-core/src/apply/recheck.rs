//! Whether the world is still the one that was planned for, asked again before anything is taken away (decision 29).

use std::time::Duration;

use super::{RoomRun, Run};
use crate::{
    action::RoomTarget,
    guard::is_loss,
    recall::{MemoryChange, RememberedAlias},
    report::Outcome,
    room::{Binding, RoomRef},
};

/// A removal that was planned longer ago is not sent (decision 29).
pub(crate) const REMOVALS_GOOD_FOR: Duration = Duration::from_secs(15 * 60);
pub(super) const TOO_OLD: &str = "it was planned more than 15 minutes ago; plan again";

impl Run<'_> {
    /// What is taken away by the levels is taken from the room that was planned for, too.
    pub(super) async fn recheck_demotions(&self, room: &mut RoomRun<'_>) {
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

    /// Why what was planned to be taken away must not be, if the world is not the one that was planned for.
    pub(super) async fn stale(&self, room: &mut RoomRun<'_>) -> Option<String> {
        if self.is_too_old() {
            return Some(TOO_OLD.to_owned());
        }
        self.binding_changed(room).await
    }

    pub(super) fn is_too_old(&self) -> bool {
        self.options.clock.now().since(self.planned) >= REMOVALS_GOOD_FOR
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
