//! The `inviter` command: wiring around [`inviter::core::reconcile::Reconciler`], and text.

mod args;
mod commands;
mod context;
mod exit;
mod failure;
mod interrupt;
mod logging;
mod output;
mod progress;
mod table_file;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{args::Cli, context::Context, interrupt::Interrupt};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => return args::tell(&answer),
    };
    cli.global.color.apply();
    logging::start(cli.global.verbose);
    progress::start(&cli.global);
    let exit = run(&cli);
    // However it ended.
    progress::end();
    match exit {
        Ok(exit) => exit,
        Err(error) => {
            failure::tell(&error, cli.global.verbose > 0);
            exit::Exit::Failed.into()
        }
    }
}

/// Runs the command to its end, or until it is interrupted.
fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let exit = runtime.block_on(async {
        let interrupt = Interrupt::listen()?;
        commands::run(&cli.command, &Context::new(&cli.global, interrupt)).await
    })?;
    // A look-up of a host name that hangs is not worth waiting for.
    runtime.shutdown_background();
    Ok(exit.into())
}
