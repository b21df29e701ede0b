//! The little of BER that LDAP needs (RFC 4511 section 5.1): definite lengths and tags of one byte.
//!
//! By hand, since the crates for it are those which the code under test is made of.

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// More than any message of a test has.
const LONGEST: usize = 256 << 20;

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTETS: u8 = 0x04;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// A tag, a length as short as can be, and the contents.
pub(super) fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    let length = contents.len();
    if let Ok(short @ 0..128) = u8::try_from(length) {
        bytes.push(short);
    } else {
        let digits = length.to_be_bytes();
        let digits = &digits[digits.iter().take_while(|digit| **digit == 0).count()..];
        // At most the eight bytes of a usize.
        bytes.push(0x80 | u8::try_from(digits.len()).unwrap_or(8));
        bytes.extend(digits);
    }
    bytes.extend(contents);
    bytes
}

/// [`tlv`] with several elements for its contents.
pub(super) fn group(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(tag, &parts.concat())
}

/// A number, as INTEGER or ENUMERATED.
pub(super) fn number(tag: u8, value: i64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    // A leading byte goes if the next one says the same, its sign included.
    let superfluous = bytes
        .windows(2)
        .take_while(|pair| (pair[0] == 0 && pair[1] < 0x80) || (pair[0] == 0xff && pair[1] >= 0x80))
        .count();
    tlv(tag, &bytes[superfluous..])
}

/// Reads one element after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The tag of the next element, if there is one.
    pub(super) fn tag(self) -> Option<u8> {
        self.0.first().copied()
    }

    pub(super) fn next(&mut self) -> Result<(u8, &'a [u8])> {
        let (header, length) = header(self.0)?.context("an element ends before its length")?;
        let rest = &self.0[header..];
        ensure!(length <= rest.len(), "an element is longer than what it is in");
        let tag = self.0[0];
        self.0 = &rest[length..];
        Ok((tag, &rest[..length]))
    }

    pub(super) fn expect(&mut self, tag: u8) -> Result<&'a [u8]> {
        let (found, contents) = self.next()?;
        ensure!(found == tag, "tag {found:#04x} where {tag:#04x} should be");
        Ok(contents)
    }

    pub(super) fn number(&mut self, tag: u8) -> Result<i64> {
        integer(self.expect(tag)?)
    }

    /// Text; what is not UTF-8 in it is replaced, since this is read from clients under test only.
    pub(super) fn text(&mut self, tag: u8) -> Result<String> {
        Ok(String::from_utf8_lossy(self.expect(tag)?).into_owned())
    }
}

/// The number that the contents of an INTEGER or ENUMERATED are.
pub(super) fn integer(bytes: &[u8]) -> Result<i64> {
    ensure!(
        (1..=8).contains(&bytes.len()),
        "a number of {} bytes",
        bytes.len()
    );
    let start = if bytes[0] < 0x80 { 0 } else { -1 };
    Ok(bytes
        .iter()
        .fold(start, |value, byte| (value << 8) | i64::from(*byte)))
}

/// How long the header of the element at the start is, and how long its contents; nothing if more bytes
/// must come to know.
fn header(bytes: &[u8]) -> Result<Option<(usize, usize)>> {
    let [_, first, rest @ ..] = bytes else {
        return Ok(None);
    };
    if *first < 0x80 {
        return Ok(Some((2, usize::from(*first))));
    }
    let count = usize::from(first & 0x7f);
    ensure!(
        (1..=size_of::<usize>()).contains(&count),
        "a length of {count} bytes"
    );
    let Some(digits) = rest.get(..count) else {
        return Ok(None);
    };
    let length = digits
        .iter()
        .fold(0, |length: usize, digit| (length << 8) | usize::from(*digit));
    Ok(Some((2 + count, length)))
}

/// What comes next from a connection.
#[derive(Debug)]
pub(super) enum Frame {
    /// One whole message of LDAP.
    Message(Vec<u8>),
    /// Bytes that are no message: TLS, or what a broken peer sends.
    Opaque(Vec<u8>),
}

/// Cuts what comes from a connection into messages.
#[derive(Debug)]
pub(super) struct Frames<R> {
    reader: R,
    buffer: Vec<u8>,
    /// Once something was no message, nothing is: within TLS any byte may look like the start of one.
    opaque: bool,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            buffer: Vec::new(),
            opaque: false,
        }
    }

    /// The next message; nothing at the end of the connection. Safe to drop while it waits.
    pub(super) async fn next(&mut self) -> Result<Option<Frame>> {
        loop {
            match self.whole() {
                Ok(Some(length)) => {
                    let rest = self.buffer.split_off(length);
                    let message = std::mem::replace(&mut self.buffer, rest);
                    return Ok(Some(Frame::Message(message)));
                }
                Ok(None) => {}
                Err(_) => {
                    self.opaque = true;
                    return Ok(Some(Frame::Opaque(std::mem::take(&mut self.buffer))));
                }
            }
            if self.reader.read_buf(&mut self.buffer).await? == 0 {
                let rest = std::mem::take(&mut self.buffer);
                return Ok((!rest.is_empty()).then_some(Frame::Opaque(rest)));
            }
        }
    }

    /// The length of the message at the start of the buffer, if it is there as a whole.
    fn whole(&self) -> Result<Option<usize>> {
        let Some(tag) = self.buffer.first() else {
            return Ok(None);
        };
        ensure!(
            *tag == SEQUENCE && !self.opaque,
            "no message begins with {tag:#04x}"
        );
        let Some((header, length)) = header(&self.buffer)? else {
            return Ok(None);
        };
        ensure!(length <= LONGEST, "a message of {length} bytes");
        Ok((self.buffer.len() >= header + length).then_some(header + length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_lengths_are_as_short_as_can_be() {
        for (value, bytes) in [
            (0, vec![2, 1, 0]),
            (127, vec![2, 1, 127]),
            (128, vec![2, 2, 0, 128]),
            (-1, vec![2, 1, 255]),
            (-129, vec![2, 2, 255, 127]),
            (2_147_483_647, vec![2, 4, 127, 255, 255, 255]),
        ] {
            assert_eq!(number(INTEGER, value), bytes);
            assert_eq!(Reader(&bytes).number(INTEGER).unwrap(), value);
        }
        assert_eq!(tlv(OCTETS, &[0; 127])[..2], [4, 127]);
        assert_eq!(tlv(OCTETS, &[0; 128])[..3], [4, 0x81, 128]);
        assert_eq!(tlv(OCTETS, &[0; 300])[..4], [4, 0x82, 1, 44]);
        let long = tlv(OCTETS, &[7; 300]);
        assert_eq!(Reader(&long).expect(OCTETS).unwrap(), [7; 300]);
        assert!(Reader(&long[..299]).next().is_err());
    }

    #[tokio::test]
    async fn messages_are_cut_out_of_any_pieces() {
        let bytes = [tlv(SEQUENCE, b"one"), tlv(SEQUENCE, &[9; 200]), vec![0x16, 3, 1]].concat();
        let mut frames = Frames::new(tokio_slow(bytes));
        let mut seen = Vec::new();
        while let Some(frame) = frames.next().await.unwrap() {
            seen.push(match frame {
                Frame::Message(bytes) => (true, bytes.len()),
                Frame::Opaque(bytes) => (false, bytes.len()),
            });
        }
        assert_eq!(seen[..2], [(true, 5), (true, 203)]);
        assert!(seen[2..].iter().all(|(message, _)| !message));
    }

    /// Gives one byte at a time.
    fn tokio_slow(bytes: Vec<u8>) -> impl AsyncRead + Unpin {
        let (mut writer, reader) = tokio::io::duplex(1);
        tokio::spawn(async move {
            use tokio::io::AsyncWriteExt as _;
            writer.write_all(&bytes).await.unwrap();
        });
        reader
    }
}
