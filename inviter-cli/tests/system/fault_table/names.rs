//! Names of groups and rooms: what they decode to, and what they do to a terminal.

use anyhow::Result;
use serde_json::{Value, json};

use super::tells;
use crate::harness::{DIRECTORY, Output, Site};

fn group(name: &str, members: &[&str]) -> Value {
    json!({ "name": name, "members": members })
}

impl Site {
    /// A directory file of people called by their short names, and groups as they are.
    fn save_groups(&self, people: &[&str], groups: &[Value]) -> Result<()> {
        let people = people
            .iter()
            .map(|id| json!({ "id": id, "uid": self.alias_name(id) }));
        let file = json!({ "people": people.collect::<Vec<_>>(), "groups": groups });
        self.write(DIRECTORY, &file.to_string()).map(drop)
    }
}

/// `xxx` inside a room name decodes wrongly; `_owners` anywhere in a name makes it an owners group.
#[tokio::test]
async fn markers_inside_of_names() -> Result<()> {
    let site = Site::new().await?;
    let server = site.synapse.server_name().to_owned();
    let people = ["alice", "bob", "carol", "dan", "erin"];
    site.register(people).await?;
    let inside = site.alias_name("maxxxpower");
    let middle = site.alias_name("the_owners_club");
    let plain = site.alias_name("plain");
    site.save_groups(
        &people,
        &[
            group(&format!("xxx{inside}xxx{server}"), &["alice"]),
            group(&format!("xxx{middle}xxx{server}"), &["bob", "erin"]),
            group(&format!("xxx{middle}xxx{server}_owners"), &["erin"]),
            group(&format!("xxx{plain}xxx{server}"), &["carol"]),
            // Two servers that neither is ours: a guess would be wrong half of the time.
            group("xxxfooxxxbar.examplexxxbaz.example", &["dan"]),
            group("xxxgonexxxexample.org_owners", &["dan"]),
        ],
    )?;
    let output = site.fine(&["sync"]).await?;
    tells(
        &output,
        &[
            "xxxfooxxxbar.examplexxxbaz.example",
            "can be read as",
            "rename the group, or list the room explicitly",
        ],
    );
    tells(
        &output,
        &[
            "xxxgonexxxexample.org_owners",
            "is for owners of",
            "which is no group",
        ],
    );
    for (room, people) in [
        ("maxxxpower", &["alice"][..]),
        ("the_owners_club", &["bob", "erin"]),
        ("plain", &["carol"]),
    ] {
        assert_eq!(
            Vec::from_iter(site.room(room).await?.inside()),
            people,
            "{output}"
        );
    }
    assert_eq!(site.room("the_owners_club").await?.levels["erin"], 50);
    assert_eq!(site.rooms_of_bot().await?.len(), 3, "{output}");
    Ok(())
}

/// Fails if anything in the output could move the cursor, hide text, or turn it around.
#[track_caller]
fn is_harmless(output: &Output) {
    for text in [&output.stdout, &output.stderr] {
        let harmful = text.chars().find(|c| {
            c.is_control() && *c != '\n'
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        });
        assert_eq!(harmful, None, "{output:?}");
    }
}

/// Chat replies allow raw HTML from directory names. A terminal has its own such characters.
#[tokio::test]
async fn names_do_not_command_the_terminal() -> Result<()> {
    const EVIL: &str =
        "\u{1b}]0;owned\u{7}\u{1b}[2J\n# fine\r\t<b>x</b>\u{202e}txt\u{2066}\u{200b}\u{9b}31m\u{7f}";
    let site = Site::new().await?;
    site.register(["alice"]).await?;
    let alias = site.alias("alpha");
    let mut members = vec!["alice".to_owned()];
    let mut people = vec![json!({ "id": "alice", "uid": site.alias_name("alice") })];
    for (id, uid) in [
        (format!("long {EVIL}"), "l".repeat(300)),
        (format!("guest {EVIL}"), "jane_corp.com#EXT#@tenant".to_owned()),
        (format!("twin {EVIL}"), site.alias_name("twin")),
        (format!("other {EVIL}"), site.alias_name("TWIN")),
    ] {
        people.push(json!({ "id": id, "uid": uid }));
        members.push(id);
    }
    members.push(format!("nobody {EVIL}"));
    let groups = json!([
        { "id": "alpha", "name": format!("MTRX {alias}"), "members": members, "groups": [format!("inner {EVIL}")] },
        { "name": format!("MTRX #bad{EVIL}"), "members": ["alice"] },
        { "name": format!("xxx{EVIL}xxx{EVIL}"), "members": ["alice"] },
        { "name": format!("inner {EVIL}"), "members": ["alice"], "groups": ["alpha"] },
    ]);
    site.write(
        DIRECTORY,
        &json!({ "people": people, "groups": groups }).to_string(),
    )?;
    let name = json!(format!("Room {EVIL}"));
    // TOML takes the escapes of JSON, but wants one more character escaped.
    let in_toml = name.to_string().replace('\u{7f}', "\\u007f");
    site.configure(
        "",
        &format!(
            "[[room]]\nalias = \"{}\"\nname = {in_toml}\ngroups = [\"alpha\"]",
            site.alias("beta")
        ),
    )?;
    for args in [
        &["idp"][..],
        &["check"],
        &["plan"],
        &["plan", "-vvv"],
        &["sync"],
        &["joined"],
        &["managed"],
        &["plan", "--json"],
        &["joined", "--json"],
    ] {
        let output = site.run(args).await?;
        assert!(matches!(output.code, Some(0 | 1 | 4)), "{output}");
        assert!(!output.stdout.is_empty(), "{output}");
        is_harmless(&output);
    }
    // The room itself has the name that was configured.
    let beta = site.room("beta").await?;
    assert_eq!(beta.setting("m.room.name", "name"), name.as_str());
    // In a message that comes from the file itself as well.
    site.write(
        DIRECTORY,
        &json!({ EVIL: [], "people": [{ "id": EVIL }, { "id": EVIL }] }).to_string(),
    )?;
    let output = site.run(&["sync"]).await?.exits(1);
    is_harmless(&output);
    Ok(())
}
