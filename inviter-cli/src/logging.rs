//! Logs on standard error, only when asked for.

use std::{fmt::Debug, io};

use inviter_operations::render::log_field;
use tracing::{Subscriber, field::Field};
use tracing_subscriber::{
    EnvFilter,
    field::MakeExt as _,
    fmt,
    fmt::{
        MakeWriter,
        format::{Writer, debug_fn},
    },
};

/// The crates whose logs are of interest; those of the libraries below stay out.
const CRATES: [&str; 6] = [
    "inviter",
    "inviter_azure",
    "inviter_core",
    "inviter_ldap",
    "inviter_matrix",
    "inviter_operations",
];

/// Starts logging at the level that `-v` asks for; without it, nothing is logged.
pub(crate) fn start(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    if tracing::subscriber::set_global_default(subscriber(level, colours(), io::stderr)).is_err() {
        tracing::debug!("something else receives the logs already");
    }
}

fn subscriber<W>(level: &str, colours: bool, writer: W) -> impl Subscriber + Send + Sync + use<W>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = CRATES.map(|name| format!("{name}={level}")).join(",");
    fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(writer)
        .with_ansi(colours)
        .fmt_fields(debug_fn(field).delimited(" "))
        .finish()
}

fn field(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> std::fmt::Result {
    let colours = writer.has_ansi_escapes();
    log_field::write(writer, field.name(), value, colours)
}

/// Whether standard error shows colours.
fn colours() -> bool {
    anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        sync::{Arc, Mutex},
    };

    use inviter_operations::render::clean::is_harmful;

    use super::*;

    #[derive(Debug, Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(colours: bool, log: impl Fn()) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        tracing::subscriber::with_default(subscriber("info", colours, move || writer.clone()), log);
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn no_field_forges_a_line_or_commands_the_terminal() {
        let hostile = "a\n[error] forged\u{1b}]0;b\u{7}\u{202e}\0\u{9b}31m";
        let log = || {
            let span = tracing::info_span!("work", about = %hostile);
            let _inside = span.enter();
            tracing::warn!(error = %hostile, text = hostile, list = ?[hostile], times = 2, "failed: {hostile}");
            tracing::debug!("not asked for");
        };
        let text = logged(false, log);
        assert!(text.ends_with('\n') && text.lines().count() == 1, "{text:?}");
        assert_eq!(
            text.chars().find(|c| *c != '\n' && is_harmful(*c)),
            None,
            "{text:?}"
        );
        // All of it is shown, in a form that does nothing.
        let shown = r"a\n[error] forged\u{1b}]0;b\u{7}\u{202e}\u{0}\u{9b}31m";
        assert_eq!(text.matches(shown).count(), 3, "{text}");
        assert!(
            text.contains(&format!("failed: {shown} error={shown} text=\"a\\n")),
            "{text}"
        );
        assert!(text.ends_with(" times=2\n"), "{text}");
        // With colours, all escapes are our own.
        let coloured = logged(true, log);
        assert!(
            coloured.contains("\u{1b}[3merror\u{1b}[0m\u{1b}[2m=\u{1b}[0ma\\n"),
            "{coloured:?}"
        );
        let own = coloured.matches("\u{1b}[").count();
        assert_eq!(coloured.matches('\u{1b}').count(), own, "{coloured:?}");
        let harmful = coloured
            .chars()
            .find(|c| !"\n\u{1b}".contains(*c) && is_harmful(*c));
        assert_eq!(harmful, None, "{coloured:?}");
    }
}
