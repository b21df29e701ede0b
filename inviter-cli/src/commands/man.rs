//! `inviter man`

use std::{fs, path::PathBuf};

use anyhow::Context as _;
use clap::{Args, CommandFactory as _};
use clap_mangen::Man as Page;

use crate::{args::Cli, exit::Exit, output};

/// Write manual pages.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Write a page for each command into this directory, which is made if need be [default: the main page to standard
    /// output]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Man {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        let mut command = Cli::command();
        // Only then do sub-commands know their options in common and their full names.
        command.build();
        let Some(out) = &self.out else {
            output::text(&String::from_utf8(page(&command)?)?)?;
            return Ok(Exit::Fine);
        };
        let cannot = || {
            format!(
                "{}: the pages cannot be written there; name another directory",
                out.display()
            )
        };
        fs::create_dir_all(out).with_context(cannot)?;
        let below = command
            .get_subcommands()
            .filter(|below| below.get_name() != "help");
        for command in below.chain([&command]) {
            let file = format!("{}.1", command.get_display_name().unwrap_or("inviter"));
            fs::write(out.join(file), page(command)?).with_context(cannot)?;
        }
        Ok(Exit::Fine)
    }
}

fn page(command: &clap::Command) -> anyhow::Result<Vec<u8>> {
    let mut page = Vec::new();
    Page::new(command.clone()).render(&mut page)?;
    Ok(page)
}
