//! Variables that override keys.

use std::collections::BTreeMap;

use inviter::{
    config::{
        Config, ConfigErrors, DecoderKind, DirectoryKind, Environment as _, Fallback, Kind, SectionKeys,
    },
    core::room::RoomRef,
};

use super::{
    Place, around,
    keys::{is_built, kind_of},
};

fn environment(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    let home = [("HOME", "/home/inviter"), ("INVITER_PASSWORD", "from-env")];
    let all = home.iter().chain(variables);
    all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn parse(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let place = Place::new();
    Config::parse(text, &place.path("inviter.toml"), &environment(variables))
}

fn good(end: &str, variables: &[(&str, &str)]) -> Config {
    parse(&around("", "", end), variables).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The one error that is left of a file that ends in `end`.
fn wrong(end: &str, variables: &[(&str, &str)]) -> String {
    let errors = parse(&around("", "", end), variables).unwrap_err();
    assert_eq!(errors.errors().len(), 1, "{errors}");
    errors.to_string()
}

#[test]
fn values_of_each_kind() {
    let config = good(
        "[limits]\nroom_count = 7",
        &[
            ("INVITER__HOMESERVER__URL", "https://other.example.com"),
            ("INVITER__HOMESERVER__CONCURRENCY", "4"),
            ("INVITER__HOMESERVER__SYNC_TIMEOUT", "1h"),
            ("INVITER__ROOMS__VERSION", "12"),
            ("INVITER__ROOMS__ENCRYPT", "false"),
            ("INVITER__ROOMS__LEVELS", "keep"),
            ("INVITER__ROOMS__TOPIC", "[no list]"),
            ("INVITER__LIMITS__ROOM_COUNT", "1"),
            ("INVITER__TRUSTED_INVITERS", "@a:example.com, @b:example.com"),
            ("INVITER__ACCOUNTS__EXEMPT", "[\"@x_{a,b}:example.com\"]"),
            ("INVITER__ROOMS__PERMISSIONS__KICK", "50"),
            ("INVITER__ROOMS__PERMISSIONS__BAN", "keep"),
        ],
    );
    assert_eq!(config.homeserver.url.as_str(), "https://other.example.com/");
    assert_eq!(config.homeserver.concurrency, 4);
    assert_eq!(config.homeserver.sync_timeout.as_secs(), 3600);
    assert_eq!(config.defaults.version.as_ref().unwrap().as_str(), "12");
    assert!(!config.defaults.encrypt);
    assert_eq!(config.defaults.topic.as_deref(), Some("[no list]"));
    assert_eq!(config.limits.room_count, 1);
    assert_eq!(config.trusted_inviters.len(), 2);
    assert_eq!(config.exempt.patterns(), ["@x_{a,b}:example.com"]);
    let template = config.defaults.template.unwrap();
    assert_eq!((template.kick, template.ban), (Some(50), None));
}

#[test]
fn lists_of_tables_by_their_index() {
    let path = |config: &Config, ix: usize| {
        let DirectoryKind::File { path } = &config.directories[ix].kind else {
            panic!("{config:?}")
        };
        path.file_name().unwrap().to_str().unwrap().to_owned()
    };
    let config = good(
        "[[room]]\nalias = \"#a:example.com\"\ngroups = [\"g\", \"h\"]",
        &[
            ("INVITER__DIRECTORY__0__PATH", "other.toml"),
            ("INVITER__DIRECTORY__0__DECODERS", "xxx"),
            ("INVITER__DIRECTORY__1__NAME", "more"),
            ("INVITER__DIRECTORY__1__KIND", "file"),
            ("INVITER__DIRECTORY__1__PATH", "more.toml"),
            (
                "INVITER__DIRECTORY__2",
                "{ name = \"third\", kind = \"file\", path = \"third.toml\" }",
            ),
            ("INVITER__ROOM__0__GROUPS__1", "{ group = \"i\", level = 50 }"),
            ("INVITER__ROOM__0__MEMBERS__0", "@m:example.com"),
            ("INVITER__ROOM__1__ID", "!x:example.com"),
            ("INVITER__ROOM__1__GROUPS__0__GROUP", "j"),
            ("INVITER__ROOM__1__PERMISSIONS", "{ kick = 1, ban = 2 }"),
            ("INVITER__ROOM__1__PERMISSIONS__BAN", "3"),
        ],
    );
    let names: Vec<&str> = config.directories.iter().map(|d| d.name.as_str()).collect();
    assert_eq!(names, ["people", "more", "third"]);
    assert_eq!(
        (path(&config, 0), path(&config, 1), path(&config, 2)),
        ("other.toml".into(), "more.toml".into(), "third.toml".into())
    );
    assert_eq!(config.directories[0].decoders, [DecoderKind::Xxx]);
    let [a, x] = config.rooms.as_slice() else {
        panic!("{config:?}")
    };
    let groups: Vec<String> = a.groups.iter().map(|group| group.group.to_string()).collect();
    assert_eq!(
        (groups, a.groups[1].level),
        (vec!["g".into(), "i".into()], Some(50))
    );
    assert_eq!(a.members[0].user_id, "@m:example.com");
    assert!(matches!(&x.room, RoomRef::Id(_)));
    let template = x.rules.template.as_ref().unwrap();
    assert_eq!((template.kick, template.ban), (Some(1), Some(3)));
}

/// Ten comes after nine, though not in the alphabet.
#[test]
fn entries_are_appended_in_the_order_of_their_numbers() {
    let names: Vec<String> = (1..=11).map(|ix| format!("INVITER__DIRECTORY__{ix}")).collect();
    let values: Vec<String> = (1..=11)
        .map(|ix| format!("{{ name = \"d{ix}\", kind = \"file\", path = \"p\" }}"))
        .collect();
    let variables: Vec<(&str, &str)> = names
        .iter()
        .zip(&values)
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let config = good("", &variables);
    assert_eq!(config.directories.len(), 12);
    assert_eq!(config.directories[11].name.as_str(), "d11");
}

#[test]
fn free_keys_and_any_case() {
    let config = good(
        "",
        &[
            ("INVITER__ROOMS__PERMISSIONS__EVENTS__m.room.topic", "0"),
            ("INVITER__DIRECTORY__0__RENAMES__JANE__DOE", "jane"),
            ("inviter__rooms__Owner_Level", "60"),
        ],
    );
    let template = config.defaults.template.unwrap();
    assert_eq!(template.events.get("m.room.topic"), Some(&0));
    assert_eq!(config.directories[0].renames.get("jane__doe").unwrap(), "jane");
    assert_eq!(config.defaults.owner_level, 60);
}

#[test]
fn an_unknown_name_is_an_error_with_the_nearest() {
    let unknown = |name: &str| wrong("", &[(name, "1")]);
    assert_eq!(
        unknown("INVITER__HOMESERVER__URLL"),
        "INVITER__HOMESERVER__URLL: unknown key `urll` in [homeserver], did you mean `INVITER__HOMESERVER__URL`?"
    );
    assert_eq!(
        unknown("INVITER__HOMESERVER_URL"),
        "INVITER__HOMESERVER_URL: unknown key `homeserver_url`, did you mean `INVITER__HOMESERVER__URL`?"
    );
    assert_eq!(
        unknown("INVITER__ROOM__3__OWNERLEVEL"),
        "INVITER__ROOM__3__OWNERLEVEL: unknown key `ownerlevel` in [room], did you mean \
         `INVITER__ROOM__3__OWNER_LEVEL`?"
    );
    assert_eq!(
        unknown("INVITER__COLOUR"),
        "INVITER__COLOUR: unknown key `colour`; `inviter.sample.toml` has every key"
    );
    assert_eq!(
        unknown("INVITER__DIRECTORY__PATH"),
        "INVITER__DIRECTORY__PATH: the number of the entry is missing, from 0 on; write `INVITER__DIRECTORY__0__PATH` \
         for the first"
    );
    assert_eq!(
        unknown("INVITER__DIRECTORY__2__PATH"),
        "INVITER__DIRECTORY__2__PATH: there is no entry 2, since there are 1 before; the next one has the number 1"
    );
    assert_eq!(
        unknown("INVITER__HOMESERVER__URL__HOST"),
        "INVITER__HOMESERVER__URL__HOST: there is nothing below `INVITER__HOMESERVER__URL`; write its value into that \
         variable"
    );
}

#[test]
fn a_wrong_value_names_its_variable() {
    assert_eq!(
        wrong("", &[("INVITER__HOMESERVER__CONCURRENCY", "many")]),
        "INVITER__HOMESERVER__CONCURRENCY: `concurrency` in [homeserver] must be an integer, not a string"
    );
    assert_eq!(
        wrong("", &[("INVITER__ADOPT__ANY", "yes")]),
        "INVITER__ADOPT__ANY: `any` in [adopt] must be true or false, not a string"
    );
    assert_eq!(
        wrong("", &[("INVITER__PEOPLE__LEFT", "nevr")]),
        "INVITER__PEOPLE__LEFT: `left` in [people]: `nevr` is unknown, did you mean `never`?"
    );
    let error = wrong("", &[("INVITER__ACCOUNTS__EXEMPT", "[\"@a\"")]);
    assert!(
        error.starts_with("INVITER__ACCOUNTS__EXEMPT: not well-formed TOML: "),
        "{error}"
    );
    // An error in the file keeps its place, and stands first.
    let errors = parse(
        &around("x = 1", "", ""),
        &[("INVITER__ROOMS__OWNER_LEVEL", "100")],
    )
    .unwrap_err()
    .to_string();
    let lines: Vec<&str> = errors.lines().collect();
    assert!(lines[0].contains("inviter.toml:1:1: unknown key `x`"), "{errors}");
    assert!(
        lines[1].starts_with("INVITER__ROOMS__OWNER_LEVEL: `owner_level` in [rooms]: with 100 people"),
        "{errors}"
    );
    let error = wrong(
        "",
        &[
            ("INVITER__ROOMS__LISTING", "keep"),
            ("inviter__rooms__listing", "public"),
        ],
    );
    assert!(error.contains("overrides the same key; unset one"), "{error}");
}

/// As `${PILOT:-}` of docker-compose gives: nothing was decided, and an empty list would exempt nobody.
#[test]
fn an_empty_value_is_no_empty_list() {
    let list = "is empty; unset it, or write [] for an empty list";
    let table = "is empty; unset it, or write {} for an empty table";
    let value = "is empty; unset it, or write its value";
    let end =
        "[accounts]\nexempt = [\"@bridge_*:example.com\"]\n[scope]\ninclude_rooms = [\"#a:example.com\"]";
    for (name, told) in [
        ("INVITER__ACCOUNTS__EXEMPT", list),
        ("INVITER__SCOPE__INCLUDE_ROOMS", list),
        ("INVITER__TRUSTED_INVITERS", list),
        ("INVITER__DIRECTORY__0__DECODERS", list),
        ("INVITER__DIRECTORY", list),
        ("INVITER__ROOMS__PERMISSIONS", value),
        ("INVITER__ROOMS__PERMISSIONS__EVENTS", table),
        ("INVITER__ROOMS__PERMISSIONS__EVENTS__m.room.name", value),
        ("INVITER__DIRECTORY__0__DECODERS__0", value),
        ("INVITER__HOMESERVER__URL", value),
        ("INVITER__HOMESERVER__CONCURRENCY", value),
        ("INVITER__ADOPT__ANY", value),
        ("INVITER__ROOMS__LISTING", value),
    ] {
        for empty in ["", " ", "\n"] {
            assert_eq!(wrong(end, &[(name, empty)]), format!("{name}: {told}"));
        }
    }
    // Words that are all empty are none either.
    assert_eq!(
        wrong(end, &[("INVITER__ACCOUNTS__EXEMPT", " , ")]),
        format!("INVITER__ACCOUNTS__EXEMPT: {list}")
    );
    let config = good(
        end,
        &[
            ("INVITER__ACCOUNTS__EXEMPT", "[]"),
            ("INVITER__SCOPE__INCLUDE_ROOMS", "[]"),
        ],
    );
    assert!(config.exempt.is_empty());
}

#[test]
fn a_secret_is_not_taken_and_not_repeated() {
    let error = wrong("", &[("INVITER__HOMESERVER__ACCESS_TOKEN", "hunter2hunter2")]);
    assert!(
        error.contains("name that one with `INVITER__HOMESERVER__ACCESS_TOKEN_ENV`"),
        "{error}"
    );
    assert!(!error.contains("hunter2"), "{error}");
    // Whether the program knows LDAP or not.
    let error = wrong("", &[("inviter__directory__1__ldap__password", "hunter2hunter2")]);
    assert_eq!(
        error,
        "inviter__directory__1__ldap__password: a secret is not taken from here; put it into another variable and name \
         that one with `INVITER__DIRECTORY__1__LDAP__PASSWORD_ENV`, or name a file with \
         `INVITER__DIRECTORY__1__LDAP__PASSWORD_FILE`"
    );
    let error = wrong(
        "",
        &[("INVITER__DIRECTORY__1__ENTRA__CLIENT_SECRET", "hunter2hunter2")],
    );
    assert_eq!(
        error,
        "INVITER__DIRECTORY__1__ENTRA__CLIENT_SECRET: a secret is not taken from here; put it into another variable and \
         name that one with `INVITER__DIRECTORY__1__ENTRA__CLIENT_SECRET_ENV`, or name a file with \
         `INVITER__DIRECTORY__1__ENTRA__CLIENT_SECRET_FILE`"
    );
    for (name, value) in [
        (
            "INVITER__HOMESERVER__URL",
            "https://matrix.example.com?access_token=hunter2",
        ),
        ("INVITER__HOMESERVER__URL", "hunter2:x@matrix.example.com"),
        ("INVITER__HOMESERVER__PROXY", "hunter2:x@proxy.example.com"),
        ("INVITER__HOMESERVER__TOKEN", "hunter2"),
        ("INVITER__HOMESERVER__ACCESS_TOKEN__X", "hunter2"),
        ("INVITER__HOMESERVER__CONCURRENCY", "hunter2"),
        ("INVITER__HOMESERVER__DANGER_ALLOW_PLAIN_HTTP", "hunter2"),
    ] {
        let error = wrong("", &[(name, value)]);
        assert!(error.starts_with(name) && !error.contains("hunter2"), "{error}");
    }
    let file = around("", "", "").replace("access_token_file = \"token\"", "");
    let error = parse(
        &file,
        &[("INVITER__HOMESERVER__ACCESS_TOKEN_ENV", "hunter2-hunter2")],
    )
    .unwrap_err();
    assert_eq!(error.errors().len(), 1, "{error}");
    assert!(
        error
            .to_string()
            .contains("is not the name of an environment variable")
            && !error.to_string().contains("hunter2"),
        "{error}"
    );
}

#[test]
fn other_variables_are_none() {
    let all = environment(&[
        ("INVITER_CONFIG", "x"),
        ("INVITER__STATE__DIR", "y"),
        ("PATH", "z"),
    ]);
    assert_eq!(
        all.overrides(),
        [("INVITER__STATE__DIR".to_owned(), "y".to_owned())]
    );
    good("", &[("INVITER_CONFIG", "x"), ("INVITER", "y")]);
}

#[test]
fn a_configuration_of_variables_alone() {
    let place = Place::new();
    let mut variables = environment(&[
        ("INVITER__HOMESERVER__URL", "https://matrix.example.com"),
        ("INVITER__HOMESERVER__ACCESS_TOKEN_ENV", "INVITER_PASSWORD"),
        ("INVITER__DIRECTORY__0__NAME", "people"),
        ("INVITER__DIRECTORY__0__KIND", "file"),
        ("INVITER__DIRECTORY__0__PATH", "people.toml"),
    ]);
    let config = Config::from_environment(&place.path(""), &variables).unwrap();
    let DirectoryKind::File { path } = &config.directories[0].kind else {
        panic!("{config:?}")
    };
    assert_eq!(*path, place.path("people.toml"));
    variables.remove("INVITER__HOMESERVER__URL");
    variables.remove("INVITER__HOMESERVER__ACCESS_TOKEN_ENV");
    let error = Config::from_environment(&place.path(""), &variables).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the environment: the section [homeserver] is missing"),
        "{error}"
    );
}

/// Each key of the table that has a default can be given by its variable, and is understood as in a file.
#[test]
fn every_key_has_its_variable() {
    let mut end = "[[room]]\nalias = \"#a:example.com\"\ngroups = [\"g\"]\n".to_owned();
    if cfg!(feature = "ldap") {
        end += "[[directory]]\nname = \"ldap\"\nkind = \"ldap\"\nldap = { urls = [\"ldaps://a\"], bind_dn = \"cn=b\", \
                password_env = \"INVITER_PASSWORD\", user_bases = [\"dc=a\"], group_bases = [\"dc=a\"] }";
    }
    if cfg!(feature = "azure") {
        end += "\n[[directory]]\nname = \"entra\"\nkind = \"entra\"\nentra = { tenant = \"example.com\", client_id = \
                \"11112222-bbbb-3333-cccc-4444dddd5555\", client_secret_env = \"INVITER_PASSWORD\", group_prefix = \"a\" }";
    }
    let of_entra = if cfg!(feature = "ldap") { 2 } else { 1 };
    let shown = |variables: &[(&str, &str)]| {
        let config = good(&end, variables);
        format!("{:?} {:?}", config.defaults, &config.directories[1..])
    };
    let bare = shown(&[]);
    let mut tried = 0;
    for section in SectionKeys::top().all() {
        for key in section.keys {
            let Fallback::Value(default) = key.fallback else {
                continue;
            };
            if !is_built(kind_of(section.name, key.name)) {
                continue;
            }
            let place = match section.name {
                "" => String::new(),
                "directory.ldap" => "directory__1__ldap__".to_owned(),
                "directory.entra" => format!("directory__{of_entra}__entra__"),
                name if name.starts_with("directory") || name == "room" => format!("{name}__0__"),
                name => format!("{}__", name.replace('.', "__")),
            };
            let name = format!("INVITER__{}{}", place.to_uppercase(), key.name.to_uppercase());
            let value = match key.kind {
                Kind::Word(_) | Kind::WordOrAfter(_) | Kind::Text | Kind::AnyText | Kind::Duration => {
                    default.trim_matches('"')
                }
                // Empty is not what the room has.
                _ if name == "INVITER__ROOM__0__GROUPS" => "[\"g\"]",
                _ => default,
            };
            assert_eq!(shown(&[(&name, value)]), bare, "{name}");
            tried += 1;
        }
    }
    assert!(tried > 30, "{tried}");
}

/// A shell cannot say an empty text without looking as if somebody forgot it.
#[test]
fn no_reason_is_written_in_quotation_marks() {
    let config = good("", &[("INVITER__PEOPLE__INVITE_REASON", "\"\"")]);
    assert_eq!(config.invite_reason, None);
    assert!(config.remove_reason.is_some());
}
