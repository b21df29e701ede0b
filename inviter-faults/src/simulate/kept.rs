//! The store, with which things go wrong.

use std::{collections::BTreeMap, future::pending};

use async_trait::async_trait;
use inviter_core::{
    OwnedUserId, RoomId, UserId,
    memory::InMemoryStore,
    recall::{Brought, Happened, MemoryChange, MemoryStore, Recalled, StoreError},
};

use super::{
    names::SERVER,
    site::{Shared, Spot, look},
};

/// The store.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) site: Shared,
    pub(super) inner: InMemoryStore,
    /// It keeps no groups that feed rooms.
    pub(super) forgets_feeds: bool,
    /// It does not keep that a person's word was used.
    pub(super) forgets_words: bool,
    /// It says of a lost memory that all is well.
    pub(super) hides_loss: bool,
}

impl Kept {
    async fn meet(&self, at: Spot) -> Result<(), StoreError> {
        let (gone, what) = {
            let mut site = look(&self.site);
            let gone = site.tick();
            let what = if gone { None } else { site.meet(at) };
            (gone, what)
        };
        if gone {
            pending::<()>().await;
        }
        match what {
            Some(_) => Err(StoreError {
                about: SERVER.to_owned(),
                message: "made to fail by the simulation".to_owned(),
                source: None,
            }),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl MemoryStore for Kept {
    async fn recall(&self) -> Result<Recalled, StoreError> {
        self.meet(Spot::Recall).await?;
        let recalled = self.inner.recall().await?;
        let mut memory = match recalled {
            Recalled::Lost(_) if self.hides_loss => recalled.into_memory(),
            Recalled::Memory(memory) if self.hides_loss => memory,
            other => return Ok(other),
        };
        memory.clean_run = Some(look(&self.site).homeserver.now());
        Ok(Recalled::Memory(memory))
    }

    async fn commit(&self, changes: &[MemoryChange]) -> Result<(), StoreError> {
        self.meet(Spot::Commit).await?;
        if self.forgets_feeds || self.forgets_words {
            let changes = changes.iter().filter(|change| match change {
                MemoryChange::Feeds(..) => !self.forgets_feeds,
                MemoryChange::Released(..) => !self.forgets_words,
                _ => true,
            });
            let changes: Vec<MemoryChange> = changes.cloned().collect();
            return self.inner.commit(&changes).await;
        }
        self.inner.commit(changes).await
    }

    async fn brought(&self, room: &RoomId) -> Result<BTreeMap<OwnedUserId, Brought>, StoreError> {
        self.meet(Spot::Recall).await?;
        self.inner.brought(room).await
    }

    async fn history(&self, user: &UserId, room: Option<&RoomId>) -> Result<Vec<Happened>, StoreError> {
        self.inner.history(user, room).await
    }
}
