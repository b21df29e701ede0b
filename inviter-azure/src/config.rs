//! [`EntraConfig`]: how a tenant is reached, and what is read from it.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use secrecy::SecretString;
use url::{Host, Url};

use crate::cloud::Cloud;

/// How a tenant is reached, and what is read from it. The credentials are the
/// [`TokenSource`](crate::TokenSource)'s.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EntraConfig {
    /// Where the tenant lives.
    pub cloud: Cloud,
    /// Which groups stand for rooms.
    pub rooms: RoomGroups,
    /// Properties of users to read: those that user IDs are made of. `userPrincipalName` is read always.
    pub properties: Vec<String>,
    /// A property of users with a whole Matrix ID, which comes before all others.
    pub matrix_id_property: Option<String>,
    /// How many requests run at the same time.
    pub concurrency: usize,
    /// How long establishing a connection may take.
    pub connect_timeout: Duration,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// How long reading everything may take, waiting for rate limits included.
    pub read_timeout: Duration,
    /// How much Graph may answer in one read, in MiB; the read fails beyond.
    pub read_limit_mib: u32,
    /// How long what was read is kept current by what Graph tells as changed, before everything is read again.
    pub full_read_every: Duration,
    /// PEM file with certificates to trust in addition to the system's.
    pub ca_file: Option<PathBuf>,
    /// An HTTP proxy to go through, which may hold a password; the environment is not asked for one.
    pub proxy: Option<SecretString>,
    /// Send secrets and read people over unencrypted HTTP to other machines.
    pub danger_allow_plain_http: bool,
}

/// Which groups stand for rooms: all of these together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoomGroups {
    /// The object ID of a group whose direct member groups stand for rooms.
    pub root: Option<String>,
    /// What the display names of groups begin with that stand for rooms.
    pub name_prefix: Option<String>,
    /// The object IDs of groups that stand for rooms, or that the rooms of the configuration list.
    pub ids: Vec<String>,
}

impl RoomGroups {
    /// Whether nothing is named.
    pub const fn is_empty(&self) -> bool {
        self.root.is_none() && self.name_prefix.is_none() && self.ids.is_empty()
    }
}

impl EntraConfig {
    /// See [`concurrency`](Self::concurrency).
    pub const CONCURRENCY: usize = 4;
    /// See [`connect_timeout`](Self::connect_timeout).
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
    /// See [`request_timeout`](Self::request_timeout).
    pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
    /// See [`read_timeout`](Self::read_timeout).
    pub const READ_TIMEOUT: Duration = Duration::from_secs(30 * 60);
    /// See [`read_limit_mib`](Self::read_limit_mib). Ten million memberships of 800 bytes take about as much.
    pub const READ_LIMIT_MIB: u32 = 8192;
    /// See [`full_read_every`](Self::full_read_every). Graph answers from several copies of the directory, some of which
    /// lag behind: what a read got from such a one is put right by the next full read only, which is why it is hours
    /// away and not days. Microsoft keeps change tracking of users and groups for seven days.
    pub const FULL_READ_EVERY: Duration = Duration::from_secs(6 * 60 * 60);
    /// The property that user IDs are usually made of.
    pub const PROPERTY: &'static str = "userPrincipalName";

    /// A tenant of the global cloud, and the rest by default.
    pub fn new(rooms: RoomGroups) -> Self {
        Self {
            cloud: Cloud::Global,
            rooms,
            properties: vec![Self::PROPERTY.to_owned()],
            matrix_id_property: None,
            concurrency: Self::CONCURRENCY,
            connect_timeout: Self::CONNECT_TIMEOUT,
            request_timeout: Self::REQUEST_TIMEOUT,
            read_timeout: Self::READ_TIMEOUT,
            read_limit_mib: Self::READ_LIMIT_MIB,
            full_read_every: Self::FULL_READ_EVERY,
            ca_file: None,
            proxy: None,
            danger_allow_plain_http: false,
        }
    }

    /// What would go wrong whatever Graph says.
    ///
    /// # Errors
    /// [`ConfigError`]
    pub fn check(&self) -> Result<(), ConfigError> {
        check_url(self.cloud.authority(), self.danger_allow_plain_http)?;
        check_url(self.cloud.graph(), self.danger_allow_plain_http)?;
        if self.rooms.is_empty() {
            return Err(ConfigError::NoRooms);
        }
        if self.rooms.name_prefix.as_ref().is_some_and(String::is_empty) {
            return Err(ConfigError::EmptyPrefix);
        }
        self.rooms
            .root
            .iter()
            .chain(&self.rooms.ids)
            .try_for_each(|id| check_object_id(id))?;
        self.properties
            .iter()
            .chain(&self.matrix_id_property)
            .try_for_each(|property| check_property(property))
    }
}

/// The configuration cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A URL that is none, or of another scheme.
    #[error("`{0}` is not a URL that can be used; write one such as \"https://graph.microsoft.com\"")]
    Url(String),
    /// Secrets would go over the network as they are.
    #[error(
        "`{0}` would send the application's secret unencrypted; use https, or set `danger_allow_plain_http = true` if \
         nobody can read the traffic"
    )]
    Plain(String),
    /// No group is named.
    #[error(
        "no group is named that could stand for a room; give the object ID of a root group, a prefix of group names, or \
         object IDs of groups"
    )]
    NoRooms,
    /// Every group begins with nothing.
    #[error(
        "the prefix of group names is empty, so every group of the tenant would be read; write one such as \"MTRX \""
    )]
    EmptyPrefix,
    /// Not a GUID.
    #[error(
        "`{0}` is not an object ID; write the one that the Entra admin center shows for the group, such as \
         \"02bd9fd6-8f93-4758-87c3-1fb73740a315\""
    )]
    ObjectId(String),
    /// What is no property's name would make another request of it.
    #[error(
        "`{0}` is not the name of a property of users; write one such as \"userPrincipalName\", \
         \"onPremisesExtensionAttributes/extensionAttribute1\" or \"extension_<application ID>_<name>\""
    )]
    Property(String),
}

/// Checks the URL of an authority or of Graph.
///
/// # Errors
/// [`ConfigError::Url`], [`ConfigError::Plain`]
pub fn check_url(text: &str, allow_plain: bool) -> Result<(), ConfigError> {
    let wrong = || ConfigError::Url(text.to_owned());
    let url = Url::parse(text).map_err(|_| wrong())?;
    let host = url.host().ok_or_else(wrong)?;
    let bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    let here = match host {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(ip) => IpAddr::from(ip).is_loopback(),
        Host::Ipv6(ip) => IpAddr::from(ip).is_loopback(),
    };
    match url.scheme() {
        "https" if bare => Ok(()),
        "http" if bare && (here || allow_plain) => Ok(()),
        "http" if bare => Err(ConfigError::Plain(text.to_owned())),
        _ => Err(wrong()),
    }
}

/// Checks the object ID of a group: a GUID, in either case.
///
/// # Errors
/// [`ConfigError::ObjectId`]
pub fn check_object_id(text: &str) -> Result<(), ConfigError> {
    let lengths = text.split('-').map(str::len);
    let hex = text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    if hex && lengths.eq([8, 4, 4, 4, 12]) {
        Ok(())
    } else {
        Err(ConfigError::ObjectId(text.to_owned()))
    }
}

/// Checks the name of a property of users; `a/b` is the part `b` of `a`.
///
/// # Errors
/// [`ConfigError::Property`]
pub fn check_property(text: &str) -> Result<(), ConfigError> {
    let name = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    let mut parts = text.split('/');
    let fine = parts.next().is_some_and(name) && parts.next().is_none_or(name) && parts.next().is_none();
    if fine {
        Ok(())
    } else {
        Err(ConfigError::Property(text.to_owned()))
    }
}
