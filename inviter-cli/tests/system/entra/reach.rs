//! How the authority and Graph are reached: over TLS, through a proxy, in other clouds.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use inviter_graph_emulator::Options;
use inviter_testkit::Ca;

use super::{gateway::Gateway, town::Town, trial::IN_PART};
use crate::{bad_input::one_line, harness::Directory};

fn alpha() -> Directory {
    let mut wanted = Directory::default();
    wanted
        .room("alpha")
        .members(["alice", "bob", "carol"])
        .owners(["alice"]);
    wanted
}

impl Town {
    /// With these keys, nobody reaches the tenant, and its room keeps its people; what is due in the file's is done.
    async fn cannot_reach(&mut self, keys: &str, told: &[&str]) -> Result<()> {
        keys.clone_into(&mut self.tenancy().keys);
        self.configure()?;
        let before = self.digest_of(&["alpha"]).await?;
        let output = self.site.run(&["sync"]).await?.exits(IN_PART);
        let about = ["error: directory entra could not be read", "nobody is removed"];
        one_line(&output, &[&about, told].concat());
        assert_eq!(self.digest_of(&["alpha"]).await?, before, "{output}");
        self.all_as_wanted_but(&["alpha"]).await
    }

    async fn reaches(&mut self, keys: &str) -> Result<()> {
        keys.clone_into(&mut self.tenancy().keys);
        self.configure()?;
        self.settle().await
    }
}

#[tokio::test]
async fn over_tls_and_through_a_proxy() -> Result<()> {
    let options = Options {
        tls: true,
        ..Options::default()
    };
    let mut file = Directory::default();
    file.room("depot").members(["dora", "erin"]);
    let mut town = Town::found(vec![("entra", alpha(), options)], file, "").await?;
    let ca = town
        .tenancy()
        .emulator
        .ca_file()
        .context("no authority")?
        .to_owned();
    let trusting = format!("ca_file = \"{}\"\n", ca.display());
    town.reaches(&trusting).await?;
    town.change(|directory| {
        directory.room("alpha").without("bob");
        directory.people(["bob"]);
    })?;
    town.change_file(|file| {
        file.room("depot").without("erin");
        file.people(["erin"]);
    })?;

    town.cannot_reach(
        "",
        &[
            "shows a certificate",
            "name the authority's certificate as `ca_file`",
        ],
    )
    .await?;

    // A proxy that is not there, and one in the environment, which is not asked.
    let dead = format!("{trusting}proxy = \"http://127.0.0.1:1\"\n");
    town.cannot_reach(
        &dead,
        &[
            "cannot be reached",
            "check the URL, the network, and `proxy` if any",
        ],
    )
    .await?;
    let gateway = Gateway::through().await?;
    town.reaches(&format!("{trusting}proxy = \"http://{}\"\n", gateway.address))
        .await?;
    assert_eq!(town.site.room("alpha").await?.members["bob"], "leave");
    let tls = town
        .tenancy()
        .emulator
        .authority()
        .trim_start_matches("https://")
        .to_owned();
    let asked = gateway.asked();
    assert!(!asked.is_empty());
    assert!(asked.iter().all(|target| *target == tls), "{asked:?}");
    trusting.clone_into(&mut town.tenancy().keys);
    town.configure()?;
    let mut command = town.site.command(&["sync"]);
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        command.env(variable, format!("http://{}", gateway.address));
    }
    assert!(command.output().await?.status.success());
    assert_eq!(gateway.asked().len(), asked.len());
    Ok(())
}

/// The named clouds, each by its own authority and its own Graph.
#[tokio::test]
async fn clouds_by_name() -> Result<()> {
    let mut town = Town::with(alpha()).await?;
    let ca = Ca::new("Microsoft")?;
    // As the documentation of national clouds has them.
    let clouds = [
        ("global", "login.microsoftonline.com", "graph.microsoft.com"),
        ("us_government", "login.microsoftonline.us", "graph.microsoft.us"),
        ("us_defense", "login.microsoftonline.us", "dod-graph.microsoft.us"),
        (
            "china",
            "login.chinacloudapi.cn",
            "microsoftgraph.chinacloudapi.cn",
        ),
    ];
    for (cloud, authority, graph) in clouds {
        let there = town.tenancy().emulator.authority().to_owned();
        let gateway = Gateway::instead(&there, &ca, &[authority, graph]).await?;
        town.tenancy().keys = format!(
            "cloud = \"{cloud}\"\nca_file = \"{}\"\nproxy = \"http://{}\"\n",
            ca.file().display(),
            gateway.address
        );
        town.configure()?;
        let output = town.site.fine(&["idp"]).await?;
        assert!(output.stdout.contains(&town.site.user("carol")), "{output}");
        let asked: BTreeSet<String> = gateway.asked().into_iter().collect();
        let expected = [format!("{authority}:443"), format!("{graph}:443")];
        assert_eq!(asked, expected.into(), "{cloud}");
    }
    Ok(())
}
