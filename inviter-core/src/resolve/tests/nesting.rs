use super::*;
use crate::directory::{AccountIx, Group, GroupIx, GroupKey, Part};

#[test]
fn members_of_members_are_members() {
    let desired = resolved(
        &corp()
            .with_group(room_a().members(["joe"]).groups(["staff"]))
            .with_group(MemoryGroup::new("staff").members(["jim"]).groups(["board"]))
            .with_group(MemoryGroup::new("board").members(["jane", "jim"])),
    );
    assert_seats(&desired, "a", &["jane", "jim", "joe"]);
    assert!(room(&desired, "a").members.is_complete());
    assert_eq!(desired.groups.len(), 3);
    assert!(desired.findings.is_empty(), "{:?}", desired.findings);
}

#[test]
fn groups_that_contain_each_other_are_harmless() {
    let desired = resolved(
        &corp()
            .with_group(room_a().groups(["round"]))
            .with_group(
                MemoryGroup::new("round")
                    .members(["jim"])
                    .groups(["about", "round"]),
            )
            .with_group(MemoryGroup::new("about").members(["jane"]).groups(["round"]))
            .with_group(MemoryGroup::new("self").groups(["self"])),
    );
    assert_seats(&desired, "a", &["jane", "jim"]);
    let cycles = messages(&desired, FindingKind::Cycle);
    assert_eq!(cycles.len(), 2, "{cycles:?}");
    assert!(
        cycles[0].contains("about") && cycles[0].contains("round"),
        "{cycles:?}"
    );
    assert!(cycles[1].contains("self"), "{cycles:?}");
}

#[test]
fn a_flattened_list_is_not_expanded_again() {
    let desired = resolved(
        &corp()
            .with_group(room_a().members(["joe"]).groups(["gap"]).flattened())
            .with_group(MemoryGroup::new("gap").members(["jim"]).members_gap("refused")),
    );
    assert_seats(&desired, "a", &["joe"]);
    assert!(room(&desired, "a").members.is_complete());
}

#[test]
fn a_gap_reaches_everything_above_it() {
    let desired = resolved(
        &corp()
            .with_group(room_a().groups(["staff"]).members(["jane"]))
            .with_group(MemoryGroup::new("xxxbxxxexample.org").members(["jane"]))
            .with_group(MemoryGroup::new("staff").groups(["board"]))
            .with_group(MemoryGroup::new("board").members(["jim", "nobody"])),
    );
    assert_seats(&desired, "a", &["jane", "jim"]);
    let gaps = room(&desired, "a").members.gaps();
    assert_eq!(gaps.len(), 1);
    assert_eq!(gaps[0].what, "nobody");
    assert!(room(&desired, "b").members.is_complete());
    let incomplete: Vec<&str> = desired
        .groups
        .iter()
        .filter(|(_, extent)| !extent.is_complete())
        .map(|(group, _)| &*group.name)
        .collect();
    assert_eq!(incomplete, ["board", "staff", "xxxaxxxexample.org"]);
    let told = message(&desired, FindingKind::Incomplete);
    assert!(
        told.contains("board") && told.contains("nobody") && !told.contains("staff"),
        "{told}"
    );
}

#[test]
fn a_gap_in_a_cycle_reaches_all_of_it() {
    let desired = resolved(
        &corp()
            .with_group(room_a().groups(["round"]).members(["jane"]))
            .with_group(MemoryGroup::new("round").groups(["about"]))
            .with_group(MemoryGroup::new("about").groups(["round"]).members_gap("refused")),
    );
    assert!(desired.groups.values().all(|extent| !extent.is_complete()));
    assert!(!room(&desired, "a").members.is_complete());
}

#[test]
fn many_gaps_are_cut_and_stay_gaps() {
    let ghosts = (0..100).map(|n| format!("ghost{n}"));
    let desired = resolved(&corp().with_group(room_a().members(ghosts)));
    let gaps = room(&desired, "a").members.gaps();
    assert!((2..=20).contains(&gaps.len()), "{}", gaps.len());
}

#[test]
fn indices_out_of_range_are_gaps() {
    let mut directory = corp().with_group(room_a().members(["jane"])).snapshot();
    directory.groups[0].members.values.extend([
        Member::Account(AccountIx(99)),
        Member::Group(GroupIx(99)),
        Member::Group(GroupIx(u32::MAX)),
    ]);
    directory.groups[0]
        .owners
        .values
        .push(Member::Account(AccountIx(u32::MAX)));
    let outcome = ReadOutcome {
        provider: ProviderId::new("corp"),
        result: Ok(directory),
    };
    let desired = resolve(&[outcome], &policy(&["corp"]));
    assert_seats(&desired, "a", &["jane"]);
    assert!(!room(&desired, "a").members.is_complete());
    assert!(!room(&desired, "a").owners.is_complete());
}

/// A chain of groups with one person at its end.
fn chain(length: u32) -> Directory {
    let group = |n: u32| Group {
        key: GroupKey::new(n.to_string()),
        name: if n == 0 {
            "xxxaxxxexample.org".into()
        } else {
            n.to_string().into()
        },
        also_called: Vec::new(),
        members: Part::complete(vec![if n + 1 == length {
            Member::Account(AccountIx(0))
        } else {
            Member::Group(GroupIx(n + 1))
        }]),
        owners: Part::default(),
        flattened: false,
        nested_only: false,
    };
    Directory {
        groups: (0..length).map(group).collect(),
        ..corp().snapshot()
    }
}

#[test]
fn nesting_may_be_as_deep_as_it_likes() {
    let directory = chain(100_000);
    let way = membership_paths(&directory, GroupIx(0), AccountIx(0)).unwrap();
    assert_eq!(way.len(), 100_000);
    let outcome = ReadOutcome {
        provider: ProviderId::new("corp"),
        result: Ok(directory),
    };
    let desired = resolve(&[outcome], &policy(&["corp"]));
    assert_seats(&desired, "a", &["jane"]);
}

#[test]
fn the_way_into_a_group_is_a_shortest_one() {
    let directory = corp()
        .with_group(MemoryGroup::new("0").groups(["1", "3"]))
        .with_group(MemoryGroup::new("1").groups(["2", "0"]))
        .with_group(MemoryGroup::new("2").members(["jane"]))
        .with_group(MemoryGroup::new("3").members(["jane", "jim"]))
        .snapshot();
    let way = |group, account| {
        let way = membership_paths(&directory, GroupIx(group), AccountIx(account));
        way.map(|way| way.into_iter().map(|group| group.0).collect::<Vec<_>>())
    };
    assert_eq!(way(0, 0), Some(vec![0, 3]));
    assert_eq!(way(1, 0), Some(vec![1, 2]));
    assert_eq!(way(1, 1), Some(vec![1, 0, 3]));
    assert_eq!(way(2, 0), Some(vec![2]));
    assert_eq!(way(2, 1), None);
    assert_eq!(way(0, 2), None);
    assert_eq!(way(9, 0), None);
}
