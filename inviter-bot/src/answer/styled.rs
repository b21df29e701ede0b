//! Lines of text with their styles, read from ANSI sequences.

use anstyle_parse::{DefaultCharAccumulator, Params, Parser, Perform};

use super::{escape, harmless};

/// Colours that can be told from the background of light and dark clients, in the order of ANSI's.
const COLOURS: [&str; 8] = [
    "#808080", "#d03030", "#20883a", "#a87b00", "#3b6fd4", "#a03fb0", "#00818a", "#909090",
];

/// How a piece of text looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Look {
    bold: bool,
    quiet: bool,
    colour: Option<&'static str>,
}

/// A piece of text that looks the same throughout.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Piece {
    look: Look,
    text: String,
}

/// A line of text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Line(Vec<Piece>);

impl Line {
    /// A line that needs no attention.
    pub(super) fn quiet(text: &str) -> Self {
        let look = Look {
            quiet: true,
            ..Look::default()
        };
        Self(vec![Piece {
            look,
            text: text.to_owned(),
        }])
    }

    /// Its length in bytes.
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|piece| piece.text.len()).sum()
    }

    /// Without its styles.
    pub(super) fn plain(&self) -> String {
        self.0.iter().map(|piece| &*piece.text).collect()
    }

    /// With its styles as HTML, and nothing else in it as markup.
    pub(super) fn html(&self) -> String {
        self.0.iter().map(Piece::html).collect()
    }

    /// In pieces of so many bytes at most, cut between characters.
    pub(super) fn chunks(&self, most: usize) -> Vec<Self> {
        let mut chunks = vec![Self::default()];
        let mut room = most;
        for piece in &self.0 {
            let mut rest = &*piece.text;
            while !rest.is_empty() {
                let at = boundary(rest, room);
                if at == 0 {
                    chunks.push(Self::default());
                    // A limit below one character is none.
                    room = most.max(4);
                    continue;
                }
                let (now, then) = rest.split_at(at);
                if let Some(chunk) = chunks.last_mut() {
                    chunk.0.push(Piece {
                        look: piece.look,
                        text: now.to_owned(),
                    });
                }
                room -= at;
                rest = then;
            }
        }
        chunks
    }

    /// Its first bytes, with a sign that there are more.
    pub(super) fn cut(&self, most: usize) -> Self {
        let mut chunks = self.chunks(most);
        let more = chunks.len() > 1;
        let mut first = chunks.swap_remove(0);
        if more {
            first.0.push(Piece {
                look: Look::default(),
                text: "…".to_owned(),
            });
        }
        first
    }
}

impl Piece {
    fn html(&self) -> String {
        let mut html = escape(&self.text);
        let colour = self.look.colour.or(self.look.quiet.then_some(COLOURS[0]));
        if let Some(colour) = colour {
            // Both spellings: some clients know the one, some the other.
            html = format!("<font color=\"{colour}\" data-mx-color=\"{colour}\">{html}</font>");
        }
        if self.look.bold {
            html = format!("<strong>{html}</strong>");
        }
        html
    }
}

/// The last place between two characters that is not behind this many bytes.
fn boundary(text: &str, most: usize) -> usize {
    let most = most.min(text.len());
    (0..=most)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

/// Reads a text; empty lines at its end are left out.
pub(super) fn lines(text: &str) -> Vec<Line> {
    let mut reader = Reader::default();
    let mut parser = Parser::<DefaultCharAccumulator>::new();
    for byte in text.bytes() {
        parser.advance(&mut reader, byte);
    }
    reader.end_line();
    let mut lines = reader.lines;
    while lines.last().is_some_and(|line| line.len() == 0) {
        lines.pop();
    }
    lines
}

#[derive(Default)]
struct Reader {
    lines: Vec<Line>,
    line: Line,
    look: Look,
}

impl Reader {
    fn end_line(&mut self) {
        let mut line = std::mem::take(&mut self.line);
        for piece in &mut line.0 {
            piece.text = harmless(&piece.text);
        }
        self.lines.push(line);
    }

    fn become_like(&mut self, code: u16) {
        match code {
            0 => self.look = Look::default(),
            1 => self.look.bold = true,
            2 => self.look.quiet = true,
            22 => (self.look.bold, self.look.quiet) = (false, false),
            30..=37 => self.look.colour = COLOURS.get(usize::from(code - 30)).copied(),
            39 => self.look.colour = None,
            90..=97 => self.look.colour = COLOURS.get(usize::from(code - 90)).copied(),
            _ => {}
        }
    }
}

impl Perform for Reader {
    fn print(&mut self, character: char) {
        match self.line.0.last_mut() {
            Some(piece) if piece.look == self.look => piece.text.push(character),
            _ => self.line.0.push(Piece {
                look: self.look,
                text: character.to_string(),
            }),
        }
    }

    fn execute(&mut self, byte: u8) {
        if byte == b'\n' {
            self.end_line();
        }
    }

    fn csi_dispatch(&mut self, params: &Params, _intermediates: &[u8], ignore: bool, action: u8) {
        if ignore || action != b'm' {
            return;
        }
        if params.is_empty() {
            self.become_like(0);
        }
        for param in params {
            self.become_like(param.first().copied().unwrap_or(0));
        }
    }
}
