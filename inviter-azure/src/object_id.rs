//! [`ObjectId`]: how directory objects are told apart.

use std::fmt;

/// The ID of a directory object: a GUID, which compares without regard to case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ObjectId(u128);

impl ObjectId {
    /// `None` if the text is no GUID in the form that Graph writes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 36 {
            return None;
        }
        let mut value = 0;
        for (at, &byte) in bytes.iter().enumerate() {
            if matches!(at, 8 | 13 | 18 | 23) {
                if byte != b'-' {
                    return None;
                }
                continue;
            }
            let digit = char::from(byte).to_digit(16)?;
            value = value << 4 | u128::from(digit);
        }
        Some(Self(value))
    }
}

/// In lower case, as Graph writes it.
impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v = self.0;
        let low = v & 0xffff_ffff_ffff;
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{low:012x}",
            v >> 96,
            v >> 80 & 0xffff,
            v >> 64 & 0xffff,
            v >> 48 & 0xffff
        )
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_either_case_and_back_in_lower_case() {
        let text = "02BD9FD6-8f93-4758-87c3-1fb73740a315";
        let id = ObjectId::parse(text).unwrap();
        assert_eq!(id.to_string(), text.to_lowercase());
        assert_eq!(Some(id), ObjectId::parse(&text.to_lowercase()));
        assert_eq!(
            ObjectId::parse("00000000-0000-0000-0000-000000000001")
                .unwrap()
                .to_string(),
            "00000000-0000-0000-0000-000000000001"
        );
    }

    #[test]
    fn nothing_but_guids() {
        for text in [
            "",
            "02bd9fd68f93475887c31fb73740a315",
            "02bd9fd6-8f93-4758-87c3-1fb73740a31g",
            "02bd9fd6-8f93-4758-87c3_1fb73740a315",
            "02bd9fd6-8f93-4758-87c3-1fb73740a3155",
        ] {
            assert_eq!(ObjectId::parse(text), None, "{text}");
        }
    }
}
