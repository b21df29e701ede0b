//! How applications get access tokens: the token endpoint of Entra ID, and managed identities.

mod assertion;
mod discovery;
mod managed;
mod token_endpoint;

use std::collections::BTreeSet;
use std::sync::Mutex;

use serde_json::json;

use crate::answer::{Answer, RequestIds};
use crate::clock;
use crate::emulator::Shared;
use crate::lock;
use crate::server::Incoming;

pub use managed::ManagedIdentity;

/// What an application may prove itself with, and what it may do.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) tenant_id: String,
    pub(crate) client_id: String,
    secrets: Mutex<Secrets>,
    pub(crate) certificates: Mutex<Vec<Vec<u8>>>,
    pub(crate) federated_token: Mutex<Option<String>>,
    pub(crate) managed: Mutex<Option<ManagedIdentity>>,
    pub(crate) granted: Mutex<BTreeSet<String>>,
    /// Identifiers of assertions that were used.
    used_assertions: Mutex<BTreeSet<String>>,
}

#[derive(Debug)]
struct Secrets {
    current: String,
    expired: bool,
}

impl Identity {
    pub(crate) fn new(tenant_id: String, client_id: String, secret: String) -> Self {
        let granted = ["GroupMember.Read.All", "User.Read.All", "Member.Read.Hidden"];
        Self {
            tenant_id,
            client_id,
            secrets: Mutex::new(Secrets {
                current: secret,
                expired: false,
            }),
            certificates: Mutex::default(),
            federated_token: Mutex::default(),
            managed: Mutex::default(),
            granted: Mutex::new(granted.into_iter().map(str::to_owned).collect()),
            used_assertions: Mutex::default(),
        }
    }

    pub(crate) fn secret(&self) -> String {
        lock(&self.secrets).current.clone()
    }

    pub(crate) fn set_secret(&self, secret: &str) {
        *lock(&self.secrets) = Secrets {
            current: secret.to_owned(),
            expired: false,
        };
    }

    pub(crate) fn expire_secret(&self) {
        lock(&self.secrets).expired = true;
    }
}

/// Answers what is not for Graph, if it is for anything.
pub(crate) fn answer(shared: &Shared, request: &Incoming) -> Option<Answer> {
    let parts: Vec<&str> = request.path.split('/').skip(1).collect();
    let answer = match (request.method.as_str(), &parts[..]) {
        ("POST", [tenant, "oauth2", "v2.0", "token"]) => {
            token_endpoint::answer(shared, request, tenant).unwrap_or_else(|error| error.answer(&request.ids))
        }
        ("GET", [tenant, "v2.0", ".well-known", "openid-configuration"]) => {
            discovery::configuration(shared, tenant).unwrap_or_else(|error| error.answer(&request.ids))
        }
        ("GET", [_, "discovery", "instance"]) => discovery::instance(shared),
        ("GET", ["metadata", "identity", "oauth2", "token"]) => managed::metadata_service(shared, request),
        ("GET", ["msi", "token"]) => managed::app_service(shared, request),
        _ => return None,
    };
    Some(answer)
}

/// An error of the token endpoint.
#[derive(Debug)]
pub(crate) struct TokenError {
    status: u16,
    error: &'static str,
    code: u32,
    message: String,
}

impl TokenError {
    fn new(status: u16, error: &'static str, code: u32, message: impl Into<String>) -> Self {
        Self {
            status,
            error,
            code,
            message: message.into(),
        }
    }

    fn unknown_tenant(tenant: &str) -> Self {
        let message = format!(
            "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing \
             into the correct cloud."
        );
        Self::new(400, "invalid_request", 90002, message)
    }

    fn answer(&self, ids: &RequestIds) -> Answer {
        let time = clock::with_zone();
        let description = format!(
            "AADSTS{}: {} Trace ID: {} Correlation ID: {} Timestamp: {time}",
            self.code, self.message, ids.request, ids.client
        );
        let body = json!({
            "error": self.error,
            "error_description": description,
            "error_codes": [self.code],
            "timestamp": time,
            "trace_id": ids.request,
            "correlation_id": ids.client,
            "error_uri": format!("https://login.microsoftonline.com/error?code={}", self.code),
        });
        Answer::json(self.status, &body)
            .with("cache-control", "no-store, no-cache")
            .with("pragma", "no-cache")
    }
}

/// Resources that are Graph, whatever the cloud.
const GRAPH: &[&str] = &[
    "https://graph.microsoft.com",
    "https://graph.microsoft.us",
    "https://dod-graph.microsoft.us",
    "https://microsoftgraph.chinacloudapi.cn",
    "00000003-0000-0000-c000-000000000000",
];

fn is_graph(resource: &str, shared: &Shared) -> bool {
    let resource = resource.trim_end_matches('/');
    GRAPH.contains(&resource) || resource == shared.origin
}
