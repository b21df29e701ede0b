//! From byte offsets to lines and columns.

/// Where the lines of a text begin.
#[derive(Debug)]
pub(crate) struct Positions<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Positions<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(newlines.map(|(ix, _)| ix + 1)).collect();
        Self { text, starts }
    }

    /// Line and column of a byte offset; both begin at 1, and a column is a character, not a byte.
    pub(crate) fn line_and_column(&self, at: usize) -> (usize, usize) {
        let at = at.min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= at);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let before = self.text.get(start..at).unwrap_or_default();
        (line, before.chars().count() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_from_one_and_in_characters() {
        let positions = Positions::new("ab\nüß x\n");
        assert_eq!(positions.line_and_column(0), (1, 1));
        assert_eq!(positions.line_and_column(2), (1, 3));
        assert_eq!(positions.line_and_column(3), (2, 1));
        assert_eq!(positions.line_and_column("ab\nüß ".len()), (2, 4));
        assert_eq!(positions.line_and_column(1000), (3, 1));
    }
}
