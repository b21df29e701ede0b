//! Why someone is in a room or not: everything that is known of one person in one room, and what the next run would
//! do about it. Pure.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use ruma_common::{OwnedRoomId, OwnedUserId, UserId};

use crate::{
    action::{Op, Why},
    desired::{Desired, DesiredRoom, Feed, FeedRole, PersonStanding, Role, Seat},
    directory::{Gap, ProviderId},
    evidence::{Evidence, Way, people, ways_of_accounts},
    finding::{Finding, FindingKind, Subject},
    levels::LevelSlot,
    plan::RoomStatus,
    policy::Policy,
    recall::{Brought, Happened},
    reconcile::Draft,
    report::RoomReport,
    resolve::{KnownAccount, ReadOutcome},
    room::{Binding, Cause, Membership, Power, RoomRef, RoomState},
};

/// Whom and where.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The person.
    pub user: &'a UserId,
    /// The room, as it was asked for.
    pub room: &'a RoomRef,
    /// Where the reference leads, if it leads anywhere.
    pub room_id: Option<&'a OwnedRoomId>,
    /// The state of the room there.
    pub state: &'a RoomState,
}

/// Why someone is in a room or not.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Explanation {
    /// The person.
    pub user: OwnedUserId,
    /// The room, as reports name it.
    pub room: RoomRef,
    /// The room, if it exists.
    pub room_id: Option<OwnedRoomId>,
    /// How far the room can be managed; `None` if nobody wants it.
    pub status: Option<RoomStatus>,
    /// Where the person is now.
    pub presence: Presence,
    /// Whether the directories want them there.
    pub answer: Answer,
    /// What else decides about them.
    pub marks: Vec<Mark>,
    /// The level that they are to have; `None` where nobody wants them, or where they are to have the room's default.
    pub level: Option<LevelWanted>,
    /// Each account behind the Matrix ID, in the order of the configuration.
    pub accounts: Vec<AccountFacts>,
    /// The groups that feed the room; the reasons refer to them by index.
    pub feeds: Vec<Feed>,
    /// What is not known, and makes the answer uncertain or keeps people where they are.
    pub gaps: Vec<Gap>,
    /// The room's part in the plan of a whole run, cut down to this person; `None` if nobody wants the room.
    pub plan: Option<RoomReport>,
    /// The evidence behind it all.
    pub evidence: Evidence,
    /// Findings of the run about this person, their accounts, and directories that were not read completely.
    pub findings: Vec<Finding>,
    /// That we have brought them in, if they have been there since. [`explain`] alone does not know; see
    /// [`Reconciler::explain`](crate::reconcile::Reconciler::explain).
    pub brought: Option<Brought>,
    /// What we did with them there as far as it is still remembered, oldest first; likewise.
    pub past: Vec<Happened>,
    /// Why the past could not be looked up, if it could not.
    pub past_unknown: Option<String>,
}

/// Where someone is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// The room does not exist.
    NoRoom,
    /// The bot is not in the room, and so does not see.
    BotNotInRoom,
    /// The room could not be read.
    Unknown(Cause),
    /// The room knows nothing of them.
    Absent,
    /// The room has a membership for them.
    Member {
        /// Which.
        membership: Membership,
        /// Their level.
        level: Power,
    },
}

/// Whether the directories and the configuration want someone in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// They do, for this reason.
    Wanted(Why),
    /// They do not, for this reason.
    NotWanted(Why),
    /// It is not known, for these reasons; nothing is taken from the person.
    Uncertain(Vec<String>),
    /// The person is the bot itself, which is never invited, removed or lowered.
    Bot,
    /// An account of a server that is not managed: left alone.
    OutOfScope,
    /// The room is outside the scope of the configuration, so that nothing is done in it.
    RoomOutOfScope,
    /// Nobody wants the room, so that nothing is done in it.
    RoomNotWanted,
}

/// What else decides about a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// Named in the configuration for this room: never removed.
    Fixed,
    /// Exempt by a pattern of the configuration: never removed or lowered.
    Exempt,
    /// Several accounts of one directory lead to the ID.
    Collision,
    /// A directory does not say whether the account may be used.
    StatusUnknown,
    /// No directory knows them.
    Unknown,
}

/// A level and who gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelWanted {
    /// The level.
    pub level: i64,
    /// Why.
    pub why: Why,
}

/// One account, and how it is in the groups that feed the room.
#[derive(Debug, Clone)]
pub struct AccountFacts {
    /// The account.
    pub account: KnownAccount,
    /// Groups that it is in or owns, with the way there.
    pub ways: Vec<(Feed, Way)>,
}

/// Explains, from a draft of a run over all rooms.
pub fn explain(question: &Question<'_>, draft: &Draft, policy: &Policy) -> Explanation {
    let user = question.user;
    let room = find_room(&draft.desired, question.room, question.room_id);
    let report = room.and_then(|room| report(draft, room));
    let plan = report.map(|report| cut(report, user));
    let feeds: Vec<Feed> = room.map_or_else(Vec::new, |room| room.feeds.to_vec());
    let evidence = Evidence::of(
        &draft.directories,
        policy,
        plan.as_slice(),
        true,
        BTreeSet::from([user]),
    );
    let accounts = evidence.accounts(user).unwrap_or_default().to_vec();
    let seat = room.and_then(|room| seat(&draft.desired, room, user));
    let removed = plan.as_ref().is_some_and(|plan| {
        plan.items
            .iter()
            .any(|i| matches!(i.action.op, Op::Remove { .. }))
    });
    let answer = match room {
        _ if user == draft.identity.user_id => Answer::Bot,
        None if is_outside(draft, question) => Answer::RoomOutOfScope,
        None => Answer::RoomNotWanted,
        Some(room) => answer(&draft.desired, policy, room, user, seat, removed),
    };
    let level = match (&answer, seat, room) {
        (Answer::Wanted(_), Some(seat), Some(room)) => level(seat, room),
        _ => None,
    };
    Explanation {
        user: user.to_owned(),
        room: plan
            .as_ref()
            .map_or_else(|| question.room.clone(), |plan| plan.room.clone()),
        room_id: question.room_id.cloned(),
        status: plan.as_ref().map(|plan| plan.status),
        presence: presence(question),
        marks: marks(&draft.desired, policy, user, seat, &accounts),
        findings: findings(draft, user, &accounts),
        accounts: facts(&draft.directories, policy, &feeds, accounts),
        gaps: room.map_or_else(Vec::new, gaps),
        answer,
        level,
        feeds,
        plan,
        evidence,
        brought: None,
        past: Vec::new(),
        past_unknown: None,
    }
}

/// The desired room of a name, or of the room that the name leads to.
pub(crate) fn find_room<'d>(
    desired: &'d Desired,
    name: &RoomRef,
    id: Option<&OwnedRoomId>,
) -> Option<&'d DesiredRoom> {
    let mut rooms = desired.rooms.iter();
    let by_name = rooms.find(|room| room.refs.contains(name));
    by_name.or_else(|| {
        let mut rooms = desired.rooms.iter();
        rooms.find(|room| matches!(&room.binding, Binding::Bound(bound) if Some(bound) == id))
    })
}

fn is_outside(draft: &Draft, question: &Question<'_>) -> bool {
    let id = question.room_id.map(|id| RoomRef::Id(id.clone()));
    draft.outside.contains(question.room) || id.is_some_and(|id| draft.outside.contains(&id))
}

fn report(draft: &Draft, room: &DesiredRoom) -> Option<RoomReport> {
    let planned = draft
        .plan
        .rooms()
        .iter()
        .find(|planned| planned.plan().refs == room.refs);
    planned.map(RoomReport::of_plan)
}

/// A room's report without the actions and findings that are about others.
fn cut(mut report: RoomReport, user: &UserId) -> RoomReport {
    report.items.retain(|item| match &item.action.op {
        Op::CreateRoom(_) | Op::Join { .. } => true,
        _ => people(&item.action).any(|other| other == user),
    });
    for item in &mut report.items {
        match &mut item.action.op {
            Op::SetLevels { changes } => {
                changes.retain(|change| matches!(&change.slot, LevelSlot::User(other) if other == user));
            }
            Op::CreateRoom(blueprint) => blueprint.levels.retain(|(other, _)| other == user),
            _ => {}
        }
    }
    report.findings.retain(|finding| match &finding.about {
        Subject::Person(_, other) => other == user,
        _ => true,
    });
    report.going.retain(|other, _| other == user);
    report
}

fn seat<'d>(desired: &Desired, room: &'d DesiredRoom, user: &UserId) -> Option<&'d Seat> {
    let found = room
        .seats
        .binary_search_by(|seat| (**desired.user(seat)).cmp(user));
    found.ok().map(|at| &room.seats[at])
}

fn answer(
    desired: &Desired,
    policy: &Policy,
    room: &DesiredRoom,
    user: &UserId,
    seat: Option<&Seat>,
    removed: bool,
) -> Answer {
    let standing = desired.person(user).map(|person| person.standing);
    match (standing, seat) {
        (Some(PersonStanding::Uncertain), _) => {
            return Answer::Uncertain(vec![
                "the directories do not say for sure who this is, or whether the account may be used"
                    .to_owned(),
            ]);
        }
        (Some(PersonStanding::Active), Some(seat)) => {
            return Answer::Wanted(seat.feed.map_or(Why::Fixed, |feed| Why::InGroup { feed }));
        }
        _ => {}
    }
    if !policy.in_scope(user) {
        return Answer::OutOfScope;
    }
    if !removed {
        let mut unknown: Vec<String> = room.members.gaps().iter().map(ToString::to_string).collect();
        let unread = desired.sources.iter().filter(|source| !source.is_complete());
        unknown.extend(unread.map(|source| format!("directory {} was not read completely", source.provider)));
        if !unknown.is_empty() || !room.members.is_complete() {
            return Answer::Uncertain(unknown);
        }
    }
    Answer::NotWanted(match standing {
        Some(PersonStanding::Disabled) => Why::AccountDisabled,
        _ => Why::InNoGroup,
    })
}

fn level(seat: &Seat, room: &DesiredRoom) -> Option<LevelWanted> {
    let Role::Level(level) = seat.role else {
        return None;
    };
    let why = match seat.feed {
        None => Why::Fixed,
        Some(feed) => match room.feeds.get(usize::from(feed)).map(|feed| feed.role) {
            Some(FeedRole::Owners) => Why::OwnerOf { feed },
            _ => Why::InGroup { feed },
        },
    };
    Some(LevelWanted { level, why })
}

fn presence(question: &Question<'_>) -> Presence {
    match question.state {
        RoomState::Missing => Presence::NoRoom,
        RoomState::NotJoined { .. } => Presence::BotNotInRoom,
        RoomState::Unknown(cause) => Presence::Unknown(cause.clone()),
        RoomState::Joined(snapshot) => match snapshot.member(question.user) {
            None => Presence::Absent,
            Some(member) => Presence::Member {
                membership: member.membership,
                level: snapshot.power(question.user),
            },
        },
    }
}

fn marks(
    desired: &Desired,
    policy: &Policy,
    user: &UserId,
    seat: Option<&Seat>,
    accounts: &[KnownAccount],
) -> Vec<Mark> {
    let collide = accounts
        .windows(2)
        .any(|pair| pair[0].provider == pair[1].provider);
    let uncertain = desired
        .person(user)
        .is_some_and(|person| person.standing == PersonStanding::Uncertain);
    let marks = [
        (seat.is_some_and(Seat::is_fixed), Mark::Fixed),
        (policy.exempt.matches(user), Mark::Exempt),
        (collide, Mark::Collision),
        (uncertain && !collide, Mark::StatusUnknown),
        (accounts.is_empty(), Mark::Unknown),
    ];
    marks
        .into_iter()
        .filter_map(|(holds, mark)| holds.then_some(mark))
        .collect()
}

fn facts(
    directories: &[ReadOutcome],
    policy: &Policy,
    feeds: &[Feed],
    accounts: Vec<KnownAccount>,
) -> Vec<AccountFacts> {
    let facts = accounts.into_iter().map(|account| {
        let feeds = feeds
            .iter()
            .filter(|feed| feed.group.provider == account.provider);
        let ways = feeds.filter_map(|feed| {
            let mut ways = ways_of_accounts(directories, policy, feed, BTreeSet::from([account.account]));
            Some((feed.clone(), ways.remove(&account.account)?))
        });
        AccountFacts {
            ways: ways.collect(),
            account,
        }
    });
    facts.collect()
}

/// What is not known of a room's members and owners, each once.
fn gaps(room: &DesiredRoom) -> Vec<Gap> {
    let gaps: BTreeSet<&Gap> = room.members.gaps().iter().chain(room.owners.gaps()).collect();
    gaps.into_iter().cloned().collect()
}

fn findings(draft: &Draft, user: &UserId, accounts: &[KnownAccount]) -> Vec<Finding> {
    let of_account = |provider: &ProviderId, key: &str| {
        accounts
            .iter()
            .any(|account| account.provider == *provider && *account.key == *key)
    };
    let about = |finding: &&Finding| match &finding.about {
        Subject::Account(provider, key) => of_account(provider, key),
        Subject::Person(_, other) => other == user,
        _ if matches!(
            finding.kind,
            FindingKind::DirectoryUnread
                | FindingKind::Incomplete
                | FindingKind::MemoryLost
                | FindingKind::NothingWanted
        ) =>
        {
            true
        }
        _ => names(&finding.message, user),
    };
    draft.findings.iter().filter(about).cloned().collect()
}

/// Whether a sentence has this user ID in it, and not only as a part of a longer one.
fn names(message: &str, user: &UserId) -> bool {
    let ends = |c: char| !c.is_alphanumeric() && !matches!(c, '.' | '-' | '_' | ':');
    let mut found = message.match_indices(user.as_str());
    found.any(|(at, text)| {
        let rest = &message[at + text.len()..];
        rest.chars().next().is_none_or(ends)
    })
}
