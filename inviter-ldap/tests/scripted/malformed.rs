//! Data that is wrong, or larger and odder than anybody expects.

use inviter_testkit::ldap::{Entries, Entry, Fault, LdapServer, wire};

use crate::{
    seen::tells,
    world::{
        ALL_OF_SMALL, PEOPLE, Target, bare, config, dn, group, group_at, group_dn, person, read, serve,
        small, with_people,
    },
};

fn three() -> Entries {
    with_people(["ada", "bob", "eve"]).with(group("quiet", &["eve"]))
}

/// An entry besides those that a search finds, in any bytes.
fn also(server: &LdapServer, target: Target, name: &'static [u8], attributes: &'static [(&[u8], &[&[u8]])]) {
    server.on_search(move |request, _| {
        let values: Vec<(&[u8], Vec<Vec<u8>>)> = attributes
            .iter()
            .map(|(name, values)| (*name, values.iter().map(|value| value.to_vec()).collect()))
            .collect();
        let attributes: Vec<(&[u8], &[Vec<u8>])> = values
            .iter()
            .map(|(name, values)| (*name, values.as_slice()))
            .collect();
        let bytes = wire::entry_of_bytes(request.message_id, name, &attributes);
        target.is(request).then(|| Fault::insert(bytes))
    });
}

#[tokio::test]
async fn entries_whose_name_is_none() {
    let server = serve(small()).await;
    for (target, name, words) in [
        (
            Target::People,
            &b"no name"[..],
            "(no name): cannot be read, since its name cannot be understood",
        ),
        (Target::People, b"uid=a\xff,dc=x", "since its name is not UTF-8"),
        (
            Target::Groups,
            b"cn=\"open,dc=x",
            "since its name cannot be understood",
        ),
        (Target::Groups, b"\xff", "since its name is not UTF-8"),
    ] {
        also(&server, target, name, &[(b"cn", &[b"odd"]), (b"uid", &[b"odd"])]);
        let seen = read(&config(&server)).await.unwrap();
        seen.shows(&ALL_OF_SMALL);
        assert_eq!(seen.people(), "ada bob cyd dan eve");
        let base = if target == Target::People {
            "ou=people,"
        } else {
            "ou=groups,"
        };
        tells(
            &seen.listing(),
            &["1 entry below ", base, words, "; correct it in the directory"],
        );
    }
    // A base with such an entry was not read to its end: nobody is gone.
    server.change(|entries| entries.remove(&dn("ada")));
    also(&server, Target::People, b"no name", &[]);
    let seen = read(&config(&server)).await.unwrap();
    assert_eq!(seen.picture()["walkers"], "bob inner …");
    assert_eq!(seen.picture()["quiet"], "eve");
}

/// Many of them are told once.
#[tokio::test]
async fn many_entries_that_cannot_be_read() {
    let server = serve(small()).await;
    server.on_search(|request, _| {
        let mut bytes = Vec::new();
        for number in 0..20_000 {
            let name = format!("odd {number}");
            bytes.extend(wire::entry_of_bytes(request.message_id, name.as_bytes(), &[]));
        }
        (Target::People.is(request) || Target::Groups.is(request)).then(|| Fault::insert(bytes))
    });
    let seen = read(&config(&server)).await.unwrap();
    seen.shows(&ALL_OF_SMALL);
    assert_eq!(seen.listing().lines().count(), 2);
    tells(
        &seen.listing(),
        &[
            "20000 entries below ou=people,",
            "(odd 0; odd 1; odd 2; and 19997 more): ",
            "correct them",
        ],
    );
}

#[tokio::test]
async fn members_that_are_no_names() {
    let odd = group("odd", &["ada", "x=", "jane doe="]).with("owner", [dn("bob")]);
    let mut bytes = group("bytes", &[]);
    bytes.set(
        "member",
        [
            b"uid=\xff,dc=x".to_vec(),
            dn("ada").into_bytes(),
            Vec::from("jane"),
        ],
    );
    let mut owned = group("owned", &["bob"]);
    owned.set("owner", [b"jane".to_vec()]);
    let server = serve(three().with(odd).with(bytes).with(owned)).await;
    let seen = read(&config(&server)).await.unwrap();
    seen.shows(&[
        ("odd", "ada … / bob"),
        ("bytes", "ada …"),
        ("owned", "bob / …"),
        ("quiet", "eve"),
    ]);
    tells(
        &seen.gaps("bytes"),
        &[
            "1 member entry of group cn=bytes,ou=groups,dc=example,dc=org (uid=\u{fffd},dc=x)",
            "it is not UTF-8",
            "(jane): the name of nothing, since a part of it has no `=`; to be corrected or removed",
        ],
    );
    assert_eq!(seen.listing(), "");
}

#[tokio::test]
async fn a_hundred_thousand_members_that_are_no_names() {
    let mut names: Vec<String> = (0..100_000).map(|number| format!("jane{number}")).collect();
    names.push(dn("ada"));
    let mut odd = group("odd", &[]);
    odd.set("member", names);
    let server = serve(three().with(odd)).await;
    let seen = read(&config(&server)).await.unwrap();
    seen.shows(&[("odd", "ada …"), ("quiet", "eve")]);
    assert_eq!(seen.group("odd").members.extent.gaps().len(), 1);
    tells(
        &seen.gaps("odd"),
        &["100000 member entries of group cn=odd,", "and 99997 more"],
    );
}

#[tokio::test]
async fn attributes_that_are_no_text() {
    let mut gus = person("gus");
    gus.set("uid", [&b"\xff\xfe"[..], b"gus"]);
    let mut hal = person("hal");
    hal.set("uid", [&b"\xff\xfe"[..]]);
    let mut odd = group("odd", &["gus", "hal"]);
    odd.set("cn", [&b"\xff"[..]]);
    let server = serve(three().with(gus).with(hal).with(odd)).await;
    let seen = read(&config(&server)).await.unwrap();
    // Without a login, an account is told by its key.
    seen.shows(&[("", "gus uuid-hal"), ("quiet", "eve")]);
    // What a group without a name stands for is not known.
    tells(
        &seen.listing(),
        &["1 entry below ou=groups,", "(cn=odd,", "its `cn` is not shown"],
    );
    assert_eq!(seen.remarks(), "");
    let uids = |key: &str| -> Vec<String> {
        let account = seen
            .0
            .accounts
            .iter()
            .find(|account| &*account.key == key)
            .unwrap();
        account.attributes.all("uid").map(str::to_owned).collect()
    };
    assert_eq!(uids("uuid-gus"), ["gus"]);
    assert!(uids("uuid-hal").is_empty());
}

#[tokio::test]
async fn entries_that_come_twice() {
    let server = serve(small()).await;
    server.on_search(|_, _| Some(Fault::twice()));
    let seen = read(&config(&server)).await.unwrap();
    seen.shows(&ALL_OF_SMALL);
    assert_eq!(seen.0.accounts.len(), 5);
    assert_eq!(seen.listing(), "");
    assert_eq!(seen.group("walkers").members.values.len(), 3);
    // Another spelling of the same name is the same entry.
    server.on_search(|request, _| {
        let again = Entry::new(format!("UID=ADA, {}", PEOPLE.to_uppercase()))
            .with("uid", ["ada"])
            .with("entryUUID", ["uuid-ada"]);
        let bytes = wire::entry(request.message_id, &again);
        Target::People
            .is(request)
            .then(|| Fault::insert(bytes).before_done())
    });
    let seen = read(&config(&server)).await.unwrap();
    seen.shows(&ALL_OF_SMALL);
    assert_eq!((seen.0.accounts.len(), seen.listing()), (5, String::new()));
}

/// On a server that minds case, two names that differ in it are two people, and nobody here can tell whom a group
/// means.
#[tokio::test]
async fn two_people_whose_names_differ_in_case() {
    for with_ids in [true, false] {
        let server = serve(small()).await;
        server.on_search(move |request, _| {
            let mut other = Entry::new(format!("uid=Ada,{PEOPLE}")).with("uid", ["Ada"]);
            if with_ids {
                other.set("entryUUID", ["another"]);
            }
            let bytes = wire::entry(request.message_id, &other);
            Target::People
                .is(request)
                .then(|| Fault::insert(bytes).before_done())
        });
        let mut config = config(&server);
        if !with_ids {
            config.schema.ids = Vec::new();
        }
        let seen = read(&config).await.unwrap();
        seen.shows(&[
            ("walkers", "bob inner …"),
            ("cooks", "cyd / dan"),
            ("quiet", "eve"),
            ("inner (nested)", "cyd"),
        ]);
        tells(
            &seen.gaps("walkers"),
            &[
                "(uid=ada,",
                "several entries have this name, and differ in case or spaces only; rename one",
            ],
        );
        tells(
            &seen.listing(),
            &["1 entry below ou=people,", "(uid=Ada,", "differ in case"],
        );
    }
}

#[tokio::test]
async fn two_groups_whose_names_differ_in_case() {
    let server = serve(
        three()
            .with(group("top", &["ada"]))
            .with(group("over", &[&group_dn("top")])),
    )
    .await;
    server.on_search(|request, _| {
        let other = group_at("cn=Top,ou=groups,dc=example,dc=org", "Top", &["bob"]);
        let bytes = wire::entry(request.message_id, &other);
        Target::Groups
            .is(request)
            .then(|| Fault::insert(bytes).before_done())
    });
    let seen = read(&config(&server)).await.unwrap();
    seen.shows(&[("top", "ada"), ("over", "…"), ("quiet", "eve")]);
    tells(&seen.gaps("over"), &["(cn=top,", "differ in case or spaces only"]);
    tells(&seen.listing(), &["1 entry below ou=groups,", "(cn=Top,"]);
}

#[tokio::test]
async fn a_group_without_a_name_counts_inside_others() {
    let mut nameless = group("x", &["ada"]);
    nameless.set("cn", Vec::<Vec<u8>>::new());
    let entries = three().with(nameless).with(group("top", &[&group_dn("x")]));
    let seen = read(&config(&serve(entries).await)).await.unwrap();
    seen.shows(&[("", "ada"), ("top", ""), ("quiet", "eve")]);
    assert_eq!(seen.group("top").members.values.len(), 1);
}

/// The value that an entry is named by comes first, whatever the order.
#[tokio::test]
async fn several_values() {
    let entries = bare()
        .with(person("mia").with("uid", ["zoe", "Mia", "amy"]))
        .with(
            Entry::new(format!("cn=Tim Tom,{PEOPLE}"))
                .with("objectClass", ["person"])
                .with("uid", ["tom", "tim"]),
        )
        .with(group("mtrx", &["mia"]).with("cn", ["b", "MTRX", "a"]))
        .with(group("quiet", &["mia", &format!("cn=Tim Tom,{PEOPLE}")]));
    let seen = read(&config(&serve(entries).await)).await.unwrap();
    seen.shows(&[("MTRX", "Mia"), ("quiet", "Mia tim")]);
    let all: Vec<&str> = seen.account("Mia").attributes.all("uid").collect();
    assert_eq!(all, ["Mia", "amy", "zoe"]);
}

#[tokio::test]
async fn values_of_a_megabyte() {
    let large = "x".repeat(1 << 20);
    let huge_name = format!("uid={large},{PEOPLE}");
    let mut mix = group("mix", &["ada", &large, &huge_name, &format!("{large}=")]);
    mix.set("description", [large.as_str()]);
    let entries = three()
        .with(person("big").with("uid", [large.as_str()]))
        .with(mix)
        .with(group_at(
            &format!("cn={large},ou=groups,dc=example,dc=org"),
            "large",
            &["bob", "x="],
        ));
    let seen = read(&config(&serve(entries).await)).await.unwrap();
    // One is gone, and the others are no names; the texts stay short.
    seen.shows(&[("mix", "ada …"), ("large", "bob …"), ("quiet", "eve")]);
    tells(&seen.gaps("mix"), &["1 member entry of group cn=mix,", "xxx…"]);
    assert_eq!(seen.0.accounts.len(), 4);
    assert!(seen.remarks().len() < 2000);
}

/// Names may hold anything; what is told of them does no harm to a terminal.
#[tokio::test]
async fn names_with_control_characters() {
    let evil = "a\u{1b}[2J\r\n\u{202e}\u{2066}\u{200f}z";
    let ghost = format!("uid={evil},dc=other");
    let entries = three()
        .with(person("odd").with("uid", [evil]))
        .with(
            group_at(
                &group_dn(evil),
                evil,
                &["ada", &ghost, &format!("{evil}=\""), evil],
            )
            .with("owner", [ghost.clone()]),
        )
        .with(group("near", &[&format!("uid={evil},{PEOPLE}"), "bob"]));
    let server = serve(entries).await;
    let mut config = config(&server);
    config.matrix_id_attribute = Some("mail".to_owned());
    server.change(|entries| {
        let account = entries.get_mut(&dn("odd")).unwrap();
        account.set("mail", [evil]);
    });
    let seen = read(&config).await.unwrap();
    seen.shows(&[(evil, "ada … / …"), ("near", "bob"), ("quiet", "eve")]);
    let remarks = seen.remarks();
    tells(
        &remarks,
        &["1 member entry (uid=a[2Jz,ou=people,", "`mail` of uid=odd,"],
    );
    let harmful = |c: char| c.is_control() && c != '\n' || matches!(c, '\u{200f}' | '\u{202e}' | '\u{2066}');
    assert!(!remarks.contains(harmful), "{remarks:?}");
    // The group's name is not what it is told by; that stays as it is for who decodes it.
    assert_eq!(&*seen.group(evil).name, evil);
}
