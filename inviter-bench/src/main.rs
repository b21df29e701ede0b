//! Measures inviter against what its work costs at least; `docs/benchmarks.md` says what and why.

mod bare_client;
mod directory;
mod floor;
mod organisation;
mod population;
mod process_memory;
mod random;
mod scale;
mod stages;
mod syncs;
mod table;
mod tenant;

use std::{
    env, fs,
    io::{Write as _, stderr, stdout},
    path::PathBuf,
    process::{Command as Process, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, Subcommand};
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::{
    directory::Reading,
    organisation::Organisation,
    scale::Scale,
    stages::Case,
    syncs::{SyncScale, Syncs},
    tenant::{TenantReading, TenantScale},
};

/// Measures inviter: the pure stages against sorting integers, the first sync against a client that only sends the
/// same requests, what a second sync asks, reading an LDAP server against ldapsearch, and reading a tenant of Entra ID
/// against a client that only downloads the same answers.
#[derive(Debug, Parser)]
struct Args {
    /// Leaves out ten million memberships, nine in ten entries of the directory, and the repetitions
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
    /// Measures reading a directory alone, and writes it to the standard output as JSON.
    #[command(hide = true)]
    Directory { people: usize, rounds: usize },
    /// Measures reading a tenant alone, and writes it to the standard output as JSON.
    #[command(hide = true)]
    Tenant {
        rooms: usize,
        users: usize,
        rounds: usize,
        /// Milliseconds that pass before each answer
        latency: u64,
    },
    /// Reads the tenant that the standard input tells of.
    #[command(hide = true)]
    ReadTenant,
    /// Downloads what the standard input tells of.
    #[command(hide = true)]
    DownloadTenant,
    /// Reads a directory as somebody with a password, and writes to the standard output as JSON how that went.
    #[command(hide = true)]
    Read {
        url: String,
        dn: String,
        password: String,
    },
}

/// What passes before an answer of Graph at least, as a rule.
const LATENCY: Duration = Duration::from_millis(50);

/// All figures.
#[derive(Debug, Serialize)]
struct Report {
    stages: Vec<Case>,
    syncs: Syncs,
    directory: Reading,
    /// Without latency, and with one as Graph has.
    tenants: Vec<TenantReading>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match args.command {
        Some(command) => one(command, &runtime),
        None => all(&args, &runtime),
    }
}

/// One measurement alone, or what a child of one does.
fn one(command: Command, runtime: &Runtime) -> Result<()> {
    match command {
        Command::Case { memberships, runs } => {
            let case = stages::measure(Scale::of(memberships), runs)?;
            Ok(writeln!(stdout(), "{}", serde_json::to_string(&case)?)?)
        }
        Command::Directory { people, rounds } => {
            let reading = directory::measure(Organisation::of(people), rounds, tell);
            let reading = runtime.block_on(reading)?;
            Ok(writeln!(stdout(), "{}", serde_json::to_string_pretty(&reading)?)?)
        }
        Command::Tenant {
            rooms,
            users,
            rounds,
            latency,
        } => {
            let latency = Duration::from_millis(latency);
            let scale = TenantScale {
                rooms,
                users,
                latency,
            };
            let reading = tenant::measure(scale, rounds, tell);
            let reading = runtime.block_on(reading)?;
            Ok(writeln!(stdout(), "{}", serde_json::to_string_pretty(&reading)?)?)
        }
        Command::ReadTenant => {
            let found = runtime.block_on(tenant::read())?;
            Ok(writeln!(stdout(), "{}", serde_json::to_string(&found)?)?)
        }
        Command::DownloadTenant => {
            let time = runtime.block_on(tenant::bare())?;
            Ok(writeln!(stdout(), "{}", serde_json::to_string(&time)?)?)
        }
        Command::Read { url, dn, password } => {
            let read = runtime.block_on(directory::read(&url, &dn, &password))?;
            Ok(writeln!(stdout(), "{}", serde_json::to_string(&read)?)?)
        }
    }
}

/// Everything.
fn all(args: &Args, runtime: &Runtime) -> Result<()> {
    let (cases, syncs, [people, rounds], tenant): (&[(usize, usize)], _, _, _) = if args.smoke {
        (&[(10_000, 1)], [2, 3, 1, 2], [1_000, 1], [5, 13_000, 1])
    } else if args.quick {
        (
            &[(10_000, 5), (100_000, 5), (1_000_000, 5)],
            [20, 50, 1, 6],
            [10_000, 5],
            [200, 50_000, 5],
        )
    } else {
        (
            &[(10_000, 15), (100_000, 15), (1_000_000, 9), (10_000_000, 3)],
            [20, 50, 2, 6],
            [100_000, 7],
            [200, 50_000, 9],
        )
    };
    let mut stages = Vec::new();
    for &(memberships, runs) in cases {
        tell(&format!("{memberships} memberships"));
        stages.push(in_child(memberships, runs)?);
    }
    let scale = SyncScale {
        rooms: syncs[0],
        people: syncs[1],
        rounds: syncs[2],
        sweep: syncs[3],
    };
    let syncs = runtime.block_on(syncs::measure(scale, tell))?;
    tell(&format!("directory, {people} people"));
    let directory = directory::measure(Organisation::of(people), rounds, tell);
    let directory = runtime.block_on(directory)?;
    let [rooms, users, rounds] = tenant;
    tell(&format!("tenant, {users} users"));
    let mut tenants = Vec::new();
    for latency in [Duration::ZERO, LATENCY] {
        let scale = TenantScale {
            rooms,
            users,
            latency,
        };
        tenants.push(runtime.block_on(tenant::measure(scale, rounds, tell))?);
    }
    let report = Report {
        stages,
        syncs,
        directory,
        tenants,
    };
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
