//! The lines of the audit log, as docs/bot.md describes them.

use std::{collections::BTreeMap, fmt::Write as _};

use inviter::core::{
    OwnedRoomId, OwnedUserId, UserId,
    action::{Action, Op, RoomTarget, Why},
    apply::InRoom,
    by_hand::{End, WishReport},
    desired::Feed,
    directory::AccountStatus,
    evidence::{Evidence, giver},
    levels::{LevelChange, LevelSlot},
    report::Outcome,
    room::RoomRef,
    time::Timestamp,
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Occasion;

/// One line.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    time: String,
    event: &'static str,
    /// When the run began.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'static str>,
    /// The person who asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<OwnedUserId>,
    /// The person whose word it waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed_by: Option<OwnedUserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<Room>,
    /// What only some kinds of lines have.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Debug, Clone, Serialize)]
struct Room {
    id: Option<OwnedRoomId>,
    alias: Option<String>,
}

/// What is written down beside actions.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Event<'a> {
    /// An invitation of the bot was accepted, or could not be.
    InvitationAccepted {
        room: &'a OwnedRoomId,
        inviter: &'a OwnedUserId,
        error: Option<&'a str>,
    },
    /// Somebody kept undoing what the bot did, and the room is paused, or could not be.
    Fight {
        room: &'a OwnedRoomId,
        /// What was put right again and again.
        what: &'a str,
        /// Who undid it.
        against: Option<&'a OwnedUserId>,
        error: Option<&'a str>,
    },
    /// A person paused a room, or everything.
    Paused { room: Option<&'a RoomRef> },
    /// A person resumed a room, or everything.
    Resumed { room: Option<&'a RoomRef> },
    /// A person put a room into the bot's hands.
    Adopted {
        room: &'a RoomRef,
        /// Whose word it waited for.
        confirmed_by: Option<&'a OwnedUserId>,
    },
    /// A person had the account taken out of the homeserver's rate limits, or that was refused.
    LimitsLifted {
        /// Whose word it waited for.
        confirmed_by: Option<&'a OwnedUserId>,
        error: Option<&'a str>,
    },
    /// A person let go what was held under this code.
    Released {
        code: &'a str,
        /// Whose word it waited for.
        confirmed_by: Option<&'a OwnedUserId>,
    },
}

impl Line {
    fn new(event: &'static str, now: Timestamp) -> Self {
        Self {
            time: rfc3339(now),
            event,
            run: None,
            cause: None,
            by: None,
            confirmed_by: None,
            room: None,
            rest: Map::new(),
        }
    }

    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.rest.insert(key.to_owned(), value.into());
        self
    }

    fn on(mut self, occasion: Occasion<'_>) -> Self {
        self.run = occasion.run.map(rfc3339);
        self.cause = Some(occasion.cause);
        self.by = occasion.by.cloned();
        self.confirmed_by = occasion.confirmed_by.cloned();
        self
    }

    fn with_all(mut self, fields: Map<String, Value>) -> Self {
        self.rest.extend(fields);
        self
    }

    /// One line, without its end.
    pub(super) fn text(&self) -> String {
        // Keys are strings and there is nothing else in it that could fail.
        let text = serde_json::to_string(self).unwrap_or_default();
        let mut line = String::with_capacity(text.len());
        for character in text.chars() {
            if breaks(character) {
                // Only within a string; JSON escapes what is below U+0020 by itself.
                // Writing to a string cannot fail.
                let _ = write!(line, "\\u{:04x}", u32::from(character));
            } else {
                line.push(character);
            }
        }
        line
    }
}

/// What some readers take for the end of a line, and what shows a text in another order than it has.
const fn breaks(character: char) -> bool {
    matches!(
        character,
        '\u{7f}'..='\u{9f}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
    )
}

/// The lines of an action: one for each level; none if it was not tried.
pub(super) fn of_action(
    room: InRoom<'_>,
    action: &Action,
    outcome: &Outcome,
    evidence: Option<&Evidence>,
    occasion: Occasion<'_>,
    now: Timestamp,
) -> Vec<Line> {
    let named = named(room.room, Some(room.target));
    let lines = of_item(action, outcome, room.feeds, evidence, now).into_iter();
    let lines = lines.map(|line| {
        let mut line = line.on(occasion);
        line.room = Some(named.clone());
        line
    });
    lines.collect()
}

/// The line of what a command by hand came to.
pub(super) fn of_command(report: &WishReport, occasion: Occasion<'_>, now: Timestamp) -> Line {
    let target = report.room_id.clone().map(RoomTarget::Existing);
    let standing = serde_json::to_value(report.standing()).unwrap_or_default();
    let mut line = Line::new("command", now).with("result", standing).on(occasion);
    line.room = Some(named(&report.room, target.as_ref()));
    if let End::Refused(refusal) = &report.end {
        line = line.with("error", refusal.message.clone());
    } else if !report.errors.is_empty() {
        line = line.with("error", report.errors.join("; "));
    }
    if report.forgotten {
        line = line.with("forgotten", true);
    }
    line
}

/// The line of an event.
pub(super) fn of_event(event: &Event<'_>, who: Option<&OwnedUserId>, now: Timestamp) -> Line {
    let existing = |room: &OwnedRoomId| Room {
        id: Some(room.clone()),
        alias: None,
    };
    let result = |error: Option<&str>| if error.is_some() { "failed" } else { "done" };
    let referred = |room: &RoomRef| named(room, None);
    let (name, room, rest) = match *event {
        Event::InvitationAccepted { room, inviter, error } => (
            "invitation_accepted",
            Some(existing(room)),
            json!({ "inviter": inviter, "result": result(error), "error": error }),
        ),
        Event::Fight {
            room,
            what,
            against,
            error,
        } => (
            "fight",
            Some(existing(room)),
            json!({ "what": what, "against": against, "result": result(error), "error": error }),
        ),
        Event::Paused { room } => ("paused", room.map(referred), json!({})),
        Event::Resumed { room } => ("resumed", room.map(referred), json!({})),
        Event::LimitsLifted { error, .. } => (
            "limits_lifted",
            None,
            json!({ "result": result(error), "error": error }),
        ),
        Event::Adopted { room, .. } => ("adopted", Some(referred(room)), json!({})),
        Event::Released { code, .. } => ("released", None, json!({ "code": code })),
    };
    let confirmed_by = match *event {
        Event::Adopted { confirmed_by, .. }
        | Event::LimitsLifted { confirmed_by, .. }
        | Event::Released { confirmed_by, .. } => confirmed_by,
        _ => None,
    };
    let mut line = Line::new(name, now);
    line.by = who.cloned();
    line.confirmed_by = confirmed_by.cloned();
    line.room = room;
    if let Value::Object(fields) = rest {
        let said = fields.into_iter().filter(|(_, value)| !value.is_null());
        line.rest.extend(said);
    }
    line
}

/// What became of an action, in a word and a sentence; nothing if it was not tried.
fn result(outcome: &Outcome) -> Option<(&'static str, Option<&str>)> {
    Some(match outcome {
        Outcome::Done => ("done", None),
        Outcome::AlreadySo => ("already_so", None),
        Outcome::Stale { detail } => ("stale", Some(detail)),
        Outcome::Failed { error, .. } => ("failed", Some(error)),
        Outcome::Parked { error, .. } => ("parked", Some(error)),
        _ => return None,
    })
}

fn of_item(
    action: &Action,
    outcome: &Outcome,
    feeds: &[Feed],
    evidence: Option<&Evidence>,
    now: Timestamp,
) -> Vec<Line> {
    let Some((result, error)) = result(outcome) else {
        return Vec::new();
    };
    let why = why(action, feeds);
    let giver = giver(action, feeds);
    let make = |name: &'static str, user: Option<&UserId>, details: Value| {
        let mut line = Line::new("action", now).with("action", name);
        if let Some(user) = user {
            line = line.with("user", user.as_str());
        }
        if let Value::Object(details) = details {
            line = line.with_all(details);
        }
        line = line.with("why", why.clone());
        let said = user.and_then(|user| Some(accounts(evidence?, user, giver)));
        if let Some(said) = said {
            line = line.with_all(said);
        }
        line = line.with("result", result);
        match error {
            Some(error) => line.with("error", error),
            None => line,
        }
    };
    match &action.op {
        Op::SetLevels { changes } => changes
            .iter()
            .map(|change| {
                let (user, details) = level(change);
                make("level", user, details)
            })
            .collect(),
        Op::CreateRoom(blueprint) => vec![make(
            "create",
            None,
            json!({ "kind": blueprint.kind, "name": blueprint.name, "encrypted": blueprint.encrypt }),
        )],
        Op::Join { invited_by } => vec![make("join", None, json!({ "inviter": invited_by }))],
        Op::SetHistoryVisibility { from, to } => {
            vec![make(
                "history_visibility",
                None,
                json!({ "from": from, "to": to }),
            )]
        }
        Op::SetName { to } => vec![make("name", None, json!({ "to": to }))],
        Op::SetTopic { to } => vec![make("topic", None, json!({ "to": to }))],
        Op::SetListing { to } => vec![make("listing", None, json!({ "to": to }))],
        Op::Invite { user, reason } => vec![make("invite", Some(user), json!({ "reason": reason }))],
        Op::Add { user, reason } => vec![make("add", Some(user), json!({ "reason": reason }))],
        Op::Remove {
            user,
            invitation,
            reason,
        } => vec![make(
            "remove",
            Some(user),
            json!({ "invitation": invitation, "reason": reason }),
        )],
        Op::Leave => vec![make("leave", None, json!({}))],
        // What is new elsewhere is in the log before it has a name of its own here.
        other => vec![make("other", None, json!({ "op": other }))],
    }
}

fn level(change: &LevelChange) -> (Option<&UserId>, Value) {
    let (from, to) = (change.from, change.to);
    match &change.slot {
        LevelSlot::User(user) => (Some(user), json!({ "from": from, "to": to })),
        LevelSlot::Event(kind) => (None, json!({ "of_event": kind, "from": from, "to": to })),
        LevelSlot::Key(key) => (None, json!({ "of_key": key.as_str(), "from": from, "to": to })),
    }
}

fn why(action: &Action, feeds: &[Feed]) -> Value {
    let kind = match &action.why {
        Why::RoomWanted => "room_wanted",
        Why::TrustedInviter => "trusted_inviter",
        Why::Replaces { room } => return json!({ "kind": "replaces", "room": room }),
        Why::InGroup { .. } => "in_group",
        Why::Fixed => "fixed",
        Why::InNoGroup => "in_no_group",
        Why::AccountDisabled => "account_disabled",
        Why::OwnerOf { .. } => "owner_of",
        Why::NoLongerGiven => "no_longer_given",
        Why::LeftBehind => "left_behind",
        Why::OwnLevel => "own_level",
        Why::Template => "template",
        Why::Configured => "configured",
        Why::ByHand => "by_hand",
        _ => "other",
    };
    if let Some(feed) = giver(action, feeds) {
        return json!({ "kind": kind, "group": group(feed) });
    }
    // Whoever is in no group is in none of these.
    let groups: Vec<Value> = match &action.why {
        Why::InNoGroup | Why::NoLongerGiven | Why::RoomWanted => feeds.iter().map(group).collect(),
        _ => Vec::new(),
    };
    if groups.is_empty() {
        json!({ "kind": kind })
    } else {
        json!({ "kind": kind, "groups": groups })
    }
}

fn group(feed: &Feed) -> Value {
    json!({
        "name": feed.group.name,
        "key": feed.group.key.to_string(),
        "directory": feed.group.provider.to_string(),
        "role": feed.role,
    })
}

/// What the directories say of a person.
fn accounts(evidence: &Evidence, user: &UserId, feed: Option<&Feed>) -> Map<String, Value> {
    let mut said = Map::new();
    if let Some(accounts) = evidence.accounts(user) {
        let accounts = accounts.iter().map(|account| {
            let status = match account.status {
                Some(AccountStatus::Active) => "active",
                Some(AccountStatus::Disabled) => "disabled",
                None => "unknown",
            };
            let mut words = BTreeMap::from([
                ("directory", account.provider.to_string()),
                ("key", account.key.to_string()),
                ("status", status.to_owned()),
            ]);
            words.extend(account.label.as_ref().map(|label| ("label", label.to_string())));
            json!(words)
        });
        said.insert("accounts".to_owned(), accounts.collect());
        if !evidence.incomplete().is_empty() {
            let unread = evidence.incomplete().iter().map(|name| json!(name.to_string()));
            said.insert("unread".to_owned(), unread.collect());
        }
    }
    if let Some(way) = feed
        .and_then(|feed| evidence.way(feed, user))
        .filter(|way| way.len() > 1)
    {
        said.insert("way".to_owned(), way.iter().map(|name| json!(name)).collect());
    }
    said
}

fn named(room: &RoomRef, target: Option<&RoomTarget>) -> Room {
    let alias = match (room, target) {
        (RoomRef::Alias(alias), _) | (_, Some(RoomTarget::New(alias))) => Some(alias.to_string()),
        _ => None,
    };
    let id = match (room, target) {
        (_, Some(RoomTarget::Existing(id))) | (RoomRef::Id(id), _) => Some(id.clone()),
        _ => None,
    };
    Room { id, alias }
}

/// Such as `2026-03-01T12:03:04.567Z`.
fn rfc3339(at: Timestamp) -> String {
    let time = i64::try_from(at.0)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| at.0.to_string(), |time| format!("{time:.3}"))
}
