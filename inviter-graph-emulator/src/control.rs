//! Changes from outside the process: what `POST /__emulator/change` takes.

use std::sync::PoisonError;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::emulator::Shared;
use crate::group::Group;
use crate::id::Id;
use crate::lock;
use crate::server::Incoming;
use crate::tenant::Tenant;
use crate::user::User;

/// Where changes are sent.
pub const PATH: &str = "/__emulator/change";

/// A change. Objects are named by user principal name, display name of a group, or id.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Operation {
    /// Adds a user with Graph's properties.
    AddUser {
        /// Its properties.
        user: Box<User>,
    },
    /// Sets properties of a user.
    SetUser {
        /// Which.
        user: String,
        /// Graph's properties.
        properties: Map<String, Value>,
    },
    /// Keeps a user from signing in.
    DisableUser {
        /// Which.
        user: String,
    },
    /// Lets a user sign in again.
    EnableUser {
        /// Which.
        user: String,
    },
    /// Deletes an object; it can be restored.
    Delete {
        /// Which.
        object: String,
    },
    /// Brings back a deleted object.
    Restore {
        /// Its id.
        object: Id,
    },
    /// Deletes an object for good.
    Purge {
        /// Which.
        object: String,
    },
    /// Adds a group with Graph's properties.
    AddGroup {
        /// Its properties.
        group: Box<Group>,
    },
    /// Gives a group another name.
    RenameGroup {
        /// Which.
        group: String,
        /// The new name.
        name: String,
    },
    /// Adds a member to a group.
    AddMember {
        /// To which group.
        group: String,
        /// Whom.
        member: String,
    },
    /// Takes a member from a group.
    RemoveMember {
        /// From which group.
        group: String,
        /// Whom.
        member: String,
    },
    /// Adds an owner to a group.
    AddOwner {
        /// To which group.
        group: String,
        /// Whom.
        owner: String,
    },
    /// Takes an owner from a group.
    RemoveOwner {
        /// From which group.
        group: String,
        /// Whom.
        owner: String,
    },
    /// Puts these application permissions in force.
    Grant {
        /// Their names.
        permissions: Vec<String>,
    },
    /// Refuses all access tokens issued so far.
    ExpireTokens,
    /// Refuses all links of delta queries issued so far.
    ExpireDeltaLinks,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Body {
    Many(Vec<Operation>),
    One(Operation),
}

/// The object that is called so.
fn find(tenant: &Tenant, name: &str) -> Result<Id> {
    if let Ok(id) = name.parse::<Id>() {
        return Ok(id);
    }
    tenant
        .user_named(name)
        .or_else(|| tenant.group_named(name))
        .with_context(|| format!("nothing is called {name:?}"))
}

fn set_user(tenant: &mut Tenant, id: Id, properties: &Map<String, Value>) -> Result<bool> {
    let user = tenant.user(id).context("not a user")?;
    let Value::Object(mut whole) = serde_json::to_value(user)? else {
        bail!("not an object");
    };
    whole.extend(properties.clone());
    let changed: User = serde_json::from_value(whole.into())?;
    Ok(tenant.set_user(id, |user| *user = changed))
}

impl Operation {
    /// Does it; tells the id of what was added, or whether anything changed.
    fn apply(&self, shared: &Shared) -> Result<Value> {
        let mut tenant = shared.tenant.write().unwrap_or_else(PoisonError::into_inner);
        let tenant = &mut *tenant;
        let changed = match self {
            Self::AddUser { user } => return Ok(json!({ "id": tenant.add_user((**user).clone()) })),
            Self::AddGroup { group } => return Ok(json!({ "id": tenant.add_group((**group).clone()) })),
            Self::SetUser { user, properties } => set_user(tenant, find(tenant, user)?, properties)?,
            Self::DisableUser { user } => tenant.disable(find(tenant, user)?),
            Self::EnableUser { user } => tenant.enable(find(tenant, user)?),
            Self::Delete { object } => tenant.delete(find(tenant, object)?),
            Self::Restore { object } => tenant.restore(*object),
            Self::Purge { object } => tenant.purge(find(tenant, object)?),
            Self::RenameGroup { group, name } => tenant.rename_group(find(tenant, group)?, name),
            Self::AddMember { group, member } => {
                tenant.add_member(find(tenant, group)?, find(tenant, member)?)
            }
            Self::RemoveMember { group, member } => {
                tenant.remove_member(find(tenant, group)?, find(tenant, member)?)
            }
            Self::AddOwner { group, owner } => tenant.add_owner(find(tenant, group)?, find(tenant, owner)?),
            Self::RemoveOwner { group, owner } => {
                tenant.remove_owner(find(tenant, group)?, find(tenant, owner)?)
            }
            Self::Grant { permissions } => {
                *lock(&shared.identity.granted) = permissions.iter().cloned().collect();
                true
            }
            Self::ExpireTokens => {
                shared.access_tokens.expire();
                true
            }
            Self::ExpireDeltaLinks => {
                shared.pages.expire_rounds();
                true
            }
        };
        Ok(json!({ "changed": changed }))
    }
}

pub(crate) fn answer(shared: &Shared, request: &Incoming) -> Answer {
    let operations = match serde_json::from_slice(&request.body) {
        Ok(Body::Many(operations)) => operations,
        Ok(Body::One(operation)) => vec![operation],
        Err(error) => return Answer::json(400, &json!({ "error": error.to_string() })),
    };
    let mut done = Vec::new();
    for operation in &operations {
        match operation.apply(shared) {
            Ok(result) => done.push(result),
            Err(error) => {
                return Answer::json(400, &json!({ "error": error.to_string(), "done": done }));
            }
        }
    }
    Answer::json(200, &json!({ "done": done }))
}
