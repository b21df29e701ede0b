//! A site whose people and groups are in tenants of Entra ID, each on an emulator of its own, and in a file.

use std::{collections::BTreeSet, fmt::Write as _};

use anyhow::{Context as _, Result};
use inviter_graph_emulator::Options;
use inviter_testkit::digest;

use super::tenancy::Tenancy;
use crate::{
    harness::{CONFIG, DIRECTORY, Directory, Output, Site, lines},
    ldap::town::{NO_LIMITS, head},
};

/// A site with tenants and a directory file.
#[derive(Debug)]
pub(crate) struct Town {
    pub(crate) site: Site,
    pub(crate) tenancies: Vec<Tenancy>,
    /// What the directory file has; without rooms in it there is none.
    pub(crate) file: Directory,
    /// Sections behind all others.
    pub(crate) sections: String,
}

impl Town {
    /// A site with these tenants, by the names of the directories; no room is there yet.
    pub(crate) async fn found(
        tenants: Vec<(&str, Directory, Options)>,
        file: Directory,
        sections: &str,
    ) -> Result<Self> {
        let site = Site::new().await?;
        let mut people: BTreeSet<String> = file.everybody();
        let mut tenancies = Vec::new();
        for (name, wanted, options) in tenants {
            people.extend(wanted.everybody());
            tenancies.push(Tenancy::start(&site, name, wanted, options).await?);
        }
        site.register(people).await?;
        let town = Self {
            site,
            tenancies,
            file,
            sections: sections.to_owned(),
        };
        town.configure()?;
        Ok(town)
    }

    /// A site with one tenant, called `entra`, and limits that hold nothing.
    pub(crate) async fn with(wanted: Directory) -> Result<Self> {
        let tenants = vec![("entra", wanted, Options::default())];
        Self::found(tenants, Directory::default(), NO_LIMITS).await
    }

    /// The one tenant there is, or the first.
    pub(crate) fn tenancy(&mut self) -> &mut Tenancy {
        &mut self.tenancies[0]
    }

    /// A tenant by the name of its directory.
    pub(crate) fn called(&self, name: &str) -> Result<&Tenancy> {
        let found = self.tenancies.iter().find(|tenancy| tenancy.name == name);
        found.context("no such tenant")
    }

    /// Writes the configuration and the directory file as they are to be now.
    pub(crate) fn configure(&self) -> Result<()> {
        let mut text = head(&self.site);
        for tenancy in &self.tenancies {
            text.push_str(&tenancy.section()?);
        }
        if !self.file.rooms().is_empty() {
            write!(
                text,
                "\n[[directory]]\nname = \"file\"\nkind = \"file\"\npath = \"{DIRECTORY}\"\n"
            )?;
            self.site.save(&self.file)?;
        }
        text.push('\n');
        text.push_str(&self.sections);
        self.site.write(CONFIG, &text).map(drop)
    }

    /// Changes what the first tenant has.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Directory)) -> Result<()> {
        let Self { site, tenancies, .. } = self;
        tenancies[0].change(site, change)
    }

    /// Changes what the directory file has.
    pub(crate) fn change_file(&mut self, change: impl FnOnce(&mut Directory)) -> Result<()> {
        change(&mut self.file);
        self.site.save(&self.file)
    }

    /// All directories.
    pub(crate) fn directories(&self) -> impl Iterator<Item = &Directory> {
        let tenants = self.tenancies.iter().map(|tenancy| &tenancy.wanted);
        tenants.chain([&self.file])
    }

    /// Every room is as the directories want it.
    pub(crate) async fn as_wanted(&self) -> Result<()> {
        self.all_as_wanted_but(&[]).await
    }

    /// Every room but these is as the directories want it.
    pub(crate) async fn all_as_wanted_but(&self, left_out: &[&str]) -> Result<()> {
        for directory in self.directories() {
            for room in directory.rooms() {
                if !left_out.contains(&&*room) {
                    self.site.room(&room).await?.is_as_wanted(directory, &room);
                }
            }
        }
        Ok(())
    }

    /// One run that does everything, and nothing left to do.
    pub(crate) async fn settle(&self) -> Result<()> {
        self.site.fine(&["sync"]).await?;
        self.done().await
    }

    /// Every room is as wanted, and a run has nothing to write.
    pub(crate) async fn done(&self) -> Result<()> {
        self.takes(0).await.map(drop)
    }

    /// A run does what is due, with as many writing requests.
    pub(crate) async fn takes(&self, requests: usize) -> Result<Output> {
        let (output, writes) = self.site.writes_of(&["sync"]).await?;
        let output = output.exits(0);
        assert_eq!(writes.len(), requests, "{:#?}\n{output}", lines(&writes));
        self.as_wanted().await?;
        Ok(output)
    }

    /// All state of these rooms.
    pub(crate) async fn digest_of(&self, rooms: &[&str]) -> Result<String> {
        let mut ids = Vec::new();
        for room in rooms {
            ids.push(self.site.room_id(room).await?);
        }
        digest(&self.site.admin, &ids).await
    }
}
