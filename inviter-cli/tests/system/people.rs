//! Who goes later, who stays because others invited them, what is told of the past, and a state directory that is full.

use std::{process::Stdio, time::Duration};

use anyhow::Result;
use inviter_testkit::{enc, expect_ok};
use serde_json::json;
use tokio::process::Command;

use crate::harness::{Directory, Output, Site};

/// A site whose room `staff` has Alice, Bob and Carol in it, after a clean run; the room is the directory's alone.
async fn staffed(sections: &str) -> Result<(Site, Directory)> {
    let site = Site::new().await?;
    site.configure("", sections)?;
    let mut directory = Directory::default();
    directory.room("staff").members(["alice", "bob", "carol"]);
    site.register(directory.everybody()).await?;
    site.save(&directory)?;
    site.fine(&["sync"]).await?;
    site.join("staff", ["alice", "bob", "carol"]).await?;
    site.fine(&["sync"]).await?;
    Ok((site, directory))
}

async fn membership(site: &Site, person: &str) -> Result<String> {
    let room = site.room("staff").await?;
    Ok(room.members.get(person).cloned().unwrap_or_default())
}

#[tokio::test]
async fn people_go_after_their_grace_and_the_past_is_told() -> Result<()> {
    const GRACE: Duration = Duration::from_secs(3);

    let people = "[people]\ngrace = \"3s\"\nremove = \"brought_by_us\"\n";
    let (site, mut directory) = staffed(people).await?;
    // Zoe comes by hand: she is in no group, and another invites her.
    site.register(["zoe"]).await?;
    let room = site.room_id("staff").await?;
    let levels = format!(
        "/_matrix/client/v3/rooms/{}/state/m.room.power_levels",
        enc(&room)
    );
    let mut content = expect_ok("levels", site.bot.get(&levels).await?)?;
    content["users"][site.user("alice")] = json!(100);
    expect_ok("levels", site.bot.put(&levels, content).await?)?;
    site.person("alice")
        .await?
        .invite(&room, &site.user("zoe"))
        .await?;
    site.person("zoe").await?.join(&room).await?;

    directory.room("staff").without("bob");
    site.save(&directory)?;
    let begun = tokio::time::Instant::now();
    let output = site.fine(&["sync"]).await?;
    assert!(output.stdout.contains("is removed after"), "{output}");
    assert!(
        output.stdout.contains("1 person who is in none of its groups"),
        "{output}"
    );
    assert_eq!(membership(&site, "bob").await?, "join");
    // A return ends it, and it begins anew.
    directory.room("staff").members(["bob"]);
    site.save(&directory)?;
    let output = site.fine(&["sync"]).await?;
    assert!(!output.stdout.contains("is removed after"), "{output}");
    directory.room("staff").without("bob");
    site.save(&directory)?;
    tokio::time::sleep_until(begun + GRACE).await;
    let output = site.fine(&["sync"]).await?;
    assert!(output.stdout.contains("is removed after"), "{output}");
    tokio::time::sleep(GRACE).await;
    site.fine(&["sync"]).await?;
    assert_eq!(membership(&site, "bob").await?, "leave");
    assert_eq!(membership(&site, "zoe").await?, "join");

    let alias = site.alias("staff");
    let output = site.fine(&["explain", &site.user("bob"), &alias]).await?;
    let past: Vec<&str> = output
        .stdout
        .lines()
        .skip_while(|line| !line.starts_with("  past"))
        .collect();
    assert!(
        past[0].contains(": member of ") && past[0].contains("invited"),
        "{output}"
    );
    assert!(past[1].ends_with("removed: in no group of the room"), "{output}");
    let told = site
        .fine(&["explain", &site.user("alice"), &alias, "--json"])
        .await?
        .json();
    assert_eq!(told["past"][0]["what"], "invited", "{told}");
    assert_eq!(told["past"][0]["rule"], "member_of", "{told}");
    assert!(told["brought"]["group"]["name"].is_string(), "{told}");
    let told = site
        .fine(&["explain", &site.user("zoe"), &alias, "--json"])
        .await?
        .json();
    assert_eq!(
        (&told["brought"], &told["past"]),
        (&json!(null), &json!([])),
        "{told}"
    );
    Ok(())
}

/// What the program does where no file may grow beyond `kilobytes`, as on a disk that is full.
async fn cramped(site: &Site, kilobytes: u32, args: &[&str]) -> Result<Output> {
    let command = site.command(args);
    let command = command.as_std();
    let mut shell = Command::new("bash");
    // The signal is ignored, so that writing fails as it does without space.
    shell
        .args(["-c", "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"", "bash"])
        .arg(kilobytes.to_string())
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(site.path(""))
        .env_clear()
        .env("HOME", site.path(""))
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null());
    Output::of(args, shell.output().await?)
}

#[tokio::test]
async fn a_full_disk_lets_nobody_go_unrecorded() -> Result<()> {
    let (site, mut directory) = staffed("").await?;
    directory.room("staff").without("bob").members(["dora"]);
    site.register(["dora"]).await?;
    site.save(&directory)?;
    // Where the file cannot even be opened, nothing is done at all.
    for kilobytes in [0, 16] {
        let output = cramped(&site, kilobytes, &["sync"]).await?.exits(1);
        assert!(
            output.stderr.contains("see that the disk is not full"),
            "{output}"
        );
        assert_eq!(membership(&site, "bob").await?, "join");
        assert_eq!(membership(&site, "dora").await?, "");
    }
    // Where the space ends while it runs, what could not be written down is told; who went was written down before.
    let output = cramped(&site, 32, &["sync"]).await?.exits(4);
    assert!(
        output.stdout.contains("see that the disk is not full"),
        "{output}"
    );
    // With space again, one run does all.
    site.fine(&["sync"]).await?;
    assert_eq!(membership(&site, "bob").await?, "leave");
    assert_eq!(membership(&site, "dora").await?, "invite");
    let (_, writes) = site.writes_of(&["sync"]).await?;
    assert!(writes.is_empty(), "{writes:?}");
    Ok(())
}
