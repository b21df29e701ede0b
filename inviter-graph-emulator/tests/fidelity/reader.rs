//! The conversation with `sdk.py`, which reads the emulator with Microsoft's own client.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use inviter_graph_emulator::Emulator;

/// A client of Microsoft's that answers questions about what it reads.
pub(crate) struct Reader {
    // Ends with the reader, and before it could say anything of the end of its input.
    _child: Child,
    stdin: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    dir: TempDir,
}

/// The Python that the client is installed for.
fn python() -> Result<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/servers/graph-sdk");
    let done = std::process::Command::new(script).arg("python").output()?;
    if !done.status.success() {
        bail!("Microsoft's client is not installed: run tests/servers/graph-sdk install");
    }
    Ok(PathBuf::from(String::from_utf8(done.stdout)?.trim()))
}

impl Reader {
    /// Starts a client of an emulator with TLS.
    pub(crate) async fn start(emulator: &Emulator, ca: &Path) -> Result<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fidelity/sdk.py");
        let python = python()?;
        // Its hundreds of modules take seconds to compile. Compiled, they lie beside the client, so that the folder
        // of the sources stays as it is.
        let compiled = python.ancestors().nth(3).context("no folder")?.join("compiled");
        let mut child = Command::new(python)
            .env("PYTHONPYCACHEPREFIX", compiled)
            .env_remove("PYTHONDONTWRITEBYTECODE")
            .arg(script)
            .env("NO_PROXY", "*")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdin = child.stdin.take().context("no standard input")?;
        let stdout = child.stdout.take().context("no standard output")?;
        let dir = tempfile::tempdir()?;
        let mut reader = Self {
            _child: child,
            stdin,
            answers: BufReader::new(stdout).lines(),
            dir,
        };
        let settings = json!({
            "authority": emulator.authority(),
            "graph": emulator.graph_url(),
            "tenant": emulator.tenant_id(),
            "client": emulator.client_id(),
            "secret": emulator.client_secret(),
            "ca": ca,
            "key": reader.key_file(),
        });
        reader.write(&settings).await?;
        Ok(reader)
    }

    /// Where the key of its certificate is, with the certificate, once one was made.
    pub(crate) fn key_file(&self) -> PathBuf {
        self.dir.path().join("key.pem")
    }

    async fn write(&mut self, line: &Value) -> Result<()> {
        self.stdin.write_all(format!("{line}\n").as_bytes()).await?;
        Ok(())
    }

    /// Asks something: answers what the client held, or what its exception held.
    async fn say(&mut self, question: &Value) -> Result<Result<Value, Value>> {
        self.write(question).await?;
        let line = self.answers.next_line().await?;
        let line = line.with_context(|| format!("the client ended at {question}; it has said why"))?;
        let mut said: Value = serde_json::from_str(&line)?;
        Ok(match said.get_mut("done") {
            Some(done) => Ok(done.take()),
            None => Err(said["failed"].take()),
        })
    }

    /// Asks something that succeeds.
    pub(crate) async fn ask(&mut self, question: Value) -> Result<Value> {
        match self.say(&question).await? {
            Ok(done) => Ok(done),
            Err(failed) => bail!("{question} failed: {failed:#}"),
        }
    }

    /// Asks something that fails, and tells what the client's exception held.
    pub(crate) async fn failure(&mut self, question: Value) -> Result<Value> {
        match self.say(&question).await? {
            Ok(done) => bail!("{question} succeeded: {done:#}"),
            Err(failed) => Ok(failed),
        }
    }
}
