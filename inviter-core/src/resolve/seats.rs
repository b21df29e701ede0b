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
    marks: Marks,
    /// Gaps in the owners of groups that feed them, for what is told about the group as a whole.
    pub(super) owner_gaps: BTreeMap<(usize, u32), GapSet>,
    pub(super) findings: Vec<Finding>,
}

/// The best place of each person in the room at hand.
struct Marks {
    round: Vec<u32>,
    now: u32,
    best: Vec<(Role, u16)>,
    touched: Vec<PersonIx>,
}

impl Marks {
    fn start(&mut self) {
        self.touched.clear();
        self.now = self.now.wrapping_add(1);
        if self.now == 0 {
            self.round.fill(0);
            self.now = 1;
        }
    }

    fn get(&self, person: PersonIx) -> Option<(Role, u16)> {
        let at = person.0 as usize;
        (self.round[at] == self.now).then(|| self.best[at])
    }

    /// The higher role counts, and of equal ones the earlier feed, whichever came first.
    fn offer(&mut self, person: PersonIx, role: Role, feed: u16) {
        let at = person.0 as usize;
        if self.round[at] != self.now {
            self.round[at] = self.now;
            self.best[at] = (role, feed);
            self.touched.push(person);
            return;
        }
        let (old, old_feed) = self.best[at];
        if role.exceeds(old) || (feed < old_feed && !old.exceeds(role)) {
            self.best[at] = (role, feed);
        }
    }
}

impl<'a> Seating<'a> {
    pub(super) fn new(
        sources: &'a [Source<'a>],
        nestings: &'a [Nesting],
        people: &'a People,
        policy: &'a Policy,
    ) -> Self {
        let count = people.people.len();
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
            marks: Marks {
                round: vec![0; count],
                now: 0,
                best: vec![(Role::Member, 0); count],
                touched: Vec::new(),
            },
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
        self.marks.start();
        let mut refused = Vec::new();
        for (at, (_, key, used)) in feeds.iter().enumerate() {
            if key.role == FeedRole::Members {
                let role = self.allowed(used.level, &mut refused);
                let gaps = self.nestings[key.source].gaps(key.group);
                members.absorb(gaps);
                if used.level != Role::Member {
                    // Who is in the group has its level, so who may be in it is not lowered either.
                    owners.absorb(gaps);
                }
                let marks = &mut self.marks;
                self.walkers[key.source].walk(&self.nestings[key.source], &[key.group], |person| {
                    marks.offer(person, role, feed_index(at));
                });
            }
        }
        let owner = self.allowed(Role::Level(rules.owner_level), &mut refused);
        let outsiders = self.raise_owners(&feeds, owner, &mut owners);
        if !outsiders.is_empty() {
            // They may be members after all, and then they would have the level.
            owners.absorb(&members);
            self.report_outsiders(room, &outsiders);
        }
        let seats = self.seats(draft, &mut refused);
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
            let marks = &mut self.marks;
            let mut raise = |person| {
                if marks.get(person).is_some() {
                    marks.offer(person, owner, feed_index(at));
                } else {
                    outsiders.push(person);
                }
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

    fn seats(&mut self, draft: &Draft<'_>, refused: &mut Vec<i64>) -> Vec<Seat> {
        let mut fixed = Vec::with_capacity(draft.fixed.len());
        for (user, level) in &draft.fixed {
            let Some(person) = self.people.find(user) else {
                continue;
            };
            let of_directory = self.marks.get(person).map_or(Role::Member, |(role, _)| role);
            let role = level.map_or(of_directory, |level| self.allowed(Role::Level(level), refused));
            fixed.push(Seat {
                person,
                feed: None,
                role,
                level_fixed: level.is_some(),
            });
        }
        self.marks.touched.sort_unstable();
        let mut seats = Vec::with_capacity(self.marks.touched.len() + fixed.len());
        let mut fixed = fixed.into_iter().peekable();
        for &person in &self.marks.touched {
            while let Some(seat) = fixed.next_if(|seat| seat.person < person) {
                seats.push(seat);
            }
            if let Some(seat) = fixed.next_if(|seat| seat.person == person) {
                seats.push(seat);
            } else {
                let (role, feed) = self.marks.best[person.0 as usize];
                seats.push(Seat {
                    person,
                    feed: Some(feed),
                    role,
                    level_fixed: false,
                });
            }
        }
        seats.extend(fixed);
        seats
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
