//! The code that lets go what is held.

use std::collections::BTreeSet;

use inviter_core::{
    guard::{Limits, ReleaseCode, Trigger},
    time::Timestamp,
};

use super::{
    counts, default,
    directories::{fed, numbered},
    judge, judge_all, room,
};
use crate::world::{NOW, World};

#[test]
fn a_code_is_another_once_something_was_let_go_in_the_room() {
    let world = room(1, 8);
    let code = |world: &World| default(world).rooms()[0].release().cloned().unwrap();
    let first = code(&world);
    let mut known = vec![first.clone()];
    for at in [0, 1, NOW.0] {
        let world = room(1, 8).remember(|r| r.released = Some(Timestamp(at)));
        let judged = judge(
            &world,
            std::slice::from_ref(&first),
            Trigger::Person,
            Limits::default(),
        );
        assert_eq!(counts(&judged), (0, 8, 0));
        assert!(judged.released().is_empty());
        let next = code(&world);
        assert!(!known.contains(&next));
        let judged = judge(
            &world,
            std::slice::from_ref(&next),
            Trigger::Person,
            Limits::default(),
        );
        assert_eq!(counts(&judged), (8, 0, 0));
        known.push(next);
    }
    // That of everything is about the same rooms.
    let elsewhere = room(1, 0).with(|w| {
        w.memory.rooms.entry(numbered(0)).or_default().released = Some(Timestamp(5));
    });
    let plans = || vec![fed(1, 8, 0, &["dir"]), fed(1, 8, 1, &["dir"])];
    let of = |world: &World| {
        let judged = judge_all(world, plans(), &[], Trigger::Person, Limits::default());
        judged.release().cloned().unwrap()
    };
    assert_ne!(of(&elsewhere), of(&room(1, 0)));
}

#[test]
fn a_code_that_is_shown_with_the_same_people_is_the_same() {
    let codes: BTreeSet<String> = (0..3)
        .map(|_| default(&room(1, 8)).release().unwrap().to_string())
        .collect();
    assert_eq!(codes.len(), 1);
    assert_eq!(codes.first().unwrap().len(), 10);
}

#[test]
fn a_release_lets_exactly_its_removals_go() {
    let world = room(1, 8);
    let held = default(&world);
    let room_code = held.rooms()[0].release().cloned().expect("a code for the room");
    let all_code = held.release().cloned().expect("a code for everything");
    for code in [room_code.clone(), all_code] {
        let let_go = judge(&world, &[code], Trigger::Person, Limits::default());
        assert_eq!(counts(&let_go), (8, 0, 0));
        assert_eq!((let_go.release(), let_go.rooms()[0].release()), (None, None));
    }
    // One more, and it is another set.
    let more = room(1, 9);
    assert_eq!(
        counts(&judge(
            &more,
            std::slice::from_ref(&room_code),
            Trigger::Person,
            Limits::default()
        )),
        (0, 9, 0)
    );
    assert_eq!(
        counts(&judge(
            &world,
            &[ReleaseCode::new("0000000000")],
            Trigger::Person,
            Limits::default()
        )),
        (0, 8, 0)
    );
    assert_eq!(
        ReleaseCode::new(format!(" {} ", room_code.as_str().to_uppercase())),
        room_code
    );
}
