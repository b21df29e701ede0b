//! The homeserver itself: users, rooms, aliases, and what it does with a request before and after the
//! authorisation rules. Where Synapse refuses or accepts more than the rules say, so does this, with a comment.

use std::collections::BTreeMap;

use ruma_common::{
    OwnedRoomAliasId, OwnedRoomId, OwnedServerName, OwnedUserId, RoomId, RoomVersionId, ServerName, UserId,
};
use serde_json::{Map, Value, json};

use super::{
    auth, auth_levels,
    ops::{Refusal, UserOp, UserOpOutcome},
    room::{CANONICAL_ALIAS, CREATE, LEVELS, MEMBER, Room, StateEvent},
};
use crate::{room::Cause, room_rules::Listing, time::Timestamp};

/// A registered user of the homeserver.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Account {
    pub(super) admin: bool,
    pub(super) deactivated: bool,
}

/// An entry of the alias directory.
#[derive(Debug, Clone)]
pub(super) struct AliasEntry {
    pub(super) room: OwnedRoomId,
    /// Who made it: they may remove it.
    pub(super) by: OwnedUserId,
}

/// Everything that the homeserver keeps.
#[derive(Debug)]
pub(super) struct World {
    pub(super) server: OwnedServerName,
    pub(super) default_version: RoomVersionId,
    pub(super) users: BTreeMap<OwnedUserId, Account>,
    pub(super) rooms: BTreeMap<OwnedRoomId, Room>,
    pub(super) aliases: BTreeMap<OwnedRoomAliasId, AliasEntry>,
    /// Aliases that cannot be looked up just now.
    pub(super) unknown_aliases: BTreeMap<OwnedRoomAliasId, Cause>,
    /// Rooms that cannot be read just now.
    pub(super) unknown_rooms: BTreeMap<OwnedRoomId, Cause>,
    pub(super) now: Timestamp,
    pub(super) next_room: u64,
    pub(super) writes: u64,
}

/// What a membership request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Join,
    Leave,
    Invite,
    Kick,
    Ban,
    Unban,
    Knock,
}

impl Wish {
    const fn membership(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Leave | Self::Kick | Self::Unban => "leave",
            Self::Invite => "invite",
            Self::Ban => "ban",
            Self::Knock => "knock",
        }
    }
}

impl World {
    pub(super) fn new(server: OwnedServerName) -> Self {
        Self {
            server,
            default_version: RoomVersionId::V12,
            users: BTreeMap::new(),
            rooms: BTreeMap::new(),
            aliases: BTreeMap::new(),
            unknown_aliases: BTreeMap::new(),
            unknown_rooms: BTreeMap::new(),
            now: Timestamp(1_700_000_000_000),
            next_room: 1,
            writes: 0,
        }
    }

    pub(super) fn is_ours(&self, server: &ServerName) -> bool {
        server == self.server
    }

    /// The time of the next event: no two have the same.
    pub(super) const fn tick(&mut self) -> Timestamp {
        self.now.0 += 1;
        self.now
    }

    pub(super) fn room(&self, room: &RoomId) -> Result<&Room, Refusal> {
        self.rooms
            .get(room)
            .ok_or_else(|| Refusal::not_found(format!("{room} is not a known room")))
    }

    fn is_admin(&self, user: &UserId) -> bool {
        self.users.get(user).is_some_and(|account| account.admin)
    }

    /// Does what a user asks for, or says why not.
    pub(super) fn act(&mut self, user: &UserId, op: &UserOp) -> Result<UserOpOutcome, Refusal> {
        if self.is_ours(user.server_name()) {
            match self.users.get(user) {
                Some(Account {
                    deactivated: false, ..
                }) => {}
                _ => {
                    return Err(Refusal::new(
                        401,
                        "M_UNKNOWN_TOKEN",
                        format!("{user} is not logged in"),
                    ));
                }
            }
        }
        match op {
            UserOp::CreateRoom(new) => return self.create_room(user, new).map(UserOpOutcome::Created),
            UserOp::Invite {
                room,
                user: target,
                reason,
            } => self.membership(room, user, target, Wish::Invite, reason.as_deref()),
            UserOp::Join { room } => self.membership(room, user, user, Wish::Join, None),
            UserOp::AdminJoin { room, user: target } => self.admin_join(room, user, target),
            UserOp::Leave { room } => self.membership(room, user, user, Wish::Leave, None),
            UserOp::Kick {
                room,
                user: target,
                reason,
            } => self.membership(room, user, target, Wish::Kick, reason.as_deref()),
            UserOp::Ban {
                room,
                user: target,
                reason,
            } => self.membership(room, user, target, Wish::Ban, reason.as_deref()),
            UserOp::Unban { room, user: target } => self.membership(room, user, target, Wish::Unban, None),
            UserOp::Knock { room } => self.membership(room, user, user, Wish::Knock, None),
            UserOp::SetState {
                room,
                kind,
                key,
                content,
            } => self.set_state(room, user, kind, key, content),
            UserOp::SetListing { room, listing } => self.set_listing(room, user, *listing),
            UserOp::BindAlias { alias, room } => self.bind_alias(alias.clone(), room, user),
            UserOp::UnbindAlias { alias } => self.unbind_alias(alias, user),
        }
        .map(|()| UserOpOutcome::Done)
    }

    fn membership(
        &mut self,
        room_id: &RoomId,
        sender: &UserId,
        target: &UserId,
        wish: Wish,
        reason: Option<&str>,
    ) -> Result<(), Refusal> {
        let room = self.room(room_id)?;
        // Nobody is left through whose server the room could be reached.
        if matches!(wish, Wish::Join | Wish::Knock) && room.joined().next().is_none() {
            return Err(Refusal::not_found("no known servers"));
        }
        let before = room.event(MEMBER, target.as_str());
        let was = room.membership(target.as_str());
        // Synapse's own answers, ahead of the rules, for a room that it is in.
        if room.has_server_of(sender) {
            match (wish, was) {
                // Someone who was never there can be "unbanned" into having left: there is no event to look at.
                (Wish::Unban, Some(was)) if was != "ban" => {
                    return Err(Refusal::new(
                        403,
                        "M_BAD_STATE",
                        format!("{target} is not banned"),
                    ));
                }
                (Wish::Join | Wish::Invite | Wish::Knock | Wish::Kick, Some("ban")) => {
                    return Err(Refusal::new(403, "M_BAD_STATE", format!("{target} is banned")));
                }
                (Wish::Kick, None | Some("leave")) => {
                    return Err(Refusal::forbidden("the target user is not in the room"));
                }
                _ => {}
            }
        }
        let mut content = Map::new();
        content.insert("membership".to_owned(), wish.membership().into());
        if let Some(reason) = reason {
            content.insert("reason".to_owned(), reason.into());
        }
        if wish == Wish::Join && room.is_restricted() && !matches!(was, Some("join" | "invite")) {
            let by = self.authorises(room, target)?;
            content.insert("join_authorised_via_users_server".to_owned(), by.into());
        }
        let content = Value::Object(content);
        // Synapse takes an event that says what its sender has said last for the same event, and asks no more:
        // this comes before the rules.
        if before.is_some_and(|before| before.sender == sender && before.content == content) {
            return Ok(());
        }
        auth::check(room, sender, MEMBER, target.as_str(), &content)?;
        self.put(room_id, sender, MEMBER, target.as_str(), content);
        Ok(())
    }

    /// As Synapse does it: the admin invites, unless the room is public, and the person joins. An invitation stays if the
    /// joining is refused.
    fn admin_join(&mut self, room: &RoomId, by: &UserId, target: &UserId) -> Result<(), Refusal> {
        if !self.is_admin(by) {
            return Err(Refusal::forbidden("you are not a server admin"));
        }
        if !self.is_ours(target.server_name()) {
            return Err(Refusal::new(400, "M_UNKNOWN", "only local users can be put in"));
        }
        if !self.users.contains_key(target) {
            return Err(Refusal::not_found("user not found"));
        }
        let rule = self.room(room)?.content("m.room.join_rules");
        let rule = rule.map(|content| content.get("join_rule").and_then(Value::as_str) == Some("public"));
        if rule == Some(false) {
            self.membership(room, by, target, Wish::Invite, None)?;
        }
        self.membership(room, target, target, Wish::Join, None)
    }

    /// Who answers for somebody that comes in by being in another room.
    fn authorises(&self, room: &Room, user: &UserId) -> Result<String, Refusal> {
        let invite = room.named_level("invite", 0);
        let by = room
            .joined()
            .find(|joined| room.power(joined.as_str()).reaches(invite))
            .ok_or_else(|| Refusal::not_found("nobody in the room could have invited"))?;
        let elsewhere = room
            .allowed_rooms()
            .filter_map(|id| self.rooms.get(<&RoomId>::try_from(id).ok()?))
            .any(|allowed| allowed.is_joined(user));
        if elsewhere {
            Ok(by.to_string())
        } else {
            Err(Refusal::forbidden("you belong to none of the required rooms"))
        }
    }

    fn set_state(
        &mut self,
        room_id: &RoomId,
        sender: &UserId,
        kind: &str,
        key: &str,
        content: &Value,
    ) -> Result<(), Refusal> {
        if kind == MEMBER {
            return Err(Refusal::bad("memberships have requests of their own"));
        }
        let room = self.room(room_id)?;
        if !room.is_joined(sender) {
            return Err(Refusal::forbidden(format!("{sender} is not in the room")));
        }
        // What Synapse asks of its own clients on top. Another server may ask less.
        if self.is_ours(sender.server_name()) {
            own_client(room_id, kind, content)?;
        }
        if room
            .event(kind, key)
            .is_some_and(|before| before.sender == sender && before.content == *content)
        {
            return Ok(());
        }
        auth::check(room, sender, kind, key, content)?;
        if kind == CANONICAL_ALIAS {
            self.canonical_alias(room, content)?;
        }
        self.put(room_id, sender, kind, key, content.clone());
        Ok(())
    }

    /// A canonical alias has to lead to the room; one that was there before is not asked again.
    fn canonical_alias(&self, room: &Room, content: &Value) -> Result<(), Refusal> {
        let name = |content: &Value| content.get("alias").and_then(Value::as_str).map(str::to_owned);
        let before = room.content(CANONICAL_ALIAS).and_then(name);
        match name(content) {
            Some(alias) if Some(&alias) != before.as_ref() => {
                let leads_here = self
                    .aliases
                    .iter()
                    .any(|(known, entry)| *known == alias && entry.room == room.id);
                if leads_here {
                    Ok(())
                } else {
                    Err(Refusal::new(
                        400,
                        "M_BAD_ALIAS",
                        format!("{alias} does not lead here"),
                    ))
                }
            }
            _ => Ok(()),
        }
    }

    /// Synapse lets those edit the directory's entry who could set the canonical alias, and server admins.
    fn may_edit_directory(&self, room: &Room, user: &UserId) -> Result<(), Refusal> {
        let power = room.power(user.as_str());
        if self.is_admin(user) || room.is_joined(user) && power.reaches(room.state_level(CANONICAL_ALIAS)) {
            Ok(())
        } else {
            Err(Refusal::forbidden("you have to be a moderator of the room"))
        }
    }

    fn set_listing(&mut self, room_id: &RoomId, user: &UserId, listing: Listing) -> Result<(), Refusal> {
        let room = self.room(room_id)?;
        if !self.is_ours(user.server_name()) {
            return Err(Refusal::forbidden("this is another server's directory"));
        }
        self.may_edit_directory(room, user)?;
        if let Some(room) = self.rooms.get_mut(room_id) {
            room.listed = listing == Listing::Public;
        }
        Ok(())
    }

    fn bind_alias(&mut self, alias: OwnedRoomAliasId, room: &RoomId, by: &UserId) -> Result<(), Refusal> {
        if alias.server_name() != by.server_name() {
            return Err(Refusal::new(
                400,
                "M_INVALID_PARAM",
                "the alias is another server's",
            ));
        }
        if self.aliases.contains_key(&alias) {
            return Err(Refusal::new(409, "M_UNKNOWN", format!("{alias} exists already")));
        }
        let room = self.room(room)?;
        if room.joined().next().is_none() {
            return Err(Refusal::new(400, "M_UNKNOWN", "nobody is in the room"));
        }
        let entry = AliasEntry {
            room: room.id.clone(),
            by: by.to_owned(),
        };
        self.aliases.insert(alias, entry);
        Ok(())
    }

    fn unbind_alias(&mut self, alias: &OwnedRoomAliasId, user: &UserId) -> Result<(), Refusal> {
        let entry = self
            .aliases
            .get(alias)
            .ok_or_else(|| Refusal::not_found(format!("{alias} does not exist")))?;
        if entry.by != user {
            self.may_edit_directory(self.room(&entry.room)?, user)?;
        }
        self.aliases.remove(alias);
        Ok(())
    }

    /// Writes an event that has been let in.
    pub(super) fn put(&mut self, room: &RoomId, sender: &UserId, kind: &str, key: &str, content: Value) {
        let event = StateEvent {
            sender: sender.to_owned(),
            content,
            at: self.tick(),
        };
        if let Some(room) = self.rooms.get_mut(room) {
            room.put(kind, key, event);
        }
    }

    /// Deactivates an account. As Synapse does, this takes it out of its rooms and declines its invitations.
    pub(super) fn deactivate(&mut self, user: &UserId) {
        let rooms: Vec<OwnedRoomId> = self
            .rooms
            .values()
            .filter(|room| matches!(room.membership(user.as_str()), Some("join" | "invite" | "knock")))
            .map(|room| room.id.clone())
            .collect();
        for room in rooms {
            self.put(&room, user, MEMBER, user.as_str(), json!({"membership": "leave"}));
        }
        self.users.entry(user.to_owned()).or_default().deactivated = true;
    }
}

/// Synapse's checks of an event from one of its own clients.
pub(super) fn own_client(room: &RoomId, kind: &str, content: &Value) -> Result<(), Refusal> {
    let text = |key: &str| match content.get(key) {
        Some(Value::String(_)) => Ok(()),
        _ => Err(Refusal::bad(format!("`{key}` is not a string"))),
    };
    if !content.is_object() {
        return Err(Refusal::new(400, "M_NOT_JSON", "the content is not an object"));
    }
    match kind {
        LEVELS => auth_levels::check_own_client(content),
        CREATE => Err(Refusal::forbidden("the room exists already")),
        "m.room.name" => text("name"),
        "m.room.topic" => text("topic"),
        "m.room.tombstone" => match content.get("replacement_room") {
            Some(to) if to != room.as_str() => Ok(()),
            _ => Err(Refusal::bad("the tombstone names no other room")),
        },
        _ => Ok(()),
    }
}
