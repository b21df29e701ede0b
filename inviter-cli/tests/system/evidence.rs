//! Why: every action of a plan says it, `explain` says it of one person, and the table of removals is for signing.

mod table;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde_json::{Value, json};

use crate::harness::{Directory, Site};

/// A room for alice, who owns it, bob, and carol, who comes by two more groups; all have been invited.
async fn staff() -> Result<(Site, Directory)> {
    let site = Site::new().await?;
    let mut directory = Directory::default();
    directory
        .room("staff")
        .members(["alice", "bob"])
        .groups(["physics"])
        .owners(["alice"]);
    directory.group("physics").groups(["theory"]);
    directory.group("theory").members(["carol"]);
    directory.people(["dan"]);
    site.register(directory.everybody()).await?;
    site.save(&directory)?;
    site.fine(&["sync"]).await?;
    site.fine(&["sync"]).await?;
    Ok((site, directory))
}

impl Site {
    async fn explain(&self, user: &str, room: &str) -> Result<Value> {
        let (output, writes) = self
            .writes_of(&["explain", user, &self.alias(room), "--json"])
            .await?;
        assert_eq!(writes.len(), 0, "{output}");
        Ok(output.exits(0).json())
    }
}

/// The actions of all rooms of a plan, each with the name of its room.
fn actions(document: &Value) -> Vec<(String, Value)> {
    let rooms = document["rooms"].as_array().unwrap().iter();
    let of = |room: &Value| {
        let name = room["room"].as_str().unwrap().to_owned();
        let actions = room["actions"].as_array().unwrap().clone();
        actions.into_iter().map(move |action| (name.clone(), action))
    };
    rooms.flat_map(of).collect()
}

fn table(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_nested_member_is_explained() -> Result<()> {
    let (site, _) = staff().await?;
    // A part of the Matrix ID is enough.
    let carol = site.explain(&site.alias_name("carol"), "staff").await?;
    assert_eq!(carol["user"], site.user("carol"));
    assert_eq!(
        (&carol["wanted"], &carol["rule"]),
        (&json!(true), &json!("in_group"))
    );
    let room_group = format!("MTRX {}", site.alias("staff"));
    assert_eq!(carol["group"]["name"], room_group);
    assert_eq!(
        carol["now"],
        json!({ "state": "invited", "level": 0, "cause": null })
    );
    let account = &carol["accounts"][0];
    assert_eq!(
        (&account["directory"], &account["key"], &account["status"]),
        (&json!("people"), &json!("carol"), &json!("active"))
    );
    assert_eq!(
        account["groups"][0]["path"],
        json!([room_group, "physics", "theory"])
    );
    assert_eq!(carol["actions"], json!([]));

    let output = site
        .fine(&["explain", &site.user("carol"), &site.room_id("staff").await?])
        .await?;
    assert!(
        output
            .stdout
            .contains(&format!("in {room_group} › physics › theory\n")),
        "{output}"
    );
    assert!(
        output.stdout.contains("does nothing about them there"),
        "{output}"
    );

    let alice = site.explain(&site.user("alice"), "staff").await?;
    assert_eq!(
        (&alice["level"]["level"], &alice["level"]["rule"]),
        (&json!(50), &json!("owner_of"))
    );
    Ok(())
}

#[tokio::test]
async fn a_removal_is_explained_and_one_that_is_held() -> Result<()> {
    let (site, mut directory) = staff().await?;
    site.join("staff", ["bob"]).await?;
    directory.room("staff").without("bob");
    directory.people(["bob"]);
    site.save(&directory)?;
    let bob = site.explain(&site.user("bob"), "staff").await?;
    assert_eq!(
        (&bob["wanted"], &bob["rule"]),
        (&json!(false), &json!("in_no_group"))
    );
    assert_eq!(bob["now"]["state"], "joined");
    assert_eq!(
        (&bob["actions"][0]["action"], &bob["actions"][0]["outcome"]),
        (&json!("remove"), &json!("planned"))
    );
    assert_eq!(bob["actions"][0]["evidence"]["account"]["state"], "active");

    // Nobody at all is wanted: that is always held.
    directory.room("staff").without("alice");
    directory.group("theory").without("carol");
    site.save(&directory)?;
    let plan = site.run(&["plan", "--json"]).await?.exits(3).json();
    let bob = site.explain(&site.user("bob"), "staff").await?;
    assert_eq!(bob["actions"][0]["outcome"], "held");
    assert_eq!(bob["actions"][0]["reasons"][0]["reason"], "nobody_wanted");
    assert!(
        plan["release"].is_string() && bob["release"] == plan["rooms"][0]["release"],
        "{bob}"
    );
    let output = site
        .fine(&["explain", &site.user("bob"), &site.alias("staff")])
        .await?;
    let code = plan["rooms"][0]["release"].as_str().unwrap();
    assert!(output.stdout.contains(&format!("--release {code}")), "{output}");
    Ok(())
}

#[tokio::test]
async fn people_and_rooms_that_nobody_knows_are_explained() -> Result<()> {
    let (site, _) = staff().await?;
    let slip = site.user("carrol");
    let nobody = site.explain(&slip, "staff").await?;
    assert_eq!(
        (&nobody["wanted"], &nobody["now"]["state"]),
        (&json!(false), &json!("absent"))
    );
    assert_eq!(
        (&nobody["marks"], &nobody["nearest"]),
        (&json!(["unknown"]), &json!(site.user("carol")))
    );
    let output = site.fine(&["explain", &slip, &site.alias("staff")]).await?;
    assert!(
        output
            .stdout
            .contains(&format!("did you mean {}?", site.user("carol"))),
        "{output}"
    );

    let party = site
        .bot
        .create_room(json!({ "room_alias_name": site.alias_name("party") }))
        .await?;
    let carol = site.explain(&site.user("carol"), "party").await?;
    assert_eq!(
        (&carol["answer"], &carol["room_id"]),
        (&json!("room_not_wanted"), &json!(party))
    );
    assert_eq!(carol["now"]["state"], "absent");
    let output = site
        .fine(&["explain", &site.user("carol"), &site.alias("party")])
        .await?;
    assert!(output.stdout.contains("the bot is in it"), "{output}");
    let output = site
        .run(&["explain", "@a b:c", &site.alias("staff")])
        .await?
        .exits(1);
    assert!(output.stderr.contains("is no Matrix ID"), "{output}");
    Ok(())
}

/// Levels, settings and people of one room, another to create, and one to join: whatever is done says why.
#[tokio::test]
async fn every_action_has_evidence() -> Result<()> {
    let (site, mut directory) = staff().await?;
    let staff = site.room_id("staff").await?;
    // By hand: the room is opened wider, its name taken, its permissions changed.
    let everyone = json!({ "history_visibility": "world_readable" });
    site.bot
        .send_state(&staff, "m.room.history_visibility", "", everyone)
        .await?;
    site.bot
        .send_state(&staff, "m.room.name", "", json!({ "name": "" }))
        .await?;
    let mut levels = site.bot.power_levels(&staff).await?;
    levels["invite"] = json!(0);
    site.bot
        .send_state(&staff, "m.room.power_levels", "", levels)
        .await?;
    // Alice owns no more, bob does; carol is disabled, dan comes by a nested group.
    directory.room("staff").owners(["bob"]).groups(["late"]);
    directory.room("staff").without("alice").members(["alice"]);
    directory.disable("carol");
    directory.group("late").members(["dan"]);
    directory.room("fresh").members(["alice"]).owners(["alice"]);
    directory.room("theirs").members(["alice"]);
    site.save(&directory)?;
    let olga = site.synapse.register(&site.alias_name("olga")).await?;
    olga.create_room(json!({ "room_alias_name": site.alias_name("theirs"), "invite": [site.bot.user_id()] }))
        .await?;
    let listed = format!(
        "[[room]]\nalias = \"{}\"\ntopic = \"Work\"\ngroups = [\"theory\"]\nmembers = [\"{}\"]",
        site.alias("staff"),
        site.user("warden"),
    );
    site.register(["warden"]).await?;
    site.configure(&format!("trusted_inviters = [\"{}\"]", olga.user_id()), &listed)?;

    let plan = site.fine(&["plan", "--json", "--paths"]).await?.json();
    let actions = actions(&plan);
    let mut seen = BTreeSet::new();
    for (room, action) in &actions {
        let evidence = &action["evidence"];
        let rule = evidence["rule"].as_str().unwrap_or_default();
        assert_eq!(rule, action["why"], "{room} {action}");
        seen.insert((action["action"].as_str().unwrap(), rule));
        match rule {
            "in_group" | "owner_of" => {
                assert_eq!(evidence["directory"], "people", "{action}");
                for field in ["key", "name", "role"] {
                    assert!(evidence["group"][field].is_string(), "{action}");
                }
                let path = evidence["path"].as_array().unwrap();
                assert_eq!(path.first(), Some(&evidence["group"]["name"]), "{action}");
            }
            "in_no_group" | "account_disabled" | "no_longer_given" => {
                assert!(!evidence["groups"].as_array().unwrap().is_empty(), "{action}");
                assert!(evidence["account"]["state"].is_string(), "{action}");
            }
            _ => assert!(!rule.is_empty(), "{action}"),
        }
    }
    let all = [
        ("create_room", "room_wanted"),
        ("invite", "fixed"),
        ("invite", "in_group"),
        ("join", "trusted_inviter"),
        ("remove", "account_disabled"),
        ("set_history_visibility", "configured"),
        ("set_levels", "no_longer_given"),
        ("set_levels", "owner_of"),
        ("set_levels", "template"),
        ("set_name", "configured"),
        ("set_topic", "configured"),
    ];
    assert_eq!(seen, BTreeSet::from(all), "{plan:#}");
    let by = |user: &str, what: &str| {
        let user = site.user(user);
        let found = actions
            .iter()
            .find(|(_, a)| a["action"] == what && a["user"] == user);
        found
            .map(|(_, action)| action["evidence"].clone())
            .unwrap_or_default()
    };
    assert_eq!(by("dan", "invite")["path"][1], "late");
    let carol = by("carol", "remove");
    assert_eq!(
        carol["account"]["accounts"],
        json!([{ "directory": "people", "key": "carol", "label": null, "status": "disabled" }])
    );
    let text = site.fine(&["plan", "--paths"]).await?;
    for clause in [
        "  disabled in people",
        "named in the configuration (room #staff",
        "› late\n",
        "given by none of the groups",
    ] {
        assert!(text.stdout.contains(clause), "{clause}: {text}");
    }
    assert!(!site.fine(&["plan"]).await?.stdout.contains('›'));
    // What is done has the same evidence as what was planned.
    let sync = site.fine(&["sync", "--json"]).await?.json();
    let removed = self::actions(&sync)
        .into_iter()
        .find(|(_, action)| action["action"] == "remove");
    assert_eq!(removed.unwrap().1["evidence"], carol);
    Ok(())
}

#[tokio::test]
async fn nobody_goes_by_adopting_who_was_not_in_the_plan() -> Result<()> {
    let (site, mut directory) = staff().await?;
    let olga = site.synapse.register(&site.alias_name("olga")).await?;
    site.made_by(&olga, "old", &["bob", "dan"], &json!({})).await?;
    directory.room("old").members(["bob", "alice"]);
    site.save(&directory)?;
    let digest = site.digest().await?;
    let found = site.fine(&["plan", "--json"]).await?.json();
    assert_eq!(actions(&found), []);
    let plan = site
        .fine(&["plan", "--adopt", "--json", "--removals-csv", "table.csv"])
        .await?
        .json();
    let dry = site
        .fine(&["sync", "--adopt", "--dry-run", "--json"])
        .await?
        .json();
    assert_eq!(plan, dry);
    assert_eq!(
        site.fine(&["plan", "--json"]).await?.json(),
        found,
        "nothing is remembered of it"
    );
    assert_eq!(site.digest().await?, digest);
    let row = &table(&std::fs::read_to_string(site.path("table.csv"))?)[0];
    let dan = format!("'{}", site.user("dan"));
    assert_eq!((&row["user"], &*row["change"]), (&dan, "remove"));

    let sync = site.fine(&["sync", "--adopt", "--json"]).await?.json();
    let without_outcome = |document: &Value| {
        let mut actions = actions(document);
        for (_, action) in &mut actions {
            action.as_object_mut().unwrap().remove("outcome");
        }
        actions
    };
    assert_eq!(without_outcome(&sync), without_outcome(&plan));
    site.room("old").await?;
    Ok(())
}
