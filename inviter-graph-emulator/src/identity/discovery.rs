//! What libraries ask before they ask for a token.

use serde_json::json;

use super::TokenError;
use crate::answer::Answer;
use crate::emulator::Shared;

/// `/{tenant}/v2.0/.well-known/openid-configuration`.
pub(super) fn configuration(shared: &Shared, tenant: &str) -> Result<Answer, TokenError> {
    if !shared.is_tenant(tenant) && !["common", "organizations"].contains(&tenant) {
        return Err(TokenError::unknown_tenant(tenant));
    }
    let origin = &shared.origin;
    let oauth = format!("{origin}/{tenant}/oauth2/v2.0");
    Ok(Answer::json(
        200,
        &json!({
            "token_endpoint": format!("{oauth}/token"),
            "token_endpoint_auth_methods_supported":
                ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "jwks_uri": format!("{origin}/{tenant}/discovery/v2.0/keys"),
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": format!("{origin}/{}/v2.0", shared.identity.tenant_id),
            "request_uri_parameter_supported": false,
            "userinfo_endpoint": "https://graph.microsoft.com/oidc/userinfo",
            "authorization_endpoint": format!("{oauth}/authorize"),
            "device_authorization_endpoint": format!("{oauth}/devicecode"),
            "http_logout_supported": true,
            "frontchannel_logout_supported": true,
            "end_session_endpoint": format!("{oauth}/logout"),
            "tenant_region_scope": "EU",
            "cloud_instance_name": "microsoftonline.com",
            "cloud_graph_host_name": "graph.windows.net",
            "msgraph_host": "graph.microsoft.com",
            "rbac_url": "https://pas.windows.net",
        }),
    ))
}

/// `/common/discovery/instance`.
pub(super) fn instance(shared: &Shared) -> Answer {
    let host = shared.origin.split("://").nth(1).unwrap_or_default();
    let tenant = &shared.identity.tenant_id;
    Answer::json(
        200,
        &json!({
            "tenant_discovery_endpoint":
                format!("{}/{tenant}/v2.0/.well-known/openid-configuration", shared.origin),
            "api-version": "1.1",
            "metadata": [{
                "preferred_network": host,
                "preferred_cache": host,
                "aliases": [host],
            }],
        }),
    )
}
