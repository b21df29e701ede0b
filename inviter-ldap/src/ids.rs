//! Identifiers that survive renaming, and Active Directory's SIDs.

use std::fmt;

use crate::entry::Entry;

/// The first of these attributes that an entry has, as text.
pub(crate) fn stable(entry: &Entry, attributes: &[String]) -> Option<Box<str>> {
    attributes.iter().find_map(|name| {
        let value = entry.values(name).first().filter(|value| !value.is_empty())?;
        if name.eq_ignore_ascii_case("objectGUID") {
            return Some(guid(value)?.into());
        }
        // Whatever is no text is still the same at each read.
        Some(match std::str::from_utf8(value) {
            Ok(text) => text.into(),
            Err(_) => hex(value).into(),
        })
    })
}

/// A GUID in its usual form: the first three parts are stored little-endian ([MS-DTYP] 2.3.4.2).
fn guid(bytes: &[u8]) -> Option<String> {
    let bytes: &[u8; 16] = bytes.try_into().ok()?;
    let order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let digits = hex(&order.map(|at: usize| bytes[at]));
    Some(format!(
        "{}-{}-{}-{}-{}",
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..]
    ))
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A security identifier ([MS-DTYP] 2.4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sid {
    authority: u64,
    parts: Vec<u32>,
}

impl Sid {
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<8>()?;
        let [revision, count, authority @ ..] = head;
        if *revision != 1 || rest.len() != usize::from(*count) * 4 {
            return None;
        }
        Some(Self {
            authority: authority.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte)),
            parts: rest
                .chunks_exact(4)
                .map(|part| u32::from_le_bytes([part[0], part[1], part[2], part[3]]))
                .collect(),
        })
    }

    /// The one of the same domain with another relative identifier.
    pub(crate) fn sibling(mut self, relative: u32) -> Option<Self> {
        *self.parts.last_mut()? = relative;
        Some(self)
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S-1-{}", self.authority)?;
        self.parts.iter().try_for_each(|part| write!(f, "-{part}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guids_as_windows_shows_them() {
        let bytes: Vec<u8> = (0..16).collect();
        assert_eq!(
            guid(&bytes).as_deref(),
            Some("03020100-0504-0706-0809-0a0b0c0d0e0f")
        );
        assert_eq!(guid(&bytes[..15]), None);
    }

    #[test]
    fn sids() {
        let bytes = [
            1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0x50, 4, 0, 0,
        ];
        let sid = Sid::read(&bytes).unwrap();
        assert_eq!(sid.to_string(), "S-1-5-21-1-2-3-1104");
        assert_eq!(sid.sibling(513).unwrap().to_string(), "S-1-5-21-1-2-3-513");
        for bad in [&bytes[..27], &bytes[..7], &[], &[2, 0, 0, 0, 0, 0, 0, 5]] {
            assert_eq!(Sid::read(bad), None);
        }
        let none = Sid::read(&[1, 0, 0, 0, 0, 0, 0, 5]).unwrap();
        assert_eq!(none.sibling(1), None);
    }
}
