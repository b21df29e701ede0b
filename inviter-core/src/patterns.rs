//! Patterns over names: user IDs, room aliases, group names.

use std::fmt;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// Patterns with `*` and `?` that have to match the whole of a text, such as `@bridge_*:example.org`.
///
/// `[ab]` is one of these characters and `{ab,cd}` one of these texts. A character that means something stands for
/// itself in brackets: `[*]`, `[?]`, `[[]`, `[{]`. A backslash is a character like any other: keys of LDAP are full of
/// them.
#[derive(Clone, Default)]
pub struct Patterns {
    patterns: Vec<String>,
    set: Option<GlobSet>,
}

impl Patterns {
    /// Compiles patterns.
    ///
    /// # Errors
    /// Names the first pattern that is not well-formed.
    pub fn new(patterns: impl IntoIterator<Item = String>) -> Result<Self, PatternError> {
        let patterns: Vec<String> = patterns.into_iter().collect();
        let mut set = GlobSetBuilder::new();
        for pattern in &patterns {
            let glob = GlobBuilder::new(pattern)
                .backslash_escape(false)
                .build()
                .map_err(|e| PatternError {
                    pattern: pattern.clone(),
                    reason: e.kind().to_string(),
                })?;
            set.add(glob);
        }
        let set = set.build().map_err(|e| PatternError {
            pattern: patterns.join(" "),
            reason: e.to_string(),
        })?;
        Ok(Self {
            set: (!patterns.is_empty()).then_some(set),
            patterns,
        })
    }

    /// Whether any pattern matches the whole text; upper and lower case differ.
    pub fn matches(&self, text: impl AsRef<str>) -> bool {
        self.set.as_ref().is_some_and(|set| set.is_match(text.as_ref()))
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// The patterns as they were given.
    pub fn patterns(&self) -> &[String] {
        &self.patterns
    }
}

impl fmt::Debug for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Patterns").field(&self.patterns).finish()
    }
}

/// A pattern cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("pattern `{pattern}`: {reason}")]
pub struct PatternError {
    /// The pattern.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backslash_is_a_character_and_brackets_quote() {
        let matches = |pattern: &str, text: &str| Patterns::new([pattern.to_owned()]).unwrap().matches(text);
        let key = r"cn=Sales\, North,ou=groups";
        assert!(matches(key, key));
        assert!(matches(r"cn=*\,*", key));
        assert!(!matches(r"a\*", "a*") && matches(r"a\*", r"a\b"));
        for literal in ["*", "?", "[", "{"] {
            assert!(
                matches(&format!("a[{literal}]"), &format!("a{literal}")),
                "{literal}"
            );
            assert!(!matches(&format!("a[{literal}]"), "ab"), "{literal}");
        }
    }
}
