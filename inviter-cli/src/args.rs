//! The command line.

use std::{path::PathBuf, process::ExitCode};

use clap::{ArgAction, Args, Parser, ValueEnum};

use crate::{commands::Command, exit::Exit};

/// For the long help of everything that plans.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
    0  fine: everything that can be done is done; notes tell what is left for people to do
    1  failed: nothing could be done (wrong command line or configuration, no directory or no
       homeserver could be read, or every action of a sync failed)
    2  with --exit-code: there are changes to make
    3  removals or demotions are held
    4  in part: some actions failed or were put off, the bot lacks the power for some, or a directory,
       group or room could not be read
  130  interrupted by Ctrl-C (143 by TERM); what was done is listed, the next run does the rest
Where several apply: 1, then 4, then 3, then 2.

Results go to standard output, errors and logs (-v) to standard error.";

const CONFIG_HELP: &str = "The configuration file [default: ./inviter.toml, then \
    $XDG_CONFIG_HOME/inviter/inviter.toml, then /etc/inviter/inviter.toml]";

/// Makes the membership of Matrix rooms follow the groups of a directory
#[derive(Debug, Parser)]
#[command(name = "inviter", version, after_long_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What holds for every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The configuration file.
    #[arg(long, short, global = true, env = "INVITER_CONFIG", value_name = "FILE", help = CONFIG_HELP)]
    pub(crate) config: Option<PathBuf>,
    /// Log to standard error: -v what is done, -vv more, -vvv everything; errors with their causes
    #[arg(long, short, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Show no progress on standard error; it is shown only on a terminal, and without -v
    #[arg(long, global = true)]
    pub(crate) no_progress: bool,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Color {
    /// Decides for both output streams.
    pub(crate) fn apply(self) {
        let choice = match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
    }
}

/// Shows the help that was asked for, or what is wrong with the command line.
pub(crate) fn tell(answer: &clap::Error) -> ExitCode {
    // Nothing is left to be told if this fails.
    let _ = answer.print();
    // clap's own code for a wrong command line is 2, which is taken.
    let exit = if answer.use_stderr() {
        Exit::Failed
    } else {
        Exit::Fine
    };
    exit.into()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
