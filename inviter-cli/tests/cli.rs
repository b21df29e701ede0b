//! What the command does by itself, without any server: help, configuration errors, `idp`.
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

const DIRECTORY: &str = r#"
people = [{ id = "alice" }, { id = "bob" }]

[[groups]]
name = "MTRX #staff:example.com"
members = ["alice", "bob"]
owners = ["alice"]

[[groups]]
name = "evil\u001b[2J\u202e"
members = ["alice", "nobody\u001b[2J"]

[[groups]]
name = "MTRX #evil:example.com"
groups = ["evil\u001b[2J\u202e"]
"#;

const CONFIG: &str = r#"
[homeserver]
# Nothing listens there: whoever asks it fails.
url = "http://127.0.0.1:1"
user = "@inviter:example.com"
access_token_env = "TOKEN"

[[directory]]
name = "people"
kind = "file"
path = "people.toml"

[state]
dir = "state"
"#;

fn command(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inviter"));
    command
        .current_dir(dir)
        .env_clear()
        .env("TOKEN", "secret-token")
        .stdin(Stdio::null());
    command
}

/// A place with a configuration and a directory.
fn place(config: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("inviter.toml"), config).unwrap();
    fs::write(dir.path().join("people.toml"), DIRECTORY).unwrap();
    dir
}

fn run(dir: &Path, args: &[&str]) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command(dir).args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[test]
fn help_tells_the_exit_codes() {
    let dir = tempfile::tempdir().unwrap();
    for args in [&["--help"][..], &["plan", "--help"], &["sync", "--help"]] {
        let (code, stdout, stderr) = run(dir.path(), args);
        assert_eq!((code, &*stderr), (0, ""));
        for part in ["Exit codes:", "--exit-code", "held", "1, then 4, then 3, then 2"] {
            assert!(stdout.contains(part), "{part}: {stdout}");
        }
    }
    // Code 2 means that there are changes, so a wrong command line may not end with it.
    let (code, stdout, stderr) = run(dir.path(), &["plan", "--room", "nonsense"]);
    assert_eq!((code, &*stdout), (1, ""));
    assert!(stderr.contains("'#room:example.com'"), "{stderr}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_result_that_cannot_be_written_is_told() {
    let dir = place(CONFIG);
    let full = fs::File::create("/dev/full").unwrap();
    let output = command(dir.path()).arg("idp").stdout(full).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr.contains("could not be written to standard output"),
        "{stderr}"
    );
}

#[test]
fn no_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let (code, stdout, stderr) = run(dir.path(), &["plan"]);
    assert_eq!((code, &*stdout), (1, ""));
    assert!(
        stderr.starts_with("inviter: error: there is no configuration file (./inviter.toml"),
        "{stderr}"
    );
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn every_configuration_error_has_its_line() {
    let dir = place(&CONFIG.replace("kind =", "knd =").replace("user =", "usr ="));
    let (code, stdout, stderr) = run(dir.path(), &["sync"]);
    assert_eq!((code, &*stdout), (1, ""));
    assert!(
        stderr
            .lines()
            .all(|line| line.starts_with("inviter: error: ./inviter.toml:")),
        "{stderr}"
    );
    for part in [":5:1: unknown key `usr`", "did you mean `kind`?"] {
        assert_eq!(
            stderr.lines().filter(|line| line.contains(part)).count(),
            1,
            "{part}: {stderr}"
        );
    }
    assert!(!dir.path().join("state").exists(), "something was written");
}

#[test]
fn the_environment_and_the_option_name_the_file() {
    let dir = place(CONFIG);
    fs::rename(dir.path().join("inviter.toml"), dir.path().join("other.toml")).unwrap();
    let output = command(dir.path())
        .arg("idp")
        .env("INVITER_CONFIG", "other.toml")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let (code, _, stderr) = run(dir.path(), &["idp", "--config", "other.toml"]);
    assert_eq!((code, &*stderr), (0, ""));
}

#[test]
fn idp_asks_no_homeserver_and_cleans_what_it_shows() {
    let dir = place(CONFIG);
    let (code, stdout, stderr) = run(dir.path(), &["idp"]);
    assert_eq!((code, &*stderr), (0, ""), "{stdout}");
    assert!(stdout.contains("@alice:example.com   50"), "{stdout}");
    assert!(stdout.contains("nobody\\u{1b}[2J"), "{stdout}");
    assert!(!stdout.contains(['\u{1b}', '\u{202e}']), "{stdout}");
    assert!(
        stdout.ends_with("idp: 2 rooms, 2 people, 3 memberships\n"),
        "{stdout}"
    );

    let (code, stdout, stderr) = run(dir.path(), &["idp", "--json"]);
    assert_eq!((code, &*stderr), (0, ""));
    let document: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (&document["schema"], &document["kind"]),
        (&1.into(), &"idp".into())
    );
    assert_eq!(document["rooms"][1]["members"][0]["user"], "@alice:example.com");
    assert_eq!(document["rooms"][1]["members"][0]["level"], 50);
    assert_eq!(document["rooms"][0]["members_complete"], false);
    assert!(!stdout.contains(['\u{1b}', '\u{202e}']), "{stdout}");
}

#[test]
fn colours_only_where_they_are_wanted() {
    let dir = place(CONFIG);
    let (_, stdout, _) = run(dir.path(), &["idp", "--color", "always"]);
    assert!(stdout.contains("\u{1b}[1m"), "{stdout}");
    let output = command(dir.path())
        .arg("idp")
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    assert!(!output.stdout.contains(&0x1b));
}

#[test]
fn an_error_is_one_sentence_and_v_tells_the_causes() {
    let dir = place(CONFIG);
    let (code, stdout, stderr) = run(dir.path(), &["plan"]);
    assert_eq!((code, &*stdout), (1, ""));
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(
        stderr.starts_with("inviter: error: http://127.0.0.1:1"),
        "{stderr}"
    );
    let (_, _, stderr) = run(dir.path(), &["plan", "-v"]);
    assert!(stderr.contains("\n  caused by: "), "{stderr}");
    assert!(!stderr.contains("secret-token"), "{stderr}");
}

#[test]
fn check_tells_of_the_directories_though_the_homeserver_is_down() {
    let dir = place(CONFIG);
    let (code, stdout, stderr) = run(dir.path(), &["check"]);
    assert_eq!((code, &*stderr), (1, ""));
    for part in [
        "directory people: 2 active accounts, 3 groups",
        "homeserver http://127.0.0.1:1",
        "cannot work",
    ] {
        assert!(stdout.contains(part), "{part}: {stdout}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let dir = place(CONFIG);
    let mut child = command(dir.path())
        .arg("idp")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
