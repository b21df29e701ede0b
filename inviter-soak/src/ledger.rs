//! What the bot sent, against what was needed.

use std::collections::BTreeMap;
use std::fmt;

use inviter_testkit::Recorded;

use crate::world::Needed;

/// Writing requests by what they do. Talking in the administration room does nothing to the rooms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    by_kind: BTreeMap<&'static str, usize>,
    talk: usize,
    /// Those that were refused or not answered, as they were.
    refused: Vec<String>,
}

impl Sent {
    /// Counts.
    pub(crate) fn of(writes: &[Recorded], admin_room: &str) -> Self {
        let mut sent = Self::default();
        for write in writes {
            let path = write.decoded_path();
            if path.contains(admin_room) || path.contains("/media/") {
                sent.talk += 1;
                continue;
            }
            *sent.by_kind.entry(kind(&path)).or_default() += 1;
            if !write.status.is_some_and(|status| (200..300).contains(&status)) {
                sent.refused.push(write.to_string());
            }
        }
        sent
    }

    /// All that may have changed rooms.
    pub(crate) fn total(&self) -> usize {
        self.by_kind.values().sum()
    }

    /// Those that were refused or not answered.
    pub(crate) fn refused(&self) -> &[String] {
        &self.refused
    }

    /// How many of each kind were sent and needed.
    pub(crate) fn against(&self, needed: Needed) -> Comparison<'_> {
        Comparison { sent: self, needed }
    }
}

fn kind(path: &str) -> &'static str {
    let ends = [
        ("/createRoom", "rooms"),
        ("/invite", "invitations"),
        ("/kick", "removals"),
    ];
    if let Some((_, kind)) = ends.iter().find(|(end, _)| path.ends_with(end)) {
        return kind;
    }
    if path.contains("/state/m.room.power_levels") {
        "levels"
    } else if path.contains("/state/m.room.history_visibility") {
        "histories"
    } else {
        "other"
    }
}

/// For people: `invitations 12/12, …`.
#[derive(Debug)]
pub(crate) struct Comparison<'a> {
    sent: &'a Sent,
    needed: Needed,
}

impl fmt::Display for Comparison<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Needed {
            rooms,
            invitations,
            removals,
            levels,
            histories,
        } = self.needed;
        let kinds = [
            ("rooms", rooms),
            ("invitations", invitations),
            ("removals", removals),
            ("levels", levels),
            ("histories", histories),
            ("other", 0),
        ];
        for (kind, needed) in kinds {
            let sent = self.sent.by_kind.get(kind).copied().unwrap_or(0);
            write!(f, "{kind} {sent}/{needed}, ")?;
        }
        write!(f, "and {} messages and files", self.sent.talk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_tell_what_a_request_does() {
        let kinds = [
            ("/_matrix/client/v3/createRoom", "rooms"),
            ("/_matrix/client/v3/rooms/!a:b/invite", "invitations"),
            ("/_matrix/client/v3/rooms/!a:b/kick", "removals"),
            (
                "/_matrix/client/v3/rooms/!a:b/state/m.room.power_levels/",
                "levels",
            ),
            (
                "/_matrix/client/v3/rooms/!a:b/state/m.room.history_visibility",
                "histories",
            ),
            ("/_matrix/client/v3/rooms/!a:b/state/m.room.name/", "other"),
            ("/_matrix/client/v3/join/!a:b", "other"),
        ];
        for (path, expected) in kinds {
            assert_eq!(kind(path), expected, "{path}");
        }
    }
}
