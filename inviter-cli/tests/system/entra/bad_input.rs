//! What people write by mistake: one clear line each, with the thing and the remedy, and nobody removed.

use anyhow::Result;

use super::{town::Town, trial::IN_PART};
use crate::{
    bad_input::{is_clean, one_line},
    harness::{CONFIG, Directory},
};

/// A town in which somebody has to go.
struct Due {
    town: Town,
    before: String,
}

impl Due {
    async fn new() -> Result<Self> {
        let mut wanted = Directory::default();
        wanted
            .room("alpha")
            .members(["alice", "bob", "carol", "dan"])
            .owners(["alice"]);
        wanted.group("crew").members(["erin"]);
        let mut town = Town::with(wanted).await?;
        town.settle().await?;
        town.change(|directory| {
            directory.room("alpha").without("dan");
            directory.people(["dan"]);
        })?;
        let before = town.digest_of(&["alpha"]).await?;
        Ok(Self { town, before })
    }

    /// `plan` and `sync` tell this in one line, end with this code, and change no room.
    async fn tells(&self, code: i32, told: &[&str]) -> Result<()> {
        self.told_by(&["plan", "sync"], code, told, false).await
    }

    /// The configuration is refused: there is one line, and it is on standard error.
    async fn refused(&self, told: &[&str]) -> Result<()> {
        self.told_by(&["check", "plan", "sync"], 1, told, true).await
    }

    async fn told_by(&self, commands: &[&str], code: i32, told: &[&str], refused: bool) -> Result<()> {
        let Self { town, before } = self;
        for command in commands {
            let output = town.site.run(&[command]).await?.exits(code);
            one_line(&output, told);
            is_clean(
                &output,
                &[town.site.bot.token(), &town.tenancies[0].emulator.client_secret()],
            );
            if refused && *command != "check" {
                assert_eq!(output.stdout, "", "{output}");
                assert_eq!(output.stderr.lines().count(), 1, "{output}");
            }
            assert_eq!(*before, town.digest_of(&["alpha"]).await?, "{output}");
        }
        Ok(())
    }

    /// With good input again, what was due is done: that nothing happened before was not for want of something to do.
    async fn repaired(&mut self) -> Result<()> {
        self.town.configure()?;
        self.town.settle().await?;
        assert_eq!(self.town.site.room("alpha").await?.members["dan"], "leave");
        Ok(())
    }
}

#[tokio::test]
async fn what_the_tenant_does_not_know() -> Result<()> {
    let mut due = Due::new().await?;
    let (person, crew, secret, rooms) = {
        let tenancy = due.town.tenancy();
        (
            tenancy.person("bob").to_string(),
            tenancy.group("crew").to_string(),
            tenancy.emulator.client_secret(),
            tenancy.rooms.clone(),
        )
    };
    let other = "11112222-bbbb-3333-cccc-4444dddd5555";
    let cases: [(String, i32, &[&str]); 6] = [
        (
            format!("{rooms}tenant = \"{other}\"\n"),
            1,
            &[
                "error: directory entra could not be read",
                &format!("knows no tenant `{other}`"),
                "write the directory ID that the Entra admin center shows",
            ],
        ),
        (
            format!("{rooms}client_id = \"{other}\"\n"),
            1,
            &[
                "error: directory entra could not be read",
                &format!("knows no application `{other}`"),
                "check both",
            ],
        ),
        (
            format!("root_group = \"{other}\"\n"),
            1,
            &["directory entra", other, "Graph does not have", "configuration"],
        ),
        (
            format!("root_group = \"{person}\"\n"),
            1,
            &["directory entra", &person, "Graph does not have", "configuration"],
        ),
        (
            format!("root_group = \"{crew}\"\n"),
            IN_PART,
            &[
                "directory entra",
                "root group `crew`",
                "no group is directly inside",
                "correct the ID",
            ],
        ),
        (
            "group_prefix = \"Chat \"\n".to_owned(),
            IN_PART,
            &[
                "directory entra",
                "groups whose names begin with `Chat `",
                "there are none in this tenant",
                "correct the prefix",
            ],
        ),
    ];
    for (keys, code, told) in cases {
        due.town.tenancy().rooms = keys;
        due.town.configure()?;
        due.tells(code, told).await?;
    }
    due.town.tenancy().rooms = rooms;

    due.town.tenancy().emulator.expire_client_secret();
    due.town.configure()?;
    let told = [
        "error: directory entra could not be read",
        "the client secret has expired",
        "make a new one for the application",
    ];
    due.tells(1, &told).await?;
    due.town.tenancy().emulator.set_client_secret(&secret);
    due.repaired().await
}

#[tokio::test]
async fn what_the_configuration_gets_wrong() -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut due = Due::new().await?;
    let good = std::fs::read_to_string(due.town.site.path(CONFIG))?;
    let (rooms, login) = (due.town.tenancy().rooms.clone(), due.town.tenancy().login.clone());
    let secret = due.town.tenancy().emulator.client_secret();
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from} {good}");
        good.replace(from, to)
    };
    let section = good
        .split("[directory.entra]\n")
        .nth(1)
        .and_then(|rest| rest.split("\n\n").next());
    let section = section
        .map(|section| format!("[directory.entra]\n{section}"))
        .unwrap_or_default();
    let guid = "write the one that the Entra admin center shows for the group";
    let cases: [(String, &[&str]); 8] = [
        (
            with(&section, ""),
            &[
                "the section [directory.entra] is missing",
                "it needs `tenant`, `client_id`",
            ],
        ),
        (
            with(&rooms, "root_group = \"Rooms\"\n"),
            &["`root_group`", "`Rooms` is not an object ID", guid],
        ),
        (
            with(&rooms, "groups = [\"Rooms\"]\n"),
            &["`groups`", "`Rooms` is not an object ID", guid],
        ),
        (with(&rooms, ""), &["root_group", "group_prefix", "groups"]),
        (with(&rooms, "group_prefix = \"\"\n"), &["group_prefix", "empty"]),
        (
            with(&login, "client_secret_file = \"nowhere\"\n"),
            &["`client_secret_file`", "nowhere", "does not exist"],
        ),
        (
            with(&login, "client_secret = \"hunter2\"\n"),
            &[
                "client_secret",
                "must not stand in this file",
                "client_secret_file",
            ],
        ),
        (
            with(&login, "credential = \"client_certificate\"\n"),
            &["needs `certificate_file` and `key_file`"],
        ),
    ];
    for (text, told) in cases {
        due.town.site.write(CONFIG, &text)?;
        due.refused(told).await?;
    }
    // Whoever is on this machine could read it.
    due.town.site.write(CONFIG, &good)?;
    let path = due.town.site.path("entra.secret");
    for mode in [0o644, 0o604] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))?;
        due.refused(&["`client_secret_file`", "entra.secret", "chmod 600"])
            .await?;
    }
    due.town.tenancies[0].write_secret(&due.town.site, &secret)?;
    // The ID of the secret, which the admin center shows next to it.
    due.town.tenancies[0].write_secret(&due.town.site, "11112222-bbbb-3333-cccc-4444dddd5555")?;
    due.refused(&[
        "`client_secret_file`",
        "the ID of a client secret",
        "take the secret's value",
    ])
    .await?;
    due.town.tenancies[0].write_secret(&due.town.site, &secret)?;
    due.repaired().await
}
