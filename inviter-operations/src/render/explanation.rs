//! Why someone is in a room or not, as text and as JSON.

mod past;

use std::fmt::{self, Write};

use inviter::core::{
    OwnedUserId,
    action::Why,
    explain::{AccountFacts, Answer, Explanation, Mark, Presence},
    room::{Membership, Power},
};
use serde_json::{Value, json};

use super::{
    clean::{Clean, clean},
    document::{self, group},
    release,
    report::{self, Kind, note},
    status,
    style::{FAILED, HEADLINE, QUIET},
    why::{self, Place, path},
    word,
};

/// How many groups that the person is not in are named.
const LISTED: usize = 8;

/// The explanation as text; `nearest` is a known person with a similar name.
pub fn text(out: &mut impl Write, explanation: &Explanation, nearest: Option<&OwnedUserId>) -> fmt::Result {
    let e = explanation;
    write!(
        out,
        "{HEADLINE}{} in {}{HEADLINE:#}",
        Clean(e.user.as_str()),
        Clean(&e.room.to_string())
    )?;
    let id = e.room_id.as_ref().map(|id| clean(id.as_str()));
    let details: Vec<String> = id.into_iter().chain(e.status.map(status)).collect();
    writeln!(out, "  {QUIET}{}{QUIET:#}", details.join(", "))?;
    writeln!(out, "  now        {}", presence(&e.presence))?;
    writeln!(out, "  wanted     {}", answer(e))?;
    if let Some(level) = &e.level {
        let place = place(e);
        let reason = place.reason(&level.why, Some(&e.user));
        writeln!(out, "  level      {} wanted: {reason}", level.level)?;
    }
    for mark in &e.marks {
        writeln!(out, "  about      {}", mark_text(*mark))?;
    }
    if let (true, Some(nearest)) = (e.marks.contains(&Mark::Unknown), nearest) {
        writeln!(out, "             did you mean {}?", Clean(nearest.as_str()))?;
    }
    accounts(out, e)?;
    for gap in &e.gaps {
        writeln!(out, "  {FAILED}incomplete{FAILED:#} {}", Clean(&gap.to_string()))?;
    }
    match &e.plan {
        Some(plan) if !plan.items.is_empty() => {
            writeln!(out, "  next sync")?;
            report::write_items(out, plan, &e.evidence, Kind::Plan)?;
        }
        _ => writeln!(out, "  next sync  does nothing about them there")?,
    }
    past::text(out, e)?;
    for finding in e.plan.iter().flat_map(|plan| &plan.findings).chain(&e.findings) {
        note(out, "  ", finding)?;
    }
    Ok(())
}

const fn place(e: &Explanation) -> Place<'_> {
    Place {
        room: &e.room,
        feeds: e.feeds.as_slice(),
        evidence: &e.evidence,
    }
}

fn presence(presence: &Presence) -> String {
    match presence {
        Presence::NoRoom => "the room does not exist".to_owned(),
        Presence::BotNotInRoom => "not known: the bot is not in the room".to_owned(),
        Presence::Unknown(cause) => format!("not known: {}", clean(&cause.to_string())),
        Presence::Absent => "not in the room".to_owned(),
        Presence::Member { membership, level } => {
            let state = match membership {
                Membership::Joined => "in the room (joined)",
                Membership::Invited => "invited, not joined",
                Membership::Knocking => "not in the room, asks to be let in",
                Membership::Left => "not in the room any more (left or removed)",
                Membership::Banned => "banned",
            };
            format!("{state}, level {level}")
        }
    }
}

fn answer(e: &Explanation) -> String {
    let reason = |why: &Why| place(e).reason(why, Some(&e.user));
    match &e.answer {
        Answer::Wanted(why) => format!("yes: {}", reason(why)),
        Answer::NotWanted(why) => format!("no: {}", reason(why)),
        Answer::Uncertain(reasons) => {
            format!(
                "not known, so nothing is taken from them: {}",
                clean(&reasons.join("; "))
            )
        }
        Answer::Bot => "this is the bot itself, which is never invited, removed or lowered".to_owned(),
        Answer::OutOfScope => "left alone: accounts of that server are not managed".to_owned(),
        Answer::RoomOutOfScope => {
            "the room is outside the scope of the configuration: nothing is done in it".to_owned()
        }
        Answer::RoomNotWanted => {
            let bot = match e.presence {
                Presence::NoRoom => "there is no such room",
                Presence::BotNotInRoom => "the bot is not in it",
                Presence::Unknown(_) => "it could not be read",
                Presence::Absent | Presence::Member { .. } => "the bot is in it, and does nothing there",
            };
            let unread: Vec<String> = e
                .evidence
                .incomplete()
                .iter()
                .map(|p| clean(p.as_str()))
                .collect();
            let unread = if unread.is_empty() {
                String::new()
            } else {
                format!("; not read completely: {}", unread.join(", "))
            };
            format!("no group stands for this room, and the configuration does not list it; {bot}{unread}")
        }
    }
}

const fn mark_text(mark: Mark) -> &'static str {
    match mark {
        Mark::Fixed => "named in the configuration for this room: never removed",
        Mark::Exempt => "exempt by the configuration: never removed or lowered",
        Mark::Collision => {
            "several accounts of one directory lead to this Matrix ID: nothing is done with it"
        }
        Mark::StatusUnknown => {
            "a directory does not say whether the account may be used: nothing is done with it"
        }
        Mark::Unknown => "no directory that could be read has an account for this Matrix ID",
    }
}

fn accounts(out: &mut impl Write, e: &Explanation) -> fmt::Result {
    for AccountFacts { account, ways } in &e.accounts {
        writeln!(
            out,
            "  account    {} of directory {}: {}",
            Clean(account.shown()),
            Clean(account.provider.as_str()),
            why::status(account.status),
        )?;
        for (feed, way) in ways {
            let what = if word(&feed.role) == "owners" {
                "owner of "
            } else {
                "in "
            };
            writeln!(out, "    {what}{}", path(way))?;
        }
    }
    let inside = |group: &&_| {
        let mut feeds = e
            .accounts
            .iter()
            .flat_map(|facts| &facts.ways)
            .map(|(feed, _)| &feed.group);
        feeds.any(|other| other == *group)
    };
    let others: Vec<_> = why::unique(&e.feeds)
        .into_iter()
        .filter(|group| !inside(group))
        .collect();
    if others.is_empty() {
        return Ok(());
    }
    let mut names: Vec<String> = others
        .iter()
        .take(LISTED)
        .map(|group| clean(&group.to_string()))
        .collect();
    if others.len() > LISTED {
        names.push(format!("{} more groups", others.len() - LISTED));
    }
    writeln!(out, "  not in     {}", names.join(", "))
}

/// The explanation for programs.
pub fn json(explanation: &Explanation, nearest: Option<&OwnedUserId>) -> Value {
    let e = explanation;
    let (wanted, kind, why, because) = match &e.answer {
        Answer::Wanted(why) => (Some(true), "wanted", Some(why), &[][..]),
        Answer::NotWanted(why) => (Some(false), "not_wanted", Some(why), &[][..]),
        Answer::Uncertain(reasons) => (None, "uncertain", None, reasons.as_slice()),
        Answer::Bot => (None, "bot", None, &[][..]),
        Answer::OutOfScope => (Some(false), "out_of_scope", None, &[][..]),
        Answer::RoomOutOfScope => (None, "room_out_of_scope", None, &[][..]),
        Answer::RoomNotWanted => (Some(false), "room_not_wanted", None, &[][..]),
    };
    let giver = |why: &Why| match why {
        Why::InGroup { feed } | Why::OwnerOf { feed } => e.feeds.get(usize::from(*feed)),
        _ => None,
    };
    let level = e.level.as_ref().map(|level| {
        json!({ "level": level.level, "rule": word(&level.why), "group": giver(&level.why).map(group) })
    });
    let marks = e.marks.iter().map(|mark| match mark {
        Mark::Fixed => "fixed",
        Mark::Exempt => "exempt",
        Mark::Collision => "collision",
        Mark::StatusUnknown => "status_unknown",
        Mark::Unknown => "unknown",
    });
    let findings = e
        .plan
        .iter()
        .flat_map(|plan| &plan.findings)
        .chain(&e.findings)
        .cloned();
    let plan = e.plan.as_ref();
    json!({
        "user": e.user.as_str(),
        "room": e.room.to_string(),
        "room_id": e.room_id.as_ref().map(|id| id.as_str()),
        "status": e.status.map(|status| word(&status)),
        "now": now(&e.presence),
        "wanted": wanted,
        "answer": kind,
        "rule": why.map(word),
        "group": why.and_then(giver).map(group),
        "because": because,
        "level": level,
        "marks": marks.collect::<Vec<_>>(),
        "nearest": nearest.filter(|_| e.marks.contains(&Mark::Unknown)),
        "accounts": e.accounts.iter().map(facts).collect::<Vec<_>>(),
        "groups": e.feeds.iter().map(group).collect::<Vec<_>>(),
        "incomplete": e.evidence.incomplete(),
        "gaps": e.gaps,
        "actions": plan.map_or_else(Vec::new, |plan| document::actions(plan, &e.evidence)),
        "release": plan.and_then(release),
        "brought": e.brought.as_ref().map(past::brought),
        "past": e.past.iter().map(past::json).collect::<Vec<_>>(),
        "past_unknown": e.past_unknown,
        "findings": document::findings(&findings.collect::<Vec<_>>()),
    })
}

fn now(presence: &Presence) -> Value {
    let (state, level, cause) = match presence {
        Presence::NoRoom => ("no_room".to_owned(), None, None),
        Presence::BotNotInRoom => ("bot_not_in_room".to_owned(), None, None),
        Presence::Unknown(cause) => ("unknown".to_owned(), None, Some(cause.to_string())),
        Presence::Absent => ("absent".to_owned(), None, None),
        Presence::Member { membership, level } => (word(membership), Some(level), None),
    };
    let level = level.map(|level| match level {
        Power::Level(level) => Value::from(*level),
        Power::Infinite => "infinite".into(),
    });
    json!({ "state": state, "level": level, "cause": cause })
}

fn facts(facts: &AccountFacts) -> Value {
    let mut value = document::account(&facts.account);
    let groups = facts.ways.iter().map(|(feed, way)| {
        let mut group = group(feed);
        group["path"] = way.iter().map(|name| &**name).collect();
        group
    });
    value["groups"] = groups.collect();
    value
}
