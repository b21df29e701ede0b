//! Tenants of Microsoft Entra ID as directories, on an emulator of Microsoft Graph: an ordinary life, every way to log
//! in, and every way in which Graph can go wrong.
//!
//! What is to be in the rooms is worked out from the harness's `Directory`, of which the tenants are made, too.

mod bad_input;
mod both;
mod check;
mod credentials;
mod emptied;
mod faults;
mod gateway;
mod life;
mod reach;
mod rights;
mod secrets;
pub(crate) mod tenancy;
mod town;
mod trial;
mod unread;
