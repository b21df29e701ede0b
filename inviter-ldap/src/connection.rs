//! One connection: connecting and logging in.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use inviter_core::provider::ProviderErrorKind as Kind;
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapError, StdStream};
use rustls::ClientConfig;
use secrecy::ExposeSecret as _;
use tokio::{
    task::{AbortHandle, JoinHandle},
    time::{Instant, timeout},
};
use tracing::debug;
use url::Url;

use crate::{
    config::{Bind, LdapConfig},
    control,
    transport::{self, EndedBy},
    trouble::Trouble,
};

/// A server that did not answer one question may answer another; after so many it is not asked any more.
const MAX_TIMEOUTS: u32 = 3;
/// How long the end of a connection is waited for.
const GOODBYE: Duration = Duration::from_millis(200);

/// A connection that is logged in.
#[derive(Debug)]
pub(crate) struct Connection {
    ldap: Ldap,
    driver: AbortHandle,
    relay: JoinHandle<()>,
    ended_by: EndedBy,
    timeouts: AtomicU32,
    tls_without_certificate: bool,
    /// How long one answer, or the next entry of one, may take.
    operation_timeout: Duration,
    /// When the whole read has to be over.
    deadline: Instant,
    pub(crate) page_size: u32,
}

impl Drop for Connection {
    fn drop(&mut self) {
        // They end by themselves once nothing refers to them; a server that hangs would hold them.
        self.driver.abort();
        self.relay.abort();
    }
}

impl Connection {
    /// Connects to one server, without logging in.
    pub(crate) async fn open(
        url: &str,
        config: &LdapConfig,
        tls: Arc<ClientConfig>,
        deadline: Instant,
    ) -> Result<Self, Trouble> {
        let parsed = Url::parse(url)
            .map_err(|error| Trouble::new(Kind::Misconfigured, "is no URL").caused_by(&error))?;
        let patience = config
            .connect_timeout
            .min(deadline.saturating_duration_since(Instant::now()));
        let connecting = timeout(
            patience,
            transport::open(&parsed, config.start_tls, tls, config.read_limit_mib),
        )
        .await;
        let gate = connecting.unwrap_or_else(|_| Err(Trouble::no_connection()))?;
        // The library's end is a socket, whatever the way to the server is.
        let settings = LdapConnSettings::new().set_std_stream(StdStream::Unix(gate.inner));
        let opened = LdapConnAsync::with_settings(settings, "ldapi:///").await;
        let (connection, ldap) = opened.map_err(|error| Trouble::of_operation(&error))?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.drive().await {
                debug!(%error, "the connection ended");
            }
        });
        debug!(url, start_tls = config.start_tls, "connected");
        Ok(Self {
            ldap,
            driver: driver.abort_handle(),
            relay: gate.relay,
            ended_by: gate.ended_by,
            timeouts: AtomicU32::new(0),
            tls_without_certificate: config.client_certificate.is_none()
                && (config.start_tls || parsed.scheme() == "ldaps"),
            operation_timeout: config.operation_timeout,
            deadline,
            page_size: config.page_size.max(1),
        })
    }

    /// Logs in.
    pub(crate) async fn bind(&self, bind: &Bind) -> Result<(), Trouble> {
        let mut ldap = self.operation()?;
        let (who, answer) = match bind {
            Bind::Anonymous => return Ok(()),
            Bind::Simple { password, .. } if password.expose_secret().is_empty() => {
                return Err(Trouble::new(
                    Kind::Misconfigured,
                    "the password is empty, which servers take for an anonymous log-in; nothing was sent",
                ));
            }
            Bind::Simple { dn, password } => {
                ldap.with_controls(vec![control::password_policy()]);
                let answer = ldap.simple_bind(dn, password.expose_secret()).await;
                (dn.as_str(), answer)
            }
            Bind::External => ("the client certificate", ldap.sasl_external_bind().await),
        };
        let result = answer.map_err(|error| self.failed_to_bind(&error))?;
        debug!(rc = result.rc, "bind");
        if result.rc == 0 {
            // A password that is about to be refused lets nothing else be done than changing it.
            match control::policy_error(&result.ctrls) {
                None => Ok(()),
                Some(_) => Err(Trouble::of_bind(&result, who)),
            }
        } else {
            Err(Trouble::of_bind(&result, who))
        }
    }

    /// What an operation has failed by.
    pub(crate) fn failed(&self, error: &LdapError) -> Trouble {
        let known = self.ended_by.get().cloned();
        let trouble = known.unwrap_or_else(|| Trouble::of_operation(error));
        let is_timeout = matches!(error, LdapError::Timeout { .. });
        if is_timeout && self.timeouts.fetch_add(1, Ordering::Relaxed) + 1 >= MAX_TIMEOUTS {
            // Whoever asks next would only wait as long again.
            let _ = self.ended_by.set(trouble.clone());
        }
        trouble
    }

    /// That more came than one read may take, if so.
    pub(crate) fn outgrown(&self) -> Option<Trouble> {
        self.ended_by.get().filter(|trouble| trouble.outgrown).cloned()
    }

    /// Some servers end the connection instead of saying in the handshake that they want a certificate, or say so when
    /// nobody listens any more.
    fn failed_to_bind(&self, error: &LdapError) -> Trouble {
        let trouble = self.failed(error);
        if trouble.kind != Kind::Unavailable
            || !self.tls_without_certificate
            || !matches!(error, LdapError::ResultRecv { .. } | LdapError::OpSend { .. })
        {
            return trouble;
        }
        let message =
            "the server ended the connection before the bot could log in; it may demand a client certificate";
        Trouble {
            message: message.to_owned(),
            ..trouble
        }
    }

    /// A handle for one operation, with the time that it may take.
    pub(crate) fn operation(&self) -> Result<Ldap, Trouble> {
        if let Some(trouble) = self.ended_by.get() {
            return Err(trouble.clone());
        }
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Self::too_long());
        }
        let mut ldap = self.ldap.clone();
        ldap.with_timeout(self.operation_timeout.min(left));
        Ok(ldap)
    }

    /// When the whole read has to be over.
    pub(crate) const fn deadline(&self) -> Instant {
        self.deadline
    }

    pub(crate) fn too_long() -> Trouble {
        Trouble::lost(
            "reading took longer than `read_timeout`; give it longer, or find out why the server is slow",
        )
    }

    /// Says goodbye; whether it is heard makes no difference.
    pub(crate) async fn close(mut self) {
        if let Ok(mut ldap) = self.operation()
            && ldap.unbind().await.is_ok()
        {
            let _ = timeout(GOODBYE, &mut self.relay).await;
        }
    }
}
