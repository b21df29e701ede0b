//! People and groups of Microsoft Entra ID (Azure AD), over Microsoft Graph.

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
