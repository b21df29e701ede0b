//! The testkit's real LDAP servers do what tests rely on, asked by OpenLDAP's own tools.

mod samba;
mod slapd;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use inviter_testkit::{Certificate, SambaAd, Slapd, SlapdOptions, sigkill};
use tokio::process::Command;

/// What a command line tool said.
struct Said {
    code: Option<i32>,
    out: String,
    errors: String,
}

/// Runs a tool as a client that trusts this authority and shows this certificate.
async fn tool(
    name: &str,
    arguments: &[&str],
    ca: Option<&Path>,
    client: Option<&Certificate>,
) -> Result<Said> {
    let mut command = Command::new(name);
    command.args(arguments);
    if let Some(ca) = ca {
        command.env("LDAPTLS_CACERT", ca);
    }
    if let Some(client) = client {
        command.env("LDAPTLS_CERT", client.file());
        command.env("LDAPTLS_KEY", client.key_file());
    }
    let output = command.output().await.with_context(|| name.to_owned())?;
    Ok(Said {
        code: output.status.code(),
        out: String::from_utf8(output.stdout)?,
        errors: String::from_utf8(output.stderr)?,
    })
}

/// Who the server takes an account for.
async fn whoami(url: &str, dn: &str, password: &str, more: &[&str]) -> Result<Said> {
    let arguments = [&["-x", "-H", url, "-D", dn, "-w", password], more].concat();
    tool("ldapwhoami", &arguments, None, None).await
}

/// A process that has ended and waits for its parent to take notice does not count.
fn is_running(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(|status| !status.contains("State:\tZ"))
}

/// Gives a process five seconds to end.
async fn ends(pid: u32) -> bool {
    for _ in 0..500 {
        if !is_running(pid) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

/// The process that started this one.
fn parent(pid: u32) -> Result<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("PPid:"))
        .context("no parent")?;
    Ok(line.trim().parse()?)
}

#[tokio::test]
async fn nothing_is_left_running() -> Result<()> {
    let slapd = Slapd::start(SlapdOptions::new()).await?;
    let samba = SambaAd::start().await?;
    let pids = [
        slapd.pid(),
        parent(slapd.pid())?,
        samba.pid(),
        parent(samba.pid())?,
    ];
    assert!(pids.into_iter().all(is_running));
    drop((slapd, samba));
    assert!(!pids.into_iter().any(is_running));

    // Killed with no time to clean up, as a test process may be.
    let slapd = Slapd::start(SlapdOptions::new()).await?;
    let samba = SambaAd::start().await?;
    for pid in [slapd.pid(), samba.pid()] {
        sigkill(parent(pid)?)?;
        assert!(ends(pid).await, "process {pid} is still running");
    }
    Ok(())
}
