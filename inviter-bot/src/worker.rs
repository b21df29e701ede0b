//! The worker: whatever the bot does by itself, one thing after another.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use inviter::{
    Report,
    core::{
        OwnedRoomId,
        backend::Stop as _,
        directory::ProviderId,
        finding::{FindingKind, Subject},
        plan::RoomStatus,
        quarantine::Quarantined,
        report::Outcome,
        runs::RunCause,
        time::Timestamp,
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
/// The least time between two runs for the sake of directories in quarantine alone.
const QUARANTINE_AT_LEAST: Duration = Duration::from_secs(1);

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
    /// Nothing but directories in quarantine, the first of which is asked again after this time.
    Quarantined(Duration),
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
            Left::Quarantined(wait) => {
                // Everything else is well.
                self.failures = 0;
                wait.max(QUARANTINE_AT_LEAST)
            }
            Left::Failed => {
                self.failures += 1;
                AGAIN_AFTER.saturating_mul(2_u32.saturating_pow(self.failures.min(16) - 1))
            }
        };
        // From the interval on, the schedule does it.
        self.at = (wait < interval).then(|| Instant::now() + wait);
    }
}

/// What a run leaves to be tried again, beside what directories in quarantine wait for.
pub(crate) fn left(report: &Report, quarantined: &BTreeMap<ProviderId, Quarantined>, now: Timestamp) -> Left {
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
            Outcome::Failed { temporary: true, .. } | Outcome::Stale { .. } | Outcome::NotSent
        )
    });
    let unknown = report.rooms.iter().any(|room| room.status == RoomStatus::Unknown);
    let unread = report
        .findings
        .iter()
        .filter(|finding| finding.kind == FindingKind::DirectoryUnread);
    let (waiting, unread): (Vec<_>, Vec<_>) = unread
        .map(|finding| match &finding.about {
            Subject::Directory(directory) => quarantined.get(directory),
            _ => None,
        })
        .partition(Option::is_some);
    if failed || unknown || !unread.is_empty() || !report.errors.is_empty() {
        return Left::Failed;
    }
    let parked = outcomes().filter_map(|outcome| match outcome {
        Outcome::Parked { until, .. } => Some(until.since(now)),
        _ => None,
    });
    let again = waiting
        .into_iter()
        .flatten()
        .map(|directory| directory.again.since(now));
    match (parked.min(), again.min()) {
        (Some(wait), again) if again.is_none_or(|again| wait <= again) => Left::Parked(wait),
        (_, Some(wait)) => Left::Quarantined(wait),
        _ => Left::Nothing,
    }
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
            left(&report, &session.quarantined(), session.now())
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
    let quarantined = session.quarantined();
    let looked = drift::look(session, rooms, heard, fights, notices).await;
    session.follow_recovered(&quarantined);
    match looked {
        Ok(Some(report)) => left(&report, &session.quarantined(), session.now()),
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

    /// What failed before is forgotten, and the quarantine alone says when the next run is; it may be later than the
    /// schedule's.
    #[tokio::test(start_paused = true)]
    async fn a_quarantine_is_waited_for() {
        let mut again = Again::default();
        for _ in 0..3 {
            again.after(Left::Failed, INTERVAL);
        }
        for (wait, seconds) in [(0, 1), (1, 1), (60, 60), (120, 120)] {
            again.after(Left::Quarantined(Duration::from_secs(wait)), INTERVAL);
            let before = Instant::now();
            again.due().await;
            assert_eq!(before.elapsed().as_secs(), seconds);
        }
        again.after(Left::Quarantined(INTERVAL * 2), INTERVAL);
        assert!(again.at.is_none(), "the schedule's run comes before");
        again.after(Left::Failed, INTERVAL);
        let before = Instant::now();
        again.due().await;
        assert_eq!(before.elapsed(), AGAIN_AFTER);
    }

    #[tokio::test]
    async fn a_directory_in_quarantine_alone_makes_no_run_at_once() {
        use inviter::{
            RunOptions,
            core::{finding::Finding, provider::ReadRequest},
        };

        use crate::{quarantines::Quarantines, testing::World};

        let world = World::new("no directory").await;
        let mut reconciler = world.setup.reconciler.clone();
        Quarantines::default().around(&mut reconciler, INTERVAL * 2);
        let directory = std::sync::Arc::clone(&reconciler.providers[0]);
        let quarantined = || {
            let all = directory
                .quarantined()
                .map(|quarantined| (directory.id(), quarantined));
            all.into_iter().collect::<BTreeMap<_, _>>()
        };
        let report = reconciler.sync(&RunOptions::default()).await.unwrap();
        let now = reconciler.clock.now();
        assert_eq!(left(&report, &quarantined(), now), Left::Failed);
        for _ in 0..2 {
            directory.read(&ReadRequest::default()).await.unwrap_err();
        }
        let known = quarantined();
        let now = known[&directory.id()].since;
        let wait = Duration::from_secs(60);
        assert_eq!(left(&report, &known, now), Left::Quarantined(wait));
        assert_eq!(
            left(&report, &known, now.plus(wait)),
            Left::Quarantined(Duration::ZERO)
        );
        // Another one that cannot be read is tried again as ever.
        let mut both = report;
        let about = Subject::Directory(ProviderId::new("another"));
        both.findings
            .push(Finding::new(about, FindingKind::DirectoryUnread, "it is away"));
        assert_eq!(left(&both, &known, now), Left::Failed);
    }
}
