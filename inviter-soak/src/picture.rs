//! The rooms as a warden's `/sync` tells of them, at once when something happens.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use inviter_testkit::{Client, enc};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::names::Names;
use crate::room::Room;

/// A state event, and when it was seen.
#[derive(Debug, Clone)]
pub(crate) struct Happened {
    pub(crate) at: Instant,
    /// The room's ID.
    pub(crate) room: String,
    /// Such as `m.room.member`.
    pub(crate) kind: String,
    /// In short.
    pub(crate) key: String,
    /// In short.
    pub(crate) sender: String,
    pub(crate) content: Value,
}

#[derive(Debug)]
struct Shared {
    names: Names,
    rooms: Mutex<BTreeMap<String, Room>>,
    log: Mutex<Vec<Happened>>,
    news: watch::Sender<()>,
}

/// Follows the homeserver until it is dropped.
#[derive(Debug)]
pub(crate) struct Picture {
    shared: Arc<Shared>,
    following: AbortHandle,
}

impl Drop for Picture {
    fn drop(&mut self) {
        self.following.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Picture {
    /// Follows what this account sees.
    pub(crate) fn follow(client: Client, names: Names) -> Self {
        let shared = Arc::new(Shared {
            names,
            rooms: Mutex::default(),
            log: Mutex::default(),
            news: watch::Sender::new(()),
        });
        let following = tokio::spawn(follow(client, Arc::clone(&shared))).abort_handle();
        Self { shared, following }
    }

    /// A room as it is now, by its ID, if the account is in it.
    pub(crate) fn room(&self, id: &str) -> Option<Room> {
        lock(&self.shared.rooms).get(id).cloned()
    }

    /// All rooms that the account is in, by ID.
    pub(crate) fn rooms(&self) -> BTreeMap<String, Room> {
        lock(&self.shared.rooms).clone()
    }

    /// Wakes whenever something has happened.
    pub(crate) fn news(&self) -> watch::Receiver<()> {
        self.shared.news.subscribe()
    }

    /// How many things have happened so far, to look for later ones.
    pub(crate) fn count(&self) -> usize {
        lock(&self.shared.log).len()
    }

    /// Waits for the first thing, from `since` on, that is right.
    pub(crate) async fn happens(
        &self,
        since: usize,
        patience: Duration,
        mut is_right: impl FnMut(&Happened) -> bool,
    ) -> Option<(usize, Happened)> {
        let mut news = self.news();
        let deadline = tokio::time::Instant::now() + patience;
        let mut from = since;
        loop {
            news.mark_unchanged();
            {
                let log = lock(&self.shared.log);
                let mut later = log.iter().enumerate().skip(from);
                if let Some((at, happened)) = later.find(|(_, happened)| is_right(happened)) {
                    return Some((at, happened.clone()));
                }
                from = log.len();
            }
            tokio::time::timeout_at(deadline, news.changed())
                .await
                .ok()?
                .ok()?;
        }
    }
}

async fn follow(client: Client, shared: Arc<Shared>) {
    let types = [
        "m.room.member",
        "m.room.power_levels",
        "m.room.history_visibility",
    ];
    let filter = json!({
        "presence": { "types": [] }, "account_data": { "types": [] },
        "room": {
            "timeline": { "types": types, "limit": 100 }, "state": { "types": types },
            "ephemeral": { "types": [] }, "account_data": { "types": [] },
        },
    });
    let filter = enc(&filter.to_string());
    let mut since = String::new();
    loop {
        let path = format!("/_matrix/client/v3/sync?filter={filter}&timeout=20000{since}");
        match client.get(&path).await {
            Ok((200, answer)) => {
                since = format!(
                    "&since={}",
                    enc(answer["next_batch"].as_str().unwrap_or_default())
                );
                shared.take(&answer);
            }
            _ => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

impl Shared {
    fn take(&self, answer: &Value) {
        let at = Instant::now();
        let joined = answer["rooms"]["join"].as_object().into_iter().flatten();
        let mut some = false;
        for (id, room) in joined {
            for part in ["state", "timeline"] {
                let events = room[part]["events"].as_array().into_iter().flatten();
                for event in events.filter(|event| event.get("state_key").is_some()) {
                    some = true;
                    lock(&self.rooms)
                        .entry(id.clone())
                        .or_default()
                        .take(event, &self.names);
                    lock(&self.log).push(Happened {
                        at,
                        room: id.clone(),
                        kind: event["type"].as_str().unwrap_or_default().to_owned(),
                        key: self.names.short(event["state_key"].as_str().unwrap_or_default()),
                        sender: self.names.short(event["sender"].as_str().unwrap_or_default()),
                        content: event["content"].clone(),
                    });
                }
            }
        }
        if some {
            self.news.send_replace(());
        }
    }
}
