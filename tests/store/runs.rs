//! Runs that are remembered.

use std::fs;

use inviter::{
    SqliteStore,
    core::{
        directory::ProviderId,
        recall::{MemoryChange, MemoryStore, RememberedQuarantine},
        report::Tally,
        runs::{RememberedRun, RunCause},
        time::Timestamp,
    },
};
use rusqlite::Connection;

use super::{adopted, empty, lost, place, recalled, remembering, tell, wait};

/// Hundreds of runs leave as many records behind as the plain memory keeps, whatever came in between.
#[test]
fn runs_do_not_pile_up() {
    let (_dir, path) = place();
    let store = SqliteStore::open(&path).unwrap();
    let mut memory = empty(&store);
    for at in 0..200 {
        let ran = MemoryChange::Ran(RememberedRun {
            at: Timestamp(at),
            took: 1,
            cause: RunCause::Drift,
            whole: at < 100,
            tally: Tally::default(),
            errors: false,
            unread: 0,
            incomplete: 0,
            not_begun: (at == 50).then(|| "down".to_owned()),
        });
        let ran = [ran];
        memory.apply(&ran);
        wait(store.commit(&ran)).unwrap();
    }
    assert_eq!(recalled(&store), memory);
    let times: Vec<u64> = memory.runs.iter().map(|run| run.at.0).collect();
    assert_eq!((times.len(), times[0], times[1], times[2]), (22, 50, 99, 180));
}

/// One run, as it is remembered if it could not begin.
fn not_begun(at: u64) -> MemoryChange {
    MemoryChange::Ran(RememberedRun {
        at: Timestamp(at),
        took: 1,
        cause: RunCause::Schedule,
        whole: true,
        tally: Tally::default(),
        errors: false,
        unread: 0,
        incomplete: 0,
        not_begun: Some("there is no such room".to_owned()),
    })
}

#[test]
fn what_comes_before_a_loss_is_told_does_not_hide_it() {
    let (_dir, path) = place();
    fs::create_dir(path.parent().unwrap()).unwrap();
    fs::write(&path, "this is not a database").unwrap();
    let store = SqliteStore::open(&path).unwrap();
    let why = lost(&store);
    // Nor does a directory that is left alone.
    let quarantine = RememberedQuarantine {
        failing_since: Timestamp(1),
        since: Timestamp(2),
        failures: 3,
    };
    let quarantined = MemoryChange::Quarantined(ProviderId::new("staff"), Some(quarantine));
    wait(store.commit(&[not_begun(1), quarantined])).unwrap();
    assert_eq!(lost(&store), why);
    wait(store.commit(&[not_begun(2), adopted()[0].clone()])).unwrap();
    assert_eq!(lost(&store), why);
    tell(&store);
    let memory = recalled(&store);
    assert_eq!((memory.rooms.len(), memory.runs.len()), (1, 2));
    assert_eq!(
        memory.quarantined,
        [(ProviderId::new("staff"), quarantine)].into()
    );
}

/// Nothing is decided by runs, so that one of them is not worth all the rest.
#[test]
fn a_run_that_cannot_be_read_is_left_out() {
    let (_dir, path) = place();
    let store = remembering(&path);
    for at in 1..=4 {
        wait(store.commit(&[not_begun(at)])).unwrap();
    }
    let other = Connection::open(&path).unwrap();
    for broken in [
        "UPDATE run SET cause = 'whim' WHERE at = 1",
        "UPDATE run SET cause = 'person', person = 'nobody' WHERE at = 2",
        "UPDATE run SET took = -1 WHERE at = 3",
    ] {
        assert_eq!(other.execute(broken, []).unwrap(), 1, "{broken}");
    }
    drop(other);
    let memory = recalled(&store);
    assert_eq!(memory.rooms.len(), 1);
    let times: Vec<u64> = memory.runs.iter().map(|run| run.at.0).collect();
    assert_eq!(times, [4]);
    assert!(!path.with_file_name("memory.sqlite.damaged-1").exists());
}
