//! Whether the bot gets into the new room.

use inviter_core::{
    OwnedUserId,
    finding::FindingKind,
    memory::{NewRoom, Preset, UserOp},
    plan::RoomStatus,
    room::Membership,
};
use serde_json::json;

use super::{close, old_room, only_rests, people, set, status, successor, upgrade};
use crate::{
    faults::kinds,
    model::{World, user},
    scope::tomorrow,
};

#[test]
fn an_admins_upgrade_waits_for_an_invitation_by_who_closed_the_room() {
    let world = old_room();
    let (p0, p1) = (user(0), user(1));
    let new = upgrade(&world, &p0, 0, "12", true);
    for _ in 0..2 {
        let report = world.sync();
        assert_eq!(status(&report), RoomStatus::Replaced);
        let told = report.rooms[0]
            .findings
            .iter()
            .find(|f| f.kind == FindingKind::Replaced);
        let message = &told.unwrap().message;
        assert!(
            message.contains("have @bot:example.org invited there by @p0:example.org"),
            "{message}"
        );
        only_rests(&world);
    }
    let invite = |who: OwnedUserId| UserOp::Invite {
        room: new.clone(),
        user: who,
        reason: None,
    };
    // Anybody else's invitation is none.
    let world = {
        world.homeserver.act(&p0, &invite(p1.clone())).unwrap();
        world
            .homeserver
            .act(&p1, &UserOp::Join { room: new.clone() })
            .unwrap();
        world.homeserver.act(&p1, &invite(world.bot.clone())).unwrap();
        let report = world.sync();
        assert_eq!(status(&report), RoomStatus::Replaced);
        assert!(
            report.rooms[0]
                .findings
                .iter()
                .any(|f| f.message.contains("@p1:example.org, who invited it"))
        );
        let kick = UserOp::Kick {
            room: new.clone(),
            user: world.bot.clone(),
            reason: None,
        };
        world.homeserver.act(&p0, &kick).unwrap();
        world
    };
    world.homeserver.act(&p0, &invite(world.bot.clone())).unwrap();
    let report = world.sync();
    // Joined, found to agree, and filled in the same run; adopted because the old one was.
    assert_eq!(status(&report), RoomStatus::Managed, "{report:?}");
    assert!(kinds(&report).contains(&FindingKind::Followed));
    assert_eq!(people(&world, &new), [0, 1, 2, 3, 4]);
    only_rests(&world);
}

#[test]
fn a_room_that_lets_the_bot_in_is_joined_and_looked_at() {
    for agrees in [true, false] {
        let world = old_room();
        let (p0, old) = (user(0), world.room(0).unwrap());
        set(
            &world,
            &p0,
            &old,
            "m.room.join_rules",
            json!({ "join_rule": "public" }),
        );
        let replaced = if agrees {
            old.clone()
        } else {
            "!other:example.org".try_into().unwrap()
        };
        let new = if agrees {
            successor(&world, &p0, &replaced, "11", Preset::PublicChat)
        } else {
            let new = NewRoom {
                preset: Preset::PublicChat,
                ..NewRoom::default()
            };
            world
                .homeserver
                .act(&p0, &UserOp::CreateRoom(Box::new(new)))
                .unwrap()
                .created()
                .unwrap()
        };
        close(&world, &p0, &old, &new);
        let report = world.sync();
        assert!(
            world
                .homeserver
                .members(&new)
                .iter()
                .any(|m| m.user_id == world.bot && m.membership == Membership::Joined)
        );
        if agrees {
            assert_eq!(status(&report), RoomStatus::Managed);
            assert_eq!(people(&world, &new), [0, 1, 2, 3, 4]);
        } else {
            // Looked at, and left alone.
            assert_eq!(status(&report), RoomStatus::Replaced);
            assert!(kinds(&report).contains(&FindingKind::NotSuccessor));
            assert_eq!(people(&world, &new), [0]);
        }
        only_rests(&world);
    }
}

#[test]
fn who_was_not_let_in_does_not_knock_on_the_door_with_every_run() {
    let world = old_room();
    let (p0, old) = (user(0), world.room(0).unwrap());
    let rule = json!({ "join_rule": "restricted", "allow": [] });
    set(&world, &p0, &old, "m.room.join_rules", rule);
    let new = upgrade(&world, &p0, 0, "11", false);
    let joins = |world: &World| world.sync().tally().failed;
    assert_eq!(joins(&world), 1);
    only_rests(&world);
    assert!(kinds(&world.sync()).contains(&FindingKind::Replaced));
    tomorrow(&world);
    assert_eq!(joins(&world), 1, "tried again a day later");
    assert!(people(&world, &new) == [0]);
}
