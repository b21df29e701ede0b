//! Which room a person means by an alias that leads elsewhere than it is reckoned to.

use ruma_common::{OwnedRoomAliasId, OwnedRoomId};

use super::{Draft, Reconciler, RunError, RunOptions};
use crate::{
    RoomBackend,
    backend::ReadOnly,
    plan::{RoomPlan, RoomStatus},
    recall::{MemoryChange, RememberedAlias},
    room::{Binding, RoomRef, RoomState},
    time::Timestamp,
};

/// The room that a person has put under management by one of its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meant {
    /// The alias that was named, and the others of that room that lead there too.
    aliases: Vec<(OwnedRoomAliasId, OwnedRoomId)>,
    /// The room.
    pub(super) room: OwnedRoomId,
}

impl Meant {
    /// What is remembered from now on.
    pub(super) fn changes(&self, now: Timestamp) -> Vec<MemoryChange> {
        let aliases = self.aliases.iter().map(|(alias, room)| {
            let remembered = RememberedAlias {
                room: room.clone(),
                asked: now,
            };
            MemoryChange::Alias(alias.clone(), remembered)
        });
        aliases
            .chain([MemoryChange::Adopted(self.room.clone(), now)])
            .collect()
    }
}

impl Draft {
    /// Where an alias leads by which a person has named this room, if that is not believed. Who names an alias has read
    /// where it leads: what was told is the room that it leads to, or the one that the closed room was closed in favour
    /// of. Any other has to be named with it; the error is a sentence that says so.
    pub(super) fn meant(&self, plan: &RoomPlan, options: &RunOptions) -> Option<Result<Meant, String>> {
        if !matches!(plan.status, RoomStatus::Moved | RoomStatus::Replaced) {
            return None;
        }
        let named = plan.refs.iter().filter(|name| options.rooms.contains(name));
        let mut aliases = named.filter_map(|name| match name {
            RoomRef::Alias(alias) => self.elsewhere.get_key_value(alias),
            RoomRef::Id(_) => None,
        });
        let (alias, to) = aliases.next()?;
        if let Some(upgrade) = &plan.lineage.upgrade
            && upgrade.replacement.room.as_ref() != Some(to)
            && !options.rooms.contains(&RoomRef::Id(to.clone()))
        {
            return Some(Err(format!(
                "{alias} leads to {to}, which is not {}, in favour of which {} was closed; move the alias, or, if {to} \
                 is meant, run `inviter adopt '{alias}' '{to}'`",
                upgrade.replacement.named, upgrade.from
            )));
        }
        let elsewhere = plan.refs.iter().filter_map(|name| match name {
            RoomRef::Alias(alias) => self.elsewhere.get_key_value(alias),
            RoomRef::Id(_) => None,
        });
        let alike = elsewhere.filter(|(_, other)| *other == to);
        Some(Ok(Meant {
            aliases: alike.map(|(alias, to)| (alias.clone(), to.clone())).collect(),
            room: self.memory.successors.current(to).to_owned(),
        }))
    }
}

impl Reconciler {
    /// A room that was followed to another and is open again, if a person has named it by an alias that still leads
    /// there, or by the ID that the configuration has: thereby the upgrade is taken back.
    pub(super) async fn taken_back(
        &self,
        draft: &Draft,
        plan: &RoomPlan,
        options: &RunOptions,
    ) -> Result<Option<Meant>, RunError> {
        let successors = &draft.memory.successors;
        if successors.0.is_empty() || plan.status == RoomStatus::Paused {
            return Ok(None);
        }
        let backend = ReadOnly(std::sync::Arc::clone(&self.backend));
        for name in plan.refs.iter().filter(|name| options.rooms.contains(name)) {
            let (aliases, room) = match name {
                RoomRef::Id(id) => (Vec::new(), id.clone()),
                RoomRef::Alias(alias) => match backend.resolve_alias(alias).await {
                    Binding::Bound(id) => (vec![(alias.clone(), id.clone())], id),
                    Binding::Missing | Binding::Unknown(_) => continue,
                },
            };
            if !successors.0.contains_key(&room) {
                continue;
            }
            if let RoomState::Joined(snapshot) = self.state_of(&backend, &room).await?
                && snapshot.replaced_by.is_none()
            {
                return Ok(Some(Meant { aliases, room }));
            }
        }
        Ok(None)
    }
}
