//! What a decision rests on besides the room's state, kept so that the same can be decided again just before it is
//! done.

use std::collections::BTreeMap;

use ruma_common::OwnedRoomId;

use super::{Decision, Naming, Request, Scene, Wanted, decide};
use crate::{
    backend::{AccountState, Identity},
    desired::{Desired, DesiredRoom, SourceOutcome},
    plan::{PlanContext, RoomStatus, Roster, plan_room},
    policy::Policy,
    recall::{Memory, Pause},
    reconcile::RunError,
    room::{Binding, RoomRef, RoomState},
    time::Timestamp,
};

/// All of it, as of one moment.
#[derive(Debug, Clone)]
pub(crate) struct Ground {
    /// When it was looked at.
    pub(crate) at: Timestamp,
    /// What was asked for.
    pub(crate) request: Request,
    /// The room.
    pub(crate) id: OwnedRoomId,
    /// The bot.
    pub(crate) identity: Identity,
    /// What the directories want, united by room.
    pub(crate) desired: Desired,
    /// See [`Scene::naming`].
    pub(crate) naming: Vec<Naming>,
    /// See [`Scene::account`].
    pub(crate) account: AccountState,
    /// The pause that holds for the room, by its names or because a paused room's alias leads there.
    pub(crate) paused: Option<Pause>,
    /// What earlier runs saw and did.
    pub(crate) memory: Memory,
    /// The administrator's decisions.
    pub(crate) policy: Policy,
}

impl Ground {
    /// Decides about the request with the room in this state.
    pub(crate) fn decide(&self, state: &RoomState) -> Decision {
        let bound = Binding::Bound(self.id.clone());
        let named = &self.request.room;
        let mut rooms = self.desired.rooms.iter();
        let room = rooms.find(|wanted| wanted.binding == bound || wanted.refs.contains(named));
        let wanted = match room {
            Some(_) => Wanted::Yes,
            None => match unread(&self.desired, SourceOutcome::is_complete) {
                unread if unread.is_empty() => Wanted::No,
                unread => Wanted::Unknown(unread),
            },
        };
        let unmanaged = self.unmanaged(room, state);
        let scene = Scene {
            room: named,
            state,
            unmanaged: unmanaged.as_deref(),
            naming: &self.naming,
            unread: &unread(&self.desired, |source| source.listing.is_some()),
            wanted: &wanted,
            account: self.account,
            remembered: self.memory.knows(&self.id).then_some(&self.id),
            policy: &self.policy,
            bot: &self.identity.user_id,
        };
        decide(&self.request.wish, &scene)
    }

    /// Why the room is not managed, if it is not.
    fn unmanaged(&self, wanted: Option<&DesiredRoom>, state: &RoomState) -> Option<String> {
        let (room, memory) = (&self.request.room, &self.memory);
        let Some(wanted) = wanted else {
            return Some(not_wanted(room, &self.desired));
        };
        if !wanted.in_scope
            || !self
                .policy
                .scope
                .has_followed_room(&wanted.refs, &wanted.binding, &memory.successors)
        {
            return Some(RunError::OutOfScope(room.clone()).to_string());
        }
        match memory
            .pause_of(&wanted.refs, &wanted.binding)
            .or_else(|| self.paused.clone())
        {
            None => {}
            Some(Pause::Everything) => {
                return Some(format!(
                    "everything is paused, so nothing is done in {room}; `inviter resume --all` goes on"
                ));
            }
            Some(Pause::Room(paused)) => {
                return Some(format!(
                    "{room} is paused, so nothing is done in it; `inviter resume '{paused}'` goes on"
                ));
            }
        }
        let bot = &self.identity.user_id;
        let cx = PlanContext {
            desired: &self.desired,
            policy: &self.policy,
            bot,
            roster: &Roster::new(&self.desired, &self.policy, bot),
            memory,
            listings: &BTreeMap::new(),
            brought: None,
            now: self.at,
        };
        let plan = plan_room(wanted, state, &cx);
        match plan.status {
            RoomStatus::Managed => None,
            RoomStatus::Invited if !plan.actions.is_empty() => Some(format!(
                "{room}: the bot is invited; the next sync accepts that, so run it first"
            )),
            _ => {
                let why = plan.findings.first().map(ToString::to_string);
                Some(why.unwrap_or_else(|| format!("{room} cannot be managed; `inviter check` says why")))
            }
        }
    }
}

fn not_wanted(room: &RoomRef, desired: &Desired) -> String {
    let unread = unread(desired, SourceOutcome::is_complete);
    if unread.is_empty() {
        format!(
            "{room} is not a managed room, since no group and nothing in the configuration stands for it; `inviter \
             managed` lists those that are"
        )
    } else {
        format!(
            "whether {room} is a managed room is not known, because {} could not be read completely; try again when it \
             can be",
            unread.join(", ")
        )
    }
}

/// The directories that were not read well enough.
fn unread(desired: &Desired, enough: impl Fn(&SourceOutcome) -> bool) -> Vec<String> {
    let unread = desired.sources.iter().filter(|source| !enough(source));
    unread
        .map(|source| format!("directory {}", source.provider))
        .collect()
}
