//! One connection: connecting and logging in.

use std::{sync::Arc, time::Duration};

use inviter_core::provider::ProviderErrorKind as Kind;
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapError};
use rustls::ClientConfig;
use secrecy::ExposeSecret as _;
use tokio::{
    task::AbortHandle,
    time::{Instant, timeout},
};
use tracing::debug;
use url::Url;

use crate::{
    config::{Bind, LdapConfig},
    control,
    trouble::Trouble,
};

/// A connection that is logged in.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) ldap: Ldap,
    driver: AbortHandle,
    /// How long one answer, or the next entry of one, may take.
    operation_timeout: Duration,
    /// When the whole read has to be over.
    deadline: Instant,
    pub(crate) page_size: u32,
}

impl Drop for Connection {
    fn drop(&mut self) {
        // It ends by itself once nothing refers to it; a server that hangs would hold it.
        self.driver.abort();
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
        let settings = LdapConnSettings::new()
            .set_config(tls)
            .set_starttls(config.start_tls);
        let patience = config
            .connect_timeout
            .min(deadline.saturating_duration_since(Instant::now()));
        // One limit for all kinds of connections: ldap3's own leaves sockets out.
        let connecting = timeout(patience, LdapConnAsync::from_url_with_settings(settings, &parsed)).await;
        let (connection, ldap) = connecting
            .unwrap_or_else(|elapsed| Err(LdapError::from(elapsed)))
            .map_err(|error| Trouble::of_connecting(&error, config.start_tls))?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.drive().await {
                debug!(%error, "the connection ended");
            }
        });
        debug!(url, start_tls = config.start_tls, "connected");
        Ok(Self {
            ldap,
            driver: driver.abort_handle(),
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
        let result = answer.map_err(|error| Trouble::of_operation(&error))?;
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

    /// A handle for one operation, with the time that it may take.
    pub(crate) fn operation(&self) -> Result<Ldap, Trouble> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Trouble::lost(
                "reading took longer than `read_timeout`; give it longer, or find out why the server is slow",
            ));
        }
        let mut ldap = self.ldap.clone();
        ldap.with_timeout(self.operation_timeout.min(left));
        Ok(ldap)
    }

    /// Says goodbye; whether it is heard makes no difference.
    pub(crate) async fn close(self) {
        if let Ok(mut ldap) = self.operation() {
            let _ = ldap.unbind().await;
        }
    }
}
