//! Secrets in texts and files, in whatever form they may have got there.

use std::{collections::BTreeMap, fmt::Write as _};

use aho_corasick::AhoCorasick;
use anyhow::{Context as _, Result};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

/// What is escaped in the user name and the password of a URL, and so in most parts of one.
const USERINFO: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b':')
    .add(b';')
    .add(b'<')
    .add(b'=')
    .add(b'>')
    .add(b'?')
    .add(b'@')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Likewise, where what may be an escape already is left as it is.
const USERINFO_AS_IT_IS: &AsciiSet = &USERINFO.remove(b'%');

/// Shorter than this, half of a secret is found by chance.
const SHORTEST_PART: usize = 8;

/// Bytes, each written like this.
fn each(bytes: &[u8], between: &str, write: impl Fn(u8) -> String) -> String {
    let written: Vec<String> = bytes.iter().map(|&byte| write(byte)).collect();
    written.join(between)
}

fn inner(quoted: &str) -> String {
    quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(quoted)
        .to_owned()
}

/// As programs write JSON that want nothing but ASCII in it.
fn ascii_json(json: &str) -> String {
    let mut text = String::new();
    for char in json.chars() {
        if char.is_ascii() {
            text.push(char);
        } else {
            let mut units = [0; 2];
            for unit in char.encode_utf16(&mut units) {
                // Writing to a string cannot fail.
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
    }
    text
}

/// As in a chat message with markup.
fn html(text: &str) -> String {
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    text.replace('"', "&quot;")
}

/// What a secret may look like in a text: as it is, quoted, as bytes, percent-encoded (some characters, most, or all;
/// once or twice), in HTML, in base64 wherever it begins in what is encoded, and in halves, since a part is as bad.
///
/// Upper and lower case are one to [`found`], and so there is one form for both.
pub fn forms(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let json = inner(&serde_json::Value::from(secret).to_string());
    let in_query = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    let mut forms = vec![
        secret.to_owned(),
        inner(&format!("{secret:?}")),
        ascii_json(&json),
        json.replace('/', "\\/"),
        // JSON or a quoted text within another.
        inner(&serde_json::Value::from(json.as_str()).to_string()),
        inner(&format!("{json:?}")),
        json,
        html(secret),
        each(bytes, ", ", |byte| byte.to_string()),
        each(bytes, "", |byte| format!("{byte:02x}")),
        each(bytes, ":", |byte| format!("{byte:02x}")),
        each(bytes, ", ", |byte| format!("0x{byte:02x}")),
        each(bytes, "", |byte| format!("\\{byte:02x}")),
        each(bytes, "", |byte| format!("\\x{byte:02x}")),
        each(bytes, "", |byte| format!("%{byte:02x}")),
        bytes.escape_ascii().to_string(),
        utf8_percent_encode(&in_query, NON_ALPHANUMERIC).to_string(),
        in_query.replace("%20", "+"),
        // As it is in forms: these four stay.
        in_query
            .replace("%2D", "-")
            .replace("%2E", ".")
            .replace("%5F", "_")
            .replace("%2A", "*")
            .replace("%20", "+"),
        in_query
            .replace("%2D", "-")
            .replace("%2E", ".")
            .replace("%5F", "_")
            .replace("%7E", "~"),
        in_query,
        utf8_percent_encode(secret, USERINFO).to_string(),
        utf8_percent_encode(secret, USERINFO_AS_IT_IS).to_string(),
    ];
    let (half, _) = secret
        .char_indices()
        .nth(secret.chars().count() / 2)
        .unwrap_or_default();
    let (first, second) = secret.split_at(half);
    forms.extend(
        [first, second]
            .into_iter()
            .filter(|part| part.len() >= SHORTEST_PART)
            .map(str::to_owned),
    );
    for engine in [STANDARD, URL_SAFE] {
        // With the padding of a secret that stands alone, and without what depends on the text around it.
        forms.push(engine.encode(bytes));
        forms.extend((0..3).filter_map(|start| {
            let rest = bytes.get(start..)?;
            Some(engine.encode(&rest[..rest.len() / 3 * 3]))
        }));
    }
    forms.retain(|form| !form.is_empty());
    forms.sort();
    forms.dedup();
    forms
}

fn without_spaces(bytes: &[u8]) -> Vec<u8> {
    let kept = bytes.iter().filter(|byte| !byte.is_ascii_whitespace());
    kept.copied().collect()
}

/// Secrets to look for in many texts.
#[derive(Debug)]
pub struct SecretForms {
    secrets: Vec<String>,
    automaton: AhoCorasick,
    /// Which secret a pattern of the automaton is a form of.
    of: Vec<usize>,
    patterns: Vec<String>,
}

impl SecretForms {
    /// Prepares the search.
    ///
    /// # Errors
    /// If one of them is so short that it is found by chance.
    pub fn new<S: AsRef<str>>(secrets: &[S]) -> Result<Self> {
        let mut of = Vec::new();
        let mut patterns = Vec::new();
        for (at, secret) in secrets.iter().enumerate() {
            let secret = secret.as_ref();
            anyhow::ensure!(secret.len() >= SHORTEST_PART, "too short to look for: {secret:?}");
            for form in forms(secret) {
                // The text is searched without its spaces, too.
                let close: String = form.split_ascii_whitespace().collect();
                for pattern in [close, form] {
                    of.push(at);
                    patterns.push(pattern);
                }
            }
        }
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(&patterns)
            .context("the secrets cannot be looked for")?;
        Ok(Self {
            secrets: secrets.iter().map(|secret| secret.as_ref().to_owned()).collect(),
            automaton,
            of,
            patterns,
        })
    }

    /// The secrets that are in these bytes in any form, in letters of either case, with any spaces and line ends in
    /// between; each once, with a form in which it is there.
    pub fn found(&self, bytes: &[u8]) -> Vec<String> {
        let mut found = BTreeMap::new();
        for text in [bytes, &without_spaces(bytes)] {
            for hit in self.automaton.find_overlapping_iter(text) {
                let pattern = hit.pattern().as_usize();
                found.entry(self.of[pattern]).or_insert(pattern);
            }
        }
        let told = found
            .into_iter()
            .map(|(secret, pattern)| format!("{:?} as {:?}", self.secrets[secret], self.patterns[pattern]));
        told.collect()
    }
}

/// [`SecretForms::found`] for one text. What cannot be looked for counts as found, so that no test passes by it.
pub fn found<S: AsRef<str>>(bytes: &[u8], secrets: &[S]) -> Vec<String> {
    match SecretForms::new(secrets) {
        Ok(forms) => forms.found(bytes),
        Err(error) => vec![error.to_string()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every form of it differs from every other.
    const ONE: &str = "Kn\u{f6}pfe?+/\"&\\%41 of~the.bot";
    const ANOTHER: &str = "Br\u{fc}cken?+/\"&\\%41 of another";

    #[test]
    fn a_secret_is_found_in_every_form() {
        let all = forms(ONE);
        assert!(all.len() > 25, "{all:?}");
        for form in all {
            for text in [
                format!("about {form} as"),
                format!("about {} as", form.to_ascii_uppercase()),
                format!("about {} as", form.to_ascii_lowercase()),
            ] {
                assert_eq!(found(text.as_bytes(), &[ANOTHER, ONE]).len(), 1, "{text}");
            }
        }
    }

    /// What libraries make of it, and not this module.
    #[test]
    fn what_libraries_write_is_found() {
        let mut url = reqwest::Url::parse("https://proxy.example.org/").unwrap();
        url.set_password(Some(ONE)).unwrap();
        let mut query = reqwest::Url::parse("https://proxy.example.org/").unwrap();
        query.query_pairs_mut().append_pair("password", ONE);
        let inside = |before: &str| STANDARD.encode(format!("{before}{ONE} and more"));
        for text in [
            url.to_string(),
            query.to_string(),
            format!("{:?}", ONE.as_bytes()),
            format!("{:#?}", ONE.as_bytes()),
            format!("{:#?}", [ONE]),
            serde_json::json!({ "password": ONE }).to_string(),
            serde_json::json!({ "body": serde_json::json!([ONE]).to_string() }).to_string(),
            inside(""),
            inside("a"),
            inside("ab"),
            URL_SAFE.encode(format!("bot:{ONE}")),
            STANDARD
                .encode(ONE)
                .as_bytes()
                .chunks(7)
                .map(|line| String::from_utf8_lossy(line).into_owned() + "\n")
                .collect(),
        ] {
            assert_eq!(found(text.as_bytes(), &[ONE]).len(), 1, "{text}");
        }
    }

    #[test]
    fn others_are_not_found() {
        assert!(found(ANOTHER.as_bytes(), &[ONE]).is_empty());
        assert!(found(b"", &[ONE, ANOTHER]).is_empty());
        assert_eq!(found(b"", &["short"]), ["too short to look for: \"short\""]);
    }
}
