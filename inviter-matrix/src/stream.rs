//! Reading answers of any size as they come: bytes go through a bounded channel to a blocking reader, which hands
//! on one element at a time.

use std::{
    fmt,
    io::{self, BufReader, Read},
    marker::PhantomData,
};

use crate::{
    answer_size::{Gate, Shape, TooLarge},
    client::Client,
    error,
};
use inviter_core::backend::{BackendError, BackendErrorKind};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::value::RawValue;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

/// Chunks that may wait for the reader; each is at most what one read of the socket gives.
const CHUNKS: usize = 16;

/// Reads a body through `parse` on a blocking thread.
///
/// # Errors
/// When the connection breaks, the deadline passes, there is more than [`AnswerSizes`](crate::AnswerSizes) allows, or
/// `parse` fails: what it has handed out by then stays valid, everything else is unknown.
pub(crate) async fn read<T: Send + 'static>(
    mut response: reqwest::Response,
    client: &Client,
    about: &str,
    shape: Shape,
    parse: impl FnOnce(BodyReader) -> serde_json::Result<T> + Send + 'static,
) -> Result<T, BackendError> {
    let base = client.base.as_str();
    let limit = client.timeouts.sync;
    let deadline = Instant::now() + limit;
    let (sender, receiver) = mpsc::channel(CHUNKS);
    let gate = Gate::new(client.sizes, shape);
    let parser = tokio::task::spawn_blocking(move || {
        parse(BufReader::with_capacity(
            64 << 10,
            Chunks {
                receiver,
                gate,
                current: Vec::new(),
                at: 0,
            },
        ))
    });
    let broken = |what: String| BackendError::new(BackendErrorKind::Unavailable, about, what);
    let who = error::who(about, base);
    let mut is_page = None;
    let fed = loop {
        // Once it has begun, an answer that stands still for as long as a request may take is dead.
        let patience = deadline.min(Instant::now() + client.timeouts.request);
        match timeout_at(patience, response.chunk()).await {
            Err(_) => {
                break Err(broken(format!(
                    "{who}stopped in the middle of its answer ({} s for all of it)",
                    limit.as_secs()
                )));
            }
            Ok(Err(error)) => break Err(error::transport(about, base, error).error),
            Ok(Ok(None)) => break Ok(()),
            Ok(Ok(Some(chunk))) => {
                is_page.get_or_insert_with(|| error::is_web_page(&chunk));
                let sent = timeout_at(deadline, sender.send(Ok(chunk.into()))).await;
                match sent {
                    Ok(Ok(())) => {}
                    // The reader has given up; it says why.
                    Ok(Err(_)) => break Ok(()),
                    Err(_) => break Err(broken(format!("was not read within {} s", limit.as_secs()))),
                }
            }
        }
    };
    if fed.is_err() {
        // The reader must not take the break for the end.
        drop(sender.try_send(Err(())));
    }
    drop(sender);
    let parsed = parser.await;
    fed?;
    match parsed {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(failed)) => {
            let category = category(&failed);
            if let Some(too_large) = too_large(failed) {
                let message = format!(
                    "{who}sent an answer that is not read on, since {too_large}; check the homeserver and the proxy in \
                     front of it"
                );
                let error = BackendError::new(BackendErrorKind::Malformed, about, message);
                return Err(error.caused_by(too_large));
            }
            let what = match is_page {
                Some(true) => error::WEB_PAGE.to_owned(),
                _ => format!(
                    "sent an answer that is cut off or not Matrix ({category}); check the proxy in front of the homeserver"
                ),
            };
            let message = format!("{who}{what}");
            Err(BackendError::new(BackendErrorKind::Malformed, about, message))
        }
        Err(_) => Err(broken("reading the answer was interrupted".to_owned())),
    }
}

/// The gate's verdict, if that is why reading has failed.
fn too_large(error: serde_json::Error) -> Option<TooLarge> {
    io::Error::from(error)
        .get_ref()?
        .downcast_ref::<TooLarge>()
        .copied()
}

fn category(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Io => "the connection broke",
        serde_json::error::Category::Syntax => "it is not JSON",
        serde_json::error::Category::Data => "its form is not that of the endpoint",
    }
}

/// A body as bytes.
pub(crate) type BodyReader = BufReader<Chunks>;

/// The reading end of the channel.
pub(crate) struct Chunks {
    receiver: mpsc::Receiver<Result<Vec<u8>, ()>>,
    gate: Gate,
    current: Vec<u8>,
    at: usize,
}

impl Read for Chunks {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.current.len() {
            match self.receiver.blocking_recv() {
                Some(Ok(chunk)) => {
                    self.gate.pass(&chunk).map_err(io::Error::other)?;
                    self.current = chunk;
                    self.at = 0;
                }
                Some(Err(())) => return Err(io::ErrorKind::ConnectionAborted.into()),
                None => return Ok(0),
            }
        }
        let rest = &self.current[self.at..];
        let len = rest.len().min(out.len());
        out[..len].copy_from_slice(&rest[..len]);
        self.at += len;
        Ok(len)
    }
}

/// Nobody wants the rest.
#[derive(Debug)]
pub(crate) struct Unwanted;

/// Hands out the elements of an array.
pub(crate) struct Elements<F>(pub(crate) F);

impl<'de, F: FnMut(&RawValue)> DeserializeSeed<'de> for Elements<F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(&RawValue)> Visitor<'de> for Elements<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while let Some(element) = seq.next_element::<Box<RawValue>>()? {
            (self.0)(&element);
        }
        Ok(())
    }
}

/// Hands out the values of an object, two levels down: `rooms.join.*`, `rooms.invite.*` and `rooms.leave.*` of `/sync`.
pub(crate) struct SyncRooms<'f, F> {
    path: &'static [&'static str],
    section: &'static str,
    each: &'f mut F,
    /// Where the next `/sync` goes on.
    next_batch: &'f mut Option<String>,
}

impl<'f, F> SyncRooms<'f, F> {
    pub(crate) const fn new(each: &'f mut F, next_batch: &'f mut Option<String>) -> Self {
        Self {
            path: &["rooms"],
            section: "",
            each,
            next_batch,
        }
    }
}

impl<'de, F> DeserializeSeed<'de> for SyncRooms<'_, F>
where
    F: FnMut(&'static str, String, &RawValue) -> Result<(), Unwanted>,
{
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F> Visitor<'de> for SyncRooms<'_, F>
where
    F: FnMut(&'static str, String, &RawValue) -> Result<(), Unwanted>,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let deeper = match (self.path, key.as_str()) {
                (["rooms"], "rooms") => Some("rooms"),
                (["section"], "join") => Some("join"),
                (["section"], "invite") => Some("invite"),
                (["section"], "leave") => Some("leave"),
                (["rooms"], "next_batch") => {
                    *self.next_batch = Some(map.next_value()?);
                    continue;
                }
                ([], _) => {
                    let value = map.next_value::<Box<RawValue>>()?;
                    (self.each)(self.section, key, &value)
                        .map_err(|Unwanted| serde::de::Error::custom("nobody reads on"))?;
                    continue;
                }
                _ => None,
            };
            match deeper {
                Some(section) => map.next_value_seed(SyncRooms {
                    path: if section == "rooms" { &["section"] } else { &[] },
                    section,
                    each: &mut *self.each,
                    next_batch: &mut *self.next_batch,
                })?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// Runs a seed over a whole body: nothing may follow, nothing may be missing.
pub(crate) fn whole<R: Read>(
    reader: R,
    seed: impl for<'de> DeserializeSeed<'de, Value = ()>,
) -> serde_json::Result<()> {
    let mut deserializer = serde_json::Deserializer::from_reader(reader);
    seed.deserialize(&mut deserializer)?;
    deserializer.end()
}

/// Something that has to be an object. Serde would take a list for one too, by the order of its fields: an empty list
/// would be a room in which nothing has happened, or a page of nobody.
#[derive(Debug)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(Fields(PhantomData))
    }
}

/// Reads an object, and nothing else.
pub(crate) fn object<'a, T: Deserialize<'a>>(text: &'a str) -> serde_json::Result<T> {
    serde_json::from_str::<Object<T>>(text).map(|Object(value)| value)
}

/// Fails unless a body that others will read is an object, or empty, which they take for an object without fields.
pub(crate) fn check_object(body: &[u8]) -> serde_json::Result<()> {
    match body.trim_ascii_start().first() {
        Some(b'{') => Ok(()),
        None if body.is_empty() => Ok(()),
        _ => Err(serde::de::Error::custom("it is not an object")),
    }
}

/// A list that may be absent, as its raw elements.
#[derive(Default)]
pub(crate) struct Events<'a> {
    pub(crate) events: Vec<&'a RawValue>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Events<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Fields<'a> {
            #[serde(borrow, default)]
            events: Vec<&'a RawValue>,
        }
        let raw = <&'a RawValue>::deserialize(deserializer)?;
        let fields: Fields<'a> = object(raw.get()).map_err(serde::de::Error::custom)?;
        Ok(Self {
            events: fields.events,
        })
    }
}
