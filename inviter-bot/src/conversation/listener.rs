//! [`Listener`]: hears what is said, decides whether it is for the bot, and has it done.

use std::{future::Future, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use inviter::{
    core::{OwnedEventId, OwnedRoomId, OwnedUserId, RoomId, room::RoomState, time::Timestamp},
    matrix::{Incoming, Text},
};
use inviter_operations::render::duration;
use tokio::task::JoinSet;

use super::{Asked, confirmations::Confirmations, place::Place, seldom::Seldom};
use crate::{
    commands::{self, Understood, is_addressed, understand},
    invitations,
    session::Session,
};

/// A command that is older than this is not carried out: whoever typed it may have given up on it.
const STALE_AFTER: Duration = Duration::from_secs(10 * 60);
/// How often one room is told where commands are taken.
const POINT_EVERY: Duration = Duration::from_secs(60 * 60);
/// How often the same person is told the same reason for not being obeyed.
const REFUSE_EVERY: Duration = Duration::from_secs(60);
/// So many things are done at the same time.
const AT_ONCE: usize = 64;

/// What is known of a conversation.
pub(super) struct Listener {
    session: Arc<Session>,
    confirmations: Arc<Confirmations>,
    pointers: Seldom<OwnedRoomId>,
    refusals: Seldom<(OwnedRoomId, OwnedUserId, String)>,
    told_encrypted: bool,
    tasks: JoinSet<()>,
}

impl Listener {
    /// Has heard nothing yet.
    pub(super) fn new(session: Arc<Session>) -> Self {
        Self {
            session,
            confirmations: Arc::default(),
            pointers: Seldom::new(POINT_EVERY),
            refusals: Seldom::new(REFUSE_EVERY),
            told_encrypted: false,
            tasks: JoinSet::new(),
        }
    }

    /// Comes back when something that is being done has ended; never, if nothing is.
    pub(super) async fn ended(&mut self) {
        match self.tasks.join_next().await {
            Some(Err(error)) if !error.is_cancelled() => tracing::error!(%error, "a task failed"),
            Some(_) => {}
            None => std::future::pending().await,
        }
    }

    /// Hears something. Whatever takes time is done aside.
    pub(super) fn hear(&mut self, said: Incoming) {
        match said {
            Incoming::Message(text) => self.message(text),
            Incoming::Reaction {
                room,
                sender,
                to,
                key,
                ..
            } => self.reaction(&room, &sender, &to, &key),
            Incoming::Invited { room, by } => {
                let session = Arc::clone(&self.session);
                self.tasks.spawn(async move {
                    invitations::answer(&session, &room, by.as_ref()).await;
                    if session.admin_room().is_none()
                        && let Err(why) = session.find_admin_room().await
                    {
                        tracing::warn!("{why}");
                    }
                });
            }
            _ => {}
        }
    }

    /// A room has changed.
    pub(super) fn changed(&mut self, room: &RoomId) {
        if self.session.admin_room().is_some_and(|id| id == room) {
            self.look();
        }
    }

    /// Tells the administration room, once, if it is encrypted: nothing that is typed there can be read.
    pub(super) fn look(&mut self) {
        let Some(room) = self.session.admin_room() else {
            return;
        };
        let encrypted =
            matches!(self.session.live.room(&room), Some(RoomState::Joined(room)) if room.encrypted);
        if !encrypted || self.told_encrypted {
            return;
        }
        self.told_encrypted = true;
        let text = "this room is encrypted, and the bot cannot read what is written here: no command is seen; make a \
                    room without encryption the administration room";
        tracing::warn!(%room, "{text}");
        let place = Place::room(&self.session.chat, &room);
        self.aside(async move { drop(place.say(text).await) });
    }

    fn message(&mut self, text: Text) {
        // Most of what is said in rooms is not for the bot.
        if !text.body.trim_start().starts_with('!') {
            return;
        }
        if self.session.admin_room().as_ref() != Some(&text.room) {
            if is_addressed(&text.body) {
                self.elsewhere(&text);
            }
            return;
        }
        let Some(understood) = understand(&text.body, self.session.bot().plain_commands) else {
            return;
        };
        let place = Place::of(&self.session.chat, &text);
        if let Err(why) = self.session.may_command(&text.sender) {
            self.refuse(place, &text.sender, why);
            return;
        }
        if let Some(said) = stale(self.session.now(), text.at) {
            self.aside(async move { drop(place.say(&said).await) });
            return;
        }
        match understood {
            Understood::Told(told) => self.aside(async move { drop(place.tell(told).await) }),
            Understood::Command(command) => {
                tracing::info!(who = %text.sender, "{}", text.body.escape_debug());
                self.carry_out(*command, place, text.sender);
            }
        }
    }

    fn carry_out(&mut self, command: commands::Command, place: Place, who: OwnedUserId) {
        let session = Arc::clone(&self.session);
        let confirmations = Arc::clone(&self.confirmations);
        self.aside(async move {
            let _answering = session.answering.read().await;
            let asked = Asked {
                session: &session,
                place: &place,
                who: &who,
                confirmations: &confirmations,
            };
            if !survives(commands::run(command, &asked)).await {
                place
                    .say("failed by a fault of the bot; its log says more, and `inviter status` how things stand")
                    .await;
            }
        });
    }

    /// Somebody has spoken to the bot where it takes no commands.
    fn elsewhere(&mut self, text: &Text) {
        let room = text.room.clone();
        if !self.pointers.is_due(room) {
            return;
        }
        let session = Arc::clone(&self.session);
        let place = Place::of(&session.chat, text);
        self.aside(async move {
            if session.admin_room().is_none() && session.find_admin_room().await.is_ok() {
                tracing::info!("the administration room is found");
            }
            let said = match &session.bot().admin_room {
                Some(room) => format!("commands are taken in {room} only"),
                None => "no administration room is configured, so no commands are taken; set `admin_room` in [bot]"
                    .to_owned(),
            };
            place.say(&said).await;
        });
    }

    fn reaction(&mut self, room: &RoomId, who: &OwnedUserId, to: &OwnedEventId, key: &str) {
        if !self.confirmations.concerns(room, to, key) {
            return;
        }
        match self.session.may_command(who) {
            Ok(()) => self.confirmations.take(room, to, key, who),
            Err(why) => {
                let place = Place::room(&self.session.chat, &room.to_owned());
                self.refuse(place, who, format!("the reaction of {who} does not count: {why}"));
            }
        }
    }

    fn refuse(&mut self, place: Place, who: &OwnedUserId, why: String) {
        tracing::warn!(%who, "not obeyed: {why}");
        if self
            .refusals
            .is_due((place.room.clone(), who.clone(), why.clone()))
        {
            self.aside(async move { drop(place.say(&why).await) });
        }
    }

    /// Does something while listening goes on.
    fn aside(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        if self.tasks.len() >= AT_ONCE {
            tracing::warn!("too much is asked at the same time; something is left unanswered");
            return;
        }
        self.tasks.spawn(work);
    }
}

/// What is said to a command that came too late: after an outage of another server, mostly.
fn stale(now: Timestamp, typed: Timestamp) -> Option<String> {
    let age = now.since(typed);
    (age > STALE_AFTER).then(|| {
        format!(
            "typed {} ago, so it was not carried out; type it again if it is still meant",
            duration(age)
        )
    })
}

/// Whether something comes to its end without a panic.
async fn survives(work: impl Future<Output = ()>) -> bool {
    AssertUnwindSafe(work).catch_unwind().await.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_long_ago_is_not_obeyed() {
        let now = Timestamp(10_000_000);
        assert_eq!(stale(now, Timestamp(10_000_000 - 600_000)), None);
        let said = stale(now, Timestamp(10_000_000 - 780_000)).unwrap();
        assert!(
            said.starts_with("typed 13 min ago, so it was not carried out"),
            "{said}"
        );
        // A server whose clock is ahead.
        assert_eq!(stale(now, Timestamp(11_000_000)), None);
    }

    #[tokio::test]
    async fn a_panic_stays_with_the_command() {
        assert!(survives(async {}).await);
        let fault: fn() = || panic!("a fault");
        assert!(!survives(async move { fault() }).await);
    }
}
