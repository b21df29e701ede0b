//! The password stays where it is.

use std::time::Duration;

use anyhow::Result;
use inviter_testkit::{Ldif, Overlay, SlapdOptions};

use super::{
    town::{Plan, Town},
    tree::SUFFIX,
};
use crate::harness::files_below;

/// Every form of it differs from every other.
const GOOD: &str = "Kn\u{f6}pfe?+/\"&\\%41 of the bot";
const WRONG: &str = "Br\u{fc}cken?+/\"&\\%41 of another";

/// The digits of base64, the usual ones and those for URLs.
const DIGITS: [&[u8; 64]; 2] = [
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
];

fn base64(bytes: &[u8], digits: &[u8; 64]) -> String {
    let mut text = String::new();
    for three in bytes.chunks_exact(3) {
        let number = three.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte));
        for shift in [18, 12, 6, 0] {
            text.push(digits[number >> shift & 63].into());
        }
    }
    text
}

/// Bytes, each written like this, with something between them.
fn each(bytes: &[u8], between: &str, write: impl Fn(u8) -> String) -> String {
    let written: Vec<String> = bytes.iter().map(|&byte| write(byte)).collect();
    written.join(between)
}

/// What a secret may look like in a text.
fn forms(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let mut forms = vec![
        secret.to_owned(),
        // As Rust and JSON quote it.
        format!("{secret:?}").trim_matches('"').to_owned(),
        serde_json::Value::from(secret)
            .to_string()
            .trim_matches('"')
            .to_owned(),
        each(bytes, ", ", |byte| byte.to_string()),
        each(bytes, "", |byte| format!("{byte:02x}")),
        each(bytes, "", |byte| format!("{byte:02X}")),
        each(bytes, " ", |byte| format!("{byte:02x}")),
        each(bytes, "", |byte| format!("\\{byte:02x}")),
        each(bytes, "", |byte| format!("%{byte:02X}")),
        each(bytes, "", |byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        }),
    ];
    // A part is as bad.
    let (half, _) = secret.char_indices().nth(secret.chars().count() / 2).unwrap();
    forms.extend([secret[..half].to_owned(), secret[half..].to_owned()]);
    // Wherever it begins in what is encoded.
    for digits in DIGITS {
        forms.extend((0..3).map(|start| base64(&bytes[start..], digits)));
    }
    forms
}

/// The forms of secrets that are in these bytes.
fn found(bytes: &[u8], secrets: &[&str]) -> Vec<String> {
    let forms = secrets.iter().flat_map(|secret| forms(secret));
    forms
        .filter(|form| {
            bytes
                .windows(form.len())
                .any(|window| window.eq_ignore_ascii_case(form.as_bytes()))
        })
        .collect()
}

#[test]
fn a_secret_is_found_in_every_form() {
    for form in forms(GOOD) {
        assert!(
            !found(format!("about {form} as").as_bytes(), &[GOOD]).is_empty(),
            "{form}"
        );
    }
    assert_eq!(base64(b"any car", DIGITS[0]), "YW55IGNh");
    assert!(found(WRONG.as_bytes(), &[GOOD]).is_empty());
}

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
                assert_eq!(found(text.as_bytes(), &[GOOD, WRONG]), [""; 0], "{output}");
            }
        }
    }
    let files = files_below(&town.site.path("state"))?;
    assert!(!files.is_empty());
    for file in files {
        let bytes = std::fs::read(&file)?;
        assert_eq!(found(&bytes, &[GOOD, WRONG]), [""; 0], "{}", file.display());
    }
    Ok(())
}
