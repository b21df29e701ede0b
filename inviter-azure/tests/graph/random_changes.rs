//! Random tenants that change at random: what is kept current is the truth after each read, and what a full read finds.
//!
//! Each run says its seed when it fails; `SEED=<number>` has one run only, of that seed.

use std::{fmt::Write as _, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt as _;
use inviter_azure::{EntraConfig, RoomGroups};
use inviter_graph_emulator::{Fault, Group, Id, Match, Options, Tenant, Trouble, User};

use crate::harness::{Picture, World};

/// Repeatable chance (SplitMix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    fn one_in(&mut self, cases: usize) -> bool {
        self.below(cases) == 0
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        (!of.is_empty()).then(|| of[self.below(of.len())])
    }
}

/// What has been done to a tenant, besides the tenant.
struct Life {
    chance: Chance,
    root: Id,
    things: Vec<Id>,
    deleted: Vec<Id>,
    made: usize,
    /// What was done since the last read.
    told: String,
}

impl Life {
    fn begin(seed: u64) -> (Self, Tenant) {
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
    fn groups(&self, tenant: &Tenant) -> Vec<Id> {
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
        if self.chance.one_in(4) {
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
            self.deleted.push(id);
            self.note("delete", &[id]);
        }
    }

    fn undelete(&mut self, tenant: &mut Tenant) {
        if self.deleted.is_empty() {
            return;
        }
        let at = self.chance.below(self.deleted.len());
        let id = self.deleted.swap_remove(at);
        if self.chance.one_in(3) {
            tenant.purge(id);
            self.note("purge at last", &[id]);
        } else {
            tenant.restore(id);
            self.note("restore", &[id]);
        }
    }

    fn change(&mut self, tenant: &mut Tenant) {
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
    fn quirks(&mut self, world: &World) {
        let quirks = [
            Trouble::Repeat,
            Trouble::Shuffle,
            Trouble::Contradict,
            Trouble::EmptyPages(1 + self.chance.below(3)),
        ];
        for quirk in quirks {
            if self.chance.one_in(4) {
                writeln!(self.told, "  {quirk:?}").unwrap();
                let times = 1 + u32::try_from(self.chance.below(4)).unwrap();
                let when = Match::path("/delta").from_nth(1 + self.chance.below(2));
                world.emulator.fault(Fault::times(times, when, quirk));
            }
        }
        if self.chance.one_in(20) {
            self.told.push_str("  links expire\n");
            world.emulator.expire_delta_links();
        }
        if self.chance.one_in(20) {
            self.told.push_str("  a day passes\n");
            world.clock.advance(EntraConfig::FULL_READ_EVERY);
        }
        if self.chance.one_in(20) {
            self.told.push_str("  tokens expire\n");
            world.emulator.expire_tokens();
        }
    }
}

/// Which groups stand for rooms, and how long pages are.
fn setting(life: &mut Life, tenant: &Tenant) -> (RoomGroups, Options) {
    let which = 1 + life.chance.below(7);
    let groups = life.groups(tenant);
    let rooms = RoomGroups {
        root: (which & 1 != 0).then(|| life.root.to_string()),
        name_prefix: (which & 2 != 0).then(|| "MTRX ".to_owned()),
        ids: if which & 4 == 0 {
            Vec::new()
        } else {
            groups.iter().take(3).map(ToString::to_string).collect()
        },
    };
    let options = Options {
        largest_page: [1, 2, 5, 999][life.chance.below(4)],
        delta_page_size: [1, 3, 200][life.chance.below(3)],
        delta_members: [1, 4, 500][life.chance.below(3)],
        ..Options::default()
    };
    (rooms, options)
}

async fn live(seed: u64, rounds: usize) {
    let (mut life, tenant) = Life::begin(seed);
    let (rooms, options) = setting(&mut life, &tenant);
    let setting = format!("{rooms:?} {options:?}");
    let world = World::start_with(tenant, options, rooms, |config| {
        config.properties.push("mail".to_owned());
    })
    .await;
    world.assert_true(&world.read().await, "a first read");
    for round in 0..rounds {
        life.told.clear();
        for _ in 0..life.chance.below(7) {
            world.emulator.change(|tenant| life.change(tenant));
        }
        life.quirks(&world);
        let about = format!("round {round} of seed {seed}, {setting}:\n{}", life.told);
        let compared = AssertUnwindSafe(async {
            let picture = world.read().await;
            world.emulator.clear_faults();
            world.assert_true(&picture, "kept current");
            assert_eq!(remarks_of_reading(&picture), "");
            world.assert_true(&world.read_anew().await, "read anew");
        });
        assert!(compared.catch_unwind().await.is_ok(), "{about}");
    }
    // With nothing told as changed, nothing changes.
    world.assert_true(&world.read().await, "at last");
}

/// What is remarked besides that groups are configured which are not there.
fn remarks_of_reading(picture: &Picture) -> String {
    let remarks = picture.directory.remarks.iter().map(ToString::to_string);
    let of_configuration = [
        "not in this tenant",
        "none in this tenant",
        "no group is directly inside",
    ];
    remarks
        .filter(|remark| !of_configuration.iter().any(|words| remark.contains(words)))
        .collect()
}

/// Seeds to run with.
fn seeds(from: u64, count: u64) -> Vec<u64> {
    match std::env::var("SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (from..from + count).collect(),
    }
}

#[tokio::test]
async fn what_is_kept_current_is_the_truth_after_any_changes() {
    for seed in seeds(1, 12) {
        live(seed, 60).await;
    }
}

/// The tenant changes while it is read; the next read without changes tells the truth.
async fn live_on_while_reading(seed: u64, rounds: usize) {
    let (mut life, tenant) = Life::begin(seed);
    let (rooms, options) = setting(&mut life, &tenant);
    let setting = format!("{rooms:?} {options:?}");
    let world = World::start_with(tenant, options, rooms, |config| {
        config.properties.push("mail".to_owned());
    })
    .await;
    for round in 0..rounds {
        life.told.clear();
        if life.chance.one_in(8) {
            world
                .clock
                .advance(EntraConfig::FULL_READ_EVERY + Duration::from_secs(1));
        }
        let mut read = Box::pin(world.read());
        let mut done = None;
        while done.is_none() {
            let mut patience = life.chance.below(200);
            while patience > 0 && done.is_none() {
                patience -= 1;
                done = (&mut read).now_or_never();
                tokio::task::yield_now().await;
            }
            if done.is_none() {
                world.emulator.change(|tenant| life.change(tenant));
            }
        }
        drop(read);
        let about = format!("round {round} of seed {seed}, {setting}:\n{}", life.told);
        let compared = AssertUnwindSafe(async {
            world.assert_true(&world.read().await, "a read without changes");
        });
        assert!(compared.catch_unwind().await.is_ok(), "{about}");
    }
}

#[tokio::test]
async fn what_changes_while_it_is_read_is_the_truth_in_the_next_read() {
    for seed in seeds(101, 8) {
        live_on_while_reading(seed, 30).await;
    }
}
