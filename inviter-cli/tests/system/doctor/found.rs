//! Rooms that were there before: what adopting them would do, and whose they are.

use anyhow::Result;
use serde_json::json;

use super::{carry_out, check, club, request, room, says, troubles};

/// What is said of adopting is what the next sync does, and the command that is shown is the one.
#[tokio::test]
async fn adopting_does_what_was_said() -> Result<()> {
    let (site, directory, owner) = club().await?;
    site.register(["carol", "dan"]).await?;
    site.made_by(
        &owner,
        "club",
        &["alice", "carol", "dan"],
        &json!({ "room_version": "11" }),
    )
    .await?;
    let (text, json) = check(&site, 1).await?;
    let adopt = format!("inviter adopt '{}'", site.alias("club"));
    says(
        &text,
        &[
            &format!("created by {} on 20", owner.user_id()),
            "1 of the 2 who belong there are in it; once it is adopted, 1 would be invited, 2 removed",
            &format!("if it is yours: {adopt}"),
            &format!("next: inviter plan --adopt; then {adopt}"),
        ],
    );
    let seen = &room(&json)["seen"];
    assert_eq!(troubles(room(&json)), ["not_adopted"]);
    assert_eq!(seen["creator_is_known"], true);
    assert_eq!(seen["if_adopted"]["invited"], 1);
    assert_eq!(seen["if_adopted"]["removed"], 2);
    let changed = seen["if_adopted"]["changed"].clone();

    site.fine(&["adopt", &site.alias("club")]).await?;
    let plan = site.run(&["plan", "--json"]).await?.json();
    let actions = plan["rooms"][0]["actions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let of = |kind: &str| actions.iter().filter(|action| action["action"] == kind).count();
    assert_eq!((of("invite"), of("remove")), (1, 2), "{plan}");
    let levels: usize = actions
        .iter()
        .filter_map(|action| action["changes"].as_array())
        .map(Vec::len)
        .sum();
    let settings = actions.len() - of("invite") - of("remove") - of("set_levels");
    assert_eq!(changed, levels + settings, "{plan}");
    assert!(directory.wanted("club").contains_key("bob"));
    Ok(())
}

/// A stranger sits on the alias: that is said, no command adopts the room in passing, and what frees the alias is shown.
#[tokio::test]
async fn a_squatted_alias() -> Result<()> {
    let (site, _, _) = club().await?;
    site.register(["eve"]).await?;
    let eve = site.person("eve").await?;
    site.made_by(&eve, "club", &[], &json!({ "room_version": "11" }))
        .await?;
    let (text, json) = check(&site, 1).await?;
    says(
        &text,
        &[
            &format!("{} is not known to any directory", eve.user_id()),
            "0 of the 2 who belong there are in it; the alias may be squatted",
            "next: correct what is marked above, then inviter check\n",
        ],
    );
    assert_eq!(troubles(room(&json)), ["unknown_creator", "not_adopted"]);
    let remedies = &room(&json)["remedies"];
    let seen = carry_out(&site, &text, request(remedies, "/_synapse/admin/v1/rooms/")?).await?;
    assert_eq!(seen["creator"], *eve.user_id());
    carry_out(&site, &text, request(remedies, "/directory/room/")?).await?;
    let (text, _) = check(&site, 0).await?;
    says(&text, &["to create, 2 wanted"]);
    Ok(())
}

/// A bot that may do nothing in a room that is found says so before anybody adopts it.
#[tokio::test]
async fn found_without_power() -> Result<()> {
    let (site, _, owner) = club().await?;
    let id = owner
        .create_room(json!({
            "preset": "private_chat", "room_alias_name": site.alias_name("club"), "room_version": "11",
            "invite": [site.bot.user_id()],
        }))
        .await?;
    site.bot.join(&id).await?;
    let (text, json) = check(&site, 1).await?;
    says(
        &text,
        &["the bot has level 0, may invite, and may not remove (50)"],
    );
    assert_eq!(troubles(room(&json)), ["not_adopted", "power_missing"]);
    Ok(())
}
