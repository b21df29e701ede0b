//! `[scope]`, and rooms with placeholders.

use inviter::core::{directory::Group, room::Binding, room::RoomRef, room_template::Argument};

use super::{around, error_of, good};

/// The one error of a configuration with this at its end.
fn errors(end: &str) -> String {
    error_of(&around("", "", end))
}

fn room(alias: &str) -> RoomRef {
    RoomRef::Alias(alias.to_owned().try_into().unwrap())
}

#[test]
fn patterns_choose_rooms_and_groups() {
    let config = good(
        r##"
        [scope]
        include_rooms = ["#pilot-*:example.com", "!abc"]
        exclude_rooms = ["*-old:example.com"]
        exclude_groups = ["students-*"]
        "##,
    );
    let bot = inviter::core::UserId::parse("@inviter:example.com").unwrap();
    let scope = config.policy(&bot).scope;
    let has = |alias| scope.has_room(&[room(alias)], &Binding::Missing);
    assert!(has("#pilot-a:example.com"));
    assert!(!has("#pilot-old:example.com"));
    assert!(!has("#other:example.com"));
    let bound = Binding::Bound("!abc".to_owned().try_into().unwrap());
    assert!(scope.has_room(&[room("#other:example.com")], &bound));
    let group = |name: &str| {
        let group = Group {
            key: inviter::core::directory::GroupKey::new("k"),
            name: name.into(),
            also_called: Vec::new(),
            members: inviter::core::directory::Part::default(),
            owners: inviter::core::directory::Part::default(),
            flattened: false,
            nested_only: false,
        };
        scope.has_group(&group)
    };
    assert!(group("staff") && !group("students-2024"));
}

#[test]
fn a_pattern_that_matches_no_room_is_an_error() {
    let told = errors("[scope]\ninclude_rooms = [\"pilot-*\"]");
    assert!(
        told.contains("`pilot-*` matches no room") && told.contains("write \"#pilot-*\""),
        "{told}"
    );
    // A backslash is a character, and no room begins with one.
    let told = errors("[scope]\ninclude_rooms = ['\\#pilot']");
    assert!(told.contains(r"`\#pilot` matches no room"), "{told}");
    let told = errors("[scope]\nexclude_groups = [\"[a\"]");
    assert!(told.contains("pattern `[a`"), "{told}");
    let told = errors("[scope]\ninclude = [\"#a\"]");
    assert!(told.contains("it knows `include_rooms`"), "{told}");
}

#[test]
fn arguments_make_rooms() {
    let config = good(
        r##"
        [[room]]
        alias = "#year-<1>:example.com"
        name = "Year <1>"
        arguments = ["2024", "2025"]
        groups = ["students-<1>", { group = "teachers", level = 50 }]
        members = ["@dean:example.com"]
        "##,
    );
    assert!(config.rooms.is_empty());
    let bot = inviter::core::UserId::parse("@inviter:example.com").unwrap();
    let rooms = config.policy(&bot).listed_rooms();
    let names: Vec<String> = rooms.iter().map(|spec| spec.room.to_string()).collect();
    assert_eq!(names, ["#year-2024:example.com", "#year-2025:example.com"]);
    assert_eq!(rooms[1].groups[0].group.as_str(), "students-2025");
    assert_eq!(rooms[1].groups[1].level, Some(50));
    assert_eq!(rooms[1].rules.name.as_deref(), Some("Year 2025"));
    assert_eq!(rooms[1].members.len(), 1);
    let other = config.templates[0]
        .expand(&Argument::parse("2026").unwrap())
        .unwrap();
    assert_eq!(other.room, room("#year-2026:example.com"));
}

#[test]
fn placeholders_that_cannot_work_are_errors() {
    let told = |rest: &str| errors(&format!("[[room]]\ngroups = [\"g\"]\n{rest}"));
    let cases = [
        (
            "alias = \"#a:x.org\"\narguments = [\"1\"]",
            "needs a placeholder such as <1> in `alias`",
        ),
        (
            "alias = \"#<1>:x.org\"\narguments = [\"a b\"]",
            "`a b` cannot be an argument",
        ),
        (
            "alias = \"#<1>:x.org\"\narguments = [\"a\", \"a\"]",
            "has `a` twice",
        ),
        (
            "alias = \"#<1>:x.org\"\narguments = [\"a,b\"]",
            "takes 1 value, and `a,b` has 2",
        ),
        (
            "alias = \"<1>:x.org\"\narguments = [\"a\"]",
            "which is not a room alias",
        ),
        ("alias = \"#<2>:x.org\"", "has <2>, but not <1>"),
        (
            "alias = \"#<1>:x.org\"\nname = \"<2>\"",
            "which the alias `#<1>:x.org` lacks",
        ),
    ];
    for (text, expected) in cases {
        let told = told(text);
        assert!(told.contains(expected), "{text}: {told}");
    }
    let told = errors("[[room]]\nalias = \"#a:x.org\"\ngroups = [\"g-<1>\"]");
    assert!(
        told.contains("the group `g-<1>` has a placeholder, and the alias has none"),
        "{told}"
    );
}
