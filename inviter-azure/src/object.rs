//! [`Object`]: a directory object as Graph tells it, and what is asked of users.

use std::{borrow::Cow, fmt, sync::Arc};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::Value;

use crate::{config::EntraConfig, object_id::ObjectId};

/// A directory object, or what changed of one.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Object {
    /// `None` if it has none, or none that is a GUID.
    pub(crate) id: Option<ObjectId>,
    /// What `@odata.type` says; lists of one type leave it out.
    pub(crate) kind: Option<Kind>,
    /// It was deleted, or is no longer part of the list that it stands in.
    pub(crate) removed: bool,
    /// What became of the members, in a delta query.
    pub(crate) members: Vec<Object>,
    /// What became of the owners, in a delta query.
    pub(crate) owners: Vec<Object>,
    /// All other properties. One that is not here was not told; one that is `null` was told to be empty.
    properties: Vec<(Cow<'static, str>, Value)>,
}

/// What an object is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    User,
    Group,
    /// Something that is never a person: a device, a contact, an application.
    Thing,
    /// Not known here; it may be a person.
    Other(Box<str>),
}

impl Kind {
    fn parse(text: &str) -> Self {
        match text.strip_prefix("#microsoft.graph.").unwrap_or(text) {
            "user" => Self::User,
            "group" => Self::Group,
            "device" | "orgContact" | "contact" | "servicePrincipal" | "application"
            | "administrativeUnit" | "directoryRole" => Self::Thing,
            other => Self::Other(other.into()),
        }
    }
}

impl Object {
    /// A property; `None` if it was not told. `a/b` is the part `b` of `a`.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        let (whole, part) = name
            .split_once('/')
            .map_or((name, None), |(whole, part)| (whole, Some(part)));
        let (_, value) = self
            .properties
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(whole))?;
        match part {
            None => Some(value),
            Some(_) if value.is_null() => Some(value),
            Some(part) => value.get(part),
        }
    }

    /// A property that is a text and not empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str().filter(|text| !text.is_empty())
    }
}

impl Object {
    /// As [`text`](Self::text), taking it out.
    pub(crate) fn take_text(&mut self, name: &str) -> Option<Box<str>> {
        let whole = |(n, _): &&mut (Cow<'static, str>, Value)| n.eq_ignore_ascii_case(name);
        match self.properties.iter_mut().find(whole) {
            Some((_, Value::String(text))) if !text.is_empty() => Some(std::mem::take(text).into()),
            Some(_) => None,
            // A part of another.
            None => self.text(name).map(Box::from),
        }
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a directory object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let mut object = Object::default();
        while let Some(Name(key)) = map.next_key()? {
            match &*key {
                "id" => {
                    let id: Option<String> = map.next_value()?;
                    object.id = id.as_deref().and_then(ObjectId::parse);
                }
                "@odata.type" => {
                    let kind: Option<String> = map.next_value()?;
                    object.kind = kind.as_deref().map(Kind::parse);
                }
                "@removed" => object.removed = !map.next_value::<Value>()?.is_null(),
                "members@delta" => object.members = map.next_value::<Option<_>>()?.unwrap_or_default(),
                "owners@delta" => object.owners = map.next_value::<Option<_>>()?.unwrap_or_default(),
                key if key.starts_with('@') => {
                    map.next_value::<IgnoredAny>()?;
                }
                _ => object.properties.push((key, map.next_value()?)),
            }
        }
        Ok(object)
    }
}

/// The name of a property. Those that come with every object are not copied each time.
struct Name(Cow<'static, str>);

/// Names that come with every object.
const USUAL: [&str; 9] = [
    "@odata.type",
    "id",
    "userPrincipalName",
    "accountEnabled",
    "displayName",
    "visibility",
    "mail",
    "mailNickname",
    "onPremisesSamAccountName",
];

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl Visitor<'_> for NameVisitor {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a property")
            }

            fn visit_str<E>(self, text: &str) -> Result<Name, E> {
                let usual = USUAL.iter().find(|name| **name == text);
                Ok(Name(usual.map_or_else(
                    || Cow::Owned(text.to_owned()),
                    |name| Cow::Borrowed(*name),
                )))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

/// What is asked of users: the properties that the configuration needs, and those that tell whether an answer is one.
#[derive(Debug, Clone)]
pub(crate) struct UserProperties {
    /// Properties that become attributes.
    pub(crate) names: Vec<Arc<str>>,
    /// The property with a whole Matrix ID.
    pub(crate) matrix_id: Option<Arc<str>>,
    /// What stands after `$select=`.
    pub(crate) select: String,
}

impl UserProperties {
    /// Every user has it, and nobody is shown it without a right to read users.
    pub(crate) const NAME: &'static str = "userPrincipalName";
    /// Whether the account may be used.
    pub(crate) const ENABLED: &'static str = "accountEnabled";

    pub(crate) fn of(config: &EntraConfig) -> Self {
        let mut names: Vec<Arc<str>> = vec![Arc::from(Self::NAME)];
        for name in &config.properties {
            if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                names.push(Arc::from(&**name));
            }
        }
        let matrix_id: Option<Arc<str>> = config.matrix_id_property.as_deref().map(Arc::from);
        let mut selected = vec!["id", Self::ENABLED];
        for name in names.iter().chain(&matrix_id) {
            let whole = name.split_once('/').map_or(&**name, |(whole, _)| whole);
            if !selected.contains(&whole) {
                selected.push(whole);
            }
        }
        let select = selected.join(",");
        Self {
            names,
            matrix_id,
            select,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_and_what_is_not() {
        let text = r##"{"@odata.type":"#microsoft.graph.user","id":"02BD9FD6-8f93-4758-87c3-1fb73740a315",
            "userPrincipalName":"ada@contoso.example","mail":null,"accountEnabled":true,
            "onPremisesExtensionAttributes":{"extensionAttribute1":"ada","extensionAttribute2":null}}"##;
        let object: Object = serde_json::from_str(text).unwrap();
        assert_eq!(object.kind, Some(Kind::User));
        assert!(object.id.is_some() && !object.removed);
        assert_eq!(object.text("userPrincipalName"), Some("ada@contoso.example"));
        assert_eq!(object.get("mail"), Some(&Value::Null));
        assert_eq!(object.get("mailNickname"), None);
        assert_eq!(
            object.text("onPremisesExtensionAttributes/extensionAttribute1"),
            Some("ada")
        );
        assert_eq!(
            object.text("onPremisesExtensionAttributes/extensionAttribute2"),
            None
        );
    }

    #[test]
    fn removed_members_of_a_delta_query() {
        let text = r##"{"id":"02bd9fd6-8f93-4758-87c3-1fb73740a315","members@delta":[
            {"@odata.type":"#microsoft.graph.user","id":"02bd9fd6-8f93-4758-87c3-1fb73740a316",
             "@removed":{"reason":"deleted"}}]}"##;
        let object: Object = serde_json::from_str(text).unwrap();
        assert!(!object.removed && object.members[0].removed);
    }

    #[test]
    fn only_what_is_needed_is_asked_for() {
        let mut config = EntraConfig::new(crate::RoomGroups::default());
        config.properties = vec!["onPremisesExtensionAttributes/extensionAttribute1".into()];
        config.matrix_id_property = Some("onPremisesExtensionAttributes/extensionAttribute2".into());
        let properties = UserProperties::of(&config);
        assert_eq!(
            properties.select,
            "id,accountEnabled,userPrincipalName,onPremisesExtensionAttributes"
        );
    }
}
