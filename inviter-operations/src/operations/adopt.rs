//! `adopt`: puts rooms that existed before under management.

use std::{
    collections::BTreeSet,
    fmt::{self, Write as _},
};

use clap::Args;
use inviter::core::{
    guard::GuardedRoom,
    plan::RoomStatus,
    reconcile::{Adopted, Draft, Reconciler, RunError, RunOptions},
    room::RoomRef,
    room_template::Argument,
};
use serde_json::{Value, json};

use crate::{
    answer::Answer,
    arguments::room_ref,
    render::{
        clean::{Clean, clean},
        style::{ADD, FAILED, HEADLINE},
    },
};

/// Which rooms.
#[derive(Debug, Clone, Args)]
#[group(skip)]
#[command(after_long_help = "\
A room that the bot did not create is only found, and nothing is done in it until it is adopted: its people may \
be in no group, and the first sync after that would remove them. Look at `inviter plan` after adopting.")]
pub struct Adopt {
    /// The rooms, by alias or ID
    #[arg(required = true, value_name = "ROOM", value_parser = room_ref)]
    pub rooms: Vec<RoomRef>,
    /// The rooms are of this argument, which takes the place of <1>
    #[arg(long, value_name = "VALUE", value_parser = Argument::parse)]
    pub argument: Vec<Argument>,
}

/// What adopting came to.
#[derive(Debug, Clone)]
pub struct Adopting {
    /// Each room by the name that it was planned by.
    pub outcomes: Vec<(RoomRef, Adopted)>,
}

/// Puts rooms under management.
///
/// # Errors
/// As any plan, and what writing down can meet. A room that cannot be adopted is told in the answer.
pub async fn adopt(reconciler: &Reconciler, asked: &Adopt) -> Result<Adopting, RunError> {
    let mut options = RunOptions::by_person();
    options.rooms = asked.rooms.iter().cloned().collect();
    options.arguments = asked.argument.iter().cloned().collect();
    let outcomes = reconciler.adopt(&options).await?;
    Ok(Adopting { outcomes })
}

/// Puts the rooms under management that wait for it in a plan; `options` are those of the plan, which is out of date
/// once there are outcomes.
///
/// # Errors
/// As [`adopt`].
pub async fn adopt_found(
    reconciler: &Reconciler,
    draft: &Draft,
    options: &RunOptions,
) -> Result<Adopting, RunError> {
    let plans = draft.plan.rooms().iter().map(GuardedRoom::plan);
    let found: BTreeSet<RoomRef> = plans
        .filter(|plan| plan.status == RoomStatus::Found)
        .map(|plan| plan.room.clone())
        .collect();
    if found.is_empty() {
        return Ok(Adopting { outcomes: Vec::new() });
    }
    let mut adopting = options.clone();
    adopting.rooms = found;
    let outcomes = reconciler.adopt(&adopting).await?;
    Ok(Adopting { outcomes })
}

impl Adopting {
    /// How many rooms were refused.
    pub fn refused(&self) -> usize {
        let outcomes = self.outcomes.iter();
        outcomes
            .filter(|(_, outcome)| matches!(outcome, Adopted::Not(_)))
            .count()
    }

    /// Why rooms were refused: cleaned sentences, for where the answer itself is not shown.
    pub fn refusals(&self) -> Vec<String> {
        let outcomes = self.outcomes.iter();
        outcomes
            .filter_map(|(room, outcome)| match outcome {
                Adopted::Not(why) => Some(format!(
                    "{} was not adopted: {}",
                    clean(&room.to_string()),
                    clean(why)
                )),
                _ => None,
            })
            .collect()
    }
}

impl Answer for Adopting {
    fn kind(&self) -> &'static str {
        "adopt"
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let mut adopted = 0;
        for (room, outcome) in &self.outcomes {
            let room = clean(&room.to_string());
            match outcome {
                Adopted::Now(id) => {
                    adopted += 1;
                    writeln!(out, "{ADD}+{ADD:#} {room}  adopted  {}", Clean(id.as_str()))?;
                }
                Adopted::Already(id) => writeln!(out, "  {room}  managed already  {}", Clean(id.as_str()))?,
                Adopted::Not(why) => {
                    writeln!(
                        out,
                        "{FAILED}!{FAILED:#} {room}  {FAILED}not adopted:{FAILED:#} {}",
                        Clean(why)
                    )?;
                }
            }
        }
        let next = if adopted > 0 {
            "; `inviter plan` shows what a sync would do there, removals included"
        } else {
            ""
        };
        writeln!(
            out,
            "{HEADLINE}adopt: {adopted} of {}{next}{HEADLINE:#}",
            self.outcomes.len()
        )
    }

    fn json(&self) -> Value {
        let rooms = self.outcomes.iter().map(|(room, outcome)| entry(room, outcome));
        json!({ "rooms": rooms.collect::<Vec<_>>() })
    }
}

fn entry(room: &RoomRef, outcome: &Adopted) -> Value {
    let (word, id, message) = match outcome {
        Adopted::Now(id) => ("adopted", Some(id.as_str()), None),
        Adopted::Already(id) => ("already_managed", Some(id.as_str()), None),
        Adopted::Not(why) => ("not_adopted", None, Some(why.as_str())),
    };
    json!({ "room": room.to_string(), "room_id": id, "outcome": word, "message": message })
}
