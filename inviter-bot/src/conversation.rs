//! What people say to the bot, and what it answers.

mod asking;
mod confirmations;
mod listener;
pub(crate) mod place;
pub(crate) mod progress;
mod seldom;

use std::{pin::pin, sync::Arc, time::Duration};

use futures_util::{FutureExt as _, StreamExt as _};
use inviter::{RoomBackend as _, core::OwnedUserId, matrix::Incoming};
use tokio::{sync::mpsc, time::sleep};

pub(crate) use self::asking::{Question, confirmed};
use self::{confirmations::Confirmations, listener::Listener, place::Place};
use crate::{invitations, session::Session};

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

/// The first pause before the administration room is looked for again; it doubles.
const FIRST_LOOK: Duration = Duration::from_secs(10);
/// The longest pause between two looks.
const MAX_LOOK: Duration = Duration::from_secs(5 * 60);

/// Listens and answers for as long as the session lasts.
pub(crate) async fn hold(session: Arc<Session>, mut incoming: mpsc::UnboundedReceiver<Incoming>) {
    let mut changes = session.live.changes();
    let mut listener = Listener::new(Arc::clone(&session));
    listener.look();
    let mut found = pin!(find_admin_room(&session).fuse());
    loop {
        tokio::select! {
            said = incoming.recv() => match said {
                Some(said) => listener.hear(said),
                None => break,
            },
            Some(room) = changes.next() => listener.changed(&room),
            () = listener.ended() => {}
            () = &mut found => listener.look(),
        }
    }
    // Nothing more comes; what was asked for is still done and answered.
    loop {
        listener.ended().await;
    }
}

/// Looks for the administration room until commands can be taken there: its alias may be made later, or not have been
/// answered for at the start. Comes back once it is fit.
async fn find_admin_room(session: &Session) {
    if session.bot().admin_room.is_none() || session.check_admin_room().is_ok() {
        return;
    }
    let mut pause = FIRST_LOOK;
    let mut last = String::new();
    loop {
        sleep(pause).await;
        pause = (pause * 2).min(MAX_LOOK);
        let mut found = session.find_admin_room().await;
        if found.is_err()
            && let Some(room) = session.admin_room()
        {
            invitations::accept_into(session, &room).await;
            found = session.check_admin_room();
        }
        match found {
            Ok(()) => {
                let room = session.admin_room();
                let room = room.as_ref().map_or("", |room| room.as_str());
                tracing::info!(
                    room,
                    "the administration room is found, and commands are taken there"
                );
                return;
            }
            Err(why) if why == last => tracing::debug!("{why}"),
            Err(why) => {
                tracing::warn!("{why}");
                last = why;
            }
        }
    }
}
