//! The configuration as it takes effect, with where each value comes from.

#[cfg(feature = "azure")]
mod entra;

use std::collections::BTreeMap;

use inviter::config::{Config, Environment, Explained, Origin, Place as At, Setting, SettingValue};
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

#[test]
fn rooms_show_what_people_say_for_all() {
    let explained = explain(
        &around(
            "",
            "",
            "[people]\nleft = \"after 1h 30m\"\n[[room]]\nalias = \"#a:example.com\"\ngroups = [\"g\"]",
        ),
        &[],
    );
    for (path, index) in [("rooms", None), ("room", Some(0))] {
        let left = setting(&explained, path, index, "left");
        assert_eq!(left.value, Some(text("after 5400s")), "{path}");
        assert_eq!(left.otherwise, Some("as in [people]"));
        let bring_in = setting(&explained, path, index, "bring_in");
        assert_eq!(bring_in.value, Some(text("invite")), "{path}");
    }
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
        means_the_same_written_out(end);
    }
}

fn means_the_same_written_out(end: &str) {
    means_the_same_with(end, &super::environment);
}

fn means_the_same_with(end: &str, environment: &dyn Environment) {
    let place = Place::new();
    let config = |text: &str| {
        let explained = Config::explain(text, &place.path("inviter.toml"), environment);
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

#[cfg(feature = "ldap")]
mod ldap {
    use super::*;

    /// The start of a directory, to which keys can be added.
    fn directory(name: &str, bind: &str) -> String {
        format!(
            "[[directory]]\nname = \"{name}\"\nkind = \"ldap\"\n[directory.ldap]\nurls = [\"ldapi://x\"]\n\
             user_bases = [\"dc=a\"]\ngroup_bases = [\"dc=a\"]\n{bind}\n"
        )
    }

    const SIMPLE: &str = "bind_dn = \"cn=b\"\npassword_env = \"INVITER_PASSWORD\"";

    #[test]
    fn what_is_explained_is_the_configuration() {
        for schema in [
            "group_of_names",
            "group_of_unique_names",
            "posix_group",
            "active_directory",
            "freeipa",
        ] {
            means_the_same_written_out(&format!("{}schema = \"{schema}\"", directory("a", SIMPLE)));
        }
        let changed = "members = [\"m\"]\nlogin = \"l\"\nprimary_group = \"gidNumber\"\nempty_groups = true\n\
                       disabled_by = []\ndisabled_filter = \"(a=b)\"\nplaceholders = [\"cn=p\"]\npage_size = 20";
        means_the_same_written_out(&format!("{}{changed}", directory("a", "bind = \"external\"")));
        means_the_same_written_out(&format!(
            "{}schema = \"active_directory\"\n{}{changed}",
            directory("a", "bind = \"anonymous\""),
            directory("b", SIMPLE)
        ));
    }

    /// The section of a directory comes after it, and has the defaults of that directory's schema.
    #[test]
    fn each_directory_has_its_own_defaults() {
        let explained = explain(
            &around(
                "",
                "",
                &format!(
                    "{}schema = \"active_directory\"\n{}owners = [\"manager\"]",
                    directory("a", "bind = \"anonymous\""),
                    directory("b", "bind = \"external\"")
                ),
            ),
            &[("INVITER__DIRECTORY__2__LDAP__PAGE_SIZE", "1000")],
        );
        let order = explained.sections.iter().map(|section| section.path.as_str());
        let order: Vec<&str> = order.filter(|path| path.starts_with("directory")).collect();
        assert_eq!(
            order,
            [
                // A file has no section of a server.
                "directory",
                "directory.renames",
                "directory",
                "directory.ldap",
                "directory.renames",
                "directory",
                "directory.ldap",
                "directory.renames"
            ]
        );
        let sections = explained.sections.iter().filter(|s| s.path == "directory.ldap");
        let [a, b] = sections.collect::<Vec<_>>()[..] else {
            panic!("{explained:?}")
        };
        let of = |section: &inviter::config::ExplainedSection, name: &str| {
            let setting = section.settings.iter().find(|setting| setting.name == name);
            shown(setting.unwrap())
        };
        let by_default = |value: SettingValue| (Some(value), vec!["default".to_owned()]);
        let one = |value: &str| SettingValue::List(vec![text(value)]);
        assert_eq!(of(a, "owners"), by_default(one("managedBy")));
        assert_eq!(of(b, "owners"), (Some(one("manager")), vec!["27".into()]));
        assert_eq!(of(a, "empty_groups"), by_default(SettingValue::Flag(true)));
        assert_eq!(of(b, "empty_groups"), by_default(SettingValue::Flag(false)));
        assert_eq!(of(a, "primary_group"), by_default(text("primaryGroupID")));
        assert_eq!(of(b, "member_logins"), by_default(SettingValue::List(Vec::new())));
        assert_eq!(of(a, "page_size"), by_default(SettingValue::Integer(500)));
        assert_eq!(
            of(b, "page_size"),
            (
                Some(SettingValue::Integer(1000)),
                vec!["INVITER__DIRECTORY__2__LDAP__PAGE_SIZE".into()]
            )
        );
        assert_eq!(of(a, "disabled_filter"), (None, vec!["default".to_owned()]));
        let attribute = |index| shown(setting(&explained, "directory", Some(index), "attribute"));
        assert_eq!(attribute(1), by_default(text("sAMAccountName")));
        assert_eq!(attribute(2), by_default(text("uid")));
    }
}
