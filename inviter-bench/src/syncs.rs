//! The first sync of an organisation, against a client that only sends the same requests; and the second one, which
//! finds nothing to do.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Result, ensure};
use inviter_core::{
    ServerName,
    decode::MtrxDecoder,
    directory::ProviderId,
    guard::Limits,
    memory::{InMemoryDirectory, InMemoryStore, MemoryGroup},
    mint::{GuestRule, Minting},
    policy::{Policy, SourcePolicy},
    reconcile::{Reconciler, RunOptions},
    report::Outcome,
    time::{Clock, Timestamp},
};
use inviter_matrix::{Credentials, MatrixBackend, MatrixConfig};
use inviter_testkit::{Client, Options, Proxy, Synapse};
use serde::Serialize;

use crate::{bare_client::Script, stages::median_ms};

/// Requests that a second sync may send beside one for each room.
pub(crate) const CONSTANT: usize = 10;
/// How many requests the bare client has under way at a time, one value after another.
const SWEEP: [usize; 6] = [1, 2, 4, 8, 16, 32];

/// What to measure.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct SyncScale {
    pub(crate) rooms: usize,
    /// In each room.
    pub(crate) people: usize,
    /// How often inviter and the best of the bare clients are measured; the whole sweep is the first time only.
    pub(crate) rounds: usize,
    /// How much of the sweep.
    pub(crate) sweep: usize,
}

/// What came of it. Times are medians, in milliseconds.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Syncs {
    pub(crate) scale: SyncScale,
    pub(crate) first_ms: f64,
    /// By requests under way.
    pub(crate) bare_ms: BTreeMap<usize, f64>,
    /// Over the best of these.
    pub(crate) ratio: f64,
    pub(crate) first_requests: usize,
    pub(crate) first_writes: usize,
    pub(crate) second_requests: usize,
    pub(crate) second_writes: usize,
    pub(crate) second_ms: f64,
}

/// A homeserver of its own, with accounts and nothing else.
struct World {
    synapse: Synapse,
    bot: Client,
}

impl World {
    async fn new(scale: SyncScale) -> Result<Self> {
        let synapse = Synapse::start(Options::new()).await?;
        let bot = synapse.register_admin("inviter").await?;
        synapse.create_users(&people(scale)).await?;
        Ok(Self { synapse, bot })
    }

    fn alias(room: usize) -> String {
        format!("room-{room}")
    }

    async fn reconciler(&self, base: &str, scale: SyncScale, store: &InMemoryStore) -> Result<Reconciler> {
        let mut directory = InMemoryDirectory::new("corp");
        for person in people(scale) {
            directory = directory.with_person(person.as_str());
        }
        for room in 0..scale.rooms {
            let name = format!("MTRX {}", self.synapse.alias(&Self::alias(room)));
            directory = directory.with_group(MemoryGroup::new(name).members(people(scale)));
        }
        let server = ServerName::parse(self.synapse.server_name())?;
        let mut policy = Policy::new(server.clone());
        policy.sources.push(SourcePolicy {
            provider: ProviderId::new("corp"),
            decoders: vec![Arc::new(MtrxDecoder::default())],
            minting: Minting {
                server,
                attribute: "uid".to_owned(),
                before_at: false,
                guests: GuestRule::Skip,
                renames: BTreeMap::new(),
            },
        });
        let config = MatrixConfig::new(base, Credentials::Token(self.bot.token().to_owned().into()));
        let at_once = config.max_concurrency;
        Ok(Reconciler {
            providers: vec![Arc::new(directory)],
            backend: Arc::new(MatrixBackend::connect(config).await?),
            store: Arc::new(store.clone()),
            policy,
            limits: Limits::default(),
            clock: Arc::new(Now),
            rooms_at_once: at_once,
            people_at_once: at_once,
        })
    }

    /// Runs inviter from the log-in on, and answers how long it took and how many things it did.
    async fn sync(&self, base: &str, scale: SyncScale, store: &InMemoryStore) -> Result<(Duration, usize)> {
        let started = Instant::now();
        let reconciler = self.reconciler(base, scale, store).await?;
        let report = reconciler.sync(&RunOptions::by_person()).await?;
        let time = started.elapsed();
        ensure!(report.errors.is_empty(), "{:?}", report.errors);
        let items: Vec<_> = report.rooms.iter().flat_map(|room| &room.items).collect();
        for item in &items {
            ensure!(
                item.outcome == Outcome::Done,
                "{:?}: {:?}",
                item.action,
                item.outcome
            );
        }
        Ok((time, items.len()))
    }

    /// Every room holds everybody.
    async fn check(&self, scale: SyncScale, rooms: impl IntoIterator<Item = String>) -> Result<()> {
        let mut count = 0;
        for room in rooms {
            let members = self.bot.members(&room).await?;
            let invited = members
                .values()
                .filter(|membership| *membership == "invite")
                .count();
            ensure!(invited == scale.people, "{invited} people are invited to {room}");
            count += 1;
        }
        ensure!(count == scale.rooms, "there are {count} rooms");
        Ok(())
    }

    async fn rooms(&self, scale: SyncScale) -> Result<BTreeMap<String, String>> {
        let mut rooms = BTreeMap::new();
        for alias in (0..scale.rooms).map(Self::alias) {
            let room = self.bot.resolve_alias(&self.synapse.alias(&alias)).await?;
            rooms.extend(room.map(|room| (alias, room)));
        }
        Ok(rooms)
    }
}

fn people(scale: SyncScale) -> Vec<String> {
    (0..scale.people)
        .map(|person| format!("person-{person}"))
        .collect()
}

#[derive(Debug)]
struct Now;

impl Clock for Now {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Whom it is worth measuring again.
fn best_two(bare: &BTreeMap<usize, Vec<Duration>>) -> Vec<usize> {
    let mut all: Vec<usize> = bare.keys().copied().collect();
    all.sort_by_key(|in_flight| bare[in_flight].iter().min());
    all.truncate(2);
    all
}

/// Measures; `tell` hears of each measurement.
pub(crate) async fn measure(scale: SyncScale, mut tell: impl FnMut(&str)) -> Result<Syncs> {
    let recording = World::new(scale).await?;
    let proxy = Proxy::start(recording.synapse.url()).await?;
    let store = InMemoryStore::default();
    let (_, done) = recording.sync(proxy.url(), scale, &store).await?;
    ensure!(
        done == scale.rooms * (scale.people + 1),
        "the first sync did {done} things"
    );
    let rooms = recording.rooms(scale).await?;
    recording.check(scale, rooms.values().cloned()).await?;
    let first_requests = proxy.requests().len();
    let script = Script::new(&proxy.writes(), &rooms)?;
    proxy.clear();
    let (second, done) = recording.sync(proxy.url(), scale, &store).await?;
    ensure!(done == 0, "the second sync did {done} things");
    let (second_requests, second_writes) = (proxy.requests().len(), proxy.writes().len());
    drop((proxy, recording));

    let mut ours = Vec::new();
    let mut bare: BTreeMap<usize, Vec<Duration>> = BTreeMap::new();
    for round in 0..scale.rounds {
        let sweep = if round == 0 {
            SWEEP[..scale.sweep.min(SWEEP.len())].to_vec()
        } else {
            best_two(&bare)
        };
        // Ours comes twice a round, and the order turns round: whatever else the machine does meets all alike.
        let (early, late) = sweep.split_at(sweep.len() / 2);
        let all = [None].into_iter().chain(early.iter().copied().map(Some));
        let all = all.chain([None]).chain(late.iter().copied().map(Some));
        let mut all: Vec<Option<usize>> = all.collect();
        if round % 2 == 1 {
            all.reverse();
        }
        for in_flight in all {
            let world = World::new(scale).await?;
            let url = world.synapse.url();
            match in_flight {
                None => {
                    let (time, _) = world.sync(url, scale, &InMemoryStore::default()).await?;
                    world
                        .check(scale, world.rooms(scale).await?.into_values())
                        .await?;
                    tell(&format!("first sync: {} ms", time.as_millis()));
                    ours.push(time);
                }
                Some(in_flight) => {
                    let started = Instant::now();
                    let rooms = script.play(url, world.bot.token(), in_flight).await?;
                    let time = started.elapsed();
                    world.check(scale, rooms).await?;
                    tell(&format!(
                        "bare client, {in_flight} at a time: {} ms",
                        time.as_millis()
                    ));
                    bare.entry(in_flight).or_default().push(time);
                }
            }
        }
    }
    let first_ms = median_ms(ours);
    let bare_ms: BTreeMap<usize, f64> = bare
        .into_iter()
        .map(|(in_flight, times)| (in_flight, median_ms(times)))
        .collect();
    let best = bare_ms.values().copied().fold(f64::INFINITY, f64::min);
    Ok(Syncs {
        scale,
        first_ms,
        bare_ms,
        ratio: first_ms / best,
        first_requests,
        first_writes: script.len(),
        second_requests,
        second_writes,
        second_ms: median_ms([second]),
    })
}
