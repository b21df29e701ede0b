//! Secrets come from files or from the environment, never from the configuration file, and are never shown.

use std::{
    fs::{self, File},
    io::Read as _,
    path::Path,
};

use secrecy::{SecretString, zeroize::Zeroize};
use url::Url;

use super::{Environment, path_in};
use crate::{
    document::{Node, Problems, Section},
    file_access::{me, refuse_shared_secret},
};

/// A secret is one line; more than this is some other file.
const MAX_SECRET: u64 = 64 * 1024;

/// Nobody names a variable with more bytes, and many tokens have more.
const MAX_NAME: usize = 64;

/// The names of a secret's two keys.
#[derive(Debug, Clone, Copy)]
pub(super) struct SecretKeys {
    pub(super) file: &'static str,
    pub(super) env: &'static str,
}

/// A section that may hold the names of secrets, with a word of its own for secrets that stand in the file itself.
pub(super) fn section<'n>(
    node: &'n Node<'n>,
    name: &'static str,
    known: &[&'static str],
    misplaced: &[&'static str],
    problems: &mut Problems,
) -> Option<Section<'n>> {
    let has_misplaced = Section::open(node, name, problems)?
        .entries()
        .iter()
        .filter(|entry| misplaced.contains(&&*entry.key))
        .map(|entry| (entry.at, entry.key.clone()))
        .collect::<Vec<_>>();
    for (at, key) in &has_misplaced {
        problems.add(
            *at,
            format!(
                "`{key}` in [{name}]: a secret must not stand in this file; write it to a file that only the bot can \
                 read and name that with `{key}_file`, or name an environment variable with `{key}_env`"
            ),
        );
    }
    let mut known = known.to_vec();
    if !has_misplaced.is_empty() {
        known.extend(misplaced);
    }
    Section::read(node, name, &known, problems)
}

/// That a file with a secret of another kind is there, and is kept from other users.
pub(super) fn check_file(path: &Path) -> Result<(), String> {
    open(path).map(drop)
}

/// Opens a file with a secret, if it is kept from other users: what is read is what was looked at.
fn open(path: &Path) -> Result<File, String> {
    // Whoever may not read it is told what is wrong with it nevertheless; and opening a pipe would wait for ever.
    let metadata = fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "does not exist".to_owned(),
        _ => cannot_be_read(&error),
    })?;
    if !metadata.is_file() {
        return Err("is not a file".to_owned());
    }
    refuse_shared_secret(&metadata, path, me())?;
    let file = File::open(path).map_err(|error| cannot_be_read(&error))?;
    let metadata = file.metadata().map_err(|error| cannot_be_read(&error))?;
    refuse_shared_secret(&metadata, path, me())?;
    Ok(file)
}

fn cannot_be_read(error: &std::io::Error) -> String {
    format!("cannot be read: {error}")
}

/// Reads a secret from its file or variable, whichever is set; the caller has checked that it is one of them.
pub(super) fn read(
    section: &Section<'_>,
    keys: SecretKeys,
    base: &Path,
    env: &dyn Environment,
    problems: &mut Problems,
) -> Option<SecretString> {
    let key = if section.get(keys.file).is_some() {
        keys.file
    } else {
        keys.env
    };
    let (at, text) = section.text(key, problems)?;
    if let Some(what) = looks_like(text) {
        let key = section.key(key);
        problems.add(
            at,
            format!(
                "{key} looks like the {what} itself, which must not stand in this file; write it to a file that only \
                 the bot can read, and write that file's name here"
            ),
        );
        return None;
    }
    if key == keys.file {
        let path = path_in(base, text);
        return from_file(&path).map_or_else(
            |why| {
                let key = section.key(keys.file);
                problems.add(at, format!("{key}: the file `{}` {why}", path.display()));
                None
            },
            Some,
        );
    }
    let name = text;
    if !is_a_variable_s_name(name) {
        let key = section.key(keys.env);
        problems.add(
            at,
            format!(
                "{key} is not the name of an environment variable (letters, digits and `_`, at most {MAX_NAME}); write \
                 the name there, and the secret into the variable"
            ),
        );
        return None;
    }
    let Some(value) = env.var(name) else {
        let key = section.key(keys.env);
        problems.add(at, format!("{key}: the environment variable `{name}` is not set"));
        return None;
    };
    one_line(value).map_or_else(
        |why| {
            let key = section.key(keys.env);
            problems.add(at, format!("{key}: the environment variable `{name}` {why}"));
            None
        },
        Some,
    )
}

/// What someone has put where the name of its file or variable belongs, if it looks like a secret: messages name the
/// file or variable, and must not name a secret.
fn looks_like(text: &str) -> Option<&'static str> {
    // Synapse and the Matrix Authentication Service mark theirs.
    let is_token = ["syt_", "mat_", "mct_", "MDAx"]
        .iter()
        .any(|mark| text.starts_with(mark))
        && text.len() > 20;
    if is_token {
        Some("token")
    } else if looks_like_a_client_secret(text) {
        Some("secret")
    } else {
        None
    }
}

/// Whether a text has the form of the client secrets that Entra makes: 40 characters or so, with `Q~` behind a digit.
pub(super) fn looks_like_a_client_secret(text: &str) -> bool {
    (31..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'~' | b'.' | b'_' | b'-'))
        && text
            .as_bytes()
            .get(3..6)
            .is_some_and(|mark| mark[0].is_ascii_digit() && mark[1..] == *b"Q~")
}

/// Whether messages may repeat it: somebody may have put the secret itself there.
fn is_a_variable_s_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= MAX_NAME
        && bytes
            .next()
            .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn from_file(path: &Path) -> Result<SecretString, String> {
    let mut bytes = Vec::new();
    open(path)?
        .take(MAX_SECRET + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| cannot_be_read(&error))?;
    if bytes.len() as u64 > MAX_SECRET {
        bytes.zeroize();
        return Err("is far too large for a secret; it must hold the secret on one line".to_owned());
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        error.into_bytes().zeroize();
        "is not UTF-8".to_owned()
    })?;
    one_line(text)
}

/// The secret without the newline that editors add.
fn one_line(mut text: String) -> Result<SecretString, String> {
    let line = text.trim_end_matches(['\r', '\n']);
    let result = if line.trim().is_empty() {
        Err("is empty".to_owned())
    } else if line.chars().any(char::is_control) {
        Err("has more than one line; it must hold nothing but the secret".to_owned())
    } else {
        Ok(SecretString::from(line.to_owned()))
    };
    text.zeroize();
    result
}

/// A URL with its password masked; `None` if there is none in it.
pub(super) fn without_password(text: &str) -> Option<String> {
    let parsed = Url::parse(text).ok().filter(|url| !url.cannot_be_a_base());
    let Some(mut url) = parsed else {
        // What stands before the @ may be one.
        return text.contains('@').then(|| "***".to_owned());
    };
    url.password()?;
    // Fails only for URLs that cannot have a password either.
    if url.set_password(Some("***")).is_err() {
        return Some("***".to_owned());
    }
    Some(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_masked() {
        let masked = without_password("http://me:s3cret@proxy.example.com:3128").unwrap();
        assert_eq!(masked, "http://me:***@proxy.example.com:3128/");
        assert_eq!(without_password("me:s3cret@proxy").as_deref(), Some("***"));
        assert_eq!(without_password("http://proxy.example.com:3128"), None);
    }
}
