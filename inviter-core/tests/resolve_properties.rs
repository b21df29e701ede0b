//! Properties of `resolve` and `unite` that hold for every directory.

#![expect(clippy::unwrap_used, reason = "in a test, a surprise is a failure")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use inviter_core::{
    OwnedRoomAliasId, RoomAliasId, RoomId, ServerName,
    decode::{RoomDecoder, XxxDecoder},
    desired::{Desired, DesiredRoom, PersonStanding, Role},
    directory::{
        Account, AccountIx, AccountStatus, Directory, Extent, Group, GroupIx, GroupKey, Member, Part,
        ProviderId,
    },
    mint::{GuestRule, Minting},
    policy::{Policy, SourcePolicy},
    resolve::{ReadOutcome, resolve},
    room::{Binding, RoomRef},
    unite::unite,
};
use proptest::prelude::*;

/// A directory by plain numbers: what the tests reason about, without the crate's own types.
#[derive(Debug, Clone)]
struct World {
    /// By person: whether active, and `None` if that is not known.
    people: Vec<Option<bool>>,
    groups: Vec<WorldGroup>,
}

#[derive(Debug, Clone)]
struct WorldGroup {
    /// Stands for the room of this number.
    room: Option<u8>,
    members: BTreeSet<usize>,
    groups: BTreeSet<usize>,
    owners: BTreeSet<usize>,
    gap: bool,
}

impl World {
    /// Everyone in a group, worked out by saturation: members of all groups are merged upwards until nothing moves.
    fn closures(&self) -> Vec<BTreeSet<usize>> {
        let mut all: Vec<BTreeSet<usize>> = self.groups.iter().map(|g| g.members.clone()).collect();
        loop {
            let before = all.clone();
            for (at, group) in self.groups.iter().enumerate() {
                for &inner in &group.groups {
                    all[at].extend(&before[inner]);
                }
            }
            if all == before {
                return all;
            }
        }
    }

    /// Which groups have a gap in them or below, likewise.
    fn gaps(&self) -> Vec<bool> {
        let mut all: Vec<bool> = self.groups.iter().map(|g| g.gap).collect();
        loop {
            let before = all.clone();
            for (at, group) in self.groups.iter().enumerate() {
                all[at] |= group.groups.iter().any(|&inner| before[inner]);
            }
            if all == before {
                return all;
            }
        }
    }

    fn groups_of(&self, room: u8) -> impl Iterator<Item = usize> {
        (0..self.groups.len()).filter(move |&g| self.groups[g].room == Some(room))
    }

    fn rooms(&self) -> BTreeSet<u8> {
        self.groups.iter().filter_map(|g| g.room).collect()
    }

    /// The directory with accounts and groups in these orders, and member lists turned around where `reversed`.
    fn directory(&self, accounts: &[usize], groups: &[usize], reversed: bool) -> Directory {
        let place = |order: &[usize], at: usize| {
            let place = order.iter().position(|&o| o == at).unwrap();
            u32::try_from(place).unwrap()
        };
        let account = |&person: &usize| Account {
            key: format!("key{person}").into(),
            label: None,
            attributes: [("uid", format!("p{person}").as_str())].into_iter().collect(),
            status: self.people[person].map(|active| {
                if active {
                    AccountStatus::Active
                } else {
                    AccountStatus::Disabled
                }
            }),
            matrix_id: None,
        };
        let list = |people: &BTreeSet<usize>, inner: &BTreeSet<usize>| {
            let people = people
                .iter()
                .map(|&p| Member::Account(AccountIx(place(accounts, p))));
            let inner = inner.iter().map(|&g| Member::Group(GroupIx(place(groups, g))));
            let mut values: Vec<Member> = people.chain(inner).collect();
            if reversed {
                values.reverse();
            }
            values
        };
        let group = |&at: &usize| {
            let group = &self.groups[at];
            Group {
                key: GroupKey::new(format!("g{at}")),
                name: match group.room {
                    Some(room) => format!("xxxroom{room}xxxexample.org").into(),
                    None => format!("group{at}").into(),
                },
                also_called: Vec::new(),
                members: Part {
                    values: list(&group.members, &group.groups),
                    extent: if group.gap {
                        Extent::gap(format!("g{at}"), "refused")
                    } else {
                        Extent::Complete
                    },
                },
                owners: Part::complete(list(&group.owners, &BTreeSet::new())),
                flattened: false,
                nested_only: false,
            }
        };
        Directory {
            accounts: accounts.iter().map(account).collect(),
            groups: groups.iter().map(group).collect(),
            ..Directory::default()
        }
    }

    fn outcome(&self, name: &str) -> ReadOutcome {
        let accounts: Vec<usize> = (0..self.people.len()).collect();
        let groups: Vec<usize> = (0..self.groups.len()).collect();
        read(name, self.directory(&accounts, &groups, false))
    }

    fn resolved(&self) -> Desired {
        resolve(&[self.outcome("one")], &policy())
    }
}

fn read(name: &str, directory: Directory) -> ReadOutcome {
    ReadOutcome {
        provider: ProviderId::new(name),
        result: Ok(directory),
    }
}

fn minting() -> Minting {
    Minting {
        server: ServerName::parse("example.org").unwrap(),
        attribute: "uid".to_owned(),
        before_at: false,
        guests: GuestRule::Strip,
        renames: BTreeMap::new(),
    }
}

fn policy() -> Policy {
    let mut policy = Policy::new(ServerName::parse("example.org").unwrap());
    policy.sources = ["one", "two"]
        .map(|name| SourcePolicy {
            provider: ProviderId::new(name),
            decoders: vec![Arc::new(XxxDecoder::default()) as Arc<dyn RoomDecoder>],
            minting: minting(),
        })
        .into();
    policy
}

fn alias(room: u8) -> OwnedRoomAliasId {
    RoomAliasId::parse(format!("#room{room}:example.org")).unwrap()
}

fn room_of(desired: &Desired, room: u8) -> &DesiredRoom {
    let wanted = RoomRef::Alias(alias(room));
    desired.rooms.iter().find(|r| r.refs.contains(&wanted)).unwrap()
}

fn seated(desired: &Desired, room: &DesiredRoom) -> BTreeSet<String> {
    room.seats
        .iter()
        .map(|s| desired.user(s).localpart().to_owned())
        .collect()
}

fn names(people: &BTreeSet<usize>) -> BTreeSet<String> {
    people.iter().map(|p| format!("p{p}")).collect()
}

fn subset(of: usize, most: usize) -> impl Strategy<Value = BTreeSet<usize>> {
    prop::collection::btree_set(0..of, 0..=most)
}

prop_compose! {
    fn world()(people in 1_usize..12, groups in 1_usize..12)(
        people in prop::collection::vec(
            prop_oneof![6 => Just(Some(true)), 2 => Just(Some(false)), 1 => Just(None)],
            people,
        ),
        groups in prop::collection::vec(
            (
                prop::option::of(0_u8..5),
                subset(people, 4),
                subset(groups, 3),
                subset(people, 2),
                prop::bool::weighted(0.15),
            )
                .prop_map(|(room, members, groups, owners, gap)| WorldGroup { room, members, groups, owners, gap }),
            groups,
        ),
    ) -> World {
        World { people, groups }
    }
}

prop_compose! {
    /// A world and another order of its accounts and groups.
    fn shuffled_world()(world in world())(
        accounts in Just((0..world.people.len()).collect::<Vec<_>>()).prop_shuffle(),
        groups in Just((0..world.groups.len()).collect::<Vec<_>>()).prop_shuffle(),
        world in Just(world),
    ) -> (World, Vec<usize>, Vec<usize>) {
        (world, accounts, groups)
    }
}

prop_compose! {
    fn bindings()(
        of in prop::collection::vec(prop_oneof![
            3 => (0_u8..3).prop_map(Some),
            1 => Just(None),
        ], 5),
    ) -> BTreeMap<OwnedRoomAliasId, Binding> {
        let bind = |room: Option<u8>| match room {
            Some(room) => Binding::Bound(RoomId::parse(format!("!r{room}:example.org")).unwrap()),
            None => Binding::Missing,
        };
        (0..5_u8).zip(of).map(|(room, to)| (alias(room), bind(to))).collect()
    }
}

proptest! {
    #[test]
    fn the_order_of_the_answer_does_not_matter(
        (world, accounts, groups) in shuffled_world(),
        other in world(),
        reversed in any::<bool>(),
    ) {
        let straight = resolve(&[world.outcome("one"), other.outcome("two")], &policy());
        let shuffled = read("one", world.directory(&accounts, &groups, reversed));
        let turned = resolve(&[other.outcome("two"), shuffled], &policy());
        prop_assert_eq!(format!("{straight:#?}"), format!("{turned:#?}"));
    }

    #[test]
    fn seats_are_everyone_who_is_in_by_any_way(world in world()) {
        let desired = world.resolved();
        let closures = world.closures();
        prop_assert_eq!(desired.rooms.len(), world.rooms().len());
        for room in world.rooms() {
            let mut expected = BTreeSet::new();
            for group in world.groups_of(room) {
                expected.extend(closures[group].iter().filter(|&&p| world.people[p] != Some(false)).copied());
            }
            let actual = room_of(&desired, room);
            prop_assert_eq!(seated(&desired, actual), names(&expected));
            // Sorted and each once, as everything behind relies on.
            prop_assert!(actual.seats.is_sorted_by(|a, b| a.person < b.person));
            let owners: BTreeSet<usize> = world
                .groups_of(room)
                .flat_map(|g| &world.groups[g].owners)
                .filter(|p| expected.contains(p))
                .copied()
                .collect();
            let raised: BTreeSet<String> = actual
                .seats
                .iter()
                .filter(|seat| seat.role == Role::Level(50))
                .map(|seat| desired.user(seat).localpart().to_owned())
                .collect();
            prop_assert_eq!(raised, names(&owners));
            // Whoever gave a seat is named rightly.
            for seat in &actual.seats {
                let feed = &actual.feeds[usize::from(seat.feed.unwrap())];
                let group: usize = feed.group.key.as_str()[1..].parse().unwrap();
                let person: usize = desired.user(seat).localpart()[1..].parse().unwrap();
                let gave = match seat.role {
                    Role::Member => closures[group].contains(&person),
                    Role::Level(_) => world.groups[group].owners.contains(&person),
                };
                prop_assert!(gave, "{feed:?} did not seat p{person}");
            }
        }
    }

    #[test]
    fn an_unknown_part_makes_everything_above_it_unknown(world in world()) {
        let desired = world.resolved();
        let gaps = world.gaps();
        for room in world.rooms() {
            let unknown = world.groups_of(room).any(|g| gaps[g]);
            prop_assert_eq!(room_of(&desired, room).members.is_complete(), !unknown);
        }
        for (group, extent) in &desired.groups {
            let at: usize = group.key.as_str()[1..].parse().unwrap();
            prop_assert_eq!(extent.is_complete(), !gaps[at]);
        }
    }

    #[test]
    fn members_that_are_not_read_are_never_gone(world in world(), lost in subset(12, 12)) {
        let before = world.resolved();
        let mut less = world.clone();
        for (at, group) in less.groups.iter_mut().enumerate() {
            if lost.contains(&at) {
                group.members.clear();
                group.gap = true;
            }
        }
        let after = less.resolved();
        for room in world.rooms() {
            let (was, is) = (room_of(&before, room), room_of(&after, room));
            let missing = !seated(&before, was).is_subset(&seated(&after, is));
            prop_assert!(!missing || !is.members.is_complete());
        }
    }

    #[test]
    fn a_directory_that_fails_takes_no_room_apart(world in world(), other in world()) {
        let both = resolve(&[world.outcome("one"), other.outcome("two")], &policy());
        let one = resolve(&[world.outcome("one")], &policy());
        prop_assert!(one.sources[1].listing.is_none());
        for room in &one.rooms {
            let was = both.rooms.iter().find(|r| r.refs == room.refs).unwrap();
            prop_assert!(seated(&one, room).is_subset(&seated(&both, was)));
        }
        for person in &both.people {
            let now = one.person(&person.user_id).map(|p| p.standing);
            if now == Some(PersonStanding::Active) {
                prop_assert_eq!(person.standing, PersonStanding::Active);
            }
        }
    }

    #[test]
    fn uniting_twice_changes_nothing(world in world(), bindings in bindings()) {
        let once = unite(world.resolved(), &bindings);
        let twice = unite(once.clone(), &bindings);
        prop_assert_eq!(format!("{once:#?}"), format!("{twice:#?}"));
    }

    #[test]
    fn uniting_loses_nobody(world in world(), bindings in bindings()) {
        let apart = world.resolved();
        let united = unite(apart.clone(), &bindings);
        let mut ids = BTreeSet::new();
        for room in &united.rooms {
            if let Binding::Bound(id) = &room.binding {
                prop_assert!(ids.insert(id.clone()), "{id} is there twice");
            }
            let parts: Vec<&DesiredRoom> =
                apart.rooms.iter().filter(|r| room.refs.contains(&r.refs[0])).collect();
            let together: BTreeSet<String> = parts.iter().flat_map(|r| seated(&apart, r)).collect();
            prop_assert_eq!(seated(&united, room), together);
            prop_assert!(room.seats.is_sorted_by(|a, b| a.person < b.person));
            prop_assert_eq!(room.members.is_complete(), parts.iter().all(|r| r.members.is_complete()));
            prop_assert_eq!(room.owners.is_complete(), parts.iter().all(|r| r.owners.is_complete()));
            for seat in &room.seats {
                prop_assert!(usize::from(seat.feed.unwrap()) < room.feeds.len());
            }
        }
        let refs: usize = united.rooms.iter().map(|r| r.refs.len()).sum();
        prop_assert_eq!(refs, apart.rooms.len());
    }
}
