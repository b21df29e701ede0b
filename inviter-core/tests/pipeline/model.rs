//! A random world: people, nested groups and owners, a homeserver, and the truth about who belongs where.

use std::{collections::BTreeMap, collections::BTreeSet, sync::Arc, time::Duration};

use futures_executor::block_on;
use inviter_core::{
    OwnedRoomAliasId, OwnedRoomId, OwnedUserId,
    decode::MtrxDecoder,
    directory::ProviderId,
    guard::Limits,
    memory::{InMemoryDirectory, InMemoryHomeserver, InMemoryStore, MemoryGroup, MemoryPerson, UserOp},
    mint::{GuestRule, Minting},
    policy::{Policy, SourcePolicy},
    reconcile::{Draft, Reconciler, RunOptions},
    report::Report,
    room::Membership,
    room_rules::{BringIn, LeftPolicy},
    time::{Clock, Timestamp},
};
use proptest::{collection, prelude::*};
use serde_json::json;

pub(crate) const PEOPLE: usize = 8;
pub(crate) const ROOMS: usize = 3;
pub(crate) const UNITS: usize = 3;

pub(crate) fn user(person: usize) -> OwnedUserId {
    OwnedUserId::try_from(format!("@p{person}:example.org")).unwrap()
}

pub(crate) fn foreigner() -> OwnedUserId {
    OwnedUserId::try_from("@guest:elsewhere.org").unwrap()
}

pub(crate) fn alias(room: usize) -> OwnedRoomAliasId {
    OwnedRoomAliasId::try_from(format!("#r{room}:example.org")).unwrap()
}

pub(crate) fn room_group(room: usize) -> String {
    format!("MTRX #r{room}:example.org")
}

/// Groups `0..ROOMS` stand for rooms; the others are units that may be nested in any group, in circles too.
#[derive(Debug, Clone)]
pub(crate) struct Corp {
    pub(crate) members: Vec<BTreeSet<usize>>,
    pub(crate) nested: Vec<BTreeSet<usize>>,
    pub(crate) owners: Vec<BTreeSet<usize>>,
    pub(crate) disabled: BTreeSet<usize>,
}

impl Corp {
    pub(crate) fn strategy() -> impl Strategy<Value = Self> {
        let people = || collection::btree_set(0..PEOPLE, 0..5);
        let groups = ROOMS + UNITS;
        (
            collection::vec(people(), groups),
            collection::vec(collection::btree_set(ROOMS..groups, 0..3), groups),
            collection::vec(people(), groups),
            collection::btree_set(0..PEOPLE, 0..2),
        )
            .prop_map(|(members, nested, owners, disabled)| Self {
                members,
                nested,
                owners,
                disabled,
            })
    }

    fn name(group: usize) -> String {
        if group < ROOMS {
            room_group(group)
        } else {
            format!("unit {group}")
        }
    }

    /// Writes this into a directory, replacing what it had; `backwards` turns every order around.
    pub(crate) fn write(&self, directory: &InMemoryDirectory) {
        directory.clear();
        for person in 0..PEOPLE {
            let account = MemoryPerson::new(format!("p{person}"));
            directory.put_person(if self.disabled.contains(&person) {
                account.disabled()
            } else {
                account
            });
        }
        for group in 0..self.members.len() {
            let group = MemoryGroup::new(Self::name(group))
                .members(self.members[group].iter().map(|p| format!("p{p}")))
                .groups(self.nested[group].iter().map(|g| Self::name(*g)))
                .owners(self.owners[group].iter().map(|p| format!("p{p}")));
            directory.put_group(group);
        }
    }

    /// Who belongs in a room, and who of them owns it: by asking each person's way up, not by going down.
    pub(crate) fn truth(&self, room: usize) -> (BTreeSet<usize>, BTreeSet<usize>) {
        let mut reached: BTreeSet<usize> = [room].into();
        loop {
            let more: BTreeSet<usize> = reached
                .iter()
                .flat_map(|g| self.nested[*g].iter().copied())
                .collect();
            let before = reached.len();
            reached.extend(more);
            if reached.len() == before {
                break;
            }
        }
        let active = |p: &usize| !self.disabled.contains(p);
        let members: BTreeSet<usize> = (0..PEOPLE)
            .filter(|p| reached.iter().any(|g| self.members[*g].contains(p)))
            .filter(active)
            .collect();
        let owners = self.owners[room].intersection(&members).copied().collect();
        (members, owners)
    }
}

/// What people do on the homeserver between runs.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Join(usize, usize),
    Leave(usize, usize),
    Raise(usize, usize, i64),
    Kick(usize, usize),
    Bring(usize, usize),
    Guest(usize),
}

impl Step {
    pub(crate) fn strategy() -> impl Strategy<Value = Self> {
        let who = || (0..PEOPLE, 0..ROOMS);
        prop_oneof![
            4 => who().prop_map(|(p, r)| Self::Join(p, r)),
            1 => who().prop_map(|(p, r)| Self::Leave(p, r)),
            1 => (who(), prop_oneof![Just(25), Just(50)]).prop_map(|((p, r), l)| Self::Raise(p, r, l)),
            1 => who().prop_map(|(p, r)| Self::Kick(p, r)),
            1 => who().prop_map(|(p, r)| Self::Bring(p, r)),
            1 => (0..ROOMS).prop_map(Self::Guest),
        ]
    }
}

#[derive(Debug)]
struct HomeserverClock(InMemoryHomeserver);

impl Clock for HomeserverClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

pub(crate) struct World {
    pub(crate) homeserver: InMemoryHomeserver,
    pub(crate) directory: Arc<InMemoryDirectory>,
    pub(crate) store: InMemoryStore,
    pub(crate) bot: OwnedUserId,
    pub(crate) reconciler: Reconciler,
}

impl World {
    pub(crate) fn new(version: &str) -> Self {
        let homeserver = InMemoryHomeserver::new("example.org".try_into().unwrap());
        homeserver.set_default_version(version.try_into().unwrap());
        let bot = homeserver.register("bot").unwrap();
        for person in 0..PEOPLE {
            homeserver.register(&format!("p{person}")).unwrap();
        }
        let directory = Arc::new(InMemoryDirectory::new("corp"));
        let store = InMemoryStore::default();
        let mut policy = Policy::new("example.org".try_into().unwrap());
        policy.defaults.left = LeftPolicy::Again;
        policy.sources.push(SourcePolicy {
            provider: ProviderId::new("corp"),
            decoders: vec![Arc::new(MtrxDecoder::default())],
            minting: Minting {
                server: "example.org".try_into().unwrap(),
                attribute: "uid".to_owned(),
                before_at: false,
                guests: GuestRule::Skip,
                renames: BTreeMap::new(),
            },
        });
        let reconciler = Reconciler {
            providers: vec![directory.clone()],
            backend: Arc::new(homeserver.backend(bot.clone())),
            store: Arc::new(store.clone()),
            policy,
            limits: Limits {
                room_count: 1000,
                directory_count: 1000,
                total_count: 1000,
                shrink_count: 1000,
                ..Limits::default()
            },
            clock: Arc::new(HomeserverClock(homeserver.clone())),
            rooms_at_once: 2,
            people_at_once: 2,
        };
        Self {
            homeserver,
            directory,
            store,
            bot,
            reconciler,
        }
    }

    /// The bot is a server administrator, and puts people straight in.
    pub(crate) fn putting_in(mut self) -> Self {
        self.homeserver.set_admin(&self.bot, true);
        self.reconciler.policy.defaults.bring_in = BringIn::Join;
        self
    }

    pub(crate) fn plan(&self) -> Draft {
        block_on(self.reconciler.plan(&RunOptions::by_person())).unwrap()
    }

    pub(crate) fn sync(&self) -> Report {
        self.homeserver.advance(Duration::from_secs(60));
        block_on(self.reconciler.sync(&RunOptions::by_person())).unwrap()
    }

    /// Syncs, and lets go what the guard holds, as an administrator who agrees with it would.
    pub(crate) fn sync_and_release(&self) -> Report {
        let report = self.sync();
        let Some(code) = report.release.clone() else {
            return report;
        };
        let mut options = RunOptions::by_person();
        options.releases.insert(code);
        block_on(self.reconciler.sync(&options)).unwrap()
    }

    pub(crate) fn room(&self, room: usize) -> Option<OwnedRoomId> {
        self.homeserver.alias(&alias(room))
    }

    /// The room that has taken the place of the one that the alias leads to: as tombstones say, all of them honest.
    pub(crate) fn current(&self, room: usize) -> OwnedRoomId {
        let mut current = self.room(room).unwrap();
        while let Some(tombstone) = self.homeserver.state(&current, "m.room.tombstone", "") {
            current = tombstone["replacement_room"]
                .as_str()
                .unwrap()
                .try_into()
                .unwrap();
        }
        current
    }

    pub(crate) fn step(&self, step: &Step) {
        let (Step::Join(_, room)
        | Step::Leave(_, room)
        | Step::Raise(_, room, _)
        | Step::Kick(_, room)
        | Step::Bring(_, room)
        | Step::Guest(room)) = step;
        let Some(room) = self.room(*room) else { return };
        // What the homeserver refuses simply does not happen.
        let act = |who: &OwnedUserId, op: UserOp| drop(self.homeserver.act(who, &op));
        match step {
            Step::Join(p, _) => act(&user(*p), UserOp::Join { room }),
            Step::Leave(p, _) => act(&user(*p), UserOp::Leave { room }),
            Step::Kick(p, _) => act(
                &self.bot,
                UserOp::Kick {
                    room,
                    user: user(*p),
                    reason: None,
                },
            ),
            Step::Bring(p, _) => {
                act(
                    &self.bot,
                    UserOp::Invite {
                        room: room.clone(),
                        user: user(*p),
                        reason: None,
                    },
                );
                act(&user(*p), UserOp::Join { room });
            }
            Step::Guest(_) => {
                act(
                    &self.bot,
                    UserOp::Invite {
                        room: room.clone(),
                        user: foreigner(),
                        reason: None,
                    },
                );
                act(&foreigner(), UserOp::Join { room: room.clone() });
                self.set_level(&room, &foreigner(), 50);
            }
            Step::Raise(p, _, level) => self.set_level(&room, &user(*p), *level),
        }
    }

    fn set_level(&self, room: &OwnedRoomId, user: &OwnedUserId, level: i64) {
        let mut levels = self.homeserver.levels(room).unwrap();
        levels["users"][user.as_str()] = json!(level);
        drop(self.homeserver.act(
            &self.bot,
            &UserOp::set(room.clone(), "m.room.power_levels", levels),
        ));
    }

    /// Joined or invited people of ours, by number.
    pub(crate) fn people_in(&self, room: usize) -> BTreeSet<usize> {
        let Some(room) = self.room(room) else {
            return BTreeSet::new();
        };
        let members = self.homeserver.members(&room);
        let inside = members
            .iter()
            .filter(|m| m.membership.is_in())
            .map(|m| m.user_id.clone());
        let inside: BTreeSet<OwnedUserId> = inside.collect();
        (0..PEOPLE).filter(|p| inside.contains(&user(*p))).collect()
    }

    /// How many of the room's people are ours, without the bot.
    pub(crate) fn people_of_room(&self, room: usize) -> usize {
        let members = self.homeserver.members(&self.room(room).unwrap());
        members
            .iter()
            .filter(|m| m.membership.is_in() && m.user_id != self.bot)
            .count()
    }

    /// Everything about people out of scope and about the bot, which no run may touch.
    pub(crate) fn untouchable(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for room in self.homeserver.rooms() {
            let levels = self.homeserver.levels(&room).unwrap_or_default();
            for member in self.homeserver.members(&room) {
                let user = &member.user_id;
                if *user == self.bot || user.server_name() != "example.org" {
                    lines.push(format!(
                        "{room} {user} {:?} {:?}",
                        member.membership,
                        levels["users"].get(user.as_str())
                    ));
                }
            }
        }
        lines
    }

    /// Who was removed or lost an invitation between two moments.
    pub(crate) fn memberships(&self) -> BTreeMap<(OwnedRoomId, OwnedUserId), Membership> {
        let rooms = self.homeserver.rooms();
        let all = rooms.iter().flat_map(|room| {
            self.homeserver
                .members(room)
                .into_iter()
                .map(|m| ((room.clone(), m.user_id), m.membership))
        });
        all.collect()
    }

    /// Asserts that homeserver and truth agree in every room.
    pub(crate) fn assert_as_wanted(&self, corp: &Corp) -> Result<(), TestCaseError> {
        for room in 0..ROOMS {
            let (members, owners) = corp.truth(room);
            prop_assert_eq!(self.people_in(room), members.clone(), "members of room {}", room);
            let levels = self.homeserver.levels(&self.room(room).unwrap()).unwrap();
            for person in 0..PEOPLE {
                let entry = levels["users"]
                    .get(user(person).as_str())
                    .and_then(serde_json::Value::as_i64);
                let wanted = owners.contains(&person).then_some(50);
                prop_assert_eq!(entry, wanted, "level of p{} in room {}", person, room);
            }
        }
        Ok(())
    }
}
