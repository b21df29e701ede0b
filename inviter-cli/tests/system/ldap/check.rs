//! `inviter check` tells what is wrong with a server, and what to do.

use anyhow::Result;
use inviter_testkit::{Ca, SlapdOptions};

use super::{
    town::{PASSWORD, Plan, Town},
    tree::SUFFIX,
};
use crate::{bad_input::one_line, harness::Output};

/// The bases of a town without partners.
fn keys(more: &str) -> String {
    format!("user_bases = [\"ou=people,{SUFFIX}\"]\ngroup_bases = [\"ou=groups,{SUFFIX}\"]\n{more}")
}

async fn town() -> Result<Town> {
    let mut plan = Plan {
        keys: keys(""),
        ..Plan::default()
    };
    plan.ldap
        .room("alpha")
        .members(["alice", "bob"])
        .owners(["alice"]);
    Town::found(SlapdOptions::new(), plan).await
}

impl Town {
    /// A check with these keys fails, and tells this in one line.
    async fn check(&mut self, keys: &str, told: &[&str]) -> Result<Output> {
        keys.clone_into(&mut self.keys);
        self.configure()?;
        let output = self.site.run(&["check"]).await?.exits(1);
        one_line(&output, told);
        assert_eq!(output.stderr, "", "{output}");
        Ok(output)
    }

    /// A check is fine, and says how the server was reached.
    async fn reaches(&mut self, keys: &str, how: &str) -> Result<()> {
        keys.clone_into(&mut self.keys);
        self.configure()?;
        let output = self.site.run(&["check"]).await?.exits(0);
        one_line(&output, &["directory ldap: 2 active accounts, 2 groups"]);
        one_line(
            &output,
            &[&self.url, how, "to the bot as cn=reader,dc=example,dc=test"],
        );
        one_line(&output, &["the server is OpenLDAP, with dc=example,dc=test"]);
        one_line(
            &output,
            &["`schema = \"group_of_names\"` fits what the server has"],
        );
        Ok(())
    }
}

#[tokio::test]
async fn what_the_server_has() -> Result<()> {
    let mut town = town().await?;
    town.reaches(&keys(""), "answers unencrypted, on this machine")
        .await?;

    town.site.write_secret("ldap-password", "another")?;
    let told = [
        "directory ldap: not read",
        &town.url.clone(),
        "the server refuses cn=reader,dc=example,dc=test with this password",
        "correct `bind_dn` or the password",
    ];
    town.check(&keys(""), &told).await?;
    town.site.write_secret("ldap-password", PASSWORD)?;

    let elsewhere = "user_bases = [\"ou=people,dc=elsewhere\"]\n";
    let told = [
        "error: ou=people,dc=elsewhere is none of this server's",
        "it has dc=example,dc=test",
        "correct the base",
    ];
    town.check(elsewhere, &told).await?;

    let misspelt = format!("user_bases = [\"ou=peeple,{SUFFIX}\"]\n");
    let told = [
        "directory ldap: not read: ou=peeple,dc=example,dc=test",
        "does not exist, or the bot may not see it",
        "correct the base, or give the bot's account the right to read it",
    ];
    town.check(&misspelt, &told).await?;

    let told = [
        "most groups there are of the class groupOfNames",
        "the schema is \"posix_group\"",
        "`schema = \"group_of_names\"` seems to fit",
    ];
    town.check(&keys("schema = \"posix_group\"\n"), &told).await?;

    let rule = format!("access to dn.subtree=\"ou=groups,{SUFFIX}\" by * none");
    town.slapd
        .restart_with(|options| options.access(&[&rule]))
        .await?;
    let told = [
        "directory ldap: not read: ou=groups,dc=example,dc=test",
        "does not exist, or the bot may not see it",
        "correct the base, or give the bot's account the right to read it",
    ];
    town.check(&keys(""), &told).await?;

    town.slapd.stop().await?;
    let told = [
        &*town.url.clone(),
        "nothing listens there",
        "start the server, or correct host and port",
    ];
    town.check(&keys(""), &told).await?;
    Ok(())
}

#[tokio::test]
async fn how_the_server_is_reached() -> Result<()> {
    let mut town = town().await?;
    let told = [
        "refuses StartTLS",
        "nothing is sent unencrypted",
        "use ldaps://, or set up TLS on the server",
    ];
    town.check(&keys("start_tls = true\n"), &told).await?;
    let plain = town.url.clone();
    town.url = plain.replace("ldap://", "ldaps://");
    town.check(&keys(""), &["ldaps:// needs the port for TLS (usually 636)"])
        .await?;

    let ca = Ca::new("Example")?;
    let names = ["localhost", "127.0.0.1"];
    let certificate = ca.issue(&names)?;
    town.slapd
        .restart_with(|options| options.certificate(&certificate))
        .await?;
    town.url = town.slapd.ldaps_url()?.to_owned();
    let told = [
        "the server's certificate is of an authority that is not trusted",
        "name that authority's certificate with `ca_file`",
    ];
    town.check(&keys(""), &told).await?;
    let trusting = keys(&format!("ca_file = \"{}\"\n", ca.file().display()));
    town.reaches(&trusting, "answers over TLS").await?;
    let tls = std::mem::replace(&mut town.url, plain);
    town.reaches(&format!("{trusting}start_tls = true\n"), "answers over StartTLS")
        .await?;

    town.url = tls;
    let certificate = ca.issue(&["ldap.elsewhere.example"])?;
    town.slapd
        .restart_with(|options| options.certificate(&certificate))
        .await?;
    let told = [
        "the server's certificate is for another name",
        "ldap.elsewhere.example",
        "write the name in it into `urls`",
    ];
    town.check(&trusting, &told).await?;

    let certificate = ca.expired(&names)?;
    town.slapd
        .restart_with(|options| options.certificate(&certificate))
        .await?;
    let told = ["the server's certificate has expired", "renew it on the server"];
    town.check(&trusting, &told).await?;
    Ok(())
}
