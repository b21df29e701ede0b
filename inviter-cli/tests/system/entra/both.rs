//! An LDAP server and a tenant of Entra ID in one configuration, each with rooms of its own and one that both feed.

use anyhow::Result;
use inviter_graph_emulator::{Fault, Match, Options, Trouble};
use inviter_testkit::{Ldif, Slapd, SlapdOptions};

use super::{tenancy::Tenancy, trial::IN_PART};
use crate::{
    bad_input::{is_clean, one_line},
    harness::{CONFIG, Directory, Output, Site, lines},
    ldap::{
        town::{NO_LIMITS, PASSWORD, head},
        tree::{SUFFIX, Tree, add, changes},
    },
};

/// A site with both.
struct Region {
    site: Site,
    slapd: Slapd,
    tree: Tree,
    /// What the slapd has.
    ldap: Directory,
    tenancy: Tenancy,
}

/// `town` is both's, `mill` is the LDAP server's, and `port` is the tenant's. `both` is in `town` by both.
fn of_ldap() -> Directory {
    let mut directory = Directory::default();
    directory
        .room("town")
        .members(["lea", "leo", "lia", "both", "half"])
        .owners(["lea"]);
    directory
        .room("mill")
        .members(["lea", "leo", "max", "mia"])
        .owners(["lea"]);
    directory
}

fn of_entra() -> Directory {
    let mut directory = Directory::default();
    directory
        .room("town")
        .members(["ena", "eli", "both", "half"])
        .owners(["ena"])
        .groups(["crew"]);
    directory.group("crew").members(["eva"]);
    directory
        .room("port")
        .members(["ena", "eli", "pia", "pat"])
        .owners(["ena"]);
    directory
}

impl Region {
    async fn found() -> Result<Self> {
        let site = Site::new().await?;
        let tree = Tree::of(&site);
        let ldap = of_ldap();
        let mut ldif = Ldif::tree(SUFFIX);
        ldif.account("reader", PASSWORD, &[]);
        let mut text = ldif.to_string();
        let mut ldif = Ldif::new(SUFFIX);
        for (dn, attributes) in tree.entries(&ldap) {
            add(&mut ldif, &dn, &attributes);
        }
        text.push_str(ldif.text());
        let slapd = Slapd::start(SlapdOptions::new().ldif(&text)).await?;
        let tenancy = Tenancy::start(&site, "entra", of_entra(), Options::default()).await?;
        site.register(ldap.everybody().union(&tenancy.wanted.everybody()))
            .await?;
        site.write_secret("ldap-password", PASSWORD)?;
        let region = Self {
            site,
            slapd,
            tree,
            ldap,
            tenancy,
        };
        region.configure()?;
        Ok(region)
    }

    fn configure(&self) -> Result<()> {
        let text = format!(
            "{head}[[directory]]\nname = \"ldap\"\nkind = \"ldap\"\n[directory.ldap]\nurls = [\"{url}\"]\n\
             bind_dn = \"cn=reader,{SUFFIX}\"\npassword_file = \"ldap-password\"\n\
             user_bases = [\"ou=people,{SUFFIX}\"]\ngroup_bases = [\"ou=groups,{SUFFIX}\"]\n\n{entra}\n{NO_LIMITS}",
            head = head(&self.site),
            url = self.slapd.url(),
            entra = self.tenancy.section()?,
        );
        self.site.write(CONFIG, &text).map(drop)
    }

    async fn change_ldap(&mut self, change: impl FnOnce(&mut Directory)) -> Result<()> {
        let before = self.tree.entries(&self.ldap);
        change(&mut self.ldap);
        let after = self.tree.entries(&self.ldap);
        self.slapd.apply(changes(&before, &after)).await
    }

    fn change_entra(&mut self, change: impl FnOnce(&mut Directory)) -> Result<()> {
        self.tenancy.change(&self.site, change)
    }

    /// What both want together, by the test's own reckoning: whoever is disabled in one is in by the other alone.
    fn wanted(&self) -> Directory {
        let mut union = Directory::default();
        for directory in [&self.ldap, &self.tenancy.wanted] {
            for (name, group) in directory.groups() {
                let enabled = |people: &std::collections::BTreeSet<String>| {
                    let enabled = people.iter().filter(|person| !directory.is_disabled(person));
                    enabled.cloned().collect::<Vec<_>>()
                };
                let into = if group.is_room() {
                    union.room(name)
                } else {
                    union.group(name)
                };
                into.members(enabled(&group.members))
                    .owners(enabled(&group.owners))
                    .groups(group.groups.iter().cloned());
            }
        }
        union
    }

    async fn is_as_wanted(&self, rooms: &[&str]) -> Result<()> {
        let wanted = self.wanted();
        for room in rooms {
            self.site.room(room).await?.is_as_wanted(&wanted, room);
        }
        Ok(())
    }

    /// One run does what is due, and the next has nothing to do.
    async fn settle(&self) -> Result<()> {
        self.site.fine(&["sync"]).await?;
        self.is_as_wanted(&["town", "mill", "port"]).await?;
        let (output, writes) = self.site.writes_of(&["sync"]).await?;
        let output = output.exits(0);
        assert_eq!(lines(&writes), [""; 0], "{output}");
        Ok(())
    }

    async fn digest_of(&self, rooms: &[&str]) -> Result<String> {
        let mut ids = Vec::new();
        for room in rooms {
            ids.push(self.site.room_id(room).await?);
        }
        inviter_testkit::digest(&self.site.admin, &ids).await
    }

    /// Two runs leave these rooms as they are and tell it in one line, while the others become as wanted.
    async fn keeps(&self, harmed: &[&str], others: &[&str], told: &[&str]) -> Result<Output> {
        let before = self.digest_of(harmed).await?;
        let mut last = None;
        for _ in 0..2 {
            let output = self.site.run(&["sync"]).await?.exits(IN_PART);
            one_line(&output, told);
            is_clean(
                &output,
                &[
                    self.site.bot.token(),
                    PASSWORD,
                    &self.tenancy.emulator.client_secret(),
                ],
            );
            let changes = inviter_testkit::changes(&before, &self.digest_of(harmed).await?);
            assert!(changes.is_empty(), "{changes:#?}\n{output}");
            self.is_as_wanted(others).await?;
            last = Some(output);
        }
        last.ok_or_else(|| anyhow::anyhow!("no run"))
    }

    /// Somebody has to go from each directory's own room and, by either, from the one that both feed; and owners are
    /// lowered.
    async fn make_due(&mut self, of_ldap: [&str; 2], of_entra: [&str; 2]) -> Result<()> {
        self.change_ldap(|directory| {
            directory.room("town").without(of_ldap[0]);
            directory.room("mill").without(of_ldap[1]);
            directory.people(of_ldap);
        })
        .await?;
        self.change_entra(|directory| {
            directory.room("town").without(of_entra[0]);
            directory.room("port").without(of_entra[1]);
            directory.people(of_entra);
        })
    }
}

#[tokio::test]
async fn a_union_of_which_one_part_is_down() -> Result<()> {
    let mut region = Region::found().await?;
    region.settle().await?;
    let town = region.site.room("town").await?;
    let together = ["lea", "leo", "lia", "both", "half", "ena", "eli", "eva"];
    assert_eq!(town.inside(), together.map(str::to_owned).into());
    assert_eq!((town.levels["lea"], town.levels["ena"]), (50, 50));

    // Whoever is in by both goes only when neither wants them any more.
    region
        .change_ldap(|directory| {
            directory.room("town").without("half");
        })
        .await?;
    region.settle().await?;
    assert_eq!(region.site.room("town").await?.members["half"], "invite");
    region.change_entra(|directory| {
        directory.room("town").without("half");
        directory.people(["half"]);
    })?;
    region.settle().await?;
    assert_eq!(region.site.room("town").await?.members["half"], "leave");

    // The tenant is down: its rooms keep their people, and those of the LDAP server go on.
    region.make_due(["lia", "mia"], ["eli", "pia"]).await?;
    let fault = region
        .tenancy
        .emulator
        .fault(Fault::always(Match::graph(), Trouble::Cut));
    let told = [
        "error: directory entra could not be read",
        "nobody is removed from the rooms that it feeds",
    ];
    region.keeps(&["town", "port"], &["mill"], &told).await?;
    assert_eq!(region.site.room("mill").await?.members["mia"], "leave");
    assert!(fault.hits() > 0);
    fault.clear();
    region.settle().await?;

    // The LDAP server is down.
    region.make_due(["leo", "max"], ["eva", "pat"]).await?;
    region.change_entra(|directory| {
        directory.group("crew").without("eva");
    })?;
    region.slapd.stop().await?;
    let told = [
        "error: directory ldap could not be read",
        "nobody is removed from the rooms that it feeds",
    ];
    region.keeps(&["town", "mill"], &["port"], &told).await?;
    assert_eq!(region.site.room("port").await?.members["pat"], "leave");
    region.slapd.restart_with(|options| options.clone()).await?;
    region.configure()?;
    region.settle().await?;

    // And both: nothing is known of any room.
    region.change_entra(|directory| {
        directory.room("port").without("eli");
        directory.people(["eli"]);
    })?;
    region.slapd.stop().await?;
    let fault = region
        .tenancy
        .emulator
        .fault(Fault::always(Match::token(), Trouble::Status(401)));
    let before = region.digest_of(&["town", "mill", "port"]).await?;
    for _ in 0..2 {
        let output = region.site.run(&["sync"]).await?.exits(1);
        one_line(&output, &["error: directory entra could not be read"]);
        one_line(&output, &["error: directory ldap could not be read"]);
        assert_eq!(region.digest_of(&["town", "mill", "port"]).await?, before);
    }
    fault.clear();
    region.slapd.restart_with(|options| options.clone()).await?;
    region.configure()?;
    region.settle().await
}

/// Disabled in one contributes nothing from that one: in by the other alone, and out of what only that one feeds.
#[tokio::test]
async fn disabled_in_one_of_both() -> Result<()> {
    let mut region = Region::found().await?;
    region
        .change_ldap(|directory| _ = directory.room("mill").members(["both"]))
        .await?;
    region.change_entra(|directory| _ = directory.room("port").members(["both"]))?;
    region.settle().await?;
    let membership = async |region: &Region| {
        let mut found = Vec::new();
        for room in ["town", "mill", "port"] {
            found.push(region.site.room(room).await?.members["both"].clone());
        }
        anyhow::Ok(found)
    };
    assert_eq!(membership(&region).await?, ["invite", "invite", "invite"]);

    region.change_entra(|directory| directory.disable("both"))?;
    region.settle().await?;
    assert_eq!(membership(&region).await?, ["invite", "invite", "leave"]);
    region.change_ldap(|directory| directory.disable("both")).await?;
    region.settle().await?;
    assert_eq!(membership(&region).await?, ["leave", "leave", "leave"]);
    region.change_entra(|directory| directory.enable("both"))?;
    region.settle().await?;
    assert_eq!(membership(&region).await?, ["invite", "leave", "invite"]);
    region.change_ldap(|directory| directory.enable("both")).await?;
    region.settle().await?;
    assert_eq!(membership(&region).await?, ["invite", "invite", "invite"]);
    Ok(())
}
