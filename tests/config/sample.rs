//! `inviter.sample.toml` has every key, and is right with and without its commented lines.

use std::collections::BTreeSet;

use inviter::{config::SectionKeys, core::patterns::Patterns, core::policy::Policy};
use toml::Value;

use super::{Place, good};

pub(crate) const SAMPLE: &str = include_str!("../../inviter.sample.toml");

/// Alternatives of which a file may have one.
const ALTERNATIVES: [&str; 3] = ["access_token_env", "password_file", "password_env"];

fn place() -> Place {
    let place = Place::new();
    place.secret("access_token", "s3cret");
    std::fs::write(place.path("ca.pem"), "-----BEGIN CERTIFICATE-----\n").unwrap();
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

#[test]
fn is_right_as_it_stands() {
    place().parse(SAMPLE).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn is_right_uncommented() {
    let text = uncommented(|line| !ALTERNATIVES.iter().any(|key| line.starts_with(key)));
    place().parse(&text).unwrap_or_else(|e| panic!("{e}"));
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
    let sections = ["[rooms]", "[limits]"];
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
