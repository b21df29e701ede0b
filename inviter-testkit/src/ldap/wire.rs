//! Messages of LDAP servers as bytes (RFC 4511), to be put in answers as they are.

use super::Entry;
use super::ber::{ENUMERATED, INTEGER, OCTETS, SEQUENCE, SET, group, number, tlv};

/// A result, such as that of a search.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The result code; 0 is success.
    pub code: i64,
    /// How far a name that does not exist can be followed.
    pub matched: String,
    /// What the server says for people; need not be UTF-8.
    pub diagnostic: Vec<u8>,
    /// Where else to ask; for code 10.
    pub referrals: Vec<String>,
}

impl Outcome {
    /// A code, and what the server says with it.
    pub fn new(code: i64, diagnostic: impl Into<Vec<u8>>) -> Self {
        Self {
            code,
            diagnostic: diagnostic.into(),
            ..Self::default()
        }
    }

    /// Its parts, as they begin the message of every result.
    fn parts(&self) -> Vec<u8> {
        let mut parts = vec![
            number(ENUMERATED, self.code),
            tlv(OCTETS, self.matched.as_bytes()),
            tlv(OCTETS, &self.diagnostic),
        ];
        if !self.referrals.is_empty() {
            parts.push(tlv(0xa3, &urls(&self.referrals)));
        }
        parts.concat()
    }
}

fn urls(urls: &[String]) -> Vec<u8> {
    urls.iter().flat_map(|url| tlv(OCTETS, url.as_bytes())).collect()
}

/// A message with an operation of any tag and contents, without controls.
pub fn message(id: i64, tag: u8, contents: &[u8]) -> Vec<u8> {
    group(SEQUENCE, &[number(INTEGER, id), tlv(tag, contents)])
}

/// A message with one control, whose value is any bytes.
pub(super) fn message_with(id: i64, tag: u8, contents: &[u8], oid: &str, value: &[u8]) -> Vec<u8> {
    let control = group(SEQUENCE, &[tlv(OCTETS, oid.as_bytes()), tlv(OCTETS, value)]);
    let controls = tlv(0xa0, &control);
    group(SEQUENCE, &[number(INTEGER, id), tlv(tag, contents), controls])
}

/// A searchResultEntry.
pub fn entry(id: i64, entry: &Entry) -> Vec<u8> {
    let attributes: Vec<_> = entry
        .attributes
        .iter()
        .map(|attribute| (attribute.name.as_bytes(), attribute.values.as_slice()))
        .collect();
    entry_of_bytes(id, entry.dn.as_bytes(), &attributes)
}

/// A searchResultEntry of any bytes.
pub fn entry_of_bytes(id: i64, dn: &[u8], attributes: &[(&[u8], &[Vec<u8>])]) -> Vec<u8> {
    let attributes: Vec<_> = attributes
        .iter()
        .map(|(name, values)| {
            let values = values
                .iter()
                .flat_map(|value| tlv(OCTETS, value))
                .collect::<Vec<_>>();
            group(SEQUENCE, &[tlv(OCTETS, name), tlv(SET, &values)])
        })
        .collect();
    message(
        id,
        0x64,
        &[tlv(OCTETS, dn), group(SEQUENCE, &attributes)].concat(),
    )
}

/// A searchResultReference.
pub fn reference(id: i64, to: &[String]) -> Vec<u8> {
    message(id, 0x73, &urls(to))
}

/// A searchResultDone.
pub fn done(id: i64, outcome: &Outcome) -> Vec<u8> {
    message(id, 0x65, &outcome.parts())
}

/// A searchResultDone with the control of paged results, whose value is any bytes.
pub fn done_with_page(id: i64, outcome: &Outcome, value: &[u8]) -> Vec<u8> {
    message_with(id, 0x65, &outcome.parts(), super::PAGED_RESULTS, value)
}

/// The value of the control in an answer: a cookie, and no estimate of the number of entries.
pub fn page_value(cookie: &[u8]) -> Vec<u8> {
    group(SEQUENCE, &[number(INTEGER, 0), tlv(OCTETS, cookie)])
}

/// The answer to a bind.
pub fn bind_result(id: i64, outcome: &Outcome) -> Vec<u8> {
    message(id, 0x61, &outcome.parts())
}

/// The answer to any other request, by the tag that answers it.
pub(super) fn result(id: i64, tag: u8, outcome: &Outcome) -> Vec<u8> {
    message(id, tag, &outcome.parts())
}

/// The notice of disconnection (RFC 4511 section 4.4.1), which no request asked for.
pub fn notice_of_disconnection(outcome: &Outcome) -> Vec<u8> {
    let name = tlv(0x8a, b"1.3.6.1.4.1.1466.20036");
    message(0, 0x78, &[outcome.parts(), name].concat())
}
