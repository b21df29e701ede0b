//! `[directory.ldap]`: how a server is reached, and what is read from it.

use std::path::Path;

use inviter_ldap::{
    Bind, ClientCertificate, DisabledBy, LdapConfig, Preset, PrimaryGroup, Schema, check_dn, check_filter,
    check_url,
};

use super::{
    Environment,
    homeserver::{check_ca_file, file, timeout},
    keys,
    secrets::{self, SecretKeys},
};
use crate::document::{Problems, Section};

const PASSWORD: SecretKeys = SecretKeys {
    file: "password_file",
    env: "password_env",
};
/// Less would not do for a small directory with long values.
const READ_LIMIT_MIB: (u32, u32) = (16, 1 << 20);
const PRESETS: [(&str, Preset); 5] = [
    (Preset::GroupOfNames.as_str(), Preset::GroupOfNames),
    (Preset::GroupOfUniqueNames.as_str(), Preset::GroupOfUniqueNames),
    (Preset::PosixGroup.as_str(), Preset::PosixGroup),
    (Preset::ActiveDirectory.as_str(), Preset::ActiveDirectory),
    (Preset::FreeIpa.as_str(), Preset::FreeIpa),
];
const PRIMARY_GROUPS: [(&str, PrimaryGroup); 3] = [
    ("ignored", PrimaryGroup::Ignored),
    ("primaryGroupID", PrimaryGroup::PrimaryGroupId),
    ("gidNumber", PrimaryGroup::GidNumber),
];
const DISABLED_BY: [(&str, DisabledBy); 5] = [
    (DisabledBy::NsAccountLock.attribute(), DisabledBy::NsAccountLock),
    (
        DisabledBy::UserAccountControl.attribute(),
        DisabledBy::UserAccountControl,
    ),
    (DisabledBy::AccountExpires.attribute(), DisabledBy::AccountExpires),
    (
        DisabledBy::PwdAccountLockedTime.attribute(),
        DisabledBy::PwdAccountLockedTime,
    ),
    (DisabledBy::ShadowExpire.attribute(), DisabledBy::ShadowExpire),
];

/// How the bot logs in.
#[derive(Debug, Clone, Copy)]
enum BindWord {
    Simple,
    External,
    Anonymous,
}

const BINDS: [(&str, BindWord); 3] = [
    ("simple", BindWord::Simple),
    ("external", BindWord::External),
    ("anonymous", BindWord::Anonymous),
];

/// `None` only together with a problem.
pub(super) fn read(
    directory: &Section<'_>,
    base: &Path,
    env: &dyn Environment,
    problems: &mut Problems,
) -> Option<LdapConfig> {
    let Some(node) = directory.get("ldap") else {
        problems.add(
            directory.at("kind"),
            "the section [directory.ldap] is missing; it needs `urls`, `bind_dn`, `password_file`, `user_bases` and \
             `group_bases`",
        );
        return None;
    };
    let section = secrets::section(
        node,
        "directory.ldap",
        &keys::LDAP.names(),
        &["password"],
        problems,
    )?;
    let before = problems.count();
    let start_tls = section.flag("start_tls", problems).unwrap_or(false);
    let plain = section.flag("danger_allow_plain_ldap", problems).unwrap_or(false);
    let url = |text: &str| check_url(text, start_tls, plain).map(|()| text.to_owned());
    let urls = some(
        &section,
        "urls",
        "a URL, such as \"ldaps://ldap.example.com\"",
        url,
        problems,
    );
    let client_certificate = client_certificate(&section, base, problems);
    let bind = bind(&section, base, env, problems);
    let example = "a DN, such as \"ou=people,dc=example,dc=com\"";
    let user_bases = some(&section, "user_bases", example, dn, problems);
    let group_bases = some(&section, "group_bases", example, dn, problems);
    let preset = section
        .word("schema", &PRESETS, problems)
        .unwrap_or(Preset::GroupOfNames);
    let schema = schema(&section, Schema::new(preset), problems);
    let ca_file = file(&section, "ca_file", base, check_ca_file, problems);
    let matrix_id = section.parsed("matrix_id", attribute, problems);
    let ignore_referrals = list(&section, "ignore_referrals", dn, problems).unwrap_or_default();
    let page_size = section.integer("page_size", (10, 20_000), problems);
    let read_limit_mib = section.integer("read_limit_mib", READ_LIMIT_MIB, problems);
    let mut time = |key, default| timeout(&section, key, default, problems);
    let connect_timeout = time("connect_timeout", LdapConfig::CONNECT_TIMEOUT);
    let operation_timeout = time("operation_timeout", LdapConfig::OPERATION_TIMEOUT);
    let read_timeout = time("read_timeout", LdapConfig::READ_TIMEOUT);
    // Only now, so that what is wrong with the other keys has been told.
    let mut config = LdapConfig::new("", bind?, "", schema);
    config.urls = urls;
    config.start_tls = start_tls;
    config.danger_allow_plain_ldap = plain;
    config.ca_file = ca_file;
    config.client_certificate = client_certificate;
    config.user_bases = user_bases;
    config.group_bases = group_bases;
    config.matrix_id_attribute = matrix_id;
    config.ignore_referrals = ignore_referrals;
    config.page_size = page_size.unwrap_or(LdapConfig::PAGE_SIZE);
    config.connect_timeout = connect_timeout;
    config.operation_timeout = operation_timeout;
    config.read_timeout = read_timeout;
    config.read_limit_mib = read_limit_mib.unwrap_or(LdapConfig::READ_LIMIT_MIB);
    // What is wrong with several keys together; a key that is wrong by itself has been told.
    if problems.count() == before
        && let Err(error) = config.check()
    {
        problems.add(section.at, format!("[directory.ldap]: {error}"));
    }
    Some(config)
}

/// A list that must not be empty.
fn some<'n, E: std::fmt::Display>(
    section: &Section<'n>,
    key: &str,
    what: &str,
    parse: impl Fn(&'n str) -> Result<String, E>,
    problems: &mut Problems,
) -> Vec<String> {
    let before = problems.count();
    let values = list(section, key, parse, problems).unwrap_or_default();
    if values.is_empty() && problems.count() == before {
        let name = section.key(key);
        let problem = match section.get(key) {
            Some(_) => format!("{name} is empty; write at least {what}"),
            None => format!("{name} is missing; write {what}"),
        };
        problems.add(section.at(key), problem);
    }
    values
}

fn list<'n, E: std::fmt::Display>(
    section: &Section<'n>,
    key: &str,
    parse: impl Fn(&'n str) -> Result<String, E>,
    problems: &mut Problems,
) -> Option<Vec<String>> {
    section.get(key)?;
    let values = section.parsed_list(key, parse, problems);
    Some(values.into_iter().map(|(_, value)| value).collect())
}

fn text(section: &Section<'_>, key: &str, problems: &mut Problems) -> Option<String> {
    section.text(key, problems).map(|(_, text)| text.to_owned())
}

fn dn(text: &str) -> Result<String, inviter_ldap::ConfigError> {
    check_dn(text).map(|()| text.to_owned())
}

fn filter(text: &str) -> Result<String, inviter_ldap::ConfigError> {
    check_filter(text).map(|()| text.to_owned())
}

/// What no attribute's name has would make a filter of another meaning.
pub(super) fn attribute(text: &str) -> Result<String, String> {
    let fine = text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
    if fine {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "`{text}` is not the name of an attribute; write it with letters, digits and `-` only, such as \"cn\""
        ))
    }
}

fn client_certificate(
    section: &Section<'_>,
    base: &Path,
    problems: &mut Problems,
) -> Option<ClientCertificate> {
    let certificate = file(section, "client_cert_file", base, check_ca_file, problems);
    let key = file(section, "client_key_file", base, secrets::check_file, problems);
    match (certificate, key) {
        (Some(certificate), Some(key)) => Some(ClientCertificate { certificate, key }),
        (None, None) => None,
        (given, _) => {
            let (given, missing) = if given.is_some() {
                ("client_cert_file", "client_key_file")
            } else {
                ("client_key_file", "client_cert_file")
            };
            let problem = format!("`{given}` in [directory.ldap] needs `{missing}` too");
            problems.add(section.at(given), problem);
            None
        }
    }
}

/// `None` only together with a problem.
fn bind(section: &Section<'_>, base: &Path, env: &dyn Environment, problems: &mut Problems) -> Option<Bind> {
    let word = match section.get("bind") {
        Some(_) => section.word("bind", &BINDS, problems)?,
        None => BindWord::Simple,
    };
    let given: Vec<&str> = ["bind_dn", PASSWORD.file, PASSWORD.env]
        .into_iter()
        .filter(|key| section.get(key).is_some())
        .collect();
    let other = match word {
        BindWord::Simple => return simple(section, base, env, problems),
        BindWord::External => Bind::External,
        BindWord::Anonymous => Bind::Anonymous,
    };
    if let Some(key) = given.first() {
        problems.add(
            section.at(key),
            format!(
                "{} is for `bind = \"simple\"`, and `bind` is another; leave one of them out",
                section.key(key)
            ),
        );
    }
    Some(other)
}

fn simple(
    section: &Section<'_>,
    base: &Path,
    env: &dyn Environment,
    problems: &mut Problems,
) -> Option<Bind> {
    if section.get("bind_dn").is_none() {
        problems.add(
            section.at,
            "`bind_dn` in [directory.ldap] is missing; write the name that the bot logs in with, such as \
             \"cn=inviter,dc=example,dc=com\", or `bind = \"anonymous\"` if it needs none",
        );
    }
    let dn = text(section, "bind_dn", problems);
    let password = match (section.get(PASSWORD.file), section.get(PASSWORD.env)) {
        (None, None) => {
            if section.get("password").is_none() {
                problems.add(
                    section.at,
                    "[directory.ldap] needs `password_file` or `password_env` for `bind_dn`",
                );
            }
            None
        }
        (Some(_), Some(_)) => {
            problems.add(
                section.at(PASSWORD.env),
                "`password_file` and `password_env` are given in [directory.ldap], and it must be one of them",
            );
            None
        }
        _ => secrets::read(section, PASSWORD, base, env, problems),
    };
    Some(Bind::Simple {
        dn: dn?,
        password: password?,
    })
}

/// The parts of a schema that the configuration changes.
fn schema(section: &Section<'_>, mut schema: Schema, problems: &mut Problems) -> Schema {
    let before = problems.count();
    let mut texts = |key: &str, value: &mut Vec<String>| {
        if let Some(given) = list(section, key, attribute, problems) {
            *value = given;
        }
    };
    texts("members", &mut schema.members);
    texts("member_logins", &mut schema.member_logins);
    texts("owners", &mut schema.owners);
    texts("ids", &mut schema.ids);
    for (key, value) in [
        ("group_name", &mut schema.group_name),
        ("login", &mut schema.login),
    ] {
        if let Some(given) = section.parsed(key, attribute, problems) {
            *value = given;
        }
    }
    for (key, value) in [
        ("user_filter", &mut schema.user_filter),
        ("group_filter", &mut schema.group_filter),
    ] {
        if let Some(given) = section.parsed(key, filter, problems) {
            *value = given;
        }
    }
    schema.disabled_filter = section.parsed("disabled_filter", filter, problems);
    if let Some(given) = section.word("primary_group", &PRIMARY_GROUPS, problems) {
        schema.primary_group = given;
    }
    if section.get("disabled_by").is_some() {
        let rules = section.parsed_list(
            "disabled_by",
            |text| crate::document::choose(text, &DISABLED_BY),
            problems,
        );
        schema.disabled_by = rules.into_iter().map(|(_, rule)| rule).collect();
    }
    if let Some(given) = section.flag("empty_groups", problems) {
        schema.empty_groups = given;
    }
    schema.placeholders = list(section, "placeholders", dn, problems).unwrap_or_default();
    let names_nobody = schema.members.is_empty() && schema.member_logins.is_empty();
    if names_nobody && schema.primary_group == PrimaryGroup::Ignored && problems.count() == before {
        problems.add(
            section.at("members"),
            "`members` and `member_logins` in [directory.ldap] are both empty, so nobody would be in any group; name \
             the attribute of groups with their members",
        );
    }
    schema
}

/// The parts of a schema as configuration values, for keys that were not given.
pub(super) fn worked_out(config: &LdapConfig, key: &str) -> Option<super::SettingValue> {
    use super::SettingValue::{Flag, List, Text};

    let schema = &config.schema;
    let texts = |values: &[String]| List(values.iter().cloned().map(Text).collect());
    let word = |words: &[(&'static str, PrimaryGroup)]| {
        let found = words.iter().find(|(_, kind)| *kind == schema.primary_group);
        found.map(|(word, _)| Text((*word).to_owned()))
    };
    match key {
        "user_filter" => Some(Text(schema.user_filter.clone())),
        "group_filter" => Some(Text(schema.group_filter.clone())),
        "group_name" => Some(Text(schema.group_name.clone())),
        "members" => Some(texts(&schema.members)),
        "member_logins" => Some(texts(&schema.member_logins)),
        "login" => Some(Text(schema.login.clone())),
        "owners" => Some(texts(&schema.owners)),
        "ids" => Some(texts(&schema.ids)),
        "primary_group" => word(&PRIMARY_GROUPS),
        "disabled_by" => Some(List(
            schema
                .disabled_by
                .iter()
                .map(|rule| Text(rule.attribute().to_owned()))
                .collect(),
        )),
        "empty_groups" => Some(Flag(schema.empty_groups)),
        _ => None,
    }
}
