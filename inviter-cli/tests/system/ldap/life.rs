//! What happens in a directory on ordinary days. The layout is the reference system's.

use anyhow::{Context as _, Result};
use inviter_testkit::{Overlay, SlapdOptions};

use super::{
    town::{Plan, Town},
    tree::{SUFFIX, add},
    trial::{HELD, IN_PART},
};
use crate::{
    bad_input::one_line,
    harness::{Directory, Output, lines},
};

/// `staff` has people in groups within groups, some in several ways.
fn plan() -> Plan {
    let mut plan = Plan::default();
    plan.ldap
        .room("staff")
        .members(["alice", "bob"])
        .groups(["crew"])
        .owners(["alice", "carol"]);
    plan.ldap
        .group("crew")
        .members(["carol", "dora"])
        .groups(["hands"]);
    plan.ldap.group("hands").members(["erin", "frank", "bob"]);
    plan.ldap
        .room("lab")
        .members(["bob", "gina"])
        .groups(["hands"])
        .owners(["gina", "bob"]);
    plan.ldap.group("guests").members(["henry"]);
    plan.elsewhere = vec![
        ("partners", vec!["henry".to_owned()]),
        ("teams", vec!["guests".to_owned()]),
    ];
    plan
}

/// A person has another name in every group.
fn rename_person(directory: &mut Directory, from: &str, to: &str) {
    let names: Vec<String> = directory.groups().keys().cloned().collect();
    for name in names {
        let group = directory.group(&name);
        for people in [&mut group.members, &mut group.owners] {
            if people.remove(from) {
                people.insert(to.to_owned());
            }
        }
    }
}

/// A group has another name, and so it has within others.
fn rename_group(directory: &mut Directory, from: &str, to: &str) {
    let renamed = directory.groups()[from].clone();
    *directory.group(to) = renamed;
    let names: Vec<String> = directory.groups().keys().cloned().collect();
    for name in names {
        let group = directory.group(&name);
        if group.groups.contains(from) {
            group.groups([to]);
        }
    }
    directory.remove_group(from);
}

impl Town {
    /// A run, and what it writes.
    async fn writes(&self) -> Result<(Output, Vec<String>)> {
        let (output, writes) = self.site.writes_of(&["sync"]).await?;
        Ok((output.exits(0), lines(&writes)))
    }

    /// A run does what is due, with as many writing requests.
    async fn takes(&self, requests: usize) -> Result<()> {
        let (output, writes) = self.writes().await?;
        assert_eq!(writes.len(), requests, "{writes:#?}\n{output}");
        self.as_wanted().await
    }
}

#[tokio::test]
async fn an_ordinary_life() -> Result<()> {
    let mut town = Town::found(SlapdOptions::new().overlay(Overlay::Refint), plan()).await?;
    let (_, writes) = town.writes().await?;
    eprintln!("first sync: {} writes", writes.len());
    town.as_wanted().await?;
    town.site.join("staff", ["alice", "bob", "erin"]).await?;
    town.site.join("lab", ["bob", "erin", "gina"]).await?;
    let (output, requests) = town.site.requests_of(&["sync"]).await?;
    output.exits(0);
    let writing = requests.iter().filter(|request| request.writing).count();
    assert_eq!(writing, 0, "{:#?}", lines(&requests));
    assert!(
        requests.len() <= town.ldap.rooms().len() + 5,
        "{:#?}",
        lines(&requests)
    );

    groups_change(&mut town).await?;
    accounts_change(&mut town).await?;
    people_are_renamed(&mut town).await?;
    groups_are_renamed(&mut town).await
}

async fn groups_change(town: &mut Town) -> Result<()> {
    // Still in `staff`, and in `lab` no more.
    town.change(|directory| {
        directory.group("hands").without("erin");
        directory.group("crew").members(["erin"]);
    })
    .await?;
    town.takes(1).await?;
    assert_eq!(town.site.room("lab").await?.members["erin"], "leave");
    assert_eq!(town.site.room("staff").await?.members["erin"], "join");
    // One owner less and another more are one event.
    town.change(|directory| {
        let staff = directory.room("staff");
        staff.owners.remove("carol");
        staff.owners(["bob"]);
    })
    .await?;
    town.takes(1).await
}

/// Removed with the level, and invited again with it.
async fn accounts_change(town: &mut Town) -> Result<()> {
    town.change(|directory| directory.disable("alice")).await?;
    town.takes(2).await?;
    assert_eq!(town.site.room("staff").await?.members["alice"], "leave");
    town.change(|directory| directory.enable("alice")).await?;
    town.takes(2).await?;
    assert_eq!(town.site.room("staff").await?.members["alice"], "invite");
    Ok(())
}

async fn people_are_renamed(town: &mut Town) -> Result<()> {
    // Another entry name and another unit, and the login stays: nobody notices.
    let bob = town.tree.person("bob");
    let (rdn, _) = bob.split_once(',').context("a name")?;
    let new_parent = format!("ou=partners,{SUFFIX}");
    town.apply(|ldif| {
        ldif.replace_values(&bob, "cn", &["Robert"]);
        ldif.rename(&bob, rdn, Some(&new_parent));
    })
    .await?;
    town.tree.put("partners", ["bob"]);
    for group in [town.tree.group(&town.ldap, "hands"), town.tree.owners("lab")] {
        town.until_follows(&group).await?;
    }
    town.takes(0).await?;

    // Another login is another Matrix ID.
    let gina = town.tree.person("gina");
    let rdn = format!("uid={}", town.tree.uid("ginny"));
    town.site.register(["ginny"]).await?;
    town.apply(|ldif| {
        ldif.rename(&gina, &rdn, None);
    })
    .await?;
    rename_person(&mut town.ldap, "gina", "ginny");
    for group in [town.tree.group(&town.ldap, "lab"), town.tree.owners("lab")] {
        town.until_follows(&group).await?;
    }
    // Levels, an invitation and a removal.
    town.takes(3).await?;
    let lab = town.site.room("lab").await?;
    assert_eq!(
        (&*lab.members["gina"], &*lab.members["ginny"]),
        ("leave", "invite")
    );
    Ok(())
}

async fn groups_are_renamed(town: &mut Town) -> Result<()> {
    // One that stands for no room: nobody notices.
    let crew = town.tree.group(&town.ldap, "crew");
    town.apply(|ldif| {
        ldif.rename(&crew, "cn=team", None);
    })
    .await?;
    rename_group(&mut town.ldap, "crew", "team");
    let staff = town.tree.group(&town.ldap, "staff");
    town.until_follows(&staff).await?;
    town.takes(0).await?;

    // One that stands for a room: it stands for another, and the first keeps its people until a person decides.
    let before = town.digest_of(&["lab"]).await?;
    let (lab, owners) = (town.tree.group(&town.ldap, "lab"), town.tree.owners("lab"));
    let shop = town.tree.room("shop");
    town.apply(|ldif| {
        ldif.rename(&lab, &format!("cn={shop}"), None);
        ldif.rename(&owners, &format!("cn={shop}_owners"), None);
    })
    .await?;
    rename_group(&mut town.ldap, "lab", "shop");
    for _ in 0..2 {
        let (output, _) = town.writes().await?;
        let alias = town.site.alias("lab");
        let now = format!("{shop} (ldap) stands for {}", town.site.alias("shop"));
        let told = [
            &*alias,
            "no group stands for it any more",
            &*now,
            "its people stay",
            "give the group its old name back",
        ];
        one_line(&output, &told);
        town.as_wanted().await?;
        assert_eq!(town.digest_of(&["lab"]).await?, before);
    }
    town.done().await
}

/// Rooms that are listed name groups by DN, however that is written, and give each a level.
#[tokio::test]
async fn groups_by_dn_with_levels() -> Result<()> {
    let mut town = Town::found(SlapdOptions::new(), plan()).await?;
    let alias = town.site.alias("hall");
    let (crew, hands) = (
        town.tree.group(&town.ldap, "crew"),
        town.tree.group(&town.ldap, "hands"),
    );
    // As people write DNs: capitals, and spaces behind commas.
    let spelt = hands.to_uppercase().replace(',', ", ");
    town.sections = format!(
        "[[room]]\nalias = \"{alias}\"\ngroups = [\"{crew}\", {{ group = \"{spelt}\", directory = \"ldap\", level = 25 }}]\n"
    );
    town.configure()?;
    town.settle().await?;
    let hall = town.site.room("hall").await?;
    let of_crew = ["bob", "carol", "dora", "erin", "frank"].map(str::to_owned);
    assert_eq!(hall.inside(), of_crew.into());
    for person in hall.inside() {
        let level = hall.levels.get(&person).copied().unwrap_or_default();
        let of_hands = ["bob", "erin", "frank"].contains(&&*person);
        assert_eq!(level, if of_hands { 25 } else { 0 }, "{person}");
    }
    town.done().await
}

/// What is remembered of a group goes by what survives renaming; a group of the same name may be another one.
#[tokio::test]
async fn groups_that_are_not_what_they_were() -> Result<()> {
    let mut town = Town::found(SlapdOptions::new().overlay(Overlay::Refint), plan()).await?;
    let alias = town.site.alias("hall");
    town.sections = format!("[[room]]\nalias = \"{alias}\"\ngroups = [\"crew\"]\n");
    town.configure()?;
    town.settle().await?;
    let of_crew = ["bob", "carol", "dora", "erin", "frank"].map(str::to_owned);
    assert_eq!(town.site.room("hall").await?.inside(), of_crew.clone().into());

    // The configuration names one that has another name now, and which somebody has left.
    let crew = town.tree.group(&town.ldap, "crew");
    town.apply(|ldif| {
        ldif.rename(&crew, "cn=team", None);
    })
    .await?;
    rename_group(&mut town.ldap, "crew", "team");
    town.until_follows(&town.tree.group(&town.ldap, "staff")).await?;
    town.change(|directory| {
        directory.group("team").without("dora");
        directory.people(["dora"]);
    })
    .await?;
    for _ in 0..2 {
        let output = town.site.run(&["sync"]).await?.exits(IN_PART);
        let told = [
            &*alias,
            "is to have the members of group crew",
            "there is no group `crew` in any directory; check the name",
            "nobody is removed from it until then",
        ];
        one_line(&output, &told);
        town.as_wanted().await?;
        assert_eq!(town.site.room("hall").await?.inside(), of_crew.clone().into());
    }
    town.sections = town.sections.replace("crew", "team");
    town.configure()?;
    town.site.fine(&["sync"]).await?;
    let of_team = ["bob", "carol", "erin", "frank"].map(str::to_owned);
    assert_eq!(town.site.room("hall").await?.inside(), of_team.into());

    // One was deleted and made anew: whoever was there by the other one stays until a person decides.
    let lab = town.tree.group(&town.ldap, "lab");
    town.ldap.room("lab").without("gina");
    town.ldap.people(["gina"]);
    let entry = town.tree.entries(&town.ldap)[&lab].clone();
    town.apply(|ldif| {
        ldif.delete(&lab);
        add(ldif, &lab, &entry);
    })
    .await?;
    let before = town.digest_of(&["lab"]).await?;
    for _ in 0..2 {
        let output = town.site.run(&["sync"]).await?.exits(HELD);
        one_line(&output, &["held: group", &town.tree.room("lab"), "is gone"]);
        assert_eq!(town.digest_of(&["lab"]).await?, before);
    }
    let output = town.site.run(&["plan"]).await?;
    let (_, code) = output.stdout.split_once("--release ").context("no code")?;
    let code: String = code.chars().take_while(char::is_ascii_alphanumeric).collect();
    town.site.fine(&["sync", "--release", &code]).await?;
    town.done().await
}
