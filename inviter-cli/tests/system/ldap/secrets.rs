//! The password stays where it is.

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

fn each(bytes: &[u8], write: impl Fn(u8) -> String) -> String {
    bytes.iter().map(|&byte| write(byte)).collect()
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
        each(bytes, |byte| format!("{byte}, ")),
        each(bytes, |byte| format!("{byte:02x}")),
        each(bytes, |byte| format!("{byte:02X}")),
        each(bytes, |byte| format!("{byte:02x} ")),
        each(bytes, |byte| format!("\\{byte:02x}")),
        each(bytes, |byte| format!("%{byte:02X}")),
        each(bytes, |byte| match byte {
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
    let log_ins = || {
        anyhow::Ok(
            town.slapd
                .log()?
                .matches(&format!("BIND dn=\"cn=inviter,{SUFFIX}\" method=128"))
                .count(),
        )
    };
    let results = |code: u32| {
        anyhow::Ok(
            town.slapd
                .log()?
                .matches(&format!("RESULT tag=97 err={code} "))
                .count(),
        )
    };

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
        for command in ["check", "plan", "sync"] {
            let before = (log_ins()?, results(code)?);
            let output = town.site.run(&[command, "-vvv"]).await?;
            let output = output.exits(exit);
            // The server got it, and judged it.
            assert!(output.stderr.contains("inviter_ldap"), "{output}");
            let after = (log_ins()?, results(code)?);
            assert!(
                after.0 > before.0 && after.1 > before.1,
                "{before:?} {after:?} {output}"
            );
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
