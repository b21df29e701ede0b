//! Reading what is remembered: everything that a run needs at once, and the past where it is asked for.

mod past;
mod rooms;

use std::{collections::BTreeMap, fmt::Display, path::Path, time::Duration};

use inviter_core::{
    OwnedRoomId, OwnedUserId, RoomAliasId, RoomId, UserId,
    directory::ProviderId,
    recall::{
        Brought, Happened, Lost, Memory, MemoryIdentity, Pause, Recalled, RememberedAlias,
        RememberedDirectory, RememberedQuarantine, RememberedRemoval, RememberedRoom,
    },
    report::Tally,
    room::RoomRef,
    room_template::Argument,
    runs::{RememberedRun, RunCause},
    server::{LimitKind, MetLimit},
    time::Timestamp,
};
use rusqlite::{Connection, Params, Row, Transaction};

use super::{damage::Trouble, schema};

/// Rooms by their number in the file.
type Rooms = BTreeMap<i64, (OwnedRoomId, RememberedRoom)>;

/// Everything, as of one moment.
pub(super) fn recall(connection: &mut Connection, path: &Path) -> Result<Recalled, Trouble> {
    reading(connection, path, |reader| {
        let mut lost = None;
        reader.each("SELECT why FROM lost", |row| {
            lost = Some(reader.get(row, 0)?);
            Ok(())
        })?;
        let memory = reader.memory()?;
        Ok(match lost {
            Some(why) => Recalled::Lost(Lost { why, memory }),
            None => Recalled::Memory(memory),
        })
    })
}

/// Whom we have brought into a room.
pub(super) fn brought(
    connection: &mut Connection,
    path: &Path,
    room: &RoomId,
) -> Result<BTreeMap<OwnedUserId, Brought>, Trouble> {
    reading(connection, path, |reader| reader.brought(room))
}

/// What we did with somebody, in one room or in all, oldest first.
pub(super) fn history(
    connection: &mut Connection,
    path: &Path,
    user: &UserId,
    room: Option<&RoomId>,
) -> Result<Vec<Happened>, Trouble> {
    reading(connection, path, |reader| reader.history(user, room))
}

/// All in one transaction, so that a commit in between cannot be half seen.
fn reading<T>(
    connection: &mut Connection,
    path: &Path,
    read: impl FnOnce(&Reader<'_>) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    let transaction = connection
        .transaction()
        .map_err(|error| Trouble::of(path, error))?;
    // A newer program may have come along since the file was opened.
    schema::known_version(&transaction, path)?;
    read(&Reader {
        transaction: &transaction,
        path,
    })
}

struct Reader<'a> {
    transaction: &'a Transaction<'a>,
    path: &'a Path,
}

impl Reader<'_> {
    /// Every file has one from its beginning, or since it was brought up to date.
    fn identity(&self) -> Result<MemoryIdentity, Trouble> {
        let mut identity = None;
        self.each("SELECT number FROM identity", |row| {
            identity = Some(MemoryIdentity(self.get::<i64>(row, 0)?.cast_unsigned()));
            Ok(())
        })?;
        identity.ok_or_else(|| Trouble::Damaged("the memory of earlier runs has no identity".to_owned()))
    }

    fn memory(&self) -> Result<Memory, Trouble> {
        let mut memory = Memory {
            identity: self.identity()?,
            ..Memory::default()
        };
        self.each("SELECT at FROM fact WHERE name = 'clean_run'", |row| {
            memory.clean_run = Some(self.time(row, 0)?);
            Ok(())
        })?;
        self.each("SELECT alias, room, asked FROM alias", |row| {
            let alias = self.parsed(row, 0, RoomAliasId::parse)?;
            let remembered = RememberedAlias {
                room: self.parsed(row, 1, RoomId::parse)?,
                asked: self.time(row, 2)?,
            };
            memory.aliases.insert(alias, remembered);
            Ok(())
        })?;
        self.each("SELECT provider, at, active_accounts FROM directory", |row| {
            let remembered = RememberedDirectory {
                at: self.time(row, 1)?,
                active_accounts: self.unsigned(row, 2)?,
            };
            memory
                .directories
                .insert(ProviderId::new(self.get::<String>(row, 0)?), remembered);
            Ok(())
        })?;
        memory.quarantined = self.quarantined()?;
        self.each("SELECT at, room, user FROM removal ORDER BY number", |row| {
            memory.removals.push(RememberedRemoval {
                at: self.time(row, 0)?,
                room: self.parsed(row, 1, RoomId::parse)?,
                user: self.user(row, 2)?,
            });
            Ok(())
        })?;
        self.each("SELECT what, at FROM pause", |row| {
            let name: String = self.get(row, 0)?;
            let what = if name.is_empty() {
                Pause::Everything
            } else if name.starts_with('!') {
                Pause::Room(RoomRef::Id(self.parsed(row, 0, RoomId::parse)?))
            } else {
                Pause::Room(RoomRef::Alias(self.parsed(row, 0, RoomAliasId::parse)?))
            };
            memory.paused.insert(what, self.time(row, 1)?);
            Ok(())
        })?;
        self.each("SELECT vals FROM argument", |row| {
            memory
                .arguments
                .insert(self.parsed(row, 0, |text| Argument::parse(&text))?);
            Ok(())
        })?;
        self.each("SELECT kind, at, wait FROM limit_met", |row| {
            let kind: String = self.get(row, 0)?;
            let kind = LimitKind::ALL.into_iter().find(|known| known.as_str() == kind);
            let met = MetLimit {
                at: self.time(row, 1)?,
                wait: Duration::from_millis(self.unsigned(row, 2)?),
            };
            let kind = kind.ok_or_else(|| cannot_be("a kind of rate limit"))?;
            memory.limits.insert(kind, met);
            Ok(())
        })?;
        self.each("SELECT room, successor FROM successor", |row| {
            let room = self.parsed(row, 0, RoomId::parse)?;
            memory
                .successors
                .0
                .insert(room, self.parsed(row, 1, RoomId::parse)?);
            Ok(())
        })?;
        memory.runs = self.runs()?;
        memory.rooms = self.rooms()?.into_values().collect();
        Ok(memory)
    }

    /// The directories that are left alone.
    fn quarantined(&self) -> Result<BTreeMap<ProviderId, RememberedQuarantine>, Trouble> {
        let mut quarantined = BTreeMap::new();
        let sql = "SELECT provider, failing_since, since, failures FROM quarantined";
        self.each(sql, |row| {
            let remembered = RememberedQuarantine {
                failing_since: self.time(row, 1)?,
                since: self.time(row, 2)?,
                failures: self.get(row, 3)?,
            };
            quarantined.insert(ProviderId::new(self.get::<String>(row, 0)?), remembered);
            Ok(())
        })?;
        Ok(quarantined)
    }

    /// The last runs. Nothing rests on them but what people are told, so one that cannot be read is left out
    /// (decision 44).
    fn runs(&self) -> Result<Vec<RememberedRun>, Trouble> {
        let mut runs = Vec::new();
        let sql = "SELECT at, took, cause, person, whole, errors, not_begun, rooms_created, invited, removed, changed,
                          held, pending, failed, parked, unread, incomplete FROM run ORDER BY number";
        self.each(sql, |row| {
            match self.run(row) {
                Ok(run) => runs.push(run),
                Err(Trouble::Damaged(why)) => {
                    tracing::warn!(file = %self.path.display(), why, "an earlier run cannot be read and is left out");
                }
                Err(failed) => return Err(failed),
            }
            Ok(())
        })?;
        Ok(runs)
    }

    fn run(&self, row: &Row<'_>) -> Result<RememberedRun, Trouble> {
        let word: String = self.get(row, 2)?;
        let who = match self.get::<Option<String>>(row, 3)? {
            None => None,
            Some(_) => Some(self.user(row, 3)?),
        };
        let mut tally = Tally::default();
        let counts = [
            &mut tally.rooms_created,
            &mut tally.invited,
            &mut tally.removed,
            &mut tally.changed,
            &mut tally.held,
            &mut tally.pending,
            &mut tally.failed,
            &mut tally.parked,
        ];
        for (column, count) in (7..).zip(counts) {
            *count = self.get(row, column)?;
        }
        Ok(RememberedRun {
            at: self.time(row, 0)?,
            took: self.unsigned(row, 1)?,
            cause: RunCause::parse(&word, who).ok_or_else(|| cannot_be(&word))?,
            whole: self.get(row, 4)?,
            tally,
            errors: self.get(row, 5)?,
            unread: self.get(row, 15)?,
            incomplete: self.get(row, 16)?,
            not_begun: self.get(row, 6)?,
        })
    }

    fn each(&self, sql: &str, take: impl FnMut(&Row<'_>) -> Result<(), Trouble>) -> Result<(), Trouble> {
        self.each_with(sql, [], take)
    }

    fn each_with(
        &self,
        sql: &str,
        parameters: impl Params,
        mut take: impl FnMut(&Row<'_>) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        let sqlite = |error| Trouble::of(self.path, error);
        let mut statement = self.transaction.prepare_cached(sql).map_err(sqlite)?;
        let mut rows = statement.query(parameters).map_err(sqlite)?;
        while let Some(row) = rows.next().map_err(sqlite)? {
            take(row)?;
        }
        Ok(())
    }

    /// The first column is the room's number.
    fn each_of_room(
        &self,
        sql: &str,
        rooms: &mut Rooms,
        mut take: impl FnMut(&Row<'_>, &mut RememberedRoom) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        self.each(sql, |row| {
            let number: i64 = self.get(row, 0)?;
            match rooms.get_mut(&number) {
                Some((_, room)) => take(row, room),
                None => Err(cannot_be(&format!("room {number}"))),
            }
        })
    }

    fn get<T: rusqlite::types::FromSql>(&self, row: &Row<'_>, column: usize) -> Result<T, Trouble> {
        row.get(column).map_err(|error| Trouble::of(self.path, error))
    }

    fn unsigned(&self, row: &Row<'_>, column: usize) -> Result<u64, Trouble> {
        let number: i64 = self.get(row, column)?;
        u64::try_from(number).map_err(|_| cannot_be(&number.to_string()))
    }

    fn time(&self, row: &Row<'_>, column: usize) -> Result<Timestamp, Trouble> {
        self.unsigned(row, column).map(Timestamp)
    }

    fn optional_time(&self, row: &Row<'_>, column: usize) -> Result<Option<Timestamp>, Trouble> {
        match self.get::<Option<i64>>(row, column)? {
            None => Ok(None),
            Some(_) => self.time(row, column).map(Some),
        }
    }

    fn user(&self, row: &Row<'_>, column: usize) -> Result<OwnedUserId, Trouble> {
        self.parsed(row, column, UserId::parse)
    }

    fn parsed<T, E: Display>(
        &self,
        row: &Row<'_>,
        column: usize,
        parse: impl FnOnce(String) -> Result<T, E>,
    ) -> Result<T, Trouble> {
        let text: String = self.get(row, column)?;
        parse(text.clone()).map_err(|_| cannot_be(&text))
    }
}

fn cannot_be(value: &str) -> Trouble {
    Trouble::Damaged(format!(
        "the memory of earlier runs has a value that cannot be (`{value}`)"
    ))
}
