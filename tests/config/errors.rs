//! Wrong files: each error names the thing, its place, and the remedy.

use std::time::Duration;

use super::{Place, around, environment, error_of, errors_of, good, wrong_end};

#[test]
fn unknown_keys_with_the_nearest() {
    assert_eq!(
        error_of(&around("trusted_inviter = []", "", "")),
        "1:1: unknown key `trusted_inviter`, did you mean `trusted_inviters`?"
    );
    assert_eq!(
        error_of(&around("", "acces_token_file = \"x\"", "")),
        "4:1: unknown key `acces_token_file` in [homeserver], did you mean `access_token_file`?"
    );
    wrong_end(
        "[state]\ncolour = 1",
        "colour",
        "unknown key `colour` in [state]; it knows `dir` and `history`",
    );
    wrong_end(
        "[rooms.permissions]\ninvites = 1",
        "invites",
        "unknown key `invites` in [rooms.permissions], did you mean `invite`?",
    );
    wrong_end(
        "[[room]]\nalias = \"#a:b.c\"\ngroups = [{ group = \"g\", levl = 3 }]",
        "levl",
        "unknown key `levl` in [room.groups], did you mean `level`?",
    );
}

#[test]
fn a_misspelt_section_is_told_along_with_what_is_missing() {
    let errors =
        errors_of("[homserver]\nurl = \"https://x\"\n[[room]]\nalias = \"#a:b.c\"\nmembers = [\"@a:b.c\"]\n");
    assert_eq!(
        errors,
        [
            "1:1: the section [homeserver] is missing; it needs `url` and one of `access_token_file`, \
             `access_token_env`, `password_file` and `password_env`",
            "1:2: unknown key `homserver`, did you mean `homeserver`?",
        ]
    );
}

#[test]
fn all_errors_at_once_in_the_order_of_the_file() {
    let errors = errors_of(&around(
        "trusted_inviters = [\"nobody\"]",
        "concurrency = 0\nrequest_timeout = \"30\"",
        "[limits]\nroom_percent = 101\n[people]\nleft = \"nevr\"",
    ));
    let lines: Vec<&str> = errors
        .iter()
        .map(|error| error.split(':').next().unwrap())
        .collect();
    assert_eq!(lines, ["1", "4", "5", "12", "14"], "{errors:#?}");
    let shown = Place::new()
        .parse(&around("x = 1\ny = 2", "", ""))
        .unwrap_err()
        .to_string();
    assert_eq!(shown.lines().count(), 2, "one error a line: {shown}");
    assert!(
        shown.lines().all(|line| line.contains("inviter.toml:")),
        "{shown}"
    );
}

#[test]
fn syntax_errors_with_line_and_column() {
    let error = error_of("[homeserver]\nurl = \n");
    assert!(error.starts_with("2:7: not well-formed TOML: "), "{error}");
    let errors = errors_of("[homeserver]\nurl = \"https://a\"\nurl = \"https://b\"\n");
    assert!(
        errors[0].starts_with("3:1: not well-formed TOML: duplicate key"),
        "{errors:?}"
    );
}

#[test]
fn wrong_types() {
    assert_eq!(
        error_of(&around("", "concurrency = \"8\"", "")),
        "4:15: `concurrency` in [homeserver] must be an integer, not a string"
    );
    assert_eq!(
        error_of(&around("", "danger_allow_plain_http = 1", "")),
        "4:27: `danger_allow_plain_http` in [homeserver] must be true or false, not an integer"
    );
    wrong_end(
        "people = 3",
        "people = 3",
        "unknown key `people` in [directory]; it knows `name`, `kind`, `path`, `ldap`, `entra`, `decoders`, `attribute`, `before_at`, `guests` and `renames`",
    );
    wrong_end(
        "[[people]]\n",
        "[[people]]",
        "`people` must be a table, not a list",
    );
    wrong_end(
        "[accounts]\nexempt = \"@a:b\"",
        "\"@a:b\"",
        "`exempt` in [accounts] must be a list, not a string",
    );
    wrong_end(
        "[limits]\nroom_count = 1.5",
        "1.5",
        "`room_count` in [limits] must be an integer, not a number with a fraction",
    );
    wrong_end(
        "[limits]\nroom_count = -1",
        "-1",
        "`room_count` in [limits] is -1 and must be between 0 and 4294967295",
    );
}

#[test]
fn a_wrong_type_tells_what_to_write() {
    wrong_end(
        "[rooms]\nlisting = true",
        "true",
        "`listing` in [rooms] must be \"public\", \"private\" or \"keep\", not a boolean",
    );
    wrong_end(
        "[rooms]\nversion = 10",
        "10",
        "`version` in [rooms] must be a string, not an integer; write \"10\"",
    );
    wrong_end(
        "[limits]\nwindow = 30",
        "30",
        "`window` in [limits] must have a unit (ms, s, m, h, d); write it like \"30s\"",
    );
}

#[test]
fn urls_and_timeouts() {
    let url = |url: &str| error_of(&around("", "", "").replace("https://matrix.example.com", url));
    assert_eq!(
        url("matrix.example.com"),
        "3:7: `url` in [homeserver]: `matrix.example.com` is not a URL (relative URL without a base); write the \
         homeserver's base URL, such as \"https://matrix.example.com\""
    );
    assert_eq!(
        url("http://matrix.example.com"),
        "3:7: `url` in [homeserver]: `http://matrix.example.com` would send the bot's token unencrypted; use https, or \
         set `danger_allow_plain_http = true` if the way there is safe"
    );
    assert!(url("ftp://x").contains("`ftp://x` has a scheme that Matrix does not have"));
    assert!(url("https://x/_matrix/client").contains("leave out `/_matrix`"));
    assert_eq!(
        error_of(&around("", "request_timeout = \"30\"", "")),
        "4:19: `request_timeout` in [homeserver]: `30` is not a duration; write a number with a unit (ms, s, m, h, d), \
         such as \"30s\" or \"1h 30m\""
    );
    assert_eq!(
        error_of(&around("", "connect_timeout = \"0s\"", "")),
        "4:19: `connect_timeout` in [homeserver] is 0, so every request would fail; leave it out for 10s"
    );
    let error = error_of(&around("", "ca_file = \"nowhere.pem\"", ""));
    assert!(
        error.starts_with("4:11: `ca_file` in [homeserver]: the file `"),
        "{error}"
    );
    assert!(error.contains("nowhere.pem` cannot be read: "), "{error}");
}

/// Values so short that a guard would be none.
#[test]
fn guards_that_would_be_none() {
    for window in ["0s", "1ms", "59m"] {
        wrong_end(
            &format!("[limits]\nwindow = \"{window}\""),
            &format!("\"{window}\""),
            "`window` in [limits] must be at least 1h, since in a shorter time removals would hardly be counted \
             together; leave it out for 24h",
        );
    }
    for pause in ["0s", "1ms", "59s"] {
        wrong_end(
            &format!("[bot]\nquarantine_max = \"{pause}\""),
            &format!("\"{pause}\""),
            "`quarantine_max` in [bot] must be at least 1m, since a directory that refuses the bot would be asked again \
             and again, and accounts are locked for that; leave it out for 1h",
        );
    }
    let config = good("[limits]\nwindow = \"1h\"\n[bot]\nquarantine_max = \"60s\"");
    assert_eq!(
        (config.limits.window, config.bot.quarantine_max),
        (Duration::from_secs(3600), Duration::from_secs(60))
    );
}

#[test]
fn identifiers() {
    let room = |first: &str| format!("[[room]]\n{first}\ngroups = [\"g\"]");
    wrong_end(
        &room("alias = \"staff:example.com\""),
        "\"staff:",
        "`alias` in [room]: `staff:example.com` is not a room alias (leading sigil is incorrect or missing); write it \
         like \"#room:example.com\"",
    );
    wrong_end(
        &room("id = \"#a:b.c\""),
        "\"#a:b.c\"",
        "`id` in [room]: `#a:b.c` is not a room ID (leading sigil is incorrect or missing); those begin with `!`",
    );
    wrong_end(
        "[adopt]\ntrusted_creators = [\"@a:b.c\", \"a\"]",
        "\"a\"",
        "`trusted_creators` in [adopt]: `a` is not a user ID (leading sigil is incorrect or missing); write it like \
         \"@name:example.com\"",
    );
    wrong_end(
        "[accounts]\nserver = \"exa mple\"",
        "\"exa mple\"",
        "`server` in [accounts]: `exa mple` is not a server name (server name is not a valid IP address or domain \
         name); write what follows the colon in user IDs, like \"example.com\"",
    );
    wrong_end(
        "[accounts]\nexempt = [\"bridge_*\"]",
        "\"bridge_*\"",
        "`exempt` in [accounts]: the pattern `bridge_*` matches no user ID, since those begin with `@`; write it like \
         \"@bridge_*:example.com\"",
    );
    wrong_end(
        "[accounts]\nexempt = [\"@[a:b\"]",
        "\"@[a:b\"",
        "`exempt` in [accounts]: pattern `@[a:b`: unclosed character class; missing ']'",
    );
    wrong_end(
        "[rooms]\nversion = \"99\"",
        "\"99\"",
        "`version` in [rooms]: `99` is not a room version that this program knows; leave it out for the homeserver's \
         default",
    );
}

#[test]
fn dangerous_settings_name_their_key() {
    wrong_end(
        "[rooms]\nhistory_visibility = \"world_readable\"",
        "\"world_readable\"",
        "`history_visibility` in [rooms]: `world_readable` shows the room's history to everyone in the world; if that \
         is meant, set `danger_allow_world_readable = true` at the top of the file",
    );
    let admins = |key: &str, section: &str, level: i64| {
        format!(
            "`{key}` in [{section}]: with {level} people would be admins, which cannot be taken back in rooms before \
             version 12; if that is meant, set `danger_allow_admin_levels = true` at the top of the file"
        )
    };
    wrong_end(
        "[rooms]\nowner_level = 100",
        "100",
        &admins("owner_level", "rooms", 100),
    );
    wrong_end(
        "[rooms.permissions]\nusers_default = 100",
        "100",
        &admins("users_default", "rooms.permissions", 100),
    );
    let room = "[[room]]\nalias = \"#a:b.c\"\n";
    wrong_end(
        &format!("{room}groups = [{{ group = \"g\", level = 150 }}]"),
        "150",
        &admins("level", "room.groups", 150),
    );
    wrong_end(
        &format!("{room}members = [{{ user = \"@a:b.c\", level = 101 }}]"),
        "101",
        &admins("level", "room.members", 101),
    );
}

#[test]
fn directories() {
    let other = "[[directory]]\nname = \"other\"\n";
    let not_built = [
        ("ldap", "ldap", cfg!(feature = "ldap")),
        ("entra", "azure", cfg!(feature = "azure")),
    ];
    for (kind, feature, _) in not_built.iter().filter(|(.., is_built)| !is_built) {
        // With a section or without: what the program does not know is not looked into.
        for section in ["", "\nldap = { urls = 1 }\nentra = { tenant = 1 }"] {
            wrong_end(
                &format!("{other}kind = \"{kind}\"{section}"),
                &format!("\"{kind}\""),
                &format!(
                    "`kind` in [directory]: this program was built without `{kind}`; use one that was built with it \
                     (cargo feature `{feature}`), or `kind = \"file\"`"
                ),
            );
        }
    }
    wrong_end(
        &format!("{other}kind = \"file\"\npath = \"x.toml\"\nldap = {{ urls = [\"ldaps://a\"] }}"),
        "{ urls",
        "`ldap` in [directory] is for `kind = \"ldap\"`; leave it out, or correct `kind`",
    );
    wrong_end(
        &format!("{other}kind = \"file\"\npath = \"x.toml\"\nentra = {{ tenant = \"example.com\" }}"),
        "{ tenant",
        "`entra` in [directory] is for `kind = \"entra\"`; leave it out, or correct `kind`",
    );
    wrong_end(
        &format!("{other}kind = \"fil\""),
        "\"fil\"",
        "`kind` in [directory]: `fil` is unknown, did you mean `file`?",
    );
    wrong_end(
        &format!("{other}kind = 'file'"),
        "'file'",
        "`path` in [directory] is missing; write where the directory file is, such as \"people.toml\"",
    );
    wrong_end(
        "[[directory]]\nname = 'people'\nkind = \"file\"\npath = \"x.toml\"",
        "'people'",
        "two directories are called `people`; give each a name of its own",
    );
    wrong_end(
        "decoders = [\"mtx\"]",
        "\"mtx\"",
        "`decoders` in [directory]: `mtx` is unknown, did you mean `mtrx`?",
    );
    wrong_end(
        "guests = \"drop\"",
        "\"drop\"",
        "`guests` in [directory]: `drop` is unknown; write `skip` or `strip`",
    );
    wrong_end(
        "[directory.renames]\nx = \"old\"\ny = 'old'",
        "'old'",
        "`x` and `y` in [directory.renames] both become `old`, which would make two people one",
    );
    wrong_end(
        "[directory.renames]\nx = \"@old:example.com\"",
        "x = \"@old",
        "`@old:example.com` in [directory.renames] is not a localpart; write what stands between `@` and `:` of the \
         user ID",
    );
    wrong_end(
        "[directory.renames]\njane.doe = \"jane\"",
        "jane.doe",
        "`jane` in [directory.renames] must be a string, not a table; a name with a dot stands in quotation marks",
    );
    wrong_end(
        "[rooms.permissions.events]\nm.room.name = 50",
        "m.room.name",
        "`m` in [permissions.events] must be an integer or \"keep\", not a table; a name with a dot stands in quotation \
         marks",
    );
    let bare = around("", "", "");
    let without = &bare[..bare.find("[[directory]]").unwrap()];
    assert_eq!(
        error_of(without),
        "1:1: there is neither a [[directory]] nor a [[room]], so there is nothing to do; add a [[directory]]"
    );
}

#[test]
fn rooms() {
    let room = "[[room]]\nalias = \"#a:b.c\"\n";
    wrong_end(
        "[[room]]\ngroups = [\"g\"]",
        "[[room]]",
        "this [[room]] has neither `alias` nor `id`; write `alias = \"#room:example.com\"`",
    );
    wrong_end(
        &format!("{room}id = \"!a:b.c\"\ngroups = [\"g\"]"),
        "\"!a:b.c\"",
        "this [[room]] has both `alias` and `id`; keep the one that names the room",
    );
    wrong_end(
        room,
        "[[room]]",
        "this [[room]] has neither `groups` nor `members`, so nobody would belong in it",
    );
    wrong_end(
        &format!("{room}groups = [\"g\"]\n[[room]]\nalias = '#a:b.c'\ngroups = [\"h\"]"),
        "'#a:b.c'",
        "the room `#a:b.c` is listed twice; put all its groups under one [[room]]",
    );
    wrong_end(
        &format!("{room}groups = [\"g\", 'g']"),
        "'g'",
        "the group `g` is listed twice in this room; keep one",
    );
    wrong_end(
        &format!("{room}groups = [{{ group = \"g\", directory = \"peple\" }}]"),
        "\"peple\"",
        "`directory` in [room.groups]: there is no [[directory]] called `peple`, did you mean `people`?",
    );
    wrong_end(
        &format!("{room}groups = [\"g\"]\nmanage_permissions = false\npermissions = {{ kick = 1 }}"),
        "{ kick = 1 }",
        "[room.permissions] has no effect beside `manage_permissions = false`; take one of them out",
    );
    wrong_end(
        &format!("{room}groups = [\"g\"]\npermissions = {{ kick = true }}"),
        "true }",
        "`kick` in [room.permissions] must be an integer or \"keep\", not a boolean",
    );
}

#[test]
fn no_state_directory() {
    let place = Place::new();
    let nothing = |_: &str| None;
    let path = place.path("inviter.toml");
    let errors = inviter::config::Config::parse(&around("", "", ""), &path, &nothing).unwrap_err();
    assert_eq!(
        errors.errors()[0].message,
        "there is no directory for the memory of earlier runs: set `dir` in [state], such as \"/var/lib/inviter\" \
         (neither XDG_STATE_HOME nor HOME is set)"
    );
}

#[test]
fn how_people_come_in_and_why() {
    for (value, says) in [
        ("after", "`after` needs a duration, such as \"after 7d\""),
        (
            "after 7",
            "`7` is not a duration; write a number with a unit (ms, s, m, h, d), such as \"30s\" or \"1h 30m\"",
        ),
        ("after 0s", "`after 0s` is at once; write `again`"),
        (
            "aftr 7d",
            "`aftr 7d` is unknown; write `until_brought_anew`, `again` or `never`, or a time such as \"after 7d\"",
        ),
        ("nevr", "`nevr` is unknown, did you mean `never`?"),
    ] {
        for section in ["people", "rooms"] {
            wrong_end(
                &format!("[{section}]\nleft = \"{value}\""),
                &format!("\"{value}\""),
                &format!("`left` in [{section}]: {says}"),
            );
        }
    }
    wrong_end(
        "[people]\nremove_reason = \"bye, {name}\"",
        "\"bye, {name}\"",
        "`remove_reason` in [people]: there is no placeholder `{name}`; write {room} or {groups}",
    );
    wrong_end(
        "[people]\ninvite_reason = \"{room\"",
        "\"{room\"",
        "`invite_reason` in [people]: a `{` is not closed; write a placeholder as {room} or {groups}",
    );
    wrong_end(
        "[rooms]\nbring_in = \"force\"",
        "\"force\"",
        "`bring_in` in [rooms]: `force` is unknown; write `invite` or `join`",
    );
}

/// Whatever is named: no more of it is read than a configuration or a certificate can have.
#[test]
fn files_that_are_far_too_large() {
    let place = Place::new();
    std::fs::write(place.path("inviter.toml"), vec![b'#'; (16 << 20) + 1]).unwrap();
    let error = inviter::config::Config::load(&place.path("inviter.toml"), &environment).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("cannot be a configuration: it is larger than 16 MiB; name the right file"),
        "{error}"
    );
    #[cfg(target_os = "linux")]
    {
        let error =
            inviter::config::Config::load(std::path::Path::new("/dev/zero"), &environment).unwrap_err();
        assert!(error.to_string().contains("larger than 16 MiB"), "{error}");
        let text = around("", "ca_file = \"/dev/zero\"", "");
        let error = place.parse(&text).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("the file `/dev/zero` cannot be read: it is larger than 16 MiB"),
            "{error}"
        );
    }
}
