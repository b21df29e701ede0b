//! What people say, handed on to the conversation: each thing once, also while one connection takes the place of
//! another and both are told of it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use inviter::matrix::Incoming;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

use crate::session::Session;

type Receiver = mpsc::UnboundedReceiver<Incoming>;

/// So many things are remembered: more than people say within a minute, which is what two connections have in common.
const REMEMBERED: usize = 2_000;
/// How long the old connection may take to ask whether there is more.
const CATCH_UP: Duration = Duration::from_secs(5);

/// What was handed on already. Outlives connections.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<VecDeque<String>>>);

impl Heard {
    /// Whether it is heard for the first time. Of some things it cannot be told, and they do no harm twice.
    fn is_new(&self, said: &Incoming) -> bool {
        let event_id = match said {
            Incoming::Message(text) => &text.event_id,
            Incoming::Reaction { event_id, .. } => event_id,
            _ => return true,
        };
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.iter().rev().any(|id| id == event_id.as_str()) {
            return false;
        }
        if heard.len() == REMEMBERED {
            heard.pop_front();
        }
        heard.push_back(event_id.to_string());
        true
    }
}

/// What a new connection is to hear: what the old one left, and then its own.
#[derive(Debug)]
pub(crate) struct ToHear {
    pub(crate) left: Vec<Incoming>,
    pub(crate) incoming: Receiver,
}

/// Hands on until it is stopped.
#[derive(Debug)]
pub(crate) struct Relay {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Receiver>,
}

impl Relay {
    /// Begins; the conversation receives from the other half of the answer.
    pub(crate) fn begin(heard: Heard, to_hear: ToHear) -> (Self, Receiver) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(hand_on(heard, to_hear, sender, stopped));
        (Self { stop, task }, receiver)
    }

    /// Hands on nothing any more, and answers what there was to hear up to now. What the conversation has already is
    /// its own.
    pub(crate) async fn end(self, session: &Session) -> Vec<Incoming> {
        // It is gone already: then there is nothing to hear.
        let _ = self.stop.send(());
        let Ok(mut incoming) = self.task.await else {
            return Vec::new();
        };
        // The new connection knows what was said before it began no more than the old one, if that was not told yet.
        match timeout(CATCH_UP, session.live.catch_up()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "what was said last may not be heard"),
            Err(_) => tracing::debug!("what was said last may not be heard"),
        }
        std::iter::from_fn(|| incoming.try_recv().ok()).collect()
    }
}

async fn hand_on(
    heard: Heard,
    to_hear: ToHear,
    to: mpsc::UnboundedSender<Incoming>,
    mut stopped: oneshot::Receiver<()>,
) -> Receiver {
    let ToHear { left, mut incoming } = to_hear;
    let hand = |said: Incoming| {
        if heard.is_new(&said) {
            // Nobody listens any more: the connection ends.
            let _ = to.send(said);
        }
    };
    left.into_iter().for_each(hand);
    loop {
        tokio::select! {
            biased;
            _ = &mut stopped => return incoming,
            said = incoming.recv() => match said {
                Some(said) => hand(said),
                None => return incoming,
            },
        }
    }
}
