//! The table of removals: what the plan says, and nothing that a spreadsheet would run.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Value, json};

use super::{actions, staff, table};
use crate::harness::{CONFIG, DIRECTORY, Output, Site};

/// Groups whose names a spreadsheet would take for formulas.
fn formulas(site: &Site, members: &[&str]) -> String {
    let people = ["alice", "bob", "carol", "dan", "eve"].map(
        |name| json!({ "id": format!("={name}"), "uid": site.alias_name(name), "enabled": name != "dan" }),
    );
    let members: Vec<String> = members.iter().map(|name| format!("={name}")).collect();
    let groups = [
        json!({ "id": "lab", "name": "=HYPERLINK(\"http://evil\")", "members": members }),
        json!({ "id": "+1", "name": "@SUM(A1)", "members": ["=alice"] }),
    ];
    json!({ "people": people, "groups": groups }).to_string()
}

#[tokio::test]
async fn the_table_of_removals_says_what_the_plan_says() -> Result<()> {
    let site = Site::new().await?;
    site.register(["alice", "bob", "carol", "dan", "eve"]).await?;
    site.write(DIRECTORY, &formulas(&site, &["alice", "bob", "carol", "eve"]))?;
    let room = format!(
        "[[room]]\nalias = \"{}\"\ngroups = [\"lab\", \"+1\"]",
        site.alias("lab")
    );
    site.configure("", &room)?;
    site.fine(&["sync"]).await?;
    site.fine(&["sync"]).await?;
    site.join("lab", ["bob", "eve"]).await?;
    let id = site.room_id("lab").await?;
    let mut levels = site.bot.power_levels(&id).await?;
    for name in ["bob", "eve"] {
        levels["users"][site.user(name)] = json!(25);
    }
    site.bot
        .send_state(&id, "m.room.power_levels", "", levels)
        .await?;

    // Nothing to remove: only the header, and only if asked for.
    let output = site
        .fine(&[
            "plan",
            "--removals-csv",
            "table.csv",
            "--room",
            &site.alias("lab"),
        ])
        .await?;
    assert!(
        output.stderr.contains("0 removals and 2 lowered levels"),
        "{output}"
    );
    assert!(output.stdout.contains("plan: "), "{output}");
    let lowered = table(&std::fs::read_to_string(site.path("table.csv"))?);
    assert_eq!(
        lowered
            .iter()
            .map(|row| (&*row["change"], &*row["level"]))
            .collect::<Vec<_>>(),
        [("lower", "25"); 2]
    );

    site.write(DIRECTORY, &formulas(&site, &["alice", "eve"]))?;
    let args = ["plan", "--json", "--removals-csv", "table.csv"];
    let plan = site.fine(&args).await?.json();
    let rows = table(&std::fs::read_to_string(site.path("table.csv"))?);
    let removals: Vec<Value> = actions(&plan)
        .into_iter()
        .map(|(_, a)| a)
        .filter(|a| a["action"] == "remove")
        .collect();
    assert_eq!(removals.len(), 2, "{plan:#}");
    for removal in &removals {
        let user = format!("'{}", removal["user"].as_str().unwrap());
        let row = rows.iter().find(|row| row["user"] == user).unwrap();
        let invited = removal["invitation"] == true;
        let expected = if invited {
            ("withdraw_invitation", "invited", "0")
        } else {
            ("remove", "joined", "25")
        };
        assert_eq!((&*row["change"], &*row["membership"], &*row["level"]), expected);
        assert_eq!(removal["level"].to_string(), row["level"]);
        assert_eq!((&row["room"], &row["room_id"]), (&site.alias("lab"), &id));
        assert_eq!(removal["evidence"]["rule"], row["rule"]);
        assert_eq!(
            (&*row["verdict"], &*row["directories"], &*row["release"]),
            ("allowed", "people", "")
        );
        let key = removal["evidence"]["account"]["accounts"][0]["key"]
            .as_str()
            .unwrap();
        assert_eq!(row["account"], format!("people:{key}:active"));
        assert_eq!(
            row["groups"],
            "'@SUM(A1) (people); '=HYPERLINK(\"http://evil\") (people)"
        );
    }
    // Eve stays and is lowered; bob's level goes with him and has no row of its own.
    assert_eq!(rows.len(), 3);
    for cell in rows.iter().flat_map(BTreeMap::values) {
        assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
    }

    // Held: with the reason, and with the code that lets it go.
    site.write(DIRECTORY, &formulas(&site, &[]).replace("[\"=alice\"]", "[]"))?;
    let output = site.run(&["plan", "--removals-csv", "-"]).await?.exits(3);
    let held = table(&output.stdout);
    assert_eq!(held.len(), 4, "{output}");
    let plan = site.run(&["plan", "--json"]).await?.json();
    for row in &held {
        assert_eq!(
            (&*row["verdict"], &row["release"]),
            ("held", &plan["release"].as_str().unwrap().to_owned())
        );
        assert!(row["held_because"].contains("wants nobody"), "{row:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_table_goes_into_a_file_of_its_own() -> Result<()> {
    let (site, _) = staff().await?;
    for (args, told) in [
        (
            &["plan", "--json", "--removals-csv", "-"][..],
            "both write to standard output",
        ),
        (&["plan", "--removals-csv", "."], "this is a directory"),
        (
            &["plan", "--removals-csv", CONFIG],
            "inviter.toml: this file is there already and is no table of removals, so it is not replaced",
        ),
    ] {
        let output: Output = site.run(args).await?.exits(1);
        assert!(output.stderr.contains(told), "{output}");
    }
    Ok(())
}
