//! Single objects, collections and their pages.

use std::collections::BTreeSet;
use std::ops::Bound;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::answer::{Answer, Refusal};
use crate::filter::Filter;
use crate::graph::Asked;
use crate::group::Group;
use crate::id::Id;
use crate::object::{Object, Relation};
use crate::query::Query;
use crate::rights::{Rights, UserRights};
use crate::selection::{Of, Selection, write_head};
use crate::shown::{self, Columns};
use crate::tenant::Tenant;
use crate::user::User;

const LISTING: &[&str] = &["$select", "$filter", "$top", "$skiptoken", "$count"];

/// What tokens of pages begin with.
const PAGE_MARK: &[u8] = b"DSpt";

fn page_token(after: Id) -> String {
    let mut bytes = PAGE_MARK.to_vec();
    after.write(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

fn read_page_token(query: &Query) -> Result<Option<Id>, Refusal> {
    let Some(token) = query.get("$skiptoken") else {
        return Ok(None);
    };
    let bytes = URL_SAFE_NO_PAD.decode(token).unwrap_or_default();
    bytes
        .strip_prefix(PAGE_MARK)
        .and_then(|id| std::str::from_utf8(id).ok()?.parse().ok())
        .map(Some)
        .ok_or_else(|| Refusal::bad_request("Invalid page token."))
}

/// How long a page is to be.
fn page_size(asked: &Asked<'_>) -> Result<usize, Refusal> {
    let Some(top) = asked.query.get("$top") else {
        return Ok(asked.options.page_size);
    };
    match top.parse::<usize>() {
        Ok(size @ 1..=999) => Ok(size.min(asked.options.largest_page)),
        Ok(_) => Err(Refusal::unsupported(format!(
            "Invalid page size specified: '{top}'. Must be between 1 and 999 inclusive."
        ))),
        Err(_) => Err(Refusal::bad_request(format!(
            "Invalid value '{top}' for $top query option found. The $top query option requires a \
             non-negative integer value."
        ))),
    }
}

/// One page of a collection.
struct Page<'a> {
    of: Of,
    selection: Selection,
    /// Objects from the page's beginning on.
    objects: &'a mut dyn Iterator<Item = (Id, &'a Object)>,
    count: Option<usize>,
}

impl Page<'_> {
    fn write(self, asked: &Asked<'_>, rights: Rights) -> Result<Answer, Refusal> {
        let size = page_size(asked)?;
        let mut value = Vec::with_capacity(size * 128);
        let mut last = Id::NIL;
        let mut more = false;
        for (written, (id, object)) in self.objects.enumerate() {
            if written == size {
                more = true;
                break;
            }
            value.extend_from_slice(if written == 0 { b"{" } else { b",{" });
            if self.selection.shows_ids(self.of) {
                write_head(&mut value, id, (self.of == Of::Objects).then_some(&object.kind));
            }
            self.selection.write(&mut value, object, rights);
            value.push(b'}');
            last = id;
        }
        let mut out = b"{".to_vec();
        shown::name(&mut out, "@odata.context");
        let context = format!(
            "{}/$metadata#{}{}",
            asked.base,
            self.of.collection(),
            self.selection.context()
        );
        shown::string(&mut out, &context);
        if let Some(count) = self.count {
            shown::name(&mut out, "@odata.count");
            out.extend_from_slice(count.to_string().as_bytes());
        }
        if more {
            shown::name(&mut out, "@odata.nextLink");
            let query = asked.query.with_skiptoken(&page_token(last));
            shown::string(&mut out, &format!("{}{}?{query}", asked.base, asked.path));
        }
        shown::name(&mut out, "value");
        out.push(b'[');
        out.append(&mut value);
        out.extend_from_slice(b"]}");
        Ok(Answer::graph(out))
    }
}

fn wants_count(asked: &Asked<'_>) -> Result<bool, Refusal> {
    if asked.query.get("$count") != Some("true") {
        return Ok(false);
    }
    if !asked.eventual {
        return Err(Refusal::unsupported(
            "$count is not supported without the header ConsistencyLevel: eventual.",
        ));
    }
    // Only the first page tells it.
    Ok(asked.query.get("$skiptoken").is_none())
}

/// `/users` or `/groups`.
pub(crate) fn all(asked: &Asked<'_>, tenant: &Tenant, rights: Rights, of: Of) -> Result<Answer, Refusal> {
    asked.query.only(LISTING)?;
    match of {
        Of::Users if rights.users == UserRights::None => Err(Refusal::denied()),
        Of::Groups if !rights.groups => Err(Refusal::denied()),
        Of::Users => filtered::<User>(asked, tenant, rights, of, &tenant.users, Object::user),
        Of::Groups | Of::Objects => {
            filtered::<Group>(asked, tenant, rights, of, &tenant.groups, Object::group)
        }
    }
}

fn filtered<T: Columns>(
    asked: &Asked<'_>,
    tenant: &Tenant,
    rights: Rights,
    of: Of,
    ids: &BTreeSet<Id>,
    get: fn(&Object) -> Option<&T>,
) -> Result<Answer, Refusal> {
    let selection = Selection::parse(asked.query.get("$select"), of, false)?;
    let filter = asked.query.get("$filter");
    let filter = filter
        .map(|filter| Filter::<T>::parse(filter, of.type_name()))
        .transpose()?;
    // The only ones that can pass, so that a few ids are not looked for among all.
    let few: Option<BTreeSet<Id>> = filter
        .as_ref()
        .and_then(Filter::ids)
        .map(|few| few.into_iter().filter(|id| ids.contains(id)).collect());
    let ids = few.as_ref().unwrap_or(ids);
    let passing = |id: &Id| {
        let object = tenant.objects.get(id)?;
        let passes = match &filter {
            Some(filter) => filter.passes(*id, get(object)?),
            None => true,
        };
        passes.then_some((*id, object))
    };
    let count = wants_count(asked)?.then(|| ids.iter().filter_map(passing).count());
    let mut objects = from(ids, read_page_token(asked.query)?).filter_map(passing);
    let page = Page {
        of,
        selection,
        objects: &mut objects,
        count,
    };
    page.write(asked, rights)
}

/// What comes after an id.
fn from(ids: &BTreeSet<Id>, after: Option<Id>) -> impl Iterator<Item = &Id> {
    let start = after.map_or(Bound::Unbounded, Bound::Excluded);
    ids.range((start, Bound::Unbounded))
}

/// A group by its id, if there is one.
fn find_group<'a>(tenant: &'a Tenant, id: &str) -> Result<(Id, &'a Object), Refusal> {
    let parsed: Id = id
        .parse()
        .map_err(|_| Refusal::bad_request(format!("Invalid object identifier '{id}'.")))?;
    let object = tenant.objects.get(&parsed);
    object
        .filter(|object| object.group().is_some())
        .map(|object| (parsed, object))
        .ok_or_else(|| Refusal::not_found(id))
}

/// `/groups/{id}`.
pub(crate) fn group(asked: &Asked<'_>, tenant: &Tenant, rights: Rights, id: &str) -> Result<Answer, Refusal> {
    asked.query.only(&["$select"])?;
    if !rights.groups {
        return Err(Refusal::denied());
    }
    let (id, object) = find_group(tenant, id)?;
    single(asked, rights, Of::Groups, id, object)
}

/// `/users/{id}`, also by user principal name.
pub(crate) fn user(asked: &Asked<'_>, tenant: &Tenant, rights: Rights, id: &str) -> Result<Answer, Refusal> {
    asked.query.only(&["$select"])?;
    if rights.users == UserRights::None {
        return Err(Refusal::denied());
    }
    let found = id.parse().ok().or_else(|| tenant.user_named(id));
    let object = found.and_then(|found| Some((found, tenant.objects.get(&found)?)));
    let (id, object) = object
        .filter(|(_, object)| object.user().is_some())
        .ok_or_else(|| Refusal::not_found(id))?;
    single(asked, rights, Of::Users, id, object)
}

fn single(asked: &Asked<'_>, rights: Rights, of: Of, id: Id, object: &Object) -> Result<Answer, Refusal> {
    let selection = Selection::parse(asked.query.get("$select"), of, false)?;
    let mut out = b"{".to_vec();
    shown::name(&mut out, "@odata.context");
    let context = format!(
        "{}/$metadata#{}{}/$entity",
        asked.base,
        of.collection(),
        selection.context()
    );
    shown::string(&mut out, &context);
    if selection.shows_ids(of) {
        write_head(&mut out, id, None);
    }
    selection.write(&mut out, object, rights);
    out.push(b'}');
    Ok(Answer::graph(out))
}

/// `/groups/{id}/members`, `/transitiveMembers` or `/owners`.
pub(crate) fn related(
    asked: &Asked<'_>,
    tenant: &Tenant,
    rights: Rights,
    id: &str,
    relation: Relation,
    transitive: bool,
) -> Result<Answer, Refusal> {
    asked.query.only(&["$select", "$top", "$skiptoken", "$count"])?;
    if !rights.groups {
        return Err(Refusal::denied());
    }
    let (id, object) = find_group(tenant, id)?;
    let selection = Selection::parse(asked.query.get("$select"), Of::Objects, false)?;
    let hidden = relation == Relation::Members && hidden(object, rights);
    if hidden && asked.options.hidden_members_denied {
        return Err(Refusal::denied());
    }
    let none = BTreeSet::new();
    let below;
    let ids = if hidden {
        &none
    } else if transitive {
        below = visible_below(tenant, id, rights);
        &below
    } else {
        object.related(relation)
    };
    let shown = |id: &Id| {
        let object = tenant.objects.get(id)?;
        let left_out = asked.options.hide_service_principals && object.kind.as_str() == "servicePrincipal";
        (!left_out).then_some((*id, object))
    };
    let count = wants_count(asked)?.then(|| ids.iter().filter_map(shown).count());
    let mut objects = from(ids, read_page_token(asked.query)?).filter_map(shown);
    let page = Page {
        of: Of::Objects,
        selection,
        objects: &mut objects,
        count,
    };
    page.write(asked, rights)
}

/// Whether a group's members are not to be seen.
pub(crate) fn hidden(object: &Object, rights: Rights) -> bool {
    !rights.hidden_members && object.group().is_some_and(Group::hides_members)
}

fn visible_below(tenant: &Tenant, group: Id, rights: Rights) -> BTreeSet<Id> {
    let mut found = BTreeSet::new();
    let mut open = vec![group];
    while let Some(object) = open.pop().and_then(|id| tenant.objects.get(&id)) {
        if hidden(object, rights) {
            continue;
        }
        for member in object.related(Relation::Members) {
            if found.insert(*member) && tenant.groups.contains(member) {
                open.push(*member);
            }
        }
    }
    found.remove(&group);
    found
}
