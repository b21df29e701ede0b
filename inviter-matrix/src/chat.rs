//! [`Chat`]: what the bot says in a room.

use std::{fmt, sync::Arc};

use inviter_core::backend::{BackendError, BackendErrorKind};
use ruma::{
    EventId, OwnedEventId, OwnedMxcUri, RoomId, TransactionId,
    api::client::{media::create_content, message::send_message_event},
    events::AnyMessageLikeEventContent,
    serde::Raw,
};
use serde_json::{Value, json};

use crate::{
    backend::Shared,
    client::{Call, Repeat},
    work::{Class, Work},
};

/// Says things in rooms as the bot. Cheap to clone.
#[derive(Clone)]
pub struct Chat {
    shared: Arc<Shared>,
}

/// A message of the bot (`m.notice`, so that no other bot takes it for a command).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Message {
    /// The text, for clients and people that show no HTML.
    pub plain: String,
    /// The same as HTML (`org.matrix.custom.html`); everything in it that is not the bot's own has to be escaped.
    pub html: Option<String>,
    /// The first message of the thread that it goes into.
    pub thread: Option<OwnedEventId>,
}

impl Message {
    /// Plain text.
    pub fn plain(text: impl Into<String>) -> Self {
        Self {
            plain: text.into(),
            ..Self::default()
        }
    }

    /// Text with its HTML.
    pub fn formatted(plain: impl Into<String>, html: impl Into<String>) -> Self {
        Self {
            plain: plain.into(),
            html: Some(html.into()),
            thread: None,
        }
    }

    /// The same, in a thread.
    #[must_use]
    pub fn in_thread(mut self, root: Option<OwnedEventId>) -> Self {
        self.thread = root;
        self
    }

    fn content(&self) -> Value {
        let mut content = json!({ "msgtype": "m.notice", "body": self.plain, "m.mentions": {} });
        if let Some(html) = &self.html {
            content["format"] = "org.matrix.custom.html".into();
            content["formatted_body"] = html.as_str().into();
        }
        content
    }
}

/// A text file of the bot (`m.file`).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attachment {
    /// Its name.
    pub name: String,
    /// Its media type, such as `text/plain; charset=utf-8`.
    pub media_type: String,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// The first message of the thread that it goes into.
    pub thread: Option<OwnedEventId>,
}

impl Attachment {
    /// A text file in UTF-8.
    pub fn text(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            media_type: "text/plain; charset=utf-8".to_owned(),
            bytes: text.into().into_bytes(),
            thread: None,
        }
    }
}

impl Chat {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Says something.
    ///
    /// # Errors
    /// When the homeserver refuses or does not answer.
    pub async fn send(&self, room: &RoomId, message: &Message) -> Result<OwnedEventId, BackendError> {
        let mut content = message.content();
        into_thread(&mut content, message.thread.as_deref());
        self.event(room, "m.room.message", content).await
    }

    /// Says something else in place of an earlier message (`m.replace`).
    ///
    /// # Errors
    /// When the homeserver refuses or does not answer.
    pub async fn edit(&self, room: &RoomId, event: &EventId, message: &Message) -> Result<(), BackendError> {
        let mut content = message.content();
        // What clients show that know nothing of edits.
        content["body"] = format!("* {}", message.plain).into();
        content["m.new_content"] = message.content();
        content["m.relates_to"] = json!({ "rel_type": "m.replace", "event_id": event });
        self.event(room, "m.room.message", content).await.map(drop)
    }

    /// Puts a reaction (`m.annotation`) to an event.
    ///
    /// # Errors
    /// When the homeserver refuses or does not answer.
    pub async fn react(
        &self,
        room: &RoomId,
        event: &EventId,
        key: &str,
    ) -> Result<OwnedEventId, BackendError> {
        let content =
            json!({ "m.relates_to": { "rel_type": "m.annotation", "event_id": event, "key": key } });
        self.event(room, "m.reaction", content).await
    }

    /// Uploads a file and shows it in the room.
    ///
    /// # Errors
    /// When the homeserver refuses or does not answer.
    pub async fn attach(&self, room: &RoomId, file: &Attachment) -> Result<OwnedEventId, BackendError> {
        let url = self.upload(file).await?;
        let mut content = json!({
            "msgtype": "m.file",
            "body": file.name,
            "filename": file.name,
            "url": url,
            "info": { "mimetype": file.media_type, "size": file.bytes.len() },
            "m.mentions": {},
        });
        into_thread(&mut content, file.thread.as_deref());
        self.event(room, "m.room.message", content).await
    }

    async fn upload(&self, file: &Attachment) -> Result<OwnedMxcUri, BackendError> {
        let mut request = create_content::v3::Request::new(file.bytes.clone());
        request.filename = Some(file.name.clone());
        request.content_type = Some(file.media_type.clone());
        // A file that is uploaded twice is in nobody's way.
        let call = Call::write(&file.name, Work::of(Class::Send), Repeat::Freely);
        Ok(self.shared.client.send(&call, request).await?.content_uri)
    }

    async fn event(&self, room: &RoomId, kind: &str, content: Value) -> Result<OwnedEventId, BackendError> {
        let content = serde_json::value::to_raw_value(&content).map_err(|error| {
            BackendError::new(
                BackendErrorKind::Malformed,
                room.as_str(),
                "a message cannot be written",
            )
            .caused_by(error)
        })?;
        let request = send_message_event::v3::Request::new_raw(
            room.to_owned(),
            // The same for every try, so that a message whose answer was lost is not said twice.
            TransactionId::new(),
            kind.into(),
            Raw::<AnyMessageLikeEventContent>::from_json(content),
        );
        let call = Call::write(
            room.as_str(),
            Work::in_room(Class::Send, room.as_str()),
            Repeat::Freely,
        );
        Ok(self.shared.client.send(&call, request).await?.event_id)
    }
}

/// Puts a message into a thread; clients without threads show it as a reply.
fn into_thread(content: &mut Value, root: Option<&EventId>) {
    if let Some(root) = root {
        content["m.relates_to"] = json!({
            "rel_type": "m.thread",
            "event_id": root,
            "is_falling_back": true,
            "m.in_reply_to": { "event_id": root },
        });
    }
}

impl fmt::Debug for Chat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chat")
            .field("homeserver", &self.shared.client.base)
            .finish()
    }
}
