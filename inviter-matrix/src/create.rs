//! Creating a room: one request that is never repeated blindly, since it is not idempotent and binds the alias
//! before the room is finished (decision 16).

use std::{sync::Arc, time::Duration};

use inviter_core::{
    action::Blueprint,
    backend::{BackendError, BackendErrorKind, Effect},
    levels::LevelRules,
    room::{Binding, RoomState},
    room_rules::{Listing, RoomKind},
};
use ruma::{
    OwnedRoomId, RoomVersionId, UserId,
    api::{
        client::room::{
            Visibility,
            create_room::v3::{self as create, RoomPreset},
        },
        error::ErrorKind,
    },
    serde::Raw,
};
use serde_json::{Value, json};
use tracing::debug;

use crate::{
    backend::Shared,
    client::{Call, Repeat},
    observe, text_size,
    work::{Class, Work},
};

/// Creates the room, or takes the one that an earlier attempt has left.
pub(crate) async fn room(shared: &Arc<Shared>, blueprint: &Blueprint) -> Result<Effect, BackendError> {
    let me = shared.whoami().await?;
    let alias = &blueprint.alias;
    let refused = |what: String| BackendError::new(BackendErrorKind::Refused, alias.as_str(), what);
    if alias.server_name() != me.user_id.server_name() {
        return Err(refused(format!(
            "only {} itself can create a room under an alias of {}",
            alias.server_name(),
            alias.server_name()
        )));
    }
    for (what, text) in [("name", &blueprint.name), ("topic", &blueprint.topic)] {
        text_size::check(alias.as_str(), what, text.as_deref().unwrap_or_default())?;
    }
    let version = blueprint.version.as_ref().or(me.default_room_version.as_ref());
    let version = version.ok_or_else(|| {
        refused(
            "the homeserver does not tell its default room version; set one in the configuration".to_owned(),
        )
    })?;
    let rules = LevelRules::of(version)
        .ok_or_else(|| refused(format!("room version {version} is not known to this program")))?;
    let request = request(blueprint, version, rules, &me.user_id)?;
    let call = Call::write(alias.as_str(), Work::of(Class::Create), Repeat::Never);
    let failure = match shared.client.send(&call, request).await {
        Ok(created) => return Ok(Effect::Revisit(created.room_id)),
        Err(failure) => failure,
    };
    let in_use = matches!(failure.errcode(), Some(ErrorKind::RoomInUse));
    if !in_use && !failure.may_have_happened {
        return Err(failure.into());
    }
    debug!(%alias, error = %failure.error, "looking for the room that may have been created");
    match left_behind(shared, blueprint, in_use).await? {
        Some(room) => Ok(Effect::Revisit(room)),
        None => Err(failure.into()),
    }
}

/// The room under the alias, if it is ours.
async fn left_behind(
    shared: &Arc<Shared>,
    blueprint: &Blueprint,
    in_use: bool,
) -> Result<Option<OwnedRoomId>, BackendError> {
    let alias = &blueprint.alias;
    let mut tries = 3;
    let room = loop {
        tries -= 1;
        match shared.resolve(alias).await {
            Binding::Bound(room) => break room,
            // The homeserver may still be at it.
            Binding::Missing if tries > 0 => tokio::time::sleep(Duration::from_millis(500)).await,
            Binding::Missing if in_use => {
                return Err(BackendError::new(
                    BackendErrorKind::AliasTaken,
                    alias.as_str(),
                    "the homeserver says that the alias is in use, and that it leads nowhere",
                ));
            }
            Binding::Missing => return Ok(None),
            Binding::Unknown(cause) => {
                return Err(BackendError::new(
                    BackendErrorKind::Unavailable,
                    alias.as_str(),
                    cause.0,
                ));
            }
        }
    };
    let taken = |what: String| {
        Err(BackendError::new(
            BackendErrorKind::AliasTaken,
            alias.as_str(),
            what,
        ))
    };
    match observe::room(shared, &room).await? {
        RoomState::Joined(snapshot) if snapshot.creator == shared.whoami().await?.user_id => Ok(Some(room)),
        RoomState::Joined(snapshot) => taken(format!(
            "the alias leads to {room}, which {} has created; adopt that room, or take the alias from it",
            snapshot.creator
        )),
        RoomState::Unknown(cause) => Err(BackendError::new(
            BackendErrorKind::Unavailable,
            alias.as_str(),
            cause.0,
        )),
        _ => taken(format!(
            "the alias leads to {room}, in which the bot is not; have the bot invited there, or take the alias \
             from it"
        )),
    }
}

fn request(
    blueprint: &Blueprint,
    version: &RoomVersionId,
    rules: LevelRules,
    me: &UserId,
) -> Result<create::Request, BackendError> {
    let space = blueprint.kind == RoomKind::Space;
    let mut initial_state = vec![state(
        "m.room.guest_access",
        &json!({ "guest_access": "forbidden" }),
    )];
    if !space {
        if let Some(visibility) = blueprint.history_visibility {
            let content = json!({ "history_visibility": visibility.as_str() });
            initial_state.push(state("m.room.history_visibility", &content));
        }
        if blueprint.encrypt {
            initial_state.push(state(
                "m.room.encryption",
                &json!({ "algorithm": "m.megolm.v1.aes-sha2" }),
            ));
        }
    }
    let unsendable = |error: serde_json::Error| {
        BackendError::new(
            BackendErrorKind::Refused,
            blueprint.alias.as_str(),
            "the room cannot be written down",
        )
        .caused_by(error)
    };
    let mut request = create::Request::new();
    request.preset = Some(RoomPreset::PrivateChat);
    request.room_alias_name = Some(blueprint.alias.alias().to_owned());
    request.name.clone_from(&blueprint.name);
    request.topic.clone_from(&blueprint.topic);
    request.visibility = match blueprint.listing {
        Listing::Public => Visibility::Public,
        Listing::Private => Visibility::Private,
    };
    // The version that the power levels were made for, even if it is the default.
    request.room_version = Some(version.clone());
    if space {
        let content = json!({ "type": "m.space" });
        request.creation_content = Some(Raw::new(&content).map_err(unsendable)?.cast_unchecked());
    }
    request.initial_state = initial_state
        .iter()
        .map(|event| Ok(Raw::new(event).map_err(unsendable)?.cast_unchecked()))
        .collect::<Result<_, BackendError>>()?;
    if let Some(levels) = blueprint.power_levels(rules, me) {
        request.power_level_content_override = Some(Raw::new(&levels).map_err(unsendable)?.cast_unchecked());
    }
    Ok(request)
}

fn state(kind: &str, content: &Value) -> Value {
    json!({ "type": kind, "state_key": "", "content": content })
}
