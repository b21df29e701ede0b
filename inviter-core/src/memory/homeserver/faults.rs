//! Things that go wrong on purpose.

use std::fmt;

use ruma_common::{OwnedUserId, RoomAliasId, RoomId};

use super::InMemoryHomeserver;
use crate::{
    action::{Op, RoomTarget},
    backend::BackendErrorKind,
};

/// A request to an [`InMemoryBackend`](super::InMemoryBackend), for choosing which ones go wrong.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Call<'a> {
    /// `whoami`
    Whoami,
    /// `resolve_alias`
    ResolveAlias(&'a RoomAliasId),
    /// `observe`, when it comes to this room.
    Observe(&'a RoomId),
    /// `accounts`
    Accounts(&'a [OwnedUserId]),
    /// `listing`
    Listing(&'a RoomId),
    /// `execute`
    Execute(&'a RoomTarget, &'a Op),
}

/// Which calls are meant.
pub(super) type Matcher = Box<dyn Fn(&Call<'_>) -> bool + Send>;
/// Something to do first.
pub(super) type Hook = Box<dyn FnOnce(&InMemoryHomeserver) + Send>;

/// What happens to a call.
pub(super) enum Trouble {
    /// It fails, and nothing is done.
    Fail(BackendErrorKind),
    /// It is done, and the answer is lost.
    LoseAnswer(BackendErrorKind),
    /// Something else happens just before.
    First(Hook),
}

pub(super) struct Fault {
    pub(super) matches: Matcher,
    pub(super) trouble: Trouble,
    /// It stays after it has happened.
    pub(super) lasting: bool,
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trouble = match &self.trouble {
            Trouble::Fail(kind) => format!("Fail({kind:?})"),
            Trouble::LoseAnswer(kind) => format!("LoseAnswer({kind:?})"),
            Trouble::First(_) => "First".to_owned(),
        };
        f.debug_struct("Fault")
            .field("trouble", &trouble)
            .field("lasting", &self.lasting)
            .finish_non_exhaustive()
    }
}

/// What has to happen to one call, in this order.
#[derive(Default)]
pub(super) struct Verdict {
    pub(super) first: Vec<Hook>,
    pub(super) fail: Option<BackendErrorKind>,
    pub(super) lose_answer: Option<BackendErrorKind>,
}

/// Takes the faults that a call meets out of the list.
pub(super) fn meet(faults: &mut Vec<Fault>, call: &Call<'_>) -> Verdict {
    let mut verdict = Verdict::default();
    let mut kept = Vec::with_capacity(faults.len());
    for fault in faults.drain(..) {
        let free = verdict.fail.is_none() && verdict.lose_answer.is_none();
        if !free || !(fault.matches)(call) {
            kept.push(fault);
            continue;
        }
        match fault.trouble {
            Trouble::First(hook) => verdict.first.push(hook),
            Trouble::Fail(ref kind) => {
                verdict.fail = Some(kind.clone());
                kept.extend(fault.lasting.then_some(fault));
            }
            Trouble::LoseAnswer(ref kind) => {
                verdict.lose_answer = Some(kind.clone());
                kept.extend(fault.lasting.then_some(fault));
            }
        }
    }
    *faults = kept;
    verdict
}
