//! The homeserver in memory against a real Synapse: the same thousands of random requests, and both have to accept
//! and refuse the same ones and to end in the same state.
//!
//! The seed is printed; `INVITER_DIFFERENTIAL_SEED` and `INVITER_DIFFERENTIAL_ROOMS` (rooms per version) override
//! the defaults.

mod random;
mod sequence;

use std::{fmt::Write as _, time::Instant};

use anyhow::{Context, Result, bail};
use futures_util::{StreamExt, stream};
use inviter_core::{
    RoomId, RoomVersionId, ServerName, UserId,
    memory::{InMemoryHomeserver, NewRoom, Preset, UserOp},
};
use inviter_testkit::{Client, Synapse, unique};
use serde_json::json;

use crate::sequence::{Outcome, Sequence};

const USERS: usize = 6;
const OPERATIONS_PER_ROOM: usize = 80;
const ROOMS: u64 = 18;
/// Synapse is one process, and the versions run beside each other as well: more at a time is no faster.
const ROOMS_AT_A_TIME: usize = 2;

fn setting(name: &str, default: u64) -> Result<u64> {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .with_context(|| format!("{name}={text} is not a number")),
        Err(_) => Ok(default),
    }
}

#[tokio::test]
async fn synapse_agrees_on_version_6() -> Result<()> {
    agree(RoomVersionId::V6).await
}

#[tokio::test]
async fn synapse_agrees_on_version_10() -> Result<()> {
    agree(RoomVersionId::V10).await
}

#[tokio::test]
async fn synapse_agrees_on_version_11() -> Result<()> {
    agree(RoomVersionId::V11).await
}

#[tokio::test]
async fn synapse_agrees_on_version_12() -> Result<()> {
    agree(RoomVersionId::V12).await
}

/// Chance seldom comes to this, and much hangs on it: version 12 protects `m.room.tombstone` only by the entry that
/// room creation writes, and an override with `events` takes that away.
#[tokio::test]
async fn a_tombstone_without_an_entry_needs_no_more_than_state_default() -> Result<()> {
    let synapse = Synapse::shared().await?;
    let creator = synapse.register(&unique("creator")).await?;
    let moderator = synapse.register(&unique("moderator")).await?;
    for (events, accepted) in [
        (json!({"m.room.name": 50}), true),
        (json!({"m.room.tombstone": 150}), false),
    ] {
        let levels = json!({"users": {moderator.user_id(): 50}, "events": events});
        let new = NewRoom {
            version: Some(RoomVersionId::V12),
            preset: Preset::PublicChat,
            levels: levels.as_object().cloned(),
            ..NewRoom::default()
        };
        let op = UserOp::CreateRoom(Box::new(new));
        let server = ServerName::parse(synapse.server_name())?;
        let model = InMemoryHomeserver::new(server);
        let users = [&creator, &moderator].map(|client| UserId::parse(client.user_id()));
        let [by_creator, by_moderator] = users;
        let (by_creator, by_moderator) = (by_creator?, by_moderator?);
        for user in [&by_creator, &by_moderator] {
            model.register(user.localpart())?;
        }
        let in_model = model.act(&by_creator, &op)?.created().context("no room")?;
        let (_, answer) = sequence::send(&creator, &op).await?;
        let real = RoomId::parse(answer["room_id"].as_str().context("no room")?)?;
        let close = |room| {
            UserOp::set(
                room,
                "m.room.tombstone",
                json!({"body": "", "replacement_room": "!elsewhere"}),
            )
        };
        let join = |room| UserOp::Join { room };
        model.act(&by_moderator, &join(in_model.clone()))?;
        sequence::send(&moderator, &join(real.clone())).await?;
        let in_model = model.act(&by_moderator, &close(in_model));
        let (status, answer) = sequence::send(&moderator, &close(real)).await?;
        assert_eq!(in_model.is_ok(), accepted, "{in_model:?}");
        assert_eq!(status == 200, accepted, "{answer}");
    }
    Ok(())
}

async fn agree(version: RoomVersionId) -> Result<()> {
    let seed = setting("INVITER_DIFFERENTIAL_SEED", 20_260_101)?;
    let rooms = setting("INVITER_DIFFERENTIAL_ROOMS", ROOMS)?;
    let begin = Instant::now();
    let synapse = Synapse::shared().await?;
    let mut clients: Vec<Client> = Vec::new();
    for n in 0..USERS {
        clients.push(synapse.register(&unique(&format!("user{n}"))).await?);
    }
    let admin = synapse.admin();
    let sequences = (0..rooms).map(|n| {
        // Each room has a seed of its own, so that none depends on how many there are.
        let own_seed = seed ^ (n << 8) ^ version.as_str().parse::<u64>().unwrap_or(0);
        let (version, clients, admin) = (version.clone(), &clients, &admin);
        async move {
            Sequence::new(version.clone(), own_seed, clients, admin)?
                .run(OPERATIONS_PER_ROOM)
                .await
                .with_context(|| format!("room version {version}, room {n}, seed {seed}"))
        }
    });
    let outcomes: Vec<Result<Outcome>> = stream::iter(sequences)
        .buffer_unordered(ROOMS_AT_A_TIME)
        .collect()
        .await;

    let mut total = Outcome::default();
    for outcome in outcomes {
        total.add(outcome?);
    }
    let mut summary = format!(
        "room version {version}, seed {seed}: {} operations, {} accepted, {} refused, {} disagreements, {:.1} s\n",
        total.accepted + total.refused,
        total.accepted,
        total.refused,
        total.disagreements.len(),
        begin.elapsed().as_secs_f64(),
    );
    for (kind, (accepted, refused)) in &total.by_kind {
        let _ = writeln!(summary, "  {kind}: {accepted} accepted, {refused} refused");
    }
    say(&summary);
    if !total.disagreements.is_empty() {
        bail!("{summary}{}", total.disagreements.join("\n"));
    }
    // A generator whose requests are nearly all refused, or hardly ever, would prove little.
    assert!(total.accepted * 4 > total.refused, "{summary}");
    assert!(total.refused * 4 > total.accepted, "{summary}");
    Ok(())
}

#[expect(clippy::print_stderr, reason = "the seed has to be seen to be used again")]
fn say(summary: &str) {
    eprintln!("{summary}");
}
