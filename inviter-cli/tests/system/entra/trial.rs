//! Faults on trial, each in a tenant of its own, all in the same runs: while they last they cost nobody their place, each
//! is told, and all else goes on; afterwards everything that was due is done.

use anyhow::Result;
use inviter_graph_emulator::Options;

use super::{tenancy::Tenancy, town::Town};
use crate::{
    bad_input::{is_clean, one_line},
    harness::{Directory, Output, Site},
    ldap::town::NO_LIMITS,
};

/// Ends with this where a directory, a group or a room could not be read.
pub(crate) const IN_PART: i32 = 4;

/// Ends with this where something is held.
pub(crate) const HELD: i32 = 3;

/// What has to be done in the room that a fault is about, and may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Somebody has to go.
    Removal,
    /// An owner has to be lowered.
    Demotion,
    /// Both.
    Both,
}

/// What a fault harms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    /// One of the tenant's two rooms.
    OneRoom,
    /// The whole tenant.
    Tenant,
}

/// How a tenant behaves badly, and how it gets well again.
type Act = Box<dyn Fn(&mut Tenancy, &Site) -> Result<()>>;

/// A fault of one tenant.
pub(crate) struct Case {
    /// The name of its directory, and of its rooms but for `-a`, which is the one that is harmed, and `-b`.
    pub(crate) name: &'static str,
    pub(crate) options: Options,
    /// More keys of `[directory.entra]`.
    pub(crate) keys: &'static str,
    pub(crate) due: Due,
    pub(crate) harm: Harm,
    /// Brings it about.
    pub(crate) begin: Act,
    /// Mends what outlasts faults of the emulator.
    pub(crate) end: Act,
    /// What is told in one line, with `{a}` for the name of the group of the harmed room.
    pub(crate) told: Vec<String>,
}

impl Case {
    /// A fault that harms one room.
    pub(crate) fn of_room(
        name: &'static str,
        due: Due,
        told: &[&str],
        begin: impl Fn(&mut Tenancy, &Site) -> Result<()> + 'static,
    ) -> Self {
        Self {
            name,
            options: Options::default(),
            keys: "",
            due,
            harm: Harm::OneRoom,
            begin: Box::new(begin),
            end: Box::new(|_, _| Ok(())),
            told: told.iter().map(|&part| part.to_owned()).collect(),
        }
    }

    /// A fault that harms both.
    pub(crate) fn of_tenant(
        name: &'static str,
        told: &[&str],
        begin: impl Fn(&mut Tenancy, &Site) -> Result<()> + 'static,
    ) -> Self {
        Self {
            harm: Harm::Tenant,
            ..Self::of_room(name, Due::Both, told, begin)
        }
    }

    pub(crate) fn options(self, options: Options) -> Self {
        Self { options, ..self }
    }

    pub(crate) fn keys(self, keys: &'static str) -> Self {
        Self { keys, ..self }
    }

    pub(crate) fn mended_by(self, end: impl Fn(&mut Tenancy, &Site) -> Result<()> + 'static) -> Self {
        Self {
            end: Box::new(end),
            ..self
        }
    }

    /// The room that is harmed.
    pub(crate) fn a(&self) -> String {
        format!("{}-a", self.name)
    }

    fn b(&self) -> String {
        format!("{}-b", self.name)
    }

    /// Two rooms: the one that is harmed has people in a group within its group; the other shares nobody with it. In
    /// both somebody stays who is in nothing else.
    fn directory(&self) -> Directory {
        let mut directory = Directory::default();
        let crew = format!("{}-crew", self.name);
        let owners: &[&str] = if self.due == Due::Removal {
            &["p0"]
        } else {
            &["p0", "p1"]
        };
        directory
            .room(&self.a())
            .members(["p0", "p1", "p2"])
            .groups([&*crew])
            .owners(owners.iter().copied());
        directory.group(&crew).members(["p3"]);
        directory.room(&self.b()).members(["q0", "q1"]).owners(["q0"]);
        directory
    }

    fn make_due(&self, directory: &mut Directory) {
        let a = directory.room(&self.a());
        if self.due != Due::Removal {
            a.owners.remove("p0");
        }
        if self.due != Due::Demotion {
            a.without("p2");
        }
        directory.room(&self.b()).without("q1");
        // They have left the groups, not the tenant.
        directory.people(["p2", "q1"]);
    }

    fn harmed(&self) -> Vec<String> {
        match self.harm {
            Harm::OneRoom => vec![self.a()],
            Harm::Tenant => vec![self.a(), self.b()],
        }
    }
}

/// The room of the directory file, which has nothing to do with any tenant.
fn depot() -> Directory {
    let mut file = Directory::default();
    file.room("depot").members(["f0", "f1"]).owners(["f0"]);
    file
}

/// Tries all cases at once, each in a tenant of its own.
pub(crate) async fn all(cases: Vec<Case>) -> Result<()> {
    let tenants = cases
        .iter()
        .map(|case| (case.name, case.directory(), case.options.clone()));
    let mut town = Town::found(tenants.collect(), depot(), NO_LIMITS).await?;
    for (case, tenancy) in cases.iter().zip(&mut town.tenancies) {
        case.keys.clone_into(&mut tenancy.keys);
    }
    town.configure()?;
    town.settle().await?;

    let Town { site, tenancies, .. } = &mut town;
    for (case, tenancy) in cases.iter().zip(tenancies) {
        tenancy.change(site, |directory| case.make_due(directory))?;
        (case.begin)(tenancy, site)?;
    }
    town.change_file(|file| {
        file.room("depot").without("f1");
        file.people(["f1"]);
    })?;
    let harmed: Vec<String> = cases.iter().flat_map(Case::harmed).collect();
    let harmed: Vec<&str> = harmed.iter().map(String::as_str).collect();
    let before = town.digest_of(&harmed).await?;
    for _ in 0..2 {
        let started = std::time::Instant::now();
        let output = town.site.run(&["sync"]).await?.exits(IN_PART);
        eprintln!("{} faults: {:.1} s", cases.len(), started.elapsed().as_secs_f64());
        assert_eq!(output.stderr, "", "{output}");
        for case in &cases {
            is_told(&town, case, &output)?;
        }
        let after = town.digest_of(&harmed).await?;
        let changes = inviter_testkit::changes(&before, &after);
        assert!(changes.is_empty(), "{changes:#?}\n{output}");
        // Somebody has gone from every other room.
        town.all_as_wanted_but(&harmed).await?;
    }

    let Town { site, tenancies, .. } = &mut town;
    for (case, tenancy) in cases.iter().zip(tenancies) {
        tenancy.emulator.clear_faults();
        (case.end)(tenancy, site)?;
    }
    town.settle().await?;
    for room in harmed {
        let now = town.digest_of(&[room]).await?;
        assert!(!before.contains(&now), "nothing was due in {room}");
    }
    Ok(())
}

#[track_caller]
fn is_told(town: &Town, case: &Case, output: &Output) -> Result<()> {
    let tenancy = town.called(case.name)?;
    let name = format!("MTRX {}", town.site.alias(&case.a()));
    let about = format!("directory {}", case.name);
    let told: Vec<String> = case.told.iter().map(|part| part.replace("{a}", &name)).collect();
    let mut told: Vec<&str> = told.iter().map(String::as_str).collect();
    told.push(&about);
    one_line(output, &told);
    let secret = tenancy.emulator.client_secret();
    is_clean(output, &[town.site.bot.token(), &secret, "emulated-access-token"]);
    Ok(())
}
