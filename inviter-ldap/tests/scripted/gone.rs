//! Who is gone, and who only seems to be (decision 3).

use inviter_testkit::ldap::{Entries, Fault, LdapServer};

use crate::{
    seen::{Seen, tells},
    world::{ELSEWHERE, Target, bare, config, crowd, dn, group, person, read, serve},
};

/// People of whom some have gone, and stand in groups all the same.
struct Gone {
    people: usize,
    /// By group: how many of its members are there, and how many are not.
    groups: Vec<(&'static str, usize, usize)>,
}

impl Gone {
    fn entries(&self) -> Entries {
        let crowd = crowd(self.people);
        let mut entries = crowd
            .iter()
            .fold(bare(), |entries, uid| entries.with(person(uid)));
        for (name, there, gone) in &self.groups {
            let mut members: Vec<String> = crowd[..*there].to_vec();
            members.extend((0..*gone).map(|number| format!("{name}{number}")));
            let members: Vec<&str> = members.iter().map(String::as_str).collect();
            entries.add(group(name, &members));
        }
        entries.with(group("quiet", &["p001"]))
    }

    async fn server(&self) -> LdapServer {
        serve(self.entries()).await
    }

    async fn seen(&self) -> Seen {
        let seen = read(&config(&self.server().await)).await.unwrap();
        assert_eq!(seen.listing(), "");
        seen
    }

    /// What the groups look like if exactly these are open.
    fn picture(&self, open: &[&str]) -> Vec<(&'static str, String)> {
        let drawn = self.groups.iter().map(|(name, there, _)| {
            let mut members = crowd(*there);
            members.extend(open.contains(name).then(|| "…".to_owned()));
            (*name, members.join(" "))
        });
        drawn.chain([("quiet", "p001".to_owned())]).collect()
    }

    #[track_caller]
    fn is_shown(&self, seen: &Seen, open: &[&str]) {
        let picture = self.picture(open);
        let picture: Vec<(&str, &str)> = picture
            .iter()
            .map(|(name, members)| (*name, members.as_str()))
            .collect();
        seen.shows(&picture);
    }
}

#[tokio::test]
async fn three_of_one_group_are_believed() {
    let gone = Gone {
        people: 300,
        groups: vec![("a", 7, 3), ("b", 2, 1)],
    };
    let seen = gone.seen().await;
    gone.is_shown(&seen, &[]);
    tells(
        &seen.remarks(),
        &[
            "4 member entries (",
            &format!("{}; {}; {}; and 1 more", dn("a0"), dn("a1"), dn("a2")),
            "counts as gone; to be removed from the groups a; b",
        ],
    );
}

#[tokio::test]
async fn four_of_ten_are_not() {
    let gone = Gone {
        people: 300,
        groups: vec![("a", 6, 4), ("b", 2, 1)],
    };
    let seen = gone.seen().await;
    gone.is_shown(&seen, &["a"]);
    tells(
        &seen.gaps("a"),
        &[
            "4 member entries of group cn=a,",
            "and 1 more",
            "too many of one group to be believed (at most 3, or 10 %); remove what is stale",
        ],
    );
    tells(&seen.remarks(), &["1 member entry (uid=b0,", "from the group b"]);
}

#[tokio::test]
async fn a_tenth_of_a_large_group_is_believed() {
    // 2 % of 400 are 8.
    for (there, missing, open) in [(45, 5, false), (44, 6, true), (63, 7, false), (62, 7, true)] {
        let gone = Gone {
            people: 400,
            groups: vec![("a", there, missing)],
        };
        let seen = gone.seen().await;
        gone.is_shown(&seen, if open { &["a"] } else { &[] });
    }
}

#[tokio::test]
async fn more_than_two_of_a_hundred_people_are_not_believed() {
    for (groups, open) in [
        (vec![("a", 3, 3), ("b", 3, 3)], false),
        (vec![("a", 3, 3), ("b", 3, 3), ("c", 1, 1)], true),
    ] {
        let gone = Gone { people: 300, groups };
        let seen = gone.seen().await;
        gone.is_shown(&seen, if open { &["a", "b", "c"] } else { &[] });
        if open {
            tells(
                &seen.gaps("c"),
                &[
                    "1 member entry of group cn=c,",
                    "for 7 member entries in all, which is too many of 300 people to be believed (at most 2 %)",
                ],
            );
            assert_eq!(seen.remarks(), "");
        }
    }
}

#[tokio::test]
async fn one_is_believed_in_a_small_directory() {
    for (missing, open) in [(1, false), (2, true)] {
        let gone = Gone {
            people: 5,
            groups: vec![("a", 3, missing)],
        };
        let seen = gone.seen().await;
        gone.is_shown(&seen, if open { &["a"] } else { &[] });
    }
}

/// One entry in many groups is one.
#[tokio::test]
async fn the_same_entry_counts_once() {
    let mut entries = Gone {
        people: 5,
        groups: Vec::new(),
    }
    .entries();
    for name in ["a", "b", "c"] {
        entries.add(group(name, &["p000", "UID=Ghost, ou=people,dc=example,dc=org"]));
    }
    let seen = read(&config(&serve(entries).await)).await.unwrap();
    seen.shows(&[("a", "p000"), ("b", "p000"), ("c", "p000"), ("quiet", "p001")]);
    tells(
        &seen.remarks(),
        &["1 member entry (UID=Ghost,", "from the groups a; b; c"],
    );
}

#[tokio::test]
async fn nobody_is_gone_from_where_nobody_looked() {
    let elsewhere = format!("uid=x,{ELSEWHERE}");
    for ghost in [&elsewhere, "uid=x,dc=other", "dc=other", "uid=x"] {
        let gone = Gone {
            people: 20,
            groups: Vec::new(),
        };
        let entries = gone.entries().with(group("a", &["p000", ghost]));
        let server = serve(entries).await;
        let mut config = config(&server);
        let seen = read(&config).await.unwrap();
        seen.shows(&[("a", "p000 …"), ("quiet", "p001")]);
        tells(
            &seen.gaps("a"),
            &[
                &format!("1 member entry of group cn=a,ou=groups,dc=example,dc=org ({ghost}): "),
                "what was there is not known; remove what is stale, give the bot the right",
            ],
        );
        // A base that holds the branch knows no more: a branch that was renamed looks like that.
        config.user_bases = vec!["dc=example,dc=org".to_owned()];
        let seen = read(&config).await.unwrap();
        seen.shows(&[("a", "p000 …"), ("quiet", "p001")]);
    }
}

#[tokio::test]
async fn nobody_is_gone_while_the_base_is_not_read_to_its_end() {
    let gone = Gone {
        people: 300,
        groups: vec![("a", 7, 1)],
    };
    let server = gone.server().await;
    for (fault, open) in [
        (Fault::result(3, "").before_done(), true),
        (Fault::result(4, "").after(100), true),
        // What ends with success is believed.
        (Fault::empty().after(299), false),
    ] {
        Target::People.harm(&server, fault);
        let seen = read(&config(&server)).await.unwrap();
        gone.is_shown(&seen, if open { &["a"] } else { &[] });
        assert_eq!(seen.listing().is_empty(), !open);
        if open {
            tells(&seen.gaps("a"), &["(uid=a0,", "that the bot may see"]);
        }
    }
}

#[tokio::test]
async fn owners_are_gone_as_members_are() {
    let mut entries = Gone {
        people: 300,
        groups: Vec::new(),
    }
    .entries();
    let owners = |count: usize| {
        (0..count)
            .map(|number| dn(&format!("o{number}")))
            .collect::<Vec<_>>()
    };
    entries.add(group("a", &["p000"]).with("owner", owners(3)));
    entries.add(group("b", &["p000"]).with("owner", owners(4)));
    let seen = read(&config(&serve(entries).await)).await.unwrap();
    seen.shows(&[("a", "p000"), ("b", "p000 / …"), ("quiet", "p001")]);
    tells(&seen.owner_gaps("b"), &["4 owner entries of group cn=b,"]);
}
