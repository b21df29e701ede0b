//! Plans in files: exactly what a file says is done, where it still holds, and nothing for the file's sake alone.

mod left_undone;

use std::{
    collections::{BTreeMap, BTreeSet},
    os::unix::fs::PermissionsExt as _,
};

use anyhow::Result;
use inviter_testkit::{Client, Recorded};
use serde_json::{Value, json};

use crate::harness::{CONFIG, Directory, Output, Site, files_below, found, lines};

const FILE: &str = "plan.json";

/// A site with a room that olga made and that is adopted (`old`), one that is managed (`staff`), and one to be created
/// (`lab`), after a clean run and with something to do in each.
struct Town {
    site: Site,
    olga: Client,
    directory: Directory,
    old: String,
}

impl Town {
    async fn new() -> Result<Self> {
        let site = Site::new().await?;
        let mut directory = Directory::default();
        directory
            .room("staff")
            .members(["alice", "bob"])
            .owners(["alice"]);
        directory.room("old").members(["alice", "bob", "carol"]);
        site.register(["alice", "bob", "carol", "dora", "erin", "olga"])
            .await?;
        let olga = site.person("olga").await?;
        let old = site
            .made_by(&olga, "old", &["alice", "bob", "carol"], &json!({}))
            .await?;
        site.save(&directory)?;
        site.fine(&["adopt", &site.alias("old")]).await?;
        site.run(&["sync"]).await?;
        site.fine(&["sync"]).await?;
        directory.room("lab").members(["dora"]).owners(["dora"]);
        directory.room("staff").members(["erin"]).without("bob");
        directory.room("old").without("carol").owners(["bob"]);
        site.save(&directory)?;
        Ok(Self {
            site,
            olga,
            directory,
            old,
        })
    }

    async fn saved(&self) -> Result<Value> {
        self.site.fine(&["plan", "--out", FILE]).await?;
        Ok(serde_json::from_str(&std::fs::read_to_string(
            self.site.path(FILE),
        )?)?)
    }

    fn save(&self, directory: &Directory) -> Result<()> {
        self.site.save(directory)
    }

    async fn are_as_wanted(&self, rooms: &[&str]) -> Result<()> {
        for room in rooms {
            self.site.room(room).await?.is_as_wanted(&self.directory, room);
        }
        Ok(())
    }

    /// What writing requests bring in and remove, by what the file calls it.
    async fn people(&self, writes: &[Recorded]) -> Result<BTreeSet<(String, String, String)>> {
        let mut rooms = BTreeMap::new();
        for name in ["staff", "old", "lab"] {
            if let Some(id) = self.site.admin.resolve_alias(&self.site.alias(name)).await? {
                rooms.insert(id, self.site.alias(name));
            }
        }
        let people = writes.iter().filter_map(|write| {
            let path = write.decoded_path();
            let what = match path.rsplit('/').next() {
                Some("invite") => "invite",
                Some("kick") => "remove",
                _ => return None,
            };
            let room = rooms.iter().find(|(id, _)| path.contains(id.as_str()))?.1.clone();
            let user = write.json()["user_id"].as_str()?.to_owned();
            Some((room, what.to_owned(), user))
        });
        Ok(people.collect())
    }
}

/// The same of a file.
fn people_of(file: &Value) -> BTreeSet<(String, String, String)> {
    let mut people = BTreeSet::new();
    for room in file["rooms"].as_array().unwrap() {
        for action in room["actions"].as_array().unwrap() {
            for what in ["invite", "remove"] {
                if let Some(user) = action["op"][what]["user"].as_str() {
                    let room = room["room"].as_str().unwrap().to_owned();
                    people.insert((room, what.to_owned(), user.to_owned()));
                }
            }
        }
    }
    people
}

#[track_caller]
fn refused(output: Output, because: &str) {
    let output = output.exits(1);
    assert!(output.stderr.contains(because), "{because}: {output}");
}

#[tokio::test]
async fn exactly_what_the_file_says_is_done() -> Result<()> {
    let town = Town::new().await?;
    let site = &town.site;
    site.proxy.clear();
    let file = town.saved().await?;
    assert_eq!(lines(&site.proxy.writes()), [""; 0], "a plan writes nothing");
    assert_eq!(
        (&file["kind"], &file["format"]),
        (&json!("inviter_plan"), &json!(1))
    );
    assert_eq!(file["account"], site.bot.user_id());
    let expected = people_of(&file);
    assert_eq!(expected.len(), 4, "{file:#}");

    // Nobody else may read it, and it has nothing that is worth reading to them.
    let path = site.path(FILE);
    assert_eq!(std::fs::metadata(&path)?.permissions().mode() & 0o777, 0o600);
    let bytes = std::fs::read(&path)?;
    assert_eq!(found(&bytes, &[site.bot.token()]), [""; 0]);
    let beside = files_below(path.parent().unwrap())?;
    assert!(
        !beside
            .iter()
            .any(|file| file.to_string_lossy().contains(".inviter-")),
        "{beside:?}"
    );

    // Again in its place, but never in that of anything else.
    town.saved().await?;
    refused(
        site.run(&["plan", "--out", CONFIG]).await?,
        "is no saved plan, so it is not replaced",
    );
    refused(site.run(&["plan", "--json", "--out", "-"]).await?, "`--out -`");
    for spelled in ["a.csv", "./a.csv", "state/../a.csv"] {
        let args = ["plan", "--removals-csv", "a.csv", "--out", spelled];
        refused(site.run(&args).await?, "the same file");
    }
    refused(
        site.run(&["plan", "--adopt", "--out", FILE]).await?,
        "cannot be used with",
    );
    refused(
        site.run(&["plan", "--removals-csv", "-", "--out", "-"]).await?,
        "the same file",
    );
    let output = site.fine(&["plan", "--out", "-"]).await?;
    assert_eq!(people_of(&output.json()), expected, "{output}");
    let output = site.fine(&["plan", "--removals-csv", "-", "--out", FILE]).await?;
    assert!(output.stdout.starts_with("change,room,"), "{output}");
    assert!(output.stderr.contains("inviter apply"), "{output}");
    let (output, writes) = site
        .writes_of(&["apply", FILE, "--release", "0123456789"])
        .await?;
    refused(output, "`0123456789`: nothing is held under this code");
    assert_eq!(lines(&writes), [""; 0]);

    let (output, writes) = site.writes_of(&["apply", FILE, "--json"]).await?;
    let done = output.exits(0).json();
    assert_eq!(
        (&done["kind"], &done["refused"]),
        (&json!("apply"), &json!(false))
    );
    assert_eq!(town.people(&writes).await?, expected, "{:#?}", lines(&writes));
    let others = writes.len() - expected.len();
    assert_eq!(
        others,
        2,
        "one room and one event of levels: {:#?}",
        lines(&writes)
    );
    town.are_as_wanted(&["staff", "lab"]).await?;

    // Once more there is nothing left to do.
    let (output, writes) = site.writes_of(&["apply", FILE]).await?;
    let output = output.exits(0);
    assert_eq!(lines(&writes), [""; 0]);
    assert!(output.stdout.contains("nothing is left to do"), "{output}");
    assert!(output.stdout.ends_with("apply: no changes\n"), "{output}");
    let output = site.run(&["apply", FILE, "--strict"]).await?.exits(1);
    assert!(
        output
            .stdout
            .ends_with("): of 3 rooms, nothing is left to do in 3\n"),
        "{output}"
    );
    let (_, writes) = site.writes_of(&["sync"]).await?;
    assert_eq!(lines(&writes), [""; 0], "it was all that a sync would do");
    Ok(())
}

#[tokio::test]
async fn what_has_changed_since_is_skipped_and_shown() -> Result<()> {
    let mut town = Town::new().await?;
    town.saved().await?;
    // One room changes by hand, and the directory changes for another that the file does not know.
    town.olga.kick(&town.old, &town.site.user("alice")).await?;
    let mut later = town.directory.clone();
    later.room("new").members(["erin"]);
    town.save(&later)?;
    let before = town.site.digest().await?;
    let (output, writes) = town.site.writes_of(&["apply", FILE, "--strict"]).await?;
    let output = output.exits(1);
    assert_eq!(lines(&writes), [""; 0]);
    assert_eq!(before, town.site.digest().await?);
    assert!(
        output
            .stdout
            .ends_with("): of 3 rooms, it does not hold any more in 1; plan again\n"),
        "{output}"
    );
    for part in [
        "only in what would be done now:",
        &format!("+ invite {}", town.site.user("alice")),
    ] {
        assert!(output.stdout.contains(part), "{part}: {output}");
    }

    let (output, writes) = town.site.writes_of(&["apply", FILE]).await?;
    let output = output.exits(4);
    assert!(
        output
            .stdout
            .contains("skipped: it has changed since the plan was saved"),
        "{output}"
    );
    assert!(output.stdout.contains("apply: 1 room skipped"), "{output}");
    assert!(
        output.stdout.contains("1 room beside those of the plan"),
        "{output}"
    );
    assert!(
        !writes.is_empty() && !lines(&writes).iter().any(|line| line.contains(&town.old)),
        "{output}"
    );
    let new = town.site.admin.resolve_alias(&town.site.alias("new")).await?;
    assert_eq!(new, None, "a room that is not in the file");
    town.are_as_wanted(&["staff", "lab"]).await?;
    assert!(town.site.room("old").await?.inside().contains("carol"));

    // The directory wants carol again: the rest of the file holds no more.
    town.directory.room("old").members(["carol"]);
    town.save(&town.directory)?;
    let (output, writes) = town.site.writes_of(&["apply", FILE, "--json"]).await?;
    let done = output.exits(4).json();
    assert_eq!(lines(&writes), [""; 0]);
    let old = done["plan"]["rooms"].as_array().unwrap();
    let old = old
        .iter()
        .find(|room| room["room"] == town.site.alias("old"))
        .unwrap();
    assert_eq!(old["standing"], "changed");
    assert_eq!(
        old["only_in_file"][0]["op"]["remove"]["user"],
        town.site.user("carol")
    );
    Ok(())
}

#[tokio::test]
async fn a_file_of_somebody_else_or_one_that_was_changed_does_no_harm() -> Result<()> {
    let town = Town::new().await?;
    let site = &town.site;
    let file = town.saved().await?;
    let write = |file: &Value| site.write(FILE, &file.to_string());
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut file = file.clone();
        change(&mut file);
        write(&file)
    };
    let before = site.digest().await?;
    for (change, because) in [
        (
            &(|file: &mut Value| file["homeserver"] = json!("elsewhere.example")) as &dyn Fn(&mut Value),
            "made for the homeserver elsewhere.example",
        ),
        (
            &|file| file["account"] = json!(site.user("olga")),
            "made for the account @olga",
        ),
        (
            &|file| file["configured_scope"]["rooms"]["include"] = json!([["#x*"]]),
            "`[scope]`",
        ),
        (&|file| file["format"] = json!(7), "it is of format 7"),
        (
            &|file| file["rooms"][0]["actions"][0]["op"] = json!({"explode": null}),
            "unknown variant `explode`",
        ),
        (
            &|file| file["program"] = json!(["\u{1b}[2J"]),
            "cannot be understood",
        ),
        (
            &|file| *file = json!({"kind": "plan", "schema": 1}),
            "no plan that was saved",
        ),
    ] {
        changed(change)?;
        let (output, writes) = site.writes_of(&["apply", FILE]).await?;
        assert_eq!(lines(&writes), [""; 0], "{because}");
        assert!(!output.stderr.contains('\u{1b}'), "{output}");
        refused(output, because);
    }
    site.write(FILE, "no plan")?;
    refused(site.run(&["apply", FILE]).await?, "not JSON");
    refused(
        site.run(&["apply", "none.json"]).await?,
        "none.json: it cannot be read",
    );
    refused(site.run(&["apply", "."]).await?, "not an ordinary file");
    let large = std::fs::File::create(site.path(FILE))?;
    large.set_len(64 * 1024 * 1024 + 1)?;
    refused(site.run(&["apply", FILE]).await?, "larger than 64 MiB");
    assert_eq!(before, site.digest().await?);

    // Alice is wanted, and somebody has written that she goes.
    let removal = json!({
        "op": {"remove": {"user": site.user("alice"), "invitation": false, "reason": null}},
        "why": {"rule": "in_no_group"},
    });
    changed(&|file| {
        for room in file["rooms"].as_array_mut().unwrap() {
            room["actions"].as_array_mut().unwrap().push(removal.clone());
        }
    })?;
    // Alone it is told, and nothing is done.
    let all = std::fs::read_to_string(site.path(FILE))?;
    changed(&|file| {
        for room in file["rooms"].as_array_mut().unwrap() {
            room["actions"] = json!([removal]);
        }
    })?;
    let (output, writes) = site.writes_of(&["apply", FILE]).await?;
    let output = output.exits(4);
    assert_eq!(lines(&writes), [""; 0]);
    let shown = format!("- remove {}", site.user("alice"));
    assert_eq!(output.stdout.matches(&shown).count(), 3, "{output}");
    assert_eq!(before, site.digest().await?);
    // Beside what is to be done it is not done either.
    site.write(FILE, &all)?;
    let (output, writes) = site.writes_of(&["apply", FILE]).await?;
    output.exits(0);
    assert_eq!(town.people(&writes).await?, people_of(&file));
    assert!(town.site.room("old").await?.inside().contains("alice"));
    town.are_as_wanted(&["staff", "lab"]).await
}
