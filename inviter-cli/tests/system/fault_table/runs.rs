//! What a run sends, and how one run meets another.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use std::time::Duration;

use anyhow::Result;
use inviter_testkit::{Recorded, When};
use serde_json::json;
use tokio::{sync::Notify, time::timeout};

use super::{settled, tells};
use crate::harness::{Directory, Site, lines};

/// Long enough for anything that comes at all; a test that fails takes this long.
const NEVER: Duration = Duration::from_secs(60);

fn is_creation(request: &Recorded) -> bool {
    request.path.ends_with("/createRoom")
}

/// The "dry" sync creates rooms, writes levels, history visibility and names.
#[tokio::test]
async fn a_dry_sync_writes_nothing() -> Result<()> {
    let site = Site::new().await?;
    let mut directory = Directory::default();
    directory.room("old").members(["alice", "bob"]).owners(["bob"]);
    directory.room("new").members(["alice"]).owners(["alice"]);
    site.register(directory.everybody()).await?;
    site.register(["olga", "carol"]).await?;
    // Everything about it is other than it should be: levels, history, name, and people.
    let olga = site.person("olga").await?;
    let history = json!({
        "type": "m.room.history_visibility", "state_key": "",
        "content": { "history_visibility": "world_readable" },
    });
    let old = json!({ "initial_state": [history] });
    let old = site.made_by(&olga, "old", &["carol"], &old).await?;
    site.save(&directory)?;
    site.fine(&["adopt", &site.alias("old")]).await?;
    let before = site.digest().await?;
    for args in [
        &["check"][..],
        &["idp"],
        &["joined"],
        &["managed"],
        &["plan"],
        &["plan", "--json"],
        &["sync", "--dry-run"],
        &["sync", "--dry-run", "--json"],
    ] {
        let (output, writes) = site.writes_of(args).await?;
        assert!(writes.is_empty(), "{:#?}\n{output}", lines(&writes));
    }
    assert_eq!(site.digest().await?, before);
    assert_eq!(site.admin.resolve_alias(&site.alias("new")).await?, None);

    let (output, writes) = site.writes_of(&["sync"]).await?;
    let sent = lines(&writes);
    for part in [
        "createRoom",
        "m.room.power_levels",
        "m.room.history_visibility",
        "m.room.name",
        "/invite",
    ] {
        assert!(
            sent.iter().any(|line| line.contains(part)),
            "{part}: {sent:#?}\n{output}"
        );
    }
    let room = site.room("old").await?;
    assert_eq!(site.room_id("old").await?, old);
    assert_eq!(
        room.setting("m.room.history_visibility", "history_visibility"),
        Some("shared")
    );
    Ok(())
}

/// 14 requests per room and one per invite on the first sync, 9 per room when nothing changed.
#[tokio::test]
async fn few_requests() -> Result<()> {
    let mut second = Vec::new();
    for rooms in [2, 12] {
        let site = Site::new().await?;
        let mut directory = Directory::default();
        let people: Vec<String> = (0..6).map(|n| format!("p{n}")).collect();
        for n in 0..rooms {
            directory
                .room(&format!("r{n}"))
                .members(people.clone())
                .owners(["p0"]);
        }
        site.register(directory.everybody()).await?;
        site.save(&directory)?;
        let (output, requests) = site.requests_of(&["sync"]).await?;
        let output = output.exits(0);
        let writes = requests.iter().filter(|request| request.writing).count();
        assert_eq!(
            writes,
            rooms + rooms * people.len(),
            "{:#?}\n{output}",
            lines(&requests)
        );
        let reads = requests.len() - writes;
        // The alias and the room once more after it was made, and what every run asks.
        assert!(reads <= 2 * rooms + 8, "{reads}: {:#?}", lines(&requests));
        let (_, requests) = site.requests_of(&["sync"]).await?;
        assert!(
            requests.iter().all(|request| !request.writing),
            "{:#?}",
            lines(&requests)
        );
        second.push(requests.len());
    }
    assert_eq!(second[0], second[1], "as many for 12 rooms as for 2");
    assert!(second[0] <= 6, "{second:?}");
    Ok(())
}

/// Sleeps 3.4 s before every invite and kick, 0.5 s per room, 4 s between rooms; strictly one after another.
///
/// Shown without a clock: the first room's creation is answered only once the second's has been sent, and the
/// first invitation once another one has. A program that does one thing after the other would wait for ever.
#[tokio::test]
async fn rooms_at_the_same_time() -> Result<()> {
    let site = Site::new().await?;
    let mut directory = Directory::default();
    directory.room("alpha").members(["alice", "bob"]);
    directory.room("beta").members(["alice", "bob"]);
    site.register(directory.everybody()).await?;
    site.save(&directory)?;
    let both = Arc::new(Notify::new());
    let (other, seen) = (both.clone(), Arc::new(AtomicUsize::new(0)));
    site.proxy.on_request(move |request| {
        if is_creation(request) {
            other.notify_one();
        }
        None
    });
    let (met, waiting) = (seen.clone(), both.clone());
    site.proxy
        .on_write(1, When::BeforeForward, move |request| async move {
            assert!(is_creation(&request), "{request}");
            if timeout(NEVER, waiting.notified()).await.is_ok() {
                met.fetch_add(1, Ordering::SeqCst);
            }
        });
    site.run(&["sync"]).await?;
    assert_eq!(seen.load(Ordering::SeqCst), 1, "one room after the other");
    site.proxy.heal();
    site.fine(&["sync"]).await?;
    for room in ["alpha", "beta"] {
        site.room(room).await?.is_as_wanted(&directory, room);
    }
    Ok(())
}

/// Scheduled runs overlap (a run takes longer than 30 minutes).
#[tokio::test]
async fn one_run_at_a_time() -> Result<()> {
    let (site, mut directory) = settled(|directory| {
        directory.room("alpha").members(["alice", "bob"]);
    })
    .await?;
    site.register(["carol"]).await?;
    directory.room("alpha").members(["carol"]);
    site.save(&directory)?;
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (begun.clone(), go_on.clone());
    // The first run stands still in the middle.
    site.proxy.on_write(1, When::BeforeForward, move |_| async move {
        tell.notify_one();
        wait.notified().await;
    });
    let first = site.start(&["sync"])?;
    timeout(NEVER, begun.notified()).await?;
    site.proxy.clear();
    let second = site.run(&["sync"]).await?.exits(1);
    tells(&second, &["another run", site.bot.user_id()]);
    assert_eq!(second.stderr.lines().count(), 1, "{second}");
    assert!(
        site.proxy.writes().is_empty(),
        "{:#?}",
        lines(&site.proxy.writes())
    );
    // What only reads need not wait.
    site.fine(&["plan"]).await?;
    go_on.notify_one();
    let first = first.wait_with_output().await?;
    assert!(first.status.code().is_some(), "{first:?}");
    site.fine(&["sync"]).await?;
    site.room("alpha").await?.is_as_wanted(&directory, "alpha");
    Ok(())
}
