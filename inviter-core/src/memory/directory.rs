//! A directory that lives in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;

use crate::{
    directory::{
        Account, AccountIx, AccountStatus, Attributes, Directory, Extent, Gap, Group, GroupIx, GroupKey,
        Member, Part, ProviderId, Remark,
    },
    provider::{Advice, IdentityProvider, ProviderError, ProviderErrorKind, ReadRequest},
    room_rules::RoomSpec,
};

/// An [`IdentityProvider`] that answers from memory: people and groups are put in by name, may be changed between
/// reads, and gaps and failures are set at will.
///
/// ```
/// use inviter_core::memory::{InMemoryDirectory, MemoryGroup, MemoryPerson};
///
/// let directory = InMemoryDirectory::new("corp")
///     .with_person("jane")
///     .with_person(MemoryPerson::new("joe").disabled())
///     .with_group(MemoryGroup::new("staff").members(["jane", "joe"]))
///     .with_group(MemoryGroup::new("xxxteamxxxexample.org").groups(["staff"]).owners(["jane"]));
/// directory.put_person("jim");
/// directory.edit_group("staff", |group| group.members(["jim"]));
/// ```
///
/// A member or owner that names nobody in the directory is a dangling entry: [`Member::Unresolved`].
#[derive(Debug)]
pub struct InMemoryDirectory {
    id: ProviderId,
    content: Mutex<Content>,
}

#[derive(Debug, Default)]
struct Content {
    people: BTreeMap<String, MemoryPerson>,
    groups: BTreeMap<String, MemoryGroup>,
    rooms: Vec<RoomSpec>,
    listing: Extent,
    accounts_extent: Extent,
    only_grouped_accounts: bool,
    remarks: Vec<Remark>,
    advice: Vec<Advice>,
    failure: Option<(ProviderErrorKind, String)>,
}

/// A person of an [`InMemoryDirectory`]; known by login name, which is the account's `uid`, and its key unless another
/// is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryPerson {
    login: String,
    account: Account,
}

impl MemoryPerson {
    /// An active person.
    pub fn new(login: impl Into<String>) -> Self {
        let login = login.into();
        Self {
            account: Account {
                key: login.as_str().into(),
                label: None,
                attributes: [("uid", login.as_str())].into_iter().collect(),
                status: Some(AccountStatus::Active),
                matrix_id: None,
            },
            login,
        }
    }

    /// With a key other than the login name.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.account.key = key.into();
        self
    }

    /// With a label.
    #[must_use]
    pub fn label(mut self, label: &str) -> Self {
        self.account.label = Some(label.into());
        self
    }

    /// With this status; `None` if the directory does not say.
    #[must_use]
    pub fn status(mut self, status: Option<AccountStatus>) -> Self {
        self.account.status = status;
        self
    }

    /// Disabled.
    #[must_use]
    pub fn disabled(self) -> Self {
        self.status(Some(AccountStatus::Disabled))
    }

    /// With one more value of an attribute.
    #[must_use]
    pub fn attribute(mut self, name: &str, value: &str) -> Self {
        self.account.attributes.push(Arc::from(name), value);
        self
    }

    /// Without any attribute, `uid` included.
    #[must_use]
    pub fn without_attributes(mut self) -> Self {
        self.account.attributes = Attributes::default();
        self
    }

    /// With a whole Matrix ID.
    #[must_use]
    pub fn matrix_id(mut self, id: crate::OwnedUserId) -> Self {
        self.account.matrix_id = Some(id);
        self
    }
}

impl From<&str> for MemoryPerson {
    fn from(login: &str) -> Self {
        Self::new(login)
    }
}

/// A group of an [`InMemoryDirectory`]; known by name, which is its key too unless another is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryGroup {
    name: String,
    key: GroupKey,
    members: Part<Named>,
    owners: Part<Named>,
    also_called: Vec<Box<str>>,
    flattened: bool,
    nested_only: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Named {
    Person(String),
    Group(String),
}

impl MemoryGroup {
    /// A group of nobody.
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            key: GroupKey::new(name.as_str()),
            name,
            members: Part::default(),
            owners: Part::default(),
            also_called: Vec::new(),
            flattened: false,
            nested_only: false,
        }
    }

    /// With a key other than its name.
    #[must_use]
    pub fn key(mut self, key: impl Into<Arc<str>>) -> Self {
        self.key = GroupKey::new(key);
        self
    }

    /// With one more text by which a configuration may mean it.
    #[must_use]
    pub fn also_called(mut self, text: &str) -> Self {
        self.also_called.push(text.into());
        self
    }

    /// Counting only as a part of groups that contain it.
    #[must_use]
    pub fn nested_only(mut self) -> Self {
        self.nested_only = true;
        self
    }

    /// Adds people, by login name.
    #[must_use]
    pub fn members<S: Into<String>>(mut self, logins: impl IntoIterator<Item = S>) -> Self {
        let people = logins.into_iter().map(|login| Named::Person(login.into()));
        self.members.values.extend(people);
        self
    }

    /// Adds groups within the group, by name.
    #[must_use]
    pub fn groups<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        let groups = names.into_iter().map(|name| Named::Group(name.into()));
        self.members.values.extend(groups);
        self
    }

    /// Adds owners, by login name.
    #[must_use]
    pub fn owners<S: Into<String>>(mut self, logins: impl IntoIterator<Item = S>) -> Self {
        let people = logins.into_iter().map(|login| Named::Person(login.into()));
        self.owners.values.extend(people);
        self
    }

    /// Adds groups whose members are owners, by name.
    #[must_use]
    pub fn owner_groups<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        let groups = names.into_iter().map(|name| Named::Group(name.into()));
        self.owners.values.extend(groups);
        self
    }

    /// Takes people out, by login name.
    #[must_use]
    pub fn without_members<S: AsRef<str>>(mut self, logins: impl IntoIterator<Item = S>) -> Self {
        for login in logins {
            let gone = Named::Person(login.as_ref().to_owned());
            self.members.values.retain(|member| *member != gone);
        }
        self
    }

    /// Some members could not be read.
    #[must_use]
    pub fn members_gap(mut self, why: impl Into<String>) -> Self {
        self.members.extent.add(Gap {
            what: format!("members of {}", self.name),
            why: why.into(),
        });
        self
    }

    /// Some owners could not be read.
    #[must_use]
    pub fn owners_gap(mut self, why: impl Into<String>) -> Self {
        self.owners.extent.add(Gap {
            what: format!("owners of {}", self.name),
            why: why.into(),
        });
        self
    }

    /// The members are all there are, nested ones included.
    #[must_use]
    pub fn flattened(mut self) -> Self {
        self.flattened = true;
        self
    }
}

impl From<&str> for MemoryGroup {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl InMemoryDirectory {
    /// An empty directory.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self {
            id: ProviderId::new(id),
            content: Mutex::default(),
        }
    }

    /// Adds a person, or puts another in their place.
    #[must_use]
    pub fn with_person(self, person: impl Into<MemoryPerson>) -> Self {
        self.put_person(person);
        self
    }

    /// Adds people by login name.
    #[must_use]
    pub fn with_people<S: Into<String>>(self, logins: impl IntoIterator<Item = S>) -> Self {
        for login in logins {
            self.put_person(MemoryPerson::new(login));
        }
        self
    }

    /// Adds a group, or puts another in its place.
    #[must_use]
    pub fn with_group(self, group: impl Into<MemoryGroup>) -> Self {
        self.put_group(group);
        self
    }

    /// Adds a room that the source names itself.
    #[must_use]
    pub fn with_room(self, room: RoomSpec) -> Self {
        self.content().rooms.push(room);
        self
    }

    /// Adds a person, or puts another in their place.
    pub fn put_person(&self, person: impl Into<MemoryPerson>) {
        let person = person.into();
        self.content().people.insert(person.login.clone(), person);
    }

    /// Takes a person out; entries that name them dangle from then on. Whether there was one.
    pub fn remove_person(&self, login: &str) -> bool {
        self.content().people.remove(login).is_some()
    }

    /// Adds a group, or puts another in its place.
    pub fn put_group(&self, group: impl Into<MemoryGroup>) {
        let group = group.into();
        self.content().groups.insert(group.name.clone(), group);
    }

    /// Takes a group out; entries that name it dangle from then on. Whether there was one.
    pub fn remove_group(&self, name: &str) -> bool {
        self.content().groups.remove(name).is_some()
    }

    /// Changes a group; one that is not there is made.
    pub fn edit_group(&self, name: &str, edit: impl FnOnce(MemoryGroup) -> MemoryGroup) {
        let group = self.content().groups.remove(name);
        self.put_group(edit(group.unwrap_or_else(|| MemoryGroup::new(name))));
    }

    /// Forgets everyone and everything.
    pub fn clear(&self) {
        *self.content() = Content::default();
    }

    /// Sets how complete accounts and groups are.
    pub fn set_listing(&self, listing: Extent) {
        self.set_accounts_extent(listing.clone());
        self.content().listing = listing;
    }

    /// Sets how complete accounts are.
    pub fn set_accounts_extent(&self, extent: Extent) {
        self.content().accounts_extent = extent;
    }

    /// Says whether only accounts in groups are told.
    pub fn set_only_grouped_accounts(&self, only: bool) {
        self.content().only_grouped_accounts = only;
    }

    /// Adds a remark about each answer.
    pub fn add_remark(&self, remark: Remark) {
        self.content().remarks.push(remark);
    }

    /// Adds advice.
    pub fn add_advice(&self, advice: Advice) {
        self.content().advice.push(advice);
    }

    /// Lets each read fail from now on.
    pub fn fail(&self, kind: ProviderErrorKind, message: impl Into<String>) {
        self.content().failure = Some((kind, message.into()));
    }

    /// Ends the failing.
    pub fn recover(&self) {
        self.content().failure = None;
    }

    /// The directory as it stands, without the failure that may be set.
    pub fn snapshot(&self) -> Directory {
        self.content().read()
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        // Whoever panicked in between is a test, and each change is one assignment.
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn read(&self) -> Directory {
        let accounts: BTreeMap<&str, u32> = self.people.keys().map(String::as_str).zip(0..).collect();
        let groups: BTreeMap<&str, u32> = self.groups.keys().map(String::as_str).zip(0..).collect();
        let resolve = |part: &Part<Named>| Part {
            values: part
                .values
                .iter()
                .map(|named| {
                    match named {
                        Named::Person(login) => {
                            accounts.get(&**login).map(|ix| Member::Account(AccountIx(*ix)))
                        }
                        Named::Group(name) => groups.get(&**name).map(|ix| Member::Group(GroupIx(*ix))),
                    }
                    .unwrap_or_else(|| Member::Unresolved(named.text().into()))
                })
                .collect(),
            extent: part.extent.clone(),
        };
        Directory {
            accounts: self
                .people
                .values()
                .map(|person| person.account.clone())
                .collect(),
            groups: self
                .groups
                .values()
                .map(|group| Group {
                    key: group.key.clone(),
                    name: group.name.as_str().into(),
                    also_called: group.also_called.clone(),
                    members: resolve(&group.members),
                    owners: resolve(&group.owners),
                    flattened: group.flattened,
                    nested_only: group.nested_only,
                })
                .collect(),
            rooms: self.rooms.clone(),
            listing: self.listing.clone(),
            accounts_extent: self.accounts_extent.clone(),
            only_grouped_accounts: self.only_grouped_accounts,
            remarks: self.remarks.clone(),
        }
    }
}

impl Named {
    fn text(&self) -> &str {
        match self {
            Self::Person(text) | Self::Group(text) => text,
        }
    }
}

#[async_trait]
impl IdentityProvider for InMemoryDirectory {
    fn id(&self) -> ProviderId {
        self.id.clone()
    }

    async fn read(&self, _request: &ReadRequest) -> Result<Directory, ProviderError> {
        let content = self.content();
        match &content.failure {
            Some((kind, message)) => Err(ProviderError::new(*kind, self.id.as_str(), message.clone())),
            None => Ok(content.read()),
        }
    }

    async fn advice(&self) -> Vec<Advice> {
        self.content().advice.clone()
    }
}
