//! Managed identities of App Service, which are found by the environment: so each is used in a process of its own.

use std::process::Stdio;

use inviter_azure::{Credential, IdentityTokens, TokenSource as _};
use inviter_graph_emulator::{Emulator, ManagedIdentity};
use tokio::process::Command;

use crate::support::{asked, config, emulator, text, whole};

const CHILD: &str = "TOKENS_TEST_CHILD";

/// Runs [`in_a_child`]; what it prints.
async fn child(emulator: &Emulator, client_id: &str, environment: &[(&str, &str)]) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "app_service::in_a_child", "--nocapture"])
        .env(CHILD, emulator.graph_url())
        .env("TOKENS_TEST_CLIENT", client_id)
        // Nobody asks these.
        .env("HTTP_PROXY", "http://127.0.0.1:1")
        .env("AZURE_AUTHORITY_HOST", "http://127.0.0.1:1")
        .envs(environment.iter().copied())
        .stderr(Stdio::inherit())
        .output()
        .await
        .unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn in_a_child() {
    let Ok(graph) = std::env::var(CHILD) else {
        return;
    };
    let client_id = std::env::var("TOKENS_TEST_CLIENT")
        .ok()
        .filter(|id| !id.is_empty());
    let mut config = config("https://authority.invalid", &graph);
    // No proxy gets to this machine's own addresses.
    config.proxy = Some("http://127.0.0.1:1".into());
    let tokens = IdentityTokens::new(Credential::ManagedIdentity { client_id }, &config);
    match tokens.token(None).await {
        Ok(token) => println!("token {}", text(&token)),
        Err(error) => println!("error {error}\n{}", whole(&error)),
    }
}

#[tokio::test]
async fn app_service_gives_tokens() {
    let emulator = emulator().await;
    let identity = ManagedIdentity::default();
    let client = identity.client_id.clone();
    emulator.set_managed_identity(identity);
    let endpoint = format!("{}/msi/token", emulator.authority());
    let named = [
        ("IDENTITY_ENDPOINT", endpoint.as_str()),
        ("IDENTITY_HEADER", "emulated-identity-header"),
    ];
    for id in ["", client.as_str()] {
        let said = child(&emulator, id, &named).await;
        assert!(said.contains("token emulated-access-token-"), "{said}");
    }
    assert_eq!(asked(&emulator), 2);

    let said = child(&emulator, "another-identity", &named).await;
    let words = "error http://127.0.0.1";
    assert!(said.contains(words), "{said}");
    let words = "/msi/token: this machine gives no token for the managed identity of the client ID `another-identity`";
    assert!(said.contains(words), "{said}");

    let wrong = [named[0], ("IDENTITY_HEADER", "a-wr0ng-header")];
    let said = child(&emulator, "", &wrong).await;
    assert!(
        said.contains("this machine gives no token for its own managed identity"),
        "{said}"
    );
    assert!(!said.contains("wr0ng"), "{said}");
}

#[tokio::test]
async fn other_kinds_of_machines_are_told_apart() {
    let emulator = emulator().await;
    let arc = [
        ("IDENTITY_ENDPOINT", "http://127.0.0.1:1"),
        ("IMDS_ENDPOINT", "http://127.0.0.1:1"),
    ];
    let said = child(&emulator, "", &arc).await;
    assert!(
        said.contains("Azure Arc managed identity isn't supported"),
        "{said}"
    );
    assert!(said.contains("kind: Misconfigured"), "{said}");
}
