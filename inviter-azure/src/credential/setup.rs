//! What `azure_identity` is made with.

use std::sync::Arc;

use azure_core::{
    cloud::{CloudConfiguration, CustomConfiguration},
    credentials::TokenCredential,
    http::{ClientOptions, ExponentialRetryOptions, RetryOptions, Transport as AzureTransport},
};
use azure_identity::{
    ClientAssertionCredential, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, ManagedIdentityCredential, ManagedIdentityCredentialOptions,
    UserAssignedId,
};
use secrecy::ExposeSecret as _;
use tokio::task::spawn_blocking;
use url::Url;

use super::{
    Credential, IdentityTokens,
    answer::Asked,
    assertion::{Assertions, Origin},
    transport::{Reach, Transport},
};
use crate::{
    http_client::{base, http_client},
    token::TokenError,
};

impl IdentityTokens {
    pub(super) async fn transport(&self) -> Result<Arc<Transport>, TokenError> {
        let (asked, reach) = if let Some((tenant, client_id)) = self.application()? {
            let url = self.config.cloud.authority();
            let asked = Asked::Authority {
                url: url.to_owned(),
                tenant: tenant.to_owned(),
                client_id: client_id.to_owned(),
            };
            let reach = Url::parse(url).ok().and_then(Reach::authority);
            let wrong = || self.misconfigured("is not the URL of an authority");
            (asked, reach.ok_or_else(wrong)?)
        } else {
            let client_id = match &self.credential {
                Credential::ManagedIdentity { client_id } => client_id.clone(),
                _ => None,
            };
            let moved = self.metadata.clone();
            (Asked::Machine { client_id }, Reach::Machine { moved })
        };
        let config = self.config.clone();
        // Reads `ca_file` and the system's certificates.
        let clients = spawn_blocking(move || -> Result<_, String> {
            let http = http_client(&config).map_err(|error| error.to_string())?;
            let direct = base(&config).build().map_err(|error| error.to_string())?;
            Ok((http, direct))
        });
        let clients = clients.await.unwrap_or_else(|failed| Err(failed.to_string()));
        let (http, direct) = clients.map_err(|why| self.misconfigured(format!("cannot be asked: {why}")))?;
        Ok(Arc::new(Transport {
            reach,
            asked,
            http,
            direct,
            request_timeout: self.config.request_timeout,
            notes: Arc::clone(&self.notes),
        }))
    }

    pub(super) fn source(&self, transport: Arc<Transport>) -> Result<Arc<dyn TokenCredential>, TokenError> {
        let client_options = client_options(transport);
        let made: azure_core::Result<Arc<dyn TokenCredential>> = match &self.credential {
            Credential::ClientSecret {
                tenant,
                client_id,
                secret,
            } => {
                let options = ClientSecretCredentialOptions { client_options };
                let secret = secret.expose_secret().to_owned().into();
                ClientSecretCredential::new(tenant, client_id.clone(), secret, Some(options))
                    .map(|made| made as _)
            }
            Credential::ManagedIdentity { client_id } => {
                let options = ManagedIdentityCredentialOptions {
                    user_assigned_id: client_id.clone().map(UserAssignedId::ClientId),
                    client_options,
                };
                ManagedIdentityCredential::new(Some(options)).map(|made| made as _)
            }
            Credential::ClientCertificate {
                tenant,
                client_id,
                certificate,
                key,
            } => {
                let origin = Origin::Certificate {
                    certificate: certificate.clone(),
                    key: key.clone(),
                    client_id: client_id.clone(),
                    audience: format!("{}/{tenant}/oauth2/v2.0/token", self.config.cloud.authority()),
                };
                self.asserting(tenant, client_id, origin, client_options)
            }
            Credential::WorkloadIdentity {
                tenant,
                client_id,
                token_file,
            } => self.asserting(
                tenant,
                client_id,
                Origin::File(token_file.clone()),
                client_options,
            ),
        };
        // Nothing was sent yet: the texts are about what was handed in, and about the environment's variables.
        made.map_err(|error| self.misconfigured(format!("cannot be asked with these credentials ({error})")))
    }

    fn asserting(
        &self,
        tenant: &str,
        client_id: &str,
        origin: Origin,
        client_options: ClientOptions,
    ) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let assertions = Assertions {
            origin,
            notes: Arc::clone(&self.notes),
        };
        let options = ClientAssertionCredentialOptions { client_options };
        let made =
            ClientAssertionCredential::new(tenant.into(), client_id.into(), assertions, Some(options))?;
        Ok(made)
    }

    /// Tenant and client ID, where the authority is asked for an application.
    fn application(&self) -> Result<Option<(&str, &str)>, TokenError> {
        let (tenant, client_id, secret) = match &self.credential {
            Credential::ClientSecret {
                tenant,
                client_id,
                secret,
            } => (tenant, client_id, secret.expose_secret()),
            Credential::ClientCertificate {
                tenant, client_id, ..
            }
            | Credential::WorkloadIdentity {
                tenant, client_id, ..
            } => (tenant, client_id, "none"),
            Credential::ManagedIdentity { .. } => return Ok(None),
        };
        // It becomes a part of a URL's path.
        let name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        if !tenant.chars().all(name) || !tenant.contains(|c: char| c.is_ascii_alphanumeric()) {
            return Err(self.misconfigured(format!(
                "cannot be asked about the tenant `{tenant}`; write the directory ID that the Entra admin center shows"
            )));
        }
        if client_id.is_empty() {
            return Err(self.misconfigured("cannot be asked for no application; write the client ID"));
        }
        if secret.is_empty() {
            return Err(self.misconfigured("cannot be asked with an empty client secret"));
        }
        Ok(Some((tenant, client_id)))
    }
}

/// Everything that could differ from what is meant is set, for the library asks the environment otherwise.
fn client_options(transport: Arc<Transport>) -> ClientOptions {
    let mut cloud = CustomConfiguration::default();
    // A managed identity asks no authority.
    if let Reach::Authority { given, .. } = &transport.reach {
        given.as_str().clone_into(&mut cloud.authority_host);
    }
    ClientOptions {
        // Waits of 1, 2 and 4 s, or what the authority asks for. For the metadata service the library has its own.
        retry: RetryOptions::exponential(ExponentialRetryOptions {
            initial_delay: azure_core::time::Duration::milliseconds(500),
            max_retries: 3,
            ..ExponentialRetryOptions::default()
        }),
        // Without one the library panics, built as it is without a client of its own.
        transport: Some(AzureTransport::new(transport)),
        cloud: Some(Arc::new(CloudConfiguration::Custom(cloud))),
        ..ClientOptions::default()
    }
}
