//! Strings from directories and homeservers, made harmless for a terminal.

use std::fmt::{self, Write as _};

pub use inviter::core::harmful::is_harmful;

/// Of a longer text, this many characters are shown: a name of a megabyte must not push everything else away. Whoever
/// needs all of it asks for JSON.
const MAX_SHOWN: usize = 4_000;

/// Shows a string with everything escaped that could move the cursor, hide text or turn it around, and cut where it is
/// longer than anybody reads.
#[derive(Debug, Clone, Copy)]
pub struct Clean<'a>(pub &'a str);

impl fmt::Display for Clean<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut chars = self.0.chars();
        for c in chars.by_ref().take(MAX_SHOWN) {
            match c {
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c if is_harmful(c) => write!(f, "\\u{{{:x}}}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        match chars.count() {
            0 => Ok(()),
            more => write!(f, "… ({more} more characters)"),
        }
    }
}

/// The cleaned string.
pub fn clean(text: &str) -> String {
    Clean(text).to_string()
}

/// Escapes the same characters in a JSON document, which stays the same document.
///
/// Only strings can hold them: line breaks between the tokens are left alone, and within strings they have been
/// escaped by the serializer.
pub fn json(document: &str) -> String {
    let mut clean = String::with_capacity(document.len());
    for c in document.chars() {
        if c != '\n' && is_harmful(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(clean, "\\u{unit:04x}");
            }
        } else {
            clean.push(c);
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmful_characters_are_escaped() {
        assert_eq!(
            clean("a\u{1b}[2Jb\n\u{202e}c\u{9b}"),
            "a\\u{1b}[2Jb\\n\\u{202e}c\\u{9b}"
        );
        assert_eq!(clean("Zoë 日本 🦀"), "Zoë 日本 🦀");
    }

    #[test]
    fn what_is_longer_than_anybody_reads_is_cut() {
        let whole = "é".repeat(MAX_SHOWN);
        assert_eq!(clean(&whole), whole);
        assert_eq!(
            clean(&format!("{whole}ab\u{1b}")),
            format!("{whole}… (3 more characters)")
        );
        let million = "\u{202e}".repeat(1 << 20);
        assert!(
            clean(&million).len() < 10 * MAX_SHOWN,
            "{}",
            clean(&million).len()
        );
        // The document for programs has everything.
        let document = serde_json::to_string(&[&million]).unwrap();
        let back: Vec<String> = serde_json::from_str(&json(&document)).unwrap();
        assert!(back == [million]);
    }

    #[test]
    fn json_stays_the_same_document() {
        let text = "a\u{202e}\u{7f}\u{e0041}\n\"";
        let document = serde_json::to_string_pretty(&[text]).unwrap();
        let cleaned = json(&document);
        assert!(cleaned.lines().count() > 1 && cleaned.is_ascii(), "{cleaned}");
        let back: Vec<String> = serde_json::from_str(&cleaned).unwrap();
        assert_eq!(back, [text]);
    }
}
