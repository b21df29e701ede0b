//! Waiting for what is to come about.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tokio::time::sleep;

/// How long anything may take on a machine that has much else to do.
pub(crate) const LONG: Duration = Duration::from_secs(60);
/// How long until a room is put right, on such a machine; otherwise it is a second or two.
const HEALED_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Looks until there is something; answers with it, and how long it took. The last error of a look is the reason if
/// there never is.
pub(crate) async fn eventually<T>(
    what: &str,
    within: Duration,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<(T, Duration)> {
    let begun = Instant::now();
    loop {
        let seen = look().await;
        let late = begun.elapsed() > within;
        match seen {
            Ok(Some(seen)) => return Ok((seen, begun.elapsed())),
            Err(error) if late => {
                return Err(error).with_context(|| format!("not within {within:?}: {what}"));
            }
            Ok(None) if late => bail!("not within {within:?}: {what}"),
            Ok(None) | Err(_) => sleep(PAUSE).await,
        }
    }
}

/// [`eventually`] for what the bot is to put right at once. Prints the time.
pub(crate) async fn healed(what: &str, mut look: impl AsyncFnMut() -> Result<bool>) -> Result<Duration> {
    let look = async || Ok(look().await?.then_some(()));
    let ((), took) = eventually(what, HEALED_WITHIN, look).await?;
    eprintln!("{what}: put right after {:.2} s", took.as_secs_f64());
    Ok(took)
}
