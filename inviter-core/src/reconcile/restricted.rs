//! Applying only what a saved plan has, of a plan that was made just now.

use std::collections::{BTreeMap, BTreeSet};

use super::{Draft, Reconciler, RunError};
use crate::{
    action::Action,
    guard::ReleaseCode,
    recall::MemoryChange,
    report::{Outcome, Report, ReportItem},
    room::RoomRef,
    saved_plan::{Comparison, SavedAction, SavedPlan, SavedPlanError, SavedRoom, Standing, index},
};

/// What a draft is restricted to: the rooms of a saved plan in which nothing else is to be done.
#[derive(Debug, Clone)]
pub(super) struct Restriction {
    rooms: Vec<SavedRoom>,
}

/// A plan that was made afresh for a saved one.
#[derive(Debug, Clone)]
pub struct Replanned {
    /// The plan, restricted to the rooms in which nothing else is to be done than the saved plan has for them.
    pub draft: Draft,
    /// What has become of the saved plan.
    pub comparison: Comparison,
    /// Which of the releases have let something go in the whole plan, before it was restricted.
    pub released: BTreeSet<ReleaseCode>,
    /// The options that it was made with, for [`Reconciler::apply`].
    pub options: super::RunOptions,
}

/// A saved plan cannot be made afresh.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplanError {
    /// The run could not begin.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The plan is of no use here.
    #[error(transparent)]
    Plan(#[from] SavedPlanError),
}

impl Reconciler {
    /// Reads directories and rooms again, plans what a saved plan is about as a person's own run, and keeps what is
    /// still the same. The guard judges the whole of the new plan: what is left out counts towards every limit. Sends no
    /// writing request, and remembers nothing but a run that could not begin.
    ///
    /// # Errors
    /// As any plan; and a plan that was made for another account, or under another scope.
    pub async fn plan_saved(
        &self,
        saved: &SavedPlan,
        releases: impl IntoIterator<Item = ReleaseCode>,
    ) -> Result<Replanned, ReplanError> {
        let mut options = saved.options()?;
        options.releases = releases.into_iter().collect();
        let began = self.clock.now();
        let identity = match self.backend.whoami().await {
            Ok(identity) => identity,
            Err(error) => {
                let error = RunError::from(error);
                self.not_begun(&options, began, &error).await;
                return Err(error.into());
            }
        };
        saved.check(&identity.user_id, &self.policy.scope)?;
        let draft = match self.plan(&options).await {
            Ok(draft) => draft,
            Err(error) => {
                self.not_begun(&options, began, &error).await;
                return Err(error.into());
            }
        };
        let let_go = draft.plan.released().clone();
        let (draft, comparison) = draft.restricted_to(saved);
        Ok(Replanned {
            draft,
            comparison,
            released: let_go,
            options,
        })
    }
}

impl Draft {
    /// Leaves out every room in which anything else is to be done than a saved plan has for it. Rooms that are created or
    /// joined on the way come to no more than the saved plan has for them, either. Rooms that are put off stay, with
    /// nothing to do or to learn in them, for what is to be told of them.
    ///
    /// This only takes away, whatever the saved plan says: nothing is added, no verdict changes, and a run of what is
    /// left is no whole run, so that neither the sizes of directories nor a clean run are learnt from it.
    #[must_use]
    pub fn restricted_to(mut self, saved: &SavedPlan) -> (Self, Comparison) {
        let comparison = saved.compare(&self);
        let standings = || saved.rooms.iter().zip(&comparison.rooms);
        let done = standings().filter(|(_, room)| room.standing.is_done());
        let rooms: Vec<SavedRoom> = done.map(|(saved, _)| saved.clone()).collect();
        let named = |is: fn(&Standing) -> bool| {
            let rooms = standings().filter(move |(_, room)| is(&room.standing));
            rooms
                .filter_map(|(_, room)| room.now.clone())
                .collect::<BTreeSet<RoomRef>>()
        };
        let done = named(Standing::is_done);
        let told = named(|standing| matches!(standing, Standing::PutOff(_)));
        self.plan.restrict(&done, &told);
        self.whole = false;
        self.left_out = true;
        self.restriction = Some(Restriction { rooms });
        (self, comparison)
    }
}

impl Restriction {
    /// Leaves out, of rooms that were created or joined and are planned once more, what the saved plan does not have for
    /// them. Answers with that.
    pub(super) fn narrow(&self, draft: &mut Draft) -> Vec<(RoomRef, Vec<ReportItem>)> {
        let index = index(draft.plan.rooms());
        // By the present names: how often each action may be done.
        let mut open: BTreeMap<&RoomRef, BTreeMap<String, usize>> = BTreeMap::new();
        let names: Vec<RoomRef> = draft
            .plan
            .rooms()
            .iter()
            .map(|room| room.plan().room.clone())
            .collect();
        for saved in &self.rooms {
            let found = saved.names().find_map(|name| index.get(&name).copied());
            let Some(name) = found.and_then(|at| names.get(at)) else {
                continue;
            };
            // What was held then has not been agreed to.
            for action in saved.actions.iter().filter(|action| action.held.is_empty()) {
                *open.entry(name).or_default().entry(action.key()).or_default() += 1;
            }
        }
        let left_out = draft.plan.keep_actions(|plan, action| {
            let key = SavedAction::of(action, &plan.feeds).key();
            let count = open.get_mut(&plan.room).and_then(|open| open.get_mut(&key));
            let Some(count) = count.filter(|count| **count > 0) else {
                return false;
            };
            *count -= 1;
            true
        });
        let item = |action: Action| ReportItem {
            action,
            outcome: Outcome::Skipped {
                because: "it is not in the saved plan".to_owned(),
            },
        };
        let items = left_out
            .into_iter()
            .map(|(room, actions)| (room, actions.into_iter().map(item).collect()));
        items.collect()
    }

    /// Not everything that follows from what the directories say was to be done.
    pub(super) fn unlearn(learned: &mut Vec<MemoryChange>) {
        learned.retain(|change| !matches!(change, MemoryChange::Directory(..) | MemoryChange::CleanRun(_)));
    }

    /// Tells in the report what was left out.
    pub(super) fn tell(left_out: Vec<(RoomRef, Vec<ReportItem>)>, report: &mut Report) {
        for (name, items) in left_out {
            if let Some(room) = report.rooms.iter_mut().find(|room| room.room == name) {
                room.items.extend(items);
            }
        }
    }
}
