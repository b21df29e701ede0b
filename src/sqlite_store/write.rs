//! Writing changes: all of a commit in one transaction, each as the one or two rows that it is about.

mod people;
mod whole_rooms;

use std::{collections::BTreeMap, path::Path};

use inviter_core::{
    OwnedRoomId, RoomId, UserId,
    desired::{Feed, FeedRole},
    recall::{MemoryChange, MemoryIdentity, Pause, Refusal, RefusedOp, RememberedQuarantine, StoreError},
    runs::{RememberedRun, RunCause},
    server::{LimitKind, MetLimit},
    time::Timestamp,
};
use rusqlite::{Connection, Params, Transaction, TransactionBehavior, params};

use super::{damage::Trouble, schema};

/// Makes changes permanent, all or none.
pub(super) fn changes(
    connection: &mut Connection,
    path: &Path,
    changes: &[MemoryChange],
) -> Result<(), Trouble> {
    let sqlite = |error| Trouble::of(path, error);
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(sqlite)?;
    // A newer program may have come along since the file was opened.
    schema::known_version(&transaction, path)?;
    let mut writer = Writer {
        transaction: &transaction,
        path,
        rooms: BTreeMap::new(),
    };
    for change in changes {
        writer.change(change)?;
    }
    transaction.commit().map_err(sqlite)
}

/// Writes down that there was a memory before this file, until a run has told so.
pub(super) fn lost(connection: &Connection, path: &Path, why: &str) -> Result<(), Trouble> {
    connection
        .execute("INSERT INTO lost (why) VALUES (?1)", [why])
        .map(drop)
        .map_err(|error| Trouble::of(path, error))
}

struct Writer<'a> {
    transaction: &'a Transaction<'a>,
    path: &'a Path,
    /// Numbers of rooms that this commit has met; a commit is often about few rooms and many people.
    rooms: BTreeMap<OwnedRoomId, i64>,
}

impl Writer<'_> {
    fn change(&mut self, change: &MemoryChange) -> Result<(), Trouble> {
        match change {
            MemoryChange::CleanRun(at) => self.run(
                "INSERT OR REPLACE INTO fact (name, at) VALUES ('clean_run', ?1)",
                [self.time(*at)?],
            ),
            MemoryChange::Alias(alias, remembered) => self.run(
                "INSERT OR REPLACE INTO alias (alias, room, asked) VALUES (?1, ?2, ?3)",
                params![
                    alias.as_str(),
                    remembered.room.as_str(),
                    self.time(remembered.asked)?
                ],
            ),
            MemoryChange::AliasForgotten(alias) => {
                self.run("DELETE FROM alias WHERE alias = ?1", [alias.as_str()])
            }
            MemoryChange::Adopted(room, at) => self.adopted(room, *at),
            MemoryChange::HandedOver(room, at) => self.handed_over(room, *at),
            MemoryChange::ListingChecked(room, at) => self.mark(
                room,
                *at,
                "UPDATE room SET listing_checked = ?2 WHERE number = ?1",
            ),
            MemoryChange::Feeds(room, feeds) => self.feeds(room, feeds),
            MemoryChange::Given(room, user, level) => self.given(room, user, *level),
            MemoryChange::Absent(room, user, is_absent) => self.listed("absent", (room, user), *is_absent),
            MemoryChange::Reinvited(room, user, was_reinvited) => {
                self.listed("reinvited", (room, user), *was_reinvited)
            }
            MemoryChange::Refused(room, user, refusal) => self.refused(room, user.as_str(), refusal.as_ref()),
            MemoryChange::ForgetRefusals(before) => {
                self.run("DELETE FROM refused WHERE at < ?1", [self.time(*before)?])
            }
            MemoryChange::Directory(provider, remembered) => self.run(
                "INSERT OR REPLACE INTO directory (provider, at, active_accounts) VALUES (?1, ?2, ?3)",
                params![
                    provider.as_str(),
                    self.time(remembered.at)?,
                    self.signed(remembered.active_accounts)?
                ],
            ),
            MemoryChange::Quarantined(provider, of) => self.quarantined(provider.as_str(), of.as_ref()),
            MemoryChange::Removal(removal) => self.run(
                "INSERT INTO removal (at, room, user) VALUES (?1, ?2, ?3)",
                params![
                    self.time(removal.at)?,
                    removal.room.as_str(),
                    removal.user.as_str()
                ],
            ),
            MemoryChange::ForgetRemovals(before) => {
                self.run("DELETE FROM removal WHERE at < ?1", [self.time(*before)?])
            }
            MemoryChange::Paused(what, Some(at)) => self.pause(what, *at),
            MemoryChange::Paused(what, None) => self.resume(what),
            MemoryChange::Argument(argument) => self.run(
                "INSERT OR IGNORE INTO argument (vals) VALUES (?1)",
                [argument.to_string()],
            ),
            MemoryChange::Forgotten(room) => self.forget(room),
            MemoryChange::LimitMet(kind, met) => self.limit_met(*kind, met),
            MemoryChange::Followed {
                from,
                to,
                at,
                left,
                kept_out,
            } => {
                self.follow(from, to, *at)?;
                self.out_before(to, left, kept_out)
            }
            MemoryChange::OutBeforeForgotten(room, user) => {
                self.listed("left_before", (room, user), false)?;
                self.listed("kept_out", (room, user), false)
            }
            MemoryChange::Ran(run) => self.ran(run),
            MemoryChange::Missing(room, user, since) => self.missing(room, user, *since),
            MemoryChange::Brought(room, user, brought) => self.brought(room, user, brought.as_ref()),
            MemoryChange::Happened(happened) => self.happened(happened),
            MemoryChange::ForgetHistory(before) => self.forget_history(*before),
            MemoryChange::Held(room, hold) => self.held(room, hold.as_ref()),
            MemoryChange::Released(room, at) => {
                self.mark(room, *at, "UPDATE room SET released = ?2 WHERE number = ?1")
            }
            MemoryChange::LossTold(of) => self.loss_told(*of),
            // The core has learnt to remember something new: better no commit than one that forgets it in silence.
            other => Err(self.failed(format!("this store has no place for {other:?}"))),
        }
    }

    fn quarantined(&self, provider: &str, remembered: Option<&RememberedQuarantine>) -> Result<(), Trouble> {
        let Some(remembered) = remembered else {
            return self.run("DELETE FROM quarantined WHERE provider = ?1", [provider]);
        };
        self.run(
            "INSERT OR REPLACE INTO quarantined (provider, failing_since, since, failures) VALUES (?1, ?2, ?3, ?4)",
            params![
                provider,
                self.time(remembered.failing_since)?,
                self.time(remembered.since)?,
                remembered.failures
            ],
        )
    }

    /// Only of the memory that is in this file: meanwhile the one that was told may be lost as well.
    fn loss_told(&self, of: MemoryIdentity) -> Result<(), Trouble> {
        let of = of.0.cast_signed();
        self.run(
            "DELETE FROM lost WHERE EXISTS (SELECT 1 FROM identity WHERE number = ?1)",
            [of],
        )?;
        self.run(
            "DELETE FROM fact WHERE name = 'clean_run' AND EXISTS (SELECT 1 FROM identity WHERE number = ?1)",
            [of],
        )
    }

    fn pause(&self, what: &Pause, at: Timestamp) -> Result<(), Trouble> {
        self.run(
            "INSERT OR REPLACE INTO pause (what, at) VALUES (?1, ?2)",
            params![name(what), self.time(at)?],
        )
    }

    /// Nobody looked at what was paused, so that every grace there begins anew.
    fn resume(&self, what: &Pause) -> Result<(), Trouble> {
        self.run("DELETE FROM pause WHERE what = ?1", [name(what)])?;
        match what {
            Pause::Everything => self.run("DELETE FROM missing", []),
            Pause::Room(room) => self.run(
                "WITH RECURSIVE concerned (room) AS (
                     SELECT ?1 UNION SELECT room FROM alias WHERE alias = ?1
                     UNION SELECT successor FROM successor JOIN concerned ON successor.room = concerned.room)
                 DELETE FROM missing
                 WHERE room IN (SELECT number FROM room JOIN concerned ON room_id = concerned.room)",
                [room.to_string()],
            ),
        }
    }

    fn limit_met(&self, kind: LimitKind, met: &MetLimit) -> Result<(), Trouble> {
        let wait = u64::try_from(met.wait.as_millis()).unwrap_or(u64::MAX);
        self.run(
            "INSERT OR REPLACE INTO limit_met (kind, at, wait) VALUES (?1, ?2, ?3)",
            params![kind.as_str(), self.time(met.at)?, self.signed(wait)?],
        )
    }

    fn feeds(&mut self, room: &RoomId, feeds: &[Feed]) -> Result<(), Trouble> {
        let room = self.room(room)?;
        self.run("DELETE FROM feed WHERE room = ?1", [room])?;
        for (position, feed) in (0_i64..).zip(feeds) {
            let role = match feed.role {
                FeedRole::Members => "members",
                FeedRole::Owners => "owners",
            };
            self.run(
                "INSERT INTO feed (room, position, provider, key, name, role) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    room,
                    position,
                    feed.group.provider.as_str(),
                    feed.group.key.as_str(),
                    &*feed.group.name,
                    role
                ],
            )?;
        }
        Ok(())
    }

    fn given(&mut self, room: &RoomId, user: &UserId, level: Option<i64>) -> Result<(), Trouble> {
        let room = self.room(room)?;
        match level {
            Some(level) => self.run(
                "INSERT OR REPLACE INTO given (room, user, level) VALUES (?1, ?2, ?3)",
                params![room, user.as_str(), level],
            ),
            None => self.run(
                "DELETE FROM given WHERE room = ?1 AND user = ?2",
                params![room, user.as_str()],
            ),
        }
    }

    /// Somebody is in a table of people by room, or is not.
    fn listed(&mut self, table: &str, (room, user): (&RoomId, &UserId), is_in: bool) -> Result<(), Trouble> {
        let room = self.room(room)?;
        let sql = if is_in {
            format!("INSERT OR IGNORE INTO {table} (room, user) VALUES (?1, ?2)")
        } else {
            format!("DELETE FROM {table} WHERE room = ?1 AND user = ?2")
        };
        self.run(&sql, params![room, user.as_str()])
    }

    /// Writes down when something was so of a room.
    fn mark(&mut self, room: &RoomId, at: Timestamp, sql: &str) -> Result<(), Trouble> {
        let room = self.room(room)?;
        self.run(sql, params![room, self.time(at)?])
    }

    fn refused(&mut self, room: &RoomId, user: &str, refusal: Option<&Refusal>) -> Result<(), Trouble> {
        let room = self.room(room)?;
        let Some(refusal) = refusal else {
            return self.run(
                "DELETE FROM refused WHERE room = ?1 AND user = ?2",
                params![room, user],
            );
        };
        let operation = match refusal.of {
            RefusedOp::Invite => "invite",
            RefusedOp::Remove => "remove",
            RefusedOp::Join => "join",
        };
        self.run(
            "INSERT OR REPLACE INTO refused (room, user, at, cause, operation) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![room, user, self.time(refusal.at)?, refusal.cause, operation],
        )
    }

    /// A run, in the place of those that nobody asks about any more ([`RememberedRun::keep`]).
    fn ran(&self, run: &RememberedRun) -> Result<(), Trouble> {
        let who = match &run.cause {
            RunCause::Person { who: Some(who) } => Some(who.as_str()),
            _ => None,
        };
        let tally = &run.tally;
        self.run(
            "INSERT INTO run (at, took, cause, person, whole, rooms_created, invited, removed, changed, held, pending,
                              failed, parked, errors, not_begun, unread, incomplete)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
            params![
                self.time(run.at)?,
                self.signed(run.took)?,
                run.cause.as_str(),
                who,
                run.whole,
                tally.rooms_created,
                tally.invited,
                tally.removed,
                tally.changed,
                tally.held,
                tally.pending,
                tally.failed,
                tally.parked,
                run.errors,
                run.not_begun,
                run.unread,
                run.incomplete,
            ],
        )?;
        self.run(
            "DELETE FROM run
             WHERE number NOT IN (SELECT number FROM run ORDER BY number DESC LIMIT ?1)
               AND number IS NOT (SELECT max(number) FROM run WHERE whole AND not_begun IS NULL)
               AND number IS NOT (SELECT max(number) FROM run WHERE not_begun IS NOT NULL)",
            [self.signed(RememberedRun::KEPT as u64)?],
        )
    }

    /// The number of a room, which is written down if it is new.
    fn room(&mut self, room: &RoomId) -> Result<i64, Trouble> {
        if let Some(number) = self.rooms.get(room) {
            return Ok(*number);
        }
        self.run(
            "INSERT OR IGNORE INTO room (room_id) VALUES (?1)",
            [room.as_str()],
        )?;
        let sqlite = |error| Trouble::of(self.path, error);
        let number = self
            .transaction
            .prepare_cached("SELECT number FROM room WHERE room_id = ?1")
            .and_then(|mut statement| statement.query_row([room.as_str()], |row| row.get(0)))
            .map_err(sqlite)?;
        self.rooms.insert(room.to_owned(), number);
        Ok(number)
    }

    fn run(&self, sql: &str, parameters: impl Params) -> Result<(), Trouble> {
        let sqlite = |error| Trouble::of(self.path, error);
        let mut statement = self.transaction.prepare_cached(sql).map_err(sqlite)?;
        statement.execute(parameters).map_err(sqlite)?;
        Ok(())
    }

    fn time(&self, at: Timestamp) -> Result<i64, Trouble> {
        self.signed(at.0)
    }

    /// SQLite's integers are signed; nothing that is remembered comes near the limit.
    fn signed(&self, number: u64) -> Result<i64, Trouble> {
        i64::try_from(number).map_err(|_| self.failed(format!("{number} is too large to be kept")))
    }

    fn failed(&self, message: String) -> Trouble {
        Trouble::Failed(StoreError {
            about: self.path.display().to_string(),
            message,
            source: None,
        })
    }
}

fn name(pause: &Pause) -> String {
    match pause {
        Pause::Everything => String::new(),
        Pause::Room(room) => room.to_string(),
    }
}
