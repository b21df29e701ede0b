//! A fault on trial: while it lasts it costs nobody their place, it is told, and all else goes on; afterwards everything
//! that was due is done.

use anyhow::Result;

use super::town::{NO_LIMITS, Plan, Town};
use crate::{
    bad_input::{is_clean, one_line},
    harness::{Directory, Output},
};

/// Ends with this where a directory, a group or a room could not be read.
pub(crate) const IN_PART: i32 = 4;

/// Ends with this where something is held.
pub(crate) const HELD: i32 = 3;

/// People of this letter: `p0`, `p1` and so on.
pub(crate) fn people(letter: char, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{letter}{n}")).collect()
}

/// Three rooms: `alpha`, with people of `ou=people` in a group of `ou=groups` and one within it, and with a partner, so
/// that it is not empty without them; `beta`, with partners in a group of `ou=teams`; and `depot`, which the directory
/// file has. Nothing holds anybody, so that whoever stays does not stay for that.
pub(crate) fn plan() -> Plan {
    let (staff, partners, porters) = (people('p', 10), people('q', 8), people('f', 8));
    let mut plan = Plan {
        sections: NO_LIMITS.to_owned(),
        elsewhere: vec![
            ("partners", partners.clone()),
            ("partners", vec!["c0".to_owned()]),
            ("teams", vec!["beta".to_owned()]),
        ],
        ..Plan::default()
    };
    let alpha = plan.ldap.room("alpha");
    alpha
        .members(&staff[..8])
        .members(["c0"])
        .groups(["crew"])
        .owners(&staff[..5]);
    plan.ldap.group("crew").members(&staff[8..]);
    plan.ldap.room("beta").members(&partners).owners(&partners[..5]);
    plan.file.room("depot").members(&porters).owners(&porters[..5]);
    plan
}

/// In every room of a directory, somebody has to go, and somebody else has to be lowered. Those who go stay in the
/// directory.
fn make_due(directory: &mut Directory) {
    for room in directory.rooms() {
        let group = directory.room(&room);
        if group.owners.len() > 1 {
            group.owners.pop_first();
        }
        let leaver = group.members.pop_last().unwrap();
        group.without(&leaver);
        directory.people([leaver]);
    }
}

/// The rooms that a fault is about.
#[derive(Debug)]
pub(crate) struct Trial<'t> {
    harmed: &'t [&'t str],
    before: String,
}

impl<'t> Trial<'t> {
    /// Makes something due in every room; the fault comes next. `harmed` are the rooms that it is about.
    pub(crate) async fn begin(town: &mut Town, harmed: &'t [&'t str]) -> Result<Self> {
        town.change(make_due).await?;
        town.change_file(make_due)?;
        let before = town.digest_of(harmed).await?;
        Ok(Self { harmed, before })
    }

    /// A run ends with this code and tells the fault in one line with all of `parts`. No event in a harmed room is
    /// another than before, and what was due in the others is done.
    pub(crate) async fn shows(&self, town: &Town, code: i32, parts: &[&str]) -> Result<Output> {
        let output = town.site.run(&["sync"]).await?.exits(code);
        one_line(&output, parts);
        assert_eq!(output.stderr, "", "{output}");
        is_clean(&output, &[town.site.bot.token(), super::town::PASSWORD]);
        let after = town.digest_of(self.harmed).await?;
        let changes = inviter_testkit::changes(&self.before, &after);
        assert!(changes.is_empty(), "{changes:#?}\n{output}");
        for directory in [&town.ldap, &town.file] {
            for room in directory.rooms() {
                if !self.harmed.contains(&&*room) {
                    town.site.room(&room).await?.is_as_wanted(directory, &room);
                }
            }
        }
        Ok(output)
    }

    /// Once the fault is gone, one run does what was due, and the next has nothing to do.
    pub(crate) async fn is_made_up_for(&self, town: &Town) -> Result<()> {
        let after = town.digest_of(self.harmed).await?;
        assert_eq!(self.before, after);
        town.settle().await?;
        assert!(self.harmed.is_empty() || self.before != town.digest_of(self.harmed).await?);
        Ok(())
    }
}
