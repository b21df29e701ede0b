//! An HTTP proxy that shows what it was asked for, and can be Microsoft itself to whoever asks for it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, Result};
use inviter_testkit::{Ca, Certificate};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

/// A proxy on a port of this machine.
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    accepting: AbortHandle,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Where tunnels lead.
#[derive(Clone)]
enum Way {
    /// Where they are to lead.
    Through,
    /// To this address, behind TLS.
    Instead(SocketAddr, TlsAcceptor),
}

impl Gateway {
    /// Leads where it is asked to lead.
    pub(crate) async fn through() -> Result<Self> {
        Self::start(Way::Through).await
    }

    /// Leads to `there`, whoever is asked for, and shows a certificate of these names by `ca`.
    pub(crate) async fn instead(there: &str, ca: &Ca, names: &[&str]) -> Result<Self> {
        let there = there.trim_start_matches("http://").parse()?;
        Self::start(Way::Instead(there, acceptor(&ca.issue(names)?)?)).await
    }

    async fn start(way: Way) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (way, log) = (way.clone(), Arc::clone(&log));
                // Clients that go away in the middle are no business of the test's.
                connections.spawn(async move { serve(client, way, &log).await.ok() });
            }
        });
        Ok(Self {
            address,
            asked,
            accepting: accepting.abort_handle(),
        })
    }

    /// What tunnels were wanted to so far, such as `login.microsoftonline.com:443`.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(mut client: TcpStream, way: Way, log: &Mutex<Vec<String>>) -> Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let head = String::from_utf8(head)?;
    let target = head
        .strip_prefix("CONNECT ")
        .and_then(|rest| rest.split(' ').next());
    let target = target.context("not asked for a tunnel")?.to_owned();
    log.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(target.clone());
    client
        .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        .await?;
    match way {
        Way::Through => {
            let mut server = TcpStream::connect(target).await?;
            copy_bidirectional(&mut client, &mut server).await?;
        }
        Way::Instead(there, tls) => {
            let mut client = tls.accept(client).await?;
            let mut server = TcpStream::connect(there).await?;
            copy_bidirectional(&mut client, &mut server).await?;
        }
    }
    Ok(())
}

fn acceptor(certificate: &Certificate) -> Result<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(certificate.file())?.collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(certificate.key_file())?;
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
