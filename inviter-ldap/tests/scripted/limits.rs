//! Active Directory's limits: how many entries come at a time, and how many values of one attribute.

use inviter_ldap::{Preset, Schema};
use inviter_testkit::ldap::{Behaviour, Entries, Fault, LdapServer, Paging, PastEnd, RangeTrick, Ranges};

use crate::{
    seen::tells,
    world::{Target, bare, config, crowd, dn, group, group_dn, person, read, with_people},
};

/// Two groups: `big` with all of a crowd, and `quiet` with one of them.
fn with_big_group(count: usize) -> Entries {
    let crowd = crowd(count);
    let names: Vec<&str> = crowd.iter().map(String::as_str).collect();
    with_people(names.iter().copied())
        .with(group("big", &names))
        .with(group("quiet", &["p000"]))
}

async fn start(entries: Entries, ranges: Ranges) -> LdapServer {
    let behaviour = Behaviour {
        ranges: Some(ranges),
        ..Behaviour::default()
    };
    LdapServer::start(entries, behaviour).await.unwrap()
}

/// The ranges that were asked for.
fn asked(server: &LdapServer) -> Vec<String> {
    let searches = server.searches();
    let names = searches.iter().flat_map(|search| search.attributes.clone());
    names.filter(|name| name.contains(";range=")).collect()
}

fn small_ranges() -> Ranges {
    Ranges {
        max_values: 10,
        ..Ranges::default()
    }
}

#[tokio::test]
async fn pages_are_cut_to_a_thousand_entries() {
    let crowd = crowd(2300);
    let mut entries = with_people(crowd.iter().map(String::as_str));
    for number in 0..1200 {
        entries.add(group(&format!("g{number}"), &["p000"]));
    }
    let server = LdapServer::start(
        entries,
        Behaviour {
            max_entries: Some(1000),
            bind_first: true,
            ..Behaviour::default()
        },
    )
    .await
    .unwrap();
    let mut config = config(&server);
    config.page_size = 5000;
    let seen = read(&config).await.unwrap();
    assert_eq!((seen.0.accounts.len(), seen.0.groups.len()), (2300, 1200));
    assert_eq!(seen.listing(), "");
    assert!(
        seen.0
            .groups
            .iter()
            .all(|group| group.members.extent.is_complete())
    );
    // Three pages of people, two of groups, and nothing else: all members were listed.
    let searches = server.searches();
    let sizes: Vec<i64> = searches
        .iter()
        .map(|search| search.page.as_ref().unwrap().size)
        .collect();
    assert_eq!(sizes, [5000; 5]);
}

#[tokio::test]
async fn without_pages_a_thousand_is_not_all() {
    let crowd = crowd(1300);
    let last = crowd.last().unwrap();
    let entries = with_people(crowd.iter().map(String::as_str))
        .with(group("late", &["p000", last]))
        .with(group("quiet", &["p001"]));
    let server = LdapServer::start(
        entries,
        Behaviour {
            max_entries: Some(1000),
            paging: Paging::Unsupported,
            ..Behaviour::default()
        },
    )
    .await
    .unwrap();
    let seen = read(&config(&server)).await.unwrap();
    // Whoever is needed is asked for by name.
    seen.shows(&[("late", &format!("p000 {last}")), ("quiet", "p001")]);
    assert_eq!(seen.0.accounts.len(), 1001);
    tells(
        &seen.listing(),
        &["people below ou=people,dc=example,dc=org", "size limit", "raised"],
    );
}

#[tokio::test]
async fn twelve_thousand_members_come_in_ranges() {
    let server = start(with_big_group(12_000), Ranges::default()).await;
    let mut config = config(&server);
    config.page_size = 1000;
    let seen = read(&config).await.unwrap();
    let all = crowd(12_000).join(" ");
    // Names sort like numbers only while they are of one length.
    let mut all: Vec<&str> = all.split(' ').collect();
    all.sort_unstable();
    seen.shows(&[("big", &all.join(" ")), ("quiet", "p000")]);
    assert_eq!(seen.group("big").members.values.len(), 12_000, "each once");
    assert_eq!(seen.listing(), "");
    // Each begins at the last value that is known: 1499, 2998 and so on.
    let asked = asked(&server);
    assert_eq!(asked[..2], ["member;range=1499-*", "member;range=2998-*"]);
    assert_eq!(asked.len(), 8);
    assert_eq!(server.searches().len(), 12 + 1 + 8);
}

#[tokio::test]
async fn ranges_of_any_length_are_put_together() {
    for ranges in [
        Ranges {
            empty_beside: true,
            ..small_ranges()
        },
        Ranges {
            steps: vec![4, 2, 100, 3],
            ..small_ranges()
        },
        Ranges {
            past_end: PastEnd::Error,
            steps: vec![2],
            ..small_ranges()
        },
    ] {
        let told = format!("{ranges:?}");
        let server = start(with_big_group(25), ranges).await;
        let seen = read(&config(&server)).await.unwrap();
        seen.shows(&[("big", &crowd(25).join(" ")), ("quiet", "p000")]);
        assert_eq!(seen.group("big").members.values.len(), 25, "{told}");
        assert_eq!(seen.listing(), "");
    }
}

#[tokio::test]
async fn owners_come_in_ranges_too() {
    let crowd = crowd(25);
    let entries = with_people(crowd.iter().map(String::as_str))
        .with(group("big", &["p000"]).with("owner", crowd.iter().map(|uid| dn(uid))))
        .with(group("quiet", &["p001"]));
    let server = start(entries, small_ranges()).await;
    let seen = read(&config(&server)).await.unwrap();
    let owners = format!("p000 / {}", crowd.join(" "));
    seen.shows(&[("big", &owners), ("quiet", "p001")]);

    Target::Range.harm(&server, Fault::result(50, ""));
    let seen = read(&config(&server)).await.unwrap();
    let owners = format!("p000 / {} …", crowd[..10].join(" "));
    seen.shows(&[("big", &owners), ("quiet", "p001")]);
    tells(
        &seen.owner_gaps("big"),
        &["`owner` of cn=big,", "after 10 values", "may not read"],
    );
}

#[tokio::test]
async fn wrong_ranges_are_no_whole_list() {
    let past = |past_end| Ranges {
        past_end,
        trick: Some(RangeTrick::NoEnd),
        ..small_ranges()
    };
    let trick = |trick| Ranges {
        trick: Some(trick),
        ..small_ranges()
    };
    for (ranges, known, words) in [
        (
            trick(RangeTrick::Stuck),
            10,
            "changed again and again while it was read; the next run",
        ),
        (
            trick(RangeTrick::Gap),
            10,
            "changed again and again while it was read; the next run",
        ),
        (
            trick(RangeTrick::NoValues),
            10,
            "changed again and again while it was read; the next run",
        ),
        (
            past(PastEnd::Empty),
            25,
            "does not say that this is all; look into",
        ),
        (
            past(PastEnd::Absent),
            25,
            "does not say that this is all; look into",
        ),
        (
            past(PastEnd::Error),
            25,
            "does not say that this is all; look into",
        ),
    ] {
        let told = format!("{ranges:?}");
        let server = start(with_big_group(25), ranges).await;
        let seen = read(&config(&server)).await.unwrap();
        let members = format!("{} …", crowd(25)[..known].join(" "));
        seen.shows(&[("big", &members), ("quiet", "p000")]);
        tells(&seen.gaps("big"), &["`member` of cn=big,", words]);
        assert!(server.searches().len() < 20, "{told}");
        assert_eq!(seen.listing(), "");
    }
}

#[tokio::test]
async fn nobody_is_missed_when_somebody_goes_in_between() {
    // The searches: people, groups, 9-*, 18-*.
    for before in [3, 4] {
        let server = start(with_big_group(25), small_ranges()).await;
        server.before_search(before, |entries| {
            let big = entries.get_mut(&group_dn("big")).unwrap();
            big.retain("member", |member| member != dn("p003").as_bytes());
        });
        let seen = read(&config(&server)).await.unwrap();
        let mut left = crowd(25);
        left.remove(3);
        seen.shows(&[("big", &left.join(" ")), ("quiet", "p000")]);
        assert!(asked(&server).contains(&"member;range=0-*".to_owned()));
    }
    // Behind what was read, nothing has to be read again.
    let server = start(with_big_group(25), small_ranges()).await;
    server.before_search(3, |entries| {
        let big = entries.get_mut(&group_dn("big")).unwrap();
        big.retain("member", |member| member != dn("p020").as_bytes());
    });
    let seen = read(&config(&server)).await.unwrap();
    assert!(!seen.picture()["big"].contains("p020"));
    assert_eq!(asked(&server), ["member;range=9-*", "member;range=18-*"]);
}

#[tokio::test]
async fn nobody_is_missed_when_somebody_comes_in_between() {
    for first in [true, false] {
        let server = start(with_big_group(25), small_ranges()).await;
        server.before_search(3, move |entries| {
            entries.add(person("zoe"));
            let big = entries.get_mut(&group_dn("big")).unwrap();
            let mut members = big.values("member").to_vec();
            members.insert(if first { 0 } else { members.len() }, dn("zoe").into_bytes());
            big.set("member", members);
        });
        let seen = read(&config(&server)).await.unwrap();
        let members = format!("{} zoe", crowd(25).join(" "));
        seen.shows(&[("big", &members), ("quiet", "p000")]);
    }
}

#[tokio::test]
async fn a_list_that_never_rests_stays_open() {
    let server = start(with_big_group(25), small_ranges()).await;
    for search in 3..30 {
        server.before_search(search, move |entries| {
            let big = entries.get_mut(&group_dn("big")).unwrap();
            let mut members = big.values("member").to_vec();
            members.rotate_left(1);
            big.set("member", members);
        });
    }
    let seen = read(&config(&server)).await.unwrap();
    assert!(seen.picture()["big"].ends_with('…'));
    assert_eq!(seen.picture()["quiet"], "p000");
    tells(&seen.gaps("big"), &["changed again and again", "next run"]);
    assert!(server.searches().len() < 12);
}

#[tokio::test]
async fn a_group_that_goes_while_its_ranges_are_read_stays_open() {
    let server = start(with_big_group(25), small_ranges()).await;
    server.before_search(4, |entries| {
        entries.remove(&group_dn("big"));
    });
    let seen = read(&config(&server)).await.unwrap();
    let members = format!("{} …", crowd(25)[..19].join(" "));
    seen.shows(&[("big", &members), ("quiet", "p000")]);
    tells(&seen.gaps("big"), &["`member` of cn=big,", "does not exist"]);
}

/// A range in a form that nobody knows is not the same as no members.
#[tokio::test]
async fn ranges_that_cannot_be_understood_are_not_nothing() {
    for name in [
        "member;range=0-9x",
        "member;range=0-99999999999999999999999",
        "member;range=0",
        "member;range=5-9",
        "member;x-odd",
    ] {
        let mut entries = bare().with(person("ada")).with(group("quiet", &["ada"]));
        let odd = group("odd", &[]).with(name, [dn("ada")]);
        entries.add(odd.with("objectClass", ["group"]));
        let server = start(entries, small_ranges()).await;
        // The server gives out what it is asked for only; here it says more.
        server.on_search(move |request, _| {
            Target::Groups.is(request).then(|| {
                let odd = group("odd", &[]).with("objectClass", ["group"]);
                let bytes =
                    inviter_testkit::ldap::wire::entry(request.message_id, &odd.with(name, [dn("ada")]));
                Fault::hide(&group_dn("odd")).and(Fault::insert(bytes))
            })
        });
        let mut config = config(&server);
        config.schema = Schema::new(Preset::ActiveDirectory);
        config.schema.user_filter = "(objectClass=person)".to_owned();
        config.schema.group_filter = "(|(objectClass=group)(objectClass=groupOfNames))".to_owned();
        config.attributes = vec!["uid".to_owned()];
        let seen = read(&config).await.unwrap();
        let picture = seen.picture();
        assert!(picture["odd"].ends_with('…'), "{name}: {picture:?}");
        assert_eq!(picture["quiet"], "ada", "{name}");
        tells(&seen.gaps("odd"), &["cn=odd,"]);
    }
}
