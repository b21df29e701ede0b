//! Every state that a room can be in.

use inviter_core::{
    action::{Op, RoomTarget},
    desired::FeedRole,
    directory::Extent,
    finding::FindingKind,
    plan::RoomStatus,
    recall::{MemoryChange, Refusal, RefusedOp},
    room::{Binding, Cause, Membership, RoomState},
    room_rules::{HistoryVisibility, Listing, RoomKind},
    time::Timestamp,
};
use serde_json::json;

use crate::world::{NOW, World, alias, feed, room_id, user};
use HistoryVisibility::{Invited, Joined, Shared, WorldReadable};

#[test]
fn a_missing_room_is_created_and_everyone_invited() {
    let world = World::new().wants("alice").wants_at("bob", 50).with(|w| {
        w.binding = Binding::Missing;
        w.state = Some(RoomState::Missing);
    });
    world.gives(
        &["create #physics:example.org bob=50", "invite alice", "invite bob"],
        &[],
    );
    let plan = world.plan();
    assert_eq!(plan.status, RoomStatus::ToCreate);
    assert_eq!(plan.target, Some(RoomTarget::New(alias("#physics:example.org"))));
    let Op::CreateRoom(blueprint) = &plan.actions[0].op else {
        panic!("creation comes first")
    };
    assert_eq!(blueprint.name.as_deref(), Some("physics"));
    assert!(blueprint.encrypt);
    assert_eq!(blueprint.listing, Listing::Private);
}

#[test]
fn underscores_of_the_alias_are_spaces_in_the_name() {
    let world = World::new().with(|w| {
        w.binding = Binding::Missing;
        w.state = Some(RoomState::Missing);
        w.alias = alias("#solid_state_physics:example.org");
    });
    let Op::CreateRoom(blueprint) = world.plan().actions.remove(0).op else {
        panic!("a creation")
    };
    assert_eq!(blueprint.name.as_deref(), Some("solid state physics"));
}

#[test]
fn a_space_is_created_without_encryption_history_and_template() {
    let world = World::new().with(|w| {
        w.binding = Binding::Missing;
        w.state = Some(RoomState::Missing);
        w.rules.kind = RoomKind::Space;
    });
    let Op::CreateRoom(blueprint) = world.plan().actions.remove(0).op else {
        panic!("a creation")
    };
    assert!(!blueprint.encrypt && blueprint.history_visibility.is_none() && blueprint.template.is_none());
}

#[test]
fn a_missing_room_of_another_server_is_told_and_not_created() {
    let world = World::new().wants("alice").with(|w| {
        w.alias = alias("#physics:elsewhere.org");
        w.binding = Binding::Missing;
        w.state = Some(RoomState::Missing);
    });
    world.gives(&[], &[FindingKind::RoomForeignMissing]);
}

#[test]
fn nothing_is_done_where_the_alias_or_the_room_is_unknown() {
    let world = World::new().wants("alice").joined("mallory");
    let unbound = World {
        binding: Binding::Unknown(Cause::new("502")),
        ..World::new().wants("alice")
    };
    unbound.gives(&[], &[FindingKind::RoomUnknown]);
    let unread = world.with(|w| w.state = Some(RoomState::Unknown(Cause::new("no create event"))));
    unread.gives(&[], &[FindingKind::RoomUnknown]);
    assert!(unread.plan().findings[0].message.contains("no create event"));
}

#[test]
fn a_room_that_the_bot_is_not_in_is_told_with_whom_to_invite() {
    let world = World::new()
        .wants("alice")
        .with(|w| w.state = Some(RoomState::NotJoined { invited_by: None }));
    world.gives(&[], &[FindingKind::NotJoined]);
    assert!(world.plan().findings[0].message.contains("@bot:example.org"));
}

#[test]
fn invitations_are_accepted_from_trusted_inviters_only() {
    let invited = |w: &mut World| {
        w.state = Some(RoomState::NotJoined {
            invited_by: Some(user("admin")),
        });
    };
    World::new()
        .wants("alice")
        .with(invited)
        .gives(&[], &[FindingKind::UntrustedInvitation]);
    let trusted = World::new().wants("alice").with(invited).with(|w| {
        w.policy.trusted_inviters.insert(user("admin"));
    });
    trusted.gives(&["join by admin"], &[]);
    // One that could not be accepted is not tried with every run, unless it is another's.
    let refused = |by: &str, ago: u64| {
        let refusal = Refusal {
            at: Timestamp(NOW.0 - ago),
            of: RefusedOp::Join,
            cause: "no known servers".to_owned(),
        };
        World::new()
            .wants("alice")
            .with(invited)
            .with(|w| {
                w.policy.trusted_inviters.insert(user("admin"));
            })
            .remember(|r| drop(r.refused.insert(user(by), refusal)))
    };
    let hour = 60 * 60 * 1000;
    let waits = refused("admin", 23 * hour);
    waits.gives(&[], &[FindingKind::Refused]);
    let message = &waits.plan().findings[0].message;
    assert!(
        message.contains("@admin:example.org") && message.contains("no known servers"),
        "{message}"
    );
    refused("admin", 24 * hour).gives(&["join by admin"], &[]);
    refused("owner", hour).gives(&["join by admin"], &[]);
}

#[test]
fn a_room_that_somebody_else_made_is_only_found_until_it_is_adopted() {
    let found = || {
        World::new()
            .wants("alice")
            .joined("mallory")
            .with(|w| w.creator = user("carol"))
    };
    found().gives(&[], &[FindingKind::NotAdopted]);
    assert!(
        found().plan().findings[0]
            .message
            .contains("inviter adopt '#physics:example.org'")
    );

    let managed = ["invite alice", "remove mallory"];
    found().with(|w| w.policy.adopt.any = true).gives(&managed, &[]);
    found()
        .with(|w| {
            w.policy.adopt.trusted_creators.insert(user("carol"));
        })
        .gives(&managed, &[]);
    found().remember(|r| r.adopted = Some(NOW)).gives(&managed, &[]);
}

#[test]
fn a_replaced_room_is_left_alone() {
    let world = World::new()
        .wants("alice")
        .with(|w| w.replaced_by = Some("!new".to_owned()));
    world.gives(&[], &[FindingKind::Replaced]);
}

#[test]
fn nobody_is_removed_or_lowered_in_a_room_with_an_unreadable_event() {
    let world = World::new()
        .wants("alice")
        .joined("mallory")
        .joined("bob")
        .wants("bob")
        .users(json!({ "@bot:example.org": 100, "@bob:example.org": 50, "@mallory:example.org": 50 }))
        .with(|w| w.unreadable = vec!["a member event has no membership"]);
    world.gives(
        &["invite alice"],
        &[FindingKind::Unreadable, FindingKind::RemovalsNotConsidered],
    );
}

#[test]
fn an_incomplete_group_adds_and_never_removes() {
    let world = World::new()
        .wants("alice")
        .joined("mallory")
        .with(|w| w.members_extent = Extent::gap("cn=physics", "size limit"));
    world.gives(&["invite alice"], &[FindingKind::RemovalsNotConsidered]);
    assert!(
        world.plan().findings[0]
            .message
            .contains("cn=physics: size limit")
    );
}

#[test]
fn a_group_that_fed_the_room_and_is_unknown_now_keeps_everyone() {
    let world = || {
        World::new().wants("alice").joined("mallory").remember(|r| {
            r.feeds = vec![
                feed("chemistry", FeedRole::Members),
                feed("physics", FeedRole::Members),
            ];
        })
    };
    // Its directory could not be listed.
    world()
        .with(|w| w.source = None)
        .gives(&["invite alice"], &[FindingKind::RemovalsNotConsidered]);
    // It is there, but not complete.
    world()
        .with(|w| {
            w.groups
                .push(("chemistry", Extent::gap("chemistry", "page lost")));
        })
        .gives(&["invite alice"], &[FindingKind::RemovalsNotConsidered]);
    // It is there and complete, and feeds the room no more: that is a decision.
    world()
        .with(|w| w.groups.push(("chemistry", Extent::Complete)))
        .gives(&["invite alice", "remove mallory"], &[]);
    // It vanished: the removal is planned, and the guard will hold it.
    let vanished = world();
    vanished.gives(&["invite alice", "remove mallory"], &[FindingKind::GroupVanished]);
    assert_eq!(vanished.plan().vanished, [feed("chemistry", FeedRole::Members)]);
}

#[test]
fn the_feeds_are_remembered_once_the_room_is_as_wanted() {
    let plan = World::new().plan();
    assert_eq!(
        plan.learned_if_done,
        [MemoryChange::Feeds(
            room_id(),
            vec![feed("physics", FeedRole::Members)]
        )]
    );
    let again = World::new()
        .remember(|r| r.feeds = vec![feed("physics", FeedRole::Members)])
        .plan();
    assert!(again.learned_if_done.is_empty());
    let incomplete = World::new()
        .with(|w| w.members_extent = Extent::gap("x", "y"))
        .plan();
    assert!(incomplete.learned_if_done.is_empty());
}

#[test]
fn feeds_are_not_forgotten_while_it_is_open_who_belongs_in_the_room() {
    let before = |feeds: &[&str]| {
        let feeds: Vec<_> = feeds.iter().map(|name| feed(name, FeedRole::Members)).collect();
        World::new().remember(|r| r.feeds = feeds)
    };
    let forgets = |world: &World| {
        let plan = world.plan();
        !plan.learned_if_done.is_empty() || !plan.learned.is_empty()
    };
    let both = || before(&["chemistry", "physics"]);
    // All people of the group that vanished are in the other one: then it is forgotten.
    assert!(forgets(&both()));
    assert!(
        !forgets(&both().with(|w| w.source = None)),
        "its directory is down"
    );
    let gap = Extent::gap("chemistry", "page lost");
    assert!(!forgets(&both().with(|w| w.groups.push(("chemistry", gap)))));
    assert!(!forgets(
        &both().with(|w| w.unreadable = vec!["a member event has no membership"])
    ));
    // Whom only something else keeps in the room would go without a question once that is out of the way.
    let open = |w: &mut World| w.join_rule = inviter_core::room::JoinRule::Public;
    assert!(!forgets(&both().joined("mallory").with(open)));
    let weak = |w: &mut World| w.levels.as_mut().unwrap()["kick"] = json!(101);
    assert!(!forgets(&both().joined("mallory").with(weak)));
}

#[test]
fn a_new_group_is_remembered_at_once() {
    let world = World::new()
        .joined("mallory")
        .remember(|r| r.feeds = vec![feed("chemistry", FeedRole::Members)])
        .with(|w| w.groups.push(("chemistry", Extent::Complete)));
    let both = vec![
        feed("chemistry", FeedRole::Members),
        feed("physics", FeedRole::Members),
    ];
    let plan = world.plan();
    assert_eq!(plan.learned, [MemoryChange::Feeds(room_id(), both)]);
    let now = vec![feed("physics", FeedRole::Members)];
    assert_eq!(plan.learned_if_done, [MemoryChange::Feeds(room_id(), now)]);
}

#[test]
fn before_its_first_good_run_a_room_needs_every_directory() {
    let world = || World::new().wants("alice").joined("mallory");
    for source in [None, Some(Extent::gap("page 2", "lost"))] {
        let partial = world().with(|w| w.source = source);
        partial.gives(&["invite alice"], &[FindingKind::RemovalsNotConsidered]);
        let plan = partial.plan();
        assert!(plan.learned.is_empty() && plan.learned_if_done.is_empty());
    }
}

#[test]
fn members_out_of_order_make_the_room_unknown() {
    let world = World::new()
        .wants("alice")
        .joined("alice")
        .wants("zoe")
        .joined("zoe");
    world.gives(&[], &[]);
    let mut snapshot = world.snapshot();
    snapshot.members.reverse();
    world
        .with(|w| w.state = Some(RoomState::Joined(Box::new(snapshot))))
        .gives(&[], &[FindingKind::RoomUnknown]);
}

#[test]
fn an_empty_name_or_topic_is_not_set_again_and_again() {
    World::new()
        .with(|w| {
            w.name = None;
            w.rules.name = Some(String::new());
            w.rules.topic = Some(String::new());
        })
        .gives(&[], &[]);
}

#[test]
fn a_public_room_loses_nobody_since_they_could_walk_back_in() {
    let world = World::new()
        .joined("mallory")
        .with(|w| w.join_rule = inviter_core::room::JoinRule::Public);
    world.gives(&[], &[FindingKind::PublicRoom]);
}

#[test]
fn history_is_tightened_and_never_widened_unless_exact() {
    let world = |now, wanted, exact| {
        World::new().with(|w| {
            w.history = now;
            w.rules.history_visibility = Some(wanted);
            w.rules.history_exact = exact;
        })
    };
    world(Some(WorldReadable), Shared, false).gives(&["history shared"], &[]);
    world(Some(Joined), Shared, false).gives(&[], &[]);
    world(Some(Joined), Shared, true).gives(&["history shared"], &[]);
    world(None, Shared, true).gives(&[], &[]);
    world(None, Invited, false).gives(&["history invited"], &[]);
    world(Some(Shared), WorldReadable, true).gives(&[], &[]);
}

#[test]
fn settings_are_applied_in_home_rooms_only() {
    let untidy = |w: &mut World| {
        w.policy.adopt.any = true;
        w.name = None;
        w.history = Some(WorldReadable);
        w.levels = Some(json!({ "users": { "@bot:example.org": 100 } }));
        w.rules.listing = Some(Listing::Public);
        w.listings.insert(room_id(), Listing::Private);
    };
    let home = World::new().with(untidy).plan();
    let settings = home.actions.iter().filter(|a| a.phase() == 3).count();
    assert_eq!(settings, 3, "name, history and listing: {:?}", home.actions);
    assert!(home.actions.iter().any(|a| matches!(a.op, Op::SetLevels { .. })));
    World::new()
        .with(untidy)
        .with(|w| w.creator = user("@carol:elsewhere.org"))
        .gives(&[], &[]);
}

#[test]
fn a_space_gets_people_levels_and_a_name_only() {
    let world = World::new().wants_at("alice", 50).joined("alice").with(|w| {
        w.kind = RoomKind::Space;
        w.name = None;
        w.history = Some(WorldReadable);
        w.levels = Some(json!({ "users": { "@bot:example.org": 100 }, "kick": 1 }));
    });
    world.gives(&["level alice none→50", "name physics"], &[]);
}

#[test]
fn the_census_counts_who_could_go() {
    let world = World::new()
        .joined("alice")
        .member("bob", Membership::Invited, "bot")
        .joined("admin")
        .joined("@foreign:elsewhere.org")
        .joined("bridge_x")
        .member("gone", Membership::Left, "gone")
        .wants("alice")
        .users(json!({ "@bot:example.org": 100, "@admin:example.org": 100, "@alice:example.org": 50 }))
        .with(|w| {
            w.policy.exempt =
                inviter_core::patterns::Patterns::new(["@bridge_*:example.org".to_owned()]).unwrap();
        });
    let census = world.plan().census;
    assert_eq!(
        (
            census.population,
            census.raised,
            census.wanted,
            census.from_groups
        ),
        (2, 1, 1, 1)
    );
}
