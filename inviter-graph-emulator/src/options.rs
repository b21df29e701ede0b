//! How the emulator behaves, as long as nothing goes wrong.

use std::time::Duration;

/// How the emulator behaves, as long as nothing goes wrong.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches")]
pub struct Options {
    /// Whether it speaks HTTPS, with a certificate for `localhost` and 127.0.0.1 of an authority of its own.
    pub tls: bool,
    /// The port on 127.0.0.1; 0 for a free one.
    pub port: u16,
    /// How many items a page of a collection has that was asked for without `$top`.
    pub page_size: usize,
    /// How many items a page has at most, whatever `$top` says.
    pub largest_page: usize,
    /// How many objects a page of a delta query has at most.
    pub delta_page_size: usize,
    /// How many members and owners a page of a delta query has at most, in all its groups together.
    pub delta_members: usize,
    /// Whether the first round of a delta query tells of deleted objects that can be restored.
    pub deleted_in_first_delta: bool,
    /// Whether a delta query tells groups to have lost an object as soon as it is deleted, and to have it again
    /// when it is restored. By the page of Microsoft's on delta queries for groups that is told only when the
    /// object is deleted for good.
    pub deletion_leaves_groups: bool,
    /// Whether hidden members are refused with 403, and not left out.
    pub hidden_members_denied: bool,
    /// Whether service principals are left out of members and owners.
    pub hide_service_principals: bool,
    /// How long access tokens are valid.
    pub token_lifetime: Duration,
    /// What passes before every answer of Graph and of the token endpoint.
    pub latency: Duration,
    /// The id of the tenant; a fixed one if there is none.
    pub tenant_id: Option<String>,
    /// The id of the application; a fixed one if there is none.
    pub client_id: Option<String>,
    /// The secret of the application; a random one if there is none.
    pub client_secret: Option<String>,
    /// Whether `POST /__emulator/change` changes the tenant: for programs that only reach it by HTTP.
    pub control: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tls: false,
            port: 0,
            page_size: 100,
            largest_page: 999,
            delta_page_size: 200,
            delta_members: 500,
            deleted_in_first_delta: false,
            deletion_leaves_groups: true,
            hidden_members_denied: false,
            hide_service_principals: false,
            token_lifetime: Duration::from_secs(3599),
            latency: Duration::ZERO,
            tenant_id: None,
            client_id: None,
            client_secret: None,
            control: false,
        }
    }
}
