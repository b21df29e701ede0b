//! The metadata service of virtual machines, which is at an address that no test can have.

use std::time::{Duration, Instant};

use inviter_graph_emulator::{Emulator, Fault, ManagedIdentity, Match, Tenant, Trouble};
use secrecy::ExposeSecret as _;
use url::Url;

use super::{Credential, IdentityTokens};
use crate::{
    cloud::Cloud,
    config::{EntraConfig, RoomGroups},
    token::{TokenErrorKind as Kind, TokenSource as _},
};

fn machine(emulator: &Emulator, client_id: Option<&str>) -> IdentityTokens {
    let mut config = EntraConfig::new(RoomGroups::default());
    config.cloud = Cloud::Custom {
        authority: "https://authority.invalid".to_owned(),
        graph: emulator.graph_url().to_owned(),
    };
    // Requests that go through it fail.
    config.proxy = Some("http://127.0.0.1:1".into());
    let client_id = client_id.map(str::to_owned);
    let mut tokens = IdentityTokens::new(Credential::ManagedIdentity { client_id }, &config);
    tokens.metadata = Some(Url::parse(emulator.authority()).unwrap());
    tokens
}

async fn emulator() -> (Emulator, ManagedIdentity) {
    let emulator = Emulator::start(Tenant::new()).await.unwrap();
    let identity = ManagedIdentity::default();
    emulator.set_managed_identity(identity.clone());
    (emulator, identity)
}

#[tokio::test]
async fn the_metadata_service_is_asked_past_the_proxy() {
    let (emulator, identity) = emulator().await;
    for client_id in [None, Some(identity.client_id.as_str())] {
        let tokens = machine(&emulator, client_id);
        let token = tokens.token(None).await.unwrap();
        assert!(token.secret.expose_secret().starts_with("emulated-access-token-"));
        tokens.token(None).await.unwrap();
    }
    let requests = emulator.requests();
    assert_eq!(requests.len(), 2);
    let resource = emulator.authority();
    let path = format!("/metadata/identity/oauth2/token?api-version=2019-08-01&resource={resource}");
    assert_eq!(requests[0].decoded(), path);
    assert_eq!(
        requests[1].decoded(),
        format!("{path}&client_id={}", identity.client_id)
    );
}

#[tokio::test]
async fn an_identity_that_the_machine_has_not_is_asked_for_once() {
    let (emulator, _) = emulator().await;
    emulator.set_managed_identity(None);
    let error = machine(&emulator, None).token(None).await.unwrap_err();
    assert_eq!(error.kind, Kind::Denied);
    assert_eq!(
        error.to_string(),
        format!(
            "{}/metadata/identity/oauth2/token: this machine gives no token for its own managed identity; assign one to \
             it (Identity not found)",
            emulator.authority()
        )
    );
    assert_eq!(emulator.requests().len(), 1);
}

/// What answers at the address of the metadata service may be anybody, and the other host would get what it asks for.
#[tokio::test]
async fn a_metadata_service_that_redirects_is_not_followed() {
    let (emulator, _) = emulator().await;
    // The other one would give a token.
    let (elsewhere, _) = self::emulator().await;
    machine(&elsewhere, None).token(None).await.unwrap();
    elsewhere.clear_requests();
    for status in [301, 302, 303, 307, 308] {
        let location = format!("{}/metadata/identity/oauth2/token", elsewhere.authority());
        emulator.fault(Fault::once(
            Match::path("/metadata/"),
            Trouble::Answer {
                status,
                headers: vec![("location", location)],
                body: String::new(),
            },
        ));
        emulator.clear_requests();
        let error = machine(&emulator, None).token(None).await.unwrap_err();
        assert_eq!(error.kind, Kind::Malformed, "{error}");
        assert_eq!(
            error.message,
            format!(
                "does not answer as Azure does (status {status}); a managed identity is there only on machines of Azure"
            )
        );
        assert_eq!(emulator.requests().len(), 1, "{status}");
    }
    assert_eq!(elsewhere.requests().len(), 0);
}

#[tokio::test]
async fn a_metadata_service_that_restarts_is_waited_for() {
    let (emulator, _) = emulator().await;
    // What it answers meanwhile, by Microsoft's documentation.
    emulator.fault(Fault::once(Match::path("/metadata/"), Trouble::HtmlStatus(410)));
    machine(&emulator, None).token(None).await.unwrap();
    assert_eq!(emulator.requests().len(), 2);
}

#[tokio::test]
async fn a_machine_without_a_metadata_service_says_so_at_once() {
    let (emulator, _) = emulator().await;
    let mut tokens = machine(&emulator, None);
    tokens.metadata = Some(Url::parse("http://127.0.0.1:1").unwrap());
    let started = Instant::now();
    let error = tokens.token(None).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable);
    assert!(
        error
            .message
            .ends_with("a managed identity is there only on machines of Azure"),
        "{error}"
    );
    assert!(started.elapsed() < Duration::from_secs(2));
}
