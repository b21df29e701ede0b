//! `inviter completions`

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::{args::Cli, exit::Exit, output};

/// Write the completions of a shell.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Such as:
    inviter completions bash > ~/.local/share/bash-completion/completions/inviter
    inviter completions zsh > ~/.zfunc/_inviter
    inviter completions fish > ~/.config/fish/completions/inviter.fish")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "inviter", &mut script);
        output::text(&String::from_utf8(script)?)?;
        Ok(Exit::Fine)
    }
}
