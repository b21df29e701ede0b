//! Random faults before the real homeserver.

mod chance;
pub(crate) mod directory;
pub(crate) mod judge;
pub(crate) mod organisation;
mod scenario;
pub(crate) mod site;

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, bail};
use futures_util::{StreamExt as _, stream};
use inviter_testkit::{Options, Synapse};

/// How long one scenario may take; one takes seconds.
const PATIENCE: Duration = Duration::from_secs(300);

/// What is asked of this part.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// How many scenarios
    #[arg(long, default_value_t = 200)]
    pub scenarios: u64,
    /// The first scenario's seed; told at the start
    #[arg(long)]
    pub seed: Option<u64>,
    /// Scenarios at the same time: much of each is waiting
    #[arg(long, default_value_t = 6)]
    pub lanes: usize,
}

/// What came of all scenarios.
#[derive(Debug, Clone, Default)]
pub struct Counters {
    /// Scenarios that were run.
    pub scenarios: u64,
    /// Runs of inviter after each scenario's start.
    pub runs: u64,
    /// Those of them that faults kept from beginning.
    pub not_begun: u64,
    /// Faults that a request has met, by name.
    pub faults: BTreeMap<String, u64>,
    /// Writing requests that were judged.
    pub writes: u64,
    /// People who were removed.
    pub removals: u64,
    /// What was done that may never be done, removals by mistake among it, with the seed.
    pub mistakes: Vec<String>,
    /// What was not right after the faults, with the seed.
    pub not_converged: Vec<String>,
}

impl Counters {
    /// How many faults a request has met.
    pub fn injected(&self) -> u64 {
        self.faults.values().sum()
    }

    fn add(&mut self, seed: u64, outcome: scenario::Outcome) {
        self.scenarios += 1;
        self.runs += outcome.runs;
        self.not_begun += outcome.not_begun;
        self.writes += outcome.writes;
        self.removals += outcome.removals;
        for (fault, times) in outcome.met {
            *self.faults.entry(fault).or_default() += times;
        }
        let told = |text: String| format!("{}: {text}", of_seed(seed));
        self.mistakes.extend(outcome.mistakes.into_iter().map(told));
        self.not_converged
            .extend(outcome.not_converged.into_iter().map(told));
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} scenarios on the real homeserver, {} runs ({} could not begin), {} faults injected, {} writes, \
             {} removals, {} by mistake, {} not converged",
            self.scenarios,
            self.runs,
            self.not_begun,
            self.injected(),
            self.writes,
            self.removals,
            self.mistakes.len(),
            self.not_converged.len(),
        )
    }
}

/// Runs the scenarios, and tells of each that fails.
///
/// # Errors
/// When something was done by mistake, did not converge, or could not be run.
pub fn run(args: &Args) -> Result<()> {
    let counters = count(args)?;
    for (fault, times) in &counters.faults {
        tell(&format!("  {times:6} {fault}"));
    }
    tell(&counters.to_string());
    if !counters.mistakes.is_empty() || !counters.not_converged.is_empty() {
        bail!("not all is well; the command that is told with each runs it again");
    }
    Ok(())
}

/// Runs the scenarios; the answer has whatever went wrong in them.
///
/// # Errors
/// When a scenario could not be run.
pub fn count(args: &Args) -> Result<Counters> {
    let seed = args.seed.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.map_or(1, |time| u64::from(time.subsec_nanos()))
    });
    tell(&format!("homeserver: seed {seed}"));
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let synapse = Arc::new(Synapse::start(Options::new()).await?);
        on(&synapse, seed, args.scenarios, args.lanes).await
    })
}

/// Runs scenarios on a homeserver that is there, with one seed after the other.
///
/// # Errors
/// When a scenario could not be run.
pub async fn on(synapse: &Arc<Synapse>, seed: u64, scenarios: u64, lanes: usize) -> Result<Counters> {
    let begun = Instant::now();
    let mut counters = Counters::default();
    let seeds = (0..scenarios).map(|number| seed.wrapping_add(number));
    let mut outcomes = stream::iter(seeds)
        .map(|seed| {
            let scenario = scenario::run(Arc::clone(synapse), seed);
            async move { (seed, tokio::time::timeout(PATIENCE, scenario).await) }
        })
        .buffer_unordered(lanes.max(1));
    while let Some((seed, outcome)) = outcomes.next().await {
        let outcome = match outcome {
            Ok(outcome) => outcome.with_context(|| of_seed(seed))?,
            Err(_) => bail!("{}: it takes longer than {PATIENCE:?}", of_seed(seed)),
        };
        let told = outcome.mistakes.iter().chain(&outcome.not_converged);
        for line in told {
            tell(&format!("{}: {line}", of_seed(seed)));
        }
        counters.add(seed, outcome);
        if counters.scenarios % 20 == 0 {
            tell(&format!("after {} s: {counters}", begun.elapsed().as_secs()));
        }
    }
    Ok(counters)
}

/// What a failure begins with: the command that runs its scenario again.
fn of_seed(seed: u64) -> String {
    format!("seed {seed} (again: tests/faults.sh --replay-real {seed})")
}

fn tell(line: &str) {
    // Nobody is left to be told if this fails.
    let _ = writeln!(std::io::stdout(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_says_how_to_run_it_again() {
        let mut counters = Counters::default();
        let outcome = scenario::Outcome {
            mistakes: vec!["one".to_owned()],
            not_converged: vec!["another".to_owned()],
            ..scenario::Outcome::default()
        };
        counters.add(1003, outcome);
        let command = "seed 1003 (again: tests/faults.sh --replay-real 1003)";
        assert_eq!(counters.mistakes, [format!("{command}: one")]);
        assert_eq!(counters.not_converged, [format!("{command}: another")]);
    }
}
