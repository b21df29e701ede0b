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
    admin_room::Unfit,
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
/// So many things are done at the same time; what waits for somebody's word does not count.
const AT_ONCE: usize = 64;
/// So many invitations are answered at the same time.
const INVITATIONS_AT_ONCE: usize = 32;
/// How often it is said that too much is asked at the same time.
const BUSY_EVERY: Duration = Duration::from_secs(60);
/// How often what is typed makes the bot look for the administration room, beside its own looking.
const FIND_EVERY: Duration = Duration::from_secs(10);

/// What is known of a conversation.
pub(super) struct Listener {
    session: Arc<Session>,
    confirmations: Arc<Confirmations>,
    /// By room, and whether it could be said which room is the right one.
    pointers: Seldom<(OwnedRoomId, bool)>,
    refusals: Seldom<(OwnedRoomId, OwnedUserId, String)>,
    busy: Seldom<()>,
    finds: Seldom<()>,
    told_encrypted: bool,
    tasks: JoinSet<Left>,
    invitations: JoinSet<()>,
}

/// What a task leaves to be done.
enum Left {
    Nothing,
    /// A message to be heard again: it is known by now where it was typed.
    Hear(Text),
    /// A message to be answered by where commands are taken, and why that room is not found, if so.
    Point(Text, Option<Unfit>),
}

impl Listener {
    /// Has heard nothing yet.
    pub(super) fn new(session: Arc<Session>) -> Self {
        Self {
            session,
            confirmations: Arc::default(),
            pointers: Seldom::new(POINT_EVERY),
            refusals: Seldom::new(REFUSE_EVERY),
            busy: Seldom::new(BUSY_EVERY),
            finds: Seldom::new(FIND_EVERY),
            told_encrypted: false,
            tasks: JoinSet::new(),
            invitations: JoinSet::new(),
        }
    }

    /// Comes back when something that is being done has ended; never, if nothing is.
    pub(super) async fn ended(&mut self) {
        let ended = tokio::select! {
            Some(ended) = self.tasks.join_next() => ended,
            Some(ended) = self.invitations.join_next() => ended.map(|()| Left::Nothing),
            else => std::future::pending().await,
        };
        match ended {
            Ok(Left::Nothing) => {}
            Ok(Left::Hear(text)) => {
                self.look();
                self.message(text);
            }
            Ok(Left::Point(text, unknown)) => self.point(&text, unknown),
            Err(error) if error.is_cancelled() => {}
            Err(error) => tracing::error!(%error, "a task failed"),
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
            Incoming::Invited { room, by } => self.invited(room, by),
            _ => {}
        }
    }

    fn invited(&mut self, room: OwnedRoomId, by: Option<OwnedUserId>) {
        if self.invitations.len() >= INVITATIONS_AT_ONCE {
            tracing::warn!(%room, "too many invitations at the same time; this one is left to the next run");
            return;
        }
        let session = Arc::clone(&self.session);
        self.invitations.spawn(async move {
            invitations::answer(&session, &room, by.as_ref()).await;
            if session.admin_room().is_none()
                && let Err(why) = session.find_admin_room().await
            {
                tracing::warn!("{why}");
            }
        });
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
        self.aside(place, move |place| async move { drop(place.say(text).await) });
    }

    fn message(&mut self, text: Text) {
        // Most of what is said in rooms is not for the bot.
        if !text.body.trim_start().starts_with('!') {
            return;
        }
        if self.session.admin_room().as_ref() != Some(&text.room) {
            self.elsewhere(text);
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
            self.aside(place, |place| async move { drop(place.say(&said).await) });
            return;
        }
        match understood {
            Understood::Told(told) => self.aside(place, |place| async move { drop(place.tell(told).await) }),
            Understood::Command(command) => {
                tracing::info!(who = %text.sender, "{}", text.body.escape_debug());
                self.carry_out(*command, place, text.sender);
            }
        }
    }

    fn carry_out(&mut self, command: commands::Command, place: Place, who: OwnedUserId) {
        let session = Arc::clone(&self.session);
        let confirmations = Arc::clone(&self.confirmations);
        self.aside(place, |place| async move {
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

    /// Somebody has spoken where no commands are taken, or where it is not known whether they are.
    fn elsewhere(&mut self, text: Text) {
        let bot = self.session.bot();
        let unknown = bot.admin_room.is_some() && self.session.admin_room().is_none();
        let meant =
            is_addressed(&text.body) || (unknown && understand(&text.body, bot.plain_commands).is_some());
        if !meant {
            return;
        }
        if !unknown {
            self.point(&text, None);
            return;
        }
        if !self.finds.is_due(()) {
            self.point(&text, Some("it was looked for just now".to_owned()));
            return;
        }
        let session = Arc::clone(&self.session);
        self.spawn(&text.room.clone(), async move {
            let found = session.find_admin_room().await;
            match session.admin_room() {
                Some(room) if room == text.room => Left::Hear(text),
                Some(_) => Left::Point(text, None),
                None => Left::Point(text, found.err()),
            }
        });
    }

    /// Tells where commands are taken, once in a while, if the bot was meant.
    fn point(&mut self, text: &Text, unknown: Option<Unfit>) {
        if !is_addressed(&text.body) || !self.pointers.is_due((text.room.clone(), unknown.is_none())) {
            return;
        }
        let said = match (&self.session.bot().admin_room, unknown) {
            (Some(room), None) => format!("commands are taken in {room} only"),
            (Some(room), Some(why)) => format!(
                "commands are taken in {room} only, and that room cannot be found yet: {why}; it is looked for again, so \
                 try later"
            ),
            (None, _) => {
                "no administration room is configured, so no commands are taken; set `admin_room` in [bot]"
                    .to_owned()
            }
        };
        let place = Place::of(&self.session.chat, text);
        self.aside(place, |place| async move { drop(place.say(&said).await) });
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
            self.aside(place, |place| async move { drop(place.say(&why).await) });
        }
    }

    /// Does something at a place while listening goes on.
    fn aside<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        place: Place,
        work: impl FnOnce(Place) -> F,
    ) {
        let room = place.room.clone();
        let work = work(place);
        self.spawn(&room, async move {
            work.await;
            Left::Nothing
        });
    }

    /// Does something while listening goes on, unless too much is being done; then that is said instead.
    fn spawn(&mut self, room: &OwnedRoomId, work: impl Future<Output = Left> + Send + 'static) {
        if self.tasks.len() < AT_ONCE + self.confirmations.count() {
            self.tasks.spawn(work);
            return;
        }
        tracing::warn!("too much is asked at the same time; something is left undone");
        if self.busy.is_due(()) {
            let place = Place::room(&self.session.chat, room);
            self.tasks.spawn(async move {
                place
                    .say("too much is asked at the same time, so something was not done; try again in a minute")
                    .await;
                Left::Nothing
            });
        }
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
