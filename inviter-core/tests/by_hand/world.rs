//! One managed room, `#r:example.org`, with a directory that wants alice in it.

use std::{collections::BTreeMap, sync::Arc};

use futures_executor::block_on;
use inviter_core::{
    OwnedRoomAliasId, OwnedRoomId, OwnedUserId,
    action::Op,
    backend::BackendErrorKind,
    by_hand::{End, RefusalKind, Request, Standing, Wish, WishReport},
    decode::MtrxDecoder,
    directory::ProviderId,
    guard::Limits,
    memory::{Call, InMemoryDirectory, InMemoryHomeserver, InMemoryStore, MemoryGroup, NewRoom, UserOp},
    mint::{GuestRule, Minting},
    policy::{Policy, SourcePolicy},
    reconcile::{Reconciler, RunOptions},
    report::{Outcome, Report},
    room::{Membership, RoomRef},
    time::{Clock, Timestamp},
};
use serde_json::{Value, json};

pub(crate) const ROOM: &str = "#r:example.org";
pub(crate) const ZOE: &str = "@zoe:elsewhere.org";
const LEVELS: &str = "m.room.power_levels";

/// `alice` is `@alice:example.org`; a whole ID stays.
pub(crate) fn user(name: &str) -> OwnedUserId {
    let id = if name.starts_with('@') {
        name.to_owned()
    } else {
        format!("@{name}:example.org")
    };
    OwnedUserId::try_from(id).unwrap()
}

pub(crate) fn alias(text: &str) -> OwnedRoomAliasId {
    text.try_into().unwrap()
}

pub(crate) fn room_ref(text: &str) -> RoomRef {
    if text.starts_with('!') {
        RoomRef::Id(text.try_into().unwrap())
    } else {
        RoomRef::Alias(text.try_into().unwrap())
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
    pub(crate) reconciler: Reconciler,
    pub(crate) room: OwnedRoomId,
}

impl World {
    /// A room that the bot has made, of this version.
    pub(crate) fn of_version(version: &str) -> Self {
        let mut world = Self::empty(version);
        world.sync();
        world.room = world.homeserver.alias(&alias(ROOM)).unwrap();
        world.join("alice");
        world
    }

    /// A room that olga has made and a person has adopted, with the bot at `level`.
    pub(crate) fn of_olga(version: &str, level: i64) -> Self {
        let mut world = Self::empty(version);
        let olga = world.homeserver.register("olga").unwrap();
        let new = NewRoom {
            alias: Some("r".to_owned()),
            ..NewRoom::default()
        };
        let made = world
            .homeserver
            .act(&olga, &UserOp::CreateRoom(Box::new(new)))
            .unwrap();
        world.room = made.created().unwrap();
        world.bring("olga", "bot");
        world.level_by("olga", "bot", level);
        block_on(world.reconciler.adopt(&RunOptions::by_person())).unwrap();
        world
    }

    fn empty(version: &str) -> Self {
        let server = || "example.org".try_into().unwrap();
        let homeserver = InMemoryHomeserver::new(server());
        homeserver.set_default_version(version.try_into().unwrap());
        let bot = homeserver.register("bot").unwrap();
        homeserver.register("alice").unwrap();
        let group = MemoryGroup::new(format!("MTRX {ROOM}")).members(["alice"]);
        // A directory without any group at all would not be believed.
        let directory = InMemoryDirectory::new("corp")
            .with_people(["alice"])
            .with_group(group)
            .with_group("unrelated");
        let directory = Arc::new(directory);
        let store = InMemoryStore::default();
        let mut policy = Policy::new(server());
        policy.sources.push(SourcePolicy {
            provider: ProviderId::new("corp"),
            decoders: vec![Arc::new(MtrxDecoder::default())],
            minting: Minting {
                server: server(),
                attribute: "uid".to_owned(),
                before_at: false,
                guests: GuestRule::Skip,
                renames: BTreeMap::new(),
            },
        });
        let reconciler = Reconciler {
            providers: vec![directory.clone()],
            backend: Arc::new(homeserver.backend(bot)),
            store: Arc::new(store.clone()),
            policy,
            limits: Limits::default(),
            clock: Arc::new(HomeserverClock(homeserver.clone())),
            rooms_at_once: 2,
            people_at_once: 2,
        };
        Self {
            homeserver,
            directory,
            store,
            reconciler,
            room: "!none:example.org".try_into().unwrap(),
        }
    }

    // ---- what people do ----

    pub(crate) fn act(&self, who: &str, op: &UserOp) {
        self.homeserver.act(&user(who), op).unwrap();
    }

    pub(crate) fn join(&self, who: &str) {
        let room = self.room.clone();
        self.act(who, &UserOp::Join { room });
    }

    pub(crate) fn invite(&self, by: &str, whom: &str) {
        let op = UserOp::Invite {
            room: self.room.clone(),
            user: user(whom),
            reason: None,
        };
        self.act(by, &op);
    }

    pub(crate) fn bring(&self, by: &str, whom: &str) {
        self.invite(by, whom);
        self.join(whom);
    }

    /// Edits the power levels as somebody.
    pub(crate) fn levels_by(&self, by: &str, edit: impl FnOnce(&mut Value)) {
        let mut levels = self.homeserver.levels(&self.room).unwrap_or_else(|| json!({}));
        edit(&mut levels);
        self.act(by, &UserOp::set(self.room.clone(), LEVELS, levels));
    }

    pub(crate) fn level_by(&self, by: &str, whom: &str, level: i64) {
        self.levels_by(by, |levels| levels["users"][user(whom).as_str()] = level.into());
    }

    // ---- what is so ----

    pub(crate) fn membership(&self, who: &str) -> Option<Membership> {
        let members = self.homeserver.members(&self.room);
        let member = members.iter().find(|member| member.user_id == user(who));
        member.map(|member| member.membership)
    }

    /// The entry in the levels.
    pub(crate) fn level(&self, who: &str) -> Option<i64> {
        self.homeserver.levels(&self.room)?["users"][user(who).as_str()].as_i64()
    }

    // ---- what is asked for ----

    pub(crate) fn sync(&self) -> Report {
        block_on(self.reconciler.sync(&RunOptions::by_person())).unwrap()
    }

    /// Asks for it, and checks that deciding alone changes nothing.
    pub(crate) fn ask_in(&self, room: &str, wish: Wish) -> WishReport {
        let (before, writes) = (self.homeserver.digest(), self.homeserver.writes());
        let commits = self.store.commits().len();
        let request = Request {
            room: room_ref(room),
            wish,
        };
        let considered = block_on(self.reconciler.consider(&request)).unwrap();
        assert_eq!(self.homeserver.writes(), writes, "deciding writes nothing");
        assert_eq!(self.homeserver.digest(), before);
        assert_eq!(
            self.store.commits().len(),
            commits,
            "nor does it remember anything"
        );
        block_on(self.reconciler.carry_out(considered))
    }

    pub(crate) fn ask(&self, wish: Wish) -> WishReport {
        self.ask_in(ROOM, wish)
    }

    /// Asks for something that has to be done, by exactly these requests.
    #[track_caller]
    pub(crate) fn does(&self, wish: Wish, words: &[&str]) -> WishReport {
        let report = self.ask(wish);
        assert_eq!(report.standing(), Standing::Done, "{report:#?}");
        assert_eq!(ops(&report), words);
        report
    }

    /// Asks for something that is so already; nothing is sent.
    #[track_caller]
    pub(crate) fn already(&self, wish: Wish) -> WishReport {
        let writes = self.homeserver.writes();
        let report = self.ask(wish);
        assert_eq!(report.standing(), Standing::AlreadySo, "{report:#?}");
        assert_eq!(self.homeserver.writes(), writes);
        report
    }

    /// Asks for something that a rule forbids; nothing is sent, and the sentence says all of this.
    #[track_caller]
    pub(crate) fn refuses(&self, wish: Wish, kind: RefusalKind, says: &[&str]) {
        self.refuses_in(ROOM, wish, kind, says);
    }

    #[track_caller]
    pub(crate) fn refuses_in(&self, room: &str, wish: Wish, kind: RefusalKind, says: &[&str]) {
        let (before, writes) = (self.homeserver.digest(), self.homeserver.writes());
        let report = self.ask_in(room, wish);
        let End::Refused(refusal) = &report.end else {
            panic!("not refused: {report:#?}");
        };
        assert_eq!(refusal.kind, kind, "{refusal}");
        for part in says {
            assert!(refusal.message.contains(part), "{part} is missing: {refusal}");
        }
        assert!(
            !refusal.message.ends_with('.') && !refusal.message.contains('\n'),
            "{refusal}"
        );
        assert_eq!(report.standing(), Standing::Refused);
        assert_eq!(self.homeserver.digest(), before);
        assert_eq!(self.homeserver.writes(), writes);
    }

    /// The run ends at the next such request: before the homeserver hears of it, or after it has done it.
    pub(crate) fn end_at(&self, op: &'static str, after: bool) {
        let matches = move |call: &Call<'_>| matches!(call, Call::Execute(_, sent) if word(sent) == op);
        if after {
            self.homeserver
                .lose_next_answer(matches, BackendErrorKind::Unavailable);
        } else {
            self.homeserver.fail_next(matches, BackendErrorKind::Unavailable);
        }
    }

    /// Asks for something that is ended in the middle, at this request, and then for the same again.
    #[track_caller]
    pub(crate) fn completes_after_ending_at(&self, wish: &Wish, op: &'static str, after: bool) -> WishReport {
        self.end_at(op, after);
        let first = self.ask(wish.clone());
        assert!(
            matches!(first.standing(), Standing::Failed | Standing::InPart),
            "{first:#?}"
        );
        self.ask(wish.clone())
    }
}

fn word(op: &Op) -> &'static str {
    match op {
        Op::Invite { .. } => "invite",
        Op::SetLevels { .. } => "levels",
        Op::Remove { .. } => "remove",
        Op::Leave => "leave",
        _ => "other",
    }
}

/// What was done, in order.
pub(crate) fn ops(report: &WishReport) -> Vec<&'static str> {
    let done = report.items.iter().filter(|item| item.outcome == Outcome::Done);
    done.map(|item| word(&item.action.op)).collect()
}
