//! The way to the server: TCP or a socket, TLS by ldaps:// or StartTLS, and a gate through which nothing comes that is
//! no LDAP message.

use std::{
    io,
    os::unix::net::UnixStream as StdUnixStream,
    sync::{Arc, OnceLock},
    time::Duration,
};

use inviter_core::provider::ProviderErrorKind as Kind;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpStream, UnixStream},
    task::JoinHandle,
    time::{Instant, timeout_at},
};
use tokio_rustls::TlsConnector;
use url::Url;

use crate::{
    trouble::Trouble,
    wire::{self, NoMessage},
};

/// `ExtendedRequest` with the name of StartTLS (RFC 4511 section 4.14.1), as message 1.
const START_TLS: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";
/// The answer to it is short.
const MAX_ANSWER: usize = 64 << 10;
/// How much is asked for at a time.
const CHUNK: usize = 64 << 10;
/// How much is handed on at once, and how long that is waited for. A sixth of a page of people: the library is not to
/// wait either.
const ENOUGH: usize = 16 << 10;
const LINGER: Duration = Duration::from_millis(2);

/// Set before the library can notice.
pub(crate) type EndedBy = Arc<OnceLock<Trouble>>;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A connection that only messages come through.
#[derive(Debug)]
pub(crate) struct Gate {
    /// The end for the library.
    pub(crate) inner: StdUnixStream,
    /// What ended it, where that is known better than that it ended.
    pub(crate) ended_by: EndedBy,
    pub(crate) relay: JoinHandle<()>,
}

/// Connects, and goes over to TLS where that is wanted. No more than `limit_mib` comes through, in all.
pub(crate) async fn open(
    url: &Url,
    start_tls: bool,
    tls: Arc<ClientConfig>,
    limit_mib: u32,
) -> Result<Gate, Trouble> {
    let outer = connect(url, start_tls, tls).await?;
    let pair = || {
        let (ours, theirs) = UnixStream::pair()?;
        Ok((ours, theirs.into_std()?))
    };
    let (ours, inner) = pair().map_err(|error: io::Error| Trouble::of_io(&error))?;
    let ended_by = EndedBy::default();
    let limit = Limit {
        mib: limit_mib,
        server: url.as_str().to_owned(),
    };
    let relay = tokio::spawn(relay(outer, ours, Arc::clone(&ended_by), limit));
    Ok(Gate {
        inner,
        ended_by,
        relay,
    })
}

/// How much may come through in all.
#[derive(Debug)]
struct Limit {
    mib: u32,
    /// Whose answers these are.
    server: String,
}

impl Limit {
    const fn bytes(&self) -> u64 {
        (self.mib as u64) << 20
    }

    /// Says, in time, that a directory which goes on growing will not be read any more.
    fn warn(&self) {
        tracing::warn!(
            server = self.server,
            limit_mib = self.mib,
            "the server has sent more than half of what one read may take; raise `read_limit_mib` before a larger \
             directory is not read any more"
        );
    }
}

async fn connect(url: &Url, start_tls: bool, tls: Arc<ClientConfig>) -> Result<Box<dyn Stream>, Trouble> {
    let of_io = |error: io::Error| Trouble::of_io(&error);
    let host = url.host_str().unwrap_or_default();
    if url.scheme() == "ldapi" {
        let path = crate::read::percent_decoded(host).unwrap_or_default();
        return Ok(Box::new(UnixStream::connect(path).await.map_err(of_io)?));
    }
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_tls = url.scheme() == "ldaps";
    let port = url.port().unwrap_or(if is_tls { 636 } else { 389 });
    let mut tcp = TcpStream::connect((host, port)).await.map_err(of_io)?;
    // Requests are small, and each waits for its answer.
    tcp.set_nodelay(true).map_err(of_io)?;
    if !is_tls && !start_tls {
        return Ok(Box::new(tcp));
    }
    if !is_tls {
        ask_for_tls(&mut tcp).await?;
    }
    let name = ServerName::try_from(host.to_owned()).map_err(|error| {
        Trouble::new(
            Kind::Misconfigured,
            "the host in the URL is no name that a certificate could be for; write the name in the server's certificate",
        )
        .caused_by(&error)
    })?;
    let stream = TlsConnector::from(tls).connect(name, tcp).await.map_err(of_io)?;
    Ok(Box::new(stream))
}

/// Nothing but the request is sent before, and nothing but its answer is taken.
async fn ask_for_tls(tcp: &mut TcpStream) -> Result<(), Trouble> {
    let of_io = |error: io::Error| Trouble::of_io(&error);
    tcp.write_all(START_TLS).await.map_err(of_io)?;
    let mut answer = Vec::new();
    loop {
        let length = wire::message_length(&answer).map_err(Trouble::of_no_message)?;
        if length.is_some_and(|length| length <= answer.len()) || answer.len() > MAX_ANSWER {
            break;
        }
        if tcp.read_buf(&mut answer).await.map_err(of_io)? == 0 {
            return Err(Trouble::of_io(&io::ErrorKind::UnexpectedEof.into()));
        }
    }
    // What comes with the answer would be taken for what comes over TLS.
    wire::check(&answer).map_err(Trouble::of_no_message)?;
    match wire::result_code(&answer) {
        Some(0) => Ok(()),
        code => Err(Trouble::start_tls_refused(code.unwrap_or_default())),
    }
}

/// Hands on what the library sends, and the server's messages one by one. Ends with either side.
async fn relay(mut outer: Box<dyn Stream>, inner: UnixStream, ended_by: EndedBy, limit: Limit) {
    let (mut from_library, mut to_library) = inner.into_split();
    let (mut from_server, mut to_server) = tokio::io::split(&mut outer);
    let sending = async {
        if tokio::io::copy(&mut from_library, &mut to_server).await.is_err() {
            // The server does not listen any more; why, it may still say.
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = sending => {}
        ended = messages(&mut from_server, &mut to_library, limit.bytes(), || limit.warn()) => {
            let trouble = match ended {
                Err(Ended::Outgrown) => Some(Trouble::outgrown(limit.mib)),
                Err(Ended::NoMessage(why)) => Some(Trouble::of_no_message(why)),
                // Only with the first answer some servers say that they want a certificate.
                Err(Ended::Io(error)) => is_of_tls(&error).then(|| Trouble::of_io(&error)),
                Ok(()) => None,
            };
            if let Some(trouble) = trouble {
                let _ = ended_by.set(trouble);
            }
        }
    }
    // However the other side takes it.
    let _ = outer.shutdown().await;
}

fn is_of_tls(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>)
}

enum Ended {
    Io(io::Error),
    NoMessage(NoMessage),
    /// More came than is read in all.
    Outgrown,
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Hands on whole messages. Each time wakes the library and who waits for it, and entries come by the thousand: they
/// are kept back until there are some, or what follows them is there, or no more come. Of what comes behind the first
/// `limit` bytes, nothing is; behind the first half of them, `at_half` is called.
async fn messages(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    limit: u64,
    at_half: impl FnOnce(),
) -> Result<(), Ended> {
    let mut at_half = Some(at_half);
    // All that may still come.
    let mut from = from.take(limit);
    let mut buffer: Vec<u8> = Vec::with_capacity(CHUNK);
    // How much of it is whole messages, and how long those may wait.
    let mut done = 0;
    let mut until = Instant::now();
    loop {
        if from.limit() < limit / 2
            && let Some(at_half) = at_half.take()
        {
            at_half();
        }
        if done == 0 {
            until = Instant::now() + LINGER;
        }
        let only_entries = match whole_messages(&buffer, &mut done) {
            Ok(only_entries) => only_entries,
            Err(why) => {
                // What came before it is fine.
                to.write_all(&buffer[..done]).await?;
                return Err(Ended::NoMessage(why));
            }
        };
        buffer.reserve(CHUNK);
        let mut read = None;
        if only_entries && (1..ENOUGH).contains(&done) {
            read = timeout_at(until, from.read_buf(&mut buffer)).await.ok();
            if matches!(read, Some(Ok(1..))) {
                continue;
            }
        }
        to.write_all(&buffer[..done]).await?;
        buffer.drain(..done);
        done = 0;
        let read = match read {
            Some(read) => read,
            None => from.read_buf(&mut buffer).await,
        };
        if read? == 0 {
            return if from.limit() == 0 {
                Err(Ended::Outgrown)
            } else {
                Ok(())
            };
        }
    }
}

/// Goes on over whole messages, and says whether these are entries and nothing else.
fn whole_messages(bytes: &[u8], done: &mut usize) -> Result<bool, NoMessage> {
    let mut only_entries = true;
    while let Some(length) = wire::message_length(&bytes[*done..])? {
        let Some(message) = bytes.get(*done..*done + length) else {
            break;
        };
        wire::check(message)?;
        only_entries &= wire::is_entry(message);
        *done += length;
    }
    Ok(only_entries)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// What a server answers to the request for TLS.
    async fn asked(answer: &'static [u8]) -> Result<(), Trouble> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut tcp, _) = listener.accept().await.unwrap();
            let mut request = vec![0; START_TLS.len()];
            tcp.read_exact(&mut request).await.unwrap();
            tcp.write_all(answer).await.unwrap();
            request
        });
        let result = ask_for_tls(&mut TcpStream::connect(address).await.unwrap()).await;
        assert_eq!(server.await.unwrap(), START_TLS);
        result
    }

    #[tokio::test]
    async fn asking_for_tls() {
        let yes: &[u8] = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00";
        asked(yes).await.unwrap();
        let no = asked(b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x35\x04\x00\x04\x00").await;
        assert!(
            no.unwrap_err()
                .message
                .contains("refuses StartTLS (unwillingToPerform, 53)")
        );
        // Somebody on the way adds what would be taken for the first answer over TLS.
        let more = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00\
                     \x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00";
        assert_eq!(asked(more).await.unwrap_err().kind, Kind::Malformed);
        assert_eq!(
            asked(b"HTTP/1.1 400 Bad Request\r\n").await.unwrap_err().kind,
            Kind::Malformed
        );
        assert_eq!(asked(b"").await.unwrap_err().kind, Kind::Unavailable);
    }

    const ENTRY: &[u8] = b"\x30\x0e\x02\x01\x02\x64\x09\x04\x05cn=ab\x30\x00";
    const DONE: &[u8] = b"\x30\x0c\x02\x01\x02\x65\x07\x0a\x01\x00\x04\x00\x04\x00";

    /// What is handed on of what a server sends, and whether an error comes after it. The server then ends or is silent.
    async fn handed_on(sent: &[&[u8]], ends: bool) -> (Vec<u8>, bool) {
        let (mut server, mut from) = tokio::io::duplex(1 << 20);
        let (mut to, mut library) = tokio::io::duplex(1 << 20);
        let sending = async move {
            for bytes in sent {
                server.write_all(bytes).await.unwrap();
                tokio::task::yield_now().await;
            }
            (!ends).then_some(server)
        };
        let relaying = async move { messages(&mut from, &mut to, u64::MAX, || ()).await.is_err() };
        let (_server, failed) = tokio::join!(sending, timeout_at(Instant::now() + 50 * LINGER, relaying));
        let mut got = Vec::new();
        library.read_to_end(&mut got).await.unwrap();
        (got, failed.unwrap_or(false))
    }

    #[tokio::test]
    async fn entries_wait_for_each_other_and_not_for_long() {
        let page = [ENTRY, ENTRY, DONE].concat();
        let many = ENTRY.repeat(2 * ENOUGH / ENTRY.len());
        for (sent, expected) in [
            (&[ENTRY][..], ENTRY.to_vec()),
            (&[ENTRY, ENTRY, DONE], page),
            (&[ENTRY, &ENTRY[..5]], ENTRY.to_vec()),
            (&[&ENTRY[..5], &ENTRY[5..], &DONE[..3]], ENTRY.to_vec()),
            (&[&many], many.clone()),
        ] {
            for ends in [false, true] {
                assert_eq!(
                    handed_on(sent, ends).await,
                    (expected.clone(), false),
                    "{sent:02x?}"
                );
            }
        }
    }

    #[tokio::test]
    async fn what_came_before_something_else_is_handed_on() {
        for bad in [&b"HTTP"[..], b"\x30\x03\x02\x01\x02"] {
            let expected = (ENTRY.repeat(2), true);
            assert_eq!(handed_on(&[ENTRY, ENTRY, bad], false).await, expected);
            let together = [ENTRY, ENTRY, bad].concat();
            assert_eq!(handed_on(&[&together], false).await, expected);
        }
    }
}
