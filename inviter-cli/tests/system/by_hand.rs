//! `unmanage`, `invite-member`, `kick-member` and `invite-admin`.
//!
//! One homeserver stands alone, so that its own people are made foreign: the directories' people are configured to be
//! of another server.

use std::{os::unix::process::ExitStatusExt as _, sync::Arc};

use anyhow::{Context as _, Result};
use inviter_testkit::{Client, Options, Synapse, When, sigkill};
use serde_json::{Value, json};

use crate::harness::{Directory, Output, Site, lines};

const COMMANDS: [&str; 3] = ["invite-member", "kick-member", "invite-admin"];
const LEVELS: &str = "m.room.power_levels";
const SIGKILL: i32 = 9;

/// A site whose room `staff` the bot has created, with zoe and olga on the homeserver, who count as foreigners.
async fn abroad(version: &str) -> Result<Site> {
    let site = Site::new().await?;
    let sections = format!("[accounts]\nserver = \"people.invalid\"\n\n[rooms]\nversion = \"{version}\"\n");
    site.configure("", &sections)?;
    site.save(&rooms(&["staff"]))?;
    site.register(["zoe", "olga"]).await?;
    site.fine(&["sync"]).await?;
    Ok(site)
}

/// Rooms that nobody of the directory belongs in.
fn rooms(names: &[&str]) -> Directory {
    let mut directory = Directory::default();
    directory.people(["anna"]);
    for name in names {
        directory.room(name);
    }
    directory
}

/// What a command about a person in `staff` sends that writes, by its last words, such as `invite` and
/// `m.room.power_levels`.
async fn asks(site: &Site, args: &[&str]) -> Result<(Output, Vec<String>)> {
    let (output, writes) = site.writes_of(args).await?;
    let word = |line: String| {
        let line = line.trim_end_matches('/');
        line.rsplit('/').next().unwrap_or_default().to_owned()
    };
    let words = lines(&writes).into_iter().map(word).collect();
    Ok((output, words))
}

async fn done(site: &Site, args: &[&str], wanted: &[&str]) -> Result<Output> {
    let (output, words) = asks(site, args).await?;
    let output = output.exits(0);
    assert_eq!(words, wanted, "{output}");
    Ok(output)
}

/// Refused with code 1: nothing is sent, and the answer says all of this.
async fn refused(site: &Site, args: &[&str], says: &[&str]) -> Result<()> {
    let (output, words) = asks(site, args).await?;
    let output = output.exits(1);
    assert_eq!(words, [""; 0], "{output}");
    for part in says {
        assert!(output.stdout.contains(part), "{part} is missing: {output}");
    }
    assert!(
        output.stdout.contains(&format!("{}: not done", args[0])),
        "{output}"
    );
    Ok(())
}

#[tokio::test]
async fn members_come_and_go() -> Result<()> {
    let site = abroad("11").await?;
    let (room, zoe) = (site.alias("staff"), site.user("zoe"));
    done(&site, &["invite-member", &room, &zoe], &["invite"]).await?;
    let output = done(&site, &["invite-member", &room, &zoe], &[]).await?;
    assert!(output.stdout.contains("invited already"), "{output}");
    site.join("staff", ["zoe"]).await?;
    let output = done(&site, &["invite-member", &room, &zoe], &[]).await?;
    assert!(output.stdout.contains("in the room already"), "{output}");
    // By its ID as well, and a sync leaves her there.
    let id = site.room_id("staff").await?;
    let (output, writes) = site.writes_of(&["sync"]).await?;
    assert_eq!(lines(&writes), [""; 0], "{output}");
    let mut levels = site.bot.power_levels(&id).await?;
    levels["users"][&zoe] = json!(50);
    site.bot.send_state(&id, LEVELS, "", levels).await?;
    done(&site, &["kick-member", &id, &zoe], &[LEVELS, "kick"]).await?;
    let staff = site.room("staff").await?;
    assert_eq!((&*staff.members["zoe"], staff.levels.get("zoe")), ("leave", None));
    let output = done(&site, &["kick-member", &room, &zoe], &[]).await?;
    assert!(output.stdout.contains("was so already"), "{output}");
    // An invitation is withdrawn.
    done(&site, &["invite-member", &room, &zoe], &["invite"]).await?;
    done(&site, &["kick-member", &room, &zoe], &["kick"]).await?;
    assert_eq!(site.room("staff").await?.members["zoe"], "leave");
    Ok(())
}

#[tokio::test]
async fn admins_are_invited_and_raised() -> Result<()> {
    for version in ["11", "12"] {
        let site = abroad(version).await?;
        let (room, zoe) = (site.alias("staff"), site.user("zoe"));
        let output = done(&site, &["invite-admin", &room, &zoe], &["invite", LEVELS]).await?;
        assert_eq!(
            output.stdout.contains("nobody can take level 100 back"),
            version == "11",
            "{output}"
        );
        let staff = site.room("staff").await?;
        assert_eq!((&*staff.members["zoe"], staff.levels["zoe"]), ("invite", 100));
        done(&site, &["invite-admin", &room, &zoe], &[]).await?;
        refused(
            &site,
            &["kick-member", &room, &zoe],
            &["is an admin (level 100)", "by hand"],
        )
        .await?;
        // The bot itself is as it was.
        assert_eq!(staff.members["bot"], "join");
    }
    Ok(())
}

/// The bot's own level, and whether it is in the room.
async fn bot_in(site: &Site) -> Result<(String, Option<i64>)> {
    let staff = site.room("staff").await?;
    Ok((staff.members["bot"].clone(), staff.levels.get("bot").copied()))
}

#[tokio::test]
async fn a_room_is_handed_over() -> Result<()> {
    for version in ["11", "12"] {
        let site = abroad(version).await?;
        let (room, zoe) = (site.alias("staff"), site.user("zoe"));
        let says = ["nobody else who has joined is an admin", "name a new admin"];
        refused(&site, &["unmanage", &room], &says).await?;
        let unmanage = ["unmanage", &room, "--admin", &zoe];
        let (output, words) = asks(&site, &unmanage).await?;
        let output = output.exits(4);
        assert_eq!(words, ["invite", LEVELS], "{output}");
        assert!(output.stdout.contains("has to join"), "{output}");
        let own = (version == "11").then_some(100);
        assert_eq!(bot_in(&site).await?, ("join".to_owned(), own));
        let (output, words) = asks(&site, &unmanage).await?;
        assert_eq!((output.code, words), (Some(4), vec![]), "{output}");
        refused(&site, &["unmanage", &room], &says).await?;

        site.join("staff", ["zoe"]).await?;
        let wanted = if version == "11" {
            &[LEVELS, "leave"][..]
        } else {
            &["leave"]
        };
        let output = done(&site, &unmanage, wanted).await?;
        assert!(output.stdout.contains("still want"), "{output}");
        assert_eq!(bot_in(&site).await?, ("leave".to_owned(), None));
        assert_eq!(site.room("staff").await?.levels["zoe"], 100);
        let output = done(&site, &unmanage, &[]).await?;
        assert!(output.stdout.contains("the bot is not in"), "{output}");
        // The group is still there, so that the room is spoken of.
        let plan = site.run(&["plan"]).await?;
        assert!(
            plan.stdout.contains("the bot is not in it; take its group"),
            "{plan}"
        );

        // Back in it, with all its power in version 12, it leaves the room alone until it is adopted.
        let id = site.room_id("staff").await?;
        site.person("zoe").await?.invite(&id, site.bot.user_id()).await?;
        site.bot.join(&id).await?;
        let (output, writes) = site.writes_of(&["sync"]).await?;
        assert_eq!(lines(&writes), [""; 0], "{output}");
        let says = "given away with `inviter unmanage`; to take it back, run `inviter adopt";
        assert!(output.stdout.contains(says), "{output}");
        let check = site.run(&["check"]).await?;
        assert!(check.stdout.contains(says), "{check}");
        site.fine(&["adopt", &room]).await?;
        let plan = site.run(&["plan"]).await?;
        assert!(!plan.stdout.contains("given away"), "{plan}");
    }
    Ok(())
}

/// Once no group stands for the room, the memory alone speaks of it, until it is taken out of management.
#[tokio::test]
async fn a_room_that_no_group_stands_for_is_forgotten() -> Result<()> {
    let site = abroad("11").await?;
    let room = site.alias("staff");
    site.save(&rooms(&["other"]))?;
    let output = site.fine(&["plan"]).await?;
    let vanished = format!("{room}: no group stands for it any more");
    assert!(output.stdout.contains(&vanished), "{output}");
    let zoe = site.user("zoe");
    let says = ["is not a managed room", "no group"];
    refused(&site, &["invite-member", &room, &zoe], &says).await?;

    let (output, _) = asks(&site, &["unmanage", &room, "--admin", &zoe]).await?;
    output.exits(4);
    site.join("staff", ["zoe"]).await?;
    let id = site.room_id("staff").await?;
    let output = done(&site, &["unmanage", &id], &[LEVELS, "leave"]).await?;
    assert!(!output.stdout.contains("note:"), "{output}");
    let output = site.fine(&["plan"]).await?;
    assert!(
        !output.stdout.contains(&room) && !output.stdout.contains(&id),
        "{output}"
    );
    Ok(())
}

#[tokio::test]
async fn a_dry_run_sends_nothing_that_writes() -> Result<()> {
    let site = abroad("11").await?;
    let (room, zoe, olga) = (site.alias("staff"), site.user("zoe"), site.user("olga"));
    done(&site, &["invite-member", &room, &zoe], &["invite"]).await?;
    let before = site.digest().await?;
    let state = std::fs::read_dir(site.path("state"))?.count();
    for (args, planned) in [
        (&["invite-member", &room, &olga][..], &["invite"][..]),
        (&["kick-member", &room, &zoe], &["remove"]),
        (&["invite-admin", &room, &olga], &["invite", "set_levels"]),
        (&["unmanage", &room, "--admin", &olga], &["invite", "set_levels"]),
    ] {
        let args = [args, &["--dry-run"]].concat();
        let (output, writes) = site.writes_of(&args).await?;
        let output = output.exits(0);
        assert_eq!(lines(&writes), [""; 0], "{output}");
        assert!(output.stdout.contains("nothing is done in a dry run"), "{output}");
        let (output, writes) = site.writes_of(&[&args[..], &["--json"]].concat()).await?;
        let output = output.exits(0);
        assert_eq!(lines(&writes), [""; 0], "{output}");
        let document = output.json();
        assert_eq!(document["kind"], args[0].replace('-', "_"), "{output}");
        assert_eq!(
            (&document["outcome"], &document["dry_run"]),
            (&json!("planned"), &json!(true))
        );
        let actions: Vec<&str> = document["actions"]
            .as_array()
            .context("no actions")?
            .iter()
            .filter_map(|action| action["action"].as_str())
            .collect();
        assert_eq!(actions, planned, "{output}");
    }
    assert_eq!(site.digest().await?, before);
    assert_eq!(std::fs::read_dir(site.path("state"))?.count(), state);
    Ok(())
}

#[tokio::test]
async fn refusals_say_what_is_in_the_way() -> Result<()> {
    let site = abroad("11").await?;
    let (room, zoe, bot) = (
        site.alias("staff"),
        site.user("zoe"),
        site.bot.user_id().to_owned(),
    );
    for command in COMMANDS {
        let anna = "@anna:people.invalid";
        refused(&site, &[command, &room, anna], &[anna, "follow the directories"]).await?;
        refused(&site, &[command, &room, &bot], &["is the bot itself"]).await?;
        let none = site.alias("none");
        refused(&site, &[command, &none, &zoe], &[&none, "leads nowhere"]).await?;
    }
    let id = site.room_id("staff").await?;
    site.bot.ban(&id, &zoe).await?;
    for command in ["invite-member", "invite-admin"] {
        refused(
            &site,
            &[command, &room, &zoe],
            &[&zoe, "is banned; unban them first"],
        )
        .await?;
    }
    site.bot.unban(&id, &zoe).await?;

    // Named in the configuration, and exempt.
    done(&site, &["invite-member", &room, &zoe], &["invite"]).await?;
    let accounts = "[accounts]\nserver = \"people.invalid\"\n";
    let fixed = format!("{accounts}\n[[room]]\nalias = \"{room}\"\nmembers = [{{ user = \"{zoe}\" }}]\n");
    site.configure("", &fixed)?;
    let says = [&zoe, "[[room]]", "`members`; take them out there"];
    refused(&site, &["kick-member", &room, &zoe], &says).await?;
    site.configure("", &format!("{accounts}exempt = [\"{zoe}\"]\n"))?;
    refused(&site, &["kick-member", &room, &zoe], &[&zoe, "`exempt`"]).await?;
    let output = site.run(&["kick-member", &room, &zoe, "--json"]).await?.exits(1);
    let document = output.json();
    assert_eq!(
        (&document["outcome"], &document["refusal"]),
        (&json!("refused"), &json!("exempt"))
    );
    site.configure("", accounts)?;

    // Without the power.
    let olga = site.person("olga").await?;
    weak(&site, &olga).await?;
    let weak = site.alias("weak");
    let power = ["needs level", "the bot has 10", "raise"];
    refused(&site, &["invite-member", &weak, &zoe], &power).await?;
    refused(&site, &["invite-admin", &weak, &zoe], &power).await?;
    refused(&site, &["unmanage", &weak, "--admin", &zoe], &power).await?;
    olga.invite(&site.room_id("weak").await?, &zoe).await?;
    refused(&site, &["kick-member", &weak, &zoe], &power).await?;
    let olga = site.user("olga");
    refused(&site, &["kick-member", &weak, &olga], &["is an admin"]).await?;
    // Olga is an admin, so that the bot may leave even so.
    let output = done(&site, &["unmanage", &weak], &["leave"]).await?;
    assert!(output.stdout.contains("level 10, which stays behind"), "{output}");
    Ok(())
}

/// A room of olga's, adopted, in which the bot has level 10.
async fn weak(site: &Site, olga: &Client) -> Result<()> {
    let id = site
        .made_by(olga, "weak", &[], &json!({ "room_version": "11" }))
        .await?;
    let mut levels = olga.power_levels(&id).await?;
    levels["invite"] = json!(50);
    olga.send_state(&id, LEVELS, "", levels.clone()).await?;
    site.save(&rooms(&["staff", "weak"]))?;
    let weak = site.alias("weak");
    let says = ["nobody has adopted it", "inviter adopt"];
    refused(site, &["invite-member", &weak, &site.user("zoe")], &says).await?;
    site.fine(&["adopt", &weak]).await?;
    // Nobody at 100 can lower another, so the bot does it.
    levels["users"][site.bot.user_id()] = json!(10);
    site.bot.send_state(&id, LEVELS, "", levels).await?;
    Ok(())
}

#[tokio::test]
async fn wrong_names_are_told_at_once() -> Result<()> {
    let site = Site::new().await?;
    for (args, says) in [
        (&["invite-member", "staff", "@a:b"][..], "'#room:example.com'"),
        (&["kick-member", "#staff:b", "zoe"], "'@user:example.com'"),
        (&["invite-admin", "#staff:b", "zoe@b"], "'@user:example.com'"),
        (&["unmanage", "#staff:b", "--admin", "zoe"], "'@user:example.com'"),
    ] {
        let output = site.run(args).await?.exits(1);
        assert!(output.stderr.contains(says), "{output}");
    }
    Ok(())
}

#[tokio::test]
async fn one_at_a_time() -> Result<()> {
    let site = abroad("11").await?;
    let (room, zoe) = (site.alias("staff"), site.user("zoe"));
    let bot = inviter::core::UserId::parse(site.bot.user_id())?;
    let lock = inviter::RunLock::acquire(&site.path("state"), &bot)?;
    for command in COMMANDS {
        let output = site.run(&[command, &room, &zoe]).await?.exits(1);
        assert!(output.stderr.contains("another run for"), "{output}");
        // What only looks needs no lock.
        site.fine(&[command, &room, &zoe, "--dry-run"]).await?;
    }
    site.run(&["unmanage", &room]).await?.exits(1);
    drop(lock);
    done(&site, &["invite-member", &room, &zoe], &["invite"]).await?;
    Ok(())
}

/// The other server cannot be reached, or is not let through: the homeserver refuses the invitation, and the command
/// says so. No level is given to somebody who could not be invited.
#[tokio::test]
async fn a_server_that_cannot_be_reached() -> Result<()> {
    let reaching = Synapse::start(Options::new().set("federation_domain_whitelist", Value::Null)).await?;
    for (synapse, says) in [
        (
            Synapse::shared().await?,
            "the homeserver says no: Federation denied",
        ),
        (
            reaching,
            "Can't connect to server elsewhere.invalid (502 M_UNKNOWN); may work later",
        ),
    ] {
        let site = Site::on(Arc::new(synapse)).await?;
        let mut directory = Directory::default();
        directory.room("staff").members(["alice"]);
        site.register(["alice"]).await?;
        site.save(&directory)?;
        site.fine(&["sync"]).await?;
        let (room, zoe) = (site.alias("staff"), "@zoe:elsewhere.invalid");
        for command in ["invite-member", "invite-admin"] {
            let (output, words) = asks(&site, &[command, &room, zoe]).await?;
            let output = output.exits(1);
            assert_eq!(words, ["invite"], "{output}");
            assert!(output.stdout.contains(says), "{output}");
            assert!(output.stdout.contains(&format!("{command}: failed")), "{output}");
        }
        let staff = site.room("staff").await?;
        assert_eq!((staff.members.get(zoe), staff.levels.get(zoe)), (None, None));
    }
    Ok(())
}

/// Kills a command at its `k`-th write, and has the same again put things right.
async fn killed(site: &Site, args: &[&str], k: usize, when: When) -> Result<Output> {
    site.proxy.clear();
    let mut child = site.start(args)?;
    let pid = child.id().context("it has ended")?;
    site.proxy.on_write(k, when, move |_| async move {
        let _ = sigkill(pid);
    });
    let status = child.wait().await?;
    assert_eq!(status.signal(), Some(SIGKILL), "{args:?} at {k}");
    site.proxy.heal();
    site.run(args).await
}

#[tokio::test]
async fn whatever_is_killed_is_completed_by_the_same_again() -> Result<()> {
    for when in [When::BeforeForward, When::AfterEffect] {
        for k in [1, 2] {
            let site = abroad("11").await?;
            let (room, zoe) = (site.alias("staff"), site.user("zoe"));
            killed(&site, &["invite-admin", &room, &zoe], k, when)
                .await?
                .exits(0);
            let staff = site.room("staff").await?;
            assert_eq!((&*staff.members["zoe"], staff.levels["zoe"]), ("invite", 100));

            site.join("staff", ["zoe"]).await?;
            killed(&site, &["unmanage", &room], k, when).await?.exits(0);
            assert_eq!(bot_in(&site).await?, ("leave".to_owned(), None));
            let output = site.fine(&["unmanage", &room]).await?;
            assert!(output.stdout.contains("nothing is remembered of it"), "{output}");

            let site = abroad("11").await?;
            let (room, zoe) = (site.alias("staff"), site.user("zoe"));
            let id = site.room_id("staff").await?;
            site.bot.invite(&id, &zoe).await?;
            let mut levels = site.bot.power_levels(&id).await?;
            levels["users"][&zoe] = Value::from(50);
            site.bot.send_state(&id, LEVELS, "", levels).await?;
            killed(&site, &["kick-member", &room, &zoe], k, when)
                .await?
                .exits(0);
            let staff = site.room("staff").await?;
            assert_eq!((&*staff.members["zoe"], staff.levels.get("zoe")), ("leave", None));
        }
        let site = abroad("12").await?;
        let (room, zoe) = (site.alias("staff"), site.user("zoe"));
        killed(&site, &["invite-member", &room, &zoe], 1, when)
            .await?
            .exits(0);
        assert_eq!(site.room("staff").await?.members["zoe"], "invite");
    }
    Ok(())
}
