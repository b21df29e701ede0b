//! `[directory.entra]`: which tenant, how the bot logs in, and what is read.

mod credential;
mod names;

use std::{path::Path, time::Duration};

use inviter_azure::{
    Cloud, ConfigError, Credential, EntraConfig, RoomGroups, check_object_id, check_property, check_url,
};

use super::{
    Environment, SettingValue,
    homeserver::{check_ca_file, file, parse_proxy, timeout},
    keys, secrets,
};
use crate::document::{Problems, Section, shortened};

const CLOUDS: [(&str, Cloud); 4] = [
    ("global", Cloud::Global),
    ("us_government", Cloud::UsGovernment),
    ("us_defense", Cloud::UsDefense),
    ("china", Cloud::China),
];
/// Beyond seven days Microsoft no longer knows what changed; a day is left for runs that fail.
const FULL_READ_EVERY: (Duration, Duration) =
    (Duration::from_secs(60), Duration::from_secs(6 * 24 * 60 * 60));
/// The least is as much as one answer may have.
const READ_LIMIT_MIB: (u32, u32) = (16, 1 << 20);
/// The property of users with fifteen parts that an administrator may use as they like.
const EXTENSIONS: &str = "onPremisesExtensionAttributes";

/// A tenant of Microsoft Entra, and how the bot logs in to it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EntraDirectoryConfig {
    /// How the tenant is reached, and what is read from it; the groups of listed rooms are among its groups.
    pub entra: EntraConfig,
    /// How the bot logs in.
    pub credential: Credential,
}

/// `None` only together with a problem.
pub(super) fn read(
    directory: &Section<'_>,
    base: &Path,
    env: &dyn Environment,
    problems: &mut Problems,
) -> Option<EntraDirectoryConfig> {
    let Some(node) = directory.get("entra") else {
        problems.add(
            directory.at("kind"),
            "the section [directory.entra] is missing; it needs `tenant`, `client_id`, `client_secret_file` and one of \
             `root_group`, `group_prefix` and `groups`",
        );
        return None;
    };
    let section = secrets::section(
        node,
        "directory.entra",
        &keys::ENTRA.names(),
        &["client_secret"],
        problems,
    )?;
    let plain = section.flag("danger_allow_plain_http", problems).unwrap_or(false);
    let credential = credential::read(&section, base, env, problems);
    let cloud = cloud(&section, plain, problems);
    let mut entra = EntraConfig::new(room_groups(&section, problems));
    entra.matrix_id_property = section.parsed("matrix_id", property, problems);
    if let Some(number) = section.integer("concurrency", (1_u32, 16), problems) {
        entra.concurrency = number as usize;
    }
    if let Some(limit) = section.integer("read_limit_mib", READ_LIMIT_MIB, problems) {
        entra.read_limit_mib = limit;
    }
    let mut time = |key, default| timeout(&section, key, default, problems);
    entra.connect_timeout = time("connect_timeout", EntraConfig::CONNECT_TIMEOUT);
    entra.request_timeout = time("request_timeout", EntraConfig::REQUEST_TIMEOUT);
    entra.read_timeout = time("read_timeout", EntraConfig::READ_TIMEOUT);
    if let Some(every) = full_read_every(&section, problems) {
        entra.full_read_every = every;
    }
    entra.ca_file = file(&section, "ca_file", base, check_ca_file, problems);
    entra.proxy = section
        .parsed("proxy", parse_proxy, problems)
        .map(|proxy| proxy.to_string().into());
    entra.danger_allow_plain_http = plain;
    // Only now, so that what is wrong with the other keys has been told.
    entra.cloud = cloud?;
    Some(EntraDirectoryConfig {
        entra,
        credential: credential?,
    })
}

/// `None` only together with a problem.
fn cloud(section: &Section<'_>, plain: bool, problems: &mut Problems) -> Option<Cloud> {
    let url = |text: &str| parse_url(text, plain);
    let (authority, graph) = match (section.get("authority"), section.get("graph_url")) {
        (None, None) if section.get("cloud").is_none() => return Some(Cloud::Global),
        (None, None) => return cloud_by_name(section, problems),
        (Some(_), Some(_)) => (
            section.parsed("authority", url, problems),
            section.parsed("graph_url", url, problems),
        ),
        (given, _) => {
            let (given, missing) = if given.is_some() {
                ("authority", "graph_url")
            } else {
                ("graph_url", "authority")
            };
            section.parsed(given, url, problems);
            let problem = format!("{} needs `{missing}` too", section.key(given));
            problems.add(section.at(given), problem);
            (None, None)
        }
    };
    if section.get("cloud").is_some() {
        problems.add(
            section.at("cloud"),
            format!(
                "{} has no effect beside `authority` and `graph_url`; keep it, or those two",
                section.key("cloud")
            ),
        );
        return None;
    }
    Some(Cloud::Custom {
        authority: authority?,
        graph: graph?,
    })
}

/// `None` only together with a problem.
fn cloud_by_name(section: &Section<'_>, problems: &mut Problems) -> Option<Cloud> {
    let places: [(&str, usize); 4] = std::array::from_fn(|ix| (CLOUDS[ix].0, ix));
    let ix = section.word("cloud", &places, problems)?;
    CLOUDS.get(ix).map(|(_, cloud)| cloud.clone())
}

fn parse_url(text: &str, plain: bool) -> Result<String, String> {
    // What stands there may be a secret, and messages must not repeat one.
    if text.contains(['@', '?', '#']) {
        return Err(
            "a URL with a user name, a password, a query or a fragment in it is not accepted; write one such as \
             \"https://graph.microsoft.com\""
                .to_owned(),
        );
    }
    match check_url(text, plain) {
        Ok(()) => Ok(text.to_owned()),
        Err(ConfigError::Url(_)) => Err(ConfigError::Url(shortened(text)).to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// Those that keys name; the groups of listed rooms are added once the rooms have been read.
fn room_groups(section: &Section<'_>, problems: &mut Problems) -> RoomGroups {
    let mut ids: Vec<String> = Vec::new();
    for (at, id) in section.parsed_list("groups", object_id, problems) {
        if ids.contains(&id) {
            let key = section.key("groups");
            problems.add(at, format!("{key} has `{id}` twice; keep one"));
        } else {
            ids.push(id);
        }
    }
    RoomGroups {
        root: section.parsed("root_group", object_id, problems),
        name_prefix: section
            .text("group_prefix", problems)
            .map(|(_, prefix)| prefix.to_owned()),
        ids,
    }
}

/// As Graph writes it, so that there is one spelling.
fn object_id(text: &str) -> Result<String, ConfigError> {
    match check_object_id(text) {
        Ok(()) => Ok(text.to_ascii_lowercase()),
        Err(ConfigError::ObjectId(_)) => Err(ConfigError::ObjectId(shortened(text))),
        Err(error) => Err(error),
    }
}

/// The name of a property of users.
pub(super) fn property(text: &str) -> Result<String, String> {
    check_property(text).map_err(|_| ConfigError::Property(shortened(text)).to_string())?;
    let (whole, part) = text
        .split_once('/')
        .map_or((text, None), |(whole, part)| (whole, Some(part)));
    // The one property with parts that everybody has; a part that does not exist would be empty for everyone.
    let is_part = |part: &str| {
        let number = part.strip_prefix("extensionAttribute");
        number.is_some_and(|number| (1..=15).any(|known| known.to_string() == number))
    };
    let extension = match part {
        None if is_part(text) => Some(text),
        None if whole == EXTENSIONS => Some("extensionAttribute1"),
        Some(part) if whole == EXTENSIONS && !is_part(part) => Some("extensionAttribute1"),
        _ => None,
    };
    match extension {
        Some(part) => Err(format!(
            "`{text}` is not a property with a text; the parts of {EXTENSIONS} are extensionAttribute1 to \
             extensionAttribute15, so write it like \"{EXTENSIONS}/{part}\""
        )),
        None => Ok(text.to_owned()),
    }
}

fn full_read_every(section: &Section<'_>, problems: &mut Problems) -> Option<Duration> {
    let every = section.duration("full_read_every", problems)?;
    let (least, most) = FULL_READ_EVERY;
    if (least..=most).contains(&every) {
        return Some(every);
    }
    problems.add(
        section.at("full_read_every"),
        format!(
            "{} must be between 1m and 6d; Microsoft keeps what changed for seven days only",
            section.key("full_read_every")
        ),
    );
    None
}

/// What holds for keys that were not given and depend on something else.
pub(super) fn worked_out(config: &EntraDirectoryConfig, key: &str) -> Option<SettingValue> {
    if key == "cloud" {
        let named = CLOUDS.iter().find(|(_, cloud)| *cloud == config.entra.cloud);
        return named.map(|(name, _)| SettingValue::Text((*name).to_owned()));
    }
    credential::worked_out(&config.credential, key)
}
