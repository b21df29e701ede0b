//! A witness of a wish is told of each step before the next one begins.

use std::sync::Mutex;

use futures_executor::block_on;
use inviter_core::{
    action::{Action, Op, RoomTarget},
    apply::{InRoom, Witness},
    backend::BackendErrorKind,
    by_hand::{Request, Wish, WishReport},
    memory::{Call, InMemoryHomeserver},
    report::{Outcome, ReportItem},
};

use crate::world::{ROOM, World, ZOE, room_ref, user};

/// What is told, and how much had been written by then.
#[derive(Debug)]
struct Notes {
    homeserver: InMemoryHomeserver,
    told: Mutex<Vec<(Action, Outcome, u64)>>,
}

impl Witness for Notes {
    fn settled(&self, room: InRoom<'_>, action: &Action, outcome: &Outcome) {
        assert_eq!(room.room, &room_ref(ROOM));
        assert!(matches!(room.target, RoomTarget::Existing(_)), "{room:?}");
        let writes = self.homeserver.writes();
        let told = (action.clone(), outcome.clone(), writes);
        self.told.lock().unwrap().push(told);
    }
}

/// Hands the room to zoe, who is in it with another level.
fn hand_over(world: &World) -> (WishReport, Vec<(Action, Outcome, u64)>) {
    let request = Request {
        room: room_ref(ROOM),
        wish: Wish::Unmanage {
            admin: Some(user(ZOE)),
        },
    };
    let considered = block_on(world.reconciler.consider(&request)).unwrap();
    let before = world.homeserver.writes();
    let notes = Notes {
        homeserver: world.homeserver.clone(),
        told: Mutex::default(),
    };
    let report = block_on(world.reconciler.carry_out_witnessed(considered, &notes));
    let told = notes.told.into_inner().unwrap().into_iter();
    let told = told.map(|(action, outcome, writes)| (action, outcome, writes - before));
    (report, told.collect())
}

fn with_zoe() -> World {
    let world = World::of_version("11");
    world.bring("bot", ZOE);
    world.level_by("bot", ZOE, 25);
    world
}

fn same(told: &[(Action, Outcome, u64)], items: &[ReportItem]) {
    let told: Vec<_> = told
        .iter()
        .map(|(action, outcome, _)| (action, outcome))
        .collect();
    let items: Vec<_> = items.iter().map(|item| (&item.action, &item.outcome)).collect();
    assert_eq!(told, items);
}

#[test]
fn each_step_is_told_before_the_next() {
    let (report, told) = hand_over(&with_zoe());
    same(&told, &report.items);
    let writes: Vec<u64> = told.iter().map(|(_, _, writes)| *writes).collect();
    assert_eq!(writes, [1, 2, 3]);
    assert!(told.iter().all(|(_, outcome, _)| *outcome == Outcome::Done));
    assert!(matches!(told[2].0.op, Op::Leave));
}

#[test]
fn what_failed_and_what_was_left_out_for_it_is_told() {
    let world = with_zoe();
    let leaves = |call: &Call<'_>| matches!(call, Call::Execute(_, Op::Leave));
    world.homeserver.fail_next(leaves, BackendErrorKind::Refused);
    let (report, told) = hand_over(&world);
    same(&told, &report.items);
    assert!(matches!(told[2].1, Outcome::Failed { .. }), "{told:?}");

    let world = with_zoe();
    let levels = |call: &Call<'_>| matches!(call, Call::Execute(_, Op::SetLevels { .. }));
    world.homeserver.fail_next(levels, BackendErrorKind::Refused);
    let (report, told) = hand_over(&world);
    same(&told, &report.items);
    assert!(matches!(told[0].1, Outcome::Failed { .. }), "{told:?}");
    assert!(matches!(told[2].1, Outcome::Skipped { .. }), "{told:?}");
}
