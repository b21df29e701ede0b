//! Nothing that errors or logs say is a secret.

use std::{
    io,
    sync::{Arc, Mutex, OnceLock},
};

use inviter_azure::{IdentityTokens, TokenSource as _};
use inviter_graph_emulator::{Emulator, Fault, Match, Trouble};
use tempfile::tempdir;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{
    Certificate, config_of, emulator, error_of, file, secret, text, whole, with_secret, workload,
};

const SECRET: &str = "s3cret~value+with/every&thing=1";
const PROJECTED: &str = "pr0jected-token-of-kubernetes";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// What all crates log from now on, at every level.
fn log() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Log::default();
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(log.clone())
            .init();
        log
    })
}

/// The form field of a name, as it was sent.
fn sent(emulator: &Emulator, name: &str) -> String {
    let requests = emulator.requests();
    let body = String::from_utf8(requests.last().unwrap().body.to_vec()).unwrap();
    let field = body
        .split('&')
        .find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    field.unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_have_no_secret_at_any_level() {
    let log = log();
    let emulator = emulator().await;
    let config = config_of(&emulator);
    let dir = tempdir().unwrap();
    let own = Certificate::new(&dir, "own", 0);
    emulator.register_certificate(own.der.clone());
    emulator.set_federated_token(PROJECTED);
    emulator.set_client_secret(SECRET);
    let path = file(&dir, "token", PROJECTED);
    let mut secrets = vec![SECRET.to_owned(), PROJECTED.to_owned()];
    for credential in [
        with_secret(&emulator),
        own.credential(&emulator),
        workload(&emulator, &path),
    ] {
        let tokens = IdentityTokens::new(credential.clone(), &config);
        let token = tokens.token(None).await.unwrap();
        tokens.token(Some(&token)).await.unwrap();
        secrets.push(text(&token).to_owned());
        for name in ["client_secret", "client_assertion"] {
            let body = String::from_utf8(emulator.requests().last().unwrap().body.to_vec()).unwrap();
            if body.contains(&format!("{name}=")) {
                secrets.push(sent(&emulator, name));
            }
        }
        // Refused, and not understood.
        for trouble in [
            Trouble::Status(401),
            Trouble::Status(503),
            Trouble::NotJson,
            Trouble::Cut,
        ] {
            let fault = emulator.fault(Fault::once(Match::token(), trouble));
            let _ = tokens.token(Some(&token)).await;
            drop(fault);
        }
        error_of(secret(&emulator, "wr0ng~s3cret"), &config).await;
        tracing::trace!(?tokens, ?credential, ?token, ?config, "shown");
    }
    secrets.push("wr0ng~s3cret".to_owned());
    let log = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(
        log.contains("TRACE") && log.contains("asked for a token"),
        "nothing was logged"
    );
    assert!(
        log.contains("typespec_client_core") && log.contains("azure_identity"),
        "their logs are missing"
    );
    for secret in secrets {
        assert!(secret.len() > 10, "{secret}");
        assert!(!log.contains(&secret), "{secret} was logged");
    }
}

#[tokio::test]
async fn errors_repeat_no_secret_even_where_the_answer_does() {
    let emulator = emulator().await;
    emulator.set_client_secret(SECRET);
    let config = config_of(&emulator);
    let encoded = "s3cret%7Evalue%2Bwith%2Fevery%26thing%3D1";
    let answer = |status: u16, kind: &str, body: String| Trouble::Answer {
        status,
        headers: vec![("content-type", kind.to_owned())],
        body,
    };
    for echoed in [SECRET, encoded] {
        let described = serde_json::json!({
            "error": "invalid_client",
            "error_description": format!("AADSTS53003: What is {echoed} for?"),
            "error_codes": [53_003],
        });
        for trouble in [
            answer(400, "application/json", described.to_string()),
            answer(400, "text/html", format!("<p>client_secret={echoed}</p>")),
            // A status that the library does not try again after, as it does after 500.
            answer(501, "text/plain", echoed.to_owned()),
            answer(200, "text/plain", echoed.to_owned()),
            answer(
                200,
                "application/json",
                format!("{{\"access_token\":\"{echoed} \",\"expires_in\":3599}}"),
            ),
        ] {
            let fault = emulator.fault(Fault::always(Match::token(), trouble));
            let error = error_of(with_secret(&emulator), &config).await;
            let said = whole(&error);
            assert!(!said.contains("s3cret"), "{said}");
            assert!(!said.contains('<'), "{said}");
            drop(fault);
            emulator.clear_faults();
        }
    }
}

#[tokio::test]
async fn values_show_no_secret() {
    let emulator = emulator().await;
    emulator.set_client_secret(SECRET);
    let credential = with_secret(&emulator);
    let tokens = IdentityTokens::new(credential.clone(), &config_of(&emulator));
    let token = tokens.token(None).await.unwrap();
    let shown = format!("{credential:?} {credential:#?} {tokens:?} {tokens:#?} {token:?}");
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(!shown.contains(text(&token)), "{shown}");
    assert!(shown.contains(emulator.client_id()), "{shown}");
}
