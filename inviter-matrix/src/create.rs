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
        LeftBehind::Ours(room) => Ok(Effect::Revisit(room)),
        LeftBehind::Nothing => Err(failure.into()),
        // Somebody else may have been faster, or the homeserver is not done yet, and nothing tells which. It is not
        // taken for ours, and not for theirs: who looks later sees.
        LeftBehind::Unseen(room) => {
            let why = &failure.error.message;
            let message = format!(
                "{why}; the alias leads to {room} by now, in which the bot is not: the homeserver may still be making \
                 it, so the next run looks again; if the bot is not in it then either, have it invited there, or take \
                 the alias from it"
            );
            Err(
                BackendError::new(BackendErrorKind::Unavailable, alias.as_str(), message)
                    .caused_by(failure.error),
            )
        }
    }
}

/// How often the homeserver is asked what it has made so far, and how long it is left alone between.
const LOOKS: u32 = 3;
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// What a request whose answer did not come has left.
enum LeftBehind {
    /// A room that we have created.
    Ours(OwnedRoomId),
    /// A room that the alias leads to, and in which the bot is not, or not yet: the alias is bound first.
    Unseen(OwnedRoomId),
    /// The alias leads nowhere.
    Nothing,
}

/// What is under the alias. Whoever made a room there is told by the room alone.
async fn left_behind(
    shared: &Arc<Shared>,
    blueprint: &Blueprint,
    in_use: bool,
) -> Result<LeftBehind, BackendError> {
    let alias = &blueprint.alias;
    let mut looks = LOOKS;
    let room = loop {
        looks -= 1;
        match shared.resolve(alias).await {
            Binding::Bound(room) => break room,
            // The homeserver may still be at it.
            Binding::Missing if looks > 0 => tokio::time::sleep(BETWEEN_LOOKS).await,
            Binding::Missing if in_use => {
                return Err(BackendError::new(
                    BackendErrorKind::AliasTaken,
                    alias.as_str(),
                    "the homeserver says that the alias is in use, and that it leads nowhere",
                ));
            }
            Binding::Missing => return Ok(LeftBehind::Nothing),
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
    let mut looks = LOOKS;
    loop {
        looks -= 1;
        return match observe::room(shared, &room).await? {
            RoomState::Joined(snapshot) if snapshot.creator == shared.whoami().await?.user_id => {
                Ok(LeftBehind::Ours(room))
            }
            RoomState::Joined(snapshot) => taken(format!(
                "the alias leads to {room}, which {} has created; adopt that room, or take the alias from it",
                snapshot.creator
            )),
            RoomState::Unknown(cause) => Err(BackendError::new(
                BackendErrorKind::Unavailable,
                alias.as_str(),
                cause.0,
            )),
            _ if looks > 0 => {
                tokio::time::sleep(BETWEEN_LOOKS).await;
                continue;
            }
            // It was bound before this request: by somebody else, or by an attempt that was over for us long ago.
            _ if in_use => taken(format!(
                "the alias leads to {room}, in which the bot is not; have the bot invited there, or take the alias \
                 from it"
            )),
            _ => Ok(LeftBehind::Unseen(room)),
        };
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
