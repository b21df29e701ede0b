//! A person at a client: a session of matrix-nio, a client library that is not ours.

mod seen;

use std::collections::BTreeMap;
use std::fmt;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{oneshot, watch};

pub use seen::{Attachment, Edit, Invitation, Message, Reaction, Seen};

use crate::{Synapse, lock};

/// The script that installs and runs matrix-nio, for the shell and for this crate alike.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/servers/nio");

/// How long a request of the session may take. Much longer than any does, for machines under load.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a message stands to others.
#[derive(Debug, Clone, Default)]
pub struct Place<'a> {
    /// The root of the thread that it belongs in.
    pub thread: Option<&'a str>,
    /// The message that it answers.
    pub reply_to: Option<&'a str>,
}

/// A session of one account by matrix-nio, in a process of its own that ends when this is dropped.
///
/// Everything the account sees from the login on is kept, and so is what stood at the end of its rooms' timelines
/// then. Events that matrix-nio finds malformed, and messages that a room had too many of, fail the waiting methods.
pub struct Nio {
    user_id: String,
    shared: Arc<Shared>,
    // Killed by its process id when dropped.
    process: Child,
    stdin: tokio::sync::Mutex<Option<ChildStdin>>,
}

impl fmt::Debug for Nio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nio")
            .field("user_id", &self.user_id)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Seen>,
    /// Counts what was seen, to wake those who wait.
    news: watch::Sender<u64>,
    requests: Mutex<Requests>,
}

#[derive(Default)]
struct Requests {
    last: u64,
    /// None once the process has ended.
    open: Option<BTreeMap<u64, oneshot::Sender<Value>>>,
}

/// A condition that holds once there are so many, for [`Nio::answers`].
pub fn count(number: usize) -> impl Fn(&[Message]) -> bool {
    move |messages| messages.len() >= number
}

impl Nio {
    /// Logs in with the password that [`Synapse::register`] and [`Synapse::create_users`] gave an account.
    pub async fn start(synapse: &Synapse, localpart: &str) -> Result<Self> {
        Self::login(synapse.url(), localpart, &Synapse::password(localpart)).await
    }

    /// Logs in at the homeserver, or proxy, at this address.
    pub async fn login(url: &str, localpart: &str, password: &str) -> Result<Self> {
        Self::session(json!({ "url": url, "user": localpart, "password": password })).await
    }

    /// Uses an access token that is known.
    pub async fn with_token(url: &str, user_id: &str, token: &str) -> Result<Self> {
        Self::session(json!({ "url": url, "user": user_id, "token": token })).await
    }

    async fn session(login: Value) -> Result<Self> {
        // The first start on a machine installs matrix-nio, which no deadline here could foresee.
        let mut process = Command::new(SCRIPT)
            .arg("drive")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {SCRIPT}"))?;
        let stdin = process.stdin.take().context("no standard input")?;
        let stdout = process.stdout.take().context("no standard output")?;
        let shared = Arc::new(Shared::default());
        lock(&shared.requests).open = Some(BTreeMap::new());
        tokio::spawn(listen(BufReader::new(stdout).lines(), shared.clone()));
        let mut nio = Self {
            user_id: String::new(),
            shared,
            process,
            stdin: tokio::sync::Mutex::new(Some(stdin)),
        };
        let answer = nio.request_within("login", login, PATIENCE * 5).await?;
        nio.user_id = text(&answer, "user")?;
        Ok(nio)
    }

    /// The account.
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// The id of the session's process.
    pub fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// Ends the session in order; the account stays logged in.
    pub async fn stop(mut self) -> Result<()> {
        // Its standard input ends.
        self.stdin.lock().await.take();
        match tokio::time::timeout(Duration::from_secs(10), self.process.wait()).await {
            Ok(status) => status.map(drop).context("waiting for matrix-nio"),
            Err(_) => self.process.kill().await.context("ending matrix-nio"),
        }
    }

    async fn request(&self, verb: &str, fields: Value) -> Result<Value> {
        self.request_within(verb, fields, PATIENCE).await
    }

    async fn request_within(&self, verb: &str, mut fields: Value, patience: Duration) -> Result<Value> {
        let (sender, receiver) = oneshot::channel();
        let id = {
            let mut requests = lock(&self.shared.requests);
            requests.last += 1;
            let id = requests.last;
            let open = requests.open.as_mut().context("matrix-nio has ended")?;
            open.insert(id, sender);
            id
        };
        fields["id"] = json!(id);
        fields["do"] = json!(verb);
        let line = format!("{fields}\n");
        let mut stdin = self.stdin.lock().await;
        let pipe = stdin.as_mut().context("matrix-nio was stopped")?;
        pipe.write_all(line.as_bytes())
            .await
            .context("matrix-nio is gone")?;
        pipe.flush().await.context("matrix-nio is gone")?;
        drop(stdin);
        let mut answer = tokio::time::timeout(patience, receiver)
            .await
            .map_err(|_| anyhow!("matrix-nio did not {verb} within {} s", patience.as_secs()))?
            .map_err(|_| anyhow!("matrix-nio ended; its messages say why"))?;
        if let Some(error) = answer["error"].as_str() {
            bail!("{verb} as {}: {error}", self.user_id);
        }
        Ok(answer["ok"].take())
    }

    // ---- what a person does ----

    /// Joins a room by ID or alias and returns its ID.
    pub async fn join(&self, room: &str) -> Result<String> {
        text(&self.request("join", json!({ "room": room })).await?, "room")
    }

    /// Waits for an invitation into a room and accepts it.
    pub async fn invite_accept(&self, room: &str, timeout: Duration) -> Result<()> {
        self.wait("an invitation", timeout, |seen| {
            seen.invitations
                .iter()
                .find(|invitation| invitation.room == room)
                .cloned()
        })
        .await?;
        self.join(room).await.map(drop)
    }

    /// Leaves a room, or rejects an invitation.
    pub async fn leave(&self, room: &str) -> Result<()> {
        self.request("leave", json!({ "room": room })).await.map(drop)
    }

    /// The rooms that the account is in.
    pub async fn joined(&self) -> Result<Vec<String>> {
        let answer = self.request("joined", json!({})).await?;
        serde_json::from_value(answer["rooms"].clone()).context("rooms")
    }

    /// Sends a text and returns its event ID.
    pub async fn send(&self, room: &str, body: &str) -> Result<String> {
        self.send_to(room, body, None, Place::default()).await
    }

    /// Sends a text, formatted if there is `html`, into a thread or as an answer.
    pub async fn send_to(
        &self,
        room: &str,
        body: &str,
        html: Option<&str>,
        place: Place<'_>,
    ) -> Result<String> {
        let fields = json!({
            "room": room, "body": body, "html": html, "thread": place.thread, "reply_to": place.reply_to,
        });
        text(&self.request("send", fields).await?, "event")
    }

    /// Sends a notice, as bots do.
    pub async fn send_notice(&self, room: &str, body: &str) -> Result<String> {
        let fields = json!({ "room": room, "body": body, "notice": true });
        text(&self.request("send", fields).await?, "event")
    }

    /// Changes a message of this account.
    pub async fn edit(&self, room: &str, event: &str, body: &str, html: Option<&str>) -> Result<String> {
        let fields = json!({ "room": room, "event": event, "body": body, "html": html });
        text(&self.request("edit", fields).await?, "event")
    }

    /// Uploads a file and sends it.
    pub async fn send_file(
        &self,
        room: &str,
        name: &str,
        kind: &str,
        bytes: &[u8],
        thread: Option<&str>,
    ) -> Result<String> {
        let fields = json!({
            "room": room, "name": name, "type": kind, "base64": STANDARD.encode(bytes), "thread": thread,
        });
        text(&self.request("file", fields).await?, "event")
    }

    /// Reacts to an event, such as with ✅, and returns the reaction's event ID.
    pub async fn react(&self, room: &str, event: &str, key: &str) -> Result<String> {
        let fields = json!({ "room": room, "event": event, "key": key });
        text(&self.request("react", fields).await?, "event")
    }

    /// Takes an event's content away, such as a reaction.
    pub async fn redact(&self, room: &str, event: &str) -> Result<String> {
        let fields = json!({ "room": room, "event": event });
        text(&self.request("redact", fields).await?, "event")
    }

    // ---- what a person sees ----

    /// Everything that was seen so far.
    pub fn seen(&self) -> Seen {
        lock(&self.shared.seen).clone()
    }

    /// Waits until `found` finds something in what was seen; the error tells what there is instead.
    pub async fn wait<T>(
        &self,
        what: &str,
        timeout: Duration,
        mut found: impl FnMut(&Seen) -> Option<T>,
    ) -> Result<T> {
        let mut news = self.shared.news.subscribe();
        let deadline = tokio::time::Instant::now() + timeout;
        loop {
            news.mark_unchanged();
            let ended = {
                let seen = lock(&self.shared.seen);
                if let Some(wrong) = seen.wrong.first() {
                    bail!("{} saw {wrong}", self.user_id);
                }
                if let Some(value) = found(&seen) {
                    return Ok(value);
                }
                seen.ended
            };
            if ended {
                bail!("matrix-nio of {} ended while {what} was waited for", self.user_id);
            }
            if tokio::time::timeout_at(deadline, news.changed()).await.is_err() {
                bail!(
                    "{} waited {} s in vain for {what}; seen was: {:#?}",
                    self.user_id,
                    timeout.as_secs_f64(),
                    lock(&self.shared.seen)
                );
            }
        }
    }

    /// What others said to an event (in its thread, or as a reply), in the order in which it came, once `until`
    /// holds of all of it. Edits are listed with each message.
    pub async fn answers(
        &self,
        room: &str,
        to: &str,
        mut until: impl FnMut(&[Message]) -> bool,
        timeout: Duration,
    ) -> Result<Vec<Message>> {
        self.wait(&format!("answers to {to}"), timeout, |seen| {
            let answers: Vec<Message> = seen.answers(room, to, &self.user_id).cloned().collect();
            until(&answers).then_some(answers)
        })
        .await
    }

    /// Sends a text and waits for the first answer to it.
    pub async fn ask(&self, room: &str, body: &str, timeout: Duration) -> Result<Message> {
        let event = self.send(room, body).await?;
        let answers = self.answers(room, &event, count(1), timeout).await?;
        answers.into_iter().next().context("no answer")
    }

    /// Waits for a message of somebody else in a room that `fits`, whether it came before or comes yet.
    pub async fn message(
        &self,
        room: &str,
        mut fits: impl FnMut(&Message) -> bool,
        timeout: Duration,
    ) -> Result<Message> {
        self.wait(&format!("a message in {room}"), timeout, |seen| {
            let mut messages = seen.messages.iter();
            messages
                .find(|message| message.room == room && message.sender != self.user_id && fits(message))
                .cloned()
        })
        .await
    }

    /// Waits for a reaction of somebody else to an event.
    pub async fn reaction(&self, to: &str, key: &str, timeout: Duration) -> Result<Reaction> {
        self.wait(&format!("the reaction {key} to {to}"), timeout, |seen| {
            let mut reactions = seen.reactions.iter();
            reactions
                .find(|reaction| reaction.to == to && reaction.key == key && reaction.sender != self.user_id)
                .cloned()
        })
        .await
    }

    /// Waits until somebody's membership of a room is seen to be this: `join`, `invite`, `leave`, `ban` or `knock`.
    pub async fn membership(
        &self,
        room: &str,
        user: &str,
        membership: &str,
        timeout: Duration,
    ) -> Result<()> {
        let what = format!("{membership} of {user} in {room}");
        let key = (room.to_owned(), user.to_owned());
        self.wait(&what, timeout, |seen| {
            (seen.memberships.get(&key)? == membership).then_some(())
        })
        .await
    }
}

/// Takes what the process says until it ends.
async fn listen(mut lines: Lines<BufReader<ChildStdout>>, shared: Arc<Shared>) {
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(mut line) = serde_json::from_str::<Value>(&line) else {
            lock(&shared.seen)
                .wrong
                .push(format!("a line that is no JSON: {line}"));
            shared.news.send_modify(|count| *count += 1);
            continue;
        };
        if let Some(id) = line["id"].as_u64() {
            let waiting = lock(&shared.requests)
                .open
                .as_mut()
                .and_then(|open| open.remove(&id));
            if let Some(waiting) = waiting {
                // Whoever waited may have given up.
                let _ = waiting.send(line);
            }
        } else {
            lock(&shared.seen).take(line["seen"].take());
            shared.news.send_modify(|count| *count += 1);
        }
    }
    lock(&shared.requests).open = None;
    lock(&shared.seen).ended = true;
    shared.news.send_modify(|count| *count += 1);
}

fn text(answer: &Value, field: &str) -> Result<String> {
    let value = answer[field].as_str();
    Ok(value
        .with_context(|| format!("no {field} in {answer}"))?
        .to_owned())
}
