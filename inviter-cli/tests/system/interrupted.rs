//! Ctrl-C while a plan is applied or rooms are synced: what is under way is ended, nothing more begins, it is told what was
//! done, and what is left is done by the next run, once.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use inviter_testkit::{Fault, Recorded, interrupt};

use crate::harness::{CONFIG, Directory, Output, Site, lines};

const FILE: &str = "plan.json";
/// In each of two rooms one person comes and one goes; a third is made, and somebody comes there.
const WRITES: usize = 6;
/// As long as the write takes that is under way.
const SLOWLY: Duration = Duration::from_millis(400);

/// Two rooms as they are wanted, and what is wanted then. One request at a time: so there is a k-th write.
async fn scene() -> Result<(Site, Directory)> {
    let site = Site::new().await?;
    let mut directory = Directory::default();
    for room in ["alpha", "beta"] {
        directory.room(room).members(["alice", "bob", "carol"]);
    }
    directory.people(["dora"]);
    site.register(directory.everybody()).await?;
    site.save(&directory)?;
    let text = site.config_text("", "");
    site.write(
        CONFIG,
        &text.replace("[homeserver]", "[homeserver]\nconcurrency = 1"),
    )?;
    site.fine(&["sync"]).await?;
    for room in ["alpha", "beta"] {
        directory.room(room).members(["dora"]).without("carol");
    }
    directory.room("lab").members(["bob"]);
    site.save(&directory)?;
    Ok((site, directory))
}

/// Runs the program and interrupts it within its `k`-th write, so many times; answers how long it took to end.
async fn interrupted(
    site: &Site,
    args: &[&str],
    (k, times): (usize, usize),
    slowly: Duration,
) -> Result<(Output, Vec<Recorded>, Duration)> {
    site.proxy.clear();
    let child = site.start(args)?;
    let pid = child.id().context("it has ended")?;
    let writes = Arc::new(AtomicUsize::new(0));
    let (tell, told) = tokio::sync::oneshot::channel();
    let mut tell = Some(tell);
    site.proxy.on_request(move |request| {
        if !request.writing || writes.fetch_add(1, Ordering::SeqCst) + 1 != k {
            return None;
        }
        // The test is gone if nobody listens.
        let _ = tell.take()?.send(Instant::now());
        tokio::spawn(async move {
            for _ in 0..times {
                let _ = interrupt(pid);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        Some(Fault::Delay(slowly))
    });
    let output = Output::of(args, child.wait_with_output().await?)?;
    let since = told
        .await
        .with_context(|| format!("write {k} never came: {output}"))?;
    let took = since.elapsed();
    site.proxy.settled().await;
    let writes = site.proxy.writes();
    site.proxy.heal();
    Ok((output, writes, took))
}

/// Nobody was invited or removed twice, and no room made twice: of all that was answered by yes.
fn once(writes: &[Recorded]) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for write in writes.iter().filter(|write| write.status == Some(200)) {
        *counts
            .entry(format!("{} {}", write.decoded_path(), write.json()["user_id"]))
            .or_default() += 1;
    }
    assert_eq!(counts.len(), WRITES, "{counts:#?}");
    assert!(counts.values().all(|count| *count == 1), "{counts:#?}");
}

async fn is_done(site: &Site, directory: &Directory) -> Result<()> {
    for room in ["alpha", "beta", "lab"] {
        site.room(room).await?.is_as_wanted(directory, room);
    }
    let (output, writes) = site.writes_of(&["sync"]).await?;
    let output = output.exits(0);
    assert_eq!(lines(&writes), [""; 0], "{output}");
    let status = site.fine(&["status", "--json"]).await?.json();
    assert_eq!(status["holds"], serde_json::json!([]), "{status:#}");
    Ok(())
}

#[tokio::test]
async fn a_plan_that_is_applied() -> Result<()> {
    for k in [2, 5] {
        let (site, directory) = scene().await?;
        site.fine(&["plan", "--out", FILE]).await?;
        let (output, first, took) = interrupted(&site, &["apply", FILE], (k, 1), SLOWLY).await?;
        let output = output.exits(130);
        // The one that was under way is done, and is the last.
        assert_eq!(first.len(), k, "{output}: {:#?}", lines(&first));
        assert!(
            first.iter().all(|write| write.status == Some(200)),
            "{:#?}",
            lines(&first)
        );
        assert!(took >= SLOWLY && took < Duration::from_secs(8), "{took:?}");
        for told in [
            "stopping; what is under way is ended first",
            "the run was stopped; ",
        ] {
            assert!(output.stderr.contains(told), "{told}: {output}");
        }
        assert!(
            output.stdout.contains("not sent, because the run was stopped"),
            "{output}"
        );

        // The same again does the rest, in the room in which it was stopped, too.
        let (output, second) = site.writes_of(&["apply", FILE]).await?;
        output.exits(0);
        once(&[first, second].concat());
        is_done(&site, &directory).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_sync() -> Result<()> {
    let (site, directory) = scene().await?;
    let (output, first, _) = interrupted(&site, &["sync", "--json"], (3, 1), SLOWLY).await?;
    let output = output.exits(130);
    assert_eq!(first.len(), 3, "{output}: {:#?}", lines(&first));
    // What was done stands in the document, too.
    let document = output.json();
    assert_eq!(document["kind"], "sync", "{output}");
    let (output, second) = site.writes_of(&["sync"]).await?;
    output.exits(0);
    once(&[first, second].concat());
    is_done(&site, &directory).await
}

/// Who asks twice does not want to wait; what was under way may have been done or not.
#[tokio::test]
async fn at_once_when_asked_twice() -> Result<()> {
    let (site, directory) = scene().await?;
    site.fine(&["plan", "--out", FILE]).await?;
    let long = Duration::from_secs(2);
    let (output, first, took) = interrupted(&site, &["apply", FILE], (2, 2), long).await?;
    output.exits(130);
    assert!(took < long, "{took:?}");
    assert_eq!(first.len(), 2, "{:#?}", lines(&first));
    let (output, _) = site.writes_of(&["sync"]).await?;
    output.exits(0);
    is_done(&site, &directory).await
}
