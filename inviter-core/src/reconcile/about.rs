//! [`About`]: which of all the desired rooms one run is about.

use std::collections::{BTreeMap, BTreeSet};

use ruma_common::{OwnedRoomAliasId, OwnedRoomId, RoomId};

use super::{RunError, RunOptions};
use crate::{
    desired::{Desired, DesiredRoom, FeedRole},
    directory::Gap,
    policy::Policy,
    recall::Memory,
    room::{Binding, RoomRef},
    room_rules::RoomSpec,
    room_template::Argument,
    runs::RunCause,
    succession::Successors,
};

/// What a run is about, worked out from the configuration, its options, and what was paused.
#[derive(Debug)]
pub(super) struct About {
    /// The policy with the scope of the run, and with every argument that is known.
    pub(super) policy: Policy,
    rooms: BTreeSet<RoomRef>,
    /// Whether a name that is none, or lies outside the scope, ends the run before it begins.
    names_must_fit: bool,
    /// The rooms of the arguments that the run was given, if it was given any.
    of_arguments: Option<BTreeSet<RoomRef>>,
    /// Rooms of arguments that only other runs were given, with the groups that those rooms are made of.
    of_others: BTreeMap<RoomRef, RoomSpec>,
}

impl About {
    pub(super) fn new(policy: &Policy, options: &RunOptions, memory: &Memory) -> Result<Self, RunError> {
        let mut policy = policy.clone();
        policy.scope = policy.scope.and(options.scope.clone());
        let mut of_arguments = BTreeSet::new();
        let mut of_others = BTreeMap::new();
        for argument in &options.arguments {
            of_arguments.extend(rooms_of(&policy, argument)?);
        }
        let known = memory.arguments.iter().chain(&options.arguments);
        let known: BTreeSet<&Argument> = known.collect();
        for template in &mut policy.templates {
            for argument in &known {
                // What does not fit any more made a room when the configuration was another.
                if template.arguments.contains(argument) {
                    continue;
                }
                let Ok(spec) = template.expand(argument) else {
                    continue;
                };
                if !options.arguments.contains(argument) {
                    of_others.insert(spec.room.clone(), spec);
                }
                template.arguments.push((*argument).clone());
            }
        }
        Ok(Self {
            policy,
            rooms: options.rooms.clone(),
            // Nobody has named them: they are rooms that something has changed in, and the others of them are to be
            // put right even if one is wanted no more, or is not known to be wanted just now.
            names_must_fit: options.cause != RunCause::Drift && !options.names_may_be_gone,
            of_arguments: (!options.arguments.is_empty()).then_some(of_arguments),
            of_others,
        })
    }

    /// Whether the run is about a room, as far as its binding is known.
    pub(super) fn includes(&self, room: &DesiredRoom, successors: &Successors) -> bool {
        self.is_inside(room, successors) && self.asks_for(room, successors)
    }

    fn is_inside(&self, room: &DesiredRoom, successors: &Successors) -> bool {
        let scope = &self.policy.scope;
        room.in_scope && scope.has_followed_room(&room.refs, &room.binding, successors)
    }

    /// Whether the run may turn out to be about a room that is not bound yet.
    pub(super) fn may_include(&self, room: &DesiredRoom, successors: &Successors) -> bool {
        let by_id = |wanted: &RoomRef| matches!(wanted, RoomRef::Id(_)) && !room.refs.contains(wanted);
        room.in_scope
            && self.policy.scope.may_have_room(room)
            && (self.asks_for(room, successors) || self.rooms.iter().any(by_id))
    }

    /// By the options, whatever the scope.
    fn asks_for(&self, room: &DesiredRoom, successors: &Successors) -> bool {
        let named = self.rooms.iter().any(|name| is_named(room, name, successors));
        (self.rooms.is_empty() || named)
            && match &self.of_arguments {
                Some(asked) => room.refs.iter().any(|r| asked.contains(r)),
                // Whoever names a room means it, whichever argument made it.
                None => named || !self.is_of_others(room),
            }
    }

    /// Whether only an argument of other runs makes the room: no other entry, and no group by its name.
    fn is_of_others(&self, room: &DesiredRoom) -> bool {
        let listed = |name: &str| {
            let specs = room.refs.iter().filter_map(|r| self.of_others.get(r));
            let mut groups = specs.flat_map(|spec| &spec.groups);
            groups.any(|group| group.group.as_str() == name)
        };
        let mut feeds = room.feeds.iter().filter(|feed| feed.role == FeedRole::Members);
        room.refs.iter().all(|r| self.of_others.contains_key(r))
            && feeds.all(|feed| listed(&feed.group.name) || listed(feed.group.key.as_str()))
    }

    /// Refuses rooms that were named and are none, or lie outside the scope.
    ///
    /// Those of a run that [drift](RunCause::Drift) has started are not refused: there is nobody to correct them.
    /// With an alias that is named, the room may be named that it leads to and is not reckoned to lead to
    /// (`elsewhere`).
    pub(super) fn check_names(
        &self,
        united: &Desired,
        successors: &Successors,
        elsewhere: &BTreeMap<OwnedRoomAliasId, OwnedRoomId>,
    ) -> Result<(), RunError> {
        if !self.names_must_fit {
            return Ok(());
        }
        let is_end = |id: &OwnedRoomId, name: &RoomRef| matches!(name, RoomRef::Alias(alias) if elsewhere.get(alias) == Some(id));
        for wanted in &self.rooms {
            if let RoomRef::Id(id) = wanted
                && self.rooms.iter().any(|name| is_end(id, name))
            {
                continue;
            }
            let is_wanted = |room: &&DesiredRoom| is_named(room, wanted, successors);
            match united.rooms.iter().find(is_wanted) {
                None => return Err(RunError::NoSuchRoom(wanted.clone())),
                Some(room) if !self.is_inside(room, successors) => {
                    return Err(RunError::OutOfScope(wanted.clone()));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// The room of an alias outside the scope can be one inside: its people are then left as they are there, and
    /// nobody is brought in by it. Answers with those rooms, which are desired no more.
    pub(super) fn keep_apart(
        &self,
        desired: &mut Desired,
        bindings: &BTreeMap<OwnedRoomAliasId, Binding>,
        successors: &Successors,
    ) -> Vec<DesiredRoom> {
        if self.policy.scope.groups.is_everything() {
            return Vec::new();
        }
        let leads_to = |room: &DesiredRoom| -> Option<OwnedRoomId> {
            room.refs.iter().find_map(|r| match r {
                RoomRef::Id(id) => Some(successors.current(id).to_owned()),
                RoomRef::Alias(alias) => match bindings.get(alias)? {
                    Binding::Bound(id) => Some(successors.current(id).to_owned()),
                    Binding::Missing | Binding::Unknown(_) => None,
                },
            })
        };
        let inside: BTreeSet<OwnedRoomId> = desired
            .rooms
            .iter()
            .filter(|room| room.in_scope)
            .filter_map(leads_to)
            .collect();
        let is_both =
            |room: &DesiredRoom| !room.in_scope && leads_to(room).is_some_and(|id| inside.contains(&id));
        let (both, mut rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut desired.rooms).into_iter().partition(is_both);
        for left_out in &both {
            let id = leads_to(left_out);
            let name = left_out.refs.first().map(ToString::to_string).unwrap_or_default();
            for room in rest
                .iter_mut()
                .filter(|room| room.in_scope && leads_to(room) == id)
            {
                let gap = Gap {
                    what: format!("{name}, which leads to this room"),
                    why: "it is outside the configured scope".to_owned(),
                };
                room.members.add(gap.clone());
                room.owners.add(gap);
            }
        }
        desired.rooms = rest;
        both
    }
}

/// Whether this is a name of the room: one of its references, its ID, or that of a room whose place it has taken.
fn is_named(room: &DesiredRoom, name: &RoomRef, successors: &Successors) -> bool {
    let is_its_id =
        |id: &RoomId| matches!(&room.binding, Binding::Bound(bound) if *bound == *successors.current(id));
    room.refs.contains(name) || matches!(name, RoomRef::Id(id) if is_its_id(id))
}

fn rooms_of(policy: &Policy, argument: &Argument) -> Result<BTreeSet<RoomRef>, RunError> {
    let fitting: Vec<_> = policy.templates.iter().filter(|t| t.takes(argument)).collect();
    if fitting.is_empty() {
        let values = argument.values().len();
        let why = if policy.templates.is_empty() {
            "no [[room]] of the configuration has a placeholder such as <1>".to_owned()
        } else {
            format!("no [[room]] of the configuration takes {values} values")
        };
        return Err(RunError::Argument(format!(
            "the argument `{argument}` fits no room: {why}"
        )));
    }
    let specs = fitting.iter().map(|template| template.expand(argument));
    let rooms: Result<BTreeSet<RoomRef>, String> = specs.map(|spec| Ok(spec?.room)).collect();
    rooms.map_err(|why| RunError::Argument(format!("the argument {why}")))
}
