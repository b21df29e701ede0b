//! Commands about which rooms are the bot's.

use inviter::core::{
    OwnedUserId,
    reconcile::{Adopted, RunOptions},
    room::RoomRef,
};
use inviter_operations::operations::{
    adopt::{self as adopting, Adopt, Adopting},
    pause::{self as pausing, Pause},
    plan as planning,
    resume::{self as resuming, Resume},
};

use super::{
    Done, Failed,
    looking::{begin, failed, held, told},
    turn,
};
use crate::{audit::Event, conversation::Asked};

/// Puts rooms under management, and tells what the next sync would do there.
pub(super) async fn adopt(asked: &Asked<'_>, of: Adopt) -> Done {
    let place = asked.place;
    let (progress, reconciler) = begin(asked);
    let outcomes = {
        let _turn = match turn(asked, &progress).await {
            Ok(turn) => turn,
            Err(Failed(why)) => {
                failed(asked, progress, &why).await;
                return Ok(());
            }
        };
        adopting::adopt(&reconciler, &of).await
    };
    let adopting = match outcomes {
        Ok(adopting) => adopting,
        Err(error) => {
            failed(asked, progress, &error.to_string()).await;
            return Ok(());
        }
    };
    progress.conclude(place, told(&adopting, "")).await;
    let adopted: Vec<RoomRef> = adopted_now(&adopting).cloned().collect();
    if adopted.is_empty() {
        return Ok(());
    }
    note_adopted(asked, &adopting, None);
    let mut options = RunOptions::by_person();
    options.rooms = adopted.into_iter().collect();
    options.arguments = of.argument.iter().cloned().collect();
    let (progress, reconciler) = begin(asked);
    match planning::plan(&reconciler, &options, false, false).await {
        Ok(planned) => {
            let mut told = told(&planned, &held(&planned));
            told = told.warning(&["a sync would do this there now:".to_owned()]);
            progress.conclude(place, told).await;
        }
        Err(error) => {
            let why = format!("what a sync would do there cannot be told: {error}");
            progress
                .conclude(place, crate::answer::Told::sentence(&why))
                .await;
        }
    }
    Ok(())
}

/// The rooms that were adopted just now.
fn adopted_now(adopting: &Adopting) -> impl Iterator<Item = &RoomRef> {
    let outcomes = adopting.outcomes.iter();
    outcomes
        .filter(|(_, outcome)| matches!(outcome, Adopted::Now(_)))
        .map(|(room, _)| room)
}

/// Writes down which rooms were adopted, by whom, and after whose word.
pub(super) fn note_adopted(asked: &Asked<'_>, adopting: &Adopting, confirmed_by: Option<&OwnedUserId>) {
    let Asked { session, who, .. } = *asked;
    for room in adopted_now(adopting) {
        session.metrics.adopted();
        let event = Event::Adopted { room, confirmed_by };
        session.audit.event(&event, Some(who), session.now());
    }
}

/// Needs no turn: a pause must not wait for the run that it is meant to be the last before.
pub(super) async fn pause(asked: &Asked<'_>, of: Pause) -> Done {
    let Asked {
        session, place, who, ..
    } = *asked;
    let paused = pausing::pause(&session.reconciler, &of).await?;
    let rooms = of.rooms.iter().map(Some).chain(of.all.then_some(None));
    for room in rooms {
        session
            .audit
            .event(&Event::Paused { room }, Some(who), session.now());
    }
    place.tell(told(&paused, "")).await;
    Ok(())
}

pub(super) async fn resume(asked: &Asked<'_>, of: Resume) -> Done {
    let Asked {
        session, place, who, ..
    } = *asked;
    let resumed = resuming::resume(&session.reconciler, &of).await?;
    for what in &resumed.resumed {
        let room = match what {
            inviter::core::recall::Pause::Everything => None,
            inviter::core::recall::Pause::Room(room) => Some(room),
        };
        session
            .audit
            .event(&Event::Resumed { room }, Some(who), session.now());
    }
    place.tell(told(&resumed, "")).await;
    Ok(())
}
