//! A few scenarios against the real Synapse, and a few lines of the table, made anew.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use inviter_faults::{homeserver, table};
use inviter_testkit::Synapse;

/// Played in every run of the tests.
const SCENARIOS: u64 = 4;

#[tokio::test]
async fn a_few_scenarios_on_the_real_homeserver() -> Result<()> {
    let synapse = Arc::new(Synapse::shared().await?);
    // One each with LDAP, Graph and slapd behind, and one more; tests/faults.sh has two hundred.
    let counters = homeserver::on(&synapse, 1004, SCENARIOS, 4).await?;
    eprintln!("{counters}");
    assert_eq!(counters.mistakes, [""; 0]);
    assert_eq!(counters.not_converged, [""; 0]);
    assert!(counters.injected() >= SCENARIOS, "{counters}");
    // In each, somebody has to go.
    assert!(counters.removals >= SCENARIOS, "{counters}");
    Ok(())
}

#[tokio::test]
async fn lines_of_the_table_are_as_they_are_written() -> Result<()> {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/faults.md");
    let document = std::fs::read_to_string(document).context(document)?;
    let rows = document.lines().filter(|line| line.ends_with(" | yes |"));
    let written: Vec<(&str, &str)> = rows
        .filter_map(|row| {
            let mut cells = row.trim_start_matches("| ").split(" | ");
            let place = cells.next()?;
            Some((cells.next()?, place))
        })
        .collect();
    assert_eq!(written, table::faults(), "make the table anew");
    let synapse = Arc::new(Synapse::shared().await?);
    let tried = [
        ("429", "homeserver: removing"),
        ("branch of people moved away", "LDAP: the whole directory"),
        ("a group is empty", "LDAP: the whole directory"),
        ("truncated JSON", "Graph: members"),
    ];
    let rows = table::rows(&synapse, |fault, place| tried.contains(&(fault, place))).await?;
    assert_eq!(rows.len(), tried.len());
    for row in rows {
        ensure!(
            document.lines().any(|line| line == row.line),
            "not in docs/faults.md: {}",
            row.line
        );
        assert_eq!(row.mistakes, [""; 0], "{}", row.line);
        assert_eq!(row.not_converged, None, "{}", row.line);
    }
    Ok(())
}
