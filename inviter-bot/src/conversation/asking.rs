//! Asking whether something is to be done, and waiting for the word.

use inviter::core::{OwnedEventId, OwnedUserId};
use inviter_operations::render::time;

use super::{
    Asked,
    confirmations::{MOST, NO, Word, YES},
};

/// What is asked.
#[derive(Debug)]
pub(crate) struct Question {
    /// What it comes to: a sentence without a full stop.
    pub(crate) what: String,
    /// The messages that show it; a reaction to them counts as well.
    pub(crate) shown_in: Vec<OwnedEventId>,
}

/// Asks, and waits for the word of somebody who may command. `None` if it is not to be done, which has been said then.
pub(crate) async fn confirmed(asked: &Asked<'_>, question: Question) -> Option<OwnedUserId> {
    let Asked { session, place, .. } = *asked;
    let within = session.bot().confirm_within;
    let until = time(session.now().plus(within));
    let clock = until.get(11..16).unwrap_or(&until);
    let Question { what, shown_in } = question;
    let event = place
        .say(&format!(
            "{what}; react with {YES} to do it, {NO} to leave it (until {clock} UTC)"
        ))
        .await?;
    let mut events = shown_in;
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
            place.correct(&event, &format!("{what}; not done, because the bot stops; type it again when it is back")).await;
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
