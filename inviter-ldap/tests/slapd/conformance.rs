//! The core's conformance suite for directories.

use std::sync::Arc;

use async_trait::async_trait;
use inviter_core::{
    IdentityProvider,
    conformance::{
        self,
        provider::{GroupEntry, HarnessError, PersonEntry, Population, ProviderHarness},
    },
};
use inviter_ldap::{Bind, Preset};
use inviter_testkit::{Ldif, Slapd, SlapdOptions};
use tokio::sync::Mutex;

use crate::picture::{config, provider};

const SUFFIX: &str = "dc=example,dc=test";

/// What happens to the server in the end.
#[derive(Debug, Clone, Copy)]
enum Outage {
    /// It is killed.
    Crash,
    /// The branch with the people gets another name.
    PeopleRenamed,
    /// So does the one with the groups.
    GroupsRenamed,
    /// The reader may not see people any more.
    PeopleHidden,
    /// The reader may not see who is in groups any more.
    MembersHidden,
    /// The reader gets no more than a part.
    Limited,
}

/// A slapd with groups of one class.
#[derive(Debug)]
struct Harness {
    preset: Preset,
    outage: Outage,
    slapd: Mutex<Option<(Slapd, Population)>>,
}

impl Harness {
    fn new(preset: Preset, outage: Outage) -> Self {
        Self {
            preset,
            outage,
            slapd: Mutex::new(None),
        }
    }

    const fn member(&self) -> &'static str {
        match self.preset {
            Preset::GroupOfUniqueNames => "uniqueMember",
            _ => "member",
        }
    }

    fn person(ldif: &mut Ldif, person: &PersonEntry) {
        let mut more = vec![("objectClass", "lockableAccount")];
        if person.disabled {
            more.push(("nsAccountLock", "TRUE"));
        }
        ldif.person(&person.login, &more);
    }

    /// DNs of members; the empty one where there are none, since the class demands one.
    fn members(ldif: &Ldif, group: &GroupEntry) -> Vec<String> {
        let people = group.members.iter().map(|login| ldif.person_dn(login));
        let groups = group.groups.iter().map(|name| ldif.group_dn(name));
        let all: Vec<String> = people.chain(groups).collect();
        if all.is_empty() { vec![String::new()] } else { all }
    }

    fn owners(ldif: &Ldif, group: &GroupEntry) -> Vec<String> {
        group.owners.iter().map(|login| ldif.person_dn(login)).collect()
    }

    fn group(&self, ldif: &mut Ldif, group: &GroupEntry) {
        let (members, owners) = (Self::members(ldif, group), Self::owners(ldif, group));
        let class = match self.preset {
            Preset::GroupOfUniqueNames => "groupOfUniqueNames",
            _ => "groupOfNames",
        };
        let mut attributes = vec![("objectClass", class), ("cn", group.name.as_str())];
        attributes.extend(members.iter().map(|dn| (self.member(), dn.as_str())));
        attributes.extend(owners.iter().map(|dn| ("owner", dn.as_str())));
        let dn = ldif.group_dn(&group.name);
        ldif.entry(&dn, &attributes);
    }

    /// What makes one population of another.
    fn changes(&self, before: &Population, after: &Population) -> Ldif {
        let mut ldif = Ldif::new(SUFFIX);
        let login = |person: &PersonEntry| person.login.clone();
        for old in &before.people {
            if !after.people.iter().any(|new| login(new) == login(old)) {
                let dn = ldif.person_dn(&old.login);
                ldif.delete(&dn);
            }
        }
        for new in &after.people {
            let dn = ldif.person_dn(&new.login);
            match before.people.iter().find(|old| login(old) == login(new)) {
                None => Self::person(&mut ldif, new),
                Some(old) if old.disabled != new.disabled => {
                    let lock = if new.disabled { "TRUE" } else { "FALSE" };
                    ldif.replace_values(&dn, "nsAccountLock", &[lock]);
                }
                Some(_) => {}
            }
        }
        for old in &before.groups {
            if !after.groups.iter().any(|new| new.name == old.name) {
                let dn = ldif.group_dn(&old.name);
                ldif.delete(&dn);
            }
        }
        for new in &after.groups {
            let dn = ldif.group_dn(&new.name);
            match before.groups.iter().find(|old| old.name == new.name) {
                None => self.group(&mut ldif, new),
                Some(old) if old != new => {
                    let (members, owners) = (Self::members(&ldif, new), Self::owners(&ldif, new));
                    ldif.replace_values(&dn, self.member(), &members);
                    ldif.replace_values(&dn, "owner", &owners);
                }
                Some(_) => {}
            }
        }
        ldif
    }
}

#[async_trait]
impl ProviderHarness for Harness {
    async fn populate(&self, population: &Population) -> Result<Arc<dyn IdentityProvider>, HarnessError> {
        let mut ldif = Ldif::tree(SUFFIX);
        ldif.account("reader", "s3cret-of-reader", &[]);
        for person in &population.people {
            Self::person(&mut ldif, person);
        }
        for group in &population.groups {
            self.group(&mut ldif, group);
        }
        let slapd = Slapd::start(SlapdOptions::new().ldif(&ldif)).await?;
        let mut config = config(&slapd, self.preset);
        config.bind = Bind::Simple {
            dn: slapd.account_dn("reader"),
            password: "s3cret-of-reader".into(),
        };
        // Several pages of each.
        config.page_size = 100;
        *self.slapd.lock().await = Some((slapd, population.clone()));
        Ok(Arc::new(provider(config)))
    }

    async fn change(&self, population: &Population) -> Result<(), HarnessError> {
        let mut slapd = self.slapd.lock().await;
        let (slapd, before) = slapd.as_mut().ok_or("not started")?;
        slapd.apply(self.changes(before, population)).await?;
        *before = population.clone();
        Ok(())
    }

    async fn break_it(&self) -> Result<(), HarnessError> {
        let mut slapd = self.slapd.lock().await;
        let (slapd, _) = slapd.as_mut().ok_or("not started")?;
        let mut ldif = Ldif::new(SUFFIX);
        let rule = match self.outage {
            Outage::Crash => return Ok(slapd.crash().await?),
            Outage::PeopleRenamed => {
                ldif.rename(&format!("ou=people,{SUFFIX}"), "ou=staff", None);
                return Ok(slapd.apply(&ldif).await?);
            }
            Outage::GroupsRenamed => {
                ldif.rename(&format!("ou=groups,{SUFFIX}"), "ou=teams", None);
                return Ok(slapd.apply(&ldif).await?);
            }
            Outage::Limited => {
                let limits = format!("limits dn.exact=\"cn=reader,{SUFFIX}\" size=60");
                return Ok(slapd.restart_with(|options| options.database(&limits)).await?);
            }
            Outage::PeopleHidden => format!("access to dn.subtree=\"ou=people,{SUFFIX}\" by * none"),
            Outage::MembersHidden => format!("access to attrs={} by * none", self.member()),
        };
        Ok(slapd.restart_with(|options| options.access(&[&rule])).await?)
    }
}

async fn conforms(preset: Preset, outage: Outage) {
    let outcomes = conformance::provider::run(&Harness::new(preset, outage)).await;
    assert!(outcomes.len() > 10, "{outcomes:#?}");
    let failed = conformance::failures(&outcomes);
    assert!(failed.is_empty(), "{failed:#?}");
}

#[tokio::test]
async fn group_of_names() {
    conforms(Preset::GroupOfNames, Outage::Crash).await;
}

#[tokio::test]
async fn group_of_unique_names() {
    conforms(Preset::GroupOfUniqueNames, Outage::Crash).await;
}

#[tokio::test]
async fn people_renamed() {
    conforms(Preset::GroupOfNames, Outage::PeopleRenamed).await;
}

#[tokio::test]
async fn groups_renamed() {
    conforms(Preset::GroupOfNames, Outage::GroupsRenamed).await;
}

#[tokio::test]
async fn people_hidden() {
    conforms(Preset::GroupOfNames, Outage::PeopleHidden).await;
}

#[tokio::test]
async fn members_hidden() {
    conforms(Preset::GroupOfNames, Outage::MembersHidden).await;
}

#[tokio::test]
async fn unique_members_hidden() {
    conforms(Preset::GroupOfUniqueNames, Outage::MembersHidden).await;
}

#[tokio::test]
async fn limited() {
    conforms(Preset::GroupOfNames, Outage::Limited).await;
}
