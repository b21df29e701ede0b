//! The tables, and how an older file becomes a current one.

use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use inviter_core::recall::StoreError;
use rusqlite::Connection;

use super::damage::Trouble;

/// Marks a file as ours: "invt".
const APPLICATION_ID: i64 = 0x696e_7674;

/// A file of fewer bytes is read as a whole in a moment, 64 MiB.
const ALWAYS_CHECKED: i64 = 64 << 20;

/// In milliseconds.
const DAY: i64 = 24 * 60 * 60 * 1000;

/// Each step brings the schema from the version before to its own; a step that was released is never changed.
const MIGRATIONS: [(i64, &str); 10] = [
    (1, include_str!("schema/0001_memory.sql")),
    (2, include_str!("schema/0002_pauses_and_arguments.sql")),
    (3, include_str!("schema/0003_limit_met.sql")),
    (4, include_str!("schema/0004_handed_over.sql")),
    (5, include_str!("schema/0005_upgrades_and_runs.sql")),
    (6, include_str!("schema/0006_kept_out.sql")),
    (7, include_str!("schema/0007_people_and_holds.sql")),
    (8, include_str!("schema/0008_identity.sql")),
    (9, include_str!("schema/0009_directories_of_runs.sql")),
    (10, include_str!("schema/0010_quarantined.sql")),
];

/// Checks that the file is ours and sound, and applies the steps that it lacks.
pub(super) fn prepare(mut connection: Connection, path: &Path) -> Result<Connection, Trouble> {
    let sqlite = |error| Trouble::of(path, error);
    let application: i64 = connection
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(sqlite)?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(sqlite)?;
    if application != APPLICATION_ID && tables > 0 {
        return Err(Trouble::Failed(StoreError {
            about: path.display().to_string(),
            message: "is a database of another program and is left alone; set another `dir` in [state]"
                .to_owned(),
            source: None,
        }));
    }
    let now = now();
    let checked = is_check_due(&connection, now, ALWAYS_CHECKED).map_err(sqlite)?;
    if checked {
        check(&connection, path)?;
    }
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .map_err(sqlite)?;
    connection
        .pragma_update(None, "synchronous", "FULL")
        .map_err(sqlite)?;
    connection
        .pragma_update(None, "foreign_keys", true)
        .map_err(sqlite)?;
    // What is forgotten about people is overwritten, in pages that are of no use any more, too: a row or two a run is
    // no cost that would be worth leaving those as `FAST` does.
    connection
        .pragma_update(None, "secure_delete", true)
        .map_err(sqlite)?;
    migrate(&mut connection, path)?;
    if checked && size(&connection).map_err(sqlite)? >= ALWAYS_CHECKED {
        connection
            .execute(
                "INSERT OR REPLACE INTO fact (name, at) VALUES ('checked', ?1)",
                [now],
            )
            .map_err(sqlite)?;
    }
    Ok(connection)
}

/// Whether the whole file is to be read for damage: at every opening while it is small, and once a day where it is not,
/// as every command opens it and would wait for the disk. Damage that is not seen here shows when something of it is
/// read or written.
fn is_check_due(connection: &Connection, now: i64, small: i64) -> rusqlite::Result<bool> {
    if size(connection)? < small {
        return Ok(true);
    }
    let last: Option<i64> =
        connection.query_row("SELECT max(at) FROM fact WHERE name = 'checked'", [], |row| {
            row.get(0)
        })?;
    // A clock that went back is no reason never to check.
    Ok(last.is_none_or(|last| last > now || now.saturating_sub(last) >= DAY))
}

/// Has the whole file read for damage when it is opened next, however large it is. Where that cannot be written down, it
/// is read in a day at the latest.
pub(super) fn check_again(connection: &Connection) {
    if let Err(error) = connection.execute("DELETE FROM fact WHERE name = 'checked'", []) {
        tracing::warn!(%error, "that the memory of earlier runs is damaged could not be written down");
    }
}

fn check(connection: &Connection, path: &Path) -> Result<(), Trouble> {
    let verdict: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| Trouble::of(path, error))?;
    if verdict != "ok" {
        return Err(Trouble::Damaged(format!(
            "the memory of earlier runs is damaged ({verdict})"
        )));
    }
    Ok(())
}

/// How many bytes the database has.
fn size(connection: &Connection) -> rusqlite::Result<i64> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    Ok(number("page_count")?.saturating_mul(number("page_size")?))
}

/// Milliseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The schema's version, if this program knows it. A newer one is not damage: what people have paused and what is held
/// is in there, and the program that has written it goes on with it.
pub(super) fn known_version(connection: &Connection, path: &Path) -> Result<i64, Trouble> {
    let found: i64 = connection
        .query_row("SELECT coalesce(max(version), 0) FROM migration", [], |row| {
            row.get(0)
        })
        .map_err(|error| Trouble::of(path, error))?;
    let newest = MIGRATIONS.last().map_or(0, |(version, _)| *version);
    if found > newest {
        return Err(Trouble::Failed(StoreError {
            about: path.display().to_string(),
            message: format!(
                "was written by a newer version of this program (schema {found}, and this one knows {newest}) and is \
                 left alone; update this program too, or move the file away to begin without what is remembered \
                 (pauses, what is held)"
            ),
            source: None,
        }));
    }
    Ok(found)
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), Trouble> {
    let sqlite = |error| Trouble::of(path, error);
    let transaction = connection
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .map_err(sqlite)?;
    transaction
        .pragma_update(None, "application_id", APPLICATION_ID)
        .map_err(sqlite)?;
    transaction
        .execute_batch("CREATE TABLE IF NOT EXISTS migration (version INTEGER PRIMARY KEY) STRICT")
        .map_err(sqlite)?;
    let found = known_version(&transaction, path)?;
    for (version, sql) in MIGRATIONS.iter().filter(|(version, _)| *version > found) {
        transaction.execute_batch(sql).map_err(sqlite)?;
        transaction
            .execute("INSERT INTO migration (version) VALUES (?1)", [version])
            .map_err(sqlite)?;
    }
    transaction.commit().map_err(sqlite)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened() -> Connection {
        prepare(Connection::open_in_memory().unwrap(), Path::new("memory.sqlite")).unwrap()
    }

    #[test]
    fn a_large_file_is_checked_once_a_day() {
        let connection = opened();
        let size = size(&connection).unwrap();
        assert!(size > 0 && size < ALWAYS_CHECKED);
        let is_due = |now, small| is_check_due(&connection, now, small).unwrap();
        assert!(is_due(DAY, size), "never checked");
        let checked = "INSERT INTO fact (name, at) VALUES ('checked', ?1)";
        connection.execute(checked, [5 * DAY]).unwrap();
        for (now, due) in [
            (5 * DAY, false),
            (6 * DAY - 1, false),
            (6 * DAY, true),
            (5 * DAY - 1, true),
        ] {
            assert_eq!(is_due(now, size), due, "{now}");
            assert!(is_due(now, size + 1), "a small one is checked always");
        }
    }

    #[test]
    fn a_large_file_in_which_damage_was_met_is_checked_at_once() {
        let connection = opened();
        let size = size(&connection).unwrap();
        let checked = "INSERT INTO fact (name, at) VALUES ('checked', ?1)";
        connection.execute(checked, [5 * DAY]).unwrap();
        assert!(!is_check_due(&connection, 5 * DAY + 1, size).unwrap());
        check_again(&connection);
        assert!(is_check_due(&connection, 5 * DAY + 1, size).unwrap());
    }

    /// Tidying groups looks them up, however long the past is.
    #[test]
    fn whether_a_group_is_referred_to_is_looked_up() {
        let connection = opened();
        for (table, index) in [("happened", "happened_origin"), ("brought", "brought_origin")] {
            let sql = format!(
                "EXPLAIN QUERY PLAN DELETE FROM origin
                 WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE {table}.origin = origin.number)"
            );
            let mut statement = connection.prepare(&sql).unwrap();
            let steps = statement.query_map([], |row| row.get::<_, String>(3)).unwrap();
            let steps: Vec<String> = steps.map(Result::unwrap).collect();
            let of_table = |step: &&String| step.contains(&format!(" {table} "));
            assert!(
                steps
                    .iter()
                    .any(|step| step.contains("SEARCH") && step.contains(index))
                    && !steps.iter().filter(of_table).any(|step| step.contains("SCAN")),
                "{steps:?}"
            );
        }
    }
}
