//! What stands between the program and the world: a directory and a homeserver with which things go wrong, and which
//! look at what is asked of them.

use std::{
    future::{pending, ready},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use inviter_core::{
    IdentityProvider, OwnedRoomAliasId, OwnedUserId, RoomAliasId, RoomBackend, RoomId, UserId,
    action::{Op, RoomTarget},
    backend::{AccountState, BackendError, BackendErrorKind, Effect, Identity, Observe, Observed},
    directory::{Directory, Extent, Member, ProviderId},
    memory::{InMemoryBackend, UserOp},
    provider::{ProviderError, ReadRequest},
    room::{Binding, Cause, RoomState},
    room_rules::Listing,
    server::ServerFacts,
};
use serde_json::json;

use super::{
    names::user,
    site::{Event, Maker, Misreading, Shared, Site, Spot, Told, Unread, What, look},
};

/// A directory of the organisation.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) site: Shared,
    pub(super) index: usize,
    pub(super) id: &'static str,
    /// It calls whatever it tells complete, as no provider may.
    pub(super) boasts: bool,
}

#[async_trait]
impl IdentityProvider for Reading {
    fn id(&self) -> ProviderId {
        ProviderId::new(self.id)
    }

    async fn read(&self, _request: &ReadRequest) -> Result<Directory, ProviderError> {
        let gone = look(&self.site).tick();
        if gone {
            pending::<()>().await;
        }
        let mut site = look(&self.site);
        let told = match site.misreadings.get(&self.index).cloned() {
            Some(Misreading::Fails(kind)) => {
                site.tally.fault("directory failed");
                let failed = Told {
                    failed: true,
                    ..Told::default()
                };
                site.run.told.insert(self.index, failed);
                return Err(ProviderError::new(
                    kind,
                    self.id,
                    "made to fail by the simulation",
                ));
            }
            Some(Misreading::Partly(said)) => {
                site.tally.fault("directory incomplete");
                said
            }
            None => site.shown.sources[self.index].clone(),
        };
        let mut answer = told.answer(self.id);
        if self.boasts {
            boast(&mut answer);
        }
        let told = Told {
            failed: false,
            said: told,
        };
        site.run.told.insert(self.index, told);
        Ok(answer)
    }
}

/// Calls a half answer complete.
fn boast(answer: &mut Directory) {
    answer.listing = Extent::Complete;
    for group in &mut answer.groups {
        for part in [&mut group.members, &mut group.owners] {
            part.extent = Extent::Complete;
            part.values
                .retain(|member| !matches!(member, Member::Unresolved(_)));
        }
    }
}

/// The homeserver.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) site: Shared,
    pub(super) inner: Arc<InMemoryBackend>,
}

impl Watch {
    /// Waits for ever if the process is gone; answers what goes wrong otherwise.
    async fn meet(&self, at: Spot, safe: bool) -> Option<What> {
        let gone = look(&self.site).tick();
        if gone {
            pending::<()>().await;
        }
        if safe { None } else { look(&self.site).meet(at) }
    }

    fn failure(about: &str, what: &What) -> Option<BackendError> {
        let error = |kind: &BackendErrorKind| {
            BackendError::new(kind.clone(), about, "made to fail by the simulation")
        };
        match what {
            What::Fail(kind) => Some(error(kind)),
            What::Wait(seconds) => {
                let mut error = error(&BackendErrorKind::RateLimited);
                error.retry_after = Some(Duration::from_secs(*seconds));
                Some(error)
            }
            _ => None,
        }
    }

    fn is_safe(&self, target: &RoomTarget) -> bool {
        let site = look(&self.site);
        match target {
            RoomTarget::Existing(room) => site.place_of(room).is_some_and(|(_, place)| place.unharmed),
            RoomTarget::New(alias) => site
                .places
                .iter()
                .any(|place| place.unharmed && place.alias == *alias),
        }
    }

    /// Others do something just before a request.
    fn others(&self, event: Event, target: &RoomTarget, op: &Op) {
        let RoomTarget::Existing(room) = target else {
            return;
        };
        let site = look(&self.site);
        let (homeserver, bot, decoy) = (site.homeserver.clone(), site.bot.clone(), site.decoy.clone());
        let place = site.place_of(room).map(|(_, place)| place.clone());
        drop(site);
        let about = match op {
            Op::Remove { user, .. } | Op::Invite { user, .. } | Op::Add { user, .. } => Some(user.clone()),
            _ => None,
        };
        let act = |who: &OwnedUserId, op: UserOp| drop(homeserver.act(who, &op));
        let room = room.clone();
        match (event, about) {
            (Event::Leaves, Some(user)) => act(&user, UserOp::Leave { room }),
            (Event::Joins, Some(user)) => act(&user, UserOp::Join { room }),
            (Event::Banned, Some(whom)) => {
                let ban = UserOp::Ban {
                    room,
                    user: whom,
                    reason: None,
                };
                act(&user("lead"), ban);
            }
            (Event::BotLowered, _) if place.as_ref().is_some_and(|place| place.maker == Maker::Lead) => {
                let snapshot = homeserver.snapshot(&room);
                if snapshot.is_none_or(|snapshot| snapshot.is_privileged_creator(&bot)) {
                    return;
                }
                let mut levels = homeserver.levels(&room).unwrap_or_else(|| json!({}));
                levels["users"][bot.as_str()] = json!(50);
                homeserver.force_state(&room, &user("lead"), "m.room.power_levels", "", levels);
            }
            (Event::AliasMoved, _) => {
                if let (Some(place), Some(decoy)) = (place, decoy) {
                    let aliases: Vec<_> = place.aliases().cloned().collect();
                    let alias = one_of(&aliases, look(&self.site).calls);
                    homeserver.force_alias(alias, decoy, user("squatter"));
                }
            }
            _ => {}
        }
    }

    async fn send(&self, target: &RoomTarget, op: &Op) -> Result<Effect, BackendError> {
        let before = match target {
            RoomTarget::Existing(room) => look(&self.site).judge(room, op),
            RoomTarget::New(alias) => {
                let mut site = look(&self.site);
                let known = site
                    .places
                    .iter()
                    .any(|place| place.alias == *alias && !place.paused);
                if !known {
                    site.blame(format!("{alias} is created, and is not wanted"));
                }
                None
            }
        };
        let result = self.inner.execute(target, op).await;
        let mut site = look(&self.site);
        let kind = match op {
            Op::CreateRoom(_) => "create",
            Op::Join { .. } => "join",
            Op::SetLevels { .. } => "levels",
            Op::Invite { .. } => "invite",
            Op::Add { .. } => "put in",
            Op::Remove { .. } => "remove",
            _ => "settings",
        };
        let sent = matches!(result, Ok(Effect::Done | Effect::Revisit(_)));
        site.tell(|| format!("    {target}: {} -> {result:?}", describe(op)));
        if sent {
            site.tally.action(kind);
        }
        if let (RoomTarget::New(alias), Ok(Effect::Revisit(room))) = (target, &result)
            && let Some(at) = site.places.iter().position(|place| place.alias == *alias)
        {
            site.rooms.insert(room.clone(), at);
            site.leads.insert(at, room.clone());
        }
        if let (RoomTarget::Existing(room), Some(before)) = (target, &before) {
            site.judge_after(room, op, before);
        }
        result
    }
}

/// One of several, by a number.
fn one_of(aliases: &[OwnedRoomAliasId], number: u64) -> OwnedRoomAliasId {
    let index = usize::try_from(number).unwrap_or_default() % aliases.len();
    aliases[index].clone()
}

/// What comes of a room that cannot be read.
fn garble(site: &mut Site, mut observed: Observed) -> Observed {
    let cause = || Cause::new("made unreadable by the simulation");
    match (site.unread.get(&observed.room_id), &mut observed.state) {
        (Some(Unread::Whole), state) => {
            *state = RoomState::Unknown(cause());
            site.tally.fault("room not read");
        }
        (Some(Unread::Partly), RoomState::Joined(snapshot)) => {
            let bot = &site.bot;
            let is_lost = |user: &UserId| {
                user != bot && user.as_bytes().iter().map(|b| u32::from(*b)).sum::<u32>() % 3 == 0
            };
            snapshot.members.retain(|member| !is_lost(&member.user_id));
            snapshot.unreadable.push(cause());
            site.tally.fault("room partly read");
        }
        _ => {}
    }
    observed
}

/// A request in few words.
fn describe(op: &Op) -> String {
    match op {
        Op::CreateRoom(blueprint) => format!("create {}", blueprint.alias),
        Op::Remove { user, .. } => format!("remove {user}"),
        Op::Invite { user, .. } => format!("invite {user}"),
        Op::Add { user, .. } => format!("put in {user}"),
        Op::SetLevels { changes } => {
            let changes = changes
                .iter()
                .map(|change| format!("{:?} {:?}->{:?}", change.slot, change.from, change.to));
            format!("levels {}", changes.collect::<Vec<_>>().join(", "))
        }
        other => format!("{other:?}"),
    }
}

#[async_trait]
impl RoomBackend for Watch {
    async fn whoami(&self) -> Result<Identity, BackendError> {
        let what = self.meet(Spot::Whoami, false).await;
        match what.and_then(|what| Self::failure("whoami", &what)) {
            Some(error) => Err(error),
            None => self.inner.whoami().await,
        }
    }

    async fn resolve_alias(&self, alias: &RoomAliasId) -> Binding {
        let safe = self.is_safe(&RoomTarget::New(alias.to_owned()));
        let what = self.meet(Spot::Alias, safe).await;
        match what.and_then(|what| Self::failure(alias.as_str(), &what)) {
            Some(error) => Binding::Unknown(Cause::new(error.to_string())),
            None => self.inner.resolve_alias(alias).await,
        }
    }

    fn observe(&self, what: Observe) -> BoxStream<'static, Result<Observed, BackendError>> {
        let site = Arc::clone(&self.site);
        let mut over = false;
        let rooms = self.inner.observe(what).map(move |observed| {
            let mut site = look(&site);
            let gone = site.tick();
            let failure = if gone { None } else { site.meet(Spot::Observe) };
            let failure = failure.and_then(|what| Self::failure("rooms", &what));
            let observed = failure.map_or(observed, Err);
            (gone, observed.map(|observed| garble(&mut site, observed)))
        });
        let rooms = rooms.then(|(gone, observed)| async move {
            if gone {
                pending::<()>().await;
            }
            observed
        });
        let rooms = rooms.take_while(move |observed| {
            let go_on = !over;
            over = observed.is_err();
            ready(go_on)
        });
        rooms.boxed()
    }

    async fn accounts(&self, users: &[OwnedUserId]) -> Result<Vec<AccountState>, BackendError> {
        let what = self.meet(Spot::Accounts, false).await;
        match what.and_then(|what| Self::failure("accounts", &what)) {
            Some(error) => Err(error),
            None => self.inner.accounts(users).await,
        }
    }

    async fn listing(&self, room: &RoomId) -> Result<Listing, BackendError> {
        self.inner.listing(room).await
    }

    async fn execute(&self, room: &RoomTarget, op: &Op) -> Result<Effect, BackendError> {
        let safe = self.is_safe(room);
        let (gone, first) = {
            let mut site = look(&self.site);
            let was = site.killed;
            let gone = site.tick();
            // Killed at this request: every other time it has gone out, and the answer is what nobody hears.
            (gone, gone && !was && site.calls.is_multiple_of(2))
        };
        if first {
            // What becomes of it is looked at like any other.
            drop(self.send(room, op).await);
        }
        if gone {
            pending::<()>().await;
        }
        let what = if safe {
            None
        } else {
            look(&self.site).meet(Spot::Write)
        };
        let about = room.to_string();
        match what {
            Some(What::First(event)) => {
                self.others(event, room, op);
                self.send(room, op).await
            }
            Some(What::Twice) => {
                drop(self.send(room, op).await);
                self.send(room, op).await
            }
            Some(What::Lose(kind)) => {
                drop(self.send(room, op).await);
                Err(BackendError::new(kind, about, "lost by the simulation"))
            }
            Some(what) => match Self::failure(&about, &what) {
                Some(error) => Err(error),
                None => self.send(room, op).await,
            },
            None => self.send(room, op).await,
        }
    }

    async fn inspect(&self) -> ServerFacts {
        self.inner.inspect().await
    }

    fn changes(&self) -> BoxStream<'static, inviter_core::OwnedRoomId> {
        stream::pending().boxed()
    }
}
