//! Random organisations, random rooms and random faults, taken through inviter; `tests/faults.sh` calls it.
//!
//! [`simulate`] does it in memory by the thousand, [`homeserver`] against the real Synapse, and [`table`] makes
//! the table of the documentation. Each knows by a model of its own who must go, who may and who may not.

#[cfg(feature = "servers")]
pub mod homeserver;
pub mod simulate;
#[cfg(feature = "servers")]
pub mod table;
