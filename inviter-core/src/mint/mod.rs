//! Minting: from an account of a directory to a Matrix user ID (decision 22).

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt::Write as _};

use ruma_common::{IdParseError, OwnedServerName, OwnedUserId, UserId};

use crate::{
    decode::MAX_ID_BYTES,
    directory::{Account, Attributes},
};

/// How user IDs are made, in this order: attribute, guest rule, lower case, escape, renames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minting {
    /// The server part.
    pub server: OwnedServerName,
    /// The attribute to take, such as `uid` or `userPrincipalName`; of several values the first.
    pub attribute: String,
    /// Take only what stands before the first `@`.
    pub before_at: bool,
    /// What to do with guests of another tenant (`name_domain#EXT#@tenant`).
    pub guests: GuestRule,
    /// New localpart → localpart of the Matrix ID that stays. Both as they stand in the ID: lower-case, escaped.
    pub renames: BTreeMap<String, String>,
}

/// What to do with guest accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GuestRule {
    /// Leave them out, with a finding.
    #[default]
    Skip,
    /// `jane_corp.com#EXT#@tenant` → `jane`, as the reference bot does. Can map an outsider onto an employee.
    Strip,
}

/// What minting made of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Minted {
    /// This user ID.
    User(OwnedUserId),
    /// The account is a guest's, and guests are left out: it contributes nothing.
    SkippedGuest,
}

/// No user ID can be made for an account: half a sentence that follows the account's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MintError {
    /// The attribute is not there.
    #[error("has no attribute `{attribute}`, which user IDs are made from; add it, or configure another")]
    MissingAttribute {
        /// Its name.
        attribute: String,
    },
    /// Nothing is left for the localpart.
    #[error("has `{value}` as `{attribute}`, which leaves nothing to make a user ID from; correct it")]
    Empty {
        /// The attribute.
        attribute: String,
        /// Its value.
        value: String,
    },
    /// Longer than 255 bytes.
    #[error("would get a user ID of {length} bytes, and {MAX_ID_BYTES} is the limit; shorten `{attribute}`")]
    TooLong {
        /// The attribute.
        attribute: String,
        /// Length of the whole ID in bytes.
        length: usize,
    },
    /// What came out is no user ID: the `renames` map leads to something invalid, or the given ID is.
    #[error("leads to `{id}`, which is not a valid user ID ({reason}); correct it")]
    Invalid {
        /// What came out.
        id: String,
        /// Why it is none.
        reason: String,
    },
}

impl Minting {
    /// The user ID of an account. A whole Matrix ID that the directory has is taken as it is, without any of the
    /// rules.
    ///
    /// # Errors
    /// [`MintError`] when the account gives no valid ID.
    pub fn mint(&self, account: &Account) -> Result<Minted, MintError> {
        if let Some(id) = &account.matrix_id {
            return match id.validate_historical() {
                Ok(()) => Ok(Minted::User(id.clone())),
                Err(e) => Err(MintError::Invalid {
                    id: id.to_string(),
                    reason: e.to_string(),
                }),
            };
        }
        // First of all: a guest's mail does not show that it is a guest's, and other attributes guests do not have.
        if self.guests == GuestRule::Skip && is_guest(&account.attributes) {
            return Ok(Minted::SkippedGuest);
        }
        let value = self.value(&account.attributes)?;
        let name = if self.before_at {
            value.split_once('@').map_or(value, |(before, _)| before)
        } else {
            value
        };
        let name = match (strip_guest(name), self.guests) {
            (Some(_), GuestRule::Skip) => return Ok(Minted::SkippedGuest),
            (Some(stripped), GuestRule::Strip) => stripped,
            (None, _) => name,
        };
        // Most IDs need nothing but these few bytes around the name, and become the ID as they are.
        let mut id = String::with_capacity(name.len() + self.server.as_str().len() + 2);
        id.push('@');
        escape(name, &mut id);
        let renamed = self.renames.get(&id[1..]);
        if let Some(renamed) = renamed {
            id.truncate(1);
            id.push_str(renamed);
        }
        if id.len() == 1 {
            return Err(MintError::Empty {
                attribute: self.attribute.clone(),
                value: value.to_owned(),
            });
        }
        id.push(':');
        id.push_str(self.server.as_str());
        self.checked(id, name, renamed.is_some())
    }

    fn value<'a>(&self, attributes: &'a Attributes) -> Result<&'a str, MintError> {
        attributes
            .get(&self.attribute)
            .ok_or_else(|| MintError::MissingAttribute {
                attribute: self.attribute.clone(),
            })
    }

    fn checked(&self, id: String, name: &str, renamed: bool) -> Result<Minted, MintError> {
        if id.len() > MAX_ID_BYTES {
            return Err(MintError::TooLong {
                attribute: self.attribute.clone(),
                length: id.len(),
            });
        }
        let invalid = |id: String, why: IdParseError| MintError::Invalid {
            id,
            reason: why.to_string(),
        };
        // The escape leaves nothing invalid; what a rename leads to was written by a person.
        if renamed && let Err(why) = <&UserId>::try_from(&*id).and_then(UserId::validate_strict) {
            return Err(invalid(id, why));
        }
        UserId::parse(id)
            .map(Minted::User)
            .map_err(|why| invalid(name.to_owned(), why))
    }
}

/// Whether an account is known to be a guest's, whatever its user ID is made from.
fn is_guest(attributes: &Attributes) -> bool {
    attributes
        .all("userPrincipalName")
        .any(|name| strip_guest(name).is_some())
}

/// `jane_corp.com#EXT#@tenant` → `jane`; `None` for an account that is no guest's. A domain has no `_`, so the
/// last one before the mark is where the artefact begins.
fn strip_guest(name: &str) -> Option<&str> {
    const MARK: &[u8] = b"#ext#";
    let is_mark = |at: &usize| {
        let here = name.as_bytes().get(*at..*at + MARK.len());
        here.is_some_and(|here| here.eq_ignore_ascii_case(MARK))
    };
    let at = name.match_indices('#').map(|(at, _)| at).find(is_mark)?;
    // The mark is ASCII, so its start is a character boundary.
    let before = &name[..at];
    Some(before.rsplit_once('_').map_or(before, |(name, _domain)| name))
}

/// Writes a name in lower case, and bytes outside the user-ID grammar and `=` as `=xx`
/// ([spec](https://spec.matrix.org/v1.19/appendices/#mapping-from-other-character-sets)).
fn escape(name: &str, out: &mut String) {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'/' | b'+');
    if name.bytes().all(plain) {
        return out.push_str(name);
    }
    for byte in name.bytes().map(|byte| byte.to_ascii_lowercase()) {
        if plain(byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "={byte:02x}");
        }
    }
}
