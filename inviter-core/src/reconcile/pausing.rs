//! Pausing and resuming: a person's word that nothing is to be done for the time being.

use super::{Reconciler, RunError};
use crate::{
    desired::SourceOutcome,
    recall::{Memory, MemoryChange, Pause},
    room::RoomRef,
};

impl Reconciler {
    /// Pauses rooms, or everything. A run that is under way is not stopped by it.
    ///
    /// A room has to be one that the directories want, or one that an earlier run has seen; while a directory cannot
    /// be read, any name is taken.
    ///
    /// # Errors
    /// [`RunError::NoSuchRoom`] for a name that nothing knows, and what reading and writing the memory can meet.
    pub async fn pause(&self, what: &[Pause]) -> Result<(), RunError> {
        let memory = self.store.recall().await?.into_memory();
        let rooms: Vec<&RoomRef> = what
            .iter()
            .filter_map(|pause| match pause {
                Pause::Room(room) => Some(room),
                Pause::Everything => None,
            })
            .collect();
        if rooms.iter().any(|room| !is_remembered(&memory, room)) {
            let desired = self.desired().await;
            let is_desired = |name: &RoomRef| desired.rooms.iter().any(|room| room.refs.contains(name));
            let unknown = |name: &&&RoomRef| !is_remembered(&memory, name) && !is_desired(name);
            let complete = desired.sources.iter().all(SourceOutcome::is_complete);
            if let Some(name) = rooms.iter().find(unknown).filter(|_| complete) {
                return Err(RunError::NoSuchRoom((**name).clone()));
            }
        }
        let now = self.clock.now();
        let changes: Vec<MemoryChange> = what
            .iter()
            .filter(|pause| !memory.paused.contains_key(pause))
            .map(|pause| MemoryChange::Paused(pause.clone(), Some(now)))
            .collect();
        Ok(self.store.commit(&changes).await?)
    }

    /// Takes pauses back, each by the name that it was given; answers with those that there were. A room stays paused
    /// by itself when everything is resumed.
    ///
    /// # Errors
    /// What reading and writing the memory can meet.
    pub async fn resume(&self, what: &[Pause]) -> Result<Vec<Pause>, RunError> {
        let memory = self.store.recall().await?.into_memory();
        let known: Vec<Pause> = what
            .iter()
            .filter(|pause| memory.paused.contains_key(pause))
            .cloned()
            .collect();
        let changes: Vec<MemoryChange> = known
            .iter()
            .map(|pause| MemoryChange::Paused(pause.clone(), None))
            .collect();
        self.store.commit(&changes).await?;
        Ok(known)
    }
}

fn is_remembered(memory: &Memory, name: &RoomRef) -> bool {
    match name {
        RoomRef::Alias(alias) => memory.aliases.contains_key(alias),
        RoomRef::Id(id) => {
            let replaced = memory.successors.0.contains_key(id);
            replaced
                || memory.rooms.contains_key(id)
                || memory.aliases.values().any(|alias| alias.room == *id)
        }
    }
}
