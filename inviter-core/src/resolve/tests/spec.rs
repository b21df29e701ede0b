//! The explicit list.

use super::*;
use crate::{
    directory::GroupKey,
    room_rules::{FixedMember, RoomRules, RoomSpec, SpecGroup},
};

fn spec(localpart: &str) -> RoomSpec {
    RoomSpec {
        room: alias(localpart),
        groups: Vec::new(),
        members: Vec::new(),
        rules: RoomRules::default(),
    }
}

trait SpecExt: Sized {
    fn group(self, provider: Option<&str>, group: &str, level: Option<i64>) -> Self;
    fn fixed(self, user: &str, level: Option<i64>) -> Self;
    fn topic(self, topic: &str) -> Self;
}

impl SpecExt for RoomSpec {
    fn group(mut self, provider: Option<&str>, group: &str, level: Option<i64>) -> Self {
        self.groups.push(SpecGroup {
            provider: provider.map(ProviderId::new),
            group: GroupKey::new(group),
            level,
        });
        self
    }

    fn fixed(mut self, user: &str, level: Option<i64>) -> Self {
        self.members.push(FixedMember {
            user_id: UserId::parse(user).unwrap(),
            level,
        });
        self
    }

    fn topic(mut self, topic: &str) -> Self {
        self.rules.topic = Some(topic.to_owned());
        self
    }
}

fn with_rooms(directories: &[&InMemoryDirectory], rooms: Vec<RoomSpec>) -> Desired {
    let outcomes: Vec<ReadOutcome> = directories.iter().map(|d| read(d)).collect();
    let names: Vec<&str> = outcomes.iter().map(|o| o.provider.as_str()).collect();
    let mut policy = policy(&names);
    policy.rooms = rooms;
    resolve(&outcomes, &policy)
}

#[test]
fn groups_by_key_or_name_with_levels() {
    let directory = corp()
        .with_group(MemoryGroup::new("staff").key("cn=staff").members(["jane", "jim"]))
        .with_group(MemoryGroup::new("leads").key("cn=leads").members(["jane"]));
    let desired = with_rooms(
        &[&directory],
        vec![
            spec("b")
                .group(None, "cn=staff", None)
                .group(Some("corp"), "leads", Some(25)),
        ],
    );
    assert_seats(&desired, "b", &["jane=25", "jim"]);
    assert!(desired.findings.is_empty(), "{:?}", desired.findings);
}

#[test]
fn a_key_goes_before_a_name() {
    let directory = corp()
        .with_group(MemoryGroup::new("one").key("staff").members(["jane"]))
        .with_group(MemoryGroup::new("staff").key("two").members(["jim"]));
    let desired = with_rooms(&[&directory], vec![spec("b").group(None, "staff", None)]);
    assert_seats(&desired, "b", &["jane"]);
}

#[test]
fn what_a_group_is_also_called_goes_between_its_key_and_names() {
    let directory = corp()
        .with_group(
            MemoryGroup::new("staff")
                .key("1")
                .also_called("cn=staff,o=corp")
                .also_called("cn=staff,o=corp")
                .members(["jane"]),
        )
        .with_group(MemoryGroup::new("cn=staff,o=corp").key("2").members(["jim"]))
        .with_group(
            MemoryGroup::new("other")
                .key("3")
                .also_called("1")
                .members(["joe"]),
        );
    let desired = with_rooms(
        &[&directory],
        vec![
            spec("b").group(None, "cn=staff,o=corp", None),
            spec("c").group(None, "1", None),
        ],
    );
    assert_seats(&desired, "b", &["jane"]);
    assert_seats(&desired, "c", &["jane"]);
    assert!(desired.findings.is_empty(), "{:?}", desired.findings);
}

#[test]
fn a_group_that_counts_only_within_others_is_not_found() {
    let within = MemoryGroup::new("physics")
        .key("1")
        .also_called("cn=physics,o=corp")
        .members(["jim"])
        .nested_only();
    let directory = corp()
        .with_group(within)
        .with_group(MemoryGroup::new("staff").groups(["physics"]));
    for text in ["1", "cn=physics,o=corp", "physics"] {
        let desired = with_rooms(&[&directory], vec![spec("b").group(None, text, None)]);
        assert_seats(&desired, "b", &[]);
        assert!(!room(&desired, "b").members.is_complete());
        let told = message(&desired, FindingKind::Incomplete);
        assert!(
            told.contains("directory corp counts only within groups that contain it; list one"),
            "{told}"
        );
    }
    // A group of that name that counts by itself is the one that is meant.
    let namesake = MemoryGroup::new("whatever")
        .also_called("physics")
        .members(["jane"]);
    let desired = with_rooms(
        &[&directory.with_group(namesake)],
        vec![
            spec("b").group(None, "physics", None),
            spec("c").group(None, "staff", None),
        ],
    );
    assert_seats(&desired, "b", &["jane"]);
    assert_seats(&desired, "c", &["jim"]);
    assert!(desired.findings.is_empty(), "{:?}", desired.findings);
}

#[test]
fn a_group_that_is_not_found_is_a_gap() {
    let directory = corp().with_group(MemoryGroup::new("staff").members(["jane"]));
    let wanted = spec("b")
        .group(Some("corp"), "staff", None)
        .group(Some("corp"), "stuff", Some(50));
    let desired = with_rooms(&[&directory], vec![wanted]);
    assert_seats(&desired, "b", &["jane"]);
    let b = room(&desired, "b");
    assert!(!b.members.is_complete() && !b.owners.is_complete());
    let told = message(&desired, FindingKind::Incomplete);
    assert!(
        told.contains("there is no group `stuff` in directory corp; check the name"),
        "{told}"
    );
}

#[test]
fn a_group_in_a_directory_that_is_unread_or_unknown_is_a_gap() {
    let directory = read(&corp().with_group(MemoryGroup::new("staff").members(["jane"])));
    let mut policy = policy(&["corp", "two"]);
    policy.rooms = vec![
        spec("b").group(Some("two"), "staff", None),
        spec("c").group(Some("three"), "staff", None),
        spec("d").group(None, "other", None),
        spec("e").group(None, "staff", None),
    ];
    let desired = resolve(&[directory, outage("two")], &policy);
    for (name, told) in [
        ("b", "could not be read"),
        ("c", "no directory three"),
        ("d", "may be in directory two"),
    ] {
        let gaps = room(&desired, name).members.gaps();
        assert!(gaps[0].why.contains(told), "{gaps:?}");
    }
    assert_seats(&desired, "e", &["jane"]);
    assert!(room(&desired, "e").members.is_complete());
}

#[test]
fn several_groups_of_one_name_are_not_guessed_between() {
    let one = corp().with_group(MemoryGroup::new("staff").members(["jane"]));
    let two = InMemoryDirectory::new("two")
        .with_person("ann")
        .with_group(MemoryGroup::new("staff").members(["ann"]));
    let rooms = vec![
        spec("b").group(None, "staff", None),
        spec("c").group(Some("two"), "staff", None),
    ];
    let desired = with_rooms(&[&one, &two], rooms);
    assert_seats(&desired, "b", &[]);
    let told = message(&desired, FindingKind::Incomplete);
    assert!(told.contains("staff (corp), staff (two)"), "{told}");
    assert_seats(&desired, "c", &["ann"]);
}

#[test]
fn fixed_members_win_and_may_be_foreign() {
    let directory = corp().with_group(room_a().members(["jane", "jim", "joe"]).owners(["jane", "jim"]));
    let wanted = spec("a")
        .fixed("@jane:example.org", Some(0))
        .fixed("@jim:example.org", None)
        .fixed("@anna:other.org", Some(75))
        .fixed("@zoe:other.org", None);
    let desired = with_rooms(&[&directory], vec![wanted]);
    assert_seats(&desired, "a", &["anna=75!", "jane=0!", "jim=50!", "joe", "zoe!"]);
    let foreign = desired
        .person(<&UserId>::try_from("@zoe:other.org").unwrap())
        .unwrap();
    assert_eq!(foreign.standing, PersonStanding::Active);
}

#[test]
fn a_fixed_member_whose_account_is_disabled_stays_where_the_configuration_says() {
    let directory = corp()
        .with_person(MemoryPerson::new("jane").disabled())
        .with_group(room_a().members(["jane", "jim"]))
        .with_group(MemoryGroup::new("xxxbxxxexample.org").members(["jane", "jim"]));
    let desired = with_rooms(&[&directory], vec![spec("a").fixed("@jane:example.org", None)]);
    assert_eq!(standing(&desired, "jane"), Some(PersonStanding::Active));
    assert_seats(&desired, "a", &["jane!", "jim"]);
    assert_seats(&desired, "b", &["jim"]);
}

#[test]
fn levels_of_admins_need_their_key() {
    let directory = corp().with_group(MemoryGroup::new("staff").members(["jim"]));
    let wanted = spec("b")
        .group(None, "staff", Some(100))
        .fixed("@jane:example.org", Some(101));
    let desired = with_rooms(&[&directory], vec![wanted]);
    assert_seats(&desired, "b", &["jane!", "jim"]);
    assert_eq!(messages(&desired, FindingKind::DangerRefused).len(), 2);
}

#[test]
fn an_explicit_entry_and_a_decoded_group_are_one_room() {
    let directory = corp()
        .with_group(room_a().members(["jane"]))
        .with_group(MemoryGroup::new("staff").members(["jim"]));
    let desired = with_rooms(
        &[&directory],
        vec![spec("a").group(None, "staff", Some(10)).topic("ours")],
    );
    assert_eq!(desired.rooms.len(), 1);
    assert_seats(&desired, "a", &["jane", "jim=10"]);
    let a = room(&desired, "a");
    assert_eq!(a.rules.topic.as_deref(), Some("ours"));
    assert_eq!(a.precedence, 0);
    // To list a room is how its settings are changed; that is no conflict.
    assert!(desired.findings.is_empty(), "{:?}", desired.findings);
}

#[test]
fn of_two_entries_the_first_in_the_configuration_counts() {
    let directory = corp()
        .with_group(MemoryGroup::new("staff").members(["jim"]))
        .with_room(spec("a").topic("theirs").fixed("@joe:example.org", Some(10)));
    let first = spec("a").topic("ours").fixed("@joe:example.org", Some(20));
    let again = spec("a").topic("ours").group(None, "staff", None);
    let desired = with_rooms(&[&directory], vec![first, again]);
    assert_eq!(room(&desired, "a").rules.topic.as_deref(), Some("ours"));
    assert_seats(&desired, "a", &["jim", "joe=20!"]);
    let told = message(&desired, FindingKind::ConflictingSettings);
    assert!(
        told.contains("settings and levels for @joe:example.org"),
        "{told}"
    );
}

#[test]
fn a_room_of_the_source_itself() {
    let directory = corp()
        .with_group(MemoryGroup::new("staff").members(["jim"]))
        .with_room(spec("a").group(None, "staff", None));
    let desired = resolved(&directory);
    assert_seats(&desired, "a", &["jim"]);
    assert_eq!(room(&desired, "a").precedence, 0);
}

#[test]
fn members_of_a_group_with_a_level_are_not_lowered_while_unknown() {
    let directory = corp().with_group(MemoryGroup::new("leads").members(["jane"]).members_gap("refused"));
    let desired = with_rooms(&[&directory], vec![spec("b").group(None, "leads", Some(50))]);
    assert!(!room(&desired, "b").owners.is_complete());
}

#[test]
fn the_server_of_an_alias_is_lowered() {
    let directory = corp().with_group(room_a().members(["jane"]));
    let mut wanted = spec("a").fixed("@jim:example.org", None);
    wanted.room = RoomRef::Alias(RoomAliasId::parse("#a:EXAMPLE.org").unwrap());
    let desired = with_rooms(&[&directory], vec![wanted]);
    assert_eq!(desired.rooms.len(), 1);
    assert_seats(&desired, "a", &["jane", "jim!"]);
}
