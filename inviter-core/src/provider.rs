//! [`IdentityProvider`]: where people and groups come from.

use std::{error::Error as StdError, fmt, fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{StreamExt, stream, stream::BoxStream};
use serde::{Deserialize, Serialize};

use crate::{
    directory::{Directory, ProviderId},
    quarantine::Quarantined,
    scope::Selection,
};

/// A source of people and groups.
///
/// An implementation is dumb: it reports what the directory has, and says of each part whether it is complete.
/// It must answer `Err` only if nothing at all could be read; anything partly read is a [`Directory`] with gaps.
#[async_trait]
pub trait IdentityProvider: Debug + Send + Sync + 'static {
    /// The name by which reports and the remembered state know this directory.
    fn id(&self) -> ProviderId;

    /// Reads accounts and groups.
    ///
    /// # Errors
    /// [`ProviderError`] when nothing could be read; the run goes on with the other directories and removes
    /// nobody from rooms that this one feeds.
    async fn read(&self, request: &ReadRequest) -> Result<Directory, ProviderError>;

    /// What whoever sets the directory up should know, the most important first: for a check, which shows it. It may ask
    /// the directory, writes nothing, and does not fail: what [`read`](Self::read) would tell as its error is not told
    /// here again. The default has nothing to say.
    async fn advice(&self) -> Vec<Advice> {
        Vec::new()
    }

    /// Yields whenever the directory may have changed. The default never does; a schedule asks then.
    fn changes(&self) -> BoxStream<'static, ()> {
        stream::pending().boxed()
    }

    /// Whether the directory is left alone for now because it kept failing, for whoever asks how things stand. The
    /// default never is: [`Quarantine`](crate::quarantine::Quarantine) sees to that.
    fn quarantined(&self) -> Option<Quarantined> {
        None
    }
}

/// What of a directory is wanted.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ReadRequest {
    /// The groups that the run is about. Of a group that this does not admit, and that is inside no admitted one, the
    /// name and the key are enough: its members and owners may be [`Extent::AtLeast`](crate::directory::Extent) what
    /// was read without effort.
    ///
    /// Whatever the groups, all accounts are listed (or all that are in groups, where
    /// [`only_grouped_accounts`](Directory::only_grouped_accounts)), and the names and keys of all groups, or the listing
    /// is marked incomplete: how many accounts there are guards removals, and what is not listed counts as gone.
    pub groups: Selection,
    /// A person waits for the answer: the directory is asked even if it would be left alone otherwise.
    pub insist: bool,
}

impl ReadRequest {
    /// A request for the groups of a scope.
    pub const fn new(groups: Selection) -> Self {
        Self {
            groups,
            insist: false,
        }
    }

    /// As this one, asked by a person.
    #[must_use]
    pub const fn insisting(mut self) -> Self {
        self.insist = true;
        self
    }
}

#[async_trait]
impl<T: IdentityProvider + ?Sized> IdentityProvider for Arc<T> {
    fn id(&self) -> ProviderId {
        (**self).id()
    }

    async fn read(&self, request: &ReadRequest) -> Result<Directory, ProviderError> {
        (**self).read(request).await
    }

    async fn advice(&self) -> Vec<Advice> {
        (**self).advice().await
    }

    fn changes(&self) -> BoxStream<'static, ()> {
        (**self).changes()
    }

    fn quarantined(&self) -> Option<Quarantined> {
        (**self).quarantined()
    }
}

/// One thing that whoever sets a directory up should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Advice {
    /// What it is for.
    pub kind: AdviceKind,
    /// One sentence without a full stop that names the thing and what to do.
    pub message: String,
}

impl Advice {
    /// A piece of advice.
    pub fn new(kind: AdviceKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}

/// What advice is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AdviceKind {
    /// Nothing is to be done; told because it reassures.
    Fine,
    /// It works, and would be better otherwise.
    Improve,
    /// It cannot work until something is done.
    Blocks,
}

/// What the caller can do about a directory that could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProviderErrorKind {
    /// Not reachable, or it gave up in between: later may be better.
    Unavailable,
    /// Our credentials or rights were refused.
    Denied,
    /// What it answered cannot be understood.
    Malformed,
    /// The configuration cannot work.
    Misconfigured,
}

/// A directory could not be read.
#[derive(Debug, thiserror::Error)]
pub struct ProviderError {
    /// What kind of failure it is.
    pub kind: ProviderErrorKind,
    /// The thing it is about: a URL, a file, a DN.
    pub about: String,
    /// What went wrong and what to do, as one sentence without a full stop.
    pub message: String,
    /// When asking again may help, if the directory told.
    pub retry_after: Option<Duration>,
    /// The cause.
    #[source]
    pub source: Option<Box<dyn StdError + Send + Sync>>,
}

impl ProviderError {
    /// An error without a cause of its own.
    pub fn new(kind: ProviderErrorKind, about: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind,
            about: about.into(),
            message: message.into(),
            retry_after: None,
            source: None,
        }
    }

    /// Adds the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.about, self.message)
    }
}

#[cfg(any(test, feature = "mocks"))]
mockall::mock! {
    /// A mock of [`IdentityProvider`].
    #[derive(Debug)]
    pub IdentityProvider {}

    #[async_trait]
    impl IdentityProvider for IdentityProvider {
        fn id(&self) -> ProviderId;
        async fn read(&self, request: &ReadRequest) -> Result<Directory, ProviderError>;
        async fn advice(&self) -> Vec<Advice>;
        fn changes(&self) -> BoxStream<'static, ()>;
    }
}
