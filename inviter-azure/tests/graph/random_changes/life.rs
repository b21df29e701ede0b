//! A tenant that changes at random.

use std::{collections::BTreeSet, fmt::Write as _};

use inviter_azure::EntraConfig;
use inviter_graph_emulator::{Fault, Group, Id, Match, Tenant, Trouble, User};

use super::Strange;
use crate::harness::{Picture, World};

/// Repeatable chance (`SplitMix64`).
pub(super) struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    pub(super) fn one_in(&mut self, cases: usize) -> bool {
        self.below(cases) == 0
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        (!of.is_empty()).then(|| of[self.below(of.len())])
    }
}

/// What has been done to a tenant, besides the tenant.
pub(super) struct Life {
    pub(super) chance: Chance,
    pub(super) root: Id,
    things: Vec<Id>,
    /// With the groups that were known then.
    deleted: Vec<(Id, BTreeSet<Id>)>,
    /// The groups in what was read last.
    known: BTreeSet<Id>,
    made: usize,
    /// What was done since the last read.
    pub(super) told: String,
}

impl Life {
    pub(super) fn begin(seed: u64) -> (Self, Tenant) {
        let mut tenant = Tenant::new();
        let root = tenant.add_group("Rooms");
        let things = vec![
            tenant.add_device("a laptop"),
            tenant.add_contact("a customer"),
            tenant.add_service_principal("an app"),
        ];
        let mut life = Self {
            chance: Chance(seed),
            root,
            things,
            deleted: Vec::new(),
            known: BTreeSet::new(),
            made: 0,
            told: String::new(),
        };
        for _ in 0..12 {
            life.make_user(&mut tenant);
        }
        for _ in 0..9 {
            life.make_group(&mut tenant);
        }
        for _ in 0..60 {
            life.relate(&mut tenant);
        }
        (life, tenant)
    }

    fn users(tenant: &Tenant) -> Vec<Id> {
        tenant.users().map(|(id, _)| id).collect()
    }

    /// All groups but for the root group.
    pub(super) fn groups(&self, tenant: &Tenant) -> Vec<Id> {
        let ids = tenant.groups().map(|(id, _)| id);
        ids.filter(|id| *id != self.root).collect()
    }

    fn note(&mut self, what: &str, ids: &[Id]) {
        writeln!(self.told, "  {what} {ids:?}").unwrap();
    }

    fn make_user(&mut self, tenant: &mut Tenant) -> Id {
        self.made += 1;
        let mut user = User::new(&format!("user-{}@example.org", self.made));
        user.account_enabled = !self.chance.one_in(6);
        if self.chance.one_in(3) {
            user.mail = None;
        }
        let id = tenant.add_user(user);
        self.note("make user", &[id]);
        id
    }

    fn name(&mut self) -> String {
        self.made += 1;
        let prefix = ["MTRX ", "mtrx ", "MTRX", "Team ", "A MTRX "][self.chance.below(5)];
        format!("{prefix}{}", self.made)
    }

    fn make_group(&mut self, tenant: &mut Tenant) -> Id {
        let name = self.name();
        let id = tenant.add_group(if self.chance.one_in(2) {
            Group::unified(&name)
        } else {
            Group::new(&name)
        });
        if self.chance.one_in(3) {
            tenant.add_member(self.root, id);
        }
        self.note("make group", &[id]);
        id
    }

    fn relate(&mut self, tenant: &mut Tenant) {
        let mut groups = self.groups(tenant);
        groups.push(self.root);
        let users = Self::users(tenant);
        let Some(group) = self.chance.pick(&groups) else {
            return;
        };
        let target = match self.chance.below(10) {
            0 => self.chance.pick(&self.things.clone()),
            1..4 => self.chance.pick(&groups),
            _ => self.chance.pick(&users),
        };
        let Some(target) = target else { return };
        // Groups own nothing.
        if self.chance.one_in(4) && tenant.group(target).is_none() {
            tenant.add_owner(group, target);
            self.note("add owner", &[group, target]);
        } else {
            tenant.add_member(group, target);
            self.note("add member", &[group, target]);
        }
    }

    fn unrelate(&mut self, tenant: &mut Tenant) {
        let mut groups = self.groups(tenant);
        groups.push(self.root);
        let Some(group) = self.chance.pick(&groups) else {
            return;
        };
        let members: Vec<Id> = tenant.members(group).collect();
        let owners: Vec<Id> = tenant.owners(group).collect();
        if self.chance.one_in(4) {
            if let Some(owner) = self.chance.pick(&owners) {
                tenant.remove_owner(group, owner);
                self.note("remove owner", &[group, owner]);
            }
        } else if let Some(member) = self.chance.pick(&members) {
            tenant.remove_member(group, member);
            self.note("remove member", &[group, member]);
        }
    }

    fn change_user(&mut self, tenant: &mut Tenant) {
        let Some(user) = self.chance.pick(&Self::users(tenant)) else {
            return;
        };
        self.made += 1;
        let name = format!("user-{}@example.org", self.made);
        let which = self.chance.below(4);
        tenant.set_user(user, |user| match which {
            0 => user.account_enabled = !user.account_enabled,
            1 => user.user_principal_name = name,
            2 => user.mail = Some(name),
            _ => user.mail = None,
        });
        self.note("change user", &[user]);
    }

    fn delete(&mut self, tenant: &mut Tenant) {
        let of = if self.chance.one_in(2) {
            self.groups(tenant)
        } else {
            Self::users(tenant)
        };
        let Some(id) = self.chance.pick(&of) else { return };
        if self.chance.one_in(3) {
            tenant.purge(id);
            self.note("purge", &[id]);
        } else {
            tenant.delete(id);
            self.deleted.push((id, self.known.clone()));
            self.note("delete", &[id]);
        }
    }

    fn undelete(&mut self, tenant: &mut Tenant) {
        if self.deleted.is_empty() {
            return;
        }
        let at = self.chance.below(self.deleted.len());
        let (id, known) = self.deleted.swap_remove(at);
        if self.chance.one_in(3) {
            tenant.purge(id);
            self.note("purge at last", &[id]);
        } else {
            tenant.restore(id);
            self.note("restore", &[id]);
            // Nothing may tell that groups have it again that came to count meanwhile, until the next full read.
            let groups: Vec<Id> = tenant.groups().map(|(id, _)| id).collect();
            for group in groups.into_iter().filter(|group| !known.contains(group)) {
                if tenant.remove_member(group, id) {
                    tenant.add_member(group, id);
                    self.note("add again", &[group, id]);
                }
                if tenant.remove_owner(group, id) {
                    tenant.add_owner(group, id);
                }
            }
        }
    }

    /// Notes what groups have been read.
    pub(super) fn know(&mut self, world: &World, picture: &Picture) {
        self.known = picture
            .facts
            .groups
            .keys()
            .map(|id| id.parse().unwrap())
            .collect();
        if world.config.rooms.root.is_some() {
            self.known.insert(self.root);
        }
        // Of a group that did not count for a while, it is not known what it had before.
        for (_, known) in &mut self.deleted {
            known.retain(|id| self.known.contains(id));
        }
    }

    pub(super) fn change(&mut self, tenant: &mut Tenant) {
        match self.chance.below(20) {
            0 => _ = self.make_user(tenant),
            1 => _ = self.make_group(tenant),
            2..8 => self.relate(tenant),
            8..13 => self.unrelate(tenant),
            13..15 => self.change_user(tenant),
            15 => {
                let Some(group) = self.chance.pick(&self.groups(tenant)) else {
                    return;
                };
                let name = self.name();
                tenant.rename_group(group, &name);
                self.note("rename group", &[group]);
            }
            16 => {
                // A group that is made with everything that it has.
                let group = self.make_group(tenant);
                for user in Self::users(tenant) {
                    if self.chance.one_in(3) {
                        tenant.add_member(group, user);
                    }
                }
            }
            17..19 => self.delete(tenant),
            _ => self.undelete(tenant),
        }
    }

    /// Strange ways of telling what changed.
    pub(super) fn quirks(&mut self, world: &World, strange: Strange) {
        let mut quirks = vec![
            Trouble::Repeat,
            Trouble::Shuffle,
            Trouble::EmptyPages(1 + self.chance.below(3)),
        ];
        if strange != Strange::Never {
            quirks.push(Trouble::Contradict);
        }
        if strange == Strange::AcrossRounds {
            quirks.push(Trouble::Replay(1 + self.chance.below(6)));
        }
        for quirk in quirks {
            if self.chance.one_in(4) {
                writeln!(self.told, "  {quirk:?}").unwrap();
                let times = 1 + u32::try_from(self.chance.below(4)).unwrap();
                let when = Match::path("/delta").from_nth(1 + self.chance.below(2));
                world.emulator.fault(Fault::times(times, when, quirk));
            }
        }
        if strange == Strange::AcrossRounds && self.chance.one_in(4) {
            self.told.push_str("  people are shown as they were\n");
            let times = 1 + u32::try_from(self.chance.below(4)).unwrap();
            let people = Match::path("/v1.0/users/").in_batch();
            world.emulator.fault(Fault::times(times, people, Trouble::Stale));
        }
        if self.chance.one_in(20) {
            self.told.push_str("  links expire\n");
            world.emulator.expire_delta_links();
        }
        if self.chance.one_in(20) {
            self.told.push_str("  a full read is due\n");
            world.clock.advance(EntraConfig::FULL_READ_EVERY);
        }
        if self.chance.one_in(20) {
            self.told.push_str("  tokens expire\n");
            world.emulator.expire_tokens();
        }
    }
}
