//! Every way to log in, through the program.

use anyhow::{Context as _, Result};
use inviter_graph_emulator::{ManagedIdentity, Recorded};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};

use super::town::Town;
use crate::harness::{Directory, Output};

impl Town {
    /// With these keys for logging in and this environment, somebody who is new in `alpha` is invited. What was asked of
    /// the emulator for a token is returned.
    async fn logs_in(
        &mut self,
        login: &str,
        environment: &[(&str, &str)],
        newcomer: &str,
    ) -> Result<Recorded> {
        login.clone_into(&mut self.tenancy().login);
        self.configure()?;
        self.site.register([newcomer]).await?;
        self.change(|directory| {
            directory.room("alpha").members([newcomer]);
        })?;
        self.tenancies[0].emulator.clear_requests();
        let mut command = self.site.command(&["sync"]);
        let done = command.envs(environment.iter().copied()).spawn()?;
        let done = Output::of(&["sync"], done.wait_with_output().await?)?.exits(0);
        self.as_wanted().await?;
        let mut asked = self.tenancies[0].emulator.requests();
        asked.retain(Recorded::is_for_token);
        let [asked] = &*asked else {
            anyhow::bail!("{asked:?} {done}")
        };
        Ok(asked.clone())
    }
}

fn alpha() -> Directory {
    let mut wanted = Directory::default();
    wanted.room("alpha").members(["alice"]).owners(["alice"]);
    wanted
}

fn body(asked: &Recorded) -> String {
    String::from_utf8_lossy(&asked.body).into_owned()
}

/// Writes an RSA key and a certificate for it into files of the site, and has the tenant know it. Returns the key.
pub(super) fn certificate(town: &mut Town) -> Result<String> {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
    let certificate = CertificateParams::new(vec!["inviter.example".to_owned()])?.self_signed(&key)?;
    town.site.write("entra.pem", &certificate.pem())?;
    town.site.write_secret("entra.key", &key.serialize_pem())?;
    let emulator = &town.tenancies[0].emulator;
    emulator.register_certificate(certificate.der().as_ref());
    Ok(key.serialize_pem())
}

#[tokio::test]
async fn every_way_to_log_in() -> Result<()> {
    let mut town = Town::with(alpha()).await?;
    let secret = town.tenancy().emulator.client_secret();

    let login = town.tenancy().login.clone();
    let asked = town.logs_in(&login, &[], "by-file").await?;
    assert!(body(&asked).contains(&format!("client_secret={secret}")));
    let asked = town
        .logs_in(
            "client_secret_env = \"OUR_SECRET\"\n",
            &[("OUR_SECRET", &secret)],
            "by-variable",
        )
        .await?;
    assert!(body(&asked).contains(&format!("client_secret={secret}")));

    certificate(&mut town)?;
    let login =
        "credential = \"client_certificate\"\ncertificate_file = \"entra.pem\"\nkey_file = \"entra.key\"\n";
    let asked = town.logs_in(login, &[], "by-certificate").await?;
    assert!(body(&asked).contains("client_assertion=ey") && !body(&asked).contains("client_secret"));

    // As Kubernetes gives it to a pod: nothing but the environment says who the program is.
    let token = town.site.write_secret("federated", "ey.federated.token")?;
    town.tenancies[0]
        .emulator
        .set_federated_token("ey.federated.token");
    let emulator = &town.tenancies[0].emulator;
    let (tenant, client) = (emulator.tenant_id().to_owned(), emulator.client_id().to_owned());
    town.tenancy().from_platform = true;
    let platform = [
        ("AZURE_TENANT_ID", &*tenant),
        ("AZURE_CLIENT_ID", &*client),
        ("AZURE_FEDERATED_TOKEN_FILE", token.to_str().context("not UTF-8")?),
        // What Azure sets as well, and what must not lead anywhere else.
        ("AZURE_AUTHORITY_HOST", "http://127.0.0.1:1/"),
    ];
    let login = "credential = \"workload_identity\"\n";
    let asked = town.logs_in(login, &platform, "by-workload").await?;
    assert!(body(&asked).contains("client_assertion=ey.federated.token"));
    town.tenancy().from_platform = false;
    let asked = town
        .logs_in(
            &format!("{login}federated_token_file = \"federated\"\n"),
            &[],
            "by-token",
        )
        .await?;
    assert!(body(&asked).contains("client_assertion=ey.federated.token"));

    // As App Service gives it to an app: the machine's own identity, and one that was assigned to it.
    let identity = ManagedIdentity::default();
    let emulator = &town.tenancies[0].emulator;
    emulator.set_managed_identity(identity.clone());
    let endpoint = format!("{}/msi/token", emulator.authority());
    let platform = [
        ("IDENTITY_ENDPOINT", &*endpoint),
        ("IDENTITY_HEADER", &*identity.identity_header),
    ];
    let login = "credential = \"managed_identity\"\n".to_owned();
    let asked = town.logs_in(&login, &platform, "by-machine").await?;
    assert!(!asked.decoded().contains(&identity.client_id), "{asked}");
    let assigned = format!("{login}client_id = \"{}\"\n", identity.client_id);
    let asked = town.logs_in(&assigned, &platform, "by-assignment").await?;
    assert!(asked.decoded().contains(&identity.client_id), "{asked}");
    Ok(())
}
