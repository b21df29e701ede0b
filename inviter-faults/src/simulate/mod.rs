//! Seeded scenarios in memory: a random organisation, random rooms, and random faults at both ends of the program.
//!
//! The truth is the generator's ([`organisation`]): who belongs where, and what the directories have told in a run. Each
//! writing request is held against it before it is passed on ([`judge`]), the room afterwards, and every room at the end
//! ([`ending`]). In each scenario one person has to go from a room that nothing harms.

mod caps;
mod decorators;
mod describe;
mod ending;
mod generate;
mod grace;
mod harm;
mod judge;
mod kept;
mod last_runs;
mod lies;
mod mishaps;
mod names;
mod organisation;
mod orphans;
mod sabotage;
mod scenario;
mod site;
mod stir;
mod tally;
mod upgrades;
mod words;
mod world;

use std::{
    io::Write as _,
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Result, bail};

pub use self::{
    sabotage::Sabotage,
    scenario::{Played, play},
    tally::Tally,
};

/// How many failed seeds are told.
const TOLD: usize = 10;

/// What is asked of this part.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// How many scenarios
    #[arg(long, default_value_t = 100_000)]
    pub scenarios: u64,
    /// The first scenario's seed, the others follow it; told at the start [default: from the clock]
    #[arg(long)]
    pub seed: Option<u64>,
    /// On how many threads
    #[arg(long, default_value_t = 2)]
    pub threads: u64,
}

impl Args {
    /// The first seed: the one that was given, or one by chance.
    pub fn first_seed(&self) -> u64 {
        self.seed.unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            now.map_or(1, |time| u64::try_from(time.as_micros()).unwrap_or(1))
        })
    }
}

/// Plays the scenarios of a range of seeds.
pub fn play_all(first: u64, scenarios: u64, threads: u64) -> Tally {
    let threads = threads.max(1);
    let mut all = Tally::default();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                scope.spawn(move || {
                    let mut tally = Tally::default();
                    for number in (worker..scenarios).step_by(usize::try_from(threads).unwrap_or(1)) {
                        tally.add(play(first.wrapping_add(number), None, false).tally);
                    }
                    tally
                })
            })
            .collect();
        for worker in workers {
            match worker.join() {
                Ok(tally) => all.add(tally),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    all.failed.sort();
    all
}

/// Runs the scenarios.
pub fn run(args: &Args) -> Result<Tally> {
    let first = args.first_seed();
    let mut out = std::io::stdout();
    writeln!(out, "simulating {} scenarios from seed {first}", args.scenarios)?;
    let tally = play_all(first, args.scenarios, args.threads);
    writeln!(out, "{tally}")?;
    for (seed, what) in tally.failed.iter().take(TOLD) {
        writeln!(
            out,
            "seed {seed}: {what}; see it with: tests/faults.sh --replay {seed}"
        )?;
    }
    if !tally.is_well() {
        bail!(
            "{} of {} scenarios failed; the first seeds are above",
            tally.failed.len(),
            tally.scenarios
        );
    }
    // For the script, which adds up what both parts have counted.
    writeln!(
        out,
        "{} scenarios simulated, {} faults injected, {} by mistake, {} not converged",
        tally.scenarios,
        tally.faults(),
        tally.mistakes,
        tally.not_converged
    )?;
    Ok(tally)
}

/// Runs one scenario, and tells what happens in it.
pub fn replay(seed: u64) -> Result<()> {
    let played = play(seed, None, true);
    let mut out = std::io::stdout();
    for line in &played.trace {
        writeln!(out, "{line}")?;
    }
    writeln!(out, "{}", played.tally)?;
    match played.tally.failed.first() {
        Some((_, what)) => bail!("seed {seed}: {what}"),
        None => Ok(()),
    }
}

/// Breaks the program in every way there is, and tells the first seed from 1 on that finds it, and by what.
pub fn broken(scenarios: u64) -> Result<()> {
    let mut out = std::io::stdout();
    let mut missed = 0;
    for sabotage in Sabotage::ALL {
        let found = (1..=scenarios).find_map(|seed| play(seed, Some(sabotage), false).tally.failed.pop());
        if let Some((seed, what)) = found {
            writeln!(out, "{sabotage:?} is found by seed {seed}: {what}")?;
        } else {
            missed += 1;
            writeln!(out, "{sabotage:?} is NOT FOUND by seeds 1 to {scenarios}")?;
        }
    }
    if missed > 0 {
        bail!("{missed} broken programs were not found in {scenarios} scenarios");
    }
    Ok(())
}
