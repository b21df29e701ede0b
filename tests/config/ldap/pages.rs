//! README.md and docs/ldap.md say what is so.

use inviter::ldap::{Preset, PrimaryGroup, Schema};

use super::of;
use crate::{Place, around};

/// Every description of a server on the pages for people is right as it stands.
#[test]
fn the_examples_of_the_pages_are_right() {
    let place = Place::new();
    place.secret("ldap_password", "s3cret");
    let readme: Vec<&str> = include_str!("../../../README.md").lines().collect();
    // Indented there, and fenced on the other page.
    let readme =
        readme.chunk_by(|a, b| a.starts_with("    ") || a.is_empty() && b.starts_with("    ") || a == b);
    let readme = readme.map(|lines| {
        let lines = lines.iter().map(|line| line.trim_start());
        lines.collect::<Vec<_>>().join("\n")
    });
    let page = include_str!("../../../docs/ldap.md").split("```toml\n").skip(1);
    let page = page.map(|rest| rest.split("```").next().unwrap().to_owned());
    let mut tried = 0;
    for example in readme
        .chain(page)
        .filter(|text| text.contains("[directory.ldap]"))
    {
        let (_, example) = example.split_once("[[directory]]").unwrap();
        let example = format!("[[directory]]{}", example.replace("\"people\"", "\"corp\""));
        let config = place.parse(&around("", "", &example));
        let config = config.unwrap_or_else(|e| panic!("{e}\n{example}"));
        of(&config);
        tried += 1;
    }
    assert_eq!(tried, 4);
}

/// The tables of the page say what the schemas are.
#[test]
fn the_page_tells_the_schemas() {
    let page = include_str!("../../../docs/ldap.md");
    for preset in Preset::ALL {
        let schema = Schema::new(preset);
        let start = format!("| `{}` ", preset.as_str());
        let rows: Vec<Vec<String>> = page
            .lines()
            .filter(|line| line.starts_with(&start))
            .map(|row| {
                let cells = row.replace("\\|", "\0");
                let cells = cells.trim_matches('|').split('|').skip(1);
                cells.map(|cell| cell.trim().replace('\0', "|")).collect()
            })
            .collect();
        let all = |values: &[&str]| match values {
            [] => "none".to_owned(),
            values => values
                .iter()
                .map(|value| format!("`{value}`"))
                .collect::<Vec<_>>()
                .join(", "),
        };
        let names = |values: &[String]| all(&values.iter().map(String::as_str).collect::<Vec<_>>());
        let members = match schema.members.as_slice() {
            [] => format!("{}, by `{}`", names(&schema.member_logins), schema.login),
            members => names(members),
        };
        let disabled: Vec<&str> = schema.disabled_by.iter().map(|rule| rule.attribute()).collect();
        let primary = match schema.primary_group {
            PrimaryGroup::PrimaryGroupId => "`primaryGroupID`",
            _ => "ignored",
        };
        let empty = if schema.empty_groups {
            "is empty"
        } else {
            "hides them"
        };
        assert_eq!(
            rows,
            [
                vec![all(&[&schema.user_filter]), all(&[&schema.group_filter])],
                vec![
                    members,
                    names(&schema.owners),
                    names(&schema.ids),
                    all(&disabled),
                    primary.to_owned(),
                    empty.to_owned()
                ]
            ],
            "{preset:?}"
        );
    }
}
