//! Measures inviter against what its work costs at least; `docs/benchmarks.md` says what and why.

mod bare_client;
mod floor;
mod population;
mod process_memory;
mod random;
mod scale;
mod stages;
mod syncs;
mod table;

use std::{
    env, fs,
    io::{Write as _, stderr, stdout},
    path::PathBuf,
    process::{Command as Process, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, Subcommand};
use serde::Serialize;

use crate::{
    scale::Scale,
    stages::Case,
    syncs::{SyncScale, Syncs},
};

/// Measures inviter: the pure stages against sorting integers, the first sync against a client that only sends the
/// same requests, and what a second sync asks.
#[derive(Debug, Parser)]
struct Args {
    /// Leaves out ten million memberships and the repetitions
    #[arg(long, conflicts_with = "smoke")]
    quick: bool,
    /// Small sizes only: shows that everything works, measures nothing of use
    #[arg(long)]
    smoke: bool,
    /// Where to write the figures as JSON
    #[arg(long, default_value = "target/bench/report.json")]
    report: PathBuf,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures one scale of the pure stages, and writes it to the standard output as JSON.
    #[command(hide = true)]
    Case { memberships: usize, runs: usize },
}

/// All figures.
#[derive(Debug, Serialize)]
struct Report {
    stages: Vec<Case>,
    syncs: Syncs,
}

fn main() -> Result<()> {
    let args = Args::parse();
    if let Some(Command::Case { memberships, runs }) = args.command {
        let case = stages::measure(Scale::of(memberships), runs)?;
        writeln!(stdout(), "{}", serde_json::to_string(&case)?)?;
        return Ok(());
    }
    let (cases, syncs): (&[(usize, usize)], _) = if args.smoke {
        (&[(10_000, 1)], [2, 3, 1, 2])
    } else if args.quick {
        (&[(10_000, 5), (100_000, 5), (1_000_000, 5)], [20, 50, 1, 6])
    } else {
        (
            &[(10_000, 15), (100_000, 15), (1_000_000, 9), (10_000_000, 3)],
            [20, 50, 2, 6],
        )
    };
    let mut stages = Vec::new();
    for &(memberships, runs) in cases {
        tell(&format!("{memberships} memberships"));
        stages.push(in_child(memberships, runs)?);
    }
    let [rooms, people, rounds, sweep] = syncs;
    let scale = SyncScale {
        rooms,
        people,
        rounds,
        sweep,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let syncs = runtime.block_on(syncs::measure(scale, tell))?;
    let report = Report { stages, syncs };
    if let Some(folder) = args.report.parent() {
        fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
    }
    let text = serde_json::to_string_pretty(&report)?;
    fs::write(&args.report, text + "\n").with_context(|| format!("{}", args.report.display()))?;
    let mut out = stdout().lock();
    table::write(&mut out, &report)?;
    writeln!(out, "figures: {}", args.report.display())?;
    writeln!(out, "{}", table::last_line(&report))?;
    Ok(())
}

/// Says what is under way; nobody to tell is no reason to end.
fn tell(what: &str) {
    drop(writeln!(stderr(), "bench: {what}"));
}

/// One scale in a process of its own, so that its memory is its own.
fn in_child(memberships: usize, runs: usize) -> Result<Case> {
    let output = Process::new(env::current_exe()?)
        .args(["case", &memberships.to_string(), &runs.to_string()])
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(
        output.status.success(),
        "{memberships} memberships: {}",
        output.status
    );
    serde_json::from_slice(&output.stdout).context("the answer of the child")
}
