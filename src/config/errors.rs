//! What is wrong with a configuration file.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use crate::document::{Positions, Problems};

/// Everything that is wrong with a configuration file, in its order. Shown one error a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors {
    errors: Vec<ConfigError>,
}

impl ConfigErrors {
    /// An error of the file as a whole.
    pub(super) fn of_file(file: &Path, message: String) -> Self {
        Self {
            errors: vec![ConfigError {
                file: file.to_owned(),
                place: None,
                message,
            }],
        }
    }

    /// Turns byte offsets into lines and columns.
    pub(super) fn locate(file: &Path, text: &str, problems: Problems) -> Self {
        let positions = Positions::new(text);
        let errors = problems.into_sorted().into_iter().map(|problem| ConfigError {
            file: file.to_owned(),
            place: Some(positions.line_and_column(problem.at)),
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

/// One error of a configuration file, shown as `file:line:column: message`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// Line and column, both from 1; `None` if it is about the file as a whole.
    pub place: Option<(usize, usize)>,
    /// What is wrong and what to do, as one sentence without a full stop.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some((line, column)) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)
    }
}
