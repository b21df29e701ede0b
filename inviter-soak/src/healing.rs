//! How long the bot takes to put things right.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::change::Drift;
use crate::names::Names;
use crate::picture::Happened;
use crate::room::levels;
use crate::site::Site;
use crate::world::HISTORY;

/// Later is too late, whatever heals it then.
const PATIENCE: Duration = Duration::from_secs(60);

/// Makes a drift, and waits until the bot has put it right: the time from the request that made it.
pub(crate) async fn heal(site: Arc<Site>, drift: Drift, turn: usize) -> Result<Duration> {
    let since = site.picture.count();
    let began = Instant::now();
    site.drift(&drift, turn)
        .await
        .with_context(|| format!("{drift:?}"))?;
    let id = site.id(drift.room())?;
    let made = |happened: &Happened| {
        happened.room == id && happened.sender != Names::BOT && is_about(happened, &drift)
    };
    let (at, _) = site
        .picture
        .happens(since, PATIENCE, made)
        .await
        .with_context(|| format!("the homeserver does not tell of {drift:?}"))?;
    let healed = |happened: &Happened| {
        happened.room == id
            && happened.sender == Names::BOT
            && is_about(happened, &drift)
            && is_right(happened, &drift, &site.names)
    };
    let (_, healed) = site
        .picture
        .happens(at + 1, PATIENCE, healed)
        .await
        .with_context(|| format!("not put right within {} s: {drift:?}", PATIENCE.as_secs()))?;
    Ok(healed.at.duration_since(began))
}

/// Has somebody leave, and waits until the bot has cleared their level entry, if they have one.
pub(crate) async fn clear(
    site: Arc<Site>,
    room: String,
    person: String,
    level: i64,
) -> Result<Option<Duration>> {
    let since = site.picture.count();
    let began = Instant::now();
    site.leave(&room, &person)
        .await
        .with_context(|| format!("{person} leaves {room}"))?;
    if level == 0 {
        return Ok(None);
    }
    let id = site.id(&room)?;
    let cleared = |happened: &Happened| {
        happened.room == id
            && happened.kind == "m.room.power_levels"
            && happened.sender == Names::BOT
            && !levels(&happened.content, &site.names).contains_key(&person)
    };
    let (_, cleared) = site
        .picture
        .happens(since, PATIENCE, cleared)
        .await
        .with_context(|| {
            format!(
                "the level entry of {person}, who left {room}, is not cleared within {} s",
                PATIENCE.as_secs()
            )
        })?;
    Ok(Some(cleared.at.duration_since(began)))
}

/// Whether the event is of the kind that the drift changed.
fn is_about(happened: &Happened, drift: &Drift) -> bool {
    match drift {
        Drift::Kick { person, .. } | Drift::Stranger { person, .. } => {
            happened.kind == "m.room.member" && happened.key == *person
        }
        Drift::Level { .. } => happened.kind == "m.room.power_levels",
        Drift::History { .. } => happened.kind == "m.room.history_visibility",
    }
}

/// Whether it is as it was before.
fn is_right(happened: &Happened, drift: &Drift, names: &Names) -> bool {
    let content = &happened.content;
    match drift {
        Drift::Kick { .. } => content["membership"] == "invite" || content["membership"] == "join",
        Drift::Stranger { .. } => content["membership"] == "leave",
        Drift::Level { person, from, .. } => {
            levels(content, names).get(person).copied().unwrap_or(0) == *from
        }
        Drift::History { .. } => content["history_visibility"] == HISTORY,
    }
}
