//! HTTPS, and proxies.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use inviter_azure::{
    Credential, EntraDirectory, IdentityTokens, Token, TokenError, TokenErrorKind as Kind, TokenSource,
};
use inviter_core::{
    IdentityProvider as _,
    directory::ProviderId,
    provider::{ProviderErrorKind, ReadRequest},
    time::{Clock, Timestamp},
};
use inviter_graph_emulator::{Emulator, Fault, Match, Options, Tenant, Trouble};
use inviter_testkit::{Ca, Certificate};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

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

/// A server by TLS that answers nothing; how many bytes came to it by a connection that was trusted.
async fn untrusted(certificate: &Certificate) -> (String, Arc<AtomicUsize>) {
    let chain = vec![CertificateDer::from_pem_file(certificate.file()).unwrap()];
    let key = PrivateKeyDer::from_pem_file(certificate.key_file()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let tls = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let told = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&told);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Whoever does not trust the certificate goes away here, or at the first read.
            let Ok(mut stream) = tls.accept(stream).await else {
                continue;
            };
            let mut bytes = [0; 1024];
            if let Ok(count) = stream.read(&mut bytes).await {
                counted.fetch_add(count, Ordering::SeqCst);
            }
        }
    });
    (url, told)
}

/// One token, without asking anybody.
#[derive(Debug)]
struct OneToken;

#[async_trait]
impl TokenSource for OneToken {
    async fn token(&self, _: Option<&Token>) -> Result<Token, TokenError> {
        Ok(Token::new("t0ken"))
    }
}

#[derive(Debug)]
struct Now;

impl Clock for Now {
    fn now(&self) -> Timestamp {
        Timestamp(1_795_694_400_000)
    }
}

/// For another name, expired, of an authority that is not trusted: neither Microsoft's authority nor Graph is told a secret,
/// not even whose it is.
#[tokio::test]
async fn certificates_that_are_not_accepted() {
    let (ca, other) = (Ca::new("Test").unwrap(), Ca::new("Other").unwrap());
    for (certificate, words) in [
        (ca.issue(&["graph.example.test"]).unwrap(), "for another name"),
        (ca.expired(&["127.0.0.1"]).unwrap(), "has expired"),
        (other.issue(&["127.0.0.1"]).unwrap(), "is not trusted"),
    ] {
        let (url, told) = untrusted(&certificate).await;
        let mut config = config(&url, "http://127.0.0.1:1/");
        config.ca_file = Some(ca.file().to_owned());
        let credential = Credential::ClientSecret {
            tenant: "contoso".to_owned(),
            client_id: "app".to_owned(),
            secret: "s3cret".into(),
        };
        let error = error_of(credential, &config).await;
        assert_eq!(error.kind, Kind::Unavailable, "{error}");
        assert!(error.message.contains(words), "{words}: {error}");

        let mut config = crate::support::config("http://127.0.0.1:1/", &url);
        config.ca_file = Some(ca.file().to_owned());
        config.rooms.name_prefix = Some("MTRX ".to_owned());
        let directory = EntraDirectory::new(
            ProviderId::new("tenant"),
            config,
            Arc::new(OneToken),
            Arc::new(Now),
        );
        let error = directory.read(&ReadRequest::default()).await.unwrap_err();
        assert_eq!(error.kind, ProviderErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains(words), "{words}: {error}");
        assert_eq!(told.load(Ordering::SeqCst), 0, "{words}");
    }
}

/// An authority that redirects: the secret goes nowhere else.
#[tokio::test]
async fn an_authority_that_redirects() {
    let elsewhere = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let to = elsewhere.local_addr().unwrap();
    for status in [301, 302, 303, 307, 308] {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let authority = format!("http://{}", listener.local_addr().unwrap());
        let served = tokio::spawn(async move {
            let mut asked = 0;
            while let Ok(Ok((mut stream, _))) =
                tokio::time::timeout(Duration::from_millis(300), listener.accept()).await
            {
                asked += 1;
                let mut head = [0; 4096];
                drop(stream.read(&mut head).await);
                let answer = format!(
                    "HTTP/1.1 {status} Elsewhere\r\nlocation: http://{to}/token\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                );
                drop(stream.write_all(answer.as_bytes()).await);
            }
            asked
        });
        let credential = Credential::ClientSecret {
            tenant: "contoso".to_owned(),
            client_id: "app".to_owned(),
            secret: "s3cret".into(),
        };
        let error = error_of(credential, &config(&authority, "http://127.0.0.1:1/")).await;
        assert!(error.message.contains("sends elsewhere"), "{error}");
        assert!(!whole(&error).contains("s3cret"), "{}", whole(&error));
        assert!(served.await.unwrap() >= 1);
    }
    let reached = tokio::time::timeout(Duration::from_millis(50), elsewhere.accept()).await;
    assert!(reached.is_err(), "the other host was asked");
}
