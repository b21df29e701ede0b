//! Each kind of change but for deletions, and how many requests it costs.

use std::fmt::Write as _;

use inviter_core::directory::AccountStatus;
use inviter_graph_emulator::{Group, Id, Options, Tenant, User};

use super::{By, read_once, read_once_with};
use crate::{
    harness::{set, tells},
    sketch::at,
};

pub(super) type Step = (fn(&mut Tenant), usize);

/// Changes the tenant step by step; after each, one read tells the truth and costs so many requests.
pub(super) async fn steps(by: By, about: &str, steps: &[Step]) {
    steps_with(by, Options::default(), about, steps).await;
}

pub(super) async fn steps_with(by: By, options: Options, about: &str, steps: &[Step]) {
    let world = read_once_with(by, options).await;
    let mut wrong = String::new();
    for (number, (change, requests)) in steps.iter().enumerate() {
        let about = format!("{about}, by {by:?}, step {number}");
        world.emulator.change(change);
        let (picture, sent) = world.counted().await;
        let asked: Vec<String> = world.asked().iter().map(ToString::to_string).collect();
        world.assert_true(&picture, &about);
        assert_eq!(picture.remarks(), "", "{about}");
        let anew = world.read_anew().await;
        picture.facts.assert_are(&anew.facts, &about);
        if sent != *requests {
            writeln!(wrong, "{about}: {sent} instead of {requests}: {asked:#?}").unwrap();
        }
        // It was told once, and is known.
        let (picture, sent) = world.counted().await;
        world.assert_true(&picture, &about);
        assert_eq!(sent, 2, "{about}, once more");
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// The same costs, however the rooms are found.
pub(super) async fn both(about: &str, of: &[Step]) {
    steps(By::Root, about, of).await;
    steps(By::Prefix, about, of).await;
}

/// What has, or had, a name from the beginning.
pub(super) fn id(name: &str) -> Id {
    at(&super::tenant(), name)
}

fn member(tenant: &mut Tenant, group: &str, name: &str) {
    tenant.add_member(at(tenant, group), at(tenant, name));
}

fn no_member(tenant: &mut Tenant, group: &str, name: &str) {
    tenant.remove_member(at(tenant, group), at(tenant, name));
}

fn owner(tenant: &mut Tenant, group: &str, name: &str) {
    tenant.add_owner(at(tenant, group), at(tenant, name));
}

fn no_owner(tenant: &mut Tenant, group: &str, name: &str) {
    tenant.remove_owner(at(tenant, group), at(tenant, name));
}

#[tokio::test]
async fn members_come_and_go() {
    // Two deltas, and the list anew, which shows whoever is in it.
    both(
        "a person who is known",
        &[
            (|t| member(t, "MTRX two", "ada"), 3),
            (|t| no_member(t, "MTRX two", "ada"), 3),
            (|t| member(t, "deep", "cy"), 3),
            (|t| no_member(t, "deep", "cy"), 3),
            (|t| no_member(t, "deep", "eve"), 3),
        ],
    )
    .await;
    both(
        "a person not known so far",
        &[
            (|t| member(t, "MTRX one", "flo"), 3),
            (|t| member(t, "deep", "flo"), 3),
            (|t| no_member(t, "MTRX one", "flo"), 3),
            (|t| no_member(t, "deep", "flo"), 3),
            (|t| member(t, "inner", "flo"), 3),
        ],
    )
    .await;
    both(
        "the last one",
        &[
            (|t| no_member(t, "deep", "eve"), 3),
            (|t| no_member(t, "inner", "deep"), 3),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_person_is_made_and_is_a_member_at_once() {
    fn new(tenant: &mut Tenant) {
        let user = tenant.add_user("new@example.org");
        tenant.add_member(at(tenant, "MTRX one"), user);
    }
    // Who was told is asked for, whatever the list shows.
    both("a new person", &[(new, 4)]).await;
}

#[tokio::test]
async fn owners_come_and_go() {
    both(
        "owners",
        &[
            (|t| owner(t, "MTRX two", "bob"), 3),
            (|t| owner(t, "MTRX one", "hal"), 3),
            (|t| no_owner(t, "MTRX one", "cy"), 3),
            (|t| no_owner(t, "MTRX one", "hal"), 3),
            // Of groups that only count inside others, owners mean nothing.
            (|t| owner(t, "inner", "ada"), 2),
            (|t| owner(t, "deep", "hal"), 2),
            (|t| no_owner(t, "inner", "ada"), 2),
        ],
    )
    .await;
}

#[tokio::test]
async fn many_people_are_added_at_once() {
    fn add(tenant: &mut Tenant, count: usize) {
        for number in 0..count {
            let user = tenant.add_user(&*format!("new-{number}@example.org"));
            tenant.add_member(at(tenant, "MTRX one"), user);
        }
    }
    // The list, and 20 people in a batch.
    both("60", &[(|t| add(t, 60), 2 + 1 + 3)]).await;
    both("61", &[(|t| add(t, 61), 2 + 1 + 4)]).await;
    // As long as all of it is less than everything; where it is not, that is read.
    both("96", &[(|t| add(t, 96), 2 + 1 + 5)]).await;
    steps(By::Prefix, "97", &[(|t| add(t, 97), 2 + 6)]).await;
    steps(By::Root, "97", &[(|t| add(t, 97), 2 + 7)]).await;
    // Six pages of changes of users, and three of members.
    steps(By::Prefix, "1200", &[(|t| add(t, 1_200), 6 + 3 + 6 + 1)]).await;
    steps(By::Root, "1200", &[(|t| add(t, 1_200), 6 + 3 + 7 + 1)]).await;
}

#[tokio::test]
async fn people_change() {
    both(
        "people",
        &[
            (|t| assert!(t.disable(at(t, "ada"))), 3),
            (|t| assert!(t.enable(at(t, "ada"))), 3),
            (|t| assert!(t.rename(at(t, "bob"), "robert@example.org")), 3),
            (|t| assert!(t.rename(at(t, "robert"), "bob@example.org")), 3),
            // Of somebody outside all rooms, nobody needs to know.
            (|t| assert!(t.disable(at(t, "hal"))), 2),
            (|t| assert!(t.rename(at(t, "flo"), "florence@example.org")), 2),
        ],
    )
    .await;
}

#[tokio::test]
async fn groups_are_renamed() {
    both(
        "inside",
        &[
            (|t| assert!(t.rename_group(at(t, "inner"), "inmost")), 3),
            (|t| assert!(t.rename_group(at(t, "MTRX one"), "MTRX 1")), 3),
            (|t| assert!(t.rename_group(at(t, "loose"), "looses")), 2),
        ],
    )
    .await;
    steps(
        By::Prefix,
        "into the prefix and out of it",
        &[
            // Its name, its lists, and those of the group inside.
            (|t| assert!(t.rename_group(at(t, "loose"), "mtrx three")), 2 + 3),
            (|t| assert!(t.rename_group(at(t, "mtrx three"), "loose")), 2 + 1),
            // Its name; only its owners are not known.
            (|t| assert!(t.rename_group(at(t, "inner"), "MTRX inner")), 2 + 2),
            (|t| assert!(t.rename_group(at(t, "MTRX inner"), "inner")), 2 + 1),
            (|t| assert!(t.rename_group(at(t, "MTRX two"), "two")), 2 + 1),
        ],
    )
    .await;
    steps(
        By::Root,
        "what a group is called does not count",
        &[
            (|t| assert!(t.rename_group(at(t, "MTRX one"), "one")), 3),
            (|t| assert!(t.rename_group(at(t, "Rooms"), "All rooms")), 3),
        ],
    )
    .await;
}

#[tokio::test]
async fn groups_are_put_into_the_root_group_and_taken_out() {
    steps(
        By::Root,
        "into the root group",
        &[
            // The root group's list, which has its name; its lists, and those of the group inside.
            (|t| member(t, "Rooms", "loose"), 2 + 3),
            (|t| no_member(t, "Rooms", "loose"), 2 + 1),
            (|t| member(t, "Rooms", "inner"), 2 + 2),
            (|t| no_member(t, "Rooms", "inner"), 2 + 1),
            (|t| no_member(t, "Rooms", "MTRX one"), 2 + 1),
            (|t| member(t, "Rooms", "MTRX one"), 2 + 2),
        ],
    )
    .await;
}

#[tokio::test]
async fn groups_are_made() {
    fn inside(tenant: &mut Tenant) {
        let group = tenant.add_group("new");
        tenant.add_member(at(tenant, "deep"), group);
        tenant.add_member(group, at(tenant, "hal"));
    }
    fn new(tenant: &mut Tenant) {
        let group = tenant.add_group(Group::unified("MTRX new"));
        tenant.add_member(at(tenant, "Rooms"), group);
        let user = tenant.add_user(User::new("new@example.org"));
        for member in [user, at(tenant, "ada"), at(tenant, "inner")] {
            tenant.add_member(group, member);
        }
        tenant.add_owner(group, at(tenant, "hal"));
        tenant.add_owner(group, user);
    }
    // The root group's list or its name, its lists, and the person who was told.
    steps(By::Root, "a new group", &[(new, 2 + 3)]).await;
    steps(By::Prefix, "a new group", &[(new, 2 + 3)]).await;
    both("a new group inside", &[(inside, 2 + 2)]).await;
}

#[tokio::test]
async fn groups_are_nested_and_not_any_more() {
    both(
        "with people who are not known so far",
        &[
            (|t| member(t, "deep", "loose"), 2 + 3),
            (|t| member(t, "loose", "MTRX two"), 2 + 1),
            (|t| no_member(t, "deep", "loose"), 2 + 1),
        ],
    )
    .await;
    both(
        "a room in a room",
        &[
            (|t| member(t, "MTRX two", "MTRX one"), 2 + 1),
            (|t| member(t, "MTRX one", "MTRX two"), 2 + 1),
            (|t| no_member(t, "MTRX two", "MTRX one"), 2 + 1),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_status_that_changes_is_told_of_a_person_with_all_else_as_it_was() {
    let world = read_once(By::Prefix).await;
    world.emulator.change(|tenant| tenant.disable(at(tenant, "ada")));
    let picture = world.read().await;
    let ada = picture.account("ada@example.org");
    assert_eq!(ada.status, Some(AccountStatus::Disabled));
    assert_eq!(
        picture.members("MTRX one"),
        set(&["ada@example.org", "bob@example.org", "inner"])
    );
    assert_eq!(picture.owners("MTRX two"), set(&["ada@example.org"]));
}

#[tokio::test]
async fn lists_of_several_pages() {
    fn owners(tenant: &mut Tenant) {
        for name in ["bob", "cy", "dan", "flo"] {
            owner(tenant, "MTRX two", name);
        }
    }
    for by in [By::Root, By::Prefix] {
        let options = Options {
            largest_page: 2,
            ..Options::default()
        };
        let of: &[Step] = &[
            // Five owners.
            (owners, 2 + 1 + 2),
            (|t| no_owner(t, "MTRX two", "ada"), 2 + 1 + 1),
            // Four members.
            (|t| member(t, "MTRX one", "dan"), 2 + 1 + 1),
            (|t| no_member(t, "MTRX one", "inner"), 2 + 1 + 1),
            (|t| no_member(t, "MTRX one", "ada"), 2 + 1),
        ];
        steps_with(by, options, "several pages", of).await;
    }
}

#[tokio::test]
async fn hidden_membership_in_whatever_letters() {
    for spelling in ["HiddenMembership", "Hiddenmembership", "hiddenMembership"] {
        let world = read_once(By::Prefix).await;
        world.emulator.grant(&["GroupMember.Read.All", "User.Read.All"]);
        let show_as = |visibility: &str| {
            world.emulator.change(|tenant| {
                tenant.set_group(id("inner"), |group| {
                    group.visibility = Some(visibility.to_owned());
                });
            });
        };
        show_as(spelling);
        let (picture, sent) = world.counted().await;
        // The group itself, and its list.
        assert_eq!(sent, 2 + 2, "{spelling}");
        for picture in [picture, world.read().await, world.read_anew().await] {
            world.assert_sound(&picture, spelling);
            let incomplete = picture.incomplete();
            assert_eq!(incomplete.keys().copied().collect::<Vec<_>>(), ["inner"]);
            tells(&incomplete["inner"], &["hidden", "Member.Read.Hidden"]);
        }
        // Nothing is told of it, so it is read each time.
        assert_eq!(world.counted().await.1, 2 + 1, "{spelling}");
        show_as("Private");
        world.assert_true(&world.read().await, spelling);
        assert_eq!(world.counted().await.1, 2, "{spelling}");
    }
}
