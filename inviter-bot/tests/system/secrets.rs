//! Secrets stay where they are: each is used, and none of them is in anything that the bot says or writes.

mod directories;
mod watched;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use inviter_testkit::{SecretForms, enc, expect_ok, forms};
use serde_json::{Value, json};

use self::{
    directories::{Directories, LDAP_PASSWORD, WAYS},
    watched::Watched,
};
use crate::{
    console::Console,
    harness::{CONFIG, LONG, Site, eventually},
};

/// Every form of each differs from every other: they need each kind of quoting and encoding.
/// No half of them is anything that the bot would say.
const OF_ACCOUNT: &str = "Kn\u{f6}pfe?+/\"&\\%41 und Zwirn im Korb";
/// Files of the site that hold secrets because they are there for them.
const KEPT_IN: [&str; 5] = [
    "token",
    "password",
    LDAP_PASSWORD,
    directories::KEY,
    directories::TOKEN,
];
const SESSION: &str = "session.json";
/// The configuration of the second run, until then.
const SECOND: &str = "second.toml";
/// What has to be among the texts that are looked at.
const KINDS: [&str; 8] = [
    "first.err",
    "second.err",
    "audit.jsonl",
    CONFIG,
    "sqlite",
    "/metrics of",
    "arguments of",
    "m.room.message",
];
/// How much of a text is copied to put secrets into it.
const PART: usize = 16 * 1024;

/// All files below a folder.
fn files_below(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else if path.is_file() {
            files.push(path);
        }
    }
    Ok(files)
}

fn is_named(path: &Path, names: &[&str]) -> bool {
    path.file_name()
        .is_some_and(|name| names.iter().any(|is| name == *is))
}

/// Every file of the site but those that are there for secrets: the configuration, logs, the audit log, what is
/// remembered. SQLite's log of changes is there while the bot runs.
fn written(site: &Site) -> Result<Vec<(String, Vec<u8>)>> {
    let files = files_below(&site.path(""))?.into_iter();
    files
        .filter(|path| !is_named(path, &KEPT_IN) && !is_named(path, &[SESSION]))
        .map(|path| Ok((path.display().to_string(), fs::read(&path)?)))
        .collect()
}

/// What was sent to the homeserver, chat messages among it, but for the log-in.
fn sent(site: &Site) -> Vec<(String, Vec<u8>)> {
    let requests = site.proxy.requests().into_iter();
    requests
        .filter(|request| !request.path.ends_with("/login"))
        .map(|request| {
            let text = format!("{} {} {:?} ", request.method, request.path, request.query);
            let bytes = [text.as_bytes(), &request.body].concat();
            (request.to_string(), bytes)
        })
        .collect()
}

/// Asks for whatever can be asked for in the administration room.
async fn ask_for_all(site: &Site, boss: &Console) -> Result<()> {
    let (staff, alice) = (site.alias("staff"), site.user("alice"));
    for (text, words) in [
        ("!status".to_owned(), vec!["directory tree"]),
        ("!check".to_owned(), vec![&*staff]),
        ("!idp".to_owned(), vec![&*alice]),
        ("!plan".to_owned(), vec!["plan: "]),
        (format!("!explain {alice} {staff}"), vec![&*alice]),
        ("!version".to_owned(), vec!["inviter-bot "]),
    ] {
        boss.told(&text, &words).await?;
    }
    Ok(())
}

/// The log-ins that were sent to the homeserver.
fn matrix_log_ins(site: &Site) -> Vec<Value> {
    let requests = site.proxy.requests().into_iter();
    requests
        .filter(|request| request.path.ends_with("/login"))
        .map(|request| request.json())
        .collect()
}

/// What is kept of the log-in, which nobody else may read; and its token.
fn session(site: &Site) -> Result<(Vec<u8>, String)> {
    let kept = files_below(&site.path("state"))?;
    let kept = kept
        .iter()
        .find(|path| is_named(path, &[SESSION]))
        .context("no session")?;
    let session = fs::read(kept)?;
    assert_eq!(fs::metadata(kept)?.permissions().mode() & 0o777, 0o600);
    let parsed: Value = serde_json::from_slice(&session)?;
    let token = parsed["access_token"].as_str().context("no token")?.to_owned();
    Ok((session, token))
}

/// Whether the homeserver takes a token, and as the bot's.
async fn is_valid(site: &Site, token: &str) -> Result<bool> {
    let client = site.synapse.client(site.bot.user_id(), token);
    let (status, body) = client.get("/_matrix/client/v3/account/whoami").await?;
    ensure!(status == 200 || status == 401, "{status} {body}");
    Ok(status == 200 && body["user_id"] == site.bot.user_id())
}

/// With a token, in the log for people; everything is in order.
async fn with_the_token(
    site: &Site,
    directories: &Directories,
    boss: &Console,
) -> Result<Vec<(String, Vec<u8>)>> {
    let bot = Watched::start(site, "first", &directories.environment()).await?;
    site.is_as_wanted(&directories.wanted).await?;
    ask_for_all(site, boss).await?;
    let mut texts = bot.shown().await?;
    texts.extend(written(site)?);
    bot.stop().await?;
    // The homeserver took the token, which was all that it was given.
    let requests = site.proxy.requests();
    let took = |path: &str| {
        let mut requests = requests.iter();
        requests.any(|request| request.path.ends_with(path) && request.status == Some(200))
    };
    ensure!(took("/account/whoami") && matrix_log_ins(site).is_empty());
    Ok(texts)
}

/// With a password, in the log for programs, while no secret is right any more; and what is kept of the session, of
/// the first log-in and of the next.
async fn with_the_password(
    site: &Site,
    directories: &Directories,
    boss: &Console,
) -> Result<(Vec<(String, Vec<u8>)>, [(Vec<u8>, String); 2])> {
    let path = format!("/_synapse/admin/v2/users/{}", enc(site.bot.user_id()));
    let body = json!({ "password": OF_ACCOUNT, "logout_devices": true });
    expect_ok(&path, site.admin.put(&path, body).await?)?;
    // From here on, the account has no tokens but those that the bot logs in for.
    ensure!(!is_valid(site, site.bot.token()).await?);
    fs::rename(site.path(SECOND), site.path(CONFIG))?;
    let bot = Watched::start(site, "second", &directories.environment()).await?;
    let first = session(site)?;

    directories.refuse(site)?;
    crate::operations::hangup(bot.pid()?)?;
    for directory in ["tree", WAYS[0].name] {
        let unread = format!("inviter_directory_readable{{directory=\"{directory}\"}} 0");
        eventually(&unread, LONG, async || {
            Ok(bot.metrics().await?.contains(&unread).then_some(()))
        })
        .await?;
    }
    boss.told("!status", &["with this password", "the client secret is wrong"])
        .await?;
    let mut texts = bot.shown().await?;
    texts.extend(written(site)?);

    // It has answered, so that it has used a token that was valid, and this was the only one.
    let logged_in = matrix_log_ins(site).len();
    ensure!(logged_in == 1 && is_valid(site, &first.1).await?);
    site.synapse.revoke_tokens(&site.localpart("bot")).await?;
    ensure!(!is_valid(site, &first.1).await?);
    let (second, _) = eventually("it logs in again", LONG, async || {
        let now = session(site)?;
        Ok((now.1 != first.1).then_some(now))
    })
    .await?;
    // Likewise for the next one.
    boss.told("!version", &["inviter-bot "]).await?;
    ensure!(matrix_log_ins(site).len() == 2 && is_valid(site, &second.1).await?);
    ensure!(session(site)? == second);
    texts.extend(bot.shown().await?);
    bot.stop().await?;
    texts.extend(written(site)?);
    Ok((texts, [first, second]))
}

/// Puts each secret, each time in another form, into copies of the texts: every one would be found.
fn each_would_be_found(search: &SecretForms, secrets: &[String], texts: &[(String, Vec<u8>)]) -> Result<()> {
    let mut turn = 0;
    for kind in KINDS {
        let is_there = |(what, bytes): &&(String, Vec<u8>)| what.contains(kind) && !bytes.is_empty();
        let (what, bytes) = texts
            .iter()
            .find(is_there)
            .with_context(|| format!("nothing of {kind} was looked at"))?;
        // All of a log for each of them takes long.
        let part = &bytes[..bytes.len().min(PART)];
        for secret in secrets {
            let all = forms(secret);
            let (before, after) = part.split_at(part.len() / 2);
            let form = &all[turn % all.len()];
            turn += 1;
            let copy = [before, form.as_bytes(), after].concat();
            let found = search.found(&copy);
            let told = format!("{secret:?} as ");
            ensure!(found.iter().any(|one| one.starts_with(&told)), "{form} in {what}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn no_secret_in_anything_that_the_bot_says_or_writes() -> Result<()> {
    let site = Site::new().await?;
    let directories = Directories::new(&site).await?;
    let boss = Console::boss(&site).await?;
    let mut texts = with_the_token(&site, &directories, &boss).await?;
    let (more, sessions) = with_the_password(&site, &directories, &boss).await?;
    texts.extend(more);
    texts.extend(sent(&site));

    let of_account = matrix_log_ins(&site);
    ensure!(of_account.iter().all(|body| body["password"] == OF_ACCOUNT));
    let mut secrets = vec![OF_ACCOUNT.to_owned(), site.bot.token().to_owned()];
    secrets.extend(sessions.iter().map(|(_, token)| token.clone()));
    secrets.extend(directories.each_was_used()?);
    let search = SecretForms::new(&secrets)?;
    each_would_be_found(&search, &secrets, &texts)?;
    for (session, token) in &sessions {
        // Of the session, nothing is kept but tokens; Synapse begins all tokens of an account alike.
        let kept = search.found(session);
        assert!(kept.iter().any(|one| one.starts_with(&format!("{token:?} as"))));
        assert!(kept.iter().all(|one| one.starts_with("\"syt_")), "{kept:?}");
    }
    for (what, bytes) in &texts {
        assert_eq!(search.found(bytes), [""; 0], "in {what}");
    }
    Ok(())
}
