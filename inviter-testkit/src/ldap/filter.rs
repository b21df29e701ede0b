//! Filters of searches: read, written as text, and applied to entries.

use std::fmt;

use anyhow::{Result, bail, ensure};

use super::ber::{OCTETS, Reader, SEQUENCE};
use super::directory::{Entry, comparable};

/// All bits of the value must be set (MS-ADTS section 3.1.1.3.4.4.1).
const BIT_AND: &str = "1.2.840.113556.1.4.803";
/// One bit of the value must be set.
const BIT_OR: &str = "1.2.840.113556.1.4.804";
/// Deeper than any test asks; ends a recursion before the stack does.
const DEEPEST: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Equal(String, Vec<u8>),
    AtLeast(String, Vec<u8>),
    AtMost(String, Vec<u8>),
    Approximately(String, Vec<u8>),
    Present(String),
    Substrings {
        attribute: String,
        first: Option<Vec<u8>>,
        any: Vec<Vec<u8>>,
        last: Option<Vec<u8>>,
    },
    Extensible {
        rule: Option<String>,
        attribute: Option<String>,
        value: Vec<u8>,
        of_dn: bool,
    },
}

impl Filter {
    pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Self> {
        Self::parse_at(reader, 0)
    }

    fn parse_at(reader: &mut Reader<'_>, depth: usize) -> Result<Self> {
        ensure!(depth < DEEPEST, "a filter deeper than {DEEPEST}");
        let (tag, contents) = reader.next()?;
        let mut reader = Reader(contents);
        Ok(match tag {
            0xa0 => Self::And(Self::list(reader, depth)?),
            0xa1 => Self::Or(Self::list(reader, depth)?),
            0xa2 => Self::Not(Box::new(Self::parse_at(&mut reader, depth + 1)?)),
            0xa3 => Self::assertion(reader, Self::Equal)?,
            0xa4 => Self::substrings(reader)?,
            0xa5 => Self::assertion(reader, Self::AtLeast)?,
            0xa6 => Self::assertion(reader, Self::AtMost)?,
            0x87 => Self::Present(String::from_utf8_lossy(contents).into_owned()),
            0xa8 => Self::assertion(reader, Self::Approximately)?,
            0xa9 => Self::extensible(reader)?,
            other => bail!("a filter {other:#04x}"),
        })
    }

    fn list(mut reader: Reader<'_>, depth: usize) -> Result<Vec<Self>> {
        let mut filters = Vec::new();
        while !reader.is_empty() {
            filters.push(Self::parse_at(&mut reader, depth + 1)?);
        }
        Ok(filters)
    }

    fn assertion(mut reader: Reader<'_>, kind: fn(String, Vec<u8>) -> Self) -> Result<Self> {
        let attribute = reader.text(OCTETS)?;
        Ok(kind(attribute, reader.expect(OCTETS)?.to_vec()))
    }

    fn substrings(mut reader: Reader<'_>) -> Result<Self> {
        let attribute = reader.text(OCTETS)?;
        let mut parts = Reader(reader.expect(SEQUENCE)?);
        let (mut first, mut any, mut last) = (None, Vec::new(), None);
        while !parts.is_empty() {
            match parts.next()? {
                (0x80, part) => first = Some(part.to_vec()),
                (0x81, part) => any.push(part.to_vec()),
                (0x82, part) => last = Some(part.to_vec()),
                (other, _) => bail!("a substring {other:#04x}"),
            }
        }
        Ok(Self::Substrings {
            attribute,
            first,
            any,
            last,
        })
    }

    fn extensible(mut reader: Reader<'_>) -> Result<Self> {
        let (mut rule, mut attribute, mut value, mut of_dn) = (None, None, Vec::new(), false);
        while !reader.is_empty() {
            match reader.next()? {
                (0x81, part) => rule = Some(String::from_utf8_lossy(part).into_owned()),
                (0x82, part) => attribute = Some(String::from_utf8_lossy(part).into_owned()),
                (0x83, part) => value = part.to_vec(),
                (0x84, part) => of_dn = part.iter().any(|byte| *byte != 0),
                (other, _) => bail!("a part {other:#04x} of an extensible match"),
            }
        }
        Ok(Self::Extensible {
            rule,
            attribute,
            value,
            of_dn,
        })
    }

    /// Whether an entry matches; nothing if that is undefined, as with a rule which the server does not know
    /// (RFC 4511 section 4.5.1.7). An entry matches only if this is true.
    pub(super) fn matches(&self, entry: &Entry) -> Option<bool> {
        let any = |attribute: &str, test: &dyn Fn(&[u8]) -> bool| {
            Some(entry.values(attribute).iter().any(|value| test(value)))
        };
        match self {
            Self::And(list) => fold(list, entry, false),
            Self::Or(list) => fold(list, entry, true),
            Self::Not(inner) => inner.matches(entry).map(|matched| !matched),
            Self::Equal(attribute, wanted) | Self::Approximately(attribute, wanted) => {
                let wanted = comparable(wanted);
                any(attribute, &|value| comparable(value) == wanted)
            }
            Self::AtLeast(attribute, least) => any(attribute, &|value| compare(value, least).is_ge()),
            Self::AtMost(attribute, most) => any(attribute, &|value| compare(value, most).is_le()),
            Self::Present(attribute) => {
                Some(attribute.eq_ignore_ascii_case("objectClass") || !entry.values(attribute).is_empty())
            }
            Self::Substrings {
                attribute,
                first,
                any: middle,
                last,
            } => any(attribute, &|value| {
                has_parts(value, first.as_deref(), middle, last.as_deref())
            }),
            Self::Extensible {
                rule: Some(rule),
                attribute: Some(attribute),
                value: mask,
                ..
            } if rule == BIT_AND || rule == BIT_OR => {
                let mask = integer(mask)?;
                let all = rule == BIT_AND;
                any(attribute, &|value| {
                    integer(value).is_some_and(|value| {
                        let bits = value & mask;
                        if all { bits == mask } else { bits != 0 }
                    })
                })
            }
            Self::Extensible { .. } => None,
        }
    }
}

/// Of several: decided by the first that is `decisive`, else undefined if one of them is.
fn fold(filters: &[Filter], entry: &Entry, decisive: bool) -> Option<bool> {
    let mut result = Some(!decisive);
    for filter in filters {
        match filter.matches(entry) {
            Some(matched) if matched == decisive => return Some(decisive),
            Some(_) => {}
            None => result = None,
        }
    }
    result
}

fn integer(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Numbers as numbers, anything else as text.
fn compare(left: &[u8], right: &[u8]) -> std::cmp::Ordering {
    match (integer(left), integer(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        _ => comparable(left).cmp(&comparable(right)),
    }
}

fn has_parts(value: &[u8], first: Option<&[u8]>, middle: &[Vec<u8>], last: Option<&[u8]>) -> bool {
    let value = value.to_ascii_lowercase();
    let mut rest = value.as_slice();
    if let Some(first) = first {
        let Some(after) = rest.strip_prefix(first.to_ascii_lowercase().as_slice()) else {
            return false;
        };
        rest = after;
    }
    if let Some(last) = last {
        let Some(before) = rest.strip_suffix(last.to_ascii_lowercase().as_slice()) else {
            return false;
        };
        rest = before;
    }
    middle.iter().all(|part| {
        let part = part.to_ascii_lowercase();
        let found = (0..=rest.len()).find(|start| rest[*start..].starts_with(&part));
        if let Some(start) = found {
            rest = &rest[start + part.len()..];
        }
        found.is_some()
    })
}

/// A value as RFC 4515 writes it: plain where that is possible, `\xx` where it is not.
struct Escaped<'a>(&'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '*' | '(' | ')' | '\\' | '\0' => write!(f, "\\{:02x}", u32::from(character))?,
                    _ => write!(f, "{character}")?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, sign: &str, filters: &[Self]| {
            write!(f, "({sign}")?;
            filters.iter().try_for_each(|filter| filter.fmt(f))?;
            f.write_str(")")
        };
        match self {
            Self::And(filters) => list(f, "&", filters),
            Self::Or(filters) => list(f, "|", filters),
            Self::Not(filter) => write!(f, "(!{filter})"),
            Self::Equal(attribute, value) => write!(f, "({attribute}={})", Escaped(value)),
            Self::AtLeast(attribute, value) => write!(f, "({attribute}>={})", Escaped(value)),
            Self::AtMost(attribute, value) => write!(f, "({attribute}<={})", Escaped(value)),
            Self::Approximately(attribute, value) => write!(f, "({attribute}~={})", Escaped(value)),
            Self::Present(attribute) => write!(f, "({attribute}=*)"),
            Self::Substrings {
                attribute,
                first,
                any,
                last,
            } => {
                write!(
                    f,
                    "({attribute}={}*",
                    Escaped(first.as_deref().unwrap_or_default())
                )?;
                any.iter().try_for_each(|part| write!(f, "{}*", Escaped(part)))?;
                write!(f, "{})", Escaped(last.as_deref().unwrap_or_default()))
            }
            Self::Extensible {
                rule,
                attribute,
                value,
                of_dn,
            } => {
                write!(f, "({}", attribute.as_deref().unwrap_or_default())?;
                f.write_str(if *of_dn { ":dn" } else { "" })?;
                if let Some(rule) = rule {
                    write!(f, ":{rule}")?;
                }
                write!(f, ":={})", Escaped(value))
            }
        }
    }
}
