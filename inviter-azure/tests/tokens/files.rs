//! Files that cannot be used, and files that change.

use std::path::Path;

use inviter_azure::{IdentityTokens, TokenErrorKind as Kind, TokenSource as _};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519};
use tempfile::tempdir;

use crate::support::{
    Certificate, asked, certificate, config_of, emulator, error_of, file, text, whole, workload,
};

/// Certificate and key, the one of them that is wrong, and why.
type Case<'a> = (&'a Path, &'a Path, &'a Path, &'a str);

/// Each file is named with why it cannot be used, nothing of a key is shown, and nobody is asked.
async fn told(own: &Certificate, cases: &[Case<'_>]) {
    let emulator = emulator().await;
    for (certificate_file, key_file, about, why) in cases {
        let error = error_of(
            certificate(&emulator, certificate_file, key_file),
            &config_of(&emulator),
        )
        .await;
        assert_eq!(error.kind, Kind::Misconfigured, "{error}");
        assert_eq!(error.about, format!("the file `{}`", about.display()));
        assert!(error.message.starts_with(why), "{error}");
        let said = whole(&error);
        for line in own.key.lines().filter(|line| !line.starts_with('-')) {
            assert!(!said.contains(line), "{said}");
        }
    }
    assert_eq!(emulator.requests().len(), 0);
}

#[tokio::test]
async fn files_without_what_they_should_hold() {
    let dir = tempdir().unwrap();
    let own = Certificate::new(&dir, "own", 0);
    let (certificate, key) = (own.chain.as_path(), own.key_file.as_path());
    let missing = dir.path().join("missing");
    let empty = file(&dir, "empty", "");
    let cut = file(&dir, "cut", &own.key[..own.key.len() / 2]);
    told(
        &own,
        &[
            (&missing, key, &missing, "cannot be read (No such file"),
            (certificate, &missing, &missing, "cannot be read (No such file"),
            (&empty, key, &empty, "holds no certificate in PEM form"),
            (key, key, key, "holds no certificate in PEM form"),
            (certificate, &empty, &empty, "holds no private key in PEM form"),
            (certificate, &cut, &cut, "holds no private key in PEM form"),
        ],
    )
    .await;
    let emulator = emulator().await;
    for (path, why) in [
        (&missing, "cannot be read (No such file"),
        (&empty, "holds no token"),
    ] {
        let error = error_of(workload(&emulator, path), &config_of(&emulator)).await;
        assert_eq!(error.kind, Kind::Misconfigured, "{error}");
        assert_eq!(error.about, format!("the file `{}`", path.display()));
        assert!(error.message.starts_with(why), "{error}");
    }
    assert_eq!(emulator.requests().len(), 0);
}

#[tokio::test]
async fn keys_that_cannot_be_used() {
    let dir = tempdir().unwrap();
    let own = Certificate::new(&dir, "own", 0);
    let other = Certificate::new(&dir, "other", 1);
    let curve = Certificate::signed(
        &dir,
        "curve",
        &KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap(),
    );
    let edwards = Certificate::signed(&dir, "edwards", &KeyPair::generate_for(&PKCS_ED25519).unwrap());
    let certificate = own.chain.as_path();
    let encrypted = own.key.replace(" PRIVATE KEY", " ENCRYPTED PRIVATE KEY");
    let encrypted = file(&dir, "encrypted", &encrypted);
    let old = own.pkcs1().replacen(
        "KEY-----\n",
        "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0011223344556677\n\n",
        1,
    );
    let old = file(&dir, "old", &old);
    let sec1 = file(
        &dir,
        "sec1",
        &curve.key.replace(" PRIVATE KEY", " EC PRIVATE KEY"),
    );
    let garbled = file(&dir, "garbled", &own.key.replacen("MII", "MIJ", 1));
    let not_rsa = "holds a key that is not an RSA key, and Entra takes RSA only";
    told(
        &own,
        &[
            (
                certificate,
                &encrypted,
                &encrypted,
                "holds a key that is encrypted",
            ),
            (certificate, &old, &old, "holds a key that is encrypted"),
            (&curve.chain, &curve.key_file, &curve.key_file, not_rsa),
            (&curve.chain, &sec1, &sec1, not_rsa),
            (&edwards.chain, &edwards.key_file, &edwards.key_file, not_rsa),
            (
                certificate,
                &garbled,
                &garbled,
                "holds a private key that cannot be used",
            ),
            (
                certificate,
                &other.key_file,
                &other.key_file,
                "holds another key than that of the certificate",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_token_file_is_read_for_each_request() {
    let emulator = emulator().await;
    let dir = tempdir().unwrap();
    let path = file(&dir, "token", "first");
    emulator.set_federated_token("first");
    let tokens = IdentityTokens::new(workload(&emulator, &path), &config_of(&emulator));
    let one = tokens.token(None).await.unwrap();
    file(&dir, "token", "second");
    emulator.set_federated_token("second");
    let two = tokens.token(Some(&one)).await.unwrap();
    assert_ne!(text(&one), text(&two));
    let requests = emulator.requests();
    let bodies: Vec<_> = requests
        .iter()
        .map(|request| String::from_utf8_lossy(&request.body))
        .collect();
    assert!(bodies[0].contains("client_assertion=first&"), "{bodies:?}");
    assert!(bodies[1].contains("client_assertion=second&"), "{bodies:?}");
}

#[tokio::test]
async fn a_file_that_comes_later_is_found() {
    let emulator = emulator().await;
    let dir = tempdir().unwrap();
    let path = dir.path().join("token");
    emulator.set_federated_token("late");
    let tokens = IdentityTokens::new(workload(&emulator, &path), &config_of(&emulator));
    tokens.token(None).await.unwrap_err();
    file(&dir, "token", "late");
    tokens.token(None).await.unwrap();
    assert_eq!(asked(&emulator), 1);
}

#[tokio::test]
async fn a_renewed_certificate_is_used_without_a_restart() {
    let emulator = emulator().await;
    let dir = tempdir().unwrap();
    let before = Certificate::new(&dir, "own", 0);
    emulator.register_certificate(before.der.clone());
    let tokens = IdentityTokens::new(before.credential(&emulator), &config_of(&emulator));
    let one = tokens.token(None).await.unwrap();
    let after = Certificate::new(&dir, "own", 1);
    assert_eq!(before.key_file, after.key_file);
    let refused = tokens.token(Some(&one)).await.unwrap_err();
    assert!(refused.message.ends_with("(AADSTS700027)"), "{refused}");
    emulator.register_certificate(after.der.clone());
    tokens.token(Some(&one)).await.unwrap();
}
