//! Programs that are broken on purpose: the simulation has to find each of them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream::BoxStream};
use inviter_core::{
    OwnedUserId, RoomAliasId, RoomBackend, RoomId,
    action::{Op, RoomTarget},
    backend::{AccountState, BackendError, Effect, Identity, Observe, Observed},
    decode::XxxDecoder,
    guard::Limits,
    patterns::Patterns,
    reconcile::Reconciler,
    room::{Binding, RoomState},
    room_rules::{Listing, RemovePolicy},
    time::{Clock, Timestamp},
};

use super::site::{Shared, look};

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// Directories call half answers complete.
    HalfIsWhole,
    /// Somebody else is removed.
    WrongPerson,
    /// There are no limits.
    NoLimits,
    /// A limit of zero is none.
    ZeroIsNoLimit,
    /// Nobody has time to come back.
    NoGrace,
    /// The clock runs a day ahead with each look at it.
    ClockJumps,
    /// Those whom others have brought in go too.
    RemovesAnyone,
    /// What cannot be read of a room is taken for empty.
    UnreadIsEmpty,
    /// Nobody is exempt.
    NobodyExempt,
    /// Groups of owners are none.
    NoOwnersGroups,
    /// Nobody is removed.
    RemovesNobody,
    /// Nobody is brought in.
    InvitesNobody,
    /// A group that is gone is one without members, whatever the configuration says.
    VanishedIsEmpty,
    /// Which groups feed a room is not remembered.
    ForgetsFeeds,
    /// Whatever code a person types, everything that limits hold is let go.
    AnyWordOpens,
    /// That a code was used is not remembered.
    ForgetsWords,
    /// A lost memory is not told.
    HidesLoss,
    /// A room that was closed is followed to any that it names.
    FollowsAnything,
    /// Whoever made a room, it is managed.
    AdoptsAnything,
    /// The bot lowers itself along with others.
    TakesPower,
}

impl Sabotage {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::HalfIsWhole,
        Self::WrongPerson,
        Self::NoLimits,
        Self::ZeroIsNoLimit,
        Self::NoGrace,
        Self::RemovesAnyone,
        Self::ClockJumps,
        Self::UnreadIsEmpty,
        Self::NobodyExempt,
        Self::NoOwnersGroups,
        Self::RemovesNobody,
        Self::InvitesNobody,
        Self::VanishedIsEmpty,
        Self::ForgetsFeeds,
        Self::AnyWordOpens,
        Self::ForgetsWords,
        Self::HidesLoss,
        Self::FollowsAnything,
        Self::AdoptsAnything,
        Self::TakesPower,
    ];

    /// Breaks the program.
    pub(super) fn breaks(self, reconciler: &mut Reconciler, site: &Shared) {
        match self {
            Self::NoLimits => {
                reconciler.limits = no_limits();
            }
            Self::ZeroIsNoLimit => {
                let limits = &mut reconciler.limits;
                for (count, percent) in [
                    (&mut limits.room_count, limits.room_percent),
                    (&mut limits.directory_count, limits.directory_percent),
                    (&mut limits.total_count, limits.total_percent),
                ] {
                    if *count == 0 || percent == 0 {
                        *count = 1_000_000;
                    }
                }
            }
            Self::NoGrace => {
                for room in &mut reconciler.policy.rooms {
                    room.rules.grace = Duration::ZERO;
                }
            }
            Self::ClockJumps => {
                reconciler.clock = Arc::new(JumpingClock {
                    inner: Arc::clone(&reconciler.clock),
                    looks: AtomicU64::new(0),
                });
            }
            Self::RemovesAnyone => {
                for room in &mut reconciler.policy.rooms {
                    room.rules.remove = RemovePolicy::Anyone;
                }
            }
            Self::NoOwnersGroups => {
                for source in &mut reconciler.policy.sources {
                    source.decoders[0] = Arc::new(XxxDecoder::default().owners_suffix(""));
                }
            }
            Self::VanishedIsEmpty => reconciler.policy.danger_vanished_groups_are_empty = true,
            Self::NobodyExempt => reconciler.policy.exempt = Patterns::default(),
            Self::AdoptsAnything => reconciler.policy.adopt.any = true,
            Self::FollowsAnything
            | Self::UnreadIsEmpty
            | Self::WrongPerson
            | Self::RemovesNobody
            | Self::InvitesNobody
            | Self::TakesPower => {
                reconciler.backend = Arc::new(Crooked {
                    inner: Arc::clone(&reconciler.backend),
                    site: Arc::clone(site),
                    how: self,
                });
            }
            // Told to the directory and to the store, or where the word is given.
            Self::HalfIsWhole
            | Self::ForgetsFeeds
            | Self::AnyWordOpens
            | Self::ForgetsWords
            | Self::HidesLoss => {}
        }
    }
}

/// Limits that nothing reaches.
pub(super) fn no_limits() -> Limits {
    Limits {
        room_count: 1_000_000,
        directory_count: 1_000_000,
        total_count: 1_000_000,
        shrink_count: 1_000_000,
        ..Limits::default()
    }
}

/// A clock that is a day further ahead at each look.
#[derive(Debug)]
struct JumpingClock {
    inner: Arc<dyn Clock>,
    looks: AtomicU64,
}

impl Clock for JumpingClock {
    fn now(&self) -> Timestamp {
        let days = self.looks.fetch_add(1, Ordering::Relaxed);
        self.inner.now().plus(Duration::from_secs(days * 24 * 60 * 60))
    }
}

/// A homeserver that is asked for other things than the program means.
#[derive(Debug)]
struct Crooked {
    inner: Arc<dyn RoomBackend>,
    site: Shared,
    how: Sabotage,
}

impl Crooked {
    /// What is sent instead; nothing if nothing is.
    fn instead(&self, room: &RoomTarget, op: &Op) -> Option<Op> {
        match (self.how, op, room) {
            (Sabotage::RemovesNobody, Op::Remove { .. }, _)
            | (Sabotage::InvitesNobody, Op::Invite { .. } | Op::Add { .. }, _) => None,
            (
                Sabotage::WrongPerson,
                Op::Remove {
                    user,
                    invitation,
                    reason,
                },
                RoomTarget::Existing(id),
            ) => {
                let site = look(&self.site);
                let members = site.homeserver.members(id);
                let mut others = members.into_iter().filter(|member| {
                    member.membership.is_in() && member.user_id != *user && member.user_id != site.bot
                });
                let user = others.next().map_or_else(|| user.clone(), |other| other.user_id);
                Some(Op::Remove {
                    user,
                    invitation: *invitation,
                    reason: reason.clone(),
                })
            }
            (Sabotage::TakesPower, Op::SetLevels { changes }, RoomTarget::Existing(id)) => {
                let site = look(&self.site);
                let mut changes = changes.clone();
                let bot = site.bot.to_string();
                let levels = site.homeserver.levels(id);
                let own = levels.and_then(|levels| levels.get("users")?.get(&bot)?.as_i64());
                if own.is_some() {
                    changes.push(inviter_core::levels::LevelChange {
                        slot: inviter_core::levels::LevelSlot::User(site.bot.clone()),
                        from: own,
                        to: Some(50),
                    });
                    changes.sort();
                }
                Some(Op::SetLevels { changes })
            }
            _ => Some(op.clone()),
        }
    }
}

#[async_trait]
impl RoomBackend for Crooked {
    async fn whoami(&self) -> Result<Identity, BackendError> {
        self.inner.whoami().await
    }

    async fn resolve_alias(&self, alias: &RoomAliasId) -> Binding {
        self.inner.resolve_alias(alias).await
    }

    fn observe(&self, what: Observe) -> BoxStream<'static, Result<Observed, BackendError>> {
        let (how, site) = (self.how, Arc::clone(&self.site));
        let rooms = self.inner.observe(what).map(move |observed| {
            observed.map(|mut observed| {
                match (how, &mut observed.state) {
                    (Sabotage::UnreadIsEmpty, RoomState::Joined(snapshot)) => snapshot.unreadable.clear(),
                    (Sabotage::FollowsAnything, RoomState::Joined(snapshot)) => {
                        let site = look(&site);
                        let mut closed = site.closed.iter();
                        let named = closed.find(|(_, closed)| closed.to == snapshot.room_id);
                        snapshot.predecessor = named.map(|(old, _)| old.clone());
                    }
                    _ => {}
                }
                observed
            })
        });
        rooms.boxed()
    }

    async fn accounts(&self, users: &[OwnedUserId]) -> Result<Vec<AccountState>, BackendError> {
        self.inner.accounts(users).await
    }

    async fn listing(&self, room: &RoomId) -> Result<Listing, BackendError> {
        self.inner.listing(room).await
    }

    async fn execute(&self, room: &RoomTarget, op: &Op) -> Result<Effect, BackendError> {
        match self.instead(room, op) {
            Some(op) => self.inner.execute(room, &op).await,
            None => Ok(Effect::Done),
        }
    }
}
