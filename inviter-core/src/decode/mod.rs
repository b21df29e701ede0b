//! Decoders of group names: which group stands for which room.
//!
//! A decoder sees one group and nothing else. Two forms from the field are here, [`MtrxDecoder`] and [`XxxDecoder`],
//! and [`PatternDecoder`] for any that a regular expression tells; others are an implementation of [`RoomDecoder`] away. Rooms that no name can tell are listed
//! explicitly instead, as [`RoomSpec`](crate::room_rules::RoomSpec).

mod mtrx;
mod pattern;
#[cfg(test)]
mod tests;
mod xxx;

use std::fmt::Debug;

use ruma_common::{OwnedRoomAliasId, RoomAliasId};

pub use self::{
    mtrx::MtrxDecoder,
    pattern::{PatternDecoder, PatternError},
    xxx::XxxDecoder,
};
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

/// Parses a room alias and writes its server name, which is case-insensitive, in lower case. The localpart is
/// case-sensitive and stays ([spec](https://spec.matrix.org/v1.19/appendices/#room-aliases)).
///
/// # Errors
/// What is wrong with it, as the rest of a sentence that names the alias: it does not parse, is longer than 255
/// bytes, or has an empty localpart or one with white space or control characters, which homeservers refuse.
pub fn parse_alias(text: &str) -> Result<OwnedRoomAliasId, String> {
    let lowered = match text.split_once(':') {
        Some((localpart, server)) => format!("{localpart}:{}", server.to_ascii_lowercase()),
        None => text.to_owned(),
    };
    // ruma can be built with the limit off, by a feature of any crate in the tree.
    if lowered.len() > MAX_ID_BYTES {
        return Err(format!(
            "is {} bytes long, and {MAX_ID_BYTES} is the limit",
            lowered.len()
        ));
    }
    let alias = RoomAliasId::parse(&lowered).map_err(|e| format!("is not a room alias: {e}"))?;
    if alias.alias().is_empty() {
        return Err("has nothing between `#` and `:`".to_owned());
    }
    if alias.alias().chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("has white space or control characters, which homeservers refuse".to_owned());
    }
    Ok(alias)
}

/// The same alias with its server name in lower case.
pub(crate) fn normalise_alias(alias: &RoomAliasId) -> OwnedRoomAliasId {
    if alias
        .server_name()
        .as_str()
        .bytes()
        .any(|b| b.is_ascii_uppercase())
        && let Ok(lowered) = parse_alias(alias.as_str())
    {
        return lowered;
    }
    alias.to_owned()
}

/// Longest identifier that the specification allows, in bytes.
pub(crate) const MAX_ID_BYTES: usize = 255;
