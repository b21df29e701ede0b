//! The emulator as tests use it.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use anyhow::{Context as _, Result};
use inviter_testkit::{Ca, Certificate};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

use crate::fault::{Fault, FaultHandle, Faults};
use crate::identity::{Identity, ManagedIdentity};
use crate::options::Options;
use crate::record::Recorded;
use crate::tenant::Tenant;
use crate::tokens::{AccessTokens, Pages, SECRET_PREFIX};
use crate::{lock, random, server};

/// Microsoft Graph and Entra ID for one tenant and one application, on a port of 127.0.0.1. It ends when this
/// is dropped.
pub struct Emulator {
    shared: Arc<Shared>,
    accepting: AbortHandle,
    ca: Option<Ca>,
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator")
            .field("origin", &self.shared.origin)
            .finish_non_exhaustive()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

pub(crate) struct Shared {
    /// Such as `http://127.0.0.1:40123`.
    pub(crate) origin: String,
    /// The address of Graph.
    pub(crate) base: String,
    pub(crate) options: Options,
    pub(crate) tenant: RwLock<Tenant>,
    /// How the directory was, for answers that are stale.
    pub(crate) remembered: RwLock<Option<Tenant>>,
    pub(crate) identity: Identity,
    pub(crate) access_tokens: AccessTokens,
    pub(crate) pages: Pages,
    pub(crate) faults: Faults,
    pub(crate) started: Instant,
    pub(crate) log: Mutex<Log>,
}

#[derive(Default)]
pub(crate) struct Log {
    pub(crate) requests: Vec<Recorded>,
    /// The index of the first request in the list.
    pub(crate) first: usize,
}

impl Emulator {
    /// Starts an emulator with the usual options.
    pub async fn start(tenant: Tenant) -> Result<Self> {
        Self::start_with(tenant, Options::default()).await
    }

    /// Starts an emulator.
    pub async fn start_with(tenant: Tenant, options: Options) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", options.port)).await?;
        let port = listener.local_addr()?.port();
        let (ca, acceptor) = if options.tls {
            let ca = Ca::new("inviter's emulator of Microsoft Graph")?;
            let acceptor = acceptor(&ca.issue(&["localhost", "127.0.0.1"])?)?;
            (Some(ca), Some(acceptor))
        } else {
            (None, None)
        };
        // Libraries want a name where there is a certificate.
        let origin = if options.tls {
            format!("https://localhost:{port}")
        } else {
            format!("http://127.0.0.1:{port}")
        };
        let tenant_id = options.tenant_id.clone();
        let client_id = options.client_id.clone();
        let secret = options.client_secret.clone();
        let identity = Identity::new(
            tenant_id.unwrap_or_else(|| "4f2b1f6c-0c4e-4b8e-9d0a-7f6f0e6a5b10".to_owned()),
            client_id.unwrap_or_else(|| "c1a7e0d2-9b7f-4d56-8a57-35f1b0f4e2aa".to_owned()),
            secret.unwrap_or_else(|| format!("{SECRET_PREFIX}{}", random::text(24))),
        );
        let shared = Arc::new(Shared {
            base: format!("{origin}/v1.0"),
            origin,
            options,
            tenant: RwLock::new(tenant),
            remembered: RwLock::default(),
            identity,
            access_tokens: AccessTokens::default(),
            pages: Pages::default(),
            faults: Faults::default(),
            started: Instant::now(),
            log: Mutex::default(),
        });
        let accepting = tokio::spawn(server::accept(listener, acceptor, shared.clone())).abort_handle();
        Ok(Self {
            shared,
            accepting,
            ca,
        })
    }

    /// Where tokens come from: `/{tenant}/oauth2/v2.0/token` lies below it.
    pub fn authority(&self) -> &str {
        &self.shared.origin
    }

    /// The address of Graph, with its version and without a slash at its end.
    pub fn graph_url(&self) -> &str {
        &self.shared.base
    }

    /// The tenant's id.
    pub fn tenant_id(&self) -> &str {
        &self.shared.identity.tenant_id
    }

    /// The application's id.
    pub fn client_id(&self) -> &str {
        &self.shared.identity.client_id
    }

    /// The application's secret.
    pub fn client_secret(&self) -> String {
        self.shared.identity.secret()
    }

    /// The certificate of the authority that signed the emulator's own, if it speaks HTTPS.
    pub fn ca_file(&self) -> Option<&Path> {
        self.ca.as_ref().map(Ca::file)
    }

    /// Changes the directory; delta queries tell of it.
    pub fn change<R>(&self, change: impl FnOnce(&mut Tenant) -> R) -> R {
        change(&mut self.shared.tenant.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at the directory.
    pub fn tenant<R>(&self, look: impl FnOnce(&Tenant) -> R) -> R {
        look(&self.shared.tenant.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps a copy of the directory as it is now: from it come answers that are [stale](crate::Trouble::Stale).
    pub fn remember(&self) {
        let copy = self.tenant(Tenant::clone);
        *self
            .shared
            .remembered
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some(copy);
    }

    /// The application permissions that are in force from now on, also for tokens that are out.
    ///
    /// At first: `GroupMember.Read.All`, `User.Read.All` and `Member.Read.Hidden`.
    pub fn grant(&self, permissions: &[&str]) {
        *lock(&self.shared.identity.granted) = permissions.iter().map(|name| (*name).to_owned()).collect();
    }

    /// All requests since the start or since [`clear_requests`](Self::clear_requests), in the order of their
    /// arrival; a batch, and after it its items.
    pub fn requests(&self) -> Vec<Recorded> {
        lock(&self.shared.log).requests.clone()
    }

    /// How many HTTP requests there were: a batch is one.
    pub fn request_count(&self) -> usize {
        let log = lock(&self.shared.log);
        log.requests.iter().filter(|request| !request.in_batch).count()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        let mut log = lock(&self.shared.log);
        log.first += log.requests.len();
        log.requests.clear();
    }

    /// Makes something go wrong from now on. It goes on without the handle too.
    pub fn fault(&self, fault: Fault) -> FaultHandle {
        self.shared.faults.add(fault)
    }

    /// Nothing goes wrong any more.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }

    /// Access tokens issued so far are refused from now on.
    pub fn expire_tokens(&self) {
        self.shared.access_tokens.expire();
    }

    /// Links to rounds of changes and to their pages are refused from now on, with 410.
    pub fn expire_delta_links(&self) {
        self.shared.pages.expire_rounds();
    }

    /// Has the application prove itself by assertions signed with this certificate's key too. DER or PEM.
    pub fn register_certificate(&self, certificate: impl AsRef<[u8]>) {
        let certificate = certificate.as_ref();
        let der = CertificateDer::from_pem_slice(certificate)
            .map_or_else(|_| certificate.to_vec(), |certificate| certificate.to_vec());
        lock(&self.shared.identity.certificates).push(der);
    }

    /// The assertion of workload identity that is believed; none at first.
    pub fn set_federated_token(&self, token: &str) {
        *lock(&self.shared.identity.federated_token) = Some(token.to_owned());
    }

    /// The identity of the machine that the emulator is; none at first.
    pub fn set_managed_identity(&self, identity: impl Into<Option<ManagedIdentity>>) {
        *lock(&self.shared.identity.managed) = identity.into();
    }

    /// Gives the application another secret.
    pub fn set_client_secret(&self, secret: &str) {
        self.shared.identity.set_secret(secret);
    }

    /// The application's secret is refused as expired, until it gets another.
    pub fn expire_client_secret(&self) {
        self.shared.identity.expire_secret();
    }
}

fn acceptor(certificate: &Certificate) -> Result<TlsAcceptor> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate.file())
        .context("cannot read the certificate")?
        .collect::<Result<_, _>>()
        .context("cannot read the certificate")?;
    let key = PrivateKeyDer::from_pem_file(certificate.key_file()).context("cannot read the key")?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
