//! `inviter config`, overrides from the environment, completions and manual pages: what needs no server.
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

const CONFIG: &str = r##"
trusted_inviters = ["@a:example.com"]
[homeserver]
url = "https://matrix.example.com"
user = "@inviter:example.com"
access_token_file = "token"
[[directory]]
name = "people"
kind = "file"
path = "people.toml"
[directory.renames]
"jane.doe" = "jane"
[rooms]
topic = "quote \" backslash \\ bell \u0007 turn \u202e tag \U000e0041 ü"
owner_level = 60
[rooms.permissions]
kick = "keep"
[[room]]
alias = "#a:example.com"
groups = ["g", { group = "h", level = 50 }]
[room.permissions]
ban = 50
events = { "m.reaction" = 1 }
[state]
dir = "state"
"##;

const SECRET: &str = "syt_secretsecretsecret";

fn place(config: Option<&str>) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    if let Some(config) = config {
        fs::write(dir.path().join("inviter.toml"), config).unwrap();
    }
    let token = dir.path().join("token");
    fs::write(&token, SECRET).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    }
    dir
}

fn run(dir: &Path, args: &[&str], env: &[(&str, &str)]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_inviter"))
        .current_dir(dir)
        .args(args)
        .env_clear()
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn good(dir: &Path, args: &[&str], env: &[(&str, &str)]) -> String {
    let (code, stdout, stderr) = run(dir, args, env);
    assert_eq!((code, &*stderr), (0, ""), "{stdout}");
    stdout
}

/// Every value of the configuration, without where it comes from.
fn values(dir: &Path) -> Vec<String> {
    let document: Value = serde_json::from_str(&good(dir, &["config", "--json"], &[])).unwrap();
    let mut values = Vec::new();
    for section in document["sections"].as_array().unwrap() {
        for setting in section["settings"].as_array().unwrap() {
            let place = (&section["section"], &section["index"], &setting["key"]);
            values.push(format!("{place:?} = {}", setting["value"]));
        }
    }
    values
}

#[test]
fn every_value_with_its_origin() {
    let dir = place(Some(CONFIG));
    let env = [("INVITER__HOMESERVER__CONCURRENCY", "4")];
    let text = good(dir.path(), &["config"], &env);
    for line in [
        "trusted_inviters = [\"@a:example.com\"]  # inviter.toml:2",
        "url = \"https://matrix.example.com\"  # inviter.toml:4",
        "access_token_file = \"token\"  # inviter.toml:6",
        "concurrency = 4  # INVITER__HOMESERVER__CONCURRENCY",
        "request_timeout = \"60s\"  # default",
        "# proxy is not set: none; the environment is not asked for one",
        "[directory.renames]",
        "\"jane.doe\" = \"jane\"  # inviter.toml:12",
        "[[room]]",
        "groups = [\"g\", { group = \"h\", level = 50 }]  # inviter.toml:20",
        "owner_level = 60  # as in [rooms]",
        "ban = 50  # inviter.toml:22",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line}:\n{text}");
    }
    assert!(
        !text.contains(SECRET) && !text.contains(['\u{7}', '\u{202e}', '\u{e0041}']),
        "{text}"
    );

    let json: Value = serde_json::from_str(&good(dir.path(), &["config", "--json"], &env)).unwrap();
    assert_eq!((&json["schema"], &json["kind"]), (&1.into(), &"config".into()));
    assert!(json["file"].as_str().unwrap().ends_with("inviter.toml"));
    assert!(!json.to_string().contains(SECRET));
}

#[test]
fn what_is_printed_is_the_same_configuration() {
    let dir = place(Some(CONFIG));
    let before = values(dir.path());
    for args in [&["config"][..], &["config", "--changed"]] {
        let again = place(Some(&good(dir.path(), args, &[])));
        assert_eq!(values(again.path()), before, "{args:?}");
    }
}

#[test]
fn changed_leaves_defaults_out() {
    let dir = place(Some(CONFIG));
    let text = good(dir.path(), &["config", "--changed"], &[]);
    for part in ["request_timeout", "# default", "as in [rooms]", "[limits]"] {
        assert!(!text.contains(part), "{part}: {text}");
    }
    assert!(text.contains("owner_level = 60"), "{text}");
}

#[test]
fn the_file_that_is_used() {
    let dir = place(Some("this is not read"));
    assert_eq!(good(dir.path(), &["config", "--file"], &[]), "./inviter.toml\n");
    assert_eq!(good(dir.path(), &["config", "--file", "-c", "x"], &[]), "x\n");
    let url = [("INVITER__HOMESERVER__URL", "https://matrix.example.com")];
    assert_eq!(
        good(place(None).path(), &["config", "--file"], &url),
        "the environment\n"
    );
}

#[test]
fn errors_are_told_as_elsewhere() {
    let dir = place(Some(&CONFIG.replace("kind =", "knd =")));
    let env = [
        ("INVITER__LIMITS__WINDOW", "30"),
        ("INVITER__HOMESRVER__URL", "x"),
    ];
    for args in [&["config"][..], &["idp"]] {
        let (code, stdout, stderr) = run(dir.path(), args, &env);
        assert_eq!((code, &*stdout), (1, ""));
        for part in [
            "inviter: error: ./inviter.toml:9:1: unknown key `knd` in [directory], did you mean `kind`?",
            "inviter: error: INVITER__LIMITS__WINDOW: `window` in [limits]: `30` is not a duration",
            "inviter: error: INVITER__HOMESRVER__URL: unknown key `homesrver`, did you mean `INVITER__HOMESERVER__URL`?",
        ] {
            assert!(stderr.contains(part), "{part}: {stderr}");
        }
    }
}

#[test]
fn variables_alone_are_a_configuration() {
    let dir = place(None);
    fs::write(
        dir.path().join("people.toml"),
        "people = [{ id = \"alice\" }]\ngroups = [{ name = \"MTRX #staff:example.com\", members = [\"alice\"] }]",
    )
    .unwrap();
    let env = [
        ("INVITER__HOMESERVER__URL", "https://matrix.example.com"),
        ("INVITER__HOMESERVER__USER", "@inviter:example.com"),
        ("INVITER__HOMESERVER__ACCESS_TOKEN_FILE", "token"),
        ("INVITER__DIRECTORY__0__NAME", "people"),
        ("INVITER__DIRECTORY__0__KIND", "file"),
        ("INVITER__DIRECTORY__0__PATH", "people.toml"),
        ("INVITER__STATE__DIR", "state"),
    ];
    let text = good(dir.path(), &["idp"], &env);
    assert!(text.contains("@alice:example.com"), "{text}");
    let (code, _, stderr) = run(dir.path(), &["idp"], &env[1..]);
    assert_eq!(code, 1);
    assert!(stderr.contains("there is no configuration file"), "{stderr}");
}

#[test]
fn the_schema_needs_no_configuration() {
    let schema = good(place(None).path(), &["config", "--schema"], &[]);
    let schema: Value = serde_json::from_str(&schema).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(
        schema["properties"]["homeserver"]["properties"]["concurrency"]["maximum"],
        256
    );
}

#[test]
fn completions_for_every_shell() {
    let dir = place(None);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = good(dir.path(), &["completions", shell], &[]);
        for part in ["inviter", "managed", "dry-run"] {
            assert!(script.contains(part), "{shell}: {part}");
        }
        if shell == "bash" {
            let file = dir.path().join("inviter.bash");
            fs::write(&file, script).unwrap();
            let check = Command::new("bash").arg("-n").arg(&file).output().unwrap();
            assert!(check.status.success() && check.stderr.is_empty(), "{check:?}");
        }
    }
    let (code, stdout, stderr) = run(dir.path(), &["completions", "tcsh"], &[]);
    assert_eq!((code, &*stdout), (1, ""));
    assert!(stderr.contains("bash"), "{stderr}");
}

#[test]
fn a_page_for_every_command() {
    let dir = place(None);
    let main = good(dir.path(), &["man"], &[]);
    assert!(
        main.contains(".TH inviter 1") && main.contains("Exit codes"),
        "{main}"
    );
    assert_eq!(good(dir.path(), &["man", "--out", "deep/man"], &[]), "");
    let help = good(dir.path(), &["--help"], &[]);
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands: Vec<&str> = commands
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|command| *command != "help")
        .collect();
    assert!(commands.len() >= 10, "{commands:?}");
    for command in &commands {
        let page = dir.path().join("deep/man").join(format!("inviter-{command}.1"));
        let page = fs::read_to_string(&page).unwrap_or_else(|error| panic!("{command}: {error}"));
        assert!(
            page.contains(&format!(".TH inviter-{command} 1")),
            "{command}: {page}"
        );
        assert!(page.contains("\\-\\-config"), "{command}: {page}");
    }
    let pages = fs::read_dir(dir.path().join("deep/man")).unwrap().count();
    assert_eq!(pages, commands.len() + 1);

    let (code, _, stderr) = run(dir.path(), &["man", "--out", "token/x"], &[]);
    assert_eq!(code, 1);
    assert!(
        stderr.contains("token/x: the pages cannot be written there"),
        "{stderr}"
    );
}
