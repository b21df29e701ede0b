//! What people say to the bot, and what it answers.

mod asking;
mod confirmations;
mod listener;
pub(crate) mod place;
pub(crate) mod progress;
mod seldom;

use std::sync::Arc;

use futures_util::StreamExt as _;
use inviter::{RoomBackend as _, core::OwnedUserId, matrix::Incoming};
use tokio::sync::mpsc;

pub(crate) use self::asking::{Question, confirmed};
use self::{confirmations::Confirmations, listener::Listener, place::Place};
use crate::session::Session;

/// A command that somebody who may command has typed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) session: &'a Session,
    pub(crate) place: &'a Place,
    pub(crate) who: &'a OwnedUserId,
    confirmations: &'a Confirmations,
}

impl Asked<'_> {
    /// How many commands wait for their confirmation.
    pub(crate) fn waiting(&self) -> usize {
        self.confirmations.count()
    }
}

/// Listens and answers for as long as the session lasts.
pub(crate) async fn hold(session: Arc<Session>, mut incoming: mpsc::UnboundedReceiver<Incoming>) {
    let mut changes = session.live.changes();
    let mut listener = Listener::new(session);
    listener.look();
    loop {
        tokio::select! {
            said = incoming.recv() => match said {
                Some(said) => listener.hear(said),
                None => break,
            },
            Some(room) = changes.next() => listener.changed(&room),
            () = listener.ended() => {}
        }
    }
    // Nothing more comes; what was asked for is still done and answered.
    loop {
        listener.ended().await;
    }
}
