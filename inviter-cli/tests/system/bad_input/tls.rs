//! TLS in front of a homeserver, with certificates of the test's own.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// What a server shows, and what has to be trusted for it.
pub(crate) struct Certificates {
    /// What `ca_file` needs, as PEM.
    pub(crate) authority: String,
    server: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Certificates {
    /// A certificate for this machine, signed by an authority that nobody knows.
    pub(crate) fn of_an_authority() -> Result<Self> {
        Self::for_name("127.0.0.1")
    }

    /// A certificate for this name, signed by an authority that nobody knows.
    pub(crate) fn for_name(name: &str) -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let server = CertificateParams::new([name.to_owned()])?.signed_by(&key, &issuer)?;
        Ok(Self {
            authority: issuer.pem(),
            server: server.der().clone(),
            key: private(&key),
        })
    }

    /// A certificate for this machine whose time was over in 2001, signed by an authority that nobody knows.
    pub(crate) fn expired() -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()])?;
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
        let server = params.signed_by(&key, &issuer)?;
        Ok(Self {
            authority: issuer.pem(),
            server: server.der().clone(),
            key: private(&key),
        })
    }

    /// One that signs itself, as an authority's or as a server's.
    pub(crate) fn of_itself(authority: bool) -> Result<Self> {
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()])?;
        params.is_ca = if authority {
            IsCa::Ca(BasicConstraints::Unconstrained)
        } else {
            IsCa::ExplicitNoCa
        };
        let key = KeyPair::generate()?;
        let server = params.self_signed(&key)?;
        Ok(Self {
            authority: server.pem(),
            server: server.der().clone(),
            key: private(&key),
        })
    }

    /// Serves a homeserver by TLS on a free port.
    pub(crate) async fn serve(&self, homeserver: &str) -> Result<TlsServer> {
        self.serve_on(TcpListener::bind(("127.0.0.1", 0)).await?, homeserver)
    }

    /// Serves a homeserver by TLS on this port.
    pub(crate) fn serve_on(&self, listener: TcpListener, homeserver: &str) -> Result<TlsServer> {
        let to = homeserver
            .strip_prefix("http://")
            .context("no plain homeserver")?
            .to_owned();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![self.server.clone()], self.key.clone_key())?;
        let url = format!("https://{}", listener.local_addr()?);
        let accepting = tokio::spawn(accept(listener, TlsAcceptor::from(Arc::new(config)), to));
        Ok(TlsServer {
            url,
            accepting: accepting.abort_handle(),
        })
    }
}

fn private(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(key.serialize_der()).into()
}

/// Ends when it is dropped.
pub(crate) struct TlsServer {
    /// Such as `https://127.0.0.1:40123`.
    pub(crate) url: String,
    accepting: AbortHandle,
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, to: String) {
    // Owned by this task, so that dropping the server ends the connections too.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, to) = (tls.clone(), to.clone());
        connections.spawn(async move {
            // A client that does not trust the certificate goes away here.
            let mut from = tls.accept(stream).await?;
            let mut to = TcpStream::connect(to).await?;
            copy_bidirectional(&mut from, &mut to).await
        });
    }
}
