//! What a sound server would not say.

use super::ber::{ENUMERATED, INTEGER, OCTETS, SEQUENCE, group, number, tlv};
use super::wire::{self, Outcome, entry_of_bytes, message};

/// Something in an answer to a search that a sound server would not say.
///
/// A client may call the search failed or, where the answer is whole, leave an entry out and say so. It must not
/// panic, hang beyond its time limit, take gigabytes of memory, or report fewer entries as if they were all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hostile {
    /// Contents that are shorter than their length says, within a whole message.
    TruncatedContents,
    /// The first half of a message.
    HalfMessage,
    /// A message with the tag of a SET.
    WrongTag,
    /// A message of no contents.
    EmptyMessage,
    /// A length of 4 GiB, and a few bytes.
    FourGib,
    /// A length that does not fit in 64 bits with its sign.
    EndlessLength,
    /// The indefinite form of length, which LDAP forbids.
    IndefiniteLength,
    /// A message number of nine bytes.
    LongId,
    /// A whole message of a hundred thousand sequences in each other.
    DeepNesting,
    /// An answer of HTTP.
    Http,
    /// An operation that there is not.
    UnknownOperation,
    /// A result without its parts.
    EmptyResult,
    /// A result whose code is not a number.
    ResultWithoutCode,
    /// An entry that lacks its name.
    EntryWithoutDn,
    /// An entry that lacks the list of its attributes.
    EntryWithoutAttributes,
    /// An entry whose values have the tag of something else.
    ValuesWithWrongTag,
    /// A success with the control of paged results and a value that is not BER.
    UnreadableControl,
    /// A success with a diagnostic message that is not UTF-8. Legal enough to be a success.
    DiagnosticNotUtf8,
    /// A notice of disconnection. The connection stays, as if the server hung.
    NoticeOfDisconnection,
    /// An entry with the message number 0, which is for unsolicited notifications.
    EntryWithIdZero,
    /// A success for a message that the client has not sent. The own result follows.
    ResultWithOtherId,
    /// An entry whose name is empty.
    EmptyDn,
    /// An entry whose name is none.
    BadDn,
    /// An entry whose name is not UTF-8.
    DnNotUtf8,
    /// An entry with an attribute whose name is not UTF-8.
    NameNotUtf8,
    /// An entry with an attribute whose name is empty.
    EmptyName,
    /// An entry with a member and a name that are not UTF-8.
    ValueNotUtf8,
    /// An entry with members that are empty values.
    EmptyValues,
    /// An entry with an attribute `member` without values.
    NoValues,
    /// An entry in which the attribute `member` comes twice, with other values.
    AttributeTwice,
    /// A reference to nowhere.
    EmptyReference,
    /// A reference to a URL that is not UTF-8.
    ReferenceNotUtf8,
    /// An intermediate response, which is legal but was not asked for.
    Intermediate,
}

impl Hostile {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::TruncatedContents,
        Self::HalfMessage,
        Self::WrongTag,
        Self::EmptyMessage,
        Self::FourGib,
        Self::EndlessLength,
        Self::IndefiniteLength,
        Self::LongId,
        Self::DeepNesting,
        Self::Http,
        Self::UnknownOperation,
        Self::EmptyResult,
        Self::ResultWithoutCode,
        Self::EntryWithoutDn,
        Self::EntryWithoutAttributes,
        Self::ValuesWithWrongTag,
        Self::UnreadableControl,
        Self::DiagnosticNotUtf8,
        Self::NoticeOfDisconnection,
        Self::EntryWithIdZero,
        Self::ResultWithOtherId,
        Self::EmptyDn,
        Self::BadDn,
        Self::DnNotUtf8,
        Self::NameNotUtf8,
        Self::EmptyName,
        Self::ValueNotUtf8,
        Self::EmptyValues,
        Self::NoValues,
        Self::AttributeTwice,
        Self::EmptyReference,
        Self::ReferenceNotUtf8,
        Self::Intermediate,
    ];

    /// Whether it is a whole message beside which the rest of the answer makes sense, so that it comes in between.
    /// What is not comes instead of the rest, without a result.
    pub fn is_whole(self) -> bool {
        matches!(
            self,
            Self::EntryWithIdZero
                | Self::ResultWithOtherId
                | Self::EmptyDn
                | Self::BadDn
                | Self::DnNotUtf8
                | Self::NameNotUtf8
                | Self::EmptyName
                | Self::ValueNotUtf8
                | Self::EmptyValues
                | Self::NoValues
                | Self::AttributeTwice
                | Self::EmptyReference
                | Self::ReferenceNotUtf8
                | Self::Intermediate
        )
    }

    /// The bytes, as part of the answer to a message.
    pub fn bytes(self, id: i64) -> Vec<u8> {
        let group_with = |name: &[u8], values: &[&[u8]]| {
            let values: Vec<_> = values.iter().map(|value| value.to_vec()).collect();
            hostile_entry(id, b"cn=hostile,dc=example,dc=org", name, &values)
        };
        let plain = |id, dn: &[u8]| hostile_entry(id, dn, b"cn", &[b"hostile".to_vec()]);
        match self {
            Self::TruncatedContents => {
                let whole = plain(id, b"cn=hostile");
                // Two bytes of header; what is within keeps its lengths.
                tlv(SEQUENCE, &whole[2..whole.len() - 5])
            }
            Self::HalfMessage => {
                let whole = plain(id, b"cn=hostile");
                whole[..whole.len() / 2].to_vec()
            }
            Self::WrongTag => {
                let mut whole = plain(id, b"cn=hostile");
                whole[0] = super::ber::SET;
                whole
            }
            Self::EmptyMessage => tlv(SEQUENCE, &[]),
            Self::FourGib => [
                &[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff],
                &number(INTEGER, id)[..],
            ]
            .concat(),
            Self::EndlessLength => [&[SEQUENCE, 0x88], &[0xff; 8][..], &number(INTEGER, id)].concat(),
            Self::IndefiniteLength => {
                let done = wire::done(id, &Outcome::default());
                [&[SEQUENCE, 0x80], &done[2..], &[0, 0]].concat()
            }
            Self::LongId => {
                let id = tlv(INTEGER, &[0x7f; 9]);
                let done = tlv(
                    0x65,
                    &[number(ENUMERATED, 0), tlv(OCTETS, b""), tlv(OCTETS, b"")].concat(),
                );
                group(SEQUENCE, &[id, done])
            }
            Self::DeepNesting => message(id, 0x64, &nested(100_000)),
            Self::Http => b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec(),
            Self::UnknownOperation => message(id, 0x7e, b""),
            Self::EmptyResult => message(id, 0x65, b""),
            Self::ResultWithoutCode => {
                let parts = [tlv(OCTETS, b""), tlv(OCTETS, b""), tlv(OCTETS, b"")];
                message(id, 0x65, &parts.concat())
            }
            Self::EntryWithoutDn => message(id, 0x64, &tlv(SEQUENCE, b"")),
            Self::EntryWithoutAttributes => message(id, 0x64, &tlv(OCTETS, b"cn=hostile,dc=example,dc=org")),
            Self::ValuesWithWrongTag => {
                let attribute = group(SEQUENCE, &[tlv(OCTETS, b"member"), tlv(OCTETS, b"cn=x")]);
                let parts = [tlv(OCTETS, b"cn=hostile"), tlv(SEQUENCE, &attribute)];
                message(id, 0x64, &parts.concat())
            }
            Self::UnreadableControl => wire::done_with_page(id, &Outcome::default(), b"\x30\x7fno BER"),
            Self::DiagnosticNotUtf8 => wire::done(id, &Outcome::new(0, b"gr\xfc\xdfe")),
            Self::NoticeOfDisconnection => {
                wire::notice_of_disconnection(&Outcome::new(52, "the server goes down"))
            }
            Self::EntryWithIdZero => plain(0, b"cn=hostile,dc=example,dc=org"),
            Self::ResultWithOtherId => wire::done(id + 1000, &Outcome::default()),
            Self::EmptyDn => plain(id, b""),
            Self::BadDn => plain(id, b"no name, this,,="),
            Self::DnNotUtf8 => plain(id, b"cn=gr\xfc\xdfe,dc=example,dc=org"),
            Self::NameNotUtf8 => group_with(b"gr\xfc\xdfe", &[b"cn=x,dc=example,dc=org"]),
            Self::EmptyName => group_with(b"", &[b"cn=x,dc=example,dc=org"]),
            Self::ValueNotUtf8 => group_with(b"member", &[b"cn=gr\xfc\xdfe,dc=example,dc=org"]),
            Self::EmptyValues => group_with(b"member", &[b"", b""]),
            Self::NoValues => group_with(b"member", &[]),
            Self::AttributeTwice => entry_of_bytes(
                id,
                b"cn=hostile,dc=example,dc=org",
                &[
                    (b"objectClass", &[b"groupOfNames".to_vec()]),
                    (b"member", &[b"cn=one,dc=example,dc=org".to_vec()]),
                    (b"member", &[b"cn=two,dc=example,dc=org".to_vec()]),
                ],
            ),
            Self::EmptyReference => wire::reference(id, &[]),
            Self::ReferenceNotUtf8 => message(id, 0x73, &tlv(OCTETS, b"ldap://gr\xfc\xdfe")),
            Self::Intermediate => message(id, 0x79, &tlv(0x80, b"1.3.6.1.4.1.4203.1.9.1.4")),
        }
    }
}

/// An entry that looks like a group, with one more attribute.
fn hostile_entry(id: i64, dn: &[u8], name: &[u8], values: &[Vec<u8>]) -> Vec<u8> {
    let class = [b"groupOfNames".to_vec()];
    entry_of_bytes(id, dn, &[(b"objectClass", &class), (name, values)])
}

/// Sequences in each other; written from the inside, without copying each again.
fn nested(depth: usize) -> Vec<u8> {
    let mut reversed: Vec<u8> = Vec::new();
    for _ in 0..depth {
        let mut header = tlv_header(reversed.len());
        header.reverse();
        reversed.extend(header);
    }
    reversed.reverse();
    reversed
}

fn tlv_header(length: usize) -> Vec<u8> {
    let Ok(length) = u32::try_from(length) else {
        return Vec::new();
    };
    [&[SEQUENCE, 0x84], &length.to_be_bytes()[..]].concat()
}
