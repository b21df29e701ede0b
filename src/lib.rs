//! inviter
mod blocking;
pub mod config;
pub mod directory_file;
mod document;
pub mod run_lock;
#[cfg(feature = "sqlite")]
pub mod sqlite_store;
pub mod state_dir;
mod system_clock;
pub use directory_file::FileDirectory;
pub use inviter_core as core;
#[cfg(feature = "sqlite")]
pub use sqlite_store::SqliteStore;
pub use system_clock::SystemClock;
