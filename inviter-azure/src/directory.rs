//! From a picture of the tenant to a [`Directory`].

mod people;

use std::collections::{BTreeMap, BTreeSet};

use inviter_core::directory::{Directory, Extent, Gap, Group, GroupIx, GroupKey, Part, Remark};

use self::people::People;
use crate::{
    config::{EntraConfig, RoomGroups},
    links::Links,
    object::UserProperties,
    object_id::ObjectId,
    picture::{self, Picture},
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
        unlisted_inside(root, &picture.gone, &mut listing);
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
                why: trouble::HIDDEN.to_owned(),
            });
        }
        let owners = if is_room {
            let what = format!("owners of `{name}` ({id})");
            let mut owners = people.list(group.owners.as_ref(), None, &what);
            if group.hidden && group.owners.as_ref().is_some_and(Links::is_empty) {
                let why = trouble::HIDDEN.to_owned();
                owners.extent.add(Gap { what, why });
            }
            owners
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
        accounts_extent: accounts_extent(&incomplete, &listing),
        listing,
        only_grouped_accounts: true,
        remarks: remarks.into_iter().chain(people.remarks()).collect(),
        ..Directory::default()
    }
}

/// The groups inside the root group are the rooms': what is not known of them is not known of the listing.
fn unlisted_inside(root: &picture::Group, gone: &BTreeSet<ObjectId>, listing: &mut Extent) {
    let what = "groups inside the root group";
    let Some(members) = &root.members else {
        *listing = Extent::gap(what, "they were not read");
        return;
    };
    for gap in &members.gaps {
        listing.add(gap.clone());
    }
    if !members.awaited(gone).is_empty() {
        listing.add(Gap {
            what: what.to_owned(),
            why: trouble::DIFFERS.to_owned(),
        });
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
    let root = picture
        .rooms
        .root
        .and_then(|id| Some((id, picture.groups.get(&id)?)));
    let is_empty =
        |links: &Links| links.groups.is_empty() && links.gaps.is_empty() && links.others.is_empty();
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
fn accounts_extent(incomplete: &BTreeSet<&str>, listing: &Extent) -> Extent {
    match (incomplete.is_empty(), listing.is_complete()) {
        (true, true) => return Extent::Complete,
        (true, false) => {
            let why = "some may be missing, since not all groups that stand for rooms are known";
            return Extent::gap("people", why);
        }
        (false, _) => {}
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

/// "3 people (a, b, …)"
fn some(ids: &[ObjectId], one: &str, many: &str) -> String {
    let named: Vec<String> = ids.iter().take(NAMED).map(ToString::to_string).collect();
    let more = if ids.len() > NAMED { ", …" } else { "" };
    let word = if ids.len() == 1 { one } else { many };
    format!("{} {word} ({}{more})", ids.len(), named.join(", "))
}
