//! Doing one thing to one room, and finding out what became of it where the answer does not tell.

use std::sync::Arc;

use inviter_core::{
    action::{Op, RoomTarget},
    backend::{BackendError, BackendErrorKind, Effect},
    room_rules::{HistoryVisibility, Listing},
};
use ruma::{
    RoomId, UserId,
    api::client::{
        directory::set_room_visibility,
        membership::{
            invite_user::v3::{self as invite, InviteUserId},
            join_room_by_id, joined_rooms, kick_user, leave_room,
        },
        room::Visibility,
        state::{get_state_event_for_key, send_state_event},
    },
    events::StateEventType,
    serde::Raw,
};
use serde_json::{Value, json};
use tracing::debug;

use crate::{
    add,
    backend::Shared,
    client::{Call, Repeat},
    create,
    error::Failure,
    levels,
    room_state::history_visibility,
    text_size,
    work::{Class, Work},
};

/// Does it.
pub(crate) async fn execute(
    shared: &Arc<Shared>,
    target: &RoomTarget,
    op: &Op,
) -> Result<Effect, BackendError> {
    let room = match (target, op) {
        (_, Op::CreateRoom(blueprint)) => return create::room(shared, blueprint).await,
        (RoomTarget::Existing(room), _) => room,
        (RoomTarget::New(alias), _) => {
            return Err(BackendError::new(
                BackendErrorKind::NotFound,
                alias.as_str(),
                "the room has not been created yet",
            ));
        }
    };
    debug!(%room, phase = op_name(op), "executing");
    match op {
        Op::Join { .. } => join(shared, room).await,
        Op::SetLevels { changes } => levels::set(shared, room, changes).await,
        Op::SetHistoryVisibility { from, to } => set_history_visibility(shared, room, *from, *to).await,
        Op::SetName { to } => set_text(shared, room, StateEventType::RoomName, "name", to).await,
        Op::SetTopic { to } => set_text(shared, room, StateEventType::RoomTopic, "topic", to).await,
        Op::SetListing { to } => set_listing(shared, room, *to).await,
        Op::Invite { user, reason } => invite(shared, room, user, reason.as_deref()).await,
        Op::Add { user, reason } => add::add(shared, room, user, reason.as_deref()).await,
        Op::Remove { user, reason, .. } => remove(shared, room, user, reason.as_deref()).await,
        Op::Leave => leave(shared, room).await,
        _ => Err(BackendError::new(
            BackendErrorKind::Refused,
            room.as_str(),
            "this operation is not known to the Matrix backend",
        )),
    }
}

const fn op_name(op: &Op) -> &'static str {
    match op {
        Op::CreateRoom(_) => "create",
        Op::Join { .. } => "join",
        Op::SetLevels { .. } => "levels",
        Op::SetHistoryVisibility { .. } => "history visibility",
        Op::SetName { .. } => "name",
        Op::SetTopic { .. } => "topic",
        Op::SetListing { .. } => "listing",
        Op::Invite { .. } => "invite",
        Op::Add { .. } => "add",
        Op::Remove { .. } => "remove",
        Op::Leave => "leave",
        _ => "other",
    }
}

async fn join(shared: &Arc<Shared>, room: &RoomId) -> Result<Effect, BackendError> {
    // Joining a room that one is in changes nothing.
    let call = Call::write(
        room.as_str(),
        Work::in_room(Class::Join, room.as_str()),
        Repeat::Freely,
    );
    let request = join_room_by_id::v3::Request::new(room.to_owned());
    let joined = shared.client.send(&call, request).await?;
    Ok(Effect::Revisit(joined.room_id))
}

async fn set_history_visibility(
    shared: &Arc<Shared>,
    room: &RoomId,
    from: Option<HistoryVisibility>,
    to: HistoryVisibility,
) -> Result<Effect, BackendError> {
    let kind = StateEventType::RoomHistoryVisibility;
    let now = shared.state(room, kind.clone(), "").await?;
    let now = now
        .as_ref()
        .and_then(|content| content.get("history_visibility")?.as_str())
        .and_then(history_visibility);
    if now == Some(to) {
        return Ok(Effect::AlreadySo);
    }
    if now != from {
        // Somebody has set it since; the next plan decides anew.
        return Ok(Effect::Stale(Vec::new()));
    }
    shared
        .set_state(room, kind, &json!({ "history_visibility": to.as_str() }))
        .await?;
    Ok(Effect::Done)
}

/// Gives a name or topic to a room that still has none.
async fn set_text(
    shared: &Arc<Shared>,
    room: &RoomId,
    kind: StateEventType,
    key: &str,
    to: &str,
) -> Result<Effect, BackendError> {
    text_size::check(room.as_str(), key, to)?;
    let now = shared.state(room, kind.clone(), "").await?;
    let set = now
        .as_ref()
        .and_then(|content| content.get(key)?.as_str())
        .is_some_and(|text| !text.is_empty());
    if set {
        return Ok(Effect::AlreadySo);
    }
    shared.set_state(room, kind, &json!({ key: to })).await?;
    Ok(Effect::Done)
}

async fn set_listing(shared: &Arc<Shared>, room: &RoomId, to: Listing) -> Result<Effect, BackendError> {
    if shared.listing(room).await? == to {
        return Ok(Effect::AlreadySo);
    }
    let visibility = match to {
        Listing::Public => Visibility::Public,
        Listing::Private => Visibility::Private,
    };
    let call = Call::write(
        room.as_str(),
        Work::in_room(Class::Send, room.as_str()),
        Repeat::Freely,
    );
    let request = set_room_visibility::v3::Request::new(room.to_owned(), visibility);
    shared.client.send(&call, request).await?;
    Ok(Effect::Done)
}

pub(crate) async fn invite(
    shared: &Arc<Shared>,
    room: &RoomId,
    user: &UserId,
    reason: Option<&str>,
) -> Result<Effect, BackendError> {
    let mut recipient = InviteUserId::new(user.to_owned());
    recipient.reason = text_size::reason(reason);
    let request = invite::Request::new(room.to_owned(), recipient.into());
    let call = Call::write(
        about(room, user),
        Work::invite(room.as_str(), user.as_str()),
        Repeat::Never,
    );
    let Err(failure) = shared.client.send(&call, request).await else {
        return Ok(Effect::Done);
    };
    if !failure.is_forbidden() && !failure.may_have_happened {
        return Err(failure.into());
    }
    match shared.membership(room, user).await?.as_deref() {
        Some("join" | "invite") if failure.may_have_happened => Ok(Effect::Done),
        Some("join" | "invite") => Ok(Effect::AlreadySo),
        Some("ban") if failure.is_forbidden() => {
            Err(refused(failure, "is banned from the room; unban them first"))
        }
        _ => Err(failure.into()),
    }
}

async fn remove(
    shared: &Arc<Shared>,
    room: &RoomId,
    user: &UserId,
    reason: Option<&str>,
) -> Result<Effect, BackendError> {
    let is_in = |membership: Option<String>| matches!(membership.as_deref(), Some("join" | "invite"));
    if !is_in(shared.membership(room, user).await?) {
        return Ok(Effect::AlreadySo);
    }
    let mut request = kick_user::v3::Request::new(room.to_owned(), user.to_owned());
    request.reason = text_size::reason(reason);
    let call = Call::write(
        about(room, user),
        Work::in_room(Class::Send, room.as_str()),
        Repeat::Never,
    );
    let Err(failure) = shared.client.send(&call, request).await else {
        return Ok(Effect::Done);
    };
    if !failure.is_forbidden() && !failure.may_have_happened {
        return Err(failure.into());
    }
    if is_in(shared.membership(room, user).await?) {
        return Err(failure.into());
    }
    Ok(if failure.may_have_happened {
        Effect::Done
    } else {
        Effect::AlreadySo
    })
}

/// Only somebody who has joined leaves; an invitation is not declined by this.
async fn leave(shared: &Arc<Shared>, room: &RoomId) -> Result<Effect, BackendError> {
    if !shared.has_joined(room).await? {
        return Ok(Effect::AlreadySo);
    }
    let call = Call::write(
        room.as_str(),
        Work::in_room(Class::Send, room.as_str()),
        Repeat::Never,
    );
    let request = leave_room::v3::Request::new(room.to_owned());
    let Err(failure) = shared.client.send(&call, request).await else {
        return Ok(Effect::Done);
    };
    let may_be_so = failure.is_forbidden() || failure.is_not_found() || failure.may_have_happened;
    if !may_be_so || shared.has_joined(room).await? {
        return Err(failure.into());
    }
    Ok(if failure.may_have_happened {
        Effect::Done
    } else {
        Effect::AlreadySo
    })
}

pub(crate) fn about(room: &RoomId, user: &UserId) -> String {
    format!("{user} in {room}")
}

fn refused(failure: Failure, what: &str) -> BackendError {
    BackendError {
        message: format!("{what} ({})", failure.error.message),
        ..failure.error
    }
}

impl Shared {
    /// The content of a state event; nothing if the homeserver says that there is none.
    pub(crate) async fn state(
        &self,
        room: &RoomId,
        kind: StateEventType,
        key: &str,
    ) -> Result<Option<Value>, BackendError> {
        let call = Call::read(room.as_str());
        let request = get_state_event_for_key::v3::Request::new(room.to_owned(), kind, key.to_owned());
        match self.client.send(&call, request).await {
            Ok(answer) => {
                let content = serde_json::from_str(answer.event_or_content.get()).map_err(|error| {
                    BackendError::new(
                        BackendErrorKind::Malformed,
                        room.as_str(),
                        "a state event is not JSON",
                    )
                    .caused_by(error)
                })?;
                Ok(Some(content))
            }
            Err(failure) if failure.is_not_found() => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Sends a state event. The same content twice is one event, so this may be repeated.
    pub(crate) async fn set_state(
        &self,
        room: &RoomId,
        kind: StateEventType,
        content: &Value,
    ) -> Result<(), BackendError> {
        let body = Raw::new(content).map_err(|error| {
            BackendError::new(
                BackendErrorKind::Refused,
                room.as_str(),
                "the event cannot be written down",
            )
            .caused_by(error)
        })?;
        let call = Call::write(
            room.as_str(),
            Work::in_room(Class::Send, room.as_str()),
            Repeat::Freely,
        );
        let request = send_state_event::v3::Request::new_raw(
            room.to_owned(),
            kind,
            String::new(),
            body.cast_unchecked(),
        );
        self.client.send(&call, request).await?;
        Ok(())
    }

    /// Whether the bot is in a room. The room itself tells only those who are, or were.
    async fn has_joined(&self, room: &RoomId) -> Result<bool, BackendError> {
        let call = Call::read(room.as_str());
        let list = self.client.send(&call, joined_rooms::v3::Request::new()).await?;
        Ok(list.joined_rooms.iter().any(|joined| joined == room))
    }

    /// `membership` of somebody's member event, read just now; nothing if there never was one.
    pub(crate) async fn membership(
        &self,
        room: &RoomId,
        user: &UserId,
    ) -> Result<Option<String>, BackendError> {
        let content = self
            .state(room, StateEventType::RoomMember, user.as_str())
            .await?;
        let Some(content) = content else { return Ok(None) };
        match content.get("membership").and_then(Value::as_str) {
            Some(membership) => Ok(Some(membership.to_owned())),
            None => Err(BackendError::new(
                BackendErrorKind::Malformed,
                about(room, user),
                "the membership event cannot be read",
            )),
        }
    }
}
