//! Directories and groups that are gone, emptied, or never were.

use anyhow::{Context as _, Result};

use super::{settled, tells};
use crate::harness::{DIRECTORY, Directory, Output, Site};

/// The code that releases what is held, as the output shows it.
fn release(output: &Output) -> Result<String> {
    let code = output.stdout.split("--release ").nth(1);
    let code = code.with_context(|| format!("no code in {output}"))?;
    Ok(code.chars().take_while(char::is_ascii_alphanumeric).collect())
}

/// What has to be released: held at first, for any other code too, and done with the right one.
async fn is_held_until_released(site: &Site, reason: &str) -> Result<()> {
    let before = site.digest().await?;
    let plan = site.run(&["plan"]).await?.exits(3);
    tells(&plan, &["held:", reason]);
    let held = site.run(&["sync"]).await?.exits(3);
    tells(&held, &["held:", reason]);
    assert_eq!(site.digest().await?, before);
    let wrong = site.run(&["sync", "--release", "0000000000"]).await?.exits(3);
    tells(&wrong, &["the code does not cover it", "look at the plan again"]);
    assert_eq!(site.digest().await?, before);
    let code = release(&held)?;
    assert_eq!(code, release(&plan)?);
    site.fine(&["sync", "--release", &code]).await?;
    Ok(())
}

/// LDAP down: an uncaught error and silence.
#[tokio::test]
async fn a_directory_that_is_down() -> Result<()> {
    let (site, mut directory) = settled(|directory| {
        directory.room("alpha").members(["alice", "bob"]);
    })
    .await?;
    directory.room("alpha").without("bob");
    let before = site.digest().await?;
    std::fs::remove_file(site.path(DIRECTORY))?;
    for command in ["check", "plan", "sync"] {
        let output = site.run(&[command]).await?.exits(1);
        let path = site.path(DIRECTORY).display().to_string();
        tells(&output, &["directory people", &path, "there is no such file"]);
    }
    let json = site.run(&["sync", "--json"]).await?.exits(1).json();
    assert!(json.to_string().contains("could not be read"), "{json}");
    assert_eq!(site.digest().await?, before);
    Ok(())
}

/// The branch with the people was renamed: the search's result code is ignored, everyone is kicked, "successful".
///
/// Here: the groups within are gone, and all people with them. The group itself is there, and not whole.
#[tokio::test]
async fn an_answer_that_is_not_whole_removes_nobody() -> Result<()> {
    let (site, mut directory) = settled(|directory| {
        directory.room("alpha").members(["alice"]).groups(["crew"]);
        directory.group("crew").members(["bob", "carol"]);
        directory.people(["dan"]);
    })
    .await?;
    directory.room("alpha").members(["dan"]);
    site.save(&directory)?;
    let text = std::fs::read_to_string(site.path(DIRECTORY))?;
    // As if `crew` had been moved to where the bot may not look.
    let text = text.replace("\"id\": \"crew\"", "\"id\": \"elsewhere\"");
    site.write(
        DIRECTORY,
        &text.replace("\"name\": \"crew\"", "\"name\": \"elsewhere\""),
    )?;
    let output = site.run(&["sync"]).await?.exits(4);
    tells(
        &output,
        &[&site.alias("alpha"), "nobody is removed, because", "crew"],
    );
    site.room("alpha").await?.is_as_wanted(&directory, "alpha");
    Ok(())
}

/// A group emptied by mistake: everyone kicked, no question.
#[tokio::test]
async fn a_group_that_was_emptied() -> Result<()> {
    let (site, mut directory) = settled(|directory| {
        directory.room("alpha").members(["alice", "bob"]);
        directory.room("beta").members(["carol", "dan"]);
    })
    .await?;
    directory.room("alpha").without("alice").without("bob");
    directory.room("beta").without("dan").members(["alice"]);
    directory.people(["bob", "dan"]);
    site.save(&directory)?;
    // The other room goes on meanwhile.
    let output = site.run(&["sync"]).await?.exits(3);
    tells(&output, &["held:", "wants nobody in this room"]);
    site.room("beta").await?.is_as_wanted(&directory, "beta");
    assert_eq!(site.room("alpha").await?.inside().len(), 2);
    is_held_until_released(&site, "wants nobody in this room").await?;
    site.room("alpha").await?.is_as_wanted(&directory, "alpha");
    Ok(())
}

/// A group emptied by mistake, all but a few: everyone else kicked, no question.
#[tokio::test]
async fn a_group_that_was_nearly_emptied() -> Result<()> {
    let people = ["alice", "bob", "carol", "dan", "erin", "frank"];
    let (site, mut directory) = settled(|directory| {
        directory.room("alpha").members(people).owners(["bob"]);
    })
    .await?;
    for person in &people[..4] {
        directory.room("alpha").without(person);
    }
    directory.people(people);
    site.save(&directory)?;
    is_held_until_released(&site, "4 of 6 people of this room would go").await?;
    site.room("alpha").await?.is_as_wanted(&directory, "alpha");
    Ok(())
}

/// A group emptied by mistake, in every room at once: nobody goes from any of them.
#[tokio::test]
async fn a_directory_that_shrank() -> Result<()> {
    let people: Vec<String> = (0..24).map(|n| format!("p{n}")).collect();
    let (site, mut directory) = settled(|directory| {
        for n in 0..12 {
            // Three in each room, so that no room by itself has a limit to exceed.
            directory
                .room(&format!("r{n}"))
                .members([&people[2 * n], &people[2 * n + 1], &people[0]]);
        }
    })
    .await?;
    for n in 0..12 {
        directory.room(&format!("r{n}")).without(&people[2 * n + 1]);
    }
    site.save(&directory)?;
    let before = site.digest().await?;
    let output = site.run(&["sync"]).await?.exits(3);
    assert!(
        output.stdout.contains("would go, the limit is 10 and 5 %"),
        "{output}"
    );
    assert!(
        output.stdout.contains("shrank from 24 to 12 accounts"),
        "{output}"
    );
    assert!(output.stdout.contains("12 held"), "{output}");
    assert_eq!(site.digest().await?, before);
    Ok(())
}

/// A group vanishes: its room is simply never looked at again, members stay for ever.
#[tokio::test]
async fn a_group_that_vanished() -> Result<()> {
    let (site, mut directory) = settled(|directory| {
        directory.room("alpha").members(["alice", "bob"]);
        directory.room("beta").members(["carol"]);
    })
    .await?;
    let before = site.digest().await?;
    directory.remove_group("alpha");
    site.save(&directory)?;
    // Reported for as long as nobody decides, not once.
    for _ in 0..2 {
        let output = site.fine(&["sync"]).await?;
        let alias = site.alias("alpha");
        tells(
            &output,
            &[&alias, "no group stands for it any more", "stay until you decide"],
        );
        assert_eq!(site.digest().await?, before);
    }
    Ok(())
}

/// A group vanishes that is one of several of a room: held until a person decides.
#[tokio::test]
async fn one_of_several_groups_that_vanished() -> Result<()> {
    let (site, mut directory) = settled(|directory| {
        directory.group("staff").members(["alice", "bob", "carol"]);
        directory.group("temps").members(["dan"]);
        directory.people(["dan"]);
    })
    .await?;
    let alias = site.alias("hall");
    site.configure(
        "",
        &format!("[[room]]\nalias = \"{alias}\"\ngroups = [\"staff\", \"temps\"]"),
    )?;
    site.fine(&["sync"]).await?;
    site.fine(&["sync"]).await?;
    directory.remove_group("temps");
    site.save(&directory)?;
    site.configure(
        "",
        &format!("[[room]]\nalias = \"{alias}\"\ngroups = [\"staff\"]"),
    )?;
    let output = site.run(&["plan"]).await?.exits(3);
    tells(
        &output,
        &[&alias, "temps", "is gone", "stay until you release them"],
    );
    is_held_until_released(&site, "group temps (people) is gone").await?;
    let inside = site.room("hall").await?.inside();
    assert_eq!(Vec::from_iter(inside), ["alice", "bob", "carol"]);
    Ok(())
}

/// No group matches at all: a crash.
#[tokio::test]
async fn no_group_matches() -> Result<()> {
    let site = Site::new().await?;
    let mut directory = Directory::default();
    directory.group("staff").members(["alice"]);
    directory.group("board").members(["bob"]);
    site.register(directory.everybody()).await?;
    site.save(&directory)?;
    for args in [
        &["plan"][..],
        &["sync"],
        &["sync", "--exit-code"],
        &["managed"],
        &["idp"],
    ] {
        let output = site.fine(args).await?;
        tells(&output, &["no group", "stands for a room", "people"]);
        assert_eq!(output.stderr, "", "{output}");
    }
    let output = site.fine(&["sync", "--json"]).await?;
    assert!(output.json().is_object(), "{output}");
    assert!(site.rooms_of_bot().await?.is_empty());
    Ok(())
}
