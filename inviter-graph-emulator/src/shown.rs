//! Values of properties, as they are compared and written.

use std::collections::BTreeMap;

use serde_json::Value;

/// The value of a property.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shown<'a> {
    /// Null, or never set.
    Null,
    /// A string, or a time as one.
    Text(&'a str),
    /// A Boolean.
    Flag(bool),
    /// A collection of strings.
    Texts(&'a [String]),
    /// `onPremisesExtensionAttributes`.
    Attributes(&'a [Option<String>; 15]),
    /// Anything else.
    Json(&'a Value),
}

impl<'a> Shown<'a> {
    pub(crate) fn text(text: Option<&'a String>) -> Self {
        text.map_or(Self::Null, |text| Self::Text(text))
    }

    pub(crate) fn flag(flag: Option<bool>) -> Self {
        flag.map_or(Self::Null, Self::Flag)
    }

    /// Null and collections without content are what a property is before it was ever set.
    pub(crate) fn is_unset(self) -> bool {
        match self {
            Self::Null | Self::Json(Value::Null) => true,
            Self::Attributes(attributes) => attributes.iter().all(Option::is_none),
            Self::Text(_) | Self::Flag(_) | Self::Texts(_) | Self::Json(_) => false,
        }
    }

    /// Appends it as JSON.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Text(text) => string(out, text),
            Self::Flag(flag) => out.extend_from_slice(if flag { b"true" } else { b"false" }),
            Self::Texts(texts) => {
                out.push(b'[');
                for (index, text) in texts.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    string(out, text);
                }
                out.push(b']');
            }
            Self::Attributes(attributes) => {
                for (index, attribute) in attributes.iter().enumerate() {
                    out.extend_from_slice(if index == 0 { b"{" } else { b"," });
                    out.extend_from_slice(format!("\"extensionAttribute{}\":", index + 1).as_bytes());
                    Self::text(attribute.as_ref()).write(out);
                }
                out.push(b'}');
            }
            Self::Json(value) => json(out, value),
        }
    }
}

/// Appends a string as JSON.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(out, text);
}

/// Appends JSON.
pub(crate) fn json(out: &mut Vec<u8>, value: &Value) {
    let _ = serde_json::to_writer(out, value);
}

/// Appends a comma, if something is there before it, and the name of a property.
pub(crate) fn name(out: &mut Vec<u8>, name: &str) {
    if !matches!(out.last(), Some(b'{') | None) {
        out.push(b',');
    }
    string(out, name);
    out.push(b':');
}

/// A property: its name, and how it is read.
pub(crate) struct Column<T: 'static> {
    pub(crate) name: &'static str,
    pub(crate) get: fn(&T) -> Shown<'_>,
    /// Whether it comes without being asked for.
    pub(crate) default: bool,
}

impl<T> Clone for Column<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Column<T> {}

/// What a kind of object has for properties.
pub(crate) trait Columns: Clone + 'static {
    const COLUMNS: &'static [Column<Self>];

    /// Directory extensions, by their full names.
    fn extensions(&self) -> &BTreeMap<String, Value>;

    /// The names of all properties in which two states differ.
    fn differences(&self, other: &Self) -> Vec<String> {
        let mut names: Vec<String> = Self::COLUMNS
            .iter()
            .filter(|column| (column.get)(self) != (column.get)(other))
            .map(|column| column.name.to_owned())
            .collect();
        let (mine, others) = (self.extensions(), other.extensions());
        let keys = mine
            .keys()
            .chain(others.keys().filter(|key| !mine.contains_key(*key)));
        names.extend(keys.filter(|key| mine.get(*key) != others.get(*key)).cloned());
        names
    }
}
