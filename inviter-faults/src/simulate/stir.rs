//! What people do in rooms by themselves.

use std::collections::BTreeSet;

use fastrand::Rng;
use inviter_core::{OwnedRoomId, OwnedUserId, memory::UserOp};
use serde_json::json;

use super::{
    generate::{chance, everyone, one},
    names::user,
    site::{Maker, look},
    words::Pair,
    world::World,
};

impl World {
    /// These people come back into rooms, by an invitation of the bot's account that a person has sent.
    pub(super) fn bring_back(&self, people: BTreeSet<Pair>) {
        for (room, user) in people {
            look(&self.site).brought.insert((room.clone(), user.clone()));
            let invite = UserOp::Invite {
                room: room.clone(),
                user: user.clone(),
                reason: None,
            };
            let came = self.homeserver.act(&self.bot, &invite).is_ok()
                && self.homeserver.act(&user, &UserOp::Join { room }).is_ok();
            look(&self.site).tell(|| format!("  {user} comes back: {came}"));
        }
    }

    /// People do something in rooms.
    pub(super) fn stir(&self, rng: &mut Rng) {
        let (rooms, places) = {
            let site = look(&self.site);
            let rooms: Vec<(OwnedRoomId, usize)> =
                site.rooms.iter().map(|(room, at)| (room.clone(), *at)).collect();
            (rooms, site.places.clone())
        };
        let everyone = everyone(self.people);
        let (Some((room, at)), Some(who)) = (one(rng, &rooms).cloned(), one(rng, &everyone).cloned()) else {
            return;
        };
        if places[at].unharmed {
            return;
        }
        let lead = user("lead");
        let by_hand = |user: &OwnedUserId| UserOp::Invite {
            room: room.clone(),
            user: user.clone(),
            reason: None,
        };
        let join = || UserOp::Join { room: room.clone() };
        if chance(rng, 8)
            && places[at].maker != Maker::Squatter
            && !look(&self.site).closed.contains_key(&room)
        {
            let by = [self.bot.clone(), lead, who];
            let by = one(rng, &by).unwrap_or(&self.bot);
            return self.upgrade(rng, &room, at, by);
        }
        let what = rng.u8(..14);
        let acts: Vec<(OwnedUserId, UserOp)> = match what {
            0..4 => vec![(who.clone(), join())],
            4 => vec![(who.clone(), UserOp::Leave { room: room.clone() })],
            5..8 => {
                let is_leads = places[at].maker == Maker::Lead && rng.bool();
                let by = if is_leads { lead } else { self.bot.clone() };
                vec![(by, by_hand(&who)), (who.clone(), join())]
            }
            8 | 9 => {
                let mut levels = self.homeserver.levels(&room).unwrap_or_else(|| json!({}));
                let level = one(rng, &[25, 50, 50, 100]).copied().unwrap_or(50);
                levels["users"][who.as_str()] = json!(level);
                vec![(
                    self.bot.clone(),
                    UserOp::set(room.clone(), "m.room.power_levels", levels),
                )]
            }
            10 => vec![(
                lead,
                UserOp::Kick {
                    room: room.clone(),
                    user: who.clone(),
                    reason: None,
                },
            )],
            11 => vec![(
                lead,
                UserOp::Ban {
                    room: room.clone(),
                    user: who.clone(),
                    reason: None,
                },
            )],
            12 => {
                let rule = one(rng, &["invite", "invite", "public", "knock"]).copied();
                let content = json!({ "join_rule": rule.unwrap_or("invite") });
                vec![(
                    self.bot.clone(),
                    UserOp::set(room.clone(), "m.room.join_rules", content),
                )]
            }
            _ => vec![(who.clone(), UserOp::Knock { room: room.clone() })],
        };
        for (by, op) in acts {
            if let (UserOp::Invite { room, user, .. }, true) = (&op, by == self.bot) {
                // By hand, and yet with the program's account: it cannot tell this from its own.
                look(&self.site).brought.insert((room.clone(), user.clone()));
            }
            // What the homeserver refuses does not happen.
            let came = self.homeserver.act(&by, &op).is_ok();
            look(&self.site).tell(|| format!("  {by}: {op:?} {}", if came { "" } else { "(refused)" }));
        }
    }
}
