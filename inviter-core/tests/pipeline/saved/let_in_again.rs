//! What is held in a room that the bot enters on the way, and that the file says nothing of.

use futures_executor::block_on;
use inviter_core::{
    action::Op,
    guard::Limits,
    memory::{MemoryGroup, UserOp},
    recall::RememberedHold,
    report::Outcome,
};

use super::{apply, saved};
use crate::{
    faults::settled,
    model::{World, room_group, user},
};

fn hold(world: &World) -> Option<RememberedHold> {
    let room = world.room(0).unwrap();
    world.store.memory().rooms[&room].held.clone()
}

/// A file with nothing but the bot's joining leaves what is held there as it is: it neither lets it go nor forgets it.
#[test]
fn what_is_held_in_a_room_that_is_joined_stays_held() {
    let mut world = settled();
    let group = |people: usize| {
        MemoryGroup::new(room_group(0))
            .members((0..people).map(|person| format!("p{person}")))
            .owners(["p0"])
    };
    world.directory.put_group(group(5));
    world.sync();
    world.reconciler.limits = Limits {
        room_count: 1,
        room_percent: 10,
        ..world.reconciler.limits
    };
    world.directory.put_group(group(3));
    assert_eq!(world.sync().tally().held, 2);
    let before = hold(&world);
    assert!(before.is_some());

    let room = world.room(0).unwrap();
    let act = |who, op: &UserOp| drop(world.homeserver.act(who, op).unwrap());
    let mut levels = world.homeserver.levels(&room).unwrap();
    levels["invite"] = 0.into();
    let all_may = UserOp::set(room.clone(), "m.room.power_levels", levels);
    act(&world.bot, &all_may);
    act(&world.bot, &UserOp::Leave { room: room.clone() });
    let invite = UserOp::Invite {
        room: room.clone(),
        user: world.bot.clone(),
        reason: None,
    };
    act(&user(0), &invite);
    let mut world = world;
    world.reconciler.policy.trusted_inviters.insert(user(0));
    let plan = saved(&world);
    assert!(
        matches!(&plan.rooms[0].actions[..], [action] if matches!(action.op, Op::Join { .. })),
        "{plan:#?}"
    );
    let (report, comparison) = apply(&world, &plan);
    assert!(comparison.is_same());
    let outcomes = report.rooms[0].items.iter().map(|item| &item.outcome);
    let held = outcomes.filter(|outcome| matches!(outcome, Outcome::Held { .. }));
    assert_eq!((held.count(), report.tally().changed), (2, 1), "{report:#?}");
    assert_eq!(hold(&world), before);
    assert_eq!(world.people_in(0).len(), 5, "nobody was removed");
    // It is the same hold, which the same word ends.
    let mut options = inviter_core::reconcile::RunOptions::by_person();
    options.releases.insert(before.unwrap().code);
    let report = block_on(world.reconciler.sync(&options)).unwrap();
    assert_eq!((report.tally().removed, report.tally().held), (2, 0));
}
