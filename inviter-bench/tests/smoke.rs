//! The benchmark runs to its end, in a size that measures nothing.

use std::process::Command;

use serde_json::Value;

#[test]
fn a_small_benchmark_finds_what_it_has_made() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.json");
    let output = Command::new(env!("CARGO_BIN_EXE_inviter-bench"))
        .args(["--smoke", "--report"])
        .arg(&file)
        .output()
        .unwrap();
    let (text, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{text}\n{errors}");
    let last = text.lines().last().unwrap();
    assert!(last.starts_with("bench ok: plan 1e4 "), "{last}");
    assert!(
        last.contains(" × floor, first sync ") && last.contains(" × bare client, "),
        "{last}"
    );
    assert!(
        last.contains(", ldap read ") && last.contains(" × ldapsearch, 3 searches, "),
        "{last}"
    );

    let report: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let stages = &report["stages"][0];
    assert_eq!(stages["invitations"], 50, "{stages}");
    assert_eq!(stages["removals"], 50, "{stages}");
    let syncs = &report["syncs"];
    // Two rooms, and three people in each.
    assert_eq!(syncs["first_writes"], 8, "{syncs}");
    assert_eq!(syncs["second_writes"], 0, "{syncs}");
    assert!(syncs["second_requests"].as_u64().unwrap() <= 12, "{syncs}");
    // Each group is compared by names before.
    let directory = &report["directory"];
    assert_eq!(directory["content"]["people"], 1_000, "{directory}");
    assert_eq!(directory["content"]["groups"], 50, "{directory}");
    assert_eq!(directory["content"]["nested"], 30, "{directory}");
    assert_eq!(directory["pages"], directory["searches"], "{directory}");
}
