//! Progress on standard error, for a person at a terminal who waits for a long run.
//!
//! One bar for the program, as there is one terminal: whatever else is written has to get it out of the way first, and
//! nothing that writes should have to be handed a bar for that.

use std::{
    fmt,
    io::IsTerminal as _,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use inviter::core::{
    RoomBackend,
    backend::{Counts, Event, Watched, Watcher},
};
use inviter_operations::render::counted;

use crate::args::Global;

const READING: &str = "{spinner} {msg}";
const APPLYING: &str = "{bar:30} {pos} of {len}{left}{msg}";
const TICK: Duration = Duration::from_millis(120);

static SHOWN: OnceLock<Arc<Shown>> = OnceLock::new();

/// The bar, and what it tells.
#[derive(Debug)]
struct Shown {
    bar: ProgressBar,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    counts: Counts,
    /// Operations that are expected in all, once that is known.
    expected: Option<u64>,
}

/// Shows progress from here on, if a person sees it: standard error is a terminal, and no log is written there.
pub(crate) fn start(global: &Global) {
    if global.no_progress || global.verbose > 0 || !std::io::stderr().is_terminal() {
        return;
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let shown = Shown {
        bar,
        state: Mutex::default(),
    };
    // Started once, by `main`.
    let _ = SHOWN.set(Arc::new(shown));
}

/// The backend, watched if there is somebody to show progress to.
pub(crate) fn watch(backend: Arc<dyn RoomBackend>) -> Arc<dyn RoomBackend> {
    match SHOWN.get() {
        Some(shown) => {
            shown.style(READING);
            shown.bar.set_message("reading");
            shown.bar.enable_steady_tick(TICK);
            let watcher = Arc::clone(shown);
            Arc::new(Watched::new(backend, watcher))
        }
        None => backend,
    }
}

/// From here on operations are sent: so many, as far as is known.
pub(crate) fn expect(operations: usize) {
    let Some(shown) = SHOWN.get() else { return };
    let expected = u64::try_from(operations).unwrap_or(u64::MAX);
    shown.change(|state| state.expected = Some(expected));
    shown.style(APPLYING);
    shown.bar.reset_eta();
}

/// Writes something while the bar is out of the way.
pub(crate) fn aside<T>(write: impl FnOnce() -> T) -> T {
    match SHOWN.get() {
        Some(shown) => shown.bar.suspend(write),
        None => write(),
    }
}

/// Takes the bar away for good: what comes now is the result.
pub(crate) fn end() {
    if let Some(shown) = SHOWN.get() {
        shown.bar.finish_and_clear();
    }
}

impl Shown {
    fn style(&self, template: &str) {
        // The templates are constants of this file, and a test reads them.
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style.with_key("left", left));
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        if let Some(length) = state.length() {
            self.bar.set_length(length);
            self.bar.set_position(state.counts.ended());
        }
        self.bar.set_message(state.message());
    }
}

/// How long it will take yet; nothing before there is anything to judge by.
fn left(bar: &ProgressState, out: &mut dyn fmt::Write) {
    if bar.pos() > 0 {
        // A bar that cannot be written is not worth failing for.
        let _ = write!(out, ", {:#} left", HumanDuration(bar.eta()));
    }
}

impl Watcher for Shown {
    fn notice(&self, event: &Event<'_>) {
        self.change(|state| state.counts.add(event));
    }
}

impl State {
    /// Rooms that were created are planned once more, which can bring more operations than were expected.
    fn length(&self) -> Option<u64> {
        let counts = self.counts;
        self.expected
            .map(|expected| expected.max(counts.ended() + counts.under_way))
    }

    fn message(&self) -> String {
        let counts = self.counts;
        let number = |n: u64, one, many| counted(usize::try_from(n).unwrap_or(usize::MAX), one, many);
        if self.expected.is_none() {
            return format!(
                "reading: {} asked, {} read",
                number(counts.aliases, "alias", "aliases"),
                number(counts.rooms, "room", "rooms"),
            );
        }
        let all = [
            (counts.under_way, "under way"),
            (counts.failed, "failed"),
            (counts.put_off, "put off"),
        ];
        let some = all.into_iter().filter(|(count, _)| *count > 0);
        let some = some.map(|(count, what)| format!("; {count} {what}"));
        some.collect::<Vec<_>>().concat()
    }
}

#[cfg(test)]
mod tests {
    use inviter::core::{
        RoomAliasId,
        action::{Op, RoomTarget},
        backend::{BackendError, BackendErrorKind, Effect},
    };

    use super::*;

    #[test]
    fn the_templates_can_be_read() {
        for template in [READING, APPLYING] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn it_tells_what_is_read_and_what_is_sent() {
        let mut state = State::default();
        let alias = RoomAliasId::parse("#a:b").unwrap();
        state.counts.add(&Event::AliasAsked(&alias));
        assert_eq!(
            (state.message().as_str(), state.length()),
            ("reading: 1 alias asked, 0 rooms read", None)
        );

        state.expected = Some(1);
        let room = RoomTarget::New(alias);
        let failed = BackendError::new(BackendErrorKind::Refused, "", "");
        state.counts.add(&Event::Began(&room, &Op::Leave));
        assert_eq!(
            (state.message().as_str(), state.length()),
            ("; 1 under way", Some(1))
        );
        state
            .counts
            .add(&Event::Ended(&room, &Op::Leave, Ok(&Effect::Done)));
        assert_eq!(state.message(), "");
        for _ in 0..2 {
            state.counts.add(&Event::Began(&room, &Op::Leave));
        }
        state.counts.add(&Event::Ended(&room, &Op::Leave, Err(&failed)));
        assert_eq!(
            (state.message().as_str(), state.length()),
            ("; 1 under way; 1 failed", Some(3)),
            "more than was expected"
        );
    }
}
