//! From drafts to rooms: who has a seat, in which role, and by which group.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Source,
    drafts::{Draft, FeedKey, FeedUse},
    gaps::GapSet,
    graph::{Nesting, Walker},
    people::People,
    several,
};
use crate::{
    desired::{DesiredRoom, Feed, FeedRole, PersonIx, Role, Seat},
    finding::{Finding, FindingKind, Subject},
    policy::Policy,
    room::{Binding, Cause, RoomRef},
    room_rules::{HistoryVisibility, RoomRules},
};

/// The level that cannot be taken back from people before room version 12.
const ADMIN_LEVEL: i64 = 100;

/// Fills rooms. Its tables are as large as the directories and are reused for each room.
pub(super) struct Seating<'a> {
    sources: &'a [Source<'a>],
    nestings: &'a [Nesting],
    people: &'a People,
    policy: &'a Policy,
    defaults: Arc<RoomRules>,
    walkers: Vec<Walker>,
    offers: Offers,
    /// Gaps in the owners of groups that feed them, for what is told about the group as a whole.
    pub(super) owner_gaps: BTreeMap<(usize, u32), GapSet>,
    pub(super) findings: Vec<Finding>,
}

/// The places that the groups of the room at hand give, one after another: sorting them costs less than tables of the
/// directory's size, which no cache would hold.
#[derive(Default)]
struct Offers {
    /// The person above, the place's rank below.
    all: Vec<u64>,
}

impl Offers {
    const fn add(person: PersonIx, rank: u32) -> u64 {
        ((person.0 as u64) << 32) | rank as u64
    }

    /// The best place of each person, by person. `places` are by rank: the best comes first.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "two numbers of 32 bits, put together above"
    )]
    fn seats(&mut self, places: &[(Role, u16)]) -> Vec<Seat> {
        self.all.sort_unstable();
        self.all.dedup_by_key(|offer| *offer >> 32);
        let seats = self.all.drain(..).map(|offer| {
            let (role, feed) = places[offer as u32 as usize];
            Seat {
                person: PersonIx((offer >> 32) as u32),
                feed: Some(feed),
                role,
                level_fixed: false,
            }
        });
        seats.collect()
    }
}

impl<'a> Seating<'a> {
    pub(super) fn new(
        sources: &'a [Source<'a>],
        nestings: &'a [Nesting],
        people: &'a People,
        policy: &'a Policy,
    ) -> Self {
        let mut seating = Self {
            sources,
            nestings,
            people,
            policy,
            defaults: Arc::default(),
            walkers: sources
                .iter()
                .map(|s| Walker::new(s.directory.groups.len()))
                .collect(),
            offers: Offers::default(),
            owner_gaps: BTreeMap::new(),
            findings: Vec::new(),
        };
        seating.defaults = seating.checked(&policy.defaults, &Subject::Run);
        seating
    }

    pub(super) fn room(&mut self, room: &RoomRef, draft: &Draft<'_>) -> DesiredRoom {
        let (precedence, rules) = match draft.settings {
            Some((precedence, rules)) if *rules != self.policy.defaults => {
                (precedence, self.checked(rules, &Subject::Room(room.clone())))
            }
            Some((precedence, _)) => (precedence, Arc::clone(&self.defaults)),
            None => (DesiredRoom::BY_DEFAULT, Arc::clone(&self.defaults)),
        };
        let feeds = self.feeds(draft);
        let (mut members, mut owners) = (draft.members.clone(), draft.owners.clone());
        let mut refused = Vec::new();
        let mut places = Vec::new();
        for (at, (_, key, used)) in feeds.iter().enumerate() {
            if key.role == FeedRole::Members {
                places.push((self.allowed(used.level, &mut refused), feed_index(at), key));
                let gaps = self.nestings[key.source].gaps(key.group);
                members.absorb(gaps);
                if used.level != Role::Member {
                    // Who is in the group has its level, so who may be in it is not lowered either.
                    owners.absorb(gaps);
                }
            }
        }
        // The higher role counts, and of equal ones the earlier feed.
        places.sort_by(|a, b| a.0.order(b.0).reverse().then(a.1.cmp(&b.1)));
        for (rank, (_, _, key)) in (0..).zip(&places) {
            let all = &mut self.offers.all;
            self.walkers[key.source].walk(&self.nestings[key.source], &[key.group], |person| {
                all.push(Offers::add(person, rank));
            });
        }
        let places: Vec<(Role, u16)> = places.into_iter().map(|(role, feed, _)| (role, feed)).collect();
        let mut seats = self.offers.seats(&places);
        let owner = self.allowed(Role::Level(rules.owner_level), &mut refused);
        let outsiders = self.raise_owners(&feeds, owner, &mut seats, &mut owners);
        if !outsiders.is_empty() {
            // They may be members after all, and then they would have the level.
            owners.absorb(&members);
            if members.is_empty() {
                self.report_outsiders(room, &outsiders);
            }
        }
        let seats = self.add_fixed(draft, seats, &mut refused);
        self.report_refused(room, refused);
        DesiredRoom {
            refs: vec![room.clone()],
            binding: Binding::Unknown(Cause::new("the homeserver has not been asked yet")),
            seats,
            members: members.to_extent(),
            owners: owners.to_extent(),
            rules,
            precedence,
            feeds: feeds.into_iter().map(|(feed, ..)| feed).collect(),
            in_doubt: BTreeMap::new(),
            in_scope: draft.in_scope,
        }
    }

    /// The feeds in their fixed order.
    fn feeds(&self, draft: &Draft<'_>) -> Vec<(Feed, FeedKey, FeedUse)> {
        let mut feeds: Vec<_> = draft
            .feeds
            .iter()
            .map(|(key, used)| {
                let group = self.sources[key.source].group_ref(key.group);
                (
                    Feed {
                        group,
                        role: key.role,
                    },
                    *key,
                    *used,
                )
            })
            .collect();
        feeds.sort_by(|a, b| a.0.cmp(&b.0));
        feeds
    }

    /// Gives owners who are members their level; answers with the others.
    fn raise_owners(
        &mut self,
        feeds: &[(Feed, FeedKey, FeedUse)],
        owner: Role,
        seats: &mut [Seat],
        gaps: &mut GapSet,
    ) -> Vec<PersonIx> {
        let mut outsiders = Vec::new();
        for (at, (_, key, used)) in feeds.iter().enumerate() {
            if key.role != FeedRole::Owners {
                continue;
            }
            let (source, nesting) = (&self.sources[key.source], &self.nestings[key.source]);
            let mut from = Vec::new();
            let mut direct = Vec::new();
            let mut unknown = GapSet::default();
            if used.members_own {
                from.push(key.group);
                unknown.absorb(nesting.gaps(key.group));
            }
            if used.named_owners {
                let group = &source.directory.groups[key.group as usize];
                let named = nesting.owners(source.directory, &self.people.slots[key.source], group);
                from.extend(named.groups);
                direct = named.people;
                unknown.absorb(&named.gaps);
            }
            let feed = feed_index(at);
            let mut raise = |person| match seats.binary_search_by_key(&person, |seat| seat.person) {
                Ok(found) => {
                    let seat = &mut seats[found];
                    let earlier = seat.feed.is_some_and(|old| feed < old);
                    if owner.exceeds(seat.role) || earlier && !seat.role.exceeds(owner) {
                        (seat.role, seat.feed) = (owner, Some(feed));
                    }
                }
                Err(_) => outsiders.push(person),
            };
            direct.into_iter().for_each(&mut raise);
            self.walkers[key.source].walk(nesting, &from, raise);
            if !unknown.is_empty() {
                gaps.absorb(&unknown);
                let known = self.owner_gaps.entry((key.source, key.group)).or_default();
                known.absorb(&unknown);
            }
        }
        outsiders.sort_unstable();
        outsiders.dedup();
        outsiders
    }

    /// Puts the people whom the configuration names among those of the groups; in the place of a group's they keep
    /// its role where none is given.
    fn add_fixed(&self, draft: &Draft<'_>, seats: Vec<Seat>, refused: &mut Vec<i64>) -> Vec<Seat> {
        if draft.fixed.is_empty() {
            return seats;
        }
        let named = draft.fixed.iter();
        let mut named: Vec<(PersonIx, Option<i64>)> = named
            .filter_map(|(user, level)| Some((self.people.find(user)?, *level)))
            .collect();
        named.sort_unstable_by_key(|(person, _)| *person);
        let mut fixed = |(person, level): (PersonIx, Option<i64>), of_directory| Seat {
            person,
            feed: None,
            role: level.map_or(of_directory, |level| self.allowed(Role::Level(level), refused)),
            level_fixed: level.is_some(),
        };
        let mut all = Vec::with_capacity(seats.len() + named.len());
        let mut named = named.into_iter().peekable();
        for seat in seats {
            while let Some(other) = named.next_if(|(person, _)| *person < seat.person) {
                all.push(fixed(other, Role::Member));
            }
            all.push(match named.next_if(|(person, _)| *person == seat.person) {
                Some(same) => fixed(same, seat.role),
                None => seat,
            });
        }
        all.extend(named.map(|other| fixed(other, Role::Member)));
        all
    }

    /// The settings without what needs a `danger_` key that is not there. The configuration refuses such settings
    /// before they come here; this is for programs that build a policy themselves.
    fn checked(&mut self, rules: &RoomRules, about: &Subject) -> Arc<RoomRules> {
        let mut rules = rules.clone();
        if rules.history_visibility == Some(HistoryVisibility::WorldReadable)
            && !self.policy.danger_allow_world_readable
        {
            rules.history_visibility = None;
            self.findings.push(Finding::new(
                about.clone(),
                FindingKind::DangerRefused,
                "history that the whole world may read needs `danger_allow_world_readable`; the history visibility is left alone",
            ));
        }
        Arc::new(rules)
    }

    fn allowed(&self, role: Role, refused: &mut Vec<i64>) -> Role {
        match role {
            Role::Level(level) if level >= ADMIN_LEVEL && !self.policy.danger_allow_admin_levels => {
                refused.push(level);
                Role::Member
            }
            role => role,
        }
    }

    fn report_refused(&mut self, room: &RoomRef, mut levels: Vec<i64>) {
        levels.sort_unstable();
        levels.dedup();
        for level in levels {
            self.findings.push(Finding::new(
                Subject::Room(room.clone()),
                FindingKind::DangerRefused,
                format!(
                    "level {level} in {room} needs `danger_allow_admin_levels`; they become ordinary members"
                ),
            ));
        }
    }

    fn report_outsiders(&mut self, room: &RoomRef, outsiders: &[PersonIx]) {
        let users = outsiders
            .iter()
            .map(|p| self.people.people[p.0 as usize].user_id.as_str());
        let users = several("owner", "owners", users);
        self.findings.push(Finding::new(
            Subject::Room(room.clone()),
            FindingKind::OwnerNotMember,
            format!("not among the members of {room}, and so given nothing there: {users}; add them as members too"),
        ));
    }
}

/// The index that a seat keeps. Beyond 65,535 groups in one room the exact group is not told any more; who is in
/// the room, and as what, stays right.
fn feed_index(at: usize) -> u16 {
    u16::try_from(at).unwrap_or(u16::MAX)
}
