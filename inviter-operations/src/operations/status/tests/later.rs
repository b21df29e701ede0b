//! What happened after the picture: people who go later, and runs about one room.

use inviter::core::{recall::MemoryChange, room::RoomRef};

use super::*;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// A run of the bot over everything, as it shows it later.
async fn picture(place: &Place) -> Picture {
    let bots = RunOptions::default();
    let began = place.reconciler.clock.now();
    let planned = sync::begin(&place.reconciler, &bots, false).await.unwrap();
    let synced = sync::apply(&place.reconciler, planned.draft, &bots, false).await;
    Picture::of_run(&synced, began)
}

async fn shown(place: &Place, picture: &Picture) -> Status {
    status(&place.reconciler, Some(picture.clone()), None)
        .await
        .unwrap()
}

/// As `sync '#staff:example.com'`.
async fn run_there(place: &Place) {
    let mut options = RunOptions::by_person();
    options.rooms = [RoomRef::Alias("#staff:example.com".try_into().unwrap())].into();
    place.reconciler.sync(&options).await.unwrap();
}

#[tokio::test]
async fn what_a_later_run_has_held_is_the_truth() {
    let mut place = Place::new().await;
    at(&mut place, NOON);
    place.reconciler.sync(&RunOptions::by_person()).await.unwrap();
    place.staff(&["ada"], &["ada"]);
    at(&mut place, NOON.plus(HOUR));
    let picture = picture(&place).await;
    let before = shown(&place, &picture).await;
    assert_eq!(before.holds[0].standing, Standing::Held);
    let old = before.holds[0].held.code.clone();
    assert!(text(&before).contains(&format!("`inviter release {old}`")));

    at(&mut place, NOON.plus(HOUR + Duration::from_secs(60)));
    place.staff(&[], &[]);
    run_there(&place).await;
    let after = shown(&place, &picture).await;
    let hold = &after.holds[0];
    assert_eq!((hold.standing, hold.held.removals), (Standing::Unseen, 5));
    let told = text(&after);
    let code = &hold.held.code;
    assert!(
        told.contains(&format!(
            ": 5 people to remove; if that is right, run `inviter release {code}`\n    held: "
        )),
        "{told}"
    );
    assert!(!told.contains(old.as_str()) && !told.contains("4 of 5"), "{told}");
    assert!(
        !told.contains("@bob"),
        "the picture shows whom the hold is no more about: {told}"
    );
    assert!(told.ends_with("\nstatus: no changes; 5 held\n"), "{told}");
    let json = after.json();
    assert_eq!(json["rooms"]["waiting"], json!([]));
    assert_eq!(
        (&json["rooms"]["counts"]["held"], &json["rooms"]["release"]),
        (&5.into(), &Value::Null)
    );

    // By now all are wanted again.
    place.staff(&["ada", "bob", "cid", "dan", "eve"], &["ada"]);
    run_there(&place).await;
    let told = text(&shown(&place, &picture).await);
    assert!(!told.contains("release") && !told.contains("held in"), "{told}");
    assert!(told.ends_with("\nstatus: no changes\n"), "{told}");
}

/// A run whose end could not be written down is newer than what is remembered.
#[tokio::test]
async fn a_run_that_was_not_written_down_is_shown_as_it_was() {
    let mut place = Place::new().await;
    at(&mut place, NOON);
    place.reconciler.sync(&RunOptions::by_person()).await.unwrap();
    place.staff(&["ada"], &["ada"]);
    place.reconciler.sync(&RunOptions::default()).await.unwrap();
    at(&mut place, NOON.plus(HOUR));
    place.staff(&[], &[]);
    let planned = plan::plan(&place.reconciler, &RunOptions::default(), false, false)
        .await
        .unwrap();
    let picture = Picture::of_report(planned.report, planned.evidence, NOON.plus(HOUR));
    let status = shown(&place, &picture).await;
    assert_eq!(status.holds[0].standing, Standing::Changed);
    assert!(text(&status).contains("@bob"), "{}", text(&status));
}

#[tokio::test]
async fn people_in_their_grace_are_counted_with_their_day() {
    let mut place = Place::new().await;
    at(&mut place, NOON);
    place.reconciler.policy.defaults.grace = 48 * HOUR;
    place.reconciler.sync(&RunOptions::by_person()).await.unwrap();
    assert_eq!(fresh(&place).await.grace, None);
    place.staff(&["ada", "bob", "cid", "dan"], &["ada"]);
    // A plan alone writes nothing down, and the time begins with the next run.
    let first = NOON.plus(48 * HOUR);
    let grace = fresh(&place).await.grace.unwrap();
    assert_eq!(
        (grace.people, grace.rooms, grace.first, grace.last),
        (1, 1, first, first)
    );
    assert_eq!(unseen(&place).await.grace, None);
    place.reconciler.sync(&RunOptions::default()).await.unwrap();
    at(&mut place, NOON.plus(12 * HOUR));
    place.staff(&["ada", "bob", "cid"], &["ada"]);
    let picture = picture(&place).await;
    at(&mut place, NOON.plus(24 * HOUR));
    let line = "grace: 2 people go from 1 room within 36 h 0 min, unless the directory brings them back; the first at \
                2023-11-16T22:13:20Z (in 24 h 0 min)\n";
    for status in [
        fresh(&place).await,
        unseen(&place).await,
        shown(&place, &picture).await,
    ] {
        let told = text(&status);
        assert!(told.contains(line), "{told}");
        let grace = &status.json()["grace"];
        assert_eq!((&grace["people"], &grace["rooms"]), (&2.into(), &1.into()));
        assert_eq!(grace["last"], "2023-11-17T10:13:20Z");
    }
    // Who comes back is not waited for, and nobody's time runs in a room that is paused.
    place.staff(&["ada", "bob", "cid", "dan"], &["ada"]);
    assert!(text(&fresh(&place).await).contains("grace: 1 person goes from 1 room within "));
    let paused = [MemoryChange::Paused(What::Everything, Some(NOON))];
    place.reconciler.store.commit(&paused).await.unwrap();
    assert_eq!(unseen(&place).await.grace, None);
    place.reconciler.resume(&[What::Everything]).await.unwrap();
    // Whose time is over waits for a person, and is told as such.
    at(&mut place, NOON.plus(200 * HOUR));
    assert_eq!(unseen(&place).await.grace, None);
}

/// The room's own grace counts, by whatever name it is listed.
#[tokio::test]
async fn a_listed_room_has_a_grace_of_its_own() {
    use inviter::core::room_rules::RoomSpec;

    let mut place = Place::new().await;
    at(&mut place, NOON);
    let mut rules = place.reconciler.policy.defaults.clone();
    rules.grace = 10 * HOUR;
    place.reconciler.policy.rooms = vec![RoomSpec {
        room: RoomRef::Alias("#staff:example.com".try_into().unwrap()),
        groups: Vec::new(),
        members: Vec::new(),
        rules,
    }];
    place.reconciler.sync(&RunOptions::by_person()).await.unwrap();
    place.staff(&["ada", "bob", "cid", "dan"], &["ada"]);
    place.reconciler.sync(&RunOptions::default()).await.unwrap();
    let grace = unseen(&place).await.grace.unwrap();
    assert_eq!((grace.people, grace.first), (1, NOON.plus(10 * HOUR)));
    assert_eq!(fresh(&place).await.grace, Some(grace));
}
