//! Random faults of homeserver and directory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use inviter_graph_emulator::{Fault as GraphFault, FaultHandle, Match, Trouble};
use inviter_testkit::ldap::{Fault as LdapFault, LdapProxy, Moment, Request};
use inviter_testkit::{Fault, Proxy};

use super::directory::{Directory, group_dn};
use super::organisation::Names;

/// How often which fault was met by a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Met(Arc<Mutex<BTreeMap<String, u64>>>);

impl Met {
    fn note(&self, fault: &str, times: u64) {
        let mut met = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *met.entry(fault.to_owned()).or_default() += times;
    }

    /// All of them by name.
    pub(crate) fn counts(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Breaks random requests to the homeserver from now on.
pub(crate) fn on_homeserver(proxy: &Proxy, rng: &mut Rng, met: &Met) {
    let rate = rng.choice([0.06, 0.15, 0.35]).unwrap_or(0.1);
    let (mut rng, met) = (rng.fork(), met.clone());
    proxy.on_request(move |_| {
        if rng.f64() >= rate {
            return None;
        }
        let (name, fault) = match rng.usize(..9) {
            0 => ("cut", Fault::Cut),
            1 => ("delay", Fault::Delay(Duration::from_millis(rng.u64(5..100)))),
            2 => ("429", Fault::limited(Duration::from_millis(rng.u64(10..300)))),
            3 => ("500", Fault::internal()),
            4 => ("502 HTML", Fault::Html502),
            5 => ("half JSON", Fault::HalfJson),
            6 => ("body cut", Fault::TruncatedBody),
            7 => ("twice", Fault::Twice),
            _ => ("answer lost", Fault::LoseAnswer),
        };
        met.note(&format!("homeserver: {name}"), 1);
        Some(fault)
    });
}

/// What was done to a directory, and is to be taken back.
#[derive(Debug)]
pub(crate) struct Broken {
    file: Option<Vec<u8>>,
    graph: Vec<(String, FaultHandle)>,
    cuts: usize,
    refused: bool,
}

/// Breaks a directory in a random way.
pub(crate) async fn on_directory(directory: &Directory, names: &Names, rng: &mut Rng, met: &Met) -> Broken {
    let mut broken = Broken {
        file: None,
        graph: Vec::new(),
        cuts: 0,
        refused: false,
    };
    match directory {
        Directory::File(path) => {
            let whole = std::fs::read(path).unwrap_or_default();
            let half = whole
                .get(..rng.usize(..whole.len().max(1)))
                .unwrap_or_default()
                .to_vec();
            let (name, done) = match rng.usize(..4) {
                0 => ("missing", std::fs::remove_file(path)),
                1 => ("half", std::fs::write(path, half)),
                2 => ("nothing in it", std::fs::write(path, "")),
                _ => ("not JSON", std::fs::write(path, "<html><body>502</body></html>")),
            };
            if done.is_ok() {
                met.note(&format!("file: {name}"), 1);
            }
            broken.file = Some(whole);
        }
        Directory::Scripted(server) => {
            let (mut rng, met, names) = (rng.fork(), met.clone(), names.clone());
            let rate = rng.choice([0.15, 0.4, 0.8]).unwrap_or(0.3);
            server.on_request(move |request| {
                if rng.f64() >= rate {
                    return None;
                }
                let (name, fault) = ldap_fault(request, &names, &mut rng)?;
                met.note(&format!("LDAP: {name}"), 1);
                Some(fault)
            });
        }
        Directory::Slapd(servers) => on_slapd(&servers.1, rng, met, &mut broken).await,
        Directory::Graph(emulator) => {
            emulator.remember();
            for _ in 0..rng.usize(1..4) {
                let (name, trouble) = graph_trouble(rng);
                let at = rng.usize(1..8);
                let place = match rng.usize(..5) {
                    0 => Match::token(),
                    1 => Match::path("/members"),
                    2 => Match::path("delta"),
                    _ => Match::graph(),
                };
                // Each of the empty pages would bring more of them.
                let once = rng.bool() || matches!(trouble, Trouble::EmptyPages(_));
                let fault = if once {
                    GraphFault::once(place.nth(at), trouble)
                } else {
                    GraphFault::always(place.from_nth(at), trouble)
                };
                broken
                    .graph
                    .push((format!("Graph: {name}"), emulator.fault(fault)));
            }
        }
    }
    broken
}

async fn on_slapd(proxy: &LdapProxy, rng: &mut Rng, met: &Met, broken: &mut Broken) {
    match rng.usize(..6) {
        0 => {
            proxy.refuse().await;
            met.note("slapd: refused", 1);
            broken.refused = true;
        }
        1 => {
            proxy.delay(Duration::from_millis(rng.u64(1..30)));
            met.note("slapd: delay", 1);
        }
        kind => {
            for _ in 0..rng.usize(1..4) {
                let at = rng.usize(1..8);
                proxy.cut(match kind {
                    2 => Moment::Search(at),
                    3 => Moment::Done(at),
                    _ => Moment::Entries(at),
                });
                broken.cuts += 1;
            }
        }
    }
}

impl Broken {
    /// Puts the directory right.
    pub(crate) async fn heal(self, directory: &Directory, met: &Met) -> std::io::Result<()> {
        match directory {
            Directory::File(path) => {
                if let Some(whole) = self.file {
                    std::fs::write(path, whole)?;
                }
            }
            Directory::Scripted(server) => server.heal(),
            Directory::Slapd(servers) => {
                let proxy = &servers.1;
                let done = self.cuts.saturating_sub(proxy.cuts_to_come());
                if done > 0 {
                    met.note("slapd: cut", u64::try_from(done).unwrap_or_default());
                }
                proxy.heal();
                if self.refused {
                    proxy.up().await;
                }
            }
            Directory::Graph(emulator) => {
                for (name, handle) in self.graph {
                    if handle.hits() > 0 {
                        met.note(&name, u64::try_from(handle.hits()).unwrap_or_default());
                    }
                }
                emulator.clear_faults();
            }
        }
        Ok(())
    }
}

/// What can be said of a bind or a search. None of these is a complete answer that says that somebody is gone.
fn ldap_fault(request: &Request, names: &Names, rng: &mut Rng) -> Option<(&'static str, LdapFault)> {
    if request.is_bind() {
        return Some(match rng.usize(..5) {
            0 => (
                "password expired",
                LdapFault::result(49, "80090308: LdapErr: data 532, v4563"),
            ),
            1 => ("busy", LdapFault::result(51, "")),
            2 => ("unavailable", LdapFault::result(52, "")),
            3 => (
                "not LDAP",
                LdapFault::raw("HTTP/1.1 502 Bad Gateway\r\n\r\n<html></html>"),
            ),
            _ => ("cut", LdapFault::close()),
        });
    }
    request.search()?;
    let entries = rng.usize(..4);
    Some(match rng.usize(..13) {
        0 => ("busy", LdapFault::result(51, "")),
        1 => ("unavailable", LdapFault::result(52, "").after(entries)),
        2 => ("timeLimitExceeded", LdapFault::result(3, "").after(entries)),
        3 => ("sizeLimitExceeded", LdapFault::result(4, "").after(entries)),
        4 => ("insufficientAccessRights", LdapFault::result(50, "")),
        5 => ("branch gone", LdapFault::result(32, "")),
        6 => ("other", LdapFault::result(80, "internal error")),
        7 => ("cut", LdapFault::close().after(entries)),
        8 => (
            "not LDAP",
            LdapFault::raw("HTTP/1.1 502 Bad Gateway\r\n\r\n<html></html>").after(entries),
        ),
        9 => ("twice", LdapFault::twice()),
        10 => ("delay", LdapFault::pause(Duration::from_millis(rng.u64(1..20)))),
        11 => ("group hidden", LdapFault::hide(&group_dn(names, "busy"))),
        _ => ("nothing found", LdapFault::empty()),
    })
}

fn graph_trouble(rng: &mut Rng) -> (&'static str, Trouble) {
    match rng.usize(..20) {
        0 => ("500", Trouble::Status(500)),
        1 => ("503", Trouble::Status(503)),
        2 => ("502 HTML", Trouble::HtmlStatus(502)),
        3 => ("429", Trouble::Throttle { retry_after: Some(0) }),
        4 => ("denied", Trouble::Denied),
        5 => ("401", Trouble::Status(401)),
        6 => ("cut", Trouble::Cut),
        7 => ("body cut", Trouble::CutBody),
        8 => ("delay", Trouble::Slow(Duration::from_millis(rng.u64(1..60)))),
        9 => ("half JSON", Trouble::Truncated),
        10 => ("not JSON", Trouble::NotJson),
        11 => ("no value", Trouble::EmptyValueMissing),
        12 => ("item of a batch missing", Trouble::DropBatchItem),
        13 => ("item of a batch twice", Trouble::DoubleBatchItem),
        14 => ("item of a batch renamed", Trouble::RenameBatchItem),
        15 => ("properties hidden", Trouble::LimitedInfo),
        16 => ("everything twice", Trouble::Repeat),
        17 => ("shuffled", Trouble::Shuffle),
        18 => ("empty pages", Trouble::EmptyPages(2)),
        _ => ("state gone", Trouble::Gone),
    }
}
