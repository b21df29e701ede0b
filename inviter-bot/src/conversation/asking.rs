//! Asking whether something is to be done, and waiting for the word.

use inviter::core::OwnedUserId;
use inviter_operations::render::time;

use super::{
    Asked,
    confirmations::{MOST, NO, Word, YES},
    place::Delivered,
};
use crate::stop::Reason;

/// What is asked.
#[derive(Debug)]
pub(crate) struct Question {
    /// What it comes to: a sentence without a full stop.
    pub(crate) what: String,
    /// What shows it; a reaction to that counts as well.
    pub(crate) shown: Delivered,
}

/// Asks, and waits for the word of somebody who may command. `None` if it is not to be done, which has been said then.
pub(crate) async fn confirmed(asked: &Asked<'_>, question: Question) -> Option<OwnedUserId> {
    let Asked { session, place, .. } = *asked;
    let within = session.bot().confirm_within;
    let until = time(session.now().plus(within));
    let clock = until.get(11..16).unwrap_or(&until);
    let Question { what, shown } = question;
    // Nobody can agree to what they do not see.
    if !shown.complete {
        place
            .say(&format!(
                "{what}; not done, because not all of what it comes to could be shown here: the homeserver did not take \
                 it; type it again"
            ))
            .await;
        return None;
    }
    let event = place
        .say(&format!(
            "{what}; react with {YES} to do it, {NO} to leave it (until {clock} UTC)"
        ))
        .await?;
    let mut events = shown.events;
    events.push(event.clone());
    let Some(mut ticket) = asked.confirmations.wait(&place.room, events) else {
        let text = format!(
            "not done: {MOST} commands wait for their confirmation already; confirm or cancel one of those first"
        );
        place.correct(&event, &text).await;
        return None;
    };
    let offer = async {
        place.react(&event, YES).await;
        place.react(&event, NO).await;
        std::future::pending::<()>().await;
    };
    let word = tokio::select! {
        word = &mut ticket.word => word.ok(),
        () = tokio::time::sleep(within) => None,
        () = session.stopping.stopped() => {
            let reason = session.stopping.reason().unwrap_or(Reason::End);
            place.correct(&event, &format!("{what}; not done, {}", reason.in_words())).await;
            return None;
        }
        () = offer => None,
    };
    drop(ticket);
    match word {
        Some(Word::Yes(by)) => {
            tracing::info!(%by, "confirmed: {what}");
            place.correct(&event, &format!("{what}; confirmed by {by}")).await;
            Some(by)
        }
        Some(Word::No(by)) => {
            place
                .correct(&event, &format!("{what}; not done, cancelled by {by}"))
                .await;
            None
        }
        None => {
            place
                .correct(
                    &event,
                    &format!("{what}; not done, expired: nobody confirmed it until {clock} UTC"),
                )
                .await;
            None
        }
    }
}
