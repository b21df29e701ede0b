//! Secrets in texts, in whatever form they may have got there.

/// Every form of it differs from every other.
const ONE: &str = "Kn\u{f6}pfe?+/\"&\\%41 of the bot";
const ANOTHER: &str = "Br\u{fc}cken?+/\"&\\%41 of another";

/// The digits of base64, the usual ones and those for URLs.
const DIGITS: [&[u8; 64]; 2] = [
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
];

fn base64(bytes: &[u8], digits: &[u8; 64]) -> String {
    let mut text = String::new();
    for three in bytes.chunks_exact(3) {
        let number = three.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte));
        for shift in [18, 12, 6, 0] {
            text.push(digits[number >> shift & 63].into());
        }
    }
    text
}

/// Bytes, each written like this, with something between them.
fn each(bytes: &[u8], between: &str, write: impl Fn(u8) -> String) -> String {
    let written: Vec<String> = bytes.iter().map(|&byte| write(byte)).collect();
    written.join(between)
}

/// What a secret may look like in a text.
fn forms(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let mut forms = vec![
        secret.to_owned(),
        // As Rust and JSON quote it.
        format!("{secret:?}").trim_matches('"').to_owned(),
        serde_json::Value::from(secret)
            .to_string()
            .trim_matches('"')
            .to_owned(),
        each(bytes, ", ", |byte| byte.to_string()),
        each(bytes, "", |byte| format!("{byte:02x}")),
        each(bytes, "", |byte| format!("{byte:02X}")),
        each(bytes, " ", |byte| format!("{byte:02x}")),
        each(bytes, "", |byte| format!("\\{byte:02x}")),
        each(bytes, "", |byte| format!("%{byte:02X}")),
        each(bytes, "", |byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        }),
    ];
    // A part is as bad.
    let (half, _) = secret.char_indices().nth(secret.chars().count() / 2).unwrap();
    forms.extend([secret[..half].to_owned(), secret[half..].to_owned()]);
    // Wherever it begins in what is encoded.
    for digits in DIGITS {
        forms.extend((0..3).map(|start| base64(&bytes[start..], digits)));
    }
    forms
}

/// The forms of secrets that are in these bytes, in letters of either size.
pub(crate) fn found(bytes: &[u8], secrets: &[&str]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    let forms = secrets.iter().flat_map(|secret| forms(secret));
    forms
        .filter(|form| text.contains(&form.to_ascii_lowercase()))
        .collect()
}

#[test]
fn a_secret_is_found_in_every_form() {
    for form in forms(ONE) {
        assert!(
            !found(format!("about {form} as").as_bytes(), &[ONE]).is_empty(),
            "{form}"
        );
    }
    assert_eq!(base64(b"any car", DIGITS[0]), "YW55IGNh");
    assert!(found(ANOTHER.as_bytes(), &[ONE]).is_empty());
}
