//! A directory that refuses the bot is asked ever more seldom, and everything else goes on.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use inviter_testkit::{Ldif, Slapd, ldap::LdapProxy};
use tokio::time::sleep;

use super::{
    ldap::{PASSWORD, SUFFIX, section, slapd},
    often,
};
use crate::{
    harness::{Bot, Directory, LONG, Site, eventually},
    operations::hangup,
};

const ANOTHER: &str = "another password of the reader";
/// What belongs to one read comes within this time.
const ONE_READ: Duration = Duration::from_millis(400);

/// Sees when the bot asks the server.
struct Watch {
    proxy: LdapProxy,
    seen: usize,
    /// When each read came, the oldest first.
    reads: Vec<Instant>,
}

impl Watch {
    fn look(&mut self) {
        let now = Instant::now();
        let connections = self.proxy.counts().connections;
        if connections == self.seen {
            return;
        }
        self.seen = connections;
        let same = self
            .reads
            .last()
            .is_some_and(|last| now.duration_since(*last) < ONE_READ);
        if !same {
            self.reads.push(now);
        }
    }

    /// Forgets what was.
    fn begin(&mut self) {
        self.seen = self.proxy.counts().connections;
        self.reads.clear();
    }

    /// Waits until there have been so many reads.
    async fn until(&mut self, reads: usize) -> Result<()> {
        let what = format!("{reads} reads");
        eventually(&what, LONG, async || {
            self.look();
            Ok((self.reads.len() >= reads).then_some(()))
        })
        .await
        .map(drop)
    }
}

async fn set_password(slapd: &Slapd, password: &str) -> Result<()> {
    let mut ldif = Ldif::new(SUFFIX);
    ldif.replace_values(&slapd.account_dn("reader"), "userPassword", &[password]);
    slapd.apply(&ldif).await
}

#[tokio::test]
async fn a_refusing_directory_is_left_alone_and_the_others_go_on() -> Result<()> {
    let site = Site::new().await?;
    let people = ["alice", "bob", "carol"];
    let slapd = slapd(&site, &people).await?;
    let address = slapd.url().rsplit('/').next().context("no address")?.parse()?;
    let mut watch = Watch {
        proxy: LdapProxy::start(address).await?,
        seen: 0,
        reads: Vec::new(),
    };
    site.write_secret("ldap-password", PASSWORD)?;
    // One that refuses the bot is left alone for the minute from the first time on; runs come every two seconds.
    let configuration = often().bot("quarantine_max", "\"10m\"");
    site.configure(&configuration.sections(&section(&watch.proxy.url())))?;
    site.register(people).await?;
    let mut club = Directory::default();
    club.room("club").members(["alice"]);
    club.people(["dave"]);
    let mut bot = site.start_with(&club).await?;
    let mut staff = Directory::default();
    staff.room("staff").members(people);
    site.is_as_wanted(&staff).await?;
    let metric = "inviter_directory_quarantined{directory=\"staff\"}";
    ensure!(bot.ask("/metrics").await?.1.contains(&format!("{metric} 0")));

    set_password(&slapd, ANOTHER).await?;
    let told = site
        .told(&["quarantine: directory staff has failed once", "SIGHUP"])
        .await?;
    eprintln!("{told}");
    watch.begin();
    // What another directory says is done meanwhile, and the password is not sent again.
    let runs = |bot: &Bot| bot.logged(&["run ended", "cause=on schedule"]);
    let before = runs(&bot);
    club.room("club").members(["dave"]);
    site.save(&club)?;
    site.is_as_wanted(&club).await?;
    eventually("runs meanwhile", LONG, async || {
        watch.look();
        Ok((runs(&bot) >= before + 3).then_some(()))
    })
    .await?;
    assert_eq!(watch.reads.len(), 0);
    ensure!(bot.ask("/metrics").await?.1.contains(&format!("{metric} 1")));
    assert_eq!(bot.ask("/readyz").await?.0, 200, "rooms are kept in step");

    // A person's run asks at once.
    site.types("!inviter sync").await?;
    watch.until(1).await?;
    site.types("!inviter status").await?;
    let status = site
        .told(&["directory staff: in quarantine since ", "asked again "])
        .await?;
    assert_eq!(
        status.matches("directory staff: in quarantine").count(),
        1,
        "{status}"
    );

    // So does a configuration that is read anew; what is known and told stays.
    let ended = bot.logged(&["connection ended"]);
    sleep(2 * ONE_READ).await;
    hangup(bot.pid()?)?;
    watch.until(2).await?;
    eventually("the new connection", LONG, async || {
        Ok((bot.logged(&["connection ended"]) > ended).then_some(()))
    })
    .await?;
    site.is_as_wanted(&staff).await?;
    assert_eq!(bot.logged(&["Remove"]), 0, "nobody goes");

    // The administrator gives the bot the new password.
    site.write_secret("ldap-password", ANOTHER)?;
    hangup(bot.pid()?)?;
    let over = site.told(&["over: directory staff answers again"]).await?;
    eprintln!("{over}");
    ensure!(bot.ask("/metrics").await?.1.contains(&format!("{metric} 0")));
    // Who goes now, goes.
    let mut ldif = Ldif::new(SUFFIX);
    let group = slapd.group_dn(&format!("MTRX {}", site.alias("staff")));
    ldif.delete_values(&group, "member", &[slapd.person_dn(&site.localpart("carol"))]);
    slapd.apply(&ldif).await?;
    staff.room("staff").without("carol");
    site.is_as_wanted(&staff).await?;
    for (words, times) in [
        ("not read: directory staff", 0),
        ("quarantine: directory staff", 1),
        ("over: directory staff answers again", 1),
        ("over: not read", 0),
    ] {
        assert_eq!(heard(&site, words).await?, times, "{words}");
    }
    bot.lives()?;
    bot.stop().await
}

/// How many lines begin so that the bot has said.
async fn heard(site: &Site, words: &str) -> Result<usize> {
    let said = site.said().await?;
    let lines = said.iter().flat_map(|text| text.lines());
    Ok(lines.filter(|line| line.starts_with(words)).count())
}

#[tokio::test]
async fn a_restart_tells_nothing_anew_but_what_is_over() -> Result<()> {
    let site = Site::new().await?;
    let slapd = slapd(&site, &["alice"]).await?;
    site.write_secret("ldap-password", ANOTHER)?;
    let configuration = often().bot("quarantine_max", "\"10m\"");
    site.configure(&configuration.sections(&section(slapd.url())))?;
    site.register(["alice"]).await?;
    let mut club = Directory::default();
    club.room("club").members(["alice"]);
    let bot = site.start_with(&club).await?;
    let entry = "quarantine: directory staff has failed once";
    site.told(&[entry]).await?;
    bot.stop().await?;

    // It is asked at once, and fails still.
    let bot = site.start().await?;
    eventually("runs after the restart", LONG, async || {
        Ok((bot.logged(&["run ended"]) >= 2).then_some(()))
    })
    .await?;
    let metric = "inviter_directory_quarantined{directory=\"staff\"} 1";
    ensure!(bot.ask("/metrics").await?.1.contains(metric));
    site.types("!inviter status").await?;
    site.told(&["directory staff: in quarantine since ", "after 2 failed reads"])
        .await?;
    bot.stop().await?;

    // It is mended while nobody runs.
    set_password(&slapd, ANOTHER).await?;
    let bot = site.start().await?;
    let over = site
        .told(&["over: directory staff answers again", "is out of quarantine"])
        .await?;
    eprintln!("{over}");
    let mut staff = Directory::default();
    staff.room("staff").members(["alice"]);
    site.is_as_wanted(&staff).await?;
    bot.stop().await?;

    // That is not told again either.
    let bot = site.start().await?;
    eventually("runs after the last restart", LONG, async || {
        Ok((bot.logged(&["run ended"]) >= 2).then_some(()))
    })
    .await?;
    for (words, times) in [("quarantine: ", 1), ("not read: ", 0), ("over: ", 1)] {
        assert_eq!(heard(&site, words).await?, times, "{words}");
    }
    bot.stop().await
}
