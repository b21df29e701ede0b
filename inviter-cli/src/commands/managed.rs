//! `inviter managed`

use std::fmt::Write as _;

use clap::Args;
use inviter::core::{finding::FindingKind, plan::RoomStatus};
use serde_json::json;

use crate::{
    context::Context,
    exit::Exit,
    output,
    render::{counted, document, report::note, rooms, style::HEADLINE},
};

/// List the rooms that the directories want, with their status.
#[derive(Debug, Args)]
pub(crate) struct Managed {
    #[command(flatten)]
    part: super::Part,
    /// Write one JSON document
    #[arg(long)]
    json: bool,
}

impl Managed {
    pub(super) async fn run(&self, context: &Context<'_>) -> anyhow::Result<Exit> {
        let reconciler = context.setup().await?.reconciler;
        let draft = reconciler.plan(&self.part.options()).await?;
        let rooms = draft.plan.rooms();
        let managed = rooms
            .iter()
            .filter(|room| room.plan().status == RoomStatus::Managed)
            .count();
        if self.json {
            let contents = json!({
                "rooms": document::statuses(rooms),
                "findings": document::findings(&draft.findings),
                "counts": { "rooms": rooms.len(), "managed": managed, "outside": draft.rooms_outside },
            });
            output::json(&document::Document::new("managed", contents))?;
        } else {
            let mut text = String::new();
            rooms::statuses(&mut text, rooms, |_, _| Ok(()))?;
            for finding in draft
                .findings
                .iter()
                .filter(|f| f.kind == FindingKind::NothingWanted)
            {
                note(&mut text, "", finding)?;
            }
            rooms::outside(&mut text, draft.rooms_outside)?;
            let rooms = counted(rooms.len(), "room", "rooms");
            writeln!(text, "\n{HEADLINE}managed: {managed} of {rooms}{HEADLINE:#}")?;
            output::text(&text)?;
        }
        let report = draft.report();
        Ok(Exit::of_reading(&report, &draft.desired))
    }
}
