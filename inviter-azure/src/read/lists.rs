//! Reading who is in groups: in waves, each of which goes one group deeper.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};
use inviter_core::directory::Gap;

use super::Reader;
use crate::{
    graph::{GraphError, GraphErrorKind, Page},
    object::Object,
    object_id::ObjectId,
    picture::{Group, Links, Picture},
    trouble,
};

/// What of a group is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Itself,
    Members,
    Owners,
}

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
        loop {
            let rooms = picture.room_groups();
            let mut open = picture.groups_that_feed();
            open.extend(picture.rooms.root);
            let mut wave = Vec::new();
            for id in open {
                let group = picture.groups.entry(id).or_default();
                let wanted = wanted(group, rooms.contains(&id));
                wave.extend(wanted.map(|what| (id, what)).filter(|ask| tried.insert(*ask)));
            }
            if wave.is_empty() {
                break;
            }
            self.read_wave(picture, &wave, &mut outcome).await;
        }
        self.read_people(picture).await;
        picture.prune();
        outcome
    }

    async fn read_wave(&self, picture: &mut Picture, wave: &[(ObjectId, What)], outcome: &mut Outcome) {
        let (alone, lists): (Vec<_>, Vec<_>) =
            wave.iter().copied().partition(|(_, what)| *what == What::Itself);
        self.read_heads(picture, alone.into_iter().map(|(id, _)| id))
            .await;
        let paths: Vec<String> = lists.iter().map(|&(id, what)| self.list_path(id, what)).collect();
        let firsts = self.graph.get_all::<Page<Object>>(&paths).await;
        let mut all = stream::iter(lists.into_iter().zip(firsts))
            .map(|((id, what), first)| async move {
                let (objects, failed) = self.whole_list(first).await;
                (id, what, objects, failed)
            })
            .buffer_unordered(self.config.concurrency.max(1));
        while let Some((id, what, objects, failed)) = all.next().await {
            let mut list = Links::default();
            for object in &objects {
                list.add(object);
                picture.see(object, self.properties);
            }
            let group = picture.groups.entry(id).or_default();
            match failed {
                None => outcome.whole += 1,
                Some(error) => {
                    let why = match error.kind {
                        GraphErrorKind::Denied if group.hidden => trouble::HIDDEN.to_owned(),
                        _ => trouble::of_list(&error),
                    };
                    list.gaps.push(Gap {
                        what: list_name(id, group, what),
                        why,
                    });
                    outcome.failed.get_or_insert(error);
                }
            }
            match what {
                What::Members => group.members = Some(list),
                What::Owners => group.owners = Some(list),
                What::Itself => {}
            }
        }
    }

    /// A list from its first page on, and why it is not whole if it is not.
    async fn whole_list(&self, first: Result<Page<Object>, GraphError>) -> (Vec<Object>, Option<GraphError>) {
        let mut objects = Vec::new();
        let read = match first {
            Ok(mut first) => {
                objects.append(&mut first.value);
                self.graph.rest(first, &mut |page| objects.extend(page)).await
            }
            Err(error) => Err(error),
        };
        (objects, read.err())
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
                Ok(object) => {
                    picture.groups.entry(id).or_default().update(&object);
                    heads.found.insert(id);
                }
                Err(error) if error.kind == GraphErrorKind::NotFound => {
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
        let unseen: Vec<ObjectId> = people
            .into_iter()
            .filter(|id| !picture.users.contains_key(id) && !picture.gone.contains(id))
            .collect();
        let path = |id: &ObjectId| format!("/users/{id}?$select={}", self.properties.select);
        let paths: Vec<String> = unseen.iter().map(path).collect();
        for (id, user) in unseen.into_iter().zip(self.graph.get_all::<Object>(&paths).await) {
            match user {
                Ok(mut object) if object.id == Some(id) => {
                    object.kind = Some(crate::object::Kind::User);
                    picture.see(&object, self.properties);
                }
                // Whoever is still not known makes the lists incomplete, and is asked for again next time. That Graph
                // has no such user says little: of people who have just been made, not all of its servers know yet.
                Err(error) => _ = picture.unanswered.insert(id, trouble::of_person(&error)),
                Ok(_) => {}
            }
        }
    }

    fn list_path(&self, id: ObjectId, what: What) -> String {
        let select = &self.properties.select;
        let top = super::PAGE;
        match what {
            // Of groups inside, the name comes with the list.
            What::Members => {
                format!("/groups/{id}/members?$select={select},displayName,visibility&$top={top}")
            }
            What::Owners => format!("/groups/{id}/owners?$select={select}&$top={top}"),
            What::Itself => format!("/groups/{id}?$select={}", Group::SELECT),
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
fn wanted(group: &Group, is_room: bool) -> impl Iterator<Item = What> + use<> {
    let unread = |list: &Option<Links>| list.as_ref().is_none_or(|list| !list.gaps.is_empty());
    let asks = [
        (What::Itself, group.name.is_none()),
        (What::Members, unread(&group.members)),
        (What::Owners, is_room && unread(&group.owners)),
    ];
    asks.into_iter().filter(|(_, ask)| *ask).map(|(what, _)| what)
}

fn list_name(id: ObjectId, group: &Group, what: What) -> String {
    let list = match what {
        What::Itself => return format!("group {id}"),
        What::Members => "members",
        What::Owners => "owners",
    };
    match &group.name {
        Some(name) => format!("{list} of `{name}` ({id})"),
        None => format!("{list} of group {id}"),
    }
}
