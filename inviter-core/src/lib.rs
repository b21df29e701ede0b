//! The core of inviter: the model, the two traits, and the stages between them.
//!
//! Data goes one way: an [`IdentityProvider`] is read, [`resolve`](resolve::resolve) turns its groups into
//! desired rooms, [`plan`](plan::plan_room) compares each with the room as the homeserver has it,
//! [`guard`](guard::guard) marks what may be removed, and [`apply`](apply::apply) runs what is allowed through a
//! [`RoomBackend`]. [`Reconciler`](reconcile::Reconciler) is that chain as one object.
//!
//! Everything but the two traits' implementations is pure: no clock, no randomness, no environment and no
//! runtime. What a stage needs comes in as an argument.

pub mod action;
pub mod apply;
pub mod backend;
mod beginning;
pub mod by_hand;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod decode;
pub mod desired;
pub mod directory;
pub mod estimate;
pub mod evidence;
pub mod explain;
pub mod finding;
pub mod ghosts;
pub mod guard;
pub mod harmful;
pub mod levels;
pub mod memory;
pub mod mint;
pub mod patterns;
pub mod plan;
pub mod policy;
pub mod provider;
pub mod quarantine;
pub mod reason;
pub mod recall;
pub mod reconcile;
pub mod remedy;
pub mod report;
pub mod resolve;
pub mod rights;
pub mod room;
pub mod room_rules;
pub mod room_template;
pub mod runs;
pub mod saved_plan;
pub mod scope;
pub mod server;
pub mod succession;
pub mod time;
pub mod unite;

pub use backend::RoomBackend;
pub use provider::IdentityProvider;
/// The identifier types that appear in this crate's interface; the rest of ruma does not.
pub use ruma_common::{
    EventId, OwnedEventId, OwnedRoomAliasId, OwnedRoomId, OwnedServerName, OwnedUserId, RoomAliasId, RoomId,
    RoomVersionId, ServerName, UserId,
};
