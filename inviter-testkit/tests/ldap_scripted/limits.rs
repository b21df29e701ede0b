//! Limits on entries and values, pages and ranges.

use std::time::Duration;

use inviter_testkit::ldap::{
    Behaviour, Entries, Entry, LdapServer, PAGED_RESULTS, Paging, PastEnd, RangeTrick, Ranges,
};

use crate::client::{goes_on, ldapsearch};
use crate::data::{big_group, serve};

/// Entries `uid=0` and so on.
fn crowd(size: usize) -> Entries {
    (0..size).fold(Entries::new("dc=example,dc=org"), |entries, number| {
        let entry = Entry::new(format!("uid={number},dc=example,dc=org"));
        entries.with(entry.with("uid", [number.to_string()]))
    })
}

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| format!("uid={number}")).collect()
}

#[tokio::test]
async fn gives_at_most_so_many_entries() {
    let behaviour = Behaviour {
        max_entries: Some(1000),
        ..Behaviour::default()
    };
    let server = LdapServer::start(crowd(2345), behaviour).await.unwrap();
    let found = ldapsearch(&server.url(), &["(uid=*)"]).await;
    assert_eq!((found.code, found.names().len()), (Some(4), 1000));
    let few = ldapsearch(&server.url(), &["-z", "5", "(uid=*)"]).await;
    assert_eq!(
        (few.code, few.names()),
        (Some(4), vec!["uid=0", "uid=1", "uid=2", "uid=3", "uid=4"])
    );
    let one = ldapsearch(&server.url(), &["-z", "1", "(uid=7)"]).await;
    assert_eq!((one.code, one.names()), (Some(0), vec!["uid=7"]));

    // Pages above the limit are cut to it.
    server.clear();
    let paged = ldapsearch(&server.url(), &["-E", "pr=2000/noprompt", "(uid=*)"]).await;
    assert_eq!((paged.code, paged.names().len()), (Some(0), 2345));
    assert_eq!(paged.names(), numbers(0..2345));
    let searches = server.searches();
    assert_eq!(searches.len(), 3);
    let cookie = |search: usize| &searches[search].page.as_ref().unwrap().cookie;
    assert!(cookie(0).is_empty());
    assert!(std::str::from_utf8(cookie(1)).is_err());
    assert_ne!(cookie(1), cookie(2));

    // The client's own limit is one on all pages.
    let limited = ldapsearch(&server.url(), &["-z", "5", "-E", "pr=2/noprompt", "(uid=*)"]).await;
    assert_eq!((limited.code, limited.names().len()), (Some(4), 5));
}

#[tokio::test]
async fn changes_between_two_pages() {
    let server = LdapServer::start(crowd(6), Behaviour::default()).await.unwrap();
    server.before_search(2, |entries| {
        entries.remove("uid=4,dc=example,dc=org");
        entries.add(Entry::new("uid=6,dc=example,dc=org").with("uid", ["6"]));
    });
    let paged = ldapsearch(&server.url(), &["-E", "pr=3/noprompt", "(uid=*)"]).await;
    assert_eq!(paged.names(), ["uid=0", "uid=1", "uid=2", "uid=3", "uid=5"]);
    let again = ldapsearch(&server.url(), &["(uid=*)"]).await;
    assert_eq!(again.names().last(), Some(&"uid=6"));
}

#[tokio::test]
async fn pages_in_odd_ways() {
    let server = LdapServer::start(crowd(5), Behaviour::default()).await.unwrap();
    let paging = |paging| Behaviour {
        paging,
        ..Behaviour::default()
    };
    for (kind, arguments, code, names) in [
        (Paging::Unsupported, "!pr=2/noprompt", Some(12), 0),
        (Paging::Unsupported, "pr=2/noprompt", Some(0), 5),
        (Paging::Forgetful, "pr=2/noprompt", Some(53), 2),
        // As if the first page were all there is.
        (Paging::NoControl, "pr=2/noprompt", Some(0), 2),
        // The program overlooks this.
        (Paging::Unreadable, "pr=2/noprompt", Some(0), 2),
    ] {
        server.set(paging(kind));
        let found = ldapsearch(&server.url(), &["-E", arguments, "(uid=*)"]).await;
        assert_eq!(
            (found.code, found.names().len()),
            (code, names),
            "{kind:?} {found:?}"
        );
    }
    for kind in [Paging::SameForEver, Paging::EmptyForEver] {
        server.set(paging(kind));
        server.clear();
        let pages = async {
            while server.searches().len() < 10 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let endless = ["-E", "pr=2/noprompt", "(uid=*)"];
        assert!(
            goes_on(&server.url(), &endless, pages).await,
            "{kind:?} has ended"
        );
        let searches = server.searches();
        let cookie = |search: usize| &searches[search].page.as_ref().unwrap().cookie;
        assert_eq!(cookie(5) == cookie(6), kind == Paging::SameForEver);
    }
}

#[tokio::test]
async fn gives_many_values_in_ranges() {
    let behaviour = |ranges| Behaviour {
        ranges: Some(ranges),
        ..Behaviour::default()
    };
    let server = LdapServer::start(big_group(3200), behaviour(Ranges::default()))
        .await
        .unwrap();
    let url = server.url();
    for (asked, name, values) in [
        ("member", "member;range=0-1499", 0..1500),
        ("*", "member;range=0-1499", 0..1500),
        ("MEMBER;Range=0-*", "member;range=0-1499", 0..1500),
        ("member;range=1500-*", "member;range=1500-2999", 1500..3000),
        ("member;range=3000-4499", "member;range=3000-*", 3000..3200),
        ("member;range=10-19", "member;range=10-19", 10..20),
    ] {
        let found = ldapsearch(&url, &["(objectClass=group)", asked]).await;
        assert_eq!(found.values(name), numbers(values), "{asked}");
        assert!(!found.attributes().contains(&"member"));
    }
    server.set(behaviour(Ranges {
        empty_beside: true,
        ..Ranges::default()
    }));
    // The program shows an attribute without values only if it asks for no values.
    let found = ldapsearch(&url, &["-A", "(objectClass=group)", "member"]).await;
    assert_eq!(found.attributes(), ["member", "member;range=0-1499"]);
    // Few values come under their own name, as long as nobody asks for a range.
    server.set(behaviour(Ranges {
        max_values: 3200,
        ..Ranges::default()
    }));
    let found = ldapsearch(&url, &["(objectClass=group)", "member"]).await;
    assert_eq!(found.values("member").len(), 3200);
    let found = ldapsearch(&url, &["(objectClass=group)", "member;range=0-*"]).await;
    assert_eq!(found.values("member;range=0-*").len(), 3200);
}

/// What one range after another is called, as long as there is a next one, and all the values.
async fn read_on(server: &LdapServer, most: usize) -> (Vec<String>, Vec<String>) {
    let (mut names, mut values, mut low) = (Vec::new(), Vec::new(), 0);
    while names.len() < most {
        let asked = format!("member;range={low}-*");
        let found = ldapsearch(&server.url(), &["(objectClass=group)", &asked]).await;
        assert_eq!(found.code, Some(0), "{found:?}");
        let Some(name) = found.attributes().first().map(|name| (*name).to_owned()) else {
            break;
        };
        values.extend(found.values(&name).into_iter().map(str::to_owned));
        let high = name.rsplit('-').next().unwrap_or_default().to_owned();
        names.push(name.trim_start_matches("member;range=").to_owned());
        match high.parse::<usize>() {
            Ok(high) => low = high + 1,
            Err(_) => break,
        }
    }
    (names, values)
}

#[tokio::test]
async fn gives_fewer_values_than_asked_for() {
    let ranges = Ranges {
        max_values: 10,
        steps: vec![4, 1, 100],
        ..Ranges::default()
    };
    let behaviour = Behaviour {
        ranges: Some(ranges),
        ..Behaviour::default()
    };
    let server = LdapServer::start(big_group(25), behaviour).await.unwrap();
    let (names, values) = read_on(&server, 10).await;
    assert_eq!(names, ["0-3", "4-4", "5-14", "15-18", "19-19", "20-*"]);
    assert_eq!(values, numbers(0..25));
}

#[tokio::test]
async fn changes_between_two_ranges() {
    let behaviour = Behaviour {
        ranges: Some(Ranges {
            max_values: 10,
            ..Ranges::default()
        }),
        ..Behaviour::default()
    };
    let server = LdapServer::start(big_group(25), behaviour).await.unwrap();
    server.before_search(2, |entries| {
        let group = entries.get_mut("cn=big,dc=example,dc=org").unwrap();
        group.retain("member", |member| member != b"uid=3");
    });
    let (names, values) = read_on(&server, 10).await;
    assert_eq!(names, ["0-9", "10-19", "20-*"]);
    // The one who has moved up is never seen, though still a member; the one who is gone was.
    assert_eq!(values, [numbers(0..10), numbers(11..25)].concat());
}

#[tokio::test]
async fn gives_wrong_ranges() {
    let server = LdapServer::start(big_group(25), Behaviour::default())
        .await
        .unwrap();
    for (trick, names, values) in [
        (RangeTrick::Stuck, &["0-9", "0-9", "0-9", "0-9"][..], 40),
        (RangeTrick::Gap, &["0-9", "11-20", "22-*"], 23),
        (RangeTrick::NoEnd, &["0-9", "10-19", "20-24"], 25),
    ] {
        server.set(Behaviour {
            ranges: Some(Ranges {
                max_values: 10,
                past_end: PastEnd::Absent,
                trick: Some(trick),
                ..Ranges::default()
            }),
            ..Behaviour::default()
        });
        let (found, members) = read_on(&server, 4).await;
        assert_eq!(
            (found, members.len()),
            (names.iter().map(|name| (*name).to_owned()).collect(), values)
        );
    }
    for (past_end, trick, code, attributes) in [
        (PastEnd::Empty, None, 0, &["member;range=30-*"][..]),
        (PastEnd::Absent, None, 0, &[]),
        (PastEnd::Error, None, 1, &[]),
        (
            PastEnd::Empty,
            Some(RangeTrick::NoValues),
            0,
            &["member;range=30-39"],
        ),
    ] {
        server.set(Behaviour {
            ranges: Some(Ranges {
                max_values: 10,
                past_end,
                trick,
                ..Ranges::default()
            }),
            ..Behaviour::default()
        });
        let found = ldapsearch(&server.url(), &["-A", "(objectClass=group)", "member;range=30-*"]).await;
        assert_eq!(
            (found.code, found.attributes()),
            (Some(code), attributes.to_vec()),
            "{past_end:?}"
        );
    }
}

#[tokio::test]
async fn ends_searches_with_references() {
    let server = serve(Behaviour {
        references: vec![
            "ldap://one.example.org/dc=one".to_owned(),
            "ldap://two.example.org/".to_owned(),
        ],
        ..Behaviour::default()
    })
    .await;
    let found = ldapsearch(&server.url(), &["(uid=ada)"]).await;
    assert_eq!((found.code, found.names()), (Some(0), vec!["uid=ada"]));
    let references: Vec<_> = found
        .lines
        .iter()
        .filter(|line| line.starts_with("# ref"))
        .collect();
    assert_eq!(
        references,
        [
            "# refldap://one.example.org/dc=one",
            "# refldap://two.example.org/"
        ]
    );
    let found = ldapsearch(&server.url(), &["-E", "pr=2/noprompt", "(uid=*)"]).await;
    let references = found.lines.iter().filter(|line| line.starts_with("# ref"));
    assert_eq!((found.names().len(), references.count()), (3, 2));
    assert!(!server.requests()[1].is_critical(PAGED_RESULTS));
}
