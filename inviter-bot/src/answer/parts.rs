//! Lines put into messages, none of which is larger than a homeserver takes.

use inviter::matrix::Message;

use super::{paragraph, styled::Line};

/// The most that text and HTML of one message take together, as JSON. An event may have 65,536 bytes (client-server
/// API, "Size limits"), and one that edits another says everything twice.
pub(super) const MAX_PART: usize = 24_000;
/// A line that is longer is cut: escaped, it may become six times as long.
const MAX_LINE: usize = 3_000;
const BEGIN: &str = "<pre><code>";
const END: &str = "</code></pre>";

/// A line or two as a paragraph.
pub(super) fn sentences(lines: &[Line]) -> Message {
    let text: Vec<String> = lines.iter().map(Line::plain).collect();
    let (plain, html) = paragraph(&text.join("\n"));
    Message::formatted(plain, html)
}

/// Lines of a table or report, whose columns stay below each other.
pub(super) fn blocks(lines: &[Line]) -> Vec<Message> {
    let mut parts = vec![Part::default()];
    for line in lines.iter().flat_map(|line| line.chunks(MAX_LINE)) {
        let (plain, html) = (line.plain(), line.html());
        let size = in_json(&plain) + in_json(&html) + 4;
        let full = parts
            .last()
            .is_some_and(|part| part.size > 0 && part.size + size > MAX_PART);
        if full {
            parts.push(Part::default());
        }
        if let Some(part) = parts.last_mut() {
            part.plain.push_str(&plain);
            part.plain.push('\n');
            part.html.push_str(&html);
            part.html.push('\n');
            part.size += size;
        }
    }
    let messages = parts.into_iter().map(|part| {
        let html = format!("{BEGIN}{}{END}", part.html.trim_end_matches('\n'));
        Message::formatted(part.plain.trim_end_matches('\n'), html)
    });
    messages.collect()
}

#[derive(Default)]
struct Part {
    plain: String,
    html: String,
    size: usize,
}

/// How many bytes a text takes as a string in JSON.
pub(super) fn in_json(text: &str) -> usize {
    let of = |c: char| match c {
        '"' | '\\' | '\n' | '\r' | '\t' => 2,
        c if c.is_ascii_control() => 6,
        c => c.len_utf8(),
    };
    text.chars().map(of).sum()
}
