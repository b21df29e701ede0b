//! The server of the tests: connections, and what comes in by them.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Result;
use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, mpsc};
use tokio::task::{AbortHandle, JoinSet};

use super::ber::{Frame, Frames};
use super::fault::Step;
use super::record::Recorder;
use super::request::{Message, Operation};
use super::search::{Answering, Pages};
use super::wire::{self, Outcome};
use super::{Behaviour, Entries, Fault, Request, Search};
use crate::lock;

type Rule = Box<dyn FnMut(&Request) -> Option<Fault> + Send>;
type Change = Box<dyn FnOnce(&mut Entries) + Send>;

/// An LDAP server on a free port of 127.0.0.1; it and its connections end when this is dropped.
pub struct LdapServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

struct Shared {
    entries: Mutex<Entries>,
    behaviour: Mutex<Behaviour>,
    rule: Mutex<Option<Rule>>,
    changes: Mutex<Vec<(usize, Change)>>,
    ranges: Mutex<usize>,
    recorder: Recorder,
    to_all: broadcast::Sender<Out>,
}

/// What goes out by a connection.
#[derive(Debug, Clone)]
enum Out {
    Bytes(Vec<u8>),
    Close,
}

impl fmt::Debug for LdapServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LdapServer")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Drop for LdapServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl LdapServer {
    /// Starts a server of these entries.
    pub async fn start(entries: Entries, behaviour: Behaviour) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            entries: Mutex::new(entries),
            behaviour: Mutex::new(behaviour),
            rule: Mutex::default(),
            changes: Mutex::default(),
            ranges: Mutex::default(),
            recorder: Recorder::new(),
            to_all: broadcast::Sender::new(16),
        });
        let accepting = tokio::spawn(accept(listener, shared.clone())).abort_handle();
        Ok(Self {
            address,
            shared,
            accepting,
        })
    }

    /// Such as `ldap://127.0.0.1:40389`.
    pub fn url(&self) -> String {
        format!("ldap://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Behaves otherwise from now on.
    pub fn set(&self, behaviour: Behaviour) {
        *lock(&self.shared.behaviour) = behaviour;
    }

    /// Changes the directory now.
    pub fn change<T>(&self, change: impl FnOnce(&mut Entries) -> T) -> T {
        change(&mut lock(&self.shared.entries))
    }

    /// Changes the directory before the `n`-th search from now on, counted from 1, is answered. Once.
    pub fn before_search(&self, n: usize, change: impl FnOnce(&mut Entries) + Send + 'static) {
        lock(&self.shared.changes).push((n.max(1), Box::new(change)));
    }

    /// Decides from now on about every request whether something goes wrong with its answer. The rule may count,
    /// or look at [`Search::number`].
    pub fn on_request(&self, rule: impl FnMut(&Request) -> Option<Fault> + Send + 'static) {
        *lock(&self.shared.rule) = Some(Box::new(rule));
    }

    /// Like [`on_request`](Self::on_request), for searches only.
    pub fn on_search(&self, mut rule: impl FnMut(&Request, &Search) -> Option<Fault> + Send + 'static) {
        self.on_request(move |request| rule(request, request.search()?));
    }

    /// Takes back [`on_request`](Self::on_request) and any [`before_search`](Self::before_search) still to come.
    pub fn heal(&self) {
        *lock(&self.shared.rule) = None;
        lock(&self.shared.changes).clear();
    }

    /// Sends these bytes by all connections, whatever is under way there; see [`wire`].
    pub fn send_to_all(&self, bytes: impl Into<Vec<u8>>) {
        // An error says that there are no connections.
        let _ = self.shared.to_all.send(Out::Bytes(bytes.into()));
    }

    /// Ends all connections; new ones are taken.
    pub fn disconnect_all(&self) {
        let _ = self.shared.to_all.send(Out::Close);
    }

    /// All requests since the start or the last [`clear`](Self::clear), in the order of their arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.recorder.requests()
    }

    /// The searches among [`requests`](Self::requests).
    pub fn searches(&self) -> Vec<Search> {
        self.shared.recorder.searches()
    }

    /// Forgets the requests so far; numbers count on.
    pub fn clear(&self) {
        self.shared.recorder.clear();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Owned by this task, so that dropping the server ends the connections too.
    let mut connections = JoinSet::new();
    let mut number = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let _ = stream.set_nodelay(true);
                // Here and not in the task, so that nothing sent to all connections passes it by.
                let to_all = shared.to_all.subscribe();
                let shared = shared.clone();
                connections.spawn(async move {
                    let connection = Connection::new(shared, number);
                    // An error here is a connection cut by the client, or a message that is none.
                    let _ = connection.serve(stream, to_all).await;
                });
                number += 1;
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

struct Connection {
    shared: Arc<Shared>,
    number: usize,
    bound: bool,
    pages: Pages,
    answers: JoinSet<()>,
    under_way: HashMap<i64, AbortHandle>,
}

impl Connection {
    fn new(shared: Arc<Shared>, number: usize) -> Self {
        Self {
            shared,
            number,
            bound: false,
            pages: Pages::default(),
            answers: JoinSet::new(),
            under_way: HashMap::new(),
        }
    }

    async fn serve(mut self, stream: TcpStream, mut to_all: broadcast::Receiver<Out>) -> Result<()> {
        let (reader, writer) = stream.into_split();
        let mut frames = Frames::new(reader);
        let (out, outgoing) = mpsc::unbounded_channel();
        let mut writing = JoinSet::new();
        writing.spawn(write(writer, outgoing));
        loop {
            tokio::select! {
                frame = frames.next() => {
                    let Some(Frame::Message(bytes)) = frame? else { return Ok(()) };
                    let message = Message::parse(&bytes)?;
                    if !self.take(message, &out) {
                        return Ok(());
                    }
                }
                Ok(sent) = to_all.recv() => {
                    let _ = out.send(sent);
                }
                // The writer ends when the connection is to end.
                Some(_) = writing.join_next() => return Ok(()),
                Some(_) = self.answers.join_next() => {}
            }
        }
    }

    /// Takes a message; says whether the connection goes on.
    fn take(&mut self, message: Message, out: &mpsc::UnboundedSender<Out>) -> bool {
        let password = message.password.clone();
        let request = self.shared.recorder.note(self.number, message);
        let id = request.message_id;
        let (mut steps, tag) = match &request.operation {
            Operation::Unbind => return false,
            Operation::Abandon(abandoned) => {
                if let Some(answer) = self.under_way.remove(abandoned) {
                    answer.abort();
                }
                return true;
            }
            Operation::Search(search) => (self.search(&request, search), 0x65),
            Operation::Bind { dn, simple, .. } => {
                let outcome = self.bind(dn, password.filter(|_| *simple).as_deref());
                (vec![Step::Done(wire::bind_result(id, &outcome))], 0x61)
            }
            Operation::Extended(_) => {
                let outcome = Outcome::new(2, "unsupported extended operation");
                (vec![Step::Done(wire::result(id, 0x78, &outcome))], 0x78)
            }
            Operation::Other(tag) => {
                // Each answer has the tag after its request's, but for the bit of the constructed form.
                let tag = (tag | 0x20) + 1;
                let outcome = Outcome::new(53, "this server only reads");
                (vec![Step::Done(wire::result(id, tag, &outcome))], tag)
            }
        };
        let mut pause = match request.search() {
            Some(_) => lock(&self.shared.behaviour).pause,
            None => Duration::ZERO,
        };
        let fault = lock(&self.shared.rule).as_mut().and_then(|rule| rule(&request));
        if let Some(fault) = fault {
            pause += fault.apply(&request, &mut steps, |outcome| wire::result(id, tag, outcome));
        }
        let answer = self.answers.spawn(send(steps, pause, out.clone()));
        self.under_way.insert(id, answer);
        true
    }

    fn search(&mut self, request: &Request, search: &Search) -> Vec<Step> {
        let behaviour = lock(&self.shared.behaviour).clone();
        let mut entries = lock(&self.shared.entries);
        self.shared
            .due_changes()
            .into_iter()
            .for_each(|change| change(&mut entries));
        if behaviour.bind_first && !self.bound && !search.base.is_empty() {
            let outcome = Outcome::new(
                1,
                "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform this operation a successful bind \
                 must be completed on the connection., data 0, v4563",
            );
            return vec![Step::Done(wire::done(request.message_id, &outcome))];
        }
        Answering {
            entries: &entries,
            behaviour: &behaviour,
            pages: &mut self.pages,
            ranges: &mut lock(&self.shared.ranges),
        }
        .answer(request, search)
    }

    /// A simple bind, or one by SASL if there is no password.
    fn bind(&mut self, dn: &str, password: Option<&[u8]>) -> Outcome {
        self.bound = false;
        let behaviour = lock(&self.shared.behaviour);
        match password {
            None => Outcome::new(7, "only simple binds"),
            Some([]) if dn.is_empty() || behaviour.empty_password_succeeds => Outcome::default(),
            Some([]) => Outcome::new(53, "unauthenticated bind (DN with no password) disallowed"),
            Some(password) if lock(&self.shared.entries).may_bind(dn, password) => {
                self.bound = true;
                Outcome::default()
            }
            Some(_) => Outcome::new(49, behaviour.refusal.clone()),
        }
    }
}

impl Shared {
    /// The changes that come before this search.
    fn due_changes(&self) -> Vec<Change> {
        let mut changes = lock(&self.changes);
        let (due, later): (Vec<_>, Vec<_>) = changes.drain(..).partition(|(left, _)| *left == 1);
        changes.extend(later.into_iter().map(|(left, change)| (left - 1, change)));
        due.into_iter().map(|(_, change)| change).collect()
    }
}

async fn send(steps: Vec<Step>, pause: Duration, out: mpsc::UnboundedSender<Out>) {
    for step in steps {
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        let sent = match step {
            Step::Entry(_, bytes) | Step::Other(bytes) | Step::Done(bytes) => out.send(Out::Bytes(bytes)),
            Step::Close => out.send(Out::Close),
        };
        if sent.is_err() {
            return;
        }
    }
}

/// A task of its own, so that an abandoned answer never ends within a message.
async fn write(mut writer: OwnedWriteHalf, mut outgoing: mpsc::UnboundedReceiver<Out>) {
    while let Some(Out::Bytes(bytes)) = outgoing.recv().await {
        if writer.write_all(&bytes).await.is_err() {
            return;
        }
    }
    let _ = writer.shutdown().await;
}
