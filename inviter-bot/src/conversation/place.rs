//! [`Place`]: where somebody has spoken, and is answered.

use inviter::{
    core::{OwnedEventId, OwnedRoomId},
    matrix::{Attachment, Chat, Message, Text},
};

use crate::answer::Told;

/// A thread of a room.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    chat: Chat,
    pub(crate) room: OwnedRoomId,
    /// The first message of the thread; without one, the room itself.
    thread: Option<OwnedEventId>,
}

/// What became of an answer.
#[derive(Debug)]
pub(crate) struct Delivered {
    /// The messages and files that are in the room.
    pub(crate) events: Vec<OwnedEventId>,
    /// Whether that is all of it.
    pub(crate) complete: bool,
}

impl Delivered {
    /// Of an answer that had nothing to say.
    pub(crate) const fn nothing() -> Self {
        Self {
            events: Vec::new(),
            complete: true,
        }
    }

    fn add(&mut self, event: Option<OwnedEventId>) {
        self.complete &= event.is_some();
        self.events.extend(event);
    }
}

impl Place {
    /// The thread of a message: that which it was typed in, or its own.
    pub(crate) fn of(chat: &Chat, text: &Text) -> Self {
        Self {
            chat: chat.clone(),
            room: text.room.clone(),
            thread: Some(text.thread.clone().unwrap_or_else(|| text.event_id.clone())),
        }
    }

    /// A room.
    pub(crate) fn room(chat: &Chat, room: &OwnedRoomId) -> Self {
        Self {
            chat: chat.clone(),
            room: room.clone(),
            thread: None,
        }
    }

    /// Says a sentence or two. That it could not be said is logged.
    pub(crate) async fn say(&self, text: &str) -> Option<OwnedEventId> {
        self.tell(Told::sentence(text)).await.events.into_iter().next()
    }

    /// Says something else in place of an earlier sentence.
    pub(crate) async fn correct(&self, event: &OwnedEventId, text: &str) {
        for message in Told::sentence(text).messages.iter().take(1) {
            if let Err(error) = self.chat.edit(&self.room, event, message).await {
                tracing::warn!(room = %self.room, %error, "an answer could not be changed");
            }
        }
    }

    /// Answers, and names the messages that were sent.
    pub(crate) async fn tell(&self, told: Told) -> Delivered {
        self.conclude(None, told).await
    }

    /// Answers; the first message takes the place of an earlier one, if there is one.
    pub(crate) async fn conclude(&self, earlier: Option<OwnedEventId>, told: Told) -> Delivered {
        let mut earlier = earlier;
        let mut sent = Delivered::nothing();
        for message in told.messages {
            match earlier.take() {
                Some(event) => match self.chat.edit(&self.room, &event, &message).await {
                    Ok(()) => sent.add(Some(event)),
                    Err(error) => {
                        tracing::warn!(room = %self.room, %error, "an answer could not be changed");
                        sent.add(self.send(message).await);
                    }
                },
                None => sent.add(self.send(message).await),
            }
        }
        if let Some(text) = told.file {
            let mut file = Attachment::text("inviter.txt", text);
            file.thread.clone_from(&self.thread);
            match self.chat.attach(&self.room, &file).await {
                Ok(event) => sent.add(Some(event)),
                Err(error) => {
                    tracing::warn!(room = %self.room, %error, "a file could not be attached");
                    sent.complete = false;
                    let why = format!("the file with all of it could not be attached: {error}");
                    for message in Told::sentence(&why).messages {
                        sent.add(self.send(message).await);
                    }
                }
            }
        }
        sent
    }

    async fn send(&self, message: Message) -> Option<OwnedEventId> {
        let message = message.in_thread(self.thread.clone());
        match self.chat.send(&self.room, &message).await {
            Ok(event) => Some(event),
            Err(error) => {
                tracing::warn!(room = %self.room, %error, "an answer could not be sent");
                None
            }
        }
    }

    /// Puts a reaction to a message; it is only for convenience.
    pub(crate) async fn react(&self, event: &OwnedEventId, key: &str) {
        if let Err(error) = self.chat.react(&self.room, event, key).await {
            tracing::debug!(room = %self.room, %error, "a reaction could not be sent");
        }
    }
}
