//! Each kind of credential gets a token that Graph takes.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use inviter_azure::{IdentityTokens, TokenErrorKind as Kind, TokenSource as _};
use inviter_graph_emulator::{Emulator, Fault, Match, Options, Tenant, Trouble};
use serde_json::Value;
use tempfile::tempdir;

use crate::support::{Certificate, asked, config_of, emulator, file, text, whole, with_secret, workload};

/// Whether the emulated Graph takes a token.
async fn works(emulator: &Emulator, token: &str) -> bool {
    let answer = reqwest::Client::new()
        .get(format!("{}/users", emulator.graph_url()))
        .bearer_auth(token)
        .send()
        .await
        .unwrap();
    answer.status().is_success()
}

#[tokio::test]
async fn a_client_secret() {
    let emulator = emulator().await;
    let tokens = IdentityTokens::new(with_secret(&emulator), &config_of(&emulator));
    assert_eq!(asked(&emulator), 0, "made, but nothing asked yet");
    let token = tokens.token(None).await.unwrap();
    assert!(works(&emulator, text(&token)).await);
}

#[tokio::test]
async fn a_certificate_whatever_else_is_in_its_file() {
    let emulator = emulator().await;
    let dir = tempdir().unwrap();
    let own = Certificate::new(&dir, "own", 0);
    let other = Certificate::new(&dir, "authority", 1);
    emulator.register_certificate(own.der.clone());
    let tokens = IdentityTokens::new(own.credential(&emulator), &config_of(&emulator));
    assert!(works(&emulator, text(&tokens.token(None).await.unwrap())).await);
    // One file for all, in the order of no convention, and the key in the form of old.
    let all = format!("{}{}{}", own.key, other.pem, own.pem);
    let all = file(&dir, "all.pem", &all);
    let tokens = IdentityTokens::new(
        crate::support::certificate(&emulator, &all, &all),
        &config_of(&emulator),
    );
    assert!(works(&emulator, text(&tokens.token(None).await.unwrap())).await);
    let pkcs1 = file(&dir, "pkcs1.key", &own.pkcs1());
    let tokens = IdentityTokens::new(
        crate::support::certificate(&emulator, &own.chain, &pkcs1),
        &config_of(&emulator),
    );
    assert!(works(&emulator, text(&tokens.token(None).await.unwrap())).await);
}

/// Header and claims of the last assertion that was sent.
fn assertion(emulator: &Emulator) -> (Value, Value) {
    let requests = emulator.requests();
    let body = String::from_utf8_lossy(&requests.last().unwrap().body).into_owned();
    let sent = body
        .split('&')
        .find_map(|pair| pair.strip_prefix("client_assertion="));
    let mut parts = sent
        .unwrap()
        .split('.')
        .map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
    let mut json = || serde_json::from_slice(&parts.next().unwrap()).unwrap();
    (json(), json())
}

#[tokio::test]
async fn an_assertion_is_as_microsoft_describes_it_and_never_used_twice() {
    let emulator = emulator().await;
    let dir = tempdir().unwrap();
    let own = Certificate::new(&dir, "own", 0);
    emulator.register_certificate(own.der.clone());
    let tokens = IdentityTokens::new(own.credential(&emulator), &config_of(&emulator));
    let token = tokens.token(None).await.unwrap();
    let (header, claims) = assertion(&emulator);
    assert_eq!(header["alg"], "PS256");
    assert_eq!(header["typ"], "JWT");
    assert_eq!(header.as_object().unwrap().len(), 3, "{header}");
    let endpoint = format!(
        "{}/{}/oauth2/v2.0/token",
        emulator.authority(),
        emulator.tenant_id()
    );
    assert_eq!(claims["aud"], endpoint);
    assert_eq!(claims["iss"], emulator.client_id());
    assert_eq!(claims["sub"], emulator.client_id());
    assert_eq!(claims["iat"], claims["nbf"]);
    let (begin, end) = (claims["nbf"].as_u64().unwrap(), claims["exp"].as_u64().unwrap());
    assert_eq!(end - begin, 600);
    tokens.token(Some(&token)).await.unwrap();
    assert_ne!(assertion(&emulator).1["jti"], claims["jti"]);
}

#[tokio::test]
async fn a_workload_identity() {
    let emulator = emulator().await;
    emulator.set_federated_token("projected-token-1");
    let dir = tempdir().unwrap();
    let path = file(&dir, "token", "projected-token-1\n");
    let tokens = IdentityTokens::new(workload(&emulator, &path), &config_of(&emulator));
    assert!(works(&emulator, text(&tokens.token(None).await.unwrap())).await);
}

#[tokio::test]
async fn nobody_but_the_token_endpoint_is_asked() {
    let emulator = emulator().await;
    let tokens = IdentityTokens::new(with_secret(&emulator), &config_of(&emulator));
    tokens.token(None).await.unwrap();
    let requests = emulator.requests();
    let paths: Vec<&str> = requests
        .iter()
        .map(|request| request.path_and_query.as_str())
        .collect();
    assert_eq!(paths, [format!("/{}/oauth2/v2.0/token", emulator.tenant_id())]);
    let agent = format!("inviter/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(requests[0].header("user-agent"), Some(agent.as_str()));
    let body = String::from_utf8(requests[0].body.to_vec()).unwrap();
    let scope = emulator.authority().replace(':', "%3A").replace('/', "%2F");
    assert!(body.contains(&format!("scope={scope}%2F.default")), "{body}");
}

#[tokio::test]
async fn an_authority_may_have_a_path() {
    let emulator = emulator().await;
    let mut config = config_of(&emulator);
    config.cloud = inviter_azure::Cloud::Custom {
        authority: format!("{}/gate/", emulator.authority()),
        graph: emulator.graph_url().to_owned(),
    };
    let error = IdentityTokens::new(with_secret(&emulator), &config)
        .token(None)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::Malformed, "{error}");
    let path = emulator.requests()[0].path_and_query.clone();
    assert_eq!(path, format!("/gate/{}/oauth2/v2.0/token", emulator.tenant_id()));
}

#[tokio::test]
async fn a_token_is_kept_and_brought_once_for_all_who_wait() {
    let emulator = emulator().await;
    let tokens = Arc::new(IdentityTokens::new(with_secret(&emulator), &config_of(&emulator)));
    let all = (0..8).map(|_| {
        let tokens = Arc::clone(&tokens);
        tokio::spawn(async move { text(&tokens.token(None).await.unwrap()).to_owned() })
    });
    let mut given = Vec::new();
    for one in all.collect::<Vec<_>>() {
        given.push(one.await.unwrap());
    }
    given.dedup();
    assert_eq!(given.len(), 1);
    assert_eq!(asked(&emulator), 1);
}

#[tokio::test]
async fn a_token_about_to_end_is_not_given() {
    let options = Options {
        // The library renews five minutes before the end.
        token_lifetime: Duration::from_secs(290),
        ..Options::default()
    };
    let emulator = Emulator::start_with(Tenant::new(), options).await.unwrap();
    let tokens = IdentityTokens::new(with_secret(&emulator), &config_of(&emulator));
    let first = tokens.token(None).await.unwrap();
    let second = tokens.token(None).await.unwrap();
    assert_ne!(text(&first), text(&second));
}

#[tokio::test]
async fn a_refused_token_does_not_come_back() {
    let emulator = emulator().await;
    let tokens = IdentityTokens::new(with_secret(&emulator), &config_of(&emulator));
    let first = tokens.token(None).await.unwrap();
    emulator.expire_tokens();
    assert!(!works(&emulator, text(&first)).await);
    let second = tokens.token(Some(&first)).await.unwrap();
    assert!(works(&emulator, text(&second)).await);
    // Those who were refused with the first one as well get the second, and nobody is asked.
    let third = tokens.token(Some(&first)).await.unwrap();
    assert_eq!(text(&third), text(&second));
    assert_eq!(asked(&emulator), 2);
}

#[tokio::test]
async fn a_refused_token_that_is_given_again_is_an_error() {
    let emulator = emulator().await;
    let body =
        r#"{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"always-the-same"}"#;
    emulator.fault(Fault::always(
        Match::token(),
        Trouble::Answer {
            status: 200,
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.to_owned(),
        },
    ));
    let tokens = IdentityTokens::new(with_secret(&emulator), &config_of(&emulator));
    let token = tokens.token(None).await.unwrap();
    let error = tokens.token(Some(&token)).await.unwrap_err();
    assert_eq!(error.kind, Kind::Denied);
    assert!(
        error
            .message
            .starts_with("gave the very token again that Graph refuses"),
        "{error}"
    );
    assert!(!whole(&error).contains("always-the-same"));
    assert_eq!(asked(&emulator), 2);
}
