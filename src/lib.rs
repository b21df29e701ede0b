//! Makes the membership of Matrix rooms follow the groups of a directory: the library for services that want this
//! built in.
//!
//! # With a configuration file
//!
//! [`Config::load`] checks a file and tells all that is wrong with it, [`Setup::connect`] connects what it
//! describes, and [`Reconciler`] does the work:
//!
//! ```no_run
//! # #[cfg(feature = "sqlite")]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use inviter::{Config, RunOptions, Setup};
//!
//! // The library never reads the environment by itself; it is handed in.
//! let environment = |name: &str| std::env::var(name).ok();
//! let config = Config::load("inviter.toml".as_ref(), &environment)?;
//! let setup = Setup::connect(&config).await?;
//! // One run at a time for each account, whichever process it is in.
//! let _lock = setup.lock()?;
//! let report = setup.reconciler.sync(&RunOptions::by_person()).await?;
//! # drop(report);
//! # Ok(())
//! # }
//! ```
//!
//! # From parts
//!
//! Every part can be another: an own [`IdentityProvider`], another [`MemoryStore`], or everything in memory, as in
//! the tests of a service that embeds this:
//!
//! ```
//! # futures_executor::block_on(async {
//! use std::sync::Arc;
//!
//! use inviter::{
//!     Config, RunOptions, Setup,
//!     core::{
//!         RoomBackend, ServerName,
//!         memory::{InMemoryHomeserver, InMemoryStore},
//!     },
//! };
//!
//! let dir = tempfile::tempdir()?;
//! std::fs::write(
//!     dir.path().join("people.toml"),
//!     r##"
//!     people = [{ id = "alice" }, { id = "bob" }]
//!     groups = [{ name = "MTRX #staff:example.com", members = ["alice", "bob"], owners = ["alice"] }]
//!     "##,
//! )?;
//! let config = Config::parse(
//!     r#"
//!     [homeserver]
//!     url = "https://matrix.example.com"
//!     access_token_env = "TOKEN"
//!     [[directory]]
//!     name = "people"
//!     kind = "file"
//!     path = "people.toml"
//!     [state]
//!     dir = "state"
//!     "#,
//!     &dir.path().join("inviter.toml"),
//!     &|_: &str| Some("not used here".to_owned()),
//! )?;
//!
//! let homeserver = InMemoryHomeserver::new(ServerName::parse("example.com")?);
//! let bot = homeserver.register("inviter")?;
//! let backend = Arc::new(homeserver.backend(bot));
//! let store = Arc::new(InMemoryStore::default());
//! let setup = Setup::assemble(&config, backend.whoami().await?, backend, store);
//!
//! // Asks, and changes nothing:
//! let draft = setup.reconciler.plan(&RunOptions::by_person()).await?;
//! assert!(!draft.plan.is_empty());
//! // Creates the room, invites Alice and Bob, and makes Alice a moderator:
//! setup.reconciler.sync(&RunOptions::by_person()).await?;
//! assert!(setup.reconciler.plan(&RunOptions::by_person()).await?.plan.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Features
//!
//! - `sqlite` (on by default): [`SqliteStore`], the memory of earlier runs in a file, and `Setup::connect`, which
//!   uses it. Without it, bring a [`MemoryStore`] of your own to [`Setup::connect_with_store`].
//! - `ldap`: LDAP servers as directories, in [`ldap`], and `kind = "ldap"` in configurations.
//! - `azure`: Microsoft Entra tenants as directories, in [`azure`], and `kind = "entra"` in configurations.
//! - `mocks`: mockall mocks of the two traits, in [`core::provider`] and [`core::backend`].
//! - `conformance`: `core::conformance`, the suites that every implementation of the two traits has to pass.

mod blocking;
mod bounded_file;
pub mod config;
pub mod directory_file;
mod document;
pub mod file_access;
pub mod run_lock;
#[cfg(feature = "sqlite")]
pub mod sqlite_store;
pub mod state_dir;
mod system_clock;
pub mod wiring;

#[cfg(feature = "azure")]
pub use inviter_azure as azure;
pub use inviter_core as core;
pub use inviter_core::{
    IdentityProvider, RoomBackend,
    guard::{Limits, ReleaseCode, Trigger},
    policy::Policy,
    recall::MemoryStore,
    reconcile::{Reconciler, RunError, RunOptions},
    report::Report,
};
#[cfg(feature = "ldap")]
pub use inviter_ldap as ldap;
pub use inviter_matrix as matrix;

pub use config::{Config, ConfigErrors, Environment};
pub use directory_file::FileDirectory;
pub use run_lock::RunLock;
#[cfg(feature = "sqlite")]
pub use sqlite_store::SqliteStore;
pub use system_clock::SystemClock;
pub use wiring::{Setup, SetupError};
