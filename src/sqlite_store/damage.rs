//! Telling a damaged file from one that cannot be reached, and keeping it.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use inviter_core::recall::StoreError;
use rusqlite::ErrorCode;

/// Why the file could not be used.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Its content makes no sense; half a sentence that follows the file's name.
    Damaged(String),
    /// Anything else: rights, a full disk, another program's file.
    Failed(StoreError),
}

impl Trouble {
    /// Sorts an error of SQLite.
    pub(super) fn of(path: &Path, error: rusqlite::Error) -> Self {
        use rusqlite::Error as E;

        match &error {
            E::SqliteFailure(failure, _) if failure.code == ErrorCode::NotADatabase => {
                Self::Damaged("the memory of earlier runs is not a database".to_owned())
            }
            E::SqliteFailure(failure, _) if failure.code == ErrorCode::DatabaseCorrupt => {
                Self::Damaged(format!("the memory of earlier runs is damaged ({error})"))
            }
            // A table or column that is not as we made it: somebody else has been at it.
            E::FromSqlConversionFailure(..)
            | E::IntegralValueOutOfRange(..)
            | E::InvalidColumnType(..)
            | E::Utf8Error(..) => Self::Damaged(format!(
                "the memory of earlier runs has a value that cannot be ({error})"
            )),
            // What we ask for is always the same: a table or column is missing.
            E::SqlInputError { error: missing, .. } if missing.code == ErrorCode::Unknown => Self::Damaged(
                format!("the memory of earlier runs is not as it was made ({missing})"),
            ),
            E::SqliteFailure(failure, _) if failure.code == ErrorCode::Unknown => Self::Damaged(format!(
                "the memory of earlier runs is not as it was made ({error})"
            )),
            _ => Self::Failed(StoreError {
                about: path.display().to_string(),
                message: format!(
                    "the memory of earlier runs cannot be used ({error}); see that the disk is not full and that the \
                     bot may write there"
                ),
                source: Some(Box::new(error)),
            }),
        }
    }

    /// As an error, where a damaged file cannot be set aside.
    pub(super) fn into_error(self, path: &Path) -> StoreError {
        match self {
            Self::Failed(error) => error,
            Self::Damaged(why) => StoreError {
                about: path.display().to_string(),
                message: format!("{why}; {}", StoreError::SETS_ASIDE),
                source: None,
            },
        }
    }
}

/// Renames the file and its companions to the first free name, and returns that.
pub(super) fn keep(path: &Path) -> Result<PathBuf, StoreError> {
    let failed = |error: io::Error| StoreError {
        about: path.display().to_string(),
        message: format!(
            "the memory of earlier runs is damaged and cannot be renamed ({error}); move it away by hand"
        ),
        source: Some(Box::new(error)),
    };
    let mut number = 1_u32;
    let kept = loop {
        let candidate = with_suffix(path, &format!(".damaged-{number}"));
        if !candidate.try_exists().map_err(failed)? {
            break candidate;
        }
        number = number.saturating_add(1);
    };
    // The write-ahead log first: left behind, it would be taken for the new file's.
    for companion in ["-wal", "-shm"] {
        match fs::rename(with_suffix(path, companion), with_suffix(&kept, companion)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    fs::rename(path, &kept).map_err(failed)?;
    Ok(kept)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
