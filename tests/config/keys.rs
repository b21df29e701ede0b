//! The table of keys says what the readers do.

use inviter::config::{Fallback, Key, Kind, SectionKeys};
use toml::{Table, Value};

use super::Place;

/// A configuration in which every section has an entry, with as few keys as there can be.
fn least() -> Table {
    let mut least = toml::toml! {
        [homeserver]
        url = "https://matrix.example.com"
        access_token_file = "token"

        [[directory]]
        name = "people"
        kind = "file"
        path = "people.toml"
        decoders = [{ pattern = "team-(.+)", alias = "#$1:example.com" }]

        [[room]]
        alias = "#a:example.com"
        groups = [{ group = "g" }]
        members = [{ user = "@m:example.com" }]
    };
    if cfg!(feature = "ldap") {
        let ldap = toml::toml! {
            name = "ldap"
            kind = "ldap"
            // By a socket, which also lets the bot log in without a certificate.
            [ldap]
            urls = ["ldapi://%2Frun%2Fldapi"]
            bind_dn = "cn=bot,dc=example,dc=com"
            password_env = "INVITER_PASSWORD"
            user_bases = ["dc=example,dc=com"]
            group_bases = ["dc=example,dc=com"]
        };
        let directories = least["directory"].as_array_mut().unwrap();
        directories.push(Value::Table(ldap));
    }
    if cfg!(feature = "azure") {
        let entra = toml::toml! {
            name = "entra"
            kind = "entra"
            [entra]
            tenant = "example.onmicrosoft.com"
            client_id = "11112222-bbbb-3333-cccc-4444dddd5555"
            client_secret_env = "INVITER_PASSWORD"
            group_prefix = "MTRX "
        };
        let directories = least["directory"].as_array_mut().unwrap();
        directories.push(Value::Table(entra));
    }
    least
}

/// The table of a section, with all the tables that lead to it. A directory is of the kind that has the key.
fn open<'t>(tree: &'t mut Table, section: &str, key: &str) -> &'t mut Table {
    let kind = kind_of(section, key);
    let steps = section.split('.').filter(|step| !step.is_empty());
    steps.fold(tree, |table, step| {
        let value = table.entry(step).or_insert_with(|| Value::Table(Table::new()));
        let value = match value {
            Value::Array(items) => {
                let is_it = |item: &Value| step != "directory" || item["kind"].as_str() == Some(kind);
                let ix = items.iter().position(is_it).unwrap();
                &mut items[ix]
            }
            other => other,
        };
        value.as_table_mut().unwrap()
    })
}

/// Which kind of directory a key is for, if it is for one alone.
pub(crate) fn kind_of(section: &str, key: &str) -> &'static str {
    for (kind, of_kind) in [("ldap", "directory.ldap"), ("entra", "directory.entra")] {
        if section == of_kind || (section, key) == ("directory", kind) {
            return kind;
        }
    }
    "file"
}

/// Whether this program reads directories of a kind.
pub(crate) fn is_built(kind: &str) -> bool {
    let left_out = [
        ("ldap", !cfg!(feature = "ldap")),
        ("entra", !cfg!(feature = "azure")),
    ];
    !left_out.contains(&(kind, true))
}

/// What the readers make of the least configuration with one key more, or how it is wrong.
fn with(section: &str, key: &str, value: Value) -> Result<String, String> {
    let mut tree = least();
    let table = open(&mut tree, section, key);
    // The other ways of logging in need no name.
    if (section, key) == ("directory.ldap", "bind") && value.as_str() != Some("simple") {
        table.retain(|other, _| !["bind_dn", "password_env"].contains(&other));
    }
    // What a client secret is for is for no other way.
    if (section, key) == ("directory.entra", "credential") && value.as_str() != Some("client_secret") {
        table.retain(|other, _| !["tenant", "client_secret_env"].contains(&other));
    }
    // Some are for another one.
    for (credential, keys) in [
        ("client_certificate", &["certificate_file", "key_file"][..]),
        ("workload_identity", &["federated_token_file"]),
    ] {
        if section == "directory.entra" && keys.contains(&key) {
            table.remove("client_secret_env");
            table.insert("credential".to_owned(), Value::String(credential.to_owned()));
        }
    }
    // Of some keys there may be only one.
    for alternatives in [
        &["alias", "id"][..],
        &["alias", "owners_of"],
        &["client_secret_file", "client_secret_env"],
        &[
            "access_token_file",
            "access_token_env",
            "password_file",
            "password_env",
        ],
    ] {
        if alternatives.contains(&key) {
            table.retain(|other, _| !alternatives.contains(&other));
        }
    }
    table.insert(key.to_owned(), value);
    shown(&tree)
}

fn shown(tree: &Table) -> Result<String, String> {
    let place = Place::new();
    let dir = place.path("").display().to_string();
    match place.parse(&tree.to_string()) {
        Ok(config) => Ok(format!("{config:?}").replace(&dir, "")),
        Err(errors) => Err(errors.to_string()),
    }
}

fn value(toml: &str) -> Value {
    format!("x = {toml}")
        .parse::<Table>()
        .unwrap()
        .remove("x")
        .unwrap()
}

/// All keys that this program reads.
fn all() -> impl Iterator<Item = (&'static str, &'static Key)> {
    SectionKeys::top()
        .all()
        .into_iter()
        .flat_map(|section| section.keys.iter().map(|key| (section.name, key)))
        .filter(|(section, key)| is_built(kind_of(section, key.name)))
}

/// Another value than the default.
fn other(key: &Key, default: &Value) -> Value {
    match (key.kind, default) {
        (Kind::Flag, Value::Boolean(flag)) => Value::Boolean(!flag),
        (Kind::Integer { least, .. }, Value::Integer(number)) if *number == least => {
            Value::Integer(number + 1)
        }
        (Kind::Integer { .. } | Kind::LevelOrKeep, Value::Integer(number)) => Value::Integer(number - 1),
        (Kind::Duration, _) => value("\"17h\""),
        // The others need files.
        (Kind::Word(_), _) if key.name == "credential" => value("\"managed_identity\""),
        (Kind::Word(words), Value::String(default)) => {
            let other = words
                .iter()
                .find(|word| **word != default && **word != "world_readable");
            Value::String((*other.unwrap()).to_owned())
        }
        (Kind::List { words: [], .. }, _) if key.name.ends_with("_rooms") => {
            value("[\"#other:example.com\"]")
        }
        (Kind::List { words: [], .. }, _) if ["placeholders", "ignore_referrals"].contains(&key.name) => {
            value("[\"dc=other\"]")
        }
        (Kind::List { words: [], .. }, _) => value("[\"@other:example.com\"]"),
        (Kind::List { words, .. }, _) => Value::Array(vec![Value::String(words[1].to_owned())]),
        (Kind::Free(Kind::LevelOrKeep), _) => value("{ \"m.reaction\" = 17 }"),
        (Kind::Free(_), _) => value("{ a = \"b\" }"),
        (Kind::WordOrAfter(_), _) => value("\"after 1h 30m\""),
        (Kind::Text | Kind::AnyText, _) => value("\"other\""),
        other => panic!("{}: {other:?}", key.name),
    }
}

#[test]
fn every_default_is_what_the_reader_takes() {
    let bare = shown(&least()).unwrap();
    let mut compared = 0;
    for (section, key) in all() {
        let Fallback::Value(default) = key.fallback else {
            continue;
        };
        // These are given in the least configuration, or have no sense without a placeholder in it.
        if ["groups", "members", "decoders", "arguments"].contains(&key.name) {
            continue;
        }
        let default = value(default);
        let name = format!("{section}.{}", key.name);
        assert_eq!(with(section, key.name, default.clone()).unwrap(), bare, "{name}");
        let changed = with(section, key.name, other(key, &default)).unwrap();
        assert_ne!(changed, bare, "{name} changes nothing");
        compared += 1;
    }
    assert!(compared > 30, "{compared}");
}

#[test]
fn words_are_those_that_the_reader_takes() {
    for (section, key) in all() {
        let (words, wrap): (_, fn(&str) -> Value) = match key.kind {
            Kind::Word(words) | Kind::WordOrAfter(words) => (words, |word| Value::String(word.to_owned())),
            Kind::List { words, .. } if !words.is_empty() => {
                (words, |word| Value::Array(vec![Value::String(word.to_owned())]))
            }
            _ => continue,
        };
        let error = with(section, key.name, wrap("qqqqqqqqqqqqqqqqqqqqqqqqqqqq")).unwrap_err();
        let told: Vec<&str> = error.split('`').skip(5).step_by(2).collect();
        assert_eq!(told, words, "{section}.{}: {error}", key.name);
        if let Kind::WordOrAfter(_) = key.kind {
            assert!(error.contains("such as \"after "), "{error}");
        }
    }
}

#[test]
fn bounds_are_those_of_the_reader() {
    for (section, key) in all() {
        let Kind::Integer { least, most } = key.kind else {
            continue;
        };
        for wrong in [least - 1, most + 1] {
            let error = with(section, key.name, Value::Integer(wrong)).unwrap_err();
            let bounds = format!("is {wrong} and must be between {least} and {most}");
            assert!(error.contains(&bounds), "{section}.{}: {error}", key.name);
        }
        // The least allowed: the most may need a `danger_` key.
        with(section, key.name, Value::Integer(least)).unwrap_or_else(|e| panic!("{e}"));
    }
}

/// A value of each wrong type is refused, so that the kind in the table is the reader's.
#[test]
fn kinds_are_those_of_the_readers() {
    for (section, key) in all() {
        let wrong = match key.kind {
            Kind::Flag | Kind::Integer { .. } => value("\"x\""),
            _ => Value::Boolean(true),
        };
        let says = match key.kind {
            Kind::Flag => "must be true or false",
            Kind::Integer { .. } | Kind::LevelOrKeep => "must be an integer",
            Kind::List { .. } | Kind::Tables(_) => "must be a list",
            Kind::Table(_) | Kind::Free(_) => "must be a table",
            Kind::Word(words) => &format!("must be \"{}\"", words[0]),
            _ => "must be a string",
        };
        let error = with(section, key.name, wrong).unwrap_err();
        assert!(error.contains(says), "{section}.{}: {error}", key.name);
    }
}

#[test]
fn what_is_required_is_missed() {
    let mut required = 0;
    for (section, key) in all() {
        if key.fallback != Fallback::Required {
            continue;
        }
        let mut tree = least();
        let removed = open(&mut tree, section, key.name).remove(key.name);
        assert!(removed.is_some(), "{section}.{}", key.name);
        let error = shown(&tree).unwrap_err();
        assert!(error.contains("is missing"), "{section}.{}: {error}", key.name);
        required += 1;
    }
    assert!(required >= 6, "{required}");
}

#[test]
fn descriptions_are_one_sentence_each() {
    for (section, key) in all() {
        let about = key.about;
        assert!(
            about.starts_with(char::is_uppercase) && !about.ends_with('.') && !about.contains(". "),
            "{section}.{}: {about}",
            key.name
        );
    }
}
