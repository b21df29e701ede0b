//! Delta queries: everything at first, then what has changed.

mod changes;
mod first;
mod page;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::answer::{Answer, Refusal};
use crate::change_log::Version;
use crate::filter;
use crate::graph::Asked;
use crate::id::Id;
use crate::object::Relation;
use crate::rights::{Rights, UserRights};
use crate::selection::{Of, Selection};
use crate::shown;
use crate::tenant::Tenant;
use crate::tokens::Pages;

use changes::Item;

/// What was asked for at first; it holds for all that follows.
pub(crate) struct Plan {
    of: Of,
    selection: Selection,
    /// The only objects it is about.
    ids: Option<BTreeSet<Id>>,
}

/// How far a client has got.
#[derive(Clone)]
pub(crate) struct Round {
    plan: Arc<Plan>,
    position: Position,
    /// What was told before, page by page, but for the first round.
    told: Vec<Bytes>,
}

impl Round {
    /// The items that were told so many pages before, as JSON.
    pub(crate) fn told_before(&self, pages: usize) -> Option<&Bytes> {
        self.told.get(self.told.len().checked_sub(pages)?)
    }
}

impl fmt::Debug for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Round").finish_non_exhaustive()
    }
}

#[derive(Clone)]
enum Position {
    /// In the first round. What changes meanwhile is told in the next.
    First {
        start: Version,
        after: Option<Id>,
        /// The group whose members or owners have been told up to one of them.
        inside: Option<(Id, Relation, Id)>,
    },
    /// In a round of changes.
    Changes {
        end: Version,
        items: Arc<Vec<Item>>,
        at: usize,
        /// How many members and owners of that item have been told.
        told: usize,
    },
    /// Before a round of changes.
    Since(Version),
}

/// `/users/delta` or `/groups/delta`.
pub(crate) fn answer(
    asked: &Asked<'_>,
    tenant: &Tenant,
    rights: Rights,
    pages: &Pages,
    of: Of,
) -> Result<Answer, Refusal> {
    asked
        .query
        .only(&["$select", "$filter", "$skiptoken", "$deltatoken"])?;
    let allowed = match of {
        Of::Users => rights.users == UserRights::Full,
        _ => rights.groups,
    };
    if !allowed {
        return Err(Refusal::denied());
    }
    let skip = asked.query.get("$skiptoken");
    let delta = asked.query.get("$deltatoken").filter(|token| !token.is_empty());
    let latest = delta.is_some_and(|token| token.eq_ignore_ascii_case("latest"));
    let state = skip.or(delta.filter(|_| !latest));
    let round = match state {
        Some(token) => {
            if asked.query.get("$select").is_some() || asked.query.get("$filter").is_some() {
                return Err(Refusal::bad_request(
                    "$select and $filter cannot be combined with a state token.",
                ));
            }
            let round = pages.round(token).filter(|round| round.plan.of == of);
            round.ok_or_else(|| {
                let mut refusal = Refusal::delta_expired();
                // Where a new round begins.
                let location = format!("{}/{}/delta?$deltatoken=", asked.base, of.collection());
                refusal.headers.push(("location", location));
                refusal
            })?
        }
        None => begin(asked, tenant, of, latest)?,
    };
    let writer = page::Writer::new(asked.options);
    let of_changes = !latest && !matches!(round.position, Position::First { .. });
    let (writer, next) = if latest {
        (writer, Position::Since(tenant.log.version()))
    } else {
        match round.position {
            Position::First { start, after, inside } => {
                first::page(writer, asked, tenant, rights, &round.plan, (start, after, inside))
            }
            Position::Since(version) => {
                let items = changes::since(version, asked, tenant, rights, &round.plan);
                let (end, items) = (tenant.log.version(), Arc::new(items));
                changes::page(writer, asked, tenant, &round.plan, (end, items, 0, 0))
            }
            Position::Changes { end, items, at, told } => {
                changes::page(writer, asked, tenant, &round.plan, (end, items, at, told))
            }
        }
    };
    let plan = round.plan;
    let last = matches!(next, Position::Since(_));
    // What was selected is in the token, and not said again.
    let context = if state.is_some() {
        String::new()
    } else {
        plan.selection.context()
    };
    let mut items = b"[".to_vec();
    items.append(&mut writer.finish());
    items.push(b']');
    let items = Bytes::from(items);
    let mut told = round.told;
    if of_changes {
        told.push(items.clone());
    }
    let token = pages.keep_round(Round {
        plan,
        position: next,
        told,
    });
    let mut out = b"{".to_vec();
    shown::name(&mut out, "@odata.context");
    let collection = of.collection();
    shown::string(
        &mut out,
        &format!("{}/$metadata#{collection}{context}", asked.base),
    );
    let (link, parameter) = if last {
        ("@odata.deltaLink", "$deltatoken")
    } else {
        ("@odata.nextLink", "$skiptoken")
    };
    shown::name(&mut out, link);
    shown::string(
        &mut out,
        &format!("{}/{collection}/delta?{parameter}={token}", asked.base),
    );
    shown::name(&mut out, "value");
    out.extend_from_slice(&items);
    out.push(b'}');
    let mut answer = Answer::graph(out);
    if asked.minimal {
        answer = answer.with("preference-applied", "return=minimal");
    }
    Ok(answer)
}

fn begin(asked: &Asked<'_>, tenant: &Tenant, of: Of, latest: bool) -> Result<Round, Refusal> {
    let ids = asked.query.get("$filter").map(filter::only_ids).transpose()?;
    let plan = Plan {
        of,
        selection: Selection::parse(asked.query.get("$select"), of, true)?,
        ids: ids.map(|ids| ids.into_iter().collect()),
    };
    let start = tenant.log.version();
    let position = if latest {
        Position::Since(start)
    } else {
        Position::First {
            start,
            after: None,
            inside: None,
        }
    };
    Ok(Round {
        plan: Arc::new(plan),
        position,
        told: Vec::new(),
    })
}
