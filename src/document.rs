//! A document with positions: what the configuration and the directory file are read from, TOML and JSON alike.
//!
//! Serde would stop at the first error and lose the positions of everything that is well-formed but wrong. Here a
//! document becomes a tree in which each value knows where it stands, and a [`Section`] collects every problem.

mod json;
mod positions;
mod section;
mod toml_tree;

use std::borrow::Cow;

pub(crate) use positions::Positions;
pub(crate) use section::{Section, choose, dotted_hint, nearest, parse_duration, shortened, text_of};

/// Tables and lists may be nested this deep; nothing that we read needs more than five.
const MAX_DEPTH: usize = 32;

/// A value and where it begins.
#[derive(Debug)]
pub(crate) struct Node<'t> {
    /// Byte offset in the text.
    pub(crate) at: usize,
    pub(crate) value: Value<'t>,
}

/// The values that occur in our files.
#[derive(Debug)]
pub(crate) enum Value<'t> {
    Text(Cow<'t, str>),
    Integer(i64),
    Flag(bool),
    List(Vec<Node<'t>>),
    Table(Vec<Entry<'t>>),
    /// A kind of value that nothing here takes; how it is called in messages.
    Other(&'static str),
}

/// A key with its value.
#[derive(Debug)]
pub(crate) struct Entry<'t> {
    /// Byte offset of the key.
    pub(crate) at: usize,
    pub(crate) key: Cow<'t, str>,
    pub(crate) node: Node<'t>,
}

impl Node<'_> {
    /// Gives everything in it one place.
    fn move_to(&mut self, at: usize) {
        self.at = at;
        match &mut self.value {
            Value::List(items) => items.iter_mut().for_each(|item| item.move_to(at)),
            Value::Table(entries) => {
                for entry in entries {
                    entry.at = at;
                    entry.node.move_to(at);
                }
            }
            _ => {}
        }
    }
}

impl Value<'_> {
    /// With its article, for "… must be a string, not {kind}".
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Flag(_) => "a boolean",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }
}

/// Something wrong at a place of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Byte offset.
    pub(crate) at: usize,
    /// One sentence without a full stop.
    pub(crate) message: String,
}

/// Everything wrong that was found so far.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    pub(crate) fn add(&mut self, at: usize, message: impl Into<String>) {
        self.0.push(Problem {
            at,
            message: message.into(),
        });
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are so far.
    #[cfg(feature = "ldap")]
    pub(crate) const fn count(&self) -> usize {
        self.0.len()
    }

    /// In the order of the text.
    pub(crate) fn into_sorted(mut self) -> Vec<Problem> {
        self.0.sort_by_key(|problem| problem.at);
        self.0
    }
}

/// Parses TOML. What cannot be parsed is a problem, and the rest comes along, so that its errors can be told too.
pub(crate) fn parse_toml<'t>(text: &'t str, problems: &mut Problems) -> Node<'t> {
    toml_tree::parse(text, problems)
}

/// Parses a single TOML value, all of which stands at one place.
pub(crate) fn parse_toml_value<'t>(text: &'t str, at: usize, problems: &mut Problems) -> Value<'t> {
    toml_tree::parse_value(text, at, problems)
}

/// Parses JSON; `None` when it is not well-formed.
pub(crate) fn parse_json<'t>(text: &'t str, problems: &mut Problems) -> Option<Node<'t>> {
    json::parse(text, problems)
}
