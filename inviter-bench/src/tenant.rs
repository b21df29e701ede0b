//! Reading a tenant of Entra ID, against a client that only downloads the same answers.

use std::{
    collections::BTreeMap,
    env,
    io::{Write as _, stdin},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use inviter_azure::{Cloud, EntraConfig, EntraDirectory, RoomGroups, Token, TokenError, TokenSource};
use inviter_core::{
    IdentityProvider as _,
    directory::{Directory, Group, GroupIx, Member, ProviderId},
    provider::ReadRequest,
    time::{FixedClock, Timestamp},
};
use inviter_graph_emulator::{Emulator, Options, Recorded, Shape, Tenant};
use serde::{Deserialize, Serialize};

use crate::{process_memory, stages::median_ms};

/// People in the first rooms: one more than a page of Graph's own size, one more than the largest page, and many pages.
const SIZES: [usize; 3] = [101, 1_000, 12_000];
/// How deep groups are nested in each room.
const DEPTH: usize = 6;

/// How large a tenant is.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct TenantScale {
    pub(crate) rooms: usize,
    pub(crate) users: usize,
    /// What passes before each answer.
    pub(crate) latency: Duration,
}

/// What it came to. Times are medians, in milliseconds; memory is in bytes.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct TenantReading {
    pub(crate) scale: TenantScale,
    pub(crate) groups: usize,
    /// People in rooms, those in several counted in each.
    pub(crate) seats: usize,
    pub(crate) rounds: usize,
    pub(crate) read_ms: f64,
    pub(crate) bare_ms: f64,
    pub(crate) all_read_ms: Vec<f64>,
    pub(crate) all_bare_ms: Vec<f64>,
    /// Ours over the bare client's.
    pub(crate) ratio: f64,
    /// Of a full read; a batch is one.
    pub(crate) requests: usize,
    /// Of a read after which nothing had changed.
    pub(crate) again_requests: usize,
    pub(crate) again_ms: f64,
    /// The most that a reading process took, everything included.
    pub(crate) peak_bytes: u64,
}

/// What a child is to read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Task {
    graph: String,
    authority: String,
    root: String,
    token: String,
    /// For the bare client: what to ask.
    asks: Vec<Ask>,
}

/// A request of which only the answer's bytes are wanted.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Ask {
    method: String,
    url: String,
    body: String,
}

/// What a child found.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Found {
    full: Duration,
    again: Duration,
    peak_bytes: u64,
    groups: usize,
    /// The object IDs of people by room's name, with those who are disabled.
    rooms: BTreeMap<String, Vec<String>>,
}

/// A token that is there already: how long it takes to get one is not the directory's reading.
struct Ready(Token);

impl std::fmt::Debug for Ready {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ready")
    }
}

#[async_trait]
impl TokenSource for Ready {
    async fn token(&self, _refused: Option<&Token>) -> Result<Token, TokenError> {
        Ok(self.0.clone())
    }
}

/// Reads twice, in this process; the task comes from the standard input.
pub(crate) async fn read() -> Result<Found> {
    let task: Task = serde_json::from_reader(stdin().lock())?;
    let mut config = EntraConfig::new(RoomGroups {
        root: Some(task.root),
        ..RoomGroups::default()
    });
    config.cloud = Cloud::Custom {
        authority: task.authority,
        graph: task.graph,
    };
    let clock = Arc::new(FixedClock(Timestamp(1_795_694_400_000)));
    let tokens = Arc::new(Ready(Token::new(task.token)));
    let entra = EntraDirectory::new(ProviderId::new("entra"), config, tokens, clock);
    let started = Instant::now();
    let directory = entra.read(&ReadRequest::default()).await?;
    let full = started.elapsed();
    let started = Instant::now();
    let second = entra.read(&ReadRequest::default()).await?;
    let again = started.elapsed();
    let peak_bytes = process_memory::peak()?;
    let rooms = rooms(&directory)?;
    ensure!(rooms == self::rooms(&second)?, "the second read differs");
    Ok(Found {
        full,
        again,
        peak_bytes,
        groups: directory.groups.len(),
        rooms,
    })
}

/// Who is in each room, by the groups that are in its group at any depth.
fn rooms(directory: &Directory) -> Result<BTreeMap<String, Vec<String>>> {
    ensure!(
        directory.listing.is_complete() && directory.accounts_extent.is_complete(),
        "{:?}, {:?}",
        directory.listing,
        directory.accounts_extent
    );
    let at = |GroupIx(ix): GroupIx| -> Result<&Group> {
        directory
            .groups
            .get(usize::try_from(ix)?)
            .context("a group that is not there")
    };
    let mut rooms = BTreeMap::new();
    for (room, ix) in directory
        .groups
        .iter()
        .zip((0..).map(GroupIx))
        .filter(|(group, _)| !group.nested_only)
    {
        let mut seen = vec![false; directory.groups.len()];
        let mut open = vec![ix];
        let mut people = Vec::new();
        while let Some(ix) = open.pop() {
            let group = at(ix)?;
            let seen = seen
                .get_mut(usize::try_from(ix.0)?)
                .context("a group that is not there")?;
            if std::mem::replace(seen, true) {
                continue;
            }
            ensure!(
                group.members.extent.is_complete(),
                "{}: {:?}",
                group.name,
                group.members.extent
            );
            for member in &group.members.values {
                match member {
                    Member::Account(ix) => {
                        let account = directory.accounts.get(usize::try_from(ix.0)?);
                        people.push(account.context("an account that is not there")?.key.to_string());
                    }
                    Member::Group(ix) => open.push(*ix),
                    Member::Unresolved(text) => anyhow::bail!("{}: {text}", group.name),
                }
            }
        }
        people.sort_unstable();
        people.dedup();
        rooms.insert(room.name.to_string(), people);
    }
    Ok(rooms)
}

/// Asks the same, as many at a time, and reads the answers' bytes; the task comes from the standard input.
pub(crate) async fn bare() -> Result<Duration> {
    let task: Task = serde_json::from_reader(stdin().lock())?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let started = Instant::now();
    stream::iter(&task.asks)
        .map(|ask| {
            let request = http
                .request(ask.method.parse().unwrap_or_default(), &ask.url)
                .bearer_auth(&task.token)
                .header("content-type", "application/json")
                .body(ask.body.clone());
            async move {
                let answer = request.send().await?.error_for_status()?;
                Ok::<_, reqwest::Error>(answer.bytes().await?.len())
            }
        })
        .buffer_unordered(EntraConfig::CONCURRENCY)
        .try_fold(0, |sum, length| async move { Ok(sum + length) })
        .await?;
    Ok(started.elapsed())
}

fn in_child<T: for<'de> Deserialize<'de>>(command: &str, task: &Task) -> Result<T> {
    let mut child = Command::new(env::current_exe()?)
        .arg(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()?;
    let mut input = child.stdin.take().context("no input of the child")?;
    input.write_all(&serde_json::to_vec(task)?)?;
    drop(input);
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "{command}: {}", output.status);
    serde_json::from_slice(&output.stdout).context("the answer of the child")
}

/// What the emulator was asked, as requests that can be sent again.
fn asks(emulator: &Emulator, recorded: &[Recorded]) -> Vec<Ask> {
    let sent = recorded
        .iter()
        .filter(|request| request.is_for_graph() && !request.in_batch);
    let host = emulator.authority();
    sent.map(|request| Ask {
        method: request.method.clone(),
        url: format!("{host}{}", request.path_and_query),
        body: String::from_utf8_lossy(&request.body).into_owned(),
    })
    .collect()
}

async fn token(emulator: &Emulator) -> Result<String> {
    let url = format!(
        "{}/{}/oauth2/v2.0/token",
        emulator.authority(),
        emulator.tenant_id()
    );
    let secret = emulator.client_secret();
    let scope = format!("{}/.default", emulator.authority());
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", emulator.client_id()),
        ("client_secret", &*secret),
        ("scope", &*scope),
    ];
    let http = reqwest::Client::builder().no_proxy().build()?;
    let answer = http.post(url).form(&form).send().await?.error_for_status()?;
    let answer: serde_json::Value = serde_json::from_slice(&answer.bytes().await?)?;
    Ok(answer["access_token"].as_str().context("no token")?.to_owned())
}

/// Measures; `tell` hears of each measurement.
pub(crate) async fn measure(
    scale: TenantScale,
    rounds: usize,
    mut tell: impl FnMut(&str),
) -> Result<TenantReading> {
    let shape = Shape {
        rooms: scale.rooms,
        users: scale.users,
        sizes: SIZES.to_vec(),
        other_size: 400,
        depth: DEPTH,
        cycle: true,
        owners: 2,
        guests: scale.users / 50,
        disabled: scale.users / 50,
        non_users: 3,
        other_groups: 100,
        ..Shape::default()
    };
    let options = Options {
        latency: scale.latency,
        ..Options::default()
    };
    let emulator = Emulator::start_with(Tenant::generate(&shape), options).await?;
    let (root, truth) = emulator.tenant(|tenant| {
        let ids = |room: &inviter_graph_emulator::Room| {
            let mut ids: Vec<String> = room.people.iter().map(ToString::to_string).collect();
            ids.sort_unstable();
            ids
        };
        let rooms = tenant.rooms().iter().map(|room| (room.name.clone(), ids(room)));
        (tenant.root(), rooms.collect::<BTreeMap<String, Vec<String>>>())
    });
    let task = Task {
        graph: emulator.graph_url().to_owned(),
        authority: emulator.authority().to_owned(),
        root: root.context("no root group")?.to_string(),
        token: token(&emulator).await?,
        asks: Vec::new(),
    };
    let read = |task: &Task| -> Result<(Found, Vec<Recorded>)> {
        emulator.clear_requests();
        let found: Found = tokio::task::block_in_place(|| in_child("read-tenant", task))?;
        ensure!(
            found.rooms == truth,
            "not everybody who is in a room was read, or others were"
        );
        Ok((found, emulator.requests()))
    };
    let (found, recorded) = read(&task)?;
    let all = asks(&emulator, &recorded);
    // The last requests are the second read's: two, if nothing has changed.
    let again_requests = all
        .iter()
        .filter(|ask| ask.url.contains("$deltatoken=") && !ask.url.contains("latest"));
    let again_requests = again_requests.count();
    let requests = all.len() - again_requests;
    let download = Task {
        asks: all.into_iter().take(requests).collect(),
        ..task.clone()
    };

    let (mut ours, mut theirs, mut again) = (Vec::new(), Vec::new(), Vec::new());
    let mut peak_bytes = found.peak_bytes;
    for round in 0..rounds {
        // The order turns round: whatever else the machine does meets both alike.
        for turn in 0..2 {
            if (round + turn) % 2 == 0 {
                let (found, _) = read(&task)?;
                tell(&format!(
                    "tenant: {} ms, again {} ms",
                    found.full.as_millis(),
                    found.again.as_millis()
                ));
                peak_bytes = peak_bytes.max(found.peak_bytes);
                ours.push(found.full);
                again.push(found.again);
            } else {
                let time: Duration = tokio::task::block_in_place(|| in_child("download-tenant", &download))?;
                tell(&format!("bare client: {} ms", time.as_millis()));
                theirs.push(time);
            }
        }
    }
    let each = |times: &[Duration]| times.iter().map(|time| median_ms([*time])).collect();
    let (all_read_ms, all_bare_ms) = (each(&ours), each(&theirs));
    let (read_ms, bare_ms) = (median_ms(ours), median_ms(theirs));
    Ok(TenantReading {
        scale,
        groups: found.groups,
        seats: truth.values().map(Vec::len).sum(),
        rounds,
        read_ms,
        bare_ms,
        all_read_ms,
        all_bare_ms,
        ratio: read_ms / bare_ms,
        requests,
        again_requests,
        again_ms: median_ms(again),
        peak_bytes,
    })
}
