//! What an application may do in its tenant, as far as Graph's answers tell it, and what that means.

use inviter_core::provider::{Advice, AdviceKind};

use crate::{
    graph::{GraphError, GraphErrorKind, Page},
    links::Links,
    object::{Object, UserProperties},
    object_id::ObjectId,
    picture::{Group, Picture},
    read::Reader,
};

/// How to give the application a permission.
const GRANT: &str = "in the Entra admin center, App registrations, API permissions, Microsoft Graph, Application \
                     permissions, with an administrator's consent";

/// How many groups are named.
const NAMED: usize = 3;

/// Asks for one of each thing that reading needs.
pub(crate) async fn advice(reader: Reader<'_>) -> Vec<Advice> {
    let mut advice = Vec::new();
    let mut picture = Picture::default();
    let listed = reader.list_rooms(&mut picture).await;
    let group = a_group(&picture);
    match (listed.err(), group) {
        (Some(error), _) if error.kind == GraphErrorKind::Denied => {
            advice.push(missing(
                "GroupMember.Read.All",
                "groups and their members cannot be read",
            ));
            of_users(reader, &mut advice).await;
            return advice;
        }
        // The read itself tells.
        (Some(_), _) => return advice,
        (None, None) => {}
        (None, Some(group)) => of_members(reader, group, &mut advice).await,
    }
    of_users(reader, &mut advice).await;
    of_hidden(reader, &mut picture, &mut advice).await;
    if advice.iter().all(|advice| advice.kind == AdviceKind::Fine) {
        of_changes(reader, &mut advice).await;
    }
    advice
}

fn missing(permission: &str, consequence: &str) -> Advice {
    Advice::new(
        AdviceKind::Blocks,
        format!("the application lacks the permission {permission}, so {consequence}; grant it {GRANT}"),
    )
}

fn a_group(picture: &Picture) -> Option<ObjectId> {
    picture
        .rooms
        .root
        .or_else(|| picture.room_groups().into_iter().next())
}

async fn of_members(reader: Reader<'_>, group: ObjectId, advice: &mut Vec<Advice>) {
    let path = format!("/groups/{group}/members?$select=id&$top=1");
    let asked: Result<Page<Object>, GraphError> = reader.graph.get(&path).await;
    if asked.is_err_and(|error| error.kind == GraphErrorKind::Denied) {
        advice.push(missing(
            "GroupMember.Read.All",
            "the members of groups cannot be read",
        ));
    }
}

async fn of_users(reader: Reader<'_>, advice: &mut Vec<Advice>) {
    let properties = reader.properties;
    let path = format!("/users?$select={}&$top=20", properties.select);
    let asked: Result<Page<Object>, GraphError> = reader.graph.get(&path).await;
    let people = match asked {
        Ok(page) => page.value,
        Err(error) if error.kind == GraphErrorKind::Denied => {
            let consequence = "members come without names and status, and nobody is invited or removed";
            advice.push(missing("User.Read.All", consequence));
            return;
        }
        Err(_) => return,
    };
    if people.is_empty() {
        return;
    }
    if people.iter().all(|user| {
        user.get(UserProperties::ENABLED)
            .is_none_or(serde_json::Value::is_null)
    }) {
        let consequence = "nobody can tell which accounts are disabled, and nobody is invited or removed \
                           (User.ReadBasic.All is not enough)";
        advice.push(missing("User.Read.All", consequence));
        return;
    }
    for name in properties.names.iter().chain(&properties.matrix_id) {
        if people.iter().all(|user| user.text(name).is_none()) {
            advice.push(Advice::new(
                AdviceKind::Improve,
                format!(
                    "none of the first {} users has the property `{name}`, from which user IDs are made; check its name, \
                     or configure another",
                    people.len()
                ),
            ));
        }
    }
}

/// Groups whose members nobody is shown without a right of its own.
async fn of_hidden(reader: Reader<'_>, picture: &mut Picture, advice: &mut Vec<Advice>) {
    if let Some(root) = picture.rooms.root {
        let path = format!(
            "/groups/{root}/members?$select={}&$top={}",
            Group::SELECT,
            crate::read::PAGE
        );
        let first: Result<Page<Object>, GraphError> = reader.graph.get(&path).await;
        let mut list = Links::default();
        for object in first.map(|page| page.value).unwrap_or_default() {
            list.add(&object);
            picture.see(object, reader.properties);
        }
        if let Some(group) = picture.groups.get_mut(&root) {
            group.members = Some(list);
        }
    }
    let hidden: Vec<ObjectId> = picture
        .room_groups()
        .into_iter()
        .filter(|id| picture.groups.get(id).is_some_and(|group| group.hidden))
        .collect();
    let path = |id: &ObjectId| format!("/groups/{id}/members?$select=id&$top=1");
    let paths: Vec<String> = hidden.iter().map(path).collect();
    let answers = reader.graph.get_all::<Page<Object>>(&paths).await;
    let is_unseen = |answer: &Result<Page<Object>, GraphError>| match answer {
        Ok(page) => page.value.is_empty(),
        Err(error) => error.kind == GraphErrorKind::Denied,
    };
    let unseen = hidden.iter().zip(answers).filter(|(_, answer)| is_unseen(answer));
    let unseen: Vec<String> = unseen.map(|(id, _)| name(picture, *id)).collect();
    if unseen.is_empty() {
        return;
    }
    let named = unseen.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let more = if unseen.len() > NAMED { ", …" } else { "" };
    let consequence = if unseen.len() == 1 {
        format!(
            "the members of {named}, which are hidden, are not shown, and nobody is removed from its room"
        )
    } else {
        format!(
            "the members of {} groups, which are hidden, are not shown, and nobody is removed from their rooms \
             ({named}{more})",
            unseen.len()
        )
    };
    advice.push(missing("Member.Read.Hidden", &consequence));
}

fn name(picture: &Picture, id: ObjectId) -> String {
    let name = picture.groups.get(&id).and_then(|group| group.name.as_deref());
    name.map_or_else(|| id.to_string(), |name| format!("`{name}`"))
}

async fn of_changes(reader: Reader<'_>, advice: &mut Vec<Advice>) {
    match reader.now().await {
        Ok(Some(_)) => advice.push(Advice::new(
            AdviceKind::Fine,
            "the application may read groups, members and users, and Graph tells it what changes",
        )),
        Ok(None) => advice.push(Advice::new(
            AdviceKind::Improve,
            "Graph does not tell the application what changes, so every read is a full one; grant it GroupMember.Read.All \
             and User.Read.All, which delta queries need",
        )),
        Err(_) => {}
    }
}
