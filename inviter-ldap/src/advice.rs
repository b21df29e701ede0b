//! What whoever sets the directory up should know: how it is reached, which schema it seems to have, and what of it
//! the bot can see.

use std::sync::Arc;

use inviter_core::provider::{Advice, AdviceKind, ProviderErrorKind};
use tokio::time::Instant;

use crate::{
    Dn,
    config::{Bind, LdapConfig},
    connection::Connection,
    entry::Entry,
    read::{connect, tls_of},
    schema::Preset,
    search::Search,
    trouble::shortened,
};

/// The root entry's attributes that tell servers apart (RFC 4512 section 5.1, [MS-ADTS] 3.1.1.3.2).
const ROOT_ATTRIBUTES: [&str; 8] = [
    "vendorName",
    "vendorVersion",
    "namingContexts",
    "defaultNamingContext",
    "supportedControl",
    "supportedCapabilities",
    "rootDomainNamingContext",
    "objectClass",
];
/// Paged results (RFC 2696).
const PAGED: &str = "1.2.840.113556.1.4.319";
/// Active Directory, and its lightweight relative ([MS-ADTS] 3.1.1.3.4.3).
const ACTIVE_DIRECTORY: [&str; 2] = ["1.2.840.113556.1.4.800", "1.2.840.113556.1.4.1851"];

/// Whatever there is to say, and reading does not tell.
pub(crate) async fn advice(config: Arc<LdapConfig>) -> Vec<Advice> {
    let mut advice = Vec::new();
    // Reading says what is wrong with a configuration.
    if config.check().is_err() {
        return advice;
    }
    let Ok(tls) = tls_of(&config).await else {
        return advice;
    };
    let mut connection = None;
    for url in &config.urls {
        let deadline = Instant::now() + config.connect_timeout + config.operation_timeout;
        match connect(url, &config, Arc::clone(&tls), deadline).await {
            Ok(open) if connection.is_none() => {
                advice.push(Advice::new(AdviceKind::Fine, reached(url, &config)));
                connection = Some(open);
            }
            Ok(open) => {
                advice.push(Advice::new(
                    AdviceKind::Fine,
                    format!("{url} would take its place"),
                ));
                open.close().await;
            }
            // Another server would refuse the same password, and count it as one more wrong one.
            Err(trouble) if !trouble.lost && trouble.kind == ProviderErrorKind::Denied => break,
            // Where no other server takes its place, reading says so.
            Err(trouble) if config.urls.len() > 1 => {
                advice.push(Advice::new(
                    AdviceKind::Improve,
                    format!("{url}: {}", trouble.message),
                ));
            }
            Err(_) => {}
        }
    }
    if let Some(connection) = connection {
        let doctor = Doctor {
            connection: &connection,
            config: &config,
        };
        doctor.examine(&mut advice).await;
        connection.close().await;
    }
    advice
}

fn reached(url: &str, config: &LdapConfig) -> String {
    let how = if url.starts_with("ldaps:") {
        "over TLS"
    } else if config.start_tls && url.starts_with("ldap:") {
        "over StartTLS"
    } else {
        "unencrypted, on this machine"
    };
    let how = if config.danger_allow_plain_ldap && how.starts_with("unencrypted") {
        "unencrypted"
    } else {
        how
    };
    let who = match &config.bind {
        Bind::Simple { dn, .. } => format!("as {dn}"),
        Bind::External => "by its certificate or socket".to_owned(),
        Bind::Anonymous => "without logging in".to_owned(),
    };
    format!("{url} answers {how}, to the bot {who}")
}

struct Doctor<'d> {
    connection: &'d Connection,
    config: &'d LdapConfig,
}

impl Doctor<'_> {
    async fn examine(&self, advice: &mut Vec<Advice>) {
        let Some(root) = self.entry("", &ROOT_ATTRIBUTES).await else {
            advice.push(Advice::new(
                AdviceKind::Fine,
                "the server shows nothing of its root entry, so nothing is known of its software",
            ));
            return;
        };
        advice.push(Advice::new(AdviceKind::Fine, software(&root)));
        if !texts(&root, "supportedControl").any(|control| control == PAGED) {
            advice.push(Advice::new(
                AdviceKind::Improve,
                "the server knows no paged results (RFC 2696), so everything comes in one answer; its size limit must \
                 let all people through",
            ));
        }
        self.bases(&root, advice);
        self.preset(&root, advice).await;
    }

    /// Bases that are none of this server's; others that cannot be seen are told by reading.
    fn bases(&self, root: &Entry, advice: &mut Vec<Advice>) {
        let contexts: Vec<&str> = texts(root, "namingContexts").collect();
        if contexts.is_empty() {
            return;
        }
        let holds = |context: &str, base: &str| {
            let read = (Dn::parse(context), Dn::parse(base));
            matches!(read, (Ok(context), Ok(base)) if base.is_within(&context))
        };
        let mut told: Vec<&str> = Vec::new();
        for base in self.config.user_bases.iter().chain(&self.config.group_bases) {
            if told.contains(&base.as_str()) || contexts.iter().any(|context| holds(context, base)) {
                continue;
            }
            told.push(base);
            advice.push(Advice::new(
                AdviceKind::Blocks,
                format!(
                    "{base} is none of this server's: it has {}; correct the base",
                    shortened(&contexts.join(" and "))
                ),
            ));
        }
    }

    /// Whether another preset would fit better.
    async fn preset(&self, root: &Entry, advice: &mut Vec<Advice>) {
        let configured = self.config.schema.preset;
        let guess = if is_active_directory(root) {
            Some((
                Preset::ActiveDirectory,
                "the server is Active Directory or like it".to_owned(),
            ))
        } else {
            self.preset_of_groups().await
        };
        match guess {
            Some((preset, _)) if preset == configured => advice.push(Advice::new(
                AdviceKind::Fine,
                format!("`schema = \"{}\"` fits what the server has", preset.as_str()),
            )),
            Some((preset, why)) => advice.push(Advice::new(
                AdviceKind::Improve,
                format!(
                    "{why}, and the schema is \"{}\"; `schema = \"{}\"` seems to fit",
                    configured.as_str(),
                    preset.as_str()
                ),
            )),
            None => {}
        }
    }

    /// The preset whose groups there are the most of below the bases of groups, in a look at a few.
    async fn preset_of_groups(&self) -> Option<(Preset, String)> {
        const KINDS: [(Preset, &str); 4] = [
            (Preset::FreeIpa, "ipaUserGroup"),
            (Preset::GroupOfNames, "groupOfNames"),
            (Preset::GroupOfUniqueNames, "groupOfUniqueNames"),
            (Preset::PosixGroup, "posixGroup"),
        ];
        let mut best: Option<(usize, Preset, &str)> = None;
        for (preset, class) in KINDS {
            let filter = format!("(objectClass={class})");
            let mut count = 0;
            for base in &self.config.group_bases {
                count += self
                    .connection
                    .count_some(Search::subtree(base, &filter, &["1.1"]))
                    .await;
            }
            if count > 0 && best.is_none_or(|(most, ..)| count > most) {
                best = Some((count, preset, class));
            }
        }
        let (_, preset, class) = best?;
        // What the configured filter finds is what the configuration means.
        let configured = self.config.schema.preset;
        Some((preset, format!("most groups there are of the class {class}"))).filter(|(preset, _)| {
            *preset == configured || self.config.schema == crate::Schema::new(configured)
        })
    }

    async fn entry(&self, dn: &str, attributes: &[&str]) -> Option<Entry> {
        let mut found = None;
        let search = Search::entry(dn, "(objectClass=*)", attributes);
        self.connection
            .search(search, |entry| {
                found = Some(entry);
                true
            })
            .await;
        found
    }
}

fn texts<'e>(entry: &'e Entry, name: &str) -> impl Iterator<Item = &'e str> {
    let values = entry.values(name).iter();
    values.filter_map(|value| std::str::from_utf8(value).ok())
}

fn is_active_directory(root: &Entry) -> bool {
    texts(root, "supportedCapabilities").any(|oid| ACTIVE_DIRECTORY.contains(&oid))
}

fn software(root: &Entry) -> String {
    let is_openldap = texts(root, "objectClass").any(|class| class.eq_ignore_ascii_case("OpenLDAProotDSE"));
    let vendor = [root.text("vendorName"), root.text("vendorVersion")];
    let vendor: Vec<&str> = vendor.into_iter().flatten().collect();
    let name = match (is_active_directory(root), vendor.is_empty()) {
        (true, true) => "Active Directory".to_owned(),
        (true, false) => format!("like Active Directory ({})", shortened(&vendor.join(" "))),
        (false, true) if is_openldap => "OpenLDAP".to_owned(),
        (false, true) => "of a kind that it does not tell".to_owned(),
        (false, false) => shortened(&vendor.join(" ")),
    };
    let contexts: Vec<&str> = texts(root, "namingContexts").collect();
    if contexts.is_empty() {
        format!("the server is {name}")
    } else {
        format!("the server is {name}, with {}", shortened(&contexts.join(", ")))
    }
}
