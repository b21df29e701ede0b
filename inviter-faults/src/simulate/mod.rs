//! Seeded scenarios in memory.

use anyhow::{Result, bail};

/// What is asked of this part.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// How many scenarios
    #[arg(long, default_value_t = 100_000)]
    pub scenarios: u64,
    /// The first scenario's seed; told at the start
    #[arg(long)]
    pub seed: Option<u64>,
    /// On how many threads
    #[arg(long, default_value_t = 2)]
    pub threads: usize,
}

/// Runs the scenarios.
pub fn run(_args: &Args) -> Result<()> {
    bail!("the simulator is not built yet")
}

/// Runs one scenario, and tells what happens in it.
pub fn replay(_seed: u64) -> Result<()> {
    bail!("the simulator is not built yet")
}
