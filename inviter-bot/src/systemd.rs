//! Word to systemd, where it has started the bot (`sd_notify(3)`); nothing elsewhere.

use std::time::Duration;

use inviter::core::time::Timestamp;
use sd_notify::NotifyState;

use crate::board::Known;

/// The bot is up; also the end of a reload, whatever came of it.
pub(crate) fn ready(status: &str) {
    send(&[NotifyState::Ready, NotifyState::Status(&one_line(status))]);
}

/// What it does, for `systemctl status`.
pub(crate) fn status(status: &str) {
    send(&[NotifyState::Status(&one_line(status))]);
}

/// The configuration is being read anew; [`ready`] has to follow, or `systemctl reload` waits in vain.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "systemd cannot be told of the reload"),
    }
}

/// The bot ends.
pub(crate) fn stopping() {
    send(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

/// Tells the watchdog for ever that all is well, twice as often as it wants to hear, for as long as `check` says so.
pub(crate) async fn watchdog(check: impl Fn() -> Result<(), String>) {
    let Some(period) = sd_notify::watchdog_enabled().filter(|period| !period.is_zero()) else {
        return std::future::pending().await;
    };
    let mut told = false;
    let mut ticks = tokio::time::interval(period / 2);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match check() {
            Ok(()) => {
                told = false;
                send(&[NotifyState::Watchdog]);
            }
            Err(why) if !told => {
                told = true;
                tracing::error!("not well, so that systemd is going to start the bot again: {why}");
            }
            Err(_) => {}
        }
    }
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd cannot be told");
    }
}

/// A line break would begin another message.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// What `systemctl status` shows between runs.
pub(crate) fn standing(known: &Known) -> String {
    let last = known.last.as_ref().map(|run| {
        let came_to = match &run.outcome {
            Ok(report) => {
                let tally = report.tally();
                let mut words = vec![format!("{} done", tally.changes())];
                let rest = [
                    ("held", tally.held),
                    ("pending", tally.pending),
                    ("failed", tally.failed),
                ];
                words.extend(
                    rest.into_iter()
                        .filter(|(_, count)| *count > 0)
                        .map(|(word, count)| format!("{count} {word}")),
                );
                words.join(", ")
            }
            Err(why) => format!("could not begin: {why}"),
        };
        format!("last run {} {}: {came_to}", time_of_day(run.at), run.cause)
    });
    let next = known.next.map(|at| format!("next {}", time_of_day(at)));
    let trouble = known.trouble.as_ref().map(|why| format!("homeserver: {why}"));
    let parts: Vec<String> = [trouble, last, next].into_iter().flatten().collect();
    if parts.is_empty() {
        "no run yet".to_owned()
    } else {
        parts.join("; ")
    }
}

/// Such as `12:03 UTC`. Whoever asks for the status knows the day.
fn time_of_day(at: Timestamp) -> String {
    let minutes = Duration::from_millis(at.0).as_secs() / 60 % (24 * 60);
    format!("{:02}:{:02} UTC", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use inviter::core::runs::RunCause;

    use super::*;
    use crate::board::Finished;

    #[test]
    fn the_status_says_when_and_what() {
        let mut known = Known::default();
        assert_eq!(standing(&known), "no run yet");
        known.next = Some(Timestamp((12 * 60 + 33) * 60_000));
        known.last = Some(Finished {
            at: Timestamp((24 * 60 + 12 * 60 + 3) * 60_000 + 59_999),
            took: Duration::from_secs(1),
            cause: RunCause::Schedule,
            outcome: Err("another run is under way".to_owned()),
        });
        assert_eq!(
            standing(&known),
            "last run 12:03 UTC on schedule: could not begin: another run is under way; next 12:33 UTC"
        );
        known.trouble = Some("does not answer".to_owned());
        assert!(standing(&known).starts_with("homeserver: does not answer; last run"));
    }

    #[test]
    fn nothing_in_a_text_is_another_message() {
        assert_eq!(one_line("a\nREADY=1\r\u{85}b"), "a READY=1  b");
    }
}
