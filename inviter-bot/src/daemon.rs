//! The daemon: connects, works, and connects again, until it is told to stop.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use inviter::{
    Config, RunLock, SetupError,
    core::backend::BackendErrorKind,
    matrix::{Incoming, Pulse},
};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::{self, JoinSet},
    time::{sleep, timeout},
};

use crate::{
    conversation, drift,
    handover::{Heard, Relay, ToHear},
    http::Server,
    logging, schedule,
    session::{Session, Shared},
    source::Source,
    stop::{Reason, Stopping},
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
    heard: Heard,
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
    /// Something that lives as long as the connection has ended: a fault of this program.
    Dead(String),
}

/// A connection that is up.
struct Connected {
    session: Arc<Session>,
    to_hear: ToHear,
}

impl Daemon {
    /// Nothing has been contacted yet.
    pub(crate) fn new(source: Source, shared: Shared, stopping: Stopping) -> Self {
        Self {
            source,
            shared,
            stopping,
            server: None,
            heard: Heard::default(),
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
                systemd::ready(&Self::greeting(&connected.session));
            }
            first = false;
            let Connected { session, to_hear } = connected;
            let mut work = Work::begin(&session, self.heard.clone(), to_hear);
            loop {
                match self.until(&session, &mut work, &mut hangup).await {
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
                        if std::env::var_os("CREDENTIALS_DIRECTORY").is_some() {
                            // systemd hands a credential over when it starts a service, and not again.
                            systemd::stopping();
                            anyhow::bail!("{why}; the bot ends, so that systemd starts it with the new one");
                        }
                        break;
                    }
                    End::Dead(what) => {
                        // Whoever started the bot starts it again, and sees that it was necessary.
                        systemd::stopping();
                        work.end(&session).await;
                        anyhow::bail!("{what}, which is a fault of the bot; it ends, to be started again");
                    }
                    End::Reload => match self.reload().await {
                        Ok(None) => {}
                        Ok(Some((new, mut connected))) => {
                            connected.to_hear.left = work.stop_hearing(&session).await;
                            session.stopping.stop_for(Reason::Reload);
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
                            tokio::select! {
                                _ = session.say(&text) => {}
                                () = self.stopping.stopped() => {}
                            }
                        }
                    },
                }
            }
        }
        systemd::stopping();
        Ok(())
    }

    async fn serve(&mut self, config: &Config) -> anyhow::Result<()> {
        if let Some(server) = self.server_for(config).await? {
            self.server = server;
        }
        Ok(())
    }

    /// What serves under this configuration; nothing if that is what serves already.
    async fn server_for(&self, config: &Config) -> anyhow::Result<Option<Option<Server>>> {
        if self.server.as_ref().map(|server| server.address) == config.bot.listen {
            return Ok(None);
        }
        let Some(address) = config.bot.listen else {
            return Ok(Some(None));
        };
        let shared = &self.shared;
        let server = Server::start(address, Arc::clone(&shared.board), Arc::clone(&shared.metrics)).await;
        let server = server.with_context(|| {
            format!("{address} cannot be listened on; free it, or change `listen` in [bot]")
        })?;
        Ok(Some(Some(server)))
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
        let mut reloads = false;
        let stopping = self.stopping.clone();
        loop {
            let error = tokio::select! {
                connected = self.connect_once(config) => match connected {
                    Ok(connected) => {
                        if let Err(error) = self.serve(config).await {
                            tracing::error!("{error:#}");
                        }
                        logging::change(config.bot.log);
                        return Ok(Some(connected));
                    }
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
                _ = hangup.recv() => {
                    systemd::reloading();
                    pause = FIRST_PAUSE;
                    reloads = true;
                }
                () = stopping.stopped() => return Ok(None),
            }
            pause = (pause * 2).min(MAX_PAUSE);
            // Somebody may have mended it there.
            match self.source.read() {
                Ok(read) => *config = read,
                Err(error) => tracing::error!("the configuration cannot be read: {error:#}"),
            }
            if std::mem::take(&mut reloads) {
                systemd::ready("the configuration was read; not connected yet");
            }
        }
    }

    async fn connect_once(&mut self, config: &Config) -> anyhow::Result<Connected> {
        let (session, incoming) = Session::connect(config, &self.shared).await?;
        self.own(config, &session)?;
        self.shared.audit.open(config.bot.audit_file.as_deref())?;
        self.shared.board.connected(&session.account);
        self.shared.board.has_directories(&session.reconciler);
        let session = Arc::new(session);
        if let Err(why) = session.find_admin_room().await {
            tracing::warn!("{why}");
        }
        tracing::info!("{}", Self::greeting(&session));
        let left = Vec::new();
        Ok(Connected {
            session,
            to_hear: ToHear { left, incoming },
        })
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

    fn greeting(session: &Session) -> String {
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
            "inviter-bot {} is {} on {}; directories: {}; every {} s; {cautious}; {room}",
            env!("CARGO_PKG_VERSION"),
            session.account,
            config.homeserver.url,
            if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            },
            config.bot.interval.as_secs(),
        )
    }

    /// Waits until there is a reason to end the connection.
    async fn until(
        &self,
        session: &Session,
        work: &mut Work,
        hangup: &mut tokio::signal::unix::Signal,
    ) -> End {
        let watch = async {
            let mut pulse = session.live.pulse();
            loop {
                self.take(&pulse.borrow_and_update().clone());
                if pulse.changed().await.is_err() {
                    return std::future::pending::<()>().await;
                }
            }
        };
        let unfollowed = async {
            session.live.ended().await;
            let pulse = session.live.pulse().borrow().clone();
            self.take(&pulse);
            match pulse.trouble {
                Some(trouble) if trouble.kind == BackendErrorKind::Unauthenticated => End::LoggedOut,
                _ => End::Dead("the homeserver is not followed any more".to_owned()),
            }
        };
        tokio::select! {
            () = self.stopping.stopped() => End::Stop,
            _ = hangup.recv() => End::Reload,
            end = unfollowed => end,
            what = work.died() => End::Dead(what),
            () = watch => End::Dead("the homeserver is not followed any more".to_owned()),
        }
    }

    /// Makes known how following goes.
    fn take(&self, pulse: &Pulse) {
        let board = &self.shared.board;
        let before = board.known().trouble;
        let trouble = pulse.trouble.as_ref().map(|trouble| trouble.message.clone());
        board.heard(pulse.answered);
        board.trouble(trouble.clone());
        if before != trouble {
            systemd::status(&systemd::standing(&board.known()));
        }
    }

    /// Reads the configuration anew and connects with it, while the old connection goes on. `None`: the bot is to stop.
    async fn reload(&mut self) -> anyhow::Result<Option<(Config, Connected)>> {
        systemd::reloading();
        let stopping = self.stopping.clone();
        let reloaded = tokio::select! {
            reloaded = self.take_over() => reloaded.map(Some),
            () = stopping.stopped() => Ok(None),
        };
        // The end of the reload, whatever came of it.
        systemd::ready(match &reloaded {
            Ok(_) => "the configuration was read",
            Err(_) => "the configuration was not taken over, and the old one stays",
        });
        reloaded
    }

    /// Nothing is changed unless all of it succeeds.
    async fn take_over(&mut self) -> anyhow::Result<(Config, Connected)> {
        let config = self.source.read()?;
        // Listens on the new address while the old one is still served.
        let server = self.server_for(&config).await?;
        let connected = self.connect_once(&config).await?;
        if let Some(server) = server {
            self.server = server;
        }
        logging::change(config.bot.log);
        let quarantines = self.shared.board.known().quarantines;
        quarantines.ask_at_once(connected.session.now());
        Ok((config, connected))
    }
}

/// Whether a connection that did not come about may do so later.
fn may_help_to_wait(error: &anyhow::Error) -> bool {
    match error.downcast_ref::<SetupError>() {
        Some(SetupError::Backend(error)) => error.is_temporary(),
        _ => false,
    }
}

/// The tasks of a connection. None of them ends before the connection does.
struct Work {
    relay: Option<Relay>,
    tasks: JoinSet<()>,
    names: BTreeMap<task::Id, &'static str>,
}

impl Work {
    fn begin(session: &Arc<Session>, heard: Heard, to_hear: ToHear) -> Self {
        let (relay, incoming) = Relay::begin(heard, to_hear);
        let mut work = Self {
            relay: Some(relay),
            tasks: JoinSet::new(),
            names: BTreeMap::new(),
        };
        work.add(
            "the conversation",
            conversation::hold(Arc::clone(session), incoming),
        );
        let each = || Arc::clone(session);
        let s = each();
        work.add("the worker", async move { worker::work(&s).await });
        let s = each();
        work.add("the schedule", async move { schedule::keep(&s).await });
        let s = each();
        work.add("listening to the directories", async move {
            schedule::directories(&s).await;
            // There is none, or none that would ever tell.
            std::future::pending::<()>().await;
        });
        if session.bot().real_time {
            let s = each();
            work.add("listening for changes in rooms", async move {
                drift::listen(&s).await;
            });
        }
        work
    }

    fn add(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let id = self.tasks.spawn(task).id();
        self.names.insert(id, name);
    }

    /// Comes back when one of them has ended, which none should: says which, and how.
    async fn died(&mut self) -> String {
        let ended = self.tasks.join_next_with_id().await;
        let (id, how) = match ended {
            Some(Ok((id, ()))) => (Some(id), "ended"),
            Some(Err(error)) => (
                Some(error.id()),
                if error.is_panic() {
                    "panicked"
                } else {
                    "was cancelled"
                },
            ),
            None => (None, "ended"),
        };
        let name = id
            .and_then(|id| self.names.get(&id))
            .copied()
            .unwrap_or("everything");
        format!("{name} {how}")
    }

    /// Hands nothing on to the conversation any more; answers what is left to be heard.
    async fn stop_hearing(&mut self, session: &Session) -> Vec<Incoming> {
        match self.relay.take() {
            Some(relay) => relay.end(session).await,
            None => Vec::new(),
        }
    }

    /// Ends what is under way in order, within seconds.
    async fn end(&mut self, session: &Session) {
        let begun = Instant::now();
        session.stopping.stop();
        // Whoever has the turn gives it back once its requests are answered or given up.
        if timeout(ENDING, session.idle()).await.is_err() {
            tracing::warn!("what was under way did not come to an end; the next run does the rest");
        }
        self.tasks.abort_all();
        session.board.given_up();
        tracing::info!(took = ?begun.elapsed(), "connection ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_ends_is_noticed_and_named() {
        for (panics, said) in [(true, "the worker panicked"), (false, "the worker ended")] {
            let mut work = Work {
                relay: None,
                tasks: JoinSet::new(),
                names: BTreeMap::new(),
            };
            work.add("the schedule", std::future::pending());
            work.add("the worker", async move {
                task::yield_now().await;
                assert!(!panics, "a fault");
            });
            assert_eq!(work.died().await, said);
        }
    }
}
