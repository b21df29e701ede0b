//! What is held in a saved plan: applying it lets go exactly what a person names, and that once.

use anyhow::{Context as _, Result};

use crate::harness::{Directory, Site, lines};

const FILE: &str = "plan.json";
const PEOPLE: [&str; 6] = ["alice", "bob", "carol", "dan", "erin", "frank"];
const GOING: [&str; 4] = ["carol", "dan", "erin", "frank"];

#[tokio::test]
async fn a_code_lets_go_what_is_held_in_a_file_and_is_good_once() -> Result<()> {
    let site = Site::new().await?;
    let mut directory = Directory::default();
    for room in ["alpha", "beta"] {
        directory.room(room).members(PEOPLE).owners(["alice"]);
    }
    directory.people(["gina"]);
    site.register(directory.everybody()).await?;
    site.save(&directory)?;
    site.fine(&["sync"]).await?;
    let before = directory.clone();
    for room in ["alpha", "beta"] {
        for person in GOING {
            directory.room(room).without(person);
        }
    }
    directory.room("alpha").members(["gina"]);
    site.save(&directory)?;

    // The plan says what is held, and by which code it is let go.
    let output = site.run(&["plan", "--out", FILE]).await?.exits(3);
    let plan = site.run(&["plan", "--json"]).await?.exits(3).json();
    let alias = site.alias("alpha");
    let mut rooms = plan["rooms"].as_array().context("rooms")?.iter();
    let alpha = rooms.find(|room| room["room"] == alias).context("alpha")?;
    let code = alpha["release"].as_str().context("a code")?;
    assert!(output.stdout.contains(code), "{output}");

    // Without it, what is not held is done.
    let (output, writes) = site.writes_of(&["apply", FILE]).await?;
    let output = output.exits(3);
    assert_eq!(writes.len(), 1, "{output}: {:#?}", lines(&writes));
    assert!(output.stdout.contains("1 invited"), "{output}");
    for room in ["alpha", "beta"] {
        let inside = site.room(room).await?.inside();
        assert!(GOING.iter().all(|person| inside.contains(*person)), "{output}");
    }

    // With it, these four go from this room, and nobody from the other.
    site.run(&["plan", "--out", FILE]).await?.exits(3);
    let (output, writes) = site.writes_of(&["apply", FILE, "--release", code]).await?;
    let output = output.exits(3);
    let id = site.room_id("alpha").await?;
    let of_alpha = writes.iter().all(|write| {
        let path = write.decoded_path();
        path.contains(&id) && path.ends_with("/kick")
    });
    assert!(of_alpha && writes.len() == 4, "{output}: {:#?}", lines(&writes));
    site.room("alpha").await?.is_as_wanted(&directory, "alpha");
    site.room("beta").await?.is_as_wanted(&before, "beta");

    // It is of no use a second time: neither with the file it was for, nor with a new one, nor to a sync; nor is it when
    // the same people have come back and are to go again.
    let spent = format!("`{code}`: nothing is held under this code");
    for again in [false, true] {
        if again {
            let mut back = directory.clone();
            back.room("alpha").members(GOING);
            site.save(&back)?;
            site.run(&["sync"]).await?.exits(3);
            site.save(&directory)?;
        }
        site.run(&["plan", "--out", FILE]).await?.exits(3);
        let (output, writes) = site.writes_of(&["apply", FILE, "--release", code]).await?;
        let output = output.exits(1);
        assert!(output.stderr.contains(&spent), "{output}");
        assert_eq!(lines(&writes), [""; 0], "{output}");
    }
    let inside = site.room("alpha").await?.inside();
    assert!(GOING.iter().all(|person| inside.contains(*person)), "{inside:?}");
    Ok(())
}
