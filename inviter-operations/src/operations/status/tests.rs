//! The text, of a room on the homeserver in memory.

mod later;
mod unknown;

use std::{sync::Arc, time::Duration};

use anstream::adapter::strip_str;
use inviter::core::{
    backend::BackendErrorKind,
    memory::Call,
    provider::ProviderErrorKind,
    quarantine::{Failures, Pauses, Quarantine},
    recall::Pause as What,
    reconcile::RunOptions,
    time::FixedClock,
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
note: no full run has looked at every directory and room without a failure yet, so nobody is removed
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
last full run in which every directory and room was looked at and nothing failed: 2023-11-14T22:13:20Z (5 min ago)
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

/// What a bot shows whose last run was another's, or nobody's.
async fn unseen(place: &Place) -> Status {
    status(&place.reconciler, None, None).await.unwrap()
}

#[tokio::test]
async fn what_is_held_is_told_with_its_beginning_and_how_it_stands() {
    let mut place = Place::new().await;
    at(&mut place, NOON);
    let run = RunOptions::by_person();
    place.reconciler.sync(&run).await.unwrap();
    assert!(unseen(&place).await.holds.is_empty());
    place.staff(&["ada"], &["ada"]);
    // Nobody has written anything down yet.
    assert!(fresh(&place).await.holds.is_empty());
    place.reconciler.sync(&RunOptions::default()).await.unwrap();
    at(&mut place, NOON.plus(Duration::from_secs(300)));
    place.reconciler.sync(&run).await.unwrap();

    let status = unseen(&place).await;
    let code = status.holds[0].held.code.clone();
    let line = format!(
        "held in #staff:example.com since 2023-11-14T22:13:20Z (5 min ago): 4 people to remove; if that is right, run \
         `inviter release {code}`\n"
    );
    let reason = "    held: 4 of 5 people of this room would go, the limit is 3 and 25 %\n";
    let told = text(&status);
    assert!(told.contains(&format!("{line}{reason}")), "{told}");
    assert_eq!(
        status.json()["holds"],
        json!([{
            "room": "#staff:example.com",
            "room_id": status.holds[0].id,
            "since": "2023-11-14T22:13:20Z",
            "age_seconds": 300,
            "removals": 4,
            "demotions": 0,
            "reasons": ["4 of 5 people of this room would go, the limit is 3 and 25 %"],
            "release": code,
            "standing": "unseen",
        }])
    );
    // Who has looked tells the reasons with the people.
    let told = text(&fresh(&place).await);
    assert!(told.contains(&line), "{told}");
    assert_eq!(told.matches("    held: 4 of 5").count(), 1, "{told}");

    let stands = async |place: &Place, words: &str| {
        let told = text(&fresh(place).await);
        assert!(
            told.contains(&format!(": 4 people to remove; {words}\n")),
            "{told}"
        );
        assert!(!told.contains(code.as_str()), "{told}");
    };
    place.people("");
    stands(
        &place,
        "who would go is not known at present, so nothing can be let go",
    )
    .await;
    place.staff(&["ada", "bob", "cid", "dan", "eve"], &["ada"]);
    stands(&place, "by now nothing is held there any more").await;
    place.reconciler.limits.room_count = 1;
    place.staff(&["ada", "bob", "cid"], &["ada"]);
    stands(&place, "by now something else is held there, as shown below").await;
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

#[tokio::test]
async fn a_directory_that_is_left_alone() {
    for (kind, failures, wanted) in [
        (
            ProviderErrorKind::Unavailable,
            3,
            "after 3 failed reads in a row, asked again 2023-11-14T22:19:20Z (in 60 s), or at once by a person's run; the \
             last error: ",
        ),
        (
            ProviderErrorKind::Denied,
            1,
            "after 1 failed read, asked again 2023-11-14T22:28:20Z (in 10 min), or at once by a person's run, or, with \
             the configuration and files of secrets read anew, by a reload; the last error: ",
        ),
    ] {
        let mut place = Place::new().await;
        at(&mut place, NOON);
        place.reconciler.sync(&RunOptions::by_person()).await.unwrap();
        at(&mut place, NOON.plus(Duration::from_secs(300)));
        let people = Arc::new(inviter::core::memory::InMemoryDirectory::new("people"));
        people.fail(kind, "it\u{1b}[31m is no good");
        place.reconciler.providers = vec![Arc::new(Quarantine::new(
            people,
            Failures::default(),
            Pauses::default(),
            Arc::clone(&place.reconciler.clock),
        ))];
        for _ in 1..failures {
            place.reconciler.read().await;
            let sound = unseen(&place).await;
            assert!(!text(&sound).contains("quarantine"), "{}", text(&sound));
            assert_eq!(sound.json()["directories"][0]["quarantine"], Value::Null);
        }
        place.reconciler.read().await;
        let status = unseen(&place).await;
        let told = text(&status);
        let wanted =
            format!("directory people: in quarantine since 2023-11-14T22:18:20Z (a second ago) {wanted}");
        assert!(told.contains(&wanted), "{told}");
        assert!(
            !told.contains('\u{1b}') && told.contains("is no good\n"),
            "{told}"
        );
        assert!(told.contains("directory people: last read completely "), "{told}");
        let json = &status.json()["directories"][0]["quarantine"];
        assert_eq!(json["failed_reads"], failures);
    }
}
