//! The configuration as it takes effect, with where each value comes from.

use std::collections::BTreeMap;

use inviter::config::{Config, Explained, Origin, Place as At, Setting, SettingValue};
use toml::{Table, Value};

use super::{Place, around};

fn explain(text: &str, variables: &[(&str, &str)]) -> Explained {
    let mut environment = BTreeMap::from([("HOME".to_owned(), "/home/inviter".to_owned())]);
    for (name, value) in variables {
        environment.insert((*name).to_owned(), (*value).to_owned());
    }
    let path = Place::new();
    Config::explain(text, &path.path("inviter.toml"), &environment).unwrap_or_else(|e| panic!("{e}"))
}

fn setting<'e>(explained: &'e Explained, path: &str, index: Option<usize>, name: &str) -> &'e Setting {
    let section = explained
        .sections
        .iter()
        .find(|section| section.path == path && section.index == index)
        .unwrap_or_else(|| panic!("no section {path}"));
    section
        .settings
        .iter()
        .find(|setting| setting.name == name)
        .unwrap_or_else(|| panic!("no key {name} in {path}"))
}

/// The value, and its origins in short.
fn shown(setting: &Setting) -> (Option<SettingValue>, Vec<String>) {
    let origins = setting.origins.iter().map(|origin| match origin {
        Origin::Default => "default".to_owned(),
        Origin::Rooms => "rooms".to_owned(),
        Origin::Given(At::Line { line, .. }) => line.to_string(),
        Origin::Given(place) => place.to_string(),
        other => panic!("{other:?}"),
    });
    (setting.value.clone(), origins.collect())
}

fn text(text: &str) -> SettingValue {
    SettingValue::Text(text.to_owned())
}

#[test]
fn each_value_has_its_origin() {
    let explained = explain(
        &around(
            "trusted_inviters = [\n  \"@a:example.com\",\n]",
            "connect_timeout = \"5s\"",
            "attribute = \"mail\"\n[[room]]\nalias = \"#a:example.com\"\ngroups = [\"g\", \"h\"]",
        ),
        &[
            ("INVITER__HOMESERVER__URL", "https://other.example.com"),
            ("INVITER__ROOM__0__GROUPS__1", "{ group = \"i\" }"),
        ],
    );
    let of = |path, index, name| shown(setting(&explained, path, index, name));
    assert_eq!(
        of("homeserver", None, "url"),
        (
            Some(text("https://other.example.com")),
            vec!["INVITER__HOMESERVER__URL".into()]
        )
    );
    assert_eq!(
        of("homeserver", None, "connect_timeout"),
        (Some(text("5s")), vec!["6".into()])
    );
    assert_eq!(
        of("homeserver", None, "request_timeout"),
        (Some(text("60s")), vec!["default".into()])
    );
    assert_eq!(of("homeserver", None, "user"), (None, vec!["default".into()]));
    assert_eq!(of("", None, "trusted_inviters").1, ["1"]);
    assert_eq!(
        of("directory", Some(0), "before_at"),
        (Some(SettingValue::Flag(true)), vec!["default".into()])
    );
    assert_eq!(
        of("state", None, "dir"),
        (
            Some(text("/home/inviter/.local/state/inviter")),
            vec!["default".into()]
        )
    );
    assert_eq!(
        of("room", Some(0), "groups").1,
        ["15", "INVITER__ROOM__0__GROUPS__1"]
    );
    let otherwise = setting(&explained, "homeserver", None, "user").otherwise;
    assert_eq!(otherwise, Some("whoever the access token belongs to"));
}

#[test]
fn rooms_show_what_they_inherit() {
    let explained = explain(
        &around(
            "",
            "",
            "[rooms]\nowner_level = 60\n[rooms.permissions]\nkick = \"keep\"\n\
             [[room]]\nalias = \"#a:example.com\"\ngroups = [\"g\"]\nencrypt = false\n\
             [room.permissions]\nban = 50\nevents = { \"m.reaction\" = 1 }",
        ),
        &[],
    );
    let room = |name| shown(setting(&explained, "room", Some(0), name));
    assert_eq!(
        room("owner_level"),
        (Some(SettingValue::Integer(60)), vec!["rooms".into()])
    );
    assert_eq!(
        room("encrypt"),
        (Some(SettingValue::Flag(false)), vec!["17".into()])
    );
    assert_eq!(room("topic"), (None, vec!["rooms".into()]));
    assert_eq!(
        room("manage_permissions"),
        (Some(SettingValue::Flag(true)), vec!["rooms".into()])
    );
    let may = |name| shown(setting(&explained, "room.permissions", None, name));
    assert_eq!(may("kick"), (Some(text("keep")), vec!["rooms".into()]));
    assert_eq!(may("ban"), (Some(SettingValue::Integer(50)), vec!["19".into()]));
    let event = |name| shown(setting(&explained, "room.permissions.events", None, name));
    assert_eq!(
        event("m.reaction"),
        (Some(SettingValue::Integer(1)), vec!["20".into()])
    );
    assert_eq!(
        event("m.room.name"),
        (Some(SettingValue::Integer(50)), vec!["rooms".into()])
    );
}

/// What is explained, as a file that says all of it.
fn written_out(explained: &Explained) -> String {
    let mut top = Table::new();
    for section in &explained.sections {
        let steps: Vec<&str> = section.path.split('.').filter(|step| !step.is_empty()).collect();
        let mut table = &mut top;
        for (ix, step) in steps.iter().enumerate() {
            let is_new_entry = section.index.is_some() && ix + 1 == steps.len();
            let is_list = is_new_entry || table.get(*step).is_some_and(Value::is_array);
            let empty = if is_list {
                Value::Array(Vec::new())
            } else {
                Value::Table(Table::new())
            };
            let value = table.entry(*step).or_insert(empty);
            table = match value {
                Value::Array(items) => {
                    if is_new_entry {
                        items.push(Value::Table(Table::new()));
                    }
                    items.last_mut().unwrap().as_table_mut().unwrap()
                }
                other => other.as_table_mut().unwrap(),
            };
        }
        for setting in &section.settings {
            if let Some(value) = &setting.value {
                table.insert(setting.name.clone(), Value::try_from(value).unwrap());
            }
        }
    }
    top.to_string()
}

/// A file with every value written out means the same as the one that it was made of.
#[test]
fn what_is_explained_is_the_configuration() {
    let room = "[[room]]\nalias = \"#a:example.com\"\ngroups = [\"g\"]\n";
    let sparse_rooms = format!(
        "[rooms]\nencrypt = false\nowner_level = 60\ntopic = \"T\"\n[rooms.permissions]\nkick = \"keep\"\n\
         events = {{ \"m.reaction\" = \"keep\", \"x.y\" = 3 }}\n{room}"
    );
    for end in [
        "",
        room,
        &sparse_rooms,
        &format!(
            "{sparse_rooms}levels = \"keep\"\n[room.permissions]\nban = 1\nevents = {{ \"x.y\" = \"keep\" }}"
        ),
        &format!("{sparse_rooms}manage_permissions = false"),
        &format!("[rooms]\nmanage_permissions = false\n{room}"),
        &format!("[rooms]\nmanage_permissions = false\n{room}[room.permissions]\nban = 1"),
        &format!("[rooms]\nmanage_permissions = false\n{room}manage_permissions = true"),
        "attribute = \"mail\"\ndecoders = [{ pattern = \"a(.+)\", alias = \"#$1:b\" }, \"xxx\"]\n\
         [directory.renames]\n\"jane.doe\" = \"jane\"\n\
         [[directory]]\nname = \"b\"\nkind = \"file\"\npath = \"b.toml\"\n\
         [[room]]\nid = \"!x:example.com\"\nmembers = [\"@a:b.c\", { user = \"@d:b.c\", level = 1 }]\n\
         [[room]]\nalias = \"#y:example.com\"\ngroups = [{ group = \"g\", directory = \"b\", level = 2 }]\n\
         [room.permissions]\ninvite = 0\n[limits]\nwindow = \"2d\"\n[state]\ndir = \"s\"",
    ] {
        let place = Place::new();
        let config = |text: &str| {
            let explained = Config::explain(text, &place.path("inviter.toml"), &super::environment);
            explained.unwrap_or_else(|e| panic!("{e}\n{text}"))
        };
        let first = config(&around("", "", end));
        let text = written_out(&first);
        assert_eq!(
            format!("{:?}", config(&text).config),
            format!("{:?}", first.config),
            "{text}"
        );
    }
}
