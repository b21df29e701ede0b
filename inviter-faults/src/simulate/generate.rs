//! Everything random: organisations, rooms, what people do, and what goes wrong.

use std::{collections::BTreeSet, time::Duration};

use fastrand::Rng;
use inviter_core::{
    OwnedUserId,
    guard::Limits,
    room_rules::{BringIn, LeftPolicy, LevelsMode, RemovePolicy, RoomKind, RoomRules},
};

use super::{
    names::{alias, foreigner, owners_group, room_group, spelled_group, user},
    organisation::{Account, Group, Organisation, Source},
    site::{Maker, Place},
};

/// Names of directories; the first is never harmed.
pub(super) const SOURCES: [&str; 4] = ["steady", "corp", "annex", "school"];

/// An account and a group that every directory has.
pub(super) const KEPT: (&str, &str) = ("keep", "staff");

/// How many people of the steady directory there are. With one of them gone no limit is reached.
pub(super) const STEADY: usize = 12;

/// One of several.
pub(super) fn one<'a, T>(rng: &mut Rng, of: &'a [T]) -> Option<&'a T> {
    if of.is_empty() {
        None
    } else {
        of.get(rng.usize(..of.len()))
    }
}

/// True so many times of a hundred.
pub(super) fn chance(rng: &mut Rng, percent: u8) -> bool {
    rng.u8(..100) < percent
}

fn some(rng: &mut Rng, of: &[String], at_most: usize) -> BTreeSet<String> {
    let count = rng.usize(..=at_most);
    (0..count).filter_map(|_| one(rng, of).cloned()).collect()
}

/// An account of a person.
pub(super) fn account(rng: &mut Rng, number: usize) -> Account {
    let name = format!("p{number}");
    Account {
        user: user(&name),
        // The same name in another case leads to the same ID.
        uid: if chance(rng, 10) {
            format!("P{number}")
        } else {
            name
        },
        active: Some(!chance(rng, 10)),
    }
}

/// The directory that is never harmed, and its one room.
fn steady(room: usize) -> Source {
    let mut source = Source::default();
    let logins = (0..STEADY).map(|number| format!("s{number}"));
    let mut group = Group {
        room: Some(room),
        ..Group::default()
    };
    for login in logins {
        let account = Account {
            user: user(&login),
            uid: login.clone(),
            active: Some(true),
        };
        group.members.insert(login.clone());
        source.accounts.insert(login, account);
    }
    group.owners.insert("s0".to_owned());
    source.groups.insert(room_group("unharmed"), group);
    source
}

fn source(rng: &mut Rng, people: usize, places: &[Place]) -> Source {
    let mut source = Source {
        is_spelled: chance(rng, 35),
        ..Source::default()
    };
    for number in 0..people {
        if chance(rng, 75) {
            source.accounts.insert(format!("p{number}"), account(rng, number));
        }
    }
    if chance(rng, 20) && people > 0 {
        let number = rng.usize(..people);
        source
            .accounts
            .insert(format!("p{number}-bis"), account(rng, number));
    }
    // A directory without anybody, or without any group, would tell nothing.
    let keep = Account {
        user: user("keep"),
        uid: KEPT.0.to_owned(),
        active: Some(true),
    };
    let staff = Group {
        members: [KEPT.0.to_owned()].into(),
        ..Group::default()
    };
    source.groups.insert(KEPT.1.to_owned(), staff);
    let logins: Vec<String> = source.accounts.keys().cloned().collect();
    source.accounts.insert(KEPT.0.to_owned(), keep);
    let units: Vec<String> = (0..rng.usize(..4)).map(|unit| format!("unit {unit}")).collect();
    let is_spelled = source.is_spelled;
    let rooms = places.iter().enumerate().filter(|(_, place)| !place.unharmed);
    let rooms: Vec<(usize, String)> = rooms
        .flat_map(|(at, place)| {
            place
                .names()
                .into_iter()
                .map(move |name| (at, group_of(is_spelled, name)))
        })
        .filter(|_| chance(rng, 70))
        .collect();
    let names: Vec<(Option<usize>, String)> = units
        .iter()
        .map(|unit| (None, unit.clone()))
        .chain(rooms.into_iter().map(|(at, name)| (Some(at), name)))
        .collect();
    for (room, name) in names {
        let most = if room.is_some() { logins.len().min(9) } else { 4 };
        let group = Group {
            room,
            members: some(rng, &logins, most),
            nested: some(rng, &units, 2),
            owners: some(rng, &logins, 3),
            ..Group::default()
        };
        if room.is_some() && is_spelled && chance(rng, 60) {
            let owners = Group {
                members: some(rng, &logins, 3),
                nested: some(rng, &units, 1),
                ..Group::default()
            };
            source.groups.insert(owners_group(&name), owners);
        }
        source.groups.insert(name, group);
    }
    source
}

/// The group that stands for a room, in one of two forms.
pub(super) fn group_of(is_spelled: bool, name: &str) -> String {
    if is_spelled {
        spelled_group(name)
    } else {
        room_group(name)
    }
}

fn rules(rng: &mut Rng) -> RoomRules {
    let left = match rng.u8(..4) {
        0 => LeftPolicy::Again,
        1 => LeftPolicy::Never,
        2 => LeftPolicy::After(Duration::from_secs(3600 * rng.u64(1..60))),
        _ => LeftPolicy::UntilBroughtAnew,
    };
    RoomRules {
        kind: if chance(rng, 10) {
            RoomKind::Space
        } else {
            RoomKind::Room
        },
        left,
        levels: if chance(rng, 25) {
            LevelsMode::Keep
        } else {
            LevelsMode::Exact
        },
        bring_in: if chance(rng, 25) {
            BringIn::Join
        } else {
            BringIn::Invite
        },
        remove: if chance(rng, 30) {
            RemovePolicy::BroughtByUs
        } else {
            RemovePolicy::Anyone
        },
        grace: if chance(rng, 35) {
            Duration::from_secs(24 * 3600 * rng.u64(1..=3))
        } else {
            Duration::ZERO
        },
        ..RoomRules::default()
    }
}

/// The rooms, the unharmed one last.
pub(super) fn places(rng: &mut Rng) -> Vec<Place> {
    let count = rng.usize(1..=5);
    let mut places: Vec<Place> = (0..count)
        .map(|number| {
            let explicit = chance(rng, 40);
            let maker = match rng.u8(..10) {
                0..6 => Maker::Bot,
                6..9 => Maker::Lead,
                _ => Maker::Squatter,
            };
            let mut fixed = Vec::new();
            if explicit {
                let named = [user("f0"), user("p0"), foreigner("f1")];
                let levels = [None, Some(50), Some(0)];
                for who in named {
                    if chance(rng, 30) {
                        fixed.push((who, *one(rng, &levels).unwrap_or(&None)));
                    }
                }
            }
            let name = format!("r{number}");
            // The program makes a room with one alias.
            let has_two = maker == Maker::Lead && chance(rng, 40);
            let second = format!("{name}b");
            Place {
                alias: alias(&name),
                other: has_two.then(|| (second.clone(), alias(&second))),
                name,
                maker,
                version: one(rng, &["6", "10", "11", "12"]).copied().unwrap_or("12"),
                rules: if explicit {
                    rules(rng)
                } else {
                    RoomRules::default()
                },
                fixed,
                explicit,
                paused: false,
                unharmed: false,
            }
        })
        .collect();
    places.push(Place {
        name: "unharmed".to_owned(),
        alias: alias("unharmed"),
        other: None,
        maker: Maker::Bot,
        version: "11",
        rules: RoomRules::default(),
        fixed: Vec::new(),
        explicit: false,
        paused: false,
        unharmed: true,
    });
    places
}

/// The directories of the rooms, and the steady one.
pub(super) fn organisation(rng: &mut Rng, people: usize, places: &[Place]) -> Organisation {
    let mut sources = vec![steady(places.len() - 1)];
    for _ in 0..rng.usize(1..=3) {
        sources.push(source(rng, people, places));
    }
    Organisation { sources }
}

/// Small limits, or the defaults. One in three of the small ones has zeros, or directories that are held tighter than
/// all rooms together.
pub(super) fn limits(rng: &mut Rng) -> Limits {
    if chance(rng, 40) {
        return Limits::default();
    }
    let mut limits = Limits {
        room_count: rng.u32(1..=4),
        room_percent: rng.u8(5..=60),
        directory_count: rng.u32(1..=8),
        directory_percent: rng.u8(5..=50),
        total_count: rng.u32(2..=10),
        total_percent: rng.u8(5..=40),
        shrink_count: rng.u32(1..=4),
        shrink_percent: rng.u8(5..=30),
        ..Limits::default()
    };
    match rng.u8(..6) {
        0 => {
            for count in [
                &mut limits.room_count,
                &mut limits.directory_count,
                &mut limits.total_count,
                &mut limits.shrink_count,
            ] {
                *count *= u32::from(rng.bool());
            }
            for percent in [
                &mut limits.room_percent,
                &mut limits.directory_percent,
                &mut limits.total_percent,
                &mut limits.shrink_percent,
            ] {
                *percent *= u8::from(rng.bool());
            }
        }
        1 => {
            limits.directory_count = rng.u32(..=limits.total_count / 2);
            limits.directory_percent = rng.u8(..=limits.total_percent / 2);
            limits.room_count = limits.total_count;
        }
        _ => {}
    }
    limits
}

/// Everyone who may turn up in a room.
pub(super) fn everyone(people: usize) -> Vec<OwnedUserId> {
    let mut all: Vec<OwnedUserId> = (0..people).map(|number| user(&format!("p{number}"))).collect();
    all.extend(["x0", "x1", "_bridge_a", "f0", "P1"].map(user));
    all.extend(["g0", "f1"].map(foreigner));
    all
}
