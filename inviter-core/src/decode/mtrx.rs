//! The form of Azure AD: the alias itself, behind a prefix.

use super::{Decoded, RoomDecoder, parse_alias};
use crate::directory::Group;

/// Decodes display names such as `MTRX #example:matrix.example.com`: the alias is what follows the prefix.
///
/// Owners are an attribute of the group there, so no name means an owners group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MtrxDecoder {
    prefix: String,
}

impl MtrxDecoder {
    /// The prefix of the reference system.
    pub const DEFAULT_PREFIX: &str = "MTRX ";

    /// Decodes names that start with `prefix`, compared byte by byte. White space between it and the alias does
    /// not count. With an empty prefix only names that start with `#` are rooms.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
        }
    }
}

impl Default for MtrxDecoder {
    fn default() -> Self {
        Self::new(Self::DEFAULT_PREFIX)
    }
}

impl RoomDecoder for MtrxDecoder {
    fn decode(&self, group: &Group) -> Decoded {
        let Some(rest) = group.name.strip_prefix(self.prefix.as_str()) else {
            return Decoded::NotARoom;
        };
        let text = rest.trim();
        if self.prefix.is_empty() && !text.starts_with('#') {
            return Decoded::NotARoom;
        }
        match parse_alias(text) {
            Ok(alias) => Decoded::Room(alias),
            Err(why) => Decoded::Invalid(format!(
                "the group `{}` starts like a room, but `{text}` {why}; rename the group",
                group.name
            )),
        }
    }
}
