//! `inviter adopt`

use std::fmt::Write as _;

use clap::Args;
use inviter::core::{
    reconcile::{Adopted, RunOptions},
    room::RoomRef,
    room_template::Argument,
};
use serde_json::json;

use super::room_ref;
use crate::{
    context::Context,
    exit::Exit,
    output,
    render::{
        clean::{Clean, clean},
        document,
        style::{ADD, FAILED, HEADLINE},
    },
};

/// Put rooms that existed before under management.
#[derive(Debug, Args)]
#[command(after_long_help = "\
A room that the bot did not create is only found, and nothing is done in it until it is adopted: its people may \
be in no group, and the first sync after that would remove them. Look at `inviter plan` after adopting.")]
pub(crate) struct Adopt {
    /// The rooms, by alias or ID
    #[arg(required = true, value_name = "ROOM", value_parser = room_ref)]
    rooms: Vec<RoomRef>,
    /// The rooms are of this argument, which takes the place of <1>
    #[arg(long, value_name = "VALUE", value_parser = Argument::parse)]
    argument: Vec<Argument>,
    /// Write one JSON document
    #[arg(long)]
    json: bool,
}

impl Adopt {
    pub(super) async fn run(&self, context: &Context<'_>) -> anyhow::Result<Exit> {
        let setup = context.setup().await?;
        let _lock = setup.lock()?;
        let mut options = RunOptions::by_person();
        options.rooms = self.rooms.iter().cloned().collect();
        options.arguments = self.argument.iter().cloned().collect();
        let outcomes = setup.reconciler.adopt(&options).await?;
        let refused = outcomes
            .iter()
            .filter(|(_, outcome)| matches!(outcome, Adopted::Not(_)))
            .count();
        if self.json {
            let rooms: Vec<_> = outcomes
                .iter()
                .map(|(room, outcome)| entry(room, outcome))
                .collect();
            output::json(&document::Document::new("adopt", json!({ "rooms": rooms })))?;
        } else {
            output::text(&text(&outcomes)?)?;
        }
        Ok(match refused {
            0 => Exit::Fine,
            n if n == outcomes.len() => Exit::Failed,
            _ => Exit::InPart,
        })
    }
}

fn entry(room: &RoomRef, outcome: &Adopted) -> serde_json::Value {
    let (word, id, message) = match outcome {
        Adopted::Now(id) => ("adopted", Some(id.as_str()), None),
        Adopted::Already(id) => ("already_managed", Some(id.as_str()), None),
        Adopted::Not(why) => ("not_adopted", None, Some(why.as_str())),
    };
    json!({ "room": room.to_string(), "room_id": id, "outcome": word, "message": message })
}

fn text(outcomes: &[(RoomRef, Adopted)]) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let mut adopted = 0;
    for (room, outcome) in outcomes {
        let room = clean(&room.to_string());
        match outcome {
            Adopted::Now(id) => {
                adopted += 1;
                writeln!(text, "{ADD}+{ADD:#} {room}  adopted  {}", Clean(id.as_str()))?;
            }
            Adopted::Already(id) => writeln!(text, "  {room}  managed already  {}", Clean(id.as_str()))?,
            Adopted::Not(why) => {
                writeln!(
                    text,
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
        text,
        "{HEADLINE}adopt: {adopted} of {}{next}{HEADLINE:#}",
        outcomes.len()
    )?;
    Ok(text)
}
