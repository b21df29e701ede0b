//! People and groups of Microsoft Entra ID (Azure AD), over Microsoft Graph.

mod cloud;
mod config;
#[cfg(feature = "azure_identity")]
mod credential;
#[cfg_attr(not(test), expect(dead_code, unused_imports, reason = "the reading on top of it follows"))]
mod graph;
mod http_client;
mod token;

pub use cloud::Cloud;
pub use config::{ConfigError, EntraConfig, RoomGroups, check_object_id, check_property, check_url};
#[cfg(feature = "azure_identity")]
pub use credential::{Credential, IdentityTokens};
pub use token::{Token, TokenError, TokenErrorKind, TokenSource};
