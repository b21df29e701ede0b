//! Drift: rooms that somebody else has changed are put right within a second or two, and not for ever against
//! somebody who keeps changing them back.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::StreamExt as _;
use inviter::{
    Report, RoomBackend as _,
    core::{
        OwnedRoomId,
        action::{Op, RoomTarget},
        guard::{GuardedRoom, Verdict},
        levels::LevelSlot,
        recall::Pause,
        report::Outcome,
        room::{RoomRef, RoomState},
        runs::RunCause,
    },
};
use tokio::time::sleep;

use crate::{audit::Event, notices::Notices, session::Session};

/// How long to wait for more before looking: what somebody does is mostly several events.
const DEBOUNCE: Duration = Duration::from_millis(700);
/// The longest that changes which keep coming put a look off.
const PATIENCE: Duration = Duration::from_secs(3);
/// So often the same thing is put right within [`FIGHT_WITHIN`]; if it is changed again, somebody means it.
const FIGHT_AFTER: usize = 4;
/// See [`FIGHT_AFTER`].
const FIGHT_WITHIN: Duration = Duration::from_secs(10 * 60);
/// So often a level or a setting is put right within [`SLOW_WITHIN`]: whoever undoes it by a schedule does it as often.
const SLOW_AFTER: usize = 12;
/// See [`SLOW_AFTER`].
const SLOW_WITHIN: Duration = Duration::from_secs(24 * 60 * 60);

/// Listens for changes, and asks for a look at the rooms in which there were some.
pub(crate) async fn listen(session: &Session) {
    let mut changes = session.live.changes();
    while let Some(first) = changes.next().await {
        let mut rooms = BTreeSet::from([first]);
        let since = tokio::time::Instant::now();
        let heard = Instant::now();
        loop {
            tokio::select! {
                next = changes.next() => match next {
                    Some(room) => rooms.extend([room]),
                    None => return,
                },
                () = sleep(DEBOUNCE) => break,
            }
            if since.elapsed() >= PATIENCE {
                break;
            }
        }
        session.triggers.rooms(rooms, heard);
    }
}

/// Looks at rooms that have changed, and puts right what is to be put right. Answers with the run, if one was needed.
///
/// # Errors
/// A sentence without a full stop.
pub(crate) async fn look(
    session: &Session,
    rooms: &BTreeSet<OwnedRoomId>,
    heard: Instant,
    fights: &mut Fights,
    notices: &mut Notices,
) -> Result<Option<Arc<Report>>, String> {
    // A room that says it takes another's place is about that one.
    let mut about = rooms.clone();
    about.extend(rooms.iter().filter_map(|room| match session.live.room(room)? {
        RoomState::Joined(room) => room.predecessor,
        _ => None,
    }));
    let wanted = session.wanted(&about);
    if wanted.is_empty() {
        return Ok(None);
    }
    let options = session.by_itself(RunCause::Drift, wanted.clone());
    if let Some(draft) = session.plan_from_memory(&options).await {
        let draft = draft.map_err(|error| error.to_string())?;
        let mut planned = draft.plan.rooms().iter().flat_map(GuardedRoom::actions);
        // Somebody who accepts an invitation has changed the room, and nothing has to be done about it. What waits for
        // a person is told.
        if !planned.any(|action| action.verdict == Verdict::Allowed) {
            notices.after_look(session, &draft.report()).await;
            return Ok(None);
        }
    }
    let report = session.run(&options).await.map_err(|why| why.to_string())?;
    session.metrics.drift(&report, heard.elapsed());
    settle(session, &report, fights, notices).await;
    notices.after_run(session, &report, &RunCause::Drift).await;
    Ok(Some(report))
}

/// Looks whether a run has put right what was put right too often.
pub(crate) async fn settle(session: &Session, report: &Report, fights: &mut Fights, notices: &mut Notices) {
    for (room, what) in fights.after(report, Instant::now()) {
        leave_alone(session, &room, &what, notices).await;
    }
}

/// Pauses a room in which somebody keeps undoing what the bot does.
async fn leave_alone(session: &Session, room: &OwnedRoomId, what: &str, notices: &mut Notices) {
    let name = session
        .wanted(&BTreeSet::from([room.clone()]))
        .pop_first()
        .unwrap_or_else(|| RoomRef::Id(room.clone()));
    let against = session.live.changed_by(room);
    let by = against
        .as_ref()
        .map_or_else(|| "somebody".to_owned(), ToString::to_string);
    let pause = Pause::Room(name.clone());
    let paused = session.reconciler.pause(std::slice::from_ref(&pause)).await;
    session.metrics.fight();
    let error = paused.as_ref().err().map(ToString::to_string);
    let event = Event::Fight {
        room,
        what,
        against: against.as_ref(),
        error: error.as_deref(),
    };
    session.audit.event(&event, None, session.now());
    let text = match paused {
        Ok(()) => format!(
            "{name}: {by} keeps undoing what the bot does ({what}), so the room is paused; settle it, and go on with \
             `!inviter resume '{name}'`"
        ),
        Err(error) => {
            format!("{name}: {by} keeps undoing what the bot does ({what}), and it cannot be paused: {error}")
        }
    };
    notices.tell(session, &[text]).await;
}

/// What was put right lately, by room and thing.
#[derive(Debug, Default)]
pub(crate) struct Fights(BTreeMap<(OwnedRoomId, String), Rounds>);

/// How often the same was done about one thing.
#[derive(Debug, Default)]
struct Rounds {
    /// What it was set to. Where the bot itself sets it to something else, the directory has changed its mind, and
    /// nobody fights.
    to: String,
    times: VecDeque<Instant>,
}

impl Fights {
    /// Takes a run in; answers with the rooms in which the same was put right too often, and what it was.
    fn after(&mut self, report: &Report, now: Instant) -> Vec<(OwnedRoomId, String)> {
        let mut fought = Vec::new();
        for room in &report.rooms {
            let Some(RoomTarget::Existing(id)) = &room.target else {
                continue;
            };
            let done = room.items.iter().filter(|item| item.outcome == Outcome::Done);
            let ops = done.map(|item| &item.action.op);
            let things: BTreeMap<String, (String, bool)> = ops
                .flat_map(|op| {
                    let lasting = is_lasting(op);
                    things(op)
                        .into_iter()
                        .map(move |(thing, to)| (thing, (to, lasting)))
                })
                .collect();
            for (thing, (to, lasting)) in things {
                if self.round((id.clone(), thing.clone()), to, lasting, now) {
                    fought.push((id.clone(), thing));
                }
            }
        }
        self.0.retain(|_, rounds| {
            let last = rounds.times.back();
            last.is_some_and(|at| now.duration_since(*at) <= SLOW_WITHIN)
        });
        fought
    }

    /// Counts one; answers whether it was one too many.
    fn round(&mut self, about: (OwnedRoomId, String), to: String, lasting: bool, now: Instant) -> bool {
        let rounds = self.0.entry(about).or_default();
        if rounds.to != to {
            rounds.times.clear();
            rounds.to = to;
        }
        let times = &mut rounds.times;
        times.push_back(now);
        times.retain(|at| now.duration_since(*at) <= SLOW_WITHIN);
        let lately = times.iter().filter(|at| now.duration_since(**at) <= FIGHT_WITHIN);
        let fought = lately.count() >= FIGHT_AFTER || lasting && times.len() >= SLOW_AFTER;
        if fought {
            times.clear();
        }
        fought
    }
}

/// Whether an operation sets what stays so unless somebody changes it; people come and go for reasons of their own.
fn is_lasting(op: &Op) -> bool {
    !matches!(op, Op::Invite { .. } | Op::Add { .. } | Op::Remove { .. })
}

/// What an operation sets right, so that the same is recognised when it comes again, and to what.
fn things(op: &Op) -> Vec<(String, String)> {
    let (thing, to) = match op {
        Op::SetLevels { changes } => {
            let changes = changes.iter();
            return changes
                .map(|change| {
                    (
                        format!("level of {}", slot(&change.slot)),
                        format!("{:?}", change.to),
                    )
                })
                .collect();
        }
        Op::SetHistoryVisibility { to, .. } => ("history visibility".to_owned(), format!("{to:?}")),
        Op::SetName { to } => ("name".to_owned(), to.clone()),
        Op::SetTopic { to } => ("topic".to_owned(), to.clone()),
        Op::SetListing { to } => ("listing in the room directory".to_owned(), format!("{to:?}")),
        Op::Invite { user, .. } | Op::Add { user, .. } => (format!("membership of {user}"), "in".to_owned()),
        Op::Remove { user, .. } => (format!("membership of {user}"), "out".to_owned()),
        _ => return Vec::new(),
    };
    vec![(thing, to)]
}

fn slot(slot: &LevelSlot) -> String {
    match slot {
        LevelSlot::User(user) => user.to_string(),
        LevelSlot::Event(kind) => kind.clone(),
        LevelSlot::Key(key) => key.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about() -> (OwnedRoomId, String) {
        (
            OwnedRoomId::try_from("!a:x").unwrap(),
            "level of @alice:x".to_owned(),
        )
    }

    #[test]
    fn the_same_again_and_again_is_a_fight() {
        let mut fights = Fights::default();
        let now = Instant::now();
        let rounds: Vec<bool> = (0..FIGHT_AFTER)
            .map(|_| fights.round(about(), "50".to_owned(), true, now))
            .collect();
        assert_eq!(rounds.iter().filter(|fought| **fought).count(), 1);
        assert!(rounds[FIGHT_AFTER - 1]);
        assert!(
            !fights.round(about(), "50".to_owned(), true, now),
            "it is counted anew"
        );
    }

    #[test]
    fn a_directory_that_changes_its_mind_fights_with_nobody() {
        let mut fights = Fights::default();
        let now = Instant::now();
        for _ in 0..10 * FIGHT_AFTER {
            for to in ["50", "0"] {
                assert!(!fights.round(about(), to.to_owned(), true, now));
            }
        }
    }
}
