//! Asking for lists, many at a time: groups inside are asked for as soon as they are known.

use std::collections::{BTreeSet, VecDeque};

use super::{
    Reader,
    lists::{Ask, Outcome, What},
};
use crate::{
    graph::{BATCH, GraphError, GraphErrorKind, Outage, Page},
    links::{Known, Links},
    object::{Kind, Object},
    object_id::ObjectId,
    picture::{Group, Picture, ToldUser},
    trouble,
};
use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};

/// What has come of a request.
enum Step {
    /// The first pages of as many lists as go into one request.
    Firsts(Vec<(Ask, Result<Page<Object>, GraphError>)>),
    /// A whole list of several pages, or why it is not whole.
    Rest(Ask, Vec<Object>, Option<GraphError>),
}

impl Reader<'_> {
    /// Reads lists, and those of the groups inside that are not known yet; `tried` are those that are not to be asked
    /// for again.
    pub(super) async fn read_lists(
        &self,
        picture: &mut Picture,
        lists: Vec<Ask>,
        tried: &mut BTreeSet<Ask>,
        outcome: &mut Outcome,
    ) {
        let outage = Outage::default();
        let mut pending = VecDeque::from(lists);
        let mut running: FuturesUnordered<BoxFuture<'_, Step>> = FuturesUnordered::new();
        loop {
            // Less than a whole batch waits for more to come, as long as something comes.
            while pending.len() >= BATCH || (running.is_empty() && !pending.is_empty()) {
                let asks = pending.drain(..BATCH.min(pending.len())).collect();
                running.push(self.firsts(&outage, asks).boxed());
            }
            let Some(step) = running.next().await else { break };
            let lists = match step {
                Step::Firsts(firsts) => firsts,
                Step::Rest(ask, objects, failed) => {
                    pending.extend(inside(picture, ask, &objects, tried));
                    self.note(picture, ask, objects, failed, outcome);
                    continue;
                }
            };
            for (ask, first) in lists {
                match first {
                    Ok(page) => {
                        pending.extend(inside(picture, ask, &page.value, tried));
                        if page.next.is_some() {
                            running.push(self.rest(&outage, ask, page).boxed());
                        } else {
                            self.note(picture, ask, page.value, None, outcome);
                        }
                    }
                    Err(error) => self.note(picture, ask, Vec::new(), Some(error), outcome),
                }
            }
        }
    }

    async fn firsts(&self, outage: &Outage, asks: Vec<Ask>) -> Step {
        let paths: Vec<String> = asks.iter().map(|&(id, what)| self.list_path(id, what)).collect();
        let firsts = self.graph.get_all_during(outage, &paths).await;
        Step::Firsts(asks.into_iter().zip(firsts).collect())
    }

    async fn rest(&self, outage: &Outage, ask: Ask, mut first: Page<Object>) -> Step {
        let mut objects = std::mem::take(&mut first.value);
        if let Some(error) = outage.error() {
            return Step::Rest(ask, objects, Some(error));
        }
        let read = self.graph.rest(first, &mut |page| objects.extend(page)).await;
        Step::Rest(ask, objects, read.err())
    }

    /// Takes a list into the picture.
    fn note(
        &self,
        picture: &mut Picture,
        (id, what): Ask,
        objects: Vec<Object>,
        failed: Option<GraphError>,
        outcome: &mut Outcome,
    ) {
        let mut list = Links::default();
        for object in objects {
            list.add(&object);
            picture.see(object, self.properties);
        }
        let group = picture.groups.entry(id).or_default();
        let before = match what {
            What::Members => group.members.take(),
            What::Owners => group.owners.take(),
            What::Itself => None,
        };
        let name = list_name(id, group, what);
        let hidden = group.hidden;
        let deleted = |id: &ObjectId| match picture.told.get(id) {
            Some(told) => !matches!(told, ToldUser::Changed(_)),
            // Who is not known either may not be there, and not be shown for it.
            None => !picture.users.contains_key(id) && !picture.groups.contains_key(id),
        };
        let known = Known {
            tracked: !hidden,
            read: failed.is_none(),
        };
        let as_told = list.follow(before, known, deleted);
        match failed {
            None => {
                outcome.whole += 1;
                if !as_told {
                    list.gap(name, trouble::DIFFERS.to_owned());
                }
            }
            Some(error) => {
                let why = match error.kind {
                    GraphErrorKind::Denied if hidden => trouble::HIDDEN.to_owned(),
                    _ => trouble::of_list(&error),
                };
                list.gap(name, why);
                outcome.failed.get_or_insert(error);
            }
        }
        let group = picture.groups.entry(id).or_default();
        match what {
            What::Members => group.members = Some(list),
            What::Owners => group.owners = Some(list),
            What::Itself => {}
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

/// What of the groups inside a group is not known yet.
fn inside(picture: &mut Picture, ask: Ask, objects: &[Object], tried: &mut BTreeSet<Ask>) -> Vec<Ask> {
    let (group, What::Members) = ask else {
        return Vec::new();
    };
    let is_root = picture.rooms.root == Some(group);
    let groups = || objects.iter().filter(|object| object.kind == Some(Kind::Group));
    // Their names and visibility first, which the lists are judged by.
    for object in groups() {
        picture.see_group(object);
    }
    let unread = |id: &ObjectId| {
        let known = picture.groups.get(id).and_then(|group| group.members.as_ref());
        known.is_none()
    };
    let mut asks = Vec::new();
    for id in groups().filter_map(|object| object.id).filter(unread) {
        asks.push((id, What::Members));
        if is_root {
            asks.push((id, What::Owners));
        }
    }
    asks.retain(|ask| tried.insert(*ask));
    asks
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
