//! The worker: whatever the bot does by itself, one thing after another.

use std::{collections::BTreeSet, time::Duration};

use inviter::core::{OwnedRoomId, runs::RunCause};
use tokio::time::sleep;

use crate::{
    drift::{self, Fights},
    notices::Notices,
    session::Session,
    triggers::Due,
};

/// How long to wait after a run that could not begin, before what it was about is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Works for as long as the session lasts.
pub(crate) async fn work(session: &Session) {
    let mut fights = Fights::default();
    let mut notices = Notices::default();
    loop {
        match session.triggers.due().await {
            Due::Everything(cause) => everything(session, cause, &mut notices).await,
            Due::Rooms(rooms) => some(session, rooms, &mut fights, &mut notices).await,
        }
    }
}

async fn everything(session: &Session, cause: RunCause, notices: &mut Notices) {
    let options = session.by_itself(cause.clone(), BTreeSet::new());
    match session.run(&options).await {
        Ok(report) => {
            let tally = report.tally();
            tracing::info!(%cause, changes = tally.changes(), held = tally.held, pending = tally.pending,
                failed = tally.failed, "run ended");
            notices.after_run(session, &report, &cause).await;
        }
        Err(why) => {
            tracing::error!(%cause, "the run could not begin: {why}");
            notices.not_begun(session, &why).await;
        }
    }
}

async fn some(session: &Session, rooms: BTreeSet<OwnedRoomId>, fights: &mut Fights, notices: &mut Notices) {
    if let Err(why) = drift::look(session, &rooms, fights, notices).await {
        tracing::warn!(
            rooms = rooms.len(),
            "rooms that changed could not be looked at: {why}"
        );
        sleep(AGAIN_AFTER).await;
        session.triggers.rooms(rooms);
    }
}
