//! The operations, one in a file: its arguments, what it does, and its answer.
//!
//! All of them work on what a frontend has connected already. None prints, waits for a lock or watches for an
//! interruption: that differs between a command that ends and a bot that stays.

pub mod adopt;
pub mod by_hand;
pub mod check;
pub mod explain;
pub mod idp;
pub mod joined;
pub mod managed;
pub mod pause;
pub mod plan;
pub mod release;
pub mod resume;
pub mod saved;
pub mod status;
pub mod sync;
