//! The bot hands a room over and leaves.

use ruma_common::UserId;

use super::{
    ADMIN, Decision, End, Refusal, RefusalKind, Scene, Wanted, admin::appoint, is_admin, membership, refuse,
};
use crate::{
    action::Op,
    backend::AccountState,
    levels::{Key, LevelChange, LevelSlot},
    room::{Membership, Power, RoomSnapshot, RoomState},
};

pub(super) fn unmanage(scene: &Scene<'_>, admin: Option<&UserId>) -> Result<Decision, Refusal> {
    let snapshot = match scene.state {
        RoomState::Joined(snapshot) => snapshot,
        RoomState::Unknown(cause) => {
            let message = format!(
                "{}: {cause}; the bot stays until the room can be read",
                scene.room
            );
            return refuse(RefusalKind::Unknown, message);
        }
        RoomState::Missing | RoomState::NotJoined { .. } => return Ok(gone(scene)),
    };
    let mut decision = if let Some(admin) = admin {
        hand_over(scene, snapshot, admin)?
    } else {
        somebody_stays(scene, snapshot)?;
        Decision::fulfilled()
    };
    if decision.end == End::Fulfilled {
        leave(scene, snapshot, &mut decision);
    }
    Ok(decision)
}

/// The bot has left, in an earlier attempt maybe; the rest is to forget the room.
fn gone(scene: &Scene<'_>) -> Decision {
    let known = match scene.remembered {
        Some(_) => "",
        None => ", and nothing is remembered of it",
    };
    let mut decision = Decision::already(format!("the bot is not in {}{known}", scene.room));
    decision.forget = scene.remembered.cloned();
    decision.notes.extend(still_wanted(scene));
    decision
}

fn hand_over(scene: &Scene<'_>, snapshot: &RoomSnapshot, admin: &UserId) -> Result<Decision, Refusal> {
    let room = scene.room;
    if admin == scene.bot {
        let message = format!("{admin} is the bot itself, which is to leave {room}; name somebody else");
        return refuse(RefusalKind::Bot, message);
    }
    let useless = match scene.account {
        AccountState::Missing => "has no such account",
        AccountState::Deactivated => "has deactivated that account",
        AccountState::Exists | AccountState::Unknown => "",
    };
    if !useless.is_empty() {
        let message = format!(
            "{admin} cannot manage {room}, since the homeserver {useless}; name somebody who can log in"
        );
        return refuse(RefusalKind::NoAccount, message);
    }
    let mut decision = appoint(scene, snapshot, admin)?;
    if membership(snapshot, admin) != Some(Membership::Joined) {
        let waits = format!(
            "{admin} has to join {room} first; the bot stays until then, so ask for the same again once they have"
        );
        let pauses = is_undone_by_a_run(scene, snapshot, admin);
        decision.pause = pauses.then(|| snapshot.room_id.clone());
        let waits = match &decision.pause {
            None => waits,
            Some(id) => format!(
                "{waits}; until then the room is paused, since the directories decide about its admins, too, and a run \
                 would remove or lower {admin}; `inviter resume '{id}'` keeps the room under management instead"
            ),
        };
        decision.end = End::Waits(waits);
    }
    Ok(decision)
}

/// Whether the directory rules over a new admin as over everybody else (decision 19).
fn is_undone_by_a_run(scene: &Scene<'_>, snapshot: &RoomSnapshot, admin: &UserId) -> bool {
    let policy = scene.policy;
    policy.danger_manage_admins
        && snapshot.power(scene.bot) > Power::Level(ADMIN)
        && policy.in_scope(admin)
        && !policy.exempt.matches(admin)
}

/// Somebody else who has joined is an admin. With the bot, while it has its level, these are two.
fn somebody_stays(scene: &Scene<'_>, snapshot: &RoomSnapshot) -> Result<(), Refusal> {
    let stays = snapshot.members.iter().any(|member| {
        member.membership == Membership::Joined
            && member.user_id != scene.bot
            && is_admin(snapshot, &member.user_id)
    });
    if stays {
        return Ok(());
    }
    let message = format!(
        "{}: nobody else who has joined is an admin (level {ADMIN}), and nobody could manage the room without the bot; \
         name a new admin, who is then invited and raised",
        scene.room
    );
    refuse(RefusalKind::NoOtherAdmin, message)
}

/// Gives up the bot's own level, which a room before version 12 would keep for an account that is not in it, and
/// leaves. Killed in between, the next attempt finds an admin and nothing to lower.
fn leave(scene: &Scene<'_>, snapshot: &RoomSnapshot, decision: &mut Decision) {
    let (room, bot) = (scene.room, scene.bot);
    let default = snapshot.levels.key(Key::UsersDefault);
    let entry = snapshot.levels.user_entry(bot).filter(|level| *level > default);
    if snapshot.is_privileged_creator(bot) {
        decision.notes.push(format!(
            "{bot} created {room}, and has every power there again if it is ever invited back"
        ));
    } else if let Some(level) = entry {
        let change = LevelChange {
            slot: LevelSlot::User(bot.to_owned()),
            from: Some(level),
            to: None,
        };
        if scene.may_set(snapshot, &change) {
            decision.ops.push(Op::SetLevels {
                changes: vec![change],
            });
        } else {
            decision.notes.push(format!(
                "the bot may not change its own level {level}, which stays behind; clear it by hand"
            ));
        }
    }
    decision.ops.push(Op::Leave);
    decision.forget = Some(snapshot.room_id.clone());
    decision.notes.extend(still_wanted(scene));
}

fn still_wanted(scene: &Scene<'_>) -> Option<String> {
    let room = scene.room;
    match scene.wanted {
        Wanted::No => None,
        Wanted::Yes => Some(format!(
            "the directories or the configuration still want {room}, so the next sync will report that the bot is not \
             in it; take its group away, too"
        )),
        Wanted::Unknown(unread) => Some(format!(
            "{} could not be read completely; if a group there still wants {room}, the next sync will report that the \
             bot is not in it",
            unread.join(", ")
        )),
    }
}
