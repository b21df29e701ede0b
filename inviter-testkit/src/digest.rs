//! All state of rooms as text, to prove that nothing changed.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::{Context, Result};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

use crate::Client;

/// Synapse is one process: more requests at a time than this only queue there.
const AT_ONCE: usize = 8;

/// The current state of some rooms as sorted text, one line an event: type, state key, sender, event id,
/// content; the directory's visibility and the local aliases too.
///
/// Event ids are in it: sending the same state again is a change. `admin` has to be a server admin.
pub async fn digest(admin: &Client, rooms: &[impl AsRef<str>]) -> Result<String> {
    let rooms: BTreeSet<&str> = rooms.iter().map(AsRef::as_ref).collect();
    stream::iter(rooms)
        .map(|room| room_digest(admin, room))
        .buffered(AT_ONCE)
        .try_fold(String::new(), |all, room| async move { Ok(all + &room) })
        .await
}

/// [`digest`] of all rooms in which a local account has or had a membership.
///
/// For a private homeserver: on a shared one other tests change their rooms at the same time.
pub async fn digest_all(admin: &Client) -> Result<String> {
    // Not from the admin API's list of rooms, which Synapse brings up to date with a delay.
    let users: Vec<String> = admin
        .admin_users()
        .await?
        .iter()
        .map(|user| {
            user["name"]
                .as_str()
                .map(str::to_owned)
                .context("an account without a name")
        })
        .collect::<Result<_>>()?;
    let memberships: Vec<_> = stream::iter(&users)
        .map(|user| admin.admin_memberships(user))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let rooms: BTreeSet<String> = memberships
        .into_iter()
        .flat_map(std::collections::BTreeMap::into_keys)
        .collect();
    digest(admin, &Vec::from_iter(rooms)).await
}

/// The lines in which two digests differ, `-` before those of the first and `+` before those of the second.
pub fn changes(before: &str, after: &str) -> Vec<String> {
    let (mut room_before, mut room_after) = (String::new(), String::new());
    let old: BTreeSet<_> = before
        .lines()
        .map(|line| in_room(&mut room_before, line))
        .collect();
    let new: BTreeSet<_> = after.lines().map(|line| in_room(&mut room_after, line)).collect();
    let mut lines: Vec<_> = old.symmetric_difference(&new).collect();
    lines.sort();
    lines
        .iter()
        .map(|line| format!("{}{line}", if old.contains(*line) { '-' } else { '+' }))
        .collect()
}

/// The line with the room it belongs to in front.
fn in_room(room: &mut String, line: &str) -> String {
    if let Some(id) = line.strip_prefix("room ") {
        id.clone_into(room);
    }
    format!("{room} {}", line.trim_start())
}

async fn room_digest(admin: &Client, room: &str) -> Result<String> {
    let state = admin.admin_room_state(room).await?;
    let mut lines = Vec::with_capacity(state.len());
    for event in &state {
        let field = |name: &str| {
            event[name]
                .as_str()
                .with_context(|| format!("no {name} in {event}"))
        };
        lines.push(format!(
            "  {} {:?} {} {} {}\n",
            field("type")?,
            field("state_key")?,
            field("sender")?,
            field("event_id")?,
            canonical(&event["content"])
        ));
    }
    lines.sort();
    let visibility = admin.directory_visibility(room).await?;
    let aliases = admin.aliases(room).await?;
    Ok(format!(
        "room {room}\n  directory {visibility}\n  aliases {aliases:?}\n{}",
        lines.concat()
    ))
}

/// JSON with sorted keys, whichever features of `serde_json` the build has switched on.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut fields: Vec<_> = map.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            let mut text = String::from("{");
            for (i, (key, value)) in fields.into_iter().enumerate() {
                let comma = if i > 0 { "," } else { "" };
                // Writing to a string cannot fail.
                let _ = write!(text, "{comma}{}:{}", Value::from(key.as_str()), canonical(value));
            }
            text + "}"
        }
        Value::Array(values) => format!("[{}]", values.iter().map(canonical).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}
