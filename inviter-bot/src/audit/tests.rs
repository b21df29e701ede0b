//! What is written can be read again, whatever is in it.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    sync::Arc,
};

use inviter::{
    Report, RunOptions,
    core::{
        OwnedRoomId,
        action::{Action, Op, RoomTarget, Why},
        apply::{InRoom, Witness},
        guard::{Limits, ReleaseCode},
        report::Outcome,
        room::RoomRef,
        runs::RunCause,
        time::FixedClock,
    },
};
use serde_json::Value;

use super::*;
use crate::testing::{PEOPLE, World};

struct Log {
    dir: tempfile::TempDir,
    audit: Audit,
}

impl Log {
    fn new() -> Self {
        let log = Self {
            dir: tempfile::tempdir().unwrap(),
            audit: Audit::default(),
        };
        log.audit.open(Some(&log.path())).unwrap();
        log
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("audit.jsonl")
    }

    fn lines(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path()).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect()
    }

    async fn run(&self, world: &World, cause: &RunCause) -> Report {
        self.run_with(world, cause, &RunOptions::by_person(), None).await
    }

    async fn run_with(
        &self,
        world: &World,
        cause: &RunCause,
        options: &RunOptions,
        confirmed_by: Option<&OwnedUserId>,
    ) -> Report {
        let reconciler = &world.setup.reconciler;
        let draft = reconciler.plan(options).await.unwrap();
        let directories = Arc::clone(&draft.directories);
        let grounds = Grounds {
            directories: &directories,
            policy: &reconciler.policy,
        };
        let occasion = Occasion::run(Timestamp(1_700_000_000_123), cause, confirmed_by);
        let writer = self.audit.writer(occasion, Some(grounds), &NOW);
        reconciler.apply_witnessed(draft, options, &writer).await
    }
}

const NOW: FixedClock = FixedClock(Timestamp(1_700_000_001_000));

fn user(name: &str) -> OwnedUserId {
    OwnedUserId::try_from(format!("@{name}:example.com")).unwrap()
}

#[tokio::test]
async fn a_run_is_a_line_for_each_action_with_its_reason() {
    let log = Log::new();
    let world = World::new(PEOPLE).await;
    let report = log.run(&world, &RunCause::Schedule).await;
    let lines = log.lines();
    let done: usize = report.rooms.iter().map(|room| room.items.len()).sum();
    assert_eq!(lines.len(), done, "{lines:#?}");
    for line in &lines {
        assert_eq!(line["event"], "action");
        assert_eq!(line["time"], "2023-11-14T22:13:21.000Z");
        assert_eq!(line["run"], "2023-11-14T22:13:20.123Z");
        assert_eq!(line["cause"], "schedule");
        assert_eq!(line["result"], "done");
        assert!(line["room"]["id"].as_str().unwrap().starts_with('!'), "{line}");
        assert!(line["room"]["alias"].as_str().unwrap().starts_with('#'), "{line}");
        assert!(line.get("by").is_none() && line.get("error").is_none(), "{line}");
    }
    let bob = lines
        .iter()
        .find(|line| line["action"] == "invite" && line["user"] == "@bob:example.com")
        .unwrap();
    assert_eq!(bob["room"]["alias"], "#staff:example.com");
    assert_eq!(bob["why"]["kind"], "in_group");
    assert_eq!(bob["why"]["group"]["name"], "MTRX #staff:example.com");
    assert_eq!(bob["why"]["group"]["directory"], "people");
    assert_eq!(bob["why"]["group"]["role"], "members");
    assert_eq!(bob["accounts"][0]["directory"], "people");
    assert_eq!(bob["accounts"][0]["status"], "active");
    let created = lines.iter().filter(|line| line["action"] == "create").count();
    assert_eq!(created, 2);

    // Nothing to do is nothing to write.
    log.run(&world, &RunCause::Schedule).await;
    assert_eq!(log.lines().len(), done);
}

#[tokio::test]
async fn who_loses_a_place_is_written_down_with_who_asked_and_what_the_directory_says() {
    let log = Log::new();
    let world = World::new(PEOPLE).await;
    log.run(&world, &RunCause::Schedule).await;
    let before = log.lines().len();
    world.write(&PEOPLE.replace(
        r#""alice", "bob", "carol"], owners"#,
        r#""alice", "bob"], owners"#,
    ));
    let admin = user("admin");
    let cause = RunCause::Person {
        who: Some(admin.clone()),
    };
    log.run(&world, &cause).await;
    let lines = log.lines().split_off(before);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    let line = &lines[0];
    assert_eq!(line["action"], "remove");
    assert_eq!(line["user"], "@carol:example.com");
    assert_eq!(line["invitation"], true);
    assert_eq!(line["cause"], "person");
    assert_eq!(line["by"], admin.as_str());
    assert_eq!(line["why"]["kind"], "in_no_group");
    assert_eq!(line["why"]["groups"][0]["name"], "MTRX #staff:example.com");
    assert_eq!(line["accounts"][0]["key"], "carol");
}

#[tokio::test]
async fn a_code_is_released_once_and_only_if_it_lets_something_go() {
    let log = Log::new();
    let mut world = World::new(PEOPLE).await;
    world.setup.reconciler.limits = Limits {
        room_count: 0,
        room_percent: 0,
        ..Limits::default()
    };
    log.run(&world, &RunCause::Schedule).await;
    world.write(&PEOPLE.replace(
        r#""alice", "bob", "carol"], owners"#,
        r#""alice", "bob"], owners"#,
    ));
    let held = log.run(&world, &RunCause::Schedule).await;
    let code = held.release.clone().unwrap();
    let before = log.lines().len();
    let mut options = RunOptions::by_person();
    options
        .releases
        .extend([code.clone(), ReleaseCode::new("0123456789")]);
    let (admin, boss) = (user("admin"), user("boss"));
    let cause = RunCause::Person {
        who: Some(admin.clone()),
    };
    log.run_with(&world, &cause, &options, Some(&boss)).await;
    let lines = log.lines().split_off(before);
    let events: Vec<&Value> = lines.iter().map(|line| &line["event"]).collect();
    assert_eq!(events, ["released", "action"], "{lines:#?}");
    assert_eq!(lines[0]["code"], code.as_str());
    for line in &lines {
        assert_eq!(line["by"], admin.as_str());
        assert_eq!(line["confirmed_by"], boss.as_str());
    }
    // Again it is about nothing.
    log.run_with(&world, &cause, &options, Some(&boss)).await;
    assert_eq!(log.lines().len(), before + 2);
}

#[test]
fn a_command_by_hand_is_written_step_by_step() {
    let log = Log::new();
    let (admin, boss) = (user("admin"), user("boss"));
    let occasion = Occasion::by_hand(&admin, Some(&boss));
    let writer = log.audit.writer(occasion, None, &NOW);
    let room = RoomRef::Alias("#staff:example.com".try_into().unwrap());
    let target = RoomTarget::Existing("!a:example.com".try_into().unwrap());
    let at = InRoom::new(&room, &target, &[]);
    let leave = Action::new(Op::Leave, Why::ByHand);
    for (outcome, lines) in [
        (Outcome::Done, 1),
        (
            Outcome::Skipped {
                because: "no".to_owned(),
            },
            1,
        ),
        (Outcome::AlreadySo, 2),
    ] {
        writer.settled(at, &leave, &outcome);
        assert_eq!(log.lines().len(), lines, "{outcome:?}");
    }
    let lines = log.lines();
    for line in &lines {
        assert_eq!(line["action"], "leave");
        assert_eq!(line["cause"], "person");
        assert_eq!(line["by"], admin.as_str());
        assert_eq!(line["confirmed_by"], boss.as_str());
        assert_eq!(line["room"]["id"], "!a:example.com");
        assert_eq!(line["room"]["alias"], "#staff:example.com");
        assert!(line.get("run").is_none() && line.get("accounts").is_none());
    }
}

#[test]
fn hostile_names_break_no_line() {
    let log = Log::new();
    let room = OwnedRoomId::try_from("!a:example.com").unwrap();
    let hostile = "a\n{\"event\":\"forged\"}\r\u{85}\u{2028}\u{2029}\u{202e}\u{0}\"\\\u{1b}[2J";
    let event = Event::Fight {
        room: &room,
        what: hostile,
        against: None,
        error: Some(hostile),
    };
    log.audit.event(&event, Some(&user("admin")), Timestamp(0));
    let text = fs::read_to_string(log.path()).unwrap();
    let is_bad = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202e}');
    assert!(!text.trim_end_matches('\n').contains(is_bad), "{text:?}");
    let lines = log.lines();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["what"], hostile, "nothing is lost either");
    assert_eq!(lines[0]["event"], "fight");
    assert_eq!(lines[0]["result"], "failed");
}

#[test]
fn events_name_who_and_where() {
    let log = Log::new();
    let (admin, boss) = (user("admin"), user("boss"));
    let staff = RoomRef::Alias("#staff:example.com".try_into().unwrap());
    for event in [
        Event::Paused { room: None },
        Event::Resumed { room: Some(&staff) },
        Event::Adopted {
            room: &staff,
            confirmed_by: None,
        },
        Event::Released {
            code: "abcd",
            confirmed_by: Some(&boss),
        },
    ] {
        log.audit.event(&event, Some(&admin), Timestamp(0));
    }
    let lines = log.lines();
    let names: Vec<&Value> = lines.iter().map(|line| &line["event"]).collect();
    assert_eq!(names, ["paused", "resumed", "adopted", "released"]);
    assert!(lines.iter().all(|line| line["by"] == admin.as_str()));
    assert!(lines[0].get("room").is_none(), "everything");
    assert_eq!(lines[1]["room"]["alias"], "#staff:example.com");
    assert_eq!(lines[3]["code"], "abcd");
    assert_eq!(lines[3]["confirmed_by"], boss.as_str());
    assert!(lines[2].get("confirmed_by").is_none());
}

#[test]
fn the_file_is_private_and_appended_to() {
    let log = Log::new();
    let mode = fs::metadata(log.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    log.audit.event(&Event::Paused { room: None }, None, Timestamp(0));
    log.audit.open(Some(&log.path())).unwrap();
    log.audit
        .event(&Event::Resumed { room: None }, None, Timestamp(0));
    assert_eq!(log.lines().len(), 2);
}

/// What was made by hand, by another program, or by a copy, may be open to everybody.
#[test]
fn a_file_that_every_user_may_read_is_closed() {
    let log = Log::new();
    let mode = || fs::metadata(log.path()).unwrap().permissions().mode() & 0o7777;
    for (open, closed) in [
        (0o644, 0o640),
        (0o666, 0o660),
        (0o602, 0o600),
        (0o640, 0o640),
        (0o600, 0o600),
    ] {
        fs::set_permissions(log.path(), fs::Permissions::from_mode(open)).unwrap();
        log.audit.open(Some(&log.path())).unwrap();
        assert_eq!(mode(), closed, "{open:o}");
    }
    // What is no file, such as a terminal, is nobody's to close.
    let null = Path::new("/dev/null");
    let before = fs::metadata(null).unwrap().permissions().mode();
    log.audit.open(Some(null)).unwrap();
    assert_eq!(fs::metadata(null).unwrap().permissions().mode(), before);
}

/// Whoever it belongs to could take lines out of it.
#[test]
fn a_file_of_another_user_is_refused() {
    let log = Log::new();
    let folder = |mode| fs::set_permissions(log.dir.path(), fs::Permissions::from_mode(mode)).unwrap();
    let owner = match fs::metadata(log.path()).unwrap().uid() {
        0 => {
            std::os::unix::fs::chown(log.path(), Some(12345), Some(12345)).unwrap();
            12345
        }
        // Whose files we make ourselves can be told where we may make one.
        uid => {
            folder(0o500);
            uid
        }
    };
    // However it is shared.
    for mode in [0o600, 0o640, 0o660, 0o666] {
        fs::set_permissions(log.path(), fs::Permissions::from_mode(mode)).unwrap();
        let error = Open::new(&log.path(), owner + 1).unwrap_err().to_string();
        let told = format!("the audit log belongs to another user (number {owner})");
        let remedy = format!("run `chown {} {}`", owner + 1, log.path().display());
        assert!(error.contains(&told) && error.contains(&remedy), "{error}");
        let left = fs::metadata(log.path()).unwrap().permissions().mode() & 0o777;
        assert_eq!(left, mode, "it is not ours to close");
        fs::set_permissions(log.path(), fs::Permissions::from_mode(0o660)).unwrap();
        Open::new(&log.path(), owner).unwrap();
    }
    // What is no file is nobody's.
    Open::new(Path::new("/dev/null"), owner + 1).unwrap();
    // Nothing is left of looking whose the files are that we make.
    assert_eq!(fs::read_dir(log.dir.path()).unwrap().count(), 1);
    folder(0o700);
}

/// Does something in a thread whose files belong to another user than the one that it is told to be, as on NFS with
/// `root_squash`, where root's belong to nobody.
#[cfg(target_os = "linux")]
fn where_files_get_another_number(number: u32, work: impl FnOnce(u32) + Send) {
    use rustix::{process::Uid, thread::set_thread_res_uid};

    std::thread::scope(|scope| {
        let thread = scope.spawn(|| match owner::me() {
            0 => {
                set_thread_res_uid(Uid::ROOT, Uid::from_raw(number), Uid::ROOT).unwrap();
                work(0);
            }
            // Only root can make such files. For others it is as if they were somebody else.
            me => work(me + 1),
        });
        thread.join().unwrap();
    });
}

/// On NFS with `root_squash` there is no way to have one of root's.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_the_volume_has_given_to_another_user_is_ours() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("logs");
    fs::create_dir(&folder).unwrap();
    for path in [dir.path(), &folder] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    }
    let path = folder.join("audit.jsonl");
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    // At the first start, when the log is made, and at later ones.
    for lines in 1..=3 {
        where_files_get_another_number(12345, |me| {
            let path = if lines == 3 { &link } else { &path };
            let mut open = Open::new(path, me).unwrap();
            open.append("{}").unwrap();
        });
        let metadata = fs::metadata(&path).unwrap();
        let (owner, mode) = (metadata.uid(), metadata.mode() & 0o777);
        let expected = match owner::me() {
            0 => 12345,
            me => me,
        };
        assert_eq!((owner, mode), (expected, 0o600));
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), lines);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "only the log is left");
    }
    if owner::me() != 0 {
        return;
    }
    // A third user's is not, though it could be written to.
    std::os::unix::fs::chown(&path, Some(12346), None).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    where_files_get_another_number(12345, |me| {
        let error = Open::new(&path, me).unwrap_err().to_string();
        assert!(error.contains("another user (number 12346)"), "{error}");
        // What the message says helps.
        assert!(error.contains("move it away"), "{error}");
        fs::rename(&path, folder.join("audit.1")).unwrap();
        Open::new(&path, me).unwrap();
    });
}

#[test]
fn a_file_that_was_moved_away_is_followed_until_it_is_opened_anew() {
    let log = Log::new();
    let pause = || log.audit.event(&Event::Paused { room: None }, None, Timestamp(0));
    pause();
    let old = log.dir.path().join("audit.jsonl.1");
    fs::rename(log.path(), &old).unwrap();
    pause();
    log.audit.open(Some(&log.path())).unwrap();
    pause();
    assert_eq!(fs::read_to_string(old).unwrap().lines().count(), 2);
    assert_eq!(log.lines().len(), 1);
}

#[test]
fn a_line_that_was_cut_off_does_not_take_the_next_one_along() {
    let log = Log::new();
    fs::write(log.path(), "{\"event\":\"paused\"}\n{\"eve").unwrap();
    log.audit.open(Some(&log.path())).unwrap();
    log.audit.event(&Event::Paused { room: None }, None, Timestamp(0));
    let text = fs::read_to_string(log.path()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert_eq!(lines[1], "{\"eve");
    assert!(serde_json::from_str::<Value>(lines[2]).is_ok(), "{text}");
}

#[test]
fn a_file_that_cannot_be_written_is_said_at_the_start_and_counted_later() {
    let log = Log::new();
    let directory = log.dir.path().to_owned();
    let error = format!("{:#}", log.audit.open(Some(&directory)).unwrap_err());
    assert!(
        error.contains("audit_file") && error.contains(&*directory.to_string_lossy()),
        "{error}"
    );
    // What was open stays.
    log.audit.event(&Event::Paused { room: None }, None, Timestamp(0));
    assert_eq!(log.lines().len(), 1);

    let lost = Counter::default();
    let audit = Audit::new(lost.clone());
    audit.open(Some(Path::new("/dev/full"))).unwrap();
    audit.event(&Event::Paused { room: None }, None, Timestamp(0));
    audit.event(&Event::Paused { room: None }, None, Timestamp(0));
    assert_eq!(lost.get(), 2);
}
