//! Colours; the output stream leaves them out where they are not shown.

use anstyle::{AnsiColor, Style};

/// Names of rooms, and the last line.
pub const HEADLINE: Style = Style::new().bold();
/// Somebody or something comes.
pub const ADD: Style = AnsiColor::Green.on_default();
/// Something becomes different.
pub const CHANGE: Style = AnsiColor::Yellow.on_default();
/// Somebody goes.
pub const REMOVE: Style = AnsiColor::Red.on_default();
/// Held by the guard, or waiting for somebody.
pub const HELD: Style = AnsiColor::Magenta.on_default().bold();
/// For a person to know.
pub const NOTE: Style = AnsiColor::Cyan.on_default();
/// Failed, or not known because of a failure.
pub const FAILED: Style = AnsiColor::Red.on_default().bold();
/// Reasons, and what needs no attention.
pub const QUIET: Style = Style::new().dimmed();
