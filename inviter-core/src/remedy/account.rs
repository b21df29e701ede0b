//! The account and its rate limits.

use serde_json::{Value, json};

use super::{AdminRequest, Remedy, RemedyContext, Step, Trouble};
use crate::server::{AccountFlag, RateOverride};

/// What is in the way of the account: its own state first, then the rate limits, which only cost time.
pub fn of_account(cx: &RemedyContext<'_>) -> Vec<Remedy> {
    let flags = cx.facts.flags.iter().filter(|flag| flag.is_obstacle());
    let mut remedies: Vec<Remedy> = flags.map(|flag| flagged(*flag, cx)).collect();
    remedies.extend(rate_limits(cx));
    remedies
}

fn flagged(flag: AccountFlag, cx: &RemedyContext<'_>) -> Remedy {
    let bot = cx.bot;
    let user = bot.as_str();
    let request = |text: &str, request| Step::Request {
        text: format!("a server administrator {text}"),
        request,
    };
    let (message, step) = match flag {
        AccountFlag::Locked => (
            format!("{bot} is locked: nothing that it sends is accepted"),
            request(
                "unlocks it",
                admin("PUT", 2, &["users", user], Some(json!({ "locked": false }))),
            ),
        ),
        AccountFlag::Suspended => (
            format!("{bot} is suspended: it may read, and not invite or remove anybody"),
            request(
                "lifts the suspension",
                admin("PUT", 1, &["suspend", user], Some(json!({ "suspend": false }))),
            ),
        ),
        AccountFlag::ShadowBanned => (
            format!("{bot} is shadow-banned: what it sends seems to work and reaches nobody"),
            request(
                "lifts the ban",
                admin("DELETE", 1, &["users", user, "shadow_ban"], None),
            ),
        ),
        _ => (
            format!("{bot} is a guest's account, which may not do what the bot has to"),
            Step::Configuration {
                text: "register an ordinary account, and name it in [homeserver]".to_owned(),
                line: format!("user = \"@inviter:{}\"", bot.server_name()),
            },
        ),
    };
    Remedy {
        trouble: Trouble::Account,
        blocks: true,
        told_by: None,
        message,
        steps: vec![step],
    }
}

fn rate_limits(cx: &RemedyContext<'_>) -> Option<Remedy> {
    if cx.facts.rate_override == RateOverride::Exempt || !cx.facts.is_synapse() {
        return None;
    }
    let mut steps = Vec::new();
    if cx.facts.admin == Some(true) {
        steps.push(Step::Command {
            command: "inviter check --fix".to_owned(),
        });
    }
    let body = json!({ "messages_per_second": 0, "burst_count": 0 });
    steps.push(Step::Request {
        text: "a server administrator takes the bot out of them".to_owned(),
        request: admin(
            "POST",
            1,
            &["users", cx.bot.as_str(), "override_ratelimit"],
            Some(body),
        ),
    });
    let message = match cx.facts.rate_override {
        RateOverride::NotKnown => "the homeserver may limit how fast the bot works".to_owned(),
        _ => "the homeserver limits how fast the bot works".to_owned(),
    };
    Some(Remedy {
        trouble: Trouble::RateLimits,
        blocks: false,
        told_by: None,
        message,
        steps,
    })
}

/// A request of Synapse's administration API.
pub(super) fn admin(method: &'static str, version: u8, parts: &[&str], body: Option<Value>) -> AdminRequest {
    AdminRequest::new(method, &format!("/_synapse/admin/v{version}"), parts, body)
}
