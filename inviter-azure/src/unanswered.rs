//! Why a request got no answer.

use std::error::Error as StdError;

/// Why nobody answered, as what is said of whom was asked ("cannot be reached ..."), and whether that lasts until
/// somebody does something about it.
pub(crate) fn unanswered(error: &reqwest::Error) -> (bool, String) {
    let cause = innermost(error);
    // Errors of rustls have no type that reqwest shows; this is how each one about a certificate begins.
    if let Some(at) = cause.find("invalid peer certificate") {
        let why = certificate_trouble(cause.get(at..).unwrap_or_default());
        return (true, format!("shows a certificate {why}"));
    }
    if error.is_connect() {
        let message = format!("cannot be reached ({cause}); check the URL, the network, and `proxy` if any");
        return (false, message);
    }
    if error.is_timeout() {
        return (false, "did not answer in time".to_owned());
    }
    let message = format!("broke the connection before the answer was complete ({cause})");
    (false, message)
}

fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn StdError = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// What is wrong with a certificate and what to do, from the words of the TLS library.
fn certificate_trouble(said: &str) -> &'static str {
    if said.contains("UnknownIssuer") {
        "that is not trusted, since its authority is unknown here; if that is your own or a proxy's, name the \
         authority's certificate as `ca_file`"
    } else if said.contains("not valid for name") {
        "for another name; check the URL"
    } else if said.contains("expired") {
        "that has expired; set this machine's clock right, or have the certificate renewed"
    } else if said.contains("not valid yet") {
        "that is not valid yet; set this machine's clock right"
    } else {
        "that is not trusted; check it (`openssl s_client` shows it), and `ca_file` if its authority is your own"
    }
}
