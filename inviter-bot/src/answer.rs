//! From text with terminal styles to what a Matrix client shows: plain text, and HTML in which nothing is markup but
//! our own.

mod parts;
mod styled;

use inviter::matrix::Message;
use inviter_operations::{render::clean::is_harmful, spelling::for_room};

use self::styled::Line;

/// A text of more lines than this is shortened in the room and attached as a file.
const MAX_LINES: usize = 60;
/// Or of more bytes than this.
const MAX_BYTES: usize = 12_000;
/// How many lines of a long text are shown.
const LINES_SHOWN: usize = 25;
/// How many lines are shown of what must not be missed in a long text.
const URGENT_SHOWN: usize = 20;
/// A line that is longer than this is no sentence.
const MAX_SENTENCE: usize = 400;
/// And several that are longer together are no paragraph.
const MAX_PARAGRAPH: usize = 2_500;

/// What an operation has to say, ready for a room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// The messages, in this order; never empty.
    pub(crate) messages: Vec<Message>,
    /// All of it as a text file, if the messages are not all.
    pub(crate) file: Option<String>,
}

impl Told {
    /// A sentence or two.
    pub(crate) fn sentence(text: &str) -> Self {
        if text.len() > MAX_PARAGRAPH {
            return Self::text(text);
        }
        let (plain, html) = paragraph(&for_room(text));
        Self {
            messages: vec![Message::formatted(plain, html)],
            file: None,
        }
    }

    /// What an operation wrote, with its styles.
    pub(crate) fn text(text: &str) -> Self {
        Self::with_urgent(text, "")
    }

    /// What an operation wrote, with its styles; `urgent` is what is shown of it in any case.
    pub(crate) fn with_urgent(text: &str, urgent: &str) -> Self {
        let lines = styled::lines(&for_room(text));
        if lines.len() <= 2 && lines.iter().all(|line| line.len() <= MAX_SENTENCE) {
            return Self {
                messages: vec![parts::sentences(&lines)],
                file: None,
            };
        }
        let bytes: usize = lines.iter().map(Line::len).sum();
        if lines.len() <= MAX_LINES && bytes <= MAX_BYTES {
            return Self {
                messages: parts::blocks(&lines),
                file: None,
            };
        }
        let urgent = styled::lines(&for_room(urgent));
        Self {
            messages: parts::blocks(&shortened(&lines, &urgent)),
            file: Some(plain(&lines)),
        }
    }

    /// The same, with a warning before it for each of these sentences.
    #[must_use]
    pub(crate) fn warning(mut self, warnings: &[String]) -> Self {
        if !warnings.is_empty() {
            let warned = Self::sentence(&warnings.join("\n"));
            self.messages.splice(..0, warned.messages);
            self.file = match (warned.file, self.file) {
                (Some(first), Some(then)) => Some(format!("{first}\n{then}")),
                (first, then) => first.or(then),
            };
        }
        self
    }
}

/// The lines as plain text.
fn plain(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(&line.plain());
        text.push('\n');
    }
    text
}

/// The beginning, what is urgent, and the last line, which has the counts.
fn shortened(lines: &[Line], urgent: &[Line]) -> Vec<Line> {
    let (last, others) = lines
        .split_last()
        .map_or((None, lines), |(last, rest)| (Some(last), rest));
    let mut shown: Vec<Line> = last.cloned().into_iter().collect();
    if !urgent.is_empty() {
        shown.push(Line::default());
        shown.extend(urgent.iter().take(URGENT_SHOWN).cloned());
        if urgent.len() > URGENT_SHOWN {
            shown.push(Line::quiet(&format!(
                "… {} more lines of that",
                urgent.len() - URGENT_SHOWN
            )));
        }
    }
    shown.push(Line::default());
    shown.extend(others.iter().take(LINES_SHOWN).map(|line| line.cut(MAX_SENTENCE)));
    let rest = others.len().saturating_sub(LINES_SHOWN);
    shown.push(Line::quiet(&format!(
        "… {rest} more lines, and all of it in the file"
    )));
    shown
}

/// One or several lines as a paragraph: plain text and HTML. What stands between backticks is shown as code.
pub(crate) fn paragraph(text: &str) -> (String, String) {
    let text = harmless(text);
    let mut html = String::new();
    for (index, part) in escape(&text).split('`').enumerate() {
        if index % 2 == 1 {
            html.push_str("<code>");
            html.push_str(part);
            html.push_str("</code>");
        } else {
            html.push_str(&part.replace('\n', "<br>"));
        }
    }
    (text, html)
}

/// Without what could hide text or turn it around. What operations write is clean already; what a person typed, or a
/// server answered, need not be.
fn harmless(text: &str) -> String {
    let harmful = |c: &char| *c != '\n' && is_harmful(*c);
    text.chars().filter(|c| !harmful(c)).collect()
}

/// Text that means itself.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
