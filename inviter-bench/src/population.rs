//! A made-up organisation: its directory, and its rooms as they are but for what is to change.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context as _, Result};
use inviter_core::{
    OwnedRoomAliasId, OwnedRoomId, OwnedServerName, OwnedUserId, RoomAliasId, RoomId, RoomVersionId,
    ServerName, UserId,
    decode::MtrxDecoder,
    desired::{Feed, FeedRole, GroupRef},
    directory::{
        Account, AccountIx, AccountStatus, Attributes, Directory, Group, GroupIx, GroupKey, Member, Part,
        ProviderId,
    },
    levels::{LevelRules, PowerLevels},
    mint::{GuestRule, Minting},
    policy::{Policy, SourcePolicy},
    recall::{Memory, RememberedDirectory, RememberedRoom},
    resolve::ReadOutcome,
    room::{Binding, JoinRule, Membership, RoomMember, RoomSnapshot, RoomState},
    room_rules::{HistoryVisibility, PowerTemplate, RoomKind},
    time::Timestamp,
};
use serde_json::{Map, Value, json};

use crate::{
    random::Random,
    scale::{NESTED_PERCENT, ONE_ADDED_IN, Scale},
};

const SERVER: &str = "example.org";
const DIRECTORY: &str = "corp";
pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// Everything that goes into the stages, and what has to come out.
pub(crate) struct Population {
    pub(crate) policy: Policy,
    pub(crate) bot: OwnedUserId,
    pub(crate) reads: Vec<ReadOutcome>,
    pub(crate) bindings: BTreeMap<OwnedRoomAliasId, Binding>,
    pub(crate) memory: Memory,
    pub(crate) rooms: Vec<ActualRoom>,
    /// By their place in the order of user IDs; rooms refer to them by it.
    pub(crate) users: Vec<OwnedUserId>,
    /// Of all memberships that are wanted, those through a group within the room's group.
    pub(crate) nested: usize,
    levels: Map<String, Value>,
}

/// A room as it is. Kept small: the snapshot is made when it is asked for, as a backend does.
pub(crate) struct ActualRoom {
    pub(crate) id: OwnedRoomId,
    owner: u32,
    /// In order.
    people: Vec<u32>,
    /// In order.
    pub(crate) to_invite: Vec<u32>,
    /// In order.
    pub(crate) to_remove: Vec<u32>,
}

impl Population {
    pub(crate) fn new(scale: Scale, random: &mut Random) -> Result<Self> {
        let bot = UserId::parse(format!("@inviter:{SERVER}"))?;
        let names = names(scale.accounts, random);
        let users = names
            .iter()
            .map(|name| UserId::parse(format!("@{name}:{SERVER}")));
        let users = users.collect::<Result<Vec<OwnedUserId>, _>>()?;
        let mut order: Vec<u32> = (0..u32::try_from(users.len())?).collect();
        random.shuffle(&mut order);
        let mut draft = Draft {
            scale,
            random,
            account_of: vec![0; users.len()],
            groups: Vec::new(),
            rooms: Vec::new(),
            bindings: BTreeMap::new(),
            memory: Memory {
                clean_run: Some(NOW),
                ..Memory::default()
            },
            nested: 0,
            owed: (0, 0),
        };
        let uid: Arc<str> = Arc::from("uid");
        let mut accounts = Vec::with_capacity(users.len());
        for (at, &person) in order.iter().enumerate() {
            draft.account_of[person as usize] = u32::try_from(at)?;
            let name = &*names[person as usize];
            let mut attributes = Attributes::default();
            attributes.push(Arc::clone(&uid), name);
            accounts.push(Account {
                key: format!("uid={name},ou=people,dc=example,dc=org").into(),
                label: None,
                attributes,
                status: Some(AccountStatus::Active),
                matrix_id: None,
            });
        }
        drop(names);
        draft.fill()?;
        let Draft {
            mut groups,
            mut rooms,
            bindings,
            mut memory,
            nested,
            ..
        } = draft;
        shuffle_groups(&mut groups, random)?;
        random.shuffle(&mut rooms);
        let server: OwnedServerName = ServerName::parse(SERVER)?;
        let mut policy = Policy::new(server.clone());
        policy.sources.push(SourcePolicy {
            provider: ProviderId::new(DIRECTORY),
            decoders: vec![Arc::new(MtrxDecoder::default())],
            minting: Minting {
                server,
                attribute: "uid".to_owned(),
                before_at: false,
                guests: GuestRule::Skip,
                renames: BTreeMap::new(),
            },
        });
        let remembered = RememberedDirectory {
            at: NOW,
            active_accounts: accounts.len() as u64,
        };
        memory.directories.insert(ProviderId::new(DIRECTORY), remembered);
        let directory = Directory {
            accounts,
            groups,
            ..Directory::default()
        };
        Ok(Self {
            policy,
            bot,
            reads: vec![ReadOutcome {
                provider: ProviderId::new(DIRECTORY),
                result: Ok(directory),
            }],
            bindings,
            memory,
            rooms,
            users,
            nested,
            levels: levels(),
        })
    }

    /// The state of a room, as a backend hands it out.
    pub(crate) fn state(&self, room: &ActualRoom) -> Result<RoomState> {
        let version = RoomVersionId::V12;
        let rules = LevelRules::of(&version).context("an unknown room version")?;
        let mut levels = self.levels.clone();
        levels.insert(
            "users".to_owned(),
            json!({ self.users[room.owner as usize].as_str(): 50 }),
        );
        let members = room.people.iter().map(|&person| RoomMember {
            user_id: self.users[person as usize].clone(),
            membership: Membership::Joined,
            sender: self.bot.clone(),
            at: NOW,
        });
        Ok(RoomState::Joined(Box::new(RoomSnapshot {
            created: None,
            room_id: room.id.clone(),
            version,
            kind: RoomKind::Room,
            creator: self.bot.clone(),
            additional_creators: Vec::new(),
            federate: true,
            levels: PowerLevels::parse(&Value::Object(levels), rules)?,
            join_rule: JoinRule::Invite,
            history_visibility: Some(HistoryVisibility::Shared),
            encrypted: true,
            name: Some("A room".to_owned()),
            topic: None,
            canonical_alias: None,
            predecessor: None,
            replaced_by: None,
            members: members.collect(),
            unreadable: Vec::new(),
        })))
    }

    /// All memberships that are wanted and all that are there, as room and person in one integer, in no order.
    pub(crate) fn as_integers(&self, random: &mut Random) -> (Vec<u64>, Vec<u64>) {
        let (mut wanted, mut actual) = (Vec::new(), Vec::new());
        for (at, room) in self.rooms.iter().enumerate() {
            let pair = |person: &u32| ((at as u64) << 32) | u64::from(*person);
            actual.extend(room.people.iter().map(pair));
            let stays = |person: &&u32| room.to_remove.binary_search(person).is_err();
            wanted.extend(room.people.iter().filter(stays).map(pair));
            wanted.extend(room.to_invite.iter().map(pair));
        }
        random.shuffle(&mut wanted);
        random.shuffle(&mut actual);
        (wanted, actual)
    }
}

/// Logins as organisations give them, in the order of the user IDs and each once.
fn names(count: usize, random: &mut Random) -> Vec<String> {
    const FIRST: [&str; 16] = [
        "alice", "bob", "carol", "david", "emil", "frida", "george", "hanna", "ivan", "julia", "konrad",
        "lena", "martin", "nora", "oskar", "paula",
    ];
    const LAST: [&str; 16] = [
        "ar", "ber", "chi", "dor", "eck", "fal", "gru", "hof", "ing", "jan", "kel", "lund", "mey", "nas",
        "olt", "pet",
    ];
    let mut pick = |from: &[&'static str; 16]| from[random.below(16)];
    let mut names: Vec<String> = (0..count)
        .map(|number| format!("{}.{}{}{number}", pick(&FIRST), pick(&LAST), pick(&LAST)))
        .collect();
    let in_id = |name: &String| name.bytes().chain([b':']).collect::<Vec<u8>>();
    names.sort_by_cached_key(in_id);
    names
}

/// The content of `m.room.power_levels` where the default template holds already.
fn levels() -> Map<String, Value> {
    let template = PowerTemplate::default();
    let keys = template
        .keys()
        .map(|(key, level)| (key.as_str().to_owned(), level.into()));
    let mut levels: Map<String, Value> = keys.collect();
    levels.insert("events".to_owned(), json!(template.events));
    levels
}

fn shuffle_groups(groups: &mut Vec<Group>, random: &mut Random) -> Result<()> {
    let mut order: Vec<usize> = (0..groups.len()).collect();
    random.shuffle(&mut order);
    let mut place = vec![0; order.len()];
    for (to, &from) in order.iter().enumerate() {
        place[from] = u32::try_from(to)?;
    }
    let mut old: Vec<Option<Group>> = groups.drain(..).map(Some).collect();
    groups.extend(order.iter().filter_map(|&from| old[from].take()));
    for group in groups {
        for member in &mut group.members.values {
            if let Member::Group(inner) = member {
                *inner = GroupIx(place[inner.0 as usize]);
            }
        }
        random.shuffle(&mut group.members.values);
    }
    Ok(())
}

struct Draft<'r> {
    scale: Scale,
    random: &'r mut Random,
    /// By person: the index of the account.
    account_of: Vec<u32>,
    groups: Vec<Group>,
    rooms: Vec<ActualRoom>,
    bindings: BTreeMap<OwnedRoomAliasId, Binding>,
    memory: Memory,
    nested: usize,
    /// Memberships since the last addition and the last removal.
    owed: (usize, usize),
}

impl Draft<'_> {
    /// Rooms in pairs that have a team in common, and the largest, which has one of its own.
    fn fill(&mut self) -> Result<()> {
        let Scale {
            memberships,
            rooms,
            largest,
            ..
        } = self.scale;
        self.pair(largest, 1)?;
        let mut left = memberships - largest;
        let mut open = rooms - 1;
        while open > 0 {
            let together = open.min(2);
            let mean = left / open;
            let size = if open <= 2 {
                mean
            } else {
                mean / 4 + self.random.below(mean * 3 / 2)
            };
            // What does not divide goes into the last room.
            let size = if open == 1 { left } else { size.min(left / 2) };
            self.pair(size, together)?;
            left -= size * together;
            open -= together;
        }
        Ok(())
    }

    /// One room or two of this size. People are taken in strides through all of them, so that nobody comes twice.
    fn pair(&mut self, size: usize, together: usize) -> Result<()> {
        let everybody = self.scale.accounts;
        let team = size * NESTED_PERCENT / 100;
        let start = self.random.below(everybody);
        let stride = loop {
            let stride = 1 + self.random.below(everybody - 1);
            if gcd(stride, everybody) == 1 {
                break stride;
            }
        };
        let person = |k: usize| u32::try_from((start + k * stride) % everybody);
        let outer = self.team(&(0..team).map(person).collect::<Result<Vec<_>, _>>()?)?;
        let mut next = team;
        let after = team + (size - team) * together;
        for number in 0..together {
            let own = next..next + size - team;
            next = own.end;
            let mut people = own.map(person).collect::<Result<Vec<_>, _>>()?;
            let owner = people[0];
            self.nested += team;
            let mut members: Vec<Member> = people.iter().map(|&p| self.member(p)).collect();
            members.push(Member::Group(outer));
            people.extend((0..team).map(person).collect::<Result<Vec<_>, _>>()?);
            let strangers = (after + number * size..).map(person);
            self.room(owner, people, members, strangers)?;
        }
        Ok(())
    }

    fn member(&self, person: u32) -> Member {
        Member::Account(AccountIx(self.account_of[person as usize]))
    }

    /// A group that holds half of its people itself, and the others in a group of their own.
    fn team(&mut self, people: &[u32]) -> Result<GroupIx> {
        let (own, others) = people.split_at(people.len() / 2);
        let inner = self.group(
            format!("team-{}-inner", self.groups.len()),
            others.iter().map(|&p| self.member(p)).collect(),
            None,
        )?;
        let mut members: Vec<Member> = own.iter().map(|&p| self.member(p)).collect();
        members.push(Member::Group(inner));
        self.group(format!("team-{}", self.groups.len()), members, None)
    }

    fn group(&mut self, name: String, members: Vec<Member>, owner: Option<Member>) -> Result<GroupIx> {
        let ix = GroupIx(u32::try_from(self.groups.len())?);
        self.groups.push(Group {
            key: GroupKey::new(format!("cn={},ou=groups,dc=example,dc=org", ix.0)),
            name: name.into(),
            also_called: Vec::new(),
            members: Part::complete(members),
            owners: Part::complete(owner.into_iter().collect()),
            flattened: false,
            nested_only: false,
        });
        Ok(ix)
    }

    fn room(
        &mut self,
        owner: u32,
        mut people: Vec<u32>,
        members: Vec<Member>,
        mut strangers: impl Iterator<Item = Result<u32, std::num::TryFromIntError>>,
    ) -> Result<()> {
        let number = self.rooms.len();
        let alias = RoomAliasId::parse(format!("#room-{number}:{SERVER}"))?;
        // Of room version 12: without a server.
        let id = RoomId::parse(format!("!{number:043}"))?;
        let group = self.group(format!("MTRX {alias}"), members, Some(self.member(owner)))?;
        let group = &self.groups[group.0 as usize];
        let feeds = [FeedRole::Members, FeedRole::Owners].map(|role| Feed {
            group: GroupRef {
                provider: ProviderId::new(DIRECTORY),
                key: group.key.clone(),
                name: Arc::from(&*group.name),
            },
            role,
        });
        let remembered = RememberedRoom {
            feeds: feeds.into(),
            ..RememberedRoom::default()
        };
        self.memory.rooms.insert(id.clone(), remembered);
        self.bindings.insert(alias, Binding::Bound(id.clone()));

        let wanted = people.len();
        let mut to_invite = Vec::new();
        people.retain(|&person| {
            self.owed.0 += 1;
            // An owner who is yet to come would bring a change of levels along.
            let missing = self.owed.0 >= ONE_ADDED_IN && person != owner;
            if missing {
                self.owed.0 -= ONE_ADDED_IN;
                to_invite.push(person);
            }
            !missing
        });
        self.owed.1 += wanted;
        let too_many = self.owed.1 / ONE_ADDED_IN;
        self.owed.1 %= ONE_ADDED_IN;
        let mut to_remove = strangers.by_ref().take(too_many).collect::<Result<Vec<_>, _>>()?;
        people.extend_from_slice(&to_remove);
        for list in [&mut people, &mut to_invite, &mut to_remove] {
            list.sort_unstable();
        }
        people.shrink_to_fit();
        self.rooms.push(ActualRoom {
            id,
            owner,
            people,
            to_invite,
            to_remove,
        });
        Ok(())
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
