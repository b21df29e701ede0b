//! Groups that name their members by login.

use inviter_ldap::{LdapConfig, Preset, Schema};
use inviter_testkit::ldap::{Entries, Entry, Fault, LdapServer, wire};

use crate::{
    seen::tells,
    world::{ELSEWHERE, Target, config, crowd, dn, group_dn, person, read, serve, unit, with_people},
};

fn posix(name: &str, members: &[&str]) -> Entry {
    Entry::new(group_dn(name))
        .with("objectClass", ["posixGroup"])
        .with("cn", [name])
        .with("memberUid", members.iter().copied())
}

/// Sixty people, so that one may be gone, a printer that is none, and groups.
fn entries(groups: impl IntoIterator<Item = Entry>) -> Entries {
    let crowd = crowd(60);
    let printer = Entry::new(dn("printer"))
        .with("objectClass", ["device"])
        .with("uid", ["printer"]);
    let entries = with_people(crowd.iter().map(String::as_str)).with(printer);
    groups
        .into_iter()
        .chain([posix("quiet", &["p001"])])
        .fold(entries, Entries::with)
}

fn posix_config(server: &LdapServer) -> LdapConfig {
    let mut config = config(server);
    config.schema = Schema::new(Preset::PosixGroup);
    config.schema.user_filter = "(objectClass=person)".into();
    config
}

/// The filters of searches for logins.
fn asked(server: &LdapServer) -> Vec<String> {
    let searches = server.searches();
    let filters = searches.iter().map(|search| search.filter.clone());
    filters.filter(|filter| filter.contains("(uid=")).collect()
}

#[tokio::test]
async fn known_logins_are_not_asked_for() {
    let server = serve(entries([posix("a", &["p000", "P002"])])).await;
    let seen = read(&posix_config(&server)).await.unwrap();
    seen.shows(&[("a", "p000 p002"), ("quiet", "p001")]);
    assert_eq!((seen.listing(), seen.remarks()), (String::new(), String::new()));
    assert_eq!(server.searches().len(), 2);
}

#[tokio::test]
async fn spaces_in_a_login_mean_nothing() {
    let server = serve(entries([posix("a", &[" p000", "p002 "])]).with(person("two  words"))).await;
    server.change(|entries| {
        let group = entries.get_mut(&group_dn("a")).unwrap();
        group.set("memberUid", [" p000", "p002 ", "Two words"]);
    });
    let seen = read(&posix_config(&server)).await.unwrap();
    seen.shows(&[("a", "p000 p002 two  words"), ("quiet", "p001")]);
}

#[tokio::test]
async fn unknown_logins_are_gone() {
    let server = serve(entries([posix("a", &["p000", "ghost"])])).await;
    let seen = read(&posix_config(&server)).await.unwrap();
    seen.shows(&[("a", "p000"), ("quiet", "p001")]);
    tells(
        &seen.remarks(),
        &["1 member entry (ghost): nobody is there any more", "the group a"],
    );
    // As with names, not many at a time.
    let server = serve(entries([posix("a", &["p000", "ghost", "ghoul"])])).await;
    let seen = read(&posix_config(&server)).await.unwrap();
    seen.shows(&[("a", "p000 …"), ("quiet", "p001")]);
    tells(
        &seen.gaps("a"),
        &["2 member entries of group cn=a,", "too many of 60 people"],
    );
}

#[tokio::test]
async fn whoever_the_filter_leaves_out_is_nobody() {
    let server = serve(entries([posix("a", &["p000", "Printer"])])).await;
    let seen = read(&posix_config(&server)).await.unwrap();
    seen.shows(&[("a", "p000"), ("quiet", "p001")]);
    assert_eq!(seen.remarks(), "");
}

/// Whoever the listing lacks is not left out by the filter for that.
#[tokio::test]
async fn whoever_was_not_listed_is_found() {
    let groups = || [posix("a", &["p000", "p050", "printer"]), posix("b", &["p059"])];
    for (fault, listing) in [
        (Fault::result(4, "").after(5), "size limit"),
        (Fault::result(3, "").after(5), "time limit"),
        (Fault::empty().after(5), ""),
        (Fault::hide(&dn("p050")), ""),
    ] {
        let server = serve(entries(groups())).await;
        // Only the search that lists everybody.
        server.on_search(move |request, search| {
            (Target::People.is(request) && !search.filter.contains("uid=")).then(|| fault.clone())
        });
        let seen = read(&posix_config(&server)).await.unwrap();
        seen.shows(&[("a", "p000 p050"), ("b", "p059"), ("quiet", "p001")]);
        tells(&seen.listing(), &[listing]);
        assert_eq!(seen.remarks(), "");
    }
}

#[tokio::test]
async fn nobody_is_gone_while_people_are_not_all_known() {
    let server = serve(entries([posix("a", &["p000", "ghost"])])).await;
    server.on_search(|request, search| {
        (Target::People.is(request) && !search.filter.contains("uid="))
            .then(|| Fault::result(4, "").after(30))
    });
    let seen = read(&posix_config(&server)).await.unwrap();
    seen.shows(&[("a", "p000 …"), ("quiet", "p001")]);
    tells(
        &seen.gaps("a"),
        &[
            "1 member entry of group cn=a,ou=groups,dc=example,dc=org (ghost): ",
            "nobody with this login name is shown, and neither are all people",
        ],
    );
}

/// Whoever was below a base that shows nobody may be one of them.
#[tokio::test]
async fn nobody_is_gone_while_a_base_shows_nobody() {
    let second = "ou=second,dc=example,dc=org";
    let server = serve(entries([posix("a", &["p000", "ghost"])]).with(unit(second))).await;
    let mut config = posix_config(&server);
    config.user_bases.push(second.to_owned());
    let seen = read(&config).await.unwrap();
    seen.shows(&[("a", "p000 …"), ("quiet", "p001")]);
    server.change(|entries| entries.add(person(&format!("uid=sue,{second}"))));
    let seen = read(&config).await.unwrap();
    seen.shows(&[("a", "p000"), ("quiet", "p001")]);
}

#[tokio::test]
async fn a_failed_search_for_logins_opens_their_groups_only() {
    for (fault, words) in [
        (Fault::result(50, ""), "may not read it"),
        (Fault::result(80, "").after(1), "could not answer"),
        (Fault::close(), "ended the connection"),
    ] {
        let server = serve(entries([
            posix("a", &["p000", "printer", "ghost"]),
            posix("b", &["p002"]),
        ]))
        .await;
        server.on_search(move |_, search| search.filter.contains("uid=").then(|| fault.clone()));
        let seen = read(&posix_config(&server)).await.unwrap();
        seen.shows(&[("a", "p000 …"), ("b", "p002"), ("quiet", "p001")]);
        tells(
            &seen.gaps("a"),
            &["2 member entries of group cn=a,", "ghost", "printer", words],
        );
        assert_eq!(seen.listing(), "");
    }
    // A reference says that they may be elsewhere.
    let server = serve(entries([posix("a", &["p000", "ghost"])])).await;
    server.on_search(|request, search| {
        let asks = search.filter.contains("uid=");
        asks.then(|| Fault::reference(request, &["ldap://other/dc=x"]))
    });
    let seen = read(&posix_config(&server)).await.unwrap();
    seen.shows(&[("a", "p000 …"), ("quiet", "p001")]);
    tells(&seen.gaps("a"), &["ldap://other/dc=x"]);
}

#[tokio::test]
async fn a_filter_asks_for_exactly_the_login() {
    let odd = ["*)(uid=*", "a\0b", "a\\b", "(", "p*", "jürgen\u{202e}"];
    for login in odd {
        let server = serve(entries([posix("a", &["p000", login])])).await;
        let seen = read(&posix_config(&server)).await.unwrap();
        seen.shows(&[("a", "p000"), ("quiet", "p001")]);
        let written = login
            .replace('\\', "\\5c")
            .replace('*', "\\2a")
            .replace('(', "\\28")
            .replace(')', "\\29")
            .replace('\0', "\\00");
        let asked = asked(&server);
        assert!(!asked.is_empty());
        for filter in asked {
            assert!(
                filter == format!("(|(uid={written}))")
                    || filter == format!("(&(objectClass=person)(|(uid={written})))"),
                "{filter}"
            );
        }
        assert_eq!(seen.0.accounts.len(), 60);
        tells(&seen.remarks(), &["1 member entry ("]);
    }
    // Many at a time.
    let logins: Vec<String> = (0..120).map(|number| format!("ghost{number}")).collect();
    let logins: Vec<&str> = logins.iter().map(String::as_str).collect();
    let server = serve(entries([posix("a", &logins)])).await;
    let seen = read(&posix_config(&server)).await.unwrap();
    seen.shows(&[("a", "…"), ("quiet", "p001")]);
    assert!(asked(&server).len() <= 6);
}

#[tokio::test]
async fn a_login_of_two_accounts_is_nobodys() {
    let twin = person(&format!("uid=p000,ou=sub,{ELSEWHERE}"))
        .with("uid", ["P000"])
        .with_operational("entryUUID", ["another"]);
    let server = serve(entries([posix("a", &["p000", "p002"])]).with(twin)).await;
    let mut config = posix_config(&server);
    config.user_bases.push(ELSEWHERE.to_owned());
    let seen = read(&config).await.unwrap();
    seen.shows(&[("a", "p002 …"), ("quiet", "p001")]);
    tells(
        &seen.gaps("a"),
        &[
            "1 member entry of group cn=a,",
            "(p000): the login name of several accounts; give each its own",
        ],
    );
    assert_eq!(seen.listing(), "");
}

#[tokio::test]
async fn logins_that_are_no_text() {
    let mut group = posix("a", &[]);
    group.set("memberUid", [&b"p000"[..], b"\xff\xfe"]);
    let server = serve(entries([group])).await;
    let seen = read(&posix_config(&server)).await.unwrap();
    seen.shows(&[("a", "p000 …"), ("quiet", "p001")]);
    tells(&seen.gaps("a"), &["cn=a,", "not UTF-8", "correct or remove"]);
}

/// A person whose name is none is not taken for somebody whom the filter leaves out.
#[tokio::test]
async fn an_account_that_cannot_be_read_may_be_the_one() {
    let server = serve(entries([posix("a", &["p000", "odd"])])).await;
    server.on_search(|request, search| {
        let everybody = Target::People.is(request) && !search.filter.contains("device");
        let odd = Entry::new("no name").with("uid", ["odd"]);
        everybody.then(|| Fault::insert(wire::entry(request.message_id, &odd)))
    });
    let seen = read(&posix_config(&server)).await.unwrap();
    seen.shows(&[("a", "p000 …"), ("quiet", "p001")]);
    tells(&seen.listing(), &["no name", "ou=people,"]);
}

/// An answer that names none of those who were asked for finds them in a spelling that is not known here.
#[tokio::test]
async fn a_login_that_the_server_spells_otherwise() {
    let server = serve(entries([posix("a", &["p000", "ﬁona"])]).with(person("fiona"))).await;
    server.on_search(|request, search| {
        let asks = search.filter.contains("uid=ﬁona") && !search.filter.contains("person");
        let fiona = person("fiona");
        asks.then(|| Fault::insert(wire::entry(request.message_id, &fiona)))
    });
    let seen = read(&posix_config(&server)).await.unwrap();
    seen.shows(&[("a", "p000 …"), ("quiet", "p001")]);
}
