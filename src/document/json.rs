//! JSON as a [`Node`] tree.
//!
//! `serde_json` tells no positions of well-formed values. It can hand out each value as the slice of the text it
//! stands in, though, and where a slice begins within the text is its position.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{Entry, MAX_DEPTH, Node, Problems, Value};

pub(super) fn parse<'t>(text: &'t str, problems: &mut Problems) -> Option<Node<'t>> {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(raw) => Some(node(text, raw, 0, problems)),
        Err(error) => {
            problems.add(
                offset_of(text, error.line(), error.column()),
                format!("not well-formed JSON: {}", reason(&error)),
            );
            None
        }
    }
}

/// The error without its own "at line … column …", which stands in front already.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    (start + column.saturating_sub(1)).min(text.len())
}

/// Where a slice of the text begins in it.
fn offset_in(text: &str, slice: &str) -> usize {
    slice.as_ptr().addr().saturating_sub(text.as_ptr().addr())
}

fn node<'t>(text: &'t str, raw: &'t RawValue, depth: usize, problems: &mut Problems) -> Node<'t> {
    let json = raw.get();
    let at = offset_in(text, json);
    let value = match json.as_bytes().first() {
        Some(b'{' | b'[') if depth >= MAX_DEPTH => {
            problems.add(
                at,
                format!("objects and lists are nested deeper than {MAX_DEPTH}"),
            );
            Ok(Value::Other("too deep"))
        }
        Some(b'{') => {
            serde_json::from_str::<Pairs<'t>>(json).map(|pairs| table(text, pairs, depth, problems))
        }
        Some(b'[') => serde_json::from_str::<Vec<&'t RawValue>>(json).map(|items| {
            let items = items
                .into_iter()
                .map(|item| node(text, item, depth + 1, problems));
            Value::List(items.collect())
        }),
        Some(b'"') => serde_json::from_str::<Text<'t>>(json).map(|text| Value::Text(text.0)),
        Some(b't') => Ok(Value::Flag(true)),
        Some(b'f') => Ok(Value::Flag(false)),
        Some(b'n') => Ok(Value::Other("null")),
        _ => Ok(json
            .parse()
            .map_or(Value::Other("a number that is no 64-bit integer"), Value::Integer)),
    };
    let value = value.unwrap_or_else(|error| {
        // The slice is well-formed as far as brackets go; a lone surrogate in a string ends up here.
        problems.add(at, format!("not well-formed JSON: {}", reason(&error)));
        Value::Other("malformed")
    });
    Node { at, value }
}

fn table<'t>(text: &'t str, pairs: Pairs<'t>, depth: usize, problems: &mut Problems) -> Value<'t> {
    let mut entries = Vec::<Entry<'t>>::with_capacity(pairs.0.len());
    let mut seen = std::collections::BTreeSet::new();
    for (key, raw) in pairs.0 {
        let node = node(text, raw, depth + 1, problems);
        let at = match &key {
            // The slice begins behind the quotation mark.
            Cow::Borrowed(slice) => offset_in(text, slice).saturating_sub(1),
            Cow::Owned(_) => node.at,
        };
        if !seen.insert(key.clone()) {
            problems.add(at, format!("duplicate key `{key}`"));
            continue;
        }
        entries.push(Entry { at, key, node });
    }
    Value::Table(entries)
}

/// A string, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Text<'t>(#[serde(borrow)] Cow<'t, str>);

/// An object in its order, with duplicates.
struct Pairs<'t>(Vec<(Cow<'t, str>, &'t RawValue)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;

        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de>, A::Error> {
                let mut pairs = Vec::new();
                while let Some((key, value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
                    pairs.push((key.0, value));
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(PairsVisitor)
    }
}
