//! The HTTP client that Graph and the authority are asked with.

use std::{io, path::PathBuf};

use reqwest::{Certificate, Client, ClientBuilder, Proxy, redirect};
use secrecy::ExposeSecret as _;

use crate::config::EntraConfig;

/// The HTTP client cannot be set up as configured.
///
/// Neither the text nor any cause repeats the URL of a proxy, which may hold a password.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpSetupError {
    #[error("`ca_file`: the file `{}` cannot be read ({source}); correct its name or its permissions", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(
        "`ca_file`: the file `{}` holds no certificate in PEM form (`-----BEGIN CERTIFICATE-----`); convert it, or \
         name another",
        path.display()
    )]
    NoCertificate { path: PathBuf },
    #[error(
        "`ca_file`: the file `{}` holds a certificate that cannot be read; check it (`openssl x509 -text -in FILE` \
         shows it)",
        path.display()
    )]
    BadCertificate { path: PathBuf, source: reqwest::Error },
    #[error(
        "`proxy`: the URL of the HTTP proxy cannot be used; write one such as \"http://proxy.example.com:3128\""
    )]
    Proxy {
        #[source]
        source: reqwest::Error,
    },
    #[error("the HTTP client cannot be set up ({source})")]
    Other { source: reqwest::Error },
}

/// Sets up a client; reads `ca_file`, and contacts nobody.
pub(crate) fn http_client(config: &EntraConfig) -> Result<Client, HttpSetupError> {
    let mut builder = base(config);
    if let Some(proxy) = &config.proxy {
        let proxy = Proxy::all(proxy.expose_secret()).map_err(|source| HttpSetupError::Proxy {
            source: source.without_url(),
        })?;
        builder = builder.proxy(proxy);
    }
    let Some(path) = &config.ca_file else {
        return builder.build().map_err(|source| HttpSetupError::Other {
            source: source.without_url(),
        });
    };
    let pem = std::fs::read(path).map_err(|source| HttpSetupError::Unreadable {
        path: path.clone(),
        source,
    })?;
    let bad = |source: reqwest::Error| HttpSetupError::BadCertificate {
        path: path.clone(),
        source: source.without_url(),
    };
    let certificates = Certificate::from_pem_bundle(&pem).map_err(bad)?;
    if certificates.is_empty() {
        return Err(HttpSetupError::NoCertificate { path: path.clone() });
    }
    // What is in the certificates is only looked at by `build`.
    builder.tls_certs_merge(certificates).build().map_err(bad)
}

/// What holds for each client of this crate. No client asks the environment for a proxy.
pub(crate) fn base(config: &EntraConfig) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("inviter/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(config.connect_timeout)
        // Neither Graph nor an authority redirects; another host must not get a secret.
        .redirect(redirect::Policy::none())
        .no_proxy()
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::config::RoomGroups;

    fn failed(change: impl FnOnce(&mut EntraConfig)) -> String {
        let mut config = EntraConfig::new(RoomGroups::default());
        change(&mut config);
        let error = http_client(&config).unwrap_err();
        let mut said = vec![format!("{error}\n{error:?}")];
        let mut cause = error.source();
        while let Some(error) = cause {
            said.push(format!("{error}\n{error:?}"));
            cause = error.source();
        }
        said.join("\n")
    }

    #[test]
    fn a_proxy_that_is_none_is_told_without_its_password() {
        let said = failed(|config| config.proxy = Some("http://bot:hunter2@[proxy:3128".into()));
        assert!(
            said.starts_with("`proxy`: the URL of the HTTP proxy cannot be used"),
            "{said}"
        );
        assert!(!said.contains("hunter2"), "{said}");
    }

    #[test]
    fn a_ca_file_that_cannot_be_used_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str, content: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, content).unwrap();
            path
        };
        let missing = dir.path().join("missing.pem");
        let empty = at("empty.pem", "no certificate here\n");
        let broken = at(
            "broken.pem",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        );
        for (path, why) in [
            (missing, "cannot be read"),
            (empty, "holds no certificate in PEM form"),
            (broken, "holds a certificate that cannot be read"),
        ] {
            let said = failed(|config| config.ca_file = Some(path.clone()));
            let start = format!("`ca_file`: the file `{}` {why}", path.display());
            assert!(said.starts_with(&start), "{said}");
        }
    }

    #[test]
    fn a_client_is_set_up_without_asking_anybody() {
        let mut config = EntraConfig::new(RoomGroups::default());
        config.proxy = Some("http://bot:hunter2@proxy.invalid:3128".into());
        http_client(&config).unwrap();
    }
}
