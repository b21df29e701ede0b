//! What the comparison with a real Synapse does not reach: users of other servers, planned faults, half-made rooms.

use futures_executor::{block_on, block_on_stream};
use ruma_common::{OwnedRoomId, OwnedUserId, RoomAliasId, RoomVersionId, ServerName, UserId};
use serde_json::{Map, json};

use super::{Call, InMemoryHomeserver, NewRoom, Preset, UserOp};
use crate::{
    RoomBackend,
    action::{Op, RoomTarget},
    backend::{BackendErrorKind, Effect, Observe},
    room::{Binding, Cause, Membership, RoomState},
};

fn homeserver() -> (InMemoryHomeserver, OwnedUserId) {
    let homeserver = InMemoryHomeserver::new(ServerName::parse("example.org").unwrap());
    let alice = homeserver.register("alice").unwrap();
    (homeserver, alice)
}

fn foreign(localpart: &str) -> OwnedUserId {
    UserId::parse(format!("@{localpart}:elsewhere.example")).unwrap()
}

fn room(homeserver: &InMemoryHomeserver, by: &UserId, new: NewRoom) -> OwnedRoomId {
    let outcome = homeserver.act(by, &UserOp::CreateRoom(Box::new(new))).unwrap();
    outcome.created().unwrap()
}

fn bring_in(homeserver: &InMemoryHomeserver, by: &UserId, room: &OwnedRoomId, user: &UserId) {
    let invite = UserOp::Invite {
        room: room.clone(),
        user: user.to_owned(),
        reason: None,
    };
    homeserver.act(by, &invite).unwrap();
    homeserver
        .act(user, &UserOp::Join { room: room.clone() })
        .unwrap();
}

#[test]
fn rooms_that_do_not_federate_take_no_foreign_users() {
    let (homeserver, alice) = homeserver();
    let mut creation = Map::new();
    creation.insert("m.federate".to_owned(), false.into());
    let new = NewRoom {
        preset: Preset::PublicChat,
        creation,
        ..NewRoom::default()
    };
    let room = room(&homeserver, &alice, new);
    let invite = UserOp::Invite {
        room: room.clone(),
        user: foreign("mallory"),
        reason: None,
    };
    assert_eq!(homeserver.act(&alice, &invite).unwrap_err().status, 403);
    let join = UserOp::Join { room };
    assert_eq!(
        homeserver.act(&foreign("mallory"), &join).unwrap_err().status,
        403
    );
}

#[test]
fn strings_are_levels_before_version_10_if_another_server_sends_them() {
    for (version, accepted) in [(RoomVersionId::V9, true), (RoomVersionId::V10, false)] {
        let (homeserver, alice) = homeserver();
        let bob = foreign("bob");
        let levels = json!({alice.as_str(): 100, bob.as_str(): 100});
        let new = NewRoom {
            version: Some(version),
            levels: Some([("users".to_owned(), levels)].into_iter().collect()),
            ..NewRoom::default()
        };
        let room = room(&homeserver, &alice, new);
        bring_in(&homeserver, &alice, &room, &bob);
        let mut content = homeserver.levels(&room).unwrap();
        content["users"]["@carol:example.org"] = "50".into();
        let set = UserOp::set(room.clone(), "m.room.power_levels", content);
        homeserver.act(&alice, &set).unwrap_err();
        assert_eq!(homeserver.act(&bob, &set).is_ok(), accepted);
        let carol = UserId::parse("@carol:example.org").unwrap();
        let read = homeserver.snapshot(&room).unwrap().levels.user_entry(&carol);
        assert_eq!(read, accepted.then_some(50));
    }
}

#[test]
fn a_creation_that_fails_halfway_leaves_the_alias_and_an_empty_room() {
    let (homeserver, alice) = homeserver();
    let users = json!({alice.as_str(): 100});
    let new = NewRoom {
        alias: Some("half".to_owned()),
        name: Some("Half".to_owned()),
        levels: Some([("users".to_owned(), users)].into_iter().collect()),
        ..NewRoom::default()
    };
    // A creator among the users is not let in from version 12 on.
    let refusal = homeserver
        .act(&alice, &UserOp::CreateRoom(Box::new(new)))
        .unwrap_err();
    assert_eq!(refusal.status, 400);
    let room = homeserver
        .alias(&RoomAliasId::parse("#half:example.org").unwrap())
        .unwrap();
    let snapshot = homeserver.snapshot(&room).unwrap();
    assert_eq!(snapshot.members.len(), 1);
    assert_eq!(snapshot.name, None);
    assert!(!snapshot.levels.is_present());
}

#[test]
fn planned_faults_happen_once_and_a_lost_answer_is_done_all_the_same() {
    let (homeserver, alice) = homeserver();
    let backend = homeserver.backend(alice.clone());
    let room = room(&homeserver, &alice, NewRoom::default());
    let target = RoomTarget::Existing(room.clone());
    let bob = homeserver.register("bob").unwrap();
    let invite = Op::Invite {
        user: bob.clone(),
        reason: None,
    };
    let executes = |call: &Call<'_>| matches!(call, Call::Execute(..));

    homeserver.fail_next(executes, BackendErrorKind::Unavailable);
    let error = block_on(backend.execute(&target, &invite)).unwrap_err();
    assert_eq!(error.kind, BackendErrorKind::Unavailable);
    assert_eq!((homeserver.writes(), homeserver.members(&room).len()), (0, 1));

    homeserver.lose_next_answer(executes, BackendErrorKind::Unavailable);
    block_on(backend.execute(&target, &invite)).unwrap_err();
    assert_eq!((homeserver.writes(), homeserver.members(&room).len()), (1, 2));
    let again = block_on(backend.execute(&target, &invite)).unwrap();
    assert_eq!((again, homeserver.writes()), (Effect::AlreadySo, 1));

    let join = UserOp::Join { room: room.clone() };
    let joins = bob.clone();
    homeserver.before_next(executes, move |homeserver| {
        homeserver.act(&joins, &join).unwrap();
    });
    block_on(backend.execute(&target, &invite)).unwrap();
    let bob = homeserver.snapshot(&room).unwrap().member(&bob).cloned().unwrap();
    assert_eq!(bob.membership, Membership::Joined);
}

#[test]
fn an_error_ends_the_stream_of_rooms() {
    let (homeserver, alice) = homeserver();
    let backend = homeserver.backend(alice.clone());
    let rooms: Vec<_> = (0..3)
        .map(|_| room(&homeserver, &alice, NewRoom::default()))
        .collect();
    let second = rooms[1].clone();
    homeserver.fail_next(
        move |call| matches!(call, Call::Observe(room) if *room == second),
        BackendErrorKind::Unavailable,
    );
    let seen: Vec<bool> = block_on_stream(backend.observe(Observe::Joined))
        .map(|observed| observed.is_ok())
        .collect();
    assert_eq!(seen, [true, false]);
}

#[test]
fn what_is_marked_unknown_is_unknown() {
    let (homeserver, alice) = homeserver();
    let backend = homeserver.backend(alice.clone());
    let room = room(&homeserver, &alice, NewRoom::default());
    let cause = || Some(Cause::new("502"));
    let alias = RoomAliasId::parse("#any:example.org").unwrap();
    homeserver.set_alias_unknown(&alias, cause());
    assert!(matches!(
        block_on(backend.resolve_alias(&alias)),
        Binding::Unknown(_)
    ));
    homeserver.set_alias_unknown(&alias, None);
    assert_eq!(block_on(backend.resolve_alias(&alias)), Binding::Missing);
    homeserver.set_room_unknown(&room, cause());
    let state = homeserver.state_for(&alice, &room).unwrap();
    assert!(matches!(state, RoomState::Unknown(_)));
    homeserver.set_room_unknown(&room, None);
    homeserver.lose_state(&room, "m.room.create", "");
    let state = homeserver.state_for(&alice, &room).unwrap();
    assert!(matches!(state, RoomState::Unknown(_)));
}

#[test]
fn a_deactivated_account_leaves_and_does_nothing_more() {
    let (homeserver, alice) = homeserver();
    let bob = homeserver.register("bob").unwrap();
    let room = room(&homeserver, &alice, NewRoom::default());
    bring_in(&homeserver, &alice, &room, &bob);
    homeserver.deactivate(&bob);
    let member = homeserver.snapshot(&room).unwrap().member(&bob).cloned().unwrap();
    assert_eq!((member.membership, &member.sender), (Membership::Left, &bob));
    let refusal = homeserver.act(&bob, &UserOp::Join { room }).unwrap_err();
    assert_eq!(refusal.status, 401);
}

#[test]
fn the_same_requests_end_in_the_same_digest() {
    let run = || {
        let (homeserver, alice) = homeserver();
        let room = room(&homeserver, &alice, NewRoom::default());
        bring_in(&homeserver, &alice, &room, &homeserver.register("bob").unwrap());
        homeserver.digest()
    };
    assert_eq!(run(), run());
}
