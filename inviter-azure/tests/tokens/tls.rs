//! HTTPS, and proxies.

use std::time::{Duration, Instant};

use inviter_azure::{IdentityTokens, TokenErrorKind as Kind, TokenSource as _};
use inviter_graph_emulator::{Emulator, Fault, Match, Options, Tenant, Trouble};

use crate::support::{asked, config, config_of, emulator, error_of, whole, with_secret};

#[tokio::test]
async fn an_authority_with_a_certificate_of_its_own() {
    let options = Options {
        tls: true,
        ..Options::default()
    };
    let emulator = Emulator::start_with(Tenant::new(), options).await.unwrap();
    let mut config = config_of(&emulator);
    let started = Instant::now();
    let error = error_of(with_secret(&emulator), &config).await;
    assert_eq!(error.kind, Kind::Unavailable);
    assert!(
        error
            .message
            .starts_with("shows a certificate that is not trusted"),
        "{error}"
    );
    assert!(error.message.contains("`ca_file`"), "{error}");
    // Nothing that another try could change.
    assert!(
        started.elapsed() < Duration::from_secs(1),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(asked(&emulator), 0);
    config.ca_file = emulator.ca_file().map(Into::into);
    let tokens = IdentityTokens::new(with_secret(&emulator), &config);
    tokens.token(None).await.unwrap();
    assert_eq!(asked(&emulator), 1);
}

#[tokio::test]
async fn a_proxy_is_used_and_its_password_never_shown() {
    let emulator = emulator().await;
    let mut config = config_of(&emulator);
    config.proxy = Some("http://bot:pr0xy~word@127.0.0.1:1".into());
    let error = error_of(with_secret(&emulator), &config).await;
    assert_eq!(error.kind, Kind::Unavailable);
    assert!(error.message.contains("and `proxy` if any"), "{error}");
    assert!(!whole(&error).contains("pr0xy~word"), "{}", whole(&error));
    assert_eq!(asked(&emulator), 0, "went past the proxy");
    config.proxy = Some("http://bot:pr0xy~word@[nowhere".into());
    let error = error_of(with_secret(&emulator), &config).await;
    assert_eq!(error.kind, Kind::Misconfigured);
    assert!(
        error
            .message
            .contains("`proxy`: the URL of the HTTP proxy cannot be used"),
        "{error}"
    );
    assert!(!whole(&error).contains("pr0xy~word"), "{}", whole(&error));
}

#[tokio::test]
async fn a_proxy_that_asks_for_a_password() {
    // The emulator plays the proxy; the authority is one that nobody could reach otherwise.
    let emulator = emulator().await;
    emulator.fault(Fault::always(Match::every(), Trouble::HtmlStatus(407)));
    let mut config = config("http://authority.invalid", emulator.graph_url());
    config.proxy = Some(emulator.authority().into());
    let error = error_of(with_secret(&emulator), &config).await;
    assert_eq!(error.kind, Kind::Misconfigured, "{error}");
    assert!(error.message.contains("the proxy asks for a password"), "{error}");
}
