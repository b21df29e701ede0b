//! Colours; the output stream leaves them out where they are not shown.

use anstyle::{AnsiColor, Style};

pub(crate) const HEADLINE: Style = Style::new().bold();
pub(crate) const ADD: Style = AnsiColor::Green.on_default();
pub(crate) const CHANGE: Style = AnsiColor::Yellow.on_default();
pub(crate) const REMOVE: Style = AnsiColor::Red.on_default();
pub(crate) const HELD: Style = AnsiColor::Magenta.on_default().bold();
pub(crate) const NOTE: Style = AnsiColor::Cyan.on_default();
pub(crate) const FAILED: Style = AnsiColor::Red.on_default().bold();
/// Reasons, and what needs no attention.
pub(crate) const QUIET: Style = Style::new().dimmed();
