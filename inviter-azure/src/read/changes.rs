//! Delta queries: what Graph tells as changed since a point in time.
//!
//! Objects may come repeatedly and in any order, and a property or a member may be told twice with different content
//! ([delta query](https://learn.microsoft.com/graph/delta-query-overview)). Where that happens in one round, the order
//! says nothing, so the thing itself is asked for.

use std::collections::{BTreeMap, BTreeSet};

use inviter_core::directory::Gap;

use super::Reader;
use crate::{
    graph::{GraphError, GraphErrorKind, Link, Page},
    object::{Kind, Object},
    object_id::ObjectId,
    picture::{Group, Links, Picture},
    trouble,
};

/// Beyond this many new people in a list, the list is read anew: that takes fewer requests than asking for each.
const ADDED_ONE_BY_ONE: usize = 60;

/// From where on the next changes are told. Opaque, and good for about seven days.
#[derive(Debug, Clone)]
pub(crate) struct Since {
    users: Link,
    groups: Link,
}

/// What Graph told as changed.
#[derive(Debug)]
pub(crate) struct Changes {
    users: Vec<Object>,
    groups: Vec<Object>,
    pub(crate) until: Since,
}

impl Reader<'_> {
    /// The present, from where on changes will be told; `None` if Graph does not track them for us.
    ///
    /// # Errors
    /// Where Graph could not be asked.
    pub(crate) async fn now(&self) -> Result<Option<Since>, GraphError> {
        let users = format!(
            "/users/delta?$select={}&$deltatoken=latest",
            self.properties.select
        );
        let groups = format!(
            "/groups/delta?$select={},members,owners&$deltatoken=latest",
            Group::SELECT
        );
        let (users, groups) = futures_util::join!(self.latest(&users), self.latest(&groups));
        match (users, groups) {
            (Ok(users), Ok(groups)) => Ok(Some(Since { users, groups })),
            (Err(error), _) | (_, Err(error)) if error.is_about_everything() => Err(error),
            (Err(error), _) | (_, Err(error)) => {
                tracing::info!(%error, "Graph does not tell changes, so the next read is a full one");
                Ok(None)
            }
        }
    }

    async fn latest(&self, path: &str) -> Result<Link, GraphError> {
        let first: Page<Object> = self.graph.get(path).await?;
        self.last(first, &mut |_| {}).await
    }

    /// What changed since.
    ///
    /// # Errors
    /// Where a page could not be read: then none counts.
    pub(crate) async fn changes(&self, since: &Since) -> Result<Changes, GraphError> {
        let (users, groups) = futures_util::join!(self.round(&since.users), self.round(&since.groups));
        let ((users, until_users), (groups, until_groups)) = (users?, groups?);
        Ok(Changes {
            users,
            groups,
            until: Since {
                users: until_users,
                groups: until_groups,
            },
        })
    }

    async fn round(&self, since: &Link) -> Result<(Vec<Object>, Link), GraphError> {
        let mut objects = Vec::new();
        let mut first: Page<Object> = self.graph.follow(since).await?;
        objects.append(&mut first.value);
        let until = self.last(first, &mut |page| objects.extend(page)).await?;
        if objects.iter().any(|object| object.id.is_none()) {
            return Err(GraphError::new(
                GraphErrorKind::Malformed,
                "delta query",
                "told of an object without its ID",
            ));
        }
        Ok((objects, until))
    }

    async fn last(
        &self,
        first: Page<Object>,
        each: &mut (dyn FnMut(Vec<Object>) + Send),
    ) -> Result<Link, GraphError> {
        self.graph.rest(first, each).await?.ok_or_else(|| {
            GraphError::new(
                GraphErrorKind::Malformed,
                "delta query",
                "ended without a link for the next one",
            )
        })
    }

    /// Brings a picture up to date, but for what has to be asked for: see [`complete`](Self::complete).
    pub(crate) async fn apply(&self, picture: &mut Picture, changes: Changes) {
        note_deleted_and_restored(picture, &changes);
        self.apply_to_users(picture, &changes.users);
        let doubtful = self.apply_to_groups(picture, &changes.groups);
        // Whether they are there at all is asked here; all else of them is asked for when the picture is completed.
        // So are groups that Graph did not have: of one that it has after all, it tells nothing until it changes.
        let doubtful: BTreeSet<ObjectId> = self.absent(picture).chain(doubtful).collect();
        let heads = self.read_heads(picture, doubtful.into_iter()).await;
        for id in heads.missing {
            forget(picture, id);
        }
        for (id, error) in heads.failed {
            if let Some(group) = picture.groups.get_mut(&id) {
                *group = Group::default();
            }
            // Whether it stands for a room is not known.
            picture.unlisted.push(Gap {
                what: format!("group {id}"),
                why: trouble::of_list(&error),
            });
        }
        for id in heads.found {
            self.find_a_place(picture, id);
        }
    }

    fn apply_to_users(&self, picture: &mut Picture, told: &[Object]) {
        for (id, told) in by_id(told) {
            let [object] = told.as_slice() else {
                // Not known any more, and asked for.
                picture.users.remove(&id);
                picture.gone.remove(&id);
                continue;
            };
            if object.removed {
                picture.users.remove(&id);
                picture.gone.insert(id);
            } else if let Some(user) = picture.users.get_mut(&id) {
                user.update(object, self.properties);
                if user.enabled.is_none() {
                    picture.users.remove(&id);
                }
            } else {
                // Somebody who came back.
                picture.gone.remove(&id);
            }
        }
    }

    /// The groups of which what was told is not enough.
    fn apply_to_groups(&self, picture: &mut Picture, told: &[Object]) -> BTreeSet<ObjectId> {
        let mut doubtful = BTreeSet::new();
        for (id, told) in by_id(told) {
            let removed = told.iter().filter(|object| object.removed).count();
            if removed == told.len() {
                forget(picture, id);
                continue;
            }
            if removed > 0 || contradict(&told, "displayName") || contradict(&told, "visibility") {
                if let Some(group) = picture.groups.get_mut(&id) {
                    *group = Group::default();
                    doubtful.insert(id);
                } else if self.may_be_a_room(picture, id, &told) {
                    doubtful.insert(id);
                }
                continue;
            }
            if !picture.groups.contains_key(&id) && !self.may_be_a_room(picture, id, &told) {
                continue;
            }
            let group = picture.groups.entry(id).or_default();
            for object in &told {
                group.update(object);
            }
            let changes = |of: fn(&Object) -> &Vec<Object>| told.iter().flat_map(move |object| of(object));
            apply_to_list(
                &mut group.members,
                changes(|object| &object.members),
                &picture.users,
            );
            apply_to_list(
                &mut group.owners,
                changes(|object| &object.owners),
                &picture.users,
            );
            self.find_a_place(picture, id);
        }
        doubtful
    }

    /// Whether a group that is not known may stand for a room.
    fn may_be_a_room(&self, picture: &Picture, id: ObjectId, told: &[&Object]) -> bool {
        let mut group = Group::default();
        let named = told.iter().any(|object| {
            group.update(object);
            crate::picture::Rooms::is_named(&self.config.rooms, &group)
        });
        named || picture.rooms.root == Some(id) || self.is_listed(id)
    }

    /// Groups that are to be there by their IDs, and are not.
    fn absent(&self, picture: &Picture) -> impl Iterator<Item = ObjectId> {
        let ids = self.config.rooms.ids.iter();
        ids.filter_map(|text| ObjectId::parse(text))
            .filter(|id| !picture.rooms.listed.contains(id))
    }

    fn is_listed(&self, id: ObjectId) -> bool {
        let ids = &self.config.rooms.ids;
        ids.iter().any(|text| ObjectId::parse(text) == Some(id))
    }

    /// Sees whether a group stands for a room, now that its name may be another.
    fn find_a_place(&self, picture: &mut Picture, id: ObjectId) {
        let Some(group) = picture.groups.get(&id) else {
            return;
        };
        if crate::picture::Rooms::is_named(&self.config.rooms, group) {
            picture.rooms.named.insert(id);
        } else if group.name.is_some() {
            picture.rooms.named.remove(&id);
        }
        if self.is_listed(id) {
            picture.rooms.listed.insert(id);
        }
    }
}

/// Notes who was deleted, and has lists read anew that somebody was in who was restored.
fn note_deleted_and_restored(picture: &mut Picture, changes: &Changes) {
    let told = || changes.users.iter().chain(&changes.groups);
    let there = |object: &&Object| !object.removed;
    let deleted: BTreeSet<ObjectId> = told()
        .filter(|object| object.removed)
        .filter_map(|object| object.id)
        .collect();
    for &id in &deleted {
        picture.note_deleted(id);
    }
    // Who was added and deleted since is in no list that is known.
    for group in &changes.groups {
        let Some(holder) = group.id else { continue };
        let added = group.members.iter().chain(&group.owners).filter(there);
        for id in added
            .filter_map(|object| object.id)
            .filter(|id| deleted.contains(id))
        {
            picture.left.entry(id).or_default().insert(holder);
        }
    }
    for id in told().filter(there).filter_map(|object| object.id) {
        // Of whom both is told, either may be so.
        picture.note_restored(id, deleted.contains(&id));
    }
}

/// A group that is no more. Those that it was in are read anew, since it depends on the order in which Graph tells
/// things whether they have been told without it.
fn forget(picture: &mut Picture, id: ObjectId) {
    picture.groups.remove(&id);
    picture.rooms.named.remove(&id);
    picture.rooms.listed.remove(&id);
    for group in picture.groups.values_mut() {
        if group
            .members
            .as_ref()
            .is_some_and(|list| list.groups.contains(&id))
        {
            group.members = None;
        }
    }
}

fn apply_to_list<'o>(
    list: &mut Option<Links>,
    changes: impl Iterator<Item = &'o Object>,
    known: &BTreeMap<ObjectId, crate::picture::User>,
) {
    let Some(links) = list else { return };
    let mut added = BTreeSet::new();
    let mut removed = BTreeSet::new();
    let mut unclear = false;
    let mut unknown = 0;
    for object in changes {
        let Some(id) = object.id else {
            unclear = true;
            continue;
        };
        if object.removed {
            links.remove(id);
            removed.insert(id);
        } else {
            unclear |= object.kind.is_none();
            unknown += usize::from(object.kind == Some(Kind::User) && !known.contains_key(&id));
            links.add(object);
            added.insert(id);
        }
    }
    if unclear || unknown > ADDED_ONE_BY_ONE || !added.is_disjoint(&removed) {
        *list = None;
    }
}

/// Whether a property was told with several values.
fn contradict(told: &[&Object], property: &str) -> bool {
    let mut values = told.iter().filter_map(|object| object.get(property));
    let first = values.next();
    values.any(|value| Some(value) != first)
}

/// What was told of each object; the same told twice counts once.
fn by_id(told: &[Object]) -> BTreeMap<ObjectId, Vec<&Object>> {
    let mut all: BTreeMap<ObjectId, Vec<&Object>> = BTreeMap::new();
    for object in told {
        if let Some(id) = object.id {
            let known = all.entry(id).or_default();
            if !known.contains(&object) {
                known.push(object);
            }
        }
    }
    all
}
