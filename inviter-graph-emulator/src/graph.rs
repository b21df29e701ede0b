//! Which part of Graph a request is for.

use crate::answer::{Answer, Refusal};
use crate::delta;
use crate::listing;
use crate::object::Relation;
use crate::options::Options;
use crate::organization;
use crate::query::Query;
use crate::record::decoded;
use crate::rights::Rights;
use crate::selection::Of;
use crate::tenant::Tenant;
use crate::tokens::Pages;

/// A request to Graph, on its own or in a batch.
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    /// What follows the version, still encoded, with a slash before it and none at its end.
    pub(crate) path: &'a str,
    pub(crate) query: &'a Query,
    /// `Prefer: return=minimal`.
    pub(crate) minimal: bool,
    /// `ConsistencyLevel: eventual`.
    pub(crate) eventual: bool,
    /// The address of Graph, with its version.
    pub(crate) base: &'a str,
    pub(crate) tenant_id: &'a str,
    pub(crate) options: &'a Options,
}

const DELTA: &[&str] = &[
    "delta",
    "delta()",
    "microsoft.graph.delta",
    "microsoft.graph.delta()",
];

/// Whether this is a delta query.
pub(crate) fn is_delta(path: &str) -> bool {
    let last = path.rsplit('/').next().unwrap_or_default();
    DELTA.contains(&&*decoded(last).to_ascii_lowercase())
}

pub(crate) fn answer(
    asked: &Asked<'_>,
    tenant: &Tenant,
    rights: Rights,
    pages: &Pages,
) -> Result<Answer, Refusal> {
    let path = decoded(&asked.path.replace('+', "%2B"));
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let small: Vec<String> = parts.iter().map(|part| part.to_ascii_lowercase()).collect();
    let small: Vec<&str> = small.iter().map(String::as_str).collect();
    let of = match small.first() {
        Some(&"groups") => Of::Groups,
        Some(&"users") => Of::Users,
        Some(&"organization") => Of::Objects,
        _ => return Err(Refusal::segment(parts.first().copied().unwrap_or_default())),
    };
    if asked.method != "GET" {
        let message = "Specified HTTP method is not allowed for the request target.";
        return Err(Refusal::new(405, "Request_BadRequest", message));
    }
    match (of, &small[1..]) {
        (Of::Objects, []) => organization::answer(asked, tenant, rights),
        (Of::Objects, [first, ..]) => Err(Refusal::segment(first)),
        (of, []) => listing::all(asked, tenant, rights, of),
        (of, [name]) if DELTA.contains(name) => delta::answer(asked, tenant, rights, pages, of),
        (Of::Groups, [_]) => listing::group(asked, tenant, rights, parts[1]),
        (Of::Users, [_]) => listing::user(asked, tenant, rights, parts[1]),
        (Of::Groups, [_, "members"]) => {
            listing::related(asked, tenant, rights, parts[1], Relation::Members, false)
        }
        (Of::Groups, [_, "transitivemembers"]) => {
            listing::related(asked, tenant, rights, parts[1], Relation::Members, true)
        }
        (Of::Groups, [_, "owners"]) => {
            listing::related(asked, tenant, rights, parts[1], Relation::Owners, false)
        }
        (_, [_, .., last]) => Err(Refusal::segment(last)),
    }
}
