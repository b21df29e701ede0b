//! The suite for [`IdentityProvider`]: a directory is filled with a known population and read back.
//!
//! ```
//! # use std::sync::Arc;
//! # use inviter_core::{IdentityProvider, conformance::provider::*, memory::*, provider::ProviderErrorKind};
//! # #[derive(Debug, Default)] struct MyHarness(std::sync::Mutex<Option<Arc<InMemoryDirectory>>>);
//! # impl MyHarness {
//! #     fn fill(directory: &InMemoryDirectory, population: &Population) {
//! #         directory.clear();
//! #         for p in &population.people {
//! #             let person = MemoryPerson::new(&p.login);
//! #             directory.put_person(if p.disabled { person.disabled() } else { person });
//! #         }
//! #         for g in &population.groups {
//! #             directory.put_group(MemoryGroup::new(&g.name).members(&g.members).groups(&g.groups).owners(&g.owners));
//! #         }
//! #     }
//! # }
//! # #[async_trait::async_trait]
//! # impl ProviderHarness for MyHarness {
//! #     async fn populate(&self, population: &Population) -> Result<Arc<dyn IdentityProvider>, HarnessError> {
//! #         let directory = Arc::new(InMemoryDirectory::new("test"));
//! #         Self::fill(&directory, population);
//! #         *self.0.lock().unwrap() = Some(Arc::clone(&directory));
//! #         Ok(directory)
//! #     }
//! #     async fn change(&self, population: &Population) -> Result<(), HarnessError> {
//! #         Self::fill(self.0.lock().unwrap().as_ref().unwrap(), population);
//! #         Ok(())
//! #     }
//! #     async fn break_it(&self) -> Result<(), HarnessError> {
//! #         self.0.lock().unwrap().as_ref().unwrap().fail(ProviderErrorKind::Unavailable, "down");
//! #         Ok(())
//! #     }
//! # }
//! # futures_executor::block_on(async {
//! let outcomes = run(&MyHarness::default()).await;
//! let failed = inviter_core::conformance::failures(&outcomes);
//! assert!(failed.is_empty(), "{failed:#?}");
//! # });
//! ```

mod picture;
mod population;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error as StdError,
    fmt::Debug,
    sync::Arc,
};

use async_trait::async_trait;

use self::picture::{Picture, compare};
pub use self::population::{GroupEntry, PersonEntry, Population};
use super::{CheckOutcome, Verdict};
use crate::{
    directory::{Account, AccountStatus, Directory, GroupIx, Member},
    provider::{IdentityProvider, ReadRequest},
};

/// Why a harness could not do what it was asked.
pub type HarnessError = Box<dyn StdError + Send + Sync>;

/// What the suite needs to know of, and do with, the directory behind a provider.
#[async_trait]
pub trait ProviderHarness: Debug + Send + Sync {
    /// Sets up a fresh directory that holds this population and nothing else that the provider would see, and
    /// answers with a provider for it. Called once, first.
    async fn populate(&self, population: &Population) -> Result<Arc<dyn IdentityProvider>, HarnessError>;

    /// Changes that directory to hold this population. The provider stays, and so do the keys of people and groups
    /// that stay.
    async fn change(&self, population: &Population) -> Result<(), HarnessError>;

    /// Makes that directory fail, entirely or in part, in a way that it may fail in the field. Called last.
    async fn break_it(&self) -> Result<(), HarnessError>;

    /// The login name in the population of an account that was read.
    fn login(&self, account: &Account) -> Option<String> {
        account.attributes.get("uid").map(str::to_owned)
    }

    /// What the directory can express at all.
    fn features(&self) -> ProviderFeatures {
        ProviderFeatures::default()
    }
}

/// What a directory can express; all of it by default. What it cannot is left out of the population.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProviderFeatures {
    /// Accounts can be disabled.
    pub disabled: bool,
    /// Groups have owners as an attribute.
    pub owners: bool,
    /// Groups can be without members (`groupOfNames` cannot).
    pub empty_groups: bool,
}

impl Default for ProviderFeatures {
    fn default() -> Self {
        Self {
            disabled: true,
            owners: true,
            empty_groups: true,
        }
    }
}

/// The outcomes so far.
#[derive(Default)]
struct Outcomes(Vec<CheckOutcome>);

impl Outcomes {
    /// A check passes if there is nothing to say against it.
    fn record(&mut self, name: &'static str, failures: impl AsRef<[String]>) {
        let failures = failures.as_ref();
        let verdict = if failures.is_empty() {
            Verdict::Passed
        } else {
            Verdict::Failed(failures.join("; "))
        };
        self.0.push(CheckOutcome { name, verdict });
    }

    fn skip(&mut self, name: &'static str, why: &str) {
        let verdict = Verdict::NotApplicable(why.to_owned());
        self.0.push(CheckOutcome { name, verdict });
    }
}

/// Runs the suite.
pub async fn run(harness: &dyn ProviderHarness) -> Vec<CheckOutcome> {
    let mut report = Outcomes::default();
    let before = Population::example(&harness.features());
    let after = before.changed();
    let provider = match harness.populate(&before).await {
        Ok(provider) => provider,
        Err(e) => {
            report.record("harness sets up a directory", vec![e.to_string()]);
            return report.0;
        }
    };
    let Some(first) = read(&*provider, "reads", &mut report).await else {
        return report.0;
    };
    check_answer(harness, &first, &before, &mut report);
    if let Some(second) = read(&*provider, "reads again", &mut report).await {
        report.record(
            "keys are stable from read to read",
            unstable_keys(harness, &first, &second),
        );
        let changed = differences(harness, &second, &before);
        report.record("the second read says the same", changed);
    }
    match harness.change(&after).await {
        Ok(()) => {
            if let Some(changed) = read(&*provider, "reads after a change", &mut report).await {
                report.record(
                    "a change shows at the next read",
                    differences(harness, &changed, &after),
                );
                report.record("keys survive a change", unstable_keys(harness, &first, &changed));
            }
        }
        Err(e) => report.record("harness changes the directory", vec![e.to_string()]),
    }
    match harness.break_it().await {
        Ok(()) => check_outage(harness, &*provider, &after, &mut report).await,
        Err(e) => report.record("harness breaks the directory", vec![e.to_string()]),
    }
    report.0
}

async fn read(
    provider: &dyn IdentityProvider,
    name: &'static str,
    report: &mut Outcomes,
) -> Option<Directory> {
    match provider.read(&ReadRequest::default()).await {
        Ok(directory) => {
            report.record(name, Vec::new());
            Some(directory)
        }
        Err(e) => {
            report.record(name, vec![e.to_string()]);
            None
        }
    }
}

fn check_answer(
    harness: &dyn ProviderHarness,
    directory: &Directory,
    population: &Population,
    report: &mut Outcomes,
) {
    let picture = Picture::new(harness, directory);
    report.record("every index is of this answer", strays(directory));
    report.record("everyone is there once", compare::people(&picture, population));
    report.record("every group is there once", compare::groups(&picture, population));
    report.record("all of it is known to be all", incomplete(directory));
    report.record(
        "nested members are members",
        compare::members(&picture, population),
    );
    if harness.features().owners {
        report.record("owners are there", compare::owners(&picture, population));
    } else {
        report.skip("owners are there", "the directory has no owners");
    }
    if harness.features().disabled {
        report.record(
            "it is known who is disabled",
            compare::status(&picture, population),
        );
    }
    report.record("keys are unique", duplicate_keys(directory));
}

/// All that an answer has different from a population.
fn differences(harness: &dyn ProviderHarness, directory: &Directory, population: &Population) -> Vec<String> {
    let picture = Picture::new(harness, directory);
    let mut all = compare::people(&picture, population);
    all.extend(compare::groups(&picture, population));
    all.extend(compare::members(&picture, population));
    if harness.features().owners {
        all.extend(compare::owners(&picture, population));
    }
    if harness.features().disabled {
        all.extend(compare::status(&picture, population));
    }
    all
}

/// An outage may be an error or an incomplete answer; what an answer calls complete has to be so.
async fn check_outage(
    harness: &dyn ProviderHarness,
    provider: &dyn IdentityProvider,
    population: &Population,
    report: &mut Outcomes,
) {
    let mut failures = Vec::new();
    if let Ok(directory) = provider.read(&ReadRequest::default()).await {
        let picture = Picture::new(harness, &directory);
        if directory.accounts_extent.is_complete() {
            failures.extend(compare::people(&picture, population));
        }
        if directory.listing.is_complete() {
            failures.extend(compare::groups(&picture, population));
        }
        failures.extend(compare::lost_unseen(&picture, population));
    }
    report.record("an outage never looks like fewer people", failures);
}

fn incomplete(directory: &Directory) -> Vec<String> {
    let mut failures = Vec::new();
    let mut note = |what: String, extent: &crate::directory::Extent| {
        if !extent.is_complete() {
            let gaps: Vec<String> = extent.gaps().iter().map(ToString::to_string).collect();
            failures.push(format!("{what} is incomplete: {}", gaps.join("; ")));
        }
    };
    note("the listing of groups".to_owned(), &directory.listing);
    note("the listing of accounts".to_owned(), &directory.accounts_extent);
    for group in &directory.groups {
        note(format!("member list of {}", group.name), &group.members.extent);
        note(format!("owner list of {}", group.name), &group.owners.extent);
    }
    failures
}

fn strays(directory: &Directory) -> Vec<String> {
    let in_range = |member: &Member| match member {
        Member::Account(ix) => (ix.0 as usize) < directory.accounts.len(),
        Member::Group(GroupIx(ix)) => (*ix as usize) < directory.groups.len(),
        Member::Unresolved(_) => true,
    };
    let entries = directory.groups.iter().flat_map(|g| {
        g.members
            .values
            .iter()
            .chain(&g.owners.values)
            .map(move |m| (g, m))
    });
    entries
        .filter(|(_, member)| !in_range(member))
        .map(|(group, member)| format!("{member:?} in group {} is out of range", group.name))
        .collect()
}

fn duplicate_keys(directory: &Directory) -> Vec<String> {
    let (mut accounts, mut groups) = (BTreeSet::new(), BTreeSet::new());
    let mut failures = Vec::new();
    for account in &directory.accounts {
        if !accounts.insert(&account.key) {
            failures.push(format!("two accounts have the key {}", account.key));
        }
    }
    for group in &directory.groups {
        if !groups.insert(&group.key) {
            failures.push(format!("two groups have the key {}", group.key));
        }
    }
    failures
}

/// People and groups that are in both answers under different keys.
fn unstable_keys(harness: &dyn ProviderHarness, before: &Directory, after: &Directory) -> Vec<String> {
    let keys = |directory: &Directory| -> BTreeMap<String, String> {
        let accounts = directory
            .accounts
            .iter()
            .filter_map(|a| Some((format!("account {}", harness.login(a)?), a.key.to_string())));
        let groups = directory.groups.iter();
        let groups = groups.map(|g| (format!("group {}", g.name), g.key.to_string()));
        accounts.chain(groups).collect()
    };
    let after = keys(after);
    keys(before)
        .into_iter()
        .filter_map(|(what, old)| Some((after.get(&what)?, what, old)))
        .filter(|(new, _, old)| *new != old)
        .map(|(new, what, old)| format!("{what} had the key {old} and has {new} now"))
        .collect()
}

/// Whether an account counts as disabled, as far as the answer says.
fn disabled(account: &Account) -> Option<bool> {
    account.status.map(|status| status == AccountStatus::Disabled)
}
