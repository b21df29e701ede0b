//! An Active Directory, which is a Samba here: its forms of groups, owners, primary groups and accounts.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use inviter_testkit::{Ldif, SambaAd};

use super::town::head;
use crate::{
    bad_input::one_line,
    harness::{CONFIG, Directory, Output, Site, lines},
};

const PASSWORD: &str = "s3cret-Of-The-Reader";

/// A site with a domain.
struct Domain {
    site: Site,
    samba: SambaAd,
    /// What is to be in the rooms.
    wanted: Directory,
}

impl Domain {
    async fn found(wanted: Directory) -> Result<Self> {
        let (site, samba) = tokio::try_join!(Site::new(), SambaAd::start())?;
        site.register(wanted.everybody()).await?;
        let reader = samba.add_user("reader", false).await?;
        samba.set_password(&reader, PASSWORD).await?;
        site.write_secret("ldap-password", PASSWORD)?;
        let domain = Self { site, samba, wanted };
        domain.configure(&format!("reader@{}", domain.samba.domain()))?;
        Ok(domain)
    }

    fn configure(&self, bind_dn: &str) -> Result<()> {
        let users = format!("CN=Users,{}", self.samba.base_dn());
        let text = format!(
            "{head}[[directory]]\nname = \"domain\"\nkind = \"ldap\"\n[directory.ldap]\nurls = [\"{url}\"]\n\
             ca_file = \"{ca}\"\nschema = \"active_directory\"\nbind_dn = \"{bind_dn}\"\n\
             password_file = \"ldap-password\"\nuser_bases = [\"{users}\"]\ngroup_bases = [\"{users}\"]\n",
            head = head(&self.site),
            url = self.samba.ldaps_url()?,
            ca = self.samba.ca_file().display(),
        );
        self.site.write(CONFIG, &text).map(drop)
    }

    async fn apply(&self, fill: impl FnOnce(&mut Ldif)) -> Result<()> {
        let mut ldif = self.samba.ldif();
        fill(&mut ldif);
        self.samba.apply(&ldif).await
    }

    fn person(&self, name: &str) -> String {
        self.samba.ldif().ad_dn(&self.site.alias_name(name))
    }

    fn group(&self, name: &str) -> String {
        self.samba.ldif().ad_dn(name)
    }

    /// Every room is as wanted after a run with as many writing requests.
    async fn takes(&self, requests: usize) -> Result<Output> {
        let (output, writes) = self.site.writes_of(&["sync"]).await?;
        let output = output.exits(0);
        assert_eq!(writes.len(), requests, "{:#?}\n{output}", lines(&writes));
        for room in self.wanted.rooms() {
            self.site.room(&room).await?.is_as_wanted(&self.wanted, &room);
        }
        Ok(output)
    }
}

/// `lab` has a name of the one form, `hall` of the other, and `pool` is somebody's primary group.
fn wanted() -> Directory {
    let mut wanted = Directory::default();
    wanted
        .room("lab")
        .members(["anna", "ben"])
        .groups(["crew"])
        .owners(["anna"]);
    wanted.room("hall").members(["ben", "cleo"]).groups(["crew"]);
    wanted.group("crew").members(["dirk"]).groups(["hands"]);
    wanted.group("hands").members(["emma", "fritz"]);
    wanted.room("pool").members(["cleo", "gerd"]);
    wanted
}

#[tokio::test]
async fn an_ordinary_life_in_a_domain() -> Result<()> {
    let mut domain = Domain::found(wanted()).await?;
    let site = &domain.site;
    let names: BTreeMap<&str, String> = [
        ("lab", format!("MTRX {}", site.alias("lab"))),
        (
            "hall",
            format!("xxx{}xxx{}", site.alias_name("hall"), site.synapse.server_name()),
        ),
        ("pool", format!("MTRX {}", site.alias("pool"))),
        ("crew", "crew".to_owned()),
        ("hands", "hands".to_owned()),
    ]
    .into();
    domain
        .apply(|ldif| {
            for name in domain.wanted.everybody() {
                ldif.ad_user(&site.alias_name(&name), 544, &[]);
            }
            // Members have to be there before their groups.
            for name in ["hands", "crew", "lab", "hall", "pool"] {
                let group = &domain.wanted.groups()[name];
                let people = group.members.iter().map(|person| domain.person(person));
                let groups = group.groups.iter().map(|group| domain.group(&names[&**group]));
                let members: Vec<String> = people.chain(groups).collect();
                ldif.ad_group(&names[name], &members);
            }
            ldif.replace_values(
                &domain.group(&names["lab"]),
                "managedBy",
                &[domain.person("anna")],
            );
        })
        .await?;
    // Whose primary group it is, no group names.
    let pool = domain.group(&names["pool"]);
    let found = domain
        .samba
        .search(&pool, "(objectClass=*)", &["primaryGroupToken", "member"])
        .await?;
    let token = found[0].value("primaryGroupToken").context("no token")?;
    domain
        .apply(|ldif| {
            ldif.replace_values(&domain.person("gerd"), "primaryGroupID", &[&token]);
        })
        .await?;
    let found = domain.samba.search(&pool, "(objectClass=*)", &["member"]).await?;
    assert_eq!(found[0].values("member"), [domain.person("cleo")]);

    let (output, _) = domain.site.writes_of(&["sync"]).await?;
    output.exits(0);
    domain.site.join("lab", ["anna", "emma"]).await?;
    domain.takes(0).await?;

    // Moved to another group: in `hall` and `lab` as before, then in `hall` alone.
    let change = |person: &str, from: &str, to: &str| {
        let (person, from, to) = (
            domain.person(person),
            domain.group(&names[from]),
            domain.group(&names[to]),
        );
        let mut ldif = domain.samba.ldif();
        ldif.delete_values(&from, "member", &[&person]);
        ldif.add_values(&to, "member", &[&person]);
        ldif
    };
    let within = change("emma", "hands", "crew");
    let out = change("emma", "crew", "hall");
    domain.samba.apply(&within).await?;
    domain.wanted.group("hands").without("emma");
    domain.wanted.group("crew").members(["emma"]);
    domain.takes(0).await?;
    domain.samba.apply(&out).await?;
    domain.wanted.group("crew").without("emma");
    domain.wanted.room("hall").members(["emma"]);
    domain.takes(1).await?;
    assert_eq!(domain.site.room("lab").await?.members["emma"], "leave");

    // Disabled, and enabled again; the owner has a level to lose and to get.
    let anna = domain.person("anna");
    for (control, enabled) in [("546", false), ("544", true)] {
        domain
            .apply(|ldif| {
                ldif.replace_values(&anna, "userAccountControl", &[control]);
            })
            .await?;
        if enabled {
            domain.wanted.enable("anna");
        } else {
            domain.wanted.disable("anna");
        }
        domain.takes(2).await?;
        let now = if enabled { "invite" } else { "leave" };
        assert_eq!(domain.site.room("lab").await?.members["anna"], now);
    }
    refused(&domain).await
}

/// What Active Directory says of a refused log-in is told as what it means.
async fn refused(domain: &Domain) -> Result<()> {
    let name = format!("reader@{}", domain.samba.domain());
    let fine = domain.site.run(&["check"]).await?.exits(0);
    one_line(&fine, &[domain.samba.ldaps_url()?, "answers over TLS", &name]);
    one_line(&fine, &["the server is", "Samba", domain.samba.base_dn()]);
    one_line(&fine, &["`schema = \"active_directory\"` fits"]);

    let check = async |told: &[&str]| {
        let output = domain.site.run(&["check"]).await?.exits(1);
        one_line(&output, &[&["directory domain: not read"], told].concat());
        anyhow::Ok(())
    };
    domain.site.write_secret("ldap-password", "another")?;
    check(&[
        "the server refuses",
        &name,
        "with this password",
        "correct `bind_dn` or the password",
    ])
    .await?;
    domain.site.write_secret("ldap-password", PASSWORD)?;

    domain.configure(&format!("nobody@{}", domain.samba.domain()))?;
    // Microsoft's tells that there is no such account; Samba does not.
    check(&["the server refuses nobody@", "correct `bind_dn` or the password"]).await?;

    domain.configure(&name)?;
    let reader = domain.group("reader");
    domain
        .apply(|ldif| {
            ldif.replace_values(&reader, "userAccountControl", &["514"]);
        })
        .await?;
    check(&["the account", &name, "is disabled; enable it"]).await
}
