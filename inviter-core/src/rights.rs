//! What the bot sees of a room that it is in, for people: what it may do there, and what they should know about it.

use ruma_common::{OwnedUserId, RoomVersionId, UserId};
use serde::Serialize;

use crate::{
    ghosts::Ghosts,
    levels::Key,
    room::{JoinRule, Membership, Power, RoomSnapshot},
    room_rules::RoomKind,
    time::Timestamp,
};

/// Whether the bot may do one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Right {
    /// The level that it takes.
    pub needed: i64,
    /// Whether the bot has it.
    pub may: bool,
}

/// What the bot may do in a room, by its power levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Rights {
    /// The bot's own power.
    pub own: Power,
    /// Inviting.
    pub invite: Right,
    /// Removing people below the bot.
    pub remove: Right,
    /// Changing power levels, up to its own.
    pub levels: Right,
    /// Setting the name.
    pub name: Right,
    /// Setting the topic.
    pub topic: Right,
    /// Setting the history visibility.
    pub history_visibility: Right,
    /// Listing the room in the room directory: Synapse asks for the level of the canonical alias.
    pub listing: Right,
}

impl Rights {
    /// The rights of a user in a room.
    pub fn of(snapshot: &RoomSnapshot, user: &UserId) -> Self {
        let own = snapshot.power(user);
        let right = |needed: i64| Right {
            needed,
            may: own.reaches(needed),
        };
        let state = |kind: &str| right(snapshot.levels.state_event(kind));
        Self {
            own,
            invite: right(snapshot.levels.key(Key::Invite)),
            remove: right(snapshot.levels.key(Key::Kick)),
            levels: state("m.room.power_levels"),
            name: state("m.room.name"),
            topic: state("m.room.topic"),
            history_visibility: state("m.room.history_visibility"),
            listing: state("m.room.canonical_alias"),
        }
    }

    /// Each with its name.
    pub const fn all(&self) -> [(&'static str, Right); 7] {
        [
            ("invite", self.invite),
            ("remove", self.remove),
            ("set levels", self.levels),
            ("set the name", self.name),
            ("set the topic", self.topic),
            ("set the history visibility", self.history_visibility),
            ("list it", self.listing),
        ]
    }

    /// Whether people can be managed: invited, removed, and given levels.
    pub const fn manages_people(&self) -> bool {
        self.invite.may && self.remove.may && self.levels.may
    }
}

/// A room that the bot is in, as people should know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Seen {
    /// Who created it.
    pub creator: OwnedUserId,
    /// Whether the creator is known: to a directory, as the bot, as a trusted creator or inviter.
    pub creator_is_known: bool,
    /// When, by what the creator's server says.
    pub created: Option<Timestamp>,
    /// The room version.
    pub version: RoomVersionId,
    /// Room or space.
    pub room_kind: RoomKind,
    /// Whether messages are encrypted.
    pub encrypted: bool,
    /// Who may join.
    pub join_rule: JoinRule,
    /// The creators stand above all levels, the bot's too, unless it is one of them (version 12 on).
    pub creator_outranks: bool,
    /// What the bot may do.
    pub rights: Rights,
    /// The first joined people of our homeserver who may raise the bot, the highest first. Not looked for where it
    /// may manage people and has level 100.
    pub raisers: Vec<Raiser>,
    /// How many of the people who are wanted here are in it.
    pub present: u32,
    /// Accounts of bridges, of the server whose people are managed, that are in no group and not exempt.
    pub ghosts: Vec<Ghosts>,
    /// What adopting it would do, if nobody has.
    pub if_adopted: Option<IfAdopted>,
}

/// Somebody who may raise the bot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Raiser {
    /// Who.
    pub user: OwnedUserId,
    /// Their own power, up to which they may raise others.
    pub power: Power,
}

/// What the next sync would do in a room that is found, once it is adopted. The guard may hold removals, and
/// people without an account are not invited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct IfAdopted {
    /// People invited.
    pub invited: u32,
    /// People removed.
    pub removed: u32,
    /// Levels and settings changed.
    pub changed: u32,
}

/// So many are named.
const NAMED: usize = 5;

/// Joined people of `user`'s own homeserver who may raise `user` above its level, the highest first.
pub(crate) fn raisers(snapshot: &RoomSnapshot, user: &UserId) -> Vec<Raiser> {
    let own = snapshot.power(user);
    let needed = snapshot.levels.state_event("m.room.power_levels");
    let members = snapshot.members.iter().filter(|member| {
        member.membership == Membership::Joined && member.user_id.server_name() == user.server_name()
    });
    let powers = members.map(|member| (snapshot.power(&member.user_id), &member.user_id));
    let mut raisers: Vec<Raiser> = powers
        .filter(|(power, _)| *power > own && power.reaches(needed))
        .map(|(power, user)| Raiser {
            user: user.clone(),
            power,
        })
        .collect();
    raisers.sort_by(|a, b| b.power.cmp(&a.power).then_with(|| a.user.cmp(&b.user)));
    raisers.truncate(NAMED);
    raisers
}
