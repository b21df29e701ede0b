//! What every operation answers with.

use std::fmt;

use serde_json::Value;

use crate::render::document::Document;

/// The answer of an operation, for people and for programs.
pub trait Answer {
    /// The `kind` of the JSON document.
    fn kind(&self) -> &'static str;

    /// Writes the text: whole lines, cleaned, coloured with ANSI sequences, commands spelled as in a shell.
    ///
    /// # Errors
    /// None but those of `out`, which a string has none of.
    fn write(&self, out: &mut String) -> fmt::Result;

    /// The contents of the JSON document, not cleaned.
    fn json(&self) -> Value;

    /// What a person should know beside the text: cleaned sentences without a full stop.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// What [`write`](Self::write) writes.
    fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text
    }

    /// The whole JSON document.
    fn document(&self) -> Document<Value> {
        Document::new(self.kind(), self.json())
    }
}
