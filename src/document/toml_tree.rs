//! TOML as a [`Node`] tree.

use toml::de::{DeTable, DeValue};

use super::{Entry, MAX_DEPTH, Node, Problems, Value};

pub(super) fn parse<'t>(text: &'t str, problems: &mut Problems) -> Node<'t> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let at = error.span().map_or(0, |span| span.start);
        // The parser's own Display would quote the line, which may hold a secret that somebody put here.
        problems.add(at, format!("not well-formed TOML: {}", error.message()));
    }
    let at = table.span().start;
    Node {
        at,
        value: Value::Table(entries(table.into_inner(), 0, problems)),
    }
}

pub(super) fn parse_value<'t>(text: &'t str, at: usize, problems: &mut Problems) -> Value<'t> {
    let (value, errors) = DeValue::parse_recoverable(text);
    for error in errors {
        problems.add(at, format!("not well-formed TOML: {}", error.message()));
    }
    let mut node = node(at, value.into_inner(), 0, problems);
    node.move_to(at);
    node.value
}

fn entries<'t>(table: DeTable<'t>, depth: usize, problems: &mut Problems) -> Vec<Entry<'t>> {
    table
        .into_iter()
        .map(|(key, value)| Entry {
            at: key.span().start,
            key: key.into_inner(),
            node: node(value.span().start, value.into_inner(), depth + 1, problems),
        })
        .collect()
}

fn node<'t>(at: usize, value: DeValue<'t>, depth: usize, problems: &mut Problems) -> Node<'t> {
    let value = match value {
        DeValue::String(text) => Value::Text(text),
        DeValue::Boolean(flag) => Value::Flag(flag),
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::Other("an integer beyond 64 bits"),
        },
        DeValue::Float(_) => Value::Other("a number with a fraction"),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(_) | DeValue::Table(_) if depth >= MAX_DEPTH => {
            problems.add(at, format!("tables and lists are nested deeper than {MAX_DEPTH}"));
            Value::Other("too deep")
        }
        DeValue::Array(list) => Value::List(
            list.into_iter()
                .map(|item| node(item.span().start, item.into_inner(), depth + 1, problems))
                .collect(),
        ),
        DeValue::Table(table) => Value::Table(entries(table, depth, problems)),
    };
    Node { at, value }
}
