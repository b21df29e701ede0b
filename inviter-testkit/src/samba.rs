//! A real Active Directory domain controller.

use std::ffi::OsString;
use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use tempfile::TempDir;

use crate::ldap_process::{Login, Process};
use crate::ldif::Attributes;
use crate::{Ca, Certificate, Found, Ldif};

/// How a [`SambaAd`] is set up.
#[derive(Debug, Clone, Copy, Default)]
pub struct SambaOptions {
    strong_auth: bool,
}

impl SambaOptions {
    /// A password may be sent without TLS.
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses passwords on connections without TLS, as Active Directory may and Samba does by default.
    #[must_use]
    pub fn strong_auth(mut self) -> Self {
        self.strong_auth = true;
        self
    }
}

/// What the script says of a running Samba.
#[derive(Clone, Deserialize)]
struct Info {
    url: String,
    ldaps_url: Option<String>,
    pid: u32,
    suffix: String,
    realm: String,
    admin_dn: String,
    admin_upn: String,
    admin_password: String,
}

/// A running domain controller of the test's own, for the domain `ad.example.test`; it ends when this is dropped.
///
/// It differs from Microsoft's: it cuts nothing off, neither searches at 1,000 entries nor `member` at 1,500 values.
pub struct SambaAd {
    info: Info,
    options: SambaOptions,
    address: String,
    certificate: Certificate,
    ca_file: PathBuf,
    // Before the directory, so that the server ends first.
    process: Option<Process>,
    dir: TempDir,
}

impl fmt::Debug for SambaAd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SambaAd")
            .field("url", &self.info.url)
            .finish_non_exhaustive()
    }
}

impl SambaAd {
    /// Starts a domain controller: about a second, 33 MB of disk and 80 MB of memory. Only root may.
    pub async fn start() -> Result<Self> {
        Self::start_with(SambaOptions::new()).await
    }

    /// [`start`](Self::start), set up differently.
    pub async fn start_with(options: SambaOptions) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("inviter-samba-").tempdir()?;
        // Its ports are fixed, so that it needs an address of its own. All of 127.0.0.0/8 is this machine; the hash
        // keys are the only source of randomness in the standard library.
        let random = RandomState::new().build_hasher().finish().to_be_bytes();
        let octet = |index: usize| random[index] % 254 + 1;
        let address = format!("127.{}.{}.{}", octet(0), octet(1), octet(2));
        let ca = Ca::new("Example AD")?;
        let certificate = ca.issue(&[&address, "dc.ad.example.test"])?;
        let (process, info) = spawn(dir.path(), options, &address, &certificate).await?;
        Ok(Self {
            info,
            options,
            address,
            ca_file: ca.file().to_owned(),
            certificate,
            process: Some(process),
            dir,
        })
    }

    /// The address, such as `ldap://127.3.2.1`; the same after a restart.
    pub fn url(&self) -> &str {
        &self.info.url
    }

    /// The address for TLS, such as `ldaps://127.3.2.1`. StartTLS works at the other one.
    pub fn ldaps_url(&self) -> Result<&str> {
        self.info
            .ldaps_url
            .as_deref()
            .context("this Samba has no certificate")
    }

    /// The certificate of the authority to trust for TLS.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// `DC=ad,DC=example,DC=test`.
    pub fn base_dn(&self) -> &str {
        &self.info.suffix
    }

    /// The DNS name of the domain, `ad.example.test`.
    pub fn domain(&self) -> String {
        self.info.realm.to_lowercase()
    }

    /// The name of the administrator's entry.
    pub fn admin_dn(&self) -> &str {
        &self.info.admin_dn
    }

    /// The administrator as Active Directory likes it, `Administrator@ad.example.test`.
    pub fn admin_upn(&self) -> &str {
        &self.info.admin_upn
    }

    /// The administrator's password.
    pub fn admin_password(&self) -> &str {
        &self.info.admin_password
    }

    /// The process id of Samba itself.
    pub fn pid(&self) -> u32 {
        self.info.pid
    }

    /// An LDIF text for [`apply`](Self::apply): see [`Ldif::ad_user`] and [`Ldif::ad_group`].
    pub fn ldif(&self) -> Ldif {
        Ldif::new(self.base_dn())
    }

    fn admin(&self) -> Result<Login<'_>> {
        Ok(Login {
            // A password can be set over an encrypted connection only.
            url: self.ldaps_url()?,
            dn: self.admin_dn(),
            password: self.admin_password(),
            ca: Some(&self.ca_file),
        })
    }

    /// Makes the entries and changes of an LDIF text as the administrator. The first that fails is an error; those
    /// before it stay.
    pub async fn apply(&self, ldif: impl AsRef<str>) -> Result<()> {
        self.admin()?.apply(ldif.as_ref()).await
    }

    /// Finds all entries at and below a base, as the administrator.
    pub async fn search(&self, base: &str, filter: &str, attributes: &[&str]) -> Result<Vec<Found>> {
        self.admin()?.search(base, filter, attributes).await
    }

    /// Adds a user without a password, and returns its DN.
    pub async fn add_user(&self, name: &str, disabled: bool) -> Result<String> {
        self.add_user_with(name, disabled, &[]).await
    }

    /// [`add_user`](Self::add_user) with more attributes, such as `mail`.
    pub async fn add_user_with(&self, name: &str, disabled: bool, more: Attributes<'_>) -> Result<String> {
        let mut ldif = self.ldif();
        ldif.ad_user(name, if disabled { 546 } else { 544 }, more);
        self.apply(&ldif).await?;
        Ok(ldif.ad_dn(name))
    }

    /// Adds a group with these members (DNs), and returns its DN.
    pub async fn add_group(&self, name: &str, members: &[impl AsRef<str>]) -> Result<String> {
        let mut ldif = self.ldif();
        ldif.ad_group(name, members);
        self.apply(&ldif).await?;
        Ok(ldif.ad_dn(name))
    }

    /// Gives a user a password to log in with, as its DN or as `name@ad.example.test`.
    pub async fn set_password(&self, dn: &str, password: &str) -> Result<()> {
        // In quotes and UTF-16, as Active Directory takes it.
        let value: Vec<u8> = format!("\"{password}\"")
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let mut ldif = self.ldif();
        ldif.replace_values(dn, "userAccountControl", &["512"]);
        let change = format!(
            "dn:: {}\nchangetype: modify\nreplace: unicodePwd\nunicodePwd:: {}\n-\n\n",
            STANDARD.encode(dn),
            STANDARD.encode(value)
        );
        self.apply(change + ldif.text()).await
    }

    /// Ends it in order; its data stay for [`restart`](Self::restart).
    pub async fn stop(&mut self) -> Result<()> {
        self.end("keep\n").await
    }

    /// Kills it; its data stay for [`restart`](Self::restart).
    pub async fn crash(&mut self) -> Result<()> {
        self.end("kill\n").await
    }

    async fn end(&mut self, words: &'static str) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.end(words).await,
            None => Ok(()),
        }
    }

    /// Starts it again at the same address with the same data, after [`stop`](Self::stop) or
    /// [`crash`](Self::crash).
    pub async fn restart(&mut self) -> Result<()> {
        if self.process.is_some() {
            bail!("Samba is still running");
        }
        let (process, info) = spawn(self.dir.path(), self.options, &self.address, &self.certificate).await?;
        self.process = Some(process);
        self.info = info;
        Ok(())
    }
}

async fn spawn(
    dir: &Path,
    options: SambaOptions,
    address: &str,
    certificate: &Certificate,
) -> Result<(Process, Info)> {
    let mut arguments: Vec<OsString> = vec!["samba".into(), "--dir".into(), dir.into()];
    arguments.extend(["--address".into(), address.into()]);
    arguments.extend(["--certificate".into(), certificate.file().into()]);
    arguments.extend(["--key".into(), certificate.key_file().into()]);
    arguments.extend(["--ca".into(), certificate.ca_file().into()]);
    if options.strong_auth {
        arguments.push("--strong-auth".into());
    }
    Process::start(arguments).await
}
