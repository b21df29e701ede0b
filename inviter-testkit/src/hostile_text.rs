//! Texts that are there to do harm, for whatever takes names and error messages from others.

use serde_json::{Value, json};

/// What a text begins with that gets through.
pub const HOSTILE: &str = "evil";

/// Texts with what each of them tries: to command a terminal, to forge a line, to be markup, to fill the screen.
pub fn hostile_texts() -> Vec<(&'static str, String)> {
    let long = "long <&\u{1} ";
    let texts = [
        (
            "control characters",
            "\u{1}\u{7}\u{8}\r\u{7f}\u{85}\u{9b}31m".to_owned(),
        ),
        (
            "terminal escapes",
            "\u{1b}[2J\u{1b}]0;owned\u{7}\u{1b}[31m\u{1b}\\".to_owned(),
        ),
        (
            "marks of direction",
            "\u{202e}txt.exe\u{2066}\u{2067}\u{200f}\u{61c}".to_owned(),
        ),
        (
            "no width",
            "a\u{200b}\u{200d}\u{2060}\u{feff}\u{ad}\u{180e}b".to_owned(),
        ),
        ("lines", "a\n[error] forged\r\nb\u{2028}c\u{2029}d\te".to_owned()),
        (
            "HTML",
            "<b>x</b><script>alert(1)</script><img src=x onerror=y></code></pre>&lt;\"'".to_owned(),
        ),
        (
            "Markdown",
            "**x** [y](http://evil.example) `z` ~~q~~ @room @a:b #c:d > e".to_owned(),
        ),
        ("NUL", "a\0b\0".to_owned()),
        ("tags", "\u{e0041}\u{e007f}\u{fffa}".to_owned()),
        (
            "formulas and quotes",
            "=cmd|'/c'!A1 \"\\{room}{groups}$1${a}%s%n".to_owned(),
        ),
        ("length", long.repeat((1 << 20) / long.len())),
    ];
    texts
        .into_iter()
        .map(|(what, text)| (what, format!("{HOSTILE} {text}")))
        .collect()
}

/// JSON documents around each text, and some in which the text is no text: half a character, and too deep a list.
/// `document` puts a text where it belongs.
pub fn hostile_documents(document: impl Fn(&Value) -> Value) -> Vec<(&'static str, String)> {
    let mut all: Vec<(&'static str, String)> = hostile_texts()
        .into_iter()
        .map(|(what, text)| (what, document(&json!(text)).to_string()))
        .collect();
    let marker = "the text";
    let around = document(&json!(marker)).to_string();
    for (what, instead) in [
        ("half a character", "\"evil \\ud800\"".to_owned()),
        ("halves in the wrong order", "\"evil \\udc00\\ud800\"".to_owned()),
        ("a raw control character", "\"evil \u{1b}[2J\"".to_owned()),
        ("depth", format!("{}{}", "[".repeat(5000), "]".repeat(5000))),
    ] {
        all.push((what, around.replace(&json!(marker).to_string(), &instead)));
    }
    all
}

/// The first character that could move a cursor, hide something or turn it around; line breaks may be there.
pub fn harmful(text: &str) -> Option<char> {
    text.chars().find(|&c| {
        c.is_control() && c != '\n'
            || matches!(
                c,
                '\u{ad}'
                    | '\u{61c}'
                    | '\u{180e}'
                    | '\u{200b}'..='\u{200f}'
                    | '\u{2028}'..='\u{202e}'
                    | '\u{2060}'..='\u{206f}'
                    | '\u{feff}'
                    | '\u{fff9}'..='\u{fffb}'
                    | '\u{e0000}'..='\u{e007f}'
            )
    })
}

/// Fails unless a text that people read is harmless, forges no line and has none that is longer than anybody reads.
///
/// # Panics
/// Then, with the text.
#[track_caller]
pub fn is_readable(text: &str, told: &str) {
    assert_eq!(harmful(text), None, "{told}: {text:.3000}");
    for line in text.lines() {
        let forged = line.trim_start().starts_with("[error] forged");
        assert!(!forged, "{told}: {text:.3000}");
        assert!(line.len() < 64 << 10, "{told}: a line of {} bytes", line.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_but_those_for_other_readers_is_found_to_be_harmful() {
        for (what, text) in hostile_texts() {
            let by_other_means = matches!(what, "HTML" | "Markdown" | "formulas and quotes");
            assert_eq!(harmful(&text).is_none(), by_other_means, "{what}");
        }
        assert_eq!(harmful("Zo\u{eb}\n\u{1f980}"), None);
    }

    #[test]
    fn documents_hold_the_texts() {
        let documents = hostile_documents(|text| json!({ "error": text }));
        let whole = documents.iter().filter(|(_, text)| {
            serde_json::from_str::<Value>(text).is_ok_and(|document| {
                document["error"]
                    .as_str()
                    .is_some_and(|text| text.starts_with(HOSTILE))
            })
        });
        assert_eq!(whole.count(), hostile_texts().len());
        assert_eq!(documents.len(), hostile_texts().len() + 4);
    }
}
