//! Directories that show themselves as they are not, and call that complete.

use std::collections::BTreeSet;

use super::{
    generate::one,
    mishaps::forget_account,
    organisation::{Group, Source},
    orphans::Fed,
    scenario::Scenario,
    site::look,
};

/// What is certain of directories since the last calm run: lies are told only about that.
#[derive(Debug, Default)]
pub(super) struct Certain {
    /// The smallest number of accounts that each directory has shown since.
    pub(super) active: Vec<usize>,
    /// The groups that fed rooms: directory, group, place.
    pub(super) fed: BTreeSet<Fed>,
}

impl Scenario {
    /// A directory shows itself as it is not, and calls that complete. Answers whether one does.
    pub(super) fn lie(&mut self) -> bool {
        let Some(certain) = &self.certain else {
            return false;
        };
        let mut site = look(&self.world.site);
        let what = match self.rng.u8(..4) {
            // The group of a room is not to be seen. Whoever has set it so means what that comes to.
            0 => {
                if site.vanished_is_empty {
                    return false;
                }
                let fed: Vec<_> = certain.fed.iter().cloned().collect();
                let Some((source, group, _)) = one(&mut self.rng, &fed).cloned() else {
                    return false;
                };
                if site.shown.sources[source].groups.remove(&group).is_none() {
                    return false;
                }
                for other in site.shown.sources[source].groups.values_mut() {
                    other.nested.remove(&group);
                }
                site.tally.fault("group vanished");
                format!("group {group} of directory {source} is not to be seen")
            }
            // Everything is gone.
            1 => {
                let source = self.rng.usize(1..site.shown.sources.len());
                let groups = &site.shown.sources[source].groups;
                let known = |(name, group): (&String, &Group)| {
                    group
                        .room
                        .is_none_or(|place| certain.fed.contains(&(source, name.clone(), place)))
                };
                if !groups.iter().all(known) {
                    return false;
                }
                site.shown.sources[source] = Source::default();
                site.tally.fault("directory empty");
                format!("directory {source} is empty")
            }
            // A branch of accounts is gone.
            2 => {
                let source = self.rng.usize(1..site.shown.sources.len());
                let least = certain.active.get(source).copied().unwrap_or_default();
                let limits = site.limits;
                let enough = |lost: usize| {
                    lost > limits.shrink_count as usize
                        && lost * 100 > least * usize::from(limits.shrink_percent)
                };
                let Some(lost) = (1..=least).find(|lost| enough(*lost)) else {
                    return false;
                };
                // One account has to be left, or the directory would be empty.
                if lost >= least {
                    return false;
                }
                let mut logins: Vec<String> = site.shown.sources[source].accounts.keys().cloned().collect();
                self.rng.shuffle(&mut logins);
                while site.shown.sources[source].active() > least - lost {
                    let Some(login) = logins.pop() else { return false };
                    forget_account(&mut site.shown.sources[source], &login);
                }
                site.tally.fault("directory shrunken");
                format!("directory {source} has lost accounts")
            }
            // Nobody is in the groups of a room.
            _ => {
                let places = site.places.len() - 1;
                let place = self.rng.usize(..places);
                for source in &mut site.shown.sources {
                    for group in source
                        .groups
                        .values_mut()
                        .filter(|group| group.room == Some(place))
                    {
                        group.members.clear();
                        group.nested.clear();
                    }
                }
                site.tally.fault("group empty");
                format!("nobody is in the groups of {}", site.places[place].name)
            }
        };
        site.tell(|| format!("  LIE: {what}"));
        true
    }
}
