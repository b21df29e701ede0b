//! What we did with somebody in a room, as far as it is remembered.

use std::fmt::{self, Write};

use inviter::core::{
    desired::GroupRef,
    explain::Explanation,
    recall::{Brought, Ground, Happened, Happening},
};
use serde_json::{Value, json};

use crate::render::{
    clean::{Clean, clean},
    style::FAILED,
    time,
};

/// The past as text: one line for each thing that was done, oldest first.
pub(super) fn text(out: &mut impl Write, e: &Explanation) -> fmt::Result {
    if let Some(why) = &e.past_unknown {
        writeln!(out, "  {FAILED}past{FAILED:#}       not known: {}", Clean(why))?;
    }
    let mut label = "past";
    for happened in &e.past {
        let ground = match (&happened.group, happened.ground) {
            (Some(group), Ground::MemberOf) => format!("member of {}", clean(&group.to_string())),
            (Some(group), Ground::OwnerOf) => format!("owner of {}", clean(&group.to_string())),
            (_, ground) => ground_text(ground).to_owned(),
        };
        writeln!(
            out,
            "  {label:<10} {}  {}: {ground}",
            time(happened.at),
            what_text(happened.what)
        )?;
        label = "";
    }
    Ok(())
}

fn what_text(what: Happening) -> String {
    match what {
        Happening::Invited => "invited".to_owned(),
        Happening::PutIn => "put in".to_owned(),
        Happening::Removed => "removed".to_owned(),
        Happening::InvitationWithdrawn => "invitation withdrawn".to_owned(),
        Happening::Level(Some(level)) => format!("given level {level}"),
        Happening::Level(None) => "level taken back".to_owned(),
    }
}

const fn ground_text(ground: Ground) -> &'static str {
    match ground {
        Ground::MemberOf => "member of a group of the room",
        Ground::OwnerOf => "owner of a group of the room",
        Ground::Configured => "named in the configuration",
        Ground::InNoGroup => "in no group of the room",
        Ground::AccountDisabled => "the account was disabled",
        Ground::NoLongerGiven => "no group gave it any more",
        Ground::ByHand => "a person asked for it",
    }
}

/// One thing that was done, for programs.
pub(super) fn json(happened: &Happened) -> Value {
    let (what, level) = match happened.what {
        Happening::Invited => ("invited", None),
        Happening::PutIn => ("put_in", None),
        Happening::Removed => ("removed", None),
        Happening::InvitationWithdrawn => ("invitation_withdrawn", None),
        Happening::Level(level) => ("level", level),
    };
    json!({
        "at": time(happened.at),
        "what": what,
        "level": level,
        "rule": happened.ground.as_str(),
        "group": happened.group.as_ref().map(group),
    })
}

/// That we have brought somebody in, for programs.
pub(super) fn brought(brought: &Brought) -> Value {
    json!({ "at": time(brought.at), "group": brought.group.as_ref().map(group) })
}

fn group(group: &GroupRef) -> Value {
    json!({ "directory": group.provider.as_str(), "key": group.key.as_str(), "name": &*group.name })
}
