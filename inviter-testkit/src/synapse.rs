//! A real Synapse.

use std::fmt;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use hmac::{KeyInit as _, Mac as _};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::{Ca, Certificate, Client, expect_ok};

/// The script that installs and runs Synapse, for the shell and for this crate alike.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/servers/synapse");

/// How a [`Synapse`] of a test's own is set up.
#[derive(Debug, Clone, Default)]
pub struct Options {
    server_name: Option<String>,
    stock_limits: bool,
    settings: Vec<(String, Value)>,
    federation: Option<Certificate>,
}

impl Options {
    /// `example.test`, no rate limits, the newest stable room version.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another server name. Starting takes a little longer: there is no template for it.
    #[must_use]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Leaves Synapse's rate limits as they come. Server admins are not exempt from them.
    #[must_use]
    pub fn stock_limits(mut self) -> Self {
        self.stock_limits = true;
        self
    }

    /// Speaks with other servers on this machine that do so too, over TLS with this certificate for `localhost`.
    /// The server's name is then `localhost:PORT`, with a port of its own; [`Synapse::pair`] is shorter.
    #[must_use]
    pub fn federating(mut self, certificate: Certificate) -> Self {
        self.federation = Some(certificate);
        self
    }

    /// Sets a top-level key of `homeserver.yaml`, such as `default_room_version`; null removes it.
    #[must_use]
    pub fn set(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.settings.push((key.into(), value.into()));
        self
    }
}

/// What the script says of a running Synapse.
#[derive(Clone, Deserialize)]
struct Info {
    url: String,
    server_name: String,
    pid: u32,
    admin_user: String,
    admin_token: String,
    registration_shared_secret: String,
}

/// A running homeserver; one of a test's own ends when this is dropped.
pub struct Synapse {
    info: Info,
    /// Only for one of a test's own.
    own: Option<Own>,
}

struct Own {
    options: Options,
    // Removed when dropped, if the script has not done it.
    dir: TempDir,
    process: Option<Child>,
}

impl fmt::Debug for Synapse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Synapse")
            .field("url", &self.info.url)
            .field("server_name", &self.info.server_name)
            .finish_non_exhaustive()
    }
}

impl Synapse {
    /// Starts a homeserver of the test's own: about a second and 125 MB.
    pub async fn start(options: Options) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("inviter-synapse-").tempdir()?;
        let (process, info) = spawn(dir.path().to_owned(), None, options.clone()).await?;
        Ok(Self {
            info,
            own: Some(Own {
                options,
                dir,
                process: Some(process),
            }),
        })
    }

    /// Starts two homeservers that speak with each other: about six seconds, 250 MB, and names with a port.
    pub async fn pair() -> Result<(Self, Self)> {
        let authority = Ca::new("federation")?;
        // The certificates keep the authority's files.
        let start = async || {
            let certificate = authority.issue(&["localhost", "127.0.0.1"])?;
            Self::start(Options::new().federating(certificate)).await
        };
        tokio::try_join!(start(), start())
    }

    /// The homeserver all tests share: the one `tests/run.sh` started, or else one for this process.
    ///
    /// Give accounts and rooms names by [`unique`](crate::unique), and expect those of others.
    pub async fn shared() -> Result<Self> {
        // Never dropped; the script ends when the process does, since that closes its standard input.
        static OF_THIS_PROCESS: OnceCell<(Synapse, Info)> = OnceCell::const_new();
        let info = if let Some(line) = std::env::var_os("INVITER_TEST_SYNAPSE") {
            serde_json::from_str(&line.to_string_lossy()).context("INVITER_TEST_SYNAPSE")?
        } else {
            let start = async || {
                let synapse = Self::start(Options::new()).await?;
                let info = synapse.info.clone();
                anyhow::Ok((synapse, info))
            };
            OF_THIS_PROCESS.get_or_try_init(start).await?.1.clone()
        };
        Ok(Self { info, own: None })
    }

    /// The address, such as `http://127.0.0.1:20042`; the same after [`restart`](Self::restart).
    pub fn url(&self) -> &str {
        &self.info.url
    }

    /// The server name, such as `example.test`.
    pub fn server_name(&self) -> &str {
        &self.info.server_name
    }

    /// The process id of Synapse itself.
    pub fn pid(&self) -> u32 {
        self.info.pid
    }

    /// The data directory of a homeserver of the test's own.
    pub fn data_dir(&self) -> Option<&Path> {
        self.own.as_ref().map(|own| own.dir.path())
    }

    /// `@localpart:server`.
    pub fn user_id(&self, localpart: &str) -> String {
        format!("@{localpart}:{}", self.info.server_name)
    }

    /// `#localpart:server`.
    pub fn alias(&self, localpart: &str) -> String {
        format!("#{localpart}:{}", self.info.server_name)
    }

    /// The server admin.
    pub fn admin(&self) -> Client {
        self.client(&self.info.admin_user, &self.info.admin_token)
    }

    /// A client for an account of which the access token is known.
    pub fn client(&self, user_id: &str, token: &str) -> Client {
        Client::new(&self.info.url, user_id, token)
    }

    /// Registers an account with the password [`password`](Self::password) and logs in. No rate limit.
    pub async fn register(&self, localpart: &str) -> Result<Client> {
        self.register_as(localpart, false).await
    }

    /// [`register`](Self::register) for a server admin.
    pub async fn register_admin(&self, localpart: &str) -> Result<Client> {
        self.register_as(localpart, true).await
    }

    async fn register_as(&self, localpart: &str, admin: bool) -> Result<Client> {
        let path = "/_synapse/admin/v1/register";
        let anonymous = self.client("", "");
        let answer = expect_ok(path, anonymous.raw(Method::GET, path, None, None).await?)?;
        let nonce = answer["nonce"].as_str().context("no nonce")?;
        let password = Self::password(localpart);
        let role = if admin { "admin" } else { "notadmin" };
        let mut mac =
            hmac::Hmac::<sha1::Sha1>::new_from_slice(self.info.registration_shared_secret.as_bytes())?;
        mac.update([nonce, localpart, &password, role].join("\0").as_bytes());
        let body = json!({
            "nonce": nonce, "username": localpart, "password": password, "admin": admin,
            "mac": hex(&mac.finalize().into_bytes()),
        });
        let answer = expect_ok(
            &format!("registering {localpart}"),
            anonymous.raw(Method::POST, path, Some(&body), None).await?,
        )?;
        self.logged_in(&answer)
    }

    /// Creates accounts in bulk, without logging in: half the requests of [`register`](Self::register), and no
    /// error for one that is there already.
    pub async fn create_users(&self, localparts: &[impl AsRef<str>]) -> Result<()> {
        let admin = self.admin();
        for localpart in localparts {
            let path = format!(
                "/_synapse/admin/v2/users/{}",
                crate::enc(&self.user_id(localpart.as_ref()))
            );
            let body = json!({ "password": Self::password(localpart.as_ref()) });
            expect_ok(&path, admin.put(&path, body).await?)?;
        }
        Ok(())
    }

    /// Logs in with the password of [`register`](Self::register); a new token and device each time.
    pub async fn login(&self, localpart: &str) -> Result<Client> {
        let path = "/_matrix/client/v3/login";
        let body = json!({
            "type": "m.login.password",
            "identifier": { "type": "m.id.user", "user": localpart },
            "password": Self::password(localpart),
        });
        let answer = self
            .client("", "")
            .raw(Method::POST, path, Some(&body), None)
            .await?;
        self.logged_in(&expect_ok(path, answer)?)
    }

    /// The password of an account that this type registered.
    pub fn password(localpart: &str) -> String {
        format!("password-of-{localpart}")
    }

    fn logged_in(&self, answer: &Value) -> Result<Client> {
        let field = |name: &str| answer[name].as_str().with_context(|| format!("no {name}"));
        Ok(self.client(field("user_id")?, field("access_token")?))
    }

    /// Ends all sessions of an account, as an administrator does who resets them: its tokens are no longer valid.
    pub async fn revoke_tokens(&self, localpart: &str) -> Result<()> {
        let admin = self.admin();
        let path = format!(
            "/_synapse/admin/v2/users/{}",
            crate::enc(&self.user_id(localpart))
        );
        let devices = format!("{path}/devices");
        let answer = expect_ok(&devices, admin.get(&devices).await?)?;
        let listed = answer["devices"].as_array().context("no devices")?;
        let ids: Vec<&Value> = listed.iter().map(|device| &device["device_id"]).collect();
        let delete = format!("{path}/delete_devices");
        let body = json!({ "devices": ids });
        expect_ok(&delete, admin.post(&delete, body).await?).map(drop)
    }

    /// Ends a homeserver of the test's own in order; its data stay for [`restart`](Self::restart).
    pub async fn stop(&mut self) -> Result<()> {
        self.end("keep\n").await
    }

    /// Kills a homeserver of the test's own; its data stay for [`restart`](Self::restart).
    pub async fn crash(&mut self) -> Result<()> {
        self.end("keep\nkill\n").await
    }

    async fn end(&mut self, words: &'static str) -> Result<()> {
        let own = self
            .own
            .as_mut()
            .context("the shared homeserver cannot be stopped")?;
        if let Some(process) = own.process.take() {
            tokio::task::spawn_blocking(move || finish(process, words)).await?;
        }
        Ok(())
    }

    /// Starts it again at the same address with the same data, after [`stop`](Self::stop) or
    /// [`crash`](Self::crash).
    pub async fn restart(&mut self) -> Result<()> {
        let own = self
            .own
            .as_mut()
            .context("the shared homeserver cannot be restarted")?;
        if own.process.is_some() {
            bail!("the homeserver is still running");
        }
        let port = self.info.url.rsplit(':').next().map(str::to_owned);
        let (process, info) = spawn(own.dir.path().to_owned(), port, own.options.clone()).await?;
        own.process = Some(process);
        self.info = info;
        Ok(())
    }
}

impl Drop for Synapse {
    fn drop(&mut self) {
        if let Some(process) = self.own.as_mut().and_then(|own| own.process.take()) {
            finish(process, "kill\n");
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Starts the script and waits for its line.
async fn spawn(dir: PathBuf, port: Option<String>, options: Options) -> Result<(Child, Info)> {
    let mut command = Command::new(SCRIPT);
    command.args(["run", "--temporary", "--dir"]).arg(dir);
    if let Some(port) = port {
        command.args(["--port", &port]);
    }
    if let Some(name) = &options.server_name {
        command.args(["--server-name", name]);
    }
    if options.stock_limits {
        command.arg("--stock-limits");
    }
    if let Some(certificate) = &options.federation {
        command.arg("--federation");
        command.args([certificate.file(), certificate.key_file()]);
    }
    for (key, value) in &options.settings {
        command.args(["--set", &format!("{key}={value}")]);
    }
    let mut process = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {SCRIPT}"))?;
    let stdout = process.stdout.take().context("no standard output")?;
    // The first start on a machine installs Synapse, which no deadline here could foresee.
    let line = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).map(|_| line)
    })
    .await??;
    if line.is_empty() {
        let status = tokio::task::spawn_blocking(move || process.wait()).await??;
        bail!("Synapse did not start ({status}); the messages of tests/servers/synapse say why");
    }
    Ok((
        process,
        serde_json::from_str(&line).context("the line of tests/servers/synapse")?,
    ))
}

/// Has the script end Synapse, and waits for both.
fn finish(mut process: Child, words: &str) {
    if let Some(mut stdin) = process.stdin.take() {
        // A script that is gone already cannot be told, and need not be.
        let _ = stdin.write_all(words.as_bytes());
    }
    // The script answers for the end of Synapse within a time of its own; this is for a script that hangs.
    for _ in 0..6000 {
        if !matches!(process.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = process.kill();
    let _ = process.wait();
}
