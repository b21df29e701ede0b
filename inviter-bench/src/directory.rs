//! Reading everything from an LDAP server, against OpenLDAP's own ldapsearch with the same questions.

use std::{
    env,
    process::{Command, Output, Stdio},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, ensure};
use inviter_core::{
    IdentityProvider as _,
    directory::ProviderId,
    provider::ReadRequest,
    time::{FixedClock, Timestamp},
};
use inviter_ldap::{Bind, LdapConfig, LdapDirectory, Preset, Schema};
use inviter_testkit::{
    Slapd, SlapdOptions,
    ldap::{LdapProxy, Search},
};
use serde::{Deserialize, Serialize};

use crate::{
    organisation::{Content, Organisation},
    process_memory,
    stages::median_ms,
};

const SUFFIX: &str = "dc=example,dc=test";
const SEED: u64 = 20_261_123;

/// What it came to. Times are medians, in milliseconds; memory is in bytes.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Reading {
    pub(crate) scale: Organisation,
    pub(crate) content: Content,
    pub(crate) page_size: usize,
    pub(crate) rounds: usize,
    pub(crate) read_ms: f64,
    pub(crate) ldapsearch_ms: f64,
    /// Each time, in the order of measuring.
    pub(crate) all_read_ms: Vec<f64>,
    pub(crate) all_ldapsearch_ms: Vec<f64>,
    /// Ours over ldapsearch's.
    pub(crate) ratio: f64,
    pub(crate) searches: usize,
    /// How many pages people and groups make: what `searches` should be.
    pub(crate) pages: usize,
    /// The most that a reading process took, everything included.
    pub(crate) peak_bytes: u64,
}

/// What a process of its own finds out.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Read {
    time: Duration,
    peak_bytes: u64,
    content: Content,
}

fn config(url: &str, dn: &str, password: &str) -> LdapConfig {
    let bind = Bind::Simple {
        dn: dn.to_owned(),
        password: password.into(),
    };
    let mut config = LdapConfig::new(url, bind, SUFFIX, Schema::new(Preset::GroupOfNames));
    config.user_bases = vec![format!("ou=people,{SUFFIX}")];
    config.group_bases = vec![format!("ou=groups,{SUFFIX}")];
    config
}

/// Reads everything once, in this process.
pub(crate) async fn read(url: &str, dn: &str, password: &str) -> Result<Read> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let clock = FixedClock(Timestamp(u64::try_from(now.as_millis())?));
    let directory = LdapDirectory::new(
        ProviderId::new("people"),
        config(url, dn, password),
        Arc::new(clock),
    );
    let started = Instant::now();
    let directory = directory.read(&ReadRequest::default()).await?;
    let time = started.elapsed();
    let peak_bytes = process_memory::peak()?;
    let content = Content::of(&directory);
    let content = content.with_context(|| format!("{:?}, {:?}", directory.listing, directory.remarks))?;
    Ok(Read {
        time,
        peak_bytes,
        content,
    })
}

/// Reads in a process of its own, so that its memory is its own.
fn in_child(url: &str, slapd: &Slapd, content: &Content) -> Result<Read> {
    let output = Command::new(env::current_exe()?)
        .args(["read", url, slapd.admin_dn(), slapd.admin_password()])
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "reading: {}", output.status);
    let read: Read = serde_json::from_slice(&output.stdout).context("the answer of the child")?;
    ensure!(read.content == *content, "{:?} is not {content:?}", read.content);
    Ok(read)
}

/// What one search after another asked for, pages left out.
fn questions(searches: Vec<Search>) -> Vec<Search> {
    let mut questions: Vec<Search> = Vec::new();
    for search in searches {
        let known = questions.iter().any(|known| {
            (&known.base, &known.filter, &known.attributes)
                == (&search.base, &search.filter, &search.attributes)
        });
        if !known {
            questions.push(search);
        }
    }
    questions
}

fn ldapsearch(slapd: &Slapd, question: &Search, page_size: usize) -> Command {
    let mut command = Command::new("ldapsearch");
    let (dn, password) = (slapd.admin_dn(), slapd.admin_password());
    command.args(["-x", "-H", slapd.url(), "-D", dn, "-w", password]);
    let pages = format!("!pr={page_size}/noprompt");
    command.args(["-LLL", "-o", "ldif-wrap=no", "-E", &pages]);
    command.args(["-b", &question.base, &question.filter]);
    command.args(&question.attributes);
    command
}

/// All questions with ldapsearch, one after the other, with nobody to look at the answers.
fn ask(slapd: &Slapd, questions: &[Search], page_size: usize) -> Result<Duration> {
    let started = Instant::now();
    for question in questions {
        let mut command = ldapsearch(slapd, question, page_size);
        let status = command
            .stdout(Stdio::null())
            .status()
            .context("cannot start ldapsearch")?;
        ensure!(status.success(), "ldapsearch: {status}");
    }
    Ok(started.elapsed())
}

/// ldapsearch is given everything, too.
fn check(slapd: &Slapd, questions: &[Search], page_size: usize, content: &Content) -> Result<()> {
    let mut members = 0;
    for question in questions {
        let Output { status, stdout, .. } = ldapsearch(slapd, question, page_size).output()?;
        ensure!(status.success(), "ldapsearch: {status}");
        let mut lines = stdout.split(|&byte| byte == b'\n');
        members += lines.by_ref().filter(|line| line.starts_with(b"member:")).count();
    }
    let all = content.memberships + content.nested;
    ensure!(members == all, "ldapsearch shows {members} of {all} members");
    Ok(())
}

/// Measures; `tell` hears of each measurement.
pub(crate) async fn measure(
    scale: Organisation,
    rounds: usize,
    mut tell: impl FnMut(&str),
) -> Result<Reading> {
    let (ldif, content) = scale.ldif(SUFFIX, SEED);
    let slapd = Slapd::start(SlapdOptions::new().suffix(SUFFIX).ldif(&ldif)).await?;
    drop(ldif);
    let address = slapd.url().trim_start_matches("ldap://").parse()?;
    let proxy = LdapProxy::start(address).await?;
    // Not measured: what is asked, and whether the answers are right. It leaves the server with everything in memory.
    let mut peak_bytes = in_child(&proxy.url(), &slapd, &content)?.peak_bytes;
    let searches = proxy.searches();
    drop(proxy);
    let count = searches.len();
    let page_size = searches.first().and_then(|search| search.page.as_ref());
    let page_size = usize::try_from(page_size.context("no pages were asked for")?.size)?;
    let questions = questions(searches);
    ensure!(questions.len() == 2, "{questions:?}");
    check(&slapd, &questions, page_size, &content)?;

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        // The order turns round: whatever else the machine does meets both alike.
        for turn in 0..2 {
            if (round + turn) % 2 == 0 {
                let read = in_child(slapd.url(), &slapd, &content)?;
                tell(&format!("directory: {} ms", read.time.as_millis()));
                peak_bytes = peak_bytes.max(read.peak_bytes);
                ours.push(read.time);
            } else {
                let time = ask(&slapd, &questions, page_size)?;
                tell(&format!("ldapsearch: {} ms", time.as_millis()));
                theirs.push(time);
            }
        }
    }
    let each = |times: &[Duration]| times.iter().map(|time| median_ms([*time])).collect();
    let (all_read_ms, all_ldapsearch_ms) = (each(&ours), each(&theirs));
    let (read_ms, ldapsearch_ms) = (median_ms(ours), median_ms(theirs));
    Ok(Reading {
        scale,
        content,
        page_size,
        rounds,
        read_ms,
        ldapsearch_ms,
        all_read_ms,
        all_ldapsearch_ms,
        ratio: read_ms / ldapsearch_ms,
        searches: count,
        pages: scale.people.div_ceil(page_size) + scale.groups.div_ceil(page_size),
        peak_bytes,
    })
}
