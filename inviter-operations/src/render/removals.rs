//! Removals and lowered levels as a table (CSV, RFC 4180), for a person to go through and sign.

use inviter::core::{
    UserId,
    action::{Action, Op},
    evidence::{Evidence, people},
    guard::is_loss,
    report::{Outcome, Report, ReportItem, RoomReport},
    resolve::KnownAccount,
};

use super::{
    clean::clean,
    document::room_id,
    release,
    why::{Place, status, unique},
    word,
};

/// The columns; new ones are added at the end.
const COLUMNS: [&str; 15] = [
    "change",
    "room",
    "room_id",
    "user",
    "membership",
    "level",
    "rule",
    "detail",
    "groups",
    "directories",
    "account",
    "verdict",
    "held_because",
    "release",
    "new_level",
];

/// The line that every table begins with.
pub fn header() -> String {
    format!("{}\n", COLUMNS.join(","))
}

/// The table, and what is in it.
#[derive(Debug)]
pub struct Removals {
    /// With its header, which is there even if nothing else is.
    pub table: Vec<u8>,
    /// People who would go.
    pub removed: usize,
    /// Levels taken from people who stay.
    pub lowered: usize,
}

/// Everything that a plan would take from people: allowed, held or pending.
pub fn removals(report: &Report, evidence: &Evidence) -> csv::Result<Removals> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    let (mut removed, mut lowered) = (0, 0);
    for room in &report.rooms {
        let place = Place {
            room: &room.room,
            feeds: &room.feeds,
            evidence,
        };
        for item in &room.items {
            let Some(user) = loser(room, &item.action) else {
                continue;
            };
            match &item.action.op {
                Op::Remove { .. } => removed += 1,
                _ => lowered += 1,
            }
            writer.write_record(row(room, item, user, &place))?;
        }
    }
    Ok(Removals {
        table: writer.into_inner().map_err(csv::IntoInnerError::into_error)?,
        removed,
        lowered,
    })
}

/// Whom an action takes something from. Who is removed has one row: that the level goes along is no more.
fn loser<'a>(room: &RoomReport, action: &'a Action) -> Option<&'a UserId> {
    let user = people(action).next().filter(|_| is_loss(action))?;
    let one_row = matches!(action.op, Op::Remove { .. }) || !room.going.contains_key(user);
    one_row.then_some(user)
}

fn row(room: &RoomReport, item: &ReportItem, user: &UserId, place: &Place<'_>) -> [String; COLUMNS.len()] {
    let (change, membership, level, new_level) = match &item.action.op {
        Op::Remove { invitation: true, .. } => (
            "withdraw_invitation",
            "invited",
            room.going.get(user).copied(),
            None,
        ),
        Op::Remove { .. } => ("remove", "joined", room.going.get(user).copied(), None),
        Op::SetLevels { changes } => {
            let change = changes.first();
            (
                "lower",
                "",
                change.and_then(|c| c.from),
                change.and_then(|c| c.to),
            )
        }
        _ => ("", "", None, None),
    };
    let groups = unique(&room.feeds)
        .into_iter()
        .map(|group| cell(&group.to_string()));
    let (verdict, reasons) = match &item.outcome {
        Outcome::Planned => ("allowed".to_owned(), &[][..]),
        Outcome::Held { reasons } => ("held".to_owned(), reasons.as_slice()),
        Outcome::Pending => ("pending".to_owned(), &[][..]),
        other => (word(other), &[][..]),
    };
    let code = release(room).filter(|_| matches!(item.outcome, Outcome::Held { .. }));
    let number = |level: Option<i64>| level.map_or_else(String::new, |level| level.to_string());
    [
        change.to_owned(),
        clean(&room.room.to_string()),
        clean(room_id(room.target.as_ref()).unwrap_or_default()),
        // Excel takes what begins with `@` for a formula, so that user IDs get their apostrophe too.
        cell(user.as_str()),
        membership.to_owned(),
        number(level),
        word(&item.action.why),
        cell(&place.clause(&item.action)),
        groups.collect::<Vec<_>>().join("; "),
        directories(place),
        accounts(place, user),
        verdict,
        cell(
            &reasons
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("; "),
        ),
        code.map_or_else(String::new, ToString::to_string),
        number(new_level),
    ]
}

/// The directories whose groups were looked at; those that were not read completely say so.
fn directories(place: &Place<'_>) -> String {
    let mut names: Vec<_> = unique(place.feeds)
        .into_iter()
        .map(|group| &group.provider)
        .collect();
    names.extend(place.evidence.incomplete());
    names.sort();
    names.dedup();
    let name = |provider: &&_| {
        let incomplete = if place.evidence.incomplete().contains(provider) {
            " (incomplete)"
        } else {
            ""
        };
        cell(&format!("{provider}{incomplete}"))
    };
    names.iter().map(name).collect::<Vec<_>>().join("; ")
}

/// `directory:account:status` of each account, as people call it.
fn accounts(place: &Place<'_>, user: &UserId) -> String {
    let accounts = place.evidence.accounts(user).unwrap_or_default().iter();
    let text = |account: &KnownAccount| {
        cell(&format!(
            "{}:{}:{}",
            account.provider,
            account.shown(),
            status(account.status)
        ))
    };
    accounts.map(text).collect::<Vec<_>>().join("; ")
}

/// A text that no spreadsheet takes for a formula: one that begins like one gets an apostrophe before it. Control
/// characters are escaped.
fn cell(text: &str) -> String {
    const FORMULA: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];
    let cleaned = clean(text);
    if text.trim_start_matches(' ').starts_with(FORMULA) {
        format!("'{cleaned}")
    } else {
        cleaned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_a_formula() {
        assert_eq!(cell("=HYPERLINK(\"http://x\")"), "'=HYPERLINK(\"http://x\")");
        for text in ["+1", "-1", "@SUM(A1)", " =1", "＝1"] {
            assert_eq!(cell(text), format!("'{text}"));
        }
        assert_eq!((&*cell("\t=1"), &*cell("\r1")), ("'\\t=1", "'\\r1"));
        assert_eq!((&*cell("Physics = all"), &*cell("")), ("Physics = all", ""));
    }
}
