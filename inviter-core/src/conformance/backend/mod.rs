//! What every [`RoomBackend`] has to pass.

mod adding;
mod aliases;
mod creation;
mod levels;
mod observing;
mod people;
mod settings;
mod stage;

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use ruma_common::{OwnedRoomAliasId, OwnedUserId, RoomId, UserId};
use serde_json::Value;

use self::stage::Stage;
use super::{CheckOutcome, Verdict};
use crate::{
    backend::RoomBackend,
    memory::{Refusal, UserOp, UserOpOutcome},
};

/// Makes worlds to check a [`RoomBackend`] in.
#[async_trait]
pub trait BackendHarness: Debug + Send + Sync {
    /// A world in which nothing has happened to this bot yet: no room, no invitation, no alias of its own. Several
    /// worlds may share one homeserver, each with users of its own.
    ///
    /// # Errors
    /// One sentence; the check then counts as failed.
    async fn fresh(&self) -> Result<Box<dyn BackendWorld>, String>;
}

/// A homeserver with a bot on it, and other people for the bot to meet.
#[async_trait]
pub trait BackendWorld: Debug + Send + Sync {
    /// What is checked.
    fn backend(&self) -> Arc<dyn RoomBackend>;

    /// The account that the backend acts as.
    fn bot(&self) -> OwnedUserId;

    /// An alias of the homeserver that no other world uses. Different localparts give different aliases.
    fn alias(&self, localpart: &str) -> OwnedRoomAliasId;

    /// A person of the homeserver, the same for the same name; registered if need be.
    ///
    /// # Errors
    /// One sentence.
    async fn user(&self, name: &str) -> Result<OwnedUserId, String>;

    /// Acts as a person, or as the bot behind the backend's back.
    ///
    /// # Errors
    /// The homeserver's refusal.
    async fn act(&self, user: &UserId, op: UserOp) -> Result<UserOpOutcome, Refusal>;

    /// The content of a state event, read as a member of the room; `None` if there is none.
    ///
    /// # Errors
    /// The homeserver's refusal.
    async fn content(
        &self,
        user: &UserId,
        room: &RoomId,
        kind: &str,
        key: &str,
    ) -> Result<Option<Value>, Refusal>;

    /// Puts a member event without a membership into the room, and says whether that was possible.
    async fn spoil_member(&self, room: &RoomId, user: &UserId) -> bool {
        let _ = (room, user);
        false
    }

    /// Whether the bot may ask the homeserver which accounts exist.
    fn knows_accounts(&self) -> bool {
        false
    }
}

type Checked<T = ()> = Result<T, Verdict>;
type Check = for<'a> fn(&'a Stage<'a>) -> BoxFuture<'a, Checked>;

/// The names of all checks, in the order in which they run.
pub fn names() -> Vec<&'static str> {
    checks().map(|(name, _)| name).collect()
}

/// Runs every check, each in a world of its own.
pub async fn run(harness: &dyn BackendHarness) -> Vec<CheckOutcome> {
    let mut outcomes = Vec::new();
    for (name, check) in checks() {
        let verdict = one(harness, check).await;
        outcomes.push(CheckOutcome { name, verdict });
    }
    outcomes
}

/// Runs one check; `None` if there is none of this name.
pub async fn run_one(harness: &dyn BackendHarness, name: &str) -> Option<CheckOutcome> {
    let (name, check) = checks().find(|(known, _)| *known == name)?;
    let verdict = one(harness, check).await;
    Some(CheckOutcome { name, verdict })
}

async fn one(harness: &dyn BackendHarness, check: Check) -> Verdict {
    match harness.fresh().await {
        Err(why) => Verdict::Failed(format!("no world to check in: {why}")),
        Ok(world) => match check(&Stage::new(&*world)).await {
            Ok(()) => Verdict::Passed,
            Err(verdict) => verdict,
        },
    }
}

fn checks() -> impl Iterator<Item = (&'static str, Check)> {
    [
        aliases::CHECKS,
        creation::CHECKS,
        observing::CHECKS,
        people::CHECKS,
        adding::CHECKS,
        levels::CHECKS,
        settings::CHECKS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

impl From<crate::backend::BackendError> for Verdict {
    fn from(error: crate::backend::BackendError) -> Self {
        Self::Failed(format!("the backend failed ({:?}): {error}", error.kind))
    }
}

impl From<Refusal> for Verdict {
    fn from(refusal: Refusal) -> Self {
        Self::Failed(format!("a user's request was refused: {refusal}"))
    }
}

/// Fails the check unless something holds.
fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Checked {
    if holds {
        Ok(())
    } else {
        Err(Verdict::Failed(otherwise()))
    }
}

/// Fails the check unless two values are equal.
fn equal<T: PartialEq + Debug>(what: &str, found: &T, wanted: &T) -> Checked {
    ensure(found == wanted, || {
        format!("{what}: found {found:?}, wanted {wanted:?}")
    })
}
