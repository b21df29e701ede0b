//! [`Writer`]: writes down each action of a run, or of a command by hand, at the moment of its effect.

use std::sync::{Mutex, PoisonError};

use inviter::{
    Policy,
    core::{
        OwnedUserId,
        action::Action,
        apply::{InRoom, Witness},
        evidence::Evidence,
        guard::GuardedPlan,
        report::{Outcome, RoomReport},
        resolve::ReadOutcome,
        runs::RunCause,
        time::{Clock, Timestamp},
    },
};

use super::{Audit, Event, lines};

/// What lines are about besides the action itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Occasion<'a> {
    /// When the run began, which is its name; a command by hand is no run.
    pub(super) run: Option<Timestamp>,
    /// What started it.
    pub(super) cause: &'static str,
    /// The person who asked for it.
    pub(super) by: Option<&'a OwnedUserId>,
    /// Whose word it waited for.
    pub(super) confirmed_by: Option<&'a OwnedUserId>,
}

impl<'a> Occasion<'a> {
    /// A run that began then.
    pub(crate) const fn run(
        begun: Timestamp,
        cause: &'a RunCause,
        confirmed_by: Option<&'a OwnedUserId>,
    ) -> Self {
        let by = match cause {
            RunCause::Person { who } => who.as_ref(),
            _ => None,
        };
        Self {
            run: Some(begun),
            cause: cause.as_str(),
            by,
            confirmed_by,
        }
    }

    /// A command about one person or room.
    pub(crate) const fn by_hand(who: &'a OwnedUserId, confirmed_by: Option<&'a OwnedUserId>) -> Self {
        Self {
            run: None,
            cause: "person",
            by: Some(who),
            confirmed_by,
        }
    }
}

/// What a run was planned from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grounds<'a> {
    /// What the directories answered.
    pub(crate) directories: &'a [ReadOutcome],
    /// The administrator's decisions.
    pub(crate) policy: &'a Policy,
}

/// Writes a line as soon as it is known what became of an action.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    pub(super) audit: &'a Audit,
    pub(super) clock: &'a dyn Clock,
    pub(super) occasion: Occasion<'a>,
    pub(super) grounds: Option<Grounds<'a>>,
    /// What the directories say of the people of the round that is under way.
    pub(super) evidence: Mutex<Option<Evidence>>,
}

impl Witness for Writer<'_> {
    fn begins(&self, plan: &GuardedPlan) {
        if !self.audit.is_open() {
            return;
        }
        let Occasion { by, confirmed_by, .. } = self.occasion;
        for code in plan.released() {
            let code = code.as_str();
            let event = Event::Released { code, confirmed_by };
            self.audit.event(&event, by, self.clock.now());
        }
        // Most runs do nothing, and looking up evidence takes a look at every account.
        let Some(grounds) = self.grounds.filter(|_| !plan.is_empty()) else {
            return;
        };
        let mut rooms: Vec<RoomReport> = plan.rooms().iter().map(RoomReport::of_plan).collect();
        for room in &mut rooms {
            room.items.retain(|item| item.outcome == Outcome::Planned);
        }
        let evidence = Evidence::gather(grounds.directories, grounds.policy, &rooms, true);
        *self.evidence.lock().unwrap_or_else(PoisonError::into_inner) = Some(evidence);
    }

    fn settled(&self, room: InRoom<'_>, action: &Action, outcome: &Outcome) {
        let lines = {
            let evidence = self.evidence.lock().unwrap_or_else(PoisonError::into_inner);
            let now = self.clock.now();
            lines::of_action(room, action, outcome, evidence.as_ref(), self.occasion, now)
        };
        self.audit.append(lines);
    }
}
