//! Two homeservers, two bots, two directories, and rooms that both share: each keeps to its own people.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use inviter_testkit::Synapse;
use serde_json::Value;
use tokio::time::sleep;

use crate::{
    console::{Console, YES},
    harness::{Bot, Configuration, Directory, LONG, Site, eventually, lines},
};

const ROUNDS: usize = 10;
/// Of each server, of whom anybody may be anywhere.
const PEOPLE: [&str; 5] = ["ann", "ben", "cat", "dan", "eve"];
/// The rooms that both share; the first is on the first server and the second on the second.
const SHARED: [&str; 2] = ["one", "two"];
/// Levels that two bots write within this time, in milliseconds, may have been written without either seeing the other.
const AT_ONCE: i64 = 2_000;
const NO_LIMITS: &str = "[limits]\nroom_count = 10000\ntotal_count = 10000\n";

/// One server, and what runs beside it.
struct Side {
    // Before the site, of which the folder has its log.
    bot: Bot,
    site: Site,
    directory: Directory,
    console: Console,
}

/// How the other side calls what both share.
struct Names {
    bot: String,
    rooms: [String; 2],
}

impl Names {
    fn of(site: &Site) -> Self {
        Self {
            bot: site.bot.user_id().to_owned(),
            rooms: SHARED.map(|room| site.alias(room)),
        }
    }
}

impl Side {
    /// The homeserver's side on which the bot runs already, in a room of its own, and trusts the other bot.
    async fn start(site: Site, other: &Names, own: usize) -> Result<Self> {
        let configuration = Configuration::default()
            .bot("interval", "\"1s\"")
            .trusts(&other.bot)
            .sections(NO_LIMITS);
        site.configure(&configuration)?;
        let mut directory = Directory::default();
        for (index, name) in SHARED.into_iter().enumerate() {
            let group = directory.room(name);
            group.members(PEOPLE.into_iter().take(2)).owners([PEOPLE[index]]);
            if index != own {
                group.alias(&other.rooms[index]);
            }
        }
        directory.room("alone").members([PEOPLE[0]]);
        site.register(PEOPLE).await?;
        site.save(&directory)?;
        let bot = site.start().await?;
        let console = Console::boss(&site).await?;
        Ok(Self {
            bot,
            site,
            directory,
            console,
        })
    }

    /// The user IDs of those whom this side wants in a room.
    fn wanted(&self, room: &str) -> BTreeMap<String, i64> {
        let wanted = self.directory.wanted(room).into_iter();
        wanted
            .map(|(name, level)| (self.site.user(&name), level))
            .collect()
    }

    /// Has somebody come into or leave a room, or become an owner or none.
    fn change(&mut self, random: &mut fastrand::Rng) -> Result<()> {
        for room in SHARED {
            for _ in 0..random.usize(1..=2) {
                // A group that all leave is held until a person says so: the first stays.
                let name = PEOPLE[random.usize(1..PEOPLE.len())];
                let group = self.directory.room(room);
                group.without(name);
                match random.u8(..3) {
                    0 => group,
                    1 => group.members([name]),
                    _ => group.owners([name]),
                };
            }
        }
        self.site.save(&self.directory)
    }

    /// Somebody who is invited comes in.
    async fn accept(&self, room: &str, random: &mut fastrand::Rng) -> Result<()> {
        let members = self.site.admin.admin_members(room).await?;
        let invited = |name: &&&str| {
            members
                .get(&self.site.user(name))
                .is_some_and(|is| is == "invite")
        };
        let invited: Vec<&&str> = PEOPLE.iter().filter(invited).collect();
        if invited.is_empty() {
            return Ok(());
        }
        let name = invited[random.usize(..invited.len())];
        self.site.person(name).await?.join(room).await.map(drop)
    }

    /// Runs so far.
    fn runs(&self) -> usize {
        self.bot.logged(&["run ended"])
    }
}

/// The other side's bot is invited into this side's room as an admin, comes, and its operator adopts the room.
async fn share(host: &Side, guest: &Side, room: &str) -> Result<()> {
    let alias = host.site.alias(room);
    eventually("the room is there", LONG, async || {
        host.site.admin.resolve_alias(&alias).await
    })
    .await?;
    let me = guest.site.bot.user_id();
    let command = format!("!inviter invite-admin {alias} {me}");
    let (event, question) = host.console.asked(&command, &[me]).await?;
    host.console.react(&question, YES).await?;
    host.console.answer(&event, &["invite-admin", "done"]).await?;
    let id = host.site.room_id(room).await?;
    eventually(
        "the other bot comes, and its homeserver knows of its level",
        LONG,
        async || {
            let Ok(levels) = guest.site.bot.power_levels(&id).await else {
                return Ok(None);
            };
            if levels["users"][me] == 100 {
                return Ok(Some(()));
            }
            // What was sent while a server's join was under way reaches it with whatever is sent next.
            host.site.bot.send_text(&id, "welcome").await?;
            sleep(Duration::from_millis(500)).await;
            Ok(None)
        },
    )
    .await?;
    // Its bot may not have heard yet that it is in.
    eventually("its operator adopts the room", LONG, async || {
        let (_, answer) = guest
            .console
            .told(&format!("!inviter adopt {alias}"), &["adopt: "])
            .await?;
        Ok(answer.text().contains("adopt: 1 of 1").then_some(()))
    })
    .await
    .map(drop)
}

/// Who is in a room, without bots, and who of them has which level, as one server sees it.
async fn seen(site: &Site, room: &str, bots: [&str; 2]) -> Result<(BTreeSet<String>, BTreeMap<String, i64>)> {
    let mut inside = BTreeSet::new();
    let mut levels = BTreeMap::new();
    for event in site.admin.admin_room_state(room).await? {
        let content = &event["content"];
        if event["type"] == "m.room.member"
            && (content["membership"] == "join" || content["membership"] == "invite")
        {
            inside.insert(event["state_key"].as_str().context("no state key")?.to_owned());
        }
        for (user, level) in content["users"].as_object().into_iter().flatten() {
            levels.insert(user.clone(), level.as_i64().context("no level")?);
        }
    }
    for bot in bots {
        inside.remove(bot);
        levels.remove(bot);
    }
    levels.retain(|_, level| *level != 0);
    Ok((inside, levels))
}

/// Waits until both servers see exactly those in the shared rooms who are to be there, at their levels.
async fn settled(sides: &[Side; 2]) -> Result<()> {
    let bots = [sides[0].site.bot.user_id(), sides[1].site.bot.user_id()];
    for (room, host) in SHARED.into_iter().zip(sides) {
        let id = host.site.room_id(room).await?;
        let mut levels: BTreeMap<String, i64> = sides.iter().flat_map(|side| side.wanted(room)).collect();
        let inside: BTreeSet<String> = levels.keys().cloned().collect();
        levels.retain(|_, level| *level != 0);
        let wanted = (inside, levels);
        for side in sides {
            let what = format!("{room} is as both want: {wanted:#?}");
            eventually(&what, LONG, async || {
                let seen = seen(&side.site, &id, bots).await?;
                anyhow::ensure!(seen == wanted, "it is {seen:#?}");
                Ok(Some(()))
            })
            .await?;
        }
    }
    Ok(())
}

fn server(user: &str) -> &str {
    user.split_once(':').map_or("", |(_, server)| server)
}

/// Whether a bot has any business with somebody of the other server: by `invite-admin` and `invite-member`.
fn is_guest(user: &str) -> bool {
    user.starts_with("@bot-") || user.starts_with("@zoe-")
}

/// What a bot says that it did, or tried to do, to people of the other server.
fn meant(site: &Site) -> Result<Vec<Value>> {
    let mut found = Vec::new();
    let mut people = 0;
    for line in std::fs::read_to_string(site.path("audit.jsonl"))?.lines() {
        let line: Value = serde_json::from_str(line)?;
        let Some(user) = line["user"].as_str() else {
            continue;
        };
        people += 1;
        if server(user) != site.synapse.server_name() && !is_guest(user) {
            found.push(line);
        }
    }
    anyhow::ensure!(
        people > ROUNDS,
        "the audit log tells of {people} actions about people only"
    );
    Ok(found)
}

/// Memberships in a room's history that a bot set for people of the other server.
fn trespasses(history: &[Value]) -> Vec<&Value> {
    let by_bot = |event: &&Value| {
        let sender = event["sender"].as_str().unwrap_or_default();
        let target = event["state_key"].as_str().unwrap_or_default();
        let invites = event["content"]["membership"] == "invite";
        event["type"] == "m.room.member"
            && sender.starts_with("@bot-")
            && server(target) != server(sender)
            && !(invites && is_guest(target))
    };
    history.iter().filter(by_bot).collect()
}

/// Levels of people of the other server that a bot's event has lowered, with how long they had stood, in milliseconds.
///
/// All levels of a room are one event, and Matrix has no way to write it only if nobody else has meanwhile: of two that
/// are written at the same time, one is lost, and is written again by whoever misses it.
fn lost_levels(history: &[Value]) -> Vec<(String, i64)> {
    let mut users: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    let mut lost = Vec::new();
    for event in history
        .iter()
        .filter(|event| event["type"] == "m.room.power_levels")
    {
        let sender = event["sender"].as_str().unwrap_or_default();
        let at = event["origin_server_ts"].as_i64().unwrap_or(0);
        let now = event["content"]["users"].as_object().into_iter().flatten();
        let now: BTreeMap<&str, i64> = now
            .map(|(user, level)| (user.as_str(), level.as_i64().unwrap_or(0)))
            .collect();
        for (user, (before, since)) in &users {
            let lowered = now.get(user).copied().unwrap_or(0) < *before;
            if lowered && sender.starts_with("@bot-") && server(user) != server(sender) {
                lost.push(((*user).to_owned(), at - since));
            }
        }
        users = now
            .into_iter()
            .map(|(user, level)| {
                let kept = users.get(user).filter(|(before, _)| *before == level);
                (user, (level, kept.map_or(at, |(_, since)| *since)))
            })
            .collect();
    }
    lost
}

#[tokio::test]
async fn two_bots_share_rooms_and_keep_to_their_own_people() -> Result<()> {
    let begun = Instant::now();
    let (one, two) = Synapse::pair().await?;
    let (one, two) = (Site::on(Arc::new(one)).await?, Site::on(Arc::new(two)).await?);
    // Somebody of the second server who is in no directory.
    two.register(["zoe"]).await?;
    let zoe = two.person("zoe").await?;
    let others = [Names::of(&one), Names::of(&two)];
    let sides = tokio::try_join!(Side::start(one, &others[1], 0), Side::start(two, &others[0], 1))?;
    let mut sides: [Side; 2] = sides.into();

    share(&sides[0], &sides[1], SHARED[0]).await?;
    share(&sides[1], &sides[0], SHARED[1]).await?;
    let alone = sides[0].site.alias("alone");
    let command = format!("!inviter invite-member {alone} {}", zoe.user_id());
    sides[0]
        .console
        .told(&command, &["invite-member", "done"])
        .await?;
    let alone = zoe.join(&alone).await?;
    settled(&sides).await?;
    eprintln!(
        "both bots are in both rooms after {:.1} s",
        begun.elapsed().as_secs_f64()
    );

    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    let mut times = Vec::new();
    for round in 1..=ROUNDS {
        for side in &mut sides {
            side.change(&mut random)?;
        }
        let changed = Instant::now();
        settled(&sides)
            .await
            .with_context(|| format!("round {round} with seed {seed}"))?;
        times.push(format!("{:.1}", changed.elapsed().as_secs_f64()));
        for side in &sides {
            let room = SHARED[random.usize(..SHARED.len())];
            let host = usize::from(room != SHARED[0]);
            side.accept(&sides[host].site.room_id(room).await?, &mut random)
                .await?;
        }
    }
    eprintln!("seconds of the rounds: {}", times.join(", "));

    // All is said and done.
    for side in &sides {
        side.site.proxy.clear();
    }
    let before: Vec<usize> = sides.iter().map(Side::runs).collect();
    eventually("some runs more", LONG, async || {
        let done = sides
            .iter()
            .zip(&before)
            .all(|(side, before)| side.runs() >= before + 3);
        Ok(done.then_some(()))
    })
    .await?;
    settled(&sides).await?;
    for side in &sides {
        assert_eq!(lines(&side.site.proxy.writes()), [""; 0], "seed {seed}");
    }
    let members = sides[0].site.admin.admin_members(&alone).await?;
    assert_eq!(members.get(zoe.user_id()).map(String::as_str), Some("join"));
    for (room, host) in SHARED.into_iter().zip(&sides) {
        let history = host.site.history(&host.site.room_id(room).await?).await?;
        assert_eq!(trespasses(&history), [] as [&Value; 0], "{room}, seed {seed}");
        let lost = lost_levels(&history);
        eprintln!(
            "{room}: {} levels were lost to one written at the same time: {lost:?}",
            lost.len()
        );
        let at_once = |(_, stood): &(String, i64)| *stood < AT_ONCE;
        assert!(lost.iter().all(at_once), "{room}: {lost:?}, seed {seed}");
    }
    for side in &sides {
        assert_eq!(meant(&side.site)?, [] as [Value; 0], "seed {seed}");
    }
    for side in sides {
        side.bot.stop().await?;
    }
    Ok(())
}
