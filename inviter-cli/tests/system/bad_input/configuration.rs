//! The configuration file, and the command line.

use anyhow::Result;

use super::{Due, is_clean, one_line};
use crate::harness::CONFIG;

impl Due {
    /// Replaces a part of the configuration, and answers with line and column of where the new text begins.
    fn misconfigure(&self, right: &str, wrong: &str) -> Result<String> {
        let text = self.site.config_text("", "");
        let at = text.find(right).unwrap();
        let line = text[..at].matches('\n').count() + 1;
        let column = at - text[..at].rfind('\n').map_or(0, |end| end + 1) + 1;
        self.site.write(CONFIG, &text.replacen(right, wrong, 1))?;
        Ok(format!("{}:{line}:{column}: ", self.site.path(CONFIG).display()))
    }
}

#[tokio::test]
async fn unknown_key() -> Result<()> {
    let due = Due::new().await?;
    for (right, wrong, nearest) in [
        (
            "access_token_file",
            "acces_token_file",
            "did you mean `access_token_file`?",
        ),
        ("[state]", "[stat]", "did you mean `state`?"),
        ("kind =", "knd =", "did you mean `kind`?"),
    ] {
        let place = due.misconfigure(right, wrong)?;
        let key = wrong.trim_matches(['[', ']', ' ', '=']);
        // The place of a section is that of its name.
        let place = if wrong.starts_with('[') {
            place.replace(":1: ", ":2: ")
        } else {
            place
        };
        let named = format!("unknown key `{key}`");
        for command in ["plan", "sync"] {
            let output = due.clean(&[command]).await?.exits(1);
            assert_eq!(output.stdout, "", "{output}");
            one_line(&output, &[&place, &named, nearest]);
        }
        due.unchanged().await?;
    }
    // A key that is there, with nothing else wrong.
    due.site.configure("trusted_inviter = []", "")?;
    due.fails(&[
        "inviter.toml:1:1: ",
        "unknown key `trusted_inviter`",
        "did you mean `trusted_inviters`?",
    ])
    .await?;
    due.repaired().await
}

#[tokio::test]
async fn every_error_at_once() -> Result<()> {
    let due = Due::new().await?;
    due.site.configure(
        "trusted_inviter = []",
        "[limits]\nroom_precent = 3\ntotal_count = \"many\"",
    )?;
    let output = due.clean(&["sync"]).await?.exits(1);
    for parts in [
        [
            "unknown key `trusted_inviter`",
            "did you mean `trusted_inviters`?",
        ],
        [
            "unknown key `room_precent` in [limits]",
            "did you mean `room_percent`?",
        ],
        ["`total_count` in [limits]", "must be an integer, not a string"],
    ] {
        one_line(&output, &parts);
    }
    due.unchanged().await?;
    due.repaired().await
}

#[tokio::test]
async fn malformed_alias_in_the_configuration() -> Result<()> {
    let due = Due::new().await?;
    for alias in ["staff", "#staff", "staff:example.test"] {
        due.site
            .configure("", &format!("[[room]]\nalias = \"{alias}\"\ngroups = [\"beta\"]"))?;
        due.fails(&[
            CONFIG,
            &format!("`{alias}` is not a room alias"),
            "write it like \"#room:example.com\"",
        ])
        .await?;
    }
    due.repaired().await
}

/// Code 2 says that there are changes to make; a script must not take a slip of the fingers for that.
#[tokio::test]
async fn malformed_command_line() -> Result<()> {
    let due = Due::new().await?;
    let output = due.clean(&["sync", "--room", "staff"]).await?.exits(1);
    one_line(
        &output,
        &["'staff'", "--room", "write an alias like '#room:example.com'"],
    );
    due.clean(&["sink"]).await?.exits(1);
    due.clean(&["sync", "--dry"]).await?.exits(1);
    due.clean(&["--help"]).await?.exits(0);
    due.clean(&["--version"]).await?.exits(0);
    due.unchanged().await
}

#[tokio::test]
async fn room_that_no_directory_has() -> Result<()> {
    let due = Due::new().await?;
    let alias = due.site.alias("gamma");
    let output = due.clean(&["sync", "--room", &alias]).await?.exits(1);
    assert_eq!(output.stderr.lines().count(), 1, "{output}");
    one_line(
        &output,
        &[
            &alias,
            "is not a room of any directory",
            "`inviter idp` lists them",
        ],
    );
    due.unchanged().await
}

/// A token that somebody wrote into the file itself, well-formed or not, is never repeated.
#[tokio::test]
async fn secret_in_the_configuration() -> Result<()> {
    const SECRET: &str = "syt_c2VjcmV0_secretsecretsecret_1111";
    let due = Due::new().await?;
    let text = due.site.config_text("", "");
    let right = "access_token_file = \"token\"";
    for (wrong, told, remedy) in [
        (
            format!("access_token = \"{SECRET}\""),
            "a secret must not stand in this file",
            "name that with `access_token_file`",
        ),
        (
            format!("access_token = {SECRET}"),
            ":5:16: ",
            "not well-formed TOML",
        ),
        (
            format!("access_token_file = \"token\"\nurl = \"https://bot:{SECRET}@127.0.0.1\""),
            ":6:1: ",
            "duplicate key",
        ),
    ] {
        due.site.write(CONFIG, &text.replace(right, &wrong))?;
        let output = due.clean(&["sync"]).await?.exits(1);
        is_clean(&output, &[SECRET]);
        one_line(&output, &[CONFIG, told, remedy]);
    }
    due.unchanged().await
}

#[tokio::test]
async fn no_configuration() -> Result<()> {
    let due = Due::new().await?;
    std::fs::remove_file(due.site.path(CONFIG))?;
    due.fails(&[CONFIG, "there is no such file", "copy inviter.sample.toml"])
        .await?;
    due.repaired().await
}
