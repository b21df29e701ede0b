//! The directory of these tests, and how it is read.

use std::{sync::Arc, time::Duration};

use inviter_core::{
    IdentityProvider as _,
    directory::ProviderId,
    provider::{ProviderError, ReadRequest},
    time::{FixedClock, Timestamp},
};
use inviter_ldap::{Bind, LdapConfig, LdapDirectory, Preset, Schema};
use inviter_testkit::ldap::{Behaviour, Entries, Entry, Fault, LdapServer, Request, Scope};

use crate::seen::Seen;

/// 2026-11-26T12:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp(1_795_694_400_000);

pub(crate) const SUFFIX: &str = "dc=example,dc=org";
pub(crate) const PEOPLE: &str = "ou=people,dc=example,dc=org";
pub(crate) const GROUPS: &str = "ou=groups,dc=example,dc=org";
/// Where no search looks.
pub(crate) const ELSEWHERE: &str = "ou=elsewhere,dc=example,dc=org";
pub(crate) const BOT: &str = "cn=bot,dc=example,dc=org";
pub(crate) const PASSWORD: &str = "secret";

/// The DN of a person, unless it is a DN already.
pub(crate) fn dn(name: &str) -> String {
    if name.contains('=') || name.is_empty() {
        name.to_owned()
    } else {
        format!("uid={name},{PEOPLE}")
    }
}

pub(crate) fn group_dn(name: &str) -> String {
    format!("cn={name},{GROUPS}")
}

pub(crate) fn person(uid: &str) -> Entry {
    Entry::new(dn(uid))
        .with("objectClass", ["top", "person"])
        .with("uid", [uid])
        .with_operational("entryUUID", [format!("uuid-{uid}")])
}

/// Members are user IDs or DNs.
pub(crate) fn group(name: &str, members: &[&str]) -> Entry {
    group_at(&group_dn(name), name, members)
}

pub(crate) fn group_at(at: &str, name: &str, members: &[&str]) -> Entry {
    Entry::new(at)
        .with("objectClass", ["top", "groupOfNames"])
        .with("cn", [name])
        .with("member", members.iter().map(|member| dn(member)))
}

pub(crate) fn unit(dn: &str) -> Entry {
    Entry::new(dn).with("objectClass", ["organizationalUnit"])
}

/// The branches and the bot, and nobody else.
pub(crate) fn bare() -> Entries {
    Entries::new(SUFFIX)
        .with_account(BOT, PASSWORD)
        .with(unit(PEOPLE))
        .with(unit(GROUPS))
        .with(unit(ELSEWHERE))
}

pub(crate) fn with_people<'u>(uids: impl IntoIterator<Item = &'u str>) -> Entries {
    uids.into_iter()
        .fold(bare(), |entries, uid| entries.with(person(uid)))
}

/// `p000` and so on.
pub(crate) fn crowd(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("p{number:03}")).collect()
}

/// Five people; `walkers` has a group elsewhere in it, `cooks` an owner, and `quiet` is what no test touches.
pub(crate) fn small() -> Entries {
    with_people(["ada", "bob", "cyd", "dan", "eve"])
        .with(group("walkers", &["ada", "bob", &inner()]))
        .with(group("cooks", &["cyd"]).with("owner", [dn("dan")]))
        .with(group("quiet", &["eve"]))
        .with(group_at(&inner(), "inner", &["cyd"]))
}

/// The group that only a look-up finds.
pub(crate) fn inner() -> String {
    format!("cn=inner,{ELSEWHERE}")
}

/// What [`small`] comes to if nothing goes wrong.
pub(crate) const ALL_OF_SMALL: [(&str, &str); 4] = [
    ("walkers", "ada bob inner"),
    ("cooks", "cyd / dan"),
    ("quiet", "eve"),
    ("inner (nested)", "cyd"),
];

/// [`ALL_OF_SMALL`], but for one group.
pub(crate) fn small_but(name: &'static str, members: &'static str) -> Vec<(&'static str, &'static str)> {
    let all = ALL_OF_SMALL.into_iter();
    all.map(|(group, usual)| (group, if group == name { members } else { usual }))
        .collect()
}

pub(crate) async fn serve(entries: Entries) -> LdapServer {
    LdapServer::start(entries, Behaviour::default()).await.unwrap()
}

/// Patient enough for a loaded machine; tests of time limits set their own.
pub(crate) fn config(server: &LdapServer) -> LdapConfig {
    config_of(&server.url())
}

pub(crate) fn config_of(url: &str) -> LdapConfig {
    let bind = Bind::Simple {
        dn: BOT.to_owned(),
        password: PASSWORD.into(),
    };
    let mut config = LdapConfig::new(url, bind, PEOPLE, Schema::new(Preset::GroupOfNames));
    config.group_bases = vec![GROUPS.to_owned()];
    config.connect_timeout = Duration::from_secs(5);
    config.operation_timeout = Duration::from_secs(10);
    config.read_timeout = Duration::from_secs(30);
    config
}

pub(crate) async fn read(config: &LdapConfig) -> Result<Seen, ProviderError> {
    let clock = Arc::new(FixedClock(NOW));
    let directory = LdapDirectory::new(ProviderId::new("people"), config.clone(), clock);
    let request = ReadRequest::default();
    let reading = directory.read(&request);
    // Nothing waits longer than the configuration says.
    let most = config.read_timeout + Duration::from_secs(2);
    let read = tokio::time::timeout(most, reading).await;
    read.expect("reading hangs").map(Seen)
}

/// A request that something goes wrong with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Bind,
    People,
    Groups,
    /// Of the group elsewhere in [`small`].
    LookUp,
    Range,
}

impl Target {
    pub(crate) fn is(self, request: &Request) -> bool {
        let Some(search) = request.search() else {
            return self == Self::Bind && request.is_bind();
        };
        let ranged = search.attributes.iter().any(|name| name.contains(";range="));
        match self {
            Self::Bind => false,
            Self::People => search.scope == Scope::Sub && search.base == PEOPLE,
            Self::Groups => search.scope == Scope::Sub && search.base == GROUPS,
            Self::LookUp => search.scope == Scope::Base && search.base == inner() && !ranged,
            Self::Range => ranged,
        }
    }

    /// Lets this go wrong with each such request.
    pub(crate) fn harm(self, server: &LdapServer, fault: Fault) {
        server.on_request(move |request| self.is(request).then(|| fault.clone()));
    }
}
