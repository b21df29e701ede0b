//! What is deleted, and what comes back, and how many requests it costs.

use inviter_azure::EntraConfig;
use inviter_graph_emulator::{Options, Tenant};

use super::{
    By,
    kinds::{both, id, steps, steps_with},
    read_once_with,
};
use crate::sketch::at;

#[tokio::test]
async fn people_are_deleted_and_come_back() {
    both(
        "deleted and restored",
        &[
            // The lists that she was in: who is in none is not asked for.
            (|t| assert!(t.delete_user(at(t, "ada"))), 2 + 1),
            // The lists, and the person.
            (|t| assert!(t.restore_user(id("ada"))), 2 + 2),
            (|t| assert!(t.delete_user(at(t, "cy"))), 2 + 1),
            (|t| assert!(t.purge_user(id("cy"))), 2),
            (|t| assert!(t.purge_user(at(t, "dan"))), 2 + 1),
            // Somebody else of the same name is somebody else.
            (
                |t| {
                    let user = t.add_user("dan@example.org");
                    t.add_member(at(t, "MTRX one"), user);
                },
                2 + 2,
            ),
        ],
    )
    .await;
    both(
        "deleted and restored between two reads",
        &[(
            |t| {
                let ada = at(t, "ada");
                assert!(t.delete_user(ada) && t.restore_user(ada));
            },
            2 + 1,
        )],
    )
    .await;
}

#[tokio::test]
async fn groups_are_deleted_and_come_back() {
    // Whether it is there, and the list that it was in.
    steps(
        By::Root,
        "a room",
        &[
            (|t| assert!(t.delete_group(at(t, "MTRX one"))), 2 + 2),
            (|t| assert!(t.restore_group(id("MTRX one"))), 2 + 2),
            (|t| assert!(t.purge_group(at(t, "MTRX two"))), 2 + 2),
        ],
    )
    .await;
    steps(
        By::Prefix,
        "a room",
        &[
            (|t| assert!(t.delete_group(at(t, "MTRX one"))), 2 + 1),
            (|t| assert!(t.restore_group(id("MTRX one"))), 2 + 2),
            (|t| assert!(t.purge_group(at(t, "MTRX two"))), 2 + 1),
        ],
    )
    .await;
    both(
        "a group inside",
        &[
            (|t| assert!(t.delete_group(at(t, "inner"))), 2 + 2),
            (|t| assert!(t.restore_group(id("inner"))), 2 + 3),
            (|t| assert!(t.purge_group(at(t, "deep"))), 2 + 2),
            (|t| assert!(t.purge_group(at(t, "loose"))), 2),
        ],
    )
    .await;
    both(
        "deleted and restored between two reads",
        &[(
            |t| {
                let inner = at(t, "inner");
                assert!(t.delete_group(inner) && t.restore_group(inner));
            },
            2,
        )],
    )
    .await;
}

#[tokio::test]
async fn groups_that_are_made_and_deleted_between_two_reads_were_never_there() {
    fn going(tenant: &mut Tenant) {
        for _ in 0..8 {
            let group = tenant.add_group("MTRX going");
            for holder in ["Rooms", "MTRX one", "inner", "deep"] {
                tenant.add_member(at(tenant, holder), group);
            }
            tenant.delete_group(group);
        }
        for _ in 0..8 {
            let user = tenant.add_user("going@example.org");
            tenant.add_member(at(tenant, "MTRX one"), user);
            tenant.add_owner(at(tenant, "MTRX one"), user);
            tenant.delete_user(user);
        }
    }
    both("made and deleted", &[(going, 2)]).await;
    for by in [By::Root, By::Prefix] {
        let options = Options {
            deletion_leaves_groups: false,
            ..Options::default()
        };
        // They are told to be in others still: whether they are there, what they are told to be in, and the people.
        steps_with(by, options, "made and deleted", &[(going, 2 + 3)]).await;
    }
}

/// By Microsoft's page, a group is told to have lost what was deleted only when that is deleted for good, and nothing says
/// that it is told to have it again.
#[tokio::test]
async fn what_is_restored_is_back_in_the_groups_that_are_not_told_to_have_it() {
    for by in [By::Root, By::Prefix] {
        let options = || Options {
            deletion_leaves_groups: false,
            ..Options::default()
        };
        steps_with(
            by,
            options(),
            "a person",
            &[
                // Graph does not have her any more.
                (|t| assert!(t.delete_user(at(t, "ada"))), 2 + 1),
                // The lists are as they were.
                (|t| assert!(t.restore_user(id("ada"))), 2 + 1),
                (|t| assert!(t.delete_user(at(t, "ada"))), 2 + 1),
                // Whether it is there, and what it was in: so was she.
                (|t| assert!(t.delete_group(at(t, "inner"))), 2 + 2),
                // One list is not as it was.
                (|t| assert!(t.restore_user(id("ada"))), 2 + 2),
                // The lists that it was in, and those below.
                (|t| assert!(t.restore_group(id("inner"))), 2 + 3),
                (|t| assert!(t.delete_user(at(t, "ada"))), 2 + 1),
                // Now the groups are told.
                (|t| assert!(t.purge_user(id("ada"))), 2 + 1),
            ],
        )
        .await;
    }
    let world = read_once_with(
        By::Root,
        Options {
            deletion_leaves_groups: false,
            ..Options::default()
        },
    )
    .await;
    // A room and a person, over full reads of both kinds.
    for expire in [true, false] {
        world.emulator.change(|tenant| {
            tenant.delete_group(id("MTRX two"));
            tenant.delete_user(id("bob"));
        });
        if expire {
            world.emulator.expire_delta_links();
        } else {
            world.clock.advance(EntraConfig::FULL_READ_EVERY);
        }
        let picture = world.read().await;
        world.assert_true(&picture, "deleted");
        assert_eq!(picture.remarks(), "");
        world.emulator.change(|tenant| {
            tenant.restore_user(id("bob"));
            tenant.restore_group(id("MTRX two"));
        });
        world.assert_true(&world.read().await, "restored");
    }
}
