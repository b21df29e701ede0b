//! What happens in a tenant on ordinary days.

use anyhow::Result;
use inviter_graph_emulator::{Fault, Group, Match, Trouble, User};

use super::{
    tenancy::{DOMAIN, Tenancy},
    town::Town,
};
use crate::{
    bad_input::one_line,
    harness::{Directory, lines},
    ldap::town::NO_LIMITS,
};

/// `staff` has people in groups within groups, some in several ways, and a cycle.
fn wanted() -> Directory {
    let mut wanted = Directory::default();
    wanted
        .room("staff")
        .members(["alice", "bob"])
        .groups(["crew"])
        .owners(["alice", "carol"]);
    wanted.group("crew").members(["carol", "dora"]).groups(["hands"]);
    wanted
        .group("hands")
        .members(["erin", "frank", "bob"])
        .groups(["crew"]);
    wanted
        .room("lab")
        .members(["bob", "gina"])
        .groups(["hands"])
        .owners(["gina", "bob"]);
    wanted
}

/// Somebody or some group is called otherwise, in every group.
fn renamed(directory: &Directory, from: &str, to: &str) -> Directory {
    let mut directory = directory.clone();
    let names: Vec<String> = directory.groups().keys().cloned().collect();
    for name in names {
        let group = directory.group(&name);
        for links in [&mut group.members, &mut group.owners, &mut group.groups] {
            if links.remove(from) {
                links.insert(to.to_owned());
            }
        }
    }
    if let Some(group) = directory.groups().get(from).cloned() {
        *directory.group(to) = group;
        directory.remove_group(from);
    }
    directory
}

#[tokio::test]
async fn an_ordinary_life() -> Result<()> {
    let mut town = Town::with(wanted()).await?;
    let site = &town.site;
    // What is in groups and is nobody whom a bot could invite; and a guest, whose name would be an employee's.
    let staff = town.tenancies[0].group("staff");
    town.tenancies[0].emulator.change(|tenant| {
        let guest = format!(
            "{}#EXT#@{DOMAIN}",
            Tenancy::principal_name(site, "dora").replace('@', "_")
        );
        let guest = tenant.add_user(User {
            user_type: Some("Guest".to_owned()),
            ..User::new(&guest)
        });
        let others = [
            guest,
            tenant.add_device("printer"),
            tenant.add_contact("supplier"),
            tenant.add_service_principal("backup"),
        ];
        for other in others {
            tenant.add_member(staff, other);
        }
    });
    let (output, writes) = town.site.writes_of(&["sync"]).await?;
    let output = output.exits(0);
    eprintln!(
        "first sync: {} writes, {} requests to Graph",
        writes.len(),
        town.tenancies[0].emulator.request_count()
    );
    one_line(&output, &["guests are left out", "#EXT#", "directory entra"]);
    town.as_wanted().await?;
    town.site.join("staff", ["alice", "bob", "erin"]).await?;
    town.site.join("lab", ["bob", "erin", "gina"]).await?;
    town.takes(0).await?;

    groups_change(&mut town).await?;
    accounts_change(&mut town).await?;
    people_are_renamed(&mut town).await?;
    groups_are_renamed(&mut town).await
}

async fn groups_change(town: &mut Town) -> Result<()> {
    // Still in `staff`, and in `lab` no more.
    town.change(|directory| {
        directory.group("hands").without("erin").groups.clear();
        directory.group("crew").members(["erin"]);
    })?;
    // Without the cycle, whoever is in `crew` alone is in `lab` no more.
    town.takes(3).await?;
    assert_eq!(town.site.room("lab").await?.members["erin"], "leave");
    assert_eq!(town.site.room("staff").await?.members["erin"], "join");
    // One owner less and another more are one event.
    town.change(|directory| {
        let staff = directory.room("staff");
        staff.owners.remove("carol");
        staff.owners(["bob"]);
    })?;
    town.takes(1).await?;
    Ok(())
}

/// Removed with the level, and invited again with it.
async fn accounts_change(town: &mut Town) -> Result<()> {
    town.change(|directory| directory.disable("alice"))?;
    town.takes(2).await?;
    assert_eq!(town.site.room("staff").await?.members["alice"], "leave");
    town.change(|directory| directory.enable("alice"))?;
    town.takes(2).await?;
    assert_eq!(town.site.room("staff").await?.members["alice"], "invite");
    Ok(())
}

async fn people_are_renamed(town: &mut Town) -> Result<()> {
    // Another name for people to read: nobody notices.
    let tenancy = town.tenancy();
    let bob = tenancy.person("bob");
    tenancy
        .emulator
        .change(|tenant| tenant.set_user(bob, |user| user.display_name = Some("Robert".to_owned())));
    town.takes(0).await?;

    // Another user principal name is another Matrix ID,
    town.site.register(["ginny"]).await?;
    rename_person(town, "gina", "ginny")?;
    // and that is levels, an invitation and a removal;
    town.takes(3).await?;
    let lab = town.site.room("lab").await?;
    assert_eq!(
        (&*lab.members["gina"], &*lab.members["ginny"]),
        ("leave", "invite")
    );

    // unless the configuration tells that it is the same person.
    let name = town.site.alias_name("bob");
    town.tenancy().top = format!(
        "renames = {{ \"{}\" = \"{name}\" }}\n",
        town.site.alias_name("robert")
    );
    town.configure()?;
    let renamed = Tenancy::principal_name(&town.site, "robert");
    let changed = town
        .tenancy()
        .emulator
        .change(|tenant| tenant.rename(bob, &renamed));
    assert!(changed);
    town.takes(0).await?;
    Ok(())
}

fn rename_person(town: &mut Town, from: &str, to: &str) -> Result<()> {
    let new = Tenancy::principal_name(&town.site, to);
    let tenancy = town.tenancy();
    let id = tenancy.person(from);
    assert!(tenancy.emulator.change(|tenant| tenant.rename(id, &new)));
    let wanted = renamed(&tenancy.wanted, from, to);
    tenancy.call_person(from, to, wanted)
}

async fn groups_are_renamed(town: &mut Town) -> Result<()> {
    // One that stands for no room: nobody notices.
    let tenancy = town.tenancy();
    let crew = tenancy.group("crew");
    assert!(
        tenancy
            .emulator
            .change(|tenant| tenant.rename_group(crew, "team"))
    );
    let wanted = renamed(&tenancy.wanted, "crew", "team");
    tenancy.call("crew", "team", wanted)?;
    town.takes(0).await?;

    // One that stands for a room: it stands for another, and the first keeps its people until a person decides.
    let before = town.digest_of(&["lab"]).await?;
    let shop = format!("MTRX {}", town.site.alias("shop"));
    let tenancy = town.tenancy();
    let lab = tenancy.group("lab");
    assert!(tenancy.emulator.change(|tenant| tenant.rename_group(lab, &shop)));
    let wanted = renamed(&tenancy.wanted, "lab", "shop");
    tenancy.call("lab", "shop", wanted)?;
    for _ in 0..2 {
        let output = town.site.run(&["sync"]).await?.exits(0);
        let told = [
            &*town.site.alias("lab"),
            "no group stands for it any more",
            &*format!("{shop} (entra) stands for {}", town.site.alias("shop")),
            "its people stay",
            "give the group its old name back",
        ];
        one_line(&output, &told);
        town.as_wanted().await?;
        assert_eq!(town.digest_of(&["lab"]).await?, before);
    }
    town.done().await
}

/// Rooms by what the names of groups begin with, and rooms that the configuration lists with the object IDs of groups,
/// beside those inside the root group.
#[tokio::test]
async fn rooms_by_prefix_and_by_object_id() -> Result<()> {
    let mut directory = wanted();
    directory.group("unrelated").members(["alice"]);
    let mut town = Town::with(directory).await?;
    // As people type it; and two IDs, one of them in capitals.
    let alias = town.site.alias("hall");
    let tenancy = town.tenancy();
    let (crew, hands) = (tenancy.group("crew"), tenancy.group("hands"));
    tenancy.rooms = "group_prefix = \"mtrx \"\n".to_owned();
    town.sections = format!(
        "{NO_LIMITS}[[room]]\nalias = \"{alias}\"\ngroups = [\"{crew}\", {{ group = \"{}\", directory = \"entra\", level = 25 }}]\n",
        hands.to_string().to_uppercase()
    );
    town.configure()?;
    town.settle().await?;
    let hall = town.site.room("hall").await?;
    let of_crew = ["bob", "carol", "dora", "erin", "frank"].map(str::to_owned);
    assert_eq!(hall.inside(), of_crew.clone().into());
    for person in hall.inside() {
        // By the cycle, everybody of the one is in the other.
        let level = hall.levels.get(&person).copied().unwrap_or_default();
        assert_eq!(level, 25, "{person}");
    }
    town.change(|directory| {
        directory.group("hands").groups.clear();
        directory.group("hands").without("erin");
    })?;
    town.settle().await?;
    let hall = town.site.room("hall").await?;
    assert_eq!(
        hall.inside(),
        ["bob", "carol", "dora", "frank"].map(str::to_owned).into()
    );
    assert_eq!(hall.levels.get("dora"), None);

    // A prefix finds a group as soon as it is called so, whatever it is in.
    let fresh = town.site.alias("fresh");
    let tenancy = town.tenancy();
    let (alice, frank) = (tenancy.person("alice"), tenancy.person("frank"));
    tenancy.emulator.change(|tenant| {
        let id = tenant.add_group(Group::new(&format!("MTRX {fresh}")));
        tenant.add_member(id, alice);
        tenant.add_member(id, frank);
    });
    town.site.fine(&["sync"]).await?;
    let names = ["alice", "frank"].map(str::to_owned);
    assert_eq!(town.site.room("fresh").await?.inside(), names.into());

    // And groups by their object IDs alone, whatever else is called so.
    let tenancy = town.tenancy();
    tenancy.rooms = format!("groups = [\"{}\"]\n", tenancy.group("lab"));
    town.configure()?;
    let output = town.site.fine(&["idp"]).await?;
    let (lab, staff) = (town.site.alias("lab"), town.site.alias("staff"));
    assert!(
        output.stdout.contains(&lab) && !output.stdout.contains(&staff),
        "{output}"
    );
    Ok(())
}

/// What passes while a run waits or asks again harms nobody, and is not even told.
#[tokio::test]
async fn troubles_that_pass() -> Result<()> {
    let mut town = Town::with(wanted()).await?;
    town.settle().await?;
    // Asked again after a second or two; once is enough.
    let token = Fault::once(Match::token(), Trouble::Status(503));
    let token = town.tenancy().emulator.fault(token);
    for (trouble, path, at_least) in [
        (Trouble::Throttle { retry_after: Some(1) }, "/members", 1),
        (Trouble::Throttle { retry_after: None }, "/members", 0),
        (Trouble::Status(503), "/members", 0),
        (Trouble::DropBatchItem, "/members", 0),
        (Trouble::Status(401), "/$batch", 0),
        (Trouble::Cut, "/$batch", 0),
        (Trouble::CutBody, "/$batch", 0),
        (Trouble::Truncated, "/$batch", 0),
    ] {
        town.change(|directory| {
            let lab = directory.room("lab");
            if lab.members.contains("gina") {
                lab.without("gina").members(["alice"]);
            } else {
                lab.without("alice").members(["gina"]).owners(["gina"]);
            }
            directory.people(["gina"]);
        })?;
        let emulator = &town.tenancies[0].emulator;
        let fault = emulator.fault(Fault::once(Match::path(path), trouble.clone()));
        let started = std::time::Instant::now();
        let (output, writes) = town.site.writes_of(&["sync"]).await?;
        let output = output.exits(0);
        assert!(started.elapsed().as_secs() >= at_least, "{trouble:?} {output}");
        assert_eq!((fault.hits(), token.hits()), (1, 1), "{trouble:?} {output}");
        assert!(!writes.is_empty(), "{:?}", lines(&writes));
        town.done().await?;
    }
    Ok(())
}
