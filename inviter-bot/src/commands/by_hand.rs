//! Commands about one person or one room.

use inviter::core::{
    OwnedUserId,
    by_hand::{Considered, Request, Wish},
    reconcile::RunError,
};
use inviter_operations::operations::by_hand::WishAnswer;

use super::{
    Done, Failed,
    looking::{begin, failed, told},
    turn,
};
use crate::{
    audit::Occasion,
    conversation::{Asked, Question, confirmed},
};

/// Does what a person wishes, once it is confirmed where that is called for.
pub(super) async fn wish(asked: &Asked<'_>, request: Request, dry_run: bool) -> Done {
    let Asked {
        session, place, who, ..
    } = *asked;
    if dry_run {
        let (progress, reconciler) = begin(asked);
        match reconciler.consider(&request).await {
            Ok(considered) => {
                let answer = WishAnswer::planned(&request.wish, &considered);
                progress.conclude(place, told(&answer, "")).await;
            }
            Err(error) => failed(asked, progress, &error.to_string()).await,
        }
        return Ok(());
    }
    // What was shown and confirmed, and by whom.
    let mut agreed: Option<(Considered, OwnedUserId)> = None;
    loop {
        let (progress, reconciler) = begin(asked);
        let considered = {
            let turn = match turn(asked, &progress).await {
                Ok(turn) => turn,
                Err(Failed(why)) => {
                    failed(asked, progress, &why).await;
                    return Ok(());
                }
            };
            let considered: Result<Considered, RunError> = reconciler.consider(&request).await;
            let (shown, confirmed_by) = agreed.as_ref().map(|(shown, by)| (shown, by)).unzip();
            match considered {
                Ok(considered) if may_be_done(&request.wish, &considered, shown) => {
                    let occasion = Occasion::by_hand(who, confirmed_by);
                    let writer = session.audit.writer(occasion, None, &*reconciler.clock);
                    let report = reconciler.carry_out_witnessed(considered, &writer).await;
                    drop(turn);
                    session.audit.command(&report, occasion, session.now());
                    session.metrics.by_hand(&report);
                    let answer = WishAnswer::done(&request.wish, report);
                    progress.conclude(place, told(&answer, "")).await;
                    return Ok(());
                }
                Ok(considered) => considered,
                Err(error) => {
                    failed(asked, progress, &error.to_string()).await;
                    return Ok(());
                }
            }
        };
        let answer = WishAnswer::planned(&request.wish, &considered);
        let shown = progress.conclude(place, told(&answer, "")).await;
        let changed = if agreed.is_some() {
            "it is other than what was confirmed, and nothing was done yet; "
        } else {
            ""
        };
        let what = format!("{changed}{}", in_words(&request));
        let Some(by) = confirmed(asked, Question { what, shown }).await else {
            return Ok(());
        };
        agreed = Some((considered, by));
    }
}

/// Whether nobody has to be asked, or was about just this.
fn may_be_done(wish: &Wish, considered: &Considered, agreed: Option<&Considered>) -> bool {
    let decision = &considered.decision;
    let nothing = decision.ops.is_empty() && decision.forget.is_none();
    if nothing || matches!(wish, Wish::InviteMember(_)) {
        return true;
    }
    agreed.is_some_and(|agreed| {
        agreed.room_id == considered.room_id
            && agreed.decision.ops == decision.ops
            && agreed.decision.forget == decision.forget
            && agreed.decision.end == decision.end
    })
}

fn in_words(request: &Request) -> String {
    let room = &request.room;
    match &request.wish {
        Wish::KickMember(user) => format!("this removes {user} from {room}"),
        Wish::InviteAdmin(user) => format!("this makes {user} an admin of {room}"),
        Wish::Unmanage { .. } => format!("this gives {room} out of the bot's hands"),
        _ => format!("this changes {room}"),
    }
}
