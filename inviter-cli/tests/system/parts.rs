//! Runs on a part of everything: a pilot's scope, and what is paused.

use std::collections::BTreeSet;

use anyhow::Result;
use inviter_testkit::Recorded;

use crate::harness::{Directory, Site};

/// Three rooms of two people each.
async fn three_rooms() -> Result<(Site, Directory)> {
    let site = Site::new().await?;
    let mut directory = Directory::default();
    for (room, person) in [("alpha", "bob"), ("beta", "carol"), ("gamma", "dan")] {
        directory.room(room).members(["alice", person]);
    }
    site.register(directory.everybody()).await?;
    site.save(&directory)?;
    Ok((site, directory))
}

/// The rooms, by their short names, whose alias or ID stands in a request.
async fn asked(site: &Site, requests: &[Recorded]) -> Result<BTreeSet<&'static str>> {
    let mut asked = BTreeSet::new();
    for room in ["alpha", "beta", "gamma"] {
        let alias = site.alias(room);
        let id = site.admin.resolve_alias(&alias).await?;
        let names = |path: &str| path.contains(&alias) || id.as_ref().is_some_and(|id| path.contains(id));
        if requests.iter().any(|request| names(&request.decoded_path())) {
            asked.insert(room);
        }
    }
    Ok(asked)
}

/// A pilot of two rooms touches two rooms, and asks about two.
#[tokio::test]
async fn a_pilot_touches_its_rooms() -> Result<()> {
    let (site, directory) = three_rooms().await?;
    let pilot = ["--include-room", "#alpha*", "--include-room", "#beta*"];
    let (output, requests) = site.requests_of(&[&["plan"], &pilot[..]].concat()).await?;
    assert!(!output.clone().exits(0).stdout.contains("gamma"), "{output}");
    assert!(requests.iter().all(|request| !request.writing));
    assert_eq!(asked(&site, &requests).await?, ["alpha", "beta"].into());

    let (output, requests) = site.requests_of(&[&["sync"], &pilot[..]].concat()).await?;
    output.exits(0);
    assert_eq!(asked(&site, &requests).await?, ["alpha", "beta"].into());
    site.room("alpha").await?.is_as_wanted(&directory, "alpha");
    site.room("beta").await?.is_as_wanted(&directory, "beta");
    assert_eq!(site.admin.resolve_alias(&site.alias("gamma")).await?, None);

    // Groups outside: the same from the other side.
    let group = format!("MTRX {}", site.alias("gamma"));
    let output = site.fine(&["plan", "--include-group", &group, "--json"]).await?;
    let rooms = output.json()["rooms"].clone();
    assert_eq!(rooms.as_array().map(Vec::len), Some(1), "{output}");
    assert_eq!(rooms[0]["room"], *site.alias("gamma"));

    // Outside is not gone: a run on everything does the rest, and then nothing.
    site.fine(&["sync"]).await?;
    site.room("gamma").await?.is_as_wanted(&directory, "gamma");
    let (_, writes) = site.writes_of(&["sync"]).await?;
    assert!(writes.is_empty());
    Ok(())
}

/// A room is named by the ID behind its alias, too; one outside the scope is refused, and so is a wrong pattern.
#[tokio::test]
async fn rooms_are_named_by_id_and_refused_outside() -> Result<()> {
    let (site, _) = three_rooms().await?;
    site.fine(&["sync"]).await?;
    let id = site.room_id("beta").await?;
    let output = site.fine(&["plan", "--room", &id, "--json"]).await?;
    let json = output.json();
    let rooms = json["rooms"].as_array().map(Vec::len);
    assert_eq!(
        (rooms, &json["rooms"][0]["room"]),
        (Some(1), &site.alias("beta").into()),
        "{output}"
    );

    let refused = site
        .run(&["plan", "--room", &id, "--exclude-room", "#beta*"])
        .await?
        .exits(1);
    assert!(refused.stderr.contains("is outside the scope"), "{refused}");
    let refused = site.run(&["plan", "--include-room", "[a"]).await?.exits(1);
    assert!(refused.stderr.contains("pattern `[a`"), "{refused}");
    let refused = site.run(&["plan", "--argument", "2024"]).await?.exits(1);
    assert!(
        refused
            .stderr
            .contains("no [[room]] of the configuration has a placeholder"),
        "{refused}"
    );
    Ok(())
}

/// A paused room is neither asked about nor changed, over starts of the program, until it is resumed.
#[tokio::test]
async fn a_paused_room_is_left_alone() -> Result<()> {
    let (site, mut directory) = three_rooms().await?;
    site.fine(&["sync"]).await?;
    let (alpha, wrong) = (site.alias("alpha"), site.alias("alhpa"));
    let refused = site.run(&["pause", &wrong]).await?.exits(1);
    assert!(refused.stderr.contains("inviter idp"), "{refused}");
    let paused = site.fine(&["pause", &alpha]).await?;
    assert!(
        paused.stdout.contains(&alpha) && paused.stdout.contains("paused since 2"),
        "{paused}"
    );

    site.register(["erin"]).await?;
    for room in ["alpha", "beta"] {
        directory.room(room).members(["erin"]);
    }
    site.save(&directory)?;
    let before = site.room("alpha").await?;
    let (output, requests) = site.requests_of(&["sync"]).await?;
    assert_eq!(site.room("alpha").await?, before);
    let told = format!("paused, so nothing is done in it; `inviter resume '{alpha}'` goes on");
    assert!(output.clone().exits(0).stdout.contains(&told), "{output}");
    assert!(!asked(&site, &requests).await?.contains("alpha"));
    site.room("beta").await?.is_as_wanted(&directory, "beta");

    let listed = site.fine(&["pause", "--json"]).await?.json();
    assert_eq!(listed["paused"][0]["room"], *alpha);
    let all = site.fine(&["pause", "--all"]).await?;
    assert!(all.stdout.contains("everything"), "{all}");
    let (output, requests) = site.requests_of(&["sync"]).await?;
    assert!(
        output.clone().exits(0).stdout.contains("everything is paused"),
        "{output}"
    );
    assert!(asked(&site, &requests).await?.is_empty());

    site.fine(&["resume", "--all"]).await?;
    let resumed = site.fine(&["resume", &alpha]).await?;
    assert!(resumed.stdout.contains("nothing is paused"), "{resumed}");
    site.fine(&["sync"]).await?;
    site.room("alpha").await?.is_as_wanted(&directory, "alpha");
    let again = site.run(&["resume", &alpha]).await?.exits(1);
    assert!(again.stderr.contains("was not paused"), "{again}");
    Ok(())
}
