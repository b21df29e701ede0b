//! [`IdentityTokens`]: tokens from Microsoft's `azure_identity`.

mod answer;
mod assertion;
mod key;
mod notes;
mod setup;
#[cfg(test)]
mod tests;
mod transport;

use std::{path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout_at},
};
use url::Url;

use self::{notes::Notes, transport::Transport};
use crate::{
    config::EntraConfig,
    token::{Token, TokenError, TokenErrorKind as Kind, TokenSource},
};

/// How long a token may take altogether, what the library tries again included.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who the program is to Entra ID.
///
/// None of the files is read before a token is asked for; then they are read anew for each request.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Credential {
    /// An application with a client secret.
    ClientSecret {
        /// The directory ID, or one of the tenant's domains.
        tenant: String,
        /// The application's ID.
        client_id: String,
        /// The secret's value.
        secret: SecretString,
    },
    /// An application with a certificate.
    ClientCertificate {
        /// The directory ID, or one of the tenant's domains.
        tenant: String,
        /// The application's ID.
        client_id: String,
        /// PEM file with the certificate; others of its chain may be there as well.
        certificate: PathBuf,
        /// PEM file with the certificate's RSA key (PKCS#8 or PKCS#1), unencrypted. It may be the same file.
        key: PathBuf,
    },
    /// An application that trusts the tokens of somebody else: a service account of Kubernetes, usually.
    WorkloadIdentity {
        /// The directory ID, or one of the tenant's domains.
        tenant: String,
        /// The application's ID.
        client_id: String,
        /// The file that the token is in.
        token_file: PathBuf,
    },
    /// The identity of the Azure machine, or of the App Service, that the program runs on.
    ManagedIdentity {
        /// The client ID of a user-assigned identity, instead of the machine's own.
        client_id: Option<String>,
    },
}

/// Tokens from Microsoft's `azure_identity`, which keeps them until five minutes before their end.
///
/// Nobody but the authority is asked (for a managed identity: the machine's metadata service), over the HTTP settings
/// of the configuration. One request takes [`request_timeout`](EntraConfig::request_timeout) at most, and a token a
/// minute or that, if it is more: `azure_identity` itself tries again up to three times where the authority does not
/// answer or is busy.
#[derive(Debug)]
pub struct IdentityTokens {
    credential: Credential,
    config: EntraConfig,
    /// Where the metadata service is in tests.
    metadata: Option<Url>,
    notes: Arc<Notes>,
    /// One after another: those who wait get the token that the first one brings, or its failure.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    transport: Option<Arc<Transport>>,
    /// What `azure_identity` has, its cache included.
    source: Option<Arc<dyn TokenCredential>>,
    /// When nobody gave a token, and why.
    failed: Option<(Instant, TokenError)>,
}

impl IdentityTokens {
    /// Contacts nobody and reads nothing yet.
    pub fn new(credential: Credential, config: &EntraConfig) -> Self {
        Self {
            credential,
            config: config.clone(),
            metadata: None,
            notes: Arc::default(),
            state: Mutex::default(),
        }
    }

    async fn ask(&self, state: &mut State, refused: Option<&Token>) -> Result<Token, TokenError> {
        let token = self.current(state).await?;
        let Some(refused) = refused.filter(|refused| same(refused, &token)) else {
            return Ok(token);
        };
        // The library has no way to forget a token, but a new credential knows none.
        state.source = None;
        let token = self.current(state).await?;
        if same(refused, &token) {
            let mut message =
                "gave the very token again that Graph refuses; check that `cloud` is the tenant's, and \
                               that this machine's clock is right"
                    .to_owned();
            if matches!(self.credential, Credential::ManagedIdentity { .. }) {
                message += ". Azure keeps tokens of managed identities for up to a day";
            }
            return Err(TokenError::new(Kind::Denied, self.about(), message));
        }
        Ok(token)
    }

    async fn current(&self, state: &mut State) -> Result<Token, TokenError> {
        let transport = match &state.transport {
            Some(transport) => Arc::clone(transport),
            None => Arc::clone(state.transport.insert(self.transport().await?)),
        };
        let source = match &state.source {
            Some(source) => Arc::clone(source),
            None => Arc::clone(state.source.insert(self.source(transport)?)),
        };
        self.notes.clear();
        let scope = self.config.cloud.scope();
        let given = source.get_token(&[&scope], None).await;
        let strange = || {
            let message =
                "answers with something that is not a token; check the authority's URL, and `proxy` if any";
            TokenError::new(Kind::Malformed, self.about(), message)
        };
        let Ok(given) = given else {
            return Err(self.notes.take().unwrap_or_else(strange));
        };
        let secret = given.token.secret();
        // The library takes an answer without a token for an empty one.
        if secret.is_empty() || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            state.source = None;
            return Err(strange());
        }
        Ok(Token::new(secret.to_owned()))
    }

    fn misconfigured(&self, message: impl Into<String>) -> TokenError {
        TokenError::new(Kind::Misconfigured, self.about(), message)
    }

    /// Who is asked.
    fn about(&self) -> String {
        match self.credential {
            Credential::ManagedIdentity { .. } => "the managed identity".to_owned(),
            _ => self.config.cloud.authority().to_owned(),
        }
    }
}

#[async_trait]
impl TokenSource for IdentityTokens {
    async fn token(&self, refused: Option<&Token>) -> Result<Token, TokenError> {
        let patience = PATIENCE.max(self.config.request_timeout);
        let since = Instant::now();
        let deadline = since + patience;
        let late = || {
            let message = format!("gave no token within {} s", patience.as_secs());
            TokenError::new(Kind::Unavailable, self.about(), message)
        };
        let mut state = timeout_at(deadline, self.state.lock())
            .await
            .map_err(|_| late())?;
        // Whoever stood in line meanwhile would only wait as long for the same.
        if let Some((at, failed)) = &state.failed
            && *at > since
        {
            return Err(copy(failed));
        }
        let asked = timeout_at(deadline, self.ask(&mut state, refused)).await;
        let asked = asked.unwrap_or_else(|_| Err(self.notes.take().unwrap_or_else(late)));
        let failed = asked.as_ref().err();
        let failed = failed.filter(|failed| failed.kind == Kind::Unavailable);
        state.failed = failed.map(|failed| (Instant::now(), copy(failed)));
        asked
    }
}

/// The same without its cause, which there is only once.
fn copy(error: &TokenError) -> TokenError {
    let mut copy = TokenError::new(error.kind, error.about.clone(), error.message.clone());
    copy.retry_after = error.retry_after;
    copy
}

fn same(one: &Token, other: &Token) -> bool {
    one.secret.expose_secret() == other.secret.expose_secret()
}
