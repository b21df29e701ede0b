//! Texts that are there to do harm, from a directory and from a homeserver, through everything that the program writes:
//! the terminal, documents for programs, the table of removals, and the rooms themselves.
//!
//! What the terminal makes of names is in `fault_table/names.rs`, and of formulas in `evidence/table.rs`; here they are
//! very long and everything at once.

use anyhow::{Context as _, Result};
use inviter_testkit::{Fault, harmful, is_readable};
use serde_json::{Value, json};

use crate::harness::{DIRECTORY, Output, Site};

/// Of a terminal, of a chat client, of a spreadsheet, of a log.
const EVIL: &str = "=cmd|'/c'!A1 \u{1b}]0;owned\u{7}\u{1b}[2J\n[error] forged\r\t<b>x</b>**y** @room \u{202e}txt\u{2066}\u{200b}\u{9b}31m\u{7f}";

/// How often three characters are said, so that a line of them is longer than any that is shown.
const LONG: usize = 25_000;

/// The longest table that is shown.
const TABLE: usize = 64 << 10;

/// What a person reads of a run.
#[track_caller]
fn readable(output: &Output, told: &str) {
    is_readable(&output.stdout, told);
    is_readable(&output.stderr, told);
}

/// A group with such a name that feeds a room, one that decodes to nothing, and a member who is nobody.
fn directory(site: &Site, members: &[&str], evil: &str) -> String {
    let people = ["alice", "bob", "carol"].map(|name| json!({ "id": name, "uid": site.alias_name(name) }));
    let mut members: Vec<String> = members.iter().map(|name| (*name).to_owned()).collect();
    members.push(format!("nobody {evil}"));
    let groups = json!([
        { "id": "lab", "name": evil, "members": members },
        { "id": "other", "name": format!("MTRX #bad{evil}"), "members": ["alice"] },
    ]);
    json!({ "people": people, "groups": groups }).to_string()
}

#[tokio::test]
async fn everywhere_and_very_long() -> Result<()> {
    let evil = format!("{EVIL}{}", "<&\u{1}".repeat(LONG));
    let site = Site::new().await?;
    site.register(["alice", "bob", "carol"]).await?;
    site.write(DIRECTORY, &directory(&site, &["alice", "bob"], &evil))?;
    let sections = format!(
        "[people]\ninvite_reason = \"By {{groups}}\"\nremove_reason = \"Not by {{groups}}\"\n\n[[room]]\nalias = \"{}\"\n\
         groups = [\"lab\"]",
        site.alias("lab")
    );
    site.configure("", &sections)?;

    for args in [&["idp"][..], &["plan", "-vv"]] {
        let output = site.run(args).await?;
        assert!(!output.stdout.is_empty(), "{args:?}: {}", output.stderr);
        readable(&output, &format!("{args:?}"));
    }
    // A program gets all of it, as one document.
    let output = site.run(&["idp", "--json"]).await?;
    assert_eq!(harmful(&output.stdout), None, "idp --json");
    assert!(
        output
            .json()
            .to_string()
            .contains(&json!(EVIL).to_string().trim_matches('"')[..20])
    );

    let output = site.run(&["sync"]).await?;
    readable(&output, "sync");
    let id = site.room_id("lab").await?;
    let reason = reason(&site, &id, "alice").await?;
    assert!(reason.starts_with("By =cmd|"), "{reason:.300}");
    is_readable(&reason, "an invitation's reason");
    assert!(reason.len() < 8_192, "{}", reason.len());

    // Who is removed, in the table and in the room: once the list can be read to its end.
    site.join("lab", ["alice", "bob"]).await?;
    let clean = directory(&site, &["alice"], &evil);
    let mut without: Value = serde_json::from_str(&clean)?;
    without["groups"][0]["members"] = json!(["alice"]);
    without["groups"].as_array_mut().context("groups")?.truncate(1);
    site.write(DIRECTORY, &without.to_string())?;
    let output = site.run(&["plan", "--removals-csv", "-"]).await?;
    let table = &output.stdout;
    is_readable(table, "the table");
    assert!(table.lines().count() == 2 && table.len() < TABLE, "{table:.2000}");
    assert!(
        table.contains("'=cmd|") && !table.contains(",=cmd") && !table.contains("\"=cmd"),
        "{table:.2000}"
    );
    let output = site.run(&["sync"]).await?;
    readable(&output, "sync");
    let gone = self::reason(&site, &id, "bob").await?;
    assert!(
        gone.starts_with("Not by =cmd|") && gone.len() < 8_192,
        "{output}: {gone:.300}"
    );
    is_readable(&gone, "a removal's reason");
    Ok(())
}

/// What the room's members read beside the membership of a person.
async fn reason(site: &Site, room: &str, person: &str) -> Result<String> {
    let state = site
        .bot
        .state_event(room, "m.room.member", &site.user(person))
        .await?;
    let state = state.context("no membership")?;
    let reason = state["reason"].as_str();
    Ok(reason.context("no reason")?.to_owned())
}

/// The same from the homeserver, or from whatever answers in its place.
#[tokio::test]
async fn errors_of_a_homeserver() -> Result<()> {
    let site = Site::new().await?;
    site.register(["alice"]).await?;
    let mut directory = crate::harness::Directory::default();
    directory.room("lab").members(["alice"]);
    site.save(&directory)?;
    // A megabyte each, as JSON and as a page: the most that is taken of an answer is a little more.
    let evil = format!("{EVIL}{}", "<&\u{1}".repeat(1_000_000 / 8));
    let page = format!("<!DOCTYPE html><p>{EVIL}{}</p>", "<&\u{1}".repeat(1_000_000 / 3));
    let as_matrix = json!({ "errcode": format!("M_{EVIL}"), "error": evil }).to_string();
    // Where the alias leads is remembered once the room is made, and not asked any more; rooms are read once there is one.
    // The row of invitations makes it.
    for (path, status, body) in [
        ("/directory/room/", 500, as_matrix.clone()),
        ("/createRoom", 403, as_matrix.clone()),
        ("/createRoom", 400, page),
        ("/versions", 403, as_matrix.clone()),
        ("/whoami", 403, as_matrix.clone()),
        ("/whoami", 200, evil),
        ("/invite", 403, as_matrix.clone()),
        ("/joined_rooms", 403, as_matrix.clone()),
        ("/sync", 403, as_matrix.clone()),
    ] {
        let (wanted, answer) = (path.to_owned(), body.clone());
        site.proxy.on_request(move |request| {
            let hit = request.path.contains(&wanted);
            hit.then(|| Fault::Status(status, Vec::new(), answer.clone()))
        });
        // A plan makes nothing and invites nobody.
        let planned = !["/createRoom", "/invite"].contains(&path);
        let plan = planned.then_some(&["plan", "--json"][..]);
        for args in [&["sync", "-vvv"][..]].into_iter().chain(plan) {
            let (output, requests) = site.requests_of(args).await?;
            let told = format!("{path} {status} {args:?}");
            let met = requests
                .iter()
                .filter(|request| request.path.contains(path) && request.status == Some(status));
            assert!(met.count() > 0, "{told}: {output}");
            if args.contains(&"--json") {
                assert_eq!(harmful(&output.stdout), None, "{told}");
                is_readable(&output.stderr, &told);
            } else {
                readable(&output, &told);
            }
            // What was said is told, be it by the log.
            let told_so = output.stdout.contains("forged") || output.stderr.contains("forged");
            assert!(
                told_so || body != as_matrix || args[0] == "plan",
                "{told}: {output}"
            );
        }
        site.proxy.heal();
    }
    Ok(())
}
