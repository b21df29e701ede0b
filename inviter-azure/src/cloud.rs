//! [`Cloud`]: which of Microsoft's clouds a tenant lives in.

/// Where a tenant's tokens and directory are.
///
/// The named ones are those of Microsoft's documentation of
/// [national clouds](https://learn.microsoft.com/graph/deployments).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Cloud {
    /// The global service.
    #[default]
    Global,
    /// Microsoft 365 GCC High, US Government L4.
    UsGovernment,
    /// US Department of Defense, US Government L5.
    UsDefense,
    /// China, operated by 21Vianet.
    China,
    /// Another one, or a proxy before one.
    Custom {
        /// The URL that tokens come from, without the tenant, such as `https://login.microsoftonline.com`.
        authority: String,
        /// The URL of Microsoft Graph, without the version, such as `https://graph.microsoft.com`.
        graph: String,
    },
}

impl Cloud {
    /// The URL that tokens come from, without the tenant and without a `/` at its end.
    pub fn authority(&self) -> &str {
        match self {
            Self::Global => "https://login.microsoftonline.com",
            Self::UsGovernment | Self::UsDefense => "https://login.microsoftonline.us",
            Self::China => "https://login.chinacloudapi.cn",
            Self::Custom { authority, .. } => authority.trim_end_matches('/'),
        }
    }

    /// The URL of Microsoft Graph, without the version and without a `/` at its end.
    pub fn graph(&self) -> &str {
        match self {
            Self::Global => "https://graph.microsoft.com",
            Self::UsGovernment => "https://graph.microsoft.us",
            Self::UsDefense => "https://dod-graph.microsoft.us",
            Self::China => "https://microsoftgraph.chinacloudapi.cn",
            Self::Custom { graph, .. } => {
                let graph = graph.trim_end_matches('/');
                graph.strip_suffix("/v1.0").unwrap_or(graph)
            }
        }
    }

    /// What a token has to be for: everything that the application was granted on Graph.
    pub fn scope(&self) -> String {
        format!("{}/.default", self.graph())
    }
}
