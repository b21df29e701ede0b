//! A [`MemoryStore`] that keeps everything in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use ruma_common::{OwnedUserId, RoomId, UserId};

use crate::recall::{
    Brought, Happened, Lost, Memory, MemoryChange, MemoryIdentity, MemoryStore, Past, Recalled, StoreError,
};

/// A [`MemoryStore`] in memory, which lets a test look at what was remembered and lose it. Clones are handles to
/// the same store.
///
/// Nothing here is made up by chance: the first memory of a store is that of [`with`](Self::with), and each that begins
/// after a loss has the next identity. A program that keeps its memory here, and forgets it when it ends, begins with
/// an identity of its own each time, or release codes of the time before may be good again.
#[derive(Debug, Clone, Default)]
pub struct InMemoryStore {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    memory: Memory,
    past: Past,
    lost: Option<String>,
    /// Every commit, oldest first.
    commits: Vec<Vec<MemoryChange>>,
    fail_next: bool,
}

impl InMemoryStore {
    /// A store that remembers something already.
    pub fn with(memory: Memory) -> Self {
        Self {
            inner: Arc::new(Mutex::new(Inner {
                memory,
                ..Inner::default()
            })),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is remembered.
    pub fn memory(&self) -> Memory {
        self.inner().memory.clone()
    }

    /// Replaces what is remembered.
    pub fn set(&self, memory: Memory) {
        let mut inner = self.inner();
        inner.memory = memory;
        inner.lost = None;
    }

    /// Everything that was committed, commit by commit.
    pub fn commits(&self) -> Vec<Vec<MemoryChange>> {
        self.inner().commits.clone()
    }

    /// Loses the memory: it is recalled as lost until a run has told so.
    pub fn lose(&self, why: impl Into<String>) {
        let mut inner = self.inner();
        inner.memory = Memory {
            identity: MemoryIdentity(inner.memory.identity.0.wrapping_add(1)),
            ..Memory::default()
        };
        inner.past = Past::default();
        inner.lost = Some(why.into());
    }

    /// The next commit fails, and changes nothing.
    pub fn fail_next_commit(&self) {
        self.inner().fail_next = true;
    }
}

#[async_trait]
impl MemoryStore for InMemoryStore {
    async fn recall(&self) -> Result<Recalled, StoreError> {
        let inner = self.inner();
        Ok(match &inner.lost {
            Some(why) => Recalled::Lost(Lost {
                why: why.clone(),
                memory: inner.memory.clone(),
            }),
            None => Recalled::Memory(inner.memory.clone()),
        })
    }

    async fn commit(&self, changes: &[MemoryChange]) -> Result<(), StoreError> {
        let mut inner = self.inner();
        if std::mem::take(&mut inner.fail_next) {
            return Err(StoreError {
                about: "the store in memory".to_owned(),
                message: "made to fail by the test".to_owned(),
                source: None,
            });
        }
        if changes.contains(&MemoryChange::LossTold(inner.memory.identity)) {
            inner.lost = None;
        }
        inner.memory.apply(changes);
        inner.past.apply(changes);
        inner.commits.push(changes.to_vec());
        Ok(())
    }

    async fn brought(&self, room: &RoomId) -> Result<BTreeMap<OwnedUserId, Brought>, StoreError> {
        Ok(self.inner().past.brought(room))
    }

    async fn history(&self, user: &UserId, room: Option<&RoomId>) -> Result<Vec<Happened>, StoreError> {
        Ok(self.inner().past.history(user, room))
    }
}

#[cfg(test)]
mod tests {
    use futures_executor::block_on;

    use super::*;
    use crate::{recall::Pause, time::Timestamp};

    #[test]
    fn remembers_and_loses() {
        let store = InMemoryStore::default();
        block_on(store.commit(&[MemoryChange::CleanRun(Timestamp(7))])).unwrap();
        assert_eq!(store.memory().clean_run, Some(Timestamp(7)));
        store.fail_next_commit();
        block_on(store.commit(&[MemoryChange::CleanRun(Timestamp(8))])).unwrap_err();
        assert_eq!(store.memory().clean_run, Some(Timestamp(7)));
        store.lose("the file was damaged");
        let mut lost = Lost {
            why: "the file was damaged".to_owned(),
            memory: Memory {
                identity: MemoryIdentity(1),
                ..Memory::default()
            },
        };
        assert_eq!(block_on(store.recall()).unwrap(), Recalled::Lost(lost.clone()));
        assert_eq!(store.memory().identity, MemoryIdentity(1));
        assert_eq!(store.commits().len(), 1);
        // Whatever is remembered before it is told is kept, but that a run with the old memory was clean.
        let early = [
            MemoryChange::Paused(Pause::Everything, Some(Timestamp(9))),
            MemoryChange::CleanRun(Timestamp(9)),
            MemoryChange::LossTold(MemoryIdentity(0)),
        ];
        block_on(store.commit(&early)).unwrap();
        lost.memory.apply(&early);
        assert_eq!(block_on(store.recall()).unwrap(), Recalled::Lost(lost.clone()));
        assert_eq!(lost.begin().clean_run, None);
        assert_eq!(lost.begin().paused.len(), 1);
        block_on(store.commit(&[MemoryChange::LossTold(MemoryIdentity(1))])).unwrap();
        assert_eq!(block_on(store.recall()).unwrap(), Recalled::Memory(lost.begin()));
    }
}
