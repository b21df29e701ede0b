//! What a secret may look like in a text.

use std::collections::{BTreeSet, HashMap};

use base64::{
    Engine as _,
    alphabet::{STANDARD, URL_SAFE},
    engine::{GeneralPurpose, GeneralPurposeConfig},
};

/// By so many bytes a form is looked for.
const START: usize = 12;

/// As in a query or a form.
pub(super) fn percent_encoded(secret: &str) -> String {
    url::form_urlencoded::byte_serialize(secret.as_bytes()).collect()
}

fn each(bytes: &[u8], write: impl Fn(u8) -> String) -> String {
    let written: Vec<String> = bytes.iter().map(|&byte| write(byte)).collect();
    written.concat()
}

/// In small letters, and at least [`START`] bytes long.
fn forms(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let inner = |quoted: String| quoted.trim_matches('"').to_owned();
    let mut forms = vec![
        secret.to_owned(),
        // As Rust and JSON quote it, and as bytes.
        inner(format!("{secret:?}")),
        inner(serde_json::Value::from(secret).to_string()),
        inner(format!("{:?}", serde_json::Value::from(secret).to_string())),
        format!("{bytes:?}").trim_matches(['[', ']']).to_owned(),
        each(bytes, |byte| format!("{byte:02x}")),
        percent_encoded(secret),
        percent_encoded(secret).replace('+', "%20"),
        each(bytes, |byte| format!("%{byte:02X}")),
        percent_encoded(&percent_encoded(secret)),
    ];
    // A part is as bad.
    let (half, _) = secret.char_indices().nth(secret.chars().count() / 2).unwrap();
    forms.extend([secret[..half].to_owned(), secret[half..].to_owned()]);
    // Wherever it begins in what is encoded.
    let config = GeneralPurposeConfig::new().with_encode_padding(false);
    for alphabet in [&STANDARD, &URL_SAFE] {
        let engine = GeneralPurpose::new(alphabet, config);
        forms.extend((0..3).map(|start| {
            let rest = &bytes[start..];
            engine.encode(&rest[..rest.len() / 3 * 3])
        }));
    }
    forms.iter().map(|form| form.to_ascii_lowercase()).collect()
}

/// The secrets that are in a text in any form, in any case.
pub(super) fn found(text: &str, secrets: &[String]) -> Vec<String> {
    let text = text.to_ascii_lowercase();
    // All forms at once, for there are many and the text is long.
    let mut by_start: HashMap<[u8; START], Vec<(String, &String)>> = HashMap::new();
    for secret in secrets {
        for form in forms(secret) {
            let start = form.as_bytes()[..START].try_into().unwrap();
            by_start.entry(start).or_default().push((form, secret));
        }
    }
    let mut found = BTreeSet::new();
    for (at, window) in text.as_bytes().windows(START).enumerate() {
        for (form, secret) in by_start.get(window).into_iter().flatten() {
            if text.as_bytes()[at..].starts_with(form.as_bytes()) {
                found.insert((*secret).clone());
            }
        }
    }
    found.into_iter().collect()
}

#[test]
fn a_secret_is_found_in_every_form() {
    let secret = "a/b+c&d=e?f\"g%41~h i j k l m n".to_owned();
    for form in forms(&secret) {
        let text = format!("about {form} as");
        assert_eq!(found(&text, std::slice::from_ref(&secret)).len(), 1, "{form}");
    }
    assert!(found("about nothing", &[secret]).is_empty());
}
