//! Rate limits: which hold, what runs have met, and how long the next sync takes at them.

use std::{
    fmt::{self, Write},
    time::Duration,
};

use inviter::core::{
    estimate::{Bottleneck, Estimate, RateLimits, Workload, estimate},
    guard::Verdict,
    server::{LimitKind, RateOverride},
};
use serde_json::{Value, json};

use super::{Connected, Fixed};
use crate::render::{clean::Clean, duration, style::FAILED, time, word};

/// What the next sync sends, and how long that takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ahead {
    pub(super) work: Workload,
    /// At the limits that hold, as far as they are known.
    limited: Estimate,
    unlimited: Estimate,
}

impl Ahead {
    pub(super) fn of(connected: &Connected) -> Self {
        let rooms = connected.draft.plan.rooms().iter();
        let work = Workload::of(rooms.map(|room| {
            let allowed = room.actions().iter().filter(|a| a.verdict == Verdict::Allowed);
            allowed.map(|a| &a.action)
        }));
        let exempt = connected.facts.rate_override == RateOverride::Exempt;
        Self {
            work,
            limited: estimate(&work, (!exempt).then_some(&RateLimits::SYNAPSE_STOCK)),
            unlimited: estimate(&work, None),
        }
    }
}

const fn what(kind: LimitKind) -> &'static str {
    match kind {
        LimitKind::Creations => "creating rooms",
        LimitKind::Joins => "joining rooms",
        LimitKind::Invitations => "invitations",
        LimitKind::Events => "removals, levels and settings",
        LimitKind::Reads => "reading",
    }
}

/// What takes the time.
const fn slowest(bottleneck: Bottleneck) -> &'static str {
    match bottleneck {
        Bottleneck::Creations => "since 0.016 rooms a second may be created after the first 10",
        Bottleneck::Joins => "since 0.1 rooms a second may be joined after the first 10",
        Bottleneck::InvitationsByAccount => "since 0.3 invitations a second may be sent after the first 10",
        Bottleneck::InvitationsOfPerson => {
            "since one person gets 0.003 invitations a second after the first 5"
        }
        Bottleneck::InvitationsToRoom => "since one room takes 0.3 invitations a second after the first 10",
        Bottleneck::Events => "since 0.2 changes a second may be sent after the first 10",
        _ => "at 35 ms a request (100 ms to create a room), which the homeserver takes one after another",
    }
}

impl Connected {
    pub(super) fn limits_text(&self, out: &mut impl Write) -> fmt::Result {
        let exempt = self.facts.rate_override == RateOverride::Exempt;
        match self.facts.rate_override {
            RateOverride::Exempt => writeln!(out, "rate limits: none hold for the bot, says the homeserver")?,
            RateOverride::Set { per_second, burst } => writeln!(
                out,
                "rate limits: {per_second} messages a second for the bot, {burst} at once; the homeserver's own for \
                 everything else"
            )?,
            RateOverride::None => writeln!(out, "rate limits: the homeserver's own hold for the bot")?,
            RateOverride::NotKnown => writeln!(out, "rate limits: the homeserver does not tell the bot")?,
        }
        match &self.fixed {
            Some(Fixed::Lifted) => writeln!(out, "  fixed: they were lifted just now")?,
            Some(Fixed::Already) => writeln!(out, "  nothing to fix: they were lifted before")?,
            Some(Fixed::Not(why)) => writeln!(out, "  {FAILED}not fixed:{FAILED:#} {}", Clean(why))?,
            None => {}
        }
        if exempt && !self.draft.memory().limits.is_empty() {
            writeln!(
                out,
                "  it asked to wait all the same, as follows; if that was since they were lifted, the token is one that \
                 an administrator made for the bot: log in with the bot's password instead"
            )?;
        }
        for (kind, met) in &self.draft.memory().limits {
            let at = time(met.at);
            let day = at.split('T').next().unwrap_or(&at);
            let what = what(*kind);
            writeln!(
                out,
                "  {what}: the homeserver asked to wait {} (seen {day})",
                seconds(met.wait)
            )?;
        }
        if !exempt {
            writeln!(
                out,
                "  its rates are not known; what follows assumes those that a Synapse comes with"
            )?;
        }
        self.ahead_text(out)
    }

    fn ahead_text(&self, out: &mut impl Write) -> fmt::Result {
        let ahead = Ahead::of(self);
        let work = ahead.work;
        if work.requests() == 0 {
            let known = self
                .draft
                .desired
                .sources
                .iter()
                .all(inviter::core::desired::SourceOutcome::is_complete);
            let known = if known {
                ""
            } else {
                ", as far as the directories could be read"
            };
            return writeln!(out, "  the next sync has nothing to send{known}");
        }
        let parts = [
            (work.creations, "to create"),
            (work.joins, "to join"),
            (work.invitations, "to invite"),
            (work.events, "other changes"),
        ];
        let parts = parts.iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> = parts.map(|(count, what)| format!("{count} {what}")).collect();
        write!(
            out,
            "  the next sync takes at least {} ({}), {}",
            duration(ahead.limited.time),
            parts.join(", "),
            slowest(ahead.limited.bottleneck)
        )?;
        if ahead.limited.time > ahead.unlimited.time {
            write!(out, "; {} without limits", duration(ahead.unlimited.time))?;
        }
        writeln!(out)?;
        if ahead.limited.time > ahead.unlimited.time {
            writeln!(
                out,
                "  what would have to wait for more than a minute is put off, and done by later syncs"
            )?;
        }
        Ok(())
    }

    pub(super) fn limits_json(&self) -> Value {
        let ahead = Ahead::of(self);
        let met = self.draft.memory().limits.iter().map(|(kind, met)| {
            json!({ "kind": kind.as_str(), "wait_seconds": met.wait.as_secs_f64(), "seen": time(met.at) })
        });
        let estimate = |estimate: Estimate| json!({ "seconds": estimate.time.as_secs_f64(), "bottleneck": word(&estimate.bottleneck) });
        let exempt = self.facts.rate_override == RateOverride::Exempt;
        let fixed = self.fixed.as_ref().map(|fixed| match fixed {
            Fixed::Lifted => json!({ "fixed": true, "error": null }),
            Fixed::Already => json!({ "fixed": false, "error": null }),
            Fixed::Not(why) => json!({ "fixed": false, "error": why }),
        });
        json!({
            "override": self.facts.rate_override,
            "met": met.collect::<Vec<_>>(),
            "assumed": (!exempt).then_some(RateLimits::SYNAPSE_STOCK),
            "next_sync": {
                "work": ahead.work,
                "limited": estimate(ahead.limited),
                "unlimited": estimate(ahead.unlimited),
            },
            "fix": fixed,
        })
    }
}

/// To a tenth of a second.
fn seconds(wait: Duration) -> String {
    let tenths = wait.as_millis().div_ceil(100);
    match tenths % 10 {
        0 => format!("{} s", tenths / 10),
        tenth => format!("{}.{tenth} s", tenths / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_to_a_tenth_of_a_second() {
        assert_eq!(seconds(Duration::from_millis(3300)), "3.3 s");
        assert_eq!(seconds(Duration::from_millis(3201)), "3.3 s");
        assert_eq!(seconds(Duration::from_secs(60)), "60 s");
    }
}
