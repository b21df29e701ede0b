//! From a picture of the tenant to a [`Directory`].

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use inviter_core::{
    UserId,
    directory::{
        Account, AccountIx, AccountStatus, Attributes, Directory, Extent, Gap, Group, GroupIx, GroupKey,
        Member, Part, Remark,
    },
};

use crate::{
    config::{EntraConfig, RoomGroups},
    object::UserProperties,
    object_id::ObjectId,
    picture::{self, Links, Picture, User},
    trouble,
};

/// How many are named where several are meant.
const NAMED: usize = 3;

/// What the picture says, with everything that it leaves open.
pub(crate) fn directory(
    picture: &Picture,
    config: &EntraConfig,
    properties: &UserProperties,
    mut remarks: Vec<Remark>,
) -> Directory {
    let rooms = picture.room_groups();
    let feeding = picture.groups_that_feed();
    let mut listing = Extent::Complete;
    for gap in &picture.unlisted {
        listing.add(gap.clone());
    }
    let root = picture.rooms.root.and_then(|root| picture.groups.get(&root));
    if let Some(root) = root {
        unlisted_inside(root, &mut listing);
    }
    // A group without a name stands for no room that anybody could tell.
    let (named, nameless): (Vec<ObjectId>, Vec<ObjectId>) = feeding
        .iter()
        .partition(|id| picture.groups.get(id).is_some_and(|group| group.name.is_some()));
    for id in nameless.iter().filter(|id| rooms.contains(id)) {
        listing.add(Gap {
            what: format!("group {id}"),
            why: picture.unanswered.get(id).cloned().unwrap_or_else(|| {
                "Graph does not show its name; grant the application the permission GroupMember.Read.All, with an \
                 administrator's consent"
                    .to_owned()
            }),
        });
    }
    remarks.extend(absent(picture, &config.rooms));
    let mut people = People::new(picture, properties);
    let accounts = people.accounts(&picture.people(&feeding));
    let group_ix: BTreeMap<ObjectId, GroupIx> = named.iter().copied().zip((0..).map(GroupIx)).collect();
    let mut incomplete = BTreeSet::new();
    let mut groups = Vec::with_capacity(named.len());
    for id in &named {
        let Some(group) = picture.groups.get(id) else {
            continue;
        };
        let name: &str = group.name.as_deref().unwrap_or_default();
        let is_room = rooms.contains(id);
        let mut members = people.list(
            group.members.as_ref(),
            Some(&group_ix),
            &format!("members of `{name}` ({id})"),
        );
        if group.hidden && group.members.as_ref().is_some_and(Links::is_empty) {
            members.extent.add(Gap {
                what: format!("members of `{name}` ({id})"),
                why:
                    "its membership is hidden, and Graph shows nobody; grant the application the permission \
                      Member.Read.Hidden, with an administrator's consent"
                        .to_owned(),
            });
        }
        let owners = if is_room {
            people.list(group.owners.as_ref(), None, &format!("owners of `{name}` ({id})"))
        } else {
            Part::default()
        };
        if !members.extent.is_complete() || !owners.extent.is_complete() {
            incomplete.insert(name);
        }
        groups.push(Group {
            key: GroupKey::new(id.to_string()),
            name: name.into(),
            also_called: Vec::new(),
            members,
            owners,
            flattened: false,
            nested_only: !is_room,
        });
    }
    Directory {
        accounts,
        groups,
        listing,
        accounts_extent: accounts_extent(&incomplete),
        only_grouped_accounts: true,
        remarks: remarks.into_iter().chain(people.remarks()).collect(),
        ..Directory::default()
    }
}

/// The groups inside the root group are the rooms': what is not known of them is not known of the listing.
fn unlisted_inside(root: &picture::Group, listing: &mut Extent) {
    let what = "groups inside the root group";
    let Some(members) = &root.members else {
        *listing = Extent::gap(what, "they were not read");
        return;
    };
    for gap in &members.gaps {
        listing.add(gap.clone());
    }
    if root.hidden && members.is_empty() {
        listing.add(Gap {
            what: what.to_owned(),
            why: trouble::HIDDEN.to_owned(),
        });
    }
    for (id, kind) in &members.others {
        listing.add(Gap {
            what: format!("{id} inside the root group"),
            why: format!("it is of a type ({kind}) that is not known here, and may be a group"),
        });
    }
}

/// Groups that the configuration means and the tenant does not have.
fn absent(picture: &Picture, config: &RoomGroups) -> Vec<Remark> {
    if !picture.unlisted.is_empty() {
        return Vec::new();
    }
    let mut remarks = Vec::new();
    let ids = config.ids.iter().filter_map(|text| ObjectId::parse(text));
    let absent: Vec<ObjectId> = ids.filter(|id| !picture.rooms.listed.contains(id)).collect();
    if !absent.is_empty() {
        remarks.push(Remark::new(
            some(&absent, "group", "groups"),
            "not in this tenant; correct the ID in the configuration, or take it out",
        ));
    }
    if let Some(prefix) = config
        .name_prefix
        .as_ref()
        .filter(|_| picture.rooms.named.is_empty())
    {
        remarks.push(Remark::new(
            format!("groups whose names begin with `{prefix}`"),
            "there are none in this tenant; correct the prefix in the configuration, or name groups so",
        ));
    }
    let root = picture.rooms.root.and_then(|id| Some((id, picture.groups.get(&id)?)));
    let is_empty = |links: &Links| links.groups.is_empty() && links.gaps.is_empty() && links.others.is_empty();
    if let Some((id, root)) = root
        && root.members.as_ref().is_some_and(is_empty)
    {
        remarks.push(Remark::new(
            format!("root group `{}` ({id})", root.name.as_deref().unwrap_or_default()),
            "no group is directly inside, so it stands for no room; add the groups of rooms to it as members, or correct \
             the ID in the configuration",
        ));
    }
    remarks
}

/// People may be missing wherever a list is not whole, so their number says nothing.
fn accounts_extent(incomplete: &BTreeSet<&str>) -> Extent {
    if incomplete.is_empty() {
        return Extent::Complete;
    }
    let named: Vec<String> = incomplete
        .iter()
        .take(NAMED)
        .map(|name| format!("`{name}`"))
        .collect();
    let more = incomplete.len().saturating_sub(NAMED);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    Extent::gap(
        "people",
        format!(
            "some may be missing, since not all of {}{more} is known",
            named.join(", ")
        ),
    )
}

/// People and where they stand in the directory.
struct People<'a> {
    picture: &'a Picture,
    properties: &'a UserProperties,
    index: BTreeMap<ObjectId, AccountIx>,
    /// People whose Matrix ID is none.
    without_matrix_id: Vec<Box<str>>,
    /// Nobody has one.
    doubted: bool,
}

impl<'a> People<'a> {
    fn new(picture: &'a Picture, properties: &'a UserProperties) -> Self {
        Self {
            picture,
            properties,
            index: BTreeMap::new(),
            without_matrix_id: Vec::new(),
            doubted: false,
        }
    }

    /// The accounts of people who are shown.
    fn accounts(&mut self, people: &BTreeSet<ObjectId>) -> Vec<Account> {
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
    fn list(
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
    fn remarks(&self) -> Vec<Remark> {
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

/// "3 people (a, b, …)"
fn some(ids: &[ObjectId], one: &str, many: &str) -> String {
    let named: Vec<String> = ids.iter().take(NAMED).map(ToString::to_string).collect();
    let more = if ids.len() > NAMED { ", …" } else { "" };
    let word = if ids.len() == 1 { one } else { many };
    format!("{} {word} ({}{more})", ids.len(), named.join(", "))
}
