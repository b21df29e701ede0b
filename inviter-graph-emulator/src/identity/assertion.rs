//! Assertions: tokens that a client has signed with the key of its certificate.

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::CertificateDer;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::TokenError;
use crate::clock;
use crate::emulator::Shared;
use crate::lock;

#[derive(Deserialize)]
struct Header {
    alg: String,
    x5t: Option<String>,
    #[serde(rename = "x5t#S256")]
    x5t_s256: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    sub: String,
    /// With parts of seconds: so MSAL writes it.
    exp: f64,
    nbf: Option<f64>,
    jti: String,
}

/// How far clocks may differ, in seconds.
const SKEW: f64 = 300.0;

fn malformed(what: &str) -> TokenError {
    let message = format!("JWT token is invalid or malformed: {what}.");
    TokenError::new(401, "invalid_client", 50027, message)
}

fn refused(why: &str) -> TokenError {
    let message = format!("Client assertion failed signature validation. [Reason - {why}]");
    TokenError::new(401, "invalid_client", 700_027, message)
}

/// Takes padding too: azure-identity's assertions have it, and Entra ID takes them.
fn decoded(part: &str, what: &str) -> Result<Vec<u8>, TokenError> {
    let part = part.trim_end_matches('=');
    URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed(what))
}

fn read<T: DeserializeOwned>(part: &str, what: &str) -> Result<T, TokenError> {
    let bytes = decoded(part, what)?;
    serde_json::from_slice(&bytes).map_err(|error| malformed(&format!("{what}: {error}")))
}

/// Whether the assertion is one of the application's, by a certificate that was registered.
pub(super) fn verify(shared: &Shared, tenant: &str, token: &str) -> Result<(), TokenError> {
    let (signed, signature) = token.rsplit_once('.').ok_or_else(|| malformed("no signature"))?;
    let (header, claims) = signed.split_once('.').ok_or_else(|| malformed("no claims"))?;
    let header: Header = read(header, "header")?;
    let claims: Claims = read(claims, "claims")?;
    let signature = decoded(signature, "signature")?;
    let certificate = find(shared, &header)?;
    check_signature(&header, &certificate, signed.as_bytes(), &signature)?;
    check_claims(shared, tenant, &claims)
}

/// The certificate whose thumbprint the header has.
fn find(shared: &Shared, header: &Header) -> Result<Vec<u8>, TokenError> {
    if header.x5t.is_none() && header.x5t_s256.is_none() {
        return Err(refused(
            "The header has no thumbprint of a certificate (x5t or x5t#S256).",
        ));
    }
    let fits = |thumbprint: Option<&String>, algorithm, certificate: &[u8]| {
        thumbprint.is_none_or(|thumbprint| {
            URL_SAFE_NO_PAD.encode(digest::digest(algorithm, certificate)) == thumbprint.trim_end_matches('=')
        })
    };
    let certificates = lock(&shared.identity.certificates);
    let found = certificates.iter().find(|certificate| {
        fits(header.x5t.as_ref(), &SHA1_FOR_LEGACY_USE_ONLY, certificate)
            && fits(header.x5t_s256.as_ref(), &SHA256, certificate)
    });
    found
        .cloned()
        .ok_or_else(|| refused("The key was not found: no certificate with this thumbprint is registered."))
}

fn check_signature(
    header: &Header,
    certificate: &[u8],
    signed: &[u8],
    signature: &[u8],
) -> Result<(), TokenError> {
    let algorithm = match header.alg.as_str() {
        "RS256" => &RSA_PKCS1_2048_8192_SHA256,
        "PS256" => &RSA_PSS_2048_8192_SHA256,
        other => return Err(refused(&format!("The algorithm {other} is not supported."))),
    };
    let certificate = CertificateDer::from(certificate);
    let key = webpki::EndEntityCert::try_from(&certificate)
        .map_err(|_| refused("The registered certificate cannot be read."))?
        .subject_public_key_info();
    UnparsedPublicKey::new(algorithm, key.as_ref())
        .verify(signed, signature)
        .map_err(|_| refused("The provided signature value did not match the expected signature value."))
}

fn check_claims(shared: &Shared, tenant: &str, claims: &Claims) -> Result<(), TokenError> {
    let identity = &shared.identity;
    if claims.aud != format!("{}/{tenant}/oauth2/v2.0/token", shared.origin) {
        let message = format!(
            "The assertion's audience '{}' is not this token endpoint.",
            claims.aud
        );
        return Err(TokenError::new(401, "invalid_client", 50013, message));
    }
    if claims.iss != identity.client_id || claims.sub != identity.client_id {
        let message = "The assertion's issuer and subject have to be the application.";
        return Err(TokenError::new(401, "invalid_client", 700_021, message));
    }
    let now = clock::unix_with_parts();
    if claims.exp + SKEW < now {
        let message = format!(
            "The assertion is not within its valid time range: it expired at {}.",
            claims.exp
        );
        return Err(TokenError::new(401, "invalid_client", 700_024, message));
    }
    if claims.nbf.is_some_and(|nbf| nbf > now + SKEW) {
        let message = "The assertion is not within its valid time range: it is not valid yet.";
        return Err(TokenError::new(401, "invalid_client", 700_024, message));
    }
    if claims.exp > now + 24.0 * 60.0 * 60.0 + SKEW {
        return Err(refused("The assertion is valid for too long."));
    }
    if claims.jti.is_empty() || !lock(&identity.used_assertions).insert(claims.jti.clone()) {
        return Err(refused("The identifier (jti) is missing, or was used before."));
    }
    Ok(())
}
