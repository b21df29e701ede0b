//! Reading everything that is remembered.

use std::{collections::BTreeMap, fmt::Display, path::Path, time::Duration};

use inviter_core::{
    OwnedRoomId, OwnedUserId, RoomAliasId, RoomId, UserId,
    desired::{Feed, FeedRole, GroupRef},
    directory::{GroupKey, ProviderId},
    recall::{
        KeptOut, Memory, Pause, Recalled, Refusal, RefusedOp, RememberedAlias, RememberedDirectory,
        RememberedRemoval, RememberedRoom,
    },
    report::Tally,
    room::RoomRef,
    room_template::Argument,
    runs::{RememberedRun, RunCause},
    server::{LimitKind, MetLimit},
    time::Timestamp,
};
use rusqlite::{Connection, Row, Transaction};

use super::damage::Trouble;

/// Rooms by their number in the file.
type Rooms = BTreeMap<i64, (OwnedRoomId, RememberedRoom)>;

/// Everything, as of one moment.
pub(super) fn recall(connection: &mut Connection, path: &Path) -> Result<Recalled, Trouble> {
    // All tables in one transaction, so that a commit in between cannot be half seen.
    let transaction = connection
        .transaction()
        .map_err(|error| Trouble::of(path, error))?;
    let reader = Reader {
        transaction: &transaction,
        path,
    };
    let mut lost = None;
    reader.each("SELECT why FROM lost", |row| {
        lost = Some(reader.get(row, 0)?);
        Ok(())
    })?;
    if let Some(why) = lost {
        return Ok(Recalled::Lost(why));
    }
    reader.memory().map(Recalled::Memory)
}

struct Reader<'a> {
    transaction: &'a Transaction<'a>,
    path: &'a Path,
}

impl Reader<'_> {
    fn memory(&self) -> Result<Memory, Trouble> {
        let mut memory = Memory::default();
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

    /// The last runs. Nothing rests on them but what people are told, so one that cannot be read is left out
    /// (decision 44).
    fn runs(&self) -> Result<Vec<RememberedRun>, Trouble> {
        let mut runs = Vec::new();
        let sql = "SELECT at, took, cause, person, whole, errors, not_begun, rooms_created, invited, removed, changed,
                          held, pending, failed, parked FROM run ORDER BY number";
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
            not_begun: self.get(row, 6)?,
        })
    }

    fn rooms(&self) -> Result<Rooms, Trouble> {
        let mut rooms = Rooms::new();
        self.each(
            "SELECT number, room_id, adopted, listing_checked, handed_over FROM room",
            |row| {
                let id = self.parsed(row, 1, RoomId::parse)?;
                let room = RememberedRoom {
                    adopted: self.optional_time(row, 2)?,
                    listing_checked: self.optional_time(row, 3)?,
                    handed_over: self.optional_time(row, 4)?,
                    ..RememberedRoom::default()
                };
                rooms.insert(self.get(row, 0)?, (id, room));
                Ok(())
            },
        )?;
        let feeds = "SELECT room, provider, key, name, role FROM feed ORDER BY room, position";
        self.each_of_room(feeds, &mut rooms, |row, room| {
            let group = GroupRef {
                provider: ProviderId::new(self.get::<String>(row, 1)?),
                key: GroupKey::new(self.get::<String>(row, 2)?),
                name: self.get::<String>(row, 3)?.into(),
            };
            let role = match self.get::<String>(row, 4)?.as_str() {
                "members" => FeedRole::Members,
                "owners" => FeedRole::Owners,
                other => return Err(cannot_be(other)),
            };
            room.feeds.push(Feed { group, role });
            Ok(())
        })?;
        self.each_of_room("SELECT room, user, level FROM given", &mut rooms, |row, room| {
            room.given.insert(self.user(row, 1)?, self.get(row, 2)?);
            Ok(())
        })?;
        self.each_of_room("SELECT room, user FROM absent", &mut rooms, |row, room| {
            room.absent.insert(self.user(row, 1)?);
            Ok(())
        })?;
        self.each_of_room("SELECT room, user FROM reinvited", &mut rooms, |row, room| {
            room.reinvited.insert(self.user(row, 1)?);
            Ok(())
        })?;
        let left = "SELECT room, user, at FROM left_before";
        self.each_of_room(left, &mut rooms, |row, room| {
            room.left_before.insert(self.user(row, 1)?, self.time(row, 2)?);
            Ok(())
        })?;
        let kept_out = "SELECT room, user, by, at, banned FROM kept_out";
        self.each_of_room(kept_out, &mut rooms, |row, room| {
            let out = KeptOut {
                by: self.user(row, 2)?,
                at: self.time(row, 3)?,
                banned: self.get(row, 4)?,
            };
            room.kept_out.insert(self.user(row, 1)?, out);
            Ok(())
        })?;
        let refused = "SELECT room, user, at, cause, operation FROM refused";
        self.each_of_room(refused, &mut rooms, |row, room| {
            let refusal = Refusal {
                at: self.time(row, 2)?,
                cause: self.get(row, 3)?,
                of: match self.get::<String>(row, 4)?.as_str() {
                    "invite" => RefusedOp::Invite,
                    "remove" => RefusedOp::Remove,
                    "join" => RefusedOp::Join,
                    other => return Err(cannot_be(other)),
                },
            };
            room.refused.insert(self.user(row, 1)?, refusal);
            Ok(())
        })?;
        Ok(rooms)
    }

    fn each(&self, sql: &str, mut take: impl FnMut(&Row<'_>) -> Result<(), Trouble>) -> Result<(), Trouble> {
        let sqlite = |error| Trouble::of(self.path, error);
        let mut statement = self.transaction.prepare(sql).map_err(sqlite)?;
        let mut rows = statement.query([]).map_err(sqlite)?;
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
