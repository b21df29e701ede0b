//! The rooms as directories want them, and the rooms with their status, as text.

use std::fmt::{self, Write};

use inviter::core::{
    action::RoomTarget,
    desired::{Desired, DesiredRoom, PersonStanding, Role, SourceOutcome},
    directory::{Extent, Gap},
    finding::{Finding, FindingKind},
    guard::GuardedRoom,
    room_rules::RoomKind,
};

use super::{
    clean::{Clean, clean},
    counted, group,
    report::note,
    status,
    style::{FAILED, HEADLINE, QUIET},
};

/// Rooms and members as the directories want them.
pub fn desired(out: &mut impl Write, desired: &Desired) -> fmt::Result {
    for room in &desired.rooms {
        desired_room(out, room, desired)?;
        writeln!(out)?;
    }
    let notes = beside_sources(&desired.findings);
    for finding in &notes {
        note(out, "", finding)?;
    }
    if !notes.is_empty() {
        writeln!(out)?;
    }
    for source in &desired.sources {
        writeln!(out, "{}", source_line(source, desired))?;
    }
    let seats: usize = desired.rooms.iter().map(|room| room.seats.len()).sum();
    writeln!(
        out,
        "{HEADLINE}idp: {}, {}, {}{HEADLINE:#}",
        counted(desired.rooms.len(), "room", "rooms"),
        counted(desired.people.len(), "person", "people"),
        counted(seats, "membership", "memberships"),
    )
}

fn desired_room(out: &mut impl Write, room: &DesiredRoom, desired: &Desired) -> fmt::Result {
    let names: Vec<String> = room.refs.iter().map(|name| clean(&name.to_string())).collect();
    let space = if room.rules.kind == RoomKind::Space {
        ", space"
    } else {
        ""
    };
    writeln!(
        out,
        "{HEADLINE}{}{HEADLINE:#}  {QUIET}{}{space}{QUIET:#}",
        names.join(" = "),
        counted(room.seats.len(), "member", "members"),
    )?;
    let users: Vec<String> = room
        .seats
        .iter()
        .map(|seat| clean(desired.user(seat).as_str()))
        .collect();
    let column = users.iter().map(|user| user.chars().count()).max().unwrap_or(0);
    for (seat, user) in room.seats.iter().zip(users) {
        let level = match seat.role {
            Role::Member => String::new(),
            Role::Level(level) => level.to_string(),
        };
        let why = seat.feed.and_then(|feed| room.feeds.get(usize::from(feed)));
        let why = why.map_or_else(
            || "named in the configuration".to_owned(),
            |feed| clean(&group(feed)),
        );
        let standing = match desired
            .people
            .get(seat.person.0 as usize)
            .map(|person| person.standing)
        {
            Some(PersonStanding::Disabled) => "  the account is disabled",
            Some(PersonStanding::Uncertain) => "  left alone: see the notes",
            _ => "",
        };
        writeln!(
            out,
            "  {user:column$}  {level:>3}  {QUIET}{why}{QUIET:#}{standing}"
        )?;
    }
    for gap in gaps(room) {
        writeln!(out, "  {FAILED}incomplete:{FAILED:#} {}", Clean(&gap.to_string()))?;
    }
    Ok(())
}

/// What could not be read for a room, each once: a group mostly gives members and owners.
pub fn gaps(room: &DesiredRoom) -> Vec<&Gap> {
    let mut gaps: Vec<&Gap> = Vec::new();
    for gap in room.members.gaps().iter().chain(room.owners.gaps()) {
        if !gaps.contains(&gap) {
            gaps.push(gap);
        }
    }
    gaps
}

/// Whether nothing at all of a directory could be read.
pub const fn is_unread(source: &SourceOutcome) -> bool {
    source.error.is_some() || source.listing.is_none()
}

/// How a directory fared, in one line.
pub fn source_line(source: &SourceOutcome, desired: &Desired) -> String {
    let name = clean(source.provider.as_str());
    if is_unread(source) {
        let why = source.error.as_deref().unwrap_or("nothing could be read");
        return format!("directory {name}: {FAILED}not read:{FAILED:#} {}", Clean(why));
    }
    let groups = desired
        .groups
        .keys()
        .filter(|group| group.provider == source.provider)
        .count();
    let accounts = usize::try_from(source.active_accounts).unwrap_or(usize::MAX);
    let line = format!(
        "directory {name}: {}, {}",
        counted(accounts, "active account", "active accounts"),
        counted(groups, "group", "groups"),
    );
    let gaps = source.listing.as_ref().map_or(&[][..], Extent::gaps).iter();
    let gaps = gaps.map(|gap| format!("  {FAILED}incomplete:{FAILED:#} {}", Clean(&gap.to_string())));
    std::iter::once(line).chain(gaps).collect::<Vec<_>>().join("\n")
}

/// Findings that the lines of the directories do not tell already.
pub fn beside_sources(findings: &[Finding]) -> Vec<&Finding> {
    let told = |finding: &&Finding| finding.kind != FindingKind::DirectoryUnread;
    findings.iter().filter(told).collect()
}

/// How many rooms are wanted and not looked at.
pub fn outside(out: &mut impl Write, rooms: usize) -> fmt::Result {
    if rooms == 0 {
        return Ok(());
    }
    let rooms = counted(rooms, "room is", "rooms are");
    writeln!(
        out,
        "{QUIET}{rooms} outside the scope, and not looked at{QUIET:#}"
    )
}

/// The desired rooms with their status, a line each, and what `below` writes under it.
pub fn statuses<W: Write>(
    out: &mut W,
    rooms: &[GuardedRoom],
    mut below: impl FnMut(&mut W, &GuardedRoom) -> fmt::Result,
) -> fmt::Result {
    let names: Vec<String> = rooms
        .iter()
        .map(|room| clean(&room.plan().room.to_string()))
        .collect();
    let column = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    for (room, name) in rooms.iter().zip(names) {
        let plan = room.plan();
        write!(
            out,
            "{HEADLINE}{name:column$}{HEADLINE:#}  {}",
            status(plan.status)
        )?;
        // Who is in a room is only known of one that the bot is in.
        if plan.census.joined > 0 {
            write!(
                out,
                ", {} joined, {} invited",
                plan.census.joined, plan.census.invited
            )?;
        }
        write!(out, ", {} wanted", plan.census.wanted)?;
        if let Some(RoomTarget::Existing(id)) = &plan.target {
            write!(out, "  {QUIET}{}{QUIET:#}", Clean(id.as_str()))?;
        }
        writeln!(out)?;
        below(out, room)?;
    }
    Ok(())
}
