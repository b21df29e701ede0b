//! What changes and what goes wrong: in directories, with one reading of them, and with requests.

use fastrand::Rng;
use inviter_core::{backend::BackendErrorKind, provider::ProviderErrorKind};

use super::{
    generate::{KEPT, account, chance, group_of, one},
    organisation::{Group, Organisation, Source},
    site::{Event, Fault, Misreading, Place, Spot, What},
};

/// The directory changes; answers what, for the trace.
pub(super) fn change(
    rng: &mut Rng,
    organisation: &mut Organisation,
    people: usize,
    places: &[Place],
) -> String {
    let at = rng.usize(1..organisation.sources.len());
    let source = &mut organisation.sources[at];
    let logins = source.accounts.keys().filter(|login| *login != KEPT.0);
    let logins: Vec<String> = logins.cloned().collect();
    let groups = source.groups.keys().filter(|name| *name != KEPT.1);
    let groups: Vec<String> = groups.cloned().collect();
    let (Some(login), Some(name)) = (one(rng, &logins).cloned(), one(rng, &groups).cloned()) else {
        let number = rng.usize(..people.max(1));
        source.accounts.insert(format!("p{number}"), account(rng, number));
        return format!("directory {at}: p{number} is new");
    };
    let Some(group) = source.groups.get_mut(&name) else {
        return String::new();
    };
    match rng.u8(..12) {
        0..3 => {
            group.members.insert(login.clone());
            format!("directory {at}: {login} comes into {name}")
        }
        3..6 => {
            let members: Vec<String> = group.members.iter().cloned().collect();
            let gone = one(rng, &members).cloned().unwrap_or(login);
            group.members.remove(&gone);
            format!("directory {at}: {gone} leaves {name}")
        }
        6 => {
            if !group.owners.remove(&login) {
                group.owners.insert(login.clone());
            }
            format!("directory {at}: {login} owns {name}, or not any more")
        }
        7 => {
            if let Some(account) = source.accounts.get_mut(&login) {
                account.active = account.active.map(|active| !active);
            }
            format!("directory {at}: {login} is enabled, or disabled")
        }
        8 => {
            let inner = groups.iter().find(|inner| inner.starts_with("unit")).cloned();
            if let Some(inner) = inner
                && !group.nested.remove(&inner)
            {
                group.nested.insert(inner);
            }
            format!("directory {at}: a unit comes into {name}, or leaves it")
        }
        9 => {
            forget_account(source, &login);
            format!("directory {at}: {login} is deleted")
        }
        10 => {
            let number = rng.usize(..people.max(1));
            source.accounts.insert(format!("p{number}"), account(rng, number));
            format!("directory {at}: p{number} is new, or another")
        }
        _ => {
            let gone = source.groups.remove(&name);
            for other in source.groups.values_mut() {
                other.nested.remove(&name);
            }
            if gone.is_some_and(|group| group.room.is_some()) || chance(rng, 50) {
                return format!("directory {at}: group {name} is deleted");
            }
            let room = rng.usize(..places.len() - 1);
            let names = places[room].names();
            let name = group_of(source.is_spelled, one(rng, &names).copied().unwrap_or_default());
            source.groups.entry(name.clone()).or_insert_with(|| Group {
                room: Some(room),
                ..Group::default()
            });
            format!("directory {at}: group {name} is new")
        }
    }
}

/// Deletes an account with all its entries.
pub(super) fn forget_account(source: &mut Source, login: &str) {
    source.accounts.remove(login);
    for group in source.groups.values_mut() {
        group.members.remove(login);
        group.owners.remove(login);
    }
}

/// A reading that goes wrong, and says so.
pub(super) fn misreading(rng: &mut Rng, shown: &Source) -> Misreading {
    if chance(rng, 30) {
        let kinds = [
            ProviderErrorKind::Unavailable,
            ProviderErrorKind::Denied,
            ProviderErrorKind::Malformed,
            ProviderErrorKind::Misconfigured,
        ];
        return Misreading::Fails(*one(rng, &kinds).unwrap_or(&ProviderErrorKind::Unavailable));
    }
    let mut said = shown.clone();
    let groups: Vec<String> = said.groups.keys().cloned().collect();
    let logins: Vec<String> = said.accounts.keys().cloned().collect();
    for _ in 0..rng.usize(1..=2) {
        let name = one(rng, &groups).cloned().unwrap_or_default();
        match rng.u8(..5) {
            // Some, or all, of the members did not come.
            0 | 1 => {
                if let Some(group) = said.groups.get_mut(&name) {
                    group.gaps.0 = true;
                    group.members.retain(|_| rng.bool());
                }
            }
            2 => {
                if let Some(group) = said.groups.get_mut(&name) {
                    group.gaps.1 = true;
                    group.owners.retain(|_| rng.bool());
                }
            }
            3 => {
                if said.groups.remove(&name).is_some() {
                    said.listing_gap = true;
                    // Whoever contains it has an entry that leads nowhere.
                    for other in said.groups.values_mut() {
                        if other.nested.remove(&name) {
                            other.dangling.insert(name.clone());
                        }
                    }
                }
            }
            _ => {
                let login = one(rng, &logins).cloned().unwrap_or_default();
                if rng.bool() {
                    if let Some(account) = said.accounts.get_mut(&login) {
                        account.active = None;
                    }
                } else if said.accounts.remove(&login).is_some() {
                    for group in said.groups.values_mut() {
                        if group.members.remove(&login) {
                            group.dangling.insert(login.clone());
                        }
                        if group.owners.remove(&login) {
                            group.gaps.1 = true;
                        }
                    }
                }
            }
        }
    }
    Misreading::Partly(said)
}

/// A fault of the homeserver or of the store; whether it concerns the run as a whole.
pub(super) fn fault(rng: &mut Rng) -> (Fault, bool) {
    let kinds = [
        BackendErrorKind::Refused,
        BackendErrorKind::NotFound,
        BackendErrorKind::RateLimited,
        BackendErrorKind::Unavailable,
        BackendErrorKind::Unauthenticated,
        BackendErrorKind::Malformed,
        BackendErrorKind::AliasTaken,
        BackendErrorKind::ReadOnly,
    ];
    let kind = one(rng, &kinds).cloned().unwrap_or(BackendErrorKind::Unavailable);
    let events = [
        Event::Leaves,
        Event::Joins,
        Event::Banned,
        Event::BotLowered,
        Event::AliasMoved,
    ];
    let (at, what) = match rng.u8(..20) {
        0 => (Spot::Whoami, What::Fail(kind.clone())),
        1 | 2 => (Spot::Alias, What::Fail(kind.clone())),
        3 => (Spot::Observe, What::Fail(kind.clone())),
        4 => (Spot::Accounts, What::Fail(kind.clone())),
        5 => (Spot::Recall, What::Fail(kind.clone())),
        6 | 7 => (Spot::Commit, What::Fail(kind.clone())),
        8 | 9 => (Spot::Write, What::Lose(kind.clone())),
        10 | 11 => (Spot::Write, What::Twice),
        12 | 13 => (Spot::Write, What::Wait(rng.u64(1..900))),
        14 | 15 => (Spot::Write, What::Fail(kind.clone())),
        _ => (
            Spot::Write,
            What::First(*one(rng, &events).unwrap_or(&Event::Leaves)),
        ),
    };
    let fault = Fault {
        at,
        skip: rng.u32(..5),
        times: if chance(rng, 20) { u32::MAX } else { 1 },
        what,
    };
    // Where nothing more can be sent once the token is not accepted, nor anything be written down.
    let whole = !matches!(fault.at, Spot::Alias | Spot::Write) || kind == BackendErrorKind::Unauthenticated;
    (fault, whole)
}
