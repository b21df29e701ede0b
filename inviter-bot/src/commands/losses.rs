//! [`Losses`]: what a plan takes from people, so that nothing is done that nobody was asked about.

use std::collections::{BTreeMap, BTreeSet};

use inviter::core::{
    OwnedUserId,
    action::{Op, RoomTarget},
    guard::{Verdict, is_loss},
    levels::LevelSlot,
    reconcile::Draft,
};
use inviter_operations::render::{
    clean::clean,
    counted,
    style::{CHANGE, REMOVE},
};

/// What one person loses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Loss {
    /// Their place.
    Removed,
    /// Their level, down to this.
    Lowered(i64),
}

/// Who loses what, in which room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Losses {
    losses: BTreeSet<(RoomTarget, OwnedUserId, Loss)>,
    names: BTreeMap<RoomTarget, String>,
}

impl Losses {
    /// What would be taken if a plan were applied: what is held or pending is not.
    pub(super) fn of(draft: &Draft) -> Self {
        let mut all = Self::default();
        for room in draft.plan.rooms() {
            let Some(target) = &room.plan().target else {
                continue;
            };
            let actions = room.actions().iter();
            let allowed = actions.filter(|guarded| guarded.verdict == Verdict::Allowed);
            let before = all.losses.len();
            for guarded in allowed.filter(|guarded| is_loss(&guarded.action)) {
                match &guarded.action.op {
                    Op::Remove { user, .. } => all.add(target, user, Loss::Removed),
                    Op::SetLevels { changes } => {
                        for change in changes {
                            if let (LevelSlot::User(user), Some(lowers)) =
                                (&change.slot, guarded.action.lowers)
                            {
                                all.add(target, user, Loss::Lowered(lowers.to));
                            }
                        }
                    }
                    _ => {}
                }
            }
            if all.losses.len() > before {
                all.names.insert(target.clone(), room.plan().room.to_string());
            }
        }
        all
    }

    fn add(&mut self, room: &RoomTarget, user: &OwnedUserId, loss: Loss) {
        self.losses.insert((room.clone(), user.clone(), loss));
    }

    /// Whether nothing is taken.
    pub(super) fn is_empty(&self) -> bool {
        self.losses.is_empty()
    }

    /// Whether all of it is among what was shown.
    pub(super) fn are_among(&self, shown: &Self) -> bool {
        self.losses.is_subset(&shown.losses)
    }

    /// One line for each, with styles.
    pub(super) fn lines(&self) -> String {
        let line = |(room, user, loss): &(RoomTarget, OwnedUserId, Loss)| {
            let name = clean(self.names.get(room).map_or("", String::as_str));
            let user = clean(user.as_str());
            match loss {
                Loss::Removed => format!("{REMOVE}-{REMOVE:#} remove {user} from {name}\n"),
                Loss::Lowered(to) => format!("{CHANGE}~{CHANGE:#} lower {user} to level {to} in {name}\n"),
            }
        };
        self.losses.iter().map(line).collect()
    }

    /// In a few words: `this removes 3 people and lowers 1 person in 2 rooms`.
    pub(super) fn in_words(&self) -> String {
        let count = |is: fn(&Loss) -> bool| {
            let those = self.losses.iter().filter(|(_, _, loss)| is(loss));
            those.map(|(_, user, _)| user).collect::<BTreeSet<_>>().len()
        };
        let removed = count(|loss| *loss == Loss::Removed);
        let lowered = count(|loss| *loss != Loss::Removed);
        let mut parts = Vec::new();
        if removed > 0 {
            parts.push(format!("removes {}", counted(removed, "person", "people")));
        }
        if lowered > 0 {
            parts.push(format!("lowers {}", counted(lowered, "person", "people")));
        }
        if parts.is_empty() {
            return "this takes nothing from anybody".to_owned();
        }
        let rooms = counted(self.names.len(), "room", "rooms");
        format!("this {} in {rooms}", parts.join(" and "))
    }
}
