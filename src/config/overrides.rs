//! Variables that override keys are laid over the document before it is read, so that every check applies to them.

use std::{borrow::Cow, cmp::Ordering, collections::BTreeMap};

use super::{
    environment::{OVERRIDE_PREFIX, path_of},
    keys::{Key, Kind, SectionKeys},
    source::Source,
};
use crate::document::{Entry, Node, Problems, Value, nearest, parse_toml_value, shortened};

/// Keys that hold a secret nowhere, and that somebody may expect to.
const SECRETS: [&str; 3] = ["access_token", "client_secret", "password"];

/// One variable.
struct Override<'t> {
    name: &'t str,
    /// Its place in the source.
    at: usize,
    /// What its name consists of behind the prefix.
    path: Vec<&'t str>,
    value: &'t str,
}

/// Lays all variables of a source over its document.
pub(super) fn lay_over<'t>(tree: &mut Node<'t>, source: &Source<'t>, problems: &mut Problems) {
    let variables = source.variables.iter().enumerate();
    let mut overrides: Vec<Override<'t>> = variables
        .filter_map(|(ix, (name, value))| {
            Some(Override {
                path: path_of(name)?.split("__").collect(),
                at: source.at_variable(ix),
                name,
                value,
            })
        })
        .collect();
    // A table as a whole before its keys, and entries of lists in their order, since each may append one.
    overrides.sort_by(|a, b| in_order(&a.path, &b.path));
    let mut seen = BTreeMap::new();
    for item in &overrides {
        let top = Kind::Table(SectionKeys::top());
        let result = target(top, &item.path, item).and_then(|(path, kind)| {
            if let Some(instead) = if_empty(kind, item.value) {
                return Err(format!("is empty; unset it, or write {instead}"));
            }
            if let Some(other) = seen.insert(path.clone(), item.name) {
                return Err(format!("`{other}` overrides the same key; unset one of the two"));
            }
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            put(tree, top, &path, item, problems)
        });
        if let Err(message) = result {
            problems.add(item.at, message);
        }
    }
}

fn in_order(a: &[&str], b: &[&str]) -> Ordering {
    let number = |text: &str| text.parse::<usize>().ok();
    let pairs = a.iter().zip(b);
    let differing = pairs
        .map(|(a, b)| match (number(a), number(b)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => a.to_lowercase().cmp(&b.to_lowercase()),
        })
        .find(|order| order.is_ne());
    differing.unwrap_or_else(|| a.len().cmp(&b.len()))
}

/// What to write in place of a value that is empty; `None` for one that is not. An empty list is a decision, and a
/// variable that somebody forgot to fill is none: it would exempt nobody, or leave out no room.
fn if_empty(kind: Kind, value: &str) -> Option<&'static str> {
    let list = matches!(kind, Kind::List { .. } | Kind::Tables(_));
    if !value.chars().all(|c| c.is_whitespace() || list && c == ',') {
        return None;
    }
    Some(match kind {
        Kind::List { .. } | Kind::Tables(_) => "[] for an empty list",
        Kind::Free(_) => "{} for an empty table",
        Kind::AnyText => "\"\" for none",
        Kind::Table(_)
        | Kind::Text
        | Kind::Integer { .. }
        | Kind::LevelOrKeep
        | Kind::Flag
        | Kind::Duration
        | Kind::Word(_)
        | Kind::WordOrAfter(_) => "its value",
    })
}

/// The keys and indices that a variable's name stands for, written as in a file, and what is there.
fn target(kind: Kind, path: &[&str], item: &Override<'_>) -> Result<(Vec<String>, Kind), String> {
    let Some((first, rest)) = path.split_first() else {
        return Ok((Vec::new(), kind));
    };
    let (step, below) = match kind {
        Kind::Table(section) => {
            let name = first.to_lowercase();
            let key = section.find(&name).ok_or_else(|| unknown(section, &name, item))?;
            (key.name.to_owned(), key.kind)
        }
        Kind::Tables(_) | Kind::List { .. } => {
            let index: usize = first.parse().map_err(|_| no_index(item, path))?;
            (index.to_string(), element(kind))
        }
        // The rest is the key, whatever is in it.
        Kind::Free(value) => return Ok((vec![free_key(&path.join("__"))], *value)),
        _ => {
            return Err(format!(
                "there is nothing below `{}`; write its value into that variable",
                item.name[..item.name.len() - path.join("__").len()].trim_end_matches('_')
            ));
        }
    };
    let mut steps = vec![step];
    let (rest, kind) = target(below, rest, item)?;
    steps.extend(rest);
    Ok((steps, kind))
}

/// What one entry of a list is.
const fn element(list: Kind) -> Kind {
    match list {
        Kind::Tables(section)
        | Kind::List {
            tables: Some(section),
            ..
        } => Kind::Table(section),
        _ => Kind::Text,
    }
}

/// Variables are in capitals by custom, and hardly any key is.
fn free_key(name: &str) -> String {
    if name.chars().any(char::is_lowercase) {
        name.to_owned()
    } else {
        name.to_lowercase()
    }
}

fn no_index(item: &Override<'_>, rest: &[&str]) -> String {
    let before = &item.name[..item.name.len() - rest.join("__").len()];
    format!(
        "the number of the entry is missing, from 0 on; write `{before}0__{}` for the first",
        rest.join("__")
    )
}

/// Says what is wrong with a name, and what was probably meant.
fn unknown(section: &SectionKeys, name: &str, item: &Override<'_>) -> String {
    // Only where there are keys that name its file and its variable.
    if SECRETS.contains(&name) && section.find(&format!("{name}_env")).is_some() {
        let steps = item
            .path
            .iter()
            .take_while(|step| !step.eq_ignore_ascii_case(name));
        let before: String = steps.map(|step| step.to_uppercase() + "__").collect();
        let key = format!("{OVERRIDE_PREFIX}{before}{}", name.to_uppercase());
        return format!(
            "a secret is not taken from here; put it into another variable and name that one with `{key}_ENV`, or name \
             a file with `{key}_FILE`"
        );
    }
    let mut all = Vec::new();
    collect(SectionKeys::top(), "", &item.path, &mut all);
    let known: Vec<&str> = all.iter().map(String::as_str).collect();
    let key = shortened(name);
    let place = match section.name {
        "" => String::new(),
        name => format!(" in [{name}]"),
    };
    match nearest(&item.path.join("__"), &known) {
        Some(right) => format!("unknown key `{key}`{place}, did you mean `{OVERRIDE_PREFIX}{right}`?"),
        None => format!("unknown key `{key}`{place}; `inviter.sample.toml` has every key"),
    }
}

/// The names of all variables that there can be, with the indices of `path`.
fn collect(section: &SectionKeys, before: &str, path: &[&str], names: &mut Vec<String>) {
    for key in section.keys {
        let name = format!("{before}{}", key.name.to_uppercase());
        let depth = name.split("__").count();
        let index = path.get(depth).filter(|text| text.parse::<usize>().is_ok());
        let index = index.copied().unwrap_or("0");
        match key.kind {
            Kind::Table(below) => collect(below, &format!("{name}__"), path, names),
            Kind::Tables(below)
            | Kind::List {
                tables: Some(below), ..
            } => collect(below, &format!("{name}__{index}__"), path, names),
            _ => {}
        }
        names.push(name);
    }
}

/// Puts a value where a path leads to, with the tables and entries that are missing on the way.
fn put<'t>(
    node: &mut Node<'t>,
    kind: Kind,
    path: &[&str],
    item: &Override<'t>,
    problems: &mut Problems,
) -> Result<(), String> {
    let Some((first, rest)) = path.split_first() else {
        *node = Node {
            at: item.at,
            value: value(kind, item, problems),
        };
        return Ok(());
    };
    let below = match kind {
        Kind::Table(section) => section.find(first).map_or(Kind::Text, |Key { kind, .. }| *kind),
        Kind::Free(kind) => *kind,
        list => element(list),
    };
    let next = match &mut node.value {
        Value::Table(entries) => {
            let ix = entries.iter().position(|entry| entry.key == *first);
            let ix = ix.unwrap_or_else(|| {
                entries.push(Entry {
                    at: item.at,
                    key: Cow::Owned((*first).to_owned()),
                    node: empty(below, item.at),
                });
                entries.len() - 1
            });
            entries.get_mut(ix).map(|entry| &mut entry.node)
        }
        Value::List(items) => {
            let (ix, count) = (first.parse().unwrap_or(usize::MAX), items.len());
            if ix > count {
                return Err(format!(
                    "there is no entry {ix}, since there are {count} before; the next one has the number {count}"
                ));
            }
            if ix == count {
                items.push(empty(below, item.at));
            }
            items.get_mut(ix)
        }
        other => {
            return Err(format!(
                "it would have to be in a table or list, and is in {}",
                other.kind()
            ));
        }
    };
    next.map_or(Ok(()), |next| put(next, below, rest, item, problems))
}

/// What stands in for a table or list that a variable begins.
fn empty<'t>(kind: Kind, at: usize) -> Node<'t> {
    let value = match kind {
        Kind::Tables(_) | Kind::List { .. } => Value::List(Vec::new()),
        _ => Value::Table(Vec::new()),
    };
    Node { at, value }
}

/// Reads a variable as what its key takes. What cannot be read so stays text, and the key's reader says what it wants.
fn value<'t>(kind: Kind, item: &Override<'t>, problems: &mut Problems) -> Value<'t> {
    let text = item.value.trim();
    let as_text = || Value::Text(Cow::Borrowed(item.value));
    match kind {
        Kind::Integer { .. } | Kind::LevelOrKeep => text.parse().map_or_else(|_| as_text(), Value::Integer),
        Kind::Flag => text.parse().map_or_else(|_| as_text(), Value::Flag),
        Kind::AnyText if text == "\"\"" => Value::Text(Cow::Borrowed("")),
        Kind::List { .. } if !text.starts_with('[') => {
            let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
            let items = words.map(|word| Node {
                at: item.at,
                value: Value::Text(Cow::Borrowed(word)),
            });
            Value::List(items.collect())
        }
        // Some entries of lists may be strings as well as tables.
        Kind::List { .. } | Kind::Table(_) | Kind::Tables(_) | Kind::Free(_)
            if text.starts_with(['{', '[']) =>
        {
            parse_toml_value(text, item.at, problems)
        }
        _ => as_text(),
    }
}
