//! What went wrong with a server, in a sentence that says what to do about it.

use std::io;

use inviter_core::{
    harmful::is_harmful,
    provider::{ProviderError, ProviderErrorKind as Kind},
};
use ldap3::{LdapError, LdapResult};
use rustls::CertificateError;

use crate::{
    control::{PolicyError, policy_error},
    wire::NoMessage,
};

/// Longer words of a server are cut off.
const MAX_DIAGNOSTIC: usize = 300;

/// Something that went wrong with a server.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    pub(crate) kind: Kind,
    /// What went wrong and what to do, without a full stop.
    pub(crate) message: String,
    /// The result code (RFC 4511 appendix A), if the server gave one.
    pub(crate) code: Option<u32>,
    /// Nothing more can be asked on this connection.
    pub(crate) lost: bool,
    /// What has come by this connection does not count, and another server's answer would be no better.
    pub(crate) outgrown: bool,
    /// The cause in the words of whoever found it.
    pub(crate) cause: Option<String>,
}

/// Result codes that decide something here (RFC 4511 appendix A.1).
pub(crate) mod code {
    pub(crate) const SIZE_LIMIT: u32 = 4;
    pub(crate) const ADMIN_LIMIT: u32 = 11;
    pub(crate) const CRITICAL_EXTENSION: u32 = 12;
    pub(crate) const NO_SUCH_OBJECT: u32 = 32;
}

impl Trouble {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            code: None,
            lost: false,
            outgrown: false,
            cause: None,
        }
    }

    pub(crate) fn caused_by(mut self, cause: &impl ToString) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// That there is no connection any more.
    pub(crate) fn lost(message: impl Into<String>) -> Self {
        Self {
            lost: true,
            ..Self::new(Kind::Unavailable, message)
        }
    }

    /// That one read would take more memory than it may.
    pub(crate) fn outgrown(limit_mib: u32) -> Self {
        Self {
            kind: Kind::Malformed,
            outgrown: true,
            ..Self::lost(format!(
                "the server sends more than {limit_mib} MiB in one read; raise `read_limit_mib` if the directory is that \
                 large, or read less of it"
            ))
        }
    }

    /// The same as an error about a thing.
    pub(crate) fn about(self, about: impl Into<String>) -> ProviderError {
        let error = ProviderError::new(self.kind, about, self.message);
        match self.cause {
            Some(cause) => error.caused_by(cause),
            None => error,
        }
    }

    /// A failure of ldap3's on a connection that exists.
    pub(crate) fn of_operation(error: &LdapError) -> Self {
        let trouble = match error {
            LdapError::Timeout { .. } => Self::lost(
                "the server did not answer in time; try again later, or give it longer with `operation_timeout`",
            ),
            LdapError::Io { .. }
            | LdapError::OpSend { .. }
            | LdapError::ResultRecv { .. }
            | LdapError::IdScrubSend { .. }
            | LdapError::EndOfStream => {
                Self::lost("the server ended the connection in the middle of its answer; look into its log")
            }
            LdapError::FilterParsing => Self::new(Kind::Misconfigured, "the search filter is none"),
            _ => Self::lost("the server cannot be talked to"),
        };
        trouble.caused_by(error)
    }

    /// That nobody answered in time.
    pub(crate) fn no_connection() -> Self {
        Self::lost(
            "the server did not answer in time; check host and port, and whether a firewall is between",
        )
    }

    /// That the server does not go over to TLS.
    pub(crate) fn start_tls_refused(code: u32) -> Self {
        Self {
            kind: Kind::Misconfigured,
            ..Self::lost(format!(
                "the server refuses StartTLS ({}), and nothing is sent unencrypted; use ldaps://, or set up TLS on the \
                 server",
                code_name(code)
            ))
        }
    }

    /// That something came that is no LDAP.
    pub(crate) fn of_no_message(why: NoMessage) -> Self {
        Self {
            kind: Kind::Malformed,
            ..Self::lost(format!(
                "what the server sends is no LDAP, since {why}; check that the URL is that of an LDAP server, and look \
                 into its log"
            ))
        }
    }

    /// A failure to connect.
    pub(crate) fn of_io(error: &io::Error) -> Self {
        Self {
            lost: true,
            ..of_io(error).caused_by(error)
        }
    }

    /// A bind that was refused.
    pub(crate) fn of_bind(result: &LdapResult, who: &str) -> Self {
        let message = match (result.rc, policy_error(&result.ctrls), data_code(&result.text)) {
            (_, Some(PolicyError::Expired), _) | (49, _, Some("532")) => {
                format!("the password of {who} has expired; set a new one, and write it to the bot's file")
            }
            (_, Some(PolicyError::Locked), _) | (49, _, Some("775")) => {
                format!("the account {who} is locked; unlock it")
            }
            (_, Some(PolicyError::ChangeAfterReset), _) | (49, _, Some("773")) => format!(
                "the password of {who} has to be changed before it can be used; change it, and write it to the bot's \
                 file"
            ),
            (49, _, Some("525")) => {
                format!("the server knows no account {who}; correct `bind_dn`")
            }
            (49, _, Some("530" | "531")) => format!(
                "the account {who} may not log in at this time or from this machine; lift its log-on restrictions"
            ),
            (49, _, Some("533")) => format!("the account {who} is disabled; enable it"),
            (49, _, Some("701")) => format!("the account {who} has expired; extend it"),
            (49, _, _) => format!("the server refuses {who} with this password; correct `bind_dn` or the password"),
            (8 | 13, ..) => {
                "the server takes passwords over encrypted connections only; use ldaps://, or set `start_tls = true`"
                    .to_owned()
            }
            (48, ..) => format!(
                "{who} may not log in this way; give it a password in the directory, or use another account"
            ),
            (7 | 14 | 86, ..) => "the server does not take this way of logging in; use `bind = \"simple\"`".to_owned(),
            (32 | 34, ..) => format!("{who} is no name that the server knows; correct `bind_dn`"),
            _ => return Self::of_result(result),
        };
        Self {
            code: Some(result.rc),
            ..Self::new(Kind::Denied, message).caused_by(&told(result))
        }
    }

    /// A search that did not succeed.
    pub(crate) fn of_result(result: &LdapResult) -> Self {
        let (kind, message): (Kind, &str) = match result.rc {
            1 if wants_bind(&result.text) => (
                Kind::Denied,
                "the server answers nobody who has not logged in; set `bind_dn` and a password",
            ),
            3 => (
                Kind::Unavailable,
                "the server stopped at its time limit; have it raised for the bot's account",
            ),
            4 => (
                Kind::Misconfigured,
                "the server stopped at its size limit; have it raised for the bot's account (OpenLDAP: `limits \
                 dn.exact=\"…\" size=unlimited`)",
            ),
            11 => (
                Kind::Misconfigured,
                "the server stopped at a limit of its administrator's; have it raised for the bot's account, or set a \
                 smaller `page_size`",
            ),
            8 | 13 => (
                Kind::Denied,
                "the server demands an encrypted connection; use ldaps://, or set `start_tls = true`",
            ),
            10 => return Self::referred(result),
            32 => (
                Kind::Misconfigured,
                "does not exist, or the bot may not see it; correct the base, or give the bot's account the right to \
                 read it",
            ),
            34 => (
                Kind::Misconfigured,
                "is no name that the server understands; correct it",
            ),
            50 => (
                Kind::Denied,
                "the bot may not read it; give its account the right to",
            ),
            51 | 52 => (
                Kind::Unavailable,
                "the server is busy or going down; try again later",
            ),
            53 => (
                Kind::Denied,
                "the server is unwilling to answer; look into its log, and at the rights of the bot's account",
            ),
            _ => (
                Kind::Unavailable,
                "the server could not answer; look into its log",
            ),
        };
        let message = format!("{message} ({})", told(result));
        Self {
            code: Some(result.rc),
            // What a server means by these ends the connection too (RFC 4511 section 4.4.1).
            lost: matches!(result.rc, 51 | 52),
            ..Self::new(kind, message)
        }
    }

    fn referred(result: &LdapResult) -> Self {
        let urls: Vec<String> = result.refs.iter().map(|url| shortened(url)).collect();
        let place = if urls.is_empty() {
            "another server".to_owned()
        } else {
            urls.join(", ")
        };
        Self {
            code: Some(result.rc),
            ..Self::new(
                Kind::Misconfigured,
                format!(
                    "the server refers to {place}, and referrals are never followed; write a server that holds it into \
                     `urls`, or another base"
                ),
            )
        }
    }
}

/// Active Directory lets nobody search before a bind, and says so in words only; so does Samba, in others.
fn wants_bind(text: &str) -> bool {
    ["successful bind", "without authentication"]
        .iter()
        .any(|words| text.contains(words))
}

/// The number behind `data` in what Active Directory says of a refused bind.
fn data_code(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once(", data ")?;
    rest.split([',', ' ']).next()
}

fn of_io(error: &io::Error) -> Trouble {
    if let Some(tls) = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
    {
        return of_tls(tls);
    }
    let message = match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "nothing listens there; start the server, or correct host and port".to_owned()
        }
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            "the server ended the connection at once; ldaps:// needs the port for TLS (usually 636), and ldap:// the \
             other (usually 389)"
                .to_owned()
        }
        io::ErrorKind::NotFound => "there is no such socket; correct the path in the URL".to_owned(),
        io::ErrorKind::PermissionDenied => "the bot's user may not use the socket".to_owned(),
        _ => format!("cannot be connected to ({error}); check host and port"),
    };
    Trouble::new(Kind::Unavailable, message)
}

fn of_tls(error: &rustls::Error) -> Trouble {
    let (kind, message) = match error {
        rustls::Error::InvalidCertificate(why) => (Kind::Denied, of_certificate(why)),
        rustls::Error::InvalidMessage(_) => (
            Kind::Misconfigured,
            "what listens there does not speak TLS; ldaps:// needs the port for it (usually 636), or use ldap:// with \
             `start_tls = true`"
                .to_owned(),
        ),
        rustls::Error::AlertReceived(alert) => (
            Kind::Denied,
            format!("the server gave up the TLS handshake ({alert:?}); it may demand a client certificate"),
        ),
        _ => (Kind::Unavailable, format!("TLS failed ({error})")),
    };
    Trouble::new(kind, message)
}

fn of_certificate(why: &CertificateError) -> String {
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired; renew it on the server".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet; check the clocks of both machines".to_owned()
        }
        CertificateError::NotValidForName => {
            "the server's certificate is for another name; write the name in it into `urls`".to_owned()
        }
        CertificateError::NotValidForNameContext { presented, .. } => format!(
            "the server's certificate is for another name ({}); write the name in it into `urls`",
            shortened(&presented.iter().map(|name| bare(name)).collect::<Vec<_>>().join(", "))
        ),
        CertificateError::UnknownIssuer => {
            "the server's certificate is of an authority that is not trusted; name that authority's certificate with \
             `ca_file`"
                .to_owned()
        }
        CertificateError::Revoked => "the server's certificate has been revoked; renew it on the server".to_owned(),
        other => format!("the server's certificate is not accepted ({other:?})"),
    }
}

/// The name in what rustls shows of one: `DnsName("ldap.example.com")`, `IpAddress(127.0.0.1)`.
fn bare(shown: &str) -> &str {
    let inner = shown.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(shown).trim_matches('"')
}

/// The server's own words, with the code's name.
fn told(result: &LdapResult) -> String {
    let words = shortened(result.text.trim());
    if words.is_empty() {
        code_name(result.rc)
    } else {
        format!("{}: {words}", code_name(result.rc))
    }
}

/// What a server says, without what would harm a terminal or fill the screen.
pub(crate) fn shortened(text: &str) -> String {
    let clean = text.chars().filter(|&c| !is_harmful(c));
    let mut short: String = clean.clone().take(MAX_DIAGNOSTIC).collect();
    if clean.count() > MAX_DIAGNOSTIC {
        short.push('…');
    }
    short
}

/// The name of a result code, as RFC 4511 appendix A.1 has it, with the number.
fn code_name(rc: u32) -> String {
    let name = match rc {
        1 => "operationsError",
        2 => "protocolError",
        3 => "timeLimitExceeded",
        4 => "sizeLimitExceeded",
        7 => "authMethodNotSupported",
        8 => "strongerAuthRequired",
        10 => "referral",
        11 => "adminLimitExceeded",
        12 => "unavailableCriticalExtension",
        13 => "confidentialityRequired",
        14 => "saslBindInProgress",
        18 => "inappropriateMatching",
        32 => "noSuchObject",
        34 => "invalidDNSyntax",
        48 => "inappropriateAuthentication",
        49 => "invalidCredentials",
        50 => "insufficientAccessRights",
        51 => "busy",
        52 => "unavailable",
        53 => "unwillingToPerform",
        80 => "other",
        _ => return format!("result code {rc}"),
    };
    format!("{name}, {rc}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(rc: u32, text: &str) -> LdapResult {
        LdapResult {
            rc,
            matched: String::new(),
            text: text.to_owned(),
            refs: Vec::new(),
            ctrls: Vec::new(),
        }
    }

    /// What Active Directory says of a refused bind.
    fn ad(data: &str) -> String {
        format!("80090308: LdapErr: DSID-0C090569, comment: AcceptSecurityContext error, data {data}, v4563")
    }

    #[test]
    fn refused_binds_are_told_apart() {
        for (rc, text, word) in [
            (49, String::new(), "with this password"),
            (49, ad("52e"), "with this password"),
            (49, ad("525"), "knows no account"),
            (49, ad("530"), "log-on restrictions"),
            (49, ad("531"), "log-on restrictions"),
            (49, ad("532"), "has expired; set a new one"),
            (49, ad("533"), "is disabled"),
            (49, ad("701"), "the account cn=bot has expired"),
            (49, ad("773"), "has to be changed"),
            (49, ad("775"), "is locked"),
            (8, String::new(), "encrypted connections only"),
            (13, String::new(), "encrypted connections only"),
            (48, String::new(), "may not log in this way"),
            (53, "unwilling".to_owned(), "unwilling"),
        ] {
            let trouble = Trouble::of_bind(&result(rc, &text), "cn=bot");
            assert!(trouble.message.contains(word), "{rc} {text}: {}", trouble.message);
            assert_eq!(trouble.kind, Kind::Denied, "{rc} {text}");
        }
    }

    #[test]
    fn failed_searches() {
        for (rc, kind, word) in [
            (3, Kind::Unavailable, "time limit"),
            (4, Kind::Misconfigured, "size limit"),
            (10, Kind::Misconfigured, "never followed"),
            (11, Kind::Misconfigured, "page_size"),
            (
                32,
                Kind::Misconfigured,
                "does not exist, or the bot may not see it",
            ),
            (50, Kind::Denied, "may not read"),
            (52, Kind::Unavailable, "try again later"),
            (80, Kind::Unavailable, "other, 80"),
            (123, Kind::Unavailable, "result code 123"),
        ] {
            let trouble = Trouble::of_result(&result(rc, ""));
            assert!(trouble.message.contains(word), "{rc}: {}", trouble.message);
            assert_eq!((trouble.kind, trouble.code), (kind, Some(rc)));
        }
        let before_bind = "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform this operation a \
                           successful bind must be completed on the connection., data 0, v4563";
        let trouble = Trouble::of_result(&result(1, before_bind));
        assert!(trouble.message.contains("set `bind_dn`"), "{}", trouble.message);
    }

    #[test]
    fn words_of_servers_are_kept_harmless() {
        let long = format!(
            "a\u{1b}[31m\u{202e}\u{200b}\u{2028}\u{feff}b\n{}",
            "x".repeat(1000)
        );
        let short = shortened(&long);
        assert!(short.starts_with("a[31mb"), "{short}");
        assert_eq!(short.chars().count(), MAX_DIAGNOSTIC + 1);
    }
}
