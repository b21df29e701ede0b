//! `inviter-bot`: keeps rooms in step with directories by itself, and obeys the administration room.

mod admin_room;
mod answer;
mod audit;
mod board;
mod commands;
mod conversation;
mod daemon;
mod drift;
mod handover;
mod health;
mod http;
mod invitations;
mod logging;
mod metrics;
mod notices;
mod quarantines;
mod schedule;
mod session;
mod source;
mod stop;
mod systemd;
#[cfg(test)]
mod testing;
mod triggers;
mod worker;

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Instant};

use anyhow::Context as _;
use clap::Parser;
use inviter_operations::render::clean::clean;
use tokio::signal::unix::{SignalKind, signal};

use crate::{daemon::Daemon, session::Shared, source::Source, stop::Stopping};

const CONFIG_HELP: &str = "The configuration file [default: ./inviter.toml, then \
    $XDG_CONFIG_HOME/inviter/inviter.toml, then /etc/inviter/inviter.toml]";

/// Keeps Matrix rooms in step with the groups of a directory, and takes commands in one room
#[derive(Debug, Parser)]
#[command(name = "inviter-bot", version, max_term_width = 100)]
struct Args {
    /// The configuration file.
    #[arg(long, short, env = "INVITER_CONFIG", value_name = "FILE", help = CONFIG_HELP)]
    config: Option<PathBuf>,
}

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(answer) => {
            let wrong = answer.use_stderr();
            // Nothing is left to be told if this fails.
            let _ = answer.print();
            return if wrong {
                ExitCode::FAILURE
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<()> {
    let source = Source::find(args.config.as_deref())?;
    let config = source.read()?;
    logging::start(config.bot.log, config.bot.log_format);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    let ended = runtime.block_on(async {
        let stopping = Stopping::new();
        listen(&stopping)?;
        let shared = Shared::default();
        let (board, metrics) = (Arc::clone(&shared.board), Arc::clone(&shared.metrics));
        // Not on this thread: it tells whether the others still work.
        tokio::spawn(health::beat(Arc::clone(&metrics)));
        let daemon = Daemon::new(source, shared, stopping);
        tokio::select! {
            ended = daemon.run(config) => ended,
            () = systemd::watchdog(|| health::alive(&board.known(), &metrics.signs, Instant::now())) => Ok(()),
        }
    });
    // A look-up of a host name that hangs is not worth waiting for.
    runtime.shutdown_background();
    ended
}

/// The first signal ends the bot in order.
fn listen(stopping: &Stopping) -> anyhow::Result<()> {
    let mut int = signal(SignalKind::interrupt()).context("signals cannot be listened for")?;
    let mut term = signal(SignalKind::terminate()).context("signals cannot be listened for")?;
    let stopping = stopping.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = int.recv() => {}
            _ = term.recv() => {}
        }
        tracing::info!("stopping");
        stopping.stop();
    });
    Ok(())
}

/// One line for each thing that is wrong, whatever a file or the homeserver has put into it.
#[expect(clippy::print_stderr, reason = "the log may not have been started")]
fn tell(error: &anyhow::Error) {
    match error.downcast_ref::<inviter::ConfigErrors>() {
        Some(errors) => errors
            .errors()
            .iter()
            .for_each(|error| eprintln!("inviter-bot: error: {}", clean(&error.to_string()))),
        None => eprintln!("inviter-bot: error: {}", clean(&format!("{error:#}"))),
    }
}
