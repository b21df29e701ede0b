//! One scenario from its seed: a beginning, rounds in which much goes wrong, and an end in which nothing does.

use std::{collections::BTreeSet, time::Duration};

use fastrand::Rng;
use inviter_core::{
    finding::{Finding, FindingKind},
    guard::{ReleaseCode, Trigger},
    recall::{MemoryChange, Pause},
    reconcile::RunOptions,
    report::{Outcome, Report, ReportItem},
    room::RoomRef,
};

use super::{
    generate::{STEADY, chance, one},
    lies::Certain,
    mishaps,
    names::{room_group, user},
    sabotage::Sabotage,
    site::look,
    tally::Tally,
    world::{Ran, World, managed},
};

/// What a scenario came to.
#[derive(Debug, Clone, Default)]
pub struct Played {
    /// What was counted.
    pub tally: Tally,
    /// What happened, line by line, if that was asked for.
    pub trace: Vec<String>,
}

/// A scenario under way.
pub(super) struct Scenario {
    pub(super) world: World,
    pub(super) rng: Rng,
    pub(super) certain: Option<Certain>,
}

/// Plays the scenario of a seed.
pub fn play(seed: u64, sabotage: Option<Sabotage>, told: bool) -> Played {
    let mut rng = Rng::with_seed(seed);
    let world = World::new(&mut rng, sabotage, told);
    let mut scenario = Scenario {
        world,
        rng,
        certain: None,
    };
    let not_converged = scenario.play();
    let mut site = look(&scenario.world.site);
    let mut tally = std::mem::take(&mut site.tally);
    tally.scenarios = 1;
    tally.mistakes = site.wrong.len() as u64;
    tally.not_converged = u64::from(!not_converged.is_empty());
    let first = site.wrong.first().or(not_converged.first());
    tally.failed.extend(first.map(|what| (seed, what.clone())));
    let mut trace = site.trace.take().unwrap_or_default();
    trace.extend(not_converged.iter().map(|what| format!("NOT CONVERGED: {what}")));
    Played { tally, trace }
}

impl Scenario {
    pub(super) fn tell(&self, line: impl FnOnce() -> String) {
        look(&self.world.site).tell(line);
    }

    fn play(&mut self) -> Vec<String> {
        if self.world.site_trace() {
            self.describe();
        }
        if chance(&mut self.rng, 25) {
            self.tell(|| "before the first good run".to_owned());
            self.harm();
            self.run(&RunOptions::by_person());
            self.heal();
        }
        self.calm();
        for _ in 0..6 {
            self.world.stir(&mut self.rng);
        }
        let rounds = self.rng.usize(1..=4);
        let doomed = self.rng.usize(..rounds);
        for round in 0..rounds {
            self.tell(|| format!("round {round}"));
            self.round(round == doomed);
            if !look(&self.world.site).wrong.is_empty() {
                return Vec::new();
            }
        }
        self.tell(|| "the end".to_owned());
        self.end()
    }

    /// Who must go from the unharmed room.
    fn doom(&mut self) {
        let mut site = look(&self.world.site);
        let gone = format!("s{}", STEADY - 1);
        let group = room_group("unharmed");
        for directories in [true, false] {
            let organisation = if directories {
                &mut site.real
            } else {
                &mut site.shown
            };
            if let Some(group) = organisation.sources[0].groups.get_mut(&group) {
                group.members.remove(&gone);
            }
        }
        site.tell(|| format!("  {gone} must go from the unharmed room"));
    }

    pub(super) fn is_doomed_in(&self) -> bool {
        let site = look(&self.world.site);
        let room = site
            .places
            .last()
            .and_then(|place| site.homeserver.alias(&place.alias));
        let members = room
            .map(|room| site.homeserver.members(&room))
            .unwrap_or_default();
        let gone = user(&format!("s{}", STEADY - 1));
        members
            .iter()
            .any(|member| member.user_id == gone && member.membership.is_in())
    }

    fn round(&mut self, doomed: bool) {
        let hours = self.rng.u64(..40);
        self.world.homeserver.advance(Duration::from_secs(hours * 3600));
        for _ in 0..self.rng.usize(..5) {
            self.change_directories();
        }
        for _ in 0..self.rng.usize(..6) {
            self.world.stir(&mut self.rng);
        }
        if chance(&mut self.rng, 8) {
            self.pause();
        }
        let lost = chance(&mut self.rng, 6);
        if lost {
            self.world.lose_memory();
            self.certain = None;
        }
        if doomed {
            self.doom();
        }
        let lying = chance(&mut self.rng, 30) && self.lie();
        let mut whole = self.harm();
        if chance(&mut self.rng, 25) {
            let calls = self.rng.u64(1..60);
            look(&self.world.site).kill_at = Some(calls);
            whole = true;
        }
        let mut options = RunOptions::by_person();
        if chance(&mut self.rng, 25) {
            options.trigger = Trigger::Cautious;
        }
        // What a person lets go while a directory lies is their own mistake.
        if !lying && chance(&mut self.rng, 15) {
            options.releases.extend(self.old_code());
        }
        let ran = self.run(&options);
        // Its directory and its room are unharmed, so nothing may keep the one who must go.
        if doomed && !whole && !lost && options.trigger == Trigger::Person && self.is_doomed_in() {
            let held = match &ran {
                Ran::Ended(report) => is_held(report),
                _ => true,
            };
            let unsure = look(&self.world.site).run.unsure;
            if !held && !unsure {
                look(&self.world.site)
                    .blame("nobody goes from the unharmed room, and nothing holds it".to_owned());
            }
        }
        if chance(&mut self.rng, 50) {
            self.run(&RunOptions::by_person());
        }
        self.heal();
        if lying {
            look(&self.world.site).tell(|| "  the directory shows itself as it is again".to_owned());
            let mut site = look(&self.world.site);
            site.shown = site.real.clone();
            // What the program has made of the lie is its own business.
            self.certain = None;
        }
        match self.rng.u8(..4) {
            0 => self.calm(),
            1 => self.release(),
            _ => {}
        }
    }

    /// A change of what really is. Groups that stood for rooms and are gone leave people behind who wait for a word.
    fn change_directories(&mut self) {
        let mut site = look(&self.world.site);
        let before = site.real.clone();
        let (places, people) = (site.places.clone(), self.world.people);
        let what = mishaps::change(&mut self.rng, &mut site.real, people, &places);
        site.shown = site.real.clone();
        site.tell(|| format!("  {what}"));
        if let Some(certain) = &self.certain {
            site.note_orphans(&before, &certain.fed);
        }
    }

    /// A person pauses a room by one of the names by which the program knows it; any other is refused.
    fn pause(&mut self) {
        let mut site = look(&self.world.site);
        let at = self.rng.usize(..site.places.len());
        if site.places[at].unharmed {
            return;
        }
        let memory = self.world.store.memory();
        let known = site.places[at].aliases();
        let known: Vec<_> = known
            .filter(|alias| memory.aliases.contains_key(*alias))
            .cloned()
            .collect();
        let Some(alias) = one(&mut self.rng, &known).cloned() else {
            return;
        };
        site.places[at].paused = true;
        site.tell(|| format!("  {alias} is paused"));
        let pause = Pause::Room(RoomRef::Alias(alias));
        let now = self.world.homeserver.now();
        drop(site);
        self.commit(MemoryChange::Paused(pause, Some(now)));
    }

    /// A person's word, which goes past the faults of the store.
    pub(super) fn commit(&self, change: MemoryChange) {
        let mut memory = self.world.store.memory();
        memory.apply(&[change]);
        self.world.store.set(memory);
    }

    /// Runs the program, and takes in how many accounts it was told of.
    pub(super) fn run(&mut self, options: &RunOptions) -> Ran {
        let ran = self.world.run(options);
        let site = look(&self.world.site);
        if let Some(certain) = &mut self.certain {
            for (at, told) in &site.run.told {
                if let (Some(least), false) = (certain.active.get_mut(*at), told.failed) {
                    *least = (*least).min(told.said.active());
                }
            }
        }
        drop(site);
        ran
    }

    /// A run in which nothing goes wrong. What is seen in it is certain.
    fn calm(&mut self) {
        self.heal();
        self.tell(|| "  calm".to_owned());
        let ran = self.run(&RunOptions::by_person());
        let Ran::Ended(report) = ran else { return };
        let tally = report.tally();
        let clean = self.world.store.memory().clean_run.is_some();
        if !clean || !report.errors.is_empty() || tally.failed + tally.parked > 0 {
            return;
        }
        let site = look(&self.world.site);
        let managed = managed(&site, &report);
        let mut certain = Certain {
            active: site
                .shown
                .sources
                .iter()
                .map(super::organisation::Source::active)
                .collect(),
            fed: BTreeSet::new(),
        };
        for (index, source) in site.shown.sources.iter().enumerate().skip(1) {
            for (name, group) in &source.groups {
                if let Some(place) = group.room.filter(|place| managed.contains(place)) {
                    certain.fed.insert((index, name.clone(), place));
                }
            }
        }
        self.certain = Some(certain);
    }

    /// A person looks at what is held, and lets all of it go, or a room's. Or they type an old code; or something has
    /// changed in the meantime.
    fn release(&mut self) {
        let ran = self.run(&RunOptions::by_person());
        let Ran::Ended(report) = ran else { return };
        let of_rooms = report.rooms.iter().filter_map(|room| room.release.clone());
        let of_rooms: Vec<ReleaseCode> = of_rooms.collect();
        let code = match self.rng.u8(..10) {
            0..6 => report.release.clone(),
            6..8 => one(&mut self.rng, &of_rooms).cloned(),
            _ => self.old_code(),
        };
        match self.rng.u8(..10) {
            0 | 1 => self.change_directories(),
            2 => self.world.stir(&mut self.rng),
            3 => drop(self.harm()),
            _ => {}
        }
        if let Some(code) = code {
            let mut options = RunOptions::by_person();
            options.releases.insert(code.clone());
            self.run(&options);
            self.heal();
            // The same people once more, and the same word.
            if chance(&mut self.rng, 20) {
                let people = look(&self.world.site).words.of(&code);
                self.world.bring_back(people);
                self.run(&options);
            }
        }
        self.heal();
    }

    /// A code that was shown at some time.
    fn old_code(&mut self) -> Option<ReleaseCode> {
        let shown = look(&self.world.site).words.shown();
        one(&mut self.rng, &shown).cloned()
    }
}

/// Whether a removal from the unharmed room is held or waits.
fn is_held(report: &Report) -> bool {
    let alias = RoomRef::Alias(super::names::alias("unharmed"));
    let mut rooms = report.rooms.iter().filter(|room| room.room == alias);
    let is_held = |item: &ReportItem| matches!(item.outcome, Outcome::Held { .. } | Outcome::Pending);
    // An alias of which it is not known where it leads may lead there as well.
    let is_in_doubt = |finding: &Finding| {
        finding.kind == FindingKind::RemovalsNotConsidered
            && finding.message.contains("may lead to this room")
    };
    rooms.any(|room| room.items.iter().any(is_held) || room.findings.iter().any(is_in_doubt))
}
