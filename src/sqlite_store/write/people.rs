//! Whom we brought in, what we did with people, who is missing, and what is held.

use inviter_core::{
    RoomId, UserId,
    desired::GroupRef,
    recall::{Brought, Happened, Happening, RememberedHold},
    time::Timestamp,
};
use rusqlite::params;

use super::{Trouble, Writer};

impl Writer<'_> {
    /// Since when nothing wants somebody.
    pub(super) fn missing(
        &mut self,
        room: &RoomId,
        user: &UserId,
        since: Option<Timestamp>,
    ) -> Result<(), Trouble> {
        let room = self.room(room)?;
        match since {
            Some(since) => self.run(
                "INSERT OR REPLACE INTO missing (room, user, at) VALUES (?1, ?2, ?3)",
                params![room, user.as_str(), self.time(since)?],
            ),
            None => self.run(
                "DELETE FROM missing WHERE room = ?1 AND user = ?2",
                params![room, user.as_str()],
            ),
        }
    }

    /// That we have brought somebody in.
    pub(super) fn brought(
        &mut self,
        room: &RoomId,
        user: &UserId,
        brought: Option<&Brought>,
    ) -> Result<(), Trouble> {
        let room = self.room(room)?;
        match brought {
            Some(brought) => {
                let origin = self.origin(brought.group.as_ref())?;
                self.run(
                    "INSERT OR REPLACE INTO brought (room, user, at, origin) VALUES (?1, ?2, ?3, ?4)",
                    params![room, user.as_str(), self.time(brought.at)?, origin],
                )
            }
            None => self.run(
                "DELETE FROM brought WHERE room = ?1 AND user = ?2",
                params![room, user.as_str()],
            ),
        }
    }

    /// What we did with somebody.
    pub(super) fn happened(&mut self, happened: &Happened) -> Result<(), Trouble> {
        let room = self.room(&happened.room)?;
        let origin = self.origin(happened.group.as_ref())?;
        let (what, level) = match happened.what {
            Happening::Invited => ("invited", None),
            Happening::PutIn => ("put_in", None),
            Happening::Removed => ("removed", None),
            Happening::InvitationWithdrawn => ("withdrawn", None),
            Happening::Level(level) => ("level", level),
        };
        self.run(
            "INSERT INTO happened (at, room, user, what, level, ground, origin) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                self.time(happened.at)?,
                room,
                happened.user.as_str(),
                what,
                level,
                happened.ground.as_str(),
                origin
            ],
        )
    }

    /// Forgets what we did with people before a point, and groups that nothing refers to any more.
    pub(super) fn forget_history(&self, before: Timestamp) -> Result<(), Trouble> {
        self.run("DELETE FROM happened WHERE at < ?1", [self.time(before)?])?;
        // Looking at every group is worth it only if something has gone.
        if self.transaction.changes() == 0 {
            return Ok(());
        }
        self.run(
            "DELETE FROM origin WHERE NOT EXISTS (SELECT 1 FROM happened WHERE happened.origin = origin.number)
             AND NOT EXISTS (SELECT 1 FROM brought WHERE brought.origin = origin.number)",
            [],
        )
    }

    /// What the guard holds in a room.
    pub(super) fn held(&mut self, room: &RoomId, hold: Option<&RememberedHold>) -> Result<(), Trouble> {
        let room = self.room(room)?;
        let Some(hold) = hold else {
            return self.run("DELETE FROM held WHERE room = ?1", [room]);
        };
        let reasons = serde_json::to_string(&hold.reasons).map_err(|error| self.failed(error.to_string()))?;
        self.run(
            "INSERT OR REPLACE INTO held (room, since, code, removals, demotions, reasons)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                room,
                self.time(hold.since)?,
                hold.code.as_str(),
                hold.removals,
                hold.demotions,
                reasons
            ],
        )
    }

    /// The number of a group, which is written down if it is new.
    fn origin(&self, group: Option<&GroupRef>) -> Result<Option<i64>, Trouble> {
        let Some(group) = group else { return Ok(None) };
        let named = params![group.provider.as_str(), group.key.as_str(), &*group.name];
        self.run(
            "INSERT OR IGNORE INTO origin (provider, key, name) VALUES (?1, ?2, ?3)",
            named,
        )?;
        self.transaction
            .prepare_cached("SELECT number FROM origin WHERE provider = ?1 AND key = ?2 AND name = ?3")
            .and_then(|mut statement| statement.query_row(named, |row| row.get(0)))
            .map(Some)
            .map_err(|error| Trouble::of(self.path, error))
    }
}
