//! People of a picture: their accounts, and where they stand in lists.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use inviter_core::{
    UserId,
    directory::{Account, AccountIx, AccountStatus, Attributes, Extent, Gap, GroupIx, Member, Part, Remark},
};

use super::{NAMED, some};
use crate::{
    links::Links,
    object::UserProperties,
    object_id::ObjectId,
    picture::{self, Picture, User},
    trouble,
};

/// People and where they stand in the directory.
pub(super) struct People<'a> {
    picture: &'a Picture,
    properties: &'a UserProperties,
    index: BTreeMap<ObjectId, AccountIx>,
    /// People whose Matrix ID is none.
    without_matrix_id: Vec<Box<str>>,
    /// Nobody has one.
    doubted: bool,
}

impl<'a> People<'a> {
    pub(super) fn new(picture: &'a Picture, properties: &'a UserProperties) -> Self {
        Self {
            picture,
            properties,
            index: BTreeMap::new(),
            without_matrix_id: Vec::new(),
            doubted: false,
        }
    }

    /// The accounts of people who are shown.
    pub(super) fn accounts(&mut self, people: &BTreeSet<ObjectId>) -> Vec<Account> {
        let mut accounts = Vec::with_capacity(people.len());
        let picture = self.picture;
        let shown = people.iter().filter_map(|id| Some((*id, picture.users.get(id)?)));
        for (id, user) in shown {
            let Some(enabled) = user.enabled else { continue };
            let at = AccountIx(u32::try_from(accounts.len()).unwrap_or(u32::MAX));
            self.index.insert(id, at);
            accounts.push(self.account(id, user, enabled));
        }
        // Where a property with whole Matrix IDs is shown of nobody, other IDs are made of nobody either: all would be
        // taken for others.
        let any = accounts.iter().any(|account| account.matrix_id.is_some());
        self.doubted = self.properties.matrix_id.is_some()
            && !any
            && !accounts.is_empty()
            && self.without_matrix_id.is_empty();
        if self.doubted {
            for account in &mut accounts {
                account.attributes = Attributes::default();
            }
        }
        accounts
    }

    fn account(&mut self, id: ObjectId, user: &User, enabled: bool) -> Account {
        let mut attributes = Attributes::default();
        for (name, value) in picture::attributes(user, self.properties) {
            attributes.push(name, value);
        }
        let label = user.values.first().cloned().flatten();
        let matrix_id = user.matrix_id.as_deref().and_then(|text| {
            let id = UserId::parse(text).ok();
            if id.is_none() {
                self.without_matrix_id.push(label.clone().unwrap_or_default());
                // Without anything to make an ID of, nobody can be taken for somebody else.
                attributes = Attributes::default();
            }
            id
        });
        Account {
            key: id.to_string().into(),
            label,
            attributes,
            status: Some(if enabled {
                AccountStatus::Active
            } else {
                AccountStatus::Disabled
            }),
            matrix_id,
        }
    }

    /// A list of a group, and whether it is whole; `groups` where groups may be in it.
    pub(super) fn list(
        &self,
        links: Option<&Links>,
        groups: Option<&BTreeMap<ObjectId, GroupIx>>,
        what: &str,
    ) -> Part<Member> {
        let Some(links) = links else {
            return Part {
                values: Vec::new(),
                extent: Extent::gap(what, "it was not read"),
            };
        };
        let mut extent = Extent::Complete;
        for gap in &links.gaps {
            extent.add(gap.clone());
        }
        let awaited = links.awaited(&self.picture.gone);
        if !awaited.is_empty() {
            extent.add(Gap {
                what: what.to_owned(),
                why: format!(
                    "not shown: {}; {}",
                    some(&awaited, "entry", "entries"),
                    trouble::DIFFERS
                ),
            });
        }
        let mut values = Vec::with_capacity(links.users.len() + links.groups.len());
        // What is not known is told once for the whole list, with what to do: an entry for each would only add that it
        // leads nowhere.
        let (mut hidden, mut unasked) = (Vec::new(), Vec::new());
        for &id in &links.users {
            if let Some(&at) = self.index.get(&id) {
                values.push(Member::Account(at));
            } else if !self.picture.gone.contains(&id) {
                let shown = self.picture.users.contains_key(&id);
                if shown { &mut hidden } else { &mut unasked }.push(id);
            }
        }
        if !unasked.is_empty() {
            extent.add(Gap {
                what: what.to_owned(),
                why: self.unanswered(&unasked, "person", "people").unwrap_or_else(|| {
                    format!(
                        "Graph did not tell of {}; run again later",
                        some(&unasked, "person", "people")
                    )
                }),
            });
        }
        if !hidden.is_empty() {
            extent.add(Gap {
                what: what.to_owned(),
                why: format!(
                    "Graph does not show the name and the status of {}; grant the application the permission \
                     User.Read.All, with an administrator's consent",
                    some(&hidden, "person", "people")
                ),
            });
        }
        let mut unknown = Vec::new();
        for (&id, groups) in links.groups.iter().filter_map(|id| Some((id, groups?))) {
            if let Some(&at) = groups.get(&id) {
                values.push(Member::Group(at));
            } else {
                unknown.push(id);
            }
        }
        if !unknown.is_empty() {
            extent.add(Gap {
                what: what.to_owned(),
                why: self
                    .unanswered(&unknown, "group inside", "groups inside")
                    .unwrap_or_else(|| {
                        format!(
                            "Graph does not show {}; grant the application the permission GroupMember.Read.All, with an \
                             administrator's consent",
                            some(&unknown, "group inside", "groups inside")
                        )
                    }),
            });
        }
        for (&id, kind) in &links.others {
            extent.add(Gap {
                what: what.to_owned(),
                why: format!("{id} is of a type ({kind}) that is not known here, and may be a person"),
            });
        }
        Part { values, extent }
    }

    /// Why the first of them did not come that was asked for.
    fn unanswered(&self, ids: &[ObjectId], one: &str, many: &str) -> Option<String> {
        let why = ids.iter().find_map(|id| self.picture.unanswered.get(id))?;
        Some(format!("{} cannot be looked up: {why}", some(ids, one, many)))
    }

    /// What is wrong with single accounts, and makes nothing else unknown.
    pub(super) fn remarks(&self) -> Vec<Remark> {
        let name: Arc<str> = self.properties.matrix_id.clone().unwrap_or_else(|| Arc::from(""));
        if self.doubted {
            return vec![Remark::new(
                format!("`{name}` of all people"),
                "nobody has one, so nothing is done with them; fill it in, or take `matrix_id` out of the configuration",
            )];
        }
        if self.without_matrix_id.is_empty() {
            return Vec::new();
        }
        let named: Vec<&str> = self
            .without_matrix_id
            .iter()
            .take(NAMED)
            .map(|name| &**name)
            .collect();
        let more = if self.without_matrix_id.len() > NAMED {
            ", …"
        } else {
            ""
        };
        vec![Remark::new(
            format!("`{name}` of {}{more}", named.join(", ")),
            "is not a Matrix ID, so nothing is done with them; correct it in the directory",
        )]
    }
}
