//! The soak itself: begin, change, wait until quiet, compare.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use inviter_testkit::Recorded;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::bot::{Bot, free_port};
use crate::change::{Change, Generator, Size};
use crate::healing::{clear, heal};
use crate::ledger::Sent;
use crate::site::{Setting, Site};
use crate::world::Needed;

/// How long the bot may take to become ready, and to put everything right in the end.
const PATIENCE: Duration = Duration::from_secs(180);

/// How many rooms are prepared at a time: the homeserver is one process.
const AT_A_TIME: usize = 6;

/// What to do.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) time: Duration,
    pub(crate) interval: Duration,
    pub(crate) size: Size,
    pub(crate) bot: PathBuf,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) changes: usize,
    pub(crate) rooms: usize,
    /// How long each drift took to be put right.
    pub(crate) healed: Vec<Duration>,
    pub(crate) sent: Sent,
    pub(crate) needed: Needed,
    /// Megabytes.
    pub(crate) before: f64,
    pub(crate) after: f64,
}

/// What a task that runs beside the changes came to.
enum Done {
    Healed(Duration),
    Left,
    Prepared(String),
}

/// Everything while it runs.
struct Soak<'p> {
    plan: &'p Plan,
    site: Arc<Site>,
    bot: Bot,
    generator: Generator,
    tasks: JoinSet<Result<Done>>,
    healed: Vec<Duration>,
    changes: usize,
    /// The permissions of rooms as they were prepared; nothing changes those.
    permissions: BTreeMap<String, Value>,
    began: Instant,
}

fn say(text: &str) {
    use std::io::Write as _;
    // Nobody is left to be told if this fails.
    let _ = writeln!(std::io::stderr(), "soak: {text}");
}

/// Soaks. On an error the bot's last words are told.
pub(crate) async fn soak(plan: &Plan) -> Result<Outcome> {
    let apart = plan.interval * 3 + Duration::from_secs(5);
    let generator = Generator::new(plan.seed, plan.size, apart);
    let site = Site::start(&generator.accounts()).await?;
    let rooms: BTreeSet<String> = generator.world.directory.rooms().cloned().collect();
    let port = free_port()?;
    let interval = plan.interval;
    let config = site.configure(Setting { interval, port }, &rooms)?;
    site.save(&generator.world.directory)?;
    let accepting = tokio::spawn(Arc::clone(&site).accept_invitations());
    let bot = Bot::start(&plan.bot, &config, port, PATIENCE).await;
    let result = match bot {
        Ok(bot) => {
            let mut soak = Soak {
                plan,
                site: Arc::clone(&site),
                bot,
                generator,
                tasks: JoinSet::new(),
                healed: Vec::new(),
                changes: 0,
                permissions: BTreeMap::new(),
                began: Instant::now(),
            };
            let outcome = soak.run().await;
            if outcome.is_err() {
                say(&format!("the bot's last words:\n{}", soak.bot.tail()));
                soak.tasks.shutdown().await;
            }
            match outcome {
                Ok(outcome) => soak.bot.stop().await.map(|()| outcome),
                Err(error) => Err(error),
            }
        }
        Err(error) => {
            let log = config.with_file_name("bot.log");
            say(&std::fs::read_to_string(log).unwrap_or_default());
            Err(error)
        }
    };
    accepting.abort();
    let _ = accepting.await;
    if result.is_err()
        && let Some(site) = Arc::into_inner(site)
    {
        say(&format!("its files are in {}", site.keep().display()));
    }
    result
}

impl Soak<'_> {
    async fn run(&mut self) -> Result<Outcome> {
        let rooms: Vec<String> = self.generator.world.directory.rooms().cloned().collect();
        for some in rooms.chunks(AT_A_TIME) {
            for room in some {
                self.prepare(room.clone());
            }
            self.settled().await?;
        }
        self.quiet().await?;
        say(&format!(
            "{} rooms are ready after {:.0?}",
            rooms.len(),
            self.began.elapsed()
        ));
        self.runs(2).await?;
        let before = self.bot.rss()?;
        self.site.proxy.clear();

        self.change().await?;
        self.settled().await?;
        self.quiet().await?;
        // The last words about it, and what follows from them, if anything does.
        self.runs(2).await?;
        let writes = self.site.proxy.writes();
        let sent = Sent::of(&writes, &self.site.admin_room);
        say(&sent.against(self.generator.needed).to_string());
        for refused in sent.refused() {
            say(&format!("refused: {refused}"));
        }
        self.compare().await?;
        self.idle().await?;
        let after = self.bot.rss()?;
        self.bot.is_alive()?;
        Ok(Outcome {
            changes: self.changes,
            rooms: self.permissions.len(),
            healed: std::mem::take(&mut self.healed),
            sent,
            needed: self.generator.needed,
            before,
            after,
        })
    }

    /// Prepares a room beside everything else.
    fn prepare(&mut self, room: String) {
        let (site, truth) = (Arc::clone(&self.site), self.generator.world.truth(&room));
        self.tasks.spawn(async move {
            site.prepare(&room, &truth).await?;
            Ok(Done::Prepared(room))
        });
    }

    /// Waits until nothing runs beside.
    async fn settled(&mut self) -> Result<()> {
        while let Some(done) = self.tasks.join_next().await {
            self.take(done)?;
        }
        Ok(())
    }

    /// A room has been prepared.
    fn opened(&mut self, room: &str) -> Result<()> {
        let pictured = self
            .site
            .pictured(room)
            .with_context(|| format!("{room} is not seen"))?;
        self.permissions.insert(room.to_owned(), pictured.permissions);
        self.generator.open.insert(room.to_owned());
        Ok(())
    }

    fn take(&mut self, done: Result<Result<Done>, tokio::task::JoinError>) -> Result<()> {
        match done?? {
            Done::Healed(time) => self.healed.push(time),
            Done::Left => {}
            Done::Prepared(room) => self.opened(&room)?,
        }
        Ok(())
    }

    /// Makes changes for as long as was asked for.
    async fn change(&mut self) -> Result<()> {
        let began = Instant::now();
        let mut pause = fastrand::Rng::with_seed(self.plan.seed);
        while began.elapsed() < self.plan.time {
            self.bot.is_alive()?;
            while let Some(done) = self.tasks.try_join_next() {
                self.take(done)?;
            }
            let site = &self.site;
            let inside = |room: &str| site.pictured(room).map(|room| room.inside()).unwrap_or_default();
            if let Some(change) = self.generator.next(began.elapsed(), &inside) {
                self.changes += 1;
                self.make(change)?;
            }
            tokio::time::sleep(Duration::from_millis(pause.u64(200..1400))).await;
        }
        say(&format!(
            "{} changes are made; waiting until it is quiet",
            self.changes
        ));
        Ok(())
    }

    fn make(&mut self, change: Change) -> Result<()> {
        let site = Arc::clone(&self.site);
        let turn = self.changes;
        match change {
            Change::Directory(_) => {
                site.save(&self.generator.world.directory)?;
                let rooms: Vec<String> = self.generator.world.directory.rooms().cloned().collect();
                for room in rooms.into_iter().skip(self.plan.size.rooms) {
                    if self.generator.coming.insert(room.clone()) {
                        self.prepare(room);
                    }
                }
            }
            Change::Drift(drift) => {
                self.tasks
                    .spawn(async move { heal(site, drift, turn).await.map(Done::Healed) });
            }
            Change::Leave { room, person, level } => {
                self.tasks.spawn(async move {
                    let cleared = clear(site, room, person, level).await?;
                    Ok(cleared.map_or(Done::Left, Done::Healed))
                });
            }
        }
        Ok(())
    }

    /// Waits until all rooms are as they must be.
    async fn quiet(&mut self) -> Result<()> {
        let mut news = self.site.picture.news();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            news.mark_unchanged();
            self.bot.is_alive()?;
            let differing = self.differing();
            let Some((room, how)) = differing.first() else {
                return Ok(());
            };
            if tokio::time::timeout_at(deadline, news.changed()).await.is_err() {
                bail!(
                    "{} rooms are not as they must be after {} s, {room} for one: {how}",
                    differing.len(),
                    PATIENCE.as_secs()
                );
            }
        }
    }

    fn differing(&self) -> Vec<(String, String)> {
        let truths = self.generator.world.truths().into_iter();
        truths
            .filter_map(|(name, truth)| {
                let room = self.site.pictured(&name);
                let how = room.map_or(Some("it is not there".to_owned()), |room| room.differs(&truth))?;
                Some((name, how))
            })
            .collect()
    }

    /// Waits for so many more scheduled runs.
    async fn runs(&mut self, more: u64) -> Result<()> {
        let first = self.bot.runs().await?;
        let deadline = Instant::now() + PATIENCE;
        while self.bot.runs().await? < first + more {
            self.bot.is_alive()?;
            ensure!(
                Instant::now() < deadline,
                "the bot makes no scheduled runs any more"
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    /// Every room as the administrator sees it is as it must be.
    async fn compare(&self) -> Result<()> {
        for (room, truth) in self.generator.world.truths() {
            let inspected = self.site.inspected(&room).await?;
            if let Some(how) = inspected.differs(&truth) {
                bail!("{room} is not as it must be: {how}");
            }
            ensure!(
                Some(&inspected.permissions) == self.permissions.get(&room),
                "the permissions of {room} have changed to {}",
                inspected.permissions
            );
        }
        Ok(())
    }

    /// A scheduled run without changes writes nothing, and asks nothing about any room.
    async fn idle(&mut self) -> Result<()> {
        self.site.proxy.clear();
        // The first may have begun before.
        self.runs(2).await?;
        let requests = self.site.proxy.requests();
        let writes: Vec<&Recorded> = requests.iter().filter(|request| request.writing).collect();
        if let Some(write) = writes.first() {
            bail!(
                "{} writes in a run without changes, {write} for one",
                writes.len()
            );
        }
        let of_rooms = requests
            .iter()
            .filter(|request| is_of_a_room(&request.decoded_path()));
        let of_rooms: Vec<&Recorded> = of_rooms.collect();
        if let Some(request) = of_rooms.first() {
            return Err(anyhow!(
                "{} requests about single rooms in a run without changes, {request} for one",
                of_rooms.len()
            ));
        }
        say(&format!(
            "two runs without changes took {} requests",
            requests.len()
        ));
        Ok(())
    }
}

/// Whether a request is about one room.
fn is_of_a_room(path: &str) -> bool {
    let rest = path.strip_prefix("/_matrix/client/v3/").unwrap_or(path);
    path.contains('!') || rest.starts_with("directory/") || rest.starts_with("rooms/")
}
