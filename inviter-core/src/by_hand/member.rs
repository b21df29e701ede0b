//! One person of another server, as an ordinary member.

use ruma_common::UserId;

use super::{Decision, Naming, Refusal, RefusalKind, Scene, is_admin, membership, refuse};
use crate::{
    action::Op,
    levels::{Key, LevelChange, LevelSlot},
    patterns::Patterns,
    room::{JoinRule, Membership, RoomRef, RoomSnapshot},
};

pub(super) fn invite(scene: &Scene<'_>, user: &UserId) -> Result<Decision, Refusal> {
    let instead = "add them to a group of the room";
    let snapshot = scene.managed_for(user, instead)?;
    let Some(invitation) = scene.invitation(snapshot, user)? else {
        let how = match membership(snapshot, user) {
            Some(Membership::Joined) => "in the room",
            _ => "invited",
        };
        return Ok(Decision::already(format!("{user} is {how} already")));
    };
    let entry = snapshot.levels.user_entry(user);
    let note = entry.map(|level| format!("{user} has level {level} there, which stays as it is"));
    Ok(Decision {
        ops: vec![invitation],
        notes: note.into_iter().collect(),
        ..Decision::fulfilled()
    })
}

pub(super) fn kick(scene: &Scene<'_>, user: &UserId) -> Result<Decision, Refusal> {
    let instead = "take them out of the room's groups";
    let snapshot = scene.managed_for(user, instead)?;
    let room = scene.room;
    let invitation = match membership(snapshot, user) {
        Some(Membership::Joined) => false,
        Some(Membership::Invited) => true,
        // Theirs may be the one event that cannot be read.
        None if !snapshot.unreadable.is_empty() => {
            let message = format!(
                "{room}: whether {user} is in it is not known, because its state could not be read completely; look \
                 at the room with `inviter plan`"
            );
            return refuse(RefusalKind::Unknown, message);
        }
        _ => return Ok(Decision::already(format!("{user} is not in the room"))),
    };
    may_go(scene, snapshot, user)?;
    let mut decision = Decision::fulfilled();
    // Coming back must bring no power along (decision 19).
    if let Some(level) = snapshot.levels.user_entry(user) {
        let change = LevelChange {
            slot: LevelSlot::User(user.to_owned()),
            from: Some(level),
            to: None,
        };
        if scene.may_set(snapshot, &change) {
            decision.ops.push(Op::SetLevels {
                changes: vec![change],
            });
        } else {
            decision.notes.push(format!(
                "the level {level} of {user} stays behind, since the bot may not change it; clear it by hand"
            ));
        }
    }
    decision.ops.push(Op::Remove {
        user: user.to_owned(),
        invitation,
        reason: scene.reason(scene.policy.remove_reason.as_ref()),
    });
    if snapshot.join_rule == JoinRule::Public {
        decision.notes.push(format!(
            "anyone may join {room}, so {user} can walk back in; set its join rule to invite, or ban them"
        ));
    }
    Ok(decision)
}

/// Fails for everybody who is not the bot's to remove, and where it lacks the power.
fn may_go(scene: &Scene<'_>, snapshot: &RoomSnapshot, user: &UserId) -> Result<(), Refusal> {
    let (room, bot) = (scene.room, scene.bot);
    if let Some(pattern) = exempting(&scene.policy.exempt, user) {
        let message = format!(
            "{user} is never removed, since `exempt` in the configuration has {pattern}; change that, or remove them \
             by hand"
        );
        return refuse(RefusalKind::Exempt, message);
    }
    is_not_named(scene, user)?;
    let (power, own) = (snapshot.power(user), snapshot.power(bot));
    if is_admin(snapshot, user) {
        let message = format!(
            "{room}: {user} is an admin (level {power}) and is not removed; lower or remove them by hand"
        );
        return refuse(RefusalKind::Outranked, message);
    }
    if power >= own {
        let message = format!("{room}: {user} has level {power} and the bot {own}; raise {bot} above them");
        return refuse(RefusalKind::Outranked, message);
    }
    scene.needs(snapshot, snapshot.levels.key(Key::Kick), "removing")
}

/// Fails if the configuration or a directory names the person for this room, or may do so.
fn is_not_named(scene: &Scene<'_>, user: &UserId) -> Result<(), Refusal> {
    let whose = |entry: &RoomRef| {
        if scene.policy.listed_rooms().iter().any(|spec| spec.room == *entry) {
            format!("[[room]] {entry} of the configuration")
        } else {
            format!("the directory that lists {entry}")
        }
    };
    // What is certain says more than what is not.
    let first = scene.naming.iter().min_by_key(|naming| naming.unsure.is_some());
    if let Some(Naming { entry, unsure }) = first {
        let whose = whose(entry);
        let Some(cause) = unsure else {
            let message = format!(
                "{user} is never removed, since {whose} names them among `members`; take them out there"
            );
            return refuse(RefusalKind::Fixed, message);
        };
        let message = format!(
            "{user} stays, since {whose} names them among `members` and may be this room ({cause}); take them out \
             there, or try again later"
        );
        return refuse(RefusalKind::Unknown, message);
    }
    if scene.unread.is_empty() {
        return Ok(());
    }
    let message = format!(
        "{user} stays, since {} could not be read and may name them for this room; try again when it can be",
        scene.unread.join(", ")
    );
    refuse(RefusalKind::Unknown, message)
}

/// The pattern that matches, if any does.
fn exempting<'p>(exempt: &'p Patterns, user: &UserId) -> Option<&'p str> {
    if !exempt.matches(user) {
        return None;
    }
    let alone =
        |pattern: &&String| Patterns::new([(*pattern).clone()]).is_ok_and(|pattern| pattern.matches(user));
    exempt.patterns().iter().find(alone).map(String::as_str)
}
