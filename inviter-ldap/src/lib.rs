//! People and groups of an LDAP server: OpenLDAP, 389 Directory Server, FreeIPA, Active Directory, Samba.
//!
//! [`LdapDirectory`] implements [`IdentityProvider`](inviter_core::IdentityProvider). It reads all people and all groups
//! with one paged search for each base, expands nothing itself (resolving does that, and knows the ways), and looks
//! up one by one only what groups refer to and no search gave: nested groups elsewhere, entries that are nobody, and
//! entries that are gone.
//!
//! Whatever the server leaves open stays open: a search that did not end with success, a referral, a name that
//! cannot be read or understood makes exactly the groups concerned incomplete, and they remove nobody. An error comes
//! back only where nothing at all could be read.
//!
//! ```no_run
//! use std::sync::Arc;
//! use inviter_core::{directory::ProviderId, time::Clock};
//! use inviter_ldap::{Bind, LdapConfig, LdapDirectory, Preset, Schema};
//!
//! # fn provider(clock: Arc<dyn Clock>, password: secrecy::SecretString) -> LdapDirectory {
//! let bind = Bind::Simple { dn: "cn=inviter,dc=example,dc=com".into(), password };
//! let schema = Schema::new(Preset::GroupOfNames);
//! let mut config = LdapConfig::new("ldaps://ldap.example.com", bind, "dc=example,dc=com", schema);
//! config.user_bases = vec!["ou=people,dc=example,dc=com".into()];
//! config.group_bases = vec!["ou=groups,dc=example,dc=com".into()];
//! LdapDirectory::new(ProviderId::new("people"), config, clock)
//! # }
//! ```

mod advice;
mod config;
mod connection;
mod control;
mod dn;
mod entry;
mod ids;
mod provider;
mod read;
mod schema;
mod search;
mod status;
mod tls;
mod transport;
mod trouble;
mod wire;

pub use config::{Bind, ClientCertificate, ConfigError, LdapConfig, check_dn, check_filter, check_url};
pub use dn::{Dn, DnError};
pub use provider::LdapDirectory;
pub use schema::{DisabledBy, Preset, PrimaryGroup, Schema};
