//! Where things go wrong, and who is concerned by that.

use std::collections::BTreeSet;

use inviter_core::provider::{ProviderError, ProviderErrorKind as Kind};
use inviter_graph_emulator::{Fault, Match, Trouble};

use super::{
    lost,
    town::{BOARD, INNER, LATE, NEW_TEAM, NEWCOMER, RED, ROOT, beside_red, id},
    trouble::{Case, Effect},
};
use crate::{
    facts::Facts,
    harness::{Picture, told},
};

/// A place where things go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The root group itself.
    Root,
    /// The first page of its members.
    RootMembers,
    /// The other pages of its members.
    RootMembersLater,
    /// Groups by their names, from the first page on.
    Prefix,
    /// The other pages of groups by their names.
    PrefixLater,
    /// The group that is found by its ID.
    Listed,
    /// The first page of red's members.
    Members,
    MembersLater,
    Owners,
    /// Of the group inside red.
    InnerMembers,
    UsersDelta,
    /// The other pages of what is told of users.
    UsersDeltaLater,
    GroupsDelta,
    GroupsDeltaLater,
    /// Whoever is new in red.
    User,
    /// The members of a group that is new, and found by its name.
    NewMembers,
    NewOwners,
    /// The members of one that is new inside the root group.
    LateMembers,
    /// Every batch as a whole.
    Batch,
}

/// What an answer has to be.
#[derive(Debug, Clone, Default)]
pub(super) struct Expected {
    /// It is no answer but an error.
    pub(super) error: Option<Kind>,
    /// Not all groups are listed.
    pub(super) listing: bool,
    /// The groups whose members are not all known.
    pub(super) members: BTreeSet<String>,
    pub(super) owners: BTreeSet<String>,
    /// What each gap says, or the error.
    pub(super) words: Vec<&'static str>,
    /// Which part is incomplete depends on chance.
    pub(super) any: bool,
    /// A group is told to be absent, and is not a gap.
    pub(super) absent: Option<String>,
}

impl Place {
    pub(super) fn fault(self, case: &Case) -> Fault {
        let group = |number: u64| format!("/groups/{}", id(number));
        let list = |number: u64, list: &str| Match::path(&format!("{}/{list}", group(number)));
        let when = match self {
            Self::Root => Match::path(&format!("{}?", group(ROOT))),
            Self::RootMembers => list(ROOT, "members").in_batch(),
            Self::RootMembersLater => list(ROOT, "members").outside_batch(),
            Self::Prefix => Match::path("/groups?"),
            Self::PrefixLater => Match::path("/groups?").from_nth(2),
            Self::Listed => Match::path(&format!("{}?", group(BOARD))),
            Self::Members => list(RED, "members").in_batch(),
            Self::MembersLater => list(RED, "members").outside_batch(),
            Self::Owners => list(RED, "owners"),
            Self::InnerMembers => list(INNER, "members"),
            Self::UsersDelta => Match::path("/users/delta"),
            Self::UsersDeltaLater => Match::path("/users/delta").from_nth(2),
            Self::GroupsDelta => Match::path("/groups/delta"),
            Self::GroupsDeltaLater => Match::path("/groups/delta").from_nth(2),
            Self::User => Match::path(&format!("/users/{}", id(NEWCOMER))),
            Self::NewMembers => list(NEW_TEAM, "members"),
            Self::NewOwners => list(NEW_TEAM, "owners"),
            Self::LateMembers => list(LATE, "members"),
            Self::Batch => Match::path("/$batch"),
        };
        Fault {
            when,
            what: case.what.clone(),
            times: case.times,
        }
    }

    const fn is_in_batch(self) -> bool {
        matches!(
            self,
            Self::RootMembers
                | Self::Listed
                | Self::Members
                | Self::Owners
                | Self::InnerMembers
                | Self::User
                | Self::NewMembers
                | Self::NewOwners
                | Self::LateMembers
        )
    }

    /// Whether what goes wrong there is a list, and not one object.
    const fn is_list(self) -> bool {
        !matches!(self, Self::Root | Self::Listed | Self::User | Self::Batch)
    }

    pub(super) const fn is_delta(self) -> bool {
        matches!(
            self,
            Self::UsersDelta | Self::UsersDeltaLater | Self::GroupsDelta | Self::GroupsDeltaLater
        )
    }

    /// Whether this trouble can come there at all.
    pub(super) fn takes(self, case: &Case) -> bool {
        let elsewhere = matches!(case.what, Trouble::NextLinkElsewhere(_) | Trouble::NextLinkLoop);
        let huge = matches!(case.what, Trouble::Huge(_));
        if case.is_of_batches() {
            self.is_in_batch()
        } else if elsewhere {
            self.is_list()
        } else if case.is_of_lists() {
            self.is_list() || self == Self::Batch
        } else {
            // It takes its time, and is the same everywhere.
            !huge || matches!(self, Self::MembersLater)
        }
    }

    /// What comes of it, but for delta queries.
    pub(super) fn expected(self, case: &Case) -> Expected {
        let mut expected = Expected::default();
        // What comes after the first page is asked for alone, where the answer is sound.
        let alone =
            matches!(case.what, Trouble::NextLinkLoop) && matches!(self, Self::RootMembers | Self::Members);
        if case.effect == Effect::Passes || alone {
            return expected;
        }
        expected.words = self.words(case.effect);
        if case.effect == Effect::Throttled {
            expected.any = true;
            return expected;
        }
        if self == Self::Batch {
            expected.error = Some(kind(case.effect));
            return expected;
        }
        let whole_batch = case.is_of_connection() && self.is_in_batch();
        let mut members: Vec<String> = Vec::new();
        let mut owners: Vec<String> = Vec::new();
        match self {
            // Everything that is known then is in that batch.
            Self::RootMembers if whole_batch => {
                expected.error = Some(kind(case.effect));
                expected.words.pop();
            }
            Self::Root | Self::RootMembers | Self::RootMembersLater | Self::Prefix | Self::PrefixLater => {
                expected.listing = true;
            }
            // That it is not there any more is told, and is no gap.
            Self::Listed if case.effect == Effect::NotFound => expected.absent = Some(id(BOARD).to_string()),
            Self::Listed => expected.listing = true,
            Self::Members | Self::Owners if whole_batch => {
                members = beside_red();
                owners = beside_red();
            }
            Self::Members | Self::MembersLater | Self::User => members.push("Red".to_owned()),
            Self::Owners => owners.push("Red".to_owned()),
            Self::InnerMembers | Self::NewMembers | Self::NewOwners | Self::LateMembers if whole_batch => {}
            Self::InnerMembers => members.push("Inner".to_owned()),
            Self::NewMembers => members.push("Team g".to_owned()),
            Self::NewOwners => owners.push("Team g".to_owned()),
            Self::LateMembers => members.push("Late".to_owned()),
            Self::UsersDelta
            | Self::UsersDeltaLater
            | Self::GroupsDelta
            | Self::GroupsDeltaLater
            | Self::Batch => {}
        }
        expected.members = members.into_iter().collect();
        expected.owners = owners.into_iter().collect();
        expected
    }

    fn words(self, effect: Effect) -> Vec<&'static str> {
        let mut words = match effect {
            Effect::Passes => vec![],
            Effect::Unavailable => vec!["run again later"],
            Effect::Unauthorized => vec!["does not accept the access token", "401", "clock"],
            Effect::Denied if self == Self::User => vec!["User.Read.All", "administrator's consent", "403"],
            Effect::Denied if self == Self::Batch => vec![".Read.All", "administrator's consent", "403"],
            Effect::Denied => vec!["GroupMember.Read.All", "administrator's consent", "403"],
            Effect::NotFound if self == Self::User => vec!["Graph has no such user"],
            Effect::NotFound => vec!["Graph does not have"],
            Effect::Expired => vec!["does not know any more where this stood", "run again"],
            Effect::Throttled => vec!["concurrency", "too many requests"],
            Effect::Malformed(words) => vec![words, "check the URL of Graph"],
        };
        if effect == Effect::Throttled {
            return words;
        }
        // Which group it is about.
        words.push(match self {
            Self::Root => "root group",
            Self::RootMembers | Self::RootMembersLater => "members of `Rooms`",
            Self::Prefix | Self::PrefixLater => "groups whose names begin with `Team `",
            Self::Listed => "group 00000000-0000-4000-8000-000000000050",
            Self::User => "members of `",
            Self::Members
            | Self::MembersLater
            | Self::Owners
            | Self::InnerMembers
            | Self::NewMembers
            | Self::NewOwners
            | Self::LateMembers => "s of `",
            _ => "",
        });
        words
    }
}

/// The kind of error where nothing could be read.
pub(super) const fn kind(effect: Effect) -> Kind {
    match effect {
        Effect::Passes | Effect::Unavailable | Effect::Throttled => Kind::Unavailable,
        Effect::Unauthorized | Effect::Denied => Kind::Denied,
        Effect::NotFound => Kind::Misconfigured,
        Effect::Expired | Effect::Malformed(_) => Kind::Malformed,
    }
}

impl Expected {
    fn without_absent(&self, truth: &Facts) -> Facts {
        let mut truth = truth.clone();
        if let Some(group) = self.absent.as_ref().and_then(|id| truth.groups.remove(id)) {
            // Nobody else is there whom only this group had.
            for id in group.members.iter().chain(&group.owners) {
                truth.people.remove(id);
            }
        }
        truth
    }

    /// What an answer has different.
    pub(super) fn differences(&self, answer: &Result<Picture, ProviderError>, truth: &Facts) -> Vec<String> {
        let mut wrong = Vec::new();
        let truth = &self.without_absent(truth);
        let mut lacks = |text: &str| {
            let lacking = self.words.iter().filter(|words| !text.contains(**words));
            wrong.extend(lacking.map(|words| format!("no {words:?} in: {text}")));
        };
        let picture = match (answer, self.error) {
            (Err(error), expected) if expected == Some(error.kind) || self.any => {
                lacks(&error.to_string());
                return wrong;
            }
            (Err(error), expected) => {
                return vec![format!("{:?} instead of {expected:?}: {error}", error.kind)];
            }
            (Ok(picture), None) => picture,
            (Ok(picture), Some(kind)) => {
                wrong = lost(picture, truth);
                wrong.push(format!("{:?} instead of {kind:?}", picture.facts));
                return wrong;
            }
        };
        let lists = picture.directory.groups.iter();
        let lists = lists.flat_map(|group| [&group.members.extent, &group.owners.extent]);
        let parts = [&picture.directory.listing].into_iter().chain(lists).map(told);
        let gaps: Vec<String> = parts.filter(|gaps| !gaps.is_empty()).collect();
        if self.any && gaps.is_empty() {
            wrong.push("all is called known".to_owned());
        } else if !self.any {
            for gap in &gaps {
                lacks(gap);
            }
        }
        wrong.extend(lost(picture, truth));
        let names = |incomplete: std::collections::BTreeMap<&str, String>| -> BTreeSet<String> {
            incomplete.into_keys().map(str::to_owned).collect()
        };
        let (members, owners) = (names(picture.incomplete()), names(picture.incomplete_owners()));
        if self.any {
            return wrong;
        }
        if picture.listing().is_empty() == self.listing {
            wrong.push(format!("of the listing: {:?}", picture.listing()));
        }
        if members != self.members || owners != self.owners {
            wrong.push(format!(
                "incomplete: members of {members:?} and owners of {owners:?}, not of {:?} and {:?}",
                self.members, self.owners
            ));
        }
        let known = members.is_empty() && owners.is_empty() && picture.listing().is_empty();
        if picture.accounts_gaps().is_empty() != known {
            wrong.push(format!("of accounts: {:?}", picture.accounts_gaps()));
        }
        wrong
    }
}
