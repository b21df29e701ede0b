//! `inviter check`

use std::fmt::Write as _;

use clap::Args;
use inviter::{
    config::Config,
    core::{
        desired::Desired,
        finding::{Finding, FindingKind},
        guard::GuardedRoom,
        plan::RoomStatus,
        reconcile::{Draft, RunOptions},
    },
};
use serde_json::{Value, json};

use crate::{
    context::{self, Context},
    exit::{Exit, is_unread},
    output,
    render::{
        clean::{Clean, clean},
        counted, document,
        report::note,
        rooms,
        style::{ADD, FAILED, HEADLINE, QUIET},
    },
};

/// Check everything that a sync needs.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Sends no writing request. Ends with code 1 if something cannot work: a directory or the homeserver cannot be \
read, a desired room cannot be managed, the bot lacks power in one, or removals from one wait for a group \
that is missing or unread.")]
pub(crate) struct Check {
    /// Write one JSON document
    #[arg(long)]
    json: bool,
}

/// What was found.
struct Checked {
    config: String,
    desired: Desired,
    homeserver: String,
    /// The plan shows how each room is; without a homeserver there is none, and a reason.
    draft: Result<Draft, String>,
}

impl Check {
    pub(super) async fn run(&self, context: &Context<'_>) -> anyhow::Result<Exit> {
        let (source, config) = context.config()?;
        let homeserver = config.homeserver.url.to_string();
        let draft = match context::connect(&config).await {
            Ok(setup) => setup
                .reconciler
                .plan(&RunOptions::by_person())
                .await
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let desired = match &draft {
            Ok(draft) => draft.desired.clone(),
            // The directories can be told about all the same.
            Err(_) => context::desired(&config).await?,
        };
        let config = format!("{}: {}", source.name(), summary(&config));
        let checked = Checked {
            config,
            desired,
            homeserver,
            draft,
        };
        let works = checked.works();
        if self.json {
            output::json(&document::Document::new("check", checked.json(works)))?;
        } else {
            output::text(&checked.text(works)?)?;
        }
        Ok(if works { Exit::Fine } else { Exit::Failed })
    }
}

fn summary(config: &Config) -> String {
    let listed = counted(config.rooms.len(), "room listed", "rooms listed");
    format!(
        "{}, {listed}",
        counted(config.directories.len(), "directory", "directories")
    )
}

/// A room that no sync can do anything for, as it is.
fn is_blocked(room: &GuardedRoom) -> bool {
    match room.plan().status {
        RoomStatus::Managed | RoomStatus::ToCreate => false,
        // An invitation that the next sync accepts is no obstacle.
        RoomStatus::Invited => room.actions().is_empty(),
        _ => true,
    }
}

fn is_blocking(finding: &Finding) -> bool {
    matches!(
        finding.kind,
        FindingKind::PowerMissing | FindingKind::Unreadable | FindingKind::RemovalsNotConsidered
    )
}

impl Checked {
    fn works(&self) -> bool {
        let read = self.desired.sources.iter().all(|source| !is_unread(source));
        let rooms = self.draft.as_ref().is_ok_and(|draft| {
            let rooms = draft.plan.rooms();
            rooms
                .iter()
                .all(|room| !is_blocked(room) && !room.plan().findings.iter().any(is_blocking))
        });
        read && rooms
    }

    fn json(&self, works: bool) -> Value {
        let draft = self.draft.as_ref().ok();
        let mut findings = draft
            .map_or(&self.desired.findings[..], |draft| &draft.findings[..])
            .to_vec();
        findings.sort();
        let desired = document::desired(&self.desired);
        json!({
            "works": works,
            "configuration": self.config,
            "directories": desired["directories"],
            "homeserver": {
                "url": self.homeserver,
                "user": draft.map(|draft| draft.identity.user_id.as_str()),
                "default_room_version":
                    draft.and_then(|draft| draft.identity.default_room_version.as_ref()).map(ToString::to_string),
                "error": self.draft.as_ref().err(),
            },
            "rooms": draft.map(|draft| document::statuses(draft.plan.rooms())),
            "findings": document::findings(&findings),
        })
    }

    fn text(&self, works: bool) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        writeln!(text, "configuration {}", Clean(&self.config))?;
        for source in &self.desired.sources {
            writeln!(text, "{}", rooms::source_line(source, &self.desired))?;
        }
        match &self.draft {
            Ok(draft) => {
                let version = draft.identity.default_room_version.as_ref();
                let version = version.map_or_else(String::new, |version| {
                    format!(", gives new rooms version {version}")
                });
                writeln!(
                    text,
                    "homeserver {}: the bot is {}{}",
                    Clean(&self.homeserver),
                    Clean(draft.identity.user_id.as_str()),
                    clean(&version),
                )?;
                writeln!(text)?;
                rooms::statuses(&mut text, draft.plan.rooms(), true)?;
                for finding in rooms::beside_sources(&draft.findings) {
                    note(&mut text, "", finding)?;
                }
            }
            Err(error) => {
                writeln!(
                    text,
                    "homeserver {}: {FAILED}{}{FAILED:#}",
                    Clean(&self.homeserver),
                    Clean(error)
                )?;
                writeln!(text, "{QUIET}the rooms could not be checked{QUIET:#}")?;
                for finding in rooms::beside_sources(&self.desired.findings) {
                    note(&mut text, "", finding)?;
                }
            }
        }
        let (style, verdict) = if works {
            (ADD, "works")
        } else {
            (FAILED, "something cannot work, see above")
        };
        writeln!(text, "\n{HEADLINE}check:{HEADLINE:#} {style}{verdict}{style:#}")?;
        Ok(text)
    }
}
