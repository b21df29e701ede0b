//! What is told of plans that were applied, and of those that were not.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use anstream::adapter::strip_str;
use futures_util::future::{BoxFuture, FutureExt as _, pending};
use inviter::core::{
    OwnedRoomAliasId, OwnedUserId,
    action::Op,
    backend::{Stop, Stoppable},
    memory::{Call, UserOp},
    recall::Pause,
    room::RoomRef,
};

use super::*;
use crate::{answer::Answer as _, operations::plan::plan, place::Place};

async fn saved(place: &Place) -> SavedPlan {
    let options = RunOptions::by_person();
    let planned = plan(&place.reconciler, &options, false, false).await.unwrap();
    let text = save(&planned, &options, &place.reconciler.policy, "0").unwrap();
    SavedPlan::parse(text.as_bytes()).unwrap()
}

async fn applied(place: &Place, saved: &SavedPlan) -> Applied {
    let replanned = begin(&place.reconciler, saved, &Apply::default()).await.unwrap();
    let draft = (replanned.draft, replanned.comparison);
    apply(&place.reconciler, saved, draft, &replanned.options, false).await
}

async fn refused(place: &Place, saved: &SavedPlan) -> String {
    let replanned = begin(&place.reconciler, saved, &Apply::default()).await.unwrap();
    text(&Applied::refused(saved, replanned.comparison))
}

fn text(applied: &Applied) -> String {
    strip_str(&applied.text()).to_string()
}

#[track_caller]
fn tells(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[derive(Debug, Default)]
struct Switch(AtomicBool);

impl Stop for Switch {
    fn is_stopped(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    fn out_of_time(&self) -> BoxFuture<'static, ()> {
        pending().boxed()
    }
}

#[tokio::test]
async fn what_was_not_sent_has_not_failed_and_is_done_by_the_same_file() {
    let mut place = Place::new().await;
    place.reconciler.people_at_once = 1;
    let plan = saved(&place).await;
    let backend = Arc::clone(&place.reconciler.backend);
    let switch = Arc::new(Switch::default());
    place.reconciler.backend = Arc::new(Stoppable::new(
        Arc::clone(&backend),
        Arc::clone(&switch) as Arc<dyn Stop>,
    ));
    place.homeserver.before_next(
        |call| matches!(call, Call::Execute(_, Op::Invite { user, .. }) if user == "@bob:example.com"),
        {
            let switch = Arc::clone(&switch);
            move |_| switch.0.store(true, Ordering::SeqCst)
        },
    );
    let stopped = applied(&place, &plan).await;
    assert_eq!(stopped.not_sent(), 3);
    tells(
        &text(&stopped),
        &[
            "(people)  not sent, because the run was stopped\n",
            "\napply: 1 room created, 2 invited, 0 removed, 0 changed; 0 held, 0 failed, 0 put off, 3 not sent\n",
            "\napply: 3 of the plan not sent, since the run was stopped; applying it again does the rest\n",
        ],
    );
    assert_eq!(stopped.json()["counts"]["not_sent"], 3);

    place.reconciler.backend = backend;
    tells(
        &refused(&place, &plan).await,
        &[
            "#staff:example.com  the rest of the plan is left: 3 of it was done since, or is not wanted any more\n",
            "\napply: nothing was done, since not every room is as it was when the plan was saved (",
            "): of 1 room, only a part is left to do in 1; without `--strict` that part is done\n",
        ],
    );
    let rest = applied(&place, &plan).await;
    tells(
        &text(&rest),
        &[
            "#staff:example.com  the rest of the plan is left, and is done: 3 of it was done since, or is not wanted any more\n",
            "\napply: 0 rooms created, 3 invited, 0 removed, 0 changed; 0 held, 0 failed, 0 put off\n",
        ],
    );
    let room = &rest.json()["plan"]["rooms"][0];
    assert_eq!(
        (&room["standing"], &room["because"]),
        (&"rest".into(), &serde_json::json!([]))
    );
    assert_eq!(room["only_in_file"].as_array().unwrap().len(), 3);
    let over = applied(&place, &plan).await;
    tells(&text(&over), &["nothing is left to do: it was done since"]);
    assert_eq!(over.json()["plan"]["rooms"][0]["standing"], "settled");
    tells(
        &refused(&place, &plan).await,
        &["): of 1 room, nothing is left to do in 1\n"],
    );
}

#[tokio::test]
async fn what_is_put_off_is_told_with_its_reason() {
    let place = Place::new().await;
    place.reconciler.sync(&RunOptions::by_person()).await.unwrap();
    place.staff(&["ada", "bob", "cid", "dan"], &["ada"]);
    let plan = saved(&place).await;
    place.reconciler.pause(&[Pause::Everything]).await.unwrap();
    let paused = applied(&place, &plan).await;
    assert_eq!((paused.skipped(), paused.in_part()), (1, 0));
    tells(
        &text(&paused),
        &[
            "#staff:example.com  skipped: nothing is to be done there now, which does not mean that it was done\n  note: \
             everything is paused",
            "\napply: no changes; 1 room not managed\napply: 1 room skipped (the plan was saved ",
        ],
    );
    let room = &paused.json()["plan"]["rooms"][0];
    assert_eq!(
        (&room["standing"], &room["because"][0]["kind"]),
        (&"put_off".into(), &"paused".into())
    );
    tells(
        &refused(&place, &plan).await,
        &["): of 1 room, it does not hold any more in 1; plan again\n"],
    );

    // What could not be read is not gone.
    place.reconciler.resume(&[Pause::Everything]).await.unwrap();
    place.people("");
    let unread = applied(&place, &plan).await;
    tells(
        &text(&unread),
        &[
            "skipped: it is not known whether this room is still wanted, since not all of people could be read\n",
        ],
    );
    let room = &unread.json()["plan"]["rooms"][0];
    assert_eq!(
        (&room["standing"], &room["unread"]),
        (&"unknown".into(), &serde_json::json!(["people"]))
    );
}

/// A directory in which `fay` is two accounts, of which nobody knows whose the Matrix ID is.
fn with_two_of_one_name(members: &[&str]) -> String {
    let people = ["ada", "bob", "cid", "dan", "eve", "fay", "FAY"];
    let people: Vec<_> = people.iter().map(|id| serde_json::json!({ "id": id })).collect();
    let group = serde_json::json!({
        "name": "MTRX #staff:example.com", "members": members, "owners": ["ada"],
    });
    serde_json::json!({ "people": people, "groups": [group] }).to_string()
}

#[tokio::test]
async fn why_a_room_is_done_in_part_is_told_once() {
    let place = Place::new().await;
    place.reconciler.sync(&RunOptions::by_person()).await.unwrap();
    let members = ["ada", "bob", "cid", "eve", "fay"];
    place.staff(&members, &["ada"]);
    let plan = saved(&place).await;
    assert_eq!(plan.actions(), 2);
    place.people(&with_two_of_one_name(&members));
    let part = applied(&place, &plan).await;
    assert_eq!((part.skipped(), part.in_part()), (0, 1));
    let told = text(&part);
    tells(
        &told,
        &[
            "#staff:example.com  in part: the rest of the plan is left, and is done; 1 of it is not to be done now, which \
             does not mean that it was done\n  note: @fay:example.com is not brought in, since it is not known whether their \
             account may be used, or whose it is\n",
            "\napply: 0 rooms created, 0 invited, 1 removed, 0 changed; 0 held, 0 failed, 0 put off\n",
            "\napply: 1 room done in part (the plan was saved ",
        ],
    );
}

/// What the run says of the room as well stands with the room already, though another room of the file has become the same.
#[tokio::test]
async fn what_stands_with_a_room_of_the_file_is_not_told_twice() {
    for (united, paused) in [(false, false), (false, true), (true, false), (true, true)] {
        let place = Place::new().await;
        place.reconciler.sync(&RunOptions::by_person()).await.unwrap();
        place.staff(&["ada", "bob", "cid", "eve", "fay"], &["ada"]);
        let mut plan = saved(&place).await;
        if united {
            plan.rooms.push(plan.rooms[0].clone());
        }
        let staff = OwnedRoomAliasId::try_from("#staff:example.com").unwrap();
        let ban = UserOp::Ban {
            room: place.homeserver.alias(&staff).unwrap(),
            user: "@fay:example.com".try_into().unwrap(),
            reason: None,
        };
        let bot = OwnedUserId::try_from("@inviter:example.com").unwrap();
        place.homeserver.act(&bot, &ban).unwrap();
        if paused {
            place
                .reconciler
                .pause(&[Pause::Room(RoomRef::Alias(staff))])
                .await
                .unwrap();
        }
        let applied = applied(&place, &plan).await;
        let (put_off, in_part) = (usize::from(paused), usize::from(!paused));
        let skipped = put_off + usize::from(united);
        assert_eq!((applied.skipped(), applied.in_part()), (skipped, in_part));
        let told = text(&applied);
        let finding = if paused { "note: paused" } else { "is banned" };
        assert_eq!(told.matches(finding).count(), 1, "{united} {told}");
    }
}

#[tokio::test]
async fn a_code_that_lets_nothing_go_here_is_refused() {
    let place = Place::new().await;
    place.reconciler.sync(&RunOptions::by_person()).await.unwrap();
    place.staff(&["ada", "fay"], &["ada"]);
    let mut plan = saved(&place).await;
    assert_eq!(plan.held(), 4);
    let now = place.reconciler.plan(&RunOptions::by_person()).await.unwrap();
    let code = now.plan.release().unwrap().to_string();
    let with = |code: &str| Apply {
        release: vec![code.to_owned()],
        ..Apply::default()
    };
    begin(&place.reconciler, &plan, &with(&code)).await.unwrap();
    let error = begin(&place.reconciler, &plan, &with("0123456789"))
        .await
        .unwrap_err();
    tells(
        &error.to_string(),
        &["`0123456789`: nothing is held under this code"],
    );
    plan.rooms.clear();
    let error = begin(&place.reconciler, &plan, &with(&code)).await.unwrap_err();
    tells(
        &error.to_string(),
        &[&format!(
            "`{code}`: what is held under this code is in no room in which this plan does anything now"
        )],
    );
}
