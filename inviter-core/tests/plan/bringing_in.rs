//! How people come in, those who left or were removed among them, and the reasons that are given.

use std::time::Duration;

use inviter_core::{
    action::Op,
    backend::AccountState,
    desired::Role,
    finding::FindingKind,
    plan::hold_back_unregistered,
    reason::Reason,
    recall::MemoryChange,
    room::{Binding, Membership, RoomState},
    room_rules::{BringIn, LeftPolicy},
};
use serde_json::json;

use crate::world::{NOW, World, room_id, user};

#[test]
fn someone_who_left_is_invited_again_when_the_directory_brings_them_anew() {
    let left = || {
        World::new()
            .wants("alice")
            .member("alice", Membership::Left, "alice")
    };
    left().gives(&[], &[FindingKind::LeftThemselves]);
    left()
        .with(|w| w.rules.left = LeftPolicy::Again)
        .gives(&["invite alice"], &[]);
    left()
        .with(|w| w.rules.left = LeftPolicy::Never)
        .gives(&[], &[FindingKind::LeftThemselves]);

    // While the directory does not want them, that is remembered ...
    let unwanted = World::new().member("alice", Membership::Left, "alice");
    unwanted.gives(&[], &[]);
    let absent = MemoryChange::Absent(room_id(), user("alice"), true);
    assert!(unwanted.plan().learned.contains(&absent));
    // ... so that wanting them again is news, and forgotten once they are invited.
    let back = left().remember(|r| {
        r.absent.insert(user("alice"));
    });
    back.gives(&["invite alice"], &[]);
    let forgotten = MemoryChange::Absent(room_id(), user("alice"), false);
    assert_eq!(back.plan().learned_if_invited[&user("alice")], forgotten);
    let never = back.with(|w| w.rules.left = LeftPolicy::Never);
    never.gives(&[], &[FindingKind::LeftThemselves]);
}

#[test]
fn someone_who_left_is_invited_once_so_long_has_passed() {
    // They left at the time 1.
    let after = |millis| {
        World::new()
            .wants("alice")
            .member("alice", Membership::Left, "alice")
            .with(|w| w.rules.left = LeftPolicy::After(Duration::from_millis(millis)))
    };
    after(NOW.0).gives(&[], &[FindingKind::LeftThemselves]);
    assert!(
        after(7 * 86_400_000 + NOW.0).plan().findings[0]
            .message
            .contains(" days")
    );
    after(NOW.0 - 1).gives(&["invite alice"], &[]);
    // Earlier, if the directory brings them anew.
    let anew = after(NOW.0).remember(|r| {
        r.absent.insert(user("alice"));
    });
    anew.gives(&["invite alice"], &[]);
    let forgotten = MemoryChange::Absent(room_id(), user("alice"), false);
    assert_eq!(anew.plan().learned_if_invited[&user("alice")], forgotten);
    // Whoever was removed is none of this policy's.
    after(NOW.0)
        .member("alice", Membership::Left, "bot")
        .gives(&["invite alice"], &[]);
}

#[test]
fn local_people_are_put_in_where_that_is_configured() {
    let world = || {
        World::new()
            .wants("alice")
            .with(|w| w.rules.bring_in = BringIn::Join)
    };
    world()
        .fixed("@carol:elsewhere.org", Role::Member)
        .member("dave", Membership::Invited, "bot")
        .wants("dave")
        .gives(&["add alice", "invite @carol:elsewhere.org"], &[]);
    // A level comes first, as with an invitation.
    world()
        .wants_at("alice", 50)
        .gives(&["level alice none→50", "add alice"], &[]);
    // It is the bot's own homeserver that lets people be put in, not that of the accounts.
    world()
        .with(|w| w.policy.homeserver = "bots.org".try_into().unwrap())
        .gives(&["invite alice"], &[]);
    // Whatever keeps from inviting keeps from this too.
    world()
        .member("alice", Membership::Banned, "admin")
        .gives(&[], &[FindingKind::Banned]);
    world()
        .member("alice", Membership::Left, "alice")
        .gives(&[], &[FindingKind::LeftThemselves]);
    world()
        .with(|w| w.levels.as_mut().unwrap()["users"] = json!({ "@bot:example.org": 50 }))
        .with(|w| w.rules.template = None)
        .gives(&[], &[FindingKind::PowerMissing]);
    let reinvited = MemoryChange::Reinvited(room_id(), user("alice"), true);
    let removed = world().member("alice", Membership::Left, "admin");
    removed.gives(&["invite alice"], &[]);
    assert_eq!(removed.plan().learned_if_invited[&user("alice")], reinvited);
}

#[test]
fn nobody_is_put_in_against_their_own_or_others_doing() {
    let world = |membership, by: &str| {
        World::new()
            .wants("alice")
            .member("alice", membership, by)
            .with(|w| w.rules.bring_in = BringIn::Join)
    };
    // They left, and are only asked again, whyever that is.
    let left = || world(Membership::Left, "alice");
    left()
        .with(|w| w.rules.left = LeftPolicy::Again)
        .gives(&["invite alice"], &[]);
    left()
        .with(|w| w.rules.left = LeftPolicy::After(Duration::from_millis(1)))
        .gives(&["invite alice"], &[]);
    left()
        .remember(|r| {
            r.absent.insert(user("alice"));
        })
        .gives(&["invite alice"], &[]);
    // Somebody else removed them.
    world(Membership::Left, "admin").gives(&["invite alice"], &[]);
    // We did, and take it back; or they ask for it themselves.
    world(Membership::Left, "bot").gives(&["add alice"], &[]);
    world(Membership::Knocking, "alice").gives(&["add alice"], &[]);
}

#[test]
fn nobody_without_a_usable_account_is_put_in() {
    let world = World::new()
        .wants_at("alice", 50)
        .wants("bob")
        .with(|w| w.rules.bring_in = BringIn::Join);
    let mut plan = world.plan();
    let accounts = [
        (user("alice"), AccountState::Deactivated),
        (user("bob"), AccountState::Exists),
    ];
    hold_back_unregistered(&mut plan, &accounts.into_iter().collect());
    let left: Vec<&Op> = plan.actions.iter().map(|action| &action.op).collect();
    let reason = Some(Reason::FOR_INVITATIONS.to_owned());
    let user = user("bob");
    assert_eq!(left, [&Op::Add { user, reason }]);
    assert_eq!(plan.findings[0].kind, FindingKind::Deactivated);
}

#[test]
fn a_room_that_is_created_gets_its_people_by_the_same_way() {
    let world = World::new().wants("alice").with(|w| {
        w.rules.bring_in = BringIn::Join;
        w.state = Some(RoomState::Missing);
        w.binding = Binding::Missing;
    });
    world.gives(&["create #physics:example.org", "add alice"], &[]);
}

#[test]
fn someone_who_left_is_not_noted_as_unwanted_on_the_unknown() {
    let unknown = World::new()
        .member("alice", Membership::Left, "alice")
        .with(|w| w.members_extent = inviter_core::directory::Extent::gap("physics", "size limit"));
    let absent = MemoryChange::Absent(room_id(), user("alice"), true);
    assert!(!unknown.plan().learned.contains(&absent));
}

#[test]
fn someone_whom_we_removed_is_invited_again() {
    World::new()
        .wants("alice")
        .member("alice", Membership::Left, "bot")
        .gives(&["invite alice"], &[]);
}

#[test]
fn someone_whom_others_removed_is_invited_once_more() {
    let kicked = || {
        World::new()
            .wants("alice")
            .member("alice", Membership::Left, "admin")
    };
    kicked().gives(&["invite alice"], &[]);
    let once = MemoryChange::Reinvited(room_id(), user("alice"), true);
    assert_eq!(kicked().plan().learned_if_invited[&user("alice")], once);
    kicked()
        .remember(|r| {
            r.reinvited.insert(user("alice"));
        })
        .gives(&[], &[FindingKind::RemovedByOthers]);
}

#[test]
fn reasons_are_those_of_the_configuration_and_name_no_group_by_themselves() {
    let reasons = |world: World| -> Vec<Option<String>> {
        let actions = world.plan().actions.into_iter();
        let reason = |action: inviter_core::action::Action| match action.op {
            Op::Invite { reason, .. } | Op::Add { reason, .. } | Op::Remove { reason, .. } => Some(reason),
            _ => None,
        };
        actions.filter_map(reason).collect()
    };
    let world = || World::new().wants("alice").joined("mallory");
    let texts = |invite: &str, remove: &str| [Some(invite.to_owned()), Some(remove.to_owned())];
    assert_eq!(
        reasons(world()),
        texts(Reason::FOR_INVITATIONS, Reason::FOR_REMOVALS)
    );
    let none = world().with(|w| (w.policy.invite_reason, w.policy.remove_reason) = (None, None));
    assert_eq!(reasons(none), [None, None]);
    let told = world().with(|w| {
        w.policy.invite_reason = Reason::new("welcome to {room}").unwrap();
        w.policy.remove_reason = Reason::new("not in {groups}").unwrap();
    });
    assert_eq!(
        reasons(told),
        texts("welcome to #physics:example.org", "not in physics")
    );
}
