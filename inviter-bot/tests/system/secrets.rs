//! Secrets stay where they are: each is used, and none of them is in anything that the bot says or writes.

mod watched;

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use inviter_graph_emulator::{Emulator, Group, Options, Recorded, Tenant, User};
use inviter_testkit::{Ldif, SecretForms, Slapd, SlapdOptions, enc, expect_ok, forms};
use serde_json::{Value, json};

use self::watched::Watched;
use crate::{
    console::Console,
    harness::{CONFIG, Configuration, Directory, LONG, Site, eventually},
};

const SUFFIX: &str = "dc=example,dc=test";
const DOMAIN: &str = "contoso.example";
/// Every form of each differs from every other: they need each kind of quoting and encoding.
/// No half of them is anything that the bot would say.
const OF_ACCOUNT: &str = "Kn\u{f6}pfe?+/\"&\\%41 und Zwirn im Korb";
const OF_READER: &str = "B\u{e4}nder?+/\"&\\%42 und Garn im Schrank";
const WRONG_READER: &str = "Br\u{fc}cken?+/\"&\\%43 und Stege im Fluss";
const OF_APPLICATION: &str = "W\u{e4}lder?+/\"&\\%44 und Moore im Nebel";
/// Files of the site that hold secrets because they are there for them.
const KEPT_IN: [&str; 3] = ["token", "password", "ldap-password"];
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

/// How often slapd has judged a password like this.
fn log_ins(slapd: &Slapd, code: u32) -> Result<usize> {
    let log = slapd.log()?;
    let judged = format!("RESULT tag=97 err={code} ");
    Ok(log.lines().filter(|line| line.contains(&judged)).count())
}

fn bearers(requests: &[Recorded]) -> BTreeSet<String> {
    let headers = requests
        .iter()
        .filter_map(|request| request.header("authorization"));
    let tokens = headers.filter_map(|header| header.strip_prefix("Bearer "));
    tokens.map(str::to_owned).collect()
}

/// A tree that the reader may read, with one person and one room.
async fn tree(site: &Site) -> Result<Slapd> {
    let mut ldif = Ldif::tree(SUFFIX);
    ldif.account("reader", OF_READER, &[]);
    ldif.person(&site.localpart("alice"), &[]);
    let members = [ldif.person_dn(&site.localpart("alice"))];
    ldif.group_of_names(&format!("MTRX {}", site.alias("staff")), &members);
    Slapd::start(SlapdOptions::new().ldif(ldif.text())).await
}

/// A tenant that the application may read, with one person and one room; and the group of its rooms.
async fn tenant(site: &Site) -> Result<(Emulator, String)> {
    let mut tenant = Tenant::new();
    tenant.set_domain(DOMAIN);
    let root = tenant.add_group("Rooms of Matrix");
    let club = tenant.add_group(Group::new(&format!("MTRX {}", site.alias("club"))));
    let carol = tenant.add_user(User::new(&format!("{}@{DOMAIN}", site.localpart("carol"))));
    tenant.add_member(root, club);
    tenant.add_member(club, carol);
    let options = Options {
        client_secret: Some(OF_APPLICATION.to_owned()),
        ..Options::default()
    };
    Ok((Emulator::start_with(tenant, options).await?, root.to_string()))
}

/// Three directories with a room each, how they are read with the bot's token ([`CONFIG`]) and with its password
/// ([`SECOND`]), and what is to come of them.
async fn directories(site: &Site) -> Result<(Slapd, Emulator, Directory)> {
    let slapd = tree(site).await?;
    let (emulator, root) = tenant(site).await?;
    let mut file = Directory::default();
    file.room("hall").members(["bob"]);
    site.save(&file)?;
    let sections = format!(
        "[[directory]]\nname = \"tree\"\nkind = \"ldap\"\n[directory.ldap]\nurls = [\"{}\"]\n\
         bind_dn = \"cn=reader,{SUFFIX}\"\npassword_file = \"ldap-password\"\n\
         user_bases = [\"ou=people,{SUFFIX}\"]\ngroup_bases = [\"ou=groups,{SUFFIX}\"]\n\
         [[directory]]\nname = \"tenant\"\nkind = \"entra\"\n[directory.entra]\ntenant = \"{}\"\nclient_id = \"{}\"\n\
         authority = \"{}\"\ngraph_url = \"{}\"\nroot_group = \"{root}\"\nclient_secret_env = \"SECRET_OF_APPLICATION\"\n",
        slapd.url(),
        emulator.tenant_id(),
        emulator.client_id(),
        emulator.authority(),
        emulator.graph_url(),
    );
    let configuration = Configuration::default()
        .bot("log", "\"trace\"")
        .sections(&sections);
    site.write_secret("ldap-password", OF_READER)?;
    site.configure(&configuration)?;
    site.register(["alice", "bob", "carol"]).await?;
    let with_password = configuration
        .credentials("password_file = \"password\"")
        .bot("log_format", "\"json\"")
        .bot("interval", "\"2s\"");
    site.write_secret("password", OF_ACCOUNT)?;
    site.write(SECOND, &with_password.text(site))?;
    let mut wanted = file;
    wanted.room("staff").members(["alice"]);
    wanted.room("club").members(["carol"]);
    Ok((slapd, emulator, wanted))
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

/// With a token, in the log for people; everything is in order.
async fn with_the_token(site: &Site, wanted: &Directory, boss: &Console) -> Result<Vec<(String, Vec<u8>)>> {
    let bot = Watched::start(site, "first").await?;
    site.is_as_wanted(wanted).await?;
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

/// With a password, in the log for programs, while no secret is right any more; and what is kept of the session.
async fn with_the_password(
    site: &Site,
    emulator: &Emulator,
    boss: &Console,
) -> Result<(Vec<(String, Vec<u8>)>, Vec<u8>)> {
    let path = format!("/_synapse/admin/v2/users/{}", enc(site.bot.user_id()));
    let body = json!({ "password": OF_ACCOUNT, "logout_devices": false });
    expect_ok(&path, site.admin.put(&path, body).await?)?;
    fs::rename(site.path(SECOND), site.path(CONFIG))?;
    let bot = Watched::start(site, "second").await?;
    let kept = files_below(&site.path("state"))?;
    let kept = kept
        .iter()
        .find(|path| is_named(path, &[SESSION]))
        .context("no session")?;
    let session = fs::read(kept)?;
    assert_eq!(fs::metadata(kept)?.permissions().mode() & 0o777, 0o600);

    site.write_secret("ldap-password", WRONG_READER)?;
    emulator.set_client_secret("another one, which nobody has");
    emulator.expire_tokens();
    crate::operations::hangup(bot.pid()?)?;
    for directory in ["tree", "tenant"] {
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
    let before = matrix_log_ins(site).len();
    site.synapse.revoke_tokens(&site.localpart("bot")).await?;
    eventually("it logs in again", LONG, async || {
        Ok((matrix_log_ins(site).len() > before).then_some(()))
    })
    .await?;
    bot.stop().await?;
    texts.extend(written(site)?);
    Ok((texts, session))
}

/// Fails unless every secret was given to whom it is for; answers with the tokens that the tenant was given.
fn each_was_used(site: &Site, slapd: &Slapd, emulator: &Emulator) -> Result<BTreeSet<String>> {
    let of_account = matrix_log_ins(site);
    ensure!(!of_account.is_empty());
    ensure!(of_account.iter().all(|body| body["password"] == OF_ACCOUNT));
    // The right password and the wrong one.
    ensure!(log_ins(slapd, 0)? > 0 && log_ins(slapd, 49)? > 0);
    let asked = emulator.requests();
    let sent: Vec<String> = forms(OF_APPLICATION)
        .iter()
        .map(|form| format!("client_secret={form}"))
        .collect();
    let with_secret = asked.iter().any(|request| {
        let body = String::from_utf8_lossy(&request.body);
        sent.iter().any(|pair| body.contains(pair))
    });
    ensure!(with_secret, "{asked:?}");
    let tokens = bearers(&asked);
    ensure!(!tokens.is_empty());
    Ok(tokens)
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
    let (slapd, emulator, wanted) = directories(&site).await?;
    let boss = Console::boss(&site).await?;
    let mut texts = with_the_token(&site, &wanted, &boss).await?;
    let (more, session) = with_the_password(&site, &emulator, &boss).await?;
    texts.extend(more);
    texts.extend(sent(&site));

    let of_session = serde_json::from_slice::<Value>(&session)?["access_token"]
        .as_str()
        .context("no token")?
        .to_owned();
    let mut secrets = [
        OF_ACCOUNT,
        OF_READER,
        WRONG_READER,
        OF_APPLICATION,
        site.bot.token(),
    ]
    .map(str::to_owned)
    .to_vec();
    secrets.push(of_session.clone());
    secrets.extend(each_was_used(&site, &slapd, &emulator)?);
    let search = SecretForms::new(&secrets)?;
    each_would_be_found(&search, &secrets, &texts)?;
    // Of the session, nothing is kept but tokens; Synapse begins all tokens of an account alike.
    let kept = search.found(&session);
    assert!(
        kept.iter()
            .any(|one| one.starts_with(&format!("{of_session:?} as")))
    );
    assert!(kept.iter().all(|one| one.starts_with("\"syt_")), "{kept:?}");
    for (what, bytes) in &texts {
        assert_eq!(search.found(bytes), [""; 0], "in {what}");
    }
    Ok(())
}
