//! When everything is read again: where Graph does not tell changes, and from time to time.

use std::{collections::BTreeSet, future::poll_fn, pin::pin, task::Poll, time::Duration};

use inviter_azure::EntraConfig;
use inviter_core::{IdentityProvider as _, provider::ReadRequest};
use inviter_graph_emulator::{Fault, FaultHandle, Match, Options, Trouble};

use super::{By, read_once, tenant, upheaval};
use crate::{
    harness::{World, tells},
    sketch::at,
};

/// What a full read costs of the tenant by a prefix: the two links, the groups by their names, and a batch for each level.
const FULL: usize = 2 + 1 + 3;

#[tokio::test]
async fn links_that_have_expired_lead_to_a_full_read_in_the_same_call() {
    let world = read_once(By::Prefix).await;
    world.emulator.change(upheaval);
    world.emulator.expire_delta_links();
    let (picture, sent) = world.counted().await;
    world.assert_true(&picture, "both links have expired");
    assert_eq!(picture.remarks(), "");
    // One level more, below the new group.
    assert_eq!(sent, 2 + FULL + 1);
    let (picture, sent) = world.counted().await;
    world.assert_true(&picture, "and goes on from there");
    assert_eq!(sent, 2);
}

#[tokio::test]
async fn one_link_that_has_expired_is_enough() {
    for path in ["/users/delta", "/groups/delta"] {
        for by in [By::Root, By::Prefix] {
            let world = read_once(by).await;
            world.emulator.change(upheaval);
            let gone = world
                .emulator
                .fault(Fault::once(Match::path(path), Trouble::Gone));
            world.assert_true(&world.read().await, path);
            assert_eq!(gone.hits(), 1);
            world
                .emulator
                .change(|tenant| tenant.rename(at(tenant, "eve"), "eva@example.org"));
            let (picture, sent) = world.counted().await;
            world.assert_true(&picture, path);
            assert_eq!(sent, 2 + 1);
        }
    }
}

#[tokio::test]
async fn where_changes_are_refused_every_read_is_a_full_one() {
    for path in ["/users/delta", "/groups/delta", "/delta"] {
        let world = World::start(tenant(), crate::harness::named("MTRX ")).await;
        world
            .emulator
            .fault(Fault::always(Match::path(path), Trouble::Denied));
        for change in [|_: &mut _| {}, upheaval, |_: &mut _| {}] {
            world.emulator.change(change);
            let (picture, sent) = world.counted().await;
            world.assert_true(&picture, path);
            assert_eq!(picture.remarks(), "");
            assert!((FULL..=FULL + 1).contains(&sent), "{sent}");
        }
        // Once they are told, they are enough.
        world.emulator.clear_faults();
        world.assert_true(&world.read().await, "allowed");
        assert_eq!(world.counted().await.1, 2);
    }
}

#[tokio::test]
async fn where_changes_are_refused_later_on_they_are_read() {
    for path in ["/users/delta", "/groups/delta"] {
        let world = read_once(By::Root).await;
        world.emulator.change(upheaval);
        world
            .emulator
            .fault(Fault::always(Match::path(path), Trouble::Denied));
        world.assert_true(&world.read().await, path);
        world
            .emulator
            .change(|tenant| tenant.disable(at(tenant, "robert")));
        world.assert_true(&world.read().await, path);
    }
}

#[tokio::test]
async fn a_full_read_that_is_due_and_finds_what_was_told_says_nothing() {
    for by in [By::Root, By::Prefix] {
        let world = read_once(by).await;
        let almost = EntraConfig::FULL_READ_EVERY
            .checked_sub(Duration::from_secs(1))
            .unwrap();
        world.clock.advance(almost);
        assert_eq!(world.counted().await.1, 2);
        world.clock.advance(Duration::from_secs(1));
        // What has changed since is told, and not a difference.
        world.emulator.change(upheaval);
        let (picture, sent) = world.counted().await;
        world.assert_true(&picture, "the full read is due");
        assert_eq!(picture.remarks(), "");
        assert!(sent > 2 + FULL, "{sent}");
        // The next one is due as long after.
        world.clock.advance(almost);
        assert_eq!(world.counted().await.1, 2);
        world.clock.advance(Duration::from_secs(1));
        let (picture, sent) = world.counted().await;
        world.assert_true(&picture, "the next one");
        assert_eq!(picture.remarks(), "");
        assert!(sent > 2 + FULL, "{sent}");
    }
}

#[tokio::test]
async fn a_full_read_that_is_due_costs_six_requests_more_than_a_full_read() {
    let world = read_once(By::Prefix).await;
    world.clock.advance(EntraConfig::FULL_READ_EVERY);
    let (_, sent) = world.counted().await;
    // What changed, everything, and what changed meanwhile since each of the two.
    assert_eq!(sent, 2 + FULL + 4);
}

#[tokio::test]
async fn a_clock_that_was_set_back_does_not_put_the_full_read_off() {
    let world = read_once(By::Prefix).await;
    world.clock.set_back(Duration::from_secs(1));
    let (picture, sent) = world.counted().await;
    world.assert_true(&picture, "set back");
    assert_eq!((picture.remarks(), sent), (String::new(), 2 + FULL + 4));
    assert_eq!(world.counted().await.1, 2);
}

/// What a full read found that had not been told is not known in that read, and in the next one it is.
async fn settled(world: &World, remarked: &[&str], unknown: &[&str], requests: usize) {
    let picture = world.read().await;
    world.assert_sound(&picture, "the full read");
    tells(&picture.remarks(), remarked);
    assert_eq!(picture.directory.remarks.len(), 1);
    tells(&picture.unknown(), unknown);
    let (picture, sent) = world.counted().await;
    world.assert_true(&picture, "afterwards");
    assert_eq!((picture.remarks(), sent), (String::new(), requests));
    let (picture, sent) = world.counted().await;
    world.assert_true(&picture, "again");
    assert_eq!((picture.remarks(), sent), (String::new(), 2));
}

/// Has Graph forget to tell what it has to tell of one kind at the next read.
fn forget(world: &World, of: &str) -> FaultHandle {
    world
        .emulator
        .fault(Fault::once(Match::path(of), Trouble::EmptyValue))
}

#[tokio::test]
async fn what_graph_forgot_to_tell_of_groups_is_found_by_the_full_read_and_remarked() {
    for by in [By::Root, By::Prefix] {
        let world = read_once(by).await;
        world.emulator.change(|tenant| {
            let [one, ada, flo] = ["MTRX one", "ada", "flo"].map(|name| at(tenant, name));
            tenant.remove_member(one, ada);
            tenant.add_member(one, flo);
            tenant.add_owner(one, flo);
        });
        let forgotten = forget(&world, "/groups/delta");
        let stale = world.read().await;
        assert_eq!(forgotten.hits(), 1);
        assert!(stale.members("MTRX one").contains("ada@example.org"));
        world.clock.advance(EntraConfig::FULL_READ_EVERY);
        let remarked = ["3 changes in 1 group", "`MTRX one`", "full_read_every"];
        settled(&world, &remarked, &["members and owners of `MTRX one`"], 2 + 1).await;
    }
}

#[tokio::test]
async fn what_graph_forgot_to_tell_of_rooms_is_found() {
    let world = read_once(By::Prefix).await;
    world.emulator.change(|tenant| {
        tenant.rename_group(at(tenant, "loose"), "MTRX loose");
        tenant.rename_group(at(tenant, "MTRX two"), "two");
        tenant.rename_group(at(tenant, "inner"), "inmost");
    });
    forget(&world, "/groups/delta");
    assert_eq!(
        world.read().await.rooms(),
        BTreeSet::from(["MTRX one", "MTRX two"])
    );
    world.clock.advance(EntraConfig::FULL_READ_EVERY);
    let two = world.emulator.tenant(|tenant| at(tenant, "two"));
    // That a room is no more is not believed at once, and everything is read.
    settled(
        &world,
        &["in 3 groups", "`MTRX loose`", "`MTRX two`", "`inmost`"],
        &[&format!("group {two}"), "`MTRX loose`", "`inmost`"],
        FULL,
    )
    .await;
}

#[tokio::test]
async fn what_graph_forgot_to_tell_of_people_is_found() {
    let world = read_once(By::Root).await;
    world.emulator.change(|tenant| {
        tenant.disable(at(tenant, "ada"));
        tenant.rename(at(tenant, "dan"), "daniel@example.org");
    });
    forget(&world, "/users/delta");
    let stale = world.read().await;
    assert!(stale.is_active("ada@example.org") && stale.is_active("dan@example.org"));
    world.clock.advance(EntraConfig::FULL_READ_EVERY);
    let unknown = [
        "members of `MTRX one`",
        "owners of `MTRX two`",
        "members of `inner`",
    ];
    settled(&world, &["changes of 2 accounts"], &unknown, 2 + 1).await;
}

#[tokio::test]
async fn a_person_who_graph_forgot_to_tell_is_deleted_is_found() {
    let world = read_once(By::Root).await;
    world
        .emulator
        .change(|tenant| tenant.delete_user(at(tenant, "eve")));
    forget(&world, "/users/delta");
    forget(&world, "/groups/delta");
    assert!(world.read().await.members("deep").contains("eve@example.org"));
    world.clock.advance(EntraConfig::FULL_READ_EVERY);
    settled(
        &world,
        &["1 change in 1 group", "`deep`"],
        &["members and owners of `deep`"],
        2 + 1,
    )
    .await;
}

/// Drops a read as soon as a request of it stands still.
async fn cut_off(world: &World, stuck: &FaultHandle) {
    let request = ReadRequest::default();
    let mut read = pin!(world.directory.read(&request));
    poll_fn(|context| {
        if stuck.hits() > 0 {
            return Poll::Ready(());
        }
        assert!(read.as_mut().poll(context).is_pending(), "it was not stuck");
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[tokio::test]
async fn a_read_that_was_cut_off_leaves_nothing_half_done() {
    let places = ["/users/delta", "/groups/delta", "/$batch", "/members"];
    for by in [By::Root, By::Prefix] {
        for place in places {
            for first in [true, false] {
                let about = format!("{place} by {by:?}, first: {first}");
                let world = if first {
                    let tenant = tenant();
                    let rooms = by.rooms(&tenant);
                    World::start_with(tenant, Options::default(), rooms, |_| {}).await
                } else {
                    read_once(by).await
                };
                world.emulator.change(upheaval);
                let stuck = world
                    .emulator
                    .fault(Fault::once(Match::path(place), Trouble::Silence));
                cut_off(&world, &stuck).await;
                world.emulator.clear_faults();
                let picture = world.read().await;
                world.assert_true(&picture, &about);
                assert_eq!(picture.remarks(), "", "{about}");
                assert_eq!(world.counted().await.1, 2, "{about}");
            }
        }
    }
}

#[tokio::test]
async fn several_reads_at_a_time_share_what_they_ask_for() {
    let world = World::start(tenant(), crate::harness::named("MTRX ")).await;
    let (one, two, three) = tokio::join!(world.read(), world.read(), world.read());
    assert_eq!(world.sent(), FULL + 2 + 2);
    for picture in [one, two, three] {
        world.assert_true(&picture, "at the same time");
    }
    world.emulator.change(upheaval);
    let (one, two) = tokio::join!(world.read(), world.read());
    for picture in [one, two] {
        world.assert_true(&picture, "after changes");
    }
}
