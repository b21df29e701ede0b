//! The mocks of both traits, as a service that embeds the core would use them in its unit tests.
#![cfg(feature = "mocks")]
#![expect(clippy::unwrap_used, reason = "in a test, a surprise is a failure")]

use std::{collections::BTreeMap, sync::Arc};

use futures_executor::block_on;
use futures_util::{StreamExt, stream};
use inviter_core::{
    IdentityProvider, RoomBackend,
    backend::{BackendError, BackendErrorKind, Identity, MockRoomBackend, ReadOnly},
    decode::MtrxDecoder,
    directory::{Directory, ProviderId},
    guard::Limits,
    memory::{InMemoryDirectory, InMemoryStore, MemoryGroup},
    mint::{GuestRule, Minting},
    policy::{Policy, SourcePolicy},
    provider::{Advice, AdviceKind, MockIdentityProvider, ProviderError, ProviderErrorKind},
    reconcile::{Reconciler, RunError, RunOptions},
    room::Binding,
    server::ServerFacts,
    time::{FixedClock, Timestamp},
};

fn provider(answer: impl Fn() -> Result<Directory, ProviderError> + Send + 'static) -> MockIdentityProvider {
    let mut provider = MockIdentityProvider::new();
    provider.expect_id().return_const(ProviderId::new("corp"));
    provider.expect_read().returning(move |_| answer());
    provider
}

fn reconciler(provider: MockIdentityProvider, backend: MockRoomBackend) -> Reconciler {
    let mut policy = Policy::new("example.org".try_into().unwrap());
    policy.sources.push(SourcePolicy {
        provider: ProviderId::new("corp"),
        decoders: vec![Arc::new(MtrxDecoder::default())],
        minting: Minting {
            server: "example.org".try_into().unwrap(),
            attribute: "uid".to_owned(),
            before_at: false,
            guests: GuestRule::Skip,
            renames: BTreeMap::new(),
        },
    });
    Reconciler {
        providers: vec![Arc::new(provider)],
        backend: Arc::new(backend),
        store: Arc::new(InMemoryStore::default()),
        policy,
        limits: Limits::default(),
        clock: Arc::new(FixedClock(Timestamp(1))),
        rooms_at_once: 1,
        people_at_once: 1,
    }
}

fn bot() -> Identity {
    Identity::new("@bot:example.org".try_into().unwrap(), None)
}

#[test]
fn a_plan_never_executes() {
    let directory = InMemoryDirectory::new("corp")
        .with_person("jane")
        .with_group(MemoryGroup::new("MTRX #staff:example.org").members(["jane"]));
    let mut backend = MockRoomBackend::new();
    backend.expect_whoami().once().returning(|| Ok(bot()));
    backend
        .expect_resolve_alias()
        .once()
        .returning(|_| Binding::Missing);
    backend
        .expect_accounts()
        .once()
        .returning(|users| Ok(vec![inviter_core::backend::AccountState::Unknown; users.len()]));
    backend.expect_observe().returning(|_| stream::empty().boxed());
    backend.expect_execute().never();
    let reconciler = reconciler(provider(move || Ok(directory.snapshot())), backend);
    let draft = block_on(reconciler.plan(&RunOptions::by_person())).unwrap();
    assert_eq!(draft.report().tally().changes(), 2);
}

#[test]
fn what_only_reads_lifts_no_limits() {
    let mut backend = MockRoomBackend::new();
    backend.expect_lift_limits().never();
    backend.expect_inspect().once().returning(ServerFacts::default);
    let reading = ReadOnly(backend);
    assert_eq!(block_on(reading.inspect()), ServerFacts::default());
    let refused = block_on(reading.lift_limits()).unwrap_err();
    assert_eq!(refused.kind, BackendErrorKind::ReadOnly);
}

#[test]
fn a_homeserver_that_does_not_know_us_ends_the_run_before_anything_is_read() {
    let mut backend = MockRoomBackend::new();
    backend.expect_whoami().once().returning(|| {
        Err(BackendError::new(
            BackendErrorKind::Unauthenticated,
            "token",
            "it is not accepted",
        ))
    });
    let mut provider = MockIdentityProvider::new();
    provider.expect_read().never();
    let error = block_on(reconciler(provider, backend).sync(&RunOptions::by_person())).unwrap_err();
    assert!(matches!(error, RunError::Backend(e) if e.kind == BackendErrorKind::Unauthenticated));
}

#[test]
fn a_directory_that_is_down_is_told_and_nothing_is_sent() {
    let mut backend = MockRoomBackend::new();
    backend.expect_whoami().once().returning(|| Ok(bot()));
    backend.expect_execute().never();
    let down = || {
        Err(ProviderError::new(
            ProviderErrorKind::Unavailable,
            "ldaps://dc1",
            "no answer",
        ))
    };
    let report = block_on(reconciler(provider(down), backend).sync(&RunOptions::by_person())).unwrap();
    assert!(
        report
            .findings
            .iter()
            .any(|f| f.message.contains("ldaps://dc1: no answer"))
    );
}

#[test]
fn advice_comes_through_what_shares_a_directory() {
    let told = Advice::new(AdviceKind::Improve, "index the attribute member");
    let mut provider = MockIdentityProvider::new();
    provider.expect_advice().once().return_const(vec![told.clone()]);
    let shared: Arc<dyn IdentityProvider> = Arc::new(provider);
    // The method of the `Arc` itself, not of what it derefs to.
    assert_eq!(block_on(<Arc<_> as IdentityProvider>::advice(&shared)), [told]);
}
