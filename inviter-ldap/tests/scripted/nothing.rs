//! Searches that succeed with nothing, or silently with too little.
//!
//! That a server leaves somebody out of a success cannot be seen in the listing. What protects people then is that
//! each member that is not listed is asked for by name.

use inviter_testkit::ldap::{Fault, LdapServer};

use crate::{
    seen::tells,
    world::{
        ALL_OF_SMALL, ELSEWHERE, GROUPS, PEOPLE, Target, config, dn, group, group_at, person, read, serve,
        small, small_but, unit, with_people,
    },
};

#[tokio::test]
async fn nobody_at_all() {
    let server = serve(small()).await;
    Target::People.harm(&server, Fault::empty());
    let seen = read(&config(&server)).await.unwrap();
    // All are members of something, and so asked for.
    seen.shows(&ALL_OF_SMALL);
    tells(
        &seen.listing(),
        &[
            "people below ou=people,dc=example,dc=org: ",
            "shows none",
            "rights",
        ],
    );
}

#[tokio::test]
async fn no_groups_at_all() {
    let server = serve(small()).await;
    Target::Groups.harm(&server, Fault::empty());
    let seen = read(&config(&server)).await.unwrap();
    // The core believes no directory without groups.
    seen.shows(&[]);
    assert_eq!(seen.people(), "ada bob cyd dan eve");
}

#[tokio::test]
async fn nothing_at_all() {
    let server = serve(small()).await;
    server.on_search(|_, _| Some(Fault::empty()));
    let seen = read(&config(&server)).await.unwrap();
    seen.shows(&[]);
    assert_eq!(seen.people(), "");
}

const SECOND: &str = "ou=second,dc=example,dc=org";

/// Two bases of people and two of groups.
async fn two_bases() -> (LdapServer, inviter_ldap::LdapConfig) {
    let entries = with_people(["ada", "bob"])
        .with(unit(SECOND))
        .with(person(&format!("uid=sue,{SECOND}")).with("uid", ["sue"]))
        .with(group("walkers", &["ada", &format!("uid=sue,{SECOND}")]))
        .with(group("quiet", &["bob"]))
        .with(group_at(&format!("cn=late,{ELSEWHERE}"), "late", &["ada"]));
    let server = serve(entries).await;
    let mut config = config(&server);
    config.user_bases.push(SECOND.to_owned());
    config.group_bases.push(ELSEWHERE.to_owned());
    (server, config)
}

#[tokio::test]
async fn nothing_below_one_of_two_bases() {
    let (server, config) = two_bases().await;
    let all = [("walkers", "ada sue"), ("quiet", "bob"), ("late", "ada")];
    let seen = read(&config).await.unwrap();
    seen.shows(&all);
    assert_eq!(seen.listing(), "");

    let empty = |base: &'static str| {
        server.on_search(move |_, search| {
            (search.base == base && search.scope == inviter_testkit::ldap::Scope::Sub).then(Fault::empty)
        });
    };
    empty(SECOND);
    let seen = read(&config).await.unwrap();
    seen.shows(&all);
    tells(&seen.listing(), &["people below ou=second,", "shows none"]);
    empty(ELSEWHERE);
    let seen = read(&config).await.unwrap();
    seen.shows(&all[..2]);
    tells(&seen.listing(), &["groups below ou=elsewhere,", "shows none"]);
}

/// Whoever was below the base that shows nobody is not known to be gone.
#[tokio::test]
async fn nobody_is_gone_from_a_base_that_shows_nobody() {
    let (server, config) = two_bases().await;
    server.change(|entries| entries.remove(&format!("uid=sue,{SECOND}")));
    let seen = read(&config).await.unwrap();
    seen.shows(&[("walkers", "ada …"), ("quiet", "bob"), ("late", "ada")]);
    tells(
        &seen.gaps("walkers"),
        &[
            "1 member entry of group cn=walkers",
            "(uid=sue,ou=second,",
            "that the bot may see",
        ],
    );
    // Nor from one that is read as often as it is asked for, and has nothing of its own.
    server.change(|entries| {
        entries.add(person(&format!("uid=tim,{SECOND}")).with("uid", ["tim"]));
        entries.remove(&dn("bob"));
    });
    let seen = read(&config).await.unwrap();
    seen.shows(&[("walkers", "ada …"), ("quiet", "…"), ("late", "ada")]);
    tells(&seen.gaps("quiet"), &["too many of 2 people"]);
}

/// A base inside another gives nobody new, and is not empty for that.
#[tokio::test]
async fn bases_within_each_other() {
    let server = serve(small()).await;
    let mut config = config(&server);
    for bases in [["dc=example,dc=org", PEOPLE], [PEOPLE, "dc=example,dc=org"]] {
        config.user_bases = bases.map(str::to_owned).to_vec();
        let seen = read(&config).await.unwrap();
        seen.shows(&ALL_OF_SMALL);
        assert_eq!((seen.listing(), seen.remarks()), (String::new(), String::new()));
        assert_eq!(seen.0.accounts.len(), 5);
    }
    config.user_bases = vec![PEOPLE.to_owned()];
    config.group_bases = vec![GROUPS.to_owned(), "OU=Groups, DC=example, DC=org".to_owned()];
    let seen = read(&config).await.unwrap();
    seen.shows(&ALL_OF_SMALL);
    assert_eq!(seen.listing(), "");
}

#[tokio::test]
async fn a_listing_that_is_silently_cut_off() {
    let server = serve(small()).await;
    for known in [1, 3] {
        Target::People.harm(&server, Fault::empty().after(known));
        let seen = read(&config(&server)).await.unwrap();
        seen.shows(&ALL_OF_SMALL);
        assert_eq!(seen.listing(), "", "this cannot be seen");
        // Owners are asked for as well.
        assert_eq!(seen.people(), "ada bob cyd dan eve");
    }
    for one in ["bob", "dan"] {
        Target::People.harm(&server, Fault::hide(&dn(one)));
        let seen = read(&config(&server)).await.unwrap();
        seen.shows(&ALL_OF_SMALL);
    }
    // A group that is left out is gone as far as can be seen; what is in others is found.
    Target::Groups.harm(&server, Fault::empty().after(2));
    let seen = read(&config(&server)).await.unwrap();
    seen.shows(&[
        ("walkers", "ada bob inner"),
        ("cooks", "cyd / dan"),
        ("inner (nested)", "cyd"),
    ]);
    assert_eq!(seen.listing(), "");
}

#[tokio::test]
async fn a_member_that_shows_nothing() {
    let server = serve(small()).await;
    Target::LookUp.harm(&server, Fault::empty());
    let seen = read(&config(&server)).await.unwrap();
    let mut expected = small_but("walkers", "ada bob …");
    expected.pop();
    seen.shows(&expected);
    tells(
        &seen.gaps("walkers"),
        &["shows nothing of it; give the bot the right to read it"],
    );
}
