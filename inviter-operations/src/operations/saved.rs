//! A plan in a file: `plan --out` saves it, `apply` does what of it still holds.

use std::{
    fmt::{self, Write as _},
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
};

use clap::Args;
use inviter::core::{
    desired::FeedRole,
    guard::ReleaseCode,
    policy::Policy,
    reconcile::{Draft, Reconciler, ReplanError, Replanned, RunOptions},
    room::RoomRef,
    saved_plan::{
        Comparison, Difference, MAX_BYTES, Made, RoomComparison, SavedAction, SavedPlan, SavedPlanError,
        SavedWhy, Standing,
    },
};
use serde_json::{Value, json};

use super::{
    plan::Planned,
    release::NotHeld,
    sync::{self, Synced},
};
use crate::{
    answer::Answer,
    render::{
        action::{Sign, lines},
        clean::{self, Clean, clean},
        counted,
        report::{self, Kind},
        style::{ADD, CHANGE, FAILED, HEADLINE, HELD, NOTE, QUIET, REMOVE},
        time,
    },
};

/// How many actions of one kind of difference the text of a room names; JSON has them all.
const IN_TEXT: usize = 50;

/// How a saved plan is applied.
#[derive(Debug, Clone, Default, Args)]
#[group(skip)]
pub struct Apply {
    /// Do nothing at all unless everything is as it was saved
    #[arg(long)]
    pub strict: bool,
    /// Let go what is held under this code, which the plan shows; may be given several times
    #[arg(long, value_name = "CODE")]
    pub release: Vec<String>,
    /// Tell by which nested groups each person comes
    #[arg(long)]
    pub paths: bool,
}

/// The text of the file that a plan is saved to.
///
/// # Errors
/// A plan that is too large.
pub fn save(
    planned: &Planned,
    options: &RunOptions,
    policy: &Policy,
    program: &str,
) -> Result<String, SavedPlanError> {
    let made = Made {
        program: program.to_owned(),
        at: time(planned.draft.plan.planned()),
    };
    let saved = SavedPlan::of(&planned.draft, options, &policy.scope, made);
    Ok(clean::json(&saved.to_text()?))
}

/// Reads a plan from its file, which has to be an ordinary one.
///
/// # Errors
/// A file that cannot be read, and whatever [`SavedPlan::parse`] finds.
pub fn read(path: &Path) -> Result<SavedPlan, SavedPlanError> {
    let unread = |error: io::Error| SavedPlanError::Unread(error.to_string());
    // Before it is opened: that of a pipe waits for whoever writes into it.
    if !fs::metadata(path).map_err(unread)?.is_file() {
        return Err(SavedPlanError::Unread("this is not an ordinary file".to_owned()));
    }
    let mut text = Vec::new();
    // It may grow while it is read.
    let mut file = File::open(path).map_err(unread)?.take(MAX_BYTES + 1);
    file.read_to_end(&mut text).map_err(unread)?;
    SavedPlan::parse(&text)
}

/// A saved plan does not begin.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// It cannot be planned again.
    #[error(transparent)]
    Replan(#[from] ReplanError),
    /// A release is given for something that is not held.
    #[error(transparent)]
    NotHeld(#[from] NotHeld),
}

/// Plans again what a saved plan is about, and keeps what is the same.
///
/// # Errors
/// As any plan; a plan that was made elsewhere; and a code under which nothing is held.
pub async fn begin(
    reconciler: &Reconciler,
    saved: &SavedPlan,
    asked: &Apply,
) -> Result<Replanned, ApplyError> {
    let codes: Vec<ReleaseCode> = asked.release.iter().map(ReleaseCode::new).collect();
    let replanned = reconciler.plan_saved(saved, codes.iter().cloned()).await?;
    let released = replanned.draft.plan.released();
    match codes.into_iter().find(|code| !released.contains(code)) {
        Some(code) => Err(NotHeld { code }.into()),
        None => Ok(replanned),
    }
}

/// Does what the guard allowed in a plan that [`begin`] has restricted.
pub async fn apply(
    reconciler: &Reconciler,
    saved: &SavedPlan,
    (draft, comparison): (Draft, Comparison),
    options: &RunOptions,
    paths: bool,
) -> Applied {
    let synced = sync::apply(reconciler, draft, options, paths).await;
    Applied {
        synced: Some(synced),
        ..Applied::refused(saved, comparison)
    }
}

/// What became of a saved plan.
#[derive(Debug, Clone)]
pub struct Applied {
    /// When it was planned, for people.
    pub planned: String,
    /// The version that has saved it.
    pub program: String,
    /// What has become of each of its rooms.
    pub comparison: Comparison,
    /// What was done; nothing if the whole was refused.
    pub synced: Option<Synced>,
}

impl Applied {
    /// Nothing is done, since not everything is as it was saved.
    pub fn refused(saved: &SavedPlan, comparison: Comparison) -> Self {
        Self {
            planned: saved.planned.clone(),
            program: saved.program.clone(),
            comparison,
            synced: None,
        }
    }

    /// How many rooms of the plan are left out.
    pub fn skipped(&self) -> usize {
        self.comparison.skipped().count()
    }
}

impl Answer for Applied {
    fn kind(&self) -> &'static str {
        "apply"
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let rooms = &self.comparison.rooms;
        for room in rooms.iter().filter(|room| room.standing != Standing::Same) {
            write_room(out, room)?;
        }
        if !self.comparison.not_in_file.is_empty() {
            let rooms = counted(self.comparison.not_in_file.len(), "room", "rooms");
            writeln!(
                out,
                "{NOTE}note:{NOTE:#} {rooms} beside those of the plan would be changed now; nothing is done there, and \
                 `inviter plan` shows what\n"
            )?;
        }
        let Some(synced) = &self.synced else {
            let differ = rooms
                .iter()
                .filter(|room| room.standing != Standing::Same)
                .count();
            return writeln!(
                out,
                "{HEADLINE}apply: nothing was done, since {} of {} changed since the plan was saved ({}); plan \
                 again{HEADLINE:#}",
                differ,
                counted(rooms.len(), "room has", "rooms have"),
                Clean(&self.planned),
            );
        };
        report::report(out, &synced.report, &synced.evidence, Kind::Applied)?;
        match self.skipped() {
            0 => Ok(()),
            skipped => writeln!(
                out,
                "{HEADLINE}apply: {} skipped, changed since the plan was saved ({}); `inviter plan` shows what is to be \
                 done there now{HEADLINE:#}",
                counted(skipped, "room", "rooms"),
                Clean(&self.planned),
            ),
        }
    }

    fn json(&self) -> Value {
        let mut document = match &self.synced {
            Some(synced) => synced.json(),
            None => json!({}),
        };
        if let Some(object) = document.as_object_mut() {
            let rooms = self.comparison.rooms.iter().map(compared);
            let others = self.comparison.not_in_file.iter().map(ToString::to_string);
            object.insert("refused".to_owned(), self.synced.is_none().into());
            object.insert(
                "plan".to_owned(),
                json!({
                    "planned": self.planned,
                    "program": self.program,
                    "rooms": rooms.collect::<Vec<_>>(),
                    "skipped": self.skipped(),
                    "not_in_plan": others.collect::<Vec<_>>(),
                }),
            );
        }
        document
    }
}

fn compared(room: &RoomComparison) -> Value {
    let (standing, difference) = match &room.standing {
        Standing::Same => ("same", None),
        Standing::Settled => ("settled", None),
        Standing::Changed(difference) => ("changed", Some(&**difference)),
        Standing::Gone => ("gone", None),
        _ => ("unknown", None),
    };
    let actions = |of: fn(&Difference) -> &Vec<SavedAction>| difference.map(|some| json!(of(some)));
    json!({
        "room": room.room.to_string(),
        "standing": standing,
        "only_in_file": actions(|some| &some.only_in_file),
        "only_now": actions(|some| &some.only_now),
        "held_no_more": actions(|some| &some.held_no_more),
        "other_room": difference.and_then(|some| some.other_room.clone()),
    })
}

fn write_room(out: &mut String, room: &RoomComparison) -> fmt::Result {
    let name = |room: &RoomRef| clean(&room.to_string());
    write!(out, "{HEADLINE}{}{HEADLINE:#}", name(&room.room))?;
    match &room.standing {
        Standing::Settled => {
            writeln!(
                out,
                "  {QUIET}nothing is left to do: it was done since, or is not wanted any more{QUIET:#}\n"
            )
        }
        Standing::Gone => writeln!(
            out,
            "  {FAILED}skipped:{FAILED:#} no directory and no configuration wants this room any more, or it is outside \
             what the plan was asked for\n"
        ),
        Standing::Changed(difference) => {
            writeln!(
                out,
                "  {FAILED}skipped:{FAILED:#} it has changed since the plan was saved"
            )?;
            if let Some((before, now)) = &difference.other_room {
                writeln!(
                    out,
                    "  the plan was made for {}, and it is {} now",
                    Clean(before),
                    Clean(now)
                )?;
            }
            actions(out, "in the saved plan only", &difference.only_in_file)?;
            actions(out, "only in what would be done now", &difference.only_now)?;
            actions(
                out,
                "held when the plan was saved, and not held now",
                &difference.held_no_more,
            )?;
            writeln!(out)
        }
        _ => writeln!(out, "  {FAILED}skipped{FAILED:#}\n"),
    }
}

fn actions(out: &mut String, title: &str, actions: &[SavedAction]) -> fmt::Result {
    if actions.is_empty() {
        return Ok(());
    }
    writeln!(out, "  {title}:")?;
    for action in actions.iter().take(IN_TEXT) {
        let sign = Sign::of(&action.op);
        let style = match sign {
            Sign::Add => ADD,
            Sign::Change => CHANGE,
            Sign::Remove => REMOVE,
        };
        let why = clause(&action.why);
        for line in lines(&action.op) {
            write!(
                out,
                "    {style}{}{style:#} {line}  {QUIET}{why}{QUIET:#}",
                sign.as_str()
            )?;
            if action.held.is_empty() {
                writeln!(out)?;
            } else {
                writeln!(out, "  {HELD}held{HELD:#}")?;
            }
        }
    }
    match actions.len().saturating_sub(IN_TEXT) {
        0 => Ok(()),
        more => writeln!(out, "    … and {more} more"),
    }
}

/// Such as `member of MTRX #staff:example.com (people)`, cleaned.
fn clause(why: &SavedWhy) -> String {
    let rule = clean(&why.rule).replace('_', " ");
    let of = match (why.rule.as_str(), &why.group) {
        ("in_group", Some(group)) if group.role == FeedRole::Owners => "owner of".to_owned(),
        ("in_group", Some(_)) => "member of".to_owned(),
        _ => rule,
    };
    let group = why.group.as_ref();
    let group = group.map(|group| format!(" {} ({})", clean(&group.name), clean(group.directory.as_str())));
    let room = why.room.as_ref().map(|room| format!(" {}", clean(room.as_str())));
    of + &group.unwrap_or_default() + &room.unwrap_or_default()
}
