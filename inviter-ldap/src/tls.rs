//! The TLS side of connections: whom to trust, and who the bot is.

use std::{path::Path, sync::Arc};

use inviter_core::provider::ProviderErrorKind as Kind;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::{config::LdapConfig, trouble::Trouble};

/// Reads the certificates that the configuration names; blocks. They are read anew for each run, so that a renewed one
/// is used without a restart.
pub(crate) fn client_config(config: &LdapConfig) -> Result<Arc<ClientConfig>, Trouble> {
    let mut roots = RootCertStore::empty();
    // Some of a system's certificates may be malformed; those that are not still count.
    let (_, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = &config.ca_file {
        for certificate in certificates(path)? {
            roots.add(certificate).map_err(|error| {
                unusable(path, "holds a certificate that cannot be used").caused_by(&error)
            })?;
        }
    }
    if roots.is_empty() {
        return Err(Trouble::new(
            Kind::Misconfigured,
            "this machine trusts no certificate authority at all; install ca-certificates, or name the authority of \
             the server's certificate with `ca_file`",
        ));
    }
    // Named, since rustls panics where it has to choose between several.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let failed =
        |error: rustls::Error| Trouble::new(Kind::Misconfigured, format!("TLS cannot be set up ({error})"));
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_root_certificates(roots);
    let Some(client) = &config.client_certificate else {
        return Ok(Arc::new(builder.with_no_client_auth()));
    };
    let key = PrivateKeyDer::from_pem_file(&client.key)
        .map_err(|error| unusable(&client.key, "holds no private key in PEM form").caused_by(&error))?;
    let config = builder
        .with_client_auth_cert(certificates(&client.certificate)?, key)
        .map_err(|error| {
            unusable(
                &client.certificate,
                "holds a certificate that does not fit the key",
            )
            .caused_by(&error)
        })?;
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Trouble> {
    let none = || unusable(path, "holds no certificate in PEM form");
    let read = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| none().caused_by(&error))?;
    if read.is_empty() { Err(none()) } else { Ok(read) }
}

fn unusable(path: &Path, why: &str) -> Trouble {
    Trouble::new(
        Kind::Misconfigured,
        format!(
            "the file `{}` {why}; correct the file, or name another",
            path.display()
        ),
    )
}
