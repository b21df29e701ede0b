//! What goes wrong, and what it comes to where nothing else is said.

use std::time::Duration;

use inviter_graph_emulator::Trouble;

/// What becomes of what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nobody notices.
    Passes,
    Unavailable,
    Unauthorized,
    Denied,
    NotFound,
    Expired,
    /// Graph asks to wait for longer than anybody waits.
    Throttled,
    /// With what is said of it.
    Malformed(&'static str),
}

/// A trouble, how often it comes, and its effect.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) what: Trouble,
    /// Always, if there is none.
    pub(super) times: Option<u32>,
    pub(super) effect: Effect,
}

impl Case {
    /// Whether it befalls a whole batch, even where it is about one item.
    pub(super) fn is_of_connection(&self) -> bool {
        use Trouble as T;
        matches!(
            self.what,
            T::Cut | T::CutBody | T::Silence | T::Slow(_) | T::Trickle(_) | T::Huge(_)
        )
    }

    /// Whether it is about the form of lists.
    pub(super) fn is_of_lists(&self) -> bool {
        use Trouble as T;
        matches!(
            self.what,
            T::NextLinkElsewhere(_) | T::NextLinkLoop | T::EmptyValueMissing
        )
    }

    pub(super) fn is_of_batches(&self) -> bool {
        use Trouble as T;
        matches!(
            self.what,
            T::DropBatchItem | T::DoubleBatchItem | T::RenameBatchItem
        )
    }
}

/// Everything that can go wrong; `elsewhere` is another server.
pub(super) fn all(elsewhere: &str) -> Vec<Case> {
    use Effect::{Denied, Expired, Malformed, NotFound, Passes, Throttled, Unauthorized, Unavailable};
    use Trouble as T;
    let slow = Duration::from_millis(1300);
    let once = |what: T| Case {
        what,
        times: Some(1),
        effect: Passes,
    };
    let always = |what: T, effect: Effect| Case {
        what,
        times: None,
        effect,
    };
    let throttle = |retry_after: Option<u64>| T::Throttle { retry_after };
    let answer = |status: u16, body: &str| T::Answer {
        status,
        headers: vec![("content-type", "application/json".to_owned())],
        body: body.to_owned(),
    };
    let deep = format!("{{\"value\":{}1{}}}", "[".repeat(400), "]".repeat(400));
    vec![
        once(T::Status(401)),
        always(T::Status(401), Unauthorized),
        always(T::Denied, Denied),
        always(T::NotFound, NotFound),
        always(T::HtmlStatus(404), Malformed("it is not Graph that answers")),
        always(T::Gone, Expired),
        once(throttle(Some(1))),
        once(throttle(None)),
        always(throttle(Some(3600)), Throttled),
        once(T::Status(500)),
        always(T::Status(500), Unavailable),
        once(T::HtmlStatus(502)),
        always(T::HtmlStatus(502), Unavailable),
        once(T::Status(503)),
        always(T::Status(503), Unavailable),
        once(T::Status(504)),
        always(T::Status(504), Unavailable),
        once(T::Cut),
        always(T::Cut, Unavailable),
        once(T::CutBody),
        always(T::CutBody, Unavailable),
        once(T::Slow(slow)),
        always(T::Silence, Unavailable),
        always(T::Trickle(slow), Unavailable),
        always(T::Truncated, Malformed("the answer")),
        always(T::NotJson, Malformed("the answer")),
        always(T::EmptyValueMissing, Malformed("the answer does not have `")),
        always(answer(200, "[]"), Malformed("the answer")),
        always(answer(200, &deep), Malformed("the answer")),
        always(
            T::Redirect(elsewhere.to_owned()),
            Malformed("redirects to 127.0.0.1, which is not followed"),
        ),
        always(
            T::NextLinkElsewhere(elsewhere.to_owned()),
            Malformed("which is not followed"),
        ),
        always(T::NextLinkLoop, Malformed("lead in a circle")),
        always(T::Huge(17 << 20), Malformed("the answer is larger than 16 MiB")),
        once(T::DropBatchItem),
        always(
            T::DropBatchItem,
            Malformed("left this out of its answer to a batch"),
        ),
        once(T::DoubleBatchItem),
        always(
            T::DoubleBatchItem,
            Malformed("answered this more than once in a batch"),
        ),
        once(T::RenameBatchItem),
        always(
            T::RenameBatchItem,
            Malformed("left this out of its answer to a batch"),
        ),
    ]
}
