//! Whatever stands in the configuration or in a directory file: no panic, and an error that names its place, or a value.
//! `PROPTEST_CASES` says how many cases are tried.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{fmt::Write as _, sync::LazyLock};

use futures_executor::block_on;
use inviter::{
    FileDirectory,
    config::Config,
    core::{
        IdentityProvider as _,
        directory::ProviderId,
        harmful::is_harmful,
        provider::{ProviderErrorKind, ReadRequest},
    },
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};
use tempfile::TempDir;

const SAMPLE: &str = include_str!("../inviter.sample.toml");

/// The sample with everything that it only mentions.
static ALL_OF_SAMPLE: LazyLock<String> = LazyLock::new(|| {
    SAMPLE.lines().fold(String::new(), |mut text, line| {
        let _ = writeln!(
            text,
            "{}",
            line.strip_prefix('#')
                .filter(|rest| rest.contains('='))
                .unwrap_or(line)
        );
        text
    })
});

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(vec![
            "[", "]", "[[", "]]", "{", "}", "=", ",", "\"", "'", "\"\"\"", "\n", "#", ".", "-1", "0", "9223372036854775808", "1e400",
            "true", "2026-01-01", "\\u{0}", "\u{202e}", "\u{1b}", "[homeserver]\n", "[[directory]]\n", "[[room]]\n", "url", "kind = \"ldap\"\n",
            "groups", "alias", "{1..3}", "<1>", "${x}", "(?<a>", "https://", "@a:b", "#a:b", "100%", "1h", "\u{feff}",
        ]).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => (select(vec!["[", "{", "a.", "[a.", "x"]), 0_usize..3000).prop_map(|(text, n)| text.repeat(n)),
    ]
}

/// What is done to a text at a place: so many characters go, and this comes.
fn harm() -> impl Strategy<Value = (Index, usize, String)> {
    (any::<Index>(), prop_oneof![0_usize..4, 0_usize..200], piece())
}

fn harmed(text: &str, harms: &[(Index, usize, String)]) -> String {
    let mut text = text.to_owned();
    for (at, gone, more) in harms {
        let places: Vec<usize> = text
            .char_indices()
            .map(|(at, _)| at)
            .chain([text.len()])
            .collect();
        let at = at.index(places.len());
        let end = places[(at + gone).min(places.len() - 1)];
        text.replace_range(places[at]..end, more);
    }
    text
}

/// A value, or errors each of which names a line that there is, and is one line that moves no cursor.
fn is_told(text: &str) -> Result<(), TestCaseError> {
    static PLACE: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
    let environment = |_: &str| -> Option<String> { None };
    let file = PLACE.path().join("inviter.toml");
    let Err(errors) = Config::parse(text, &file, &environment) else {
        return Ok(());
    };
    let lines = text.matches('\n').count() + 1;
    let prefix = format!("{}:", file.display());
    let mut named = 0;
    for error in errors.errors() {
        let said = error.to_string();
        prop_assert!(!said.contains(|c| c == '\n' || is_harmful(c)), "{:?}", said);
        if let Some(rest) = said.strip_prefix(&prefix) {
            let number = rest.split(':').next().unwrap_or_default();
            if let Ok(number) = number.parse::<usize>() {
                prop_assert!((1..=lines).contains(&number), "{}", said);
                named += 1;
            }
        }
    }
    prop_assert!(named > 0, "no place in {}", errors);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_configuration(pieces in vec(piece(), 0..20)) {
        let text = pieces.concat();
        if !text.is_empty() {
            is_told(&text)?;
        }
    }

    #[test]
    fn a_harmed_sample(harms in vec(harm(), 1..6), all: bool) {
        is_told(&harmed(if all { &ALL_OF_SAMPLE } else { SAMPLE }, &harms))?;
    }

    /// A directory file, harmed: it is refused as a whole, or what it says is a directory.
    #[test]
    fn a_harmed_directory(harms in vec(harm(), 1..6), is_toml: bool) {
        static PLACE: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
        let toml = "[[people]]\nid = \"a\"\nattributes = { x = [\"y\"] }\n\n[[groups]]\nname = \"MTRX #s:e.org\"\nmembers = [\"a\"]\ngroups = [\"b\"]\n";
        let json = r#"{"people": [{"id": "a", "enabled": true}], "groups": [{"id": "g", "name": "MTRX #s:e.org", "members": ["a"], "owners": ["a"]}]}"#;
        let (name, text) = if is_toml { ("d.toml", toml) } else { ("d.json", json) };
        let file = PLACE.path().join(name);
        std::fs::write(&file, harmed(text, &harms)).unwrap();
        let read = block_on(FileDirectory::new(ProviderId::new("d"), &file).read(&ReadRequest::default()));
        match read {
            Ok(directory) => prop_assert!(!directory.accounts.is_empty() && !directory.groups.is_empty()),
            Err(error) => {
                prop_assert!(matches!(error.kind, ProviderErrorKind::Malformed | ProviderErrorKind::Unavailable), "{error:?}");
                prop_assert!(error.to_string().contains(name), "{error}");
            }
        }
    }
}
