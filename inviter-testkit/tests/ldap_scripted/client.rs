//! Clients that share nothing with the server: a program of OpenLDAP, and bytes by hand.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

/// What `ldapsearch` made of an answer.
#[derive(Debug)]
pub(crate) struct Found {
    /// The result code, or what the program gives for errors of its own.
    pub(crate) code: Option<i32>,
    pub(crate) lines: Vec<String>,
    pub(crate) errors: String,
}

impl Found {
    /// The names of the entries, shortened to their first part.
    pub(crate) fn names(&self) -> Vec<&str> {
        let names = self.lines.iter().filter_map(|line| line.strip_prefix("dn: "));
        names.map(|dn| dn.split(',').next().unwrap()).collect()
    }

    /// The values of an attribute, which is named exactly.
    pub(crate) fn values(&self, attribute: &str) -> Vec<&str> {
        let lines = self.lines.iter();
        lines
            .filter_map(|line| line.strip_prefix(attribute)?.strip_prefix(": "))
            .collect()
    }

    /// The attributes, with their options, in the order in which they first come; without `dn`.
    pub(crate) fn attributes(&self) -> Vec<&str> {
        let mut names: Vec<_> = self
            .lines
            .iter()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| Some(line.split_once(':')?.0))
            .filter(|name| *name != "dn")
            .collect();
        names.dedup();
        names
    }
}

/// Long enough for a loaded machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Searches all of the directory, unless the arguments say otherwise.
pub(crate) async fn ldapsearch(url: &str, arguments: &[&str]) -> Found {
    let output = timeout(PATIENCE, command(url, arguments).output()).await;
    let output = output.expect("an end").expect("ldapsearch comes with ldap-utils");
    Found {
        code: output.status.code(),
        lines: String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(str::to_owned)
            .collect(),
        errors: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Whether a search still goes on after a while, when this is through.
pub(crate) async fn goes_on(url: &str, arguments: &[&str], through: impl Future) -> bool {
    let mut child = command(url, arguments).spawn().unwrap();
    through.await;
    timeout(Duration::from_millis(300), child.wait()).await.is_err()
}

fn command(url: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("ldapsearch");
    command
        // Without the machine's configuration.
        .env("LDAPNOINIT", "1")
        .args(["-x", "-LLL", "-o", "ldif-wrap=no", "-H", url])
        .args(["-b", "dc=example,dc=org"])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// A connection on which bytes are sent and read.
pub(crate) struct Raw(TcpStream);

impl Raw {
    pub(crate) async fn to(address: SocketAddr) -> std::io::Result<Self> {
        Ok(Self(TcpStream::connect(address).await?))
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// Searches for the base alone.
    pub(crate) async fn search(&mut self, id: u8, base: &str) {
        self.send(&search(id, base)).await;
    }

    pub(crate) async fn read(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        let read = timeout(PATIENCE, self.0.read_exact(&mut bytes)).await;
        read.expect("bytes in time").unwrap();
        bytes
    }

    /// The next message. Those with long lengths are for others to read.
    pub(crate) async fn message(&mut self) -> Vec<u8> {
        let mut bytes = self.read(2).await;
        let length = match bytes[1] {
            0x81 => {
                bytes.extend(self.read(1).await);
                bytes[2]
            }
            short => short,
        };
        bytes.extend(self.read(usize::from(length)).await);
        bytes
    }

    /// What comes before the connection ends.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let read = timeout(PATIENCE, self.0.read_to_end(&mut bytes)).await;
        // An error is an end too.
        let _ = read.expect("an end in time");
        bytes
    }

    /// Whether nothing comes for a while, not even the end of the connection.
    pub(crate) async fn is_quiet(&mut self, time: Duration) -> bool {
        timeout(time, self.0.read_u8()).await.is_err()
    }
}

/// The request for one entry, whatever is in it. All lengths are short.
pub(crate) fn search(id: u8, base: &str) -> Vec<u8> {
    let with_length = |tag: u8, contents: &[u8]| {
        assert!(contents.len() < 128);
        [&[tag, u8::try_from(contents.len()).unwrap()], contents].concat()
    };
    let base = with_length(0x04, base.as_bytes());
    let rest = [0x0a, 1, 0, 0x0a, 1, 0, 2, 1, 0, 2, 1, 0, 1, 1, 0];
    let filter = with_length(0x87, b"objectClass");
    let operation = with_length(0x63, &[&base, &rest[..], &filter, &[0x30, 0]].concat());
    with_length(0x30, &[&[2, 1, id], &operation[..]].concat())
}

/// A success for a search.
pub(crate) fn success(id: u8) -> Vec<u8> {
    vec![0x30, 12, 2, 1, id, 0x65, 7, 0x0a, 1, 0, 4, 0, 4, 0]
}
