//! Groups name people who are not in the directory any more.

use anyhow::Result;
use inviter_testkit::{Overlay, SlapdOptions};

use super::{
    town::Town,
    trial::{IN_PART, Trial, people, plan},
};
use crate::bad_input::one_line;

impl Town {
    /// Deletes people from the tree and leaves groups as they are.
    async fn delete(&mut self, people: &[&str]) -> Result<()> {
        let people = people.iter().map(|person| self.tree.person(person));
        let people: Vec<String> = people.collect();
        self.apply(|ldif| {
            for dn in people {
                ldif.delete(&dn);
            }
        })
        .await
    }

    /// What the rooms are to be like without these people.
    fn forget(&mut self, people: &[&str]) {
        for person in people {
            for group in ["alpha", "beta", "crew"] {
                self.ldap.group(group).without(person);
            }
        }
    }
}

#[tokio::test]
async fn people_who_were_deleted() -> Result<()> {
    let mut plan = plan();
    // One in fifty may be believed to be gone: three here.
    plan.ldap.people(people('n', 150));
    plan.ldap.room("alpha").members(people('a', 12));
    let more = people('b', 4);
    plan.ldap.room("beta").members(&more);
    plan.elsewhere.push(("partners", more));
    let mut town = Town::found(SlapdOptions::new(), plan).await?;
    town.settle().await?;

    // One is gone, and it is told until the entry is.
    let of_alpha = town.tree.group(&town.ldap, "alpha");
    let (p0, cn) = (town.tree.person("p0"), town.tree.room("alpha"));
    town.delete(&["p0"]).await?;
    town.forget(&["p0"]);
    for _ in 0..2 {
        let output = town.site.fine(&["sync"]).await?;
        one_line(
            &output,
            &[
                "directory ldap",
                "1 member entry",
                &p0,
                "nobody is there any more",
                "to be removed from",
                &cn,
            ],
        );
        town.as_wanted().await?;
    }
    assert_eq!(town.site.room("alpha").await?.members["p0"], "leave");

    // Two more, in groups of several rooms.
    town.delete(&["p8", "q7"]).await?;
    town.forget(&["p8", "q7"]);
    let output = town.site.fine(&["sync"]).await?;
    one_line(
        &output,
        &[
            "3 member entries",
            &town.tree.person("q7"),
            "nobody is there any more",
        ],
    );
    town.as_wanted().await?;
    for group in ["alpha", "crew", "beta"] {
        town.restore(group).await?;
    }
    let owners = town.tree.owners("alpha");
    town.apply(|ldif| {
        ldif.delete_values(&owners, "member", &[&p0]);
    })
    .await?;
    let output = town.site.fine(&["sync"]).await?;
    assert!(!output.stdout.contains("member entr"), "{output}");

    // Too many of one group, and too many of all.
    let cases: [(&[&str], &[&str], &str); 2] = [
        (&["a0", "a1", "a2", "a3"], &["alpha"], "too many"),
        (&["p9", "a4", "b0", "b1"], &["alpha", "beta"], "too many of"),
    ];
    for (gone, harmed, words) in cases {
        let trial = Trial::begin(&mut town, harmed).await?;
        town.delete(gone).await?;
        for _ in 0..2 {
            let told = [
                &*town.site.alias("alpha"),
                "nobody is removed, because",
                words,
                "nothing is there",
            ];
            trial.shows(&town, IN_PART, &told).await?;
        }
        town.forget(gone);
        for group in ["alpha", "crew", "beta"] {
            town.restore(group).await?;
        }
        trial.is_made_up_for(&town).await?;
    }

    // Where the server takes them out of groups by itself, there is nothing to tell.
    town.slapd
        .restart_with(|options| options.overlay(Overlay::Refint))
        .await?;
    town.delete(&["a5"]).await?;
    town.forget(&["a5"]);
    town.until_follows(&of_alpha).await?;
    let output = town.site.fine(&["sync"]).await?;
    assert!(!output.stdout.contains("member entr"), "{output}");
    town.done().await
}
