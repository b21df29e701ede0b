//! Random faults before the real homeserver.

use anyhow::{Result, bail};

/// What is asked of this part.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// How many scenarios
    #[arg(long, default_value_t = 200)]
    pub scenarios: u64,
    /// Where chance begins
    #[arg(long)]
    pub seed: Option<u64>,
}

/// Runs the scenarios.
pub fn run(_args: &Args) -> Result<()> {
    bail!("scenarios on the real homeserver are not built yet")
}
