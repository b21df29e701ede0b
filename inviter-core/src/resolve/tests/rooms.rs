use super::*;
use crate::desired::FeedRole;

fn feeds(room: &DesiredRoom) -> Vec<(&str, FeedRole)> {
    room.feeds
        .iter()
        .map(|feed| (&*feed.group.name, feed.role))
        .collect()
}

#[test]
fn owners_who_are_members_are_raised() {
    let desired = resolved(
        &corp()
            .with_group(room_a().members(["jane", "jim"]).owners(["jim", "joe"]))
            .with_group("xxxbxxxexample.org"),
    );
    assert_seats(&desired, "a", &["jane", "jim=50"]);
    let a = room(&desired, "a");
    assert_eq!(
        feeds(a),
        [
            ("xxxaxxxexample.org", FeedRole::Members),
            ("xxxaxxxexample.org", FeedRole::Owners)
        ]
    );
    assert_eq!((a.seats[0].feed, a.seats[1].feed), (Some(0), Some(1)));
    let told = message(&desired, FindingKind::OwnerNotMember);
    assert!(told.contains("owner @joe:example.org"), "{told}");
    assert!(room(&desired, "b").seats.is_empty());
    assert!(room(&desired, "b").members.is_complete());
}

#[test]
fn owners_come_from_a_sibling_group_and_through_groups() {
    let desired = resolved(
        &corp()
            .with_people(["ann", "bob"])
            .with_group(
                room_a()
                    .members(["jane", "jim", "joe", "ann"])
                    .owner_groups(["leads"])
                    .owners(["ann"]),
            )
            .with_group(MemoryGroup::new("leads").members(["jane"]))
            .with_group(MemoryGroup::new("xxxaxxxexample.org_owners").groups(["nested"]))
            .with_group(MemoryGroup::new("nested").members(["jim"])),
    );
    assert_seats(&desired, "a", &["ann=50", "jane=50", "jim=50", "joe"]);
    assert_eq!(desired.rooms.len(), 1);
    assert_eq!(feeds(room(&desired, "a")).len(), 3);
}

#[test]
fn unknown_owners_are_a_gap_of_their_own() {
    let desired = resolved(
        &corp()
            .with_group(room_a().members(["jane"]))
            .with_group(MemoryGroup::new("xxxaxxxexample.org_owners").members_gap("refused"))
            .with_group(
                MemoryGroup::new("xxxbxxxexample.org")
                    .members(["jim"])
                    .owners_gap("refused"),
            ),
    );
    for name in ["a", "b"] {
        let room = room(&desired, name);
        assert!(room.members.is_complete());
        assert!(!room.owners.is_complete());
    }
    let of = |name: &str| desired.groups.iter().find(|(g, _)| &*g.name == name).unwrap().1;
    assert!(of("xxxaxxxexample.org").is_complete());
    assert!(!of("xxxaxxxexample.org_owners").is_complete());
    assert!(!of("xxxbxxxexample.org").is_complete());
    // What is missing of members of the one was told as that.
    let told = desired
        .findings
        .iter()
        .filter(|f| f.kind == FindingKind::Incomplete);
    let told: Vec<&str> = told.map(|f| &*f.message).collect();
    let of_b =
        "not all owners could be read of group xxxbxxxexample.org of directory corp, so no owner is lowered";
    assert!(told.iter().any(|message| message.starts_with(of_b)), "{told:?}");
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
fn an_owner_who_may_be_a_member_keeps_levels_as_they_are() {
    let desired =
        resolved(&corp().with_group(room_a().members(["jane"]).members_gap("refused").owners(["jim"])));
    assert!(!room(&desired, "a").owners.is_complete());
    let of_owner = |finding: &&Finding| finding.kind == FindingKind::OwnerNotMember;
    assert_eq!(desired.findings.iter().find(of_owner), None);
}

#[test]
fn owners_may_be_in_a_group_that_was_not_listed() {
    let directory = corp()
        .with_group(room_a().members(["jane"]))
        .with_group(MemoryGroup::new("xxxbxxxexample.org").members(["jim"]))
        .with_group("xxxbxxxexample.org_owners");
    directory.set_listing(Extent::gap("groups", "one page was refused"));
    let desired = resolved(&directory);
    assert!(!room(&desired, "a").owners.is_complete());
    assert!(room(&desired, "b").owners.is_complete());
    assert!(message(&desired, FindingKind::Incomplete).contains("one page was refused"));
}

#[test]
fn accounts_that_were_not_listed_hide_no_group() {
    let directory = corp().with_group(room_a().members(["jane"]));
    directory.set_accounts_extent(Extent::gap("people", "one branch is gone"));
    let desired = resolved(&directory);
    assert!(room(&desired, "a").owners.is_complete());
    assert!(room(&desired, "a").members.is_complete());
    // The directory as a whole is not complete all the same.
    assert!(!desired.sources[0].is_complete());
    assert!(message(&desired, FindingKind::Incomplete).contains("one branch is gone"));
}

#[test]
fn accounts_that_come_with_groups_leave_a_gap_in_those_alone() {
    let directory = corp().with_group(room_a().members(["jane"]));
    assert!(resolved(&directory).sources[0].names_everybody());
    directory.set_only_grouped_accounts(true);
    let source = &resolved(&directory).sources[0];
    assert!(source.is_complete() && source.size_known);
    // Who is in no group may have an account all the same.
    assert!(!source.names_everybody());
    directory.set_accounts_extent(Extent::gap("people", "one group is not known completely"));
    let desired = resolved(&directory);
    let source = &desired.sources[0];
    assert!(source.is_complete() && !source.size_known);
    assert!(
        desired
            .findings
            .iter()
            .all(|finding| finding.kind != FindingKind::Incomplete)
    );
}

#[test]
fn groups_of_several_directories_make_one_room() {
    let two = InMemoryDirectory::new("two")
        .with_person("ann")
        .with_person("jane")
        .with_group(
            MemoryGroup::new("MTRX #a:Example.org")
                .members(["ann", "jane"])
                .owners(["jane"]),
        );
    let one = corp()
        .with_group(room_a().members(["jane"]))
        .with_group(room_a().key("another").members(["jim"]));
    let desired = resolve(&[read(&one), read(&two)], &policy(&["corp", "two"]));
    assert_eq!(desired.rooms.len(), 1);
    assert_seats(&desired, "a", &["ann", "jane=50", "jim"]);
    let a = room(&desired, "a");
    assert_eq!(a.precedence, DesiredRoom::BY_DEFAULT);
    let by: Vec<String> = a
        .feeds
        .iter()
        .map(|feed| feed.group.provider.to_string())
        .collect();
    assert_eq!(by, ["corp", "two", "two"]);
}

#[test]
fn names_that_lead_nowhere_are_told_and_skipped() {
    let desired = resolved(
        &corp()
            .with_group(room_a().members(["jane"]))
            .with_group(MemoryGroup::new("MTRX printers").members(["jim"]))
            .with_group(MemoryGroup::new("xxxcxxxexample.org_owners").members(["jim"]))
            .with_group(MemoryGroup::new("staff").members(["jim"])),
    );
    assert_eq!(desired.rooms.len(), 1);
    let told = messages(&desired, FindingKind::Undecodable);
    assert_eq!(told.len(), 2);
    assert!(told[0].contains("MTRX printers"), "{told:?}");
    assert!(told[1].contains("xxxcxxxexample.org_owners"), "{told:?}");
}

#[test]
fn many_undecodable_groups_are_cut() {
    let groups = (0..100).map(|n| MemoryGroup::new(format!("MTRX {n}")));
    let desired = resolved(&groups.fold(corp(), InMemoryDirectory::with_group));
    assert_eq!(messages(&desired, FindingKind::Undecodable).len(), 51);
}

#[test]
fn a_group_that_counts_only_within_others_stands_for_nothing() {
    let desired = resolved(
        &corp()
            .with_group(room_a().members(["jane"]).groups(["xxxbxxxexample.org"]))
            .with_group(
                MemoryGroup::new("xxxbxxxexample.org")
                    .members(["jim"])
                    .owners(["joe"])
                    .nested_only(),
            )
            .with_group(
                MemoryGroup::new("xxxaxxxexample.org_owners")
                    .members(["jane"])
                    .nested_only(),
            )
            // Looks like a room, and is no fault where it is none.
            .with_group(MemoryGroup::new("MTRX printers").nested_only()),
    );
    assert_seats(&desired, "a", &["jane", "jim"]);
    assert_eq!(desired.rooms.len(), 1);
    assert_eq!(
        feeds(room(&desired, "a")),
        [("xxxaxxxexample.org", FeedRole::Members)]
    );
    // Whatever stood for a room before does not count as still there by being a part of others.
    assert_eq!(desired.groups.len(), 1);
    assert!(desired.findings.is_empty(), "{:?}", desired.findings);
}

#[test]
fn owners_of_a_group_that_counts_only_within_others_are_told() {
    let desired = resolved(
        &corp()
            .with_group(room_a().nested_only())
            .with_group(MemoryGroup::new("xxxaxxxexample.org_owners").members(["jane"])),
    );
    let told = message(&desired, FindingKind::Undecodable);
    assert!(
        told.ends_with("`xxxaxxxexample.org`, which counts only within other groups"),
        "{told}"
    );
    assert_eq!(messages(&desired, FindingKind::NothingWanted).len(), 1);
}

#[test]
fn an_answer_with_groups_within_others_alone_is_unknown() {
    let desired = resolved(&corp().with_group(MemoryGroup::new("staff").nested_only()));
    assert!(!desired.sources[0].is_complete());
    assert!(message(&desired, FindingKind::Incomplete).contains("without any groups"));
}

#[test]
fn remarks_are_told_and_change_nothing() {
    let directory = corp().with_group(room_a().members(["jane"]));
    let before = resolved(&directory);
    directory.add_remark(crate::directory::Remark::new(
        "members of the group a",
        "3 entries lead to people who are gone",
    ));
    let desired = resolved(&directory);
    assert_eq!(
        desired.findings,
        [Finding::new(
            Subject::Directory(ProviderId::new("corp")),
            FindingKind::DirectoryRemark,
            "directory corp: members of the group a: 3 entries lead to people who are gone",
        )]
    );
    assert!(desired.sources[0].is_complete() && room(&desired, "a").members.is_complete());
    assert_eq!(desired.groups, before.groups);
    assert_seats(&desired, "a", &["jane"]);
}

#[test]
fn dangerous_settings_are_left_out() {
    let mut policy = policy(&["corp"]);
    policy.defaults.owner_level = 100;
    policy.defaults.history_visibility = Some(crate::room_rules::HistoryVisibility::WorldReadable);
    let directory = read(&corp().with_group(room_a().members(["jane"]).owners(["jane"])));
    let desired = resolve(std::slice::from_ref(&directory), &policy);
    assert_seats(&desired, "a", &["jane"]);
    assert_eq!(room(&desired, "a").rules.history_visibility, None);
    assert_eq!(messages(&desired, FindingKind::DangerRefused).len(), 2);
    policy.danger_allow_admin_levels = true;
    policy.danger_allow_world_readable = true;
    let desired = resolve(&[directory], &policy);
    assert_seats(&desired, "a", &["jane=100"]);
    assert!(room(&desired, "a").rules.history_visibility.is_some());
    assert!(desired.findings.is_empty(), "{:?}", desired.findings);
}

#[test]
fn more_feeds_than_a_seat_can_name() {
    let mut directory = corp().snapshot();
    let group = |n: u32, name: &str, account| crate::directory::Group {
        key: crate::directory::GroupKey::new(format!("{n:06}")),
        name: name.into(),
        also_called: Vec::new(),
        members: crate::directory::Part::complete(vec![Member::Account(crate::directory::AccountIx(
            account,
        ))]),
        owners: crate::directory::Part::default(),
        flattened: false,
        nested_only: false,
    };
    directory.groups = (0..70_000)
        .map(|n| group(n, "xxxaxxxexample.org", u32::from(n == 69_999)))
        .collect();
    let outcome = ReadOutcome {
        provider: ProviderId::new("corp"),
        result: Ok(directory),
    };
    let desired = resolve(&[outcome], &policy(&["corp"]));
    let a = room(&desired, "a");
    assert_eq!(a.feeds.len(), 70_000);
    let feeds: Vec<_> = a.seats.iter().map(|seat| seat.feed).collect();
    assert_eq!(feeds, [Some(0), Some(u16::MAX)]);
}
