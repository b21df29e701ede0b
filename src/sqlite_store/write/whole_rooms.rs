//! Rooms as a whole: taken under management and out of it, followed to others, and forgotten.

use std::collections::BTreeMap;

use inviter_core::{OwnedUserId, RoomId, recall::KeptOut, time::Timestamp};
use rusqlite::params;

use super::{Trouble, Writer};

impl Writer<'_> {
    /// Under management by a person's word, which takes back that it was handed over or followed to another.
    pub(super) fn adopted(&mut self, room: &RoomId, at: Timestamp) -> Result<(), Trouble> {
        self.run("DELETE FROM successor WHERE room = ?1", [room.as_str()])?;
        self.mark(
            room,
            at,
            "UPDATE room SET adopted = ?2, handed_over = NULL WHERE number = ?1",
        )
    }

    /// Out of management by a person's word; no room leads to it any more.
    pub(super) fn handed_over(&mut self, room: &RoomId, at: Timestamp) -> Result<(), Trouble> {
        self.replaces_nothing(room)?;
        let number = self.room(room)?;
        for table in ["missing", "held"] {
            self.run(&format!("DELETE FROM {table} WHERE room = ?1"), [number])?;
        }
        self.mark(
            room,
            at,
            "UPDATE room SET adopted = NULL, handed_over = ?2 WHERE number = ?1",
        )
    }

    /// What is remembered of one room holds for another from now on, as [`Memory::apply`] does it.
    ///
    /// [`Memory::apply`]: inviter_core::recall::Memory::apply
    pub(super) fn follow(&mut self, from: &RoomId, to: &RoomId, at: Timestamp) -> Result<(), Trouble> {
        let (old, new) = (self.room(from)?, self.room(to)?);
        self.run(
            "UPDATE room SET adopted = coalesce(adopted, (SELECT adopted FROM room WHERE number = ?1), ?3)
             WHERE number = ?2 AND handed_over IS NULL",
            params![old, new, self.time(at)?],
        )?;
        self.run(
            "INSERT INTO feed (room, position, provider, key, name, role)
             SELECT ?2, position + (SELECT coalesce(max(position), -1) + 1 FROM feed WHERE room = ?2),
                    provider, key, name, role
             FROM feed AS old WHERE room = ?1 AND NOT EXISTS (
                 SELECT 1 FROM feed AS new WHERE new.room = ?2 AND new.provider = old.provider
                 AND new.key = old.key AND new.name = old.name AND new.role = old.role)",
            [old, new],
        )?;
        for (table, columns) in [
            ("given", "user, level"),
            ("absent", "user"),
            ("reinvited", "user"),
            ("refused", "user, at, cause, operation"),
            ("missing", "user, at"),
            ("brought", "user, at, origin"),
            ("held", "since, code, removals, demotions, reasons"),
        ] {
            let sql = format!(
                "INSERT OR IGNORE INTO {table} (room, {columns}) SELECT ?2, {columns} FROM {table} WHERE room = ?1"
            );
            self.run(&sql, [old, new])?;
        }
        self.run("UPDATE happened SET room = ?2 WHERE room = ?1", [old, new])?;
        self.run(
            "UPDATE room SET released = max(coalesce(released, before), before)
             FROM (SELECT released AS before FROM room WHERE number = ?1) WHERE number = ?2 AND before IS NOT NULL",
            [old, new],
        )?;
        self.run(
            "INSERT OR IGNORE INTO pause (what, at) SELECT ?2, at FROM pause WHERE what = ?1",
            [from.as_str(), to.as_str()],
        )?;
        self.run("DELETE FROM pause WHERE what = ?1", [from.as_str()])?;
        self.delete(from, old)?;
        self.run(
            "INSERT OR REPLACE INTO successor (room, successor) VALUES (?1, ?2)",
            [from.as_str(), to.as_str()],
        )
    }

    /// Who was out of the room that this one has replaced.
    pub(super) fn out_before(
        &mut self,
        room: &RoomId,
        left: &BTreeMap<OwnedUserId, Timestamp>,
        kept_out: &BTreeMap<OwnedUserId, KeptOut>,
    ) -> Result<(), Trouble> {
        let room = self.room(room)?;
        for (user, left_at) in left {
            self.run(
                "INSERT OR REPLACE INTO left_before (room, user, at) VALUES (?1, ?2, ?3)",
                params![room, user.as_str(), self.time(*left_at)?],
            )?;
        }
        for (user, out) in kept_out {
            self.run(
                "INSERT OR REPLACE INTO kept_out (room, user, by, at, banned) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    room,
                    user.as_str(),
                    out.by.as_str(),
                    self.time(out.at)?,
                    out.banned
                ],
            )?;
        }
        Ok(())
    }

    /// No room leads to this one any more.
    fn replaces_nothing(&self, room: &RoomId) -> Result<(), Trouble> {
        self.run("DELETE FROM successor WHERE successor = ?1", [room.as_str()])
    }

    /// A room, the aliases that lead to it, and that it has replaced others.
    pub(super) fn forget(&mut self, room: &RoomId) -> Result<(), Trouble> {
        self.replaces_nothing(room)?;
        let number = self.room(room)?;
        self.delete(room, number)?;
        self.run("DELETE FROM alias WHERE room = ?1", [room.as_str()])
    }

    /// A room with everything that refers to it.
    fn delete(&mut self, room: &RoomId, number: i64) -> Result<(), Trouble> {
        for table in [
            "feed",
            "given",
            "absent",
            "reinvited",
            "refused",
            "left_before",
            "kept_out",
            "missing",
            "brought",
            "happened",
            "held",
        ] {
            self.run(&format!("DELETE FROM {table} WHERE room = ?1"), [number])?;
        }
        self.run("DELETE FROM room WHERE number = ?1", [number])?;
        // It may come back in the same commit, under another number.
        self.rooms.remove(room);
        Ok(())
    }
}
