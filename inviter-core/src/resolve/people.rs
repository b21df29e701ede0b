//! From accounts to people: minting, the same person in several directories, collisions.

use std::{
    cell::LazyCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ruma_common::{OwnedUserId, UserId};

use super::{Source, several};
use crate::{
    beginning::beginning,
    desired::{Person, PersonIx, PersonStanding},
    directory::{Account, AccountIx, AccountStatus, Gap, ProviderId},
    finding::{Finding, FindingKind, Subject},
    mint::Minted,
    policy::Policy,
};

/// How many collisions are told one by one.
const COLLISIONS_LISTED: usize = 20;

/// What a member entry that leads to an account means for the groups it is in.
#[derive(Debug, Clone, Copy)]
pub(super) enum Slot<'s> {
    /// A person.
    Person(PersonIx),
    /// Nobody: disabled, a guest, or out of scope.
    Nobody,
    /// Somebody, but it is not known who.
    Unknown(&'s Arc<Gap>),
}

/// The slots of one directory's accounts. Every membership looks one up, so they are as small as can be.
#[derive(Debug)]
pub(super) struct Slots {
    /// By account: the person, or [`NOBODY`].
    people: Vec<u32>,
    /// Accounts that nobody's ID is known for; mostly none.
    unknown: BTreeMap<u32, Arc<Gap>>,
}

/// No person's index: there are as many at most as there are accounts and named people, each counted in 32 bits.
const NOBODY: u32 = u32::MAX;

impl Slots {
    fn new(accounts: usize) -> Self {
        Self {
            people: vec![NOBODY; accounts],
            unknown: BTreeMap::new(),
        }
    }

    /// What an account means; `None` if there is no such account.
    pub(super) fn get(&self, account: AccountIx) -> Option<Slot<'_>> {
        let person = *self.people.get(account.0 as usize)?;
        if person != NOBODY {
            return Some(Slot::Person(PersonIx(person)));
        }
        let unknown = self.unknown.get(&account.0);
        Some(unknown.map_or(Slot::Nobody, Slot::Unknown))
    }

    fn set_person(&mut self, account: u32, person: PersonIx) {
        if let Some(slot) = self.people.get_mut(account as usize) {
            *slot = person.0;
        }
    }
}

/// The people of all directories, and each account's way to them.
#[derive(Debug, Default)]
pub(super) struct People {
    pub(super) people: Vec<Person>,
    /// By source.
    pub(super) slots: Vec<Slots>,
}

/// One reason for a person to exist.
struct Claim {
    /// The first 16 bytes of the user ID as a number: most comparisons end here, without a look at the text.
    start: u128,
    user: OwnedUserId,
    /// Source and account; `None` for someone named in the configuration.
    account: Option<(u32, u32)>,
    /// The account's status. Kept here, because claims are sorted and accounts are not.
    status: Option<AccountStatus>,
}

impl Claim {
    fn new(user: OwnedUserId, account: Option<(u32, u32)>, status: Option<AccountStatus>) -> Self {
        Self {
            // Each ID begins with `@`, which tells nothing.
            start: beginning(&user.as_bytes()[1..]),
            user,
            account,
            status,
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        self.start == other.start && self.user == other.user
    }
}

impl People {
    pub(super) fn collect(
        sources: &[Source<'_>],
        fixed: impl Iterator<Item = OwnedUserId>,
        policy: &Policy,
        findings: &mut Vec<Finding>,
    ) -> Self {
        let mut claims: Vec<Claim> = fixed.map(|user| Claim::new(user, None, None)).collect();
        let mut slots = Vec::with_capacity(sources.len());
        for (index, source) in (0..).zip(sources) {
            slots.push(mint_all(index, source, policy, &mut claims, findings));
        }
        claims.sort_unstable_by(|a, b| {
            let texts = || a.user.cmp(&b.user).then_with(|| a.account.cmp(&b.account));
            a.start.cmp(&b.start).then_with(texts)
        });

        let mut people = Vec::with_capacity(claims.len());
        let mut collisions = Collisions::default();
        let mut claims = claims.into_iter();
        while let Some(first) = claims.as_slice().first() {
            let Some(ix) = index(people.len()).filter(|&ix| ix != NOBODY).map(PersonIx) else {
                break;
            };
            let count = claims
                .as_slice()
                .iter()
                .take_while(|other| other.is_same(first))
                .count();
            let same = &claims.as_slice()[..count];
            let standing = standing(sources, same, &mut collisions);
            for claim in same {
                let enabled = claim.status != Some(AccountStatus::Disabled);
                if let Some((source, account)) = claim.account.filter(|_| enabled) {
                    slots[source as usize].set_person(account, ix);
                }
            }
            // The text of the first is taken over, those of the others are dropped.
            let user_id = claims
                .by_ref()
                .take(count)
                .map(|claim| claim.user)
                .reduce(|first, _| first);
            people.extend(user_id.map(|user_id| Person { user_id, standing }));
        }
        collisions.report(findings);
        Self { people, slots }
    }

    pub(super) fn find(&self, user: &UserId) -> Option<PersonIx> {
        let at = self.people.binary_search_by(|p| (*p.user_id).cmp(user)).ok()?;
        index(at).map(PersonIx)
    }
}

/// A position as an index of the model's 32 bits.
pub(super) fn index(position: usize) -> Option<u32> {
    u32::try_from(position).ok()
}

/// What all claims to one user ID say together.
fn standing(sources: &[Source<'_>], same: &[Claim], collisions: &mut Collisions) -> PersonStanding {
    let mut collided = false;
    // Claims are sorted by source, so those of one directory stand together.
    for pair in same.windows(2) {
        if let (Some((a, _)), Some((b, _))) = (pair[0].account, pair[1].account)
            && a == b
        {
            collided = true;
        }
    }
    if collided {
        collisions.add(sources, same);
        return PersonStanding::Uncertain;
    }
    let mut standing = None;
    for claim in same.iter().filter(|claim| claim.account.is_some()) {
        let said = match claim.status {
            Some(AccountStatus::Active) => PersonStanding::Active,
            Some(AccountStatus::Disabled) => PersonStanding::Disabled,
            None => PersonStanding::Uncertain,
        };
        standing = Some(match (standing, said) {
            (Some(PersonStanding::Active), _) | (_, PersonStanding::Active) => PersonStanding::Active,
            (Some(PersonStanding::Uncertain), _) | (_, PersonStanding::Uncertain) => {
                PersonStanding::Uncertain
            }
            _ => PersonStanding::Disabled,
        });
    }
    // The configuration's word counts for someone whom no directory knows, or none any more: what a disabled
    // account would have given is left out either way.
    let named = same.iter().any(|claim| claim.account.is_none());
    match standing {
        Some(PersonStanding::Disabled) if named => PersonStanding::Active,
        Some(standing) => standing,
        None => PersonStanding::Active,
    }
}

#[derive(Default)]
struct Collisions {
    findings: Vec<Finding>,
    total: usize,
}

impl Collisions {
    fn add(&mut self, sources: &[Source<'_>], same: &[Claim]) {
        let in_order = same.chunk_by(|a, b| a.account.map(|(s, _)| s) == b.account.map(|(s, _)| s));
        for of_source in in_order.filter(|claims| claims.len() > 1) {
            // Several entries of the configuration for one person are no collision.
            let Some((source, _)) = of_source[0].account else {
                continue;
            };
            let source = &sources[source as usize];
            self.total += 1;
            if self.findings.len() < COLLISIONS_LISTED {
                let accounts = of_source.iter().filter_map(|claim| claim.account);
                let accounts = accounts.map(|(_, account)| &source.directory.accounts[account as usize]);
                self.findings.push(Finding::new(
                    Subject::Directory(source.provider.clone()),
                    FindingKind::Collision,
                    format!(
                        "{} of directory {} lead to the one Matrix ID {}, so nothing is done with it; give each \
                         account its own",
                        several("account", "accounts", told_apart(accounts).into_iter()),
                        source.provider,
                        of_source[0].user
                    ),
                ));
            }
        }
    }

    fn report(self, findings: &mut Vec<Finding>) {
        let more = self.total - self.findings.len();
        findings.extend(self.findings);
        if more > 0 {
            findings.push(Finding::new(
                Subject::Run,
                FindingKind::Collision,
                format!("{more} more Matrix IDs are claimed by several accounts of one directory each"),
            ));
        }
    }
}

/// Mints the IDs of one directory. People who belong to no group are minted too, as another directory may put
/// them into one, but an account in no group is not worth a finding.
fn mint_all(
    index: u32,
    source: &Source<'_>,
    policy: &Policy,
    claims: &mut Vec<Claim>,
    findings: &mut Vec<Finding>,
) -> Slots {
    let accounts = &source.directory.accounts;
    // Mostly nobody asks.
    let in_group = LazyCell::new(|| source.accounts_in_groups());
    let mut slots = Slots::new(accounts.len());
    let (mut unmintable, mut foreign, mut guests, mut unclear) = (vec![], vec![], vec![], vec![]);
    claims.reserve(accounts.len());
    // Beyond 32 bits no member entry could refer to an account.
    for (number, account) in (0..u32::MAX).zip(accounts) {
        let at = number as usize;
        let shown = account.shown();
        let disabled = account.status == Some(AccountStatus::Disabled);
        match source.policy.minting.mint(account) {
            Ok(Minted::User(user)) if policy.in_scope(&user) => {
                if account.status.is_none() && in_group[at] {
                    unclear.push(shown);
                }
                claims.push(Claim::new(user, Some((index, number)), account.status));
            }
            // A disabled account contributes nothing, whoever it was.
            _ if disabled => {}
            Ok(Minted::User(user)) => {
                if in_group[at] {
                    foreign.push(format!("{shown} ({user})"));
                }
            }
            Ok(Minted::SkippedGuest) => {
                if in_group[at] {
                    guests.push(shown);
                }
            }
            Err(why) => {
                if in_group[at] {
                    unmintable.push(format!("{shown} ({why})"));
                }
                let gap = Gap {
                    what: format!("account {shown} of directory {}", source.provider),
                    why: why.to_string(),
                };
                slots.unknown.insert(number, Arc::new(gap));
            }
        }
    }
    let provider = source.provider;
    let mut tell = |kind, message| {
        findings.push(Finding::new(Subject::Directory(provider.clone()), kind, message));
    };
    if !unmintable.is_empty() {
        let who = named(unmintable.iter().map(String::as_str), provider);
        tell(
            FindingKind::Unmintable,
            format!(
                "no Matrix ID can be made for {who}; nobody is removed from the rooms of their groups until that is put right"
            ),
        );
    }
    if !foreign.is_empty() {
        let who = named(foreign.iter().map(String::as_str), provider);
        tell(
            FindingKind::Unmintable,
            format!(
                "the Matrix ID of {who} is not of {}, so it is left alone",
                policy.accounts_server
            ),
        );
    }
    if !guests.is_empty() {
        let who = named(guests.into_iter(), provider);
        tell(FindingKind::GuestSkipped, format!("guests are left out: {who}"));
    }
    if !unclear.is_empty() {
        let who = named(unclear.into_iter(), provider);
        tell(
            FindingKind::StatusUnknown,
            format!(
                "it is not known whether they may be used, so nothing is done with {who}; check that the bot may read the status"
            ),
        );
    }
    slots
}

fn named<'a>(shown: impl Iterator<Item = &'a str>, provider: &ProviderId) -> String {
    format!(
        "{} of directory {provider}",
        several("account", "accounts", shown)
    )
}

/// What people are told of accounts that are about to be told apart: two that share a label, as two of one login do,
/// have their keys with it.
fn told_apart<'a>(accounts: impl Iterator<Item = &'a Account>) -> Vec<String> {
    let accounts: Vec<&Account> = accounts.collect();
    let shown: BTreeSet<&str> = accounts.iter().map(|account| account.shown()).collect();
    let differ = shown.len() == accounts.len();
    let tell = |account: &&Account| match &account.label {
        Some(label) if !differ => format!("{label} ({})", account.key),
        _ => account.shown().to_owned(),
    };
    accounts.iter().map(tell).collect()
}
