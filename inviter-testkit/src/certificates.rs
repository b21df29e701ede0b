//! A private authority and the certificates it signs, as files.

use std::fmt;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use tempfile::TempDir;

/// A certificate authority that nobody trusts unless told to.
///
/// Its files, and those of its certificates, are removed with the last of them.
pub struct Ca {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: PathBuf,
    dir: Arc<TempDir>,
    /// Numbers the files.
    issued: AtomicUsize,
}

impl fmt::Debug for Ca {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ca")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

impl Ca {
    /// Makes an authority with this common name.
    pub fn new(name: &str) -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let dir = Arc::new(tempfile::Builder::new().prefix("inviter-ca-").tempdir()?);
        let file = dir.path().join("ca.pem");
        fs::write(&file, issuer.pem())?;
        Ok(Self {
            issuer,
            file,
            dir,
            issued: AtomicUsize::new(0),
        })
    }

    /// The authority's own certificate, for `ca_file` or `LDAPTLS_CACERT`.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What is in [`file`](Self::file).
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for a server with these names or IP addresses.
    ///
    /// For one that does not fit, name another host here.
    pub fn issue(&self, names: &[&str]) -> Result<Certificate> {
        self.sign(Self::server(names)?)
    }

    /// [`issue`](Self::issue), but the certificate's time was over in 2001.
    pub fn expired(&self, names: &[&str]) -> Result<Certificate> {
        let mut params = Self::server(names)?;
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
        self.sign(params)
    }

    /// A certificate by which a client logs in, with the subject `CN=name,O=Example`.
    ///
    /// [`Slapd`](crate::Slapd) takes its owner for `cn=name` right below its suffix.
    pub fn client(&self, name: &str) -> Result<Certificate> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        // The parts' order counts, and rcgen's own subject would keep its place.
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::OrganizationName, "Example");
        params.distinguished_name.push(DnType::CommonName, name);
        self.sign(params)
    }

    fn server(names: &[&str]) -> Result<CertificateParams> {
        // An IP address among the names becomes a name of that kind.
        let mut params =
            CertificateParams::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let name = names
            .iter()
            .find(|name| name.parse::<IpAddr>().is_err())
            .unwrap_or(&"server");
        params.distinguished_name.push(DnType::CommonName, *name);
        Ok(params)
    }

    fn sign(&self, mut params: CertificateParams) -> Result<Certificate> {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let signed = params.signed_by(&key, &self.issuer)?;
        let number = self.issued.fetch_add(1, Ordering::Relaxed);
        let file = self.dir.path().join(format!("{number}.pem"));
        let key_file = self.dir.path().join(format!("{number}.key"));
        fs::write(&file, signed.pem())?;
        fs::write(&key_file, key.serialize_pem())?;
        // Samba refuses a key that others can read.
        fs::set_permissions(&key_file, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .context("cannot protect the key")?;
        Ok(Certificate {
            file,
            key_file,
            ca_file: self.file.clone(),
            _dir: Arc::clone(&self.dir),
        })
    }
}

/// A certificate with its key, as PEM files.
#[derive(Debug, Clone)]
pub struct Certificate {
    file: PathBuf,
    key_file: PathBuf,
    ca_file: PathBuf,
    _dir: Arc<TempDir>,
}

impl Certificate {
    /// The certificate.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Its key, as PKCS #8.
    pub fn key_file(&self) -> &Path {
        &self.key_file
    }

    /// The certificate of the authority that signed it.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }
}
