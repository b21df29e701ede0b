//! One scenario's world: the homeserver with its rooms, the program, and how the program is run, dropped and asked again.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use fastrand::Rng;
use inviter_core::{
    OwnedUserId,
    decode::{MtrxDecoder, XxxDecoder},
    directory::ProviderId,
    memory::{InMemoryHomeserver, InMemoryStore, NewRoom, UserOp},
    mint::{GuestRule, Minting},
    patterns::Patterns,
    plan::RoomStatus,
    policy::{Policy, SourcePolicy},
    reconcile::{Reconciler, RunOptions},
    report::Report,
    room::RoomRef,
    room_rules::{FixedMember, RoomSpec},
};
use serde_json::{Map, json};

use super::{
    decorators::{Reading, Watch},
    generate::{self, SOURCES, STEADY, chance, everyone, one},
    judge::population,
    kept::Kept,
    names::{is_ours, server, user},
    orphans::Fed,
    sabotage::{self, Sabotage},
    site::{HomeserverClock, Maker, Place, Run, Shared, Site, look},
    tally::Tally,
    words::Words,
};

/// What came of a run.
#[derive(Debug)]
pub(super) enum Ran {
    /// It came to its end.
    Ended(Box<Report>),
    /// It could not begin.
    NotBegun,
    /// The process was dropped.
    Killed,
}

/// A scenario's world.
pub(super) struct World {
    pub(super) site: Shared,
    pub(super) homeserver: InMemoryHomeserver,
    pub(super) store: InMemoryStore,
    pub(super) reconciler: Reconciler,
    pub(super) bot: OwnedUserId,
    pub(super) people: usize,
    sabotage: Option<Sabotage>,
}

impl World {
    /// A random world.
    pub(super) fn new(rng: &mut Rng, sabotage: Option<Sabotage>, told: bool) -> Self {
        let homeserver = InMemoryHomeserver::new(server());
        let version = one(rng, &["6", "10", "11", "12"]).copied().unwrap_or("12");
        if let Ok(version) = version.try_into() {
            homeserver.set_default_version(version);
        }
        let people = rng.usize(4..=16);
        let mut logins: Vec<String> = everyone(people)
            .iter()
            .filter(|user| is_ours(user))
            .map(|user| user.localpart().to_owned())
            .collect();
        logins.extend(["bot", "lead", "squatter"].map(str::to_owned));
        logins.extend((0..STEADY).map(|number| format!("s{number}")));
        for login in &logins {
            // One in another case may not be registered; it does without.
            drop(homeserver.register(login));
        }
        let bot = user("bot");
        homeserver.set_admin(&bot, chance(rng, 50));
        let places = generate::places(rng);
        let real = generate::organisation(rng, people, &places);
        let limits = generate::limits(rng);
        let vanished_is_empty = chance(rng, 10);
        let site = Site {
            homeserver: homeserver.clone(),
            bot: bot.clone(),
            shown: real.clone(),
            real,
            places,
            rooms: BTreeMap::new(),
            closed: BTreeMap::new(),
            leads: BTreeMap::new(),
            was_lost: false,
            decoy: None,
            limits,
            vanished_is_empty,
            faults: Vec::new(),
            misreadings: BTreeMap::new(),
            unread: BTreeMap::new(),
            kill_at: None,
            calls: 0,
            killed: false,
            run: Run::default(),
            removed: Vec::new(),
            known: BTreeSet::new(),
            fed_ever: BTreeSet::new(),
            orphans: BTreeMap::new(),
            absent: BTreeMap::new(),
            brought: BTreeSet::new(),
            words: Words::default(),
            tally: Tally::default(),
            trace: told.then(Vec::new),
            wrong: Vec::new(),
        };
        let site = Arc::new(Mutex::new(site));
        let store = InMemoryStore::default();
        let mut reconciler = Reconciler {
            providers: Vec::new(),
            backend: Arc::new(Watch {
                site: Arc::clone(&site),
                inner: Arc::new(homeserver.backend(bot.clone())),
            }),
            store: Arc::new(Kept {
                site: Arc::clone(&site),
                inner: store.clone(),
                forgets_feeds: sabotage == Some(Sabotage::ForgetsFeeds),
                forgets_words: sabotage == Some(Sabotage::ForgetsWords),
                hides_loss: sabotage == Some(Sabotage::HidesLoss),
            }),
            policy: policy(&look(&site)),
            limits,
            clock: Arc::new(HomeserverClock(homeserver.clone())),
            rooms_at_once: rng.usize(1..=3),
            people_at_once: rng.usize(1..=3),
        };
        for (index, id) in SOURCES.iter().enumerate().take(look(&site).real.sources.len()) {
            reconciler.providers.push(Arc::new(Reading {
                site: Arc::clone(&site),
                index,
                id,
                boasts: sabotage == Some(Sabotage::HalfIsWhole),
            }));
        }
        if let Some(sabotage) = sabotage {
            sabotage.breaks(&mut reconciler, &site);
        }
        let world = Self {
            site,
            homeserver,
            store,
            reconciler,
            bot,
            people,
            sabotage,
        };
        world.furnish();
        world
    }

    /// Makes the rooms of others, and lets the bot in.
    fn furnish(&self) {
        let places = look(&self.site).places.clone();
        for (at, place) in places.iter().enumerate() {
            if place.maker == Maker::Bot {
                continue;
            }
            if let Some(room) = self.make(place, Some(&place.name)) {
                let mut site = look(&self.site);
                if let Some((_, other)) = &place.other {
                    self.homeserver
                        .force_alias(other.clone(), room.clone(), user("lead"));
                }
                site.rooms.insert(room.clone(), at);
                site.leads.insert(at, room);
            }
        }
        let decoy = Place {
            maker: Maker::Squatter,
            version: "11",
            ..places[0].clone()
        };
        look(&self.site).decoy = self.make(&decoy, None);
    }

    fn make(&self, place: &Place, alias: Option<&str>) -> Option<inviter_core::OwnedRoomId> {
        let maker = user(if place.maker == Maker::Lead {
            "lead"
        } else {
            "squatter"
        });
        let mut users = json!({ self.bot.as_str(): 100 });
        if place.version != "12" {
            users[maker.as_str()] = json!(100);
        }
        let mut levels = Map::new();
        levels.insert("users".to_owned(), users);
        let new = NewRoom {
            version: place.version.try_into().ok(),
            alias: alias.map(str::to_owned),
            levels: Some(levels),
            ..NewRoom::default()
        };
        let made = self.homeserver.act(&maker, &UserOp::CreateRoom(Box::new(new)));
        let room = made.ok()?.created()?;
        let invite = UserOp::Invite {
            room: room.clone(),
            user: self.bot.clone(),
            reason: None,
        };
        self.homeserver.act(&maker, &invite).ok()?;
        self.homeserver
            .act(&self.bot, &UserOp::Join { room: room.clone() })
            .ok()?;
        Some(room)
    }

    /// Runs the program once over everything.
    pub(super) fn run(&self, options: &RunOptions) -> Ran {
        self.homeserver.advance(Duration::from_secs(60));
        {
            let mut site = look(&self.site);
            let of = |room: &inviter_core::OwnedRoomId| {
                let snapshot = self.homeserver.snapshot(room);
                snapshot.map_or(0, |snapshot| population(&snapshot, &self.bot))
            };
            let open = site.rooms.keys().filter(|room| !site.closed.contains_key(*room));
            let population = open.map(|room| (room.clone(), of(room))).collect();
            site.run = Run {
                unsure: self.store.memory().clean_run.is_none(),
                removed_before: site.removed.len(),
                population,
                told: BTreeMap::new(),
            };
            let groups = site.shown.sources.iter().enumerate();
            let fed: Vec<(usize, usize)> = groups
                .flat_map(|(at, source)| {
                    source
                        .groups
                        .values()
                        .filter_map(move |group| Some((at, group.room?)))
                })
                .collect();
            site.fed_ever.extend(fed);
            site.words.begin(&options.releases);
            site.begin_graces();
            site.calls = 0;
            site.killed = false;
            site.tally.runs += 1;
            site.tell(|| format!("  run {:?}, releases {:?}", options.trigger, options.releases));
        }
        let faults = look(&self.site).tally.faults();
        let settled = look(&self.site).settled_orphans();
        let ran = match drive(&self.site, self.program(options).sync(options)) {
            Some(Ok(report)) => Ran::Ended(Box::new(report)),
            Some(Err(error)) => {
                look(&self.site).tell(|| format!("    could not begin: {error}"));
                Ran::NotBegun
            }
            None => Ran::Killed,
        };
        let mut site = look(&self.site);
        site.kill_at = None;
        site.killed = false;
        site.forget_gone();
        match &ran {
            Ran::Ended(report) => {
                site.words.learn(report);
                // Whoever is let go in a run is gone once it is over.
                let settled = settled
                    .union(&site.settled_orphans())
                    .cloned()
                    .collect::<BTreeSet<_>>();
                let managed = managed(&site, report);
                let known = |(_, _, place): &Fed| managed.contains(place);
                site.forget_orphans(&settled.into_iter().filter(known).collect());
            }
            Ran::Killed => site.forget_orphans(&settled),
            Ran::NotBegun => {}
        }
        if let Ran::Ended(report) = &ran {
            if report.errors.is_empty() {
                let managed = managed(&site, report);
                site.learn(&managed);
                if site.tally.faults() == faults {
                    site.end_graces(&managed);
                }
            }
            site.tell(|| format!("    {:?}, errors {:?}", report.tally(), report.errors));
            if site.trace.is_some() {
                let findings = report.rooms.iter().flat_map(|room| &room.findings);
                let findings: Vec<String> = findings.map(|finding| format!("    - {finding}")).collect();
                site.trace
                    .iter_mut()
                    .for_each(|trace| trace.extend(findings.clone()));
            }
        }
        ran
    }

    /// Puts rooms under management.
    pub(super) fn adopt(&self, options: &RunOptions) {
        let adopted = drive(&self.site, self.program(options).adopt(options));
        look(&self.site).tell(|| format!("    {adopted:?}"));
    }

    /// The program, which may be broken so that any word opens everything.
    fn program(&self, options: &RunOptions) -> Reconciler {
        let mut reconciler = self.reconciler.clone();
        if self.sabotage == Some(Sabotage::AnyWordOpens) && !options.releases.is_empty() {
            reconciler.limits = sabotage::no_limits();
        }
        reconciler
    }

    /// Loses what is remembered, and what people have paused with it.
    pub(super) fn lose_memory(&self) {
        self.store.lose("lost by the simulation");
        let mut site = look(&self.site);
        site.tally.fault("memory lost");
        site.was_lost = true;
        site.tell(|| "  the memory is lost".to_owned());
        site.orphans.clear();
        site.words.end_all();
        site.known.clear();
        // The limits over time are about what is remembered.
        site.removed.clear();
        for place in &mut site.places {
            place.paused = false;
        }
    }
}

/// The places whose rooms a run has managed.
pub(super) fn managed(site: &Site, report: &Report) -> BTreeSet<usize> {
    let is_managed = |place: &Place| {
        let aliases: Vec<RoomRef> = place.aliases().cloned().map(RoomRef::Alias).collect();
        let mut rooms = report.rooms.iter();
        rooms.any(|room| aliases.contains(&room.room) && room.status == RoomStatus::Managed)
    };
    let places = site.places.iter().enumerate();
    places
        .filter(|(_, place)| is_managed(place))
        .map(|(at, _)| at)
        .collect()
}

/// Polls a run to its end, or until the process is gone.
fn drive<T>(site: &Shared, run: impl Future<Output = T>) -> Option<T> {
    let mut run = pin!(run);
    let mut context = Context::from_waker(Waker::noop());
    // Everything here answers at once. Whoever still waits after so many tries would wait for ever.
    for _ in 0..100_000 {
        if let Poll::Ready(done) = run.as_mut().poll(&mut context) {
            return Some(done);
        }
        if look(site).killed {
            return None;
        }
    }
    look(site).blame("a run has come to no end".to_owned());
    None
}

fn policy(site: &Site) -> Policy {
    let mut policy = Policy::new(server());
    for id in &SOURCES[..site.real.sources.len()] {
        policy.sources.push(SourcePolicy {
            provider: ProviderId::new(*id),
            decoders: vec![Arc::new(XxxDecoder::default()), Arc::new(MtrxDecoder::default())],
            minting: Minting {
                server: server(),
                attribute: "uid".to_owned(),
                before_at: false,
                guests: GuestRule::Skip,
                renames: BTreeMap::new(),
            },
        });
    }
    policy.danger_vanished_groups_are_empty = site.vanished_is_empty;
    policy.exempt = Patterns::new(["@_bridge_*".to_owned()]).unwrap_or_default();
    policy.adopt.trusted_creators.insert(user("lead"));
    policy.trusted_inviters.insert(user("lead"));
    for place in site.places.iter().filter(|place| place.explicit) {
        let fixed = place.fixed.iter().map(|(user_id, level)| FixedMember {
            user_id: user_id.clone(),
            level: *level,
        });
        policy.rooms.push(RoomSpec {
            room: RoomRef::Alias(place.alias.clone()),
            groups: Vec::new(),
            members: fixed.collect(),
            rules: place.rules.clone(),
        });
    }
    policy
}

impl World {
    /// Whether somebody listens.
    pub(super) fn site_trace(&self) -> bool {
        look(&self.site).trace.is_some()
    }
}
