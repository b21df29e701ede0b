//! The whole check as JSON.

use inviter::core::{
    finding::Finding,
    remedy::{Remedy, Step},
};
use serde_json::{Value, json};

use super::{Checked, Connected};
use crate::render::{document, word};

impl Checked {
    pub(super) fn contents(&self) -> Value {
        let connected = self.connected.as_ref().ok();
        let draft = connected.map(|connected| &connected.draft);
        let mut findings: Vec<Finding> = draft
            .map_or(&self.desired.findings[..], |draft| &draft.findings[..])
            .to_vec();
        findings.sort();
        let identity = draft.map(|draft| &draft.identity);
        let facts = connected.map(|connected| &connected.facts);
        let software = facts.and_then(|facts| facts.software.as_ref());
        json!({
            "works": self.works(),
            "configuration": self.config,
            "directories": self.directories(),
            "homeserver": {
                "url": self.homeserver,
                "user": identity.map(|identity| identity.user_id.as_str()),
                "default_room_version":
                    identity.and_then(|identity| identity.default_room_version.as_ref()).map(ToString::to_string),
                "error": self.connected.as_ref().err(),
                "software": software.map(|software| &software.name),
                "software_version": software.and_then(|software| software.version.as_ref()),
                "spec_versions": facts.map(|facts| &facts.spec_versions),
                "stable_room_versions": facts.map(|facts| &facts.stable_room_versions),
            },
            "account": connected.map(|connected| json!({
                "user": connected.bot.as_str(),
                "admin": connected.facts.admin,
                "flags": connected.facts.flags,
                "remedies": remedies(&connected.of_account, &self.homeserver),
            })),
            "rate_limits": connected.map(Connected::limits_json),
            "rooms": connected.map(|connected| connected.rooms(&self.homeserver)),
            "exempt": connected.and_then(Connected::exempt),
            "rooms_outside": connected.map(|connected| connected.draft.rooms_outside),
            "findings": document::findings(&findings),
            "in_the_way": self.in_the_way(),
            "next": self.next(),
        })
    }

    /// The directories as every document has them, each with its advice.
    fn directories(&self) -> Vec<Value> {
        let sources = self.desired.sources.iter();
        let directories = sources.map(|source| {
            let mut value = document::directory(source, &self.desired);
            let advice = self.advice_of(&source.provider).iter();
            let advice =
                advice.map(|advice| json!({ "kind": word(&advice.kind), "message": advice.message }));
            value["advice"] = advice.collect();
            value
        });
        directories.collect()
    }
}

impl Connected {
    fn rooms(&self, base: &str) -> Vec<Value> {
        let rooms = self.draft.plan.rooms();
        let rooms = rooms.iter().zip(&self.remedies).map(|(room, found)| {
            let mut value = document::room_status(room);
            value["remedies"] = remedies(found, base).into();
            value
        });
        rooms.collect()
    }
}

fn remedies(remedies: &[Remedy], base: &str) -> Vec<Value> {
    let remedies = remedies.iter().map(|remedy| {
        let steps: Vec<Value> = remedy.steps.iter().map(|step| self::step(step, base)).collect();
        json!({
            "trouble": word(&remedy.trouble),
            "blocks": remedy.blocks,
            "message": remedy.message,
            "steps": steps,
        })
    });
    remedies.collect()
}

fn step(step: &Step, base: &str) -> Value {
    match step {
        Step::Client { text } => json!({ "how": "client", "text": text }),
        Step::Configuration { text, line } => json!({ "how": "configuration", "text": text, "line": line }),
        Step::Command { command } => json!({ "how": "command", "command": command }),
        Step::Request { text, request } => json!({
            "how": "request", "text": text, "method": request.method, "path": request.path, "body": request.body,
            "curl": request.curl(base),
        }),
        _ => Value::Null,
    }
}
