//! What waits for a person: `release` shows it and lets it go, `status` tells of it beside the runs.

use anyhow::Result;
use serde_json::{Value, json};

use crate::harness::{Directory, Site};

const PEOPLE: [&str; 6] = ["alice", "bob", "carol", "dan", "erin", "frank"];

/// Two rooms with the same people, in which removals are allowed.
async fn two_rooms() -> Result<(Site, Directory)> {
    let site = Site::new().await?;
    let mut directory = Directory::default();
    for room in ["alpha", "beta"] {
        directory.room(room).members(PEOPLE).owners(["alice"]);
    }
    directory.people(["gina"]);
    site.register(directory.everybody()).await?;
    site.save(&directory)?;
    site.fine(&["sync"]).await?;
    Ok((site, directory))
}

/// All but alice and bob go from a room.
fn thin_out(directory: &mut Directory, room: &str) {
    for person in ["carol", "dan", "erin", "frank"] {
        directory.room(room).without(person);
    }
}

/// The code of a room in what `release --json` shows.
fn code<'v>(site: &Site, held: &'v Value, room: &str) -> &'v str {
    let alias = site.alias(room);
    let mut rooms = held["rooms"].as_array().unwrap().iter();
    let room = rooms.find(|room| room["room"] == alias).unwrap();
    room["release"].as_str().unwrap()
}

#[tokio::test]
async fn what_is_held_is_let_go_room_by_room() -> Result<()> {
    let (site, mut directory) = two_rooms().await?;
    let (output, writes) = site.writes_of(&["release"]).await?;
    assert!(writes.is_empty(), "{output}");
    assert_eq!(output.exits(0).stdout, "release: nothing is held\n");

    thin_out(&mut directory, "alpha");
    thin_out(&mut directory, "beta");
    site.save(&directory)?;
    let (output, writes) = site.writes_of(&["release", "--json"]).await?;
    assert!(writes.is_empty(), "{output}");
    let held = output.exits(3).json();
    assert_eq!(held["kind"], "release");
    assert_eq!(held["counts"], json!({ "rooms": 2, "held": 8 }));
    let (alpha, all) = (code(&site, &held, "alpha"), held["release"].as_str().unwrap());
    let shown = site.run(&["release"]).await?.exits(3);
    for code in [alpha, code(&site, &held, "beta"), all] {
        let told = format!("run `inviter release {code}`");
        assert!(shown.stdout.contains(&told), "{shown}");
    }
    assert!(
        shown.stdout.ends_with("\nrelease: 8 held in 2 rooms\n"),
        "{shown}"
    );

    // A code that stands for nothing does nothing at all, with a good one beside it or without.
    for codes in [&["0000000000"][..], &[alpha, "0000000000"]] {
        let args: Vec<&str> = ["release"].into_iter().chain(codes.iter().copied()).collect();
        let (output, writes) = site.writes_of(&args).await?;
        assert!(writes.is_empty(), "{output}");
        let output = output.exits(1);
        assert_eq!(output.stdout, "");
        assert!(
            output
                .stderr
                .contains("`0000000000`: nothing is held under this code"),
            "{output}"
        );
    }

    let (output, writes) = site.writes_of(&["release", "--dry-run", alpha]).await?;
    assert!(writes.is_empty(), "{output}");
    assert!(
        output.exits(3).stdout.contains("4 to remove"),
        "a dry run shows it"
    );

    // One room's code is for that room.
    let output = site.run(&["release", alpha]).await?.exits(3);
    assert!(output.stdout.contains("4 removed"), "{output}");
    site.room("alpha").await?.is_as_wanted(&directory, "alpha");
    let beta = site.room("beta").await?;
    for person in PEOPLE {
        assert!(beta.inside().contains(person), "{person}");
    }
    // And of no use a second time.
    site.run(&["release", alpha]).await?.exits(1);

    let held = site.run(&["release", "--json"]).await?.exits(3).json();
    let beta = code(&site, &held, "beta");
    site.run(&["release", beta]).await?.exits(0);
    site.room("beta").await?.is_as_wanted(&directory, "beta");
    let (output, writes) = site.writes_of(&["sync"]).await?;
    assert!(writes.is_empty(), "{}", output.exits(0));
    Ok(())
}

/// The one hold that `status` tells of.
async fn hold(site: &Site) -> Result<Value> {
    let (output, writes) = site.writes_of(&["status", "--json"]).await?;
    assert!(writes.is_empty(), "{output}");
    let status = output.json();
    let holds = status["holds"].as_array().unwrap();
    assert_eq!(holds.len(), 1, "{status:#}");
    Ok(holds[0].clone())
}

#[tokio::test]
async fn a_hold_is_kept_and_a_code_is_good_once() -> Result<()> {
    let (site, mut directory) = two_rooms().await?;
    let everybody = directory.clone();
    thin_out(&mut directory, "alpha");
    site.save(&directory)?;
    site.run(&["sync"]).await?.exits(3);
    let first = hold(&site).await?;
    let code = first["release"].as_str().unwrap();
    assert_eq!(
        (&first["room"], &first["removals"], &first["demotions"]),
        (&json!(site.alias("alpha")), &json!(4), &json!(0))
    );
    assert_eq!(first["standing"], "held");
    assert_eq!(
        first["reasons"],
        json!(["4 of 6 people of this room would go, the limit is 3 and 25 %"])
    );
    let shown = site.run(&["status"]).await?.exits(3);
    for told in [
        format!("held in {} since ", site.alias("alpha")),
        format!(": 4 people to remove; if that is right, run `inviter release {code}`\n"),
    ] {
        assert!(shown.stdout.contains(&told), "{told}: {shown}");
    }
    // Another run holds the same, and has not begun it.
    site.run(&["sync"]).await?.exits(3);
    let second = hold(&site).await?;
    assert_eq!(
        (&second["since"], &second["release"]),
        (&first["since"], &first["release"])
    );
    let output = site.run(&["release", code]).await?.exits(0);
    assert!(output.stdout.contains("4 removed"), "{output}");

    // The same people come back and are dropped again: another word is needed.
    site.save(&everybody)?;
    let output = site.fine(&["sync"]).await?;
    assert!(output.stdout.contains("4 invited"), "{output}");
    site.save(&directory)?;
    site.run(&["sync"]).await?.exits(3);
    let third = hold(&site).await?;
    assert_ne!(third["release"], code);
    assert_eq!(third["removals"], 4);
    for args in [["release", code, "--json"], ["sync", "--release", code]] {
        let (output, _) = site.writes_of(&args).await?;
        let told = output.to_string();
        assert!(!told.contains("4 removed"), "{told}");
        site.room("alpha").await?.is_as_wanted(&everybody, "alpha");
    }
    let refused = site.run(&["release", code]).await?.exits(1);
    assert!(
        refused.stderr.contains("nothing is held under this code")
            && refused.stderr.contains("a code is good once"),
        "{refused}"
    );
    Ok(())
}

#[tokio::test]
async fn each_directory_has_its_limit_and_zero_lets_nobody_go() -> Result<()> {
    let site = Site::new().await?;
    let limits = |text: &str| {
        site.configure(
            "",
            &format!(
                "[[directory]]\nname = \"branch\"\nkind = \"file\"\npath = \"branch.json\"\n[limits]\n{text}\n"
            ),
        )
    };
    limits("room_count = 50\ndirectory_count = 1\ndirectory_percent = 10")?;
    let (mut people, mut branch) = (Directory::default(), Directory::default());
    people.room("alpha").members(PEOPLE);
    branch.room("gamma").members(PEOPLE);
    site.register(people.everybody()).await?;
    let save = |people: &Directory, branch: &Directory| {
        site.save(people)?;
        site.write("branch.json", &branch.json(&site).to_string())
            .map(drop)
    };
    save(&people, &branch)?;
    site.fine(&["sync"]).await?;

    people.room("alpha").without("frank");
    branch.room("gamma").without("frank").without("erin");
    save(&people, &branch)?;
    let output = site.run(&["sync"]).await?.exits(3);
    for told in [
        "held: 2 of 6 people of the rooms of directory branch would go, the limit is 1 and 10 %",
        "1 removed, 0 changed; 2 held",
    ] {
        assert!(output.stdout.contains(told), "{told}: {output}");
    }
    site.room("alpha").await?.is_as_wanted(&people, "alpha");
    assert!(site.room("gamma").await?.inside().contains("frank"));

    // Whatever the other limits: with a zero, not even one goes without a word.
    limits("room_count = 50\ndirectory_count = 50\ntotal_percent = 0")?;
    branch.room("gamma").members(["frank", "erin"]);
    people.room("alpha").without("erin");
    save(&people, &branch)?;
    let output = site.run(&["sync"]).await?.exits(3);
    let told = "and a limit of 0 lets nobody go without a person's word";
    assert!(output.stdout.contains(told), "{output}");
    assert!(site.room("alpha").await?.inside().contains("erin"));
    let held = hold(&site).await?;
    site.run(&["release", held["release"].as_str().unwrap()])
        .await?
        .exits(0);
    site.room("alpha").await?.is_as_wanted(&people, "alpha");
    Ok(())
}

/// Whether a run holds this for this reason alone, shows it by `status`, and removes nobody. Answers with its code.
async fn holds(site: &Site, room: &str, removals: u32, reason: &str) -> Result<String> {
    let before = site.digest().await?;
    // Again, too: a run that has held something has not got used to it.
    for _ in 0..2 {
        let output = site.run(&["sync"]).await?.exits(3);
        assert!(output.stdout.contains(reason), "{reason}: {output}");
    }
    assert_eq!(site.digest().await?, before);
    let held = hold(site).await?;
    assert_eq!(
        (&held["room"], &held["removals"]),
        (&json!(site.alias(room)), &json!(removals)),
        "{held:#}"
    );
    let reasons = held["reasons"].as_array().unwrap();
    let [only] = &reasons[..] else {
        anyhow::bail!("one reason: {held:#}")
    };
    assert!(only.as_str().unwrap().contains(reason), "{reason}: {held:#}");
    let shown = site.run(&["status"]).await?.exits(3);
    let code = held["release"].as_str().unwrap().to_owned();
    let told = format!("if that is right, run `inviter release {code}`\n");
    assert!(shown.stdout.contains(&told), "{told}: {shown}");
    Ok(code)
}

/// Nobody goes because a group has vanished or the directory has shrunk, however high the other limits are, unless the
/// configuration or a person says so; and then exactly those go.
#[tokio::test]
async fn vanished_groups_and_shrunken_directories() -> Result<()> {
    let site = Site::new().await?;
    let configure = |groups: &[&str], more: &str| {
        let alias = site.alias("hall");
        let limits = "[limits]\nroom_count = 50\ntotal_count = 50\nshrink_count = 1\nshrink_percent = 10\n";
        let room = format!("[[room]]\nalias = \"{alias}\"\ngroups = {groups:?}\n");
        site.configure("", &format!("{limits}{more}\n{room}"))
    };
    let mut directory = Directory::default();
    directory.room("alpha").members(PEOPLE);
    directory.group("staff").members(["alice", "bob", "carol"]);
    directory.group("temps").members(["dan"]);
    directory.group("guests").members(["gina"]);
    directory.people(["dan", "gina"]);
    site.register(directory.everybody()).await?;
    site.save(&directory)?;
    configure(&["staff", "temps", "guests"], "")?;
    site.fine(&["sync"]).await?;

    directory.remove_group("temps");
    site.save(&directory)?;
    configure(&["staff", "guests"], "")?;
    let code = holds(&site, "hall", 1, "group temps (people) is gone").await?;
    let output = site.fine(&["release", &code]).await?;
    assert!(output.stdout.contains(" 1 removed,"), "{output}");
    let inside = async || Ok::<_, anyhow::Error>(Vec::from_iter(site.room("hall").await?.inside()));
    assert_eq!(inside().await?, ["alice", "bob", "carol", "gina"]);
    site.room("alpha").await?.is_as_wanted(&directory, "alpha");

    directory.room("alpha").without("erin").without("frank");
    site.save(&directory)?;
    let code = holds(&site, "alpha", 2, "shrank from 7 to 5 accounts").await?;
    let output = site.fine(&["release", &code]).await?;
    assert!(output.stdout.contains(" 2 removed,"), "{output}");
    site.room("alpha").await?.is_as_wanted(&directory, "alpha");
    assert_eq!(inside().await?, ["alice", "bob", "carol", "gina"]);

    // By the key that says so, a group that is gone is an empty one.
    directory.remove_group("guests");
    site.save(&directory)?;
    configure(&["staff"], "danger_vanished_groups_are_empty = true\n")?;
    let output = site.fine(&["sync"]).await?;
    assert!(output.stdout.contains(" 1 removed,"), "{output}");
    assert_eq!(inside().await?, ["alice", "bob", "carol"]);
    let (output, writes) = site.writes_of(&["sync"]).await?;
    assert!(writes.is_empty(), "{}", output.exits(0));
    Ok(())
}

#[tokio::test]
async fn how_things_stand() -> Result<()> {
    let (site, mut directory) = two_rooms().await?;
    site.fine(&["pause", &site.alias("beta")]).await?;
    directory.room("alpha").without("carol").members(["gina"]);
    site.save(&directory)?;
    let (output, writes) = site.writes_of(&["status", "--json"]).await?;
    assert!(writes.is_empty(), "{output}");
    let status = output.exits(0).json();
    assert_eq!(status["kind"], "status");
    let runs = status["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 1, "looking at things is no run");
    assert_eq!(
        (&runs[0]["cause"], &runs[0]["whole"], &runs[0]["not_begun"]),
        (&json!("person"), &json!(true), &Value::Null)
    );
    assert_eq!(runs[0]["counts"]["rooms_created"], 2);
    assert_eq!(status["directories"][0]["directory"], "people");
    assert_eq!(status["directories"][0]["active_accounts"], 7);
    assert!(status["directories"][0]["age_seconds"].as_u64().unwrap() < 600);
    assert_eq!(status["paused"][0]["room"], site.alias("beta"));
    let rooms = &status["rooms"];
    assert_eq!(rooms["by_status"], json!({ "managed": 1, "paused": 1 }));
    // Nobody who watches has asked for it, so that the removal waits; the invitation does not.
    assert_eq!(
        (&rooms["counts"]["pending"], &rooms["counts"]["invited"]),
        (&json!(1), &json!(1))
    );
    let waiting = rooms["waiting"].as_array().unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0]["actions"].as_array().unwrap().len(), 1);
    assert_eq!(waiting[0]["actions"][0]["user"], site.user("carol"));
    assert_eq!(waiting[0]["actions"][0]["why"], "in_no_group");

    let output = site.fine(&["status"]).await?;
    for told in [
        ", by a person: 2 rooms created, ",
        "directory people: last read completely ",
        &format!("paused: {} since ", site.alias("beta")),
        "2 rooms: 1 managed; 1 paused; as of ",
        "waits for `inviter sync`\n",
    ] {
        assert!(output.stdout.contains(told), "{told}: {output}");
    }
    assert!(output.stdout.ends_with("0 held, 1 pending\n"), "{output}");

    // A run that cannot begin is told of, too; where the homeserver does not even say who asks, nothing is known.
    site.run(&["sync", "--room", "#nowhere:example.org"])
        .await?
        .exits(1);
    let output = site.fine(&["status"]).await?;
    let first = output.stdout.lines().next().unwrap();
    assert!(
        first.contains("by a person: could not begin: #nowhere:example.org is not a room"),
        "{output}"
    );
    Ok(())
}
