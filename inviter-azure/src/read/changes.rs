//! Delta queries: what Graph tells as changed since a point in time.
//!
//! Objects may come repeatedly and in any order, and again in later rounds
//! ([delta query](https://learn.microsoft.com/graph/delta-query-overview)). So what is told is only a reason to ask for
//! the thing itself; and where the answer is not what was told, it may come from a copy of the directory that lags
//! behind, and is not known for now.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use inviter_core::directory::Gap;

use super::Reader;
use crate::{
    graph::{BATCH, GraphError, GraphErrorKind, Link, Page},
    object::Object,
    object_id::ObjectId,
    picture::{Group, Picture, Rooms, ToldUser},
    trouble,
};

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

impl Changes {
    /// Whether it takes more requests to ask for what changed than to read everything.
    pub(crate) fn are_too_many_for(&self, picture: &Picture) -> bool {
        let known = self.groups.iter().filter(|group| {
            let id = group.id.as_ref();
            id.is_some_and(|id| picture.groups.contains_key(id))
        });
        let groups: BTreeSet<ObjectId> = known.clone().filter_map(|group| group.id).collect();
        let added = known.flat_map(|group| group.members.iter().chain(&group.owners));
        let added: BTreeSet<ObjectId> = added.filter_map(|object| object.id).collect();
        let users = self.users.iter().filter_map(|user| user.id);
        let users: BTreeSet<ObjectId> = users
            .filter(|id| picture.users.contains_key(id) || added.contains(id))
            .collect();
        let lists = picture.lists().count() / BATCH;
        let pages = picture
            .lists()
            .map(|list| list.users.len() / super::PAGE as usize);
        // Each person; each group, its members, and its owners. Of everything: the links, which groups there are, and
        // all lists.
        let anew = 4 + lists + pages.sum::<usize>();
        (users.len() + 3 * groups.len()) / BATCH > anew
    }
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

    /// Takes what was told for a reason to ask: what has to be asked for is marked, and asked for when the picture is
    /// [completed](Self::complete).
    pub(crate) async fn apply(&self, picture: &mut Picture, changes: Changes) {
        let Changes { users, groups, .. } = changes;
        tell_of_users(picture, users);
        let told = by_id(&groups);
        let mut heads: BTreeSet<ObjectId> = self.absent(picture).collect();
        for (id, told) in &told {
            if picture.groups.contains_key(id) || self.may_be_a_room(picture, *id, told) {
                let group = picture.groups.entry(*id).or_default();
                if !is_itself_as_told(group, told) {
                    heads.insert(*id);
                }
                tell_of_group(group, told);
            }
            if told.iter().any(|object| !object.removed) {
                picture
                    .lists_mut()
                    .for_each(|list| list.tell_restored(*id, false));
            }
        }
        // Whether they are there at all, and what they are called, is asked here. So is it of groups that Graph did not
        // have: of one that it has after all, it tells nothing until it changes.
        // Groups that were made and deleted again since, and are told to be in others still.
        let removed = told
            .iter()
            .filter(|(_, told)| told.iter().all(|object| object.removed));
        let expected = removed.filter(|(id, _)| picture.lists().any(|list| list.expects(**id)));
        heads.extend(expected.map(|(id, _)| *id));
        let heads = self.read_heads(picture, heads.into_iter()).await;
        let told_of = |id: &ObjectId| told.get(id).map_or(&[][..], Vec::as_slice);
        for id in heads.missing {
            if told_of(&id).iter().any(|object| !object.removed) {
                unlist(picture, id, trouble::DIFFERS.to_owned());
                picture.lists_mut().for_each(|list| list.tell_doubtful(id));
            } else {
                forget(picture, id);
            }
        }
        for (id, error) in heads.failed {
            // Whether it stands for a room is not known.
            unlist(picture, id, trouble::of_list(&error));
        }
        for id in heads.found {
            let name = picture.groups.get(&id).and_then(|group| group.name.as_deref());
            let told = told_of(&id);
            let names = || told.iter().filter_map(|object| object.text("displayName"));
            let renamed = names().next().is_some() && !names().any(|told| Some(told) == name);
            let deleted = told.iter().any(|object| object.removed) && picture.room_groups().contains(&id);
            if renamed || deleted {
                unlist(picture, id, trouble::DIFFERS.to_owned());
            }
            self.find_a_place(picture, id);
        }
    }

    /// Whether a group that is not known may stand for a room.
    fn may_be_a_room(&self, picture: &Picture, id: ObjectId, told: &[&Object]) -> bool {
        let mut group = Group::default();
        let named = told.iter().any(|object| {
            group.update(object);
            Rooms::is_named(&self.config.rooms, &group)
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
        if Rooms::is_named(&self.config.rooms, group) {
            picture.rooms.named.insert(id);
        } else if group.name.is_some() {
            picture.rooms.named.remove(&id);
        }
        if self.is_listed(id) {
            picture.rooms.listed.insert(id);
        }
    }
}

/// Forgets what is known of people of whom something was told, so that they are asked for.
fn tell_of_users(picture: &mut Picture, told: Vec<Object>) {
    for object in told {
        let Some(id) = object.id else { continue };
        let told = if object.removed {
            ToldUser::Deleted
        } else {
            ToldUser::Changed(object)
        };
        match picture.told.entry(id) {
            Entry::Vacant(entry) => _ = entry.insert(told),
            Entry::Occupied(mut entry) => match (entry.get(), &told) {
                (ToldUser::Deleted, ToldUser::Deleted) => {}
                (ToldUser::Changed(known), ToldUser::Changed(new)) if known == new => {}
                _ => _ = entry.insert(ToldUser::Doubtful),
            },
        }
    }
    let told = std::mem::take(&mut picture.told);
    for (&id, what) in &told {
        picture.users.remove(&id);
        let was_gone = picture.gone.remove(&id);
        if !matches!(what, ToldUser::Deleted) {
            let sure = was_gone && matches!(what, ToldUser::Changed(_));
            picture.lists_mut().for_each(|list| list.tell_restored(id, sure));
        }
    }
    picture.told = told;
}

/// Whether nothing of the group itself was told that is not known.
fn is_itself_as_told(group: &Group, told: &[&Object]) -> bool {
    let mut all = told.iter();
    group.name.is_some()
        && all.all(|object| {
            let mut as_told = group.clone_itself();
            as_told.update(object);
            !object.removed && (&as_told.name, as_told.hidden) == (&group.name, group.hidden)
        })
}

/// Has the lists read anew of which something was told.
fn tell_of_group(group: &mut Group, told: &[&Object]) {
    // A group that is told to be deleted and is there all the same may have been restored: with which members?
    let doubtful = told.iter().any(|object| object.removed);
    let of = |list: fn(&Object) -> &Vec<Object>| -> Vec<&Object> {
        told.iter().flat_map(|object| list(object)).collect()
    };
    let lists = [
        (&mut group.members, of(|object| &object.members)),
        (&mut group.owners, of(|object| &object.owners)),
    ];
    for (list, objects) in lists {
        if let Some(list) = list {
            list.tell(&objects);
            if doubtful {
                list.told.get_or_insert_default().doubtful = true;
            }
        }
    }
}

/// A group that is no more. Those that it was in are read anew.
fn forget(picture: &mut Picture, id: ObjectId) {
    picture.groups.remove(&id);
    picture.rooms.named.remove(&id);
    picture.rooms.listed.remove(&id);
    picture.lists_mut().for_each(|list| list.tell_deleted(id));
}

fn unlist(picture: &mut Picture, id: ObjectId, why: String) {
    picture.unlisted.push(Gap {
        what: format!("group {id}"),
        why,
    });
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
