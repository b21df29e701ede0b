//! What is told of runs that could not begin and of what was refused, whatever words it comes in.

use inviter::core::{
    OwnedUserId,
    action::Op,
    backend::{BackendError, BackendErrorKind},
    finding::{Finding, FindingKind, Subject},
    recall::StoreError,
    reconcile::RunError,
    report::Outcome,
    room::RoomRef,
};

use super::*;

/// What runs could not begin for, with what a homeserver says of it.
fn not_begun(kind: BackendErrorKind, says: &str) -> NotBegun {
    let error = RunError::Backend(BackendError::new(kind, "https://example.com", says));
    NotBegun {
        obstacle: Obstacle::from(&error),
        why: error.to_string(),
    }
}

#[tokio::test]
async fn that_runs_begin_again_is_told_until_it_arrives() {
    let mut scene = Scene::new(&rooms(1)).await;
    scene.notices.not_begun = vec![Obstacle::NoTurn];
    let news = scene.news().await;
    scene.notices.told_that(news, false);
    assert_eq!(scene.run().await, ["runs begin again"]);
    assert_eq!(scene.run().await, NOTHING);
}

/// A look at a room that somebody has changed asks for no turn, no directory, and mostly for no memory.
#[tokio::test]
async fn a_look_shows_of_no_run_that_it_could_begin() {
    let mut scene = Scene::new(&rooms(1)).await;
    scene.notices.not_begun = vec![Obstacle::NoTurn];
    let report = scene.reconciler.sync(&RunOptions::default()).await.unwrap();
    let looked = Around {
        ran: false,
        ..scene.around(true)
    };
    let news = scene.notices.news(&report, &looked);
    assert_eq!(news.lines, NOTHING);
    scene.notices.told_that(news, true);
    // A run about those rooms could begin as any other.
    let ran = scene.notices.news(&report, &scene.around(true));
    assert_eq!(ran.lines, ["runs begin again"]);
    assert_eq!(scene.run().await, ["runs begin again"]);
}

#[test]
fn what_keeps_runs_from_beginning_is_told_once_whatever_is_said_of_it() {
    let mut notices = Notices::default();
    let away = |says| not_begun(BackendErrorKind::Unavailable, says);
    let text = notices.obstacle(&away("502, request 1")).unwrap();
    assert!(
        text.starts_with("the run could not begin: ") && text.contains("request 1"),
        "{text}"
    );
    notices.not_begun.push(away("502, request 1").obstacle);
    assert_eq!(notices.obstacle(&away("503, request 2")), None);
    // Another kind needs something else to be done about it.
    let refused = not_begun(BackendErrorKind::Unauthenticated, "the token is not accepted");
    assert!(notices.obstacle(&refused).is_some());
    notices.not_begun.push(refused.obstacle);
    assert_eq!(notices.obstacle(&away("504")), None, "it was told before");
}

/// A homeserver may name another request or time in each refusal.
#[tokio::test]
async fn what_was_refused_for_good_is_told_once_whatever_is_said_of_it() {
    let scene = Scene::new(&rooms(1)).await;
    let around = scene.around(false);
    let first = crate::testing::report(&RunOptions::by_person()).await;
    let mut notices = Notices::default();
    let mut hear = |report: &Report| {
        let news = notices.news(report, &around);
        let lines = news.lines.clone();
        notices.told_that(news, true);
        lines
    };
    let staff = RoomRef::Alias("#staff:example.com".try_into().unwrap());
    let bob: OwnedUserId = "@bob:example.com".try_into().unwrap();
    let refused = |names: &[&str], says: &str| {
        let mut report = first.clone();
        for room in report.rooms.iter_mut().filter(|room| room.room == staff) {
            for item in &mut room.items {
                if matches!(&item.action.op, Op::Invite { user, .. } if names.contains(&user.localpart())) {
                    item.outcome = Outcome::Failed {
                        error: says.to_owned(),
                        temporary: false,
                    };
                }
            }
        }
        report
    };
    assert_eq!(hear(&first), NOTHING);
    assert_eq!(
        hear(&refused(&["bob"], "no, request 1")),
        ["#staff:example.com: no, request 1"]
    );
    assert_eq!(hear(&refused(&["bob"], "no, request 2")), NOTHING);
    // Another person is another matter.
    assert_eq!(
        hear(&refused(&["bob", "carol"], "no, request 3")),
        ["#staff:example.com: no, request 3"]
    );
    // For a day it is not tried again, and only a finding tells of it.
    let mut put_off = first.clone();
    let about = Subject::Person(staff.clone(), bob);
    let room = put_off.rooms.iter_mut().find(|room| room.room == staff).unwrap();
    room.findings.push(Finding::new(
        about,
        FindingKind::Refused,
        "tried again a day later",
    ));
    assert_eq!(hear(&put_off), NOTHING);
    assert_eq!(
        hear(&refused(&["bob"], "no, request 4")),
        NOTHING,
        "it was told before"
    );
    // It worked, and is refused anew.
    assert_eq!(hear(&first), NOTHING);
    assert_eq!(hear(&refused(&["bob"], "no")), ["#staff:example.com: no"]);
}

#[tokio::test]
async fn what_keeps_a_run_from_being_whole_is_told_once_whatever_is_said_of_it() {
    let mut scene = Scene::new(&rooms(1)).await;
    let good = scene.reconciler.sync(&RunOptions::default()).await.unwrap();
    let mut told = Vec::new();
    for error in [
        "memory.sqlite: the disk is full (attempt 1)",
        "memory.sqlite: the disk is full (attempt 2)",
        "!a:example.com: 500 (attempt 3)",
    ] {
        let mut report = good.clone();
        report.errors.push(error.to_owned());
        let news = scene.notices.news(&report, &scene.around(true));
        told.extend(news.lines.clone());
        scene.notices.told_that(news, true);
    }
    assert_eq!(
        told,
        [
            "memory.sqlite: the disk is full (attempt 1)",
            "!a:example.com: 500 (attempt 3)"
        ]
    );
}

/// One file can be in two kinds of trouble, and the memory is lost with the second.
#[tokio::test]
async fn damage_is_told_beside_what_else_is_wrong_with_the_file() {
    let mut scene = Scene::new(&rooms(1)).await;
    let full = "memory.sqlite: the memory of earlier runs cannot be used (the disk is full)";
    let damaged = |n: u8| {
        let ends = StoreError::SETS_ASIDE;
        format!("memory.sqlite: the memory of earlier runs is damaged (page {n}); {ends}")
    };
    let mut told = Vec::new();
    for errors in [
        vec![full.to_owned()],
        vec![full.to_owned(), damaged(1)],
        vec![damaged(2)],
    ] {
        let mut report = scene.reconciler.sync(&RunOptions::default()).await.unwrap();
        report.errors = errors;
        let news = scene.notices.news(&report, &scene.around(true));
        told.extend(news.lines.clone());
        scene.notices.told_that(news, true);
    }
    assert_eq!(told, [full.to_owned(), damaged(1)]);
}

/// It has recovered and failed again since people were last told: the last line is how it is.
#[tokio::test]
async fn a_recovery_is_told_before_a_new_quarantine() {
    let mut scene = Scene::new(&rooms(1)).await;
    scene.people.fail(ProviderErrorKind::Denied, "no");
    assert_eq!(scene.run().await.len(), 1);
    let mut around = scene.around(false);
    for quarantined in around.quarantined.values_mut() {
        quarantined.since = quarantined.since.plus(Duration::from_secs(60));
    }
    let report = scene.reconciler.sync(&RunOptions::default()).await.unwrap();
    let lines = scene.notices.news(&report, &around).lines;
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].starts_with("over: directory people answers again, ")
            && lines[1].starts_with("quarantine: directory people has failed "),
        "{lines:?}"
    );
}
