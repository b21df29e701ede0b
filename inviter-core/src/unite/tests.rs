use ruma_common::{RoomAliasId, RoomId, UserId};

use super::*;
use crate::{
    desired::{FeedRole, GroupRef, Person, PersonIx, PersonStanding, Role},
    directory::{Extent, GroupKey, ProviderId},
    room_rules::RoomRules,
};

fn alias(localpart: &str) -> OwnedRoomAliasId {
    RoomAliasId::parse(format!("#{localpart}:example.org")).unwrap()
}

fn id(name: &str) -> OwnedRoomId {
    RoomId::parse(format!("!{name}:example.org")).unwrap()
}

fn feed(group: &str, role: FeedRole) -> Feed {
    Feed {
        group: GroupRef {
            provider: ProviderId::new("corp"),
            key: GroupKey::new(group),
            name: group.into(),
        },
        role,
    }
}

fn seat(person: u32, feed: impl Into<Option<u16>>, role: Role) -> Seat {
    let feed = feed.into();
    Seat {
        person: PersonIx(person),
        feed,
        role,
        level_fixed: feed.is_none() && role != Role::Member,
    }
}

/// Named in the configuration, with the level that the directory gives.
fn of_directory(person: u32, role: Role) -> Seat {
    Seat {
        level_fixed: false,
        ..seat(person, None, role)
    }
}

fn room(reference: RoomRef, feeds: Vec<Feed>, seats: Vec<Seat>) -> DesiredRoom {
    DesiredRoom {
        refs: vec![reference],
        binding: Binding::Unknown(Cause::new("not asked")),
        seats,
        members: Extent::Complete,
        owners: Extent::Complete,
        rules: Arc::default(),
        precedence: DesiredRoom::BY_DEFAULT,
        feeds: feeds.into(),
        in_doubt: BTreeMap::new(),
        in_scope: true,
    }
}

fn desired(rooms: Vec<DesiredRoom>) -> Desired {
    let person = |n| Person {
        user_id: UserId::parse(format!("@p{n}:example.org")).unwrap(),
        standing: PersonStanding::Active,
    };
    Desired {
        people: (0..6).map(person).collect(),
        rooms,
        ..Desired::default()
    }
}

fn bindings(pairs: &[(&str, Binding)]) -> BTreeMap<OwnedRoomAliasId, Binding> {
    pairs
        .iter()
        .map(|(name, binding)| (alias(name), binding.clone()))
        .collect()
}

fn two_rooms() -> Vec<DesiredRoom> {
    let members = |group| feed(group, FeedRole::Members);
    let a = room(
        RoomRef::Alias(alias("a")),
        vec![members("g1"), members("g3")],
        vec![
            seat(0, 0, Role::Member),
            seat(1, 1, Role::Level(50)),
            seat(3, None, Role::Level(0)),
            seat(4, None, Role::Member),
            of_directory(5, Role::Level(25)),
        ],
    );
    let b = room(
        RoomRef::Alias(alias("b")),
        vec![
            feed("g2", FeedRole::Members),
            feed("g2", FeedRole::Owners),
            members("g3"),
        ],
        vec![
            seat(0, 1, Role::Level(50)),
            seat(1, 2, Role::Level(25)),
            seat(2, 0, Role::Member),
            seat(3, 1, Role::Level(50)),
            seat(4, 1, Role::Level(50)),
            seat(5, 1, Role::Level(50)),
        ],
    );
    vec![a, b]
}

#[test]
fn rooms_are_bound_and_stay_apart() {
    let united = unite(
        desired(two_rooms()),
        &bindings(&[("a", Binding::Bound(id("one"))), ("b", Binding::Missing)]),
    );
    assert_eq!(united.rooms[0].binding, Binding::Bound(id("one")));
    assert_eq!(united.rooms[1].binding, Binding::Missing);
    let united = unite(desired(two_rooms()), &BTreeMap::new());
    assert!(
        united
            .rooms
            .iter()
            .all(|r| matches!(&r.binding, Binding::Unknown(_)))
    );
    let missing = bindings(&[("a", Binding::Missing), ("b", Binding::Missing)]);
    assert_eq!(unite(desired(two_rooms()), &missing).rooms.len(), 2);
}

#[test]
fn rooms_behind_two_aliases_are_one() {
    let both = bindings(&[("a", Binding::Bound(id("one"))), ("b", Binding::Bound(id("one")))]);
    let mut rooms = two_rooms();
    rooms[1].members = Extent::gap("g2", "refused");
    let united = unite(desired(rooms), &both);
    assert_eq!(united.rooms.len(), 1);
    let one = &united.rooms[0];
    assert_eq!(one.refs, [RoomRef::Alias(alias("a")), RoomRef::Alias(alias("b"))]);
    assert_eq!(one.binding, Binding::Bound(id("one")));
    let keys: Vec<_> = one.feeds.iter().map(|f| (f.group.key.as_str(), f.role)).collect();
    assert_eq!(
        keys,
        [
            ("g1", FeedRole::Members),
            ("g2", FeedRole::Members),
            ("g2", FeedRole::Owners),
            ("g3", FeedRole::Members)
        ]
    );
    assert_eq!(
        one.seats,
        [
            seat(0, 2, Role::Level(50)),
            seat(1, 3, Role::Level(50)),
            seat(2, 1, Role::Member),
            // A level that the configuration gives stays, and one that it does not give comes from elsewhere.
            seat(3, None, Role::Level(0)),
            of_directory(4, Role::Level(50)),
            of_directory(5, Role::Level(50)),
        ]
    );
    assert!(!one.members.is_complete());
    assert!(one.owners.is_complete());
    assert!(united.findings.is_empty());
}

#[test]
fn an_id_binds_to_itself() {
    let mut rooms = two_rooms();
    rooms.push(room(
        RoomRef::Id(id("one")),
        Vec::new(),
        vec![seat(5, None, Role::Member)],
    ));
    let united = unite(desired(rooms), &bindings(&[("b", Binding::Bound(id("one")))]));
    assert_eq!(united.rooms.len(), 2);
    assert_eq!(
        united.rooms[1].refs,
        [RoomRef::Alias(alias("b")), RoomRef::Id(id("one"))]
    );
    assert_eq!(united.rooms[1].seats.len(), 6);
}

#[test]
fn settings_that_come_first_in_the_configuration_count() {
    let both = bindings(&[("a", Binding::Bound(id("one"))), ("b", Binding::Bound(id("one")))]);
    let topic = |topic: &str| {
        Arc::new(RoomRules {
            topic: Some(topic.to_owned()),
            ..RoomRules::default()
        })
    };
    // The defaults give way to an explicit entry without a word.
    let mut rooms = two_rooms();
    (rooms[1].rules, rooms[1].precedence) = (topic("explicit"), 7);
    let united = unite(desired(rooms.clone()), &both);
    assert_eq!(united.rooms[0].rules.topic.as_deref(), Some("explicit"));
    assert_eq!(united.rooms[0].precedence, 7);
    assert_eq!(united.rooms[0].refs[0], RoomRef::Alias(alias("a")));
    assert!(united.findings.is_empty());
    (rooms[0].rules, rooms[0].precedence) = (topic("later"), 9);
    let united = unite(desired(rooms), &both);
    assert_eq!(united.rooms[0].rules.topic.as_deref(), Some("explicit"));
    assert_eq!(united.findings[0].kind, FindingKind::ConflictingSettings);
}

#[test]
fn what_was_united_and_no_longer_leads_to_one_room_is_unknown() {
    let one = Binding::Bound(id("one"));
    let united = unite(
        desired(two_rooms()),
        &bindings(&[("a", one.clone()), ("b", one.clone())]),
    );
    let again = unite(united, &bindings(&[("a", one), ("b", Binding::Bound(id("two")))]));
    assert!(matches!(&again.rooms[0].binding, Binding::Unknown(_)));
}
