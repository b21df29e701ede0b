//! The worker: whatever the bot does by itself, one thing after another.

use std::{collections::BTreeSet, time::Duration};

use inviter::{
    Report,
    core::{
        OwnedRoomId, backend::Stop as _, finding::FindingKind, plan::RoomStatus, report::Outcome,
        runs::RunCause, time::Timestamp,
    },
};
use inviter_operations::render::counted;
use tokio::time::{Instant, sleep_until};

use crate::{
    drift::{self, Fights},
    notices::Notices,
    session::Session,
    triggers::Due,
};

/// How long to wait before what did not work is tried again, the first time; it doubles.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Works for as long as the session lasts.
pub(crate) async fn work(session: &Session) {
    // Nobody else has it: the worker of the connection before has ended.
    let mut kept = session.kept.lock().await;
    let Kept {
        fights,
        notices,
        again,
    } = &mut *kept;
    if !session.bot().run_at_start {
        check(session).await;
    }
    loop {
        let due = tokio::select! {
            due = session.triggers.due() => due,
            () = again.due() => Due::Everything(RunCause::Schedule),
        };
        match due {
            Due::Everything(cause) => {
                let wait = everything(session, cause, fights, notices).await;
                again.after(wait, session.bot().interval);
            }
            Due::Rooms(rooms, heard) => {
                let left = some(session, &rooms, heard, fights, notices).await;
                // By a run over everything: it tells what is in the way, such as a directory that cannot be read, and
                // finds out that a room is not wanted any more.
                if left != Left::Nothing && again.at.is_none() {
                    again.after(left, session.bot().interval);
                }
            }
        }
    }
}

/// What the worker knows beside what it is told; outlives a connection.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    fights: Fights,
    notices: Notices,
    again: Again,
}

/// When to try again what did not work, before the schedule does.
#[derive(Debug, Default)]
struct Again {
    at: Option<Instant>,
    failures: u32,
}

/// What a run leaves to be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    Nothing,
    /// The homeserver asks for this much patience.
    Parked(Duration),
    /// Something failed that may work later.
    Failed,
}

impl Again {
    async fn due(&mut self) {
        match self.at {
            Some(at) => sleep_until(at).await,
            None => std::future::pending().await,
        }
        self.at = None;
    }

    fn after(&mut self, left: Left, interval: Duration) {
        let wait = match left {
            Left::Nothing => {
                *self = Self::default();
                return;
            }
            Left::Parked(wait) => wait + Duration::from_secs(1),
            Left::Failed => {
                self.failures += 1;
                AGAIN_AFTER.saturating_mul(2_u32.saturating_pow(self.failures.min(16) - 1))
            }
        };
        // From the interval on, the schedule does it.
        self.at = (wait < interval).then(|| Instant::now() + wait);
    }
}

/// What a run leaves to be tried again.
pub(crate) fn left(report: &Report, now: Timestamp) -> Left {
    let outcomes = || {
        report
            .rooms
            .iter()
            .flat_map(|room| &room.items)
            .map(|item| &item.outcome)
    };
    let failed = outcomes().any(|outcome| {
        matches!(
            outcome,
            Outcome::Failed { temporary: true, .. } | Outcome::Stale { .. }
        )
    });
    let unknown = report.rooms.iter().any(|room| room.status == RoomStatus::Unknown);
    let unread = report
        .findings
        .iter()
        .any(|finding| finding.kind == FindingKind::DirectoryUnread);
    if failed || unknown || unread || !report.errors.is_empty() {
        return Left::Failed;
    }
    let parked = outcomes().filter_map(|outcome| match outcome {
        Outcome::Parked { until, .. } => Some(until.since(now)),
        _ => None,
    });
    parked.min().map_or(Left::Nothing, Left::Parked)
}

/// Sees at the start how things stand, without doing anything about it.
async fn check(session: &Session) {
    match session
        .plan(&session.by_itself(RunCause::Start, BTreeSet::new()))
        .await
    {
        Ok(draft) => tracing::info!("{}", managed(&draft.report())),
        Err(error) => tracing::error!("nothing can be planned: {error}"),
    }
}

/// What the bot manages, in one line.
fn managed(report: &Report) -> String {
    let is = |status| report.rooms.iter().filter(|room| room.status == status).count();
    let (managed, new) = (is(RoomStatus::Managed), is(RoomStatus::ToCreate));
    let people: u32 = report.rooms.iter().map(|room| room.census.wanted).sum();
    format!(
        "managing {managed} of {}, {new} to create, with {}",
        counted(report.rooms.len(), "room", "rooms"),
        counted(people as usize, "membership", "memberships"),
    )
}

async fn everything(session: &Session, cause: RunCause, fights: &mut Fights, notices: &mut Notices) -> Left {
    let options = session.by_itself(cause.clone(), BTreeSet::new());
    match session.run(&options).await {
        Ok(report) => {
            let tally = report.tally();
            if cause == RunCause::Start {
                tracing::info!("{}", managed(&report));
            }
            tracing::info!(%cause, changes = tally.changes(), held = tally.held, pending = tally.pending,
                failed = tally.failed,
                unknown = report.rooms.iter().filter(|room| room.status == RoomStatus::Unknown).count(), "run ended");
            drift::settle(session, &report, fights, notices).await;
            notices.after_run(session, &report, &cause).await;
            left(&report, session.now())
        }
        Err(why) => {
            if session.stopping.is_stopped() {
                return Left::Nothing;
            }
            tracing::error!(%cause, "the run could not begin: {why}");
            notices.not_begun(session, &why).await;
            Left::Failed
        }
    }
}

async fn some(
    session: &Session,
    rooms: &BTreeSet<OwnedRoomId>,
    heard: std::time::Instant,
    fights: &mut Fights,
    notices: &mut Notices,
) -> Left {
    match drift::look(session, rooms, heard, fights, notices).await {
        Ok(Some(report)) => left(&report, session.now()),
        Ok(None) => Left::Nothing,
        Err(why) => {
            tracing::warn!(
                rooms = rooms.len(),
                "rooms that changed could not be looked at: {why}"
            );
            Left::Failed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(30 * 60);

    #[tokio::test(start_paused = true)]
    async fn what_failed_is_tried_again_ever_more_seldom() {
        let mut again = Again::default();
        let mut waits = Vec::new();
        while waits.len() < 20 {
            again.after(Left::Failed, INTERVAL);
            if again.at.is_none() {
                break;
            }
            let before = Instant::now();
            again.due().await;
            waits.push(before.elapsed().as_secs());
        }
        assert_eq!(waits, [10, 20, 40, 80, 160, 320, 640, 1280]);
        again.after(Left::Nothing, INTERVAL);
        assert!(again.at.is_none() && again.failures == 0);
        again.after(Left::Parked(Duration::from_secs(61)), INTERVAL);
        let before = Instant::now();
        again.due().await;
        assert_eq!(before.elapsed().as_secs(), 62);
    }
}
