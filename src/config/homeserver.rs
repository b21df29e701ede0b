//! `[homeserver]`: where the bot's account is and how it logs in.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use inviter_core::{OwnedUserId, UserId};
use secrecy::SecretString;
use url::{Host, Url};

use super::{
    Environment, keys, path_in,
    secrets::{self, SecretKeys},
};
use crate::{
    bounded_file,
    document::{Problems, Section, shortened},
};

const TOKEN: SecretKeys = SecretKeys {
    file: "access_token_file",
    env: "access_token_env",
};
const PASSWORD: SecretKeys = SecretKeys {
    file: "password_file",
    env: "password_env",
};
const SOURCES: [&str; 4] = [TOKEN.file, TOKEN.env, PASSWORD.file, PASSWORD.env];
const EXPLAIN_SOURCES: &str = "`access_token_file`, `access_token_env`, `password_file` and `password_env`";

/// Where the bot's account is and how it logs in.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HomeserverConfig {
    /// Base URL of the client-server API, without `/_matrix`.
    pub url: Url,
    /// How the bot logs in.
    pub credentials: Credentials,
    /// Certificates to trust in addition to the system's, as PEM.
    pub ca_file: Option<PathBuf>,
    /// How long establishing a connection may take.
    pub connect_timeout: Duration,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// How long reading all rooms may take: the first time the homeserver needs minutes for a large account.
    pub sync_timeout: Duration,
    /// An HTTP proxy to go through; the environment is not asked for one.
    pub proxy: Option<Url>,
    /// How many requests run at the same time.
    pub concurrency: usize,
    /// Unencrypted HTTP is accepted to any host, not only to this machine.
    pub danger_allow_plain_http: bool,
}

/// How the bot logs in.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// With a token that exists.
    AccessToken {
        /// The account that it must belong to, if the configuration says so.
        user: Option<OwnedUserId>,
        /// The token.
        token: SecretString,
    },
    /// With a password.
    Password {
        /// The account.
        user: OwnedUserId,
        /// Its password.
        password: SecretString,
    },
}

impl Credentials {
    /// The account, where the configuration names it.
    pub fn user(&self) -> Option<&UserId> {
        match self {
            Self::AccessToken { user, .. } => user.as_deref(),
            Self::Password { user, .. } => Some(user),
        }
    }
}

pub(super) fn read(
    top: &Section<'_>,
    base: &Path,
    env: &dyn Environment,
    problems: &mut Problems,
) -> Option<HomeserverConfig> {
    let Some(node) = top.get("homeserver") else {
        problems.add(
            top.at,
            "the section [homeserver] is missing; it needs `url` and one of `access_token_file`, \
             `access_token_env`, `password_file` and `password_env`",
        );
        return None;
    };
    let misplaced = ["access_token", "password"];
    let section = secrets::section(
        node,
        "homeserver",
        &keys::HOMESERVER.names(),
        &misplaced,
        problems,
    )?;
    let allow_plain = section.flag("danger_allow_plain_http", problems).unwrap_or(false);
    if section.get("url").is_none() {
        problems.add(
            section.at,
            "`url` in [homeserver] is missing; write the homeserver's base URL, such as \
             \"https://matrix.example.com\"",
        );
    }
    let url = section.parsed("url", |text| parse_url(text, allow_plain), problems);
    let credentials = credentials(&section, base, env, problems);
    let ca_file = file(&section, "ca_file", base, check_ca_file, problems);
    Some(HomeserverConfig {
        ca_file,
        connect_timeout: timeout(&section, "connect_timeout", Duration::from_secs(10), problems),
        request_timeout: timeout(&section, "request_timeout", Duration::from_secs(60), problems),
        sync_timeout: timeout(&section, "sync_timeout", Duration::from_secs(15 * 60), problems),
        proxy: section.parsed("proxy", parse_proxy, problems),
        concurrency: section
            .integer("concurrency", (1_u32, 256), problems)
            .map_or(8, |number| number as usize),
        danger_allow_plain_http: allow_plain,
        url: url?,
        credentials: credentials?,
    })
}

/// The path of a file that has to be there already, in a form that `check` finds right.
pub(super) fn file(
    section: &Section<'_>,
    key: &str,
    base: &Path,
    check: impl Fn(&Path) -> Result<(), String>,
    problems: &mut Problems,
) -> Option<PathBuf> {
    let (at, text) = section.text(key, problems)?;
    let path = path_in(base, text);
    if let Err(why) = check(&path) {
        let key = section.key(key);
        problems.add(at, format!("{key}: the file `{}` {why}", path.display()));
    }
    Some(path)
}

/// That the file looks right; what is in the certificates shows when connecting.
pub(super) fn check_ca_file(path: &Path) -> Result<(), String> {
    let bytes = bounded_file::read(path, bounded_file::CERTIFICATES)
        .map_err(|error| format!("cannot be read: {error}"))?;
    let begin = b"-----BEGIN CERTIFICATE-----";
    if bytes.windows(begin.len()).any(|window| window == begin) {
        return Ok(());
    }
    Err(
        "holds no certificate in PEM form (`-----BEGIN CERTIFICATE-----`); convert it, or name another"
            .to_owned(),
    )
}

pub(super) fn timeout(
    section: &Section<'_>,
    key: &str,
    default: Duration,
    problems: &mut Problems,
) -> Duration {
    let value = section.duration(key, problems).unwrap_or(default);
    if value.is_zero() {
        problems.add(
            section.at(key),
            format!(
                "{} is 0, so every request would fail; leave it out for {}s",
                section.key(key),
                default.as_secs()
            ),
        );
    }
    value
}

fn parse_url(text: &str, allow_plain: bool) -> Result<Url, String> {
    let hint = "write the homeserver's base URL, such as \"https://matrix.example.com\"";
    let shown = quotable(text);
    let url = Url::parse(text).map_err(|error| format!("{shown} is not a URL ({error}); {hint}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!(
            "a URL with a user name or password in it is not accepted; {hint}"
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("{shown} has a query or fragment; {hint}"));
    }
    if url.path().contains("/_matrix") {
        return Err(format!(
            "{shown} ends in an API path; leave out `/_matrix` and what follows"
        ));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if allow_plain || is_this_machine(&url) => Ok(url),
        "http" => Err(format!(
            "{shown} would send the bot's token unencrypted; use https, or set `danger_allow_plain_http = true` if \
             the way there is safe"
        )),
        _ => Err(format!("{shown} has a scheme that Matrix does not have; {hint}")),
    }
}

/// As much of a URL as a message may repeat: queries and fragments have held tokens, and what stands before an `@` may
/// be a password.
fn quotable(text: &str) -> String {
    match text.split(['?', '#']).next() {
        Some(plain) if !text.contains('@') => format!("`{}`", shortened(plain)),
        _ => "this".to_owned(),
    }
}

pub(super) fn parse_proxy(text: &str) -> Result<Url, String> {
    let hint = "write it like \"http://proxy.example.com:3128\"";
    let url = Url::parse(text).map_err(|error| format!("this is not a URL ({error}); {hint}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!(
            "a proxy with a user name or password is not supported; {hint}"
        ));
    }
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err(format!(
            "{} has a scheme that no proxy has; {hint}",
            quotable(text)
        )),
    }
}

/// Plain HTTP to this machine crosses no network.
fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        None => false,
    }
}

fn credentials(
    section: &Section<'_>,
    base: &Path,
    env: &dyn Environment,
    problems: &mut Problems,
) -> Option<Credentials> {
    let user = section.parsed("user", super::settings::user_id, problems);
    let given: Vec<&str> = SOURCES
        .into_iter()
        .filter(|key| section.get(key).is_some())
        .collect();
    let source = match given.as_slice() {
        [] => {
            let misplaced = ["access_token", "password"]
                .iter()
                .any(|key| section.get(key).is_some());
            if !misplaced {
                problems.add(
                    section.at,
                    format!("the bot cannot log in: [homeserver] needs one of {EXPLAIN_SOURCES}"),
                );
            }
            return None;
        }
        [source] => *source,
        [_, second, ..] => {
            let named: Vec<String> = given.iter().map(|key| format!("`{key}`")).collect();
            problems.add(
                section.at(second),
                format!(
                    "{} are given in [homeserver], and it must be one of them",
                    named.join(" and ")
                ),
            );
            return None;
        }
    };
    if source == TOKEN.file || source == TOKEN.env {
        let token = secrets::read(section, TOKEN, base, env, problems)?;
        return Some(Credentials::AccessToken { user, token });
    }
    if section.get("user").is_none() {
        problems.add(
            section.at(source),
            format!(
                "`{source}` in [homeserver] needs `user`, the bot's user ID, such as \"@inviter:example.com\""
            ),
        );
    }
    let password = secrets::read(section, PASSWORD, base, env, problems);
    Some(Credentials::Password {
        user: user?,
        password: password?,
    })
}
