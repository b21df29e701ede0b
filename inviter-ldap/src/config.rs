//! [`LdapConfig`]: how a server is reached, and what is read from it.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::{Dn, schema::Schema};

/// How a directory is reached, and what is read from it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LdapConfig {
    /// `ldaps://`, `ldap://` or `ldapi://` URLs with host and port. The first that can be reached is used.
    pub urls: Vec<String>,
    /// Go over to TLS on an `ldap://` connection (RFC 4511 section 4.14), before anything else is sent. Where the
    /// server refuses, the connection is given up.
    pub start_tls: bool,
    /// Send passwords and read people over unencrypted connections to other machines.
    pub danger_allow_plain_ldap: bool,
    /// PEM file with certificates to trust in addition to the system's.
    pub ca_file: Option<PathBuf>,
    /// The certificate with which the bot identifies itself.
    pub client_certificate: Option<ClientCertificate>,
    /// How the bot logs in.
    pub bind: Bind,
    /// How long connecting to one server may take, TLS included.
    pub connect_timeout: Duration,
    /// How long the server may take for one answer, or for the next entry of one.
    pub operation_timeout: Duration,
    /// How long reading everything may take.
    pub read_timeout: Duration,
    /// How much the server may send in one read, in MiB; the read fails beyond.
    pub read_limit_mib: u32,
    /// Entries per page (RFC 2696). Must not exceed the server's size limit.
    pub page_size: u32,
    /// DNs of the subtrees with people.
    pub user_bases: Vec<String>,
    /// DNs of the subtrees with groups that stand for rooms. Groups inside those are found anywhere.
    pub group_bases: Vec<String>,
    /// Attributes of accounts to read: those that user IDs are made of.
    pub attributes: Vec<String>,
    /// An attribute of accounts with a whole Matrix ID, which comes before all others.
    pub matrix_id_attribute: Option<String>,
    /// Subtrees on other servers that the server refers to and that hold nobody of interest: DNs.
    pub ignore_referrals: Vec<String>,
    /// Where people, groups and memberships are kept.
    pub schema: Schema,
}

/// A certificate and its key, as PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate, and those between it and the authority.
    pub certificate: PathBuf,
    /// Its private key, without a passphrase.
    pub key: PathBuf,
}

/// How the bot logs in.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Bind {
    /// With a name and a password (RFC 4513 section 5.1.3).
    Simple {
        /// A DN; Active Directory also takes `user@domain`.
        dn: String,
        /// Must not be empty: servers take that for an anonymous bind and say yes (RFC 4513 section 5.1.2).
        password: SecretString,
    },
    /// By who the connection belongs to: the client certificate, or the user at the other end of a socket (RFC 4513
    /// section 5.2.3).
    External,
    /// Not at all.
    Anonymous,
}

impl LdapConfig {
    /// As many entries per page as every server's stock limits let through: 500 is OpenLDAP's, 1,000 Active
    /// Directory's.
    pub const PAGE_SIZE: u32 = 500;
    /// See [`connect_timeout`](Self::connect_timeout).
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
    /// See [`operation_timeout`](Self::operation_timeout).
    pub const OPERATION_TIMEOUT: Duration = Duration::from_secs(60);
    /// See [`read_timeout`](Self::read_timeout).
    pub const READ_TIMEOUT: Duration = Duration::from_secs(15 * 60);
    /// See [`read_limit_mib`](Self::read_limit_mib). Forty million memberships of a hundred bytes take about as
    /// much; what is read is kept in memory, in about the same size.
    pub const READ_LIMIT_MIB: u32 = 4096;

    /// One server, one subtree with people and groups, and the rest by default.
    pub fn new(url: impl Into<String>, bind: Bind, base: impl Into<String>, schema: Schema) -> Self {
        let base = base.into();
        Self {
            urls: vec![url.into()],
            start_tls: false,
            danger_allow_plain_ldap: false,
            ca_file: None,
            client_certificate: None,
            bind,
            connect_timeout: Self::CONNECT_TIMEOUT,
            operation_timeout: Self::OPERATION_TIMEOUT,
            read_timeout: Self::READ_TIMEOUT,
            read_limit_mib: Self::READ_LIMIT_MIB,
            page_size: Self::PAGE_SIZE,
            user_bases: vec![base.clone()],
            group_bases: vec![base],
            attributes: vec![schema.preset.user_attribute().to_owned()],
            matrix_id_attribute: None,
            ignore_referrals: Vec::new(),
            schema,
        }
    }

    /// What would go wrong whatever the server says.
    ///
    /// # Errors
    /// [`ConfigError`]
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.urls.is_empty() {
            return Err(ConfigError::Missing("a URL"));
        }
        for url in &self.urls {
            check_url(url, self.start_tls, self.danger_allow_plain_ldap)?;
        }
        if self.user_bases.is_empty() {
            return Err(ConfigError::Missing("a base of people"));
        }
        if self.group_bases.is_empty() {
            return Err(ConfigError::Missing("a base of groups"));
        }
        for dn in self
            .user_bases
            .iter()
            .chain(&self.group_bases)
            .chain(&self.ignore_referrals)
        {
            check_dn(dn)?;
        }
        self.schema.placeholders.iter().try_for_each(|dn| check_dn(dn))?;
        let filters = [
            Some(&self.schema.user_filter),
            Some(&self.schema.group_filter),
            self.schema.disabled_filter.as_ref(),
        ];
        for filter in filters.into_iter().flatten() {
            check_filter(filter)?;
        }
        match &self.bind {
            Bind::Simple { password, .. } if password.expose_secret().is_empty() => {
                Err(ConfigError::EmptyPassword)
            }
            Bind::Simple { dn, .. } if dn.is_empty() => Err(ConfigError::Missing("the name to bind as")),
            Bind::External if !self.urls.iter().all(|url| self.tells_who_the_bot_is(url)) => {
                Err(ConfigError::ExternalWithoutCertificate)
            }
            _ => Ok(()),
        }
    }
}

impl LdapConfig {
    /// Whether a connection there belongs to somebody: to a user of this machine, or to whoever has the certificate.
    fn tells_who_the_bot_is(&self, url: &str) -> bool {
        let is_tls = url.starts_with("ldaps:") || self.start_tls;
        url.starts_with("ldapi:") || is_tls && self.client_certificate.is_some()
    }
}

/// As much of a URL as a message may repeat: what stands before an `@` or behind a `?` may be a password.
fn quotable(text: &str) -> &str {
    match text.split(['?', '#']).next() {
        Some(plain) if !text.contains('@') => plain,
        _ => "…",
    }
}

/// A configuration that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Something is not there.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A URL that is none, or not of LDAP.
    #[error(
        "`{url}` is no LDAP URL ({why}); write it like \"ldaps://ldap.example.com\" or \"ldaps://ldap.example.com:636\""
    )]
    Url {
        /// The text.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// A user name or password in a URL.
    #[error(
        "a URL with a user name or password in it is not accepted; write it like \"ldaps://ldap.example.com\""
    )]
    UrlWithUser,
    /// Passwords would go unencrypted.
    #[error(
        "`{0}` would send the bot's password unencrypted; use ldaps://, or set `start_tls = true`, or \
         `danger_allow_plain_ldap = true` if the way there is safe"
    )]
    Plain(String),
    /// A text that is no distinguished name.
    #[error("`{dn}` is not a distinguished name ({why}); write it like \"ou=people,dc=example,dc=com\"")]
    Dn {
        /// The text.
        dn: String,
        /// What is wrong with it.
        why: crate::DnError,
    },
    /// A text that is no filter.
    #[error(
        "`{0}` is not a search filter (RFC 4515); write it like \"(objectClass=person)\", with `\\2a` for a `*` in a value"
    )]
    Filter(String),
    /// Servers take an empty password for no log-in at all, and say yes.
    #[error("the password is empty, which servers take for an anonymous log-in; give the bot a password")]
    EmptyPassword,
    /// There is nothing by which the server could know the bot.
    #[error(
        "`bind = \"external\"` needs a client certificate (`client_cert_file` and `client_key_file`) and TLS, or ldapi:// \
         URLs"
    )]
    ExternalWithoutCertificate,
}

/// Whether this is a URL that can be connected to, and safely.
///
/// # Errors
/// [`ConfigError`]
pub fn check_url(text: &str, start_tls: bool, allow_plain: bool) -> Result<(), ConfigError> {
    let bad = |why: &str| {
        Err(ConfigError::Url {
            url: quotable(text).to_owned(),
            why: why.to_owned(),
        })
    };
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) => return bad(&error.to_string()),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ConfigError::UrlWithUser);
    }
    let host = url.host_str().unwrap_or_default();
    if host.is_empty() {
        return bad("it names no host");
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return bad("it has more than host and port; the base has a key of its own");
    }
    match url.scheme() {
        "ldapi" if url.port().is_some() => bad("a socket has no port"),
        "ldaps" | "ldapi" => Ok(()),
        "ldap" if start_tls || allow_plain || is_this_machine(host) => Ok(()),
        "ldap" => Err(ConfigError::Plain(text.to_owned())),
        _ => bad("its scheme is not ldaps, ldap or ldapi"),
    }
}

/// What goes to this machine itself crosses no network.
fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether this is a distinguished name.
///
/// # Errors
/// [`ConfigError::Dn`]
pub fn check_dn(text: &str) -> Result<(), ConfigError> {
    match Dn::parse(text) {
        Ok(_) => Ok(()),
        Err(why) => Err(ConfigError::Dn {
            dn: text.to_owned(),
            why,
        }),
    }
}

/// Whether this is a search filter.
///
/// # Errors
/// [`ConfigError::Filter`]
pub fn check_filter(text: &str) -> Result<(), ConfigError> {
    match ldap3::parse_filter(text) {
        Ok(_) if text.starts_with('(') => Ok(()),
        _ => Err(ConfigError::Filter(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Preset;

    #[test]
    fn urls() {
        for fine in [
            "ldaps://ldap.example.com",
            "ldaps://ldap.example.com:3636/",
            "ldap://127.0.0.1:389",
            "ldap://[::1]:389",
            "ldap://localhost",
            "ldapi://%2frun%2fslapd%2fldapi",
        ] {
            assert_eq!(check_url(fine, false, false), Ok(()), "{fine}");
        }
        let plain = "ldap://ldap.example.com";
        assert_eq!(
            check_url(plain, false, false),
            Err(ConfigError::Plain(plain.to_owned()))
        );
        assert_eq!(check_url(plain, true, false), Ok(()));
        assert_eq!(check_url(plain, false, true), Ok(()));
        for bad in [
            "ldap.example.com",
            "https://ldap.example.com",
            "ldaps://",
            "ldaps://a/dc=example,dc=com",
            "ldaps://a:99999",
        ] {
            let error = check_url(bad, false, false).unwrap_err();
            assert!(matches!(error, ConfigError::Url { .. }), "{bad}: {error}");
        }
        let error = check_url("ldaps://me:s3cret@a", false, false).unwrap_err();
        assert_eq!(error, ConfigError::UrlWithUser);
        assert!(!error.to_string().contains("s3cret"));
        for secret in [
            "me:s3cret@a",
            "ldaps://a/dc=x?uid?sub?X-BINDPW=s3cret",
            "ldaps://a#s3cret",
        ] {
            let error = check_url(secret, false, false).unwrap_err();
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn a_whole_configuration() {
        let simple = |password: &str| Bind::Simple {
            dn: "cn=bot,dc=x".to_owned(),
            password: password.into(),
        };
        let with = |bind| LdapConfig::new("ldaps://a", bind, "dc=x", Schema::new(Preset::GroupOfNames));
        assert_eq!(with(simple("x")).check(), Ok(()));
        assert_eq!(with(simple("")).check(), Err(ConfigError::EmptyPassword));
        assert_eq!(
            with(Bind::External).check(),
            Err(ConfigError::ExternalWithoutCertificate)
        );
        let mut config = with(Bind::Anonymous);
        config.schema.user_filter = "uid=*".to_owned();
        assert_eq!(config.check(), Err(ConfigError::Filter("uid=*".to_owned())));
        config = with(Bind::Anonymous);
        config.group_bases = vec!["groups".to_owned()];
        assert!(matches!(config.check(), Err(ConfigError::Dn { .. })));
    }

    #[test]
    fn presets_are_sound() {
        for preset in Preset::ALL {
            let config = LdapConfig::new("ldaps://a", Bind::Anonymous, "dc=x", Schema::new(preset));
            assert_eq!(config.check(), Ok(()), "{preset:?}");
        }
    }
}
