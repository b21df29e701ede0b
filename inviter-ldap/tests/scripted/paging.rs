//! Pages: servers that know none, or get them wrong; and what is asked for at all.

use inviter_core::provider::ProviderErrorKind as Kind;
use inviter_ldap::{Bind, Preset, Schema};
use inviter_testkit::ldap::{Behaviour, Fault, LdapServer, PAGED_RESULTS, Paging, Scope, Search, wire};

use crate::{
    seen::{fails, tells},
    world::{GROUPS, PEOPLE, config, group, person, read, serve, with_people},
};

const UIDS: [&str; 5] = ["ada", "bob", "cyd", "dan", "eve"];

async fn start(paging: Paging) -> LdapServer {
    let entries = with_people(UIDS)
        .with(group("walkers", &["ada", "eve"]))
        .with(group("cooks", &["cyd"]))
        .with(group("quiet", &["bob"]));
    let behaviour = Behaviour {
        paging,
        ..Behaviour::default()
    };
    LdapServer::start(entries, behaviour).await.unwrap()
}

const ALL: [(&str, &str); 3] = [("walkers", "ada eve"), ("cooks", "cyd"), ("quiet", "bob")];

fn subtrees(server: &LdapServer) -> Vec<Search> {
    let mut searches = server.searches();
    searches.retain(|search| search.scope == Scope::Sub);
    searches
}

#[tokio::test]
async fn page_after_page() {
    let server = start(Paging::Normal).await;
    for (size, people, groups) in [(1, 5, 3), (2, 3, 2), (3, 2, 1), (5, 1, 1), (500, 1, 1)] {
        server.clear();
        let mut config = config(&server);
        config.page_size = size;
        let seen = read(&config).await.unwrap();
        seen.shows(&ALL);
        assert_eq!((seen.listing(), seen.remarks()), (String::new(), String::new()));
        let of = |base: &str| {
            server
                .searches()
                .iter()
                .filter(|search| search.base == base)
                .count()
        };
        assert_eq!(
            (of(PEOPLE), of(GROUPS), server.searches().len()),
            (people, groups, people + groups),
            "{size}"
        );
        let requests = server.requests();
        let mut searching = requests.iter().filter(|request| request.search().is_some());
        assert!(searching.all(|request| request.is_critical(PAGED_RESULTS)));
    }
}

#[tokio::test]
async fn nothing_is_asked_for_that_is_not_needed() {
    let server = start(Paging::Normal).await;
    let mut config = config(&server);
    config.attributes = vec!["uid".to_owned(), "UID".to_owned(), "mail".to_owned()];
    read(&config).await.unwrap();
    let searches = server.searches();
    assert_eq!(
        searches[0].attributes,
        [
            "uid",
            "mail",
            "entryUUID",
            "nsUniqueId",
            "nsAccountLock",
            "pwdAccountLockedTime",
            "shadowExpire"
        ]
    );
    assert_eq!(
        searches[1].attributes,
        ["objectClass", "cn", "member", "owner", "entryUUID", "nsUniqueId"]
    );
    assert_eq!(
        searches[0].filter,
        "(|(objectClass=person)(objectClass=posixAccount))"
    );
    for search in &searches {
        // An empty list would mean all attributes.
        assert!(!search.attributes.is_empty() && !search.attributes.iter().any(|name| name == "*"));
        assert!(!search.types_only);
    }
    // Where nothing is needed of people, that is said.
    server.clear();
    config.attributes = Vec::new();
    config.schema.ids = Vec::new();
    config.schema.disabled_by = Vec::new();
    let seen = read(&config).await.unwrap();
    assert_eq!(server.searches()[0].attributes, ["1.1"]);
    assert_eq!(seen.0.accounts.len(), 5);
}

#[tokio::test]
async fn an_empty_password_is_not_sent() {
    let server = LdapServer::start(
        with_people(UIDS),
        Behaviour {
            empty_password_succeeds: true,
            ..Behaviour::default()
        },
    )
    .await
    .unwrap();
    let mut config = config(&server);
    config.bind = Bind::Simple {
        dn: "cn=bot,dc=example,dc=org".to_owned(),
        password: String::new().into(),
    };
    fails(
        read(&config).await,
        Kind::Misconfigured,
        &["password is empty", "give the bot a password"],
    );
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_server_without_pages_answers_at_once() {
    let server = start(Paging::Unsupported).await;
    let mut config = config(&server);
    config.page_size = 2;
    let seen = read(&config).await.unwrap();
    seen.shows(&ALL);
    assert_eq!(seen.listing(), "");
    let paged: Vec<bool> = server
        .searches()
        .iter()
        .map(|search| search.page.is_some())
        .collect();
    assert_eq!(paged, [true, false, true, false]);
}

#[tokio::test]
async fn a_page_that_the_server_finds_too_large_is_made_smaller() {
    for code in [4, 11] {
        let server = start(Paging::Normal).await;
        server.on_search(move |_, search| {
            let size = search.page.as_ref()?.size;
            (size > 40).then(|| Fault::result(code, "page too large"))
        });
        let seen = read(&config(&server)).await.unwrap();
        seen.shows(&ALL);
        assert_eq!(seen.listing(), "", "{code}");
        let sizes: Vec<i64> = subtrees(&server)
            .iter()
            .filter(|search| search.base == PEOPLE)
            .map(|search| search.page.as_ref().unwrap().size)
            .collect();
        assert_eq!(sizes, [500, 125, 31]);
    }
}

#[tokio::test]
async fn wrong_pages_are_no_whole_list() {
    for (paging, words) in [
        (Paging::Forgetful, "unwilling to answer"),
        (Paging::SameForEver, "repeats the same page for ever"),
        (Paging::EmptyForEver, "page after page with nothing new"),
        (Paging::Unreadable, "in no known form whether there is more"),
        (Paging::NoControl, "does not say whether there is more"),
    ] {
        let server = start(paging).await;
        let mut config = config(&server);
        config.page_size = 2;
        let seen = read(&config).await.unwrap();
        // Two people and two groups came; whoever is in these is asked for by name.
        seen.shows(&ALL[..2]);
        assert_eq!(seen.people(), "ada bob cyd eve");
        tells(
            &seen.listing(),
            &[
                "people below ou=people,dc=example,dc=org: ",
                "groups below ou=groups,dc=example,dc=org: ",
                words,
                "look into its log",
            ],
        );
    }
}

/// Small servers ignore the control and answer with everything, which is more than a page, or less.
#[tokio::test]
async fn an_answer_without_pages_is_believed_unless_it_looks_like_one() {
    for (size, people, groups) in [
        (2, true, true),
        (3, false, false),
        (4, false, true),
        (6, true, true),
    ] {
        let server = start(Paging::Normal).await;
        // All entries, as the control was not there.
        server.set(Behaviour {
            paging: Paging::NoControl,
            ..Behaviour::default()
        });
        server.on_search(|request, search| {
            let rest: Vec<u8> = match search.base.as_str() {
                PEOPLE => UIDS[2..]
                    .iter()
                    .flat_map(|uid| wire::entry(request.message_id, &person(uid)))
                    .collect(),
                _ => wire::entry(request.message_id, &group("quiet", &["bob"])),
            };
            let size = search.page.as_ref()?.size;
            (size == 2).then(|| Fault::insert(rest).before_done())
        });
        let mut config = config(&server);
        config.page_size = size;
        let seen = read(&config).await.unwrap();
        let listing = seen.listing();
        assert_eq!(
            (
                !listing.contains("people below"),
                !listing.contains("groups below")
            ),
            (people, groups),
            "{size}: {listing}"
        );
        if people && groups {
            seen.shows(&ALL);
            assert_eq!(seen.people(), "ada bob cyd dan eve");
        }
    }
}

/// The first page for ever, with another cookie each time.
#[tokio::test]
async fn a_page_that_comes_again_and_again_ends() {
    let server = start(Paging::SameForEver).await;
    let mut given: u32 = 0;
    server.on_search(move |request, search| {
        search.page.as_ref()?;
        given += 1;
        let cookie = wire::page_value(&given.to_be_bytes());
        let done = wire::done_with_page(request.message_id, &wire::Outcome::default(), &cookie);
        Some(Fault::raw(done).before_done())
    });
    let mut config = config(&server);
    config.page_size = 2;
    let seen = read(&config).await.unwrap();
    seen.shows(&ALL[..2]);
    tells(
        &seen.listing(),
        &["people below", "groups below", "page after page with nothing new"],
    );
    assert!(server.searches().len() < 2100);
}

/// What marks disabled accounts and finds logins ends as well, if pages never do.
#[tokio::test]
async fn other_searches_with_endless_pages_end() {
    let entries = with_people(UIDS).with(
        group("posix", &[])
            .with("objectClass", ["posixGroup"])
            .with("memberUid", ["ada", "zoe"]),
    );
    let server = LdapServer::start(entries, Behaviour::default()).await.unwrap();
    let endless = Behaviour {
        paging: Paging::SameForEver,
        ..Behaviour::default()
    };
    let mut config = config(&server);
    config.schema = Schema::new(Preset::PosixGroup);
    config.schema.user_filter = "(objectClass=person)".to_owned();
    config.schema.disabled_filter = Some("(uid=bob)".to_owned());
    config.page_size = 2;
    server.set(endless);
    let seen = read(&config).await.unwrap();
    assert!(server.searches().len() < 40, "{}", server.searches().len());
    assert_eq!(seen.picture()["posix"], "ada …");
    tells(&seen.listing(), &["disabled accounts below", "for ever"]);
}

#[tokio::test]
async fn the_root_is_not_read() {
    let server = serve(with_people(UIDS).with(group("quiet", &["ada"]))).await;
    read(&config(&server)).await.unwrap();
    assert!(server.searches().iter().all(|search| !search.base.is_empty()));
}
