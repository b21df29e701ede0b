//! What is counted is what is shown.

use std::{collections::BTreeMap, sync::Arc};

use inviter::{
    RunOptions,
    core::{
        OwnedUserId,
        by_hand::{Request, Wish},
        directory::ProviderId,
        finding::{Finding, Subject},
        room::RoomRef,
        runs::RunCause,
        time::Timestamp,
    },
};

use super::*;
use crate::{
    board::{Board, DirectoryKnown},
    testing::{PEOPLE, World},
};

/// A parser of the text format that is as strict as Prometheus' own about what is used here: samples by name and
/// labels.
fn parse(text: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let mut typed = std::collections::BTreeSet::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            if let Some(rest) = comment.strip_prefix("TYPE ") {
                assert!(typed.insert(rest.split(' ').next().unwrap().to_owned()), "{line}");
            }
            continue;
        }
        let (sample, value) = line.rsplit_once(' ').unwrap();
        assert!(
            samples
                .insert(sample.to_owned(), value.parse().unwrap())
                .is_none(),
            "{line} is there twice"
        );
    }
    samples
}

fn finished(report: Report, cause: RunCause, at: u64) -> Finished {
    Finished {
        at: Timestamp(at),
        took: Duration::from_millis(1500),
        cause,
        outcome: Ok(Arc::new(report)),
    }
}

/// A first run, which creates rooms and invites people.
async fn report() -> Report {
    crate::testing::report(&RunOptions::default()).await
}

#[tokio::test]
async fn runs_and_their_actions_are_counted() {
    let metrics = Metrics::default();
    let report = report().await;
    let tally = report.tally();
    assert!(tally.invited > 0 && tally.rooms_created > 0, "{tally:?}");
    metrics.run(&finished(report.clone(), RunCause::Schedule, 5_000), true);
    metrics.run(&finished(report, RunCause::Drift, 7_500), false);
    let samples = parse(&metrics.text(&Known::default()).unwrap());
    let invited = samples["inviter_actions_total{action=\"invite\",result=\"done\"}"];
    assert!((invited - f64::from(2 * tally.invited)).abs() < 0.1, "{invited}");
    for (sample, value) in [
        ("inviter_runs_total{cause=\"schedule\",result=\"ok\"}", 1.0),
        ("inviter_runs_total{cause=\"drift\",result=\"ok\"}", 1.0),
        ("inviter_run_duration_seconds_count{cause=\"schedule\"}", 1.0),
        ("inviter_run_duration_seconds_sum{cause=\"schedule\"}", 1.5),
        (
            "inviter_run_duration_seconds_bucket{cause=\"schedule\",le=\"1\"}",
            0.0,
        ),
        ("inviter_last_run_timestamp_seconds", 7.5),
        ("inviter_last_good_run_timestamp_seconds", 5.0),
        (
            "inviter_rooms{status=\"managed\"}",
            f64::from(tally.rooms_created),
        ),
        ("inviter_rooms{status=\"paused\"}", 0.0),
        ("inviter_held_actions", 0.0),
    ] {
        let shown = samples.get(sample).copied();
        assert_eq!(shown, Some(value), "{sample} in {samples:#?}");
    }
}

/// What is different in a run.
type Change<'a> = &'a dyn Fn(&mut Report);

#[tokio::test]
async fn a_run_that_could_not_read_everything_is_not_good() {
    let good = report().await;
    let unread = |report: &mut Report| {
        let about = Subject::Directory(ProviderId::new("people"));
        let finding = Finding::new(about, FindingKind::DirectoryUnread, "it is away");
        report.findings.push(finding);
    };
    let unknown = |report: &mut Report| report.rooms[0].status = RoomStatus::Unknown;
    let in_part = |report: &mut Report| {
        let about = Subject::Directory(ProviderId::new("people"));
        let finding = Finding::new(about, FindingKind::Incomplete, "a page is missing");
        report.findings.push(finding);
    };
    // What is read in part may stay so for ever; the alert for that is another.
    let changes: [(Change<'_>, f64); 3] = [(&unread, 5.0), (&unknown, 5.0), (&in_part, 9.0)];
    for (change, last_good) in changes {
        let metrics = Metrics::default();
        metrics.run(&finished(good.clone(), RunCause::Schedule, 5_000), true);
        let mut bad = good.clone();
        change(&mut bad);
        metrics.run(&finished(bad, RunCause::Schedule, 9_000), true);
        let samples = parse(&metrics.text(&Known::default()).unwrap());
        for (sample, value) in [
            ("inviter_runs_total{cause=\"schedule\",result=\"partial\"}", 1.0),
            ("inviter_last_run_timestamp_seconds", 9.0),
            ("inviter_last_good_run_timestamp_seconds", last_good),
        ] {
            assert_eq!(samples.get(sample).copied(), Some(value), "{sample}");
        }
    }
}

#[tokio::test]
async fn what_is_known_in_part_and_who_goes_later_is_shown_for_as_long_as_it_is() {
    let good = report().await;
    let mut open = good.clone();
    let directory = ProviderId::new("people");
    let about = Subject::Directory(directory.clone());
    open.findings
        .push(Finding::new(about, FindingKind::Incomplete, "a page is missing"));
    let room = &mut open.rooms[0];
    let about = Subject::Room(room.room.clone());
    let finding = Finding::new(about, FindingKind::RemovalsNotConsidered, "nobody is removed");
    room.findings.push(finding);
    for user in ["@bob:example.com", "@carol:example.com"] {
        let about = Subject::Person(room.room.clone(), user.try_into().unwrap());
        room.findings
            .push(Finding::new(about, FindingKind::InGrace, "goes later"));
    }
    let mut known = Known::default();
    known.directories.insert(directory, DirectoryKnown::default());
    let metrics = Metrics::default();
    let shown = |sample: &str| parse(&metrics.text(&known).unwrap()).get(sample).copied();
    for (report, values) in [
        (good.clone(), [0.0, 0.0, 0.0]),
        (open, [1.0, 1.0, 2.0]),
        (good, [0.0, 0.0, 0.0]),
    ] {
        metrics.run(&finished(report, RunCause::Schedule, 1_000), true);
        let now = [
            "inviter_directory_incomplete{directory=\"people\"}",
            "inviter_rooms_not_considered",
            "inviter_grace_actions",
        ]
        .map(|sample| shown(sample).unwrap());
        assert!(
            now.iter()
                .zip(values)
                .all(|(now, value)| (now - value).abs() < 0.1),
            "{now:?}"
        );
    }
}

#[tokio::test]
async fn what_is_done_outside_of_runs_is_counted() {
    let world = World::new(PEOPLE).await;
    world.run(&RunOptions::by_person()).await;
    let metrics = Metrics::default();
    let request = Request {
        room: RoomRef::Alias("#staff:example.com".try_into().unwrap()),
        wish: Wish::InviteMember("@zoe:elsewhere.org".try_into().unwrap()),
    };
    let reconciler = &world.setup.reconciler;
    let considered = reconciler.consider(&request).await.unwrap();
    let report = reconciler.carry_out(considered).await;
    assert_eq!(report.items.len(), 1, "{report:#?}");
    metrics.by_hand(&report);
    metrics.accepted(true);
    metrics.accepted(false);
    metrics.adopted();
    let samples = parse(&metrics.text(&Known::default()).unwrap());
    for labels in [
        "action=\"invite\",result=\"done\"",
        "action=\"join\",result=\"done\"",
        "action=\"join\",result=\"failed\"",
        "action=\"adopt\",result=\"done\"",
    ] {
        let sample = format!("inviter_actions_total{{{labels}}}");
        assert_eq!(samples.get(&sample).copied(), Some(1.0), "{sample}");
    }
}

#[tokio::test]
async fn a_run_that_could_not_begin_is_not_good() {
    let metrics = Metrics::default();
    let good = finished(report().await, RunCause::Start, 500);
    let failed = Finished {
        at: Timestamp(1_000),
        outcome: Err("no".to_owned()),
        ..good.clone()
    };
    metrics.run(&good, true);
    metrics.run(&failed, true);
    let samples = parse(&metrics.text(&Known::default()).unwrap());
    assert_eq!(
        samples
            .get("inviter_runs_total{cause=\"start\",result=\"not_begun\"}")
            .copied(),
        Some(1.0)
    );
    assert_eq!(
        samples.get("inviter_last_run_timestamp_seconds").copied(),
        Some(1.0)
    );
    assert_eq!(
        samples.get("inviter_last_good_run_timestamp_seconds").copied(),
        Some(0.5)
    );
}

#[test]
fn requests_and_waits_are_counted() {
    let metrics = Metrics::default();
    metrics.request(LimitKind::Reads, Some(200), Duration::from_millis(20));
    metrics.request(LimitKind::Reads, Some(404), Duration::from_millis(20));
    metrics.request(LimitKind::Invitations, None, Duration::from_secs(70));
    metrics.limited(LimitKind::Invitations, Duration::from_millis(2500));
    let samples = parse(&metrics.text(&Known::default()).unwrap());
    for (sample, value) in [
        (
            "inviter_request_duration_seconds_count{kind=\"reads\",status=\"2xx\"}",
            1.0,
        ),
        (
            "inviter_request_duration_seconds_count{kind=\"reads\",status=\"4xx\"}",
            1.0,
        ),
        (
            "inviter_request_duration_seconds_bucket{kind=\"invitations\",status=\"none\",le=\"+Inf\"}",
            1.0,
        ),
        (
            "inviter_request_duration_seconds_bucket{kind=\"invitations\",status=\"none\",le=\"60\"}",
            0.0,
        ),
        ("inviter_rate_limit_waits_total{kind=\"invitations\"}", 1.0),
        ("inviter_rate_limit_wait_seconds_total{kind=\"invitations\"}", 2.5),
        ("inviter_rate_limit_waits_total{kind=\"joins\"}", 0.0),
    ] {
        assert_eq!(
            samples.get(sample).copied(),
            Some(value),
            "{sample} in {samples:#?}"
        );
    }
}

#[test]
fn directories_have_an_age_from_the_first_good_read_on() {
    let metrics = Metrics::default();
    let mut known = Known::default();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let ago = |seconds: u64| {
        let at = now.saturating_sub(Duration::from_secs(seconds));
        Some(Timestamp(u64::try_from(at.as_millis()).unwrap()))
    };
    let hostile = "a\"b\\c\nd";
    known.directories = [
        (
            "people",
            DirectoryKnown {
                good: ago(90),
                error: None,
            },
        ),
        (
            hostile,
            DirectoryKnown {
                good: None,
                error: Some("away".to_owned()),
            },
        ),
    ]
    .map(|(name, state)| (ProviderId::new(name), state))
    .into();
    let text = metrics.text(&known).unwrap();
    let samples = parse(&text);
    let age = samples["inviter_directory_last_good_read_age_seconds{directory=\"people\"}"];
    assert!((90.0..95.0).contains(&age), "{age}");
    assert_eq!(
        samples
            .get("inviter_directory_readable{directory=\"people\"}")
            .copied(),
        Some(1.0)
    );
    let escaped = "directory=\"a\\\"b\\\\c\\nd\"";
    assert_eq!(
        samples
            .get(&format!("inviter_directory_readable{{{escaped}}}"))
            .copied(),
        Some(0.0)
    );
    assert!(!samples.contains_key(&format!(
        "inviter_directory_last_good_read_age_seconds{{{escaped}}}"
    )));
    // Taken out of the configuration.
    let samples = parse(&metrics.text(&Known::default()).unwrap());
    assert!(
        !samples
            .keys()
            .any(|sample| sample.starts_with("inviter_directory_")),
        "{samples:#?}"
    );
}

#[tokio::test]
async fn a_directory_in_quarantine_is_shown_for_as_long_as_it_is() {
    let known = Known::default();
    let world = World::new("this is no directory").await;
    let mut reconciler = world.setup.reconciler.clone();
    known
        .quarantines
        .around(&mut reconciler, Duration::from_secs(3600));
    let metrics = Metrics::default();
    let shown = || {
        let samples = parse(&metrics.text(&known).unwrap());
        samples
            .get("inviter_directory_quarantined{directory=\"people\"}")
            .copied()
    };
    for value in [0.0, 0.0, 0.0, 1.0, 1.0] {
        assert_eq!(shown(), Some(value));
        let by_itself = RunOptions::default();
        reconciler.plan(&by_itself).await.unwrap();
    }
    world.write(PEOPLE);
    reconciler.plan(&RunOptions::default()).await.unwrap();
    assert_eq!(shown(), Some(1.0), "not asked yet");
    reconciler.plan(&RunOptions::by_person()).await.unwrap();
    assert_eq!(shown(), Some(0.0));
}

#[test]
fn everything_has_its_help_and_its_prefix() {
    let board = Board::default();
    board.connected(&OwnedUserId::try_from("@bot:x").unwrap());
    let text = Metrics::default().text(&board.known()).unwrap();
    let names = |keyword: &str| {
        let lines = text.lines().filter_map(|line| line.strip_prefix(keyword));
        lines
            .map(|rest| rest.split(' ').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names("# HELP "), names("# TYPE "));
    for name in names("# TYPE ") {
        assert!(
            name.starts_with("inviter_") || name.starts_with("process_"),
            "{name}"
        );
    }
    assert_eq!(parse(&text).get("inviter_ready").copied(), Some(1.0));
    assert!(
        text.contains(&format!(
            "inviter_build_info{{version=\"{}\"}} 1\n",
            env!("CARGO_PKG_VERSION")
        )),
        "{text}"
    );
    assert!(!text.contains('@'), "{text}");
}
