//! What the authority refuses, and what is said about it.

use std::time::Instant;

use inviter_azure::{Credential, TokenErrorKind as Kind};
use tempfile::tempdir;

use crate::support::{
    Certificate, asked, config_of, emulator, error_of, file, secret, whole, with_secret, workload,
};

#[tokio::test]
async fn a_wrong_secret_is_asked_with_once() {
    let emulator = emulator().await;
    let started = Instant::now();
    let error = error_of(secret(&emulator, "wr0ng~s3cret"), &config_of(&emulator)).await;
    assert_eq!(error.kind, Kind::Denied);
    assert_eq!(error.about, emulator.authority());
    assert_eq!(
        error.message,
        format!(
            "says that the client secret is wrong; write a secret of the application `{}`, and of it the value, not \
             the ID (the value is shown only once, when a secret is made) (AADSTS7000215)",
            emulator.client_id()
        )
    );
    assert_eq!(asked(&emulator), 1, "tried again");
    assert!(started.elapsed().as_secs() < 5);
}

#[tokio::test]
async fn an_expired_secret() {
    let emulator = emulator().await;
    emulator.expire_client_secret();
    let error = error_of(with_secret(&emulator), &config_of(&emulator)).await;
    assert_eq!(error.kind, Kind::Denied);
    assert!(
        error
            .message
            .starts_with("says that the client secret has expired; make a new one"),
        "{error}"
    );
    assert!(error.message.ends_with("(AADSTS7000222)"), "{error}");
}

#[tokio::test]
async fn an_unknown_tenant() {
    let emulator = emulator().await;
    let credential = Credential::ClientSecret {
        tenant: "b0000000-0000-0000-0000-000000000009".to_owned(),
        client_id: emulator.client_id().to_owned(),
        secret: emulator.client_secret().into(),
    };
    let error = error_of(credential, &config_of(&emulator)).await;
    assert_eq!(error.kind, Kind::Denied);
    assert!(
        error
            .message
            .starts_with("knows no tenant `b0000000-0000-0000-0000-000000000009`;"),
        "{error}"
    );
    assert!(error.message.ends_with("(AADSTS90002)"), "{error}");
    assert_eq!(asked(&emulator), 1);
}

#[tokio::test]
async fn an_unknown_application() {
    let emulator = emulator().await;
    let credential = Credential::ClientSecret {
        tenant: emulator.tenant_id().to_owned(),
        client_id: "b0000000-0000-0000-0000-000000000009".to_owned(),
        secret: emulator.client_secret().into(),
    };
    let error = error_of(credential, &config_of(&emulator)).await;
    assert_eq!(error.kind, Kind::Denied);
    assert!(
        error.message.starts_with("knows no application `b0000000-"),
        "{error}"
    );
    assert!(error.message.ends_with("(AADSTS700016)"), "{error}");
}

#[tokio::test]
async fn a_certificate_that_is_not_the_applications() {
    let emulator = emulator().await;
    let dir = tempdir().unwrap();
    let registered = Certificate::new(&dir, "registered", 0);
    emulator.register_certificate(registered.der);
    // Another key, and another certificate of the same key.
    for (name, key) in [("other", 1), ("renewed", 0)] {
        let other = Certificate::new(&dir, name, key);
        let error = error_of(other.credential(&emulator), &config_of(&emulator)).await;
        assert_eq!(error.kind, Kind::Denied, "{error}");
        assert!(
            error.message.starts_with("does not accept the certificate"),
            "{error}"
        );
        assert!(error.message.ends_with("(AADSTS700027)"), "{error}");
    }
}

#[tokio::test]
async fn a_token_file_with_another_token() {
    let emulator = emulator().await;
    emulator.set_federated_token("the-right-one");
    let dir = tempdir().unwrap();
    let path = file(&dir, "token", "the-wr0ng-one");
    let error = error_of(workload(&emulator, &path), &config_of(&emulator)).await;
    assert_eq!(error.kind, Kind::Denied, "{error}");
    assert!(error.message.contains("AADSTS"), "{error}");
    assert!(!whole(&error).contains("wr0ng"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_not_asked_for() {
    let emulator = emulator().await;
    for (tenant, client_id, value, words) in [
        ("", "app", "secret", "about the tenant ``; write the directory ID"),
        ("../x", "app", "secret", "about the tenant `../x`"),
        ("..", "app", "secret", "about the tenant `..`"),
        ("contoso", "", "secret", "write the client ID"),
        ("contoso", "app", "", "with an empty client secret"),
    ] {
        let credential = Credential::ClientSecret {
            tenant: tenant.to_owned(),
            client_id: client_id.to_owned(),
            secret: value.into(),
        };
        let error = error_of(credential, &config_of(&emulator)).await;
        assert_eq!(error.kind, Kind::Misconfigured);
        assert!(error.message.contains(words), "{error}");
    }
    let mut config = config_of(&emulator);
    config.ca_file = Some("no/such/file.pem".into());
    let error = error_of(with_secret(&emulator), &config).await;
    assert_eq!(error.kind, Kind::Misconfigured);
    assert!(
        error
            .message
            .contains("`ca_file`: the file `no/such/file.pem` cannot be read"),
        "{error}"
    );
    assert_eq!(emulator.requests().len(), 0);
}
