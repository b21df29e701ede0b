//! `inviter config`

mod text;

use clap::Args;
use inviter::config::SectionKeys;
use inviter_operations::{render::document, startup::ConfigSource};

use crate::{context::Context, exit::Exit, output};

/// Show the configuration as it takes effect.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Checks the configuration and contacts nobody. What is printed is a configuration itself. Secrets are not in it: \
those stand in files and variables, of which the names are shown, and a password in a URL is masked.

Every key can be overridden by a variable of the environment: INVITER__HOMESERVER__URL is `url` in [homeserver], \
INVITER__DIRECTORY__0__PATH is `path` of the first [[directory]]. Lists and tables are written as TOML, lists of \
strings also with commas. Without any file, variables alone make a configuration.")]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct Config {
    /// Write one JSON document
    #[arg(long)]
    json: bool,
    /// Only what is not as it would be by default
    #[arg(long)]
    changed: bool,
    /// Only the name of the file that is used
    #[arg(long, conflicts_with_all = ["json", "changed"])]
    file: bool,
    /// Write the JSON Schema of configurations instead; needs none
    #[arg(long, conflicts_with_all = ["json", "changed", "file"])]
    schema: bool,
}

impl Config {
    pub(super) fn run(&self, context: &Context<'_>) -> anyhow::Result<Exit> {
        if self.schema {
            output::json(&SectionKeys::top().json_schema())?;
            return Ok(Exit::Fine);
        }
        if self.file {
            let (source, _) = context.source()?;
            output::text(&text::file_line(&source))?;
            return Ok(Exit::Fine);
        }
        let (source, mut explained) = context.explained()?;
        if self.changed {
            text::keep_changed(&mut explained);
        }
        if self.json {
            let file = match &source {
                ConfigSource::File(path) => Some(path.as_path()),
                ConfigSource::Environment => None,
            };
            output::json(&document::Document::new("config", text::json(file, &explained)))?;
        } else {
            let mut text = String::new();
            text::toml(&mut text, &source.name(), &explained)?;
            output::text(&text)?;
        }
        Ok(Exit::Fine)
    }
}
