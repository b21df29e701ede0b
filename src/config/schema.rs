//! The JSON Schema of the configuration, for editors, made from the table of keys.

use serde_json::{Map, Value, json};

use super::{
    SettingValue,
    keys::{Fallback, Key, Kind, SectionKeys},
};

impl SectionKeys {
    /// The JSON Schema (draft 2020-12) of this section. What the readers check beyond types, bounds and words, such as
    /// that a user ID is one, is not in it.
    pub fn json_schema(&self) -> Value {
        let mut schema = table(self);
        if let Value::Object(schema) = &mut schema {
            schema.insert(
                "$schema".to_owned(),
                json!("https://json-schema.org/draft/2020-12/schema"),
            );
        }
        schema
    }
}

fn table(section: &SectionKeys) -> Value {
    let required: Vec<&str> = section
        .keys
        .iter()
        .filter(|key| key.fallback == Fallback::Required)
        .map(|key| key.name)
        .collect();
    let properties: Map<String, Value> = section
        .keys
        .iter()
        .map(|key| (key.name.to_owned(), property(key)))
        .collect();
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": properties,
    })
}

fn property(key: &Key) -> Value {
    let mut schema = kind(key.kind);
    if let Value::Object(schema) = &mut schema {
        let about = match key.fallback {
            Fallback::Said(otherwise) => format!("{}. By default {otherwise}.", key.about),
            Fallback::AsInRooms => format!("{}. By default as in [rooms].", key.about),
            Fallback::Value(_) | Fallback::Required => format!("{}.", key.about),
        };
        schema.insert("description".to_owned(), json!(about));
        if let Fallback::Value(value) = key.fallback {
            schema.insert("default".to_owned(), json!(SettingValue::of_toml(value)));
        }
    }
    schema
}

/// A duration with units.
const DURATION: &str = r"\s*([0-9]+\s*(ms|s|m|h|d)\s*)+";

fn kind(of: Kind) -> Value {
    match of {
        Kind::Text => json!({ "type": "string", "minLength": 1 }),
        Kind::AnyText => json!({ "type": "string" }),
        Kind::Integer { least, most } => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Kind::LevelOrKeep => json!({ "type": ["integer", "string"], "pattern": "^keep$" }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Duration => json!({ "type": "string", "pattern": format!("^{DURATION}$") }),
        Kind::Word(words) => json!({ "enum": words }),
        Kind::WordOrAfter(words) => json!({
            "anyOf": [
                { "enum": words },
                { "type": "string", "pattern": format!(r"^\s*after\s{DURATION}$") },
            ],
        }),
        Kind::List { words, tables } => {
            let text = match words {
                [] => kind(Kind::Text),
                words => kind(Kind::Word(words)),
            };
            let items = match tables {
                Some(section) => json!({ "anyOf": [text, table(section)] }),
                None => text,
            };
            json!({ "type": "array", "items": items })
        }
        Kind::Table(section) => table(section),
        Kind::Tables(section) => json!({ "type": "array", "items": table(section) }),
        Kind::Free(values) => json!({ "type": "object", "additionalProperties": kind(*values) }),
    }
}
