//! Numbers are what the proxy has seen.

use std::time::Duration;

use anyhow::Result;
use inviter_testkit::{Fault, Recorded};

use super::{directory, numbers};
use crate::harness::{LONG, Site, eventually, healed};

fn count(requests: &[Recorded], is: impl Fn(&Recorded) -> bool) -> f64 {
    let count = requests.iter().filter(|request| is(request)).count();
    f64::from(u32::try_from(count).unwrap())
}

fn is_invite(request: &Recorded) -> bool {
    request.method == "POST" && request.path.ends_with("/invite")
}

fn is_creation(request: &Recorded) -> bool {
    request.method == "POST" && request.path.ends_with("/createRoom")
}

/// One run, with one rate limit in it, and one room put right.
#[tokio::test]
async fn the_numbers_are_those_of_the_requests() -> Result<()> {
    let site = Site::new().await?;
    let directory = directory();
    let mut limited = false;
    site.proxy.on_request(move |request| {
        let first = is_invite(request) && !limited;
        limited |= first;
        first.then(|| Fault::limited(Duration::from_secs(1)))
    });
    let bot = site.start_with(&directory).await?;
    let (now, _) = eventually("the run has ended", LONG, async || {
        let now = numbers(&bot).await?;
        let ended = now.contains_key("inviter_runs_total{cause=\"start\",result=\"ok\"}");
        Ok(ended.then_some(now))
    })
    .await?;
    let requests = site.proxy.requests();
    let ok = |request: &Recorded| request.status == Some(200);
    let invited = count(&requests, |request| is_invite(request) && ok(request));
    let created = count(&requests, |request| is_creation(request) && ok(request));
    assert!(invited > 0.0 && created > 0.0, "{requests:?}");
    for (sample, value) in [
        ("inviter_runs_total{cause=\"start\",result=\"ok\"}", 1.0),
        ("inviter_run_duration_seconds_count{cause=\"start\"}", 1.0),
        (
            "inviter_actions_total{action=\"invite\",result=\"done\"}",
            invited,
        ),
        (
            "inviter_actions_total{action=\"create\",result=\"done\"}",
            created,
        ),
        (
            "inviter_request_duration_seconds_count{kind=\"invitations\",status=\"2xx\"}",
            invited,
        ),
        (
            "inviter_request_duration_seconds_count{kind=\"creations\",status=\"2xx\"}",
            created,
        ),
        (
            "inviter_request_duration_seconds_count{kind=\"invitations\",status=\"4xx\"}",
            1.0,
        ),
        ("inviter_rate_limit_waits_total{kind=\"invitations\"}", 1.0),
        ("inviter_rooms{status=\"managed\"}", created),
        ("inviter_held_actions", 0.0),
        ("inviter_pending_actions", 0.0),
        ("inviter_directory_readable{directory=\"people\"}", 1.0),
        ("inviter_audit_lost_lines_total", 0.0),
        ("inviter_drift_healed_total", 0.0),
    ] {
        assert_eq!(now.get(sample).copied(), Some(value), "{sample} in {now:#?}");
    }
    let waited = now["inviter_rate_limit_wait_seconds_total{kind=\"invitations\"}"];
    assert!((1.0..3.0).contains(&waited), "{waited}");
    let age = now["inviter_directory_last_good_read_age_seconds{directory=\"people\"}"];
    assert!((0.0..60.0).contains(&age), "{age}");
    assert!(now["process_resident_memory_bytes"] > 1e6);
    assert!(
        !now.keys()
            .any(|sample| sample.contains('@') || sample.contains('!')),
        "people or rooms in {now:#?}"
    );

    // Somebody throws a person out.
    site.join("staff", ["bob"]).await?;
    let room = site.boss_in("staff").await?;
    site.boss.kick(&room, &site.user("bob")).await?;
    healed("kick", async || {
        Ok(site.room("staff").await?.membership("bob") == "invite")
    })
    .await?;
    eventually("the drift is counted", LONG, async || {
        let now = numbers(&bot).await?;
        let counted = (now["inviter_drift_healed_total"] - 1.0).abs() < 0.1
            && (now["inviter_drift_heal_duration_seconds_count"] - 1.0).abs() < 0.1;
        Ok(counted.then_some(()))
    })
    .await?;
    bot.stop().await
}
