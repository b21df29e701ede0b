//! What the backend has to be told.

use std::{fmt, sync::Arc, time::Duration};

use inviter_core::backend::{BackendError, BackendErrorKind};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    answer_size::AnswerSizes,
    observer::Observer,
    session::{NoStore, SessionStore},
};

/// Everything that [`MatrixBackend::connect`](crate::MatrixBackend::connect) needs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct MatrixConfig {
    /// The homeserver's base URL, such as `https://matrix.example.org`; a path in it is kept.
    pub homeserver: String,
    /// How to prove who we are.
    pub credentials: Credentials,
    /// How long to wait for what.
    pub timeouts: Timeouts,
    /// How much an answer that tells of rooms may hold. Every other answer may have 16 MiB.
    pub sizes: AnswerSizes,
    /// A certificate authority (PEM, one or several) to trust besides the system's.
    pub extra_ca: Option<Vec<u8>>,
    /// Requests under way at the same time.
    pub max_concurrency: usize,
    /// The longest wait for a rate limit that a single request takes upon itself. What would take longer fails as
    /// [`RateLimited`](BackendErrorKind::RateLimited) at once (decision 30).
    pub wait_ceiling: Duration,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// URL of an HTTP proxy to go through; it may carry a password. The environment is not asked for one.
    pub proxy: Option<SecretString>,
    /// Is told of each request.
    pub observer: Option<Arc<dyn Observer>>,
    /// Allow `http://` to an address that is not of this machine: everybody on the way reads the access token.
    pub danger_allow_plain_http: bool,
}

impl MatrixConfig {
    /// The defaults: 10 s to connect, 60 s for a request, 15 min for a whole `/sync`, 8 requests at a time, and
    /// 60 s of waiting for rate limits.
    pub fn new(homeserver: impl Into<String>, credentials: Credentials) -> Self {
        Self {
            homeserver: homeserver.into(),
            credentials,
            timeouts: Timeouts::default(),
            sizes: AnswerSizes::default(),
            extra_ca: None,
            max_concurrency: 8,
            wait_ceiling: Duration::from_secs(60),
            user_agent: concat!("inviter/", env!("CARGO_PKG_VERSION")).to_owned(),
            proxy: None,
            observer: None,
            danger_allow_plain_http: false,
        }
    }
}

/// How long to wait for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Connecting, with TLS.
    pub connect: Duration,
    /// One request with its whole answer.
    pub request: Duration,
    /// Reading all rooms: the first `/sync` of a large account takes the homeserver minutes.
    pub sync: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            request: Duration::from_secs(60),
            sync: Duration::from_secs(15 * 60),
        }
    }
}

/// How to prove who we are.
#[derive(Clone)]
#[non_exhaustive]
pub enum Credentials {
    /// An access token.
    Token(SecretString),
    /// User name and password: logs in once, and keeps token and device in the store.
    Password {
        /// Localpart or full user ID.
        user: String,
        /// The password.
        password: SecretString,
        /// Where the session is kept, so that a later start is not a new device.
        store: Arc<dyn SessionStore>,
    },
}

impl Credentials {
    /// User name and password, with every start a new device. Log-ins are rate limited: for tests and single runs.
    pub fn password_without_store(user: impl Into<String>, password: SecretString) -> Self {
        Self::Password {
            user: user.into(),
            password,
            store: Arc::new(NoStore),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(_) => f.write_str("Token(<redacted>)"),
            Self::Password { user, .. } => f
                .debug_struct("Password")
                .field("user", user)
                .finish_non_exhaustive(),
        }
    }
}

/// Refuses what no server can have given out, before it ends in an error that nobody understands.
pub(crate) fn check_credentials(config: &MatrixConfig) -> Result<(), BackendError> {
    let (what, secret) = match &config.credentials {
        Credentials::Token(token) => ("access token", token),
        Credentials::Password { password, .. } => ("password", password),
    };
    let secret = secret.expose_secret();
    let unusable = match &config.credentials {
        Credentials::Token(_) => secret.is_empty() || !secret.bytes().all(|byte| byte.is_ascii_graphic()),
        Credentials::Password { .. } => secret.is_empty(),
    };
    if unusable {
        return Err(BackendError::new(
            BackendErrorKind::Unauthenticated,
            &config.homeserver,
            format!("the {what} is empty or has spaces or line breaks in it; check where it is read from"),
        ));
    }
    Ok(())
}

/// Parses the base URL: no trailing slash in the result, and `http://` only to this machine.
pub(crate) fn base_url(config: &MatrixConfig) -> Result<String, BackendError> {
    let wrong = |message: String| BackendError::new(BackendErrorKind::Refused, &config.homeserver, message);
    let url = Url::parse(&config.homeserver).map_err(|error| {
        wrong(format!(
            "is not a URL ({error}); write it as in https://matrix.example.org"
        ))
    })?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(BackendError::new(
            BackendErrorKind::Refused,
            url.host_str().unwrap_or("homeserver"),
            "the homeserver's URL carries a user name or password; give the credentials apart",
        ));
    }
    let host = url.host_str().unwrap_or_default();
    let of_this_machine = host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback());
    match url.scheme() {
        "https" => {}
        "http" if of_this_machine || config.danger_allow_plain_http => {}
        "http" => {
            return Err(wrong(
                "would send the access token unencrypted; use https://, or allow plain HTTP explicitly"
                    .to_owned(),
            ));
        }
        other => return Err(wrong(format!("has the scheme {other}://; only https:// will do"))),
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong(
            "has a query or fragment; give the base URL only".to_owned(),
        ));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str) -> Result<String, BackendError> {
        base_url(&MatrixConfig::new(url, Credentials::Token("t".to_owned().into())))
    }

    #[test]
    fn base_urls() {
        assert_eq!(check("https://m.example.org/").unwrap(), "https://m.example.org");
        assert_eq!(
            check("https://m.example.org/matrix/").unwrap(),
            "https://m.example.org/matrix"
        );
        assert_eq!(check("http://127.0.0.1:8008").unwrap(), "http://127.0.0.1:8008");
        assert_eq!(check("http://[::1]:8008").unwrap(), "http://[::1]:8008");
        assert!(check("http://localhost:8008").is_ok());
        for bad in [
            "http://m.example.org",
            "http://localhost.example.org",
            "ftp://x",
            "m.example.org",
            "https://a:b@x/",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert!(
            !check("https://a:hunter2@x/")
                .unwrap_err()
                .to_string()
                .contains("hunter2")
        );
    }

    #[test]
    fn unusable_credentials() {
        let token = |token: &str| {
            let credentials = Credentials::Token(token.to_owned().into());
            check_credentials(&MatrixConfig::new("https://x", credentials))
        };
        assert!(token("syt_abc").is_ok());
        for bad in ["", "syt_abc\n", "two words"] {
            let error = token(bad).unwrap_err();
            assert!(bad.is_empty() || !error.to_string().contains(bad.trim()));
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let mut config = MatrixConfig::new("https://x", Credentials::Token("hunter2".to_owned().into()));
        assert!(!format!("{config:?}").contains("hunter2"));
        config.proxy = Some("http://me:hunter2@proxy".to_owned().into());
        config.credentials = Credentials::password_without_store("bot", "hunter2".to_owned().into());
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
