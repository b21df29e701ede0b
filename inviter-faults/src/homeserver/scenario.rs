//! One scenario: a start, a change in the directory, runs under faults, and runs after them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use fastrand::Rng;
use inviter::{RunOptions, Setup};
use inviter_testkit::Synapse;

use super::chance::{self, Met};
use super::directory::Kind;
use super::judge::Judge;
use super::organisation::Organisation;
use super::site::Site;

/// The people of a scenario. `p2` must go from the room `calm`; `olga` makes rooms by hand.
const PEOPLE: [&str; 10] = ["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9"];

/// What came of a scenario.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    pub(crate) runs: u64,
    pub(crate) not_begun: u64,
    pub(crate) met: BTreeMap<String, u64>,
    pub(crate) writes: u64,
    pub(crate) removals: u64,
    pub(crate) mistakes: Vec<String>,
    pub(crate) not_converged: Vec<String>,
}

/// What a seed makes of a scenario.
#[derive(Debug, Clone)]
struct Script {
    kind: Kind,
    /// Whether one process lives through all runs, as the bot does, or each run is a process of its own.
    lives_on: bool,
    /// Whether `busy` was made by hand, and adopted.
    by_hand: bool,
    before: Organisation,
    after: Organisation,
    capped: BTreeSet<(String, String)>,
    fault_runs: usize,
}

fn pick<'a>(rng: &mut Rng, from: &[&'a str], count: usize) -> Vec<&'a str> {
    let mut from = from.to_vec();
    rng.shuffle(&mut from);
    from.truncate(count);
    from
}

impl Script {
    fn new(rng: &mut Rng) -> Self {
        let kind = match rng.usize(..8) {
            0 => Kind::Slapd,
            1..=3 => Kind::Scripted,
            4..=6 => Kind::Graph,
            _ => Kind::File,
        };
        let mut before = Organisation::default();
        before.people.extend(PEOPLE.map(str::to_owned));
        before
            .group("calm", true, ["p0", "p1", "p2", "p3"])
            .owners
            .insert("p0".to_owned());
        let (count, owner_count) = (rng.usize(4..=8), rng.usize(..3));
        let busy = pick(rng, &PEOPLE, count);
        let owners = pick(rng, &busy, owner_count);
        let board_size = rng.usize(1..4);
        let board = pick(rng, &PEOPLE, board_size);
        before.group("board", false, board.iter().copied());
        let group = before.group("busy", true, busy.iter().copied());
        group.owners.extend(owners.iter().map(|name| (*name).to_owned()));
        if rng.bool() {
            group.groups.insert("board".to_owned());
        }
        let mut after = before.clone();
        let mut capped = BTreeSet::new();
        let leave = |organisation: &mut Organisation, group: &str, who: &str| {
            if let Some(group) = organisation.groups.get_mut(group) {
                group.members.remove(who);
                group.owners.remove(who);
            }
        };
        leave(&mut after, "calm", "p2");
        if rng.bool() {
            after.group("calm", true, ["p4"]);
        }
        // More than a limit lets go without a person's word, or as many as it lets.
        let going = if rng.u8(..6) == 0 { 5 } else { rng.usize(..3) };
        let staying = busy.iter().skip(1).copied().collect::<Vec<_>>();
        for who in pick(rng, &staying, going) {
            leave(&mut after, "busy", who);
        }
        let new_count = rng.usize(..3);
        let new = pick(rng, &PEOPLE, new_count);
        if going < 5 {
            after.group("busy", true, new);
            if rng.bool() {
                let owner = pick(rng, &busy, 1);
                let group = after.group("busy", true, owner.iter().copied());
                group.owners.extend(owner.iter().map(|name| (*name).to_owned()));
            }
            if rng.u8(..4) == 0 && kind != Kind::Slapd {
                after.disabled.insert("p9".to_owned());
            }
        }
        if rng.bool() {
            let size = rng.usize(1..4);
            let people = pick(rng, &PEOPLE, size);
            after.group("new", true, people);
        }
        for room in ["calm", "busy"] {
            let (then, now) = (before.wanted(room), after.wanted(room));
            let going: Vec<_> = then.keys().filter(|who| !now.contains_key(*who)).collect();
            if going.len() > 3 && going.len() * 4 > then.len() {
                capped.extend(going.into_iter().map(|who| (room.to_owned(), who.clone())));
            }
        }
        Self {
            kind,
            lives_on: rng.bool(),
            by_hand: rng.u8(..3) == 0,
            before,
            after,
            capped,
            fault_runs: rng.usize(2..4),
        }
    }
}

/// Runs the scenario of a seed.
pub(crate) async fn run(synapse: Arc<Synapse>, seed: u64) -> Result<Outcome> {
    let mut rng = Rng::with_seed(seed);
    let script = Script::new(&mut rng);
    let concurrency = if rng.bool() { "concurrency = 1" } else { "" };
    let site = Site::start(synapse, script.kind, &script.before, concurrency).await?;
    let olga = site.synapse.register(&site.names.localpart("olga")).await?;
    let strange = site.made_by_hand(&olga, None, &["p5"], false).await?;
    if script.by_hand {
        // Someone who belongs there: whoever is removed at the start counts for the limit later in the day.
        let wanted = script.before.wanted("busy");
        let first: Vec<&str> = wanted.keys().take(1).map(String::as_str).collect();
        site.made_by_hand(&olga, Some("busy"), &first, true).await?;
        let setup = site.connect().await?;
        setup.reconciler.adopt(&RunOptions::by_person()).await?;
        // Olga is in no group, and made it: whoever has 100 there is no business of the directory's.
    }
    site.fine(&RunOptions::by_person()).await?;
    site.join("calm", &["p1", "p2"]).await?;
    site.fine(&RunOptions::by_person()).await?;
    let mut judge = Judge::new(&site, script.before.clone(), vec![strange]).await?;
    anyhow::ensure!(
        judge.differences().is_empty(),
        "before any fault: {:?}",
        judge.differences()
    );
    site.proxy.clear();

    let mut outcome = Outcome::default();
    let met = Met::default();
    let mut living: Option<Setup> = None;
    if script.lives_on {
        // It has read the directory before it changes, so that Graph tells only what has changed.
        let setup = site.connect().await?;
        setup.reconciler.sync(&RunOptions::by_person()).await?;
        judge.after_a_run(&site, "the living one's first run").await?;
        living = Some(setup);
    }
    site.directory
        .publish(&site.names, &script.before, &script.after)
        .await?;
    judge.truth = script.after.clone();
    judge.capped.clone_from(&script.capped);
    for number in 1..=script.fault_runs {
        let which = rng.usize(..4);
        let broken = if which > 0 {
            Some(chance::on_directory(&site.directory, &site.names, &mut rng, &met).await)
        } else {
            None
        };
        if which < 3 {
            chance::on_homeserver(&site.proxy, &mut rng, &met);
        }
        outcome.runs += 1;
        if !one_run(&site, living.as_ref()).await {
            outcome.not_begun += 1;
        }
        site.proxy.settled().await;
        site.proxy.heal();
        if let Some(broken) = broken {
            broken.heal(&site.directory, &met).await?;
        }
        judge
            .after_a_run(&site, &format!("run {number} under faults"))
            .await?;
    }

    let after = after_faults(&site, &mut judge, living, &mut outcome).await;
    if let Err(error) = after {
        outcome.not_converged.push(format!("{error:#}"));
    }
    outcome.met = met.counts();
    outcome.writes = judge.writes;
    outcome.removals = judge.removals;
    outcome.mistakes = judge.mistakes;
    Ok(outcome)
}

/// Whether a run could begin.
async fn one_run(site: &Site, living: Option<&Setup>) -> bool {
    let options = RunOptions::by_person();
    if let Some(setup) = living {
        setup.reconciler.sync(&options).await.is_ok()
    } else if let Ok(setup) = site.connect().await {
        setup.reconciler.sync(&options).await.is_ok()
    } else {
        false
    }
}

/// The faults are over: one run makes everything right, but for what waits for a person's word; and then nothing is
/// written any more.
async fn after_faults(
    site: &Site,
    judge: &mut Judge,
    living: Option<Setup>,
    outcome: &mut Outcome,
) -> Result<()> {
    let setup = match living {
        Some(setup) => setup,
        None => site.connect().await?,
    };
    let mut options = RunOptions::by_person();
    outcome.runs += 1;
    let report = setup.reconciler.sync(&options).await?;
    judge.after_a_run(site, "the run after the faults").await?;
    let differences = judge.differences();
    if !differences.is_empty() {
        outcome
            .not_converged
            .push(format!("{differences:?}; {:?}", told(&report)));
    }
    if !judge.has_gone("calm", "p2")? {
        outcome
            .not_converged
            .push("who had to go is still there".to_owned());
    }
    if !judge.capped.is_empty() {
        let held = judge
            .capped
            .iter()
            .filter(|(room, who)| !judge.has_gone(room, who).unwrap_or(true));
        anyhow::ensure!(
            held.count() == judge.capped.len(),
            "some of those above the limit have gone"
        );
        let release = report
            .release
            .clone()
            .context("nothing is held, though more go than the limit allows")?;
        options.releases.insert(release);
        judge.capped.clear();
        outcome.runs += 1;
        setup.reconciler.sync(&options).await?;
        judge.after_a_run(site, "the released run").await?;
        let differences = judge.differences();
        if !differences.is_empty() {
            outcome
                .not_converged
                .push(format!("after the release: {differences:?}"));
        }
    }
    outcome.runs += 1;
    setup.reconciler.sync(&RunOptions::by_person()).await?;
    let writes = site.proxy.writes();
    if !writes.is_empty() {
        let lines: Vec<String> = writes.iter().map(ToString::to_string).collect();
        outcome
            .not_converged
            .push(format!("the quiet run writes: {lines:?}"));
    }
    judge.after_a_run(site, "the quiet run").await
}

/// Everything that a report says besides what was done.
fn told(report: &inviter::Report) -> Vec<String> {
    let findings = report.findings.iter().map(ToString::to_string);
    let rooms = report.rooms.iter().flat_map(|room| {
        let items = room
            .items
            .iter()
            .map(|item| format!("{:?}: {:?}", item.action.op, item.outcome));
        room.findings.iter().map(ToString::to_string).chain(items)
    });
    findings
        .chain(rooms)
        .chain(report.errors.iter().cloned())
        .collect()
}
