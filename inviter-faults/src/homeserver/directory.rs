//! The directories of scenarios: a file, a scripted LDAP server, slapd behind a proxy, and Microsoft Graph, emulated.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use inviter_graph_emulator::{Emulator, Tenant, User};
use inviter_testkit::ldap::{Behaviour, Entries, Entry, LdapProxy, LdapServer};
use inviter_testkit::{Ldif, Slapd, SlapdOptions};
use serde_json::json;

use super::organisation::{Group, Names, Organisation};

/// Below which everything in LDAP is.
pub(crate) const SUFFIX: &str = "dc=example,dc=test";
/// The password of the account that reads LDAP.
const PASSWORD: &str = "password of the reader";
/// The domain of Graph's users.
const DOMAIN: &str = "example.org";

/// Which kind of directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A JSON file.
    File,
    /// The testkit's scripted LDAP server.
    Scripted,
    /// slapd behind the testkit's proxy.
    Slapd,
    /// The emulated Graph.
    Graph,
}

/// A directory that is there.
#[derive(Debug)]
pub(crate) enum Directory {
    /// A JSON file.
    File(PathBuf),
    /// The scripted LDAP server.
    Scripted(Box<LdapServer>),
    /// slapd, and what stands before it.
    Slapd(Box<(Slapd, LdapProxy)>),
    /// The emulated Graph.
    Graph(Box<Emulator>),
}

impl Directory {
    /// Starts a directory of this kind that says what an organisation is.
    pub(crate) async fn start(
        kind: Kind,
        dir: &Path,
        names: &Names,
        organisation: &Organisation,
    ) -> Result<Self> {
        let directory = match kind {
            Kind::File => Self::File(dir.join("people.json")),
            Kind::Scripted => Self::Scripted(Box::new(
                LdapServer::start(entries(names, organisation), Behaviour::default()).await?,
            )),
            Kind::Slapd => {
                let text = ldif(names, organisation);
                let slapd = Slapd::start(SlapdOptions::new().suffix(SUFFIX).ldif(text.text())).await?;
                let address = slapd
                    .url()
                    .trim_start_matches("ldap://")
                    .trim_end_matches('/')
                    .parse();
                let proxy = LdapProxy::start(address.context("the address of slapd")?).await?;
                Self::Slapd(Box::new((slapd, proxy)))
            }
            Kind::Graph => Self::Graph(Box::new(Emulator::start(Tenant::new()).await?)),
        };
        if matches!(kind, Kind::File | Kind::Graph) {
            directory
                .publish(names, &Organisation::default(), organisation)
                .await?;
        }
        Ok(directory)
    }

    /// Has the directory say what an organisation has become.
    pub(crate) async fn publish(
        &self,
        names: &Names,
        before: &Organisation,
        now: &Organisation,
    ) -> Result<()> {
        match self {
            Self::File(path) => std::fs::write(path, text(names, now)).context("the directory file"),
            Self::Scripted(server) => {
                server.change(|there| *there = entries(names, now));
                Ok(())
            }
            Self::Slapd(servers) => servers.0.apply(changes(names, before, now).text()).await,
            Self::Graph(emulator) => {
                emulator.change(|tenant| tenant_becomes(tenant, names, now));
                Ok(())
            }
        }
    }

    /// The section of the configuration.
    pub(crate) fn section(&self) -> String {
        let ldap = |url: &str| {
            format!(
                "kind = \"ldap\"\n[directory.ldap]\nurls = [\"{url}\"]\nbind_dn = \"cn=reader,{SUFFIX}\"\n\
                 password_env = \"LDAP\"\nuser_bases = [\"ou=people,{SUFFIX}\"]\n\
                 group_bases = [\"ou=groups,{SUFFIX}\"]\noperation_timeout = \"1s\"\n"
            )
        };
        let rest = match self {
            Self::File(path) => format!("kind = \"file\"\npath = '{}'\n", path.display()),
            Self::Scripted(server) => ldap(&server.url()),
            Self::Slapd(servers) => ldap(&servers.1.url()),
            Self::Graph(emulator) => format!(
                "kind = \"entra\"\n[directory.entra]\ntenant = \"{}\"\nclient_id = \"{}\"\n\
                 client_secret_env = \"ENTRA\"\nauthority = \"{}\"\ngraph_url = \"{}\"\ngroup_prefix = \"MTRX \"\n\
                 request_timeout = \"2s\"\nread_timeout = \"6s\"\n",
                emulator.tenant_id(),
                emulator.client_id(),
                emulator.authority(),
                emulator.graph_url().trim_end_matches("/v1.0"),
            ),
        };
        format!("[[directory]]\nname = \"people\"\n{rest}")
    }

    /// A secret of the configuration, by the name of its variable.
    pub(crate) fn secret(&self, name: &str) -> Option<String> {
        match (self, name) {
            (Self::Graph(emulator), "ENTRA") => Some(emulator.client_secret()),
            (_, "LDAP") => Some(PASSWORD.to_owned()),
            _ => None,
        }
    }
}

/// The file of a [`Kind::File`].
pub(crate) fn text(names: &Names, organisation: &Organisation) -> String {
    let people = organisation.people.iter().map(|name| {
        json!({ "id": name, "uid": names.localpart(name), "enabled": !organisation.disabled.contains(name) })
    });
    let groups = organisation.groups.iter().map(|(name, group)| {
        json!({
            "id": name, "name": names.title(name, group), "members": group.members, "groups": group.groups,
            "owners": group.owners,
        })
    });
    json!({ "people": people.collect::<Vec<_>>(), "groups": groups.collect::<Vec<_>>() }).to_string()
}

/// The name of a person's entry.
pub(crate) fn person_dn(names: &Names, name: &str) -> String {
    format!("uid={},ou=people,{SUFFIX}", names.localpart(name))
}

/// The name of a group's entry in the scripted server.
pub(crate) fn group_dn(names: &Names, name: &str) -> String {
    format!("cn={},ou=groups,{SUFFIX}", names.localpart(name))
}

fn entries(names: &Names, organisation: &Organisation) -> Entries {
    let unit = |name: &str| {
        Entry::new(format!("ou={name},{SUFFIX}")).with("objectClass", ["top", "organizationalUnit"])
    };
    let mut entries = Entries::new(SUFFIX)
        .with_account(&format!("cn=reader,{SUFFIX}"), PASSWORD)
        .with(unit("people"))
        .with(unit("groups"));
    for name in &organisation.people {
        let uid = names.localpart(name);
        let mut entry = Entry::new(person_dn(names, name))
            .with("objectClass", ["top", "person", "inetOrgPerson"])
            .with("uid", [uid.as_str()])
            .with("cn", [uid.as_str()])
            .with_operational("entryUUID", [format!("person-{name}")]);
        if organisation.disabled.contains(name) {
            entry.set("nsAccountLock", ["true"]);
        }
        entries.add(entry);
    }
    for (name, group) in &organisation.groups {
        let people = group.members.iter().map(|name| person_dn(names, name));
        let groups = group.groups.iter().map(|name| group_dn(names, name));
        let entry = Entry::new(group_dn(names, name))
            .with("objectClass", ["top", "groupOfNames"])
            .with("cn", [names.title(name, group)])
            .with("member", people.chain(groups))
            .with("owner", group.owners.iter().map(|name| person_dn(names, name)))
            .with_operational("entryUUID", [format!("group-{name}")]);
        entries.add(entry);
    }
    entries
}

/// The members of a group by the names that slapd knows them by.
fn slapd_members(ldif: &Ldif, names: &Names, organisation: &Organisation, group: &Group) -> Vec<String> {
    let people = group
        .members
        .iter()
        .map(|name| ldif.person_dn(&names.localpart(name)));
    let groups = group.groups.iter().filter_map(|name| {
        let title = names.title(name, organisation.groups.get(name)?);
        Some(ldif.group_dn(&title))
    });
    people.chain(groups).collect()
}

fn add_group(ldif: &mut Ldif, names: &Names, organisation: &Organisation, name: &str, group: &Group) {
    let title = names.title(name, group);
    let members = slapd_members(ldif, names, organisation, group);
    let owners = slapd_owners(ldif, names, group);
    let mut attributes = vec![("objectClass", "groupOfNames"), ("cn", title.as_str())];
    attributes.extend(members.iter().map(|dn| ("member", dn.as_str())));
    attributes.extend(owners.iter().map(|dn| ("owner", dn.as_str())));
    let dn = ldif.group_dn(&title);
    ldif.entry(&dn, &attributes);
}

fn slapd_owners(ldif: &Ldif, names: &Names, group: &Group) -> Vec<String> {
    let owners = group.owners.iter();
    owners
        .map(|name| ldif.person_dn(&names.localpart(name)))
        .collect()
}

fn ldif(names: &Names, organisation: &Organisation) -> Ldif {
    let mut ldif = Ldif::tree(SUFFIX);
    ldif.account("reader", PASSWORD, &[]);
    for name in &organisation.people {
        ldif.person(&names.localpart(name), &[]);
    }
    for (name, group) in &organisation.groups {
        add_group(&mut ldif, names, organisation, name, group);
    }
    ldif
}

fn changes(names: &Names, before: &Organisation, now: &Organisation) -> Ldif {
    let mut ldif = Ldif::new(SUFFIX);
    for name in now.people.difference(&before.people) {
        ldif.person(&names.localpart(name), &[]);
    }
    for (name, group) in &now.groups {
        match before.groups.get(name) {
            None => add_group(&mut ldif, names, now, name, group),
            Some(old) if old == group => {}
            Some(_) => {
                let dn = ldif.group_dn(&names.title(name, group));
                let members = slapd_members(&ldif, names, now, group);
                let owners = slapd_owners(&ldif, names, group);
                ldif.replace_values(&dn, "member", &members);
                ldif.replace_values(&dn, "owner", &owners);
            }
        }
    }
    ldif
}

fn tenant_becomes(tenant: &mut Tenant, names: &Names, now: &Organisation) {
    for name in &now.people {
        let principal = format!("{}@{DOMAIN}", names.localpart(name));
        let id = tenant.user_named(&principal);
        let id = id.unwrap_or_else(|| tenant.add_user(User::new(&principal)));
        if now.disabled.contains(name) {
            tenant.disable(id);
        } else {
            tenant.enable(id);
        }
    }
    for (name, group) in &now.groups {
        let title = names.title(name, group);
        if tenant.group_named(&title).is_none() {
            tenant.add_group(title.as_str());
        }
    }
    for (name, group) in &now.groups {
        let Some(id) = tenant.group_named(&names.title(name, group)) else {
            continue;
        };
        let person = |name: &String| tenant.user_named(&format!("{}@{DOMAIN}", names.localpart(name)));
        let mut members: BTreeSet<_> = group.members.iter().filter_map(person).collect();
        let owners: BTreeSet<_> = group.owners.iter().filter_map(person).collect();
        let nested = group
            .groups
            .iter()
            .filter_map(|name| Some((name, now.groups.get(name)?)));
        members.extend(nested.filter_map(|(name, group)| tenant.group_named(&names.title(name, group))));
        let (there, own): (BTreeSet<_>, BTreeSet<_>) =
            (tenant.members(id).collect(), tenant.owners(id).collect());
        for gone in there.difference(&members) {
            tenant.remove_member(id, *gone);
        }
        for come in members.difference(&there) {
            tenant.add_member(id, *come);
        }
        for gone in own.difference(&owners) {
            tenant.remove_owner(id, *gone);
        }
        for come in owners.difference(&own) {
            tenant.add_owner(id, *come);
        }
    }
}
