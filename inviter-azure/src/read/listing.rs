//! Which groups stand for rooms.

use inviter_core::directory::Gap;
use url::form_urlencoded::byte_serialize;

use super::Reader;
use crate::{
    graph::{GraphError, Page},
    object::Object,
    object_id::ObjectId,
    picture::{Group, Picture, Rooms},
    trouble,
};

impl Reader<'_> {
    /// Finds the groups that stand for rooms, in all ways that are configured. What cannot be listed is left as a gap.
    ///
    /// # Errors
    /// When none of the ways led anywhere.
    pub(crate) async fn list_rooms(&self, picture: &mut Picture) -> Result<(), GraphError> {
        let mut went = false;
        let mut failed = None;
        let mut note = |picture: &mut Picture, what: String, error: GraphError| {
            picture.unlisted.push(Gap {
                what,
                why: trouble::of_list(&error),
            });
            failed.get_or_insert(error);
        };
        let rooms = &self.config.rooms;
        if let Some(root) = rooms.root.as_deref().and_then(ObjectId::parse) {
            let path = format!("/groups/{root}?$select={}", Group::SELECT);
            match self.graph.get::<Object>(&path).await {
                Ok(object) => {
                    picture.groups.entry(root).or_default().update(&object);
                    picture.rooms.root = Some(root);
                    went = true;
                }
                Err(error) => note(picture, format!("root group {root}"), error),
            }
        }
        if let Some(prefix) = &rooms.name_prefix {
            let mut named = Vec::new();
            match self.named(prefix, &mut |page| named.extend(page)).await {
                Ok(()) => went = true,
                Err(error) => note(
                    picture,
                    format!("groups whose names begin with `{prefix}`"),
                    error,
                ),
            }
            for object in named {
                self.note_named(picture, &object);
            }
        }
        let listed = rooms.ids.iter().filter_map(|id| ObjectId::parse(id));
        let heads = self.read_heads(picture, listed).await;
        went |= !heads.found.is_empty() || !heads.missing.is_empty();
        picture.rooms.listed = heads.found;
        for (id, error) in heads.failed {
            note(picture, format!("group {id}"), error);
        }
        match failed {
            Some(error) if !went => Err(error),
            _ => Ok(()),
        }
    }

    async fn named(
        &self,
        prefix: &str,
        each: &mut (dyn FnMut(Vec<Object>) + Send),
    ) -> Result<(), GraphError> {
        // OData writes a quote within a text twice (OData URL conventions, section 5.1.1.6.1).
        let filter = format!("startswith(displayName,'{}')", prefix.replace('\'', "''"));
        // A `+` stands for a space in forms only.
        let filter: String = byte_serialize(filter.as_bytes()).collect();
        let filter = filter.replace('+', "%20");
        let path = format!(
            "/groups?$filter={filter}&$select={}&$top={}",
            Group::SELECT,
            super::PAGE
        );
        let mut first: Page<Object> = self.graph.get(&path).await?;
        each(std::mem::take(&mut first.value));
        self.graph.rest(first, each).await?;
        Ok(())
    }

    /// Takes a group for a room's if it is named so.
    pub(super) fn note_named(&self, picture: &mut Picture, object: &Object) {
        let Some(id) = object.id else {
            picture.unlisted.push(Gap {
                what: "a group".to_owned(),
                why: "Graph gave it without an ID".to_owned(),
            });
            return;
        };
        let group = picture.groups.entry(id).or_default();
        group.update(object);
        // What it is called that comes without its name is asked for.
        if group.name.is_none() || Rooms::is_named(&self.config.rooms, group) {
            picture.rooms.named.insert(id);
        } else {
            picture.rooms.named.remove(&id);
        }
    }
}
