//! Reading whom we brought in, and what we did with people: for one room or person at a time.

use std::collections::BTreeMap;

use inviter_core::{
    OwnedUserId, RoomId, UserId,
    desired::GroupRef,
    directory::{GroupKey, ProviderId},
    recall::{Brought, Ground, Happened, Happening},
};
use rusqlite::{Row, params};

use super::{Reader, Trouble, cannot_be};

impl Reader<'_> {
    /// Whom we have brought into a room.
    pub(super) fn brought(&self, room: &RoomId) -> Result<BTreeMap<OwnedUserId, Brought>, Trouble> {
        let mut brought = BTreeMap::new();
        let sql = "SELECT user, brought.at, provider, key, name
                   FROM brought JOIN room ON room.number = brought.room LEFT JOIN origin ON origin.number = origin
                   WHERE room_id = ?1";
        self.each_with(sql, [room.as_str()], |row| {
            let one = || {
                let group = self.origin(row, 2)?;
                let at = self.time(row, 1)?;
                Ok((self.user(row, 0)?, Brought { at, group }))
            };
            brought.extend(self.unless_damaged(one())?);
            Ok(())
        })?;
        Ok(brought)
    }

    /// What we did with somebody, in one room or in all.
    pub(super) fn history(&self, user: &UserId, room: Option<&RoomId>) -> Result<Vec<Happened>, Trouble> {
        let mut history = Vec::new();
        let sql = "SELECT happened.at, room_id, what, level, ground, provider, key, name
                   FROM happened JOIN room ON room.number = happened.room LEFT JOIN origin ON origin.number = origin
                   WHERE user = ?1 AND (?2 IS NULL OR room_id = ?2) ORDER BY happened.number";
        self.each_with(sql, params![user.as_str(), room.map(RoomId::as_str)], |row| {
            history.extend(self.unless_damaged(self.happened(row, user))?);
            Ok(())
        })?;
        Ok(history)
    }

    fn happened(&self, row: &Row<'_>, user: &UserId) -> Result<Happened, Trouble> {
        let ground: String = self.get(row, 4)?;
        Ok(Happened {
            at: self.time(row, 0)?,
            room: self.parsed(row, 1, RoomId::parse)?,
            user: user.to_owned(),
            what: match self.get::<String>(row, 2)?.as_str() {
                "invited" => Happening::Invited,
                "put_in" => Happening::PutIn,
                "removed" => Happening::Removed,
                "withdrawn" => Happening::InvitationWithdrawn,
                "level" => Happening::Level(self.get(row, 3)?),
                other => return Err(cannot_be(other)),
            },
            ground: Ground::parse(&ground).ok_or_else(|| cannot_be(&ground))?,
            group: self.origin(row, 5)?,
        })
    }

    /// One entry of the past that cannot be read is left out: nobody is removed for the lack of it.
    fn unless_damaged<T>(&self, entry: Result<T, Trouble>) -> Result<Option<T>, Trouble> {
        match entry {
            Ok(entry) => Ok(Some(entry)),
            Err(Trouble::Damaged(why)) => {
                tracing::warn!(file = %self.path.display(), why, "an entry of the past cannot be read and is left out");
                Ok(None)
            }
            Err(failed) => Err(failed),
        }
    }

    /// The group whose provider, key and name begin at this column.
    fn origin(&self, row: &Row<'_>, column: usize) -> Result<Option<GroupRef>, Trouble> {
        let Some(provider) = self.get::<Option<String>>(row, column)? else {
            return Ok(None);
        };
        Ok(Some(GroupRef {
            provider: ProviderId::new(provider),
            key: GroupKey::new(self.get::<String>(row, column + 1)?),
            name: self.get::<String>(row, column + 2)?.into(),
        }))
    }
}
