//! What is read of groups and people until nothing is missing.

use std::collections::{BTreeMap, BTreeSet};

use super::Reader;
use crate::{
    graph::{GraphError, GraphErrorKind},
    links::Links,
    object::Object,
    object_id::ObjectId,
    picture::{Group, Picture, ToldUser, User},
    trouble,
};

/// What of a group is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    Itself,
    Members,
    Owners,
}

/// A thing to ask for.
pub(super) type Ask = (ObjectId, What);

/// How reading lists went.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// How many lists were read to their end.
    pub(crate) whole: usize,
    /// The first error of one that was not.
    pub(crate) failed: Option<GraphError>,
}

impl Reader<'_> {
    /// Reads what is not known yet of the groups that count, and of the people in them. What cannot be read is left
    /// as a gap.
    pub(crate) async fn complete(&self, picture: &mut Picture) -> Outcome {
        let mut outcome = Outcome::default();
        let mut tried = BTreeSet::new();
        picture.unanswered.clear();
        // Whom Graph has shown by their IDs only, it may show now.
        let shown = |user: &User| user.enabled.is_some();
        let dark = picture.users.iter().filter(|(_, user)| !shown(user));
        let mut dark: BTreeSet<ObjectId> = dark.map(|(id, _)| *id).collect();
        // Who was not known last time may be in no list any more, without a word of it.
        let people = picture.people(&picture.groups_that_feed());
        let known = |id: &ObjectId| picture.users.contains_key(id) || picture.gone.contains(id);
        dark.extend(
            people
                .into_iter()
                .filter(|id| !known(id) && !picture.told.contains_key(id)),
        );
        let gone = picture.gone.clone();
        loop {
            let rooms = picture.room_groups();
            let mut open = picture.groups_that_feed();
            open.extend(picture.rooms.root);
            let mut wave = Vec::new();
            for id in open {
                let group = picture.groups.entry(id).or_default();
                let wanted = wanted(group, rooms.contains(&id), &dark, &gone);
                wave.extend(wanted.map(|what| (id, what)).filter(|ask| tried.insert(*ask)));
            }
            if wave.is_empty() {
                break;
            }
            let (alone, lists): (Vec<Ask>, Vec<Ask>) =
                wave.into_iter().partition(|(_, what)| *what == What::Itself);
            self.read_heads(picture, alone.into_iter().map(|(id, _)| id))
                .await;
            self.read_lists(picture, lists, &mut tried, &mut outcome).await;
        }
        self.read_people(picture).await;
        picture.prune();
        outcome
    }

    /// Names and visibility of groups. Where there is no such group any more, that is noted.
    pub(super) async fn read_heads(
        &self,
        picture: &mut Picture,
        ids: impl Iterator<Item = ObjectId>,
    ) -> Heads {
        let ids: Vec<ObjectId> = ids.collect();
        let path = |id: &ObjectId| format!("/groups/{id}?$select={}", Group::SELECT);
        let paths: Vec<String> = ids.iter().map(path).collect();
        let mut heads = Heads::default();
        for (id, head) in ids.into_iter().zip(self.graph.get_all::<Object>(&paths).await) {
            if let Err(error) = &head {
                picture.unanswered.insert(id, trouble::of_list(error));
            }
            match head {
                Ok(object) if object.id == Some(id) => {
                    picture.groups.entry(id).or_default().update(&object);
                    heads.found.insert(id);
                }
                Ok(_) => {
                    let about = format!("GET /groups/{id}");
                    let error = GraphError::new(GraphErrorKind::Malformed, about, "Graph gave another group");
                    heads.failed.insert(id, error);
                }
                // Graph's own word that it has no such group; others may answer 404 as well, and so may Graph to a batch.
                Err(error)
                    if error.kind == GraphErrorKind::NotFound
                        && error.code.as_deref() == Some("Request_ResourceNotFound") =>
                {
                    heads.missing.insert(id);
                }
                Err(error) => {
                    heads.failed.insert(id, error);
                }
            }
        }
        heads
    }

    /// People who are in a list, and were not told themselves: who was added since the list was read.
    async fn read_people(&self, picture: &mut Picture) {
        let people = picture.people(&picture.groups_that_feed());
        // Who was made and deleted again since may be told to be in groups still.
        let deleted = picture.told.iter();
        let deleted = deleted.filter(|(_, told)| matches!(told, ToldUser::Deleted));
        let expected = deleted.filter(|(id, _)| picture.lists().any(|list| list.expects(**id)));
        let expected: Vec<ObjectId> = expected.map(|(id, _)| *id).collect();
        let unseen: BTreeSet<ObjectId> = people
            .into_iter()
            .filter(|id| !picture.users.contains_key(id) && !picture.gone.contains(id))
            .chain(expected)
            .collect();
        let path = |id: &ObjectId| format!("/users/{id}?$select={}", self.properties.select);
        let paths: Vec<String> = unseen.iter().map(path).collect();
        for (id, answer) in unseen.into_iter().zip(self.graph.get_all::<Object>(&paths).await) {
            let told = picture.told.get(&id);
            let user = match answer {
                Ok(object) if object.id == Some(id) => User::of(object, self.properties),
                Ok(_) => continue,
                // That Graph has no such user says little by itself: of people who have just been made, not all of its
                // servers know yet.
                Err(error)
                    if error.kind == GraphErrorKind::NotFound && matches!(told, Some(ToldUser::Deleted)) =>
                {
                    picture.gone.insert(id);
                    continue;
                }
                // Whoever is still not known makes the lists incomplete, and is asked for again next time.
                Err(error) => {
                    picture.unanswered.insert(id, trouble::of_person(&error));
                    continue;
                }
            };
            let as_told = match told {
                None => true,
                Some(ToldUser::Changed(object)) => user.is_as_told(object, self.properties),
                Some(ToldUser::Deleted | ToldUser::Doubtful) => false,
            };
            if as_told {
                picture.users.insert(id, user);
            } else {
                picture.unanswered.insert(id, trouble::DIFFERS.to_owned());
            }
        }
    }
}

/// What became of asking for groups themselves.
#[derive(Debug, Default)]
pub(super) struct Heads {
    pub(super) found: BTreeSet<ObjectId>,
    pub(super) missing: BTreeSet<ObjectId>,
    pub(super) failed: BTreeMap<ObjectId, GraphError>,
}

/// What is not known of a group yet. Lists with gaps are tried anew.
/// So is who is in groups with hidden membership: it is not known whether Graph tells of changes there.
fn wanted(
    group: &Group,
    is_room: bool,
    dark: &BTreeSet<ObjectId>,
    gone: &BTreeSet<ObjectId>,
) -> impl Iterator<Item = What> + use<> {
    let unread = |list: &Option<Links>| {
        list.as_ref().is_none_or(|list| {
            let open = !list.gaps.is_empty() || list.told.is_some() || !list.awaited(gone).is_empty();
            open || !list.users.is_disjoint(dark)
        })
    };
    let asks = [
        (What::Itself, group.name.is_none()),
        (What::Members, group.hidden || unread(&group.members)),
        (What::Owners, is_room && unread(&group.owners)),
    ];
    asks.into_iter().filter(|(_, ask)| *ask).map(|(what, _)| what)
}
