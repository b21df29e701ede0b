//! Wishes of a person about one room: read it, decide, do it.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::StreamExt;
use ruma_common::{OwnedRoomAliasId, OwnedRoomId, OwnedUserId};

use super::{Reconciler, RunError, RunOptions, about::About, questions::bind};
use crate::{
    RoomBackend,
    action::{Op, RoomTarget},
    backend::{Effect, Identity, Observe, ReadOnly},
    by_hand::{Considered, Decision, Refusal, RefusalKind, Request, Scene, Wanted, WishReport, decide},
    desired::{Desired, DesiredRoom, SourceOutcome},
    levels::LevelSlot,
    plan::{RoomStatus, Roster, plan_room},
    recall::{Memory, MemoryChange, Pause, RememberedAlias},
    report::Outcome,
    resolve::resolve,
    room::{Binding, Cause, RoomRef, RoomState},
    time::Timestamp,
    unite::unite,
};

impl Reconciler {
    /// Decides about a person's wish. Sends no writing request, and remembers nothing.
    pub async fn consider(&self, request: &Request) -> Result<Considered, RunError> {
        let backend = ReadOnly(Arc::clone(&self.backend));
        let identity = backend.whoami().await?;
        let now = self.clock.now();
        let memory = self.store.recall().await?.into_memory();
        let about = About::new(&self.policy, &RunOptions::default(), &memory)?;
        let mut resolved = resolve(&self.read_groups(&about.policy.scope.groups).await, &about.policy);
        let mut learned = Vec::new();
        let mut bindings = bind(&backend, &resolved, &about, &memory, now, &mut learned)
            .await
            .all;
        let room = &request.room;
        let binding = match room {
            RoomRef::Id(id) => Binding::Bound(id.clone()),
            RoomRef::Alias(alias) => backend.resolve_alias(alias).await,
        };
        if let RoomRef::Alias(alias) = room {
            if let (Binding::Bound(id), true) = (&binding, bindings.contains_key(alias)) {
                let remembered = RememberedAlias {
                    room: id.clone(),
                    asked: now,
                };
                learned.push(MemoryChange::Alias(alias.clone(), remembered));
            }
            bindings.insert(alias.clone(), binding.clone());
        }
        let mut considered = Considered {
            room: room.clone(),
            room_id: None,
            bot: identity.user_id.clone(),
            decision: Decision::refused(Refusal {
                kind: RefusalKind::Unknown,
                message: String::new(),
            }),
            learned,
            given: Vec::new(),
        };
        let id = match binding {
            Binding::Bound(id) => id,
            Binding::Missing | Binding::Unknown(_) => {
                considered.decision = Decision::refused(nowhere(room, &binding, &resolved, &memory));
                return Ok(considered);
            }
        };
        let state = self.state_of(&backend, &id).await?;
        let fixed = fixed(&resolved, &bindings, &memory, &id);
        about.keep_apart(&mut resolved, &bindings);
        let desired = unite(resolved, &bindings);
        let bound = Binding::Bound(id.clone());
        let wanted_room = desired
            .rooms
            .iter()
            .find(|wanted| wanted.binding == bound || wanted.refs.contains(room));
        let unmanaged = self.unmanaged(
            room,
            wanted_room,
            &state,
            (&desired, &about, &identity, &memory, now),
        );
        let wanted = match wanted_room {
            Some(_) => Wanted::Yes,
            None => match unread(&desired) {
                unread if unread.is_empty() => Wanted::No,
                unread => Wanted::Unknown(unread),
            },
        };
        let remembered = memory.rooms.contains_key(&id) || memory.aliases.values().any(|a| a.room == id);
        considered.decision = decide(
            &request.wish,
            &Scene {
                room,
                state: &state,
                unmanaged: unmanaged.as_deref(),
                fixed: &fixed,
                wanted: &wanted,
                remembered: remembered.then_some(&id),
                policy: &about.policy,
                bot: &identity.user_id,
            },
        );
        let given = memory.rooms.get(&id).map(|room| room.given.keys().cloned());
        considered.given = given.into_iter().flatten().collect();
        considered.room_id = Some(id);
        Ok(considered)
    }

    /// Does what was decided: one thing after another, and nothing after one that did not come about, so that the same
    /// wish can be repeated.
    pub async fn carry_out(&self, considered: Considered) -> WishReport {
        let mut report = considered.report();
        let Considered {
            room_id,
            decision,
            mut learned,
            given,
            ..
        } = considered;
        let mut stopped = false;
        for item in &mut report.items {
            let Some(id) = room_id.as_ref().filter(|_| !stopped) else {
                let because = "what comes before it was not done".to_owned();
                item.outcome = Outcome::Skipped { because };
                continue;
            };
            let op = &item.action.op;
            let result = self.backend.execute(&RoomTarget::Existing(id.clone()), op).await;
            match &result {
                Ok(effect) => tracing::info!(room = %id, ?op, ?effect, "done by hand"),
                Err(error) => tracing::warn!(room = %id, ?op, %error, "failed by hand"),
            }
            stopped = !matches!(result, Ok(Effect::Done | Effect::AlreadySo));
            if !stopped {
                learned.extend(no_longer_given(id, op, &given));
            }
            item.outcome = match &result {
                Ok(Effect::Stale(_)) => Outcome::Stale {
                    detail: "someone changed it since it was read; ask for it again".to_owned(),
                },
                result => Outcome::of(result.as_ref(), self.clock.now()),
            };
        }
        let forgotten = decision.forget.filter(|_| !stopped);
        learned.extend(forgotten.clone().map(MemoryChange::Forgotten));
        if !learned.is_empty() {
            match self.store.commit(&learned).await {
                Ok(()) => report.forgotten = forgotten.is_some(),
                Err(error) => report.errors.push(error.to_string()),
            }
        }
        report
    }

    async fn state_of(&self, backend: &dyn RoomBackend, id: &OwnedRoomId) -> Result<RoomState, RunError> {
        let mut states = backend.observe(Observe::Rooms(vec![id.clone()]));
        while let Some(observed) = states.next().await {
            let observed = observed?;
            if observed.room_id == *id {
                return Ok(observed.state);
            }
        }
        let cause = Cause::new("the homeserver says nothing about it");
        Ok(RoomState::Unknown(cause))
    }

    /// Why a room is not managed, if it is not.
    fn unmanaged(
        &self,
        room: &RoomRef,
        wanted: Option<&DesiredRoom>,
        state: &RoomState,
        (desired, about, identity, memory, now): (&Desired, &About, &Identity, &Memory, Timestamp),
    ) -> Option<String> {
        let Some(wanted) = wanted else {
            return Some(not_wanted(room, desired));
        };
        if !wanted.in_scope || !about.policy.scope.has_room(&wanted.refs, &wanted.binding) {
            return Some(RunError::OutOfScope(room.clone()).to_string());
        }
        if memory.paused.contains_key(&Pause::Everything) {
            return Some(format!(
                "everything is paused, so nothing is done in {room}; `inviter resume --all` goes on"
            ));
        }
        if memory.is_paused(&wanted.refs, &wanted.binding) {
            return Some(format!(
                "{room} is paused, so nothing is done in it; `inviter resume '{room}'` goes on"
            ));
        }
        let listings = BTreeMap::new();
        let roster = Roster::new(desired, &self.policy, &identity.user_id);
        let cx = self.context(desired, &roster, identity, memory, &listings, now);
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

/// Every other stop on the way to a room ends here.
fn nowhere(room: &RoomRef, binding: &Binding, desired: &Desired, memory: &Memory) -> Refusal {
    if let Binding::Unknown(cause) = binding {
        let message = format!("{room}: {cause}; name the room by its ID, or try again later");
        return Refusal {
            kind: RefusalKind::Unknown,
            message,
        };
    }
    let led_to = match room {
        RoomRef::Alias(alias) => memory.aliases.get(alias).map(|known| &known.room),
        RoomRef::Id(_) => None,
    };
    let message = match led_to {
        Some(id) => format!("{room} leads nowhere any more; it led to {id}, so name that if it is meant"),
        None if desired.rooms.iter().any(|wanted| wanted.refs.contains(room)) => {
            format!("{room} does not exist yet; the next sync creates it")
        }
        None => format!("{room} leads nowhere; `inviter joined` lists the rooms that the bot is in"),
    };
    Refusal {
        kind: RefusalKind::NotManaged,
        message,
    }
}

fn not_wanted(room: &RoomRef, desired: &Desired) -> String {
    let unread = unread(desired);
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

/// The directories that may want more than is known.
fn unread(desired: &Desired) -> Vec<String> {
    let unread = desired
        .sources
        .iter()
        .filter(|source| !SourceOutcome::is_complete(source));
    unread
        .map(|source| format!("directory {}", source.provider))
        .collect()
}

/// Who is named one by one for a room, by whatever leads to it. An alias that cannot be asked now counts if it led
/// there when it was last asked: whom it names must not be removed for that.
fn fixed(
    desired: &Desired,
    bindings: &BTreeMap<OwnedRoomAliasId, Binding>,
    memory: &Memory,
    id: &OwnedRoomId,
) -> Vec<(RoomRef, OwnedUserId)> {
    let leads_here = |reference: &&RoomRef| match reference {
        RoomRef::Id(named) => named == id,
        RoomRef::Alias(alias) => match bindings.get(alias) {
            Some(Binding::Bound(bound)) => bound == id,
            Some(Binding::Missing) => false,
            Some(Binding::Unknown(_)) | None => memory.aliases.get(alias).is_some_and(|a| a.room == *id),
        },
    };
    let mut fixed = Vec::new();
    for room in &desired.rooms {
        let Some(reference) = room.refs.iter().find(leads_here) else {
            continue;
        };
        let seats = room.seats.iter().filter(|seat| seat.is_fixed());
        fixed.extend(seats.map(|seat| (reference.clone(), desired.user(seat).clone())));
    }
    fixed
}

/// Levels that we gave earlier and that are taken back by this.
fn no_longer_given<'a>(
    id: &'a OwnedRoomId,
    op: &'a Op,
    given: &'a [OwnedUserId],
) -> impl Iterator<Item = MemoryChange> + 'a {
    let changes = match op {
        Op::SetLevels { changes } => &changes[..],
        _ => &[],
    };
    changes.iter().filter_map(move |change| match &change.slot {
        LevelSlot::User(user) if change.to.is_none() && given.contains(user) => {
            Some(MemoryChange::Given(id.clone(), user.clone(), None))
        }
        _ => None,
    })
}
