//! What a configuration is read from: a file, variables that are laid over it, or variables alone.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use crate::document::Positions;

/// A place in what a configuration is read from. Shown as `file:line:column` or as the variable's name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The file as a whole.
    File(PathBuf),
    /// A place within the file.
    Line {
        /// The file.
        file: PathBuf,
        /// From 1.
        line: usize,
        /// In characters, from 1.
        column: usize,
    },
    /// A variable of the environment that overrides a key.
    Variable(String),
    /// The environment as a whole, where there is no file.
    Environment,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => write!(f, "{}", file.display()),
            Self::Line { file, line, column } => write!(f, "{}:{line}:{column}", file.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Environment => f.write_str("the environment"),
        }
    }
}

/// The text of a file and the variables that are laid over it.
///
/// Offsets beyond the end of the text are those of variables, so that every value of the tree and every problem has
/// one number as its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'t> {
    /// `None` where there are only variables; the text is empty then.
    pub(super) file: Option<&'t Path>,
    /// What relative paths are relative to.
    pub(super) base: &'t Path,
    pub(super) text: &'t str,
    /// Names and values.
    pub(super) variables: &'t [(String, String)],
}

impl Source<'_> {
    /// The offset of a variable.
    pub(super) const fn at_variable(&self, ix: usize) -> usize {
        // The end of the text is a place of the text.
        self.text.len() + 1 + ix
    }

    /// From offsets to places.
    pub(super) fn places(&self) -> impl Fn(usize) -> Place {
        let positions = Positions::new(self.text);
        move |at| {
            let variable = at.checked_sub(self.at_variable(0));
            if let Some((name, _)) = variable.and_then(|ix| self.variables.get(ix)) {
                return Place::Variable(name.clone());
            }
            let Some(file) = self.file else {
                return Place::Environment;
            };
            let (line, column) = positions.line_and_column(at);
            Place::Line {
                file: file.to_owned(),
                line,
                column,
            }
        }
    }
}
