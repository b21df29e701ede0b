//! What has to hold whatever happens.

use std::{collections::BTreeSet, time::Duration};

use inviter_core::{
    OwnedRoomId, OwnedUserId,
    directory::Extent,
    guard::{Limits, Verdict},
    memory::Preset,
    provider::ProviderErrorKind,
    report::Outcome,
    room::Membership,
};
use proptest::{collection, prelude::*};

use crate::{
    model::{Corp, PEOPLE, ROOMS, Step, World, alias, room_group, user},
    upgrades::{close, successor},
};

const VERSIONS: [&str; 4] = ["6", "10", "11", "12"];

fn version() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&VERSIONS[..])
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    collection::vec(Step::strategy(), 0..25)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Two runs reach what the directory says, whatever people did in between; a third sends nothing.
    #[test]
    fn runs_reach_the_truth_and_then_rest(
        version in version(), first in Corp::strategy(), steps in steps(), second in Corp::strategy(),
    ) {
        let world = World::new(version);
        first.write(&world.directory);
        world.sync();
        world.assert_as_wanted(&first)?;
        for step in &steps {
            world.step(step);
        }
        second.write(&world.directory);
        world.sync_and_release();
        world.sync_and_release();
        world.assert_as_wanted(&second)?;
        let (writes, digest) = (world.homeserver.writes(), world.homeserver.digest());
        let rest = world.sync();
        prop_assert_eq!(rest.tally().changes(), 0);
        prop_assert!(world.plan().plan.is_empty());
        prop_assert_eq!((world.homeserver.writes(), world.homeserver.digest()), (writes, digest));
    }

    /// People who are put in end where invited people do, and only those are left with an invitation who had left.
    #[test]
    fn people_who_are_put_in_have_joined(
        version in version(), first in Corp::strategy(), steps in steps(), second in Corp::strategy(),
    ) {
        let world = World::new(version).putting_in();
        first.write(&world.directory);
        world.sync();
        for step in &steps {
            world.step(step);
        }
        let left: BTreeSet<(OwnedRoomId, OwnedUserId)> = world.homeserver.rooms().into_iter().flat_map(|room| {
            let members = world.homeserver.members(&room).into_iter();
            let left = members.filter(|m| m.membership == Membership::Left && m.sender == m.user_id);
            left.map(move |m| (room.clone(), m.user_id)).collect::<Vec<_>>()
        }).collect();
        second.write(&world.directory);
        world.sync_and_release();
        world.sync_and_release();
        world.assert_as_wanted(&second)?;
        for (place, membership) in world.memberships() {
            let asked = membership == Membership::Invited;
            prop_assert_eq!(asked, membership.is_in() && left.contains(&place), "{:?}", place);
        }
        let writes = world.homeserver.writes();
        prop_assert_eq!(world.sync().tally().changes(), 0);
        prop_assert_eq!(world.homeserver.writes(), writes);
    }

    /// Admins that people make go and fall like everybody else where the directory rules over them and the bot is above
    /// them, and are left alone otherwise; the bot keeps its power, and people of other servers what they have.
    #[test]
    fn admins_are_ruled_only_where_that_is_wanted_and_possible(
        version in version(), first in Corp::strategy(), steps in steps(), second in Corp::strategy(),
        admins in collection::vec((0..PEOPLE, 0..ROOMS), 1..6), rules in any::<bool>(),
    ) {
        let mut world = World::new(version);
        world.reconciler.policy.danger_manage_admins = rules;
        first.write(&world.directory);
        world.sync();
        for step in &steps {
            world.step(step);
        }
        for (person, room) in &admins {
            world.step(&Step::Bring(*person, *room));
            world.step(&Step::Raise(*person, *room, 100));
        }
        let before = world.untouchable();
        second.write(&world.directory);
        world.sync_and_release();
        world.sync_and_release();
        prop_assert_eq!(before, world.untouchable());
        if rules && version == "12" {
            world.assert_as_wanted(&second)?;
        } else {
            for (person, room) in admins {
                let levels = world.homeserver.levels(&world.room(room).unwrap()).unwrap();
                prop_assert_eq!(levels["users"][user(person).as_str()].as_i64(), Some(100));
                prop_assert!(world.people_in(room).contains(&person));
            }
        }
        prop_assert_eq!(world.sync().tally().changes(), 0);
    }

    /// Rooms that are upgraded now and then are filled again and nobody is lost from them, whether their aliases move
    /// along or not; and an alias that is moved without an upgrade costs nobody a place.
    #[test]
    fn upgrades_are_followed_and_strange_moves_cost_nobody_a_place(
        version in version(), first in Corp::strategy(), second in Corp::strategy(),
        upgrades in collection::vec((0..ROOMS, any::<bool>(), any::<bool>()), 0..6),
        strange in prop::option::of((0..ROOMS, 0..ROOMS)),
    ) {
        let world = World::new(version);
        first.write(&world.directory);
        world.sync();
        for (room, moves, syncs) in upgrades {
            let old = world.current(room);
            let new = successor(&world, &world.bot, &old, "12", Preset::PrivateChat);
            close(&world, &world.bot, &old, &new);
            if moves {
                world.homeserver.force_alias(alias(room), new, world.bot.clone());
            }
            if syncs {
                world.sync();
            }
        }
        world.sync();
        // The model looks where the alias leads.
        for room in 0..ROOMS {
            let current = world.current(room);
            world.homeserver.force_alias(alias(room), current, world.bot.clone());
        }
        world.assert_as_wanted(&first)?;
        if let Some((from, to)) = strange.filter(|(from, to)| from != to) {
            let (home, other) = (world.current(from), world.current(to));
            world.homeserver.force_alias(alias(from), other, world.bot.clone());
            second.write(&world.directory);
            let before = world.memberships();
            let lost = |room: &OwnedRoomId| {
                let now = world.memberships();
                let gone = before.iter().filter(|((r, _), m)| r == room && m.is_in());
                gone.filter(|(place, _)| !now.get(*place).is_some_and(|m| m.is_in())).count()
            };
            world.homeserver.advance(Duration::from_secs(25 * 60 * 60));
            world.sync_and_release();
            prop_assert_eq!((lost(&home), lost(&world.current(to))), (0, 0));
            world.homeserver.force_alias(alias(from), home, world.bot.clone());
        }
        second.write(&world.directory);
        world.sync_and_release();
        world.sync_and_release();
        world.assert_as_wanted(&second)?;
        let (writes, digest) = (world.homeserver.writes(), world.homeserver.digest());
        prop_assert_eq!(world.sync().tally().changes(), 0);
        prop_assert_eq!((world.homeserver.writes(), world.homeserver.digest()), (writes, digest));
    }

    /// A plan writes nothing and remembers nothing, and the sync after it does what the plan said.
    #[test]
    fn a_plan_only_reads_and_a_sync_does_what_it_said(
        version in version(), first in Corp::strategy(), steps in steps(), second in Corp::strategy(),
    ) {
        let world = World::new(version);
        first.write(&world.directory);
        world.sync();
        for step in &steps {
            world.step(step);
        }
        second.write(&world.directory);
        let before = (world.homeserver.writes(), world.homeserver.digest(), world.store.memory());
        let planned = world.plan().report();
        prop_assert_eq!(&planned, &world.plan().report());
        prop_assert_eq!(before, (world.homeserver.writes(), world.homeserver.digest(), world.store.memory()));
        let done = world.sync();
        prop_assert_eq!(planned.rooms.len(), done.rooms.len());
        for (planned, done) in planned.rooms.iter().zip(&done.rooms) {
            let words = |items: &[inviter_core::report::ReportItem]| {
                items.iter().map(|i| format!("{:?}", i.action)).collect::<Vec<_>>()
            };
            prop_assert_eq!(words(&planned.items), words(&done.items));
            for (planned, done) in planned.items.iter().zip(&done.items) {
                match &planned.outcome {
                    Outcome::Planned => prop_assert_eq!(&done.outcome, &Outcome::Done),
                    held => prop_assert_eq!(&done.outcome, held),
                }
            }
        }
    }

    /// The bot's own membership and power, and everything of people of other servers, stays as it was.
    #[test]
    fn scope_is_never_crossed_and_the_bot_never_touched(
        version in version(), first in Corp::strategy(), steps in steps(), second in Corp::strategy(),
    ) {
        let world = World::new(version);
        first.write(&world.directory);
        world.sync();
        for step in &steps {
            world.step(step);
        }
        let before = world.untouchable();
        second.write(&world.directory);
        world.sync_and_release();
        prop_assert_eq!(before, world.untouchable());
    }

    /// A group or directory that is not wholly known removes nobody and lowers nobody.
    #[test]
    fn nothing_is_taken_away_on_the_unknown(
        version in version(), first in Corp::strategy(), second in Corp::strategy(), steps in steps(),
        what in 0..4, group in 0..ROOMS,
    ) {
        let world = World::new(version);
        first.write(&world.directory);
        world.sync();
        for step in &steps {
            world.step(step);
        }
        second.write(&world.directory);
        let mut concerned: BTreeSet<usize> = (0..ROOMS).collect();
        match what {
            0 => world.directory.fail(ProviderErrorKind::Unavailable, "down"),
            1 => world.directory.clear(),
            2 => {
                // The listing stops before this group.
                world.directory.set_listing(Extent::gap("page 2", "lost"));
                world.directory.remove_group(&room_group(group));
                concerned = [group].into();
            }
            _ => {
                world.directory.edit_group(&room_group(group), |g| g.members_gap("size limit"));
                concerned = [group].into();
            }
        }
        let before = world.memberships();
        let levels = |room: usize| world.room(room).and_then(|id| world.homeserver.levels(&id));
        let levels_before: Vec<_> = (0..ROOMS).map(levels).collect();
        // Nor by asking again.
        for _ in 0..3 {
            world.sync_and_release();
        }
        for room in concerned {
            let Some(id) = world.room(room) else { continue };
            for member in world.homeserver.members(&id) {
                let was_in = before.get(&(id.clone(), member.user_id.clone())).is_some_and(|m| m.is_in());
                prop_assert!(!was_in || member.membership.is_in(), "{} went from room {}", member.user_id, room);
                if member.membership.is_in() && was_in {
                    let level = |levels: &Option<serde_json::Value>| {
                        levels.as_ref().and_then(|l| l["users"].get(member.user_id.as_str()).cloned()).and_then(|l| l.as_i64()).unwrap_or(0)
                    };
                    prop_assert!(level(&levels(room)) >= level(&levels_before[room]), "{} was lowered", member.user_id);
                }
            }
        }
    }

    /// In one room all removals are held or none, and what is held does not happen.
    #[test]
    fn held_means_all(
        version in version(), first in Corp::strategy(), second in Corp::strategy(),
        room_count in 0u32..3, total_count in 0u32..4, room_percent in 0u8..60, total_percent in 0u8..60,
    ) {
        let mut world = World::new(version);
        world.reconciler.limits = Limits {
            room_count, room_percent, total_count, total_percent,
            directory_count: 1000, shrink_count: 1000, ..Limits::default()
        };
        let never = |count: u32, percent: u8| count == 0 || percent == 0;
        first.write(&world.directory);
        world.sync();
        second.write(&world.directory);
        let plan = world.plan().plan;
        for room in plan.rooms() {
            let removals = || room.actions().iter().filter(|a| a.action.phase() == 5);
            let held = removals().filter(|a| matches!(a.verdict, Verdict::Held { .. })).count();
            let all = removals().count();
            prop_assert!(held == 0 || held == all, "{} of {}", held, all);
            let too_many = never(room_count, room_percent) && all > 0 || all > room_count as usize
                && all * 100 > usize::from(room_percent) * room.plan().census.population as usize;
            prop_assert!(!too_many || held == all, "the limit of the room was passed");
        }
        let removed = |r: &inviter_core::report::Report| r.tally().removed as usize;
        let allowed = plan.rooms().iter().flat_map(inviter_core::guard::GuardedRoom::actions)
            .filter(|a| a.action.phase() == 5 && a.verdict == Verdict::Allowed).count();
        let population: usize = plan.rooms().iter().map(|r| r.plan().census.population as usize).sum();
        prop_assert!(allowed == 0 || !never(total_count, total_percent));
        prop_assert!(allowed <= total_count as usize || allowed * 100 <= usize::from(total_percent) * population);
        prop_assert_eq!(removed(&world.sync()), allowed);
    }

    /// A run that is cut off after any number of its writes is completed by the next one.
    #[test]
    fn a_run_that_was_cut_off_is_completed(
        version in version(), corp in Corp::strategy(), writes in 0u64..12, after in any::<bool>(),
    ) {
        let world = World::new(version);
        corp.write(&world.directory);
        crate::faults::cut_after(&world.homeserver, writes, after);
        world.sync();
        world.homeserver.heal();
        world.sync_and_release();
        world.assert_as_wanted(&corp)?;
        prop_assert_eq!(world.homeserver.rooms().len(), ROOMS, "no orphan rooms");
        prop_assert_eq!(world.sync().tally().changes(), 0);
    }
}
