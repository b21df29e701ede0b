//! The configuration file: what it says when it is right, and what it is told when it is wrong.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests"
)]

#[cfg(feature = "azure")]
mod entra;
mod errors;
mod explain;
mod keys;
#[cfg(feature = "ldap")]
mod ldap;
#[cfg(any(feature = "ldap", feature = "azure"))]
mod lines;
mod overrides;
mod parts;
mod patterns;
mod sample;
mod schema;
mod secrets;
mod values;

use std::path::{Path, PathBuf};

use inviter::config::{Config, ConfigErrors, Place as At};
use tempfile::TempDir;

/// A directory with a token file in it.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.secret("token", "s3cret\n");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn secret(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
        self.mode(name, 0o600);
    }

    #[cfg(unix)]
    fn mode(&self, name: &str, mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[cfg(not(unix))]
    fn mode(&self, _name: &str, _mode: u32) {}

    fn parse(&self, text: &str) -> Result<Config, ConfigErrors> {
        Config::parse(text, &self.path("inviter.toml"), &environment)
    }
}

fn environment(name: &str) -> Option<String> {
    match name {
        "HOME" => Some("/home/inviter".to_owned()),
        "INVITER_PASSWORD" => Some("from-env".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

/// A file that is right, but for what is put at the top, into [homeserver], and at the end.
fn around(top: &str, homeserver: &str, end: &str) -> String {
    format!(
        "{top}\n[homeserver]\nurl = \"https://matrix.example.com\"\n{homeserver}\naccess_token_file = \"token\"\n\
         [[directory]]\nname = \"people\"\nkind = \"file\"\npath = \"people.toml\"\n{end}\n"
    )
}

fn good(end: &str) -> Config {
    Place::new()
        .parse(&around("", "", end))
        .unwrap_or_else(|e| panic!("{e}"))
}

/// The errors of a file, without the file's name in front.
fn errors_of(text: &str) -> Vec<String> {
    told(&Place::new().parse(text).expect_err("this file is wrong"))
}

fn told(errors: &ConfigErrors) -> Vec<String> {
    errors
        .errors()
        .iter()
        .map(|error| {
            let At::Line { file, line, column } = &error.place else {
                return error.to_string();
            };
            assert_eq!(file.file_name(), Path::new("inviter.toml").file_name());
            format!("{line}:{column}: {}", error.message)
        })
        .collect()
}

/// The one error of a file.
fn error_of(text: &str) -> String {
    let errors = errors_of(text);
    assert_eq!(errors.len(), 1, "{errors:#?}");
    errors[0].clone()
}

/// Asserts the one error of a file that ends in `end`, and that it stands where `what` does.
#[track_caller]
fn wrong_end(end: &str, what: &str, message: &str) {
    let text = around("", "", end);
    let error = error_of(&text);
    let at = text
        .find(what)
        .unwrap_or_else(|| panic!("`{what}` is not in the file"));
    let line = text[..at].matches('\n').count() + 1;
    let column = at - text[..at].rfind('\n').map_or(0, |ix| ix + 1) + 1;
    assert_eq!(error, format!("{line}:{column}: {message}"));
}
