//! The authorisation rules of the room versions 1 to 12, for state events.
//!
//! They follow the section "Authorisation rules" of each room version. This is written anew from the
//! specification and does not call [`crate::levels`], so that the two can be held against each other.

use ruma_common::UserId;
use serde_json::Value;

use super::{
    auth_levels,
    ops::Refusal,
    room::{CREATE, LEVELS, MEMBER, Room},
};
use crate::room::Power;

/// Whether this event may enter the room as the room is now.
pub(super) fn check(
    room: &Room,
    sender: &UserId,
    kind: &str,
    key: &str,
    content: &Value,
) -> Result<(), Refusal> {
    if kind == CREATE {
        return Err(Refusal::forbidden("a room has one create event, its first"));
    }
    // A matter of the event's format more than of who sends it, but no server lets it pass either.
    if room.rules.strict_canonical_json && !is_canonical(content) {
        return Err(Refusal::bad(
            "a number is not an integer within the range of canonical JSON",
        ));
    }
    if !room.federates() && !same_server(room, sender) {
        return Err(Refusal::forbidden("this room has been marked as unfederatable"));
    }
    if kind == "m.room.aliases" && room.rules.special_case_room_aliases {
        return if key == sender.server_name().as_str() {
            Ok(())
        } else {
            Err(Refusal::forbidden(
                "the state key of m.room.aliases is not the sender's server",
            ))
        };
    }
    if kind == MEMBER {
        let target = <&UserId>::try_from(key).map_err(|_| Refusal::bad("not a user ID"))?;
        return membership(room, sender, target, content);
    }
    if !room.is_joined(sender) {
        return Err(Refusal::forbidden(format!("{sender} is not in the room")));
    }
    if kind == "m.room.third_party_invite" {
        return require(
            room,
            sender,
            room.named_level("invite", 0),
            "you do not have permission to invite",
        );
    }
    require(
        room,
        sender,
        room.state_level(kind),
        "you do not have permission to post that to the room",
    )?;
    if key.starts_with('@') && key != sender.as_str() {
        return Err(Refusal::forbidden("you are not allowed to set others' state"));
    }
    if kind == LEVELS {
        auth_levels::check(room, sender, content)?;
    }
    Ok(())
}

fn is_canonical(value: &Value) -> bool {
    match value {
        Value::Number(number) => number
            .as_i64()
            .is_some_and(|number| number.unsigned_abs() <= crate::levels::MAX_LEVEL.unsigned_abs()),
        Value::Array(values) => values.iter().all(is_canonical),
        Value::Object(values) => values.values().all(is_canonical),
        _ => true,
    }
}

fn same_server(room: &Room, user: &UserId) -> bool {
    room.creator()
        .is_some_and(|creator| creator.server_name() == user.server_name())
}

fn require(room: &Room, user: &UserId, level: i64, message: &str) -> Result<(), Refusal> {
    if room.power(user.as_str()).reaches(level) {
        Ok(())
    } else {
        Err(Refusal::forbidden(message))
    }
}

/// What the membership rules look at.
struct Change<'a> {
    room: &'a Room,
    sender: &'a UserId,
    target: &'a UserId,
    content: &'a Value,
    /// The sender's membership before.
    senders: Option<&'a str>,
    /// The target's membership before.
    targets: Option<&'a str>,
}

fn membership(room: &Room, sender: &UserId, target: &UserId, content: &Value) -> Result<(), Refusal> {
    let Some(wanted) = content.get("membership").and_then(Value::as_str) else {
        return Err(Refusal::bad("no membership"));
    };
    // The creator's own join is the second event of every room.
    let first = room.members().next().is_none() && room.state.len() == 1;
    if first && wanted == "join" && sender == target && room.creator() == Some(sender) {
        return Ok(());
    }
    if !room.federates() && !same_server(room, target) {
        return Err(Refusal::forbidden("this room has been marked as unfederatable"));
    }
    let change = Change {
        room,
        sender,
        target,
        content,
        senders: room.membership(sender.as_str()),
        targets: room.membership(target.as_str()),
    };
    match wanted {
        "join" => change.join(),
        "knock" if room.rules.knocking => change.knock(),
        "invite" => change.invite(),
        "leave" => change.leave(),
        "ban" => change.ban(),
        _ => Err(Refusal::bad(format!("unknown membership {wanted}"))),
    }
}

impl Change<'_> {
    fn power(&self) -> Power {
        self.room.power(self.sender.as_str())
    }

    fn outranks(&self) -> bool {
        self.power() > self.room.power(self.target.as_str())
    }

    fn sender_in_room(&self) -> Result<(), Refusal> {
        if self.senders == Some("join") {
            Ok(())
        } else {
            Err(Refusal::forbidden(format!("{} is not in the room", self.sender)))
        }
    }

    fn itself(&self) -> bool {
        self.sender == self.target
    }

    fn join(&self) -> Result<(), Refusal> {
        if !self.itself() {
            return Err(Refusal::forbidden("nobody can be made to join"));
        }
        if self.targets == Some("ban") {
            return Err(Refusal::forbidden("you are banned from this room"));
        }
        let already = matches!(self.senders, Some("join" | "invite"));
        match self.room.join_rule() {
            "public" => Ok(()),
            "restricted" | "knock_restricted" if self.room.is_restricted() => {
                if already {
                    Ok(())
                } else {
                    self.authorised()
                }
            }
            "invite" if already => Ok(()),
            "knock" if already && self.room.rules.knocking => Ok(()),
            "invite" | "knock" => Err(Refusal::forbidden("you are not invited to this room")),
            _ => Err(Refusal::forbidden("you are not allowed to join this room")),
        }
    }

    /// A join by membership in another room names someone who could have invited instead.
    fn authorised(&self) -> Result<(), Refusal> {
        let by = self
            .content
            .get("join_authorised_via_users_server")
            .and_then(Value::as_str)
            .and_then(|by| <&UserId>::try_from(by).ok());
        match by {
            Some(by) if self.room.is_joined(by) => require(
                self.room,
                by,
                self.room.named_level("invite", 0),
                "the join is authorised by somebody who may not invite",
            ),
            _ => Err(Refusal::forbidden("nobody has authorised this join")),
        }
    }

    fn knock(&self) -> Result<(), Refusal> {
        let open = match self.room.join_rule() {
            "knock" => true,
            "knock_restricted" => self.room.rules.knock_restricted_join_rule,
            _ => false,
        };
        if !open {
            return Err(Refusal::forbidden("this room takes no knocks"));
        }
        if !self.itself() {
            return Err(Refusal::forbidden("you cannot knock for others"));
        }
        match self.targets {
            Some("join" | "invite" | "ban") => Err(Refusal::forbidden(
                "you are in this room, invited to it or banned from it",
            )),
            _ => Ok(()),
        }
    }

    fn invite(&self) -> Result<(), Refusal> {
        self.sender_in_room()?;
        match self.targets {
            Some("ban") => Err(Refusal::forbidden(format!(
                "{} is banned from the room",
                self.target
            ))),
            Some("join") => Err(Refusal::forbidden(format!(
                "{} is already in the room",
                self.target
            ))),
            _ => require(
                self.room,
                self.sender,
                self.room.named_level("invite", 0),
                "you do not have permission to invite",
            ),
        }
    }

    fn leave(&self) -> Result<(), Refusal> {
        let pending = match self.senders {
            Some("invite") => true,
            Some("knock") => self.room.rules.knocking,
            _ => false,
        };
        if self.itself() && pending {
            return Ok(());
        }
        self.sender_in_room()?;
        if self.itself() {
            return Ok(());
        }
        if self.targets == Some("ban") {
            require(
                self.room,
                self.sender,
                self.room.named_level("ban", 50),
                "you do not have permission to unban",
            )?;
        }
        if self.power().reaches(self.room.named_level("kick", 50)) && self.outranks() {
            Ok(())
        } else {
            Err(Refusal::forbidden(format!("you cannot kick {}", self.target)))
        }
    }

    fn ban(&self) -> Result<(), Refusal> {
        self.sender_in_room()?;
        if self.power().reaches(self.room.named_level("ban", 50)) && self.outranks() {
            Ok(())
        } else {
            Err(Refusal::forbidden(format!("you cannot ban {}", self.target)))
        }
    }
}
