//! What planning looks up for each seat, laid out for it: rooms refer to people in no order that they share, so each
//! look at a person is mostly one that no cache holds.

use std::cmp::Ordering;

use ruma_common::UserId;

use super::people::has_capitals;
use crate::{
    desired::{Desired, Person, PersonIx, PersonStanding},
    policy::Policy,
};

/// The people of a [`Desired`], as planning its rooms asks for them: made once, used for every room.
#[derive(Debug, Clone)]
pub struct Roster<'a> {
    people: &'a [Person],
    /// The user IDs end to end; empty if they are more than 4 GiB, and then they are looked up where they are.
    ids: Vec<u8>,
    /// By person: where the ID ends. As short as can be, so that a cache may hold them.
    ends: Vec<u32>,
    /// By person.
    traits: Vec<Traits>,
}

/// Answers about one person, in one byte.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Traits(u8);

impl Traits {
    const INVITABLE: u8 = 1;
    const IN_SCOPE: u8 = 1 << 1;
    const MANAGED: u8 = 1 << 2;
    const CAPITALS: u8 = 1 << 3;

    fn of(person: &Person, policy: &Policy, bot: &UserId) -> Self {
        let user = &*person.user_id;
        let is_bot = user == bot;
        let in_scope = policy.in_scope(user);
        let when = |holds: bool, flag: u8| if holds { flag } else { 0 };
        Self(
            when(
                person.standing == PersonStanding::Active && !is_bot,
                Self::INVITABLE,
            ) | when(in_scope, Self::IN_SCOPE)
                | when(in_scope && !is_bot && !policy.exempt.matches(user), Self::MANAGED)
                | when(has_capitals(user), Self::CAPITALS),
        )
    }

    const fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    /// An active person and not the bot.
    pub(super) const fn is_invitable(self) -> bool {
        self.has(Self::INVITABLE)
    }

    /// One whose membership we manage, by the server.
    pub(super) const fn is_in_scope(self) -> bool {
        self.has(Self::IN_SCOPE)
    }

    /// In scope, not exempt, and not the bot.
    pub(super) const fn is_managed(self) -> bool {
        self.has(Self::MANAGED)
    }

    /// The localpart has capitals.
    pub(super) const fn has_capitals(self) -> bool {
        self.has(Self::CAPITALS)
    }
}

impl<'a> Roster<'a> {
    /// The people of `desired`, seen with this policy by this bot.
    pub fn new(desired: &'a Desired, policy: &Policy, bot: &UserId) -> Self {
        let people = desired.people.as_slice();
        let length: usize = people.iter().map(|person| person.user_id.as_bytes().len()).sum();
        let mut roster = Self {
            people,
            ids: Vec::new(),
            ends: Vec::new(),
            traits: people
                .iter()
                .map(|person| Traits::of(person, policy, bot))
                .collect(),
        };
        if u32::try_from(length).is_ok() {
            roster.put_end_to_end(length);
        }
        roster
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the caller has checked the length"
    )]
    fn put_end_to_end(&mut self, length: usize) {
        self.ids.reserve_exact(length);
        self.ends.reserve_exact(self.people.len());
        for person in self.people {
            self.ids.extend_from_slice(person.user_id.as_bytes());
            self.ends.push(self.ids.len() as u32);
        }
    }

    /// The bytes of a user ID.
    pub(super) fn id(&self, person: PersonIx) -> &[u8] {
        let at = person.0 as usize;
        let Some(&end) = self.ends.get(at) else {
            return self.people[at].user_id.as_bytes();
        };
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.ids[start as usize..end as usize]
    }

    /// Who has this user ID.
    pub(super) fn find(&self, user: &UserId) -> Option<PersonIx> {
        let (mut low, mut high) = (0, u32::try_from(self.people.len()).unwrap_or(u32::MAX));
        while low < high {
            let middle = low + (high - low) / 2;
            match self.id(PersonIx(middle)).cmp(user.as_bytes()) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Some(PersonIx(middle)),
                Ordering::Greater => high = middle,
            }
        }
        None
    }

    pub(super) fn traits(&self, person: PersonIx) -> Traits {
        self.traits[person.0 as usize]
    }
}

#[cfg(test)]
mod tests {
    use ruma_common::{server_name, user_id};

    use super::*;

    #[test]
    fn ids_are_the_same_wherever_they_are_looked_up() {
        let users = ["@a:x.org", "@B:x.org", "@bot:x.org", "@c:y.org"];
        let mut users = users.map(|user| UserId::parse(user).unwrap());
        users.sort();
        let people = users.iter().map(|user_id| Person {
            user_id: user_id.clone(),
            standing: PersonStanding::Active,
        });
        let desired = Desired {
            people: people.collect(),
            ..Desired::default()
        };
        let policy = Policy::new(server_name!("x.org").to_owned());
        let near = Roster::new(&desired, &policy, user_id!("@bot:x.org"));
        // As if they were too many for one piece.
        let far = Roster {
            ids: Vec::new(),
            ends: Vec::new(),
            ..near.clone()
        };
        assert_eq!(near.ends.len(), users.len());
        for roster in [&near, &far] {
            for (at, user) in (0..).zip(&users) {
                assert_eq!(roster.id(PersonIx(at)), user.as_bytes());
                assert_eq!(roster.find(user), Some(PersonIx(at)));
            }
            assert_eq!(roster.find(user_id!("@b:x.org")), None);
            assert_eq!(roster.find(user_id!("@z:x.org")), None);
        }
        let traits = |user: &UserId| near.traits(near.find(user).unwrap());
        let told = |user| {
            let t: Traits = traits(user);
            [
                t.is_invitable(),
                t.is_in_scope(),
                t.is_managed(),
                t.has_capitals(),
            ]
        };
        assert_eq!(told(user_id!("@a:x.org")), [true, true, true, false]);
        assert_eq!(told(user_id!("@B:x.org")), [true, true, true, true]);
        assert_eq!(told(user_id!("@bot:x.org")), [false, true, false, false]);
        assert_eq!(told(user_id!("@c:y.org")), [true, false, false, false]);
    }
}
