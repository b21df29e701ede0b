//! Release codes: a person's word for exactly one set of removals and demotions.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    action::{Op, RoomTarget},
    levels::LevelChange,
    recall::MemoryIdentity,
    time::Timestamp,
};

/// Lets exactly one set of removals and demotions go, once: a digest of the rooms and people it is about, of when
/// something was last let go in those rooms, and of the memory that knows so. It is shown where something is held.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReleaseCode(String);

impl ReleaseCode {
    /// A code that a person typed.
    pub fn new(code: impl Into<String>) -> Self {
        Self(code.into().trim().to_ascii_lowercase())
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The code of what is held; none if nothing is. Each item is a room, when something was last let go there as far
    /// as `memory` knows, and what would be done.
    pub(super) fn of<'a>(
        memory: MemoryIdentity,
        losses: impl IntoIterator<Item = (&'a RoomTarget, Option<Timestamp>, &'a Op)>,
    ) -> Option<Self> {
        let mut digest = Sha256::new();
        // One that has forgotten which words were given takes none that was given to another.
        digest.update(memory.0.to_be_bytes());
        let mut any = false;
        for (room, released, op) in losses {
            any = true;
            let room = match room {
                RoomTarget::Existing(id) => id.as_str(),
                RoomTarget::New(alias) => alias.as_str(),
            };
            digest.update(room.as_bytes());
            // A word that was given once is not given again for the same people.
            if let Some(Timestamp(at)) = released {
                digest.update(format!(" after {at}"));
            }
            match op {
                Op::Remove { user, .. } => digest.update(format!(" - {user}\n")),
                Op::SetLevels { changes } => {
                    for LevelChange { slot, from, to } in changes {
                        digest.update(format!(" {slot:?} {from:?} {to:?}\n"));
                    }
                }
                _ => {}
            }
        }
        let bytes = digest.finalize();
        any.then(|| Self(hex(&bytes[..5])))
    }
}

impl fmt::Display for ReleaseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
