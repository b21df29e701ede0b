//! What goes wrong in a round, and how it is put right again.

use std::sync::Arc;

use inviter_core::OwnedRoomId;

use super::{
    generate::{chance, one},
    mishaps,
    names::user,
    scenario::Scenario,
    site::{Misreading, Site, Unread, look},
};

impl Scenario {
    /// Lets things go wrong; answers whether any of it concerns the run as a whole.
    pub(super) fn harm(&mut self) -> bool {
        let shared = Arc::clone(&self.world.site);
        let mut site = look(&shared);
        let mut whole = false;
        if chance(&mut self.rng, 15) {
            self.hide_room(&mut site);
        }
        for _ in 0..self.rng.usize(..4) {
            if chance(&mut self.rng, 35) {
                let at = self.rng.usize(1..site.shown.sources.len());
                let misreading = mishaps::misreading(&mut self.rng, &site.shown.sources[at]);
                site.tell(|| match &misreading {
                    Misreading::Fails(kind) => format!("  directory {at} will fail: {kind:?}"),
                    Misreading::Partly(_) => format!("  directory {at} will not tell all"),
                });
                site.misreadings.insert(at, misreading);
            } else {
                let (fault, concerns_all) = mishaps::fault(&mut self.rng);
                whole |= concerns_all;
                site.tell(|| format!("  to come: {fault:?}"));
                site.faults.push(fault);
            }
        }
        whole
    }

    /// One room cannot be read, while the others can.
    pub(super) fn hide_room(&mut self, site: &mut Site) {
        let rooms = site.rooms.iter().filter(|(_, at)| !site.places[**at].unharmed);
        let rooms: Vec<OwnedRoomId> = rooms.map(|(room, _)| room.clone()).collect();
        let how = if self.rng.bool() {
            Unread::Whole
        } else {
            Unread::Partly
        };
        if let Some(room) = one(&mut self.rng, &rooms) {
            site.tell(|| format!("  {room} cannot be read: {how:?}"));
            site.unread.insert(room.clone(), how);
        }
    }

    /// Nothing goes wrong any more, and what others have broken is put right.
    pub(super) fn heal(&mut self) {
        let mut site = look(&self.world.site);
        site.faults.clear();
        site.unread.clear();
        site.misreadings.clear();
        site.kill_at = None;
        for (at, room) in site.leads.clone() {
            for alias in site.places[at].clone().aliases() {
                if site.homeserver.alias(alias) == site.decoy {
                    site.homeserver
                        .force_alias(alias.clone(), room.clone(), user("lead"));
                }
            }
        }
    }
}
