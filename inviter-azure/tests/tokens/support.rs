//! Certificates, configurations, and what errors say.

use std::{
    error::Error as StdError,
    fmt::Write as _,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use inviter_azure::{
    Cloud, Credential, EntraConfig, IdentityTokens, RoomGroups, Token, TokenError, TokenSource as _,
};
use inviter_graph_emulator::{Emulator, Tenant};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use secrecy::ExposeSecret as _;
use tempfile::TempDir;

pub(crate) async fn emulator() -> Emulator {
    Emulator::start(Tenant::new()).await.unwrap()
}

pub(crate) fn config(authority: &str, graph: &str) -> EntraConfig {
    let mut config = EntraConfig::new(RoomGroups::default());
    config.cloud = Cloud::Custom {
        authority: authority.to_owned(),
        graph: graph.to_owned(),
    };
    config
}

pub(crate) fn config_of(emulator: &Emulator) -> EntraConfig {
    config(emulator.authority(), emulator.graph_url())
}

/// The emulator's own application with its secret.
pub(crate) fn with_secret(emulator: &Emulator) -> Credential {
    secret(emulator, &emulator.client_secret())
}

pub(crate) fn secret(emulator: &Emulator, secret: &str) -> Credential {
    Credential::ClientSecret {
        tenant: emulator.tenant_id().to_owned(),
        client_id: emulator.client_id().to_owned(),
        secret: secret.into(),
    }
}

pub(crate) async fn error_of(credential: Credential, config: &EntraConfig) -> TokenError {
    IdentityTokens::new(credential, config)
        .token(None)
        .await
        .unwrap_err()
}

pub(crate) fn text(token: &Token) -> &str {
    token.secret.expose_secret()
}

/// Everything that an error says, for people and for programmers, along its whole chain.
pub(crate) fn whole(error: &TokenError) -> String {
    let mut text = String::new();
    let mut next: Option<&dyn StdError> = Some(error);
    while let Some(error) = next {
        writeln!(text, "{error}\n{error:?}\n{error:#?}").unwrap();
        next = error.source();
    }
    text
}

/// Requests that asked for a token.
pub(crate) fn asked(emulator: &Emulator) -> usize {
    emulator
        .requests()
        .iter()
        .filter(|request| request.is_for_token())
        .count()
}

/// A certificate and its key, in files.
pub(crate) struct Certificate {
    pub(crate) der: Vec<u8>,
    pub(crate) pem: String,
    pub(crate) key: String,
    pub(crate) chain: PathBuf,
    pub(crate) key_file: PathBuf,
}

impl Certificate {
    /// Made with one of two keys, for making RSA keys takes a while.
    pub(crate) fn new(dir: &TempDir, name: &str, key: usize) -> Self {
        static KEYS: OnceLock<[String; 2]> = OnceLock::new();
        let keys = KEYS.get_or_init(|| {
            [(); 2].map(|()| {
                KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)
                    .unwrap()
                    .serialize_pem()
            })
        });
        Self::signed(dir, name, &KeyPair::from_pem(&keys[key]).unwrap())
    }

    pub(crate) fn signed(dir: &TempDir, name: &str, key: &KeyPair) -> Self {
        let certificate = CertificateParams::new(vec![format!("{name}.example")])
            .unwrap()
            .self_signed(key)
            .unwrap();
        let (pem, key) = (certificate.pem(), key.serialize_pem());
        Self {
            der: certificate.der().to_vec(),
            chain: file(dir, &format!("{name}.crt"), &pem),
            key_file: file(dir, &format!("{name}.key"), &key),
            pem,
            key,
        }
    }

    /// The key in the form that begins with `RSA PRIVATE KEY`, which is what PKCS#8 wraps into 26 bytes more.
    pub(crate) fn pkcs1(&self) -> String {
        let pkcs8 = KeyPair::from_pem(&self.key).unwrap().serialize_der();
        let text = STANDARD.encode(&pkcs8[26..]);
        let lines = text
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).unwrap());
        let lines = lines.collect::<Vec<_>>().join("\n");
        format!("-----BEGIN RSA PRIVATE KEY-----\n{lines}\n-----END RSA PRIVATE KEY-----\n")
    }

    pub(crate) fn credential(&self, emulator: &Emulator) -> Credential {
        certificate(emulator, &self.chain, &self.key_file)
    }
}

pub(crate) fn certificate(emulator: &Emulator, certificate: &Path, key: &Path) -> Credential {
    Credential::ClientCertificate {
        tenant: emulator.tenant_id().to_owned(),
        client_id: emulator.client_id().to_owned(),
        certificate: certificate.to_owned(),
        key: key.to_owned(),
    }
}

pub(crate) fn workload(emulator: &Emulator, token_file: &Path) -> Credential {
    Credential::WorkloadIdentity {
        tenant: emulator.tenant_id().to_owned(),
        client_id: emulator.client_id().to_owned(),
        token_file: token_file.to_owned(),
    }
}

pub(crate) fn file(dir: &TempDir, name: &str, content: &str) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}
