//! [`Setup`]: from a configuration to everything that a frontend needs, connected.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use inviter_core::{
    IdentityProvider, OwnedUserId, RoomBackend,
    backend::{BackendError, Identity},
    recall::{MemoryStore, StoreError},
    reconcile::Reconciler,
    time::Clock,
};
use inviter_matrix::{FileSessionStore, MatrixBackend, MatrixConfig, Observer, Timeouts};

use crate::{
    FileDirectory, blocking, bounded_file,
    config::{Config, Credentials, DirectoryConfig, DirectoryKind},
    run_lock::{LockError, RunLock},
    state_dir::{account_dir, create_private},
    system_clock::SystemClock,
};

/// The memory of earlier runs, within an account's state directory.
#[cfg(feature = "sqlite")]
const MEMORY_FILE: &str = "memory.sqlite";
/// The session of a log-in with a password, within an account's state directory.
const SESSION_FILE: &str = "session.json";

/// A configuration with its directories, its homeserver and its memory: everything that a frontend needs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Setup {
    /// The bot's account, as the homeserver tells it.
    pub identity: Identity,
    /// The directories, the homeserver, the policy, the limits and the memory, ready to run.
    pub reconciler: Reconciler,
    /// The configured state directory, which may be several accounts'.
    pub state_dir: PathBuf,
}

impl Setup {
    /// Connects to the homeserver, asks which account the credentials are for, and opens that account's memory.
    /// Directories are not contacted before they are read. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`SetupError`]
    #[cfg(feature = "sqlite")]
    pub async fn connect(config: &Config) -> Result<Self, SetupError> {
        let (backend, identity) = connect_backend(config).await?;
        Self::over(config, identity, Arc::new(backend)).await
    }

    /// Opens the account's memory, over a homeserver adapter that is connected already.
    ///
    /// # Errors
    /// [`SetupError::Store`]
    #[cfg(feature = "sqlite")]
    pub async fn over(
        config: &Config,
        identity: Identity,
        backend: Arc<dyn RoomBackend>,
    ) -> Result<Self, SetupError> {
        let file = account_dir(&config.state_dir, &identity.user_id).join(MEMORY_FILE);
        let store = crate::SqliteStore::open_in_background(file).await?;
        Ok(Self::assemble(config, identity, backend, Arc::new(store)))
    }

    /// As [`connect`](Self::connect), with a memory of the caller's own.
    ///
    /// # Errors
    /// [`SetupError`]
    pub async fn connect_with_store(
        config: &Config,
        store: Arc<dyn MemoryStore>,
    ) -> Result<Self, SetupError> {
        let (backend, identity) = connect_backend(config).await?;
        Ok(Self::assemble(config, identity, Arc::new(backend), store))
    }

    /// Puts parts together that are there already: for services that bring their own homeserver adapter, and for
    /// tests.
    pub fn assemble(
        config: &Config,
        identity: Identity,
        backend: Arc<dyn RoomBackend>,
        store: Arc<dyn MemoryStore>,
    ) -> Self {
        let reconciler = Reconciler {
            providers: providers(config),
            backend,
            store,
            policy: config.policy(&identity.user_id),
            limits: config.limits,
            clock: Arc::new(SystemClock) as Arc<dyn Clock>,
            // The backend bounds the requests over all rooms; these only keep it busy.
            rooms_at_once: config.homeserver.concurrency,
            people_at_once: config.homeserver.concurrency,
        };
        Self {
            identity,
            reconciler,
            state_dir: config.state_dir.clone(),
        }
    }

    /// Takes the lock of the account; hold it for as long as a run that writes takes.
    ///
    /// # Errors
    /// As [`RunLock::acquire`].
    pub fn lock(&self) -> Result<RunLock, LockError> {
        RunLock::acquire(&self.state_dir, &self.identity.user_id)
    }
}

/// The directories of a configuration, in its order. None is contacted before it is read.
pub fn providers(config: &Config) -> Vec<Arc<dyn IdentityProvider>> {
    config.directories.iter().map(provider).collect()
}

fn provider(directory: &DirectoryConfig) -> Arc<dyn IdentityProvider> {
    match &directory.kind {
        DirectoryKind::File { path } => Arc::new(FileDirectory::new(directory.name.clone(), path)),
        #[cfg(feature = "ldap")]
        DirectoryKind::Ldap(config) => Arc::new(inviter_ldap::LdapDirectory::new(
            directory.name.clone(),
            (**config).clone(),
            Arc::new(SystemClock),
        )),
        #[cfg(feature = "azure")]
        DirectoryKind::Entra(config) => Arc::new(inviter_azure::EntraDirectory::new(
            directory.name.clone(),
            config.entra.clone(),
            Arc::new(inviter_azure::IdentityTokens::new(
                config.credential.clone(),
                &config.entra,
            )),
            Arc::new(SystemClock),
        )),
    }
}

/// The homeserver adapter of a configuration, and the account that it acts as.
///
/// # Errors
/// [`SetupError`]
pub async fn connect_backend(config: &Config) -> Result<(MatrixBackend, Identity), SetupError> {
    connect_backend_observed(config, None).await
}

/// As [`connect_backend`], with somebody who is told of each request.
///
/// # Errors
/// [`SetupError`]
pub async fn connect_backend_observed(
    config: &Config,
    observer: Option<Arc<dyn Observer>>,
) -> Result<(MatrixBackend, Identity), SetupError> {
    let mut matrix = MatrixConfig::new(config.homeserver.url.as_str(), credentials(config).await?);
    matrix.timeouts = Timeouts {
        connect: config.homeserver.connect_timeout,
        request: config.homeserver.request_timeout,
        sync: config.homeserver.sync_timeout,
    };
    matrix.observer = observer;
    matrix.max_concurrency = config.homeserver.concurrency;
    matrix.proxy = config
        .homeserver
        .proxy
        .as_ref()
        .map(|proxy| proxy.to_string().into());
    matrix.danger_allow_plain_http = config.homeserver.danger_allow_plain_http;
    if let Some(path) = &config.homeserver.ca_file {
        matrix.extra_ca = Some(read_file(path.clone()).await?);
    }
    let backend = MatrixBackend::connect(matrix).await?;
    let identity = backend.whoami().await?;
    match config.homeserver.credentials.user() {
        Some(configured) if configured != identity.user_id => Err(SetupError::OtherAccount {
            configured: configured.to_owned(),
            actual: identity.user_id,
        }),
        _ => Ok((backend, identity)),
    }
}

/// The credentials in the adapter's terms; for a password with the place where the session is kept.
async fn credentials(config: &Config) -> Result<inviter_matrix::Credentials, SetupError> {
    let (user, password) = match &config.homeserver.credentials {
        Credentials::AccessToken { token, .. } => {
            return Ok(inviter_matrix::Credentials::Token(token.clone()));
        }
        Credentials::Password { user, password } => (user, password),
    };
    let dir = account_dir(&config.state_dir, user);
    let session = dir.join(SESSION_FILE);
    let created = blocking::run({
        let dir = dir.clone();
        move || create_private(&dir)
    });
    file_result(&dir, created.await)?;
    Ok(inviter_matrix::Credentials::Password {
        user: user.to_string(),
        password: password.clone(),
        store: Arc::new(FileSessionStore::new(session)),
    })
}

async fn read_file(path: PathBuf) -> Result<Vec<u8>, SetupError> {
    let read = blocking::run({
        let path = path.clone();
        move || bounded_file::read(&path, bounded_file::CERTIFICATES)
    });
    file_result(&path, read.await)
}

fn file_result<T>(path: &Path, result: Option<io::Result<T>>) -> Result<T, SetupError> {
    let interrupted = || Err(io::Error::from(io::ErrorKind::Interrupted));
    result
        .unwrap_or_else(interrupted)
        .map_err(|source| SetupError::File {
            path: path.to_owned(),
            source,
        })
}

/// A configuration could not be connected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The homeserver.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The memory of earlier runs.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file or directory that the configuration names.
    #[error(
        "{}: cannot be used ({source}); correct the path in the configuration, or let the bot's user use it",
        path.display()
    )]
    File {
        /// Which.
        path: PathBuf,
        /// What the file system says.
        source: io::Error,
    },
    /// The credentials are for another account than the configured one.
    #[error(
        "{configured}: the access token belongs to {actual}; give a token of {configured}, or correct `user` in \
         [homeserver]"
    )]
    OtherAccount {
        /// `user` of the configuration.
        configured: OwnedUserId,
        /// Whose the credentials are.
        actual: OwnedUserId,
    },
}
