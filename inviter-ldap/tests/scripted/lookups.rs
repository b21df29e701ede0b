//! Members that no search lists, and what they turn out to be.

use inviter_testkit::ldap::{Entries, Entry, Fault, wire};

use crate::{
    seen::{Seen, tells},
    world::{ELSEWHERE, Target, config, dn, group, group_at, inner, person, read, serve, small, with_people},
};

/// Three people and a group of nobody but one.
fn three() -> Entries {
    with_people(["ada", "bob", "eve"]).with(group("quiet", &["eve"]))
}

async fn seen(entries: Entries) -> Seen {
    let server = serve(entries).await;
    let seen = read(&config(&server)).await.unwrap();
    assert_eq!(seen.listing(), "");
    assert_eq!(seen.picture()["quiet"], "eve");
    seen
}

fn elsewhere(name: &str) -> String {
    format!("cn={name},{ELSEWHERE}")
}

#[tokio::test]
async fn groups_outside_the_base_count_inside_others_only() {
    let (one, two) = (elsewhere("one"), elsewhere("two"));
    let entries = three()
        .with(group("top", &[&one, "ada"]))
        .with(group_at(&one, "one", &[&two]))
        .with(group_at(&two, "two", &["bob"]).with("owner", [dn("ada")]));
    let seen = seen(entries).await;
    seen.shows(&[
        ("top", "ada one"),
        ("one (nested)", "two"),
        ("two (nested)", "bob / ada"),
        ("quiet", "eve"),
    ]);
    assert_eq!(seen.remarks(), "");
}

#[tokio::test]
async fn cycles_through_groups_outside() {
    let (one, two) = (elsewhere("one"), elsewhere("two"));
    let top = "CN=Top, OU=Groups, DC=example, DC=org";
    let entries = three()
        .with(group("top", &[&one]))
        .with(group_at(&one, "one", &[&two, &one]))
        .with(group_at(&two, "two", &[&one, top, "bob"]));
    let seen = seen(entries).await;
    seen.shows(&[
        ("top", "one"),
        ("one (nested)", "one two"),
        ("two (nested)", "bob one top"),
        ("quiet", "eve"),
    ]);
}

#[tokio::test]
async fn each_is_asked_for_once() {
    let one = elsewhere("one");
    let spelled = "CN=One , OU=elsewhere,DC=example,DC=org";
    let server = serve(
        three()
            .with(group("top", &[&one, "ada"]))
            .with(group("other", &[spelled]).with("owner", [one.as_str()]))
            .with(group_at(&one, "one", &["bob"])),
    )
    .await;
    let seen = read(&config(&server)).await.unwrap();
    seen.shows(&[
        ("top", "ada one"),
        ("other", "one / one"),
        ("one (nested)", "bob"),
        ("quiet", "eve"),
    ]);
    assert_eq!(server.searches().len(), 3);
}

#[tokio::test]
async fn whoever_is_outside_the_bases_is_nobody() {
    let outside = format!("uid=out,{ELSEWHERE}");
    let entries = three()
        .with(group("top", &[&outside, "ada"]))
        .with(person(&outside).with("uid", ["out"]));
    let seen = seen(entries).await;
    seen.shows(&[("top", "ada"), ("quiet", "eve")]);
    tells(
        &seen.remarks(),
        &[&format!(
            "1 entry that groups refer to ({outside}): outside `user_bases`, which counts as nobody; add the base"
        )],
    );
}

#[tokio::test]
async fn whoever_the_filter_leaves_out_is_nobody() {
    let printer = Entry::new(dn("printer"))
        .with("objectClass", ["device"])
        .with("uid", ["printer"]);
    let entries = three().with(group("top", &["printer", "ada"])).with(printer);
    let seen = seen(entries).await;
    seen.shows(&[("top", "ada"), ("quiet", "eve")]);
    assert_eq!(seen.remarks(), "");
}

#[tokio::test]
async fn entries_without_a_class_may_be_anything() {
    for at in [dn("odd"), elsewhere("odd")] {
        let entries = three()
            .with(group("top", &[&at, "ada"]))
            .with(Entry::new(at.as_str()).with("cn", ["odd"]));
        let seen = seen(entries).await;
        seen.shows(&[("top", "ada …"), ("quiet", "eve")]);
        tells(
            &seen.gaps("top"),
            &[
                "1 member entry of group cn=top",
                "give the bot the right to read `objectClass`",
            ],
        );
    }
}

/// A listed group whose class is hidden, and that shows no members, may have some.
#[tokio::test]
async fn groups_that_show_nothing_may_have_members() {
    let server = serve(three().with(group("top", &["ada"]))).await;
    server.on_search(|request, _| {
        Target::Groups.is(request).then(|| {
            let shown = Entry::new("cn=top,ou=groups,dc=example,dc=org").with("cn", ["top"]);
            Fault::hide(shown.dn()).and(Fault::insert(wire::entry(request.message_id, &shown)))
        })
    });
    let mut config = config(&server);
    for empty_groups in [false, true] {
        config.schema.empty_groups = empty_groups;
        let seen = read(&config).await.unwrap();
        seen.shows(&[("top", "…"), ("quiet", "eve")]);
        tells(
            &seen.gaps("top"),
            &[
                "members of cn=top,",
                "give the bot the right to read `objectClass`",
            ],
        );
    }
}

#[tokio::test]
async fn empty_groups_are_believed_where_they_can_be() {
    let entries = three().with(group("none", &[]));
    let server = serve(entries).await;
    let mut config = config(&server);
    let seen = read(&config).await.unwrap();
    seen.shows(&[("none", "…"), ("quiet", "eve")]);
    tells(
        &seen.gaps("none"),
        &[
            "members of cn=none,",
            "a group of its class always has one",
            "`empty_groups = true`",
        ],
    );
    config.schema.empty_groups = true;
    let seen = read(&config).await.unwrap();
    seen.shows(&[("none", ""), ("quiet", "eve")]);
    // What a filter decides is another matter.
    server.change(|entries| {
        let group = entries.get_mut("cn=none,ou=groups,dc=example,dc=org").unwrap();
        group.set("objectClass", ["groupOfNames", "groupOfURLs"]);
    });
    let seen = read(&config).await.unwrap();
    seen.shows(&[("none", "…"), ("quiet", "eve")]);
    tells(&seen.gaps("none"), &["memberURL", "have the server show them"]);
}

#[tokio::test]
async fn placeholders_are_nobody() {
    let entries = three()
        .with(group("none", &["cn=dummy"]))
        .with(group("root", &["", "ada"]));
    let server = serve(entries).await;
    let mut config = config(&server);
    let seen = read(&config).await.unwrap();
    seen.shows(&[("none", "…"), ("root", "ada"), ("quiet", "eve")]);
    tells(&seen.gaps("none"), &["(cn=dummy)", "`placeholders`"]);
    config.schema.placeholders = vec!["CN=Dummy".to_owned()];
    server.clear();
    let seen = read(&config).await.unwrap();
    seen.shows(&[("none", ""), ("root", "ada"), ("quiet", "eve")]);
    assert_eq!(server.searches().len(), 2, "a placeholder is not asked for");
}

#[tokio::test]
async fn owners_that_lead_nowhere_leave_members_alone() {
    let entries = three()
        .with(group("top", &["ada"]).with("owner", ["uid=x,dc=other", &dn("bob")]))
        .with(group("high", &["uid=x,dc=other", "bob"]).with("owner", [dn("ada")]));
    let seen = seen(entries).await;
    seen.shows(&[("top", "ada / bob …"), ("high", "bob … / ada"), ("quiet", "eve")]);
    tells(
        &seen.owner_gaps("top"),
        &["1 owner entry of group cn=top,ou=groups,dc=example,dc=org (uid=x,dc=other): "],
    );
}

/// An answer about somebody else says nothing of who was asked for.
#[tokio::test]
async fn an_answer_about_another_entry() {
    let printer = Entry::new(format!("cn=printer,{ELSEWHERE}")).with("objectClass", ["device"]);
    for (also_own, other) in [
        (false, printer.clone()),
        (true, printer),
        (false, group_at(&elsewhere("other"), "other", &["bob"])),
        (true, group_at(&elsewhere("other"), "other", &["bob"])),
        (false, person("ada")),
    ] {
        let server = serve(small()).await;
        server.on_search(move |request, _| {
            Target::LookUp.is(request).then(|| {
                let inserted = Fault::insert(wire::entry(request.message_id, &other)).before_done();
                if also_own {
                    inserted
                } else {
                    inserted.and(Fault::hide(&inner()))
                }
            })
        });
        let seen = read(&config(&server)).await.unwrap();
        let picture = seen.picture();
        assert_eq!(picture["quiet"], "eve");
        assert_eq!(picture["walkers"], "ada bob …", "{also_own} {picture:?}");
        assert!(!picture.contains_key("other (nested)"));
    }
}

#[tokio::test]
async fn somebody_who_comes_while_groups_are_read() {
    let server = serve(three().with(group("top", &["ada", "new"]))).await;
    server.before_search(2, |entries| entries.add(person("new")));
    let seen = read(&config(&server)).await.unwrap();
    seen.shows(&[("top", "ada new"), ("quiet", "eve")]);
    assert_eq!(seen.people(), "ada bob eve new");
}

#[tokio::test]
async fn somebody_renamed_between_two_questions() {
    // The searches: people, groups, what is it, is it a person.
    let server = serve(three().with(group("top", &["ada", "new"]))).await;
    server.before_search(3, |entries| entries.add(person("new")));
    server.before_search(4, |entries| {
        entries.rename(&dn("new"), &dn("newer"));
    });
    let seen = read(&config(&server)).await.unwrap();
    seen.shows(&[("top", "ada …"), ("quiet", "eve")]);
    tells(
        &seen.gaps("top"),
        &["(uid=new,", "renamed or removed while", "next run"],
    );
}
