//! Where something goes wrong, and what.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use inviter_graph_emulator::{Fault as GraphFault, FaultHandle, Match, Trouble};
use inviter_testkit::ldap::{Entries, Fault as LdapFault, Request};
use inviter_testkit::{Fault, Recorded};

use crate::homeserver::directory::{Directory, Kind, SUFFIX, group_dn, person_dn};
use crate::homeserver::site::Site;

/// A wait that no run waits for.
const AN_HOUR: Duration = Duration::from_secs(3600);

/// A wait that is longer than a directory may take to be read here.
const A_WHILE: Duration = Duration::from_secs(10);

/// One line of the table.
#[derive(Debug, Clone)]
pub(super) struct Trial {
    pub(super) fault: &'static str,
    pub(super) place: &'static str,
    pub(super) kind: Kind,
    /// Whether the process has read the directory before, and asks only what has changed.
    pub(super) lives_on: bool,
    /// What passes between the fault and the next run: a wait that was asked for is kept to.
    pub(super) wait: Duration,
    /// More keys of the directory's section.
    pub(super) more: &'static str,
    /// What there is to be done besides.
    pub(super) scene: Scene,
    what: What,
}

/// What a trial's run has to do that those of others have not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scene {
    /// Nothing.
    Plain,
    /// A room that somebody trusted has made and invites to.
    Invited,
    /// A setting of a room that somebody has changed.
    Loosened,
}

#[derive(Debug, Clone)]
enum What {
    Homeserver(Fault, At<Recorded>),
    Ldap(LdapFault, At<Request>),
    Graph(Trouble, &'static str),
    Lie(fn(&mut Entries, &Site)),
}

/// What goes wrong in a trial, for as long as its first run takes.
#[derive(Debug)]
pub(super) struct Wrong {
    met: Arc<AtomicU64>,
    graph: Option<FaultHandle>,
    lie: bool,
}

/// Whether a request is of a place.
type At<R> = fn(&R) -> bool;

/// Where the bot is invited to a room of somebody else.
const JOINING: &str = "homeserver: joining a room";

/// Where somebody has changed a setting.
const SETTINGS: &str = "homeserver: changing a setting";

const HOMESERVER: [(&str, At<Recorded>); 9] = [
    ("homeserver: whose token it is", |request| {
        request.path.ends_with("/whoami")
    }),
    ("homeserver: reading rooms", |request| {
        request.method == "GET" && !request.path.ends_with("/whoami") && !request.path.contains("/directory/")
    }),
    ("homeserver: looking up aliases", |request| {
        request.method == "GET" && request.path.contains("/directory/room/")
    }),
    ("homeserver: creating a room", |request| {
        request.path.ends_with("/createRoom")
    }),
    (JOINING, |request| {
        request.method == "POST" && request.path.contains("/join")
    }),
    (SETTINGS, |request| {
        request.method == "PUT" && request.path.contains("/state/m.room.history_visibility")
    }),
    ("homeserver: setting levels", |request| {
        request.method == "PUT" && request.path.contains("/state/m.room.power_levels")
    }),
    ("homeserver: inviting", |request| {
        request.path.ends_with("/invite")
    }),
    ("homeserver: removing", |request| request.path.ends_with("/kick")),
];

fn searches(request: &Request, unit: &str) -> bool {
    request
        .search()
        .is_some_and(|search| search.base.starts_with(unit))
}

const LDAP: [(&str, At<Request>); 3] = [
    ("LDAP: logging in", Request::is_bind),
    ("LDAP: people", |request| searches(request, "ou=people")),
    ("LDAP: groups", |request| searches(request, "ou=groups")),
];

const GRAPH: [(&str, &str); 4] = [
    ("Graph: token", "/oauth2/v2.0/token"),
    ("Graph: groups", "/v1.0/groups?"),
    ("Graph: members", "/members"),
    ("Graph: changes", "/delta"),
];

/// Every fault at every place.
pub(super) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    let late = Duration::from_millis(200);
    let html = "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\n\r\n<html></html>";
    for (place, at) in HOMESERVER {
        let faults = [
            ("cut", Fault::Cut),
            ("delay", Fault::Delay(late)),
            ("429", Fault::limited(AN_HOUR)),
            ("500", Fault::internal()),
            ("502 in HTML", Fault::Html502),
            ("truncated JSON", Fault::HalfJson),
            ("delivered twice", Fault::Twice),
            ("answer lost after the effect", Fault::LoseAnswer),
        ];
        trials.extend(faults.into_iter().map(|(fault, what)| Trial {
            fault,
            place,
            kind: Kind::File,
            lives_on: false,
            wait: Duration::ZERO,
            more: "",
            scene: match place {
                JOINING => Scene::Invited,
                SETTINGS => Scene::Loosened,
                _ => Scene::Plain,
            },
            what: What::Homeserver(what, at),
        }));
    }
    for (place, at) in LDAP {
        let mut faults = vec![
            ("cut", LdapFault::close()),
            ("delay", LdapFault::pause(Duration::from_millis(20))),
            ("busy (51)", LdapFault::result(51, "")),
            ("unavailable (52)", LdapFault::result(52, "")),
            ("HTML", LdapFault::raw(html)),
            ("no answer", LdapFault::silence()),
        ];
        if !place.ends_with("logging in") {
            faults.extend([
                (
                    "timeLimitExceeded (3) after one entry",
                    LdapFault::result(3, "").after(1),
                ),
                ("cut after one entry", LdapFault::close().after(1)),
                ("every entry twice", LdapFault::twice()),
            ]);
        }
        trials.extend(faults.into_iter().map(|(fault, what)| Trial {
            fault,
            place,
            kind: Kind::Scripted,
            lives_on: false,
            wait: Duration::ZERO,
            more: "",
            scene: Scene::Plain,
            what: What::Ldap(what, at),
        }));
    }
    for (place, path) in GRAPH {
        let faults = [
            ("cut", Trouble::Cut),
            ("delay", Trouble::Slow(late)),
            (
                "429",
                Trouble::Throttle {
                    retry_after: Some(A_WHILE.as_secs()),
                },
            ),
            ("500", Trouble::Status(500)),
            ("502 in HTML", Trouble::HtmlStatus(502)),
            ("truncated JSON", Trouble::Truncated),
            ("everything twice", Trouble::Repeat),
            ("no answer", Trouble::Silence),
        ];
        let token = path.ends_with("/token");
        let faults = faults
            .into_iter()
            .filter(|(fault, _)| !(token && *fault == "everything twice"));
        trials.extend(faults.map(|(fault, what)| Trial {
            fault,
            place,
            kind: Kind::Graph,
            lives_on: path == "/delta",
            wait: if fault == "429" { A_WHILE } else { Duration::ZERO },
            more: "",
            scene: Scene::Plain,
            what: What::Graph(what, path),
        }));
    }
    trials.extend(lies());
    trials
}

/// What a directory says in good form and wrongly.
fn lies() -> Vec<Trial> {
    let place = "LDAP: the whole directory";
    let trial = |fault, what| Trial {
        fault,
        place,
        kind: Kind::Scripted,
        lives_on: false,
        wait: Duration::ZERO,
        more: "",
        scene: Scene::Plain,
        what,
    };
    let told = |fault, what: LdapFault, at| trial(fault, What::Ldap(what, at));
    vec![
        told(
            "branch of people moved away",
            LdapFault::result(32, ""),
            |request| searches(request, "ou=people"),
        ),
        told(
            "branch of groups moved away",
            LdapFault::result(32, ""),
            |request| searches(request, "ou=groups"),
        ),
        told("no people found", LdapFault::empty(), |request| {
            searches(request, "ou=people")
        }),
        told("no groups found", LdapFault::empty(), |request| {
            searches(request, "ou=groups")
        }),
        told(
            "password expired",
            LdapFault::result(
                49,
                "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 532, v4563",
            ),
            Request::is_bind,
        ),
        told(
            "half an answer (sizeLimitExceeded)",
            LdapFault::result(4, "").after(2),
            |request| searches(request, "ou=people"),
        ),
        trial("a group shows no members", What::Lie(empty_the_club)),
        Trial {
            // Where groups may be empty, this one is.
            more: "empty_groups = true\n",
            ..trial("a group is empty", What::Lie(empty_the_club))
        },
        trial(
            "a group is hidden",
            What::Lie(|entries, site| _ = entries.remove(&group_dn(&site.names, "club"))),
        ),
        trial(
            "shrunken: most people and their memberships are gone",
            What::Lie(|entries, site| {
                for number in 3..12 {
                    let dn = person_dn(&site.names, &format!("p{number}"));
                    entries.remove(&dn);
                    for group in ["staff", "club", "den"] {
                        if let Some(group) = entries.get_mut(&group_dn(&site.names, group)) {
                            group.retain("member", |member| member != dn.as_bytes());
                        }
                    }
                }
            }),
        ),
        trial(
            "shrunken: the branch of people holds nobody any more",
            What::Lie(|entries, site| {
                for number in 0..12 {
                    entries.remove(&person_dn(&site.names, &format!("p{number}")));
                }
                entries.remove(&format!("ou=people,{SUFFIX}"));
            }),
        ),
    ]
}

fn empty_the_club(entries: &mut Entries, site: &Site) {
    if let Some(group) = entries.get_mut(&group_dn(&site.names, "club")) {
        group.set("member", [""; 0]);
    }
}

impl Trial {
    /// Makes it go wrong from now on.
    pub(super) fn begin(&self, site: &Site) -> Wrong {
        let met = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&met);
        let mut wrong = Wrong {
            met,
            graph: None,
            lie: false,
        };
        match (&self.what, &site.directory) {
            (What::Homeserver(fault, at), _) => {
                let (fault, at) = (fault.clone(), *at);
                site.proxy.on_request(move |request| {
                    at(request).then(|| {
                        counter.fetch_add(1, Ordering::SeqCst);
                        fault.clone()
                    })
                });
            }
            (What::Ldap(fault, at), Directory::Scripted(server)) => {
                let (fault, at) = (fault.clone(), *at);
                server.on_request(move |request| {
                    at(request).then(|| {
                        counter.fetch_add(1, Ordering::SeqCst);
                        fault.clone()
                    })
                });
            }
            (What::Graph(trouble, path), Directory::Graph(emulator)) => {
                wrong.graph = Some(emulator.fault(GraphFault::always(Match::path(path), trouble.clone())));
            }
            (What::Lie(lie), Directory::Scripted(server)) => {
                server.change(|entries| lie(entries, site));
                wrong.lie = true;
            }
            // No trial is made of anything else; nothing is met then, which is told.
            _ => {}
        }
        wrong
    }
}

impl Wrong {
    /// How many requests met it.
    pub(super) fn met(&self) -> u64 {
        let graph = self.graph.as_ref().map_or(0, FaultHandle::hits);
        self.met.load(Ordering::SeqCst) + u64::try_from(graph).unwrap_or_default() + u64::from(self.lie)
    }

    /// Makes it go right again; a directory that lied is published anew by the caller.
    pub(super) fn end(site: &Site) {
        site.proxy.heal();
        match &site.directory {
            Directory::Scripted(server) => server.heal(),
            Directory::Graph(emulator) => emulator.clear_faults(),
            _ => {}
        }
    }
}
