//! Runs the built bot for a while under random changes of the directory and of rooms, and compares every room with
//! the truth; `tests/soak.sh` calls it.
//!
//! The soak has a model of its own of what each room must be and which writes lead there. The last line of its
//! standard output says what came of it.

mod bot;
mod change;
mod healing;
mod ledger;
mod names;
mod organisation;
mod picture;
mod room;
mod site;
mod soak;
mod world;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::{Result, bail};
use clap::Parser;

use crate::change::Size;
use crate::soak::{Outcome, Plan, soak};

/// So many times the writes that are needed may be sent. Two changes that meet can cost one write more.
const WRITES: f64 = 1.02;

/// Half of all drifts have to be put right within this time. The schedule alone would take half its interval.
const MEDIAN: Duration = Duration::from_secs(4);

/// Memory may grow by this factor, and by so many megabytes.
const GROWTH: (f64, f64) = (1.25, 16.0);

/// Runs inviter-bot under random changes of the directory and of rooms, and compares every room with the truth
#[derive(Debug, Parser)]
struct Args {
    /// For how long to make changes
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Where chance begins; told at the start, to be given again after a failure
    #[arg(long)]
    seed: Option<u64>,
    /// How many rooms there are in the beginning
    #[arg(long, default_value_t = 30)]
    rooms: usize,
    /// How many people are in the directory [default: five for each room]
    #[arg(long)]
    people: Option<usize>,
    /// How far apart the bot's scheduled runs are, in seconds
    #[arg(long, default_value_t = 20)]
    interval: u64,
    /// The built bot
    #[arg(long, env = "INVITER_BOT", default_value = "target/debug/inviter-bot")]
    bot: PathBuf,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let seed = args.seed.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.map_or(1, |time| u64::from(time.subsec_nanos()))
    });
    tell(&format!("seed {seed}"));
    match run(&args, seed) {
        Ok(outcome) => {
            tell(&format!("soak ok: {}", line(&outcome)));
            ExitCode::SUCCESS
        }
        Err(error) => {
            tell(&format!("soak failed: {error:#} (seed {seed})"));
            ExitCode::FAILURE
        }
    }
}

fn tell(line: &str) {
    // Nobody is left to be told if this fails.
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn run(args: &Args, seed: u64) -> Result<Outcome> {
    if !(args.minutes > 0.0 && args.minutes < 100_000.0) {
        bail!("--minutes {} is no time", args.minutes);
    }
    if args.rooms == 0 || args.interval == 0 {
        bail!("--rooms and --interval must not be 0");
    }
    let plan = Plan {
        seed,
        time: Duration::from_secs_f64(args.minutes * 60.0),
        interval: Duration::from_secs(args.interval),
        size: Size {
            rooms: args.rooms,
            people: args.people.unwrap_or(args.rooms * 5).max(12),
            outsiders: 10,
        },
        // The bot runs in a directory of its own.
        bot: std::path::absolute(&args.bot)?,
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let outcome = runtime.block_on(soak(&plan))?;
    judge(&outcome)?;
    Ok(outcome)
}

fn ratio(outcome: &Outcome) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of writes are small")]
    let (sent, needed) = (outcome.sent.total() as f64, outcome.needed.total() as f64);
    if needed == 0.0 { 1.0 + sent } else { sent / needed }
}

/// The time within which half of them were put right.
fn median(times: &[Duration]) -> Option<Duration> {
    let mut times = times.to_vec();
    times.sort();
    times.get(times.len().saturating_sub(1) / 2).copied()
}

/// What must hold beyond the truth of rooms.
fn judge(outcome: &Outcome) -> Result<()> {
    let Some(median) = median(&outcome.healed) else {
        bail!("no drift was made; {}", line(outcome));
    };
    if median > MEDIAN {
        bail!(
            "half of the drifts took longer than {} s; {}",
            MEDIAN.as_secs(),
            line(outcome)
        );
    }
    // One write more than needed is no proof in a short soak.
    if outcome.sent.total() > outcome.needed.total() + 1 && ratio(outcome) > WRITES {
        bail!("more writes than needed; {}", line(outcome));
    }
    let (factor, megabytes) = GROWTH;
    if outcome.after > outcome.before * factor + megabytes {
        bail!("the bot's memory has grown; {}", line(outcome));
    }
    Ok(())
}

fn line(outcome: &Outcome) -> String {
    format!(
        "{} changes, {} rooms, {} drifts healed (median {:.1} s), writes sent/needed {:.2}, rss before/after \
         {:.0}/{:.0} MB",
        outcome.changes,
        outcome.rooms,
        outcome.healed.len(),
        median(&outcome.healed).unwrap_or_default().as_secs_f64(),
        ratio(outcome),
        outcome.before,
        outcome.after,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Sent;
    use crate::world::Needed;

    fn outcome() -> Outcome {
        Outcome {
            changes: 7,
            rooms: 30,
            healed: [0.9, 1.2, 30.0].map(Duration::from_secs_f64).to_vec(),
            sent: Sent::default(),
            needed: Needed {
                levels: 4,
                ..Needed::default()
            },
            before: 20.2,
            after: 21.0,
        }
    }

    #[test]
    fn the_last_line_is_as_agreed() {
        assert_eq!(
            line(&outcome()),
            "7 changes, 30 rooms, 3 drifts healed (median 1.2 s), writes sent/needed 0.00, rss before/after 20/21 MB"
        );
        assert!(judge(&outcome()).is_ok());
    }

    #[test]
    fn what_is_not_well_fails() {
        let slow = Outcome {
            healed: vec![Duration::from_secs(9); 3],
            ..outcome()
        };
        let idle = Outcome {
            healed: Vec::new(),
            ..outcome()
        };
        let grown = Outcome {
            after: 60.0,
            ..outcome()
        };
        for bad in [slow, idle, grown] {
            assert!(judge(&bad).is_err(), "{bad:?}");
        }
    }
}
