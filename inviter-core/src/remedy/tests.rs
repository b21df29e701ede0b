use std::sync::Arc;

use ruma_common::{OwnedUserId, owned_room_alias_id, owned_room_id, owned_user_id, user_id};
use serde_json::json;

use super::*;
use crate::{
    action::RoomTarget,
    finding::{Finding, Subject},
    levels::{LevelRules, PowerLevels},
    plan::{Census, RoomPlan, RoomStatus},
    rights::{Rights, Seen, raisers},
    room::{JoinRule, Membership, RoomMember, RoomRef, RoomSnapshot},
    room_rules::RoomKind,
    server::{AccountFlag, RateOverride, Software},
    time::Timestamp,
};

fn bot() -> &'static UserId {
    user_id!("@bot:x.org")
}

fn synapse() -> ServerFacts {
    ServerFacts {
        software: Some(Software {
            name: "Synapse".to_owned(),
            version: None,
        }),
        ..ServerFacts::default()
    }
}

fn plan(status: RoomStatus, told: &[FindingKind]) -> RoomPlan {
    let room = RoomRef::Alias(owned_room_alias_id!("#r:x.org"));
    let finding = |kind: &FindingKind| Finding::new(Subject::Room(room.clone()), *kind, "told");
    RoomPlan {
        refs: vec![room.clone()],
        target: Some(RoomTarget::Existing(owned_room_id!("!r:x.org"))),
        status,
        actions: Vec::new(),
        findings: told.iter().map(finding).collect(),
        feeds: Arc::from([]),
        census: Census {
            wanted: 4,
            ..Census::default()
        },
        keeps_brought: false,
        going: std::collections::BTreeMap::new(),
        invited_by: None,
        lineage: crate::succession::Lineage::default(),
        seen: None,
        vanished: Vec::new(),
        learned: Vec::new(),
        learned_if_invited: std::collections::BTreeMap::new(),
        learned_if_done: Vec::new(),
        room,
    }
}

/// A room by `@owner:x.org` with these levels, in which are the owner, the bot, and somebody from elsewhere.
#[expect(clippy::needless_pass_by_value, reason = "a literal reads better at the call")]
fn snapshot(version: &str, levels: serde_json::Value) -> RoomSnapshot {
    let version = version.try_into().unwrap();
    let rules = LevelRules::of(&version).unwrap();
    let member = |user_id: OwnedUserId| RoomMember {
        membership: Membership::Joined,
        sender: user_id.clone(),
        at: Timestamp(1),
        user_id,
    };
    RoomSnapshot {
        room_id: owned_room_id!("!r:x.org"),
        version,
        kind: RoomKind::Room,
        creator: owned_user_id!("@owner:x.org"),
        created: None,
        additional_creators: Vec::new(),
        federate: true,
        levels: PowerLevels::parse(&levels, rules).unwrap(),
        join_rule: JoinRule::Invite,
        history_visibility: None,
        encrypted: false,
        name: None,
        topic: None,
        canonical_alias: None,
        predecessor: None,
        replaced_by: None,
        members: vec![
            member(bot().to_owned()),
            member(owned_user_id!("@other:y.org")),
            member(owned_user_id!("@owner:x.org")),
        ],
        unreadable: Vec::new(),
    }
}

fn seen(snapshot: &RoomSnapshot) -> Seen {
    Seen {
        creator: snapshot.creator.clone(),
        creator_is_known: true,
        created: None,
        version: snapshot.version.clone(),
        room_kind: snapshot.kind,
        encrypted: snapshot.encrypted,
        join_rule: snapshot.join_rule.clone(),
        creator_outranks: snapshot.levels.rules().privileged_creators,
        rights: Rights::of(snapshot, bot()),
        raisers: raisers(snapshot, bot()),
        present: 0,
        ghosts: Vec::new(),
        if_adopted: None,
    }
}

fn remedies(plan: &RoomPlan, facts: &ServerFacts) -> Vec<Remedy> {
    let mut policy = Policy::new("x.org".try_into().unwrap());
    policy.trusted_inviters.insert(owned_user_id!("@boss:x.org"));
    let cx = RemedyContext {
        facts,
        policy: &policy,
        bot: bot(),
    };
    of_room(plan, &cx)
}

/// What a person would type or send.
fn lines(remedy: &Remedy) -> Vec<String> {
    let line = |step: &Step| match step {
        Step::Client { text } => text.clone(),
        Step::Configuration { line, .. } => line.clone(),
        Step::Command { command } => command.clone(),
        Step::Request { request, .. } => request.curl("https://hs/"),
    };
    remedy.steps.iter().map(line).collect()
}

const TOKEN: &str = "-H \"Authorization: Bearer $ADMIN_TOKEN\"";

#[test]
fn not_joined_names_who_may_invite_and_both_requests() {
    let plan = plan(RoomStatus::NotJoined, &[FindingKind::NotJoined]);
    let found = remedies(&plan, &synapse());
    assert_eq!(found.len(), 1);
    assert!(found[0].blocks && found[0].told_by == Some(FindingKind::NotJoined));
    let lines_ = lines(&found[0]);
    assert!(
        lines_[0].starts_with("@boss:x.org types `/invite @bot:x.org`"),
        "{lines_:?}"
    );
    assert_eq!(
        lines_[1..],
        [
            format!(
                "curl -X POST {TOKEN} -d '{{\"user_id\":\"@bot:x.org\"}}' \
                 'https://hs/_synapse/admin/v1/join/%21r%3Ax.org'"
            ),
            format!(
                "curl -X POST {TOKEN} -d '{{\"user_id\":\"@bot:x.org\"}}' \
                 'https://hs/_synapse/admin/v1/rooms/%21r%3Ax.org/make_room_admin'"
            ),
        ]
    );
    // What only a Synapse knows is not told of others.
    assert_eq!(lines(&remedies(&plan, &ServerFacts::default())[0]), lines_[..1]);
}

#[test]
fn a_stranger_s_invitation_adds_to_the_trusted() {
    let mut plan = plan(RoomStatus::Invited, &[FindingKind::UntrustedInvitation]);
    plan.invited_by = Some(owned_user_id!("@eve:x.org"));
    let found = remedies(&plan, &synapse());
    let lines = lines(&found[0]);
    assert_eq!(lines[0], r#"trusted_inviters = ["@boss:x.org", "@eve:x.org"]"#);
    assert!(lines[1].contains("/admin/v1/join/"), "{lines:?}");
    // A trusted one's needs nothing.
    plan.findings.clear();
    assert_eq!(remedies(&plan, &synapse()), []);
}

#[test]
fn found_is_adopted_and_a_stranger_s_is_looked_at_first() {
    let mut plan = plan(RoomStatus::Found, &[FindingKind::NotAdopted]);
    let levels = json!({ "users": { "@bot:x.org": 100 } });
    let mut room = seen(&snapshot("11", levels));
    plan.seen = Some(Box::new(room.clone()));
    let found = remedies(&plan, &synapse());
    assert_eq!(found.len(), 1);
    assert_eq!(lines(&found[0]), ["inviter adopt '#r:x.org'"]);
    plan.findings[0].kind = FindingKind::HandedOver;
    let found = remedies(&plan, &synapse());
    assert_eq!(lines(&found[0]), ["inviter adopt '#r:x.org'"]);
    assert_eq!(found[0].told_by, Some(FindingKind::HandedOver));
    assert!(found[0].message.contains("given away"), "{found:?}");

    room.creator_is_known = false;
    plan.seen = Some(Box::new(room.clone()));
    let found = remedies(&plan, &synapse());
    assert_eq!(found[0].trouble, Trouble::UnknownCreator);
    assert!(
        found[0].message.contains("0 of the 4 who belong there"),
        "{found:?}"
    );
    assert!(found[0].message.contains("squatted"));
    let free = format!("curl -X DELETE {TOKEN} 'https://hs/_matrix/client/v3/directory/room/%23r%3Ax.org'");
    assert!(lines(&found[0]).contains(&free), "{found:?}");
    // Where its people are in it already, that is no sign of it.
    room.present = 3;
    plan.seen = Some(Box::new(room));
    assert!(!remedies(&plan, &synapse())[0].message.contains("squatted"));
}

#[test]
fn missing_power_names_who_can_give_it() {
    let mut plan = plan(RoomStatus::Managed, &[]);
    let levels = json!({ "users": { "@owner:x.org": 90, "@other:y.org": 100 }, "invite": 50, "kick": 60 });
    plan.seen = Some(Box::new(seen(&snapshot("11", levels))));
    let found = remedies(&plan, &synapse());
    assert_eq!(
        (found.len(), found[0].blocks),
        (1, false),
        "nobody waits for it yet"
    );
    assert!(
        found[0].message.starts_with("the bot's level 0 is too low"),
        "{found:?}"
    );
    let steps = lines(&found[0]);
    assert!(
        steps[0].starts_with("@owner:x.org types `/op @bot:x.org 90`"),
        "{steps:?}"
    );
    assert!(steps[1].ends_with("/make_room_admin'"), "{steps:?}");
    // It blocks once somebody is kept out by it.
    let told = Finding::new(
        Subject::Room(plan.room.clone()),
        FindingKind::PowerMissing,
        "told",
    );
    plan.findings.push(told);
    assert!(remedies(&plan, &synapse())[0].blocks);
}

/// Who could not give enough is not asked, and who can is asked for what they have.
#[test]
fn each_gives_what_they_can_and_only_who_can() {
    let step = |levels: serde_json::Value| {
        let mut snapshot = snapshot("11", levels);
        for member in &mut snapshot.members {
            member.user_id = match member.user_id.as_str() {
                "@other:y.org" => owned_user_id!("@helper:x.org"),
                other => other.try_into().unwrap(),
            };
        }
        let mut plan = plan(RoomStatus::Managed, &[]);
        plan.seen = Some(Box::new(seen(&snapshot)));
        lines(&remedies(&plan, &synapse())[0])
    };
    let levels = |owner: i64, helper: i64, kick: i64| json!({ "users": { "@owner:x.org": owner, "@helper:x.org": helper }, "kick": kick });
    let same = step(levels(100, 100, 60));
    assert!(
        same[0].starts_with("@helper:x.org or @owner:x.org types `/op @bot:x.org 100` in"),
        "{same:?}"
    );
    let each = step(levels(100, 70, 60));
    assert!(
        each[0].starts_with(
            "@owner:x.org types `/op @bot:x.org 100`, or @helper:x.org types `/op @bot:x.org 70` in"
        ),
        "{each:?}"
    );
    let one = step(levels(90, 55, 60));
    assert!(
        one[0].starts_with("@owner:x.org types `/op @bot:x.org 90` in"),
        "{one:?}"
    );
    assert_eq!(one.len(), 2);
    let none = step(levels(90, 55, 120));
    assert_eq!(
        none,
        [
            "@owner:x.org, the highest of x.org in the room, has level 90 and the bot needs 120: an administrator of \
             the room from elsewhere has to type `/op @bot:x.org 120` there"
        ]
    );
}

/// What a bot that manages people lacks is told by a finding; it is not said that nobody can help.
#[test]
fn a_bot_that_manages_people_is_raised_for_settings() {
    let mut plan = plan(RoomStatus::Managed, &[FindingKind::PowerMissing]);
    let levels = json!({
        "users": { "@owner:x.org": 100, "@bot:x.org": 60 }, "events": { "m.room.power_levels": 50, "m.room.name": 80 },
    });
    plan.seen = Some(Box::new(seen(&snapshot("11", levels))));
    let steps = lines(&remedies(&plan, &synapse())[0]);
    assert!(
        steps[0].starts_with("@owner:x.org types `/op @bot:x.org 100`"),
        "{steps:?}"
    );
    // Level 100 is as much as anybody here can give.
    let levels = json!({ "users": { "@bot:x.org": 100 }, "events": { "m.room.power_levels": 50 } });
    plan.seen = Some(Box::new(seen(&snapshot("11", levels))));
    assert!(remedies(&plan, &synapse())[0].steps.is_empty());
}

#[test]
fn where_nobody_here_can_raise_the_bot_no_request_is_shown() {
    let mut plan = plan(RoomStatus::Managed, &[]);
    let levels = json!({ "users": { "@other:y.org": 100 }, "kick": 60 });
    plan.seen = Some(Box::new(seen(&snapshot("11", levels))));
    let steps = lines(&remedies(&plan, &synapse())[0]);
    assert_eq!(steps.len(), 1);
    assert!(steps[0].contains("nobody of x.org"), "{steps:?}");
}

#[test]
fn creators_of_version_12_and_public_rooms_are_told() {
    let mut plan = plan(RoomStatus::Managed, &[]);
    let mut snapshot = snapshot("12", json!({ "users": { "@bot:x.org": 100 } }));
    snapshot.join_rule = JoinRule::Public;
    plan.seen = Some(Box::new(seen(&snapshot)));
    let found = remedies(&plan, &synapse());
    let kinds: Vec<Trouble> = found.iter().map(|remedy| remedy.trouble).collect();
    assert_eq!(kinds, [Trouble::PublicRoom, Trouble::CreatorOutranks]);
    assert!(found.iter().all(|remedy| !remedy.blocks));
    assert!(
        found[1]
            .message
            .contains("version 12 puts @owner:x.org above all levels")
    );
}

#[test]
fn other_rooms() {
    assert_eq!(remedies(&plan(RoomStatus::ToCreate, &[]), &synapse()), []);
    let replaced = remedies(&plan(RoomStatus::Replaced, &[FindingKind::Replaced]), &synapse());
    assert!(replaced[0].blocks && lines(&replaced[0])[1].contains("-X DELETE"));
    // At no time does a run find an alias that leads nowhere, and what is meant is said at the end.
    for step in &replaced[0].steps {
        let (Step::Client { text: line } | Step::Request { text: line, .. }) = step else {
            panic!("{step:?}");
        };
        let at = |text: &str| line.find(text).unwrap_or_else(|| panic!("{text}: {line}"));
        let order = [
            "inviter pause '#r:x.org'",
            "the new",
            "inviter resume '#r:x.org'",
            "inviter adopt '#r:x.org'",
        ];
        assert!(order.map(at).is_sorted(), "{line}");
    }
    let mut by_id = plan(RoomStatus::Replaced, &[FindingKind::Replaced]);
    by_id.refs = vec![RoomRef::Id(owned_room_id!("!r:x.org"))];
    by_id.room = by_id.refs[0].clone();
    let steps = lines(&remedies(&by_id, &synapse())[0]);
    assert!(steps.len() == 1 && steps[0].starts_with("id = \"!"), "{steps:?}");
    let mut closed = plan(RoomStatus::Replaced, &[FindingKind::Replaced]);
    closed.lineage.upgrade = Some(Box::new(crate::succession::Upgrade {
        from: ruma_common::owned_room_id!("!old:x.org"),
        replacement: crate::room::Replacement::new(
            "!new:x.org",
            ruma_common::owned_user_id!("@admin:x.org"),
            Timestamp(1),
        ),
        join_rule: JoinRule::Invite,
        left: std::collections::BTreeMap::new(),
        kept_out: std::collections::BTreeMap::new(),
    }));
    let found = remedies(&closed, &synapse());
    assert!(lines(&found[0])[0].starts_with("@admin:x.org, or a trusted inviter, types `/invite @"));
    assert_eq!(found[0].steps.len(), 1, "the alias may stay where it is");
    let mut foreign = plan(RoomStatus::Unknown, &[FindingKind::RoomForeignMissing]);
    foreign.room = RoomRef::Alias(owned_room_alias_id!("#r:y.org"));
    foreign.target = None;
    let found = remedies(&foreign, &synapse());
    assert_eq!(found[0].trouble, Trouble::ForeignAlias);
    assert!(lines(&found[0])[0].contains("account on y.org"));
    let unknown = remedies(
        &plan(RoomStatus::Unknown, &[FindingKind::RoomUnknown]),
        &synapse(),
    );
    assert!(unknown[0].blocks && unknown[0].trouble == Trouble::Unknown);
}

#[test]
fn the_account_and_its_limits() {
    let policy = Policy::new("x.org".try_into().unwrap());
    let of = |facts: &ServerFacts| {
        of_account(&RemedyContext {
            facts,
            policy: &policy,
            bot: bot(),
        })
    };
    let mut facts = synapse();
    let curl = format!(
        "curl -X POST {TOKEN} -d '{{\"burst_count\":0,\"messages_per_second\":0}}' \
         'https://hs/_synapse/admin/v1/users/%40bot%3Ax.org/override_ratelimit'"
    );
    assert_eq!(lines(&of(&facts)[0]), std::slice::from_ref(&curl));
    facts.admin = Some(true);
    facts.rate_override = RateOverride::None;
    assert_eq!(lines(&of(&facts)[0]), ["inviter check --fix".to_owned(), curl]);
    facts.rate_override = RateOverride::Exempt;
    assert_eq!(of(&facts), []);
    facts
        .flags
        .extend([AccountFlag::ApplicationService, AccountFlag::ShadowBanned]);
    let found = of(&facts);
    assert_eq!(found.len(), 1);
    assert!(found[0].blocks && lines(&found[0])[0].ends_with("/shadow_ban'"));
}

#[test]
fn a_quote_does_not_leave_the_quotes() {
    let request = AdminRequest::new("POST", "/x", &["a'b"], Some(json!({ "user_id": "@a'b:x" })));
    assert_eq!(
        request.curl("https://hs"),
        format!(r#"curl -X POST {TOKEN} -d '{{"user_id":"@a'\''b:x"}}' 'https://hs/x/a%27b'"#)
    );
}
