//! The end of a scenario: nothing goes wrong any more, and few runs have to reach what the directories want.

use std::{sync::Arc, time::Duration};

use inviter_core::{
    recall::{MemoryChange, Pause},
    reconcile::RunOptions,
    room::RoomRef,
};

use super::{
    generate::chance,
    scenario::Scenario,
    site::{Maker, Place, Unread, look},
    world::Ran,
};

/// A day and an hour: refusals are forgotten, aliases asked again, and nobody's removal counts any more.
const A_DAY: Duration = Duration::from_secs(25 * 60 * 60);

/// Longer than anybody may stay whom nothing wants any more.
const ALL_GRACE: Duration = Duration::from_secs(4 * 24 * 60 * 60);

impl Scenario {
    /// Faults have ended. One run reaches what the directories want: the first, if a clean run is remembered and the
    /// guard holds nothing; otherwise that which follows the first clean one, or in which a person has let go what is
    /// held. The run after it writes nothing.
    pub(super) fn end(&mut self) -> Vec<String> {
        self.heal();
        self.world.homeserver.advance(A_DAY);
        self.put_right();
        let has_grace = |place: &Place| !place.rules.grace.is_zero();
        if look(&self.world.site).places.iter().any(has_grace) {
            self.tell(|| "  the last who are not wanted have their time".to_owned());
            self.run(&RunOptions::by_person());
            self.world.homeserver.advance(ALL_GRACE);
        }
        // The bot enters one room of a chain of them in each run.
        let entries = look(&self.world.site).entries();
        for _ in 0..entries {
            self.tell(|| "  time to enter rooms".to_owned());
            self.run(&RunOptions::by_person());
        }
        let is_clean = self.world.store.memory().clean_run.is_some();
        if is_clean && chance(&mut self.rng, 15) {
            let shared = Arc::clone(&self.world.site);
            self.hide_room(&mut look(&shared));
        }
        let mut options = RunOptions::by_person();
        // One that tries to enter a room where the bot is not let in, the first clean one, and one with a person's word.
        let mut released = false;
        for attempt in 0..4 {
            let unsure = self.world.store.memory().clean_run.is_none();
            let ran = self.run(&options);
            let Ran::Ended(report) = ran else {
                return vec!["a run without faults does not end".to_owned()];
            };
            options = RunOptions::by_person();
            let held = report.tally().held > 0;
            if unsure && held {
                self.tell(|| "  no run was clean before this one".to_owned());
            } else if held && released {
                return vec!["what a person lets go is held again".to_owned()];
            } else if held {
                released = true;
                // The code of all rooms knows nothing of those that were entered on the way.
                let of_rooms = report.rooms.iter().filter_map(|room| room.release.clone());
                options.releases = report.release.clone().into_iter().chain(of_rooms).collect();
            } else {
                break;
            }
            if attempt == 3 {
                return vec!["no run is clean".to_owned()];
            }
        }
        let site = look(&self.world.site);
        let mut differences = site.differences();
        drop(site);
        if self.is_doomed_in() {
            differences.push("nobody has gone from the unharmed room".to_owned());
        }
        let before = self.world.homeserver.writes();
        let ran = self.world.run(&RunOptions::by_person());
        if !matches!(ran, Ran::Ended(_)) {
            differences.push("a run without faults does not end".to_owned());
        }
        let writes = self.world.homeserver.writes() - before;
        // Who is not to be seen in a room is asked into it again by each run, which comes to nothing.
        let unseen = look(&self.world.site)
            .unread
            .values()
            .any(|how| *how == Unread::Partly);
        if writes > 0 && !unseen {
            differences.push(format!("the run after the last sends {writes} writing requests"));
        }
        differences
    }

    /// Pauses end, and rooms that others have taken from the bot are left to them.
    fn put_right(&self) {
        let mut site = look(&self.world.site);
        for place in &mut site.places {
            place.paused = false;
        }
        for (at, room) in site.leads.clone() {
            let alias = site.places[at].alias.clone();
            if site.places[at].maker == Maker::Bot && site.homeserver.alias(&alias).is_none() {
                site.homeserver.force_alias(alias, room, site.bot.clone());
            }
        }
        drop(site);
        let paused: Vec<Pause> = self.world.store.memory().paused.keys().cloned().collect();
        for pause in paused {
            self.commit(MemoryChange::Paused(pause, None));
        }
        self.move_along();
    }

    /// With the memory lost, nobody but a person knows where a closed room has led, if one of its names has stayed
    /// behind: it is moved along, and adopted as the program asks for.
    fn move_along(&self) {
        let site = look(&self.world.site);
        if !site.was_lost {
            return;
        }
        let others = site.leads.iter().filter_map(|(at, room)| {
            let (_, other) = site.places[*at].other.as_ref()?;
            (site.homeserver.alias(other).as_ref() != Some(room)).then(|| (other.clone(), room.clone()))
        });
        let others: Vec<_> = others.collect();
        for (alias, room) in &others {
            site.homeserver
                .force_alias(alias.clone(), room.clone(), site.bot.clone());
        }
        drop(site);
        for (alias, room) in others {
            self.tell(|| format!("  {alias} is moved along, and adopted with {room}"));
            let mut options = RunOptions::by_person();
            options.rooms = [RoomRef::Alias(alias), RoomRef::Id(room)].into();
            self.world.adopt(&options);
        }
    }
}
