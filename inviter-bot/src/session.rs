//! [`Session`]: one connection to the homeserver, with everything that runs over it.

mod obstacle;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use inviter::{
    Config, Report, RunLock, RunOptions, Setup, SetupError, Trigger,
    config::BotConfig,
    core::{
        OwnedRoomId, OwnedUserId,
        action::RoomTarget,
        backend::{BackendError, Stoppable},
        directory::ProviderId,
        quarantine::Quarantined,
        reconcile::{Draft, Reconciler, RunError},
        resolve::ReadOutcome,
        room::{Binding, RoomRef},
        runs::RunCause,
        time::Timestamp,
    },
    matrix::{Attachment, Chat, Incoming, Live, LiveOptions, Observer},
    run_lock::LockError,
    wiring::connect_backend_observed,
};
use tokio::sync::mpsc;

pub(crate) use self::obstacle::{NotBegun, Obstacle};
use crate::{
    answer::Told,
    audit::{Audit, Grounds, Occasion},
    board::{Board, Finished},
    metrics::Metrics,
    stop::Stopping,
    systemd,
    triggers::Triggers,
    worker::{self, Kept, Left},
};

/// What outlives a connection.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) board: Arc<Board>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) audit: Arc<Audit>,
    pub(crate) triggers: Arc<Triggers>,
    pub(crate) kept: Arc<tokio::sync::Mutex<Kept>>,
}

impl Default for Shared {
    fn default() -> Self {
        let metrics = Arc::<Metrics>::default();
        Self {
            board: Arc::default(),
            audit: Arc::new(Audit::new(metrics.audit_lost.clone())),
            metrics,
            triggers: Arc::default(),
            kept: Arc::default(),
        }
    }
}

/// One connection to the homeserver under one configuration.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) config: Config,
    pub(crate) account: OwnedUserId,
    pub(crate) reconciler: Reconciler,
    pub(crate) live: Live,
    pub(crate) chat: Chat,
    pub(crate) triggers: Arc<Triggers>,
    pub(crate) kept: Arc<tokio::sync::Mutex<Kept>>,
    pub(crate) board: Arc<Board>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) audit: Arc<Audit>,
    pub(crate) stopping: Stopping,
    /// The room that the alias of the configuration leads to.
    pub(crate) admin_room: OnceLock<OwnedRoomId>,
    /// Held by every command until it is answered.
    pub(crate) answering: tokio::sync::RwLock<()>,
    /// One at a time, in the order of their coming.
    turn: tokio::sync::Mutex<()>,
    state_dir: PathBuf,
    seen: Mutex<Seen>,
}

/// What the last plan has taught, for looking at changes without asking again.
#[derive(Debug, Default)]
struct Seen {
    directories: Option<Arc<[ReadOutcome]>>,
    /// The rooms that are wanted, by ID.
    rooms: BTreeMap<OwnedRoomId, RoomRef>,
}

/// Leave to run: nobody else does meanwhile, in this process or another.
#[derive(Debug)]
pub(crate) struct Turn<'s> {
    _one_at_a_time: tokio::sync::MutexGuard<'s, ()>,
    _lock: RunLock,
    begun: Timestamp,
    board: Arc<Board>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.board.given_up();
    }
}

/// Why there is no turn.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoTurn {
    /// Somebody else runs, and for long.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The bot stops.
    #[error("the bot is stopping; nothing new begins")]
    Stopping,
}

/// How long to wait for a run of somebody else, such as the command line.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(500);

impl Session {
    /// Connects: logs in, opens the memory, reads all rooms and follows them from there.
    pub(crate) async fn connect(
        config: &Config,
        shared: &Shared,
    ) -> Result<(Self, mpsc::UnboundedReceiver<Incoming>), SetupError> {
        let observer: Arc<dyn Observer> = Arc::clone(&shared.metrics) as Arc<dyn Observer>;
        let (backend, identity) = connect_backend_observed(config, Some(observer)).await?;
        let (live, incoming) = Live::start(backend, LiveOptions::default()).await?;
        let stopping = Stopping::new();
        let stoppable = Stoppable::new(live.clone(), Arc::new(stopping.clone()));
        let mut setup = Setup::over(config, identity, Arc::new(stoppable)).await?;
        let quarantines = shared.board.known().quarantines;
        quarantines.recall(&setup.reconciler).await;
        quarantines.around(&mut setup.reconciler, config.bot.quarantine_max);
        let session = Self {
            config: config.clone(),
            account: setup.identity.user_id.clone(),
            reconciler: setup.reconciler,
            chat: live.chat(),
            live,
            triggers: Arc::clone(&shared.triggers),
            kept: Arc::clone(&shared.kept),
            board: Arc::clone(&shared.board),
            metrics: Arc::clone(&shared.metrics),
            audit: Arc::clone(&shared.audit),
            stopping,
            admin_room: OnceLock::new(),
            answering: tokio::sync::RwLock::default(),
            turn: tokio::sync::Mutex::default(),
            state_dir: setup.state_dir,
            seen: Mutex::default(),
        };
        Ok((session, incoming))
    }

    /// `[bot]`
    pub(crate) const fn bot(&self) -> &BotConfig {
        &self.config.bot
    }

    /// The present.
    pub(crate) fn now(&self) -> Timestamp {
        self.reconciler.clock.now()
    }

    /// Waits for its turn.
    ///
    /// # Errors
    /// When another process has been running for longer than one waits, or the bot stops.
    pub(crate) async fn turn(&self) -> Result<Turn<'_>, NoTurn> {
        let turn = tokio::select! {
            biased;
            () = self.stopping.stopped() => return Err(NoTurn::Stopping),
            turn = self.turn.lock() => turn,
        };
        let since = tokio::time::Instant::now();
        loop {
            match RunLock::acquire(&self.state_dir, &self.account) {
                Ok(lock) => {
                    let begun = self.now();
                    // Whoever hangs from here on is seen to.
                    self.board.begun(begun, RunCause::Person { who: None });
                    return Ok(Turn {
                        _one_at_a_time: turn,
                        _lock: lock,
                        begun,
                        board: Arc::clone(&self.board),
                    });
                }
                Err(LockError::Held(_)) if since.elapsed() < PATIENCE => {}
                Err(error) => return Err(error.into()),
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_AGAIN) => {}
                () = self.stopping.stopped() => return Err(NoTurn::Stopping),
            }
        }
    }

    /// Comes back when nobody has the turn, and all commands are answered.
    pub(crate) async fn idle(&self) {
        drop(self.turn.lock().await);
        drop(self.answering.write().await);
    }

    /// Says something in the administration room, if there is one; answers whether whoever is to hear it could.
    pub(crate) async fn say(&self, text: &str) -> bool {
        let Some(room) = self.admin_room() else {
            return self.bot().admin_room.is_none();
        };
        let told = Told::sentence(text);
        let said = async {
            for message in &told.messages {
                self.chat.send(&room, message).await?;
            }
            if let Some(file) = told.file {
                self.chat
                    .attach(&room, &Attachment::text("notice.txt", file))
                    .await?;
            }
            Ok::<(), BackendError>(())
        };
        match said.await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "the administration room could not be told");
                false
            }
        }
    }

    /// Whether somebody has the turn.
    pub(crate) fn is_busy(&self) -> bool {
        self.turn.try_lock().is_err()
    }

    /// What a run by the bot itself is asked to do (decision 27).
    pub(crate) fn by_itself(&self, cause: RunCause, rooms: BTreeSet<RoomRef>) -> RunOptions {
        let mut options = RunOptions::default();
        if !self.bot().cautious {
            options.trigger = Trigger::Person;
        }
        options.rooms = rooms;
        options.cause = cause;
        options
    }

    /// Plans, and remembers what that has taught. Sends no writing request.
    ///
    /// # Errors
    /// As [`Reconciler::plan`].
    pub(crate) async fn plan(&self, options: &RunOptions) -> Result<Draft, RunError> {
        self.plan_over(&self.reconciler, options).await
    }

    /// As [`plan`](Self::plan), by a reconciler that is watched.
    ///
    /// # Errors
    /// As [`Reconciler::plan`].
    pub(crate) async fn plan_over(
        &self,
        reconciler: &Reconciler,
        options: &RunOptions,
    ) -> Result<Draft, RunError> {
        let draft = reconciler.plan(options).await?;
        self.learn(&draft, options);
        Ok(draft)
    }

    /// Does what the guard has allowed of a plan, and makes it known: on the board, in the metrics and in the audit
    /// log.
    pub(crate) async fn apply(&self, turn: Turn<'_>, draft: Draft, options: &RunOptions) -> Arc<Report> {
        self.apply_over(&self.reconciler, turn, draft, options, None)
            .await
    }

    /// As [`apply`](Self::apply), by a reconciler that is watched, and after somebody has confirmed it.
    pub(crate) async fn apply_over(
        &self,
        reconciler: &Reconciler,
        turn: Turn<'_>,
        draft: Draft,
        options: &RunOptions,
        confirmed_by: Option<&OwnedUserId>,
    ) -> Arc<Report> {
        self.board.begun(turn.begun, options.cause.clone());
        let directories = Arc::clone(&draft.directories);
        let policy = &self.reconciler.policy;
        let grounds = Grounds {
            directories: &directories,
            policy,
        };
        let occasion = Occasion::run(turn.begun, &options.cause, confirmed_by);
        let writer = self
            .audit
            .writer(occasion, Some(grounds), &*self.reconciler.clock);
        let report = Arc::new(reconciler.apply_witnessed(draft, options, &writer).await);
        self.learn_ids(&report);
        self.ended(turn.begun, options, Ok(Arc::clone(&report)));
        report
    }

    /// A whole run, from asking the directories on.
    ///
    /// # Errors
    /// When it could not even begin.
    pub(crate) async fn run(&self, options: &RunOptions) -> Result<Arc<Report>, NotBegun> {
        let came = self.now();
        let turn = match self.turn().await {
            Ok(turn) => turn,
            Err(error) => {
                let why = error.to_string();
                if !matches!(error, NoTurn::Stopping) {
                    self.ended(came, options, Err(why.clone()));
                }
                let obstacle = match error {
                    NoTurn::Lock(LockError::Held(_)) | NoTurn::Stopping => Obstacle::NoTurn,
                    NoTurn::Lock(_) => Obstacle::LockFile,
                };
                return Err(NotBegun { obstacle, why });
            }
        };
        self.board.begun(turn.begun, options.cause.clone());
        match self.plan(options).await {
            Ok(draft) => Ok(self.apply(turn, draft, options).await),
            Err(error) => Err(NotBegun {
                obstacle: Obstacle::from(&error),
                why: self.not_begun(&turn, options, &error).await,
            }),
        }
    }

    /// Makes known that a run could not begin, and says why.
    pub(crate) async fn not_begun(&self, turn: &Turn<'_>, options: &RunOptions, error: &RunError) -> String {
        let why = error.to_string();
        if matches!(
            error,
            RunError::NoSuchRoom(_) | RunError::OutOfScope(_) | RunError::Argument(_)
        ) {
            // Wrong use, and nothing that is wrong with the bot.
            return why;
        }
        self.reconciler.not_begun(options, turn.begun, error).await;
        self.ended(turn.begun, options, Err(why.clone()));
        why
    }

    /// The directories that keep failing and are left alone for now.
    pub(crate) fn quarantined(&self) -> BTreeMap<ProviderId, Quarantined> {
        let directories = self.reconciler.providers.iter();
        directories
            .filter_map(|directory| Some((directory.id(), directory.quarantined()?)))
            .collect()
    }

    /// Has a run over everything made if one of these directories answers again: what it says now has not been looked
    /// at as a whole yet, and its recovery is to be told.
    pub(crate) fn follow_recovered(&self, before: &BTreeMap<ProviderId, Quarantined>) {
        let now = self.quarantined();
        if before.keys().any(|directory| !now.contains_key(directory)) {
            self.triggers.everything(RunCause::Directory);
        }
    }

    /// What the directories answered when they were read last.
    pub(crate) fn directories(&self) -> Option<Arc<[ReadOutcome]>> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.directories.clone()
    }

    fn ended(&self, begun: Timestamp, options: &RunOptions, outcome: Result<Arc<Report>, String>) {
        let finished = Finished {
            at: begun,
            took: self.now().since(begun),
            cause: options.cause.clone(),
            outcome,
        };
        if let (RunCause::Person { .. }, Ok(report)) = (&finished.cause, &finished.outcome)
            && matches!(
                worker::left(report, &self.quarantined(), self.now()),
                Left::Failed | Left::Parked(_)
            )
        {
            // What a person has begun is seen through.
            self.triggers.everything(RunCause::Schedule);
        }
        self.metrics.run(&finished, options.is_whole());
        self.board.ended(finished, options.is_whole());
        systemd::status(&systemd::standing(&self.board.known()));
    }

    fn learn(&self, draft: &Draft, options: &RunOptions) {
        self.board.read(&draft.desired, self.now());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.directories = Some(Arc::clone(&draft.directories));
        if options.is_whole() {
            seen.rooms.clear();
        }
        let rooms = draft.desired.rooms.iter().filter_map(|room| match &room.binding {
            Binding::Bound(id) => Some((id.clone(), room.refs.first()?.clone())),
            _ => None,
        });
        seen.rooms.extend(rooms);
    }

    /// Rooms that were created, joined or followed have another ID than in the plan.
    fn learn_ids(&self, report: &Report) {
        let rooms = report.rooms.iter().filter_map(|room| match &room.target {
            Some(RoomTarget::Existing(id)) => Some((id.clone(), room.room.clone())),
            _ => None,
        });
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.rooms.extend(rooms);
    }

    /// The names of those of these rooms that are wanted.
    pub(crate) fn wanted(&self, rooms: &BTreeSet<OwnedRoomId>) -> BTreeSet<RoomRef> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        rooms
            .iter()
            .filter_map(|id| seen.rooms.get(id).cloned())
            .collect()
    }

    /// Plans from what the directories answered last, so that nobody is asked; nothing before the first plan.
    ///
    /// # Errors
    /// As [`Reconciler::plan`].
    pub(crate) async fn plan_from_memory(&self, options: &RunOptions) -> Option<Result<Draft, RunError>> {
        let directories = self
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .directories
            .clone()?;
        Some(self.reconciler.plan_with(directories, options).await)
    }
}
