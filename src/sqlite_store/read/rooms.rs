//! Reading what is remembered of rooms.

use inviter_core::{
    RoomId,
    desired::{Feed, FeedRole, GroupRef},
    directory::{GroupKey, ProviderId},
    guard::ReleaseCode,
    recall::{KeptOut, Refusal, RefusedOp, RememberedHold, RememberedRoom},
};

use super::{Reader, Rooms, Trouble, cannot_be};

impl Reader<'_> {
    pub(super) fn rooms(&self) -> Result<Rooms, Trouble> {
        let mut rooms = Rooms::new();
        self.each(
            "SELECT number, room_id, adopted, listing_checked, handed_over, released FROM room",
            |row| {
                let id = self.parsed(row, 1, RoomId::parse)?;
                let room = RememberedRoom {
                    adopted: self.optional_time(row, 2)?,
                    listing_checked: self.optional_time(row, 3)?,
                    handed_over: self.optional_time(row, 4)?,
                    released: self.optional_time(row, 5)?,
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
        self.each_of_room("SELECT room, user, at FROM missing", &mut rooms, |row, room| {
            room.missing.insert(self.user(row, 1)?, self.time(row, 2)?);
            Ok(())
        })?;
        let held = "SELECT room, since, code, removals, demotions, reasons FROM held";
        self.each_of_room(held, &mut rooms, |row, room| {
            let reasons: String = self.get(row, 5)?;
            room.held = Some(RememberedHold {
                since: self.time(row, 1)?,
                code: ReleaseCode::new(self.get::<String>(row, 2)?),
                removals: self.get(row, 3)?,
                demotions: self.get(row, 4)?,
                reasons: serde_json::from_str(&reasons).map_err(|_| cannot_be(&reasons))?,
            });
            Ok(())
        })?;
        Ok(rooms)
    }
}
