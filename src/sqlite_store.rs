//! [`SqliteStore`]: the memory of earlier runs in an SQLite file.
//!
//! One row for each thing that is remembered, so that a commit writes only what changed, however much is
//! remembered. Each commit is one transaction in write-ahead mode with `synchronous = FULL`: a removal is written
//! down before it is sent, and must still be written down after a power failure, or the limits over time would
//! start counting afresh. `NORMAL` could lose the last commits then.
//!
//! A file that cannot be understood is never deleted: it is kept under a new name, and a new memory begun.

mod damage;
mod read;
mod schema;
mod write;

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use inviter_core::{
    OwnedUserId, RoomId, UserId,
    recall::{Brought, Happened, MemoryChange, MemoryStore, Recalled, StoreError},
};
use rusqlite::Connection;

use crate::{blocking, state_dir::create_private};
use damage::Trouble;

/// How long another process may keep the file busy: the lock of the run keeps other runs out, so it can only be
/// somebody looking at it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// More than there are different statements, so that each is parsed once.
const STATEMENTS: usize = 64;

/// The memory of earlier runs in an SQLite file.
///
/// There is one connection behind a mutex, used on tokio's threads for blocking work: SQLite has one writer
/// anyway, and a runtime thread never waits for the disk. A commit that was begun is finished, even if the future
/// that asked for it is dropped.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    open: Mutex<Open>,
}

#[derive(Debug)]
struct Open {
    /// `None` only after the file was set aside and no new one could be begun.
    connection: Option<Connection>,
    /// Damage that was met after the run had recalled what it needs: not all of the file is read for that, so that
    /// recalling it again need not meet it.
    damage: Option<String>,
}

impl SqliteStore {
    /// Opens the file `path`, or begins it, with its directory; only its owner may read it. Blocks; see
    /// [`open_in_background`](Self::open_in_background) for async code.
    ///
    /// # Errors
    /// The file system does not let it be used, or it belongs to another program. A damaged file is no error:
    /// it is kept under a new name, and [`recall`](MemoryStore::recall) tells of it as [`Recalled::Lost`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        let connection = match connect(&path) {
            Ok(connection) => connection,
            Err(Trouble::Damaged(why)) => set_aside(&path, &why)?,
            Err(Trouble::Failed(error)) => return Err(error),
        };
        Ok(Self {
            shared: Arc::new(Shared {
                path,
                open: Mutex::new(Open {
                    connection: Some(connection),
                    damage: None,
                }),
            }),
        })
    }

    /// [`open`](Self::open) without holding up the runtime.
    ///
    /// # Errors
    /// As `open`.
    pub async fn open_in_background(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        let about = path.clone();
        blocking::run(move || Self::open(path))
            .await
            .unwrap_or_else(|| Err(interrupted(&about)))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.shared);
        blocking::run(move || work(&shared))
            .await
            .unwrap_or_else(|| Err(interrupted(&self.shared.path)))
    }
}

#[async_trait]
impl MemoryStore for SqliteStore {
    async fn recall(&self) -> Result<Recalled, StoreError> {
        self.blocking(Shared::recall).await
    }

    async fn commit(&self, changes: &[MemoryChange]) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        let changes = changes.to_vec();
        self.blocking(move |shared| shared.commit(&changes)).await
    }

    async fn brought(&self, room: &RoomId) -> Result<BTreeMap<OwnedUserId, Brought>, StoreError> {
        let room = room.to_owned();
        self.blocking(move |shared| {
            shared.with_file(|connection, path| read::brought(connection, path, &room))
        })
        .await
    }

    async fn history(&self, user: &UserId, room: Option<&RoomId>) -> Result<Vec<Happened>, StoreError> {
        let (user, room) = (user.to_owned(), room.map(RoomId::to_owned));
        let with_file = move |connection: &mut Connection, path: &Path| {
            read::history(connection, path, &user, room.as_deref())
        };
        self.blocking(move |shared| shared.with_file(with_file)).await
    }
}

impl Shared {
    fn recall(&self) -> Result<Recalled, StoreError> {
        let mut open = self.lock();
        let Open { connection, damage } = &mut *open;
        let recalled = match (damage.clone(), connection.as_mut()) {
            (Some(why), _) => Err(Trouble::Damaged(why)),
            (None, Some(connection)) => read::recall(connection, &self.path),
            (None, None) => {
                connect(&self.path).and_then(|anew| read::recall(connection.insert(anew), &self.path))
            }
        };
        match recalled {
            Ok(recalled) => Ok(recalled),
            Err(Trouble::Failed(error)) => Err(error),
            Err(Trouble::Damaged(why)) => {
                // Closed before it is renamed: SQLite would go on writing to the old file.
                *connection = None;
                let anew = set_aside(&self.path, &why)?;
                *damage = None;
                let anew = connection.insert(anew);
                read::recall(anew, &self.path).map_err(|trouble| trouble.into_error(&self.path))
            }
        }
    }

    fn commit(&self, changes: &[MemoryChange]) -> Result<(), StoreError> {
        self.with_file(|connection, path| write::changes(connection, path, changes))
    }

    /// Does something with the file after the run has recalled what it needs. Damage that shows only now is an error:
    /// what was recalled in this run would not be in a new file. The next `recall` sets the file aside.
    fn with_file<T>(
        &self,
        work: impl FnOnce(&mut Connection, &Path) -> Result<T, Trouble>,
    ) -> Result<T, StoreError> {
        let into_error = |trouble: Trouble| trouble.into_error(&self.path);
        let mut open = self.lock();
        let connection = match open.connection.as_mut() {
            Some(connection) => connection,
            None => open.connection.insert(connect(&self.path).map_err(into_error)?),
        };
        let result = work(connection, &self.path);
        if let Err(Trouble::Damaged(why)) = &result {
            // For a run of another process, which would recall as little of the damage.
            schema::check_again(connection);
            open.damage = Some(why.clone());
        }
        result.map_err(into_error)
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // A panic cannot leave a transaction half done: SQLite rolls it back when it is dropped.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens or begins the file and brings it to our schema.
fn connect(path: &Path) -> Result<Connection, Trouble> {
    let unusable = |error: std::io::Error| {
        Trouble::Failed(StoreError {
            about: path.display().to_string(),
            message: format!(
                "the memory of earlier runs cannot be kept here ({error}); make the directory writable for the bot, or \
                 set another `dir` in [state]"
            ),
            source: Some(Box::new(error)),
        })
    };
    if let Some(dir) = path.parent() {
        create_private(dir).map_err(unusable)?;
    }
    make_private(path).map_err(unusable)?;
    let connection = Connection::open(path).map_err(|error| Trouble::of(path, error))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection
        .busy_timeout(BUSY_TIMEOUT)
        .map_err(|error| Trouble::of(path, error))?;
    schema::prepare(connection, path)
}

/// Creates the file if need be, for its owner only; SQLite gives its companion files the same mode.
fn make_private(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

        let file = options.mode(0o600).open(path)?;
        let mut permissions = file.metadata()?.permissions();
        if permissions.mode() & 0o077 != 0 {
            permissions.set_mode(0o600);
            file.set_permissions(permissions)?;
        }
    }
    #[cfg(not(unix))]
    options.open(path)?;
    Ok(())
}

/// Keeps a damaged file under a new name and begins a new one, which knows that it is not the first until a run has
/// told so: whoever met the damage may have been somebody else.
fn set_aside(path: &Path, why: &str) -> Result<Connection, StoreError> {
    let kept = damage::keep(path)?;
    tracing::warn!(file = %path.display(), kept = %kept.display(), why, "the memory of earlier runs is lost");
    let lost = format!(
        "{}: {why}; it is kept as {}, and a new memory has begun",
        path.display(),
        kept.display()
    );
    let connection = connect(path)
        .and_then(|connection| {
            write::lost(&connection, path, &lost)?;
            Ok(connection)
        })
        .map_err(|trouble| trouble.into_error(path))?;
    Ok(connection)
}

fn interrupted(path: &Path) -> StoreError {
    StoreError {
        about: path.display().to_string(),
        message: "the memory of earlier runs was not reached because the program is ending".to_owned(),
        source: None,
    }
}
