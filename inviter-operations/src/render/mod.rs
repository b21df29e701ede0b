//! Text and JSON for people and programs.

pub mod action;
pub mod by_hand;
pub mod clean;
pub mod document;
pub mod explanation;
pub mod log_field;
pub mod removals;
pub mod report;
pub mod rooms;
#[cfg(test)]
mod snapshots;
pub mod style;
pub mod why;

use std::time::Duration;

use inviter::core::{
    desired::Feed,
    guard::ReleaseCode,
    plan::RoomStatus,
    report::{Outcome, RoomReport},
    time::Timestamp,
};

/// A group as reports name it.
pub fn group(feed: &Feed) -> String {
    feed.group.to_string()
}

/// The code that lets go what is held in a room, if anything is.
pub fn release(room: &RoomReport) -> Option<&ReleaseCode> {
    let held = room
        .items
        .iter()
        .any(|item| matches!(item.outcome, Outcome::Held { .. }));
    room.release.as_ref().filter(|_| held)
}

/// A point in time, to the second.
pub fn time(at: Timestamp) -> String {
    let millis = i64::try_from(at.0).unwrap_or(i64::MAX);
    match jiff::Timestamp::from_second(millis / 1000) {
        Ok(time) => time.to_string(),
        // Beyond the year 9999.
        Err(_) => format!("{millis} ms since 1970"),
    }
}

/// A time span as people say it, rounded to the nearest minute or up to the next second.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => "a second".to_owned(),
        1..=119 => format!("{} s", time.as_millis().div_ceil(1000)),
        120..=5999 => format!("{} min", (seconds + 30) / 60),
        _ => {
            let minutes = (seconds + 30) / 60;
            format!("{} h {} min", minutes / 60, minutes % 60)
        }
    }
}

/// A count with its noun.
pub fn counted(count: usize, one: &str, many: &str) -> String {
    if count == 1 {
        format!("1 {one}")
    } else {
        format!("{count} {many}")
    }
}

/// The name of a value in JSON, such as `to_create`.
pub fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(serde_json::Value::Object(object)) => object.keys().next().cloned().unwrap_or_default(),
        _ => "unknown".to_owned(),
    }
}

/// A status as people read it.
pub fn status(status: RoomStatus) -> String {
    match status {
        RoomStatus::ToCreate => "to create".to_owned(),
        RoomStatus::Managed => "managed".to_owned(),
        RoomStatus::Found => "found, not adopted".to_owned(),
        RoomStatus::Invited => "the bot is invited".to_owned(),
        RoomStatus::NotJoined => "the bot is not in it".to_owned(),
        RoomStatus::Replaced => "replaced".to_owned(),
        RoomStatus::Moved => "its alias leads elsewhere".to_owned(),
        RoomStatus::Paused => "paused".to_owned(),
        RoomStatus::Unknown => "unknown".to_owned(),
        other => word(&other).replace('_', " "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_spans_as_people_say_them() {
        let said = |millis| duration(Duration::from_millis(millis));
        assert_eq!(said(35), "a second");
        assert_eq!(said(1400), "2 s");
        assert_eq!(said(3_300_000), "55 min");
        assert_eq!(said(5_625_000), "94 min");
        assert_eq!(said(6_666_666), "1 h 51 min");
    }

    #[test]
    fn times_and_counts() {
        assert_eq!(time(Timestamp(1_700_000_000_999)), "2023-11-14T22:13:20Z");
        assert_eq!(time(Timestamp(u64::MAX)), "9223372036854775807 ms since 1970");
        assert_eq!(counted(1, "room", "rooms"), "1 room");
        assert_eq!(counted(0, "room", "rooms"), "0 rooms");
        assert_eq!(word(&RoomStatus::ToCreate), "to_create");
    }
}
