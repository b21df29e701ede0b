//! The directory file as a whole.

use anyhow::Result;
use serde_json::json;

use super::{Due, one_line};
use crate::harness::{CONFIG, DIRECTORY};

impl Due {
    /// Has the directory read from another file than usual.
    fn configure_file(&self, name: &str) -> Result<()> {
        let config = self.site.config_text("", "");
        self.site
            .write(CONFIG, &config.replace(DIRECTORY, name))
            .map(drop)
    }
}

#[tokio::test]
async fn json_with_a_syntax_error() -> Result<()> {
    let due = Due::new().await?;
    let path = due.directory_path();
    // A list that is not closed before the next key.
    due.site.write(
        DIRECTORY,
        "{\n  \"people\": [\n    { \"id\": \"alice\" }\n  , \"groups\": [] }\n",
    )?;
    due.tells(1, &["people", &format!("{path}:4:"), "not well-formed JSON"])
        .await?;
    // What a disk that was full leaves behind.
    let whole = std::fs::read_to_string(due.site.path(DIRECTORY))?;
    due.site.write(DIRECTORY, &whole[..whole.len() / 2])?;
    due.tells(1, &["people", &path, "not well-formed JSON"]).await?;
    due.repaired().await
}

#[tokio::test]
async fn toml_with_a_syntax_error() -> Result<()> {
    let due = Due::new().await?;
    due.configure_file("people.toml")?;
    due.site.write(
        "people.toml",
        "[[people]]\nid = \"alice\"\n\n[[groups]]\nname = \"MTRX #alpha:example.test\nmembers = [\"alice\"]\n",
    )?;
    let path = due.site.path("people.toml").display().to_string();
    due.tells(1, &["people", &format!("{path}:5:"), "not well-formed TOML"])
        .await?;
    due.repaired().await
}

#[tokio::test]
async fn entries_that_are_wrong() -> Result<()> {
    let due = Due::new().await?;
    due.configure_file("people.toml")?;
    due.site.write(
        "people.toml",
        "[[people]]\nid = \"alice\"\n\n[[people]]\nid = \"alice\"\n\n[[groups]]\nnam = \"x\"\nmembers = [\"alice\"]\n",
    )?;
    let path = due.site.path("people.toml").display().to_string();
    due.tells(
        1,
        &[
            "people",
            &format!("{path}:5:6: "),
            "two people have the id `alice`; ids must be unique",
            "8:1: unknown key `nam` in [groups], did you mean `name`?",
        ],
    )
    .await?;
    due.repaired().await
}

/// What a script writes that could not reach its own source.
#[tokio::test]
async fn shrank_to_nothing() -> Result<()> {
    let due = Due::new().await?;
    let path = due.directory_path();
    let people = json!({ "people": [{ "id": "alice", "uid": due.site.alias_name("alice") }] });
    let groups = json!({ "groups": [{ "name": format!("MTRX {}", due.site.alias("alpha")) }] });
    for (text, what) in [
        (String::new(), "the file is empty"),
        ("\n \n".to_owned(), "the file is empty"),
        ("{}".to_owned(), "the file has no people and no groups"),
        (people.to_string(), "the file has no groups"),
        (groups.to_string(), "the file has no people"),
    ] {
        due.site.write(DIRECTORY, &text)?;
        due.tells(1, &["people", &path, what, "restore the file"]).await?;
    }
    due.repaired().await
}

#[tokio::test]
async fn no_such_file() -> Result<()> {
    let due = Due::new().await?;
    let path = due.directory_path();
    std::fs::remove_file(due.site.path(DIRECTORY))?;
    due.tells(1, &["people", &path, "there is no such file", "correct `path`"])
        .await?;
    std::fs::create_dir(due.site.path(DIRECTORY))?;
    due.tells(1, &["people", &path, "is not a file", "must name one"])
        .await?;
    std::fs::remove_dir(due.site.path(DIRECTORY))?;
    due.repaired().await
}

/// One directory of two: the other one's room gets what is due there, in part.
#[tokio::test]
async fn one_of_two_directories() -> Result<()> {
    let mut due = Due::new().await?;
    let second = "[[directory]]\nname = \"second\"\nkind = \"file\"\npath = \"second.json\"";
    let file = |members: &[&str]| {
        let people = ["frank", "gina", "ida"].map(|id| json!({ "id": id, "uid": due.site.alias_name(id) }));
        let name = format!("MTRX {}", due.site.alias("gamma"));
        json!({ "people": people, "groups": [{ "name": name, "members": members }] }).to_string()
    };
    let (before, after) = (file(&["frank", "gina"]), file(&["gina", "ida"]));
    // The people of the first one's rooms are not due yet.
    let now = due.directory.clone();
    due.directory.room("alpha").members(["dan"]);
    due.directory.room("beta").members(["hugo"]);
    due.site.save(&due.directory)?;
    due.site.configure("", second)?;
    due.site.write("second.json", &before)?;
    due.site.fine(&["sync"]).await?;
    let ida_is_in = due.site.digest().await?;

    due.directory = now;
    due.site.save(&due.directory)?;
    let good = std::fs::read_to_string(due.site.path(DIRECTORY))?;
    due.site.write(DIRECTORY, &good[..good.len() / 2])?;
    due.site.write("second.json", &after)?;
    let output = due.clean(&["sync"]).await?.exits(4);
    one_line(
        &output,
        &["directory people", &due.directory_path(), "not well-formed JSON"],
    );
    for room in ["alpha", "beta"] {
        let id = due.site.room_id(room).await?;
        let digest = inviter_testkit::digest(&due.site.admin, &[&id]).await?;
        assert!(ida_is_in.contains(&digest), "{room}: {digest}");
    }
    let gamma = due.site.room("gamma").await?;
    assert_eq!(gamma.members["ida"], "invite");
    assert_eq!(gamma.members["frank"], "leave");
    Ok(())
}
