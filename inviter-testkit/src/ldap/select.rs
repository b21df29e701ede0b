//! Which attributes and values of an entry an answer holds.

use super::behaviour::{PastEnd, RangeTrick, Ranges};
use super::directory::{Attribute, Entry};

/// No attributes at all (RFC 4511 section 4.5.1.8).
const NONE: &str = "1.1";

/// A range that begins beyond the last value, of a server that takes this for an error.
#[derive(Debug)]
pub(super) struct BeyondEnd;

/// The entry with what was asked for. `step` says how many values the next range may have.
pub(super) fn select(
    entry: &Entry,
    asked: &[String],
    ranges: Option<&Ranges>,
    step: &mut impl FnMut(&Ranges) -> usize,
) -> Result<Entry, BeyondEnd> {
    let mut selected = Entry::new(entry.dn.clone());
    for attribute in &entry.attributes {
        let range = ranges.and_then(|ranges| {
            let (low, high) = asked.iter().find_map(|name| range_of(name, &attribute.name))?;
            Some((ranges, low, high))
        });
        if let Some((ranges, low, high)) = range {
            selected
                .attributes
                .extend(part(attribute, ranges, low, high, step(ranges))?);
        } else if is_asked(attribute, asked) {
            match ranges {
                Some(ranges) if attribute.values.len() > ranges.max_values => {
                    if ranges.empty_beside {
                        selected.attributes.push(named(&attribute.name, &[]));
                    }
                    selected
                        .attributes
                        .extend(part(attribute, ranges, 0, usize::MAX, step(ranges))?);
                }
                _ => selected.attributes.push(attribute.clone()),
            }
        }
    }
    Ok(selected)
}

fn is_asked(attribute: &Attribute, asked: &[String]) -> bool {
    let all = asked.is_empty() || asked.iter().any(|name| name == "*");
    let all_operational = asked.iter().any(|name| name == "+");
    asked
        .iter()
        .any(|name| name != NONE && name.eq_ignore_ascii_case(&attribute.name))
        || if attribute.operational {
            all_operational
        } else {
            all
        }
}

/// The range that `member;range=0-9` or `member;range=0-*` asks of an attribute.
fn range_of(asked: &str, attribute: &str) -> Option<(usize, usize)> {
    let (name, option) = asked.split_once(';')?;
    let (keyword, bounds) = option.split_once('=')?;
    if !name.eq_ignore_ascii_case(attribute) || !keyword.eq_ignore_ascii_case("range") {
        return None;
    }
    let (low, high) = bounds.split_once('-')?;
    let high = if high == "*" {
        usize::MAX
    } else {
        high.parse().ok()?
    };
    Some((low.parse().ok()?, high))
}

/// The part of an attribute that a range gives, if any.
fn part(
    attribute: &Attribute,
    ranges: &Ranges,
    low: usize,
    high: usize,
    step: usize,
) -> Result<Option<Attribute>, BeyondEnd> {
    let values = &attribute.values;
    let name = &attribute.name;
    let low = match ranges.trick {
        Some(RangeTrick::Stuck) => 0,
        Some(RangeTrick::Gap) if low > 0 => low + 1,
        Some(RangeTrick::NoValues) if low > 0 => {
            return Ok(Some(named(
                &format!("{name};range={low}-{}", low + step - 1),
                &[],
            )));
        }
        _ => low,
    };
    if low >= values.len() {
        return match ranges.past_end {
            PastEnd::Empty => Ok(Some(named(&format!("{name};range={low}-*"), &[]))),
            PastEnd::Absent => Ok(None),
            PastEnd::Error => Err(BeyondEnd),
        };
    }
    let count = step
        .min(high.saturating_sub(low).saturating_add(1))
        .min(values.len() - low);
    let end = low + count;
    let endless = matches!(ranges.trick, Some(RangeTrick::Stuck | RangeTrick::NoEnd));
    let name = if end == values.len() && !endless {
        format!("{name};range={low}-*")
    } else {
        format!("{name};range={low}-{}", end - 1)
    };
    Ok(Some(named(&name, &values[low..end])))
}

fn named(name: &str, values: &[Vec<u8>]) -> Attribute {
    Attribute {
        name: name.to_owned(),
        values: values.to_vec(),
        operational: false,
    }
}
