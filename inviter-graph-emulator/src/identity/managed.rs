//! Managed identities: the metadata service of virtual machines, and App Service.

use serde_json::json;

use super::is_graph;
use crate::answer::Answer;
use crate::clock;
use crate::emulator::Shared;
use crate::lock;
use crate::query::Query;
use crate::server::Incoming;

/// The identity of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedIdentity {
    /// Its application's id: what a user-assigned identity is asked for by.
    pub client_id: String,
    /// The id of its service principal: another thing it can be asked for by.
    pub object_id: String,
    /// The id of its resource: another thing it can be asked for by.
    pub resource_id: String,
    /// Whether it is there for requests that name none.
    pub system_assigned: bool,
    /// What App Service wants in `X-IDENTITY-HEADER`.
    pub identity_header: String,
}

impl Default for ManagedIdentity {
    fn default() -> Self {
        Self {
            client_id: "9c6d1a5e-58a2-4d3f-8f6b-1d8f2f6f0a11".to_owned(),
            object_id: "0f1c7c2b-6f0e-4a55-9f0e-6a3c57d4a822".to_owned(),
            resource_id:
                "/subscriptions/00000000-0000-0000-0000-000000000000/resourcegroups/example/providers/\
                          Microsoft.ManagedIdentity/userAssignedIdentities/example"
                    .to_owned(),
            system_assigned: true,
            identity_header: "emulated-identity-header".to_owned(),
        }
    }
}

fn refused(status: u16, error: &str, description: &str) -> Answer {
    Answer::json(
        status,
        &json!({ "error": error, "error_description": description }),
    )
}

/// `GET /metadata/identity/oauth2/token` of a virtual machine.
pub(super) fn metadata_service(shared: &Shared, request: &Incoming) -> Answer {
    let query = Query::parse(&request.query);
    if request.header("metadata") != Some("true") {
        return refused(400, "invalid_request", "Required metadata header not specified");
    }
    if request.header("x-forwarded-for").is_some() {
        return refused(400, "invalid_request", "A forwarded request is not answered");
    }
    if query.get("api-version").is_none() {
        return refused(
            400,
            "invalid_request",
            "Required query variable 'api-version' is missing",
        );
    }
    let asked = [
        ("client_id", "client_id"),
        ("object_id", "object_id"),
        ("msi_res_id", "resource_id"),
    ];
    answer(shared, &query, &asked)
}

/// `GET /msi/token` of App Service.
pub(super) fn app_service(shared: &Shared, request: &Incoming) -> Answer {
    let query = Query::parse(&request.query);
    let header = lock(&shared.identity.managed)
        .as_ref()
        .map(|identity| identity.identity_header.clone());
    if header.is_none() || request.header("x-identity-header") != header.as_deref() {
        return refused(401, "unauthorized", "The identity header is missing or wrong");
    }
    if query.get("api-version") != Some("2019-08-01") {
        return refused(
            400,
            "invalid_request",
            "This version of the interface is not known",
        );
    }
    let asked = [
        ("client_id", "client_id"),
        ("principal_id", "object_id"),
        ("object_id", "object_id"),
        ("mi_res_id", "resource_id"),
    ];
    answer(shared, &query, &asked)
}

fn answer(shared: &Shared, query: &Query, asked: &[(&str, &str)]) -> Answer {
    let Some(identity) = lock(&shared.identity.managed).clone() else {
        return refused(400, "invalid_request", "Identity not found");
    };
    let Some(resource) = query.get("resource") else {
        return refused(
            400,
            "invalid_request",
            "Required query variable 'resource' is missing",
        );
    };
    if !is_graph(resource, shared) {
        let description = format!("AADSTS500011: The resource principal named {resource} was not found.");
        return refused(400, "invalid_resource", &description);
    }
    let named = asked
        .iter()
        .find_map(|(parameter, field)| Some((query.get(parameter)?, *field)));
    let found = match named {
        None => identity.system_assigned,
        Some((value, "client_id")) => value.eq_ignore_ascii_case(&identity.client_id),
        Some((value, "object_id")) => value.eq_ignore_ascii_case(&identity.object_id),
        Some((value, _)) => value.eq_ignore_ascii_case(&identity.resource_id),
    };
    if !found {
        return refused(400, "invalid_request", "Identity not found");
    }
    let lifetime = shared.options.token_lifetime;
    let seconds = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
    let now = clock::unix();
    // Numbers are strings here.
    Answer::json(
        200,
        &json!({
            "access_token": shared.access_tokens.issue(lifetime),
            "client_id": identity.client_id,
            "expires_in": seconds.to_string(),
            "expires_on": now.saturating_add(seconds).to_string(),
            "ext_expires_in": seconds.to_string(),
            "not_before": now.to_string(),
            "resource": resource,
            "token_type": "Bearer",
        }),
    )
}
