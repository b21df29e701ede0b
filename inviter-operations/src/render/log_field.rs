//! Fields of log events, for people.

use std::fmt::{self, Debug, Write};

use anstyle::Style;

use super::clean::Clean;

/// Writes a field of an event as `name=value`, and its message as it is; the name in `colours` or not. What came from a
/// directory or a homeserver is in a value, and can neither command the terminal nor begin another line: the usual format
/// of logs escapes some of that in messages, and nothing in fields.
///
/// # Errors
/// Those of the writer.
pub fn write(out: &mut dyn Write, name: &str, value: &dyn Debug, colours: bool) -> fmt::Result {
    let value = format!("{value:?}");
    let value = Clean(&value);
    if name == "message" {
        return write!(out, "{value}");
    }
    let (italic, dimmed) = if colours {
        (Style::new().italic(), Style::new().dimmed())
    } else {
        (Style::new(), Style::new())
    };
    write!(out, "{italic}{name}{italic:#}{dimmed}={dimmed:#}{value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &str, value: &dyn Debug, colours: bool) -> String {
        let mut text = String::new();
        write(&mut text, name, value, colours).unwrap();
        text
    }

    #[test]
    fn values_do_nothing() {
        let (hostile, shown) = ("a\n\u{1b}[31m", r"a\n\u{1b}[31m");
        let value = format_args!("{hostile}");
        assert_eq!(written("message", &value, false), shown);
        assert_eq!(written("error", &value, false), format!("error={shown}"));
        assert_eq!(written("text", &"a", false), "text=\"a\"");
        // All escapes are our own.
        let name = "\u{1b}[3merror\u{1b}[0m\u{1b}[2m=\u{1b}[0m";
        assert_eq!(written("error", &value, true), format!("{name}{shown}"));
    }
}
