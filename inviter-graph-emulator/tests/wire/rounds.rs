//! A client that merges what rounds of changes tell ends up with what there is, whatever happens meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use inviter_graph_emulator::{Emulator, Id, Kind, Options, Tenant};
use serde_json::Value;

use crate::raw::Raw;

/// Repeatable chance.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }
}

#[derive(Debug, Default, PartialEq)]
struct Known {
    name: String,
    members: BTreeSet<Id>,
    owners: BTreeSet<Id>,
}

fn id(item: &Value) -> Id {
    item["id"].as_str().unwrap().parse().unwrap()
}

fn merge(known: &mut BTreeMap<Id, Known>, item: &Value) {
    if item.get("@removed").is_some() {
        known.remove(&id(item));
        return;
    }
    let group = known.entry(id(item)).or_default();
    item["displayName"].as_str().unwrap().clone_into(&mut group.name);
    let Known { members, owners, .. } = group;
    for (name, set) in [("members@delta", members), ("owners@delta", owners)] {
        for one in item.get(name).and_then(Value::as_array).into_iter().flatten() {
            if one.get("@removed").is_some() {
                set.remove(&id(one));
            } else {
                set.insert(id(one));
            }
        }
    }
}

/// Something happens, or nothing.
fn happen(tenant: &mut Tenant, all: &mut Vec<Id>, chance: &mut Chance) {
    let number = all.len();
    let (one, other) = (all[chance.below(number)], all[chance.below(number)]);
    match chance.below(16) {
        0..=4 => _ = tenant.add_member(one, other),
        5..=7 => _ = tenant.remove_member(one, other),
        8 => _ = tenant.add_owner(one, other),
        9 => _ = tenant.remove_owner(one, other),
        10 | 11 => _ = tenant.delete(one),
        // Whatever is deleted: one by chance hardly ever is.
        12 | 13 => {
            let mut some = all.iter().skip(chance.below(number));
            some.any(|id| tenant.restore(*id));
        }
        14 if chance.below(3) == 0 => {
            tenant.purge(one);
            all.push(tenant.add_group(format!("group {number}")));
        }
        14 => _ = tenant.rename_group(one, &format!("renamed {number} {}", chance.below(9))),
        _ => all.push(tenant.add_user(format!("user{number}@example.org").as_str())),
    }
}

#[tokio::test]
async fn a_merging_client_knows_everything() {
    for seed in 1..=40 {
        let mut chance = Chance(seed);
        let mut tenant = Tenant::new();
        let mut all: Vec<Id> = (0..6)
            .map(|number| tenant.add_group(format!("group {number}")))
            .collect();
        all.extend((0..8).map(|number| tenant.add_user(format!("first{number}@example.org").as_str())));
        for _ in 0..60 {
            happen(&mut tenant, &mut all, &mut chance);
        }
        let options = Options {
            delta_page_size: 2,
            delta_members: 3,
            ..Options::default()
        };
        let emulator = Emulator::start_with(tenant, options).await.unwrap();
        let raw = Raw::new(&emulator).await;
        let mut known = BTreeMap::new();
        let mut link = "/groups/delta?$select=id,displayName,members,owners".to_owned();
        for round in 0..12 {
            // Every other round nothing happens, so that the client can catch up.
            let quiet = round % 2 == 1;
            loop {
                let page = raw.get(&link).await;
                page.value().iter().for_each(|item| merge(&mut known, item));
                if !quiet {
                    for _ in 0..chance.below(6) {
                        emulator.change(|tenant| happen(tenant, &mut all, &mut chance));
                    }
                }
                let next = page.link("nextLink");
                let last = next.is_none();
                link = next.or_else(|| page.link("deltaLink")).unwrap();
                if last {
                    break;
                }
            }
            if quiet {
                emulator.tenant(|tenant| {
                    let truth: BTreeMap<Id, Known> = tenant
                        .groups()
                        .map(|(id, group)| {
                            let known = Known {
                                name: group.display_name.clone(),
                                members: tenant.members(id).collect(),
                                owners: tenant.owners(id).collect(),
                            };
                            (id, known)
                        })
                        .collect();
                    assert_eq!(known, truth, "seed {seed}, round {round}");
                    let all_there = |ids: &BTreeSet<Id>| ids.iter().all(|id| tenant.kind(*id).is_some());
                    assert!(truth.values().all(|group| all_there(&group.members)));
                    assert!(known.keys().all(|id| tenant.kind(*id) == Some(&Kind::Group)));
                });
            }
        }
    }
}
