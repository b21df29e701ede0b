//! Answers that a sound server would not give, and what a client of long standing makes of them.

use inviter_testkit::ldap::{Behaviour, Fault, Hostile};

use crate::client::{Raw, ldapsearch, success};
use crate::data::serve;

/// The program's code for a server that is gone.
const GONE: i32 = 255;
/// The program's code for a message that it cannot read.
const UNREADABLE: i32 = 252;

/// What the program ends with, and a line that it wrote before.
fn expected(what: Hostile) -> (i32, Option<&'static str>) {
    match what {
        Hostile::HalfMessage
        | Hostile::WrongTag
        | Hostile::EmptyMessage
        | Hostile::FourGib
        | Hostile::EndlessLength
        | Hostile::IndefiniteLength
        | Hostile::Http
        | Hostile::UnknownOperation
        | Hostile::ValuesWithWrongTag => (GONE, None),
        Hostile::TruncatedContents | Hostile::LongId => (UNREADABLE, None),
        Hostile::EmptyResult
        | Hostile::DeepNesting
        | Hostile::EntryWithoutDn
        | Hostile::EntryWithoutAttributes => (1, None),
        Hostile::NoticeOfDisconnection => (52, None),
        // All a success, the first two wrongly so.
        Hostile::ResultWithoutCode
        | Hostile::UnreadableControl
        | Hostile::DiagnosticNotUtf8
        | Hostile::EntryWithIdZero
        | Hostile::ResultWithOtherId
        | Hostile::Intermediate
        | Hostile::EmptyReference => (0, None),
        Hostile::EmptyDn => (0, Some("dn:")),
        Hostile::BadDn => (0, Some("dn: no name, this,,=")),
        // "cn=gr", two bytes, "e,dc=example,dc=org".
        Hostile::DnNotUtf8 => (0, Some("dn:: Y249Z3L832UsZGM9ZXhhbXBsZSxkYz1vcmc=")),
        Hostile::NameNotUtf8 => (0, Some("gr\u{fffd}\u{fffd}e: cn=x,dc=example,dc=org")),
        Hostile::EmptyName => (0, Some(": cn=x,dc=example,dc=org")),
        Hostile::ValueNotUtf8 => (0, Some("member:: Y249Z3L832UsZGM9ZXhhbXBsZSxkYz1vcmc=")),
        Hostile::EmptyValues => (0, Some("member:")),
        Hostile::NoValues => (0, Some("dn: cn=hostile,dc=example,dc=org")),
        Hostile::AttributeTwice => (0, Some("member: cn=two,dc=example,dc=org")),
        Hostile::ReferenceNotUtf8 => (0, Some("# refldap://gr\u{fffd}\u{fffd}e")),
    }
}

#[tokio::test]
async fn meets_a_client_of_long_standing() {
    let server = serve(Behaviour::default()).await;
    for what in Hostile::ALL {
        server.on_search(move |_, _| Some(Fault::hostile(*what).after(1).then_close()));
        let found = ldapsearch(&server.url(), &["(uid=*)"]).await;
        if *what == Hostile::EmptyReference {
            // The program calls it now a success and now a lost server.
            continue;
        }
        let (code, line) = expected(*what);
        assert_eq!(found.code, Some(code), "{what:?} {found:?}");
        assert_eq!(found.names()[0], "uid=ada", "{what:?}");
        if let Some(line) = line {
            assert!(
                found.lines.iter().any(|found| found == line),
                "{what:?} {found:?}"
            );
        }
        // The rest of the answer follows only what is whole.
        let rest = found.names().ends_with(&["uid=bob", "uid=eve"]);
        assert_eq!(rest, what.is_whole(), "{what:?} {found:?}");
    }
}

#[tokio::test]
async fn comes_byte_by_byte_as_it_should() {
    let server = serve(Behaviour::default()).await;
    for (what, bytes) in [
        (Hostile::EmptyMessage, vec![0x30, 0]),
        (Hostile::FourGib, vec![0x30, 0x84, 255, 255, 255, 255, 2, 1, 9]),
        (
            Hostile::EndlessLength,
            [&[0x30, 0x88][..], &[255; 8], &[2, 1, 9]].concat(),
        ),
        (
            Hostile::IndefiniteLength,
            [&[0x30, 0x80], &success(9)[2..], &[0, 0]].concat(),
        ),
        (Hostile::LongId, {
            let id = [&[2, 9][..], &[0x7f; 9]].concat();
            [&[0x30, 20], &id[..], &success(9)[5..]].concat()
        }),
        (Hostile::UnknownOperation, vec![0x30, 5, 2, 1, 9, 0x7e, 0]),
        (Hostile::EmptyResult, vec![0x30, 5, 2, 1, 9, 0x65, 0]),
        (Hostile::EmptyReference, vec![0x30, 5, 2, 1, 9, 0x73, 0]),
        (Hostile::EntryWithoutDn, vec![0x30, 7, 2, 1, 9, 0x64, 2, 0x30, 0]),
    ] {
        server.on_search(move |_, _| Some(Fault::hostile(what).then_close()));
        let mut raw = Raw::to(server.address()).await.unwrap();
        raw.search(9, "dc=example,dc=org").await;
        let rest = raw.rest().await;
        assert_eq!(rest[..bytes.len()], bytes, "{what:?}");
        assert_eq!(rest.len() > bytes.len(), what.is_whole(), "{what:?}");
    }
    // A number of 1009, which takes two bytes.
    server.on_search(|_, _| Some(Fault::hostile(Hostile::ResultWithOtherId)));
    let mut raw = Raw::to(server.address()).await.unwrap();
    raw.search(9, "dc=example,dc=org").await;
    let other = [&[0x30, 13, 2, 2, 3, 0xf1], &success(9)[5..]].concat();
    assert_eq!(raw.message().await, other);
    assert_eq!(raw.message().await[5], 0x64);
    assert_eq!(raw.message().await, success(9));

    server.on_search(|_, _| Some(Fault::hostile(Hostile::DeepNesting).then_close()));
    raw.search(9, "dc=example,dc=org").await;
    let bytes = raw.rest().await;
    // The headers of the message and of the entry, a number, and then six bytes for each level.
    let nested = bytes.len() - 100_000 * 6;
    assert!(bytes[nested..].chunks(6).all(|level| level[..2] == [0x30, 0x84]));
    assert_eq!(bytes[bytes.len() - 4..], [0; 4]);
}
