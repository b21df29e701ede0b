//! The first round: everything there is.

use std::ops::Bound;

use super::page::Writer;
use super::{Plan, Position};
use crate::change_log::Version;
use crate::graph::Asked;
use crate::id::Id;
use crate::listing::hidden;
use crate::object::{Kind, Relation};
use crate::rights::Rights;
use crate::selection::Of;
use crate::tenant::Tenant;

type Reached = (Version, Option<Id>, Option<(Id, Relation, Id)>);

pub(super) fn page(
    mut writer: Writer,
    asked: &Asked<'_>,
    tenant: &Tenant,
    rights: Rights,
    plan: &Plan,
    (start, mut after, mut inside): Reached,
) -> (Writer, Position) {
    if after.is_none() && inside.is_none() && asked.options.deleted_in_first_delta {
        deleted(&mut writer, tenant, plan);
    }
    let ids = match plan.of {
        Of::Users => &tenant.users,
        _ => &tenant.groups,
    };
    let from = match (inside, after) {
        (Some((group, ..)), _) => Bound::Included(group),
        (None, Some(after)) => Bound::Excluded(after),
        (None, None) => Bound::Unbounded,
    };
    let wanted = |id: &&Id| plan.ids.as_ref().is_none_or(|ids| ids.contains(id));
    for id in ids.range((from, Bound::Unbounded)).filter(wanted) {
        if writer.is_full() {
            return (writer, Position::First { start, after, inside });
        }
        let resumed = inside.take().filter(|(group, ..)| group == id);
        if let Some((relation, last)) = object(&mut writer, tenant, rights, plan, *id, resumed) {
            let inside = Some((*id, relation, last));
            return (writer, Position::First { start, after, inside });
        }
        after = Some(*id);
    }
    (writer, Position::Since(start))
}

/// Writes an object. If it has more members or owners than fit, answers how far it has got.
fn object(
    writer: &mut Writer,
    tenant: &Tenant,
    rights: Rights,
    plan: &Plan,
    id: Id,
    resumed: Option<(Id, Relation, Id)>,
) -> Option<(Relation, Id)> {
    let object = tenant.objects.get(&id)?;
    plan.selection.write_delta(writer.begin(id), object, None);
    let mut reached = None;
    'relations: for relation in &plan.selection.relations {
        if *relation == Relation::Members && hidden(object, rights) {
            continue;
        }
        let from = match resumed {
            // All of the relations before it have been told.
            Some((_, at, last)) if at == *relation => Bound::Excluded(last),
            Some((_, at, _)) if position(plan, at) > position(plan, *relation) => continue,
            _ => Bound::Unbounded,
        };
        let mut last = match from {
            Bound::Excluded(last) => last,
            _ => Id::NIL,
        };
        for target in object.related(*relation).range((from, Bound::Unbounded)) {
            if writer.is_full_of_related() {
                reached = Some((*relation, last));
                break 'relations;
            }
            if let Some(found) = tenant.objects.get(target) {
                writer.related(*relation, *target, &found.kind, true);
            }
            last = *target;
        }
    }
    writer.end();
    reached
}

fn position(plan: &Plan, relation: Relation) -> Option<usize> {
    plan.selection
        .relations
        .iter()
        .position(|other| *other == relation)
}

fn deleted(writer: &mut Writer, tenant: &Tenant, plan: &Plan) {
    let kind = match plan.of {
        Of::Users => Kind::User,
        _ => Kind::Group,
    };
    let wanted = |id: &Id| plan.ids.as_ref().is_none_or(|ids| ids.contains(id));
    for (id, object) in &tenant.deleted {
        if object.kind == kind && wanted(id) {
            writer.removed(*id, "changed");
        }
    }
}
