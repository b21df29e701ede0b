//! What a session has seen.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

/// A message of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The room's ID.
    pub room: String,
    /// The event's ID.
    pub event: String,
    /// Who sent it.
    pub sender: String,
    /// When it was sent, by the sender's homeserver, in milliseconds since 1970.
    pub at: u64,
    /// Such as `m.text`, `m.notice` or `m.file`.
    pub kind: String,
    /// The plain text as it was sent first; of a file, its description.
    pub body: String,
    /// The formatted text (HTML) as it was sent first.
    pub html: Option<String>,
    /// The root of the thread that it is in.
    pub thread: Option<String>,
    /// The message that it answers; in a thread also what clients without threads show it to answer.
    pub reply_to: Option<String>,
    /// Whom it mentions, to be notified.
    pub mentions: Vec<String>,
    /// The file that was sent.
    pub file: Option<Attachment>,
    /// The changes by its sender, oldest first.
    pub edits: Vec<Edit>,
    /// Whether its content was taken away.
    pub redacted: bool,
}

impl Message {
    /// The plain text as it reads now.
    pub fn text(&self) -> &str {
        self.edits.last().map_or(&self.body, |edit| &edit.body)
    }

    /// The formatted text (HTML) as it reads now.
    pub fn html_now(&self) -> Option<&str> {
        let last = self.edits.last().map_or(&self.html, |edit| &edit.html);
        last.as_deref()
    }
}

/// A change of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The change's own event ID.
    pub event: String,
    /// When, as in [`Message::at`].
    pub at: u64,
    /// The new plain text.
    pub body: String,
    /// The new formatted text (HTML).
    pub html: Option<String>,
}

/// A file that was sent, with its content.
#[derive(Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its name.
    pub name: String,
    /// Its type by the homeserver, such as `text/plain`.
    pub kind: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Attachment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attachment")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("text", &String::from_utf8_lossy(&self.bytes))
            .finish()
    }
}

/// A reaction to an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    /// The room's ID.
    pub room: String,
    /// Its own event ID.
    pub event: String,
    /// Whose it is.
    pub sender: String,
    /// The event that it is about.
    pub to: String,
    /// Such as ✅.
    pub key: String,
    /// Whether it was taken back.
    pub redacted: bool,
}

/// An invitation of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The room's ID.
    pub room: String,
    /// Who invited.
    pub sender: String,
}

/// What a session has seen, in the order in which it came.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Messages, with their changes.
    pub messages: Vec<Message>,
    /// Reactions.
    pub reactions: Vec<Reaction>,
    /// Invitations of the account.
    pub invitations: Vec<Invitation>,
    /// The latest memberships: room and user to `join`, `invite`, `leave`, `ban` or `knock`.
    pub memberships: BTreeMap<(String, String), String>,
    /// How many messages were encrypted, which this session does not read.
    pub encrypted: usize,
    /// Whether the account's access token is no longer valid.
    pub logged_out: bool,
    /// What went wrong with following the homeserver, such as while it was away.
    pub troubles: Vec<String>,
    /// Changes by others than the message's sender, which count for nothing, or of messages that were not seen.
    pub void_edits: usize,
    /// What must not happen in any test: malformed events, messages that were left out, files that cannot be had.
    pub(crate) wrong: Vec<String>,
    /// Whether the process has ended.
    pub(crate) ended: bool,
}

/// The driver's lines.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Line {
    Message {
        #[serde(flatten)]
        head: Head,
        #[serde(rename = "type")]
        kind: Option<String>,
        body: Option<String>,
        html: Option<String>,
        thread: Option<String>,
        reply_to: Option<String>,
        #[serde(default)]
        mentions: Vec<String>,
        file: Option<File>,
    },
    Edit {
        #[serde(flatten)]
        head: Head,
        of: String,
        body: Option<String>,
        html: Option<String>,
    },
    Reaction {
        #[serde(flatten)]
        head: Head,
        to: String,
        key: String,
    },
    Redaction {
        of: String,
    },
    Member {
        #[serde(flatten)]
        head: Head,
        user: String,
        membership: String,
    },
    Invite {
        room: String,
        sender: String,
    },
    Encrypted {},
    Other {},
    Bad {
        room: String,
        source: Value,
    },
    Gap {
        room: String,
    },
    LoggedOut {},
    Trouble {
        error: String,
    },
}

#[derive(Deserialize)]
struct Head {
    room: String,
    event: String,
    sender: String,
    at: u64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum File {
    Got {
        name: String,
        #[serde(rename = "type")]
        kind: Option<String>,
        base64: String,
    },
    Failed {
        error: String,
    },
}

impl Seen {
    /// What others than `me` said to an event, in its thread or as a reply.
    pub fn answers<'a>(&'a self, room: &str, to: &str, me: &str) -> impl Iterator<Item = &'a Message> {
        self.messages.iter().filter(move |message| {
            let related = [&message.thread, &message.reply_to];
            let related = related.iter().any(|event| event.as_deref() == Some(to));
            message.room == room && message.sender != me && related
        })
    }

    /// One message as it is by now.
    pub fn message(&self, event: &str) -> Option<&Message> {
        self.messages.iter().find(|message| message.event == event)
    }

    /// Takes in a line of the driver.
    pub(super) fn take(&mut self, line: Value) {
        let text = line.to_string();
        match serde_json::from_value(line) {
            Ok(line) => self.take_line(line),
            Err(error) => self
                .wrong
                .push(format!("a line that is not understood ({error}): {text}")),
        }
    }

    fn take_line(&mut self, line: Line) {
        match line {
            Line::Message {
                head,
                kind,
                body,
                html,
                thread,
                reply_to,
                mentions,
                file,
            } => {
                let file = file.and_then(|file| self.file(&head.event, file));
                self.messages.push(Message {
                    room: head.room,
                    event: head.event,
                    sender: head.sender,
                    at: head.at,
                    kind: kind.unwrap_or_default(),
                    body: body.unwrap_or_default(),
                    html,
                    thread,
                    reply_to,
                    mentions,
                    file,
                    edits: Vec::new(),
                    redacted: false,
                });
            }
            Line::Edit { head, of, body, html } => {
                let mut messages = self.messages.iter_mut();
                let message = messages.find(|message| message.event == of && message.sender == head.sender);
                match message {
                    Some(message) => message.edits.push(Edit {
                        event: head.event,
                        at: head.at,
                        body: body.unwrap_or_default(),
                        html,
                    }),
                    None => self.void_edits += 1,
                }
            }
            Line::Reaction { head, to, key } => self.reactions.push(Reaction {
                room: head.room,
                event: head.event,
                sender: head.sender,
                to,
                key,
                redacted: false,
            }),
            Line::Redaction { of } => self.redact(&of),
            Line::Member {
                head,
                user,
                membership,
            } => drop(self.memberships.insert((head.room, user), membership)),
            Line::Invite { room, sender } => self.invitations.push(Invitation { room, sender }),
            Line::Encrypted {} => self.encrypted += 1,
            Line::Other {} => {}
            Line::Bad { room, source } => self.wrong.push(format!("a malformed event in {room}: {source}")),
            Line::Gap { room } => self.wrong.push(format!("messages left out of {room}")),
            Line::LoggedOut {} => self.logged_out = true,
            Line::Trouble { error } => self.troubles.push(error),
        }
    }

    fn file(&mut self, event: &str, file: File) -> Option<Attachment> {
        let failed = match file {
            File::Got { name, kind, base64 } => match STANDARD.decode(base64) {
                Ok(bytes) => {
                    let kind = kind.unwrap_or_default();
                    return Some(Attachment { name, kind, bytes });
                }
                Err(error) => error.to_string(),
            },
            File::Failed { error } => error,
        };
        self.wrong
            .push(format!("the file of {event} that cannot be had: {failed}"));
        None
    }

    fn redact(&mut self, event: &str) {
        for message in &mut self.messages {
            message.redacted |= message.event == event;
            message.edits.retain(|edit| edit.event != event);
        }
        for reaction in &mut self.reactions {
            reaction.redacted |= reaction.event == event;
        }
    }
}
