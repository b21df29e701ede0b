//! The text, of a room on the homeserver in memory.

use std::{sync::Arc, time::Duration};

use anstream::adapter::strip_str;
use inviter::core::{
    backend::BackendErrorKind, memory::Call, recall::Pause as What, reconcile::RunOptions, time::FixedClock,
};

use super::*;
use crate::{
    operations::{plan, sync},
    place::Place,
};

const NOON: Timestamp = Timestamp(1_700_000_000_000);

/// What a command line shows.
async fn fresh(place: &Place) -> Status {
    let reconciler = &place.reconciler;
    let planned = plan::plan(reconciler, &RunOptions::default(), false, false)
        .await
        .unwrap();
    status(reconciler, Some(Picture::of_plan(&planned)), None)
        .await
        .unwrap()
}

fn at(place: &mut Place, time: Timestamp) {
    place.reconciler.clock = Arc::new(FixedClock(time));
}

fn text(status: &Status) -> String {
    strip_str(&status.text()).to_string()
}

#[tokio::test]
async fn before_and_after_a_first_run() {
    let mut place = Place::new().await;
    at(&mut place, NOON);
    assert_eq!(
        text(&fresh(&place).await),
        "\
runs: none is remembered
note: no full run has gone through with nothing failed or unknown yet, so nobody is removed
directory people: no run has read it completely yet
1 room: 1 to create; as of 2023-11-14T22:13:20Z (a second ago)

status: 1 room to create, 5 to invite, 0 to remove, 0 to change; 0 held, 0 pending
"
    );
    place.reconciler.sync(&RunOptions::by_person()).await.unwrap();
    at(&mut place, NOON.plus(Duration::from_secs(300)));
    let mut status = fresh(&place).await;
    status.next = Some(NOON.plus(Duration::from_secs(1800)));
    assert_eq!(
        text(&status),
        "\
run 2023-11-14T22:13:20Z (5 min ago), by a person: 1 room created, 5 invited, 0 removed, 0 changed; 0 held, 0 failed, \
0 put off (took a second)
last full run with nothing failed or unknown: 2023-11-14T22:13:20Z (5 min ago)
next run: 2023-11-14T22:43:20Z (in 25 min)
directory people: last read completely 2023-11-14T22:13:20Z (5 min ago), 6 active accounts
1 room: 1 managed; as of 2023-11-14T22:18:20Z (a second ago)

status: no changes
"
    );
}

#[tokio::test]
async fn what_waits_is_told_with_its_reason() {
    let mut place = Place::new().await;
    at(&mut place, NOON);
    let run = RunOptions::by_person();
    place.reconciler.sync(&run).await.unwrap();
    place.staff(&["ada", "bob", "cid", "dan", "fay"], &["ada"]);
    let status = fresh(&place).await;
    let told = text(&status);
    assert!(
        told.contains(
            "- withdraw the invitation of @eve:example.com  not in MTRX #staff:example.com (people); active in \
             people  waits for `inviter sync`\n"
        ),
        "{told}"
    );
    assert!(!told.contains("invite @fay"), "only what waits: {told}");
    assert!(told.ends_with("0 held, 1 pending\n"), "{told}");

    place.staff(&["ada"], &["ada"]);
    let status = fresh(&place).await;
    let told = text(&status);
    assert!(told.contains("held: 4 of 5 people"), "{told}");
    assert!(told.contains("run `inviter sync --release "), "{told}");
    let json = status.json();
    let rooms = &json["rooms"];
    assert_eq!(
        (&rooms["by_status"], &rooms["run"]),
        (&json!({ "managed": 1 }), &false.into())
    );
    assert_eq!(rooms["waiting"][0]["actions"].as_array().unwrap().len(), 4);
    assert_eq!(rooms["release"], rooms["waiting"][0]["release"]);
    assert_eq!(json["directories"][0]["active_accounts"], 6);
    assert_eq!(json["runs"][0]["cause"], "person");
    assert_eq!(json["next_run"], Value::Null);

    // As a bot shows it after its own run.
    let bots = RunOptions::default();
    let planned = sync::begin(&place.reconciler, &bots, false).await.unwrap();
    let synced = sync::apply(&place.reconciler, planned.draft, &bots, false).await;
    let picture = Picture::of_run(&synced, NOON);
    let status = self::status(&place.reconciler, Some(picture), None)
        .await
        .unwrap();
    let told = text(&status);
    assert!(told.contains(", on schedule: no changes; 4 held"), "{told}");
    assert!(told.ends_with("\nstatus: no changes; 4 held\n"), "{told}");
}

#[tokio::test]
async fn what_is_paused_and_a_run_that_could_not_begin() {
    let place = Place::new().await;
    let reconciler = &place.reconciler;
    reconciler.pause(&[What::Everything]).await.unwrap();
    place
        .homeserver
        .fail_next(|call| matches!(call, Call::Whoami), BackendErrorKind::Unavailable);
    let error = sync::begin(reconciler, &RunOptions::by_person(), false).await;
    let error = error.unwrap_err().to_string();
    let status = status(reconciler, None, None).await.unwrap();
    let told = text(&status);
    assert!(
        told.contains(&format!(", by a person: could not begin: {error}\n")),
        "{told}"
    );
    assert!(told.contains("paused: everything since "), "{told}");
    assert!(
        told.ends_with("\nstatus: no run has looked at the rooms yet\n"),
        "{told}"
    );
    let json = status.json();
    assert_eq!(
        (&json["runs"][0]["not_begun"], &json["rooms"]),
        (&error.into(), &Value::Null)
    );
    assert_eq!(json["paused"][0]["room"], Value::Null);
}
