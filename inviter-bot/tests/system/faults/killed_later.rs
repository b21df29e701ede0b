//! A bot that is killed in a run that takes away: an LDAP server says that somebody goes, somebody else moderates, and a
//! third one comes. Killed at each request to either server in turn, it comes to the same end, and does nothing twice.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use inviter_testkit::{
    Fault, Ldif, Slapd, SlapdOptions,
    ldap::{LdapProxy, Moment},
    sigkill,
};
use tokio::time::timeout;

use super::{
    has_run,
    ldap::{PASSWORD, SUFFIX, section},
};
use crate::harness::{Bot, Configuration, Directory, Site, is_poll};

/// Sites at the same time.
const LANES: usize = 4;
/// How long a request of a run is waited for.
const COMES_WITHIN: Duration = Duration::from_secs(20);

fn before() -> Directory {
    let mut directory = Directory::default();
    directory
        .room("staff")
        .owners(["alice"])
        .members(["bob", "carol"]);
    directory.people(["dave"]);
    directory
}

fn after() -> Directory {
    let mut directory = Directory::default();
    directory.room("staff").owners(["bob"]).members(["alice", "dave"]);
    directory
}

/// Whether nothing is left out.
fn every_request() -> bool {
    std::env::var_os("INVITER_TEST_EVERY_REQUEST").is_some()
}

/// Where the bot is killed.
#[derive(Debug, Clone, Copy)]
enum At {
    /// At its n-th request to the homeserver, which has its effect or not.
    Homeserver { request: usize, after_effect: bool },
    /// At its n-th search in the directory.
    Search(usize),
    /// When so many entries have come from there.
    Entries(usize),
}

/// A site after a whole run over the directory as it was, and before the first one over what it is now.
struct Turned {
    site: Site,
    ldap: LdapProxy,
    _slapd: Slapd,
}

async fn turned() -> Result<Turned> {
    let site = Site::new().await?;
    let mut ldif = Ldif::tree(SUFFIX);
    ldif.account("reader", PASSWORD, &[]);
    for name in before().everybody() {
        ldif.person(&site.localpart(&name), &[]);
    }
    let dns = |ldif: &Ldif, names: &[&str]| -> Vec<String> {
        let dns = names.iter().map(|name| ldif.person_dn(&site.localpart(name)));
        dns.collect()
    };
    let title = format!("MTRX {}", site.alias("staff"));
    let people = dns(&ldif, &["alice", "bob", "carol"]);
    ldif.group_of_names(&title, &people);
    let slapd = Slapd::start(SlapdOptions::new().ldif(ldif.text())).await?;
    let group = slapd.group_dn(&title);
    let mut owner = Ldif::new(SUFFIX);
    owner.add_values(&group, "owner", &dns(&ldif, &["alice"]));
    slapd.apply(&owner).await?;

    let address = slapd.url().trim_start_matches("ldap://").parse()?;
    let ldap = LdapProxy::start(address).await?;
    site.write_secret("ldap-password", PASSWORD)?;
    site.configure(&Configuration::default().sections(&section(&ldap.url())))?;
    site.register(before().everybody()).await?;
    // A file with no group is refused.
    let mut nobody = Directory::default();
    nobody.group("others").members(["erin"]);
    site.save(&nobody)?;
    let bot = site.start().await?;
    site.is_as_wanted(&before()).await?;
    has_run(&bot).await?;
    bot.stop().await?;
    site.join("staff", ["alice", "carol"]).await?;

    let mut turn = Ldif::new(SUFFIX);
    turn.delete_values(&group, "member", &dns(&ldif, &["carol"]));
    turn.add_values(&group, "member", &dns(&ldif, &["dave"]));
    turn.delete_values(&group, "owner", &dns(&ldif, &["alice"]));
    turn.add_values(&group, "owner", &dns(&ldif, &["bob"]));
    slapd.apply(&turn).await?;
    site.proxy.clear();
    ldap.clear();
    Ok(Turned {
        site,
        ldap,
        _slapd: slapd,
    })
}

/// What happened to people in the room since it was made, by the bot: each invited once, and one removed once.
async fn once(site: &Site) -> Result<()> {
    let mut done: BTreeMap<(String, String), usize> = BTreeMap::new();
    for event in site.history(&site.room_id("staff").await?).await? {
        let (Some(user), true) = (
            event["state_key"].as_str(),
            event["type"] == "m.room.member" && event["sender"].as_str() == Some(site.bot.user_id()),
        ) else {
            continue;
        };
        let membership = event["content"]["membership"].as_str().unwrap_or_default();
        let key = (site.short(user).to_owned(), membership.to_owned());
        *done.entry(key).or_default() += 1;
    }
    done.remove(&(site.short(site.bot.user_id()).to_owned(), "join".to_owned()));
    let invited = ["alice", "bob", "carol", "dave"].map(|name| ((name.to_owned(), "invite".to_owned()), 1));
    let mut wanted: BTreeMap<_, _> = invited.into();
    wanted.insert(("carol".to_owned(), "leave".to_owned()), 1);
    assert_eq!(done, wanted);
    Ok(())
}

/// The room is as the directory is now, nothing was done twice, and another start writes nothing, if it is asked for.
async fn is_done(turned: &Turned, again: bool) -> Result<()> {
    let site = &turned.site;
    let bot = site.start().await?;
    site.is_as_wanted(&after()).await?;
    has_run(&bot).await?;
    bot.stop().await?;
    once(site).await?;
    if again { writes_nothing(site).await } else { Ok(()) }
}

/// Another start has nothing to do.
async fn writes_nothing(site: &Site) -> Result<()> {
    site.proxy.clear();
    let bot = site.start().await?;
    site.quiet().await?;
    let writes = site.proxy.writes();
    assert!(writes.is_empty(), "{writes:?}");
    bot.stop().await
}

/// A whole run over what has changed: how many requests it sends, which of them write, and how many searches.
async fn undisturbed() -> Result<(Vec<bool>, usize, usize)> {
    let turned = turned().await?;
    let site = &turned.site;
    let bot = site.start().await?;
    site.is_as_wanted(&after()).await?;
    // Requests after the run count as well.
    site.quiet().await?;
    bot.stop().await?;
    let requests = site.proxy.requests();
    let writing = requests.iter().filter(|request| !is_poll(request));
    let writing = writing.map(|request| request.writing).collect();
    let counts = turned.ldap.counts();
    once(site).await?;
    writes_nothing(site).await?;
    Ok((writing, counts.searches, counts.entries))
}

/// Fails unless a whole run has passed, and it had fewer requests or searches than that; tells so otherwise.
async fn was_shorter(turned: &Turned, at: At) -> Result<()> {
    turned.site.is_as_wanted(&after()).await?;
    let (came, wanted) = match at {
        At::Homeserver { request, .. } => {
            let requests = turned.site.proxy.requests();
            (
                requests.iter().filter(|request| !is_poll(request)).count(),
                request,
            )
        }
        At::Search(search) => (turned.ldap.counts().searches, search),
        At::Entries(entries) => (turned.ldap.counts().entries, entries),
    };
    ensure!(came < wanted, "{came} came, and the bot lives");
    eprintln!("not killed at {at:?}: the run had {came}");
    Ok(())
}

/// Answers whether the bot came to that request.
async fn killed(at: At) -> Result<bool> {
    let turned = turned().await?;
    let (site, ldap) = (&turned.site, &turned.ldap);
    let mut bot = Bot::begin(site)?;
    let pid = bot.pid()?;
    // Whoever is gone already ends the test by what it has not done.
    let kill = move || drop(sigkill(pid));
    match at {
        At::Homeserver {
            request,
            after_effect,
        } => {
            let mut seen = 0;
            site.proxy.on_request(move |sent| {
                seen += usize::from(!is_poll(sent));
                if seen != request || is_poll(sent) {
                    return None;
                }
                kill();
                Some(if after_effect {
                    Fault::LoseAnswer
                } else {
                    Fault::Cut
                })
            });
        }
        At::Search(search) => ldap.on(Moment::Search(search), async move || kill()),
        At::Entries(entries) => ldap.on(Moment::Entries(entries), async move || kill()),
    }
    // A run whose requests come in another order may be one shorter.
    let Ok(ended) = timeout(COMES_WITHIN, bot.ended()).await else {
        was_shorter(&turned, at).await?;
        return Ok(false);
    };
    assert!(ended?.code().is_none(), "{at:?} never came");
    site.proxy.settled().await;
    site.proxy.heal();
    ldap.heal();
    is_done(&turned, every_request()).await?;
    Ok(true)
}

/// At each writing request, and at the last search; with `INVITER_TEST_EVERY_REQUEST`, at every request, before and after
/// its effect, at each search, and in the middle of what one finds.
#[tokio::test]
async fn a_bot_that_is_killed_while_it_takes_away_comes_to_the_same_end() -> Result<()> {
    let (writing, searches, entries) = undisturbed().await?;
    let every = every_request();
    let mut times = Vec::new();
    for (index, writes) in writing.iter().enumerate() {
        for after_effect in [false, true] {
            if every || *writes && after_effect == (index % 2 == 0) {
                let request = index + 1;
                times.push(At::Homeserver {
                    request,
                    after_effect,
                });
            }
        }
    }
    if every {
        times.extend((1..=searches).map(At::Search));
        times.push(At::Entries(entries / 2));
    } else {
        // Killed at the first one, it has done and seen nothing yet.
        times.push(At::Search(searches));
    }
    // Somebody is lowered and raised in one event, one goes, and one comes.
    assert!(
        writing.iter().filter(|writes| **writes).count() >= 3 && searches >= 2,
        "{writing:?}, {searches}"
    );
    let total = times.len();
    let requests = writing.len();
    let came: Vec<bool> = stream::iter(times)
        .map(|at| async move {
            let came = killed(at).await.with_context(|| format!("{at:?}"))?;
            // Only the last ones may not come.
            let is_last = match at {
                At::Homeserver { request, .. } => request + 2 > requests,
                At::Search(search) => search == searches,
                At::Entries(_) => false,
            };
            ensure!(
                came || is_last,
                "{at:?} of {requests} requests and {searches} searches did not come"
            );
            Ok(came)
        })
        .buffer_unordered(LANES)
        .try_collect()
        .await?;
    let killed = came.iter().filter(|came| **came).count();
    eprintln!("killed {killed} times at {requests} requests of a run and {searches} searches");
    assert!(killed + 2 >= total, "killed {killed} times, and not {total}");
    Ok(())
}
