//! The administration room: which it is, and whether commands may be taken there.

use inviter::{
    RoomBackend as _,
    core::{
        OwnedRoomId, UserId,
        room::{Binding, JoinRule, Membership, Power, RoomRef, RoomSnapshot, RoomState},
        room_rules::HistoryVisibility,
    },
};

use crate::session::Session;

/// Why no commands are taken: a sentence without a full stop.
pub(crate) type Unfit = String;

impl Session {
    /// The administration room's ID, as far as it is known.
    pub(crate) fn admin_room(&self) -> Option<OwnedRoomId> {
        match self.bot().admin_room.as_ref()? {
            RoomRef::Id(id) => Some(id.clone()),
            RoomRef::Alias(_) => self.admin_room.get().cloned(),
        }
    }

    /// Finds out which room it is; answers why commands cannot be taken there, if so.
    pub(crate) async fn find_admin_room(&self) -> Result<(), Unfit> {
        let Some(room) = &self.bot().admin_room else {
            return Ok(());
        };
        // Once it is known it is not asked for again: where it leads must not change under those who are in it.
        if let RoomRef::Alias(alias) = room
            && self.admin_room.get().is_none()
        {
            match self.reconciler.backend.resolve_alias(alias).await {
                Binding::Bound(id) => drop(self.admin_room.set(id)),
                Binding::Missing => {
                    return Err(format!(
                        "{alias} leads nowhere, so no commands are taken; create the administration room and invite {}",
                        self.account
                    ));
                }
                Binding::Unknown(cause) => {
                    return Err(format!(
                        "{alias}: {cause}; no commands are taken until it can be asked"
                    ));
                }
            }
        }
        self.check_admin_room()
    }

    /// Whether commands may be taken in the administration room as it is now.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn check_admin_room(&self) -> Result<(), Unfit> {
        let Some(name) = &self.bot().admin_room else {
            return Ok(());
        };
        let state = self.admin_room().and_then(|id| self.live.room(&id));
        match state {
            Some(RoomState::Joined(room)) => fit(name, &room),
            Some(RoomState::Unknown(cause)) => Err(format!("{name}: {cause}; no commands are taken there")),
            _ => Err(format!(
                "{name}: {} is not in the administration room, so no commands are taken; have it invited by a trusted \
                 inviter",
                self.account
            )),
        }
    }

    /// Whether somebody may command.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn may_command(&self, user: &UserId) -> Result<(), Unfit> {
        self.check_admin_room()?;
        let room = self.admin_room().and_then(|id| self.live.room(&id));
        let Some(RoomState::Joined(room)) = room else {
            return Err("the administration room is not known".to_owned());
        };
        let joined = room
            .member(user)
            .is_some_and(|member| member.membership == Membership::Joined);
        if !joined {
            return Err(format!("{user} is not a member of the administration room"));
        }
        let needed = self.bot().command_level;
        let power = room.power(user);
        if power < Power::Level(needed) {
            return Err(format!(
                "commands need power level {needed} here and {user} has {power}; ask somebody who has it, or change \
                 `command_level` in [bot]"
            ));
        }
        Ok(())
    }
}

/// Whether a room is fit for commands. What is not known of it makes it unfit.
fn fit(name: &RoomRef, room: &RoomSnapshot) -> Result<(), Unfit> {
    match &room.join_rule {
        JoinRule::Invite | JoinRule::Knock | JoinRule::Private => {}
        JoinRule::Public => {
            return Err(format!(
                "{name}: anyone may join the administration room, so no commands are taken there; set its join rule to \
                 invite first"
            ));
        }
        JoinRule::Restricted | JoinRule::KnockRestricted => {
            return Err(format!(
                "{name}: members of other rooms may join the administration room without being invited, so no commands \
                 are taken there; set its join rule to invite first"
            ));
        }
        JoinRule::Other(rule) => {
            return Err(format!(
                "{name}: the administration room has the join rule `{}`, which the bot does not know, so no commands are \
                 taken there; set its join rule to invite first",
                rule.escape_debug()
            ));
        }
    }
    if room.history_visibility == Some(HistoryVisibility::WorldReadable) {
        return Err(format!(
            "{name}: anyone in the world may read the administration room, so no commands are taken there; set its \
             history visibility to joined or shared first"
        ));
    }
    if room.encrypted {
        return Err(format!(
            "{name}: the administration room is encrypted, and the bot cannot read what is written there; use a room \
             without encryption"
        ));
    }
    // Among it may be what would make the room unfit.
    if let Some(cause) = room.unreadable.first() {
        return Err(format!(
            "{name}: the state of the administration room cannot be read in full ({cause}), so no commands are taken \
             there; set that anew, or use another room"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use inviter::core::{
        OwnedRoomId, OwnedUserId, RoomVersionId,
        levels::{LevelRules, PowerLevels},
        room::Cause,
        room_rules::RoomKind,
    };

    use super::*;

    /// A room that nothing is wrong with.
    fn room() -> RoomSnapshot {
        let version = RoomVersionId::V10;
        RoomSnapshot {
            room_id: OwnedRoomId::try_from("!r:x").unwrap(),
            kind: RoomKind::Room,
            creator: OwnedUserId::try_from("@a:x").unwrap(),
            created: None,
            additional_creators: Vec::new(),
            federate: true,
            levels: PowerLevels::absent(LevelRules::of(&version).unwrap()),
            version,
            join_rule: JoinRule::Invite,
            history_visibility: Some(HistoryVisibility::Shared),
            encrypted: false,
            name: None,
            topic: None,
            canonical_alias: None,
            predecessor: None,
            replaced_by: None,
            members: Vec::new(),
            unreadable: Vec::new(),
        }
    }

    #[test]
    fn only_a_room_of_invited_people_that_is_read_in_full_is_fit() {
        let name = RoomRef::Id(room().room_id);
        let unfit = |room: &RoomSnapshot| fit(&name, room).err();
        for join_rule in [JoinRule::Invite, JoinRule::Knock, JoinRule::Private] {
            assert_eq!(unfit(&RoomSnapshot { join_rule, ..room() }), None);
        }
        for (join_rule, why) in [
            (JoinRule::Public, "anyone may join"),
            (JoinRule::Restricted, "members of other rooms may join"),
            (JoinRule::KnockRestricted, "members of other rooms may join"),
            (JoinRule::Other("org.new".to_owned()), "`org.new`"),
        ] {
            let told = unfit(&RoomSnapshot { join_rule, ..room() }).unwrap();
            assert!(told.contains(why), "{told}");
            assert!(told.contains("set its join rule to invite first"), "{told}");
        }
        let history_visibility = Some(HistoryVisibility::WorldReadable);
        let told = unfit(&RoomSnapshot {
            history_visibility,
            ..room()
        })
        .unwrap();
        assert!(told.contains("anyone in the world may read"), "{told}");
        // A history visibility that is not one of those is unreadable, too.
        let unreadable = vec![Cause::new("m.room.history_visibility: not a history visibility")];
        let told = unfit(&RoomSnapshot { unreadable, ..room() }).unwrap();
        assert!(told.contains("not a history visibility"), "{told}");
        let told = unfit(&RoomSnapshot {
            encrypted: true,
            ..room()
        })
        .unwrap();
        assert!(told.contains("encrypted"), "{told}");
    }
}
