//! Rooms that the bot is not in, or may not do its work in.

use anyhow::Result;
use serde_json::json;

use super::{carry_out, check, club, request, room, says, troubles};

#[tokio::test]
async fn a_room_to_create_is_no_trouble() -> Result<()> {
    let (site, _, _) = club().await?;
    let (text, json) = check(&site, 0).await?;
    says(
        &text,
        &[
            "to create, 2 wanted",
            "Synapse 1.",
            "gives new rooms version 12",
            "an ordinary account, no administrator",
            "check: works\nnext: inviter plan; then inviter sync",
        ],
    );
    assert_eq!(json["homeserver"]["software"], "Synapse");
    assert_eq!(json["account"]["admin"], false);
    assert_eq!(room(&json)["seen"], json!(null));
    site.fine(&["sync"]).await?;
    let (text, json) = check(&site, 0).await?;
    says(
        &text,
        &[
            "created by the bot; the bot has level infinite and may do everything",
            "version 12, encrypted",
            "the bot cannot read their messages",
            "the next sync has nothing to send",
        ],
    );
    assert_eq!(room(&json)["seen"]["rights"]["remove"]["may"], true);
    assert!(troubles(room(&json)).is_empty(), "{json}");
    Ok(())
}

/// The request that is shown brings the bot in.
#[tokio::test]
async fn not_joined() -> Result<()> {
    let (site, _, owner) = club().await?;
    let id = owner
        .create_room(json!({ "preset": "private_chat", "room_alias_name": site.alias_name("club") }))
        .await?;
    let (text, json) = check(&site, 1).await?;
    let invite = format!("types `/invite {}` in the room", site.bot.user_id());
    says(
        &text,
        &[
            "the bot is not in it, 2 wanted",
            &invite,
            "(1 room with an obstacle)",
            "next: correct what is marked above, then inviter check",
        ],
    );
    assert_eq!(troubles(room(&json)), ["not_joined"]);
    // It is for an administrator who is in the room.
    owner.invite(&id, site.admin.user_id()).await?;
    site.admin.join(&id).await?;
    carry_out(&site, &text, request(&room(&json)["remedies"], "/v1/join/")?).await?;
    let (text, json) = check(&site, 1).await?;
    says(&text, &["found, not adopted"]);
    assert_eq!(troubles(room(&json))[0], "not_adopted");
    Ok(())
}

/// Who is not in the room has the highest member do it; their invitation is then accepted.
#[tokio::test]
async fn not_joined_and_nobody_of_the_administrators_is() -> Result<()> {
    let (site, _, owner) = club().await?;
    owner
        .create_room(json!({ "preset": "private_chat", "room_alias_name": site.alias_name("club") }))
        .await?;
    site.configure(&format!("trusted_inviters = [\"{}\"]", owner.user_id()), "")?;
    let (text, json) = check(&site, 1).await?;
    says(&text, &[&format!("{} types `/invite", owner.user_id())]);
    carry_out(
        &site,
        &text,
        request(&room(&json)["remedies"], "/make_room_admin")?,
    )
    .await?;
    let (text, _) = check(&site, 0).await?;
    says(&text, &["the bot is invited, 2 wanted", "1 to join"]);
    Ok(())
}

/// The line that is shown makes the next sync accept.
#[tokio::test]
async fn invited_by_a_stranger() -> Result<()> {
    let (site, _, owner) = club().await?;
    owner
        .create_room(json!({
            "preset": "private_chat", "room_alias_name": site.alias_name("club"), "invite": [site.bot.user_id()],
        }))
        .await?;
    let (text, json) = check(&site, 1).await?;
    let line = format!("trusted_inviters = [\"{}\"]", owner.user_id());
    says(&text, &[&format!("invited by {}", owner.user_id()), &line]);
    assert_eq!(troubles(room(&json)), ["untrusted_invitation"]);
    assert_eq!(room(&json)["invited_by"], *owner.user_id());
    site.configure(&line, "")?;
    let (text, json) = check(&site, 0).await?;
    says(&text, &["the bot is invited", "1 to join"]);
    assert!(troubles(room(&json)).is_empty(), "{json}");
    Ok(())
}

/// Each right is told with the level that it takes, who can help, and the request that does.
#[tokio::test]
async fn no_power() -> Result<()> {
    let (site, _, owner) = club().await?;
    let id = site
        .made_by(&owner, "club", &[], &json!({ "room_version": "11" }))
        .await?;
    site.fine(&["adopt", &site.alias("club")]).await?;
    let mut levels = site.bot.power_levels(&id).await?;
    levels["users"][site.bot.user_id()] = json!(20);
    levels["invite"] = json!(30);
    levels["kick"] = json!(40);
    site.bot
        .send_state(&id, "m.room.power_levels", "", levels)
        .await?;
    let (text, json) = check(&site, 1).await?;
    let (alice, bob) = (site.user("alice"), site.user("bob"));
    let op = format!("{} types `/op {} 100`", owner.user_id(), site.bot.user_id());
    says(
        &text,
        &[
            "the bot has level 20 and may not invite (30), remove (40), set levels (100)",
            &format!("2 people are not invited ({alice}, {bob}), because inviting needs level 30"),
            &op,
        ],
    );
    let seen = &room(&json)["seen"];
    assert_eq!(seen["level"], 20);
    assert_eq!(seen["rights"]["remove"], json!({ "needed": 40, "may": false }));
    assert_eq!(seen["raisers"], json!([owner.user_id()]));
    assert_eq!(troubles(room(&json)), ["power_missing"]);
    carry_out(
        &site,
        &text,
        request(&room(&json)["remedies"], "/make_room_admin")?,
    )
    .await?;
    let (text, json) = check(&site, 0).await?;
    says(
        &text,
        &["the bot has level 100 and may do everything", "2 to invite"],
    );
    assert!(troubles(room(&json)).is_empty(), "{json}");
    Ok(())
}

#[tokio::test]
async fn a_public_room() -> Result<()> {
    let (site, _, owner) = club().await?;
    site.made_by(
        &owner,
        "club",
        &["alice"],
        &json!({ "preset": "public_chat", "room_version": "11" }),
    )
    .await?;
    site.fine(&["adopt", &site.alias("club")]).await?;
    let (text, json) = check(&site, 0).await?;
    says(
        &text,
        &[
            "version 11, public",
            "anyone may join it, so nobody is removed",
            "Access → Private (invite only)",
        ],
    );
    assert_eq!(troubles(room(&json)), ["public_room"]);
    assert_eq!(room(&json)["seen"]["join_rule"], "public");
    Ok(())
}

#[tokio::test]
async fn a_creator_above_everybody() -> Result<()> {
    let (site, _, owner) = club().await?;
    site.made_by(&owner, "club", &["alice"], &json!({ "room_version": "12" }))
        .await?;
    site.fine(&["adopt", &site.alias("club")]).await?;
    let (text, json) = check(&site, 0).await?;
    let above = format!("its version 12 puts {} above all levels", owner.user_id());
    says(&text, &[&above]);
    assert_eq!(troubles(room(&json)), ["creator_outranks"]);
    Ok(())
}

/// With the line that is shown, nobody speaks of them any more.
#[tokio::test]
async fn accounts_of_bridges() -> Result<()> {
    let (site, _, owner) = club().await?;
    let ghosts = ["telegram_1", "telegram_2", "discord_7"];
    site.register(ghosts.into_iter().chain(["carol"])).await?;
    site.made_by(
        &owner,
        "club",
        &["alice", "telegram_1", "telegram_2", "discord_7", "carol"],
        &json!({ "room_version": "11" }),
    )
    .await?;
    let (text, json) = check(&site, 1).await?;
    let server = site.synapse.server_name();
    let line = format!("exempt = [\"@discord_*:{server}\", \"@telegram_*:{server}\"]");
    let (one, two) = (site.user("telegram_1"), site.user("telegram_2"));
    says(
        &text,
        &[
            &format!("2 accounts of a bridge are in no group ({one}, {two})"),
            &format!(
                "1 account of a bridge is in no group ({})",
                site.user("discord_7")
            ),
            &line,
        ],
    );
    assert!(
        !text.stdout.contains(&site.user("carol")),
        "carol is no bridge's\n{text}"
    );
    // Carol and the ghosts; the owner has level 100.
    assert_eq!(room(&json)["seen"]["if_adopted"]["removed"], 4);
    site.configure("", &format!("[accounts]\n{line}"))?;
    let (text, json) = check(&site, 1).await?;
    assert!(!text.stdout.contains("bridge"), "{text}");
    assert_eq!(room(&json)["seen"]["if_adopted"]["removed"], 1);
    assert_eq!(json["exempt"], json!(null));
    Ok(())
}

#[tokio::test]
async fn replaced_by_an_upgrade() -> Result<()> {
    let (site, _, owner) = club().await?;
    let id = site.made_by(&owner, "club", &[], &json!({})).await?;
    let content = json!({ "body": "moved", "replacement_room": "!elsewhere:example.test" });
    owner.send_state(&id, "m.room.tombstone", "", content).await?;
    let (text, json) = check(&site, 1).await?;
    says(
        &text,
        &["was replaced by !elsewhere:example.test", "Local addresses"],
    );
    assert_eq!(troubles(room(&json)), ["replaced"]);
    // What is shown frees the alias.
    carry_out(
        &site,
        &text,
        request(&room(&json)["remedies"], "/directory/room/")?,
    )
    .await?;
    assert_eq!(site.admin.resolve_alias(&site.alias("club")).await?, None);
    Ok(())
}

#[tokio::test]
async fn an_alias_of_another_server() -> Result<()> {
    let (site, mut directory, _) = club().await?;
    directory.remove_group("club");
    directory.group("crew").members(["alice"]);
    site.save(&directory)?;
    site.configure(
        "",
        "[[room]]\nalias = \"#far:elsewhere.invalid\"\ngroups = [\"crew\"]",
    )?;
    let (text, json) = check(&site, 1).await?;
    says(
        &text,
        &[
            "#far:elsewhere.invalid  unknown",
            "somebody with an account on elsewhere.invalid makes sure",
        ],
    );
    assert_eq!(troubles(room(&json)), ["foreign_alias"]);
    Ok(())
}

/// What cannot be read is told in the room, and in how many rooms nobody is removed for it only once.
#[tokio::test]
async fn an_unread_group_is_told_once() -> Result<()> {
    let (site, mut directory, _) = club().await?;
    directory.room("staff").members(["alice"]);
    site.save(&directory)?;
    site.fine(&["sync"]).await?;
    let mut file: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(site.path(crate::harness::DIRECTORY))?)?;
    for group in file["groups"].as_array_mut().into_iter().flatten() {
        group["members"] = json!(["alice", "nobodys"]);
    }
    site.write(crate::harness::DIRECTORY, &file.to_string())?;
    let (text, json) = check(&site, 1).await?;
    assert_eq!(json["rooms"].as_array().map(Vec::len), Some(2));
    let about = text.stdout.matches("nobody is removed, because").count();
    assert!(about <= 2, "{text}");
    Ok(())
}
