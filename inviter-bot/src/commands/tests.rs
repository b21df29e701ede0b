use clap::CommandFactory as _;

use super::{grammar::Understood, *};

fn command(body: &str) -> Command {
    match understand(body, true) {
        Some(Understood::Command(command)) => *command,
        other => panic!("{body}: {other:?}"),
    }
}

fn told(body: &str) -> String {
    match understand(body, true) {
        Some(Understood::Told(told)) => told.messages[0].plain.clone(),
        other => panic!("{body}: {other:?}"),
    }
}

#[test]
fn the_definitions_are_consistent() {
    #[derive(clap::Parser)]
    struct Line {
        #[command(subcommand)]
        _command: Command,
    }
    Line::command().debug_assert();
}

#[test]
fn every_spelling_names_a_command() {
    for (body, begins) in [
        ("!inviter status", "Status"),
        ("!status", "Status"),
        ("  !inviter   status \n", "Status"),
        ("!Inviter status", "Status"),
        ("!inviter\tidp", "Idp"),
        ("!idp", "Idp"),
        ("!joined", "Joined"),
        ("!managed", "Managed"),
        ("!managed #a:b", "Managed(Managed { rooms: [Alias(\"#a:b\")]"),
        (
            "!inviter plan #a:b !c:d",
            "Plan(Plan { rooms: [Alias(\"#a:b\"), Id(\"!c:d\")]",
        ),
        ("!plan --room '#a:b' --adopt", "Plan("),
        (
            "!explain ada #a:b",
            "Explain(Explain { user: \"ada\", room: Alias(\"#a:b\")",
        ),
        ("!explain @ada:b '#a:b'", "Explain("),
        (
            "!adopt '#a:b' #c:d",
            "Adopt(Adopt { rooms: [Alias(\"#a:b\"), Alias(\"#c:d\")]",
        ),
        ("!adopt ‘#a:b’", "Adopt(Adopt { rooms: [Alias(\"#a:b\")]"),
        ("!pause", "Pause("),
        ("!pause —all", "Pause(Pause { rooms: [], all: true"),
        ("!resume \"#a:b\"", "Resume("),
        ("!release", "Release(Release { codes: []"),
        (
            "!release 0a1b --dry-run",
            "Release(Release { codes: [\"0a1b\"], dry_run: true",
        ),
        ("!invite-member #a:b @u:c", "InviteMember("),
        ("!kick-member #a:b @u:c --dry-run", "KickMember("),
        ("!invite-admin #a:b @u:c", "InviteAdmin("),
        ("!check --fix", "Check("),
        ("!version", "Version"),
    ] {
        let debug = format!("{:?}", command(body));
        assert!(debug.starts_with(begins), "{body}: {debug}");
    }
}

#[test]
fn sync_in_short_and_in_full() {
    let asked = |body: &str| match command(body) {
        Command::Sync(sync) => sync.into_asked(),
        other => panic!("{other:?}"),
    };
    let short = asked("!sync dry #a:b !c:d");
    assert!(short.dry_run);
    assert_eq!(
        format!("{:?}", short.selection.part.room),
        "[Alias(\"#a:b\"), Id(\"!c:d\")]"
    );
    let full = asked("!inviter sync --dry-run --room #a:b --room !c:d");
    assert_eq!(format!("{:?}", full.selection), format!("{:?}", short.selection));
    let release = asked("!sync --release 0A --adopt --include-group \"with space\"");
    assert_eq!(
        (release.selection.release, release.adopt, release.dry_run),
        (vec!["0A".to_owned()], true, false)
    );
    assert_eq!(release.selection.part.include_group, ["with space"]);
}

#[test]
fn a_new_admin_may_be_named_in_two_ways() {
    let request = |body: &str| match command(body) {
        Command::Unmanage(unmanage) => unmanage.into_request(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        request("!unmanage #a:b @ada:b"),
        request("!inviter unmanage #a:b --admin @ada:b")
    );
    assert_ne!(request("!unmanage #a:b"), request("!unmanage #a:b @ada:b"));
    assert!(told("!unmanage #a:b @ada:b --admin @bob:b").contains("cannot be used with"));
}

#[test]
fn what_is_not_for_the_bot_is_ignored() {
    for body in [
        "",
        "hello",
        "inviter sync",
        "!",
        "! sync",
        "!syncs",
        "!foo",
        "!SYNC",
        "!inviters sync",
        "?sync",
        "!!sync",
    ] {
        assert!(understand(body, true).is_none(), "{body}");
    }
    for body in ["!sync", "!help"] {
        assert!(understand(body, false).is_none(), "{body}");
    }
    assert!(matches!(
        understand("!inviter sync", false),
        Some(Understood::Command(_))
    ));
    assert!(is_addressed(" !inviter") && is_addressed("!inviter sync"));
    assert!(!is_addressed("!sync") && !is_addressed("!inviterbot") && !is_addressed("see !inviter"));
}

#[test]
fn help_lists_and_explains() {
    for body in ["!inviter", "!inviter help", "!help", "!inviter --help"] {
        let text = told(body);
        for name in inviter_operations::spelling::IN_ROOM {
            if name != "help" {
                assert!(text.contains(&format!("  {name} ")), "{name} in {body}: {text}");
            }
        }
    }
    for body in ["!inviter help sync", "!sync --help", "!help sync"] {
        let text = told(body);
        assert!(text.contains("Usage: !inviter sync"), "{body}: {text}");
        assert!(text.contains("--release <CODE>"), "{body}: {text}");
        for absent in ["--json", "--exit-code", "--removals-csv", "--config"] {
            assert!(!text.contains(absent), "{absent} in {body}: {text}");
        }
    }
    assert!(told("!help adopt").contains("`!inviter plan`"));
    assert!(told("!help a b").contains("one command"));
}

#[test]
fn wrong_use_is_told_with_the_usage() {
    for (body, says) in [
        ("!explain ada", &["<ROOM>", "Usage: !inviter explain"][..]),
        (
            "!unmanage staff",
            &[
                "'staff'",
                "'#room:example.com'",
                "Usage: !inviter unmanage",
                "!inviter help unmanage",
            ],
        ),
        ("!sync wet", &["'wet'", "or `dry`", "Usage: !inviter sync"]),
        ("!resume staff", &["'staff'", "Usage: !inviter resume"]),
        ("!pause '#a:b' --all", &["Usage: !inviter pause"]),
        ("!sync --jsno", &["--jsno", "Usage: !inviter sync"]),
        ("!sync --json", &["--json", "Usage: !inviter sync"]),
        (
            "!invite-member #a:b ada",
            &["'ada'", "'@user:example.com'", "Usage: !inviter invite-member"],
        ),
        ("!release --dry-run", &["CODE", "Usage: !inviter release"]),
        ("!unmanage #a:b @u:c --admin @u:c", &["Usage: !inviter unmanage"]),
        ("!resume", &["Usage: !inviter resume"]),
        ("!status now", &["'now'", "Usage: !inviter status"]),
        ("!adopt 'a b", &["not closed"]),
        ("!inviter snyc", &["no command `snyc`", "`!inviter sync`"]),
        ("!inviter help snyc", &["no command `snyc`", "`!inviter sync`"]),
        ("!inviter xyzzy", &["no command `xyzzy`", "`!inviter help`"]),
        ("!inviter config", &["on the command line only"]),
    ] {
        let text = told(body);
        for part in says {
            assert!(text.contains(part), "{part} in {body}: {text}");
        }
        assert!(text.matches("Usage: ").count() <= 1, "{body}: {text}");
    }
    assert!(!told("!inviter xyzzy").contains("did you mean"));
}
