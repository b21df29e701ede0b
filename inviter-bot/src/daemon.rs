//! The daemon: connects, works, and connects again, until it is told to stop.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use inviter::{Config, RunLock, SetupError, core::backend::BackendErrorKind, matrix::Incoming};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    time::{sleep, timeout},
};

use crate::{
    conversation, drift,
    http::Server,
    schedule,
    session::{Session, Shared},
    source::Source,
    stop::Stopping,
    systemd, worker,
};

/// The first pause after a connection that did not come about; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause between two of them.
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// How long what is under way may take when a connection ends, the grace of its requests included.
const ENDING: Duration = Duration::from_secs(8);

/// Everything that lives as long as the process.
#[derive(Debug)]
pub(crate) struct Daemon {
    source: Source,
    shared: Shared,
    stopping: Stopping,
    server: Option<Server>,
    /// Held from the first log-in on.
    instance: Option<RunLock>,
}

/// Why a connection ended.
enum End {
    /// The bot is to stop.
    Stop,
    /// The configuration is to be read anew.
    Reload,
    /// The homeserver does not accept the bot any more.
    LoggedOut,
}

/// A connection that is up.
struct Connected {
    session: Arc<Session>,
    incoming: mpsc::UnboundedReceiver<Incoming>,
}

impl Daemon {
    /// Nothing has been contacted yet.
    pub(crate) fn new(source: Source, shared: Shared, stopping: Stopping) -> Self {
        Self {
            source,
            shared,
            stopping,
            server: None,
            instance: None,
        }
    }

    /// Runs until it is told to stop.
    ///
    /// # Errors
    /// When it cannot work at all: the configuration is wrong, the homeserver refuses the log-in at the start, or
    /// another bot has the account.
    pub(crate) async fn run(mut self, config: Config) -> anyhow::Result<()> {
        let mut hangup = signal(SignalKind::hangup()).context("signals cannot be listened for")?;
        self.serve(&config).await?;
        let mut config = config;
        let mut first = true;
        let mut ready: Option<Connected> = None;
        loop {
            let connected = match ready.take() {
                Some(connected) => connected,
                None => match self.connect(&mut config, first, &mut hangup).await? {
                    Some(connected) => connected,
                    None => break,
                },
            };
            if first {
                systemd::ready(&self.greeting(&connected.session));
            }
            first = false;
            let Connected { session, incoming } = connected;
            let mut work = Work::begin(&session, incoming);
            loop {
                match self.until(&session, &mut hangup).await {
                    End::Stop => {
                        systemd::stopping();
                        work.end(&session).await;
                        return Ok(());
                    }
                    End::LoggedOut => {
                        let why = "the homeserver no longer accepts the bot's access token; give it a new one (it is \
                                   read again by itself), or look whether the account was deactivated";
                        tracing::error!("{why}");
                        self.shared.board.trouble(Some(why.to_owned()));
                        work.end(&session).await;
                        break;
                    }
                    End::Reload => match self.reload().await {
                        Ok((new, connected)) => {
                            work.end(&session).await;
                            config = new;
                            ready = Some(connected);
                            break;
                        }
                        Err(error) => {
                            let text = format!(
                                "the configuration was not taken over, and the old one stays: {error:#}"
                            );
                            tracing::error!("{text}");
                            session.say(&text).await;
                        }
                    },
                }
            }
        }
        systemd::stopping();
        Ok(())
    }

    async fn serve(&mut self, config: &Config) -> anyhow::Result<()> {
        if self.server.as_ref().map(|server| server.address) == config.bot.listen {
            return Ok(());
        }
        self.server = match config.bot.listen {
            Some(address) => {
                let server = Server::start(
                    address,
                    Arc::clone(&self.shared.board),
                    Arc::clone(&self.shared.metrics),
                );
                Some(server.await.with_context(|| {
                    format!("{address} cannot be listened on; free it, or change `listen` in [bot]")
                })?)
            }
            None => None,
        };
        Ok(())
    }

    /// Connects, and tries again for as long as that may help. `None`: the bot is to stop.
    async fn connect(
        &mut self,
        config: &mut Config,
        first: bool,
        hangup: &mut tokio::signal::unix::Signal,
    ) -> anyhow::Result<Option<Connected>> {
        let mut pause = FIRST_PAUSE;
        let mut told = false;
        let stopping = self.stopping.clone();
        loop {
            let error = tokio::select! {
                connected = self.connect_once(config) => match connected {
                    Ok(connected) => return Ok(Some(connected)),
                    Err(error) => error,
                },
                () = stopping.stopped() => return Ok(None),
            };
            if first && !may_help_to_wait(&error) {
                return Err(error);
            }
            tracing::error!(again_in = ?pause, "not connected: {error:#}");
            self.shared.board.trouble(Some(format!("{error:#}")));
            if first && !told {
                // It is up, and says what it waits for: a service manager has no reason to start it again.
                systemd::ready(&format!("waiting for the homeserver: {error}"));
                told = true;
            }
            tokio::select! {
                () = sleep(pause) => {}
                _ = hangup.recv() => {}
                () = stopping.stopped() => return Ok(None),
            }
            pause = (pause * 2).min(MAX_PAUSE);
            // Somebody may have mended it there.
            match self.source.read() {
                Ok(read) => *config = read,
                Err(error) => tracing::error!("the configuration cannot be read: {error:#}"),
            }
        }
    }

    async fn connect_once(&mut self, config: &Config) -> anyhow::Result<Connected> {
        let (session, incoming) = Session::connect(config, &self.shared).await?;
        self.own(config, &session)?;
        self.shared.audit.open(config.bot.audit_file.as_deref())?;
        self.shared.board.connected(&session.account);
        let session = Arc::new(session);
        if let Err(why) = session.find_admin_room().await {
            tracing::warn!("{why}");
        }
        tracing::info!("{}", self.greeting(&session));
        Ok(Connected { session, incoming })
    }

    /// Makes sure that no other bot has the account.
    fn own(&mut self, config: &Config, session: &Session) -> anyhow::Result<()> {
        let mine = self
            .shared
            .board
            .known()
            .account
            .filter(|_| self.instance.is_some());
        match mine {
            Some(account) if account == session.account => Ok(()),
            Some(account) => anyhow::bail!(
                "the configuration is about {} now, and this bot is {account}; start it anew for that",
                session.account
            ),
            None => {
                self.instance = Some(RunLock::acquire_bot(&config.state_dir, &session.account)?);
                Ok(())
            }
        }
    }

    fn greeting(&self, session: &Session) -> String {
        let config = &session.config;
        let room = match &config.bot.admin_room {
            Some(room) => format!("commands in {room}"),
            None => "no commands".to_owned(),
        };
        let cautious = if config.bot.cautious {
            "removals wait for a person"
        } else {
            "removals on schedule"
        };
        let names: Vec<&str> = config.directories.iter().map(|d| d.name.as_str()).collect();
        format!(
            "inviter-bot {} is {} on {}; directories: {}; every {} min; {cautious}; {room}",
            env!("CARGO_PKG_VERSION"),
            session.account,
            config.homeserver.url,
            if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            },
            config.bot.interval.as_secs() / 60,
        )
    }

    /// Waits until there is a reason to end the connection.
    async fn until(&self, session: &Session, hangup: &mut tokio::signal::unix::Signal) -> End {
        let mut pulse = session.live.pulse();
        let board = &self.shared.board;
        let logged_out = async {
            loop {
                let trouble = pulse.borrow_and_update().trouble.clone();
                board.trouble(trouble.as_ref().map(|trouble| trouble.message.clone()));
                if trouble.is_some_and(|trouble| trouble.kind == BackendErrorKind::Unauthenticated) {
                    return;
                }
                if pulse.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = self.stopping.stopped() => End::Stop,
            _ = hangup.recv() => End::Reload,
            () = logged_out => End::LoggedOut,
        }
    }

    /// Reads the configuration anew and connects with it, while the old connection goes on.
    async fn reload(&mut self) -> anyhow::Result<(Config, Connected)> {
        systemd::reloading();
        let config = self.source.read()?;
        let connected = self.connect_once(&config).await;
        let served = match &connected {
            Ok(_) => self.serve(&config).await,
            Err(_) => Ok(()),
        };
        systemd::ready("the configuration was read");
        served?;
        Ok((config, connected?))
    }
}

/// Whether a connection that did not come about may do so later.
fn may_help_to_wait(error: &anyhow::Error) -> bool {
    match error.downcast_ref::<SetupError>() {
        Some(SetupError::Backend(error)) => error.is_temporary(),
        _ => false,
    }
}

/// The tasks of a connection.
struct Work {
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Work {
    fn begin(session: &Arc<Session>, incoming: mpsc::UnboundedReceiver<Incoming>) -> Self {
        let mut tasks = vec![tokio::spawn(conversation::hold(Arc::clone(session), incoming))];
        let each = |session: &Arc<Session>| Arc::clone(session);
        let s = each(session);
        tasks.push(tokio::spawn(async move { worker::work(&s).await }));
        let s = each(session);
        tasks.push(tokio::spawn(async move { schedule::keep(&s).await }));
        let s = each(session);
        tasks.push(tokio::spawn(async move { schedule::directories(&s).await }));
        if session.bot().real_time {
            let s = each(session);
            tasks.push(tokio::spawn(async move { drift::listen(&s).await }));
        }
        Self { tasks }
    }

    /// Ends what is under way in order, within seconds.
    async fn end(&mut self, session: &Session) {
        let begun = Instant::now();
        session.stopping.stop();
        // Whoever has the turn gives it back once its requests are answered or given up.
        if timeout(ENDING, session.idle()).await.is_err() {
            tracing::warn!("what was under way did not come to an end; the next run does the rest");
        }
        for task in &self.tasks {
            task.abort();
        }
        tracing::info!(took = ?begun.elapsed(), "connection ended");
    }
}
