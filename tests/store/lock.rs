//! The lock of the run.

use std::fs;

use inviter::{
    core::UserId,
    run_lock::{LockError, RunLock},
};

#[test]
fn one_run_at_a_time_for_each_account() {
    let dir = tempfile::tempdir().unwrap();
    let bot = UserId::parse("@bot:example.com").unwrap();
    let lock = RunLock::acquire(dir.path(), &bot).unwrap();
    let LockError::Held(held) = RunLock::acquire(dir.path(), &bot).unwrap_err() else {
        panic!("not held")
    };
    assert_eq!(held.account, bot);
    assert_eq!(held.pid, Some(std::process::id()));
    assert_eq!(
        held.to_string(),
        format!(
            "another run for @bot:example.com is under way (process {}); wait until it has ended, or stop it ({})",
            std::process::id(),
            lock.path().display()
        )
    );
    let other = UserId::parse("@bot:example.org").unwrap();
    let _other = RunLock::acquire(dir.path(), &other).unwrap();
    drop(lock);
    RunLock::acquire(dir.path(), &bot).unwrap();
}

#[test]
fn a_lock_file_left_behind_locks_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let bot = UserId::parse("@bot:example.com").unwrap();
    let path = RunLock::acquire(dir.path(), &bot).unwrap().path().to_owned();
    fs::write(&path, "4242\n").unwrap();
    RunLock::acquire(dir.path(), &bot).unwrap();
}

#[test]
fn a_lock_in_a_place_that_cannot_be_used() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let bot = UserId::parse("@bot:example.com").unwrap();
    let error = RunLock::acquire(&dir.path().join("file"), &bot).unwrap_err();
    assert!(
        error.to_string().contains("set another `dir` in [state]"),
        "{error}"
    );
}
