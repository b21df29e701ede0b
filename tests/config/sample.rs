//! `inviter.sample.toml` has every key, and is right with and without its commented lines.

use std::collections::BTreeSet;

use inviter::{config::SectionKeys, core::patterns::Patterns, core::policy::Policy};
use toml::Value;

use super::{Place, good, keys::is_built};

pub(crate) const SAMPLE: &str = include_str!("../../inviter.sample.toml");

/// Alternatives of which a file may have one. The LDAP server's password and the Entra secret stand in their files.
const ALTERNATIVES: [&str; 9] = [
    "access_token_env",
    "password_file = \"password\"",
    "password_env",
    "client_secret_env",
    "certificate_file",
    "key_file",
    "federated_token_file",
    "authority",
    "graph_url",
];

fn place() -> Place {
    let place = Place::new();
    place.secret("access_token", "s3cret");
    place.secret("ldap_password", "s3cret");
    place.secret("entra_client_secret", "s3cret");
    place.secret("ldap_client.key", "-----BEGIN PRIVATE KEY-----\n");
    for name in ["ca.pem", "ldap_client.pem"] {
        std::fs::write(place.path(name), "-----BEGIN CERTIFICATE-----\n").unwrap();
    }
    place
}

pub(crate) fn uncommented(keep: impl Fn(&str) -> bool) -> String {
    SAMPLE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.is_empty() && !rest.starts_with(' ') && keep(rest) => rest,
            _ => line,
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// The lines of the entry that describes a directory of a kind, up to the next section of another.
fn of_kind(text: &str, kind: &str) -> (usize, usize) {
    let lines: Vec<&str> = text.lines().collect();
    let this = format!("kind = \"{kind}\"");
    let at = lines.iter().position(|line| *line == this).unwrap();
    let first = lines[..at]
        .iter()
        .rposition(|line| *line == "[[directory]]")
        .unwrap();
    let own = format!("[directory.{kind}]");
    let is_next = |line: &&str| line.starts_with('[') && **line != own;
    let after = lines[at..].iter().position(is_next).unwrap();
    (first, at + after)
}

#[test]
fn is_right_as_it_stands() {
    place().parse(SAMPLE).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn is_right_uncommented() {
    let mut text = uncommented(|line| !ALTERNATIVES.iter().any(|key| line.starts_with(key)));
    let mut count = 4;
    for kind in ["ldap", "entra"].into_iter().filter(|kind| !is_built(kind)) {
        let (first, after) = of_kind(&text, kind);
        let lines = text.lines().enumerate();
        let others = lines.filter(|(at, _)| !(first..after).contains(at));
        text = others.map(|(_, line)| line).collect::<Vec<_>>().join("\n");
        count -= 1;
    }
    let config = place().parse(&text).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(config.directories.len(), count);
}

#[test]
fn has_every_key() {
    let tree: toml::Table = uncommented(|_| true).parse().unwrap();
    let mut found = BTreeSet::new();
    collect(&Value::Table(tree), "", &mut found);
    let mut missing = Vec::new();
    for section in SectionKeys::top().all() {
        for key in section.keys {
            let path = match section.name {
                "" => key.name.to_owned(),
                name => format!("{name}.{}", key.name),
            };
            if !found.contains(&path) {
                missing.push(path);
            }
        }
    }
    assert!(missing.is_empty(), "not in inviter.sample.toml: {missing:?}");
}

fn collect(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                found.insert(path.clone());
                collect(value, &path, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, path, found)),
        _ => {}
    }
}

/// What the sample shows as a default is one: a file that gives all of them is the same as one that gives none.
#[test]
fn shows_the_defaults() {
    let sections = ["[rooms]", "[limits]", "[people]"];
    let mut keep = false;
    let text = uncommented(|line| !line.starts_with("topic") && !line.starts_with("version"));
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| {
            if line.starts_with('[') {
                keep = sections.contains(line) || line.starts_with("[rooms.");
            }
            keep
        })
        .collect();
    let given = lines.join("\n");
    assert!(
        given.contains("owner_level = 50") && given.contains("window = \"24h\""),
        "{given}"
    );
    let (given, bare) = (good(&given), good(""));
    assert_eq!(given.defaults, bare.defaults);
    assert_eq!(given.limits, bare.limits);
    assert_eq!(given.unregistered, bare.unregistered);
    assert_eq!(given.danger_manage_admins, bare.danger_manage_admins);
    assert_eq!(
        given.danger_vanished_groups_are_empty,
        bare.danger_vanished_groups_are_empty
    );
    assert_eq!(given.invite_reason, bare.invite_reason);
    assert_eq!(given.remove_reason, bare.remove_reason);
}

/// Of a server or a tenant it shows the defaults as well, but where it says that there are none.
#[cfg(any(feature = "ldap", feature = "azure"))]
fn shows_the_defaults_of(kind: &str, examples: &[&str], needed: &[&str]) {
    use inviter::config::Fallback;

    let name = format!("directory.{kind}");
    let keys = SectionKeys::top().all();
    let keys = keys.into_iter().find(|section| section.name == name).unwrap();
    let is_optional = |line: &str| {
        let key = line.split(" = ").next().unwrap();
        keys.find(key)
            .is_some_and(|key| key.fallback != Fallback::Required)
    };
    let all = uncommented(|_| true);
    let (first, after) = of_kind(&all, kind);
    let mut shown = 0;
    let mut config = |with_defaults: bool| {
        let lines = all.lines().skip(first).take(after - first).filter(|line| {
            let key = line.split(" = ").next().unwrap();
            let keep = if examples.contains(&key) {
                needed.contains(&key)
            } else {
                with_defaults || !is_optional(line)
            };
            shown += usize::from(keep && is_optional(line));
            keep
        });
        let end = lines.collect::<Vec<_>>().join("\n");
        let config = place().parse(&super::around("", "", &end));
        let config = config.unwrap_or_else(|e| panic!("{e}\n{end}"));
        let directory = &config.directories[1];
        format!("{:?} {:?}", directory.attribute, directory.kind)
    };
    assert_eq!(config(true), config(false));
    // All others, and twice the ones that are needed.
    let optional = keys.keys.iter().filter(|key| key.fallback != Fallback::Required);
    assert_eq!(shown, optional.count() - examples.len() + 2 * needed.len());
}

#[test]
#[cfg(feature = "ldap")]
fn shows_the_defaults_of_ldap() {
    // What there is no default of.
    let examples = [
        "ca_file",
        "client_cert_file",
        "client_key_file",
        "bind_dn",
        "password_file",
        "password_env",
        "matrix_id",
        "ignore_referrals",
        "disabled_filter",
        "placeholders",
    ];
    shows_the_defaults_of("ldap", &examples, &["bind_dn", "password_file"]);
}

#[test]
#[cfg(feature = "azure")]
fn shows_the_defaults_of_entra() {
    let examples = [
        "tenant",
        "client_id",
        "client_secret_file",
        "client_secret_env",
        "certificate_file",
        "key_file",
        "federated_token_file",
        "authority",
        "graph_url",
        "ca_file",
        "proxy",
        "root_group",
        "group_prefix",
        "groups",
        "matrix_id",
    ];
    let needed = ["tenant", "client_id", "client_secret_file", "group_prefix"];
    shows_the_defaults_of("entra", &examples, &needed);
}

#[test]
fn without_optional_keys_the_policy_is_the_cores_default() {
    let bot = inviter::core::UserId::parse("@inviter:example.com").unwrap();
    let policy = good("").policy(&bot);
    let mut default = Policy::new(bot.server_name().to_owned());
    default.sources.clone_from(&policy.sources);
    assert_eq!(policy.exempt.patterns(), Patterns::default().patterns());
    assert_eq!(format!("{policy:?}"), format!("{default:?}"));
}
