//! Faults, tried one by one and by the thousand; `tests/faults.sh` calls it.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use inviter_faults::simulate;
#[cfg(feature = "servers")]
use inviter_faults::{homeserver, table};

/// Takes random organisations and random faults through inviter, and looks that nobody is removed by mistake
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Runs scenarios in memory
    Simulate(simulate::Args),
    /// Runs one scenario of `simulate` again, and tells what happens in it
    Replay {
        /// Its seed
        seed: u64,
    },
    /// Breaks the program on purpose in every way there is, and tells which scenario finds each
    Broken {
        /// How many scenarios are tried for each
        #[arg(long, default_value_t = 2_000)]
        scenarios: u64,
    },
    /// Runs scenarios against the real homeserver
    #[cfg(feature = "servers")]
    Homeserver(homeserver::Args),
    /// Tries every fault at every place, and writes the table of the documentation
    #[cfg(feature = "servers")]
    Table(table::Args),
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to be told if this fails.
            let _ = writeln!(std::io::stderr(), "{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.part {
        Part::Simulate(args) => simulate::run(args).map(drop),
        Part::Replay { seed } => simulate::replay(*seed),
        Part::Broken { scenarios } => simulate::broken(*scenarios),
        #[cfg(feature = "servers")]
        Part::Homeserver(args) => homeserver::run(args),
        #[cfg(feature = "servers")]
        Part::Table(args) => table::run(args),
    }
}
