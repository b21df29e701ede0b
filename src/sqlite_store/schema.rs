//! The tables, and how an older file becomes a current one.

use std::path::Path;

use inviter_core::recall::StoreError;
use rusqlite::Connection;

use super::damage::Trouble;

/// Marks a file as ours: "invt".
const APPLICATION_ID: i64 = 0x696e_7674;

/// Each step brings the schema from the version before to its own; a step that was released is never changed.
const MIGRATIONS: [(i64, &str); 7] = [
    (1, include_str!("schema/0001_memory.sql")),
    (2, include_str!("schema/0002_pauses_and_arguments.sql")),
    (3, include_str!("schema/0003_limit_met.sql")),
    (4, include_str!("schema/0004_handed_over.sql")),
    (5, include_str!("schema/0005_upgrades_and_runs.sql")),
    (6, include_str!("schema/0006_kept_out.sql")),
    (7, include_str!("schema/0007_people_and_holds.sql")),
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
    let verdict: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(sqlite)?;
    if verdict != "ok" {
        return Err(Trouble::Damaged(format!(
            "the memory of earlier runs is damaged ({verdict})"
        )));
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
    migrate(&mut connection, path)?;
    Ok(connection)
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
    let found: i64 = transaction
        .query_row("SELECT coalesce(max(version), 0) FROM migration", [], |row| {
            row.get(0)
        })
        .map_err(sqlite)?;
    let newest = MIGRATIONS.last().map_or(0, |(version, _)| *version);
    if found > newest {
        return Err(Trouble::Damaged(format!(
            "the memory of earlier runs was written by a newer version of this program (schema {found}, and this one \
             knows {newest})"
        )));
    }
    for (version, sql) in MIGRATIONS.iter().filter(|(version, _)| *version > found) {
        transaction.execute_batch(sql).map_err(sqlite)?;
        transaction
            .execute("INSERT INTO migration (version) VALUES (?1)", [version])
            .map_err(sqlite)?;
    }
    transaction.commit().map_err(sqlite)
}
