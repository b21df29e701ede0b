//! Servers that never stop sending: the read fails, and holds no more than it may meanwhile.

use std::{
    io,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use inviter_core::provider::ProviderErrorKind as Kind;
use inviter_ldap::LdapConfig;
use inviter_testkit::ldap::{Entry, Fault, LdapServer, Request, wire};

use crate::{
    seen::fails,
    world::{ALL_OF_SMALL, Target, config, group, person, read, serve, small},
};

const TOLD: &str = "the server sends more than 1 MiB in one read; raise `read_limit_mib` if the directory is that \
                    large, or read less of it";

/// Where not more than one MiB is read.
fn narrow(server: &LdapServer) -> LdapConfig {
    let mut config = config(server);
    config.read_limit_mib = 1;
    config
}

/// About a kibibyte that nobody asked for.
fn stuffed(entry: Entry) -> Entry {
    entry.with("description", ["x".repeat(1000)])
}

/// A page of a hundred entries that nobody has seen before, and more to come.
fn page(request: &Request, number: usize, entry: fn(&str) -> Entry) -> Fault {
    let id = request.message_id;
    let mut bytes: Vec<u8> = (0..100)
        .flat_map(|ix| wire::entry(id, &stuffed(entry(&format!("n{number}x{ix}")))))
        .collect();
    let cookie = wire::page_value(&number.to_be_bytes());
    bytes.extend(wire::done_with_page(id, &wire::Outcome::default(), &cookie));
    Fault::raw(bytes)
}

#[tokio::test]
async fn what_is_small_passes() {
    let server = serve(small()).await;
    read(&narrow(&server)).await.unwrap().shows(&ALL_OF_SMALL);
}

/// People or groups, page after page; all of them new, so that nothing else would end it.
#[tokio::test]
async fn entries_without_end() {
    for (target, entry) in [
        (Target::People, person as fn(&str) -> Entry),
        (Target::Groups, |name| group(name, &["ada"])),
    ] {
        let server = serve(small()).await;
        let mut number = 0;
        server.on_search(move |request, _| {
            number += 1;
            target.is(request).then(|| page(request, number, entry))
        });
        let spare = serve(small()).await;
        let mut config = narrow(&server);
        config.urls.push(spare.url());
        let started = Instant::now();
        fails(read(&config).await, Kind::Malformed, &[&server.url(), TOLD]);
        assert!(started.elapsed() < Duration::from_secs(10));
        // A MiB is about nine of these pages.
        assert!((5..20).contains(&server.searches().len()), "{target:?}");
        // Another server has the same directory.
        assert!(spare.requests().is_empty(), "{target:?}");
        // Once it is over, it is read again.
        server.heal();
        read(&config).await.unwrap().shows(&ALL_OF_SMALL);
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A directory that grows is told of before it is too large.
#[tokio::test]
async fn more_than_half_is_told() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _logging = tracing_subscriber::util::SubscriberInitExt::set_default(subscriber);
    let said = || String::from_utf8(std::mem::take(&mut *log.0.lock().unwrap())).unwrap();
    for (kib, told) in [(450, 0), (600, 1)] {
        let server = serve(small()).await;
        server.on_search(move |request, _| {
            let large = person("large").with("description", ["x".repeat(kib << 10)]);
            Target::People
                .is(request)
                .then(|| Fault::insert(wire::entry(request.message_id, &large)))
        });
        let seen = read(&narrow(&server)).await.unwrap();
        assert!(seen.people().contains("ada"), "all of it counts");
        let said = said();
        let warnings: Vec<&str> = said.lines().filter(|line| line.contains("WARN")).collect();
        assert_eq!(warnings.len(), told, "{kib} KiB: {said}");
        for warning in warnings {
            for words in [
                "more than half of what one read may take; raise `read_limit_mib`",
                "limit_mib=1",
                &server.url(),
            ] {
                assert!(warning.contains(words), "{words}: {warning}");
            }
        }
    }
}

/// One page without an end, which is never handed on as a whole.
#[tokio::test]
async fn an_answer_without_end() {
    let server = serve(small()).await;
    server.on_search(|request, _| {
        let entries =
            (0..5000).flat_map(|ix| wire::entry(request.message_id, &stuffed(person(&format!("n{ix}")))));
        Target::People
            .is(request)
            .then(|| Fault::insert(entries.collect::<Vec<u8>>()))
    });
    fails(read(&narrow(&server)).await, Kind::Malformed, &[TOLD]);
}

/// One value of two MiB, among people, groups and what is looked up.
#[tokio::test]
async fn a_value_of_great_length() {
    for target in [Target::People, Target::Groups, Target::LookUp] {
        let server = serve(small()).await;
        server.on_search(move |request, _| {
            let huge = person("huge").with("description", ["x".repeat(2 << 20)]);
            target
                .is(request)
                .then(|| Fault::insert(wire::entry(request.message_id, &huge)))
        });
        fails(read(&narrow(&server)).await, Kind::Malformed, &[TOLD]);
        let mut wide = config(&server);
        wide.read_limit_mib = 8;
        let seen = read(&wide).await.unwrap();
        assert!(seen.people().contains("ada"), "{target:?}");
    }
}
