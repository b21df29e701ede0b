//! What goes wrong with the answer to a single request.

use std::time::Duration;

use super::wire::{self, Outcome};
use super::{Hostile, Request};

/// What goes wrong with the answer to a request. The answer is made as the
/// [`Behaviour`](super::Behaviour) says, and then changed by this.
///
/// Faults that end an answer do so at once, or [`after`](Self::after) some entries.
#[derive(Debug, Clone)]
pub struct Fault {
    parts: Vec<Part>,
    close: bool,
}

#[derive(Debug, Clone)]
struct Part {
    entries: usize,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Result(Outcome),
    Close,
    Silence,
    Raw(Vec<u8>),
    Insert(Vec<u8>),
    Hostile(Hostile),
    Hide(String),
    Twice,
    Pause(Duration),
}

impl Fault {
    fn of(what: What) -> Self {
        let part = Part { entries: 0, what };
        Self {
            parts: vec![part],
            close: false,
        }
    }

    /// This result instead of the rest of the answer.
    pub fn result(code: i64, diagnostic: impl Into<Vec<u8>>) -> Self {
        Self::outcome(Outcome::new(code, diagnostic))
    }

    /// This result, with all its parts, instead of the rest of the answer.
    pub fn outcome(outcome: Outcome) -> Self {
        Self::of(What::Result(outcome))
    }

    /// A referral (10) to these URLs instead of the rest of the answer.
    pub fn referral(urls: &[&str]) -> Self {
        Self::outcome(Outcome {
            code: 10,
            referrals: urls.iter().copied().map(str::to_owned).collect(),
            ..Outcome::default()
        })
    }

    /// Success without any entry, and without a page to follow.
    pub fn empty() -> Self {
        Self::result(0, "")
    }

    /// The connection ends instead of the rest of the answer.
    pub fn close() -> Self {
        Self::of(What::Close)
    }

    /// Nothing instead of the rest of the answer; the connection stays.
    pub fn silence() -> Self {
        Self::of(What::Silence)
    }

    /// These bytes instead of the rest of the answer; see [`wire`].
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self::of(What::Raw(bytes.into()))
    }

    /// These bytes in between, and then the rest of the answer; see [`wire`].
    pub fn insert(bytes: impl Into<Vec<u8>>) -> Self {
        Self::of(What::Insert(bytes.into()))
    }

    /// Something a sound server would not say: in between if [`Hostile::is_whole`], else instead of the rest.
    pub fn hostile(what: Hostile) -> Self {
        Self::of(What::Hostile(what))
    }

    /// A searchResultReference in between.
    pub fn reference(request: &Request, urls: &[&str]) -> Self {
        let urls: Vec<_> = urls.iter().copied().map(str::to_owned).collect();
        Self::insert(wire::reference(request.message_id, &urls))
    }

    /// The entry with this name, written as in the directory, is left out.
    pub fn hide(dn: &str) -> Self {
        Self::of(What::Hide(dn.to_owned()))
    }

    /// Every entry comes twice.
    pub fn twice() -> Self {
        Self::of(What::Twice)
    }

    /// This passes before each message of the answer.
    pub fn pause(time: Duration) -> Self {
        Self::of(What::Pause(time))
    }

    /// Not at once, but after as many entries as there are, at most `entries`.
    #[must_use]
    pub fn after(mut self, entries: usize) -> Self {
        for part in &mut self.parts {
            part.entries = entries;
        }
        self
    }

    /// Not at once, but after all entries, when only the result is missing.
    #[must_use]
    pub fn before_done(self) -> Self {
        self.after(usize::MAX)
    }

    /// With another fault, applied after this one.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.parts.extend(other.parts);
        self.close |= other.close;
        self
    }

    /// And then the connection ends.
    #[must_use]
    pub fn then_close(mut self) -> Self {
        self.close = true;
        self
    }

    /// Changes an answer. `result` makes the message of a result; says what to wait before each message.
    pub(super) fn apply(
        &self,
        request: &Request,
        answer: &mut Vec<Step>,
        result: impl Fn(&Outcome) -> Vec<u8>,
    ) -> Duration {
        let mut pause = Duration::ZERO;
        for part in &self.parts {
            let position = position(answer, part.entries);
            let (whole, step) = match &part.what {
                What::Result(outcome) => (false, Some(Step::Done(result(outcome)))),
                What::Close => (false, Some(Step::Close)),
                What::Silence => (false, None),
                What::Raw(bytes) => (false, Some(Step::Other(bytes.clone()))),
                What::Insert(bytes) => (true, Some(Step::Other(bytes.clone()))),
                What::Hostile(what) => {
                    let bytes = what.bytes(request.message_id);
                    (what.is_whole(), Some(Step::Other(bytes)))
                }
                What::Hide(dn) => {
                    answer.retain(|step| !matches!(step, Step::Entry(name, _) if name == dn));
                    continue;
                }
                What::Twice => {
                    *answer = answer.iter().flat_map(Step::twice).collect();
                    continue;
                }
                What::Pause(time) => {
                    pause = *time;
                    continue;
                }
            };
            let rest = answer.split_off(position);
            answer.extend(step);
            if whole {
                answer.extend(rest);
            }
        }
        if self.close {
            answer.push(Step::Close);
        }
        pause
    }
}

/// Where in an answer as many entries have been given, or the result comes.
fn position(answer: &[Step], entries: usize) -> usize {
    let mut seen = 0;
    answer
        .iter()
        .position(|step| {
            let here = seen == entries || matches!(step, Step::Done(_) | Step::Close);
            seen += usize::from(matches!(step, Step::Entry(..)));
            here
        })
        .unwrap_or(answer.len())
}

/// A message of an answer, or what else happens at its place.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Entry(String, Vec<u8>),
    Other(Vec<u8>),
    Done(Vec<u8>),
    Close,
}

impl Step {
    fn twice(&self) -> Vec<Self> {
        match self {
            Self::Entry(..) => vec![self.clone(), self.clone()],
            _ => vec![self.clone()],
        }
    }
}
