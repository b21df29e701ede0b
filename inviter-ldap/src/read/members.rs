//! From member entries to members: who is gone, who is nobody, and what is not known.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use inviter_core::directory::{AccountIx, Directory, Extent, Gap, Group, GroupIx, Member, Part, Remark};

use super::{
    BaseRead, Reader,
    accounts::Accounts,
    groups::{GroupDraft, Groups, Slot, Slots},
    lookup::Found,
};
use crate::{Dn, schema::PrimaryGroup, trouble::shortened};

/// How many names a sentence lists.
const LISTED: usize = 3;

/// More entries of one group than this, and more than [`GROUP_PERCENT`], are not believed to be gone (decision 3).
const GROUP_COUNT: usize = 3;
const GROUP_PERCENT: usize = 10;
/// More entries than this part of all people are not believed to be gone (decision 3). One always may be: in a small
/// directory nobody could ever be removed otherwise.
const DIRECTORY_PERCENT: usize = 2;

/// What all member entries lead to.
struct Verdicts {
    names: Vec<Verdict>,
    logins: Vec<Verdict>,
}

/// What a member entry means.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Member(Member),
    /// Nobody, known for sure.
    Nobody,
    /// There is no such entry any more, and that is believed unless too many of one group are.
    Gone,
    Unknown(String),
}

impl Reader<'_> {
    /// Puts accounts and groups together. Says whether the connection was lost on the way.
    pub(super) async fn resolve(
        self,
        mut accounts: Accounts<'_>,
        mut groups: Groups<'_>,
        (mut accounts_extent, listing): (Extent, Extent),
    ) -> (Directory, bool) {
        let mut lost = self.complete_ranges(&mut groups, &accounts, 0).await;
        let (names, names_lost) = self.look_up(&mut accounts, &mut groups).await;
        let (logins, logins_lost) = self
            .look_up_logins(&mut accounts, &groups, &mut accounts_extent)
            .await;
        lost |= names_lost || logins_lost;
        let mut remarks = accounts.remarks();
        remarks.extend(outsiders(&names, &groups));
        let verdicts = judge(names, logins, &accounts, &groups);
        let mut gone = Gone::default();
        let primary_groups = primary_groups_gap(&accounts);
        let none_shown = groups.no_member_is_shown();
        let drafts = std::mem::take(&mut groups.list);
        let resolved = drafts
            .into_iter()
            .map(|draft| {
                let primary = draft
                    .primary_mark
                    .as_ref()
                    .map(|mark| accounts.by_primary_group.get(mark).map_or(&[][..], Vec::as_slice));
                let why = match primary {
                    Some(_) => primary_groups.clone(),
                    None => self.hidden_mark(&accounts),
                };
                let mut group = group(draft, primary, &groups, &verdicts, &mut gone);
                if none_shown {
                    group.members.extent.add(Gap {
                        what: format!("members of {}", shortened(&group.name)),
                        why: "not shown, and neither are those of any other group; give the bot the right to read them"
                            .to_owned(),
                    });
                }
                if let Some(why) = why {
                    group.members.extent.add(Gap {
                        what: format!("accounts with {} as their primary group", shortened(&group.name)),
                        why,
                    });
                }
                group
            })
            .collect();
        remarks.extend(gone.remark());
        let directory = Directory {
            accounts: accounts.list,
            groups: resolved,
            listing,
            accounts_extent,
            remarks,
            ..Directory::default()
        };
        (directory, lost)
    }
}

impl Reader<'_> {
    /// Why it is not known who has a group as the primary one that shows nothing to tell it by.
    fn hidden_mark(self, accounts: &Accounts<'_>) -> Option<String> {
        // Of Active Directory each group has an `objectSid`; elsewhere groups without a number are nobody's.
        let has_any = self.config.schema.primary_group == PrimaryGroup::PrimaryGroupId
            && !accounts.by_primary_group.is_empty();
        has_any.then(|| {
            "not known, since the group does not show its `objectSid`; give the bot the right to read it"
                .to_owned()
        })
    }
}

/// Why not all accounts with some group as their primary one are known.
fn primary_groups_gap(accounts: &Accounts<'_>) -> Option<String> {
    if accounts.may_have_moved() {
        return Some(
            "not all known, since not all accounts could be listed; what the listing lacks says why"
                .to_owned(),
        );
    }
    let hidden = &accounts.without_primary_group;
    (!hidden.is_empty()).then(|| {
        format!(
            "not all known, since {} of them show none ({}); give the bot the right to read \
             `primaryGroupID` and `objectSid`, or `gidNumber`",
            hidden.len(),
            some(hidden.iter().map(|dn| &**dn))
        )
    })
}

/// A draft with its entries known.
fn group(
    draft: GroupDraft,
    primary: Option<&[u32]>,
    groups: &Groups<'_>,
    verdicts: &Verdicts,
    gone: &mut Gone,
) -> Group {
    let mut members = part(&draft, &draft.members, "member", groups, verdicts, gone);
    let owners = part(&draft, &draft.owners, "owner", groups, verdicts, gone);
    let primary = primary.unwrap_or_default().iter();
    members
        .values
        .extend(primary.map(|&account| Member::Account(AccountIx(account))));
    Group {
        key: draft.key,
        name: draft.name,
        members,
        owners,
        flattened: false,
        // As it is written, and as names compare, so that either may be configured.
        also_called: if draft.dn.as_str() == &*draft.written {
            vec![draft.written]
        } else {
            vec![draft.dn.as_str().into(), draft.written]
        },
        nested_only: draft.nested_only,
    }
}

fn part(
    draft: &GroupDraft,
    slots: &Slots,
    kind: &str,
    groups: &Groups<'_>,
    verdicts: &Verdicts,
    gone: &mut Gone,
) -> Part<Member> {
    let mut values = Vec::with_capacity(slots.list.len());
    let mut extent = slots.extent.clone();
    let mut unknown: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (written, why) in &slots.unreadable {
        unknown.entry(why).or_default().push(written);
    }
    let mut gone_here = Vec::new();
    for &slot in &slots.list {
        let (verdict, written) = match slot {
            Slot::Account(account) => {
                values.push(Member::Account(AccountIx(account)));
                continue;
            }
            Slot::Name(at) => (&verdicts.names[at as usize], &groups.names.list[at as usize].1),
            Slot::Login(at) => (&verdicts.logins[at as usize], &groups.logins.list[at as usize].1),
        };
        match verdict {
            Verdict::Member(member) => values.push(member.clone()),
            Verdict::Nobody => {}
            Verdict::Gone => gone_here.push(&**written),
            Verdict::Unknown(why) => unknown.entry(why).or_default().push(written),
        }
    }
    let allowed = GROUP_COUNT.max(slots.entries * GROUP_PERCENT / 100);
    if gone_here.len() > allowed {
        extent.add(Gap {
            what: entries(&gone_here, kind, &draft.written),
            why: format!(
                "nothing is there, and that for too many of one group to be believed (at most {GROUP_COUNT}, or \
                 {GROUP_PERCENT} %); remove what is stale, or give the bot the right to see what is there"
            ),
        });
    } else {
        gone.add(&gone_here, &draft.name);
    }
    for (why, written) in unknown {
        extent.add(Gap {
            what: entries(&written, kind, &draft.written),
            why: why.to_owned(),
        });
    }
    Part { values, extent }
}

/// `2 member entries of group cn=staff,… (uid=a,…, uid=b,…)`
fn entries(written: &[&str], kind: &str, group: &str) -> String {
    let one = if written.len() == 1 { "entry" } else { "entries" };
    format!(
        "{} {kind} {one} of group {} ({})",
        written.len(),
        shortened(group),
        some(written.iter().copied())
    )
}

/// The first few, and how many more there are.
pub(super) fn some<'t>(mut names: impl Iterator<Item = &'t str>) -> String {
    let listed: Vec<String> = names.by_ref().take(LISTED).map(shortened).collect();
    let (listed, more) = (listed.join("; "), names.count());
    if more > 0 {
        format!("{listed}; and {more} more")
    } else {
        listed
    }
}

/// Entries that lead to people who are gone, over all groups.
#[derive(Debug, Default)]
struct Gone {
    entries: BTreeSet<Box<str>>,
    groups: BTreeSet<Box<str>>,
}

impl Gone {
    fn add(&mut self, entries: &[&str], group: &str) {
        if !entries.is_empty() {
            self.entries.extend(entries.iter().map(|&entry| Box::from(entry)));
            self.groups.insert(group.into());
        }
    }

    fn remark(&self) -> Option<Remark> {
        let count = self.entries.len();
        (count > 0).then(|| Remark {
            what: format!(
                "{count} member {} ({})",
                if count == 1 { "entry" } else { "entries" },
                some(self.entries.iter().map(|entry| &**entry))
            ),
            why: format!(
                "nobody is there any more, which counts as gone; to be removed from {} {}",
                if self.groups.len() == 1 {
                    "the group"
                } else {
                    "the groups"
                },
                some(self.groups.iter().map(|group| &**group))
            ),
        })
    }
}

/// Entries that lead out of the bases of people.
fn outsiders(found: &[Found], groups: &Groups<'_>) -> Option<Remark> {
    let outside: Vec<&str> = found
        .iter()
        .zip(&groups.names.list)
        .filter(|(found, _)| **found == Found::Nobody { outside: true })
        .map(|(_, (_, written))| &**written)
        .collect();
    (!outside.is_empty()).then(|| Remark {
        what: format!(
            "{} that groups refer to ({})",
            if outside.len() == 1 {
                "1 entry".to_owned()
            } else {
                format!("{} entries", outside.len())
            },
            some(outside.iter().copied())
        ),
        why: "outside `user_bases`, which counts as nobody; add the base if there are people".to_owned(),
    })
}

fn judge(names: Vec<Found>, logins: Vec<Found>, accounts: &Accounts<'_>, groups: &Groups<'_>) -> Verdicts {
    let dangling = names.contains(&Found::NoSuchObject);
    let places = if dangling {
        Places::of(accounts, groups)
    } else {
        Places::default()
    };
    let mut names: Vec<Verdict> = names
        .into_iter()
        .zip(&groups.names.list)
        .map(|(found, (dn, _))| verdict(found, || places.believe(dn, &accounts.bases)))
        .collect();
    let mut logins: Vec<Verdict> = logins
        .into_iter()
        .map(|found| {
            verdict(found, || {
                // They may be of any base.
                (!accounts.may_have_moved() && accounts.len() > 0 && !accounts.any_without_login)
                    .then_some(())
                    .ok_or_else(|| {
                        "nobody with this login name is shown, and neither are all people".to_owned()
                    })
            })
        })
        .collect();
    let is_gone = |verdict: &&mut Verdict| **verdict == Verdict::Gone;
    let gone = names.iter_mut().chain(&mut logins).filter(is_gone).count();
    if gone > 1.max(accounts.len() * DIRECTORY_PERCENT / 100) {
        let why = format!(
            "nothing is there, and that for {gone} member entries in all, which is too many of {} people to be believed (at \
             most {DIRECTORY_PERCENT} %); remove what is stale, or give the bot the right to see what is there",
            accounts.len()
        );
        for verdict in names.iter_mut().chain(&mut logins).filter(is_gone) {
            *verdict = Verdict::Unknown(why.clone());
        }
    }
    Verdicts { names, logins }
}

fn verdict(found: Found, believable: impl FnOnce() -> Result<(), String>) -> Verdict {
    match found {
        Found::Account(account) => Verdict::Member(Member::Account(AccountIx(account))),
        Found::Group(group) => Verdict::Member(Member::Group(GroupIx(group))),
        Found::Placeholder | Found::Nobody { .. } => Verdict::Nobody,
        Found::NoSuchObject => match believable() {
            Ok(()) => Verdict::Gone,
            Err(why) => Verdict::Unknown(why),
        },
        Found::Unknown(why) => Verdict::Unknown(why),
    }
}

/// What is directly below an entry and named by an attribute: `(ou=people,dc=x, uid)`.
type Place<'n> = (&'n str, String);

/// Where people and groups were found.
#[derive(Debug, Default)]
struct Places<'n> {
    people: HashSet<Place<'n>>,
    groups: HashSet<Place<'n>>,
}

impl<'n> Places<'n> {
    fn of(accounts: &'n Accounts<'_>, groups: &'n Groups<'_>) -> Self {
        Self {
            people: accounts.dns().filter_map(place).collect(),
            groups: groups
                .list
                .iter()
                .filter_map(|group| place(group.dn.as_str()))
                .collect(),
        }
    }

    /// "No such object" is believed of an entry whose parent lies under a base that was read to its end in this run,
    /// and that yielded other people (decision 3), if it can only have been a person: people are beside it who are named
    /// alike, and no groups are. A branch that was renamed or hidden looks the same otherwise, and so does a group with
    /// all the people in it.
    fn believe(&self, dn: &Dn, bases: &[BaseRead]) -> Result<(), String> {
        let parent = dn.parent();
        let around = || {
            bases
                .iter()
                .filter(|base| parent.as_ref().is_some_and(|parent| parent.is_within(&base.dn)))
        };
        if around().any(|base| base.complete && base.people > 0) {
            let place = place(dn.as_str());
            let is_persons =
                place.is_some_and(|place| self.people.contains(&place) && !self.groups.contains(&place));
            return if is_persons {
                Ok(())
            } else {
                Err("nothing is there that the bot may see, and no people of such names are beside it, so it may have \
                     been a group, or a branch that has another name now; remove what is stale, or give the bot the \
                     right to see it"
                    .to_owned())
            };
        }
        Err(match around().next() {
            // To remove the entry would be wrong: what is wrong is the base.
            Some(base) => format!(
                "nothing is there that the bot may see, and neither are all people below {} shown",
                base.dn
            ),
            None => "nothing is there that the bot may see, and what was there is not known; remove what is stale, give \
                     the bot the right to see it, or list it in `placeholders`"
                .to_owned(),
        })
    }
}

/// The place of a name in canonical form; none for the root.
fn place(dn: &str) -> Option<Place<'_>> {
    let (own, parent) = dn.split_once(',').unwrap_or((dn, ""));
    let kinds: Vec<&str> = own
        .split('+')
        .map(|part| part.split_once('=').map(|(kind, _)| kind))
        .collect::<Option<_>>()?;
    Some((parent, kinds.join("+")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(dn: &str, complete: bool, people: usize) -> BaseRead {
        BaseRead {
            dn: Dn::parse(dn).unwrap(),
            complete,
            people,
        }
    }

    #[test]
    fn whose_absence_is_believed() {
        let gone = Dn::parse("uid=a,ou=people,dc=x").unwrap();
        let place = |parent, kind: &str| HashSet::from([(parent, kind.to_owned())]);
        let places = Places {
            people: place("ou=people,dc=x", "uid"),
            groups: place("ou=people,dc=x", "cn"),
        };
        let believes = |dn: &Dn, bases: &[BaseRead]| places.believe(dn, bases).is_ok();
        assert!(believes(&gone, &[base("ou=people,dc=x", true, 1)]));
        assert!(believes(&gone, &[base("dc=x", true, 1)]));
        assert!(!believes(&gone, &[base("dc=x", false, 1)]));
        assert!(!believes(&gone, &[base("dc=x", true, 0)]));
        assert!(!believes(&gone, &[base("ou=staff,dc=x", true, 1)]));
        for other in [
            // The base itself is not below it; nobody is beside it; groups are named so; people are named otherwise.
            "ou=people,dc=x",
            "uid=a,ou=guests,ou=people,dc=x",
            "cn=a,ou=people,dc=x",
            "mail=a,ou=people,dc=x",
            "",
        ] {
            let other = Dn::parse(other).unwrap();
            assert!(
                !believes(&other, &[base("dc=x", true, 1), base("", true, 1)]),
                "{other}"
            );
        }
        // A group may have been there.
        let mixed = Places {
            people: place("ou=all,dc=x", "cn"),
            groups: place("ou=all,dc=x", "cn"),
        };
        let either = Dn::parse("cn=a,ou=all,dc=x").unwrap();
        assert!(mixed.believe(&either, &[base("dc=x", true, 1)]).is_err());
        assert_eq!(
            super::place("cn=a+uid=b,dc=x"),
            Some(("dc=x", "cn+uid".to_owned()))
        );
    }
}
