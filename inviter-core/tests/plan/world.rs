//! A small world to plan in: one room, described in a few words.

use std::{collections::BTreeMap, sync::Arc};

use inviter_core::{
    OwnedRoomAliasId, OwnedRoomId, OwnedUserId, RoomVersionId, UserId,
    action::{Action, Op},
    desired::{
        Desired, DesiredRoom, Feed, FeedRole, GroupRef, Person, PersonIx, PersonStanding, Role, Seat,
        SourceOutcome,
    },
    directory::{Extent, GroupKey, ProviderId},
    finding::FindingKind,
    levels::{LevelChange, LevelRules, LevelSlot, PowerLevels},
    plan::{PlanContext, RoomPlan, Roster, plan_room},
    policy::Policy,
    recall::{Brought, Memory, RememberedRoom},
    room::{Binding, JoinRule, Membership, RoomMember, RoomRef, RoomSnapshot, RoomState},
    room_rules::{HistoryVisibility, Listing, RoomKind, RoomRules},
    time::Timestamp,
};
use serde_json::{Value, json};

pub(crate) const BOT: &str = "@bot:example.org";
pub(crate) const ROOM: &str = "!room:example.org";
pub(crate) const ALIAS: &str = "#physics:example.org";
pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// `alice` is `@alice:example.org`; a whole ID stays.
pub(crate) fn user(name: &str) -> OwnedUserId {
    let id = if name.starts_with('@') {
        name.to_owned()
    } else {
        format!("@{name}:example.org")
    };
    OwnedUserId::try_from(id).unwrap()
}

pub(crate) fn room_id() -> OwnedRoomId {
    OwnedRoomId::try_from(ROOM).unwrap()
}

pub(crate) fn alias(text: &str) -> OwnedRoomAliasId {
    OwnedRoomAliasId::try_from(text).unwrap()
}

pub(crate) fn feed(name: &str, role: FeedRole) -> Feed {
    let group = GroupRef {
        provider: ProviderId::new("dir"),
        key: GroupKey::new(name),
        name: name.into(),
    };
    Feed { group, role }
}

/// What the directory wants, what the room is, and what is decided and remembered.
#[expect(clippy::struct_excessive_bools, reason = "any of them may go together")]
pub(crate) struct World {
    pub(crate) wanted: BTreeMap<OwnedUserId, (Role, bool)>,
    pub(crate) level_from_directory: bool,
    pub(crate) standing: BTreeMap<OwnedUserId, PersonStanding>,
    pub(crate) members_extent: Extent,
    pub(crate) owners_extent: Extent,
    pub(crate) alias: OwnedRoomAliasId,
    pub(crate) binding: Binding,
    pub(crate) rules: RoomRules,
    pub(crate) policy: Policy,
    pub(crate) memory: Memory,
    pub(crate) listings: BTreeMap<OwnedRoomId, Listing>,
    pub(crate) brought: Option<BTreeMap<OwnedUserId, Brought>>,
    pub(crate) state: Option<RoomState>,
    pub(crate) version: RoomVersionId,
    pub(crate) creator: OwnedUserId,
    pub(crate) additional_creators: Vec<OwnedUserId>,
    pub(crate) levels: Option<Value>,
    pub(crate) members: BTreeMap<OwnedUserId, (Membership, OwnedUserId)>,
    pub(crate) join_rule: JoinRule,
    pub(crate) history: Option<HistoryVisibility>,
    pub(crate) name: Option<String>,
    pub(crate) kind: RoomKind,
    pub(crate) federate: bool,
    pub(crate) unreadable: Vec<&'static str>,
    pub(crate) replaced_by: Option<String>,
    pub(crate) groups: Vec<(&'static str, Extent)>,
    pub(crate) source: Option<Extent>,
    pub(crate) size_known: bool,
    pub(crate) only_grouped_accounts: bool,
}

impl World {
    /// A room that the bot created by the default template, with nobody else in it or wanted.
    pub(crate) fn new() -> Self {
        let mut world = Self {
            wanted: BTreeMap::new(),
            level_from_directory: false,
            standing: BTreeMap::new(),
            members_extent: Extent::Complete,
            owners_extent: Extent::Complete,
            alias: alias(ALIAS),
            binding: Binding::Bound(room_id()),
            rules: RoomRules::default(),
            policy: Policy::new("example.org".try_into().unwrap()),
            memory: Memory::default(),
            listings: BTreeMap::new(),
            brought: None,
            state: None,
            version: RoomVersionId::V11,
            creator: user("bot"),
            additional_creators: Vec::new(),
            levels: None,
            members: BTreeMap::new(),
            join_rule: JoinRule::Invite,
            history: Some(HistoryVisibility::Shared),
            name: Some("Physics".to_owned()),
            kind: RoomKind::Room,
            federate: true,
            unreadable: Vec::new(),
            replaced_by: None,
            groups: vec![("physics", Extent::Complete)],
            source: Some(Extent::Complete),
            size_known: true,
            only_grouped_accounts: false,
        };
        world.levels = Some(world.template(&json!({ BOT: 100 })));
        world.is("bot", Membership::Joined);
        world
    }

    /// The default template as content, with these users.
    pub(crate) fn template(&self, users: &Value) -> Value {
        let v12 = self.version == RoomVersionId::V12;
        let tombstone = if v12 { 150 } else { 100 };
        json!({
            "users": users, "users_default": 0, "events_default": 0, "state_default": 50, "invite": 100,
            "kick": 100, "ban": 100, "redact": 100,
            "events": {
                "m.room.name": 50, "m.room.power_levels": 100, "m.room.history_visibility": 100,
                "m.room.canonical_alias": 100, "m.room.avatar": 50, "m.room.topic": 50,
                "m.room.pinned_events": 0, "m.reaction": 0, "m.room.redaction": 100,
                "m.room.tombstone": tombstone,
            },
        })
    }

    /// A version-12 room of the bot.
    pub(crate) fn version_12(mut self) -> Self {
        self.version = RoomVersionId::V12;
        self.levels = Some(self.template(&json!({})));
        self
    }

    #[expect(clippy::needless_pass_by_value, reason = "a literal reads better at the call")]
    pub(crate) fn users(mut self, users: Value) -> Self {
        self.levels = Some(self.template(&users));
        self
    }

    pub(crate) fn wants(mut self, name: &str) -> Self {
        self.wanted.insert(user(name), (Role::Member, false));
        self
    }

    pub(crate) fn wants_at(mut self, name: &str, level: i64) -> Self {
        self.wanted.insert(user(name), (Role::Level(level), false));
        self
    }

    pub(crate) fn fixed(mut self, name: &str, role: Role) -> Self {
        self.wanted.insert(user(name), (role, true));
        self
    }

    /// Named in the configuration, with the level that the directory gives.
    pub(crate) fn fixed_without_level(mut self, name: &str, role: Role) -> Self {
        self.level_from_directory = true;
        self.fixed(name, role)
    }

    pub(crate) fn is(&mut self, name: &str, membership: Membership) {
        self.members.insert(user(name), (membership, user(name)));
    }

    pub(crate) fn joined(mut self, name: &str) -> Self {
        self.is(name, Membership::Joined);
        self
    }

    pub(crate) fn member(mut self, name: &str, membership: Membership, sender: &str) -> Self {
        self.members.insert(user(name), (membership, user(sender)));
        self
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) fn remember(mut self, change: impl FnOnce(&mut RememberedRoom)) -> Self {
        change(self.memory.rooms.entry(room_id()).or_default());
        self
    }

    pub(crate) fn snapshot(&self) -> RoomSnapshot {
        let rules = LevelRules::of(&self.version).unwrap();
        let levels = match &self.levels {
            Some(content) => PowerLevels::parse(content, rules).unwrap(),
            None => PowerLevels::absent(rules),
        };
        let members = self
            .members
            .iter()
            .map(|(user_id, (membership, sender))| RoomMember {
                user_id: user_id.clone(),
                membership: *membership,
                sender: sender.clone(),
                at: Timestamp(1),
            });
        RoomSnapshot {
            room_id: room_id(),
            version: self.version.clone(),
            kind: self.kind,
            creator: self.creator.clone(),
            created: Some(Timestamp(1)),
            additional_creators: self.additional_creators.clone(),
            federate: self.federate,
            levels,
            join_rule: self.join_rule.clone(),
            history_visibility: self.history,
            encrypted: true,
            name: self.name.clone(),
            topic: None,
            canonical_alias: None,
            predecessor: None,
            replaced_by: self
                .replaced_by
                .clone()
                .map(|named| inviter_core::room::Replacement::new(named, user("admin"), Timestamp(5))),
            members: members.collect(),
            unreadable: self
                .unreadable
                .iter()
                .map(|c| inviter_core::room::Cause::new(*c))
                .collect(),
        }
    }

    pub(crate) fn desired(&self) -> Desired {
        let mut people: BTreeMap<OwnedUserId, PersonStanding> = self.standing.clone();
        for user in self.wanted.keys() {
            people.entry(user.clone()).or_insert(PersonStanding::Active);
        }
        let people: Vec<Person> = people
            .into_iter()
            .map(|(user_id, standing)| Person { user_id, standing })
            .collect();
        let seats = self.wanted.iter().map(|(user, (role, fixed))| Seat {
            person: PersonIx(u32::try_from(people.iter().position(|p| p.user_id == *user).unwrap()).unwrap()),
            feed: (!fixed).then_some(0),
            role: *role,
            level_fixed: *fixed && !self.level_from_directory,
        });
        let room = DesiredRoom {
            refs: vec![RoomRef::Alias(self.alias.clone())],
            binding: self.binding.clone(),
            seats: seats.collect(),
            members: self.members_extent.clone(),
            owners: self.owners_extent.clone(),
            rules: Arc::new(self.rules.clone()),
            precedence: 0,
            feeds: vec![feed("physics", FeedRole::Members)].into(),
            in_doubt: BTreeMap::new(),
            in_scope: true,
        };
        let groups = self
            .groups
            .iter()
            .map(|(name, extent)| (feed(name, FeedRole::Members).group, extent.clone()));
        Desired {
            rooms: vec![room],
            groups: groups.collect(),
            sources: vec![SourceOutcome {
                provider: ProviderId::new("dir"),
                listing: self.source.clone(),
                active_accounts: people.len() as u64,
                size_known: self.size_known,
                only_grouped_accounts: self.only_grouped_accounts,
                error: None,
            }],
            people,
            findings: Vec::new(),
        }
    }

    pub(crate) fn plan(&self) -> RoomPlan {
        let desired = self.desired();
        let state = self
            .state
            .clone()
            .unwrap_or_else(|| RoomState::Joined(Box::new(self.snapshot())));
        let bot = user("bot");
        let cx = PlanContext {
            desired: &desired,
            policy: &self.policy,
            bot: &bot,
            roster: &Roster::new(&desired, &self.policy, &bot),
            memory: &self.memory,
            listings: &self.listings,
            brought: self.brought.as_ref(),
            now: NOW,
        };
        plan_room(&desired.rooms[0], &state, &cx)
    }

    /// The plan in words, one line an action, then the kinds of the findings.
    #[track_caller]
    pub(crate) fn gives(&self, actions: &[&str], findings: &[FindingKind]) {
        let plan = self.plan();
        let lines: Vec<String> = plan.actions.iter().flat_map(describe).collect();
        assert_eq!(lines, actions, "findings: {:#?}", plan.findings);
        let mut kinds: Vec<FindingKind> = plan.findings.iter().map(|f| f.kind).collect();
        kinds.sort();
        assert_eq!(kinds, findings, "{:#?}", plan.findings);
    }
}

fn short(user: &UserId) -> String {
    if user.server_name() == "example.org" {
        user.localpart().to_owned()
    } else {
        user.to_string()
    }
}

fn describe(action: &Action) -> Vec<String> {
    let line = match &action.op {
        Op::CreateRoom(blueprint) => {
            let levels: Vec<String> = blueprint
                .levels
                .iter()
                .map(|(u, l)| format!(" {}={l}", short(u)))
                .collect();
            format!("create {}{}", blueprint.alias, levels.concat())
        }
        Op::Join { invited_by: None } => "join".to_owned(),
        Op::Join {
            invited_by: Some(inviter),
        } => format!("join by {}", short(inviter)),
        Op::SetLevels { changes } => return changes.iter().map(describe_level).collect(),
        Op::SetHistoryVisibility { to, .. } => format!("history {}", to.as_str()),
        Op::SetName { to } => format!("name {to}"),
        Op::SetTopic { to } => format!("topic {to}"),
        Op::SetListing { to } => format!("listing {to:?}"),
        Op::Invite { user, .. } => format!("invite {}", short(user)),
        Op::Add { user, .. } => format!("add {}", short(user)),
        Op::Remove {
            user,
            invitation: true,
            ..
        } => format!("withdraw {}", short(user)),
        Op::Remove { user, .. } => format!("remove {}", short(user)),
        other => format!("{other:?}"),
    };
    vec![line]
}

fn describe_level(change: &LevelChange) -> String {
    let value = |v: Option<i64>| v.map_or_else(|| "none".to_owned(), |v| v.to_string());
    let slot = match &change.slot {
        LevelSlot::Key(key) => key.as_str().to_owned(),
        LevelSlot::Event(kind) => kind.clone(),
        LevelSlot::User(user) => short(user),
    };
    format!("level {slot} {}→{}", value(change.from), value(change.to))
}
