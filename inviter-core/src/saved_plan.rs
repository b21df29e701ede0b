//! [`SavedPlan`]: a plan in a file that a person goes through, and that is applied later, as far as it still holds.
//!
//! What a file says can only take away: a plan is made afresh when it is applied, and the rooms that are to come to
//! nothing but what the file has for them are kept ([`Draft::restricted_to`](crate::reconcile::Draft::restricted_to)). So
//! nothing that somebody has written into such a file is ever done for that reason alone.

mod action;
mod compare;
mod head;
mod in_the_way;
mod text;

use ruma_common::{OwnedRoomId, OwnedServerName, OwnedUserId, UserId};
use serde::{Deserialize, Serialize};

pub(crate) use self::compare::index;
pub use self::{
    action::{SavedAction, SavedGroup, SavedWhy},
    compare::{Comparison, Difference, Rest, RoomComparison, Standing},
    head::{SavedPatterns, SavedScope},
    text::SavedPlanError,
};
use crate::{
    action::RoomTarget,
    guard::GuardedRoom,
    reconcile::{Draft, RunOptions},
    room::RoomRef,
    scope::Scope,
};

/// The form that is written here; greater ones are refused.
pub const FORMAT: u32 = 1;
/// The longest file that is written or read, in bytes.
pub const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// How every file begins, as it is written here.
pub const BEGINS: &str = "{\n  \"kind\": \"inviter_plan\",\n";

/// Who has made a plan and when, as the file tells people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The version of the program.
    pub program: String,
    /// The time, as people read it. Nothing depends on it.
    pub at: String,
}

/// A plan as it is saved: what a person is shown of it, and nothing that is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedPlan {
    /// Always `inviter_plan`.
    kind: Kind,
    /// [`FORMAT`].
    format: u32,
    /// The version of the program that has written it.
    pub program: String,
    /// When it was planned, for people.
    pub planned: String,
    /// The server of the account.
    pub homeserver: OwnedServerName,
    /// The bot.
    pub account: OwnedUserId,
    /// The `[scope]` of the configuration that it was planned under.
    pub configured_scope: SavedScope,
    /// Only these rooms were asked for; all if empty.
    #[serde(with = "text::room_refs")]
    pub asked_rooms: Vec<RoomRef>,
    /// Only the rooms that these arguments make were asked for; all if empty.
    pub asked_arguments: Vec<String>,
    /// Only what is in this scope was asked for.
    pub asked_scope: SavedScope,
    /// The rooms in which something is to be done.
    pub rooms: Vec<SavedRoom>,
}

/// The one kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    #[serde(rename = "inviter_plan")]
    Plan,
}

/// One room of a saved plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedRoom {
    /// The reference by which the room is named.
    #[serde(with = "text::room_ref")]
    pub room: RoomRef,
    /// All references.
    #[serde(with = "text::room_refs")]
    pub refs: Vec<RoomRef>,
    /// The room; none if it is to be created.
    pub room_id: Option<OwnedRoomId>,
    /// What is to be done, in this order.
    pub actions: Vec<SavedAction>,
}

impl SavedPlan {
    /// What of a plan is saved. `options` are those that it was planned with, `configured` is the scope of the policy.
    pub fn of(draft: &Draft, options: &RunOptions, configured: &Scope, made: Made) -> Self {
        let rooms = draft.plan.rooms().iter();
        let rooms = rooms.filter(|room| !room.actions().is_empty());
        Self {
            kind: Kind::Plan,
            format: FORMAT,
            program: made.program,
            planned: made.at,
            homeserver: draft.identity.user_id.server_name().to_owned(),
            account: draft.identity.user_id.clone(),
            configured_scope: SavedScope::of(configured),
            asked_rooms: options.rooms.iter().cloned().collect(),
            asked_arguments: options.arguments.iter().map(ToString::to_string).collect(),
            asked_scope: SavedScope::of(&options.scope),
            rooms: rooms.map(SavedRoom::of).collect(),
        }
    }

    /// The options of a person's own run over what this plan is about.
    ///
    /// # Errors
    /// An argument or a pattern that cannot be understood; [`parse`](Self::parse) has refused such a plan already.
    pub fn options(&self) -> Result<RunOptions, SavedPlanError> {
        let mut options = RunOptions::by_person();
        options.rooms = self.asked_rooms.iter().cloned().collect();
        options.arguments = self.arguments()?.into_iter().collect();
        options.scope = self.asked_scope.scope()?;
        // They were rooms when the plan was saved.
        options.names_may_be_gone = true;
        Ok(options)
    }

    /// Whether the plan was made for this account, under this scope of the policy.
    ///
    /// # Errors
    /// [`SavedPlanError::OtherHomeserver`], [`SavedPlanError::OtherAccount`] or [`SavedPlanError::OtherScope`].
    pub fn check(&self, account: &UserId, configured: &Scope) -> Result<(), SavedPlanError> {
        if self.homeserver != account.server_name() {
            return Err(SavedPlanError::OtherHomeserver {
                of: self.homeserver.clone(),
                ours: account.server_name().to_owned(),
            });
        }
        if self.account != account {
            return Err(SavedPlanError::OtherAccount {
                of: self.account.clone(),
                ours: account.to_owned(),
            });
        }
        if self.configured_scope != SavedScope::of(configured) {
            return Err(SavedPlanError::OtherScope);
        }
        Ok(())
    }

    /// How many actions there are in it.
    pub fn actions(&self) -> usize {
        self.rooms.iter().map(|room| room.actions.len()).sum()
    }

    /// How many of them are held.
    pub fn held(&self) -> usize {
        let actions = self.rooms.iter().flat_map(|room| &room.actions);
        actions.filter(|action| !action.held.is_empty()).count()
    }
}

impl SavedRoom {
    fn of(room: &GuardedRoom) -> Self {
        let plan = room.plan();
        let actions = room.actions().iter();
        Self {
            room: plan.room.clone(),
            refs: plan.refs.clone(),
            room_id: match &plan.target {
                Some(RoomTarget::Existing(id)) => Some(id.clone()),
                Some(RoomTarget::New(_)) | None => None,
            },
            actions: actions
                .map(|guarded| SavedAction::guarded(guarded, &plan.feeds))
                .collect(),
        }
    }

    /// Everything that names the room.
    pub(crate) fn names(&self) -> impl Iterator<Item = RoomRef> {
        let id = self.room_id.clone().map(RoomRef::Id);
        let names = self.refs.iter().cloned().chain([self.room.clone()]).chain(id);
        let names: std::collections::BTreeSet<RoomRef> = names.collect();
        names.into_iter()
    }
}

#[cfg(test)]
mod tests;
