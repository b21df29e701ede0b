//! A room that was given away stays others' until a person takes it back.

use futures_executor::block_on;
use inviter_core::{
    backend::BackendErrorKind,
    by_hand::{RefusalKind, Standing, Wish},
    finding::FindingKind,
    memory::{Call, UserOp},
    reconcile::{Adopted, RunOptions},
    report::{Outcome, Report},
    room::Membership,
};

use crate::world::{ROOM, World, ops, room_ref, user};

const UNMANAGE: Wish = Wish::Unmanage { admin: None };

/// Olga, whose invitations the bot accepts, is an admin beside it.
fn with_olga(version: &str) -> World {
    let mut world = World::of_version(version);
    world.reconciler.policy.trusted_inviters.insert(user("olga"));
    for name in ["olga", "carl"] {
        world.homeserver.register(name).unwrap();
    }
    world.bring("bot", "olga");
    world.level_by("bot", "olga", 100);
    world
}

/// Olga brings carl, who is in no group, and has the bot back.
fn the_bot_is_invited_back(world: &World) {
    world.bring("olga", "carl");
    // In version 12 the bot, which made the room, has every power there anyway.
    if world.level("bot").is_none() && world.level("olga").is_some() {
        let mut levels = world.homeserver.levels(&world.room).unwrap();
        levels["users"][user("bot").as_str()] = 100.into();
        let op = UserOp::set(world.room.clone(), "m.room.power_levels", levels);
        let _ = world.homeserver.act(&user("olga"), &op);
    }
    world.invite("olga", "bot");
}

fn finding(report: &Report) -> (FindingKind, String) {
    let findings = &report.rooms[0].findings;
    assert_eq!(findings.len(), 1, "{findings:?}");
    (findings[0].kind, findings[0].message.clone())
}

#[test]
fn the_bot_that_made_it_comes_back_and_touches_nothing() {
    for version in ["11", "12"] {
        let mut world = with_olga(version);
        assert_eq!(world.ask(UNMANAGE).standing(), Standing::Done);
        // Neither is it taken back by what stands in the configuration.
        world.reconciler.policy.adopt.any = true;
        world.reconciler.policy.adopt.trusted_creators.insert(user("bot"));
        let (kind, message) = finding(&world.sync());
        assert_eq!(kind, FindingKind::NotJoined);
        assert!(message.contains("inviter unmanage"), "{message}");

        the_bot_is_invited_back(&world);
        for _ in 0..2 {
            let (kind, message) = finding(&world.sync());
            assert_eq!(kind, FindingKind::HandedOver);
            assert!(
                message.contains("given away with `inviter unmanage`")
                    && message.contains("inviter adopt '#r:example.org'"),
                "{message}"
            );
            assert_eq!(world.membership("carl"), Some(Membership::Joined));
        }
        let wish = Wish::InviteAdmin(user("@zoe:elsewhere.org"));
        world.refuses(wish, RefusalKind::NotManaged, &["inviter adopt"]);

        let adopted = block_on(world.reconciler.adopt(&RunOptions::by_person())).unwrap();
        assert_eq!(adopted, [(room_ref(ROOM), Adopted::Now(world.room.clone()))]);
        world.sync();
        assert_eq!(world.membership("carl"), Some(Membership::Left));
    }
}

#[test]
fn an_adopted_room_is_given_away_as_well() {
    let mut world = World::of_olga("11", 100);
    world.reconciler.policy.trusted_inviters.insert(user("olga"));
    world.homeserver.register("carl").unwrap();
    world.does(UNMANAGE, &["levels", "leave"]);
    the_bot_is_invited_back(&world);
    assert_eq!(finding(&world.sync()).0, FindingKind::HandedOver);
    assert_eq!(world.membership("carl"), Some(Membership::Joined));
}

#[test]
fn it_is_given_away_even_if_the_end_of_it_is_lost() {
    // The bot leaves, and nothing is heard of it any more.
    let world = with_olga("11");
    world.end_at("leave", true);
    assert_eq!(world.ask(UNMANAGE).standing(), Standing::InPart);
    assert_eq!(world.membership("bot"), Some(Membership::Left));
    the_bot_is_invited_back(&world);
    assert_eq!(finding(&world.sync()).0, FindingKind::HandedOver);
    assert_eq!(world.membership("carl"), Some(Membership::Joined));
}

#[test]
fn what_cannot_be_written_down_is_not_left() {
    let world = with_olga("12");
    world.store.fail_next_commit();
    let report = world.ask(UNMANAGE);
    assert_eq!(ops(&report), [""; 0]);
    assert!(
        matches!(&report.items[0].outcome, Outcome::Failed { .. }),
        "{report:#?}"
    );
    assert_eq!(world.membership("bot"), Some(Membership::Joined));
}

#[test]
fn nobody_without_an_account_is_made_the_admin() {
    let world = World::of_version("11");
    world.homeserver.register("dora").unwrap();
    world.homeserver.deactivate(&user("dora"));
    world.homeserver.set_admin(&user("bot"), true);
    for (name, says) in [("nobody", "no such account"), ("dora", "deactivated")] {
        let wish = Wish::Unmanage {
            admin: Some(user(name)),
        };
        let says = [user(name).to_string(), ROOM.to_owned(), says.to_owned()];
        let says: Vec<&str> = says.iter().map(String::as_str).collect();
        world.refuses(wish, RefusalKind::NoAccount, &says);
    }
    // What is not known is no obstacle.
    world.homeserver.fail_next(
        |call| matches!(call, Call::Accounts(_)),
        BackendErrorKind::Refused,
    );
    let wish = Wish::Unmanage {
        admin: Some(user("nobody")),
    };
    assert_eq!(world.ask(wish).standing(), Standing::Waiting);
}
