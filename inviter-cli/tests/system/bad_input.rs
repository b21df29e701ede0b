//! Bad input: one clear sentence, the right exit code, no change to any room.

mod configuration;
mod directory;
mod groups;
mod homeserver;
pub(crate) mod tls;

use anyhow::Result;

use crate::harness::{DIRECTORY, Directory, Output, Site, found};

/// A site that was in order, and in which people have come and gone since: a run that took bad input for good would
/// show it at once.
///
/// `dan` has to leave `alpha`, `hugo` has to leave `beta`, and `ida` has to be invited into `beta`.
pub(crate) struct Due {
    pub(crate) site: Site,
    /// What the directory file says.
    pub(crate) directory: Directory,
    /// The rooms before.
    before: String,
}

impl Due {
    pub(crate) async fn new() -> Result<Self> {
        let site = Site::new().await?;
        let mut directory = Directory::default();
        directory
            .room("alpha")
            .members(["alice", "bob", "carol", "dan"])
            .owners(["alice"]);
        directory
            .room("beta")
            .members(["erin", "frank", "gina", "hugo"])
            .owners(["erin"]);
        site.register(directory.everybody()).await?;
        site.register(["ida"]).await?;
        site.save(&directory)?;
        site.fine(&["sync"]).await?;
        site.join("alpha", ["bob", "dan"]).await?;
        site.join("beta", ["frank", "hugo"]).await?;
        site.fine(&["sync"]).await?;
        directory.room("alpha").without("dan");
        directory.room("beta").without("hugo").members(["ida"]);
        // They have left the groups, not the directory.
        directory.people(["dan", "hugo"]);
        site.save(&directory)?;
        let before = site.digest().await?;
        Ok(Self {
            site,
            directory,
            before,
        })
    }

    /// `plan` and `sync` fail with one line on standard error and nothing else, and no room has changed. Every one
    /// of `parts` is in the line: the object and the remedy.
    pub(crate) async fn fails(&self, parts: &[&str]) -> Result<()> {
        for command in ["plan", "sync"] {
            let output = self.clean(&[command]).await?.exits(1);
            assert_eq!(output.stdout, "", "{output}");
            assert_eq!(output.stderr.lines().count(), 1, "{output}");
            one_line(&output, parts);
        }
        self.unchanged().await
    }

    /// `plan` and `sync` end with this code, tell the thing in one line with all `parts` in it, and no room has
    /// changed.
    pub(crate) async fn tells(&self, code: i32, parts: &[&str]) -> Result<()> {
        for command in ["plan", "sync"] {
            let output = self.clean(&[command]).await?.exits(code);
            one_line(&output, parts);
        }
        self.unchanged().await
    }

    /// Runs the program and sees to it that it prints nothing that is not meant for people, and no secret.
    pub(crate) async fn clean(&self, args: &[&str]) -> Result<Output> {
        let output = self.site.run(args).await?;
        is_clean(&output, &[self.site.bot.token(), PASSWORD_OF]);
        Ok(output)
    }

    /// No event in any room is another than before.
    pub(crate) async fn unchanged(&self) -> Result<()> {
        let after = self.site.digest().await?;
        let changes = inviter_testkit::changes(&self.before, &after);
        assert!(changes.is_empty(), "{changes:#?}");
        Ok(())
    }

    /// As [`unchanged`](Self::unchanged), for one room.
    pub(crate) async fn is_untouched(&self, room: &str) -> Result<()> {
        let id = self.site.room_id(room).await?;
        let digest = inviter_testkit::digest(&self.site.admin, &[&id]).await?;
        assert!(
            self.before.contains(&digest),
            "{room} is not as it was:\n{digest}\n{}",
            self.before
        );
        Ok(())
    }

    /// What was due in `beta` was done.
    pub(crate) async fn beta_is_done(&self) -> Result<()> {
        let beta = self.site.room("beta").await?;
        beta.is_as_wanted(&self.directory, "beta");
        assert_eq!(beta.members["hugo"], "leave");
        assert_eq!(beta.members["ida"], "invite");
        Ok(())
    }

    /// With good input again, everything that was due is done: that nothing happened before was not for want of
    /// something to do.
    pub(crate) async fn repaired(&self) -> Result<()> {
        self.site.proxy.heal();
        self.site.configure("", "")?;
        self.site.save(&self.directory)?;
        self.site.fine(&["sync"]).await?;
        self.beta_is_done().await?;
        let alpha = self.site.room("alpha").await?;
        alpha.is_as_wanted(&self.directory, "alpha");
        assert_eq!(alpha.members["dan"], "leave");
        Ok(())
    }

    /// The directory file's path as messages show it.
    pub(crate) fn directory_path(&self) -> String {
        self.site.path(DIRECTORY).display().to_string()
    }
}

/// With what the passwords of the test accounts begin.
const PASSWORD_OF: &str = "password-of-";

/// Fails unless exactly one line has all parts in it. What stands indented below a room is about that room, whose
/// name it need not repeat.
#[track_caller]
pub(crate) fn one_line(output: &Output, parts: &[&str]) {
    let mut above = "";
    let mut about = Vec::new();
    for line in output.stdout.lines().chain(output.stderr.lines()) {
        if !line.starts_with(' ') {
            above = line;
        }
        let in_line = parts.iter().any(|part| line.contains(part));
        if in_line
            && parts
                .iter()
                .all(|part| line.contains(part) || above.contains(part))
        {
            about.push(line);
        }
    }
    assert_eq!(
        about.len(),
        1,
        "not exactly one line with all of {parts:?}\n{output}"
    );
}

/// Fails if something of the program's inside shows, or a secret in whatever form.
#[track_caller]
pub(crate) fn is_clean(output: &Output, secrets: &[&str]) {
    let inside = [
        "Error {",
        "Err(",
        "Some(",
        "Ok(",
        "Other(",
        "kind:",
        "source:",
        "panicked",
        "backtrace",
        "BACKTRACE",
        "::",
        ".rs:",
    ];
    for text in [&output.stdout, &output.stderr] {
        for part in inside {
            assert!(!text.contains(part), "{part} in\n{output}");
        }
        assert_eq!(found(text.as_bytes(), secrets), [""; 0], "in\n{output}");
    }
}
