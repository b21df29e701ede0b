//! Distinguished names as names, not as text: `CN=Doe\2C Jane, OU=People` and `cn=doe\, jane,ou=people` are one.
//!
//! The string form is that of RFC 4514; what older servers write (quoted values, `;` between names) is read too. Names
//! compare as RFC 4517's `distinguishedNameMatch` has it, with `caseIgnoreMatch` for every attribute, since a client
//! cannot know the schema of each: without regard to case and to insignificant spaces.

use std::{borrow::Borrow, fmt::Write as _};

/// A distinguished name in a canonical form: equal names are equal texts.
///
/// In that form `,` stands between names and nowhere else, and `+` between the parts of one; everything else that is
/// special is written as `\` and two hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dn(Box<str>);

/// A text that is no distinguished name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DnError {
    /// A part without `=`.
    #[error("a part of it has no `=`")]
    NoEquals,
    /// Nothing, or something that is no attribute, before a `=`.
    #[error("what stands before a `=` is no attribute")]
    BadType,
    /// A `\` that begins no escape, or a quotation that does not end.
    #[error("an escape or a quotation in it does not end")]
    BadEscape,
    /// A `#` that is followed by something else than hexadecimal digits.
    #[error("what follows a `#` is not hexadecimal")]
    BadHex,
}

impl Dn {
    /// Reads the string form; an empty text is the root.
    ///
    /// # Errors
    /// [`DnError`]
    pub fn parse(text: &str) -> Result<Self, DnError> {
        let mut canonical = String::with_capacity(text.len());
        push_canonical(text, &mut canonical)?;
        Ok(Self(canonical.into()))
    }

    /// The name with a canonical form that [`push_canonical`] has made.
    pub(crate) fn of_canonical(text: &str) -> Self {
        Self(text.into())
    }

    /// The canonical form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the entry above; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.0.is_empty() {
            return None;
        }
        let (_, parent) = self.0.split_once(',').unwrap_or_default();
        Some(Self(parent.into()))
    }

    /// Whether the entry is `base` or below it.
    pub fn is_within(&self, base: &Self) -> bool {
        base.has_within(&self.0)
    }

    /// Whether an entry with a name in canonical form is this one or below it.
    pub(crate) fn has_within(&self, name: &str) -> bool {
        let above = name.strip_suffix(&*self.0);
        above.is_some_and(|above| above.is_empty() || self.0.is_empty() || above.ends_with(','))
    }

    /// Whether `value` is in the entry's own name as that attribute's. Both compare as in names.
    pub(crate) fn names_itself_by(&self, attribute: &str, value: &str) -> bool {
        let own = self.0.split(',').next().unwrap_or_default();
        own.split('+').any(|part| {
            part.split_once('=').is_some_and(|(kind, written)| {
                kind.eq_ignore_ascii_case(attribute) && written == canonical_value(value)
            })
        })
    }
}

/// Names compare as their canonical forms do.
impl Borrow<str> for Dn {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Dn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Appends the canonical form of a name. In case of an error, nothing.
///
/// # Errors
/// [`DnError`]
pub(crate) fn push_canonical(text: &str, out: &mut String) -> Result<(), DnError> {
    if is_plain(text) {
        let start = out.len();
        out.push_str(text);
        out[start..].make_ascii_lowercase();
    } else {
        out.push_str(&Parser::new(text).dn()?);
    }
    Ok(())
}

/// Whether the canonical form of a name needs nothing but lower case. Nearly all names are of this kind, and a large
/// directory has a million of them; the others are looked at more closely.
fn is_plain(text: &str) -> bool {
    let mut bytes = text.bytes();
    loop {
        let mut length = 0;
        loop {
            match bytes.next() {
                Some(b'=') if length > 0 => break,
                Some(byte) if byte.is_ascii_alphabetic() && length < LONGEST_PLAIN_TYPE => length += 1,
                None => return text.is_empty(),
                Some(_) => return false,
            }
        }
        // Neither twice in a row nor at an end.
        let mut space_fits = false;
        loop {
            match bytes.next() {
                Some(b',') if space_fits => break,
                Some(b' ') if space_fits => space_fits = false,
                Some(byte) if PLAIN[usize::from(byte)] => space_fits = true,
                None => return space_fits,
                Some(_) => return false,
            }
        }
    }
}

/// Which bytes mean nothing but themselves in a value, the space aside.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = b'!';
    while byte <= b'~' {
        plain[byte as usize] = !matches!(
            byte,
            b',' | b'\\' | b'"' | b'#' | b'+' | b';' | b'=' | b'<' | b'>'
        );
        byte += 1;
    }
    plain
};

/// Longer attribute names may have a short one, see [`short_type`].
const LONGEST_PLAIN_TYPE: usize = 5;

/// Attributes that may be written in several ways: RFC 4514 section 3 names the short ones, servers write others too.
const TYPES: [(&str, &str); 24] = [
    ("2.5.4.3", "cn"),
    ("commonname", "cn"),
    ("2.5.4.4", "sn"),
    ("surname", "sn"),
    ("2.5.4.5", "serialnumber"),
    ("2.5.4.6", "c"),
    ("countryname", "c"),
    ("2.5.4.7", "l"),
    ("localityname", "l"),
    ("2.5.4.8", "st"),
    ("stateorprovincename", "st"),
    ("2.5.4.9", "street"),
    ("streetaddress", "street"),
    ("2.5.4.10", "o"),
    ("organizationname", "o"),
    ("2.5.4.11", "ou"),
    ("organizationalunitname", "ou"),
    ("2.5.4.42", "givenname"),
    ("gn", "givenname"),
    ("0.9.2342.19200300.100.1.1", "uid"),
    ("userid", "uid"),
    ("0.9.2342.19200300.100.1.25", "dc"),
    ("domaincomponent", "dc"),
    ("1.2.840.113549.1.9.1", "emailaddress"),
];

fn short_type(kind: &str) -> Result<String, DnError> {
    let lower = kind.trim().to_ascii_lowercase();
    let lower = lower.strip_prefix("oid.").unwrap_or(&lower);
    let known = TYPES.iter().find(|(long, _)| *long == lower);
    let kind = known.map_or(lower, |(_, short)| *short);
    let valid = kind
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b';'));
    if kind.is_empty() || !valid {
        return Err(DnError::BadType);
    }
    Ok(kind.to_owned())
}

/// Folded and escaped.
fn canonical_value(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for word in value.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        for c in word.chars().flat_map(char::to_lowercase) {
            if matches!(
                c,
                ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=' | '#' | '\0'..='\x1f' | '\x7f'
            ) {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\{:02x}", u32::from(c));
            } else {
                out.push(c);
            }
        }
    }
    out
}

/// Bytes that are no text, in the form of RFC 4514 section 2.4.
fn canonical_bytes(bytes: &[u8]) -> String {
    bytes.iter().fold(String::from("#"), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

struct Parser<'t> {
    rest: &'t str,
}

impl<'t> Parser<'t> {
    const fn new(text: &'t str) -> Self {
        Self { rest: text }
    }

    fn dn(mut self) -> Result<String, DnError> {
        let mut out = String::with_capacity(self.rest.len());
        self.skip_spaces();
        while !self.rest.is_empty() || out.ends_with(',') {
            let mut parts = Vec::new();
            let separator = loop {
                let (part, separator) = self.part()?;
                parts.push(part);
                if separator != Some('+') {
                    break separator;
                }
            };
            // The parts of one name are a set (RFC 4514 section 2.2).
            parts.sort_unstable();
            out.push_str(&parts.join("+"));
            if separator.is_none() {
                break;
            }
            out.push(',');
        }
        Ok(out)
    }

    /// One `type=value`, and what stands behind it.
    fn part(&mut self) -> Result<(String, Option<char>), DnError> {
        let (kind, rest) = self.rest.split_once('=').ok_or(DnError::NoEquals)?;
        if kind.contains([',', ';', '+']) {
            return Err(DnError::NoEquals);
        }
        let kind = short_type(kind)?;
        self.rest = rest;
        self.skip_spaces();
        let value = match self.rest.chars().next() {
            Some('#') => self.hex()?,
            Some('"') => self.quoted()?,
            _ => self.unquoted()?,
        };
        self.skip_spaces();
        let separator = match self.rest.chars().next() {
            None => None,
            Some(c @ ('+' | ',')) => Some(c),
            Some(';') => Some(','),
            Some(_) => return Err(DnError::BadEscape),
        };
        if separator.is_some() {
            self.rest = &self.rest[1..];
        }
        Ok((format!("{kind}={value}"), separator))
    }

    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\n', '\r', '\t']);
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn unquoted(&mut self) -> Result<String, DnError> {
        let mut bytes = Vec::new();
        while let Some(c) = self.rest.chars().next() {
            if matches!(c, ',' | ';' | '+') {
                break;
            }
            self.character(&mut bytes)?;
        }
        Ok(text_or_bytes(bytes))
    }

    fn quoted(&mut self) -> Result<String, DnError> {
        self.next();
        let mut bytes = Vec::new();
        loop {
            if self.rest.starts_with('"') {
                self.next();
                return Ok(text_or_bytes(bytes));
            }
            if self.rest.is_empty() {
                return Err(DnError::BadEscape);
            }
            self.character(&mut bytes)?;
        }
    }

    /// One character, or one escaped byte.
    fn character(&mut self, bytes: &mut Vec<u8>) -> Result<(), DnError> {
        let Some(c) = self.next() else { return Ok(()) };
        if c != '\\' {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return Ok(());
        }
        if let Some(byte) = self.rest.as_bytes().get(..2).and_then(hex_byte) {
            self.rest = &self.rest[2..];
            bytes.push(byte);
            return Ok(());
        }
        let escaped = self.next().ok_or(DnError::BadEscape)?;
        bytes.extend_from_slice(escaped.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    /// `#` and the BER encoding of the value (RFC 4514 section 2.4).
    fn hex(&mut self) -> Result<String, DnError> {
        self.next();
        let end = self
            .rest
            .find(|c: char| !c.is_ascii_hexdigit())
            .unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        let pairs = digits.as_bytes().chunks(2).map(hex_byte);
        let bytes: Vec<u8> = pairs.collect::<Option<_>>().ok_or(DnError::BadHex)?;
        self.rest = rest;
        Ok(match bytes.as_slice() {
            // OCTET STRING, UTF8String, PrintableString, IA5String with a length of one byte.
            [0x04 | 0x0c | 0x13 | 0x16, length, value @ ..]
                if *length < 0x80 && usize::from(*length) == value.len() =>
            {
                text_or_bytes(value.to_vec())
            }
            other => canonical_bytes(other),
        })
    }
}

fn text_or_bytes(bytes: Vec<u8>) -> String {
    match String::from_utf8(bytes) {
        Ok(text) => canonical_value(&text),
        Err(error) => canonical_bytes(error.as_bytes()),
    }
}

fn hex_byte(pair: &[u8]) -> Option<u8> {
    let digit = |b: u8| char::from(b).to_digit(16);
    match pair {
        [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
