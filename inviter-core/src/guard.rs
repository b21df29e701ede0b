//! guard: marks each removal and demotion of a whole plan as allowed, held or pending (decisions 25–27). Pure.
//!
//! The guard never refuses a plan and never holds an addition. A limit that is exceeded holds **all** removals in
//! its scope: letting the first few through would only make a mistake slower.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write as _},
    time::Duration,
};

use ruma_common::{OwnedUserId, RoomId, UserId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    action::{Action, Op, RoomTarget, Why},
    desired::{Desired, Feed},
    directory::ProviderId,
    levels::{LevelChange, LevelSlot},
    plan::RoomPlan,
    recall::{Memory, RememberedRemoval},
    time::Timestamp,
};

/// How many people may go within the window. A scope is held if **both** its count and its percentage are
/// exceeded; zero for both means that nobody is ever removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// People who may go from one room.
    pub room_count: u32,
    /// Per cent of a room's people who may go.
    pub room_percent: u8,
    /// People who may go from all rooms together.
    pub total_count: u32,
    /// Per cent of all rooms' people who may go; also how far a directory may shrink.
    pub total_percent: u8,
    /// The time over which removals are counted.
    pub window: Duration,
}

impl Default for Limits {
    /// More than 3 and more than 25 % of a room; more than 10 and more than 5 % of all; over 24 hours.
    fn default() -> Self {
        Self {
            room_count: 3,
            room_percent: 25,
            total_count: 10,
            total_percent: 5,
            window: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// What started the run (decision 27).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A person's own command.
    #[default]
    Person,
    /// Anything else, while being cautious: removals are listed as pending.
    Cautious,
}

/// What the guard needs beside the plans.
#[derive(Debug, Clone, Copy)]
pub struct GuardContext<'a> {
    /// The limits.
    pub limits: &'a Limits,
    /// What started the run.
    pub trigger: Trigger,
    /// Directories, for those that shrank.
    pub desired: &'a Desired,
    /// Removals of the window, the last good reads, the last clean run.
    pub memory: &'a Memory,
    /// Releases that a person gave.
    pub releases: &'a BTreeSet<ReleaseCode>,
    /// The present.
    pub now: Timestamp,
}

/// Lets exactly one set of removals and demotions go: a digest of the rooms and people it is about, shown where
/// something is held.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReleaseCode(String);

impl ReleaseCode {
    /// A code that a person typed.
    pub fn new(code: impl Into<String>) -> Self {
        Self(code.into().trim().to_ascii_lowercase())
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of<'a>(losses: impl IntoIterator<Item = (&'a RoomTarget, &'a Op)>) -> Option<Self> {
        let mut digest = Sha256::new();
        let mut any = false;
        for (room, op) in losses {
            any = true;
            let room = match room {
                RoomTarget::Existing(id) => id.as_str(),
                RoomTarget::New(alias) => alias.as_str(),
            };
            digest.update(room.as_bytes());
            match op {
                Op::Remove { user, .. } => digest.update(format!(" - {user}\n")),
                Op::SetLevels { changes } => {
                    for LevelChange { slot, from, to } in changes {
                        digest.update(format!(" {slot:?} {from:?} {to:?}\n"));
                    }
                }
                _ => {}
            }
        }
        let bytes = digest.finalize();
        any.then(|| Self(hex(&bytes[..5])))
    }
}

impl fmt::Display for ReleaseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a removal or demotion is held.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
#[non_exhaustive]
pub enum HoldReason {
    /// There is no memory of a full clean run.
    NoCleanRun,
    /// The directory wants nobody in the room.
    NobodyWanted,
    /// Too many would go from the room.
    RoomLimit {
        /// How many would go, with those of the window.
        going: u32,
        /// Out of how many.
        of: u32,
        /// The limit as a count.
        count: u32,
        /// The limit as a percentage.
        percent: u8,
    },
    /// Too many would go from all rooms.
    TotalLimit {
        /// How many would go, with those of the window.
        going: u32,
        /// Out of how many.
        of: u32,
        /// The limit as a count.
        count: u32,
        /// The limit as a percentage.
        percent: u8,
    },
    /// A directory has far fewer accounts than at its last good read.
    DirectoryShrank {
        /// Which.
        directory: ProviderId,
        /// Accounts then.
        from: u64,
        /// Accounts now.
        to: u64,
    },
    /// A group that fed the room at its last good run is gone.
    GroupVanished {
        /// The group.
        group: Feed,
    },
}

impl fmt::Display for HoldReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCleanRun => f.write_str("nobody is removed before one full run has gone through cleanly"),
            Self::NobodyWanted => f.write_str("the directory wants nobody in this room"),
            Self::RoomLimit {
                going,
                of,
                count,
                percent,
            } => write!(
                f,
                "{going} of {of} people of this room would go, the limit is {count} and {percent} %"
            ),
            Self::TotalLimit {
                going,
                of,
                count,
                percent,
            } => write!(
                f,
                "{going} of {of} people of all rooms would go, the limit is {count} and {percent} %"
            ),
            Self::DirectoryShrank { directory, from, to } => {
                write!(
                    f,
                    "directory {directory} shrank from {from} to {to} accounts since its last good read"
                )
            }
            Self::GroupVanished { group } => write!(f, "group {} is gone", group.group),
        }
    }
}

/// What the guard says of one action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    /// May run.
    Allowed,
    /// May not run until a person releases it.
    Held {
        /// Every reason.
        reasons: Vec<HoldReason>,
    },
    /// Waits for a person's own run.
    Pending,
}

/// An action with the guard's verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GuardedAction {
    /// The action.
    #[serde(flatten)]
    pub action: Action,
    /// The verdict.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// A room's plan with verdicts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GuardedRoom {
    plan: RoomPlan,
    actions: Vec<GuardedAction>,
    release: Option<ReleaseCode>,
}

impl GuardedRoom {
    /// The room's plan. Its own `actions` have moved to [`Self::actions`].
    pub const fn plan(&self) -> &RoomPlan {
        &self.plan
    }

    /// The actions with verdicts.
    pub fn actions(&self) -> &[GuardedAction] {
        &self.actions
    }

    /// Releases what is held in this room.
    pub const fn release(&self) -> Option<&ReleaseCode> {
        self.release.as_ref()
    }

    /// A person has released what is held.
    fn let_go(&mut self) {
        self.release = None;
        for action in &mut self.actions {
            if matches!(action.verdict, Verdict::Held { .. }) {
                action.verdict = Verdict::Allowed;
            }
        }
    }

    pub(crate) fn into_parts(self) -> (RoomPlan, Vec<GuardedAction>, Option<ReleaseCode>) {
        (self.plan, self.actions, self.release)
    }
}

/// A whole plan that has been through the guard; the only thing that `apply` accepts, and only [`guard`] makes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GuardedPlan {
    rooms: Vec<GuardedRoom>,
    release: Option<ReleaseCode>,
    planned: Timestamp,
}

impl GuardedPlan {
    /// The rooms.
    pub fn rooms(&self) -> &[GuardedRoom] {
        &self.rooms
    }

    /// Releases everything that is held in this plan.
    pub const fn release(&self) -> Option<&ReleaseCode> {
        self.release.as_ref()
    }

    /// When it was planned.
    pub const fn planned(&self) -> Timestamp {
        self.planned
    }

    /// No actions (decision 31); findings and held items may remain.
    pub fn is_empty(&self) -> bool {
        self.rooms
            .iter()
            .flat_map(GuardedRoom::actions)
            .all(|a| a.verdict != Verdict::Allowed)
    }

    pub(crate) fn into_rooms(self) -> Vec<GuardedRoom> {
        self.rooms
    }
}

/// Whether an action takes something from a person: a removal, or a level lowered. Tidying up the entry of someone
/// who is not in the room any more takes nothing from anyone.
pub fn is_loss(action: &Action) -> bool {
    match &action.op {
        Op::Remove { .. } => true,
        Op::SetLevels { changes } => action.why != Why::LeftBehind && changes.iter().any(is_demotion),
        _ => false,
    }
}

/// Lowers a person's level. An entry that goes is a demotion whatever `users_default` is: better one question
/// too many.
fn is_demotion(change: &LevelChange) -> bool {
    matches!(change.slot, LevelSlot::User(_)) && change.from.is_some_and(|from| change.to.unwrap_or(0) < from)
}

/// Marks every action of the plans.
pub fn guard(plans: Vec<RoomPlan>, cx: &GuardContext<'_>) -> GuardedPlan {
    let total = cx.total(&plans);
    let shrunk = cx.shrunk();
    let mut rooms: Vec<GuardedRoom> = plans
        .into_iter()
        .map(|plan| cx.room(plan, total.as_ref(), &shrunk))
        .collect();
    let release = ReleaseCode::of(rooms.iter().flat_map(held));
    if let Some(code) = &release
        && cx.releases.contains(code)
    {
        rooms.iter_mut().for_each(GuardedRoom::let_go);
    }
    GuardedPlan {
        release: release.filter(|code| !cx.releases.contains(code)),
        rooms,
        planned: cx.now,
    }
}

fn held(room: &GuardedRoom) -> impl Iterator<Item = (&RoomTarget, &Op)> {
    let held = room
        .actions
        .iter()
        .filter(|a| matches!(a.verdict, Verdict::Held { .. }));
    held.filter_map(|a| Some((room.plan.target.as_ref()?, &a.action.op)))
}

/// People who lose something in a room, each once.
#[derive(Debug, Default)]
struct Losses<'a> {
    removed: BTreeSet<&'a UserId>,
    demoted: BTreeSet<&'a UserId>,
}

impl<'a> Losses<'a> {
    fn of(plan: &'a RoomPlan) -> Self {
        let mut losses = Self::default();
        for action in &plan.actions {
            match &action.op {
                Op::Remove { user, .. } => drop(losses.removed.insert(user)),
                Op::SetLevels { changes } if is_loss(action) => {
                    let users = changes
                        .iter()
                        .filter(|c| is_demotion(c))
                        .filter_map(|c| match &c.slot {
                            LevelSlot::User(user) => Some(&**user),
                            _ => None,
                        });
                    losses.demoted.extend(users);
                }
                _ => {}
            }
        }
        losses
    }
}

impl GuardContext<'_> {
    fn exceeded(going: u32, of: u32, count: u32, percent: u8) -> bool {
        going > count && u64::from(going) * 100 > u64::from(of) * u64::from(percent)
    }

    /// Removals of the window.
    fn recent(&self) -> impl Iterator<Item = &RememberedRemoval> {
        self.memory
            .removals
            .iter()
            .filter(|r| self.now.since(r.at) < self.limits.window)
    }

    fn total(&self, plans: &[RoomPlan]) -> Option<HoldReason> {
        let mut going = 0u32;
        let mut of = 0u32;
        let mut recent: BTreeSet<(&RoomId, &UserId)> = self.recent().map(|r| (&*r.room, &*r.user)).collect();
        for plan in plans {
            let losses = Losses::of(plan);
            going = going.saturating_add(size(losses.removed.len()));
            of = of.saturating_add(plan.census.population);
            // A removal that was recorded and did not come about is in the plan again; it counts once.
            if let Some(RoomTarget::Existing(id)) = &plan.target {
                for user in losses.removed {
                    recent.remove(&(&**id, user));
                }
            }
        }
        let gone = size(recent.len());
        (going, of) = (going.saturating_add(gone), of.saturating_add(gone));
        let Limits {
            total_count: count,
            total_percent: percent,
            ..
        } = *self.limits;
        Self::exceeded(going, of, count, percent).then_some(HoldReason::TotalLimit {
            going,
            of,
            count,
            percent,
        })
    }

    fn shrunk(&self) -> BTreeMap<&ProviderId, HoldReason> {
        let shrunk = self.desired.sources.iter().filter_map(|source| {
            let from = self.memory.directories.get(&source.provider)?.active_accounts;
            let to = source.active_accounts;
            let lost = from.saturating_sub(to);
            let too_much = lost > u64::from(self.limits.total_count)
                && lost.saturating_mul(100) > from.saturating_mul(u64::from(self.limits.total_percent));
            let reason = HoldReason::DirectoryShrank {
                directory: source.provider.clone(),
                from,
                to,
            };
            // A directory that could not be read at all removes nobody in the first place.
            (too_much && source.error.is_none()).then_some((&source.provider, reason))
        });
        shrunk.collect()
    }

    fn room(
        &self,
        mut plan: RoomPlan,
        total: Option<&HoldReason>,
        shrunk: &BTreeMap<&ProviderId, HoldReason>,
    ) -> GuardedRoom {
        let (removals, demotions) = self.reasons(&plan, total, shrunk);
        let removed: BTreeSet<OwnedUserId> = Losses::of(&plan)
            .removed
            .into_iter()
            .map(ToOwned::to_owned)
            .collect();
        let actions = std::mem::take(&mut plan.actions);
        let actions: Vec<GuardedAction> = actions
            .into_iter()
            .map(|action| {
                let reasons = match &action.op {
                    Op::Remove { .. } => &removals,
                    // The demotion of someone who goes stands and falls with the removal.
                    Op::SetLevels { changes }
                        if changes
                            .iter()
                            .any(|c| matches!(&c.slot, LevelSlot::User(u) if removed.contains(u))) =>
                    {
                        &removals
                    }
                    _ if is_loss(&action) => &demotions,
                    _ => {
                        return GuardedAction {
                            action,
                            verdict: Verdict::Allowed,
                        };
                    }
                };
                let verdict = if !reasons.is_empty() {
                    Verdict::Held {
                        reasons: reasons.clone(),
                    }
                } else if self.trigger == Trigger::Cautious {
                    Verdict::Pending
                } else {
                    Verdict::Allowed
                };
                GuardedAction { action, verdict }
            })
            .collect();
        let target = plan.target.clone();
        let held = actions
            .iter()
            .filter(|a| matches!(a.verdict, Verdict::Held { .. }));
        let code = target
            .as_ref()
            .and_then(|target| ReleaseCode::of(held.map(|a| (target, &a.action.op))));
        let release = code;
        let released = release.as_ref().is_some_and(|code| self.releases.contains(code));
        let mut room = GuardedRoom {
            plan,
            actions,
            release,
        };
        if released {
            room.let_go();
        }
        room
    }

    /// Why removals, and why demotions of people who stay, are held in a room.
    fn reasons(
        &self,
        plan: &RoomPlan,
        total: Option<&HoldReason>,
        shrunk: &BTreeMap<&ProviderId, HoldReason>,
    ) -> (Vec<HoldReason>, Vec<HoldReason>) {
        let mut common = Vec::new();
        if self.memory.clean_run.is_none() {
            common.push(HoldReason::NoCleanRun);
        }
        let mut feeding: Vec<&ProviderId> = plan.feeds.iter().map(|f| &f.group.provider).collect();
        feeding.sort();
        feeding.dedup();
        common.extend(feeding.iter().filter_map(|p| shrunk.get(p)).cloned());
        common.extend(
            plan.vanished
                .iter()
                .map(|group| HoldReason::GroupVanished { group: group.clone() }),
        );

        let losses = Losses::of(plan);
        let Limits {
            room_count: count,
            room_percent: percent,
            ..
        } = *self.limits;
        let gone: BTreeSet<&UserId> = match &plan.target {
            Some(RoomTarget::Existing(id)) => self
                .recent()
                .filter(|r| r.room == *id)
                .map(|r| &*r.user)
                .collect(),
            _ => BTreeSet::new(),
        };
        let gone = size(gone.difference(&losses.removed).count());
        let going = size(losses.removed.len()).saturating_add(gone);
        let of = plan.census.population.saturating_add(gone);

        let mut removals = common.clone();
        if plan.census.from_groups == 0 {
            removals.push(HoldReason::NobodyWanted);
        }
        if Self::exceeded(going, of, count, percent) {
            removals.push(HoldReason::RoomLimit {
                going,
                of,
                count,
                percent,
            });
        }
        removals.extend(total.cloned());

        let mut demotions = common;
        let staying = losses.demoted.difference(&losses.removed).count();
        let staying = size(staying);
        let raised = plan.census.raised.max(staying);
        if Self::exceeded(staying, raised, count, percent) {
            demotions.push(HoldReason::RoomLimit {
                going: staying,
                of: raised,
                count,
                percent,
            });
        }
        (removals, demotions)
    }
}

fn size(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
