//! Seats and members side by side: the one walk over both that everything else of a room's plan goes by.

use std::cmp::Ordering;

use super::Roster;
use crate::{beginning::beginning, desired::Seat, room::RoomMember};

/// Who has a seat and an entry as a member, and who has only one of the two.
#[derive(Debug)]
pub(super) struct Join<'s> {
    /// By seat: the entry of the person as a member.
    pub(super) seated: Vec<Option<&'s RoomMember>>,
    /// Members without a seat, in their order.
    pub(super) unseated: Vec<&'s RoomMember>,
}

impl<'s> Join<'s> {
    /// Walks through both, which come in the order of the user IDs; `None` if the members do not.
    pub(super) fn of(seats: &[Seat], members: &'s [RoomMember], roster: &Roster<'_>) -> Option<Self> {
        let mut seated = Vec::with_capacity(seats.len());
        let mut unseated = Vec::new();
        let mut at = 0;
        let mut ids = Vec::with_capacity(AHEAD);
        for seats in seats.chunks(AHEAD) {
            // Looks at each ID once before any is compared: the processor waits for many of these at a time, and in
            // the comparison for one after another.
            ids.clear();
            ids.extend(seats.iter().map(|seat| (0, roster.id(seat.person))));
            for (start, id) in &mut ids {
                *start = beginning_of(id);
            }
            for (start, id) in &ids {
                let mut found = None;
                while let Some(member) = members.get(at) {
                    let user = member.user_id.as_bytes();
                    let order = beginning_of(user).cmp(start);
                    match order.then_with(|| user.cmp(id)) {
                        Ordering::Less => unseated.push(at),
                        Ordering::Equal => found = Some(member),
                        Ordering::Greater => break,
                    }
                    at += 1;
                    if found.is_some() {
                        break;
                    }
                }
                seated.push(found);
            }
        }
        unseated.extend(at..members.len());
        // Two members that stand together and have seats are in order, since seats are.
        let in_order = unseated.iter().all(|&at| is_between_its_neighbours(members, at));
        in_order.then(|| Self {
            seated,
            unseated: unseated.into_iter().map(|at| &members[at]).collect(),
        })
    }

    /// Each seat with its member.
    pub(super) fn pairs<'j>(
        &'j self,
        seats: &'j [Seat],
    ) -> impl Iterator<Item = (&'j Seat, Option<&'s RoomMember>)> {
        seats.iter().zip(self.seated.iter().copied())
    }
}

/// How many seats are looked at before they are compared.
const AHEAD: usize = 128;

/// Each ID begins with `@`, which tells nothing.
fn beginning_of(id: &[u8]) -> u128 {
    beginning(&id[1..])
}

fn is_between_its_neighbours(members: &[RoomMember], at: usize) -> bool {
    let around = &members[at.saturating_sub(1)..members.len().min(at + 2)];
    around.is_sorted_by(|a, b| a.user_id < b.user_id)
}

#[cfg(test)]
mod tests {
    use ruma_common::{OwnedUserId, UserId, server_name, user_id};

    use super::*;
    use crate::{
        desired::{Desired, Person, PersonIx, PersonStanding, Role},
        policy::Policy,
        room::Membership,
        time::Timestamp,
    };

    fn user(number: u32) -> OwnedUserId {
        UserId::parse(format!("@someone.with.a.long.name.{number:04}:x.org")).unwrap()
    }

    fn member(number: u32) -> RoomMember {
        RoomMember {
            user_id: user(number),
            membership: Membership::Joined,
            sender: user(number),
            at: Timestamp(0),
        }
    }

    /// Everybody is a person, each third has a seat.
    fn seated(members: &[RoomMember]) -> Option<(Vec<u32>, usize)> {
        let people = (0..1000).map(|number| Person {
            user_id: user(number),
            standing: PersonStanding::Active,
        });
        let desired = Desired {
            people: people.collect(),
            ..Desired::default()
        };
        let policy = Policy::new(server_name!("x.org").to_owned());
        let roster = Roster::new(&desired, &policy, user_id!("@bot:x.org"));
        let seats = (0..1000).step_by(3).map(|number| Seat {
            person: PersonIx(number),
            feed: None,
            role: Role::Member,
            level_fixed: false,
        });
        let seats: Vec<Seat> = seats.collect();
        let join = Join::of(&seats, members, &roster)?;
        for (seat, member) in join.pairs(&seats) {
            assert!(member.is_none_or(|member| member.user_id == user(seat.person.0)));
        }
        let found = join.pairs(&seats).filter(|(_, member)| member.is_some());
        Some((
            found.map(|(seat, _)| seat.person.0).collect(),
            join.unseated.len(),
        ))
    }

    #[test]
    fn finds_each_member_once() {
        let members: Vec<RoomMember> = (0..1000).step_by(2).map(member).collect();
        let both: Vec<u32> = (0..1000).step_by(6).collect();
        let others = members.len() - both.len();
        assert_eq!(seated(&members), Some((both, others)));
        assert_eq!(seated(&[]), Some((Vec::new(), 0)));
    }

    #[test]
    fn refuses_members_out_of_order() {
        let orders: [&[u32]; 8] = [
            &[3, 3],
            &[4, 4],
            &[6, 3],
            &[4, 3],
            &[6, 4],
            &[5, 4],
            &[0, 3, 6, 1],
            &[998, 0, 3],
        ];
        for order in orders {
            let members: Vec<RoomMember> = order.iter().copied().map(member).collect();
            assert_eq!(seated(&members), None, "{order:?}");
        }
    }
}
