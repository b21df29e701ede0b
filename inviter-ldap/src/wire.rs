//! What an LDAP message has to look like before the library sees it (RFC 4511 section 4.1.1, X.690).
//!
//! ldap3 reads messages by calling itself for each level, and takes parts of them for granted: a hostile answer would
//! overflow the stack, or end a task in a panic. So each message is walked through here first, without recursion.

/// A larger message is not read into memory. A group with 500,000 members takes about 50 MiB, and servers hand out
/// ranges long before.
pub(crate) const MAX_MESSAGE: usize = 128 << 20;
/// Entries have six levels; what is deeper is no LDAP.
const MAX_DEPTH: usize = 16;

/// Tags that are looked at.
mod tag {
    pub(super) const INTEGER: u8 = 0x02;
    pub(super) const OCTETS: u8 = 0x04;
    pub(super) const ENUMERATED: u8 = 0x0a;
    pub(super) const SEQUENCE: u8 = 0x30;
    pub(super) const CONTROLS: u8 = 0xa0;
    pub(super) const REFERRAL: u8 = 0xa3;
    pub(super) const BIND_RESPONSE: u8 = 0x61;
    pub(super) const SEARCH_ENTRY: u8 = 0x64;
    pub(super) const SEARCH_DONE: u8 = 0x65;
    pub(super) const SEARCH_REFERENCE: u8 = 0x73;
    pub(super) const EXTENDED_RESPONSE: u8 = 0x78;
    pub(super) const INTERMEDIATE_RESPONSE: u8 = 0x79;
    /// Where Active Directory puts the name of a notice of disconnection.
    pub(super) const MISPLACED_NAME: u8 = 0x8a;
}

/// Why bytes are no LDAP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoMessage {
    #[error("it is not BER")]
    NotBer,
    #[error("it is larger than any answer should be")]
    TooLarge,
    #[error("it is nested deeper than LDAP is")]
    TooDeep,
    #[error("it is not of the form of a message")]
    BadForm,
    #[error("it is an operation that no server sends")]
    BadOperation,
}

/// A BER element.
#[derive(Debug, Clone, Copy)]
struct Element<'b> {
    tag: u8,
    content: &'b [u8],
}

/// The length of the message that the bytes begin with, once its header is there.
pub(crate) fn message_length(bytes: &[u8]) -> Result<Option<usize>, NoMessage> {
    match bytes.first() {
        None => return Ok(None),
        Some(&tag::SEQUENCE) => {}
        Some(_) => return Err(NoMessage::NotBer),
    }
    let Some((header, length)) = header(bytes)? else {
        return Ok(None);
    };
    let whole = header.checked_add(length).ok_or(NoMessage::TooLarge)?;
    if whole > MAX_MESSAGE {
        return Err(NoMessage::TooLarge);
    }
    Ok(Some(whole))
}

/// Whether the library can be given a whole message.
pub(crate) fn check(message: &[u8]) -> Result<(), NoMessage> {
    walk(message)?;
    let (message, rest) = element(message)?;
    if message.tag != tag::SEQUENCE || !rest.is_empty() {
        return Err(NoMessage::BadForm);
    }
    let parts = parts(message.content)?;
    let (id, operation, controls) = match parts.as_slice() {
        [id, operation] => (id, operation, None),
        [id, operation, controls] => (id, operation, Some(controls)),
        _ => return Err(NoMessage::BadForm),
    };
    if id.tag != tag::INTEGER || id.content.is_empty() || id.content.len() > 4 {
        return Err(NoMessage::BadForm);
    }
    match controls {
        None => {}
        Some(controls) if controls.tag == tag::CONTROLS => check_controls(controls.content)?,
        Some(name) if name.tag == tag::MISPLACED_NAME => {}
        Some(_) => return Err(NoMessage::BadForm),
    }
    match operation.tag {
        // What is wrong within an entry concerns that entry only.
        tag::SEARCH_ENTRY | tag::SEARCH_REFERENCE | tag::INTERMEDIATE_RESPONSE => Ok(()),
        tag::BIND_RESPONSE | tag::SEARCH_DONE | tag::EXTENDED_RESPONSE => check_result(operation.content),
        _ => Err(NoMessage::BadOperation),
    }
}

/// Whether a message that is fine is an entry of a search.
pub(crate) fn is_entry(message: &[u8]) -> bool {
    let content = element(message).map(|(message, _)| message.content);
    // Behind the number of the message.
    let operation = content.and_then(element).map(|(_, operation)| operation);
    operation.is_ok_and(|operation| operation.first() == Some(&tag::SEARCH_ENTRY))
}

/// The result code of an operation's answer.
pub(crate) fn result_code(message: &[u8]) -> Option<u32> {
    check(message).ok()?;
    let (message, _) = element(message).ok()?;
    let operation = *parts(message.content).ok()?.get(1)?;
    let code = *parts(operation.content).ok()?.first()?;
    Some(
        code.content
            .iter()
            .fold(0, |sum, &byte| sum << 8 | u32::from(byte)),
    )
}

/// `LDAPResult`: a code, two texts, and maybe URLs.
fn check_result(content: &[u8]) -> Result<(), NoMessage> {
    let parts = parts(content)?;
    let [code, matched, text, more @ ..] = parts.as_slice() else {
        return Err(NoMessage::BadForm);
    };
    let fine = code.tag == tag::ENUMERATED
        && !code.content.is_empty()
        && code.content.len() <= 4
        && [matched, text].into_iter().all(is_text);
    if !fine {
        return Err(NoMessage::BadForm);
    }
    for part in more {
        match part.tag {
            tag::REFERRAL => {
                if !self::parts(part.content)?.iter().all(is_text) {
                    return Err(NoMessage::BadForm);
                }
            }
            // The name in an extended response; its value, and credentials, are bytes.
            tag::MISPLACED_NAME if std::str::from_utf8(part.content).is_err() => {
                return Err(NoMessage::BadForm);
            }
            tag => {
                if tag & CONSTRUCTED != 0 {
                    return Err(NoMessage::BadForm);
                }
            }
        }
    }
    Ok(())
}

fn check_controls(content: &[u8]) -> Result<(), NoMessage> {
    for control in parts(content)? {
        if control.tag != tag::SEQUENCE {
            return Err(NoMessage::BadForm);
        }
        let parts = parts(control.content)?;
        let Some((kind, more)) = parts.split_first() else {
            return Err(NoMessage::BadForm);
        };
        let fine = |part: &Element<'_>| {
            matches!(part.tag, 0x01 if part.content.len() == 1) || part.tag == tag::OCTETS
        };
        if !is_text(kind) || more.len() > 2 || !more.iter().all(fine) {
            return Err(NoMessage::BadForm);
        }
    }
    Ok(())
}

fn is_text(element: &Element<'_>) -> bool {
    element.tag == tag::OCTETS && std::str::from_utf8(element.content).is_ok()
}

/// The bit of tags whose content is elements.
const CONSTRUCTED: u8 = 0x20;

/// Every element fits into the one around it, and none is too deep.
fn walk(bytes: &[u8]) -> Result<(), NoMessage> {
    let mut open: Vec<&[u8]> = vec![bytes];
    while let Some(rest) = open.last_mut() {
        if rest.is_empty() {
            open.pop();
            continue;
        }
        let (inner, after) = element(rest)?;
        *rest = after;
        if inner.tag & CONSTRUCTED != 0 {
            if open.len() == MAX_DEPTH {
                return Err(NoMessage::TooDeep);
            }
            open.push(inner.content);
        }
    }
    Ok(())
}

fn parts(mut content: &[u8]) -> Result<Vec<Element<'_>>, NoMessage> {
    let mut parts = Vec::new();
    while !content.is_empty() {
        let (part, rest) = element(content)?;
        parts.push(part);
        content = rest;
    }
    Ok(parts)
}

/// The first element, and what follows it.
fn element(bytes: &[u8]) -> Result<(Element<'_>, &[u8]), NoMessage> {
    let (header, length) = header(bytes)?.ok_or(NoMessage::NotBer)?;
    let end = header.checked_add(length).ok_or(NoMessage::NotBer)?;
    let content = bytes.get(header..end).ok_or(NoMessage::NotBer)?;
    let element = Element {
        tag: bytes[0],
        content,
    };
    Ok((element, &bytes[end..]))
}

/// The lengths of an element's header and content; `None` if the header is not all there.
fn header(bytes: &[u8]) -> Result<Option<(usize, usize)>, NoMessage> {
    let [tag, first, rest @ ..] = bytes else {
        return Ok(None);
    };
    // Tags of several bytes, and contents without a length, are not LDAP's (RFC 4511 section 5.1).
    if tag & 0x1f == 0x1f || *first == 0x80 {
        return Err(NoMessage::NotBer);
    }
    if *first < 0x80 {
        return Ok(Some((2, usize::from(*first))));
    }
    let count = usize::from(first & 0x7f);
    if count > size_of::<usize>() {
        return Err(NoMessage::TooLarge);
    }
    let Some(digits) = rest.get(..count) else {
        return Ok(None);
    };
    let length = digits.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte));
    Ok(Some((2 + count, length)))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn ber(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut out = vec![tag];
        if content.len() < 0x80 {
            out.push(u8::try_from(content.len()).unwrap());
        } else {
            out.push(0x84);
            out.extend(u32::try_from(content.len()).unwrap().to_be_bytes());
        }
        out.extend(content);
        out
    }

    fn message(operation: &[u8], controls: &[u8]) -> Vec<u8> {
        ber(0x30, &[&[2, 1, 7][..], operation, controls].concat())
    }

    fn done(code: &[u8], matched: &[u8], text: &[u8], more: &[u8]) -> Vec<u8> {
        let parts = [ber(0x0a, code), ber(4, matched), ber(4, text), more.to_vec()];
        ber(0x65, &parts.concat())
    }

    #[test]
    fn what_servers_send() {
        let control = ber(
            0xa0,
            &ber(
                0x30,
                &[ber(4, b"1.2.3"), ber(1, &[0xff]), ber(4, b"\xff")].concat(),
            ),
        );
        let referral = ber(0xa3, &ber(4, b"ldap://else/"));
        for fine in [
            message(&done(&[0], b"", b"", b""), b""),
            message(&done(&[10], b"dc=x", "ü".as_bytes(), &referral), &control),
            message(&ber(0x64, &ber(4, b"\xff")), b""),
            message(&ber(0x73, &ber(4, b"ldap://else/")), b""),
            message(
                &ber(
                    0x78,
                    &[
                        ber(0x0a, &[0]),
                        ber(4, b""),
                        ber(4, b""),
                        ber(0x8a, b"1.2"),
                        ber(0x8b, b"\xff"),
                    ]
                    .concat(),
                ),
                b"",
            ),
            message(
                &ber(0x78, &[ber(0x0a, &[52]), ber(4, b""), ber(4, b"")].concat()),
                &ber(0x8a, b"1.3.6.1.4.1.1466.20036"),
            ),
        ] {
            assert_eq!(check(&fine), Ok(()), "{fine:02x?}");
            assert_eq!(message_length(&fine), Ok(Some(fine.len())));
            assert_eq!(message_length(&fine[..1]), Ok(None));
        }
        assert_eq!(result_code(&message(&done(&[49], b"", b"", b""), b"")), Some(49));
    }

    #[test]
    fn what_none_sends() {
        let mut deep = Vec::new();
        for _ in 0..100_000 {
            deep = ber(0x30, &deep);
            if deep.len() > 400_000 {
                break;
            }
        }
        for (bad, why) in [
            (message(&done(&[], b"", b"", b""), b""), NoMessage::BadForm),
            (message(&done(&[0], b"\xff", b"", b""), b""), NoMessage::BadForm),
            (message(&done(&[0], b"", b"\xff", b""), b""), NoMessage::BadForm),
            (
                message(&done(&[10], b"", b"", &ber(0xa3, &ber(4, b"\xff"))), b""),
                NoMessage::BadForm,
            ),
            (message(&ber(0x65, &ber(0x0a, &[0])), b""), NoMessage::BadForm),
            (message(&ber(0x65, &[]), b""), NoMessage::BadForm),
            (
                message(&done(&[0], b"", b"", b""), &ber(0xa0, &ber(4, b"x"))),
                NoMessage::BadForm,
            ),
            (
                message(&done(&[0], b"", b"", b""), &ber(0xa0, &ber(0x30, b""))),
                NoMessage::BadForm,
            ),
            (
                message(&done(&[0], b"", b"", b""), &ber(0x30, b"")),
                NoMessage::BadForm,
            ),
            (message(&ber(0x60, &[]), b""), NoMessage::BadOperation),
            (message(&deep, b""), NoMessage::TooDeep),
            (ber(0x30, &[2, 1, 7]), NoMessage::BadForm),
            (ber(0x30, &[]), NoMessage::BadForm),
            (ber(0x30, &[2, 5, 1]), NoMessage::NotBer),
            (ber(0x30, &ber(0x1f, &[])), NoMessage::NotBer),
        ] {
            assert_eq!(check(&bad), Err(why), "{:02x?}", &bad[..bad.len().min(40)]);
        }
        assert_eq!(message_length(b"HTTP"), Err(NoMessage::NotBer));
        assert_eq!(
            message_length(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]),
            Err(NoMessage::TooLarge)
        );
        assert_eq!(message_length(&[0x30, 0x80]), Err(NoMessage::NotBer));
        assert_eq!(message_length(&[0x30, 0xff]), Err(NoMessage::TooLarge));
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in vec(any::<u8>(), 0..64)) {
            let _ = check(&bytes);
            let _ = message_length(&bytes);
            let _ = result_code(&bytes);
        }

        /// What passes can be read by the library's parser, and leaves nothing over: messages as servers send them, some
        /// of them harmed in a few places.
        #[test]
        fn what_passes_can_be_read(
            message in any_message(),
            harms in vec((any::<prop::sample::Index>(), 0..3_u8, any::<u8>()), 0..4),
        ) {
            let mut bytes = message;
            prop_assert_eq!(check(&bytes), Ok(()));
            prop_assert_eq!(message_length(&bytes), Ok(Some(bytes.len())));
            for (at, how, byte) in harms {
                let at = at.index(bytes.len());
                match how {
                    0 => bytes[at] = byte,
                    1 => bytes.insert(at, byte),
                    _ if bytes.len() > 1 => drop(bytes.remove(at)),
                    _ => {}
                }
            }
            let _ = result_code(&bytes);
            // The rest of what has arrived is the next message's.
            if let Ok(Some(length)) = message_length(&bytes)
                && let Some(first) = bytes.get(..length)
                && check(first).is_ok()
            {
                let (rest, _) = ldap3::asn1::parse_tag(first).unwrap();
                prop_assert!(rest.is_empty());
            }
        }
    }

    /// An entry, an end, or a reference, with or without controls.
    fn any_message() -> impl Strategy<Value = Vec<u8>> {
        let text = || "[ -~é]{0,12}".prop_map(String::into_bytes);
        let values = vec(vec(any::<u8>(), 0..6), 0..4);
        let attributes = vec((text(), values), 0..4);
        let entry = (text(), attributes).prop_map(|(dn, attributes)| {
            let all = attributes.iter().map(|(name, values)| {
                let values: Vec<u8> = values.iter().flat_map(|value| ber(4, value)).collect();
                ber(0x30, &[ber(4, name), ber(0x31, &values)].concat())
            });
            let all: Vec<u8> = all.flatten().collect();
            ber(0x64, &[ber(4, &dn), ber(0x30, &all)].concat())
        });
        let end =
            (0..80_u8, text(), text()).prop_map(|(code, matched, said)| done(&[code], &matched, &said, b""));
        let reference = vec(text(), 1..3).prop_map(|urls| {
            let urls: Vec<u8> = urls.iter().flat_map(|url| ber(4, url)).collect();
            ber(0x73, &urls)
        });
        let control = (text(), vec(any::<u8>(), 0..9))
            .prop_map(|(name, value)| ber(0xa0, &ber(0x30, &[ber(4, &name), ber(4, &value)].concat())));
        let controls = prop_oneof![Just(Vec::new()), control];
        (prop_oneof![entry, end, reference], controls)
            .prop_map(|(operation, controls)| message(&operation, &controls))
    }
}
