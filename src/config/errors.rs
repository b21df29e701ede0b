//! What is wrong with a configuration.

use std::{fmt, path::Path};

use super::source::{Place, Source};
use crate::document::Problems;

/// Everything that is wrong with a configuration: the file in its order, then the variables. Shown one error a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors {
    errors: Vec<ConfigError>,
}

impl ConfigErrors {
    /// An error of the file as a whole.
    pub(super) fn of_file(file: &Path, message: String) -> Self {
        Self {
            errors: vec![ConfigError {
                place: Place::File(file.to_owned()),
                message,
            }],
        }
    }

    /// Turns offsets into places.
    pub(super) fn locate(source: &Source<'_>, problems: Problems) -> Self {
        let place = source.places();
        let errors = problems.into_sorted().into_iter().map(|problem| ConfigError {
            place: place(problem.at),
            message: problem.message,
        });
        Self {
            errors: errors.collect(),
        }
    }

    /// The errors; there is at least one.
    pub fn errors(&self) -> &[ConfigError] {
        &self.errors
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (ix, error) in self.errors.iter().enumerate() {
            if ix > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

/// One error of a configuration, shown as `file:line:column: message` or `VARIABLE: message`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
#[non_exhaustive]
pub struct ConfigError {
    /// Where it is.
    pub place: Place,
    /// What is wrong and what to do, as one sentence without a full stop.
    pub message: String,
}
