//! A site whose people and groups are in a slapd, laid out as the reference system has them.

use std::{collections::BTreeSet, fmt::Write as _, time::Duration};

use anyhow::{Result, bail};
use inviter_testkit::{Ldif, Slapd, SlapdOptions, digest};

use super::tree::{SUFFIX, Tree, add, changes, values};
use crate::harness::{CONFIG, DIRECTORY, Directory, Site, lines};

/// The password of `cn=reader`, as whom the program logs in.
pub(crate) const PASSWORD: &str = "s3cret of the reader";
/// Limits that hold nothing: where nobody goes, it is not for them.
pub(crate) const NO_LIMITS: &str = "[limits]\nroom_count = 10000\ntotal_count = 10000\n";

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
        tree.make_posix(plan.posix);
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
        // Whose login is no localpart has another one, which is the test's business; whoever is in no group needs none.
        let groups = plan.ldap.groups().values();
        let people = groups.flat_map(|group| group.members.iter().chain(&group.owners));
        let is_localpart =
            |name: &&String| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let people: BTreeSet<&String> = people.filter(is_localpart).collect();
        site.register(people).await?;
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
        let mut text = head(site);
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

    /// Waits until slapd, which follows renamed and deleted people in its own time, has done so in a group.
    pub(crate) async fn until_follows(&self, group: &str) -> Result<()> {
        let wanted = values(&self.tree.entries(&self.ldap)[group], "member");
        let wanted: BTreeSet<String> = wanted.into_iter().collect();
        for _ in 0..200 {
            let found = self.slapd.search(group, "(objectClass=*)", &["member"]).await?;
            if BTreeSet::from_iter(found[0].values("member")) == wanted {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        bail!("{group} does not get the members {wanted:?}")
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

/// A configuration without any directory.
pub(crate) fn head(site: &Site) -> String {
    format!(
        "[homeserver]\nurl = \"{}\"\nuser = \"{}\"\naccess_token_file = \"token\"\n\n\
         [state]\ndir = \"state\"\n\n",
        site.proxy.url(),
        site.bot.user_id()
    )
}
