use super::*;

fn disabled(login: &str) -> MemoryPerson {
    MemoryPerson::new(login).disabled()
}

fn unclear(login: &str) -> MemoryPerson {
    MemoryPerson::new(login).status(None)
}

/// An account whose key is not its `uid`.
fn account(key: &str, uid: &str) -> MemoryPerson {
    MemoryPerson::new(key).without_attributes().attribute("uid", uid)
}

#[test]
fn people_are_sorted_and_there_once() {
    let desired = resolved(&corp().with_person("Anna"));
    let users: Vec<&str> = desired.people.iter().map(|p| p.user_id.localpart()).collect();
    assert_eq!(users, ["anna", "jane", "jim", "joe"]);
    assert_eq!(desired.sources[0].active_accounts, 4);
}

#[test]
fn the_disabled_have_no_seat() {
    let desired = resolved(
        &corp()
            .with_person(disabled("jane"))
            .with_group(room_a().members(["jane", "jim"])),
    );
    assert_seats(&desired, "a", &["jim"]);
    assert_eq!(standing(&desired, "jane"), Some(PersonStanding::Disabled));
    assert!(room(&desired, "a").members.is_complete());
    assert_eq!(desired.sources[0].active_accounts, 2);
}

#[test]
fn one_person_in_two_directories() {
    let two = InMemoryDirectory::new("two")
        .with_person(disabled("jane"))
        .with_person(disabled("jim"))
        .with_person("anna")
        .with_group(MemoryGroup::new("xxxbxxxexample.org").members(["jane", "jim", "anna"]));
    let one = corp()
        .with_person(disabled("jim"))
        .with_group(room_a().members(["jane", "jim"]));
    let desired = resolve(&[read(&two), read(&one)], &policy(&["corp", "two"]));
    assert_eq!(standing(&desired, "jane"), Some(PersonStanding::Active));
    assert_eq!(standing(&desired, "jim"), Some(PersonStanding::Disabled));
    // The account of `two` is disabled, so that directory gives nothing.
    assert_seats(&desired, "a", &["jane"]);
    assert_seats(&desired, "b", &["anna"]);
    let sources: Vec<&str> = desired.sources.iter().map(|s| s.provider.as_str()).collect();
    assert_eq!(sources, ["corp", "two"]);
}

#[test]
fn two_accounts_for_one_id_are_a_collision() {
    let desired = resolved(
        &corp()
            .with_person(account("cn=jane-old", "JANE"))
            .with_group(room_a().members(["jane", "jim"])),
    );
    assert_eq!(standing(&desired, "jane"), Some(PersonStanding::Uncertain));
    assert_seats(&desired, "a", &["jane", "jim"]);
    let told = message(&desired, FindingKind::Collision);
    assert!(
        told.contains("accounts cn=jane-old, jane ") && told.contains("@jane:example.org"),
        "{told}"
    );
}

/// A person with an opaque key, and what people call them.
fn labelled(login: &str) -> MemoryPerson {
    MemoryPerson::new(login)
        .key(&format!("uuid-of-{login}"))
        .label(&format!("uid={login},o=corp"))
}

#[test]
fn people_are_told_labels_where_there_are_any() {
    let desired = resolved(
        &corp()
            .with_person(labelled("ghost").without_attributes())
            .with_person(labelled("hazy").status(None))
            .with_person(
                labelled("guest")
                    .without_attributes()
                    .attribute("uid", "eve_other.org#EXT#@corp"),
            )
            .with_person(labelled("eve").matrix_id(UserId::parse("@eve:other.org").unwrap()))
            .with_person(labelled("jane"))
            .with_person(labelled("jane2").without_attributes().attribute("uid", "jane"))
            .with_group(room_a().members(["ghost", "hazy", "guest", "eve", "jane"])),
    );
    let told: Vec<String> = desired.findings.iter().map(ToString::to_string).collect();
    let told = told.join("\n");
    for expected in [
        "made for account uid=ghost,o=corp (",
        "done with account uid=hazy,o=corp of",
        "left out: account uid=guest,o=corp of",
        "of account uid=eve,o=corp (@eve:other.org)",
        "accounts uid=jane,o=corp, uid=jane2,o=corp of",
    ] {
        assert!(told.contains(expected), "{expected} in {told}");
    }
    assert!(!told.contains("uuid-of-"), "{told}");
    let gaps = room(&desired, "a").members.gaps();
    assert_eq!(gaps[0].what, "account uid=ghost,o=corp of directory corp");
}

#[test]
fn accounts_of_one_label_are_told_apart_by_their_keys() {
    let jane = |key: &str| {
        MemoryPerson::new(key)
            .without_attributes()
            .attribute("uid", "jane")
    };
    let desired = resolved(
        &InMemoryDirectory::new("corp")
            .with_person(jane("1").label("jane"))
            .with_person(jane("2").label("jane"))
            .with_group("none"),
    );
    let told = message(&desired, FindingKind::Collision);
    assert!(
        told.starts_with("accounts jane (1), jane (2) of directory corp"),
        "{told}"
    );
}

#[test]
fn a_collision_in_one_directory_is_not_healed_by_another() {
    let one = corp().with_person(account("other", "jane"));
    let two = InMemoryDirectory::new("two")
        .with_person("jane")
        .with_group("none");
    let desired = resolve(&[read(&one), read(&two)], &policy(&["corp", "two"]));
    assert_eq!(standing(&desired, "jane"), Some(PersonStanding::Uncertain));
}

#[test]
fn many_collisions_are_cut() {
    let people = (0..100).map(|n| account(&format!("second{n}"), &format!("p{n}")));
    let directory = people.fold(InMemoryDirectory::new("corp"), InMemoryDirectory::with_person);
    let desired = resolved(&directory.with_people((0..100).map(|n| format!("p{n}"))));
    let told = messages(&desired, FindingKind::Collision);
    assert_eq!(told.len(), 21);
    assert!(told.iter().any(|m| m.starts_with("80 more")), "{told:?}");
}

#[test]
fn an_unknown_status_makes_uncertain_unless_another_directory_knows() {
    let one = corp()
        .with_person(unclear("jane"))
        .with_person(unclear("jim"))
        .with_person(unclear("in-no-group"))
        .with_group(room_a().members(["jane", "jim"]));
    let two = InMemoryDirectory::new("two")
        .with_person("jim")
        .with_group("none");
    let desired = resolve(&[read(&one), read(&two)], &policy(&["corp", "two"]));
    assert_eq!(standing(&desired, "jane"), Some(PersonStanding::Uncertain));
    assert_eq!(standing(&desired, "jim"), Some(PersonStanding::Active));
    assert_seats(&desired, "a", &["jane", "jim"]);
    assert!(room(&desired, "a").members.is_complete());
    let told = message(&desired, FindingKind::StatusUnknown);
    assert!(told.contains("accounts jane, jim of directory corp"), "{told}");
}

#[test]
fn an_account_without_an_id_is_a_gap_wherever_it_is_a_member() {
    let desired = resolved(
        &corp()
            .with_person(MemoryPerson::new("ghost").without_attributes())
            .with_person(MemoryPerson::new("service").without_attributes())
            .with_group(room_a().groups(["staff"]).members(["jane"]))
            .with_group(MemoryGroup::new("staff").members(["ghost"])),
    );
    assert_seats(&desired, "a", &["jane"]);
    let gaps = room(&desired, "a").members.gaps();
    assert!(
        gaps[0].what.contains("ghost") && gaps[0].why.contains("`uid`"),
        "{gaps:?}"
    );
    let told = message(&desired, FindingKind::Unmintable);
    assert!(told.contains("ghost") && !told.contains("service"), "{told}");
    assert!(messages(&desired, FindingKind::Incomplete).is_empty());
}

#[test]
fn a_disabled_account_without_an_id_is_nobody() {
    let desired = resolved(
        &corp()
            .with_person(disabled("ghost").without_attributes())
            .with_group(room_a().members(["ghost", "jane"])),
    );
    assert!(room(&desired, "a").members.is_complete());
    assert!(desired.findings.is_empty(), "{:?}", desired.findings);
}

#[test]
fn findings_about_many_accounts_are_one() {
    let people = (0..1000).map(|n| MemoryPerson::new(format!("p{n}")).without_attributes());
    let directory = people.fold(corp(), InMemoryDirectory::with_person);
    let all = (0..1000).map(|n| format!("p{n}"));
    let desired = resolved(&directory.with_group(room_a().members(all)));
    let told = message(&desired, FindingKind::Unmintable);
    assert!(
        told.contains("1000 accounts") && told.contains("995 more"),
        "{told}"
    );
}

#[test]
fn guests_are_left_out_without_a_gap() {
    let guest = account("guest", "eve_other.org#EXT#@corp");
    let desired = resolved(
        &corp()
            .with_person(guest)
            .with_group(room_a().members(["guest", "jane"])),
    );
    assert_seats(&desired, "a", &["jane"]);
    assert!(room(&desired, "a").members.is_complete());
    let told = message(&desired, FindingKind::GuestSkipped);
    assert!(told.contains("account guest of directory corp"), "{told}");
}

#[test]
fn an_id_of_another_server_is_left_alone() {
    let partner = MemoryPerson::new("eve").matrix_id(UserId::parse("@eve:other.org").unwrap());
    let desired = resolved(
        &corp()
            .with_person(partner)
            .with_group(room_a().members(["eve", "jane"])),
    );
    assert_seats(&desired, "a", &["jane"]);
    assert!(room(&desired, "a").members.is_complete());
    assert!(message(&desired, FindingKind::Unmintable).contains("@eve:other.org"));
}

#[test]
fn an_answer_without_accounts_is_unknown() {
    let desired = resolved(&InMemoryDirectory::new("corp").with_group(room_a()));
    assert!(!desired.sources[0].is_complete());
    assert!(!room(&desired, "a").members.is_complete());
    assert!(message(&desired, FindingKind::Incomplete).contains("without any accounts"));
}

#[test]
fn an_answer_without_groups_is_unknown() {
    let desired = resolved(&corp());
    assert!(!desired.sources[0].is_complete());
    assert!(message(&desired, FindingKind::Incomplete).contains("without any groups"));
}

#[test]
fn an_unread_directory_is_told_and_stops_nothing() {
    let desired = resolve(
        &[
            outage("two"),
            read(&corp().with_group(room_a().members(["jane"]))),
        ],
        &policy(&["corp", "two", "three"]),
    );
    assert_seats(&desired, "a", &["jane"]);
    assert!(desired.sources[0].is_complete());
    assert!(desired.sources[1].listing.is_none());
    assert_eq!(desired.sources[1].error.as_deref(), Some("two: is down"));
    assert!(desired.sources[2].error.is_some());
    assert_eq!(messages(&desired, FindingKind::DirectoryUnread).len(), 2);
}

#[test]
fn a_directory_outside_the_configuration_is_left_out() {
    let desired = resolve(
        &[read(&corp().with_group(room_a().members(["jane"])))],
        &policy(&[]),
    );
    assert!(desired.people.is_empty() && desired.rooms.is_empty());
    assert!(desired.sources[0].listing.is_none());
}
