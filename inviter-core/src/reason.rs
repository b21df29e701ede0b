//! [`Reason`]: what is shown in a room with an invitation or a removal (decision 35).

use std::{collections::BTreeSet, fmt};

use crate::{desired::Feed, harmful::is_harmful, room::RoomRef};

/// A text that whoever is in the room can read, with placeholders: `{room}` is the room as reports name it, `{groups}`
/// the names of the groups that feed it. No group is named unless the text has that placeholder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    text: String,
}

/// The text of a reason is not right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReasonError {
    /// It has a placeholder that there is not.
    #[error("there is no placeholder `{{{0}}}`; write {{room}} or {{groups}}")]
    Unknown(String),
    /// It has a brace that nothing closes.
    #[error("a `{{` is not closed; write a placeholder as {{room}} or {{groups}}")]
    Unclosed,
    /// It is longer than anybody reads, and may be too long for an event.
    #[error("it has {0} characters, and may have {MAX_TEXT}; shorten it")]
    TooLong(usize),
}

/// So many groups are named.
const NAMED: usize = 5;
/// As many characters of a group's name are shown. A directory may allow any length; an event has 64 KiB.
const MAX_NAME: usize = 200;
/// A text has at most so many bytes with all that it names.
const MAX_BYTES: usize = 7_990;
/// As many characters a configured text may have.
const MAX_TEXT: usize = 1_000;

impl Reason {
    /// Shown with invitations where nothing else is configured.
    pub const FOR_INVITATIONS: &str = "You are on the list of this room's members";
    /// Shown with removals where nothing else is configured.
    pub const FOR_REMOVALS: &str = "You are no longer on the list of this room's members";

    /// Takes a text; an empty one is no reason at all.
    ///
    /// # Errors
    /// When it has a placeholder that is not known, or is too long.
    pub fn new(text: &str) -> Result<Option<Self>, ReasonError> {
        let length = text.chars().count();
        if length > MAX_TEXT {
            return Err(ReasonError::TooLong(length));
        }
        let mut rest = text;
        while let Some((_, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or(ReasonError::Unclosed)?;
            if !matches!(name, "room" | "groups") {
                return Err(ReasonError::Unknown(name.chars().take(40).collect()));
            }
            rest = after;
        }
        let text = text.to_owned();
        Ok((!text.is_empty()).then_some(Self { text }))
    }

    /// The default for invitations.
    pub fn for_invitations() -> Self {
        let text = Self::FOR_INVITATIONS.to_owned();
        Self { text }
    }

    /// The default for removals.
    pub fn for_removals() -> Self {
        let text = Self::FOR_REMOVALS.to_owned();
        Self { text }
    }

    /// The text for a room and the groups that feed it.
    pub fn text_for(&self, room: &RoomRef, feeds: &[Feed]) -> String {
        let mut text = String::with_capacity(self.text.len());
        let mut rest = self.text.as_str();
        // In one pass: what takes the place of one placeholder may look like another.
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                break;
            };
            text.push_str(before);
            match name {
                "room" => text.push_str(&room.to_string()),
                _ => text.push_str(&groups(feeds)),
            }
            rest = after;
        }
        text.push_str(rest);
        if let Some((end, _)) = text.char_indices().find(|(at, c)| at + c.len_utf8() > MAX_BYTES) {
            text.truncate(end);
            text.push('…');
        }
        text
    }
}

impl fmt::Display for Reason {
    /// As it was configured.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The names of groups, each once: one may feed a room by its members and by its owners.
fn groups(feeds: &[Feed]) -> String {
    let mut seen = BTreeSet::new();
    let names = feeds.iter().map(|feed| &*feed.group.name);
    let names: Vec<String> = names.filter(|name| seen.insert(*name)).map(shown).collect();
    match names.len().saturating_sub(NAMED) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names[..NAMED].join(", ")),
    }
}

/// A name as whoever is in the room may see it: on one line, and cut where it is longer than a name is.
fn shown(name: &str) -> String {
    let plain = |c: char| if is_harmful(c) { '\u{fffd}' } else { c };
    let mut chars = name.chars();
    let mut shown: String = chars.by_ref().take(MAX_NAME).map(plain).collect();
    if chars.next().is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        desired::{FeedRole, GroupRef},
        directory::{GroupKey, ProviderId},
    };

    fn feeds(names: &[&str]) -> Vec<Feed> {
        let feed = |name: &&str| Feed {
            group: GroupRef {
                provider: ProviderId::new("dir"),
                key: GroupKey::new(*name),
                name: (*name).into(),
            },
            role: FeedRole::Members,
        };
        names.iter().map(feed).collect()
    }

    #[track_caller]
    fn shows(text: &str, names: &[&str], shown: &str) {
        let room = RoomRef::Alias("#a:x".try_into().unwrap());
        let reason = Reason::new(text).unwrap().unwrap();
        assert_eq!(reason.text_for(&room, &feeds(names)), shown);
        assert_eq!(reason.to_string(), text);
    }

    #[test]
    fn placeholders_are_filled() {
        shows("Welcome", &["staff"], "Welcome");
        shows(
            "In {room} by {groups}.",
            &["staff", "board", "staff"],
            "In #a:x by staff, board.",
        );
        shows("{groups}{room}", &["{room}"], "{room}#a:x");
        shows("a } b", &[], "a } b");
        let many = ["a", "b", "c", "d", "e", "f", "g"];
        shows("{groups}", &many, "a, b, c, d, e and 2 more");
    }

    #[test]
    fn no_name_breaks_the_line_or_fills_the_event() {
        shows(
            "By {groups}",
            &["a\n\u{1b}[31m<b>\u{202e}\u{200b}*x*"],
            "By a\u{fffd}\u{fffd}[31m<b>\u{fffd}\u{fffd}*x*",
        );
        let names: Vec<String> = (0..7)
            .map(|n| format!("{n}{}", "\u{1}".repeat(1 << 20)))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let reason = Reason::new(&"{groups}".repeat(100)).unwrap().unwrap();
        let one = Reason::new("{groups}").unwrap().unwrap();
        let room = RoomRef::Alias("#a:x".try_into().unwrap());
        assert!(one.text_for(&room, &feeds(&names)).len() < 4_000);
        // However often it is asked for.
        assert!(reason.text_for(&room, &feeds(&names)).len() <= 8_000);
        assert_eq!(Reason::new(&"é".repeat(1_001)), Err(ReasonError::TooLong(1_001)));
        assert!(Reason::new(&"é".repeat(1_000)).is_ok());
    }

    #[test]
    fn what_is_wrong_is_told() {
        assert_eq!(Reason::new(""), Ok(None));
        let unknown = Reason::new("Hello {name}, {room}").unwrap_err();
        assert_eq!(
            unknown.to_string(),
            "there is no placeholder `{name}`; write {room} or {groups}"
        );
        assert_eq!(Reason::new("in {room"), Err(ReasonError::Unclosed));
        assert!(Reason::new("{ room }").is_err());
    }

    #[test]
    fn the_defaults_are_right_and_name_no_group() {
        for default in [Reason::for_invitations(), Reason::for_removals()] {
            assert_eq!(Reason::new(&default.to_string()), Ok(Some(default.clone())));
            assert!(!default.to_string().contains('{'));
        }
    }
}
