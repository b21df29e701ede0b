//! The JSON documents. Their shape is a promise of its own, apart from the library's types: keys are added, and
//! never renamed or removed without a new `schema`.

use inviter::core::{
    action::{Op, RoomTarget},
    desired::{Desired, DesiredRoom, Feed, PersonStanding, Role, SourceOutcome},
    directory::Extent,
    evidence::{Evidence, giver},
    finding::{Finding, Subject},
    guard::GuardedRoom,
    levels::{LevelChange, LevelSlot},
    report::{Outcome, Report, ReportItem, RoomReport, Tally},
    resolve::KnownAccount,
    rights::Seen,
    room::Power,
    room_rules::HistoryVisibility,
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    release, time,
    why::{Place, status},
    word,
};

/// The version of all documents.
const SCHEMA: u32 = 1;

/// A document: its contents behind `schema` and `kind`.
#[derive(Debug, Serialize)]
pub struct Document<T: Serialize> {
    schema: u32,
    kind: &'static str,
    #[serde(flatten)]
    contents: T,
}

impl<T: Serialize> Document<T> {
    /// Wraps contents.
    pub const fn new(kind: &'static str, contents: T) -> Self {
        Self {
            schema: SCHEMA,
            kind,
            contents,
        }
    }
}

/// A plan or what became of it.
pub fn report(report: &Report, evidence: &Evidence, desired: &Desired, bot: &str) -> Value {
    json!({
        "bot": bot,
        "rooms": report.rooms.iter().map(|r| room(r, evidence)).collect::<Vec<_>>(),
        "findings": findings(&report.findings),
        "directories": directories(desired),
        "errors": report.errors,
        "release": report.release,
        "counts": counts(&report.tally()),
    })
}

/// How many items came to what.
pub fn counts(tally: &Tally) -> Value {
    json!({
        "changes": tally.changes(),
        "rooms_created": tally.rooms_created,
        "invited": tally.invited,
        "removed": tally.removed,
        "changed": tally.changed,
        "held": tally.held,
        "pending": tally.pending,
        "failed": tally.failed,
        "parked": tally.parked,
    })
}

/// One room of a report.
pub fn room(room: &RoomReport, evidence: &Evidence) -> Value {
    json!({
        "room": room.room.to_string(),
        "room_id": room_id(room.target.as_ref()),
        "status": word(&room.status),
        "groups": room.feeds.iter().map(group).collect::<Vec<_>>(),
        "actions": actions(room, evidence),
        "findings": findings(&room.findings),
        "release": release(room),
        "census": room.census,
    })
}

/// The ID of a room that exists.
pub fn room_id(target: Option<&RoomTarget>) -> Option<&str> {
    match target {
        Some(RoomTarget::Existing(id)) => Some(id.as_str()),
        _ => None,
    }
}

/// A room's actions, each with its evidence.
pub fn actions(room: &RoomReport, evidence: &Evidence) -> Vec<Value> {
    let place = Place {
        room: &room.room,
        feeds: &room.feeds,
        evidence,
    };
    let items = room.items.iter();
    items
        .map(|item| {
            let mut object = action(item, &place);
            if let Op::Remove { user, .. } = &item.action.op {
                object["level"] = room.going.get(user).copied().into();
            }
            object
        })
        .collect()
}

/// An action and its outcome.
pub fn action(item: &ReportItem, place: &Place<'_>) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| drop(object.insert(key.to_owned(), value));
    put("action", word(&item.action.op).into());
    match &item.action.op {
        Op::CreateRoom(blueprint) => {
            put("alias", blueprint.alias.as_str().into());
            put("name", blueprint.name.clone().into());
            put("topic", blueprint.topic.clone().into());
            put("room_kind", word(&blueprint.kind).into());
            put(
                "version",
                blueprint.version.as_ref().map(ToString::to_string).into(),
            );
            put("encrypt", blueprint.encrypt.into());
            put(
                "history_visibility",
                blueprint.history_visibility.map(HistoryVisibility::as_str).into(),
            );
            put("listing", word(&blueprint.listing).into());
            let levels = blueprint.levels.iter();
            put(
                "levels",
                levels
                    .map(|(user, level)| (user.to_string(), Value::from(*level)))
                    .collect(),
            );
        }
        Op::Join { invited_by } => put("invited_by", invited_by.as_ref().map(|user| user.as_str()).into()),
        Op::SetLevels { changes } => put("changes", changes.iter().map(level_change).collect()),
        Op::SetHistoryVisibility { from, to } => {
            put("from", from.map(HistoryVisibility::as_str).into());
            put("to", to.as_str().into());
        }
        Op::SetName { to } | Op::SetTopic { to } => put("to", to.as_str().into()),
        Op::SetListing { to } => put("to", word(to).into()),
        Op::Invite { user, .. } | Op::Add { user, .. } => put("user", user.as_str().into()),
        Op::Remove { user, invitation, .. } => {
            put("user", user.as_str().into());
            put("invitation", (*invitation).into());
        }
        _ => {}
    }
    put("why", word(&item.action.why).into());
    if let Some(feed) = giver(&item.action, place.feeds) {
        put("group", group(feed));
    }
    put("evidence", place.evidence(&item.action));
    put("outcome", outcome_word(&item.outcome).into());
    match &item.outcome {
        Outcome::Stale { detail } => put("detail", detail.as_str().into()),
        Outcome::Failed { error, temporary } => {
            put("error", error.as_str().into());
            put("temporary", (*temporary).into());
        }
        Outcome::Parked { until, error } => {
            put("until", time(*until).into());
            put("error", error.as_str().into());
        }
        Outcome::Skipped { because } => put("because", because.as_str().into()),
        Outcome::Held { reasons } => {
            let reasons = reasons.iter().map(|reason| {
                let code = serde_json::to_value(reason).ok();
                let code = code.and_then(|value| value.get("reason").cloned());
                json!({ "reason": code, "message": reason.to_string() })
            });
            put("reasons", reasons.collect());
        }
        _ => {}
    }
    Value::Object(object)
}

fn outcome_word(outcome: &Outcome) -> String {
    let value = serde_json::to_value(outcome).ok();
    let word = value
        .as_ref()
        .and_then(|value| value.get("outcome"))
        .and_then(Value::as_str);
    word.unwrap_or("unknown").to_owned()
}

fn level_change(change: &LevelChange) -> Value {
    let (section, key) = match &change.slot {
        LevelSlot::Key(key) => (None, key.as_str()),
        LevelSlot::Event(kind) => (Some("events"), kind.as_str()),
        LevelSlot::User(user) => (Some("users"), user.as_str()),
    };
    json!({ "section": section, "key": key, "from": change.from, "to": change.to })
}

/// A group that feeds a room.
pub fn group(feed: &Feed) -> Value {
    json!({
        "directory": feed.group.provider.as_str(),
        "key": feed.group.key.as_str(),
        "name": &*feed.group.name,
        "role": word(&feed.role),
    })
}

/// An account of a directory.
pub fn account(account: &KnownAccount) -> Value {
    json!({
        "directory": account.provider.as_str(),
        "key": &*account.key,
        "label": account.label,
        "status": status(account.status),
    })
}

/// Findings with what they are about.
pub fn findings(findings: &[Finding]) -> Vec<Value> {
    findings.iter().map(finding).collect()
}

fn finding(finding: &Finding) -> Value {
    let (mut directory, mut subject, mut room, mut user) = (None, None, None, None);
    match &finding.about {
        Subject::Directory(provider) => directory = Some(provider.to_string()),
        Subject::Group(group) => {
            directory = Some(group.provider.to_string());
            subject = Some(group.name.to_string());
        }
        Subject::Account(provider, key) => {
            directory = Some(provider.to_string());
            subject = Some(key.clone());
        }
        Subject::Room(name) => room = Some(name.to_string()),
        Subject::RoomId(id) => room = Some(id.to_string()),
        Subject::Person(name, id) => {
            room = Some(name.to_string());
            user = Some(id.to_string());
        }
        Subject::Run => {}
    }
    json!({
        "kind": word(&finding.kind),
        "about": word(&finding.about),
        "directory": directory,
        "subject": subject,
        "room": room,
        "user": user,
        "message": finding.message,
    })
}

fn directories(desired: &Desired) -> Vec<Value> {
    desired
        .sources
        .iter()
        .map(|source| directory(source, desired))
        .collect()
}

/// How a directory fared.
pub fn directory(source: &SourceOutcome, desired: &Desired) -> Value {
    let groups = desired
        .groups
        .keys()
        .filter(|group| group.provider == source.provider)
        .count();
    let gaps = source.listing.as_ref().map_or(&[][..], Extent::gaps);
    json!({
        "directory": source.provider.as_str(),
        "complete": source.is_complete(),
        "active_accounts": source.active_accounts,
        "groups": groups,
        "gaps": gaps,
        "error": source.error,
    })
}

/// Rooms and members as the directories want them.
pub fn desired(desired: &Desired) -> Value {
    json!({
        "rooms": desired.rooms.iter().map(|room| desired_room(room, desired)).collect::<Vec<_>>(),
        "directories": directories(desired),
        "findings": findings(&desired.findings),
        "counts": {
            "rooms": desired.rooms.len(),
            "people": desired.people.len(),
            "memberships": desired.rooms.iter().map(|room| room.seats.len()).sum::<usize>(),
        },
    })
}

fn desired_room(room: &DesiredRoom, desired: &Desired) -> Value {
    let members = room.seats.iter().map(|seat| {
        let standing = desired
            .people
            .get(seat.person.0 as usize)
            .map(|person| match person.standing {
                PersonStanding::Active => "active",
                PersonStanding::Disabled => "disabled",
                PersonStanding::Uncertain => "uncertain",
            });
        let level = match seat.role {
            Role::Member => None,
            Role::Level(level) => Some(level),
        };
        let feed = seat.feed.and_then(|feed| room.feeds.get(usize::from(feed)));
        json!({
            "user": desired.user(seat).as_str(),
            "level": level,
            "standing": standing,
            "group": feed.map(group),
        })
    });
    json!({
        "room": room.refs.first().map(ToString::to_string),
        "refs": room.refs.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "room_kind": word(&room.rules.kind),
        "members": members.collect::<Vec<_>>(),
        "members_complete": room.members.is_complete(),
        "owners_complete": room.owners.is_complete(),
        "gaps": super::rooms::gaps(room),
        "groups": room.feeds.iter().map(group).collect::<Vec<_>>(),
    })
}

/// The desired rooms with their status.
pub fn statuses(rooms: &[GuardedRoom]) -> Vec<Value> {
    rooms.iter().map(room_status).collect()
}

/// One room with its status, and what was seen of it.
pub fn room_status(room: &GuardedRoom) -> Value {
    let plan = room.plan();
    json!({
        "room": plan.room.to_string(),
        "refs": plan.refs.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "room_id": room_id(plan.target.as_ref()),
        "status": word(&plan.status),
        "census": plan.census,
        "findings": findings(&plan.findings),
        "invited_by": plan.invited_by,
        "seen": plan.seen.as_deref().map(seen),
    })
}

fn seen(seen: &Seen) -> Value {
    let mut rights = serde_json::to_value(seen.rights).unwrap_or_default();
    // A key of its own, in words of its own.
    if let Some(rights) = rights.as_object_mut() {
        rights.remove("own");
    }
    json!({
        "creator": seen.creator,
        "creator_is_known": seen.creator_is_known,
        "created": seen.created.map(time),
        "version": seen.version.as_str(),
        "room_kind": word(&seen.room_kind),
        "encrypted": seen.encrypted,
        "join_rule": word(&seen.join_rule),
        "creator_outranks": seen.creator_outranks,
        "level": power(seen.rights.own),
        "rights": rights,
        "raisers": seen.raisers.iter().map(|raiser| raiser.user.as_str()).collect::<Vec<_>>(),
        "present": seen.present,
        "ghosts": seen.ghosts,
        "if_adopted": seen.if_adopted,
    })
}

/// A number, or that there is none that is high enough.
fn power(power: Power) -> Value {
    match power {
        Power::Level(level) => level.into(),
        Power::Infinite => "infinite".into(),
    }
}
