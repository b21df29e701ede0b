//! Properties that organizations add to the schema.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Whether it is the full name of a directory extension: `extension_<32 hexadecimal digits>_<name>`.
pub(crate) fn is_name(name: &str) -> bool {
    name.strip_prefix("extension_")
        .and_then(|rest| rest.split_once('_'))
        .is_some_and(|(application, name)| {
            application.len() == 32
                && application.bytes().all(|byte| byte.is_ascii_hexdigit())
                && !name.is_empty()
        })
}

/// What is left of an object's properties: directory extensions, and nothing else.
pub(crate) fn only<'de, D: Deserializer<'de>>(rest: D) -> Result<BTreeMap<String, Value>, D::Error> {
    let rest = BTreeMap::<String, Value>::deserialize(rest)?;
    match rest.keys().find(|name| !is_name(name)) {
        Some(unknown) => Err(D::Error::custom(format!("there is no property {unknown:?}"))),
        None => Ok(rest),
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Attributes {
    List(Box<[Option<String>; 15]>),
    Object(BTreeMap<String, Option<String>>),
}

/// The fifteen attributes, as Graph's object or as a list.
pub(crate) fn attributes<'de, D: Deserializer<'de>>(value: D) -> Result<[Option<String>; 15], D::Error> {
    let object = match Attributes::deserialize(value)? {
        Attributes::List(list) => return Ok(*list),
        Attributes::Object(object) => object,
    };
    let mut list = <[Option<String>; 15]>::default();
    for (name, value) in object {
        let place = name
            .strip_prefix("extensionAttribute")
            .and_then(|number| number.parse::<usize>().ok()?.checked_sub(1))
            .and_then(|index| list.get_mut(index));
        *place.ok_or_else(|| D::Error::custom(format!("there is no {name:?}")))? = value;
    }
    Ok(list)
}
