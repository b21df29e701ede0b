//! When the next scheduled run begins.

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream::select_all};
use inviter::{IdentityProvider, config::BotConfig, core::runs::RunCause};
use tokio::time::sleep;

use crate::session::Session;

/// From now to the next scheduled run.
pub(crate) fn pause(config: &BotConfig) -> Duration {
    config.interval + config.jitter.mul_f64(fastrand::f64())
}

/// Asks for runs, for ever.
pub(crate) async fn keep(session: &Session) {
    let bot = &session.config.bot;
    let mut due = session.board.known().due;
    if due.is_some() {
        // Another connection was there before, and nobody knows what has happened since.
        session.triggers.everything(RunCause::Schedule);
    } else if bot.run_at_start {
        session.triggers.everything(RunCause::Start);
    }
    loop {
        let mut pause = pause(bot);
        // A configuration that is read anew does not put the next run off.
        if let Some(due) = due.take() {
            pause = pause.min(due.saturating_duration_since(Instant::now()));
        }
        session
            .board
            .scheduled(session.now().plus(pause), Instant::now() + pause);
        sleep(pause).await;
        session.triggers.everything(RunCause::Schedule);
    }
}

/// Asks for a run whenever a directory tells of a change.
pub(crate) async fn directories(session: &Session) {
    let mut changes = select_all(session.reconciler.providers.iter().map(IdentityProvider::changes));
    while changes.next().await.is_some() {
        session.triggers.everything(RunCause::Directory);
    }
}
