//! What a person asks for in one room by hand: bringing in or taking out one person of another server, and taking the
//! room out of management. Pure decisions here; [`Reconciler::consider`](crate::reconcile::Reconciler::consider) reads
//! what they need, and [`Reconciler::carry_out`](crate::reconcile::Reconciler::carry_out) does what they answer.
//!
//! None of this goes through plan and guard, which are about what the directories want of many people at once. In
//! exchange each decision may touch nothing but the one person that was named, and the bot itself.

mod admin;
mod ground;
mod member;
mod report;
mod unmanage;

use std::fmt;

use ruma_common::{OwnedRoomId, OwnedUserId, UserId};
use serde::Serialize;

pub(crate) use self::ground::Ground;
pub use self::report::{Considered, Standing, WishReport};
use crate::{
    action::Op,
    backend::AccountState,
    levels::{Key, LevelChange, LevelSlot, may_change},
    policy::Policy,
    reason::Reason,
    room::{Cause, Membership, Power, RoomRef, RoomSnapshot, RoomState},
};

/// The level of an admin.
const ADMIN: i64 = 100;
const LEVELS_EVENT: &str = "m.room.power_levels";

/// What a person asks for, in one room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The room; for [`Wish::Unmanage`] any that the bot is in or remembers, for the others a managed one.
    pub room: RoomRef,
    /// What is to be done there.
    pub wish: Wish,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wish {
    /// Invite a person of another server, at whatever level they have.
    InviteMember(OwnedUserId),
    /// Remove a person of another server who is no admin, or withdraw their invitation.
    KickMember(OwnedUserId),
    /// Invite a person of another server and give them level 100.
    InviteAdmin(OwnedUserId),
    /// Take the room out of management: the bot hands it over and leaves.
    Unmanage {
        /// Who is to be an admin in the bot's place; invited and raised if need be. Without one, some admin has to be
        /// there already.
        admin: Option<OwnedUserId>,
    },
}

/// What is known about the room.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The room as the person named it.
    pub room: &'a RoomRef,
    /// The room as the homeserver has it.
    pub state: &'a RoomState,
    /// Why the room is not managed, a sentence without a full stop; `None` if it is.
    pub unmanaged: Option<&'a str>,
    /// The entries that name the person of a [`Wish::KickMember`] among their `members` and are about this room, or
    /// may be.
    pub naming: &'a [Naming],
    /// The directories of which nothing could be read: what entries they have is not known.
    pub unread: &'a [String],
    /// Whether the directories want the room.
    pub wanted: &'a Wanted,
    /// What the homeserver says of the account of the admin of a [`Wish::Unmanage`].
    pub account: AccountState,
    /// The room, if something is remembered of it.
    pub remembered: Option<&'a OwnedRoomId>,
    /// The administrator's decisions.
    pub policy: &'a Policy,
    /// The bot.
    pub bot: &'a UserId,
}

/// An entry of the configuration or of a directory that names a person one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    /// The room of the entry, as it is written there.
    pub entry: RoomRef,
    /// Why it is not known whether that is the room in question; `None` if it is.
    pub unsure: Option<Cause>,
}

/// Whether the directories, or the configuration, want a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Yes.
    Yes,
    /// No, and all of them were read.
    No,
    /// None of those that were read does; these directories could not be read completely.
    Unknown(Vec<String>),
}

/// The answer to a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decision {
    /// What to do, in this order; none after one that did not come about.
    pub ops: Vec<Op>,
    /// What the person should know besides: sentences without a full stop.
    pub notes: Vec<String>,
    /// Where that leads.
    pub end: End,
    /// A room to forget once all of that is done.
    pub forget: Option<OwnedRoomId>,
    /// A room to pause before any of that is done, so that no run undoes it.
    pub pause: Option<OwnedRoomId>,
}

/// Where a decision leads.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// What was asked for is so once the operations are done, or already.
    Fulfilled,
    /// Somebody else has to do something before the same can be asked again and be fulfilled: a sentence.
    Waits(String),
    /// It is not done.
    Refused(Refusal),
}

/// Why something is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which rule; stable, for programs.
    pub kind: RefusalKind,
    /// One sentence without a full stop: what is in the way, and what to do about it.
    pub message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Rules that refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RefusalKind {
    /// The person is one whose membership follows the directories.
    InScope,
    /// The person is the bot.
    Bot,
    /// The room is not managed.
    NotManaged,
    /// The room, or something that matters in it, is not known.
    Unknown,
    /// The person is banned.
    Banned,
    /// The room takes nobody of other servers.
    NotFederated,
    /// The bot lacks the power.
    PowerMissing,
    /// The person is an admin, or not below the bot.
    Outranked,
    /// The configuration names the person as a member.
    Fixed,
    /// The person is exempt.
    Exempt,
    /// Nobody else could manage the room.
    NoOtherAdmin,
    /// The homeserver has no account of the person that could be used.
    NoAccount,
    /// The room is not as it was when it was decided about, or that is too long ago.
    Changed,
}

/// Decides about a wish.
pub fn decide(wish: &Wish, scene: &Scene<'_>) -> Decision {
    let decided = match wish {
        Wish::InviteMember(user) => member::invite(scene, user),
        Wish::KickMember(user) => member::kick(scene, user),
        Wish::InviteAdmin(user) => admin::invite(scene, user),
        Wish::Unmanage { admin } => unmanage::unmanage(scene, admin.as_deref()),
    };
    decided.unwrap_or_else(Decision::refused)
}

impl Decision {
    /// Nothing to do.
    const fn fulfilled() -> Self {
        Self {
            ops: Vec::new(),
            notes: Vec::new(),
            end: End::Fulfilled,
            forget: None,
            pause: None,
        }
    }

    /// Nothing is done, by a rule.
    pub(crate) const fn refused(refusal: Refusal) -> Self {
        Self {
            end: End::Refused(refusal),
            ops: Vec::new(),
            notes: Vec::new(),
            forget: None,
            pause: None,
        }
    }

    /// Nothing to do, with a word about it.
    fn already(note: String) -> Self {
        Self {
            notes: vec![note],
            ..Self::fulfilled()
        }
    }
}

fn refuse<T>(kind: RefusalKind, message: String) -> Result<T, Refusal> {
    Err(Refusal { kind, message })
}

impl<'a> Scene<'a> {
    /// The managed room, for somebody who is of another server; `instead` says what to do about people of this one.
    fn managed_for(&self, user: &UserId, instead: &str) -> Result<&'a RoomSnapshot, Refusal> {
        if user == self.bot {
            let message = format!("{user} is the bot itself; name somebody else");
            return refuse(RefusalKind::Bot, message);
        }
        if self.policy.in_scope(user) {
            let message = format!(
                "{user} is one of {}, whose people follow the directories; {instead}",
                self.policy.accounts_server
            );
            return refuse(RefusalKind::InScope, message);
        }
        if let Some(why) = self.unmanaged {
            return refuse(RefusalKind::NotManaged, why.to_owned());
        }
        match self.state {
            RoomState::Joined(snapshot) => Ok(snapshot),
            // What is managed is joined.
            RoomState::Unknown(cause) => refuse(RefusalKind::Unknown, format!("{}: {cause}", self.room)),
            _ => refuse(
                RefusalKind::NotManaged,
                format!("{}: the bot is not in it; have {} invited", self.room, self.bot),
            ),
        }
    }

    /// Fails unless the bot has the level for something.
    fn needs(&self, snapshot: &RoomSnapshot, level: i64, what: &str) -> Result<(), Refusal> {
        let power = snapshot.power(self.bot);
        if power.reaches(level) {
            return Ok(());
        }
        let message = format!(
            "{}: {what} needs level {level} and the bot has {power}; raise {}",
            self.room, self.bot
        );
        refuse(RefusalKind::PowerMissing, message)
    }

    /// The invitation of somebody; none if they are invited or joined.
    fn invitation(&self, snapshot: &RoomSnapshot, user: &UserId) -> Result<Option<Op>, Refusal> {
        match membership(snapshot, user) {
            Some(Membership::Joined | Membership::Invited) => return Ok(None),
            Some(Membership::Banned) => {
                let message = format!("{}: {user} is banned; unban them first", self.room);
                return refuse(RefusalKind::Banned, message);
            }
            _ => {}
        }
        if !snapshot.federate && user.server_name() != snapshot.creator.server_name() {
            let message = format!(
                "{}: {user} cannot join, since the room takes nobody of other servers; that was settled when the room \
                 was created",
                self.room
            );
            return refuse(RefusalKind::NotFederated, message);
        }
        self.needs(snapshot, snapshot.levels.key(Key::Invite), "inviting")?;
        Ok(Some(Op::Invite {
            user: user.to_owned(),
            reason: self.reason(self.policy.invite_reason.as_ref()),
        }))
    }

    /// A reason as it is shown. What is asked for by hand comes from no group.
    fn reason(&self, configured: Option<&Reason>) -> Option<String> {
        configured.map(|reason| reason.text_for(self.room, &[]))
    }

    /// Whether the bot may change somebody's entry in the levels.
    fn may_set(&self, snapshot: &RoomSnapshot, change: &LevelChange) -> bool {
        let power = snapshot.power(self.bot);
        let own = change.slot == LevelSlot::User(self.bot.to_owned());
        power.reaches(snapshot.levels.state_event(LEVELS_EVENT)) && may_change(power, change, own)
    }
}

/// Somebody's membership. Searched for one by one: nothing here says that the members are sorted.
fn membership(snapshot: &RoomSnapshot, user: &UserId) -> Option<Membership> {
    let member = snapshot.members.iter().find(|member| member.user_id == user);
    member.map(|member| member.membership)
}

fn is_admin(snapshot: &RoomSnapshot, user: &UserId) -> bool {
    snapshot.power(user).reaches(ADMIN)
}

/// Whether nobody in the room can take level 100 from somebody once they have it: before version 12, nobody at 100 can.
fn is_for_good(snapshot: &RoomSnapshot, bot: &UserId) -> bool {
    !snapshot.levels.rules().privileged_creators && snapshot.power(bot) <= Power::Level(ADMIN)
}
