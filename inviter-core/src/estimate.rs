//! How long a plan takes at the rate limits of a homeserver. Pure; a lower bound, since others use the homeserver
//! too.

use std::{collections::BTreeMap, time::Duration};

use ruma_common::OwnedUserId;
use serde::Serialize;

use crate::action::{Action, Op};

/// What a request takes where nothing limits it: Synapse handles one after another, however many are under way.
const PER_REQUEST: Duration = Duration::from_millis(35);
/// What creating a room takes.
const PER_CREATION: Duration = Duration::from_millis(100);

/// A limiter that fills up by itself: so many at once, and then so many in 1000 seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Limiter {
    /// How many may go in 1000 seconds.
    pub per_1000_s: u32,
    /// How many may go at once.
    pub burst: u32,
}

impl Limiter {
    /// How long so many take.
    pub fn time_for(self, count: u32) -> Duration {
        let waiting = u64::from(count.saturating_sub(self.burst));
        // A limiter that lets nothing through is no limiter that we know.
        let rate = u64::from(self.per_1000_s.max(1));
        Duration::from_millis(waiting.saturating_mul(1_000_000) / rate)
    }
}

/// The limits of a homeserver that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RateLimits {
    /// Rooms that the account creates.
    pub creations: Limiter,
    /// Rooms that the account joins.
    pub joins: Limiter,
    /// Invitations that the account sends.
    pub invitations_by_account: Limiter,
    /// Invitations that one person gets, from whomever.
    pub invitations_of_person: Limiter,
    /// Invitations into one room.
    pub invitations_to_room: Limiter,
    /// Everything else that the account sends.
    pub events: Limiter,
}

impl RateLimits {
    /// What a Synapse comes with: `rc_room_creation`, `rc_joins.local`, `rc_invites` and `rc_message`.
    pub const SYNAPSE_STOCK: Self = Self {
        creations: Limiter {
            per_1000_s: 16,
            burst: 10,
        },
        joins: Limiter {
            per_1000_s: 100,
            burst: 10,
        },
        invitations_by_account: Limiter {
            per_1000_s: 300,
            burst: 10,
        },
        invitations_of_person: Limiter {
            per_1000_s: 3,
            burst: 5,
        },
        invitations_to_room: Limiter {
            per_1000_s: 300,
            burst: 10,
        },
        events: Limiter {
            per_1000_s: 200,
            burst: 10,
        },
    };
}

/// How much there is to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Workload {
    /// Rooms to create.
    pub creations: u32,
    /// Rooms to join.
    pub joins: u32,
    /// Invitations.
    pub invitations: u32,
    /// The most invitations that one person gets.
    pub most_to_one_person: u32,
    /// The most invitations into one room.
    pub most_to_one_room: u32,
    /// People put in by the homeserver's administration API, which has no limits. If the bot may not use it, they are
    /// invitations after all, and take longer.
    pub additions: u32,
    /// Removals, settings, and one event for all levels of a room.
    pub events: u32,
}

impl Workload {
    /// What the actions of these rooms come to.
    pub fn of<'a, R: IntoIterator<Item = &'a Action>>(rooms: impl IntoIterator<Item = R>) -> Self {
        let mut work = Self::default();
        let mut people: BTreeMap<&OwnedUserId, u32> = BTreeMap::new();
        for room in rooms {
            let mut here = 0;
            let mut levels = 0;
            for action in room {
                match &action.op {
                    Op::CreateRoom(_) => work.creations += 1,
                    Op::Join { .. } => work.joins += 1,
                    Op::Invite { user, .. } => {
                        here += 1;
                        *people.entry(user).or_default() += 1;
                    }
                    Op::Add { .. } => work.additions += 1,
                    // All levels of a room are one event.
                    Op::SetLevels { .. } => levels = 1,
                    _ => work.events += 1,
                }
            }
            work.events += levels;
            work.invitations += here;
            work.most_to_one_room = work.most_to_one_room.max(here);
        }
        work.most_to_one_person = people.into_values().max().unwrap_or(0);
        work
    }

    /// How many requests that is.
    pub const fn requests(&self) -> u32 {
        self.creations
            .saturating_add(self.joins)
            .saturating_add(self.invitations)
            .saturating_add(self.additions)
            .saturating_add(self.events)
    }
}

/// What takes longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Bottleneck {
    /// The requests themselves.
    Requests,
    /// Creating rooms.
    Creations,
    /// Joining rooms.
    Joins,
    /// Invitations, all together.
    InvitationsByAccount,
    /// Invitations of one person into many rooms.
    InvitationsOfPerson,
    /// Invitations of many people into one room.
    InvitationsToRoom,
    /// Everything else.
    Events,
}

/// How long a plan takes at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Estimate {
    /// The time.
    pub time: Duration,
    /// What it goes to.
    pub bottleneck: Bottleneck,
}

/// How long this takes at these limits, or without any. The limiters fill up side by side, so the slowest decides.
pub fn estimate(work: &Workload, limits: Option<&RateLimits>) -> Estimate {
    let others = work.requests().saturating_sub(work.creations);
    let requests = PER_CREATION * work.creations + PER_REQUEST * others;
    let mut times = vec![(requests, Bottleneck::Requests)];
    if let Some(limits) = limits {
        times.extend([
            (limits.creations.time_for(work.creations), Bottleneck::Creations),
            (limits.joins.time_for(work.joins), Bottleneck::Joins),
            (
                limits.invitations_by_account.time_for(work.invitations),
                Bottleneck::InvitationsByAccount,
            ),
            (
                limits.invitations_of_person.time_for(work.most_to_one_person),
                Bottleneck::InvitationsOfPerson,
            ),
            (
                limits.invitations_to_room.time_for(work.most_to_one_room),
                Bottleneck::InvitationsToRoom,
            ),
            (limits.events.time_for(work.events), Bottleneck::Events),
        ]);
    }
    let mut slowest = Estimate {
        time: requests,
        bottleneck: Bottleneck::Requests,
    };
    for (time, bottleneck) in times {
        if time > slowest.time {
            slowest = Estimate { time, bottleneck };
        }
    }
    slowest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        action::Why,
        levels::{LevelChange, LevelSlot},
    };

    fn invite(user: &str) -> Action {
        Action {
            op: Op::Invite {
                user: user.try_into().unwrap(),
                reason: None,
            },
            why: Why::InNoGroup,
            lowers: None,
        }
    }

    #[track_caller]
    fn at_stock(work: &Workload, minutes: u64, bottleneck: Bottleneck) {
        let estimate = estimate(work, Some(&RateLimits::SYNAPSE_STOCK));
        assert_eq!((estimate.time.as_secs() + 30) / 60, minutes, "{estimate:?}");
        assert_eq!(estimate.bottleneck, bottleneck);
    }

    #[test]
    fn at_the_limits_that_synapse_comes_with() {
        let one_account = Workload {
            invitations: 1000,
            most_to_one_person: 1,
            most_to_one_room: 10,
            ..Workload::default()
        };
        at_stock(&one_account, 55, Bottleneck::InvitationsByAccount);
        let one_person = Workload {
            invitations: 25,
            most_to_one_person: 25,
            most_to_one_room: 1,
            ..Workload::default()
        };
        at_stock(&one_person, 60 + 51, Bottleneck::InvitationsOfPerson);
        let rooms = Workload {
            creations: 100,
            ..Workload::default()
        };
        at_stock(&rooms, 94, Bottleneck::Creations);
        let joins = Workload {
            joins: 70,
            ..Workload::default()
        };
        at_stock(&joins, 10, Bottleneck::Joins);
        let events = Workload {
            events: 130,
            ..Workload::default()
        };
        at_stock(&events, 10, Bottleneck::Events);
    }

    #[test]
    fn within_the_bursts_and_without_limits_requests_count() {
        let work = Workload {
            creations: 10,
            invitations: 10,
            most_to_one_person: 5,
            most_to_one_room: 10,
            ..Workload::default()
        };
        let expected = Estimate {
            time: Duration::from_millis(10 * 100 + 10 * 35),
            bottleneck: Bottleneck::Requests,
        };
        assert_eq!(estimate(&work, Some(&RateLimits::SYNAPSE_STOCK)), expected);
        assert_eq!(estimate(&work, None), expected);
        let many = Workload {
            invitations: 1_000_000,
            ..work
        };
        assert_eq!(estimate(&many, None).time.as_secs(), 35_001);
    }

    #[test]
    fn people_who_are_put_in_wait_for_no_limit() {
        let work = Workload {
            additions: 1000,
            ..Workload::default()
        };
        let expected = Estimate {
            time: Duration::from_secs(35),
            bottleneck: Bottleneck::Requests,
        };
        assert_eq!(estimate(&work, Some(&RateLimits::SYNAPSE_STOCK)), expected);
    }

    #[test]
    fn a_plan_is_counted() {
        let join = Action {
            op: Op::Join {
                invited_by: Some("@a:x".try_into().unwrap()),
            },
            why: Why::TrustedInviter,
            lowers: None,
        };
        let name = Action {
            op: Op::SetName { to: "n".to_owned() },
            why: Why::Configured,
            lowers: None,
        };
        let level = |user: &str| Action {
            op: Op::SetLevels {
                changes: vec![LevelChange {
                    slot: LevelSlot::User(user.try_into().unwrap()),
                    from: None,
                    to: Some(50),
                }],
            },
            why: Why::Template,
            lowers: None,
        };
        let add = Action {
            op: Op::Add {
                user: "@a:x".try_into().unwrap(),
                reason: None,
            },
            why: Why::Fixed,
            lowers: None,
        };
        let rooms = [
            vec![invite("@a:x"), invite("@b:x"), name, level("@a:x"), level("@b:x")],
            vec![invite("@a:x"), join, level("@a:x")],
            vec![add.clone(), add],
        ];
        let work = Workload::of(&rooms);
        let expected = Workload {
            creations: 0,
            joins: 1,
            invitations: 3,
            most_to_one_person: 2,
            most_to_one_room: 2,
            additions: 2,
            events: 3,
        };
        assert_eq!(work, expected);
        assert_eq!(work.requests(), 9);
    }
}
