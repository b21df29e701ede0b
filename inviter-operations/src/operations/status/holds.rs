//! What is held, as the last run that applied something left it: since when, how many, why, and how to let it go.

use std::fmt::{self, Write as _};

use inviter::core::{
    OwnedRoomId,
    action::RoomTarget,
    finding::FindingKind,
    plan::RoomStatus,
    recall::{Memory, RememberedHold},
    report::RoomReport,
    time::Timestamp,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::Picture;
use crate::render::{
    clean::{Clean, clean},
    counted, release,
    style::HELD,
    time, word,
};

/// What was held in a room when a run last looked, and how that stands to what is seen now.
#[derive(Debug, Clone)]
pub struct Hold {
    /// The room, as people know it.
    pub room: String,
    /// The room.
    pub id: OwnedRoomId,
    /// What is remembered.
    pub held: RememberedHold,
    /// How it stands now.
    pub standing: Standing,
}

/// How what is remembered as held stands to what is seen now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The same is held.
    Held,
    /// Something else is held.
    Changed,
    /// Nothing is held any more.
    Over,
    /// It cannot be told who would go, as long as something is not known.
    Open,
    /// Nobody has looked, or not since the run that has held this.
    Unseen,
}

impl Hold {
    /// All that is remembered, by name.
    pub(super) fn all(memory: &Memory, picture: Option<&Picture>) -> Vec<Self> {
        let held = memory.rooms.iter();
        let held = held.filter_map(|(id, room)| Some((id, room.held.clone()?)));
        let mut all: Vec<Self> = held
            .map(|(id, held)| {
                let seen = picture.and_then(|picture| seen(picture, id));
                let room = match seen {
                    Some(room) => room.room.to_string(),
                    None => name(memory, id),
                };
                let standing = match picture {
                    Some(picture) if picture.is_remembered(memory) => later(&held, seen, picture.at),
                    Some(_) => standing(&held, seen),
                    None => Standing::Unseen,
                };
                Self {
                    room,
                    id: id.clone(),
                    held,
                    standing,
                }
            })
            .collect();
        all.sort_by(|a, b| (&a.room, &a.id).cmp(&(&b.room, &b.id)));
        all
    }

    /// A line for the room, and the reasons where nothing else tells them.
    pub(super) fn write(&self, out: &mut String, when: impl Fn(Timestamp) -> String) -> fmt::Result {
        let RememberedHold {
            since,
            code,
            removals,
            demotions,
            reasons,
        } = &self.held;
        let mut losses = Vec::new();
        if *removals > 0 {
            losses.push(format!("{} to remove", people(*removals)));
        }
        if *demotions > 0 {
            losses.push(format!("{} to lower", people(*demotions)));
        }
        write!(
            out,
            "{HELD}held{HELD:#} in {} since {}: {}",
            Clean(&self.room),
            when(*since),
            losses.join(", ")
        )?;
        let let_go = format!("if that is right, run `inviter release {code}`");
        match self.standing {
            Standing::Held | Standing::Unseen => writeln!(out, "; {let_go}")?,
            Standing::Changed => writeln!(out, "; by now something else is held there, as shown below")?,
            Standing::Over => writeln!(out, "; by now nothing is held there any more")?,
            Standing::Open => {
                writeln!(
                    out,
                    "; who would go is not known at present, so nothing can be let go"
                )?;
            }
        }
        if matches!(self.standing, Standing::Unseen | Standing::Open) {
            for reason in reasons {
                writeln!(out, "    {HELD}held:{HELD:#} {}", clean(reason))?;
            }
        }
        Ok(())
    }

    /// The same for programs.
    pub(super) fn json(&self, now: Timestamp) -> Value {
        json!({
            "room": self.room,
            "room_id": self.id,
            "since": time(self.held.since),
            "age_seconds": now.since(self.held.since).as_secs(),
            "removals": self.held.removals,
            "demotions": self.held.demotions,
            "reasons": self.held.reasons,
            "release": self.held.code,
            "standing": word(&self.standing),
        })
    }
}

fn people(count: u32) -> String {
    counted(usize::try_from(count).unwrap_or(usize::MAX), "person", "people")
}

/// A room of a picture.
fn seen<'p>(picture: &'p Picture, id: &OwnedRoomId) -> Option<&'p RoomReport> {
    let is_meant =
        |room: &&RoomReport| matches!(&room.target, Some(RoomTarget::Existing(other)) if other == id);
    picture.report.rooms.iter().find(is_meant)
}

/// How what is remembered stands to a run that was written down before: where they differ, somebody has looked since.
fn later(held: &RememberedHold, seen: Option<&RoomReport>, at: Timestamp) -> Standing {
    match standing(held, seen) {
        Standing::Open if held.since <= at => Standing::Open,
        Standing::Held => Standing::Held,
        _ => Standing::Unseen,
    }
}

fn standing(held: &RememberedHold, seen: Option<&RoomReport>) -> Standing {
    let Some(room) = seen else {
        return Standing::Open;
    };
    let is_open = room.status != RoomStatus::Managed
        || room
            .findings
            .iter()
            .any(|finding| finding.kind == FindingKind::RemovalsNotConsidered);
    match release(room) {
        Some(code) if *code == held.code => Standing::Held,
        Some(_) => Standing::Changed,
        None if is_open => Standing::Open,
        None => Standing::Over,
    }
}

/// An alias that leads to a room, or else its ID.
fn name(memory: &Memory, id: &OwnedRoomId) -> String {
    let mut aliases = memory.aliases.keys();
    let alias = aliases.find(|alias| memory.led_to(alias) == Some(id));
    alias.map_or_else(|| id.to_string(), ToString::to_string)
}
