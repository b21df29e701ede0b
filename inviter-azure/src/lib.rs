//! People and groups of Microsoft Entra ID (Azure AD), over Microsoft Graph.
//!
//! [`EntraDirectory`] implements [`IdentityProvider`](inviter_core::IdentityProvider). Its first read asks for the groups
//! that stand for rooms, their members and owners, and the groups inside, 20 lists in a request; what is needed of people
//! comes with the lists. It expands nothing itself: resolving does that, and knows the ways. Later reads ask Graph what
//! has changed (delta queries) and then only for that, and every few hours everything is read again and compared.
//!
//! Whatever Graph leaves open stays open: a page that does not come, an object that is shown by its ID alone, hidden
//! members, an answer that is not what a delta query told, make exactly the lists concerned incomplete, and they remove
//! nobody. An error comes back only where nothing at all could be read.
//!
//! Tokens come from a [`TokenSource`]; the feature `azure_identity` brings one with the usual credentials.
//!
//! ```no_run
//! # #[cfg(feature = "azure_identity")]
//! # fn provider(clock: std::sync::Arc<dyn inviter_core::time::Clock>, secret: secrecy::SecretString) -> inviter_azure::EntraDirectory {
//! use std::sync::Arc;
//! use inviter_azure::{Credential, EntraConfig, EntraDirectory, IdentityTokens, RoomGroups};
//! use inviter_core::directory::ProviderId;
//!
//! let config = EntraConfig::new(RoomGroups {
//!     root: Some("02bd9fd6-8f93-4758-87c3-1fb73740a315".into()),
//!     ..RoomGroups::default()
//! });
//! let credential = Credential::ClientSecret {
//!     tenant: "example.onmicrosoft.com".into(),
//!     client_id: "11112222-bbbb-3333-cccc-4444dddd5555".into(),
//!     secret,
//! };
//! let tokens = Arc::new(IdentityTokens::new(credential, &config));
//! EntraDirectory::new(ProviderId::new("people"), config, tokens, clock)
//! # }
//! ```

mod advice;
mod cloud;
mod config;
#[cfg(feature = "azure_identity")]
mod credential;
mod directory;
mod graph;
mod http_client;
mod links;
mod object;
mod object_id;
mod picture;
mod provider;
mod read;
mod token;
mod trouble;
mod unanswered;

pub use cloud::Cloud;
pub use config::{ConfigError, EntraConfig, RoomGroups, check_object_id, check_property, check_url};
#[cfg(feature = "azure_identity")]
pub use credential::{Credential, IdentityTokens};
pub use provider::EntraDirectory;
pub use token::{Token, TokenError, TokenErrorKind, TokenSource};
