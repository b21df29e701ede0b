//! What is kept between reads, and how a read comes about: by what changed since the last one, or by reading everything.

use inviter_core::{
    directory::Remark,
    time::{Clock, Timestamp},
};

use super::{
    Reader,
    changes::{Changes, Since},
    differences,
};
use crate::{
    graph::{GraphError, GraphErrorKind},
    picture::Picture,
};

/// A picture that is kept current.
#[derive(Debug)]
pub(crate) struct Kept {
    picture: Picture,
    /// When everything was read last, and from where on changes are told; without it, everything is read next.
    from: Option<(Timestamp, Since)>,
}

/// What a read gave.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) picture: Picture,
    pub(crate) remarks: Vec<Remark>,
    /// What the next read goes on from, if Graph tells changes.
    pub(crate) kept: Option<(Timestamp, Since)>,
}

impl Read {
    /// What is kept of it.
    pub(crate) fn keep(self) -> Kept {
        Kept {
            picture: self.picture,
            from: self.kept,
        }
    }
}

/// A read that failed, and what was kept before it, which is as good as it was.
pub(crate) type Failed = (GraphError, Option<Kept>);

/// Reads the tenant.
///
/// # Errors
/// When nothing could be read.
pub(crate) async fn read(reader: Reader<'_>, kept: Option<Kept>, clock: &dyn Clock) -> Result<Read, Failed> {
    let Some(Kept { picture, from }) = kept else {
        return full(reader, clock).await.map_err(|error| (error, None));
    };
    let Some((full_at, since)) = from else {
        return anew(reader, &picture, clock).await.map_err(|error| {
            let kept = Kept { picture, from: None };
            (error, Some(kept))
        });
    };
    let as_it_was = |picture| {
        let from = Some((full_at, since.clone()));
        Some(Kept { picture, from })
    };
    let changes = match reader.changes(&since).await {
        Ok(changes) => changes,
        Err(error) if error.is_about_everything() => return Err((error, as_it_was(picture))),
        Err(error) => {
            tracing::info!(%error, "Graph does not tell what changed since the last read, so everything is read");
            let may_tell_later = is_passing(error.kind);
            return anew(reader, &picture, clock).await.map_err(|failed| {
                let goes_on = may_tell_later && is_passing(failed.kind);
                (failed, goes_on.then(|| as_it_was(picture)).flatten())
            });
        }
    };
    if changes.are_too_many_for(&picture) {
        tracing::info!("so much has changed that everything is read");
        return anew(reader, &picture, clock)
            .await
            .map_err(|error| (error, as_it_was(picture)));
    }
    let now = clock.now();
    // A clock that was set back must not put it off.
    let due = now < full_at || now.since(full_at) >= reader.config.full_read_every;
    let current = advance(reader, picture, changes).await;
    let mut remarks = Vec::new();
    if due {
        match full(reader, clock).await {
            Ok(read) => return Ok(check(reader, current, read).await),
            Err(error) if is_passing(error.kind) => remarks.push(Remark::new(
                "the full read",
                format!(
                    "is due and could not be done, so what Graph told as changed counts; it is tried again with the next \
                     read ({error})"
                ),
            )),
            Err(error) => return Err((error, None)),
        }
    }
    Ok(Read {
        kept: keep(&current.0, full_at, current.1),
        picture: current.0,
        remarks,
    })
}

/// Whether the same may be asked again later.
const fn is_passing(kind: GraphErrorKind) -> bool {
    matches!(
        kind,
        GraphErrorKind::Unavailable
            | GraphErrorKind::Throttled
            | GraphErrorKind::Unauthorized
            | GraphErrorKind::Token(_)
    )
}

/// Reads everything.
async fn full(reader: Reader<'_>, clock: &dyn Clock) -> Result<Read, GraphError> {
    let full_at = clock.now();
    // From before the reading on: what changes while it goes on is told again, which does no harm.
    let since = reader.now().await?;
    let mut picture = Picture::default();
    reader.list_rooms(&mut picture).await?;
    let outcome = reader.complete(&mut picture).await;
    if let (0, Some(error)) = (outcome.whole, outcome.failed) {
        return Err(error);
    }
    Ok(Read {
        kept: since.and_then(|since| keep(&picture, full_at, since)),
        picture,
        remarks: Vec::new(),
    })
}

/// Reads everything, and takes over what only the last read can say.
async fn anew(reader: Reader<'_>, before: &Picture, clock: &dyn Clock) -> Result<Read, GraphError> {
    let mut read = full(reader, clock).await?;
    read.picture.remember(before);
    Ok(read)
}

/// What could not be listed is not told as changed, so it has to be listed anew.
fn keep(picture: &Picture, full_at: Timestamp, since: Since) -> Option<(Timestamp, Since)> {
    picture.unlisted.is_empty().then_some((full_at, since))
}

async fn advance(reader: Reader<'_>, mut picture: Picture, changes: Changes) -> (Picture, Since) {
    let until = changes.until.clone();
    reader.apply(&mut picture, changes).await;
    reader.complete(&mut picture).await;
    (picture, until)
}

/// Compares the picture that was kept current with one that was read anew, and goes on from the latter.
async fn check(reader: Reader<'_>, current: (Picture, Since), mut read: Read) -> Read {
    let Some((full_at, since)) = read.kept.clone() else {
        read.picture.remember(&current.0);
        return read;
    };
    // Both are brought to the present, since time has passed between them; and again if they differ, since a change
    // may be told in one and not yet in the other.
    let (mut left, mut right) = (current, (read.picture, since));
    let mut found = None;
    for _ in 0..2 {
        let (of_left, of_right) = futures_util::join!(reader.changes(&left.1), reader.changes(&right.1));
        let (Ok(of_left), Ok(of_right)) = (of_left, of_right) else {
            // What differs now may differ for want of what could not be asked; one read more tells.
            found = found.or_else(|| differences::between(&left.0, &right.0));
            break;
        };
        (left, right) = futures_util::join!(
            advance(reader, left.0, of_left),
            advance(reader, right.0, of_right)
        );
        found = differences::between(&left.0, &right.0);
        if found.is_none() {
            break;
        }
    }
    right.0.remember(&left.0);
    right.0.wait_like(&left.0);
    if let Some(found) = &found {
        found.doubt(&mut right.0);
        tracing::warn!(what = %found.remark, "a full read differs from what Graph told as changed");
    }
    Read {
        kept: keep(&right.0, full_at, right.1),
        picture: right.0,
        remarks: found.into_iter().map(|found| found.remark).collect(),
    }
}
