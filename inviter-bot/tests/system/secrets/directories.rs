//! Directories that want secrets: a tree, and a tenant in each of the ways to log in.

use std::{collections::BTreeSet, fmt::Write as _};

use anyhow::{Result, ensure};
use inviter_graph_emulator::{Emulator, Group, Id, ManagedIdentity, Options, Recorded, Tenant, User};
use inviter_testkit::{Ldif, Slapd, SlapdOptions, forms};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};

use super::{OF_ACCOUNT, SECOND};
use crate::harness::{Configuration, Directory, Site};

const SUFFIX: &str = "dc=example,dc=test";
const DOMAIN: &str = "contoso.example";
/// Like [`OF_ACCOUNT`], they need each kind of quoting and encoding.
const OF_READER: &str = "B\u{e4}nder?+/\"&\\%42 und Garn im Schrank";
const WRONG_READER: &str = "Br\u{fc}cken?+/\"&\\%43 und Stege im Fluss";
const OF_APPLICATION: &str = "W\u{e4}lder?+/\"&\\%44 und Moore im Nebel";
const OF_PLATFORM: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJlIG9mIHRoZSBwbGF0Zm9ybQ";
const OF_MACHINE: &str = "1D3ntity+/header?of the machine";
/// Files of the site with the reader's password, the application's key, and the token of the platform.
pub(super) const LDAP_PASSWORD: &str = "ldap-password";
pub(super) const KEY: &str = "entra.key";
pub(super) const TOKEN: &str = "federated";
/// How many tokens of a kind are looked for: every form of all of them takes long.
const OF_A_KIND: usize = 5;

/// A directory of the tenant.
pub(super) struct Way {
    pub(super) name: &'static str,
    /// The room that it has.
    room: &'static str,
    /// How it logs in.
    login: &'static str,
}

/// In this order: with a secret, a certificate, a token of the platform, and the identity of the machine.
pub(super) const WAYS: [Way; 4] = [
    Way {
        name: "by-secret",
        room: "club",
        login: "client_secret_env = \"SECRET_OF_APPLICATION\"\n",
    },
    Way {
        name: "by-certificate",
        room: "den",
        login: "credential = \"client_certificate\"\ncertificate_file = \"entra.pem\"\nkey_file = \"entra.key\"\n",
    },
    Way {
        name: "by-workload",
        room: "hut",
        login: "credential = \"workload_identity\"\nfederated_token_file = \"federated\"\n",
    },
    Way {
        name: "by-machine",
        room: "inn",
        login: "credential = \"managed_identity\"\n",
    },
];

/// A tree that the reader may read, with one person and one room.
async fn tree(site: &Site) -> Result<Slapd> {
    let mut ldif = Ldif::tree(SUFFIX);
    ldif.account("reader", OF_READER, &[]);
    ldif.person(&site.localpart("alice"), &[]);
    let members = [ldif.person_dn(&site.localpart("alice"))];
    ldif.group_of_names(&format!("MTRX {}", site.alias("staff")), &members);
    Slapd::start(SlapdOptions::new().ldif(ldif.text())).await
}

/// A tenant that the application may read, with three people and a room for each way to log in; and the groups of
/// these rooms. Whatever is asked for comes in pages.
async fn tenant(site: &Site) -> Result<(Emulator, Vec<Id>)> {
    let mut tenant = Tenant::new();
    tenant.set_domain(DOMAIN);
    let people = ["carol", "dora", "erin"]
        .map(|name| tenant.add_user(User::new(&format!("{}@{DOMAIN}", site.localpart(name)))));
    let mut roots = Vec::new();
    for Way { name, room, .. } in WAYS {
        let root = tenant.add_group(&*format!("Rooms of Matrix, {name}"));
        let group = tenant.add_group(Group::new(&format!("MTRX {}", site.alias(room))));
        tenant.add_member(root, group);
        for person in people {
            tenant.add_member(group, person);
        }
        roots.push(root);
    }
    let options = Options {
        client_secret: Some(OF_APPLICATION.to_owned()),
        largest_page: 2,
        delta_page_size: 2,
        ..Options::default()
    };
    Ok((Emulator::start_with(tenant, options).await?, roots))
}

/// The directories, each with a room.
pub(super) struct Directories {
    slapd: Slapd,
    emulator: Emulator,
    /// The application's private key as PEM.
    key: String,
    /// What is to come of them.
    pub(super) wanted: Directory,
}

impl Directories {
    /// Starts them, and writes how they are read with the bot's token and, for later, with its password ([`SECOND`]).
    pub(super) async fn new(site: &Site) -> Result<Self> {
        let slapd = tree(site).await?;
        let (emulator, roots) = tenant(site).await?;
        let mut wanted = Directory::default();
        wanted.room("hall").members(["bob"]);
        site.save(&wanted)?;
        let mut sections = format!(
            "[[directory]]\nname = \"tree\"\nkind = \"ldap\"\n[directory.ldap]\nurls = [\"{}\"]\n\
             bind_dn = \"cn=reader,{SUFFIX}\"\npassword_file = \"{LDAP_PASSWORD}\"\n\
             user_bases = [\"ou=people,{SUFFIX}\"]\ngroup_bases = [\"ou=groups,{SUFFIX}\"]\n",
            slapd.url(),
        );
        for (Way { name, login, .. }, root) in WAYS.iter().zip(roots) {
            write!(
                sections,
                "[[directory]]\nname = \"{name}\"\nkind = \"entra\"\n[directory.entra]\nauthority = \"{}\"\n\
                 graph_url = \"{}\"\nroot_group = \"{root}\"\n{login}",
                emulator.authority(),
                emulator.graph_url(),
            )?;
            // A machine's identity belongs to one tenant anyway.
            if !login.contains("managed_identity") {
                let (tenant, client) = (emulator.tenant_id(), emulator.client_id());
                write!(sections, "tenant = \"{tenant}\"\nclient_id = \"{client}\"\n")?;
            }
        }
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
        let certificate = CertificateParams::new(vec!["inviter.example".to_owned()])?.self_signed(&key)?;
        emulator.register_certificate(certificate.der().as_ref());
        emulator.set_federated_token(OF_PLATFORM);
        emulator.set_managed_identity(ManagedIdentity {
            identity_header: OF_MACHINE.to_owned(),
            ..ManagedIdentity::default()
        });
        site.write("entra.pem", &certificate.pem())?;
        site.write_secret(KEY, &key.serialize_pem())?;
        site.write_secret(TOKEN, OF_PLATFORM)?;
        site.write_secret(LDAP_PASSWORD, OF_READER)?;
        let configuration = Configuration::default()
            .bot("log", "\"trace\"")
            .sections(&sections);
        site.configure(&configuration)?;
        let with_password = configuration
            .credentials("password_file = \"password\"")
            .bot("log_format", "\"json\"")
            .bot("interval", "\"2s\"");
        site.write_secret("password", OF_ACCOUNT)?;
        site.write(SECOND, &with_password.text(site))?;
        site.register(["alice", "bob", "carol", "dora", "erin"]).await?;
        wanted.room("staff").members(["alice"]);
        for Way { room, .. } in WAYS {
            wanted.room(room).members(["carol", "dora", "erin"]);
        }
        Ok(Self {
            slapd,
            emulator,
            key: key.serialize_pem(),
            wanted,
        })
    }

    /// The secrets that come by variables, and where the machine's identity is to be had.
    pub(super) fn environment(&self) -> [(&'static str, String); 3] {
        [
            ("SECRET_OF_APPLICATION", OF_APPLICATION.to_owned()),
            (
                "IDENTITY_ENDPOINT",
                format!("{}/msi/token", self.emulator.authority()),
            ),
            ("IDENTITY_HEADER", OF_MACHINE.to_owned()),
        ]
    }

    /// From now on, the reader's password and the application's secret are wrong, and no token is good any more.
    pub(super) fn refuse(&self, site: &Site) -> Result<()> {
        site.write_secret(LDAP_PASSWORD, WRONG_READER)?;
        self.emulator.set_client_secret("another one, which nobody has");
        self.emulator.expire_tokens();
        Ok(())
    }

    /// How often slapd has judged a password of the reader like this.
    fn log_ins(&self, code: u32) -> Result<usize> {
        let log = self.slapd.log()?;
        let of_reader = |line: &&str| line.contains(&format!("BIND dn=\"cn=reader,{SUFFIX}\" method=128"));
        // The lines of an operation have this in common: `conn=1000 op=0`.
        let operation = |line: &str| {
            let mut words = line[line.find("conn=")?..].split(' ');
            Some([words.next()?.to_owned(), words.next()?.to_owned()])
        };
        let asked: BTreeSet<_> = log.lines().filter(of_reader).filter_map(operation).collect();
        let result = format!("RESULT tag=97 err={code} ");
        let judged = log.lines().filter(|line| line.contains(&result));
        Ok(judged
            .filter_map(operation)
            .filter(|one| asked.contains(one))
            .count())
    }

    /// Fails unless every secret was given to whom it is for; answers with all of them, and with what was secret on the
    /// way: tokens, assertions, and the tokens of links.
    pub(super) fn each_was_used(&self) -> Result<Vec<String>> {
        // The right password and the wrong one.
        ensure!(self.log_ins(0)? > 0 && self.log_ins(49)? > 0);
        let asked = self.emulator.requests();
        let has_sent = |pair: &str| {
            asked
                .iter()
                .any(|request| String::from_utf8_lossy(&request.body).contains(pair))
        };
        let mut with_secret = forms(OF_APPLICATION).into_iter();
        ensure!(with_secret.any(|form| has_sent(&format!("client_secret={form}"))));
        let mut headers = asked.iter().flat_map(|request| &request.headers);
        ensure!(headers.any(|(_, value)| value == OF_MACHINE));
        let mut assertions = pairs(&asked, "client_assertion");
        ensure!(assertions.remove(OF_PLATFORM));

        let secrets = [OF_READER, WRONG_READER, OF_APPLICATION, OF_PLATFORM, OF_MACHINE];
        let mut secrets = secrets.map(str::to_owned).to_vec();
        let mut lines: Vec<&str> = self.key.lines().collect();
        lines.retain(|line| line.len() > 16 && !line.starts_with('-'));
        secrets.push(lines.concat());
        secrets.extend(lines.into_iter().map(str::to_owned));
        for (kind, tokens) in [
            // Signed with the key: there is no other way to come by one.
            ("assertions", assertions),
            ("tokens", bearers(&asked)),
            ("pages", pairs(&asked, "$skiptoken")),
            ("changes", pairs(&asked, "$deltatoken")),
        ] {
            ensure!(!tokens.is_empty(), "no {kind}");
            secrets.extend(tokens.into_iter().take(OF_A_KIND));
        }
        Ok(secrets)
    }
}

fn bearers(requests: &[Recorded]) -> BTreeSet<String> {
    let headers = requests
        .iter()
        .filter_map(|request| request.header("authorization"));
    let tokens = headers.filter_map(|header| header.strip_prefix("Bearer "));
    tokens.map(str::to_owned).collect()
}

/// What forms and queries have under a name, but for where changes begin.
fn pairs(requests: &[Recorded], name: &str) -> BTreeSet<String> {
    let mut values = BTreeSet::new();
    for request in requests {
        let body = String::from_utf8_lossy(&request.body);
        let query = request.path_and_query.split_once('?');
        let query = query.map_or("", |(_, query)| query);
        for (key, value) in body
            .split('&')
            .chain(query.split('&'))
            .filter_map(|pair| pair.split_once('='))
        {
            if key.replace("%24", "$") == name && value != "latest" {
                values.insert(value.to_owned());
            }
        }
    }
    values
}
