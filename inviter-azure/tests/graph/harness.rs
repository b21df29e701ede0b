//! An emulated tenant, a directory that reads it, and what it answered by names.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use inviter_azure::{Cloud, EntraConfig, EntraDirectory, RoomGroups, Token, TokenError, TokenSource};
use inviter_core::{
    IdentityProvider as _,
    directory::{AccountStatus, Directory, Extent, Member, ProviderId},
    provider::{ProviderError, ReadRequest},
    time::{Clock, Timestamp},
};
use inviter_graph_emulator::{Emulator, Id, Options, Recorded, Tenant};
use secrecy::ExposeSecret as _;
use tokio::sync::Mutex;
use url::form_urlencoded;

use crate::facts::Facts;

/// 2026-11-26T12:00:00Z.
const NOW: u64 = 1_795_694_400_000;

/// A clock that goes when a test says so.
#[derive(Debug)]
pub(crate) struct HandClock(AtomicU64);

impl HandClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0
            .fetch_add(u64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn set_back(&self, by: Duration) {
        self.0
            .fetch_sub(u64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// Tokens for the emulator's application, by its secret; kept until one is refused.
pub(crate) struct SecretTokens {
    http: reqwest::Client,
    url: String,
    form: String,
    kept: Mutex<Option<Token>>,
    asked: AtomicUsize,
}

impl fmt::Debug for SecretTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretTokens")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl SecretTokens {
    pub(crate) fn new(emulator: &Emulator) -> Self {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", emulator.client_id())
            .append_pair("client_secret", &emulator.client_secret())
            .append_pair("scope", "https://graph.microsoft.com/.default")
            .finish();
        Self {
            // The emulator has no certificate, and looking at those of the system takes a while.
            http: reqwest::Client::builder()
                .no_proxy()
                .tls_certs_only([])
                .build()
                .unwrap(),
            url: format!(
                "{}/{}/oauth2/v2.0/token",
                emulator.authority(),
                emulator.tenant_id()
            ),
            form,
            kept: Mutex::default(),
            asked: AtomicUsize::new(0),
        }
    }

    /// How many tokens were asked for.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl TokenSource for SecretTokens {
    async fn token(&self, refused: Option<&Token>) -> Result<Token, TokenError> {
        let mut kept = self.kept.lock().await;
        let is_refused = |token: &Token| {
            refused.is_some_and(|refused| refused.secret.expose_secret() == token.secret.expose_secret())
        };
        if let Some(token) = kept.as_ref().filter(|token| !is_refused(token)) {
            return Ok(token.clone());
        }
        self.asked.fetch_add(1, Ordering::SeqCst);
        let request = self
            .http
            .post(&self.url)
            .header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body(self.form.clone()).send().await.unwrap();
        let answer: serde_json::Value = answer.json().await.unwrap();
        let token = Token::new(answer["access_token"].as_str().unwrap());
        *kept = Some(token.clone());
        Ok(token)
    }
}

/// Groups below a root group.
pub(crate) fn below(root: Id) -> RoomGroups {
    RoomGroups {
        root: Some(root.to_string()),
        ..RoomGroups::default()
    }
}

/// Groups whose names begin with something.
pub(crate) fn named(prefix: &str) -> RoomGroups {
    RoomGroups {
        name_prefix: Some(prefix.to_owned()),
        ..RoomGroups::default()
    }
}

/// Groups by their IDs.
pub(crate) fn listed(ids: &[Id]) -> RoomGroups {
    RoomGroups {
        ids: ids.iter().map(ToString::to_string).collect(),
        ..RoomGroups::default()
    }
}

/// An emulated tenant, and a directory that reads it.
pub(crate) struct World {
    pub(crate) emulator: Emulator,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) tokens: Arc<SecretTokens>,
    pub(crate) config: EntraConfig,
    pub(crate) directory: EntraDirectory,
}

impl World {
    pub(crate) async fn start(tenant: Tenant, rooms: RoomGroups) -> Self {
        Self::start_with(tenant, Options::default(), rooms, |_| {}).await
    }

    pub(crate) async fn start_with(
        tenant: Tenant,
        options: Options,
        rooms: RoomGroups,
        configure: impl FnOnce(&mut EntraConfig),
    ) -> Self {
        let emulator = Emulator::start_with(tenant, options).await.unwrap();
        let mut config = EntraConfig::new(rooms);
        config.cloud = Cloud::Custom {
            authority: emulator.authority().to_owned(),
            graph: emulator.graph_url().to_owned(),
        };
        configure(&mut config);
        let clock = Arc::new(HandClock(AtomicU64::new(NOW)));
        let tokens = Arc::new(SecretTokens::new(&emulator));
        let directory = another(&config, &tokens, &clock);
        Self {
            emulator,
            clock,
            tokens,
            config,
            directory,
        }
    }

    /// A directory of the same configuration that has read nothing yet.
    pub(crate) fn another(&self) -> EntraDirectory {
        another(&self.config, &self.tokens, &self.clock)
    }

    pub(crate) async fn try_read(&self) -> Result<Picture, ProviderError> {
        self.directory
            .read(&ReadRequest::default())
            .await
            .map(Picture::new)
    }

    pub(crate) async fn read(&self) -> Picture {
        self.try_read().await.unwrap()
    }

    /// What a directory answers that has read nothing before.
    pub(crate) async fn read_anew(&self) -> Picture {
        Picture::new(self.another().read(&ReadRequest::default()).await.unwrap())
    }

    /// Reads, and counts the requests to Graph; a batch is one.
    pub(crate) async fn counted(&self) -> (Picture, usize) {
        self.emulator.clear_requests();
        let picture = self.read().await;
        (picture, self.sent())
    }

    /// The requests to Graph so far, those in batches too.
    pub(crate) fn asked(&self) -> Vec<Recorded> {
        let mut requests = self.emulator.requests();
        requests.retain(Recorded::is_for_graph);
        requests
    }

    /// How many requests to Graph there were; a batch is one.
    pub(crate) fn sent(&self) -> usize {
        self.asked().iter().filter(|request| !request.in_batch).count()
    }

    /// How the tenant is.
    pub(crate) fn truth(&self) -> Facts {
        self.emulator
            .tenant(|tenant| Facts::of_tenant(tenant, &self.config))
    }

    /// Fails unless a picture has all of the truth and nothing else, and knows that.
    #[track_caller]
    pub(crate) fn assert_true(&self, picture: &Picture, about: &str) {
        picture.facts.assert_are(&self.truth(), about);
        picture.assert_complete();
    }
}

fn another(config: &EntraConfig, tokens: &Arc<SecretTokens>, clock: &Arc<HandClock>) -> EntraDirectory {
    EntraDirectory::new(
        ProviderId::new("tenant"),
        config.clone(),
        Arc::<SecretTokens>::clone(tokens),
        Arc::<HandClock>::clone(clock),
    )
}

/// An answer, asked by names: of groups, and user principal names of people.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) directory: Directory,
    pub(crate) facts: Facts,
}

impl Picture {
    pub(crate) fn new(directory: Directory) -> Self {
        assert!(directory.only_grouped_accounts && directory.rooms.is_empty());
        let facts = Facts::of_directory(&directory);
        Self { directory, facts }
    }

    /// The names of the groups that stand for rooms.
    pub(crate) fn rooms(&self) -> BTreeSet<&str> {
        let rooms = self.directory.groups.iter().filter(|group| !group.nested_only);
        rooms.map(|group| &*group.name).collect()
    }

    /// The names of the groups that only count inside others.
    pub(crate) fn nested(&self) -> BTreeSet<&str> {
        let nested = self.directory.groups.iter().filter(|group| group.nested_only);
        nested.map(|group| &*group.name).collect()
    }

    #[track_caller]
    pub(crate) fn group(&self, name: &str) -> &inviter_core::directory::Group {
        let mut found = self.directory.groups.iter().filter(|group| &*group.name == name);
        let group = found
            .next()
            .unwrap_or_else(|| panic!("no group {name}: {:?}", self.rooms()));
        assert!(found.next().is_none(), "several groups are called {name}");
        group
    }

    fn name_of(&self, member: &Member) -> String {
        match member {
            Member::Account(at) => self.directory.accounts[at.0 as usize].shown().to_owned(),
            Member::Group(at) => self.directory.groups[at.0 as usize].name.to_string(),
            Member::Unresolved(id) => format!("?{id}"),
        }
    }

    /// Direct members, people and groups; `?` is before the ID of those who are nothing that is known.
    #[track_caller]
    pub(crate) fn members(&self, group: &str) -> BTreeSet<String> {
        let members = &self.group(group).members.values;
        members.iter().map(|member| self.name_of(member)).collect()
    }

    /// Everybody in a group, as deep as it goes.
    #[track_caller]
    pub(crate) fn people(&self, group: &str) -> BTreeSet<String> {
        let mut people = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut open = vec![self.group(group)];
        while let Some(group) = open.pop() {
            if !seen.insert(&group.key) {
                continue;
            }
            for member in &group.members.values {
                match member {
                    Member::Group(at) => open.push(&self.directory.groups[at.0 as usize]),
                    person => _ = people.insert(self.name_of(person)),
                }
            }
        }
        people
    }

    #[track_caller]
    pub(crate) fn owners(&self, group: &str) -> BTreeSet<String> {
        let owners = &self.group(group).owners.values;
        owners.iter().map(|member| self.name_of(member)).collect()
    }

    #[track_caller]
    pub(crate) fn account(&self, name: &str) -> &inviter_core::directory::Account {
        let mut accounts = self.directory.accounts.iter();
        let account = accounts.find(|account| account.shown() == name);
        account.unwrap_or_else(|| panic!("no account {name}"))
    }

    #[track_caller]
    pub(crate) fn is_active(&self, name: &str) -> bool {
        self.account(name).status == Some(AccountStatus::Active)
    }

    /// By group: what is not known of its members.
    pub(crate) fn incomplete(&self) -> BTreeMap<&str, String> {
        self.incomplete_parts(|group| &group.members.extent)
    }

    /// By group: what is not known of its owners.
    pub(crate) fn incomplete_owners(&self) -> BTreeMap<&str, String> {
        self.incomplete_parts(|group| &group.owners.extent)
    }

    fn incomplete_parts(
        &self,
        part: impl Fn(&inviter_core::directory::Group) -> &Extent,
    ) -> BTreeMap<&str, String> {
        let groups = self.directory.groups.iter();
        let incomplete = groups.filter(|group| !part(group).is_complete());
        incomplete
            .map(|group| (&*group.name, told(part(group))))
            .collect()
    }

    /// What is not known of the groups there are.
    pub(crate) fn listing(&self) -> String {
        told(&self.directory.listing)
    }

    /// What is not known of the accounts there are.
    pub(crate) fn accounts_gaps(&self) -> String {
        told(&self.directory.accounts_extent)
    }

    pub(crate) fn remarks(&self) -> String {
        let remarks: Vec<String> = self.directory.remarks.iter().map(ToString::to_string).collect();
        remarks.join("\n")
    }

    /// Fails unless everything is known.
    #[track_caller]
    pub(crate) fn assert_complete(&self) {
        assert_eq!(self.listing(), "");
        assert_eq!(self.incomplete(), BTreeMap::new());
        assert_eq!(self.incomplete_owners(), BTreeMap::new());
        assert_eq!(self.accounts_gaps(), "");
    }
}

/// The gaps of an extent, a line for each.
pub(crate) fn told(extent: &Extent) -> String {
    let gaps: Vec<String> = extent.gaps().iter().map(ToString::to_string).collect();
    gaps.join("\n")
}

/// A set of names.
pub(crate) fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[track_caller]
pub(crate) fn tells(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "no {word:?} in: {text}");
    }
}
