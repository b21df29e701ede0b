//! The password stays where it is.

use std::time::Duration;

use anyhow::Result;
use inviter_testkit::{Ldif, Overlay, SlapdOptions};

use super::{
    town::{Plan, Town},
    tree::SUFFIX,
};
use crate::harness::{files_below, found};

/// Every form of it differs from every other.
const GOOD: &str = "Kn\u{f6}pfe?+/\"&\\%41 of the bot";
const WRONG: &str = "Br\u{fc}cken?+/\"&\\%41 of another";

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
    plan.keys = format!(
        "bind_dn = \"cn=inviter,{SUFFIX}\"\nuser_bases = [\"ou=people,{SUFFIX}\"]\ngroup_bases = [\"ou=groups,{SUFFIX}\"]\n"
    );
    let town = Town::found(SlapdOptions::new().overlay(Overlay::Ppolicy), plan).await?;
    let secrets = [GOOD, WRONG, town.site.bot.token()];
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
        for command in ["check", "idp", "plan", "sync"] {
            let before = town.log_ins(code)?;
            let output = town.site.run(&[command, "-vvv"]).await?.exits(exit);
            assert!(output.stderr.contains("inviter_ldap"), "{output}");
            // The server got it, and judged it; it may write that down a moment later.
            for _ in 0..80 {
                if town.log_ins(code)? > before {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
            assert!(town.log_ins(code)? > before, "{before} {output}");
            for text in [&output.stdout, &output.stderr] {
                assert_eq!(found(text.as_bytes(), &secrets), [""; 0], "{output}");
            }
        }
    }
    let files = files_below(&town.site.path("state"))?;
    assert!(!files.is_empty());
    for file in files {
        let bytes = std::fs::read(&file)?;
        assert_eq!(found(&bytes, &secrets), [""; 0], "{}", file.display());
    }
    Ok(())
}
