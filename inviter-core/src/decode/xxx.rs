//! The form of LDAP: `#` and `:` are awkward in a DN, so a marker stands for them.

use ruma_common::{OwnedRoomAliasId, OwnedServerName, ServerName};

use super::{Decoded, MAX_ID_BYTES, RoomDecoder, parse_alias};
use crate::directory::Group;

/// Decodes names such as `xxxexamplexxxmatrix.example.com`: the first `xxx` stands for `#`, the second for `:`.
///
/// - `xxxroomxxxhs.example.comxxx8448` is a room on a server with a port.
/// - `xxxroomxxxhs.example.com_owners` holds the owners of the group `xxxroomxxxhs.example.com`; `_owners` counts
///   only at the end of the whole name.
/// - A room or server name that contains the marker, or touches it with the marker's own letter, can be read in
///   several ways (`xxxmaxxxxhs.org`: `#ma:xhs.org` or `#max:hs.org`). Readings whose server cannot be one are
///   left out; of the rest the one with a known server counts, and where that does not decide the name is
///   invalid. It is never guessed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XxxDecoder {
    marker: String,
    owners_suffix: String,
    known_servers: Vec<OwnedServerName>,
}

impl XxxDecoder {
    /// The marker of the reference system.
    pub const DEFAULT_MARKER: &str = "xxx";
    /// The suffix of owners groups in the reference system.
    pub const DEFAULT_OWNERS_SUFFIX: &str = "_owners";

    /// Decodes names that start with `marker`, compared byte by byte. With an empty marker nothing is a room.
    pub fn new(marker: impl Into<String>) -> Self {
        Self {
            marker: marker.into(),
            owners_suffix: Self::DEFAULT_OWNERS_SUFFIX.to_owned(),
            known_servers: Vec::new(),
        }
    }

    /// Another suffix for owners groups; an empty one means that there are none.
    #[must_use]
    pub fn owners_suffix(mut self, suffix: impl Into<String>) -> Self {
        self.owners_suffix = suffix.into();
        self
    }

    /// Servers that decide between several readings of a name, such as the bot's own.
    #[must_use]
    pub fn known_servers(mut self, servers: impl IntoIterator<Item = OwnedServerName>) -> Self {
        self.known_servers.extend(servers);
        self
    }

    /// Splits `text` (what follows the first marker) at each marker, overlapping ones too.
    fn splits<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        text.char_indices().filter_map(|(at, _)| {
            text[at..]
                .strip_prefix(self.marker.as_str())
                .map(|server| (&text[..at], server))
        })
    }

    /// The server that `text` names, or `None` if it cannot be one.
    fn server(&self, text: &str) -> Option<String> {
        let digits = text.bytes().rev().take_while(u8::is_ascii_digit).count();
        let (rest, port) = text.split_at(text.len() - digits);
        // Digits behind a marker are a port: no top-level domain looks like `comxxx8448`.
        let server = match rest.strip_suffix(self.marker.as_str()) {
            Some(host) if !port.is_empty() => format!("{host}:{port}"),
            _ => text.to_owned(),
        };
        let server = server.to_ascii_lowercase();
        is_plausible(&server).then_some(server)
    }

    fn is_known(&self, alias: &OwnedRoomAliasId) -> bool {
        self.known_servers
            .iter()
            .any(|s| s.as_str().eq_ignore_ascii_case(alias.server_name().as_str()))
    }

    fn decode_room(&self, name: &str, text: &str) -> Decoded {
        // No reading of a longer one can be an alias, and looking at each would take the square of its length. A marker
        // may turn into one character, twice.
        if text.len() > MAX_ID_BYTES + 2 * self.marker.len() {
            return Decoded::Invalid(format!(
                "the group `{name}` looks like a room, but has {} bytes behind `{}`, and no alias has more than \
                 {MAX_ID_BYTES}; rename the group",
                text.len(),
                self.marker,
            ));
        }
        let mut readings = Vec::new();
        let mut refused = None;
        for (room, server) in self.splits(text) {
            let Some(server) = self.server(server) else {
                continue;
            };
            let alias = format!("#{room}:{server}");
            match parse_alias(&alias) {
                Ok(alias) => readings.push(alias),
                Err(why) => {
                    refused.get_or_insert_with(|| format!("`{alias}` {why}"));
                }
            }
        }
        if readings.len() > 1 {
            let known: Vec<_> = readings.iter().filter(|a| self.is_known(a)).cloned().collect();
            if known.len() == 1 {
                readings = known;
            }
        }
        match (readings.as_slice(), refused) {
            ([alias], _) => Decoded::Room(alias.clone()),
            ([], Some(refused)) => Decoded::Invalid(format!(
                "the group `{name}` looks like a room, but {refused}; rename the group"
            )),
            ([], None) => Decoded::Invalid(format!(
                "the group `{name}` looks like a room, but nothing that can be a server name follows a second \
                 `{}`; rename the group",
                self.marker
            )),
            (several, _) => {
                let all: Vec<&str> = several.iter().map(|a| a.as_str()).collect();
                Decoded::Invalid(format!(
                    "the name of the group `{name}` can be read as {}; rename the group, or list the room \
                     explicitly",
                    all.join(" or ")
                ))
            }
        }
    }
}

impl Default for XxxDecoder {
    fn default() -> Self {
        Self::new(Self::DEFAULT_MARKER)
    }
}

impl RoomDecoder for XxxDecoder {
    fn decode(&self, group: &Group) -> Decoded {
        let name = &*group.name;
        let base = match name.strip_suffix(self.owners_suffix.as_str()) {
            Some(base) if !self.owners_suffix.is_empty() => Some(base),
            _ => None,
        };
        let Some(text) = base.unwrap_or(name).strip_prefix(self.marker.as_str()) else {
            return Decoded::NotARoom;
        };
        // A name that only begins with the marker's letters is an ordinary group.
        if self.marker.is_empty() || self.splits(text).next().is_none() {
            return Decoded::NotARoom;
        }
        match base {
            Some(base) => Decoded::OwnersOf(base.into()),
            None => self.decode_room(name, text),
        }
    }
}

/// Whether this can be a server name in practice: ruma takes any mixture of letters, digits, `-` and `.` for the
/// host, so empty labels, labels with a dash at an end, and hosts of digits alone are sorted out here.
fn is_plausible(server: &str) -> bool {
    let Ok(parsed) = <&ServerName>::try_from(server) else {
        return false;
    };
    let host = parsed.host();
    if host.starts_with('[') {
        return true;
    }
    let labels_are_sound = host
        .split('.')
        .all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
    labels_are_sound && !host.bytes().all(|b| b.is_ascii_digit())
}
