//! Decoders of group names: which group stands for which room.

use std::fmt::Debug;

use ruma_common::OwnedRoomAliasId;

use crate::directory::Group;

/// Reads a group's name as a room.
pub trait RoomDecoder: Debug + Send + Sync + 'static {
    /// What the group stands for.
    fn decode(&self, group: &Group) -> Decoded;
}

/// What a group stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decoded {
    /// Not a room by this decoder's form; the next decoder may know.
    NotARoom,
    /// This room.
    Room(OwnedRoomAliasId),
    /// The owners of the room that the group of this name stands for.
    OwnersOf(Box<str>),
    /// It has the form, and leads to no valid alias or to several: a sentence saying so.
    Invalid(String),
}
