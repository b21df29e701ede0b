//! A scenario in words, for whoever replays it.

use super::{scenario::Scenario, site::look};

impl Scenario {
    /// Tells of the rooms, of the directories that may be harmed, and of the limits.
    pub(super) fn describe(&self) {
        let mut site = look(&self.world.site);
        let places: Vec<String> = site
            .places
            .iter()
            .map(|place| {
                format!(
                    "room {} by {:?}, version {}, fixed {:?}, left {:?}, levels {:?}",
                    place.name, place.maker, place.version, place.fixed, place.rules.left, place.rules.levels
                )
            })
            .collect();
        let mut lines = places;
        for (at, source) in site.real.sources.iter().enumerate().skip(1) {
            for (login, account) in &source.accounts {
                lines.push(format!(
                    "directory {at}: {login} {} active {:?}",
                    account.user, account.active
                ));
            }
            for (name, group) in &source.groups {
                lines.push(format!(
                    "directory {at}: {name}: {:?}, nested {:?}, owners {:?}",
                    group.members, group.nested, group.owners
                ));
            }
        }
        lines.push(format!(
            "{:?}, vanished groups are empty: {}",
            site.limits, site.vanished_is_empty
        ));
        for line in lines {
            site.tell(|| line);
        }
    }
}
