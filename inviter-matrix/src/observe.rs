//! Reading rooms: all of them by one `/sync`, or some by their state.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures_util::{StreamExt as _, stream, stream::BoxStream};
use inviter_core::{
    backend::{BackendError, BackendErrorKind, Observe, Observed},
    room::{Cause, RoomState},
};
use ruma::{
    OwnedRoomId, OwnedUserId, RoomId, UserId,
    api::client::{
        filter::{Filter, FilterDefinition, RoomEventFilter, RoomFilter},
        membership::joined_rooms,
        state::get_state_events,
        sync::sync_events::v3 as sync,
    },
    presence::PresenceState,
    uint,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use crate::{
    answer_size::Shape,
    backend::Shared,
    client::Call,
    jitter::nonce,
    room_state::{Collector, TYPES},
    stream::{Elements, Events, Object, SyncRooms, Unwanted, object, read, whole},
};

/// Why a room is unknown that is in the list of rooms and not in `/sync`.
pub(crate) const LEFT_OUT: &str = "the bot is in this room, but the homeserver leaves it out of /sync; it may still be \
                                   fetching the room's state from other servers";
/// What of an event makes state.
pub(crate) const STATE_FIELDS: [&str; 5] = ["type", "state_key", "sender", "origin_server_ts", "content"];
/// Rooms that may wait for the caller.
pub(crate) const ROOMS: usize = 4;

pub(crate) type Item = Result<Observed, BackendError>;

/// Starts when the stream is polled first.
pub(crate) fn observe(shared: Arc<Shared>, what: Observe) -> BoxStream<'static, Item> {
    stream::once(async move {
        let (sender, receiver) = mpsc::channel(ROOMS);
        // A task of its own, so that bytes are taken in while the caller is busy with a room. It ends by itself
        // when the caller drops the stream.
        tokio::spawn(async move {
            let done = match what {
                Observe::Rooms(rooms) => chosen(&shared, rooms, &sender).await,
                _ => joined(&shared, &sender).await,
            };
            if let Err(error) = done {
                // Nobody listens any more: nobody to tell.
                drop(sender.send(Err(error)).await);
            }
        });
        stream::unfold(receiver, |mut receiver| async {
            receiver.recv().await.map(|item| (item, receiver))
        })
    })
    .flatten()
    .boxed()
}

/// One request per room, and one more if there are rooms that we are not in: it tells of invitations.
pub(crate) async fn chosen(
    shared: &Arc<Shared>,
    rooms: Vec<OwnedRoomId>,
    out: &mpsc::Sender<Item>,
) -> Result<(), BackendError> {
    let mut outside = Vec::new();
    let mut states = stream::iter(rooms)
        .map(|room| {
            let shared = Arc::clone(shared);
            async move { one(&shared, room).await }
        })
        .buffer_unordered(shared.client.concurrency);
    while let Some(observed) = states.next().await {
        let observed = observed?;
        if matches!(observed.state, RoomState::NotJoined { invited_by: None }) {
            outside.push(observed.room_id);
        } else if out.send(Ok(observed)).await.is_err() {
            return Ok(());
        }
    }
    if outside.is_empty() {
        return Ok(());
    }
    let invitations = invitations(shared, &outside).await;
    for room_id in outside {
        let state = match &invitations {
            Ok(invitations) => RoomState::NotJoined {
                invited_by: invitations.get(&room_id).cloned(),
            },
            Err(error) => RoomState::Unknown(Cause::new(&error.message)),
        };
        if out.send(Ok(Observed { room_id, state })).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Who has invited us to which of these rooms. Only `/sync` tells.
async fn invitations(
    shared: &Arc<Shared>,
    rooms: &[OwnedRoomId],
) -> Result<BTreeMap<OwnedRoomId, OwnedUserId>, BackendError> {
    let me = shared.whoami().await?.user_id;
    let client = &shared.client;
    let call = Call::read(&client.base);
    let mut room = RoomFilter::default();
    room.rooms = Some(rooms.to_vec());
    room.state = no_room_events();
    room.timeline = no_room_events();
    room.ephemeral = no_room_events();
    room.account_data = no_room_events();
    let response = client
        .open(&call, sync_request(room, &STATE_FIELDS), client.timeouts.sync)
        .await?;
    read(response, client, &call.about, Shape::Sync, move |reader| {
        let mut inviters = BTreeMap::new();
        let mut each = |section: &'static str, id: String, raw: &RawValue| {
            if section == "invite"
                && let (Ok(room), Some(by)) = (RoomId::parse(&id), inviter(raw, &me))
            {
                inviters.insert(room, by);
            }
            Ok(())
        };
        whole(reader, SyncRooms::new(&mut each, &mut None))?;
        Ok(inviters)
    })
    .await
}

/// One request for the list, one for everything else.
async fn joined(shared: &Arc<Shared>, out: &mpsc::Sender<Item>) -> Result<(), BackendError> {
    let me = shared.whoami().await?.user_id;
    let client = &shared.client;
    let call = Call::read(&client.base);
    let list = client
        .send(&call, joined_rooms::v3::Request::new())
        .await?
        .joined_rooms;
    let mut missing: BTreeSet<OwnedRoomId> = list.into_iter().collect();
    let patience = client.timeouts.sync;
    let response = client
        .open(&call, sync_request(full_state(), &STATE_FIELDS), patience)
        .await?;
    let sender = out.clone();
    let known = Arc::clone(shared);
    let seen = read(response, client, &call.about, Shape::Sync, move |reader| {
        let mut seen = Vec::new();
        let mut each = |section: &'static str, id: String, raw: &RawValue| {
            let observed = match RoomId::parse(&id) {
                Ok(room_id) if section == "join" => {
                    seen.push(room_id.clone());
                    let state = joined_room(&room_id, raw);
                    known.remember(&state);
                    Some(Observed { room_id, state })
                }
                Ok(room_id) if section == "invite" => Some(Observed {
                    state: RoomState::NotJoined {
                        invited_by: inviter(raw, &me),
                    },
                    room_id,
                }),
                // Not a room, or one that we have left: nothing to say about it.
                Ok(_) | Err(_) => None,
            };
            match observed {
                Some(observed) => sender.blocking_send(Ok(observed)).map_err(|_| Unwanted),
                None => Ok(()),
            }
        };
        whole(reader, SyncRooms::new(&mut each, &mut None))?;
        Ok(seen)
    })
    .await?;
    for room in seen {
        missing.remove(&room);
    }
    for room_id in missing {
        let state = RoomState::Unknown(Cause::new(LEFT_OUT));
        if out.send(Ok(Observed { room_id, state })).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// What of each room `/sync` has to tell.
pub(crate) fn full_state() -> RoomFilter {
    let types = || Some(TYPES.iter().map(|&kind| kind.to_owned()).collect::<Vec<_>>());
    let mut state = RoomEventFilter::default();
    state.types = types();
    // The state that comes is that before the timeline; the timeline is put on top of it. A timeline without
    // events would do on some servers and lose what changed last on others.
    let mut timeline = RoomEventFilter::default();
    timeline.types = types();
    timeline.limit = Some(uint!(1));
    let mut room = RoomFilter::default();
    room.state = state;
    room.timeline = timeline;
    room.ephemeral = no_room_events();
    room.account_data = no_room_events();
    // No `rooms`: Synapse then leaves the create event of version 12 out.
    room
}

/// Keeps all events of a room out. An empty list of types would do by the spec, but looks like none to some.
fn no_room_events() -> RoomEventFilter {
    let mut filter = RoomEventFilter::default();
    filter.not_types = vec!["*".to_owned()];
    filter
}

/// The same for events outside of rooms.
fn no_events() -> Filter {
    let mut filter = Filter::default();
    filter.not_types = vec!["*".to_owned()];
    filter
}

/// An initial `/sync` with an inline filter, so that nothing has to be uploaded.
pub(crate) fn sync_request(room: RoomFilter, fields: &[&str]) -> sync::Request {
    let mut filter = FilterDefinition::default();
    filter.room = room;
    filter.account_data = no_events();
    filter.presence = no_events();
    filter.event_fields = Some(fields.iter().map(|&field| field.to_owned()).collect());
    // Synapse answers an initial sync that it has answered within the last two minutes from its cache. A filter
    // that differs in something without effect makes it look.
    if let Ok(user) = UserId::parse(format!("@{:x}:nobody.invalid", nonce())) {
        filter.presence.not_senders = vec![user];
    }
    let mut request = sync::Request::new();
    request.filter = Some(sync::Filter::FilterDefinition(filter));
    request.timeout = Some(std::time::Duration::ZERO);
    // Reading is no presence.
    request.set_presence = PresenceState::Offline;
    request.use_state_after = true;
    request
}

/// A room of the join section.
#[derive(Deserialize)]
pub(crate) struct Joined<'a> {
    #[serde(borrow, default)]
    state: Events<'a>,
    /// What happened, with messages.
    #[serde(borrow, default)]
    pub(crate) timeline: Events<'a>,
    /// Of servers that can: the state after the timeline, which then is not to be put on top.
    #[serde(borrow, default)]
    state_after: Option<Events<'a>>,
}

impl<'a> Joined<'a> {
    /// Whether the homeserver has told the state itself, and not only what happened.
    pub(crate) const fn tells_state(&self) -> bool {
        self.state_after.is_some()
    }

    /// The events that make the room's state what it is now, the older ones first.
    pub(crate) fn state(&self) -> impl Iterator<Item = &'a RawValue> {
        let (first, then) = match &self.state_after {
            Some(state) => (&state.events, None),
            None => (&self.state.events, Some(&self.timeline.events)),
        };
        first.iter().chain(then.into_iter().flatten()).copied()
    }

    fn collect(&self, collector: &mut Collector) {
        self.state().for_each(|event| collector.add(event));
    }
}

pub(crate) fn joined_room(room_id: &RoomId, raw: &RawValue) -> RoomState {
    let Ok(room) = object::<Joined<'_>>(raw.get()) else {
        return unreadable();
    };
    let mut collector = Collector::default();
    room.collect(&mut collector);
    collector.finish(room_id.to_owned())
}

/// What is known of a room whose part of `/sync` cannot be read.
fn unreadable() -> RoomState {
    RoomState::Unknown(Cause::new(
        "the homeserver's /sync answer for this room cannot be read",
    ))
}

#[derive(Deserialize)]
struct Invited<'a> {
    #[serde(borrow)]
    invite_state: Events<'a>,
}

#[derive(Deserialize)]
struct Stripped {
    #[serde(rename = "type")]
    kind: String,
    state_key: String,
    sender: OwnedUserId,
    content: Object<StrippedContent>,
}

#[derive(Deserialize)]
struct StrippedContent {
    membership: Option<String>,
}

/// Who has sent our invitation; nobody if that is in doubt. The server that invites writes the stripped state, and only
/// our own puts the invitation that it has checked among it, somewhere: where two name different senders, one of them is
/// made up.
pub(crate) fn inviter(raw: &RawValue, me: &UserId) -> Option<OwnedUserId> {
    let room: Invited<'_> = object(raw.get()).ok()?;
    let events = room.invite_state.events.iter();
    let mut senders = events
        .filter_map(|event| object::<Stripped>(event.get()).ok())
        .filter(|event| {
            event.kind == "m.room.member"
                && event.state_key == me.as_str()
                && event.content.0.membership.as_deref() == Some("invite")
        })
        .map(|event| event.sender);
    let sender = senders.next()?;
    senders.all(|other| other == sender).then_some(sender)
}

/// One room by its state. Only what would hold for all rooms alike is an error.
pub(crate) async fn one(shared: &Arc<Shared>, room_id: OwnedRoomId) -> Item {
    match room(shared, &room_id).await {
        Ok(state) => Ok(Observed { room_id, state }),
        Err(error) if error.kind == BackendErrorKind::Unauthenticated => Err(error),
        Err(error) => Ok(Observed {
            room_id,
            state: RoomState::Unknown(Cause::new(error.message)),
        }),
    }
}

/// The state of one room.
pub(crate) async fn room(shared: &Arc<Shared>, room_id: &RoomId) -> Result<RoomState, BackendError> {
    let me = shared.whoami().await?.user_id;
    let Some(collector) = events(shared, room_id).await? else {
        return Ok(RoomState::NotJoined { invited_by: None });
    };
    let state = collector.finish_for(room_id.to_owned(), &me);
    shared.remember(&state);
    Ok(state)
}

/// The state events of one room; nothing if we may not see them.
pub(crate) async fn events(
    shared: &Arc<Shared>,
    room_id: &RoomId,
) -> Result<Option<Collector>, BackendError> {
    let client = &shared.client;
    let call = Call::read(room_id.as_str());
    let request = get_state_events::v3::Request::new(room_id.to_owned());
    let response = match client.open(&call, request, client.timeouts.request).await {
        Ok(response) => response,
        // Said of rooms that do not exist as well.
        Err(failure) if failure.is_forbidden() => return Ok(None),
        Err(failure) => return Err(failure.into()),
    };
    read(response, client, room_id.as_str(), Shape::Room, |reader| {
        let mut collector = Collector::default();
        whole(reader, Elements(|event: &RawValue| collector.add(event)))?;
        Ok(Some(collector))
    })
    .await
}

#[cfg(test)]
#[path = "observe_tests.rs"]
mod tests;
