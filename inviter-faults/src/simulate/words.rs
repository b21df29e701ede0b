//! A person's word: release codes, and exactly whom each of them is about.

use std::collections::{BTreeMap, BTreeSet};

use inviter_core::{
    OwnedRoomId, OwnedUserId,
    action::{Op, RoomTarget},
    guard::ReleaseCode,
    report::{Outcome, Report, RoomReport},
};

/// Somebody in a room.
pub(super) type Pair = (OwnedRoomId, OwnedUserId);

/// All codes that were ever shown.
#[derive(Debug, Clone, Default)]
pub(super) struct Words {
    /// Whose removal the report held that gave the code.
    about: BTreeMap<ReleaseCode, BTreeSet<Pair>>,
    /// Somebody was let go by it, or what it rests on is lost: it is good no more.
    used: BTreeSet<ReleaseCode>,
    /// Those of this run that are good.
    given: BTreeSet<ReleaseCode>,
}

impl Words {
    /// Begins a run for which a person has typed these.
    pub(super) fn begin(&mut self, typed: &BTreeSet<ReleaseCode>) {
        self.given = typed.difference(&self.used).cloned().collect();
    }

    /// Takes in the codes of a report.
    pub(super) fn learn(&mut self, report: &Report) {
        let of_rooms = report
            .rooms
            .iter()
            .filter_map(|room| Some((room.release.clone()?, held(room).collect())));
        let of_all = report
            .release
            .clone()
            .map(|code| (code, report.rooms.iter().flat_map(held).collect()));
        let shown: Vec<(ReleaseCode, BTreeSet<Pair>)> = of_rooms.chain(of_all).collect();
        for (code, pairs) in shown {
            // The code of all rooms knows nothing yet of those that were made on the way, though the report does.
            let known = self.about.entry(code).or_insert_with(|| pairs.clone());
            known.retain(|pair| pairs.contains(pair));
        }
    }

    /// Whether a person has let somebody go in this run.
    pub(super) fn lets_go(&self, pair: &Pair) -> bool {
        self.given.iter().any(|code| self.is_about(code, pair))
    }

    /// A code is good once: one of this run was needed to let somebody go.
    pub(super) fn use_up(&mut self, pair: &Pair) {
        let used = self.given.iter().filter(|code| self.is_about(code, pair));
        let used: Vec<ReleaseCode> = used.cloned().collect();
        self.used.extend(used);
    }

    /// None of them is good any more.
    pub(super) fn end_all(&mut self) {
        self.used.extend(self.about.keys().cloned());
    }

    /// Whom a code is about.
    pub(super) fn of(&self, code: &ReleaseCode) -> BTreeSet<Pair> {
        self.about.get(code).cloned().unwrap_or_default()
    }

    /// Every code that was ever shown, good or not.
    pub(super) fn shown(&self) -> Vec<ReleaseCode> {
        self.about.keys().cloned().collect()
    }

    fn is_about(&self, code: &ReleaseCode, pair: &Pair) -> bool {
        self.about.get(code).is_some_and(|pairs| pairs.contains(pair))
    }
}

/// Whose removal is held in a room.
fn held(room: &RoomReport) -> impl Iterator<Item = Pair> {
    let id = match &room.target {
        Some(RoomTarget::Existing(id)) => Some(id),
        _ => None,
    };
    let held = room
        .items
        .iter()
        .filter(|item| matches!(item.outcome, Outcome::Held { .. }));
    held.filter_map(move |item| match &item.action.op {
        Op::Remove { user, .. } => Some((id?.clone(), user.clone())),
        _ => None,
    })
}
