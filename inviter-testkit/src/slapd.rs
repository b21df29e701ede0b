//! A real OpenLDAP server.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tempfile::TempDir;

use crate::ldap_process::{Login, Process};
use crate::{Certificate, Found, rdn};

/// What slapd does beyond storing entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlay {
    /// Keeps `memberOf` for the members of `groupOfNames`: direct groups only. Loaded entries have it too, if
    /// the LDIF writes the same name the same way everywhere.
    MemberOf,
    /// Follows renamed and removed entries in `member` and `uniqueMember`. A group that would lose its only
    /// member gets the administrator instead, since it must have one.
    Refint,
    /// Password policies; the default one is [`Ldif::password_policy`](crate::Ldif::password_policy).
    Ppolicy,
}

impl Overlay {
    fn name(self) -> &'static str {
        match self {
            Self::MemberOf => "memberof",
            Self::Refint => "refint",
            Self::Ppolicy => "ppolicy",
        }
    }
}

/// What slapd makes of clients' certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyClient {
    /// It asks for one, and goes on whatever it gets.
    Allow,
    /// It asks for one, and ends the connection if it gets one that it does not trust.
    Try,
    /// It ends a connection without one that it trusts.
    Demand,
}

impl VerifyClient {
    fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Try => "try",
            Self::Demand => "demand",
        }
    }
}

/// How a [`Slapd`] is set up.
#[derive(Debug, Clone)]
pub struct SlapdOptions {
    suffix: String,
    ldif: Option<String>,
    overlays: Vec<Overlay>,
    /// Arguments of the script as they are.
    arguments: Vec<String>,
    access: Vec<String>,
    certificate: Option<Certificate>,
    verify_client: Option<VerifyClient>,
}

impl Default for SlapdOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl SlapdOptions {
    /// `dc=example,dc=test` with `ou=people` and `ou=groups`; everyone may read everything but passwords; no
    /// limits, no overlays, no TLS. The schemas are core, cosine, inetorgperson, nis (RFC 2307), dyngroup, and
    /// `nsAccountLock` with the auxiliary class `lockableAccount`.
    pub fn new() -> Self {
        Self {
            suffix: "dc=example,dc=test".to_owned(),
            ldif: None,
            overlays: Vec::new(),
            arguments: Vec::new(),
            access: Vec::new(),
            certificate: None,
            verify_client: None,
        }
    }

    /// Another suffix. It must begin with `dc=` unless there is an LDIF.
    #[must_use]
    pub fn suffix(mut self, suffix: impl Into<String>) -> Self {
        self.suffix = suffix.into();
        self
    }

    /// All entries to begin with, the top one too: see [`Ldif::tree`](crate::Ldif::tree). Loaded in bulk before
    /// the start, 20,000 people in a few seconds, and without asking overlays.
    #[must_use]
    pub fn ldif(mut self, ldif: impl AsRef<str>) -> Self {
        self.ldif = Some(ldif.as_ref().to_owned());
        self
    }

    /// Adds an overlay.
    #[must_use]
    pub fn overlay(mut self, overlay: Overlay) -> Self {
        self.overlays.push(overlay);
        self
    }

    /// Loads a module, such as `dynlist`; set it up by [`database`](Self::database) lines.
    #[must_use]
    pub fn module(self, name: &str) -> Self {
        self.argument("module", name)
    }

    /// Another schema: the path of a file, or the name of a stock one.
    #[must_use]
    pub fn schema(self, schema: &str) -> Self {
        self.argument("schema", schema)
    }

    /// A line of `slapd.conf` for the whole server, such as `security tls=1`.
    #[must_use]
    pub fn global(self, line: &str) -> Self {
        self.argument("global", line)
    }

    /// A line of `slapd.conf` for the database, such as `limits dn.exact="cn=reader,dc=example,dc=test" size=100`.
    #[must_use]
    pub fn database(self, line: &str) -> Self {
        self.argument("database", line)
    }

    /// Access rules (`access to …`), in place of earlier ones of this method. What they do not match everyone may
    /// read; nothing can hinder an account from logging in. The administrator may do everything.
    #[must_use]
    pub fn access(mut self, rules: &[&str]) -> Self {
        self.access = rules.iter().map(|&rule| rule.to_owned()).collect();
        self
    }

    /// How many entries a search returns at most; the administrator knows no limits.
    #[must_use]
    pub fn size_limit(self, entries: u32) -> Self {
        self.argument("size-limit", &entries.to_string())
    }

    /// Leaves slapd's own `sizelimit` of 500 entries.
    #[must_use]
    pub fn stock_size_limit(self) -> Self {
        self.argument("size-limit", "stock")
    }

    /// TLS with this certificate, on a port of its own and by StartTLS. Issue it for `localhost` and `127.0.0.1`.
    #[must_use]
    pub fn certificate(mut self, certificate: &Certificate) -> Self {
        self.certificate = Some(certificate.clone());
        self
    }

    /// Asks clients for certificates of the authority that issued the server's. By SASL EXTERNAL, one of
    /// [`Ca::client`](crate::Ca::client) stands for the entry `cn=name` right below the suffix.
    #[must_use]
    pub fn verify_client(mut self, verify: VerifyClient) -> Self {
        self.verify_client = Some(verify);
        self
    }

    fn argument(mut self, name: &str, value: &str) -> Self {
        self.arguments.push(format!("--{name}={value}"));
        self
    }
}

/// What the script says of a running slapd.
#[derive(Clone, Deserialize)]
struct Info {
    url: String,
    ldaps_url: Option<String>,
    ldapi_url: Option<String>,
    pid: u32,
    suffix: String,
    admin_dn: String,
    admin_password: String,
}

/// A running slapd of the test's own; it ends when this is dropped.
pub struct Slapd {
    info: Info,
    options: SlapdOptions,
    // Before the directory, so that the server ends first.
    process: Option<Process>,
    dir: TempDir,
}

impl fmt::Debug for Slapd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slapd")
            .field("url", &self.info.url)
            .field("suffix", &self.info.suffix)
            .finish_non_exhaustive()
    }
}

impl Slapd {
    /// Starts a server: less than half a second and 26 MB.
    pub async fn start(options: SlapdOptions) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("inviter-slapd-").tempdir()?;
        let (process, info) = spawn(dir.path(), &options, None).await?;
        Ok(Self {
            info,
            options,
            process: Some(process),
            dir,
        })
    }

    /// The address, such as `ldap://127.0.0.1:20389`; the same after a restart.
    pub fn url(&self) -> &str {
        &self.info.url
    }

    /// The address for TLS, such as `ldaps://localhost:20636`; an error without a certificate.
    ///
    /// With OpenLDAP's tools write `127.0.0.1` instead: for `localhost` they compare the certificate with the name
    /// of the machine.
    pub fn ldaps_url(&self) -> Result<&str> {
        self.info
            .ldaps_url
            .as_deref()
            .context("this slapd has no certificate")
    }

    /// The address of the socket, where the administrator's own connection counts as encrypted.
    pub fn ldapi_url(&self) -> Option<&str> {
        self.info.ldapi_url.as_deref()
    }

    /// The name of the top entry.
    pub fn suffix(&self) -> &str {
        &self.info.suffix
    }

    /// The name of the administrator, who may do everything and knows no limits. It has no entry.
    pub fn admin_dn(&self) -> &str {
        &self.info.admin_dn
    }

    /// The administrator's password.
    pub fn admin_password(&self) -> &str {
        &self.info.admin_password
    }

    /// The process id of slapd itself.
    pub fn pid(&self) -> u32 {
        self.info.pid
    }

    /// `uid=…,ou=people,<suffix>`, where [`Ldif::person`](crate::Ldif::person) puts people.
    pub fn person_dn(&self, uid: &str) -> String {
        format!("{},ou=people,{}", rdn("uid", uid), self.info.suffix)
    }

    /// `cn=…,ou=groups,<suffix>`, where the groups of [`Ldif`](crate::Ldif) are.
    pub fn group_dn(&self, cn: &str) -> String {
        format!("{},ou=groups,{}", rdn("cn", cn), self.info.suffix)
    }

    /// `cn=…,<suffix>`, where [`Ldif::account`](crate::Ldif::account) puts accounts.
    pub fn account_dn(&self, name: &str) -> String {
        format!("{},{}", rdn("cn", name), self.info.suffix)
    }

    /// How it was set up.
    pub fn options(&self) -> &SlapdOptions {
        &self.options
    }

    /// Everything slapd did, a line for each step of each operation (`conn=1000 op=1 SRCH base=…`). A line may be
    /// written a moment after the answer.
    pub fn log(&self) -> Result<String> {
        let log = fs::read(self.dir.path().join("slapd.log"))?;
        Ok(String::from_utf8_lossy(&log).into_owned())
    }

    fn admin(&self) -> Login<'_> {
        Login {
            url: self.ldapi_url().unwrap_or(self.url()),
            dn: self.admin_dn(),
            password: self.admin_password(),
            ca: None,
        }
    }

    /// Makes the entries and changes of an LDIF text as the administrator. The first that fails is an error; those
    /// before it stay.
    pub async fn apply(&self, ldif: impl AsRef<str>) -> Result<()> {
        self.admin().apply(ldif.as_ref()).await
    }

    /// Finds all entries at and below a base, as the administrator. Without attributes it returns all but the
    /// operational ones, which `+` asks for.
    pub async fn search(&self, base: &str, filter: &str, attributes: &[&str]) -> Result<Vec<Found>> {
        self.admin().search(base, filter, attributes).await
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

    /// Starts it again at the same addresses with the same data, after [`stop`](Self::stop) or
    /// [`crash`](Self::crash).
    pub async fn restart(&mut self) -> Result<()> {
        if self.process.is_some() {
            bail!("slapd is still running");
        }
        let (process, info) = spawn(self.dir.path(), &self.options, Some(&self.info)).await?;
        self.process = Some(process);
        self.info = info;
        Ok(())
    }

    /// [`stop`](Self::stop)s it and starts it again, set up differently, at the same addresses with the same data:
    /// `slapd.restart_with(|options| options.access(&["access to * by * none"]))`.
    pub async fn restart_with(&mut self, change: impl FnOnce(SlapdOptions) -> SlapdOptions) -> Result<()> {
        self.stop().await?;
        self.options = change(self.options.clone());
        self.restart().await
    }
}

async fn spawn(dir: &Path, options: &SlapdOptions, earlier: Option<&Info>) -> Result<(Process, Info)> {
    let mut arguments: Vec<OsString> = vec!["slapd".into(), "--dir".into(), dir.into()];
    let mut add = |name: &str, value: &dyn AsRef<std::ffi::OsStr>| {
        let mut argument = OsString::from(format!("--{name}="));
        argument.push(value.as_ref());
        arguments.push(argument);
    };
    add("suffix", &options.suffix);
    if let (Some(ldif), None) = (&options.ldif, earlier) {
        let file = dir.join("given.ldif");
        fs::write(&file, ldif)?;
        add("ldif", &file);
    }
    for overlay in &options.overlays {
        add("overlay", &overlay.name());
    }
    for rule in &options.access {
        add("access", rule);
    }
    if let Some(certificate) = &options.certificate {
        add("certificate", &certificate.file());
        add("key", &certificate.key_file());
        add("ca", &certificate.ca_file());
    }
    if let Some(verify) = options.verify_client {
        add("verify-client", &verify.name());
        let rule = format!(
            r#"authz-regexp "^cn=([^,]+),o=example$" "cn=$1,{}""#,
            options.suffix
        );
        add("global", &rule);
    }
    if let Some(earlier) = earlier {
        add("port", &port(&earlier.url)?);
        if let Some(url) = &earlier.ldaps_url {
            add("ldaps-port", &port(url)?);
        }
    }
    arguments.extend(options.arguments.iter().map(OsString::from));
    Process::start(arguments).await
}

fn port(url: &str) -> Result<String> {
    let port = url.rsplit(':').next().context("no port in the address")?;
    Ok(port.to_owned())
}
