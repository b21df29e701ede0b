//! How many people may go without a person's word, counted by hand.

use std::collections::BTreeSet;

use inviter_core::{RoomId, UserId};

use super::site::Site;

impl Site {
    /// Somebody has gone: too many have, unless a person has let exactly them go.
    pub(super) fn judge_limits(&mut self, room: &RoomId, user: &UserId) {
        let (now, window) = (self.homeserver.now(), self.window());
        let first = self.run.removed_before;
        let gone_of = |skip: usize, until: usize, keep: &dyn Fn(&RoomId) -> bool| {
            let all = self.removed.iter().take(until).skip(skip);
            let all = all.map(|(at, room, user)| (*at, self.current(room), user));
            let recent = all.filter(|(at, room, _)| now.since(*at) < window && keep(room));
            let people: BTreeSet<_> = recent.map(|(_, room, user)| (room, user)).collect();
            people.len()
        };
        let distinct = |keep: &dyn Fn(&RoomId) -> bool| gone_of(0, usize::MAX, keep);
        let base = |keep: &dyn Fn(&RoomId) -> bool| -> usize {
            let rooms = self.run.population.iter().filter(|(room, _)| keep(room));
            rooms.map(|(_, count)| count).sum()
        };
        let limits = self.limits;
        // Whoever went in an earlier run of the window is not in the population before this one.
        let base = |keep: &dyn Fn(&RoomId) -> bool| base(keep) + gone_of(0, first, keep);
        let mut scopes: Vec<(String, usize, usize, u32, u8)> = Vec::new();
        let here = |other: &RoomId| other == room;
        let (gone, of) = (distinct(&here), base(&here));
        scopes.push((room.to_string(), gone, of, limits.room_count, limits.room_percent));
        let (gone, of) = (distinct(&|_| true), base(&|_| true));
        scopes.push((
            "all rooms".to_owned(),
            gone,
            of,
            limits.total_count,
            limits.total_percent,
        ));
        for (index, source) in self.shown.sources.iter().enumerate() {
            let fed = |other: &RoomId| {
                self.place_of(other)
                    .is_some_and(|(at, _)| !source.reach(at).is_empty())
            };
            if !fed(room) {
                continue;
            }
            let may_be = |other: &RoomId| {
                fed(other)
                    || self
                        .place_of(other)
                        .is_some_and(|(at, _)| self.fed_ever.contains(&(index, at)))
            };
            scopes.push((
                format!("directory {index}"),
                distinct(&fed),
                base(&may_be),
                limits.directory_count,
                limits.directory_percent,
            ));
        }
        let pair = (room.to_owned(), user.to_owned());
        for (scope, gone, of, count, percent) in scopes {
            // A zero in either number lets nobody go.
            let never = count == 0 || percent == 0;
            let beyond =
                gone > 0 && (never || gone > count as usize && gone * 100 > of * usize::from(percent));
            if beyond && self.words.lets_go(&pair) {
                self.words.use_up(&pair);
            } else if beyond {
                self.blame(format!(
                    "{gone} of {of} are gone from {scope}, beyond {count} and {percent} %, and nobody has let them go"
                ));
            }
        }
    }
}
