//! The certificate and the private key that a client assertion is signed with.

use std::{io::Read as _, path::Path};

use aws_lc_rs::{
    digest,
    rand::SystemRandom,
    rsa::KeyPair,
    signature::{KeyPair as _, RSA_PSS_SHA256},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

use crate::token::{TokenError, TokenErrorKind as Kind};

/// The largest file that is read; a chain of certificates with its key has a few thousand bytes.
const MAX_FILE: u64 = 1 << 20;

/// Object identifiers of keys that Entra has no use for, as DER: id-ecPublicKey, Ed25519, Ed448.
const OTHER_KEYS: [&[u8]; 3] = [
    &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01],
    &[0x06, 0x03, 0x2b, 0x65, 0x70],
    &[0x06, 0x03, 0x2b, 0x65, 0x71],
];

/// A key, and the certificate that Entra knows it by.
pub(super) struct SigningKey {
    key: KeyPair,
    /// The certificate's SHA-256.
    thumbprint: Vec<u8>,
}

impl SigningKey {
    /// Reads both files; blocks.
    pub(super) fn read(certificate: &Path, key: &Path) -> Result<Self, TokenError> {
        let pair = rsa_key(key, &contents(key)?)?;
        let certificates = certificates(certificate)?;
        // A certificate has its public key in it as this very run of bytes. So the right one is found wherever it
        // stands in the file, and one that is read by Entra is not refused here for its version or its extensions.
        let public = pair.public_key().as_ref();
        let Some(own) = certificates
            .iter()
            .find(|candidate| candidate.windows(public.len()).any(|bytes| bytes == public))
        else {
            return Err(wrong(
                key,
                format!(
                    "holds another key than that of the certificate in `{}`; name the key that the certificate was \
                     made with",
                    certificate.display()
                ),
            ));
        };
        let thumbprint = digest::digest(&digest::SHA256, own).as_ref().to_vec();
        Ok(Self {
            key: pair,
            thumbprint,
        })
    }

    pub(super) fn thumbprint(&self) -> &[u8] {
        &self.thumbprint
    }

    /// Signs with RSASSA-PSS and SHA-256, which JWTs call PS256.
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PSS_SHA256, &SystemRandom::new(), message, &mut signature)
            .ok()?;
        Some(signature)
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TokenError> {
    let pem = contents(path)?;
    let read = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    read.ok().filter(|read| !read.is_empty()).ok_or_else(|| {
        wrong(
            path,
            "holds no certificate in PEM form (`-----BEGIN CERTIFICATE-----`); convert it (a .pfx file with `openssl \
             pkcs12 -in FILE -nokeys -clcerts`), or name another",
        )
    })
}

fn rsa_key(path: &Path, pem: &[u8]) -> Result<KeyPair, TokenError> {
    // Both forms of encryption say so in clear text: the label of PKCS#8, and a header before the key of old.
    if has(pem, b"-----BEGIN ENCRYPTED PRIVATE KEY-----") || has(pem, b"Proc-Type: 4,ENCRYPTED") {
        return Err(wrong(
            path,
            "holds a key that is encrypted with a passphrase; decrypt it (`openssl pkey -in FILE -out NEW`) into a \
             file that only this service can read",
        ));
    }
    let other = || {
        wrong(
            path,
            "holds a key that is not an RSA key, and Entra takes RSA only; make an RSA key and a certificate for it",
        )
    };
    // The reader's own error may repeat a line of the file, which may be one of the key.
    let der = PrivateKeyDer::from_pem_slice(pem).map_err(|_| {
        wrong(
            path,
            "holds no private key in PEM form (`-----BEGIN PRIVATE KEY-----`); convert it, or name another",
        )
    })?;
    let read = match &der {
        PrivateKeyDer::Pkcs1(der) => KeyPair::from_der(der.secret_pkcs1_der()),
        PrivateKeyDer::Pkcs8(der) => {
            let der = der.secret_pkcs8_der();
            // The algorithm stands at the beginning, before anything of the key.
            let head = der.get(..32).unwrap_or(der);
            if OTHER_KEYS.iter().any(|identifier| has(head, identifier)) {
                return Err(other());
            }
            KeyPair::from_pkcs8(der)
        }
        _ => return Err(other()),
    };
    read.map_err(|why| {
        wrong(
            path,
            format!("holds a private key that cannot be used ({why}); RSA keys of 2048 to 8192 bits can"),
        )
    })
}

/// The whole of a file that an administrator names; blocks.
pub(super) fn contents(path: &Path) -> Result<Vec<u8>, TokenError> {
    let read = |file: std::fs::File| {
        let mut bytes = Vec::new();
        // One byte more, rather than trusting the length that is told.
        file.take(MAX_FILE + 1).read_to_end(&mut bytes).map(|_| bytes)
    };
    let read = std::fs::File::open(path).and_then(read).and_then(|bytes| {
        if bytes.len() as u64 > MAX_FILE {
            return Err(std::io::Error::new(
                std::io::ErrorKind::FileTooLarge,
                "it is larger than 1 MiB",
            ));
        }
        Ok(bytes)
    });
    read.map_err(|failed| {
        let mut error = wrong(
            path,
            format!("cannot be read ({failed}); correct its name or its permissions"),
        );
        error.source = Some(Box::new(failed));
        error
    })
}

/// That a file cannot be used.
pub(super) fn wrong(path: &Path, why: impl Into<String>) -> TokenError {
    TokenError::new(Kind::Misconfigured, format!("the file `{}`", path.display()), why)
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
