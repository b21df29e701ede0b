//! A tenant made of a directory: rooms are the groups inside a root group, with the names that stand for rooms.

use std::{collections::BTreeMap, fmt::Write as _};

use anyhow::{Context as _, Result};
use inviter_graph_emulator::{Emulator, Group, Id, Options, Tenant, User};

use crate::harness::{Directory, Site};

/// The tenant's domain: what stands behind the `@` of its people.
pub(crate) const DOMAIN: &str = "contoso.example";

/// A tenant on an emulator, and what it has.
#[derive(Debug)]
pub(crate) struct Tenancy {
    /// The directory's name in the configuration.
    pub(crate) name: String,
    pub(crate) emulator: Emulator,
    /// What the tenant has.
    pub(crate) wanted: Directory,
    /// More keys of `[[directory]]`.
    pub(crate) top: String,
    /// How the bot logs in.
    pub(crate) login: String,
    /// Which groups stand for rooms.
    pub(crate) rooms: String,
    /// Tenant and application are left to the environment.
    pub(crate) from_platform: bool,
    /// More keys of `[directory.entra]`.
    pub(crate) keys: String,
    pub(crate) root: Id,
    people: BTreeMap<String, Id>,
    groups: BTreeMap<String, Id>,
}

impl Tenancy {
    /// Starts the emulator, and writes the application's secret into a file of the site.
    pub(crate) async fn start(site: &Site, name: &str, wanted: Directory, options: Options) -> Result<Self> {
        let mut tenant = Tenant::new();
        tenant.set_domain(DOMAIN);
        let root = tenant.add_group("Rooms of Matrix");
        let emulator = Emulator::start_with(tenant, options).await?;
        let mut tenancy = Self {
            name: name.to_owned(),
            top: String::new(),
            login: format!("client_secret_file = \"{name}.secret\"\n"),
            rooms: format!("root_group = \"{root}\"\n"),
            from_platform: false,
            keys: String::new(),
            root,
            people: BTreeMap::new(),
            groups: BTreeMap::new(),
            emulator,
            wanted: Directory::default(),
        };
        tenancy.become_like(site, wanted)?;
        tenancy.write_secret(site, &tenancy.emulator.client_secret())?;
        Ok(tenancy)
    }

    /// The file with the application's secret.
    pub(crate) fn write_secret(&self, site: &Site, secret: &str) -> Result<()> {
        site.write_secret(&format!("{}.secret", self.name), secret)
            .map(drop)
    }

    /// What the name of a person begins with, up to the `@` and behind it.
    pub(crate) fn principal_name(site: &Site, person: &str) -> String {
        format!("{}@{DOMAIN}", site.alias_name(person))
    }

    /// The object ID of a person.
    pub(crate) fn person(&self, name: &str) -> Id {
        self.people[name]
    }

    /// The object ID of a group.
    pub(crate) fn group(&self, name: &str) -> Id {
        self.groups[name]
    }

    /// The path of a group's lists.
    pub(crate) fn path(&self, group: &str) -> String {
        format!("/groups/{}/", self.group(group))
    }

    /// The path of one of a group's lists.
    pub(crate) fn list(&self, group: &str, list: &str) -> String {
        format!("{}{list}", self.path(group))
    }

    /// Changes what the tenant has.
    pub(crate) fn change(&mut self, site: &Site, change: impl FnOnce(&mut Directory)) -> Result<()> {
        let mut wanted = self.wanted.clone();
        change(&mut wanted);
        self.become_like(site, wanted)
    }

    /// A group has another name from now on, in the test's words: the tenant was changed already.
    pub(crate) fn call(&mut self, from: &str, to: &str, wanted: Directory) -> Result<()> {
        let id = self.groups.remove(from).context("no such group")?;
        self.groups.insert(to.to_owned(), id);
        self.wanted = wanted;
        Ok(())
    }

    /// Likewise for a person.
    pub(crate) fn call_person(&mut self, from: &str, to: &str, wanted: Directory) -> Result<()> {
        let id = self.people.remove(from).context("no such person")?;
        self.people.insert(to.to_owned(), id);
        self.wanted = wanted;
        Ok(())
    }

    /// Makes the tenant like a directory, in as few changes as it takes.
    fn become_like(&mut self, site: &Site, wanted: Directory) -> Result<()> {
        let Self {
            emulator,
            people,
            groups,
            root,
            wanted: before,
            ..
        } = self;
        emulator.change(|tenant| {
            for name in wanted.everybody() {
                let id = *people.entry(name.clone()).or_insert_with(|| {
                    let mut user = User::new(&Self::principal_name(site, &name));
                    user.display_name = Some(name.clone());
                    tenant.add_user(user)
                });
                let _changed = if wanted.is_disabled(&name) {
                    tenant.disable(id)
                } else {
                    tenant.enable(id)
                };
            }
            for (name, group) in wanted.groups() {
                let id = *groups
                    .entry(name.clone())
                    .or_insert_with(|| tenant.add_group(Group::new(&display_name(site, &wanted, name))));
                if group.is_room() {
                    tenant.add_member(*root, id);
                }
            }
            let id_of_group = |name: &String| groups.get(name).copied();
            let id_of_person = |name: &String| people.get(name).copied();
            for (name, group) in wanted.groups() {
                let id = id_of_group(name).context("a group without an ID")?;
                let members = group.members.iter().map(id_of_person);
                let members = members.chain(group.groups.iter().map(id_of_group));
                let members: Vec<Id> = members.collect::<Option<_>>().context("a member without an ID")?;
                let owners = group.owners.iter().map(id_of_person).collect::<Option<Vec<Id>>>();
                let owners = owners.context("an owner without an ID")?;
                for gone in tenant
                    .members(id)
                    .filter(|is| !members.contains(is))
                    .collect::<Vec<_>>()
                {
                    tenant.remove_member(id, gone);
                }
                for gone in tenant
                    .owners(id)
                    .filter(|is| !owners.contains(is))
                    .collect::<Vec<_>>()
                {
                    tenant.remove_owner(id, gone);
                }
                for member in members {
                    tenant.add_member(id, member);
                }
                for owner in owners {
                    tenant.add_owner(id, owner);
                }
            }
            for name in before.groups().keys() {
                if !wanted.groups().contains_key(name)
                    && let Some(id) = groups.remove(name)
                {
                    tenant.delete_group(id);
                }
            }
            let everybody = wanted.everybody();
            for name in before.everybody().difference(&everybody) {
                if let Some(id) = people.remove(name) {
                    tenant.delete_user(id);
                }
            }
            anyhow::Ok(())
        })?;
        *before = wanted;
        Ok(())
    }

    /// Its part of the configuration.
    pub(crate) fn section(&self) -> Result<String> {
        let emulator = &self.emulator;
        let mut text = format!(
            "[[directory]]\nname = \"{}\"\nkind = \"entra\"\n{}[directory.entra]\n",
            self.name, self.top
        );
        let given = format!("\n{}{}{}", self.login, self.rooms, self.keys);
        let is_given = |key: &str| given.contains(&format!("\n{key} ="));
        let application = !self.from_platform && !given.contains("\"managed_identity\"");
        for (key, value, wanted) in [
            ("tenant", emulator.tenant_id(), application),
            ("client_id", emulator.client_id(), application),
            ("authority", emulator.authority(), !is_given("cloud")),
            ("graph_url", emulator.graph_url(), !is_given("cloud")),
        ] {
            // A key that is given instead takes the place of this one.
            if wanted && !is_given(key) {
                writeln!(text, "{key} = \"{value}\"")?;
            }
        }
        writeln!(text, "{}", given.trim_start())?;
        Ok(text)
    }
}

/// A room's group has the name that stands for the room; others are called as they are here.
fn display_name(site: &Site, directory: &Directory, group: &str) -> String {
    if directory.groups()[group].is_room() {
        format!("MTRX {}", site.alias(group))
    } else {
        group.to_owned()
    }
}
