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
        if let RoomRef::Alias(alias) = room {
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

/// Whether a room is fit for commands.
fn fit(name: &RoomRef, room: &RoomSnapshot) -> Result<(), Unfit> {
    if room.join_rule == JoinRule::Public {
        return Err(format!(
            "{name}: anyone may join the administration room, so no commands are taken there; set its join rule to \
             invite first"
        ));
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
    Ok(())
}
