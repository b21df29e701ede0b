//! Random requests.

use inviter_core::{
    OwnedRoomId, OwnedUserId, RoomVersionId,
    memory::{NewRoom, Preset, UserOp},
    room_rules::Listing,
};
use serde_json::{Map, Value, json};

/// A small generator (`SplitMix64`), so that a seed means the same requests for ever.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `bound`, which is small.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(1).max(1);
        usize::try_from(self.next() % bound).unwrap_or(0)
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

/// The two rooms of a sequence, as one of the homeservers calls them.
#[derive(Debug, Clone)]
pub(crate) struct Rooms {
    /// Where things happen.
    pub(crate) main: OwnedRoomId,
    /// Whose members the restricted join rules let in.
    pub(crate) lobby: OwnedRoomId,
}

/// What to do, without room IDs: the two homeservers have different ones.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Invite(OwnedUserId, Option<String>),
    Join,
    Leave,
    Kick(OwnedUserId, Option<String>),
    Ban(OwnedUserId, Option<String>),
    Unban(OwnedUserId),
    Knock,
    Levels(Value),
    JoinRule(&'static str),
    State(&'static str, String, Value),
    Tombstone,
    Listing(Listing),
    LobbyJoin,
    LobbyLeave,
}

impl Step {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Invite(..) => "invite",
            Self::Join => "join",
            Self::Leave => "leave",
            Self::Kick(..) => "kick",
            Self::Ban(..) => "ban",
            Self::Unban(..) => "unban",
            Self::Knock => "knock",
            Self::Levels(..) => "power levels",
            Self::JoinRule(..) => "join rule",
            Self::State(..) => "other state",
            Self::Tombstone => "tombstone",
            Self::Listing(..) => "listing",
            Self::LobbyJoin | Self::LobbyLeave => "lobby",
        }
    }

    pub(crate) fn op(&self, rooms: &Rooms) -> UserOp {
        let room = rooms.main.clone();
        match self.clone() {
            Self::Invite(user, reason) => UserOp::Invite { room, user, reason },
            Self::Join => UserOp::Join { room },
            Self::Leave => UserOp::Leave { room },
            Self::Kick(user, reason) => UserOp::Kick { room, user, reason },
            Self::Ban(user, reason) => UserOp::Ban { room, user, reason },
            Self::Unban(user) => UserOp::Unban { room, user },
            Self::Knock => UserOp::Knock { room },
            Self::Levels(content) => UserOp::set(room, "m.room.power_levels", content),
            Self::JoinRule(rule) => {
                let mut content = json!({"join_rule": rule});
                if rule.ends_with("restricted") {
                    content["allow"] = json!([{"type": "m.room_membership", "room_id": rooms.lobby}]);
                }
                UserOp::set(room, "m.room.join_rules", content)
            }
            Self::State(kind, key, content) => UserOp::SetState {
                room,
                kind: kind.to_owned(),
                key,
                content,
            },
            Self::Tombstone => {
                let content = json!({"body": "moved", "replacement_room": rooms.lobby});
                UserOp::set(room, "m.room.tombstone", content)
            }
            Self::Listing(listing) => UserOp::SetListing { room, listing },
            Self::LobbyJoin => UserOp::Join {
                room: rooms.lobby.clone(),
            },
            Self::LobbyLeave => UserOp::Leave {
                room: rooms.lobby.clone(),
            },
        }
    }
}

const LEVELS: [i64; 12] = [-1, 0, 0, 10, 25, 49, 50, 50, 75, 100, 100, 101];

/// A random request. `levels` is the content in force, so that most new contents differ in one place.
pub(crate) fn step(random: &mut Random, actor: &OwnedUserId, users: &[OwnedUserId], levels: &Value) -> Step {
    let target = random.pick(users);
    let reason = random.chance(30).then(|| "because".to_owned());
    match random.below(100) {
        0..12 => Step::Invite(target, reason),
        12..27 => Step::Join,
        27..30 => Step::Leave,
        30..39 => Step::Kick(target, reason),
        39..45 => Step::Ban(target, reason),
        45..52 => Step::Unban(target),
        52..57 => Step::Knock,
        57..77 => Step::Levels(changed(random, users, levels)),
        77..84 => Step::JoinRule(random.pick(&[
            "public",
            "invite",
            "knock",
            "knock",
            "restricted",
            "restricted",
            "knock_restricted",
            "private",
            "org.example.unheard_of",
        ])),
        84..92 => state(random, actor, &target),
        92..96 => Step::Tombstone,
        96 => Step::Listing(random.pick(&[Listing::Public, Listing::Private])),
        97 | 98 => Step::LobbyJoin,
        _ => Step::LobbyLeave,
    }
}

fn state(random: &mut Random, actor: &OwnedUserId, target: &OwnedUserId) -> Step {
    let key = match random.below(5) {
        0 => actor.to_string(),
        1 => target.to_string(),
        2 => "key".to_owned(),
        _ => String::new(),
    };
    let name = random.pick(&["One", "Two"]);
    match random.below(8) {
        0 | 1 => Step::State("m.room.name", String::new(), json!({"name": name})),
        2 => Step::State("m.room.topic", String::new(), json!({"topic": name})),
        // Not as the homeserver wants it.
        3 => Step::State("m.room.topic", String::new(), json!({"topic": 5})),
        4 => Step::State("m.room.canonical_alias", String::new(), json!({})),
        5 => Step::State(
            "m.room.history_visibility",
            String::new(),
            json!({"history_visibility": random.pick(&["joined", "invited", "shared"])}),
        ),
        _ => Step::State("org.example.custom", key, json!({"value": name})),
    }
}

/// The content with one to three places changed, now and then to something that is no level.
fn changed(random: &mut Random, users: &[OwnedUserId], levels: &Value) -> Value {
    let mut content = levels.as_object().cloned().unwrap_or_default();
    for _ in 0..=random.below(3) {
        let value: Value = match random.below(40) {
            0 => "50".into(),
            1 => json!(50.5),
            2 => json!(9_007_199_254_740_992_i64),
            _ => random.pick(&LEVELS).into(),
        };
        let remove = random.chance(15);
        let (section, key) = place(random, users);
        let target = match section {
            None => &mut content,
            Some(section) => {
                let entries = content
                    .entry(section)
                    .or_insert_with(|| Value::Object(Map::new()));
                match entries.as_object_mut() {
                    Some(entries) => entries,
                    None => continue,
                }
            }
        };
        if remove {
            target.remove(&key);
        } else {
            target.insert(key, value);
        }
    }
    Value::Object(content)
}

fn place(random: &mut Random, users: &[OwnedUserId]) -> (Option<&'static str>, String) {
    match random.below(10) {
        0..5 => (Some("users"), random.pick(users).to_string()),
        5 | 6 => {
            let kinds = [
                "m.room.name",
                "m.room.power_levels",
                "m.room.join_rules",
                "m.room.tombstone",
                "org.example.custom",
            ];
            (Some("events"), random.pick(&kinds).to_owned())
        }
        7 => (Some("notifications"), "room".to_owned()),
        _ => {
            let keys = [
                "users_default",
                "events_default",
                "state_default",
                "invite",
                "kick",
                "ban",
                "redact",
                "org.example.extension",
            ];
            (None, random.pick(&keys).to_owned())
        }
    }
}

/// How the main room begins: by whom is decided by the caller.
pub(crate) fn new_room(
    random: &mut Random,
    version: &RoomVersionId,
    creator: &OwnedUserId,
    users: &[OwnedUserId],
) -> NewRoom {
    let privileged = *version == RoomVersionId::V12;
    let mut creation = Map::new();
    if privileged && random.chance(40) {
        creation.insert("additional_creators".to_owned(), json!([random.pick(users)]));
    }
    let additional = creation.get("additional_creators").cloned().unwrap_or_default();
    let mut levels = Map::new();
    if random.chance(70) {
        let mut people = Map::new();
        if !privileged {
            people.insert(creator.to_string(), 100.into());
        }
        for user in users.iter().take(3) {
            // Now and then a creator stands among the users, which version 12 does not let in.
            let is_creator = user == creator || additional.get(0).is_some_and(|one| one == user.as_str());
            if is_creator && (!privileged || !random.chance(5)) {
                continue;
            }
            people.insert(user.to_string(), random.pick(&[0, 25, 50, 75, 100]).into());
        }
        levels.insert("users".to_owned(), people.into());
        for key in ["invite", "kick", "ban"] {
            if random.chance(30) {
                levels.insert(key.to_owned(), random.pick(&[0, 25, 50, 75]).into());
            }
        }
        if random.chance(50) {
            levels.insert("events".to_owned(), json!({"m.room.power_levels": 50}));
        }
    }
    NewRoom {
        version: Some(version.clone()),
        preset: if random.chance(40) {
            Preset::PublicChat
        } else {
            Preset::PrivateChat
        },
        name: random.chance(50).then(|| "A room".to_owned()),
        topic: random.chance(20).then(|| "A topic".to_owned()),
        listed: random.chance(20),
        levels: (!levels.is_empty()).then_some(levels),
        creation,
        ..NewRoom::default()
    }
}
