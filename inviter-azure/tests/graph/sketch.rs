//! Small tenants by names.

use std::collections::BTreeSet;

use inviter_graph_emulator::{Id, Tenant};

/// A tenant of these groups. What they have is one of these groups, or else a person; `*` is before the names of owners.
pub(crate) fn sketch(groups: &[(&str, &[&str])]) -> Tenant {
    let mut tenant = Tenant::new();
    for (name, _) in groups {
        tenant.add_group(*name);
    }
    for (group, names) in groups {
        let group = at(&tenant, group);
        for name in *names {
            let (owner, name) = name.strip_prefix('*').map_or((false, *name), |name| (true, name));
            let target = find(&tenant, name).unwrap_or_else(|| tenant.add_user(&*upn(name)));
            if owner {
                tenant.add_owner(group, target);
            } else {
                tenant.add_member(group, target);
            }
        }
    }
    tenant
}

/// The group or the person of a name.
#[track_caller]
pub(crate) fn at(tenant: &Tenant, name: &str) -> Id {
    find(tenant, name).unwrap_or_else(|| panic!("nothing is called {name}"))
}

fn find(tenant: &Tenant, name: &str) -> Option<Id> {
    tenant.group_named(name).or_else(|| tenant.user_named(&upn(name)))
}

fn upn(name: &str) -> String {
    format!("{name}@example.org")
}

/// The user principal names of people.
pub(crate) fn people(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| upn(name)).collect()
}
