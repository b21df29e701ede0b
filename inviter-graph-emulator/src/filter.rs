//! `$filter`, as far as the emulator knows it.

use crate::answer::Refusal;
use crate::id::Id;
use crate::shown::{Column, Columns, Shown};

/// Alternatives, each a list of tests that all have to hold.
pub(crate) struct Filter<T: 'static>(Vec<Vec<Test<T>>>);

enum Test<T: 'static> {
    Id(Vec<Id>),
    StartsWith(Column<T>, String),
    In(Column<T>, Vec<Literal>),
}

#[derive(Debug, Clone, PartialEq)]
enum Literal {
    Null,
    Flag(bool),
    /// In small letters: Graph compares without regard to case.
    Text(String),
}

/// How many alternatives Graph takes.
const MOST: usize = 15;

impl<T: Columns> Filter<T> {
    pub(crate) fn parse(filter: &str, type_name: &str) -> Result<Self, Refusal> {
        let mut parser = Parser {
            rest: filter,
            text: filter,
            type_name,
        };
        let mut alternatives = vec![vec![parser.test()?]];
        loop {
            if parser.word("or") {
                alternatives.push(vec![parser.test()?]);
            } else if parser.word("and") {
                let test = parser.test()?;
                if let Some(last) = alternatives.last_mut() {
                    last.push(test);
                }
            } else if parser.rest.trim().is_empty() {
                break;
            } else {
                return Err(parser.syntax());
            }
        }
        let count: usize = alternatives
            .iter()
            .flatten()
            .map(|test| match test {
                Test::Id(ids) => ids.len(),
                Test::In(_, values) => values.len(),
                Test::StartsWith(..) => 1,
            })
            .sum();
        if count > MOST {
            return Err(Refusal::unsupported(format!(
                "Too many child clauses specified in search filter expression containing 'OR' operators: \
                 {count}. Max allowed: {MOST}."
            )));
        }
        Ok(Self(alternatives))
    }

    /// The only ids that can pass, if that can be told.
    pub(crate) fn ids(&self) -> Option<Vec<Id>> {
        let mut all = Vec::new();
        for tests in &self.0 {
            let ids = tests.iter().find_map(|test| match test {
                Test::Id(ids) => Some(ids),
                _ => None,
            })?;
            all.extend(ids);
        }
        Some(all)
    }

    pub(crate) fn passes(&self, id: Id, object: &T) -> bool {
        self.0.iter().any(|tests| {
            tests.iter().all(|test| match test {
                Test::Id(ids) => ids.contains(&id),
                Test::StartsWith(column, start) => match (column.get)(object) {
                    Shown::Text(text) => text.to_lowercase().starts_with(start),
                    _ => false,
                },
                Test::In(column, values) => {
                    let value = match (column.get)(object) {
                        Shown::Text(text) => Literal::Text(text.to_lowercase()),
                        Shown::Flag(flag) => Literal::Flag(flag),
                        _ => Literal::Null,
                    };
                    values.contains(&value)
                }
            })
        })
    }
}

struct Parser<'a> {
    rest: &'a str,
    text: &'a str,
    type_name: &'a str,
}

impl Parser<'_> {
    fn syntax(&self) -> Refusal {
        let position = self.text.len() - self.rest.len();
        Refusal::bad_request(format!(
            "Invalid filter clause: Syntax error at position {position} in '{}'.",
            self.text
        ))
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn sign(&mut self, sign: char) -> Result<(), Refusal> {
        self.skip_blanks();
        self.rest = self.rest.strip_prefix(sign).ok_or_else(|| self.syntax())?;
        Ok(())
    }

    fn name(&mut self) -> &str {
        self.skip_blanks();
        let end = self
            .rest
            .find(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_')
            .unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        name
    }

    /// Takes this word, if it is the next.
    fn word(&mut self, word: &str) -> bool {
        let before = self.rest;
        if self.name().eq_ignore_ascii_case(word) {
            return true;
        }
        self.rest = before;
        false
    }

    fn literal(&mut self) -> Result<Literal, Refusal> {
        self.skip_blanks();
        let Some(mut rest) = self.rest.strip_prefix('\'') else {
            let before = self.rest;
            let literal = match self.name() {
                "null" => Literal::Null,
                "true" => Literal::Flag(true),
                "false" => Literal::Flag(false),
                _ => {
                    self.rest = before;
                    return Err(self.syntax());
                }
            };
            return Ok(literal);
        };
        let mut text = String::new();
        loop {
            let end = rest.find('\'').ok_or_else(|| {
                Refusal::bad_request(format!(
                    "Invalid filter clause: There is an unterminated string literal at position {} in '{}'.",
                    self.text.len(),
                    self.text
                ))
            })?;
            text.push_str(&rest[..end]);
            rest = &rest[end + 1..];
            // A quote that is doubled belongs to the text.
            let Some(after) = rest.strip_prefix('\'') else {
                break;
            };
            text.push('\'');
            rest = after;
        }
        self.rest = rest;
        Ok(Literal::Text(text.to_lowercase()))
    }

    fn text(&mut self) -> Result<String, Refusal> {
        match self.literal()? {
            Literal::Text(text) => Ok(text),
            _ => Err(self.syntax()),
        }
    }

    fn column<T: Columns>(&self, name: &str) -> Result<Column<T>, Refusal> {
        let column = T::COLUMNS
            .iter()
            .find(|column| column.name.eq_ignore_ascii_case(name));
        column.copied().ok_or_else(|| {
            Refusal::bad_request(format!(
                "Invalid filter clause: Could not find a property named '{name}' on type 'microsoft.graph.{}'.",
                self.type_name
            ))
        })
    }

    fn test<T: Columns>(&mut self) -> Result<Test<T>, Refusal> {
        let name = self.name().to_owned();
        if name.is_empty() {
            return Err(self.syntax());
        }
        if self.rest.trim_start().starts_with('(') {
            if !name.eq_ignore_ascii_case("startswith") {
                return Err(Refusal::unsupported("Unsupported Query."));
            }
            self.sign('(')?;
            let property = self.name().to_owned();
            let column = self.column(&property)?;
            self.sign(',')?;
            let start = self.text()?;
            self.sign(')')?;
            return Ok(Test::StartsWith(column, start));
        }
        let values = if self.word("eq") {
            vec![self.literal()?]
        } else if self.word("in") {
            self.list()?
        } else {
            let operator = self.name();
            if ["ne", "not", "ge", "le", "gt", "lt", "has"].contains(&operator) {
                return Err(Refusal::unsupported("Unsupported Query."));
            }
            return Err(self.syntax());
        };
        if !name.eq_ignore_ascii_case("id") {
            return Ok(Test::In(self.column(&name)?, values));
        }
        let ids = values.iter().map(|value| match value {
            Literal::Text(text) => text
                .parse()
                .map_err(|_| Refusal::bad_request(format!("Invalid object identifier '{text}'."))),
            _ => Err(Refusal::bad_request("Invalid object identifier 'null'.")),
        });
        Ok(Test::Id(ids.collect::<Result<_, _>>()?))
    }

    fn list(&mut self) -> Result<Vec<Literal>, Refusal> {
        self.sign('(')?;
        let mut values = vec![self.literal()?];
        loop {
            self.skip_blanks();
            if !self.rest.starts_with(',') {
                break;
            }
            self.sign(',')?;
            values.push(self.literal()?);
        }
        self.sign(')')?;
        Ok(values)
    }
}

/// `id eq '…' or id eq '…'`, the only form that delta queries take.
pub(crate) fn only_ids(text: &str) -> Result<Vec<Id>, Refusal> {
    let mut parser = Parser {
        rest: text,
        text,
        type_name: "directoryObject",
    };
    let mut ids = Vec::new();
    loop {
        if !parser.word("id") || !parser.word("eq") {
            return Err(Refusal::unsupported(
                "Only filters by id are supported by delta queries.",
            ));
        }
        let id = parser.text()?;
        let id = id
            .parse()
            .map_err(|_| Refusal::bad_request(format!("Invalid object identifier '{id}'.")))?;
        ids.push(id);
        if parser.rest.trim().is_empty() {
            break;
        }
        if !parser.word("or") {
            return Err(Refusal::unsupported(
                "Only filters by id are supported by delta queries.",
            ));
        }
    }
    if ids.len() > 50 {
        return Err(Refusal::unsupported(
            "A delta query can be filtered by 50 ids at most.",
        ));
    }
    Ok(ids)
}
