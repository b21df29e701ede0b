//! A proxy between a client and a real server that counts what passes and cuts the connection.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::FutureExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use super::ber::{Frame, Frames, INTEGER, Reader, SEQUENCE};
use super::record::Recorder;
use super::request::{Message, Request, Search};
use crate::lock;

type Callback = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// When a proxy cuts a connection. Counted over all connections, from 1 and from when the cut is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// At the n-th search, which the server never hears of.
    Search(usize),
    /// When as many entries have been handed on.
    Entries(usize),
    /// When as many results of searches have been handed on.
    Done(usize),
}

/// What has passed a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Connections of clients, those included for which the server could not be reached.
    pub connections: usize,
    /// Searches, those included that were cut off.
    pub searches: usize,
    /// Entries in answers.
    pub entries: usize,
    /// References in answers to searches.
    pub references: usize,
    /// Results of searches.
    pub done: usize,
}

/// A proxy on a free port of 127.0.0.1; it and its connections end when this is dropped.
///
/// Plain LDAP only is looked into; other bytes, such as those after `StartTLS`, are handed on as they come.
pub struct LdapProxy {
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

struct Shared {
    address: SocketAddr,
    target: SocketAddr,
    recorder: Recorder,
    counts: Mutex<Counts>,
    cuts: Mutex<Vec<Cut>>,
    pause: Mutex<Duration>,
    /// Whether new connections are wanted, and whether they are taken.
    wanted: watch::Sender<bool>,
    taken: watch::Sender<bool>,
    /// Changes when all connections are to end.
    end: watch::Sender<()>,
}

struct Cut {
    moment: Moment,
    for_good: bool,
    callback: Option<Callback>,
}

impl fmt::Debug for LdapProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LdapProxy")
            .field("address", &self.shared.address)
            .field("to", &self.shared.target)
            .finish_non_exhaustive()
    }
}

impl Drop for LdapProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl LdapProxy {
    /// Starts a proxy in front of a server.
    pub async fn start(target: SocketAddr) -> Result<Self> {
        // Bound but never listening: keeps the port while the proxy is down, and refuses connections by itself.
        let keeper = TcpSocket::new_v4()?;
        keeper.set_reuseaddr(true)?;
        keeper.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let shared = Arc::new(Shared {
            address: keeper.local_addr()?,
            target,
            recorder: Recorder::new(),
            counts: Mutex::default(),
            cuts: Mutex::default(),
            pause: Mutex::default(),
            wanted: watch::Sender::new(true),
            taken: watch::Sender::new(false),
            end: watch::Sender::new(()),
        });
        let task = accept(keeper, shared.clone()).map(|_| ());
        let proxy = Self {
            accepting: tokio::spawn(task).abort_handle(),
            shared,
        };
        proxy.up().await;
        Ok(proxy)
    }

    /// Such as `ldap://127.0.0.1:40389`.
    pub fn url(&self) -> String {
        format!("ldap://{}", self.shared.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Ends the connection on both sides at a moment; new ones are taken. Once.
    pub fn cut(&self, moment: Moment) {
        self.push(moment, false, None);
    }

    /// Ends all connections at a moment and refuses new ones until [`up`](Self::up). Once.
    pub fn cut_for_good(&self, moment: Moment) {
        self.push(moment, true, None);
    }

    /// At a moment, calls `callback` and then ends the connection on both sides. Once; the callback is where a test
    /// kills the server.
    pub fn on<F, Fut>(&self, moment: Moment, callback: F)
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.push(moment, false, Some(Box::new(move || callback().boxed())));
    }

    fn push(&self, moment: Moment, for_good: bool, callback: Option<Callback>) {
        lock(&self.shared.cuts).push(Cut {
            moment,
            for_good,
            callback,
        });
    }

    /// From now on, this passes before each message of an answer.
    pub fn delay(&self, time: Duration) {
        *lock(&self.shared.pause) = time;
    }

    /// How many cuts are still to come.
    pub fn cuts_to_come(&self) -> usize {
        lock(&self.shared.cuts).len()
    }

    /// Takes back all cuts still to come, and the [`delay`](Self::delay).
    pub fn heal(&self) {
        lock(&self.shared.cuts).clear();
        self.delay(Duration::ZERO);
    }

    /// Refuses new connections, as a host on which nothing listens does; those there are go on.
    pub async fn refuse(&self) {
        self.shared.refuse().await;
    }

    /// Refuses new connections and ends those there are.
    pub async fn down(&self) {
        self.shared.refuse().await;
        self.shared.end.send_replace(());
    }

    /// Takes new connections again.
    pub async fn up(&self) {
        self.shared.wanted.send_replace(true);
        self.shared.until(true).await;
    }

    /// All requests since the start or the last [`clear`](Self::clear), in the order of their arrival; those
    /// included that were cut off.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.recorder.requests()
    }

    /// The searches among [`requests`](Self::requests).
    pub fn searches(&self) -> Vec<Search> {
        self.shared.recorder.searches()
    }

    /// What has passed since the start or the last [`clear`](Self::clear).
    pub fn counts(&self) -> Counts {
        *lock(&self.shared.counts)
    }

    /// Forgets the requests and counts so far; leaves cuts alone.
    pub fn clear(&self) {
        self.shared.recorder.clear();
        *lock(&self.shared.counts) = Counts::default();
    }
}

impl Shared {
    async fn refuse(&self) {
        self.wanted.send_replace(false);
        self.until(false).await;
    }

    async fn until(&self, state: bool) {
        // The sender lives in `self`, so there is no error to meet.
        let _ = self.taken.subscribe().wait_for(|taken| *taken == state).await;
    }

    /// Counts something that passes; gives the cut that is due then.
    fn count(&self, kind: fn(&mut Counts) -> &mut usize, moment: fn(usize) -> Moment) -> Option<Cut> {
        *kind(&mut lock(&self.counts)) += 1;
        let mut cuts = lock(&self.cuts);
        for cut in cuts.iter_mut() {
            let (Moment::Search(left) | Moment::Entries(left) | Moment::Done(left)) = cut.moment;
            if cut.moment == moment(left) {
                cut.moment = moment(left.saturating_sub(1));
            }
        }
        let due = cuts.iter().position(|cut| cut.moment == moment(0));
        due.map(|position| cuts.remove(position))
    }

    /// From the client to the server, until a cut or the end.
    async fn requests(
        &self,
        connection: usize,
        reader: &mut OwnedReadHalf,
        writer: &mut OwnedWriteHalf,
    ) -> Result<Option<Cut>> {
        let mut frames = Frames::new(reader);
        while let Some(frame) = frames.next().await? {
            let bytes = match frame {
                Frame::Opaque(bytes) => bytes,
                Frame::Message(bytes) => {
                    if let Ok(message) = Message::parse(&bytes) {
                        let request = self.recorder.note(connection, message);
                        if request.search().is_some()
                            && let Some(cut) = self.count(|counts| &mut counts.searches, Moment::Search)
                        {
                            return Ok(Some(cut));
                        }
                    }
                    bytes
                }
            };
            writer.write_all(&bytes).await?;
        }
        Ok(None)
    }

    /// From the server to the client, until a cut or the end.
    async fn answers(&self, reader: &mut OwnedReadHalf, writer: &mut OwnedWriteHalf) -> Result<Option<Cut>> {
        let mut frames = Frames::new(reader);
        while let Some(frame) = frames.next().await? {
            let (Frame::Message(bytes) | Frame::Opaque(bytes)) = &frame;
            let pause = *lock(&self.pause);
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            writer.write_all(bytes).await?;
            let cut = match operation(bytes) {
                Ok(0x64) => self.count(|counts| &mut counts.entries, Moment::Entries),
                Ok(0x65) => self.count(|counts| &mut counts.done, Moment::Done),
                Ok(0x73) => {
                    lock(&self.counts).references += 1;
                    None
                }
                _ => None,
            };
            if cut.is_some() {
                return Ok(cut);
            }
        }
        Ok(None)
    }
}

/// The tag of the operation in a message.
fn operation(bytes: &[u8]) -> Result<u8> {
    let mut message = Reader(Reader(bytes).expect(SEQUENCE)?);
    message.number(INTEGER)?;
    message.tag().context("no operation")
}

async fn accept(keeper: TcpSocket, shared: Arc<Shared>) -> Result<()> {
    let address = keeper.local_addr()?;
    // Owned by this task, so that dropping the proxy ends the connections too.
    let mut connections = JoinSet::new();
    let mut wanted = shared.wanted.subscribe();
    let mut number = 0;
    loop {
        wanted.wait_for(|wanted| *wanted).await?;
        let listener = listen(address)?;
        shared.taken.send_replace(true);
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let Ok((client, _)) = accepted else { continue };
                    let end = shared.end.subscribe();
                    connections.spawn(carry(shared.clone(), client, number, end));
                    number += 1;
                }
                Some(_) = connections.join_next() => {}
                changed = wanted.wait_for(|wanted| !*wanted) => {
                    changed?;
                    break;
                }
            }
        }
        drop(listener);
        shared.taken.send_replace(false);
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket.listen(128)?)
}

async fn carry(shared: Arc<Shared>, client: TcpStream, number: usize, mut end: watch::Receiver<()>) {
    lock(&shared.counts).connections += 1;
    let Ok(server) = TcpStream::connect(shared.target).await else {
        return;
    };
    // Small messages would wait for acknowledgements otherwise.
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let cut = tokio::select! {
        cut = shared.requests(number, &mut from_client, &mut to_server) => cut,
        cut = shared.answers(&mut from_server, &mut to_client) => cut,
        _ = end.changed() => return,
    };
    let Ok(Some(cut)) = cut else { return };
    // The connection is still there on both sides, so that nobody notices anything before the callback is through.
    if let Some(callback) = cut.callback {
        callback().await;
    }
    if cut.for_good {
        shared.refuse().await;
        shared.end.send_replace(());
    }
}
