//! The password stays where it is.

use std::time::Duration;

use anyhow::Result;
use inviter_testkit::{Ldif, Overlay, SecretForms, SlapdOptions};

use super::{
    town::{NO_LIMITS, Plan, Town},
    tree::SUFFIX,
};
use crate::harness::files_below;

/// Every form of it differs from every other.
const GOOD: &str = "Kn\u{f6}pfe?+/\"&\\%41 of the bot";
const WRONG: &str = "Br\u{fc}cken?+/\"&\\%41 of another";
const FILE: &str = "plan.json";
const TABLE: &str = "removals.csv";
/// What reads the directory, and whether it fails where that cannot be read; the first half before somebody is to go.
const COMMANDS: [(&[&str], bool); 10] = [
    (&["check"], true),
    (&["idp"], true),
    (&["idp", "--json"], true),
    (&["plan"], true),
    (&["sync"], true),
    (&["plan", "--json"], true),
    (&["plan", "--out", FILE, "--removals-csv", TABLE], true),
    (&["apply", FILE], true),
    (&["status"], false),
    (&["release"], false),
];

impl Town {
    /// How often the program's account has given a password, and slapd said this of it.
    fn log_ins(&self, code: u32) -> Result<usize> {
        let log = self.slapd.log()?;
        let of_bot = |line: &&str| line.contains(&format!("BIND dn=\"cn=inviter,{SUFFIX}\" method=128"));
        // The lines of an operation have this in common: `conn=1000 op=0`.
        let operation = |line: &str| {
            let mut words = line[line.find("conn=")?..].split(' ');
            Some([words.next()?.to_owned(), words.next()?.to_owned()])
        };
        let asked: Vec<[String; 2]> = log.lines().filter(of_bot).filter_map(operation).collect();
        let judged = log
            .lines()
            .filter(|line| line.contains(&format!("RESULT tag=97 err={code} ")));
        Ok(judged
            .filter_map(operation)
            .filter(|op| asked.contains(op))
            .count())
    }
}

#[tokio::test]
async fn no_password_in_any_output() -> Result<()> {
    let mut plan = Plan::default();
    plan.ldap
        .room("alpha")
        .members(["alice", "bob"])
        .owners(["alice"]);
    let mut ldif = Ldif::new(SUFFIX);
    ldif.password_policy(0).expired_account("inviter", GOOD);
    plan.more = ldif.to_string();
    plan.sections = NO_LIMITS.to_owned();
    plan.keys = format!(
        "bind_dn = \"cn=inviter,{SUFFIX}\"\nuser_bases = [\"ou=people,{SUFFIX}\"]\ngroup_bases = [\"ou=groups,{SUFFIX}\"]\n"
    );
    let mut town = Town::found(SlapdOptions::new().overlay(Overlay::Ppolicy), plan).await?;
    let secrets = SecretForms::new(&[GOOD, WRONG, town.site.bot.token()])?;
    for (case, password, code, exit) in [
        ("good", GOOD, 0, 0),
        ("wrong", WRONG, 49, 1),
        ("expired", GOOD, 49, 1),
    ] {
        if case == "expired" {
            town.apply(|ldif| {
                ldif.replace_values(&format!("cn=ppolicy,{SUFFIX}"), "pwdMaxAge", &["3600"]);
            })
            .await?;
        }
        town.site.write_secret("ldap-password", password)?;
        for (at, (command, fails)) in COMMANDS.into_iter().enumerate() {
            if case == "good" && at == COMMANDS.len() / 2 {
                town.change(|directory| {
                    directory.room("alpha").without("bob");
                })
                .await?;
            }
            let before = town.log_ins(code)?;
            let mut output = town.site.run(&[command, &["-vvv"]].concat()).await?;
            if fails {
                output = output.exits(exit);
            }
            assert!(output.stderr.contains("inviter_ldap"), "{output}");
            if command.contains(&"--json") && case == "good" {
                let document: serde_json::Value = serde_json::from_str(&output.stdout)?;
                assert!(document.is_object(), "{output}");
            }
            // The server got it, and judged it; it may write that down a moment later.
            for _ in 0..80 {
                if town.log_ins(code)? > before {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
            assert!(town.log_ins(code)? > before, "{before} {output}");
            for text in [&output.stdout, &output.stderr] {
                assert_eq!(secrets.found(text.as_bytes()), [""; 0], "{output}");
            }
        }
    }
    // The configuration asks nobody.
    for args in [&["config", "-vvv"][..], &["config", "--json", "-vvv"]] {
        let output = town.site.fine(args).await?;
        assert!(output.stdout.contains("ldap-password"), "{output}");
        for text in [&output.stdout, &output.stderr] {
            assert_eq!(secrets.found(text.as_bytes()), [""; 0], "{output}");
        }
    }
    // Both files are of the run in which somebody was to go.
    for name in [FILE, TABLE] {
        let text = std::fs::read_to_string(town.site.path(name))?;
        assert!(text.contains(&town.site.user("bob")), "{name}: {text}");
        assert_eq!(secrets.found(text.as_bytes()), [""; 0], "{name}");
    }
    let files = files_below(&town.site.path("state"))?;
    assert!(!files.is_empty());
    for file in files {
        let bytes = std::fs::read(&file)?;
        assert_eq!(secrets.found(&bytes), [""; 0], "{}", file.display());
    }
    Ok(())
}
