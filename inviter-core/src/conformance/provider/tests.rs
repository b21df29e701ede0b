use std::sync::Mutex;

use futures_executor::block_on;

use super::*;
use crate::{
    conformance::failures,
    directory::{Extent, ProviderId},
    memory::{InMemoryDirectory, MemoryGroup, MemoryPerson},
    provider::{ProviderError, ProviderErrorKind},
};

/// How the directory fails when it is broken.
#[derive(Debug, Clone, Copy)]
enum Outage {
    Whole,
    Gaps,
}

type Spoil = fn(Result<Directory, ProviderError>) -> Result<Directory, ProviderError>;

/// A provider that spoils each answer of another.
#[derive(Debug)]
struct Spoiled {
    inner: Arc<InMemoryDirectory>,
    spoil: Spoil,
}

#[async_trait]
impl IdentityProvider for Spoiled {
    fn id(&self) -> ProviderId {
        self.inner.id()
    }

    async fn read(&self, request: &ReadRequest) -> Result<Directory, ProviderError> {
        (self.spoil)(self.inner.read(request).await)
    }
}

/// A provider that keeps its first answer.
#[derive(Debug)]
struct Stale {
    inner: Arc<InMemoryDirectory>,
    kept: Mutex<Option<Directory>>,
}

#[async_trait]
impl IdentityProvider for Stale {
    fn id(&self) -> ProviderId {
        self.inner.id()
    }

    async fn read(&self, request: &ReadRequest) -> Result<Directory, ProviderError> {
        let kept = self.kept.lock().unwrap().clone();
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let answer = self.inner.read(request).await?;
        *self.kept.lock().unwrap() = Some(answer.clone());
        Ok(answer)
    }
}

#[derive(Debug)]
enum Wrap {
    Spoil(Spoil),
    Stale,
}

#[derive(Debug)]
struct Harness {
    wrap: Wrap,
    outage: Outage,
    features: ProviderFeatures,
    directory: Arc<InMemoryDirectory>,
}

impl Harness {
    fn new(wrap: Wrap) -> Self {
        Self {
            wrap,
            outage: Outage::Whole,
            features: ProviderFeatures::default(),
            directory: Arc::new(InMemoryDirectory::new("test")),
        }
    }

    fn spoiled(spoil: Spoil) -> Self {
        Self::new(Wrap::Spoil(spoil))
    }

    fn fill(&self, population: &Population) {
        self.directory.clear();
        for person in &population.people {
            let entry = MemoryPerson::new(&person.login);
            self.directory
                .put_person(if person.disabled { entry.disabled() } else { entry });
        }
        for group in &population.groups {
            let entry = MemoryGroup::new(&group.name);
            let entry = entry
                .members(&group.members)
                .groups(&group.groups)
                .owners(&group.owners);
            self.directory.put_group(entry);
        }
    }
}

#[async_trait]
impl ProviderHarness for Harness {
    async fn populate(&self, population: &Population) -> Result<Arc<dyn IdentityProvider>, HarnessError> {
        self.fill(population);
        let inner = Arc::clone(&self.directory);
        Ok(match self.wrap {
            Wrap::Spoil(spoil) => Arc::new(Spoiled { inner, spoil }),
            Wrap::Stale => Arc::new(Stale {
                inner,
                kept: Mutex::default(),
            }),
        })
    }

    async fn change(&self, population: &Population) -> Result<(), HarnessError> {
        self.fill(population);
        Ok(())
    }

    async fn break_it(&self) -> Result<(), HarnessError> {
        match self.outage {
            Outage::Whole => self.directory.fail(ProviderErrorKind::Unavailable, "down"),
            Outage::Gaps => {
                self.directory.remove_person("jane");
                self.directory
                    .set_listing(Extent::gap("people", "one page was refused"));
                self.directory
                    .edit_group("everyone", |group| group.members_gap("one page was refused"));
            }
        }
        Ok(())
    }

    fn features(&self) -> ProviderFeatures {
        self.features.clone()
    }
}

#[track_caller]
fn passes(harness: &Harness) {
    let outcomes = block_on(run(harness));
    let failed = failures(&outcomes);
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(outcomes.len() > 10);
}

/// Runs the suite on a broken provider; the checks that must notice, at the least.
#[track_caller]
fn fails(harness: &Harness, checks: &[&str]) {
    let outcomes = block_on(run(harness));
    let failed: Vec<&str> = failures(&outcomes).iter().map(|outcome| outcome.name).collect();
    for check in checks {
        assert!(failed.contains(check), "`{check}` has not failed, but {failed:?}");
    }
}

#[test]
fn the_directory_in_memory_conforms() {
    passes(&Harness::spoiled(|answer| answer));
}

#[test]
fn an_incomplete_answer_in_an_outage_conforms() {
    passes(&Harness {
        outage: Outage::Gaps,
        ..Harness::spoiled(|answer| answer)
    });
}

#[test]
fn a_directory_that_can_do_less_conforms() {
    passes(&Harness {
        features: ProviderFeatures {
            disabled: false,
            owners: false,
            empty_groups: false,
        },
        ..Harness::spoiled(|answer| answer)
    });
}

/// Expands all nesting, as a server with transitive members does.
fn flatten(answer: Result<Directory, ProviderError>) -> Result<Directory, ProviderError> {
    let mut directory = answer?;
    let before = directory.groups.clone();
    for group in &mut directory.groups {
        let mut seen = BTreeSet::new();
        let mut people = BTreeSet::new();
        let mut queue = vec![&group.members.values];
        while let Some(list) = queue.pop() {
            for member in list {
                match member {
                    Member::Group(ix) if seen.insert(*ix) => {
                        queue.push(&before[ix.0 as usize].members.values);
                    }
                    Member::Group(_) => {}
                    other => drop(people.insert(other.clone())),
                }
            }
        }
        group.members.values = people.into_iter().collect();
        group.flattened = true;
    }
    Ok(directory)
}

#[test]
fn a_directory_that_flattens_conforms() {
    passes(&Harness::spoiled(flatten));
}

#[test]
fn a_lost_page_of_members_fails() {
    let lossy = Harness::spoiled(|answer| {
        let mut directory = answer?;
        for group in &mut directory.groups {
            group.members.values.truncate(100);
        }
        Ok(directory)
    });
    fails(&lossy, &["nested members are members"]);
}

#[test]
fn an_error_turned_into_an_empty_answer_fails() {
    let swallowing = Harness::spoiled(|answer| Ok(answer.unwrap_or_default()));
    fails(&swallowing, &["an outage never looks like fewer people"]);
}

#[test]
fn a_stale_picture_fails() {
    fails(&Harness::new(Wrap::Stale), &["a change shows at the next read"]);
}

#[test]
fn lost_owners_fail() {
    let lossy = Harness::spoiled(|answer| {
        let mut directory = answer?;
        for group in &mut directory.groups {
            group.owners.values.clear();
        }
        Ok(directory)
    });
    fails(&lossy, &["owners are there"]);
}

#[test]
fn a_forgotten_status_fails() {
    let forgetful = Harness::spoiled(|answer| {
        let mut directory = answer?;
        for account in &mut directory.accounts {
            account.status = Some(AccountStatus::Active);
        }
        Ok(directory)
    });
    fails(&forgetful, &["it is known who is disabled"]);
}

#[test]
fn accounts_that_come_twice_fail() {
    let doubling = Harness::spoiled(|answer| {
        let mut directory = answer?;
        let first = directory.accounts[0].clone();
        directory.accounts.push(first);
        Ok(directory)
    });
    fails(&doubling, &["everyone is there once", "keys are unique"]);
}

#[test]
fn nesting_that_is_not_followed_fails() {
    let shallow = Harness::spoiled(|answer| {
        let mut directory = answer?;
        for group in &mut directory.groups {
            group.flattened = true;
        }
        Ok(directory)
    });
    fails(&shallow, &["nested members are members"]);
}

#[test]
fn keys_that_move_fail() {
    let moving = Harness::spoiled(|answer| {
        static READS: Mutex<u32> = Mutex::new(0);
        let mut directory = answer?;
        let mut reads = READS.lock().unwrap();
        *reads += 1;
        for account in &mut directory.accounts {
            account.key = format!("{}-{}", account.key, *reads).into();
        }
        Ok(directory)
    });
    fails(
        &moving,
        &["keys are stable from read to read", "keys survive a change"],
    );
}

#[test]
fn a_stray_index_fails() {
    let stray = Harness::spoiled(|answer| {
        let mut directory = answer?;
        directory.groups[0]
            .members
            .values
            .push(Member::Group(GroupIx(999)));
        Ok(directory)
    });
    fails(&stray, &["every index is of this answer"]);
}
