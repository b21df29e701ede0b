//! What a saved plan has and what is not done: it is never said to be done, and the exit code tells.

use std::os::unix::fs::PermissionsExt as _;

use anyhow::Result;

use super::{FILE, Town, people_of, refused};
use crate::harness::{CONFIG, DIRECTORY, lines};

#[tokio::test]
async fn what_waits_is_not_said_to_be_done() -> Result<()> {
    let town = Town::new().await?;
    town.saved().await?;
    let site = &town.site;
    let before = site.digest().await?;
    let put_off = async |count: usize, because: &str| -> Result<()> {
        let (output, writes) = site.writes_of(&["apply", FILE]).await?;
        let output = output.exits(4);
        assert_eq!(lines(&writes), [""; 0], "{output}");
        assert!(output.stdout.contains(because), "{because}: {output}");
        assert!(!output.stdout.contains("nothing is left to do"), "{output}");
        let counted = format!("apply: {count} room{} skipped", if count == 1 { "" } else { "s" });
        assert!(output.stdout.contains(&counted), "{counted}: {output}");
        assert_eq!(before, site.digest().await?);
        Ok(())
    };
    site.fine(&["pause", "--all"]).await?;
    put_off(3, "everything is paused").await?;
    site.fine(&["resume", "--all"]).await?;

    // Nothing that could be read wants these rooms: whether anything does is not known.
    let directory = std::fs::read_to_string(site.path(DIRECTORY))?;
    site.write(DIRECTORY, "{")?;
    let (output, writes) = site.writes_of(&["apply", FILE]).await?;
    let output = output.exits(1);
    assert_eq!(lines(&writes), [""; 0]);
    let told = "it is not known whether this room is still wanted";
    assert_eq!(output.stdout.matches(told).count(), 3, "{output}");
    // Nothing is known, so there is nothing to save.
    let args = ["plan", "--out", "none.json", "--removals-csv", "none.csv"];
    let output = site.run(&args).await?.exits(1);
    for (file, told) in [
        ("none.json", "the plan is not saved"),
        ("none.csv", "the table is not written"),
    ] {
        assert!(output.stderr.contains(told), "{output}");
        assert!(!site.path(file).exists(), "{file}");
    }
    let output = site.run(&["plan", "--out", "-"]).await?.exits(1);
    assert_eq!(output.stdout, "", "{output}");
    site.write(DIRECTORY, &directory)?;

    // With time yet before anybody goes, a plan that only takes people out comes to nothing.
    let mut file = town.saved().await?;
    file["rooms"]
        .as_array_mut()
        .unwrap()
        .retain(|room| room["room"] == site.alias("old"));
    site.write(FILE, &file.to_string())?;
    let mut later = town.directory.clone();
    later.room("old").without("bob").members(["bob"]);
    site.save(&later)?;
    site.configure("", "[rooms]\ngrace = \"1d\"")?;
    put_off(1, "is in none of its groups any more and is removed after").await?;
    site.configure("", "")?;
    site.save(&town.directory)?;

    // The bot has left the room.
    site.bot.leave(&town.old).await?;
    let output = site.run(&["apply", FILE]).await?.exits(4);
    assert!(output.stdout.contains("the bot is not in it"), "{output}");
    assert!(site.room("old").await?.inside().contains("carol"));
    Ok(())
}

#[tokio::test]
async fn rooms_that_are_gone_keep_nobody_from_the_others() -> Result<()> {
    let mut town = Town::new().await?;
    let (staff, lab) = (town.site.alias("staff"), town.site.alias("lab"));
    let args = ["plan", "--room", &staff, "--room", &lab, "--out", "my plan.json"];
    let output = town.site.fine(&args).await?;
    assert!(
        output.stderr.contains("`inviter apply 'my plan.json'`"),
        "{output}"
    );
    town.directory.remove_group("lab");
    town.save(&town.directory)?;
    let (output, writes) = town.site.writes_of(&["apply", "my plan.json"]).await?;
    let output = output.exits(4);
    assert!(!writes.is_empty(), "{output}");
    assert!(
        output
            .stdout
            .contains("no directory and no configuration wants this room any more"),
        "{output}"
    );
    town.are_as_wanted(&["staff"]).await
}

#[tokio::test]
async fn a_directory_that_is_not_read_is_named_when_a_plan_is_saved() -> Result<()> {
    let town = Town::new().await?;
    let site = &town.site;
    site.configure(
        "",
        "[[directory]]\nname = \"branch\"\nkind = \"file\"\npath = \"branch.json\"",
    )?;
    let output = site.run(&["plan", "--out", FILE]).await?.exits(4);
    assert!(
        output.stderr.contains("the plan is saved; ")
            && output
                .stderr
                .contains("; what could not be read of branch is not in it"),
        "{output}"
    );
    Ok(())
}

#[tokio::test]
async fn a_file_that_others_can_change_and_a_code_of_another_room() -> Result<()> {
    let mut town = Town::new().await?;
    for person in ["alice", "erin"] {
        town.directory.room("staff").without(person);
    }
    town.directory.room("staff").members(["dora"]);
    town.save(&town.directory)?;
    let site = &town.site;
    let limits = site.config_text("", "[limits]\nroom_count = 1\nroom_percent = 10");
    site.write(CONFIG, &limits)?;
    let lab = site.alias("lab");
    site.fine(&["plan", "--room", &lab, "--out", FILE]).await?;
    let held = site.run(&["plan", "--json"]).await?.exits(3).json();
    let staff = held["rooms"].as_array().unwrap().iter();
    let staff = staff.filter(|room| room["room"] == site.alias("staff"));
    let code = staff
        .map(|room| room["release"].as_str().unwrap())
        .next()
        .unwrap();
    // The plan is about another room, and so is the run.
    let (output, writes) = site.writes_of(&["apply", FILE, "--release", code]).await?;
    refused(output, "nothing is held under this code");
    assert_eq!(lines(&writes), [""; 0]);
    // The plan is about everything, and somebody has taken the room out of the file.
    site.run(&["plan", "--out", FILE]).await?.exits(3);
    let mut file = serde_json::from_str::<serde_json::Value>(&std::fs::read_to_string(site.path(FILE))?)?;
    file["rooms"]
        .as_array_mut()
        .unwrap()
        .retain(|room| room["room"] == lab);
    site.write(FILE, &file.to_string())?;
    let (output, writes) = site.writes_of(&["apply", FILE, "--release", code]).await?;
    refused(output, "is in no room in which this plan does anything now");
    assert_eq!(lines(&writes), [""; 0]);

    let path = site.path(FILE);
    let with = |mode: u32| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode));
    with(0o666)?;
    let (output, writes) = site.writes_of(&["apply", FILE]).await?;
    refused(output, "every user can write to it (mode 0666)");
    assert_eq!(lines(&writes), [""; 0]);
    with(0o660)?;
    let (output, writes) = site.writes_of(&["apply", FILE]).await?;
    let output = output.exits(0);
    assert!(
        output.stderr.contains("its group can write to it (mode 0660)"),
        "{output}"
    );
    assert_eq!(town.people(&writes).await?, people_of(&file));
    Ok(())
}
