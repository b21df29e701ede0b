//! What the homeserver tells about itself and about the account, and the one request that takes the account out of
//! the rate limits. All but the specification's own requests are Synapse's.

use std::collections::BTreeMap;

use futures_util::join;
use http::Method;
use inviter_core::{
    backend::BackendError,
    server::{AccountFlag, RateOverride, ServerFacts, Software},
};
use ruma::{
    RoomVersionId, UserId,
    api::client::{
        account::whoami,
        discovery::get_capabilities::{self, v3::RoomVersionStability},
    },
};
use serde::Deserialize;
use serde_json::json;

use crate::{
    accounts::{USERS, user_path},
    backend::Shared,
    client::Call,
    error::Failure,
    stream::Object,
};

/// `GET /_matrix/federation/v1/version`
#[derive(Deserialize)]
struct FederationVersion {
    server: Object<FederationServer>,
}

#[derive(Deserialize)]
struct FederationServer {
    name: String,
    version: Option<String>,
}

/// `GET /_synapse/admin/v1/server_version`
#[derive(Deserialize)]
struct SynapseVersion {
    server_version: String,
}

/// `GET /_synapse/admin/v2/users/{user}`, which only an administrator may ask.
#[derive(Deserialize)]
struct Account {
    #[serde(default)]
    locked: Option<bool>,
    #[serde(default)]
    suspended: Option<bool>,
    #[serde(default)]
    shadow_banned: Option<bool>,
    #[serde(default)]
    appservice_id: Option<String>,
}

/// The answer of `override_ratelimit`: nothing is set if both are absent.
#[derive(Deserialize)]
struct Override {
    messages_per_second: Option<u64>,
    burst_count: Option<u64>,
}

impl From<Override> for RateOverride {
    fn from(answer: Override) -> Self {
        match (answer.messages_per_second, answer.burst_count) {
            (None, None) => Self::None,
            (per_second, burst) => match (per_second.unwrap_or(0), burst.unwrap_or(0)) {
                // With a rate of none, Synapse does not limit at all, whatever the burst.
                (0, _) => Self::Exempt,
                (per_second, burst) => Self::Set { per_second, burst },
            },
        }
    }
}

impl Shared {
    /// Everything that can be learnt; what nobody tells stays unknown.
    pub(crate) async fn inspect(&self) -> ServerFacts {
        let mut facts = ServerFacts::default();
        facts.spec_versions = self.client.spec_versions();
        let (software, stable, guest, account) = join!(
            self.software(),
            self.stable_versions(),
            self.is_guest(),
            self.account_of_ours()
        );
        facts.software = software;
        facts.stable_room_versions = stable;
        if guest {
            facts.flags.insert(AccountFlag::Guest);
        }
        match account {
            Ok(account) => {
                facts.admin = Some(true);
                facts.flags.extend(flags(&account));
                // Only an administrator may ask.
                facts.rate_override = self.rate_override().await.unwrap_or_default();
            }
            // The homeserver itself says so; a proxy that shuts the path off says nothing about the account.
            Err(failure) if failure.is_forbidden() => facts.admin = Some(false),
            Err(_) => {}
        }
        facts
    }

    /// Synapse's own word first: the other is not served where a homeserver does not federate, or another program
    /// answers there.
    async fn software(&self) -> Option<Software> {
        let call = Call::read(&self.client.base);
        let path = "/_synapse/admin/v1/server_version";
        if let Ok(answer) = self.client.get_json::<SynapseVersion>(&call, path).await {
            return Some(Software {
                name: "Synapse".to_owned(),
                version: Some(answer.server_version),
            });
        }
        let path = "/_matrix/federation/v1/version";
        let answer = self
            .client
            .get_json::<FederationVersion>(&call, path)
            .await
            .ok()?;
        Some(Software {
            name: answer.server.0.name,
            version: answer.server.0.version,
        })
    }

    async fn stable_versions(&self) -> Vec<RoomVersionId> {
        let call = Call::read(&self.client.base);
        let request = get_capabilities::v3::Request::new();
        let Ok(answer) = self.client.send(&call, request).await else {
            return Vec::new();
        };
        let versions: BTreeMap<RoomVersionId, RoomVersionStability> =
            answer.capabilities.room_versions.available;
        let stable = versions
            .into_iter()
            .filter(|(_, stability)| *stability == RoomVersionStability::Stable);
        let mut stable: Vec<RoomVersionId> = stable.map(|(version, _)| version).collect();
        // 9 before 10.
        stable.sort_by_key(|version| (version.as_str().len(), version.as_str().to_owned()));
        stable
    }

    async fn is_guest(&self) -> bool {
        let call = Call::read(&self.client.base);
        let answer = self.client.send(&call, whoami::v3::Request::new()).await;
        answer.is_ok_and(|answer| answer.is_guest)
    }

    async fn account_of_ours(&self) -> Result<Account, Failure> {
        let me = self.whoami().await.map_err(Failure::without_effect)?.user_id;
        let path = user_path(USERS, &me);
        self.client.get_json(&Call::read(me.as_str()), &path).await
    }

    async fn rate_override(&self) -> Result<RateOverride, BackendError> {
        let me = self.whoami().await?.user_id;
        let call = Call::read(me.as_str());
        let answer: Override = self.client.get_json(&call, &override_path(&me)).await?;
        Ok(answer.into())
    }

    /// Takes the account out of all limits, and asks what holds then.
    pub(crate) async fn lift_limits(&self) -> Result<RateOverride, BackendError> {
        let me = self.whoami().await?.user_id;
        // Twice is as good as once.
        let call = Call::read(me.as_str());
        let body = json!({ "messages_per_second": 0, "burst_count": 0 });
        let path = override_path(&me);
        let _: Override = self.client.send_json(&call, &Method::POST, &path, &body).await?;
        self.rate_override().await
    }
}

fn override_path(user: &UserId) -> String {
    let path = user_path("/_synapse/admin/v1/users/", user);
    format!("{path}/override_ratelimit")
}

fn flags(account: &Account) -> Vec<AccountFlag> {
    let flags = [
        (account.appservice_id.is_some(), AccountFlag::ApplicationService),
        (account.locked == Some(true), AccountFlag::Locked),
        (account.suspended == Some(true), AccountFlag::Suspended),
        (account.shadow_banned == Some(true), AccountFlag::ShadowBanned),
    ];
    flags
        .into_iter()
        .filter(|(is, _)| *is)
        .map(|(_, flag)| flag)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overrides_as_synapse_writes_them() {
        let read = |json: &str| RateOverride::from(serde_json::from_str::<Override>(json).unwrap());
        assert_eq!(read("{}"), RateOverride::None);
        assert_eq!(
            read(r#"{"messages_per_second":0,"burst_count":0}"#),
            RateOverride::Exempt
        );
        let set = RateOverride::Set {
            per_second: 5,
            burst: 20,
        };
        assert_eq!(read(r#"{"messages_per_second":5,"burst_count":20}"#), set);
    }
}
