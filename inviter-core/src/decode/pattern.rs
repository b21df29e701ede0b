//! Any other form of group names, as a regular expression.

use regex::{Captures, Regex, RegexBuilder};

use super::{Decoded, RoomDecoder, parse_alias};
use crate::directory::Group;

/// A compiled expression may take this many bytes; one that repeats a repetition grows without end.
const SIZE_LIMIT: usize = 4 << 20;
/// It may nest this deep. Compiling calls itself for each level, and the library's own limit of 250 can overflow a thread's
/// stack.
const NEST_LIMIT: u32 = 50;

/// Decodes names that a regular expression matches as a whole, and makes an alias, or the name of the group whose
/// owners these are, from its parts.
///
/// Expressions and templates are those of the crate [`regex`](https://docs.rs/regex): `(?<team>[a-z]+)` is a part, and
/// `$1` or `${team}` stands for it in the template; `$$` is a dollar sign. Matching takes time in proportion to the
/// name, whatever the expression.
#[derive(Debug, Clone)]
pub struct PatternDecoder {
    /// Anchored at both ends.
    whole: Regex,
    template: Template,
}

/// What is made of a name that matches.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Template {
    Alias(String),
    OwnersOf(String),
}

impl PatternDecoder {
    /// Names that `pattern` matches stand for the room whose alias `template` makes, such as `#${team}:example.com`.
    ///
    /// # Errors
    /// [`PatternError`]
    pub fn room(pattern: &str, template: &str) -> Result<Self, PatternError> {
        let whole = compile(pattern)?;
        let literal = check_template(&whole, template)?;
        // A part may match anything, so these two may not come from one.
        if !(template.starts_with('#') && literal.contains(':')) {
            return Err(PatternError::NoAlias(template.to_owned()));
        }
        Ok(Self {
            whole,
            template: Template::Alias(template.to_owned()),
        })
    }

    /// Names that `pattern` matches hold the owners of the group whose name `template` makes, such as `${group}`.
    ///
    /// # Errors
    /// [`PatternError`]
    pub fn owners(pattern: &str, template: &str) -> Result<Self, PatternError> {
        let whole = compile(pattern)?;
        check_template(&whole, template)?;
        Ok(Self {
            whole,
            template: Template::OwnersOf(template.to_owned()),
        })
    }
}

impl RoomDecoder for PatternDecoder {
    fn decode(&self, group: &Group) -> Decoded {
        let Some(parts) = self.whole.captures(&group.name) else {
            return Decoded::NotARoom;
        };
        match &self.template {
            Template::Alias(template) => {
                let text = expand(&parts, template);
                parse_alias(&text).map_or_else(
                    |why| {
                        Decoded::Invalid(format!(
                            "the group `{}` fits a pattern, but `{text}`, which that makes of it, {why}; rename the \
                             group, or correct the pattern",
                            group.name
                        ))
                    },
                    Decoded::Room,
                )
            }
            Template::OwnersOf(template) => {
                let name = expand(&parts, template);
                if name.is_empty() || name == *group.name {
                    let what = if name.is_empty() {
                        "no name"
                    } else {
                        "its own name"
                    };
                    return Decoded::Invalid(format!(
                        "the group `{}` fits a pattern of owners, but that makes {what} of it, and not the name of the \
                         group that they own; rename the group, or correct the pattern",
                        group.name
                    ));
                }
                Decoded::OwnersOf(name.into())
            }
        }
    }
}

impl PartialEq for PatternDecoder {
    fn eq(&self, other: &Self) -> bool {
        self.whole.as_str() == other.whole.as_str() && self.template == other.template
    }
}

impl Eq for PatternDecoder {}

/// A pattern or template cannot be used. Each is the rest of a sentence about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// It does not compile.
    #[error("the pattern `{pattern}` is not a regular expression ({reason}); correct it")]
    Syntax {
        /// The pattern.
        pattern: String,
        /// What the parser says, on one line.
        reason: String,
    },
    /// It would take too much memory.
    #[error("the pattern `{0}` is too large when compiled; repeat less in it")]
    TooLarge(String),
    /// It matches the empty name.
    #[error("the pattern `{0}` matches an empty name, and so more than is meant; write `+` instead of `*`")]
    MatchesNothing(String),
    /// The template names a part that the pattern does not have.
    #[error(
        "the template `{template}` has `${{{part}}}`, and the pattern has no such part; it has {}",
        listed(known)
    )]
    UnknownPart {
        /// The template.
        template: String,
        /// The part.
        part: String,
        /// The parts of the pattern.
        known: Vec<String>,
    },
    /// A dollar sign in the template that begins nothing.
    #[error("the template `{0}` has a `$` without a part; write `${{name}}`, or `$$` for a dollar sign")]
    StrayDollar(String),
    /// The template makes no alias.
    #[error("the template `{0}` does not make an alias; write it like \"#${{name}}:example.com\"")]
    NoAlias(String),
}

impl PatternError {
    /// Whether the template is wrong, and not the pattern.
    pub const fn is_of_template(&self) -> bool {
        matches!(
            self,
            Self::UnknownPart { .. } | Self::StrayDollar(_) | Self::NoAlias(_)
        )
    }
}

fn listed(known: &[String]) -> String {
    if known.is_empty() {
        return "none; put one into parentheses, such as `(?<name>.+)`".to_owned();
    }
    let quoted: Vec<String> = known.iter().map(|part| format!("`${{{part}}}`")).collect();
    quoted.join(", ")
}

fn compile(pattern: &str) -> Result<Regex, PatternError> {
    let build = |text: &str| {
        RegexBuilder::new(text)
            .size_limit(SIZE_LIMIT)
            .nest_limit(NEST_LIMIT)
            .build()
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => PatternError::TooLarge(pattern.to_owned()),
                error => PatternError::Syntax {
                    pattern: pattern.to_owned(),
                    reason: reason(&error),
                },
            })
    };
    // By itself first: parentheses that do not pair up must not pair up with ours.
    build(pattern)?;
    // The line break ends a comment; only in a pattern that allows those may it stand there.
    let whole =
        build(&format!(r"\A(?:{pattern})\z")).or_else(|_| build(&format!("\\A(?:{pattern}\n)\\z")))?;
    if whole.is_match("") {
        return Err(PatternError::MatchesNothing(pattern.to_owned()));
    }
    Ok(whole)
}

/// The last line of the parser's message; those before it draw the pattern.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default().trim();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

/// What stands in the template besides its parts, each of which the pattern has to have.
fn check_template(whole: &Regex, template: &str) -> Result<String, PatternError> {
    let stray = || PatternError::StrayDollar(template.to_owned());
    let mut literal = String::new();
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once('$') {
        literal.push_str(before);
        if let Some(behind) = behind.strip_prefix('$') {
            literal.push('$');
            rest = behind;
            continue;
        }
        let part;
        (part, rest) = if let Some(braced) = behind.strip_prefix('{') {
            braced.split_once('}').ok_or_else(stray)?
        } else {
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            behind.split_at(behind.find(|c| !is_name(c)).unwrap_or(behind.len()))
        };
        if part.is_empty() {
            return Err(stray());
        }
        let exists = match part.parse::<usize>() {
            Ok(number) => number < whole.captures_len(),
            Err(_) => whole.capture_names().flatten().any(|name| name == part),
        };
        if !exists {
            return Err(PatternError::UnknownPart {
                template: template.to_owned(),
                part: part.to_owned(),
                known: parts(whole),
            });
        }
    }
    literal.push_str(rest);
    Ok(literal)
}

/// The parts by name, or by number where they have none; the match as a whole left out.
fn parts(whole: &Regex) -> Vec<String> {
    let names = whole.capture_names().enumerate().skip(1);
    names
        .map(|(ix, name)| name.map_or_else(|| ix.to_string(), str::to_owned))
        .collect()
}

fn expand(parts: &Captures<'_>, template: &str) -> String {
    let mut text = String::new();
    parts.expand(template, &mut text);
    text
}
