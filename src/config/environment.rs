//! The environment, as the caller hands it in.

use std::collections::BTreeMap;

/// Reads environment variables on behalf of the library, which never does so by itself.
///
/// A closure will do where no key is to be overridden: `&|name: &str| std::env::var(name).ok()` in a program,
/// `&|_: &str| None` in a test. A `BTreeMap<String, String>` has both: its values, and as overrides all of them that
/// begin with [`OVERRIDE_PREFIX`].
pub trait Environment {
    /// The value of a variable, if it is set.
    fn var(&self, name: &str) -> Option<String>;

    /// Names and values of the variables that override keys: all whose names begin with [`OVERRIDE_PREFIX`], in any
    /// case. By default none.
    fn overrides(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}

impl<F: Fn(&str) -> Option<String>> Environment for F {
    fn var(&self, name: &str) -> Option<String> {
        self(name)
    }
}

impl Environment for BTreeMap<String, String> {
    fn var(&self, name: &str) -> Option<String> {
        self.get(name).cloned()
    }

    fn overrides(&self) -> Vec<(String, String)> {
        let overrides = self.iter().filter(|(name, _)| is_override(name));
        overrides
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

/// What the names of variables begin with that override keys, as in `INVITER__HOMESERVER__URL`. Two underscores stand
/// between a table and its key.
pub const OVERRIDE_PREFIX: &str = "INVITER__";

/// Whether a variable overrides a key, by its name.
pub fn is_override(name: &str) -> bool {
    path_of(name).is_some()
}

/// What stands behind the prefix.
pub(super) fn path_of(name: &str) -> Option<&str> {
    let (prefix, path) = name.split_at_checked(OVERRIDE_PREFIX.len())?;
    prefix.eq_ignore_ascii_case(OVERRIDE_PREFIX).then_some(path)
}
