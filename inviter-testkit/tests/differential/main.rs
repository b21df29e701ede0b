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
use inviter_core::RoomVersionId;
use inviter_testkit::{Client, Synapse, unique};

use crate::sequence::{Outcome, Sequence};

const VERSIONS: [RoomVersionId; 4] = [
    RoomVersionId::V6,
    RoomVersionId::V10,
    RoomVersionId::V11,
    RoomVersionId::V12,
];
const USERS: usize = 6;
const OPERATIONS_PER_ROOM: usize = 80;
const ROOMS_PER_VERSION: u64 = 18;
/// Synapse is one process; more at a time only lets it wait less.
const ROOMS_AT_A_TIME: usize = 4;

fn setting(name: &str, default: u64) -> Result<u64> {
    match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name}={text} is not a number")),
        Err(_) => Ok(default),
    }
}

#[tokio::test]
async fn synapse_agrees_with_the_homeserver_in_memory() -> Result<()> {
    let seed = setting("INVITER_DIFFERENTIAL_SEED", 20_260_101)?;
    let rooms = setting("INVITER_DIFFERENTIAL_ROOMS", ROOMS_PER_VERSION)?;
    let begin = Instant::now();
    let synapse = Synapse::shared().await?;
    let mut clients: Vec<Client> = Vec::new();
    for n in 0..USERS {
        clients.push(synapse.register(&unique(&format!("user{n}"))).await?);
    }
    let admin = synapse.admin();
    let sequences = VERSIONS
        .iter()
        .flat_map(|version| (0..rooms).map(move |n| (version.clone(), n)))
        .map(|(version, n)| {
            // Each room has a seed of its own, so that one can be run again alone.
            let own_seed = seed ^ (n << 8) ^ version.as_str().parse::<u64>().unwrap_or(0);
            let (clients, admin) = (&clients, &admin);
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
        "seed {seed}: {} operations, {} accepted, {} refused, {} disagreements, {:.1} s\n",
        total.accepted + total.refused,
        total.accepted,
        total.refused,
        total.disagreements.len(),
        begin.elapsed().as_secs_f64(),
    );
    for (kind, (accepted, refused)) in &total.by_kind {
        let _ = writeln!(summary, "  {kind}: {accepted} accepted, {refused} refused");
    }
    eprintln!("{summary}");
    if !total.disagreements.is_empty() {
        bail!("{summary}{}", total.disagreements.join("\n"));
    }
    // A generator whose requests are nearly all refused, or hardly ever, would prove little.
    assert!(total.accepted * 4 > total.refused, "{summary}");
    assert!(total.refused * 4 > total.accepted, "{summary}");
    Ok(())
}
