//! What the commands about one person or one room have in common.

use std::sync::Arc;

use clap::Args;
use inviter::core::{
    OwnedUserId,
    backend::Stoppable,
    by_hand::{Considered, Request, Standing, Wish},
    reconcile::Reconciler,
    room::RoomRef,
};

use crate::{
    context::Context,
    exit::Exit,
    output,
    render::{by_hand, document},
};

/// For the long help of these commands.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
    0  fine: it is done, was so already, or could be done (dry run)
    1  not done: a rule is in the way, or it failed
    4  in part: the rest waits for somebody, or failed; the same again does it
  130  interrupted by Ctrl-C (143 by TERM); the same again does the rest";

/// How to go about it.
#[derive(Debug, Args)]
pub(super) struct How {
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
    /// Write one JSON document
    #[arg(long)]
    json: bool,
}

impl How {
    /// Decides about the wish, and does what comes of it; `name` is the command's.
    pub(super) async fn run(
        &self,
        context: &Context<'_>,
        name: &str,
        kind: &'static str,
        room: &RoomRef,
        wish: Wish,
    ) -> anyhow::Result<Exit> {
        let request = Request {
            room: room.clone(),
            wish,
        };
        // Until something is sent, it may end anywhere.
        let (reconciler, considered, _lock) = tokio::select! {
            prepared = self.prepare(context, &request) => prepared?,
            signal = context.interrupt.after(1) => return Ok(Exit::Interrupted(signal)),
        };
        let report = if self.dry_run {
            considered.report()
        } else {
            tokio::select! {
                report = reconciler.carry_out(considered) => report,
                signal = context.interrupt.insisted() => return Ok(Exit::Interrupted(signal)),
            }
        };
        if self.json {
            let mut contents = by_hand::json(&report);
            contents["dry_run"] = self.dry_run.into();
            output::json(&document::Document::new(kind, contents))?;
        } else {
            let mut text = String::new();
            by_hand::text(&mut text, name, &report)?;
            output::text(&text)?;
        }
        if let Some(signal) = context.interrupt.signal() {
            return Ok(Exit::Interrupted(signal));
        }
        Ok(match report.standing() {
            Standing::Planned | Standing::Done | Standing::AlreadySo => Exit::Fine,
            Standing::Waiting | Standing::InPart => Exit::InPart,
            _ => Exit::Failed,
        })
    }

    /// The lock is held for as long as something may be sent.
    async fn prepare(
        &self,
        context: &Context<'_>,
        request: &Request,
    ) -> anyhow::Result<(Reconciler, Considered, Option<inviter::run_lock::RunLock>)> {
        let setup = context.setup().await?;
        let lock = if self.dry_run { None } else { Some(setup.lock()?) };
        let mut reconciler = setup.reconciler;
        let stop = Arc::new(context.interrupt.clone());
        reconciler.backend = Arc::new(Stoppable::new(reconciler.backend, stop));
        let considered = reconciler.consider(request).await?;
        Ok((reconciler, considered, lock))
    }
}

/// Reads a user ID.
pub(super) fn user_id(text: &str) -> Result<OwnedUserId, String> {
    OwnedUserId::try_from(text).map_err(|error| format!("{error}; write a user ID like '@user:example.com'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_by_their_whole_id() {
        assert!(user_id("@a:b").is_ok());
        for text in ["a", "@a", "#a:b", "@a:"] {
            let error = user_id(text).unwrap_err();
            assert!(error.contains("'@user:example.com'"), "{error}");
        }
    }
}
