//! What a user can ask a homeserver for.

use ruma_common::{OwnedRoomAliasId, OwnedRoomId, OwnedUserId, RoomVersionId};
use serde_json::{Map, Value};

use crate::room_rules::Listing;

/// One writing request of a user, as a client sends it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum UserOp {
    /// `POST /createRoom`
    CreateRoom(Box<NewRoom>),
    /// `POST /rooms/{room}/invite`
    Invite {
        /// Where to.
        room: OwnedRoomId,
        /// Whom.
        user: OwnedUserId,
        /// The reason given.
        reason: Option<String>,
    },
    /// `POST /rooms/{room}/join`
    Join {
        /// Which room.
        room: OwnedRoomId,
    },
    /// `POST /_synapse/admin/v1/join/{room}`: a server admin puts a person of the homeserver in.
    AdminJoin {
        /// Where to.
        room: OwnedRoomId,
        /// Whom.
        user: OwnedUserId,
    },
    /// `POST /rooms/{room}/leave`; also declines an invitation and takes a knock back.
    Leave {
        /// Which room.
        room: OwnedRoomId,
    },
    /// `POST /rooms/{room}/kick`; also withdraws an invitation.
    Kick {
        /// From where.
        room: OwnedRoomId,
        /// Whom.
        user: OwnedUserId,
        /// The reason given.
        reason: Option<String>,
    },
    /// `POST /rooms/{room}/ban`
    Ban {
        /// From where.
        room: OwnedRoomId,
        /// Whom.
        user: OwnedUserId,
        /// The reason given.
        reason: Option<String>,
    },
    /// `POST /rooms/{room}/unban`
    Unban {
        /// Where.
        room: OwnedRoomId,
        /// Whom.
        user: OwnedUserId,
    },
    /// `POST /knock/{room}`
    Knock {
        /// On which room.
        room: OwnedRoomId,
    },
    /// `PUT /rooms/{room}/state/{kind}/{key}`
    SetState {
        /// Where.
        room: OwnedRoomId,
        /// The event's type.
        kind: String,
        /// Its state key.
        key: String,
        /// Its content.
        content: Value,
    },
    /// `PUT /directory/list/room/{room}`
    SetListing {
        /// Which room.
        room: OwnedRoomId,
        /// Listed or not.
        listing: Listing,
    },
    /// `PUT /directory/room/{alias}`
    BindAlias {
        /// The alias.
        alias: OwnedRoomAliasId,
        /// Where it shall lead.
        room: OwnedRoomId,
    },
    /// `DELETE /directory/room/{alias}`
    UnbindAlias {
        /// The alias.
        alias: OwnedRoomAliasId,
    },
}

impl UserOp {
    /// Sets a state event with an empty state key.
    pub fn set(room: OwnedRoomId, kind: impl Into<String>, content: Value) -> Self {
        Self::SetState {
            room,
            kind: kind.into(),
            key: String::new(),
            content,
        }
    }

    /// The room that it is about, unless it makes a new one or removes an alias.
    pub fn room(&self) -> Option<&OwnedRoomId> {
        match self {
            Self::CreateRoom(_) | Self::UnbindAlias { .. } => None,
            Self::Invite { room, .. }
            | Self::Join { room }
            | Self::AdminJoin { room, .. }
            | Self::Leave { room }
            | Self::Kick { room, .. }
            | Self::Ban { room, .. }
            | Self::Unban { room, .. }
            | Self::Knock { room }
            | Self::SetState { room, .. }
            | Self::SetListing { room, .. }
            | Self::BindAlias { room, .. } => Some(room),
        }
    }
}

/// The body of `POST /createRoom`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NewRoom {
    /// `room_version`; `None` takes the homeserver's default.
    pub version: Option<RoomVersionId>,
    /// `preset`
    pub preset: Preset,
    /// `room_alias_name`: the localpart.
    pub alias: Option<String>,
    /// `name`
    pub name: Option<String>,
    /// `topic`
    pub topic: Option<String>,
    /// `visibility` is public.
    pub listed: bool,
    /// `power_level_content_override`; each key replaces the default's whole value.
    pub levels: Option<Map<String, Value>>,
    /// `creation_content`: more keys of the create event.
    pub creation: Map<String, Value>,
    /// `initial_state`: type, state key, content.
    pub initial_state: Vec<(String, String, Value)>,
}

/// Presets of room creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Preset {
    /// `private_chat`
    #[default]
    PrivateChat,
    /// `public_chat`
    PublicChat,
}

impl Preset {
    /// The name in the request.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PrivateChat => "private_chat",
            Self::PublicChat => "public_chat",
        }
    }
}

/// What came of a [`UserOp`] that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UserOpOutcome {
    /// Accepted.
    Done,
    /// The room that was made.
    Created(OwnedRoomId),
}

impl UserOpOutcome {
    /// The room that was made, if one was.
    pub fn created(self) -> Option<OwnedRoomId> {
        match self {
            Self::Created(room) => Some(room),
            Self::Done => None,
        }
    }
}

/// The homeserver said no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status} {errcode}: {message}")]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// Such as `M_FORBIDDEN`.
    pub errcode: String,
    /// The sentence.
    pub message: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(status: u16, errcode: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            status,
            errcode: errcode.into(),
            message: message.into(),
        }
    }

    /// 403 `M_FORBIDDEN`: what the authorisation rules answer.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(403, "M_FORBIDDEN", message)
    }

    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(400, "M_BAD_JSON", message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "M_NOT_FOUND", message)
    }
}
