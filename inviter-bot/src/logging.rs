//! The log, on standard error.

use std::{fmt::Debug, io, sync::OnceLock};

use inviter::config::{LogFormat, LogLevel};
use inviter_operations::render::{clean, log_field};
use tracing::{Event, Subscriber, field::Field};
use tracing_subscriber::{
    EnvFilter,
    field::MakeExt as _,
    fmt,
    fmt::{
        FmtContext, FormatEvent, FormatFields, MakeWriter,
        format::{Writer, debug_fn},
    },
    registry::LookupSpan,
};

/// The crates whose logs are of interest; those of the libraries below stay out.
const CRATES: [&str; 7] = [
    "inviter",
    "inviter_azure",
    "inviter_bot",
    "inviter_core",
    "inviter_ldap",
    "inviter_matrix",
    "inviter_operations",
];

/// Changes how much is logged.
type ChangeLevel = Box<dyn Fn(LogLevel) + Send + Sync>;

static CHANGE_LEVEL: OnceLock<ChangeLevel> = OnceLock::new();

/// Starts logging.
pub(crate) fn start(level: LogLevel, format: LogFormat) {
    let (subscriber, change) = subscriber(level, format, io::stderr);
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        tracing::debug!("something else receives the logs already");
        return;
    }
    // Never set before: this comes after the one success of the line above.
    let _ = CHANGE_LEVEL.set(change);
}

/// Logs as much as this from now on. The format stays.
pub(crate) fn change(level: LogLevel) {
    if let Some(change) = CHANGE_LEVEL.get() {
        change(level);
    }
}

fn filter(level: LogLevel) -> EnvFilter {
    EnvFilter::new(CRATES.map(|name| format!("{name}={}", level.as_str())).join(","))
}

fn subscriber<W>(
    level: LogLevel,
    format: LogFormat,
    writer: W,
) -> (Box<dyn Subscriber + Send + Sync>, ChangeLevel)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let builder = fmt()
        .with_env_filter(filter(level))
        .with_writer(writer)
        .with_ansi(false);
    match format {
        LogFormat::Human => {
            let builder = builder
                .fmt_fields(debug_fn(field).delimited(" "))
                .with_filter_reloading();
            let handle = builder.reload_handle();
            let change = move |level| drop(handle.reload(filter(level)));
            (Box::new(builder.finish()), Box::new(change))
        }
        LogFormat::Json => {
            let builder = builder
                .json()
                .flatten_event(true)
                .map_event_format(Escaped)
                .with_filter_reloading();
            let handle = builder.reload_handle();
            let change = move |level| drop(handle.reload(filter(level)));
            (Box::new(builder.finish()), Box::new(change))
        }
    }
}

fn field(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> std::fmt::Result {
    log_field::write(writer, field.name(), value, false)
}

/// JSON in which the same is escaped, and which is the same document. JSON itself escapes only the first 32 characters.
#[derive(Debug)]
struct Escaped<F>(F);

impl<S, N, F> FormatEvent<S, N> for Escaped<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        writer.write_str(&clean::json(&line))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        sync::{Arc, Mutex},
    };

    use serde_json::Value;

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

    fn logged(format: LogFormat, log: impl Fn(&ChangeLevel)) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        let (subscriber, change) = subscriber(LogLevel::Info, format, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || log(&change));
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn each_line_is_a_document_whatever_is_in_it() {
        let hostile = "a\"\n{\"level\":\"ERROR\"}\u{1b}[31m\\\u{202e}\0\u{9b}31m\u{7f}\u{e0041}";
        let text = logged(LogFormat::Json, |_| {
            tracing::info!(room = hostile, error = %hostile, changes = 3, "run ended {hostile}");
            tracing::debug!("not asked for");
            tracing::info!(target: "hyper", "not ours");
        });
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 1, "{text}");
        assert_eq!(lines[0]["level"], "INFO");
        assert_eq!(lines[0]["room"], hostile);
        assert_eq!(lines[0]["error"], hostile);
        assert_eq!(lines[0]["changes"], 3);
        assert_eq!(lines[0]["message"], format!("run ended {hostile}"));
        let harmful = text.chars().find(|c| *c != '\n' && clean::is_harmful(*c));
        assert_eq!(harmful, None, "{text:?}");
    }

    #[test]
    fn the_level_can_be_changed() {
        for format in [LogFormat::Human, LogFormat::Json] {
            let text = logged(format, |change| {
                tracing::debug!("first");
                change(LogLevel::Debug);
                tracing::debug!("second");
                change(LogLevel::Error);
                tracing::info!("third");
            });
            let said: Vec<bool> = ["first", "second", "third"]
                .map(|word| text.contains(word))
                .into();
            assert_eq!(said, [false, true, false], "{text}");
        }
    }

    #[test]
    fn people_read_plain_lines() {
        let text = logged(LogFormat::Human, |_| {
            tracing::warn!(rooms = 2, "not \u{1b}[31mread");
        });
        assert_eq!(text.lines().count(), 1);
        assert!(text.contains("WARN") && text.contains("rooms=2"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }

    #[test]
    fn no_field_forges_a_line_or_commands_the_terminal() {
        let hostile = "a\n[error] forged\u{1b}]0;b\u{7}\u{202e}\0\u{9b}31m";
        let failed = io::Error::other(hostile);
        let failed: &(dyn std::error::Error + 'static) = &failed;
        let text = logged(LogFormat::Human, |_| {
            let span = tracing::info_span!("work", about = %hostile);
            let _inside = span.enter();
            tracing::warn!(error = %hostile, text = hostile, list = ?[hostile], failed, times = 2, "failed: {hostile}");
        });
        assert!(text.ends_with('\n') && text.lines().count() == 1, "{text:?}");
        let harmful = text.chars().find(|c| *c != '\n' && clean::is_harmful(*c));
        assert_eq!(harmful, None, "{text:?}");
        // All of it is shown, in a form that does nothing.
        let shown = r"a\n[error] forged\u{1b}]0;b\u{7}\u{202e}\u{0}\u{9b}31m";
        assert_eq!(text.matches(shown).count(), 4, "{text}");
        assert!(text.contains(&format!(" error={shown} text=\"a\\n")), "{text}");
        assert!(text.contains(" times=2\n"), "{text}");
    }

    /// What is told in one message is an event for each line, and a line break in one begins none.
    #[test]
    fn notices_are_logged_one_by_one() {
        let lines = [
            "quarantine: people",
            "#a:x: no\n2026-11-27T00:00:00Z  WARN forged",
        ]
        .map(ToOwned::to_owned);
        let text = logged(LogFormat::Human, |_| crate::notices::log(&lines));
        let logged: Vec<&str> = text.lines().collect();
        assert_eq!(logged.len(), 2, "{text}");
        for (logged, told) in logged.iter().zip(["quarantine: people", r"#a:x: no\n2026"]) {
            assert!(logged.contains("WARN inviter_bot::notices: "), "{logged}");
            assert!(logged.contains(told), "{logged}");
        }
    }
}
