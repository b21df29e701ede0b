//! The token endpoint in trouble: before anything was read, and later.

use std::{sync::Arc, time::Duration};

use inviter_azure::{Credential, EntraDirectory, IdentityTokens};
use inviter_core::{
    IdentityProvider as _,
    directory::ProviderId,
    provider::{ProviderErrorKind as Kind, ReadRequest},
};
use inviter_graph_emulator::{Fault, Match, Trouble};
use serde_json::json;

use super::town::{change, world};
use crate::harness::{Picture, World, tells};

/// A directory with tokens from Microsoft's library.
fn directory(world: &World) -> EntraDirectory {
    let credential = Credential::ClientSecret {
        tenant: world.emulator.tenant_id().to_owned(),
        client_id: world.emulator.client_id().to_owned(),
        secret: world.emulator.client_secret().into(),
    };
    let tokens = Arc::new(IdentityTokens::new(credential, &world.config));
    EntraDirectory::new(
        ProviderId::new("tenant"),
        world.config.clone(),
        tokens,
        world.clock.clone(),
    )
}

fn refused(code: u32) -> Trouble {
    let body = json!({
        "error": "invalid_client",
        "error_description": format!("AADSTS{code}: No."),
        "error_codes": [code],
    });
    Trouble::Answer {
        status: 401,
        headers: vec![("content-type", "application/json".to_owned())],
        body: body.to_string(),
    }
}

/// What is said of each, where it lasts.
fn troubles() -> Vec<(Trouble, Kind, &'static [&'static str])> {
    vec![
        (
            refused(7_000_215),
            Kind::Denied,
            &["the client secret is wrong", "AADSTS7000215"],
        ),
        (
            refused(7_000_222),
            Kind::Denied,
            &["the client secret has expired", "make a new one"],
        ),
        (
            refused(700_016),
            Kind::Denied,
            &["knows no application", "check both"],
        ),
        (
            Trouble::HtmlStatus(404),
            Kind::Malformed,
            &["does not answer as an authority does", "check its URL"],
        ),
        (
            Trouble::NotJson,
            Kind::Malformed,
            &["not a token", "check the authority's URL"],
        ),
        (
            Trouble::EmptyValueMissing,
            Kind::Malformed,
            &["not a token", "check the authority's URL"],
        ),
        (
            Trouble::Redirect("http://127.0.0.1:1".to_owned()),
            Kind::Malformed,
            &["sends elsewhere", "check the authority's URL"],
        ),
        (
            Trouble::HtmlStatus(503),
            Kind::Unavailable,
            &["trouble of its own", "try again later"],
        ),
        (
            Trouble::Throttle { retry_after: None },
            Kind::Unavailable,
            &["fewer requests", "try again later"],
        ),
        (
            Trouble::Cut,
            Kind::Unavailable,
            &["broke the connection", "run again later"],
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_read_and_nothing_is_lost() {
    let all = troubles().into_iter().map(|(what, kind, words)| async move {
        let told = format!("{what:?}");
        let world = world(Duration::from_secs(10)).await;
        let directory = directory(&world);
        // Where it tries again by itself, which takes a while, once is enough.
        let first = kind == Kind::Unavailable;
        if first {
            directory.read(&ReadRequest::default()).await.unwrap();
        }
        for before in [false, true].into_iter().skip(usize::from(first)) {
            if before {
                world.emulator.change(change);
                world.emulator.expire_tokens();
            }
            let fault = world.emulator.fault(Fault::always(Match::token(), what.clone()));
            let error = directory.read(&ReadRequest::default()).await.unwrap_err();
            assert_eq!(error.kind, kind, "{told}: {error}");
            tells(
                &error.to_string(),
                &["no access token", world.emulator.authority()],
            );
            tells(&error.to_string(), words);
            fault.clear();
            world.emulator.clear_requests();
            let picture = Picture::new(directory.read(&ReadRequest::default()).await.unwrap());
            world.assert_true(&picture, &told);
            // What was kept before is as good as it was.
            let full = world
                .asked()
                .iter()
                .any(|request| request.decoded().contains("/groups?$filter"));
            assert_ne!(full, before, "{told}");
        }
    });
    futures_util::future::join_all(all).await;
}

/// What passes is not noticed.
#[tokio::test]
async fn once_and_no_more() {
    let world = world(Duration::from_secs(10)).await;
    let all = [Trouble::HtmlStatus(503), Trouble::Status(500), Trouble::Cut].map(async |what| {
        let told = format!("{what:?}");
        world.emulator.fault(Fault::once(Match::token(), what));
        let picture = directory(&world).read(&ReadRequest::default()).await.unwrap();
        world.assert_true(&Picture::new(picture), &told);
    });
    futures_util::future::join_all(all).await;
}
