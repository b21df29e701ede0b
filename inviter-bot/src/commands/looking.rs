//! Commands that only look.

use std::convert::Infallible;

use inviter::{
    SetupError,
    core::{
        reconcile::{Reconciler, RunError, RunOptions},
        server::RateOverride,
    },
    wiring::Setup,
};
use inviter_operations::{
    Answer,
    operations::{
        check as checking, explain as explaining, idp as wanting, joined as being, managed as managing,
        plan::{self as planning, Planned},
    },
    render::report::{self, Kind},
};

use super::{Done, Managed, Plan};
use crate::{
    answer::Told,
    audit::Event,
    conversation::{Asked, Question, confirmed, place::Delivered, progress::Progress},
};

/// Tells an answer, with what should be known besides.
pub(super) fn told(answer: &impl Answer, urgent: &str) -> Told {
    Told::with_urgent(&answer.text(), urgent).warning(&answer.warnings())
}

/// Tells what came of looking.
async fn conclude<A: Answer, E: std::error::Error>(
    asked: &Asked<'_>,
    progress: Progress,
    answer: Result<A, E>,
) -> Done {
    match answer {
        Ok(answer) => {
            progress.conclude(asked.place, told(&answer, "")).await;
            Ok(())
        }
        Err(error) => {
            failed(asked, progress, &super::Failed::from(error).0).await;
            Ok(())
        }
    }
}

/// Tells that nothing came of it.
pub(super) async fn failed(asked: &Asked<'_>, progress: Progress, why: &str) {
    progress
        .conclude(asked.place, Told::sentence(&format!("not done: {why}")))
        .await;
}

/// Begins to look, watched.
pub(super) fn begin(asked: &Asked<'_>) -> (Progress, Reconciler) {
    let progress = Progress::begin(asked.place);
    let reconciler = progress.watch(&asked.session.reconciler);
    (progress, reconciler)
}

pub(super) async fn plan(asked: &Asked<'_>, plan: Plan) -> Done {
    let Plan { rooms, asked: mut of } = plan;
    of.selection.part.room.extend(rooms);
    show(asked, &of.selection.options(), of.adopt, of.paths).await
}

/// Plans and shows the plan; also what `sync dry` does.
pub(super) async fn show(asked: &Asked<'_>, options: &RunOptions, adopt: bool, paths: bool) -> Done {
    let (progress, reconciler) = begin(asked);
    match planning::plan(&reconciler, options, adopt, paths).await {
        Ok(planned) => {
            progress
                .conclude(asked.place, told(&planned, &held(&planned)))
                .await;
        }
        Err(error) => failed(asked, progress, &error.to_string()).await,
    }
    Ok(())
}

/// What is held in a plan and why, which is shown of it in any case.
pub(super) fn held(planned: &Planned) -> String {
    let rooms = report::only(&planned.report, |outcome| {
        matches!(outcome, inviter::core::report::Outcome::Held { .. })
    });
    let mut text = String::new();
    let kind = if planned.adopting {
        Kind::PlanAdopting
    } else {
        Kind::Plan
    };
    // Writing to a string cannot fail.
    let _ = report::waiting(&mut text, (&planned.report, &rooms), &planned.evidence, kind);
    text
}

pub(super) async fn explain(asked: &Asked<'_>, of: explaining::Explain) -> Done {
    let (progress, reconciler) = begin(asked);
    let explained = explaining::explain(&reconciler, &of).await;
    conclude(asked, progress, explained).await
}

pub(super) async fn idp(asked: &Asked<'_>) -> Done {
    let (progress, reconciler) = begin(asked);
    let desired = reconciler.desired().await;
    conclude(asked, progress, Ok::<_, Infallible>(wanting::Idp { desired })).await
}

pub(super) async fn joined(asked: &Asked<'_>) -> Done {
    let (progress, reconciler) = begin(asked);
    let joined = being::read(&*reconciler.backend).await;
    conclude(asked, progress, joined).await
}

pub(super) async fn managed(asked: &Asked<'_>, managed: Managed) -> Done {
    let Managed { rooms, mut part } = managed;
    part.room.extend(rooms);
    let (progress, reconciler) = begin(asked);
    let managed: Result<_, RunError> = managing::read(&reconciler, &part.options()).await;
    conclude(asked, progress, managed).await
}

pub(super) async fn check(asked: &Asked<'_>, of: checking::Check) -> Done {
    let session = asked.session;
    if !of.fix {
        let (progress, reconciler) = begin(asked);
        let checked = checked(asked, &reconciler, &of).await;
        return conclude(asked, progress, checked).await;
    }
    let facts = session.reconciler.backend.inspect().await;
    // Otherwise nothing is sent, and why is said with everything else.
    let writes = facts.admin == Some(true) && facts.rate_override != RateOverride::Exempt;
    let mut confirmed_by = None;
    if writes {
        let question = Question {
            what: format!(
                "this takes {} out of the homeserver's rate limits",
                session.account
            ),
            shown: Delivered::nothing(),
        };
        confirmed_by = confirmed(asked, question).await;
        if confirmed_by.is_none() {
            return Ok(());
        }
    }
    let (progress, reconciler) = begin(asked);
    // What it mends is the homeserver's, and not a room's; still one thing at a time writes.
    let turn = match super::turn(asked, &progress).await {
        Ok(turn) => turn,
        Err(super::Failed(why)) => {
            failed(asked, progress, &why).await;
            return Ok(());
        }
    };
    let checked = checked(asked, &reconciler, &of).await;
    drop(turn);
    let lifted = checked.as_ref().ok().and_then(checking::Checked::lifted);
    let error = match lifted {
        Some(Ok(true)) => Some(None),
        Some(Err(why)) if writes => Some(Some(why)),
        _ => None,
    };
    if let Some(error) = error {
        let event = Event::LimitsLifted {
            confirmed_by: confirmed_by.as_ref(),
            error,
        };
        session.audit.event(&event, Some(asked.who), session.now());
    }
    conclude(asked, progress, checked).await
}

async fn checked(
    asked: &Asked<'_>,
    reconciler: &Reconciler,
    of: &checking::Check,
) -> Result<checking::Checked, SetupError> {
    let session = asked.session;
    let connected = async {
        let identity = reconciler.backend.whoami().await?;
        let mut setup = Setup::assemble(
            &session.config,
            identity,
            reconciler.backend.clone(),
            reconciler.store.clone(),
        );
        setup.reconciler = reconciler.clone();
        Ok(setup)
    };
    checking::check("the bot's configuration", &session.config, connected, of).await
}
