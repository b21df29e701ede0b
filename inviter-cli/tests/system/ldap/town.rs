//! A site whose people and groups are in a slapd, laid out as the reference system has them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use anyhow::Result;
use inviter_testkit::{Ldif, Slapd, SlapdOptions, digest};

use crate::harness::{CONFIG, DIRECTORY, Directory, Site, lines};

/// The top of the tree.
pub(crate) const SUFFIX: &str = "dc=example,dc=test";
/// The password of `cn=reader`, as whom the program logs in.
pub(crate) const PASSWORD: &str = "s3cret of the reader";
/// Limits that hold nothing: where nobody goes, it is not for them.
pub(crate) const NO_LIMITS: &str = "[limits]\nroom_count = 10000\ntotal_count = 10000\n";

/// How a directory stands in a tree: the names of entries.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tree {
    /// What stands between the alias's name or a login and its rest: see [`Site::alias_name`].
    tag: String,
    server: String,
    /// The units of people and groups that are not in `ou=people` or `ou=groups`.
    elsewhere: BTreeMap<String, &'static str>,
    /// Groups that are `posixGroup`s.
    posix: BTreeSet<String>,
}

impl Tree {
    pub(crate) fn of(site: &Site) -> Self {
        Self {
            tag: site.alias_name(""),
            server: site.synapse.server_name().to_owned(),
            elsewhere: BTreeMap::new(),
            posix: BTreeSet::new(),
        }
    }

    /// A person or group is in this unit.
    pub(crate) fn put<S: Into<String>>(&mut self, unit: &'static str, names: impl IntoIterator<Item = S>) {
        self.elsewhere
            .extend(names.into_iter().map(|name| (name.into(), unit)));
    }

    fn unit(&self, name: &str, usual: &'static str) -> &'static str {
        self.elsewhere.get(name).copied().unwrap_or(usual)
    }

    /// The login name of a person.
    pub(crate) fn uid(&self, person: &str) -> String {
        format!("{person}{}", self.tag)
    }

    /// The DN of a person.
    pub(crate) fn person(&self, person: &str) -> String {
        format!(
            "uid={},ou={},{SUFFIX}",
            self.uid(person),
            self.unit(person, "people")
        )
    }

    /// `xxxroomxxxserver` of a room.
    pub(crate) fn room(&self, room: &str) -> String {
        format!("xxx{room}{}xxx{}", self.tag, self.server)
    }

    /// The DN of a group.
    pub(crate) fn group(&self, directory: &Directory, name: &str) -> String {
        let is_room = directory.groups()[name].is_room();
        let cn = if is_room { self.room(name) } else { name.to_owned() };
        format!("cn={cn},ou={},{SUFFIX}", self.unit(name, "groups"))
    }

    /// The DN of the group with a room's owners.
    pub(crate) fn owners(&self, room: &str) -> String {
        let cn = self.room(room);
        format!("cn={cn}_owners,ou={},{SUFFIX}", self.unit(room, "groups"))
    }

    /// All entries below the units. A group comes before the ones after it in the alphabet, its owners right behind it.
    pub(crate) fn entries(&self, directory: &Directory) -> BTreeMap<String, Vec<(String, String)>> {
        let mut entries = BTreeMap::new();
        for person in directory.everybody() {
            let mut attributes = vec![
                ("objectClass".to_owned(), "inetOrgPerson".to_owned()),
                ("objectClass".to_owned(), "lockableAccount".to_owned()),
            ];
            for name in ["uid", "cn", "sn"] {
                attributes.push((name.to_owned(), self.uid(&person)));
            }
            if directory.is_disabled(&person) {
                attributes.push(("nsAccountLock".to_owned(), "TRUE".to_owned()));
            }
            entries.insert(self.person(&person), attributes);
        }
        for (name, group) in directory.groups() {
            if self.posix.contains(name) {
                let logins = group
                    .members
                    .iter()
                    .map(|person| ("memberUid".to_owned(), self.uid(person)));
                let head = [("objectClass", "posixGroup"), ("gidNumber", "1000")];
                let head = head.map(|(name, value)| (name.to_owned(), value.to_owned()));
                entries.insert(
                    self.group(directory, name),
                    head.into_iter().chain(logins).collect(),
                );
                continue;
            }
            let people = group.members.iter().map(|person| self.person(person));
            let groups = group.groups.iter().map(|nested| self.group(directory, nested));
            let members: Vec<String> = people.chain(groups).collect();
            entries.insert(self.group(directory, name), of_names(&members));
            if !group.owners.is_empty() {
                let owners: Vec<String> = group.owners.iter().map(|person| self.person(person)).collect();
                entries.insert(self.owners(name), of_names(&owners));
            }
        }
        entries
    }
}

/// A `groupOfNames`; the empty name where there is no member, since the class demands one.
fn of_names(members: &[String]) -> Vec<(String, String)> {
    let mut attributes = vec![("objectClass".to_owned(), "groupOfNames".to_owned())];
    let nobody = [String::new()];
    let members = if members.is_empty() { &nobody[..] } else { members };
    attributes.extend(members.iter().map(|dn| ("member".to_owned(), dn.clone())));
    attributes
}

/// Everything but the homeserver, of a site with a slapd and a directory file.
#[derive(Debug)]
pub(crate) struct Town {
    pub(crate) site: Site,
    pub(crate) slapd: Slapd,
    pub(crate) tree: Tree,
    /// What the slapd has.
    pub(crate) ldap: Directory,
    /// What the directory file has; without rooms in it there is none.
    pub(crate) file: Directory,
    /// More keys of `[directory.ldap]`.
    pub(crate) keys: String,
    /// Sections behind all others.
    pub(crate) sections: String,
    /// Where the program finds the slapd.
    pub(crate) url: String,
}

/// What a town begins with.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) ldap: Directory,
    pub(crate) file: Directory,
    /// People and groups in other units than `people` and `groups`.
    pub(crate) elsewhere: Vec<(&'static str, Vec<String>)>,
    /// Groups that are `posixGroup`s, with people only.
    pub(crate) posix: Vec<String>,
    /// More entries.
    pub(crate) more: String,
    pub(crate) keys: String,
    pub(crate) sections: String,
}

impl Town {
    /// Starts the slapd and writes the configuration; no room is there yet.
    pub(crate) async fn found(options: SlapdOptions, plan: Plan) -> Result<Self> {
        let site = Site::new().await?;
        let mut tree = Tree::of(&site);
        for (unit, names) in plan.elsewhere {
            tree.put(unit, names);
        }
        tree.posix.extend(plan.posix);
        let mut ldif = Ldif::tree(SUFFIX).unit("partners").unit("teams");
        ldif.account("reader", PASSWORD, &[]);
        let mut text = ldif.to_string();
        text.push_str(&plan.more);
        let mut ldif = Ldif::new(SUFFIX);
        for (dn, attributes) in tree.entries(&plan.ldap) {
            add(&mut ldif, &dn, &attributes);
        }
        text.push_str(ldif.text());
        let slapd = Slapd::start(options.ldif(&text)).await?;
        site.register(plan.ldap.everybody()).await?;
        site.register(plan.file.everybody()).await?;
        site.write_secret("ldap-password", PASSWORD)?;
        let town = Self {
            url: slapd.url().to_owned(),
            site,
            slapd,
            tree,
            ldap: plan.ldap,
            file: plan.file,
            keys: plan.keys,
            sections: plan.sections,
        };
        town.configure()?;
        Ok(town)
    }

    /// Writes the configuration and the directory file as they are to be now.
    pub(crate) fn configure(&self) -> Result<()> {
        let site = &self.site;
        let mut text = format!(
            "[homeserver]\nurl = \"{}\"\nuser = \"{}\"\naccess_token_file = \"token\"\n\n\
             [state]\ndir = \"state\"\n\n",
            site.proxy.url(),
            site.bot.user_id()
        );
        write!(
            text,
            "[[directory]]\nname = \"ldap\"\nkind = \"ldap\"\n[directory.ldap]\nurls = [\"{}\"]\n",
            self.url
        )?;
        for (key, value) in [
            ("bind_dn", format!("\"cn=reader,{SUFFIX}\"")),
            ("password_file", "\"ldap-password\"".to_owned()),
            (
                "user_bases",
                format!("[\"ou=people,{SUFFIX}\", \"ou=partners,{SUFFIX}\"]"),
            ),
            (
                "group_bases",
                format!("[\"ou=groups,{SUFFIX}\", \"ou=teams,{SUFFIX}\"]"),
            ),
        ] {
            // A key that is given instead takes the place of this one.
            if !self.keys.contains(&format!("{key} =")) {
                writeln!(text, "{key} = {value}")?;
            }
        }
        text.push_str(&self.keys);
        if !self.file.rooms().is_empty() {
            write!(
                text,
                "\n[[directory]]\nname = \"file\"\nkind = \"file\"\npath = \"{DIRECTORY}\"\n"
            )?;
            site.save(&self.file)?;
        }
        write!(text, "\n{}", self.sections)?;
        site.write(CONFIG, &text).map(drop)
    }

    /// Changes what the slapd has.
    pub(crate) async fn change(&mut self, change: impl FnOnce(&mut Directory)) -> Result<()> {
        let before = self.tree.entries(&self.ldap);
        change(&mut self.ldap);
        let after = self.tree.entries(&self.ldap);
        self.slapd.apply(changes(&before, &after)).await
    }

    /// Changes what the directory file has.
    pub(crate) fn change_file(&mut self, change: impl FnOnce(&mut Directory)) -> Result<()> {
        change(&mut self.file);
        self.site.save(&self.file)
    }

    /// Makes an entry of a group what it is to be again.
    pub(crate) async fn restore(&self, group: &str) -> Result<()> {
        let dn = self.tree.group(&self.ldap, group);
        let attributes = &self.tree.entries(&self.ldap)[&dn];
        self.apply(|ldif| {
            for name in ["member", "memberUid"] {
                let values = values(attributes, name);
                if !values.is_empty() {
                    ldif.replace_values(&dn, name, &values);
                }
            }
        })
        .await
    }

    /// Changes the rest of a tree.
    pub(crate) async fn apply(&self, fill: impl FnOnce(&mut Ldif)) -> Result<()> {
        let mut ldif = Ldif::new(SUFFIX);
        fill(&mut ldif);
        self.slapd.apply(&ldif).await
    }

    /// One run that does everything, one in which people may be removed, and nothing left to do.
    pub(crate) async fn settle(&self) -> Result<()> {
        self.site.fine(&["sync"]).await?;
        self.done().await
    }

    /// Every room is as wanted, and a run has nothing to write.
    pub(crate) async fn done(&self) -> Result<()> {
        self.as_wanted().await?;
        let (output, writes) = self.site.writes_of(&["sync"]).await?;
        let output = output.exits(0);
        assert_eq!(lines(&writes), [""; 0], "{output}");
        Ok(())
    }

    /// Every room is as the directories want it.
    pub(crate) async fn as_wanted(&self) -> Result<()> {
        for directory in [&self.ldap, &self.file] {
            for room in directory.rooms() {
                self.site.room(&room).await?.is_as_wanted(directory, &room);
            }
        }
        Ok(())
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

/// The attributes of an entry, and the entry's name among them.
fn add(ldif: &mut Ldif, dn: &str, attributes: &[(String, String)]) {
    let attributes: Vec<(&str, &str)> = attributes
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    ldif.entry(dn, &attributes);
}

fn values(attributes: &[(String, String)], name: &str) -> Vec<String> {
    let named = attributes.iter().filter(|(own, _)| own == name);
    named.map(|(_, value)| value.clone()).collect()
}

/// What makes one tree of another.
fn changes(
    before: &BTreeMap<String, Vec<(String, String)>>,
    after: &BTreeMap<String, Vec<(String, String)>>,
) -> Ldif {
    let mut ldif = Ldif::new(SUFFIX);
    for (dn, attributes) in after {
        let Some(old) = before.get(dn) else {
            add(&mut ldif, dn, attributes);
            continue;
        };
        for name in ["member", "memberUid", "nsAccountLock"] {
            let now = values(attributes, name);
            if values(old, name) != now {
                ldif.replace_values(dn, name, &now);
            }
        }
    }
    // Last, so that refint has nothing left to take out of groups.
    for dn in before.keys().filter(|dn| !after.contains_key(*dn)) {
        ldif.delete(dn);
    }
    ldif
}
