//! The script that installs and runs LDAP servers, and OpenLDAP's command line tools.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use tokio::io::AsyncWriteExt as _;

/// The script, for the shell and for this crate alike.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/servers/ldap");

/// A running script with its server; both end when this is dropped.
pub(crate) struct Process {
    script: Option<Child>,
}

impl Process {
    /// Starts the script and waits for its line.
    pub(crate) async fn start<T: DeserializeOwned>(arguments: Vec<OsString>) -> Result<(Self, T)> {
        let mut script = Command::new(SCRIPT)
            .args(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {SCRIPT}"))?;
        let stdout = script.stdout.take().context("no standard output")?;
        let mut process = Self { script: Some(script) };
        // The first start on a machine installs packages, which no deadline here could foresee.
        let line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).map(|_| line)
        })
        .await??;
        if line.is_empty() {
            process.end("kill\n").await?;
            bail!("the LDAP server did not start; the messages of tests/servers/ldap say why");
        }
        let info = serde_json::from_str(&line).context("the line of tests/servers/ldap")?;
        Ok((process, info))
    }

    /// Has the script end the server, and waits for both.
    pub(crate) async fn end(&mut self, words: &'static str) -> Result<()> {
        if let Some(script) = self.script.take() {
            tokio::task::spawn_blocking(move || finish(script, words)).await?;
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(script) = self.script.take() {
            finish(script, "kill\n");
        }
    }
}

fn finish(mut script: Child, words: &str) {
    if let Some(mut stdin) = script.stdin.take() {
        // A script that is gone already cannot be told, and need not be.
        let _ = stdin.write_all(words.as_bytes());
    }
    // The script answers for the end of the server within a time of its own; this is for a script that hangs.
    for _ in 0..6000 {
        if !matches!(script.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = script.kill();
    let _ = script.wait();
}

/// An entry that a search found, as ldapsearch printed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its distinguished name, as the server writes it.
    pub dn: String,
    /// Attributes and values in the order of the server; a pair for each value.
    pub attributes: Vec<(String, Vec<u8>)>,
}

impl Found {
    /// The values of an attribute, its name compared without regard to case.
    pub fn values(&self, attribute: &str) -> Vec<String> {
        self.attributes
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(attribute))
            .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
            .collect()
    }

    /// The first of the [`values`](Self::values).
    pub fn value(&self, attribute: &str) -> Option<String> {
        self.values(attribute).into_iter().next()
    }
}

/// How the command line tools log in.
pub(crate) struct Login<'a> {
    pub(crate) url: &'a str,
    pub(crate) dn: &'a str,
    pub(crate) password: &'a str,
    /// The authority to trust, for TLS.
    pub(crate) ca: Option<&'a Path>,
}

impl Login<'_> {
    fn command(&self, tool: &str) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(tool);
        command.args(["-x", "-H", self.url, "-D", self.dn, "-w", self.password]);
        if let Some(ca) = self.ca {
            command.env("LDAPTLS_CACERT", ca);
        }
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.kill_on_drop(true);
        command
    }

    /// Makes the entries and changes of an LDIF text, up to the first that fails.
    pub(crate) async fn apply(&self, ldif: &str) -> Result<()> {
        // Records without a kind of change are new entries.
        let mut process = self
            .command("ldapmodify")
            .arg("-a")
            .spawn()
            .context("cannot start ldapmodify")?;
        let mut stdin = process.stdin.take().context("no standard input")?;
        let writing = async {
            // It ends early at a mistake, and says so.
            let _ = stdin.write_all(ldif.as_bytes()).await;
            drop(stdin);
        };
        // Together: it tells of each change, and would wait for a reader.
        let ((), output) = tokio::join!(writing, process.wait_with_output());
        let output = output?;
        ensure!(
            output.status.success(),
            "ldapmodify failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(())
    }

    /// Finds all entries at and below a base.
    pub(crate) async fn search(&self, base: &str, filter: &str, attributes: &[&str]) -> Result<Vec<Found>> {
        let mut command = self.command("ldapsearch");
        command
            .args(["-LLL", "-o", "ldif-wrap=no", "-b", base, filter])
            .args(attributes);
        let output = command.output().await.context("cannot start ldapsearch")?;
        ensure!(
            output.status.success(),
            "ldapsearch failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        parse(&String::from_utf8(output.stdout)?)
    }
}

/// Reads what ldapsearch prints without breaking lines.
fn parse(ldif: &str) -> Result<Vec<Found>> {
    let mut entries: Vec<Found> = Vec::new();
    for line in ldif
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let (name, value) = line.split_once(':').with_context(|| format!("no LDIF: {line}"))?;
        let value = match value.strip_prefix(':') {
            Some(encoded) => STANDARD.decode(encoded.trim())?,
            None => value.strip_prefix(' ').unwrap_or(value).as_bytes().to_vec(),
        };
        if name == "dn" {
            entries.push(Found {
                dn: String::from_utf8(value)?,
                attributes: Vec::new(),
            });
        } else {
            let entry = entries.last_mut().context("a value before the first entry")?;
            entry.attributes.push((name.to_owned(), value));
        }
    }
    Ok(entries)
}
