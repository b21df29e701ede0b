//! `sync` and `release`: runs that a person asks for.

use std::sync::Arc;

use inviter::{
    Trigger,
    core::{
        OwnedUserId,
        evidence::Evidence,
        guard::GuardedRoom,
        plan::RoomStatus,
        reconcile::{Draft, Reconciler, RunOptions},
        runs::RunCause,
    },
};
use inviter_operations::operations::{
    adopt::adopt_found,
    plan::{self as planning, Planned},
    release::{self as releasing, Held, Release},
    sync::{Sync, Synced},
};

use super::{
    Done, Failed,
    looking::{begin, failed, held, show, told},
    losses::Losses,
    rooms::note_adopted,
    turn,
};
use crate::conversation::{Asked, Question, confirmed, progress::Progress};

pub(super) async fn sync(asked: &Asked<'_>, of: Sync) -> Done {
    let options = of.selection.options();
    if of.dry_run {
        return show(asked, &options, of.adopt, of.paths).await;
    }
    let run = Run {
        options,
        adopt: of.adopt,
        paths: of.paths,
        always_ask: false,
    };
    run.carry_out(asked).await
}

pub(super) async fn release(asked: &Asked<'_>, of: Release) -> Done {
    let (progress, reconciler) = begin(asked);
    let known = match releasing::held(&reconciler).await {
        Ok(known) => known,
        Err(error) => {
            failed(asked, progress, &error.to_string()).await;
            return Ok(());
        }
    };
    if of.codes.is_empty() {
        progress.conclude(asked.place, told(&known, "")).await;
        return Ok(());
    }
    let options = of.options();
    if let Err(error) = known.covers(&options.releases) {
        failed(asked, progress, &error.to_string()).await;
        return Ok(());
    }
    if let Some(event) = progress.end().await {
        let text = "the code is known; what a sync does with it is looked at";
        asked.place.correct(&event, text).await;
    }
    if of.dry_run {
        return show(asked, &options, false, false).await;
    }
    let run = Run {
        options,
        adopt: false,
        paths: false,
        always_ask: true,
    };
    run.carry_out(asked).await
}

/// A run that a person asks for.
struct Run {
    options: RunOptions,
    adopt: bool,
    paths: bool,
    /// It is asked about even if it takes nothing from anybody.
    always_ask: bool,
}

/// How far a run got.
enum Attempt {
    /// To its end.
    Done(Box<Synced>, Vec<String>),
    /// It would take something from people that nobody was asked about.
    Ask(Box<Planned>, Losses),
}

/// What was confirmed, and by whom.
struct Agreed {
    losses: Losses,
    by: OwnedUserId,
}

impl Run {
    /// Plans, asks if it takes something from somebody, and does it. What was confirmed is planned again, and done
    /// only if it takes nothing else.
    async fn carry_out(mut self, asked: &Asked<'_>) -> Done {
        let Asked { place, who, .. } = *asked;
        self.options.cause = RunCause::Person {
            who: Some(who.clone()),
        };
        let mut agreed: Option<Agreed> = None;
        loop {
            let (progress, reconciler) = begin(asked);
            match self.attempt(asked, &reconciler, &progress, agreed.as_ref()).await {
                Ok(Attempt::Done(synced, warnings)) => {
                    let mut told = told(&*synced, "");
                    told = told.warning(&warnings);
                    progress.conclude(place, told).await;
                    return Ok(());
                }
                Ok(Attempt::Ask(planned, losses)) => {
                    let urgent = format!("{}{}", losses.lines(), held(&planned));
                    let shown = progress.conclude(place, told(&*planned, &urgent)).await;
                    let changed = if agreed.is_some() {
                        "it is other than what was confirmed, and nothing was done yet; "
                    } else {
                        ""
                    };
                    let what = format!("{changed}{}", losses.in_words());
                    let Some(by) = confirmed(asked, Question { what, shown }).await else {
                        return Ok(());
                    };
                    agreed = Some(Agreed { losses, by });
                }
                Err(Failed(why)) => {
                    failed(asked, progress, &why).await;
                    return Ok(());
                }
            }
        }
    }

    async fn attempt(
        &self,
        asked: &Asked<'_>,
        reconciler: &Reconciler,
        progress: &Progress,
        agreed: Option<&Agreed>,
    ) -> Result<Attempt, Failed> {
        let session = asked.session;
        let confirmed_by = agreed.map(|agreed| &agreed.by);
        let options = &self.options;
        let turn = turn(asked, progress).await?;
        let mut draft = match session.plan_over(reconciler, options).await {
            Ok(draft) => draft,
            Err(error) => return Err(Failed(session.not_begun(&turn, options, &error).await)),
        };
        if !options.releases.is_empty() {
            self.codes_fit(reconciler, &draft, agreed.is_some()).await?;
        }
        let mut warnings = Vec::new();
        if self.adopt && finds_some(&draft) {
            // Adopting is remembered, so it waits for the word as well.
            let as_if = planning::plan(reconciler, options, true, self.paths).await?;
            let losses = Losses::of(&as_if.draft);
            if self.must_ask(&losses, agreed) {
                return Ok(Attempt::Ask(Box::new(as_if), losses));
            }
            let adopting = adopt_found(reconciler, &draft, options).await?;
            warnings.extend(adopting.refusals());
            note_adopted(asked, &adopting, confirmed_by);
            draft = session.plan_over(reconciler, options).await?;
        }
        let losses = Losses::of(&draft);
        let planned = Planned::of(draft, &reconciler.policy, options, self.paths);
        if self.must_ask(&losses, agreed) {
            return Ok(Attempt::Ask(Box::new(planned), losses));
        }
        warnings.extend(inviter_operations::Answer::warnings(&planned));
        let draft = planned.draft;
        progress.expect(draft.operations());
        let bot = draft.identity.user_id.clone();
        let desired = draft.desired.clone();
        let directories = Arc::clone(&draft.directories);
        let mut applied = options.clone();
        // Rooms that the bot joins on the way are planned once more, and nobody was asked about losses there.
        applied.trigger = Trigger::Cautious;
        let report = session
            .apply_over(reconciler, turn, draft, &applied, confirmed_by)
            .await;
        let report = Arc::unwrap_or_clone(report);
        let synced = Synced {
            evidence: Evidence::gather(&directories, &reconciler.policy, &report.rooms, self.paths),
            report,
            desired,
            bot,
        };
        Ok(Attempt::Done(Box::new(synced), warnings))
    }

    /// Whether each code still stands for what is held: with one that does not, this would be a sync of everything else.
    async fn codes_fit(&self, reconciler: &Reconciler, draft: &Draft, confirmed: bool) -> Result<(), Failed> {
        let mut without = self.options.clone();
        without.releases.clear();
        let held = reconciler
            .plan_with(Arc::clone(&draft.directories), &without)
            .await?;
        let held = Held::of(Planned::of(held, &reconciler.policy, &without, false));
        held.covers(&self.options.releases).map_err(|error| {
            Failed(if confirmed {
                format!(
                    "what is held is other than what was confirmed, and the code fits it no longer: {error}"
                )
            } else {
                error.to_string()
            })
        })
    }

    fn must_ask(&self, losses: &Losses, agreed: Option<&Agreed>) -> bool {
        match agreed {
            Some(agreed) => !losses.are_among(&agreed.losses),
            None => self.always_ask || !losses.is_empty(),
        }
    }
}

/// Whether there are rooms that wait for being adopted.
fn finds_some(draft: &Draft) -> bool {
    let mut plans = draft.plan.rooms().iter().map(GuardedRoom::plan);
    plans.any(|plan| plan.status == RoomStatus::Found)
}
