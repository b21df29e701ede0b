//! `release`: what is held, and letting it go. That itself is a person's own run over everything to which the codes are
//! given: [`plan`](super::plan::plan) and [`sync::apply`](super::sync::apply) with [`Release::options`].

use std::{
    collections::BTreeSet,
    fmt::{self, Write as _},
};

use clap::Args;
use inviter::core::{
    guard::ReleaseCode,
    reconcile::{Reconciler, RunError, RunOptions},
    report::{Outcome, RoomReport},
};
use serde_json::{Value, json};

use super::plan::{self, Planned};
use crate::{
    answer::Answer,
    render::{
        counted, document,
        report::{self, Kind},
        style::HEADLINE,
    },
};

/// What is let go.
#[derive(Debug, Clone, Args)]
#[group(skip)]
#[command(after_long_help = "\
Without a code, lists what is held and why, with the code of each room and that of everything. A code stands for exactly \
the people and rooms that were shown with it, and it is good once. Once something else is held, or the same again, it is \
another, and the old one is refused.

With codes, this is a sync of everything in which what they stand for is not held: `inviter sync --release CODE`. All \
else that a sync would do is done, too; with --dry-run it is only shown.")]
pub struct Release {
    /// The codes, as they are shown where something is held
    #[arg(value_name = "CODE")]
    pub codes: Vec<String>,
    /// Only show what would be done
    #[arg(long, requires = "codes")]
    pub dry_run: bool,
}

impl Release {
    /// The options of the run that lets go.
    pub fn options(&self) -> RunOptions {
        let mut options = RunOptions::by_person();
        options.releases = self.codes.iter().map(ReleaseCode::new).collect();
        options
    }
}

/// What is held now.
#[derive(Debug, Clone)]
pub struct Held {
    /// The plan that it is held in.
    pub planned: Planned,
    /// The rooms in which something is held, with only that.
    rooms: Vec<RoomReport>,
}

/// A code stands for nothing that is held.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{code}`: nothing is held under this code, so nothing was done; a code is good once, and only for exactly what was \
     shown with it; `inviter release` shows what is held"
)]
pub struct NotHeld {
    /// The code as it was understood.
    pub code: ReleaseCode,
}

/// Plans everything, as a person's own run, and tells what is held in it.
///
/// # Errors
/// As any plan.
pub async fn held(reconciler: &Reconciler) -> Result<Held, RunError> {
    let planned = plan::plan(reconciler, &RunOptions::by_person(), false, false).await?;
    Ok(Held::of(planned))
}

impl Held {
    /// What is held in a plan.
    pub fn of(planned: Planned) -> Self {
        let rooms = report::only(&planned.report, |outcome| matches!(outcome, Outcome::Held { .. }));
        Self { planned, rooms }
    }

    /// All codes that let something go: of everything, and of each room.
    pub fn codes(&self) -> BTreeSet<&ReleaseCode> {
        let of_rooms = self.rooms.iter().filter_map(|room| room.release.as_ref());
        of_rooms.chain(&self.planned.report.release).collect()
    }

    /// Whether each of these codes stands for something that is held: a run that a mistyped or outdated one is given to
    /// would do everything but what it was meant for.
    ///
    /// # Errors
    /// [`NotHeld`], for the first that does not.
    pub fn covers<'c>(&self, codes: impl IntoIterator<Item = &'c ReleaseCode>) -> Result<(), NotHeld> {
        let known = self.codes();
        let unknown = codes.into_iter().find(|code| !known.contains(code));
        unknown.map_or(Ok(()), |code| Err(NotHeld { code: code.clone() }))
    }
}

impl Answer for Held {
    fn kind(&self) -> &'static str {
        "release"
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let Planned { report, evidence, .. } = &self.planned;
        report::waiting(out, (report, &self.rooms), evidence, Kind::Held)?;
        let held = match report.tally().held {
            0 => "nothing is held".to_owned(),
            held => format!("{held} held in {}", counted(self.rooms.len(), "room", "rooms")),
        };
        let unread = report::unread(&report.findings);
        writeln!(out, "{HEADLINE}release: {held}{unread}{HEADLINE:#}")
    }

    fn json(&self) -> Value {
        let Planned { report, evidence, .. } = &self.planned;
        let rooms = self.rooms.iter().map(|room| document::room(room, evidence));
        json!({
            "rooms": rooms.collect::<Vec<_>>(),
            "release": report.release,
            "counts": { "rooms": self.rooms.len(), "held": report.tally().held },
        })
    }
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::*;
    use crate::{operations::sync, place::Place};

    fn release(codes: &[&str]) -> Release {
        Release {
            codes: codes.iter().map(|code| (*code).to_owned()).collect(),
            dry_run: false,
        }
    }

    #[tokio::test]
    async fn what_is_held_is_told_with_its_code_and_let_go_by_it() {
        let place = Place::new().await;
        let reconciler = &place.reconciler;
        reconciler.sync(&RunOptions::by_person()).await.unwrap();
        let told = held(reconciler).await.unwrap();
        assert_eq!(strip_str(&told.text()).to_string(), "release: nothing is held\n");
        assert_eq!(told.json()["counts"]["held"], 0);

        // One comes, which nothing holds, and four go, which is too many.
        place.staff(&["ada", "fay"], &["ada"]);
        let told = held(reconciler).await.unwrap();
        let codes = told.codes();
        assert_eq!(codes.len(), 1, "that of the room is that of everything");
        let code = codes.first().unwrap().as_str();
        let text = strip_str(&told.text()).to_string();
        assert!(
            text.contains("! withdraw the invitation of @eve:example.com"),
            "{text}"
        );
        assert!(text.contains("held: 4 of 5 people"), "{text}");
        assert!(
            text.contains(&format!("run `inviter release {code}`\n")),
            "{text}"
        );
        assert!(text.ends_with("\nrelease: 4 held in 1 room\n"), "{text}");
        assert!(!text.contains("fay"), "only what is held: {text}");
        let json = told.json();
        assert_eq!(
            (&json["release"], &json["counts"]),
            (&code.into(), &json!({ "rooms": 1, "held": 4 }))
        );
        assert_eq!(json["rooms"][0]["actions"].as_array().unwrap().len(), 4);

        // A code that is mistyped, or of something else, lets nothing else go either.
        let wrong = release(&[code, "0123456789"]).options();
        let error = told.covers(&wrong.releases).unwrap_err().to_string();
        assert!(
            error.starts_with("`0123456789`: nothing is held under this code"),
            "{error}"
        );

        let right = release(&[&format!(" {} ", code.to_uppercase())]).options();
        told.covers(&right.releases).unwrap();
        let planned = sync::begin(reconciler, &right, false).await.unwrap();
        let synced = sync::apply(reconciler, planned.draft, &right, false).await;
        let tally = synced.report.tally();
        assert_eq!((tally.removed, tally.invited, tally.held), (4, 1, 0));
        let told = held(reconciler).await.unwrap();
        assert!(
            told.covers(&right.releases).is_err(),
            "once it is done, the code is of no use"
        );

        // The same people again are another matter.
        place.staff(&["ada", "bob", "cid", "dan", "eve", "fay"], &["ada"]);
        reconciler.sync(&RunOptions::by_person()).await.unwrap();
        place.staff(&["ada", "fay"], &["ada"]);
        let told = held(reconciler).await.unwrap();
        assert_eq!(told.json()["counts"], json!({ "rooms": 1, "held": 4 }));
        let error = told.covers(&right.releases).unwrap_err().to_string();
        assert!(
            error.ends_with(
                "nothing is held under this code, so nothing was done; a code is good once, and only for exactly what \
                 was shown with it; `inviter release` shows what is held"
            ),
            "{error}"
        );
    }

    #[tokio::test]
    async fn nothing_held_is_not_said_of_a_directory_that_was_not_read() {
        let place = Place::new().await;
        place.people("");
        let told = held(&place.reconciler).await.unwrap();
        assert_eq!(
            strip_str(&told.text()).to_string(),
            "release: nothing is held; 1 directory not read\n"
        );
    }
}
