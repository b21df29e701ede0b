//! One person as an admin: invited, and at level 100.

use ruma_common::UserId;

use super::{ADMIN, Decision, LEVELS_EVENT, Refusal, RefusalKind, Scene, is_admin, is_for_good, refuse};
use crate::{
    action::Op,
    levels::{LevelChange, LevelSlot},
    room::{Power, RoomSnapshot},
};

pub(super) fn invite(scene: &Scene<'_>, user: &UserId) -> Result<Decision, Refusal> {
    let instead =
        "make them an owner of a group of the room, or give their level in [[room]] of the configuration";
    let snapshot = scene.managed_for(user, instead)?;
    let appointment = appoint(scene, snapshot, user)?;
    if appointment.ops.is_empty() {
        let note = format!("{user} is an admin (level {}) already", snapshot.power(user));
        return Ok(Decision::already(note));
    }
    Ok(appointment)
}

/// Invites and raises somebody, whichever of it is not so yet. The invitation comes first: the level cannot be taken
/// back, so nobody gets it whom the room then cannot have.
pub(super) fn appoint(
    scene: &Scene<'_>,
    snapshot: &RoomSnapshot,
    user: &UserId,
) -> Result<Decision, Refusal> {
    let mut decision = Decision::fulfilled();
    decision.ops.extend(scene.invitation(snapshot, user)?);
    if is_admin(snapshot, user) {
        return Ok(decision);
    }
    decision.ops.push(raise(scene, snapshot, user)?);
    if is_for_good(snapshot, scene.bot) {
        decision.notes.push(format!(
            "this room has version {}: before version 12 nobody can take level {ADMIN} back from {user} but they \
             themselves",
            snapshot.version
        ));
    }
    Ok(decision)
}

fn raise(scene: &Scene<'_>, snapshot: &RoomSnapshot, user: &UserId) -> Result<Op, Refusal> {
    let (room, bot) = (scene.room, scene.bot);
    let what = format!("giving {user} level {ADMIN}");
    let event = snapshot.levels.state_event(LEVELS_EVENT);
    scene.needs(snapshot, event.max(ADMIN), &what)?;
    let change = LevelChange {
        slot: LevelSlot::User(user.to_owned()),
        from: snapshot.levels.user_entry(user),
        to: Some(ADMIN),
    };
    let own = snapshot.power(bot);
    if !scene.may_set(snapshot, &change) {
        let power = snapshot.power(user);
        let message = format!("{room}: {user} has level {power} and the bot {own}; raise {bot} above them");
        return refuse(RefusalKind::PowerMissing, message);
    }
    let mut changes = vec![change];
    if let (false, Power::Level(own)) = (snapshot.levels.is_present(), own) {
        // Without the event the creator's 100 is implied, and lost with the first event that does not say it.
        changes.push(LevelChange {
            slot: LevelSlot::User(bot.to_owned()),
            from: None,
            to: Some(own),
        });
        changes.sort();
    }
    Ok(Op::SetLevels { changes })
}
