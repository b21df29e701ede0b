//! What tenants and applications are called by.

use inviter_azure::check_object_id;

use crate::{config::secrets, document::shortened};

/// A tenant by its ID or by one of its domains.
pub(super) fn tenant(text: &str) -> Result<String, String> {
    if ["common", "organizations", "consumers"].contains(&text) {
        return Err(format!(
            "`{text}` stands for tenants of all kinds, and the bot reads one; write its directory (tenant) ID or one of \
             its domains"
        ));
    }
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let is_domain = text.contains('.') && text.split('.').all(is_label);
    if is_domain || check_object_id(text).is_ok() {
        return Ok(text.to_owned());
    }
    Err(format!(
        "{} is no tenant; write the directory (tenant) ID that the Entra admin center shows, or one of the tenant's \
         domains, such as \"example.onmicrosoft.com\"",
        quotable(text)
    ))
}

/// An application by its ID.
pub(super) fn client_id(text: &str) -> Result<String, String> {
    match check_object_id(text) {
        Ok(()) => Ok(text.to_owned()),
        Err(_) => Err(format!(
            "{} is no application ID; write the one that the app registration shows as \"Application (client) ID\", \
             such as \"11112222-bbbb-3333-cccc-4444dddd5555\"",
            quotable(text)
        )),
    }
}

/// Somebody may have put the secret there, which messages must not repeat.
fn quotable(text: &str) -> String {
    if secrets::looks_like_a_client_secret(text) {
        return "this".to_owned();
    }
    format!("`{}`", shortened(text))
}
