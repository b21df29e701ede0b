//! [`FileDirectory`]: people and groups from a TOML or JSON file.
//!
//! The directory for tests, demonstrations and small communities, and the way in for anything that can write a
//! file. The extension, `.toml` or `.json`, decides how it is read; both have the same keys:
//!
//! ```toml
//! [[people]]
//! id = "alice"                       # stable; other entries refer to it
//! uid = "alice"                      # without it, the id
//! mail = "alice@example.com"
//! userPrincipalName = "alice@corp.example.com"
//! attributes = { employeeType = "staff", alias = ["al", "ali"] }
//! enabled = true                     # the default
//! matrix_id = "@alice:example.com"   # instead of one minted from an attribute
//!
//! [[groups]]
//! id = "7f3c"                        # stable; without it, the name
//! name = "MTRX #staff:example.com"
//! members = ["alice"]                # ids of people
//! groups = ["MTRX #board:example.com"] # ids or names of groups within this one
//! owners = ["alice"]                 # ids of people
//! ```
//!
//! A reference that leads nowhere makes the group incomplete: it adds people and removes nobody, and the report
//! names it. Anything else that is wrong refuses the file as a whole, and so does a file without people or without
//! groups: that is what a file looks like that was cut off or emptied by mistake. A program that writes the file
//! should write it under another name and rename it, since TOML that ends early may still be well-formed.

mod build;
mod entries;

use std::{
    fmt::Write as _,
    fs::File,
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use inviter_core::{
    IdentityProvider,
    directory::{Directory, ProviderId},
    provider::{ProviderError, ProviderErrorKind, ReadRequest},
};

use crate::{
    blocking,
    document::{self, Positions, Problem, Problems},
};

/// No larger file is read. 200,000 people in 10,000 groups take about 40 MiB.
const MAX_FILE: u64 = 64 * 1024 * 1024;
/// As many errors of one file are told.
const MAX_TOLD: usize = 20;

/// A directory that is a file, read anew at each run.
#[derive(Debug, Clone)]
pub struct FileDirectory {
    id: ProviderId,
    path: PathBuf,
}

impl FileDirectory {
    /// A directory called `id` in the file `path`. The file is not touched before it is read.
    pub fn new(id: ProviderId, path: impl Into<PathBuf>) -> Self {
        Self {
            id,
            path: path.into(),
        }
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file; blocks.
    fn read_file(&self) -> Result<Directory, ProviderError> {
        let format = self.format()?;
        let text = self.text()?;
        let mut problems = Problems::default();
        let tree = match format {
            Format::Toml => {
                let tree = document::parse_toml(&text, &mut problems);
                problems.is_empty().then_some(tree)
            }
            Format::Json => document::parse_json(&text, &mut problems),
        };
        let raw = tree.as_ref().and_then(|tree| entries::read(tree, &mut problems));
        match raw {
            Some(raw) if problems.is_empty() => {
                self.refuse_shrunk(&raw)?;
                Ok(build::directory(raw, &self.path))
            }
            _ => Err(self.malformed(&text, problems)),
        }
    }

    fn format(&self) -> Result<Format, ProviderError> {
        let extension = self.path.extension().and_then(|extension| extension.to_str());
        match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("toml") => Ok(Format::Toml),
            Some("json") => Ok(Format::Json),
            _ => Err(self.error(
                ProviderErrorKind::Misconfigured,
                "the name must end in .toml or .json, which says how the file is read",
            )),
        }
    }

    fn text(&self) -> Result<String, ProviderError> {
        let unreadable = |error: std::io::Error| {
            let (kind, message) = match error.kind() {
                ErrorKind::NotFound => (
                    ProviderErrorKind::Misconfigured,
                    "there is no such file; correct `path` of the directory, or put the file there",
                ),
                ErrorKind::PermissionDenied => (
                    ProviderErrorKind::Denied,
                    "may not be read; let the bot's user read it",
                ),
                ErrorKind::IsADirectory => (
                    ProviderErrorKind::Misconfigured,
                    "is not a file; `path` of the directory must name one",
                ),
                _ => (ProviderErrorKind::Unavailable, "cannot be read"),
            };
            self.error(kind, message).caused_by(error)
        };
        let file = File::open(&self.path).map_err(unreadable)?;
        if file.metadata().map_err(unreadable)?.is_dir() {
            return Err(unreadable(ErrorKind::IsADirectory.into()));
        }
        let mut bytes = Vec::new();
        // One byte more than allowed, rather than trusting the length that is told: the file may be growing.
        file.take(MAX_FILE + 1)
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(self.error(
                ProviderErrorKind::Malformed,
                "is larger than 64 MiB, which no directory file should be; check what writes it",
            ));
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(self.shrunk("the file is empty"));
        }
        String::from_utf8(bytes).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let before = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
            let (line, column) = Positions::new(&before).line_and_column(valid);
            ProviderError::new(
                ProviderErrorKind::Malformed,
                format!("{}:{line}:{column}", self.path.display()),
                "not UTF-8 from here on; save the file as UTF-8",
            )
        })
    }

    fn refuse_shrunk(&self, raw: &entries::Raw<'_>) -> Result<(), ProviderError> {
        let nothing = match (raw.people.is_empty(), raw.groups.is_empty()) {
            (true, true) => "people and no groups",
            (true, false) => "people",
            (false, true) => "groups",
            (false, false) => return Ok(()),
        };
        Err(self.shrunk(&format!("the file has no {nothing}")))
    }

    fn shrunk(&self, what: &str) -> ProviderError {
        self.error(
            ProviderErrorKind::Malformed,
            format!(
                "{what}: the directory shrank to nothing, which is refused because it would remove everybody; restore \
                 the file, or take the directory out of the configuration"
            ),
        )
    }

    fn malformed(&self, text: &str, problems: Problems) -> ProviderError {
        let positions = Positions::new(text);
        let problems = problems.into_sorted();
        let place = |at| {
            let (line, column) = positions.line_and_column(at);
            format!("{line}:{column}")
        };
        // The first one's place goes with the file's name, in the form that editors jump to.
        let mut about = self.path.display().to_string();
        let mut message = String::new();
        for Problem { at, message: what } in problems.iter().take(MAX_TOLD) {
            // Writing to a string cannot fail.
            let _ = if message.is_empty() {
                message.push_str(what);
                write!(about, ":{}", place(*at))
            } else {
                write!(message, "; {}: {what}", place(*at))
            };
        }
        if problems.len() > MAX_TOLD {
            let _ = write!(message, "; and {} more errors", problems.len() - MAX_TOLD);
        }
        ProviderError::new(ProviderErrorKind::Malformed, about, message)
    }

    fn error(&self, kind: ProviderErrorKind, message: impl Into<String>) -> ProviderError {
        ProviderError::new(kind, self.path.display().to_string(), message)
    }
}

/// How the file is written.
#[derive(Debug, Clone, Copy)]
enum Format {
    Toml,
    Json,
}

#[async_trait]
impl IdentityProvider for FileDirectory {
    fn id(&self) -> ProviderId {
        self.id.clone()
    }

    async fn read(&self, _request: &ReadRequest) -> Result<Directory, ProviderError> {
        let directory = self.clone();
        let result = blocking::run(move || directory.read_file()).await;
        result.unwrap_or_else(|| {
            Err(self.error(
                ProviderErrorKind::Unavailable,
                "reading was interrupted because the program is ending",
            ))
        })
    }
}
