//! Examples of what groups come to.

mod nesting;
mod people;
mod rooms;
mod spec;

use ruma_common::{OwnedUserId, RoomAliasId, ServerName, UserId};

use super::*;
use crate::{
    decode::{MtrxDecoder, XxxDecoder},
    desired::{DesiredRoom, PersonStanding, Role},
    memory::{InMemoryDirectory, MemoryGroup, MemoryPerson},
    mint::{GuestRule, Minting},
    provider::ProviderErrorKind,
    room::RoomRef,
};

/// A policy for directories of these names, on `example.org`.
fn policy(directories: &[&str]) -> Policy {
    let server = ServerName::parse("example.org").unwrap();
    let mut policy = Policy::new(server.clone());
    policy.sources = directories
        .iter()
        .map(|name| SourcePolicy {
            provider: ProviderId::new(*name),
            decoders: vec![Arc::new(MtrxDecoder::default()), Arc::new(XxxDecoder::default())],
            minting: Minting {
                server: server.clone(),
                attribute: "uid".to_owned(),
                before_at: false,
                guests: GuestRule::Skip,
                renames: BTreeMap::new(),
            },
        })
        .collect();
    policy
}

fn corp() -> InMemoryDirectory {
    InMemoryDirectory::new("corp").with_people(["jane", "jim", "joe"])
}

fn room_a() -> MemoryGroup {
    MemoryGroup::new("xxxaxxxexample.org")
}

fn read(directory: &InMemoryDirectory) -> ReadOutcome {
    ReadOutcome {
        provider: crate::IdentityProvider::id(directory),
        result: Ok(directory.snapshot()),
    }
}

fn outage(name: &str) -> ReadOutcome {
    ReadOutcome {
        provider: ProviderId::new(name),
        result: Err(ProviderError::new(
            ProviderErrorKind::Unavailable,
            name,
            "is down",
        )),
    }
}

/// Resolves one directory with the usual policy.
fn resolved(directory: &InMemoryDirectory) -> Desired {
    let outcome = read(directory);
    let policy = policy(&[outcome.provider.as_str()]);
    resolve(&[outcome], &policy)
}

fn alias(localpart: &str) -> RoomRef {
    RoomRef::Alias(RoomAliasId::parse(format!("#{localpart}:example.org")).unwrap())
}

fn user(localpart: &str) -> OwnedUserId {
    UserId::parse(format!("@{localpart}:example.org")).unwrap()
}

#[track_caller]
fn room<'d>(desired: &'d Desired, localpart: &str) -> &'d DesiredRoom {
    let wanted = alias(localpart);
    let room = desired.rooms.iter().find(|room| room.refs.contains(&wanted));
    room.unwrap_or_else(|| panic!("no room {wanted} in {:?}", desired.rooms))
}

/// The seats of a room as `localpart`, `localpart=level`, with `!` for fixed ones.
fn seats(desired: &Desired, room: &DesiredRoom) -> Vec<String> {
    let seat = |seat: &crate::desired::Seat| {
        let mut text = desired.user(seat).localpart().to_owned();
        if let Role::Level(level) = seat.role {
            text = format!("{text}={level}");
        }
        if seat.is_fixed() { format!("{text}!") } else { text }
    };
    room.seats.iter().map(seat).collect()
}

#[track_caller]
fn assert_seats(desired: &Desired, localpart: &str, expected: &[&str]) {
    assert_eq!(seats(desired, room(desired, localpart)), expected);
}

fn standing(desired: &Desired, localpart: &str) -> Option<PersonStanding> {
    desired.person(&user(localpart)).map(|person| person.standing)
}

fn messages(desired: &Desired, kind: FindingKind) -> Vec<&str> {
    let findings = desired.findings.iter().filter(|finding| finding.kind == kind);
    findings.map(|finding| finding.message.as_str()).collect()
}

/// The one finding of a kind.
#[track_caller]
fn message(desired: &Desired, kind: FindingKind) -> &str {
    match messages(desired, kind).as_slice() {
        [one] => one,
        other => panic!(
            "expected one finding of kind {kind:?}, got {other:?} in {:?}",
            desired.findings
        ),
    }
}
