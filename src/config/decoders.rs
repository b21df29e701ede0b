//! `decoders` of a `[[directory]]`: how its group names become rooms.

use inviter_core::decode::{PatternDecoder, PatternError};

use super::keys;
use crate::document::{Node, Problems, Section, Value, choose, text_of};

/// A form of group names that stand for rooms.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecoderKind {
    /// `MTRX #room:example.com`
    Mtrx,
    /// `xxxroomxxxexample.com`
    Xxx,
    /// What a regular expression matches.
    Pattern(PatternDecoder),
}

const WORDS: [(&str, DecoderKind); 2] = [("mtrx", DecoderKind::Mtrx), ("xxx", DecoderKind::Xxx)];

pub(super) fn read(directory: &Section<'_>, problems: &mut Problems) -> Vec<DecoderKind> {
    if directory.get("decoders").is_none() {
        return WORDS.into_iter().map(|(_, decoder)| decoder).collect();
    }
    let mut unique = Vec::new();
    for node in directory.list("decoders", problems) {
        let decoder = match node.value {
            Value::Table(_) => pattern(node, problems),
            _ => word(directory, node, problems),
        };
        let Some(decoder) = decoder else { continue };
        if unique.contains(&decoder) {
            let key = directory.key("decoders");
            problems.add(node.at, format!("{key} names a decoder twice; keep one"));
        } else {
            unique.push(decoder);
        }
    }
    unique
}

/// `None` only together with a problem.
fn word(directory: &Section<'_>, node: &Node<'_>, problems: &mut Problems) -> Option<DecoderKind> {
    let key = directory.key("decoders");
    let text = text_of(node, || format!("each entry of {key}"), problems)?;
    let chosen = choose(text, &WORDS).map_err(|error| problems.add(node.at, format!("{key}: {error}")));
    chosen.ok()
}

/// Makes a decoder of a pattern and a template.
type MakeDecoder = fn(&str, &str) -> Result<PatternDecoder, PatternError>;

/// `{ pattern = …, alias = … }` or `{ pattern = …, owners_of = … }`; `None` only together with a problem.
fn pattern(node: &Node<'_>, problems: &mut Problems) -> Option<DecoderKind> {
    let section = Section::read(node, keys::DECODER.name, &keys::DECODER.names(), problems)?;
    if section.get("pattern").is_none() {
        problems.add(
            section.at,
            "`pattern` in [directory.decoders] is missing; write a regular expression that fits whole group names",
        );
    }
    let pattern = section.text("pattern", problems);
    let (key, new): (_, MakeDecoder) = match (section.get("alias"), section.get("owners_of")) {
        (Some(_), None) => ("alias", PatternDecoder::room),
        (None, Some(_)) => ("owners_of", PatternDecoder::owners),
        (alias, _) => {
            let given = if alias.is_some() {
                "both `alias` and `owners_of`"
            } else {
                "neither `alias` nor `owners_of`"
            };
            problems.add(
                    section.at,
                    format!(
                        "this pattern in [directory.decoders] has {given}; write one of them: the alias of the room \
                         that a group stands for, or the name of the group whose owners it holds"
                    ),
                );
            return None;
        }
    };
    let (template_at, template) = section.text(key, problems)?;
    let (pattern_at, pattern) = pattern?;
    match new(pattern, template) {
        Ok(decoder) => Some(DecoderKind::Pattern(decoder)),
        Err(error) => {
            let (at, key) = if error.is_of_template() {
                (template_at, key)
            } else {
                (pattern_at, "pattern")
            };
            problems.add(at, format!("{}: {error}", section.key(key)));
            None
        }
    }
}
