//! Client assertions (RFC 7523): what stands in a request for a token instead of a client secret.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use azure_core::{Uuid, base64::encode_url_safe, http::ClientMethodOptions};
use azure_identity::ClientAssertion;
use serde_json::json;
use tokio::task::spawn_blocking;

use super::{
    key::{SigningKey, contents, wrong},
    notes::Notes,
};
use crate::token::{TokenError, TokenErrorKind as Kind};

/// How long a signed assertion holds; Microsoft recommends no more than ten minutes.
const LIFETIME: Duration = Duration::from_secs(10 * 60);

/// Where an assertion comes from. Files are read anew for each one, so that what was renewed is used without a restart.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    /// A token that somebody else keeps current in a file: Kubernetes, usually.
    File(PathBuf),
    /// A JWT of our own, signed with a certificate's key.
    Certificate {
        certificate: PathBuf,
        key: PathBuf,
        client_id: String,
        audience: String,
    },
}

/// Supplies `azure_identity` with assertions.
///
/// Its own credential for workload identities reads the file when it is made, and then every ten minutes at most.
#[derive(Debug)]
pub(super) struct Assertions {
    pub(super) origin: Origin,
    pub(super) notes: Arc<Notes>,
}

#[async_trait]
impl ClientAssertion for Assertions {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let origin = self.origin.clone();
        let made = spawn_blocking(move || origin.assertion()).await;
        let made = made.unwrap_or_else(|failed| Err(unsigned(&failed.to_string())));
        made.map_err(|error| self.notes.give_up(error))
    }
}

impl Origin {
    /// A fresh assertion; blocks.
    fn assertion(&self) -> Result<String, TokenError> {
        match self {
            Self::File(path) => federated(path),
            Self::Certificate {
                certificate,
                key,
                client_id,
                audience,
            } => signed(&SigningKey::read(certificate, key)?, client_id, audience),
        }
    }
}

fn federated(path: &Path) -> Result<String, TokenError> {
    let text = String::from_utf8(contents(path)?).ok();
    // Editors and `echo` end files with a newline, which no token has.
    let token = text.as_deref().map(str::trim).filter(|token| !token.is_empty());
    token.map(str::to_owned).ok_or_else(|| {
        wrong(
            path,
            "holds no token; name the file that Kubernetes projects the service account's token to \
             (`AZURE_FEDERATED_TOKEN_FILE`)",
        )
    })
}

fn signed(key: &SigningKey, client_id: &str, audience: &str) -> Result<String, TokenError> {
    // The system's clock, and not one that is handed in: the authority compares with the true time.
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let header = json!({
        "alg": "PS256",
        "typ": "JWT",
        "x5t#S256": encode_url_safe(key.thumbprint()),
    });
    let claims = json!({
        "aud": audience,
        "exp": now + LIFETIME.as_secs(),
        "iat": now,
        "iss": client_id,
        "jti": Uuid::new_v4().to_string(),
        "nbf": now,
        "sub": client_id,
    });
    let mut jwt = format!(
        "{}.{}",
        encode_url_safe(header.to_string()),
        encode_url_safe(claims.to_string())
    );
    let signature = key
        .sign(jwt.as_bytes())
        .ok_or_else(|| unsigned("the library gives no reason"))?;
    jwt.push('.');
    jwt.push_str(&encode_url_safe(signature));
    Ok(jwt)
}

fn unsigned(why: &str) -> TokenError {
    TokenError::new(
        Kind::Misconfigured,
        "the client assertion",
        format!("cannot be made ({why})"),
    )
}
