//! People and groups of Microsoft Entra ID (Azure AD), over Microsoft Graph.

mod cloud;
mod config;
#[expect(dead_code, unused_imports, reason = "the reading on top of it follows")]
mod graph;
mod http_client;
mod token;

pub use cloud::Cloud;
pub use config::{ConfigError, EntraConfig, RoomGroups, check_object_id, check_property, check_url};
pub use token::{Token, TokenError, TokenErrorKind, TokenSource};
