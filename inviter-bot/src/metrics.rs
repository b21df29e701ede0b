//! [`Metrics`]: numbers for Prometheus. No label names a person or a room: there may be many, and they are nobody's
//! business.

mod process;
mod shown;
mod standing;

use std::{
    fmt,
    sync::{Mutex, PoisonError, atomic::AtomicU64},
    time::{Duration, Instant, SystemTime},
};

use inviter::{
    Report,
    core::{
        action::Op,
        by_hand::WishReport,
        finding::FindingKind,
        plan::RoomStatus,
        report::{Outcome, ReportItem, RoomReport},
        server::LimitKind,
    },
    matrix::Observer,
};
use prometheus_client::{
    encoding::prometheus_text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Metric, Registry},
};

use self::{shown::Shown, standing::Standing};
use crate::{
    board::{Finished, Known},
    health::{self, Signs},
};

/// `N` labels whose values are words of this program.
type Words<const N: usize> = [(&'static str, &'static str); N];
/// Labels with a value of the configuration.
type Named = [(&'static str, String); 1];
/// A gauge of whatever number.
type Number = Gauge<f64, AtomicU64>;

/// Everything that is counted.
pub(crate) struct Metrics {
    registry: Registry,
    /// What the bot is known to be alive by.
    pub(crate) signs: Signs,
    /// Lines that the audit log should have and has not.
    pub(crate) audit_lost: Counter,
    runs: Family<Words<2>, Counter>,
    run_durations: Family<Words<1>, Histogram>,
    last_run: Number,
    last_good_run: Number,
    actions: Family<Words<2>, Counter>,
    drifts: Counter,
    drift_durations: Histogram,
    fights: Counter,
    requests: Family<Words<2>, Histogram>,
    waits: Family<Words<1>, Counter>,
    waited: Family<Words<1>, Counter<f64, AtomicU64>>,
    standing: Mutex<Standing>,
    shown: Mutex<Shown>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

fn run_histogram() -> Histogram {
    Histogram::new([
        0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14400.0,
    ])
}

fn request_histogram() -> Histogram {
    Histogram::new([
        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    ])
}

/// Registers what is made by default.
fn add<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    add_this(registry, name, help, M::default())
}

fn add_this<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let r = &mut registry;
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        add_this_info(r, build);
        let metrics = Self {
            signs: Signs::default(),
            audit_lost: add(
                r,
                "inviter_audit_lost_lines",
                "Lines that could not be written to the audit log",
            ),
            runs: add(
                r,
                "inviter_runs",
                "Runs, by what started them and what came of them",
            ),
            run_durations: add_this(
                r,
                "inviter_run_duration_seconds",
                "How long runs took, by what started them",
                Family::new_with_constructor(run_histogram),
            ),
            last_run: add(
                r,
                "inviter_last_run_timestamp_seconds",
                "When the last run began, whatever came of it",
            ),
            last_good_run: add(
                r,
                "inviter_last_good_run_timestamp_seconds",
                "When the last run over everything began in which nothing failed and everything could be read, be it in part",
            ),
            actions: add(
                r,
                "inviter_actions",
                "Actions of runs and by hand, accepted invitations and adoptions, by kind and by what became of them",
            ),
            drifts: add(
                r,
                "inviter_drift_healed",
                "Rooms put right after somebody else had changed them",
            ),
            drift_durations: add_this(
                r,
                "inviter_drift_heal_duration_seconds",
                "From noticing that somebody else has changed a room to having put it right",
                run_histogram(),
            ),
            fights: add(
                r,
                "inviter_fights",
                "Rooms paused because somebody keeps undoing what the bot does",
            ),
            requests: add_this(
                r,
                "inviter_request_duration_seconds",
                "Requests to the homeserver, by what they are about and the class of the answer's status",
                Family::new_with_constructor(request_histogram),
            ),
            waits: add(
                r,
                "inviter_rate_limit_waits",
                "Waits for rate limits of the homeserver, by what is limited",
            ),
            waited: add(
                r,
                "inviter_rate_limit_wait_seconds",
                "How long the homeserver wanted the bot to wait for rate limits, by what is limited",
            ),
            standing: Mutex::default(),
            shown: Mutex::new(Shown::register(r)),
            registry,
        };
        // A counter that is there before it counts shows its first step.
        for kind in LimitKind::ALL {
            drop(metrics.waits.get_or_create(&[("kind", kind.as_str())]));
            drop(metrics.waited.get_or_create(&[("kind", kind.as_str())]));
        }
        metrics
    }
}

fn add_this_info(registry: &mut Registry, build: Info<Words<1>>) {
    registry.register("inviter_build", "The version of the bot", build);
}

impl Metrics {
    /// A run has ended; `whole`: it was about everything.
    pub(crate) fn run(&self, finished: &Finished, whole: bool) {
        self.signs.progress(Instant::now());
        let cause = finished.cause.as_str();
        let began = Duration::from_millis(finished.at.0).as_secs_f64();
        let result = match &finished.outcome {
            Err(_) => "not_begun",
            Ok(report) if is_good(report) && !is_in_part(report) => "ok",
            Ok(_) => "partial",
        };
        self.runs
            .get_or_create(&[("cause", cause), ("result", result)])
            .inc();
        self.run_durations
            .get_or_create(&[("cause", cause)])
            .observe(finished.took.as_secs_f64());
        self.last_run.set(began);
        let Ok(report) = &finished.outcome else { return };
        if whole && is_good(report) {
            self.last_good_run.set(began);
        }
        self.items(report.rooms.iter().flat_map(|room| &room.items));
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        standing.take_in(report, whole);
    }

    /// A command about one person or room was carried out.
    pub(crate) fn by_hand(&self, report: &WishReport) {
        self.items(&report.items);
    }

    /// An invitation of the bot was accepted, or could not be.
    pub(crate) fn accepted(&self, done: bool) {
        self.action("join", if done { "done" } else { "failed" });
    }

    /// A person put a room into the bot's hands.
    pub(crate) fn adopted(&self) {
        self.action("adopt", "done");
    }

    fn items<'a>(&self, items: impl IntoIterator<Item = &'a ReportItem>) {
        for item in items {
            self.action(kind(&item.action.op), became(&item.outcome));
        }
    }

    fn action(&self, action: &'static str, result: &'static str) {
        let labels = [("action", action), ("result", result)];
        self.actions.get_or_create(&labels).inc();
    }

    /// A change by somebody else was put right, this long after it was noticed.
    pub(crate) fn drift(&self, report: &Report, took: Duration) {
        let healed = |room: &&RoomReport| room.items.iter().any(|item| item.outcome == Outcome::Done);
        for _ in report.rooms.iter().filter(healed) {
            self.drifts.inc();
            self.drift_durations.observe(took.as_secs_f64());
        }
    }

    /// A room was paused, because somebody keeps undoing what the bot does there.
    pub(crate) fn fight(&self) {
        self.fights.inc();
    }

    /// All of it in the Prometheus text format.
    ///
    /// # Errors
    /// Of the library.
    pub(crate) fn text(&self, known: &Known) -> Result<String, fmt::Error> {
        // Held to the end: who asks at the same time waits, instead of finding gauges half set.
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown
            .ready
            .set(health::ready(known, &self.signs, Instant::now()).is_ok().into());
        shown.running.set(known.running.is_some().into());
        let standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        standing.show_rooms(&shown);
        shown.directory_age.clear();
        shown.directory_good.clear();
        shown.directory_incomplete.clear();
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        for (directory, state) in &known.directories {
            let labels: Named = [("directory", directory.to_string())];
            if let Some(good) = state.good {
                let age = now.saturating_sub(Duration::from_millis(good.0));
                shown.directory_age.get_or_create(&labels).set(age.as_secs_f64());
            }
            shown
                .directory_good
                .get_or_create(&labels)
                .set(state.error.is_none().into());
            shown
                .directory_incomplete
                .get_or_create(&labels)
                .set(standing.is_incomplete(directory).into());
        }
        drop(standing);
        shown.directory_quarantined.clear();
        for (directory, quarantined) in known.quarantines.all() {
            let labels: Named = [("directory", directory.to_string())];
            shown
                .directory_quarantined
                .get_or_create(&labels)
                .set(quarantined.is_some().into());
        }
        shown.process.measure();
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Observer for Metrics {
    fn request(&self, kind: LimitKind, status: Option<u16>, took: Duration) {
        self.signs.progress(Instant::now());
        let labels = [("kind", kind.as_str()), ("status", class(status))];
        self.requests.get_or_create(&labels).observe(took.as_secs_f64());
    }

    fn limited(&self, kind: LimitKind, wait: Duration) {
        let now = Instant::now();
        self.signs.progress(now.checked_add(wait).unwrap_or(now));
        let labels = [("kind", kind.as_str())];
        self.waits.get_or_create(&labels).inc();
        self.waited.get_or_create(&labels).inc_by(wait.as_secs_f64());
    }
}

/// Nothing failed, nothing was put off, and all that had to be read was, be it in part. What is held or waits for a person
/// is as it should be. What may stay so for ever, such as an event of a room that cannot be read, or a group that the
/// bot may not read, has gauges of its own: the age of the last good run is to tell that runs do not do their work.
fn is_good(report: &Report) -> bool {
    let tally = report.tally();
    let told = |kind| report.findings.iter().any(|finding| finding.kind == kind);
    tally.failed == 0
        && tally.parked == 0
        && report.errors.is_empty()
        && !told(FindingKind::DirectoryUnread)
        && !report.rooms.iter().any(|room| room.status == RoomStatus::Unknown)
}

/// A directory was read, and not all of it.
fn is_in_part(report: &Report) -> bool {
    let mut findings = report.findings.iter();
    findings.any(|finding| finding.kind == FindingKind::Incomplete)
}

const fn kind(op: &Op) -> &'static str {
    match op {
        Op::CreateRoom(_) => "create",
        Op::Join { .. } => "join",
        Op::SetLevels { .. } => "level",
        Op::Invite { .. } => "invite",
        Op::Add { .. } => "add",
        Op::Remove { .. } => "remove",
        Op::Leave => "leave",
        // Visibility of the history, name, topic, listing, and what may come.
        _ => "settings",
    }
}

const fn became(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::AlreadySo => "already_so",
        Outcome::Stale { .. } => "stale",
        Outcome::Failed { .. } => "failed",
        Outcome::Parked { .. } => "parked",
        Outcome::Skipped { .. } | Outcome::NotSent => "skipped",
        Outcome::Held { .. } => "held",
        Outcome::Pending => "pending",
        // A run has none of these: they are of plans.
        _ => "planned",
    }
}

const fn class(status: Option<u16>) -> &'static str {
    match status {
        None => "none",
        Some(200..=299) => "2xx",
        Some(300..=399) => "3xx",
        Some(400..=499) => "4xx",
        Some(500..=599) => "5xx",
        Some(_) => "other",
    }
}

#[cfg(test)]
mod tests;
