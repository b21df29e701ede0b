//! `POST /{tenant}/oauth2/v2.0/token`, for applications.

use std::collections::HashMap;

use serde_json::json;

use super::{TokenError, assertion, is_graph};
use crate::answer::Answer;
use crate::emulator::Shared;
use crate::lock;
use crate::record::decoded;
use crate::server::Incoming;

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

pub(super) fn answer(shared: &Shared, request: &Incoming, tenant: &str) -> Result<Answer, TokenError> {
    let identity = &shared.identity;
    if !shared.is_tenant(tenant) {
        return Err(TokenError::unknown_tenant(tenant));
    }
    let body = String::from_utf8_lossy(&request.body);
    let form: HashMap<String, String> = body
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect();
    let field = |name: &str| {
        form.get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    };
    let needed = |name: &str| {
        field(name).ok_or_else(|| {
            let message = format!("The request body must contain the following parameter: '{name}'.");
            TokenError::new(400, "invalid_request", 900_144, message)
        })
    };
    let grant = needed("grant_type")?;
    if grant != "client_credentials" {
        let message = format!("The app requested an unsupported grant type '{grant}'.");
        return Err(TokenError::new(400, "unsupported_grant_type", 70003, message));
    }
    let client = needed("client_id")?;
    let scope = needed("scope")?;
    if !client.eq_ignore_ascii_case(&identity.client_id) {
        let message = format!(
            "Application with identifier '{client}' was not found in the directory '{}'. This can happen if \
             the application has not been installed by the administrator of the tenant.",
            identity.tenant_id
        );
        return Err(TokenError::new(400, "unauthorized_client", 700_016, message));
    }
    // Further scopes of OpenID do no harm.
    let resource = scope.split(' ').find_map(|scope| scope.strip_suffix("/.default"));
    let resource = resource.ok_or_else(|| {
        let message = format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have a scope \
             value with /.default suffixed to the resource identifier (application ID URI)."
        );
        TokenError::new(400, "invalid_scope", 1_002_012, message)
    })?;
    if !is_graph(resource, shared) {
        let message = format!(
            "The resource principal named {resource} was not found in the tenant named {}.",
            identity.tenant_id
        );
        return Err(TokenError::new(400, "invalid_resource", 500_011, message));
    }
    match (field("client_secret"), field("client_assertion")) {
        (_, Some(token)) => {
            if field("client_assertion_type") != Some(JWT_BEARER) {
                let message = "The value of client_assertion_type has to be that of a JWT bearer.";
                return Err(TokenError::new(401, "invalid_client", 50027, message));
            }
            let federated = lock(&identity.federated_token).as_deref() == Some(token);
            if !federated {
                assertion::verify(shared, tenant, token)?;
            }
        }
        (Some(secret), None) => verify_secret(shared, secret)?,
        (None, None) => {
            let message = "The request body must contain the following parameter: 'client_assertion' or \
                           'client_secret'.";
            return Err(TokenError::new(401, "invalid_client", 7_000_218, message));
        }
    }
    let lifetime = shared.options.token_lifetime;
    let token = shared.access_tokens.issue(lifetime);
    let seconds = lifetime.as_secs();
    let body = json!({
        "token_type": "Bearer",
        "expires_in": seconds,
        "ext_expires_in": seconds,
        "access_token": token,
    });
    Ok(Answer::json(200, &body)
        .with("cache-control", "no-store, no-cache")
        .with("pragma", "no-cache"))
}

fn verify_secret(shared: &Shared, secret: &str) -> Result<(), TokenError> {
    let secrets = lock(&shared.identity.secrets);
    let client = &shared.identity.client_id;
    if secrets.current != secret {
        let message = format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret \
             value, not the client secret ID, for a secret added to app '{client}'."
        );
        return Err(TokenError::new(401, "invalid_client", 7_000_215, message));
    }
    if secrets.expired {
        let message = format!("The provided client secret keys for app '{client}' are expired.");
        return Err(TokenError::new(401, "invalid_client", 7_000_222, message));
    }
    Ok(())
}
