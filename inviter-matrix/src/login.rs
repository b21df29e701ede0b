//! Getting a token.

use http::StatusCode;
use inviter_core::backend::{BackendError, BackendErrorKind};
use ruma::api::{
    client::{
        session::login::v3 as login,
        uiaa::{MatrixUserIdentifier, UserIdentifier},
    },
    error::ErrorKind,
};
use secrecy::{ExposeSecret as _, SecretString};
use tracing::debug;

use crate::{
    client::{Call, Client, Repeat},
    config::Credentials,
    error::Failure,
    session::{Current, SavedSession, Token},
    work::{Class, Work},
};

impl Client {
    /// Whether a new token can be had when one is not accepted.
    pub(crate) const fn can_log_in(&self) -> bool {
        matches!(self.session.credentials, Credentials::Password { .. })
    }

    /// The token to use; `refused` is the generation of the one that the homeserver does not accept.
    pub(crate) async fn token(&self, refused: Option<u32>) -> Result<Token, Failure> {
        let mut current = self.session.current.lock().await;
        let last = current.as_ref().map(|c| c.token.generation);
        if let Some(known) = current.as_ref()
            && refused != Some(known.token.generation)
        {
            return Ok(known.token.clone());
        }
        let next = match &self.session.credentials {
            Credentials::Token(secret) => Current {
                token: Token {
                    secret: secret.clone(),
                    generation: 0,
                },
                device_id: None,
            },
            Credentials::Password { user, password, .. } => {
                let saved = self.session.saved().map_err(Failure::without_effect)?;
                match saved {
                    Some(saved) if refused.is_none() => Current {
                        token: Token {
                            secret: saved.access_token,
                            generation: 0,
                        },
                        device_id: Some(saved.device_id),
                    },
                    saved => {
                        let device = current
                            .as_ref()
                            .and_then(|c| c.device_id.clone())
                            .or_else(|| saved.map(|s| s.device_id));
                        let generation = last.map_or(0, |last| last + 1);
                        self.log_in(user, password, device, generation).await?
                    }
                }
            }
        };
        let token = next.token.clone();
        *current = Some(next);
        Ok(token)
    }

    async fn log_in(
        &self,
        user: &str,
        password: &SecretString,
        device: Option<String>,
        generation: u32,
    ) -> Result<Current, Failure> {
        debug!(user, kept_device = device.is_some(), "logging in");
        let identifier = UserIdentifier::Matrix(MatrixUserIdentifier::new(user.to_owned()));
        let secret = password.expose_secret().to_owned();
        let mut request = login::Request::new(login::LoginInfo::Password(login::Password::new(
            identifier, secret,
        )));
        request.device_id = device.map(Into::into);
        request.initial_device_display_name = Some("inviter".to_owned());
        // Twice would only be a second device, but log-ins are limited to a few.
        let call = Call::write(user, Work::of(Class::LogIn), Repeat::Never);
        let response = self.send_anonymous(&call, request).await.map_err(refused)?;
        let device_id = response.device_id.to_string();
        let secret = SecretString::from(response.access_token);
        self.session
            .keep(&SavedSession::new(
                self.base.clone(),
                user.to_owned(),
                device_id.clone(),
                secret.clone(),
            ))
            .map_err(Failure::without_effect)?;
        Ok(Current {
            token: Token { secret, generation },
            device_id: Some(device_id),
        })
    }
}

/// Says what to do about a log-in that was refused.
fn refused(mut failure: Failure) -> Failure {
    let message = match (failure.status, failure.errcode()) {
        (Some(StatusCode::FORBIDDEN), Some(ErrorKind::Forbidden)) => {
            "the homeserver does not accept the user name or the password; correct `user` or the password (403 M_FORBIDDEN)"
        }
        (
            Some(StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND),
            Some(ErrorKind::Unknown | ErrorKind::Unrecognized),
        ) => "the homeserver does not log in with passwords; give an access token instead",
        _ => return failure,
    };
    let source = std::mem::replace(
        &mut failure.error,
        BackendError::new(BackendErrorKind::Unauthenticated, String::new(), message),
    );
    failure.error.about.clone_from(&source.about);
    failure.error.source = source.source;
    failure
}
