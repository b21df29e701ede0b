//! The later rounds: what has changed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::page::Writer;
use super::{Plan, Position};
use crate::change_log::{Cause, Version, What};
use crate::graph::Asked;
use crate::id::Id;
use crate::listing::hidden;
use crate::object::{Kind, Relation};
use crate::rights::Rights;
use crate::selection::Of;
use crate::tenant::Tenant;

/// What is to be told of an object.
pub(crate) struct Item {
    id: Id,
    what: Told,
}

enum Told {
    Removed(&'static str),
    Present {
        /// All about it is new.
        appeared: bool,
        /// Properties with other values.
        names: BTreeSet<String>,
        /// Members and owners, added or removed.
        related: Vec<(Relation, Id, Kind, bool)>,
    },
}

/// What the changes to an object come to.
#[derive(Default)]
struct Sum {
    removed: Option<&'static str>,
    appeared: bool,
    names: BTreeSet<String>,
    related: BTreeMap<(Relation, Id), (Kind, bool)>,
}

/// What has changed since a version, in the order in which objects first did.
pub(super) fn since(
    version: Version,
    asked: &Asked<'_>,
    tenant: &Tenant,
    rights: Rights,
    plan: &Plan,
) -> Vec<Item> {
    let untold = if asked.options.deletion_leaves_groups {
        Cause::Purge
    } else {
        Cause::Deletion
    };
    let kind = match plan.of {
        Of::Users => Kind::User,
        _ => Kind::Group,
    };
    let mut order = Vec::new();
    let mut sums: HashMap<Id, Sum> = HashMap::new();
    for change in tenant.log.since(version) {
        let wanted = plan.ids.as_ref().is_none_or(|ids| ids.contains(&change.object));
        let told = !matches!(change.what, What::Related { cause, .. } if cause == untold);
        if change.kind != kind || !wanted || !told {
            continue;
        }
        let sum = sums.entry(change.object).or_insert_with(|| {
            order.push(change.object);
            Sum::default()
        });
        sum.add(&change.what);
    }
    order
        .into_iter()
        .filter_map(|id| item(id, sums.remove(&id)?, tenant, rights, plan))
        .collect()
}

impl Sum {
    fn add(&mut self, what: &What) {
        match what {
            // Whoever was taken out before stays told: a client that never hears of the deletion has them still.
            What::Appeared => {
                self.removed = None;
                self.appeared = true;
            }
            What::Deleted => self.removed = Some("changed"),
            What::Purged => self.removed = Some("deleted"),
            What::Set(name) => _ = self.names.insert(name.clone()),
            What::Related {
                relation,
                target,
                kind,
                added,
                cause: _,
            } => _ = self.related.insert((*relation, *target), (kind.clone(), *added)),
        }
    }
}

fn item(id: Id, sum: Sum, tenant: &Tenant, rights: Rights, plan: &Plan) -> Option<Item> {
    if let Some(reason) = sum.removed {
        let what = Told::Removed(reason);
        return Some(Item { id, what });
    }
    let object = tenant.objects.get(&id)?;
    let mut related = Vec::new();
    for relation in &plan.selection.relations {
        if *relation == Relation::Members && hidden(object, rights) {
            continue;
        }
        if sum.appeared {
            let all = object.related(*relation).iter();
            related.extend(all.filter_map(|target| {
                let kind = tenant.objects.get(target)?.kind.clone();
                Some((*relation, *target, kind, true))
            }));
        }
        let changed = sum.related.range((*relation, Id::NIL)..);
        let changed = changed.take_while(|((other, _), _)| other == relation);
        let changed = changed.map(|((_, target), (kind, added))| (*relation, *target, kind.clone(), *added));
        related.extend(changed.filter(|(_, target, _, added)| {
            !sum.appeared || !*added && !object.related(*relation).contains(target)
        }));
    }
    let names: BTreeSet<String> = sum
        .names
        .into_iter()
        .filter(|name| plan.selection.tracks(plan.of, name))
        .collect();
    if !sum.appeared && names.is_empty() && related.is_empty() {
        return None;
    }
    let what = Told::Present {
        appeared: sum.appeared,
        names,
        related,
    };
    Some(Item { id, what })
}

type Reached = (Version, Arc<Vec<Item>>, usize, usize);

pub(super) fn page(
    mut writer: Writer,
    asked: &Asked<'_>,
    tenant: &Tenant,
    plan: &Plan,
    (end, items, mut at, mut told): Reached,
) -> (Writer, Position) {
    while let Some(item) = items.get(at) {
        if writer.is_full() {
            break;
        }
        match (&item.what, tenant.objects.get(&item.id)) {
            (Told::Removed(reason), _) => writer.removed(item.id, reason),
            (
                Told::Present {
                    appeared,
                    names,
                    related,
                },
                Some(object),
            ) => {
                let changed = |name: &str| names.contains(name);
                let changed: Option<&dyn Fn(&str) -> bool> = if asked.minimal && !appeared {
                    Some(&changed)
                } else {
                    None
                };
                plan.selection.write_delta(writer.begin(item.id), object, changed);
                for (relation, target, kind, added) in &related[told..] {
                    if writer.is_full_of_related() {
                        break;
                    }
                    writer.related(*relation, *target, kind, *added);
                    told += 1;
                }
                writer.end();
                if told < related.len() {
                    break;
                }
            }
            // Deleted since: the next round tells.
            (Told::Present { .. }, None) => {}
        }
        at += 1;
        told = 0;
    }
    let next = if at < items.len() {
        Position::Changes { end, items, at, told }
    } else {
        Position::Since(end)
    };
    (writer, next)
}
