//! Texts of 256 KiB, wherever a server can put one: they are read in the time that their length takes, and told in
//! short.

use std::time::{Duration, Instant};

use inviter_testkit::ldap::{Entry, Fault, wire};

use crate::{
    seen::fails,
    world::{Target, config, group, group_dn, inner, person, read, serve, small},
};

const LENGTH: usize = 256 << 10;

/// Texts that are taken apart at places of their own: names, escapes, ranges, filters, URLs.
const PIECES: [&str; 12] = [
    "a", "ou=a,", "ou=a+", "\\", "\\2c", "\"", "#30", ",", "\u{202e}", "\0", "🦀", "*)(uid=",
];

fn long(piece: &str) -> String {
    piece.repeat(LENGTH / piece.len())
}

/// Long enough for a debug build on a busy machine; what takes the square of the length takes minutes.
#[track_caller]
fn in_time(started: Instant, told: &str) {
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "{told}: {:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn in_entries() {
    for piece in PIECES {
        let text = long(piece);
        let entries = small()
            .with(group("long", &["ada"]).with("cn", [text.clone()]))
            .with(group("of-long", &["bob", &format!("uid={text}")]))
            .with(
                person("fay")
                    .with("uid", [text.clone()])
                    .with("entryUUID", [text.clone()]),
            );
        let server = serve(entries).await;
        let name = text.clone();
        server.on_search(move |request, _| {
            // An entry whose name is long, and one whose attribute's name is.
            let id = request.message_id;
            let named = Entry::new(format!("cn={name},{}", group_dn("x"))).with("cn", ["x"]);
            let attribute = Entry::new(group_dn("y")).with(&format!("member;range={name}"), ["uid=ada"]);
            let bytes = [wire::entry(id, &named), wire::entry(id, &attribute)].concat();
            Target::Groups.is(request).then(|| Fault::insert(bytes))
        });
        let started = Instant::now();
        let seen = read(&config(&server)).await.unwrap();
        in_time(started, piece);
        assert_eq!(seen.picture()["cooks"], "cyd / dan", "{piece}");
        assert!(seen.listing().len() + seen.remarks().len() < 64 << 10, "{piece}");
    }
}

/// In what is told of an error, and in where else to look.
#[tokio::test]
async fn in_results() {
    for piece in PIECES {
        let text = long(piece);
        let server = serve(small()).await;
        for (target, fault) in [
            (Target::Bind, Fault::result(49, text.clone())),
            (Target::People, Fault::result(1, text.clone())),
            (Target::People, Fault::referral(&[&format!("ldap://{text}")])),
            (
                Target::People,
                Fault::outcome(wire::Outcome {
                    code: 32,
                    matched: text.clone(),
                    ..wire::Outcome::default()
                }),
            ),
        ] {
            target.harm(&server, fault);
            let started = Instant::now();
            let error = read(&config(&server)).await.unwrap_err();
            in_time(started, piece);
            // Of any kind; the words are looked at.
            let kind = error.kind;
            fails(Err(error), kind, &[]);
        }
        // Beside entries that are fine.
        let url = format!("ldap://x/{text}");
        server.on_search(move |request, search| {
            (search.base != inner()).then(|| Fault::reference(request, &[&url]))
        });
        let started = Instant::now();
        let seen = read(&config(&server)).await.unwrap();
        in_time(started, piece);
        assert!(
            !seen.listing().is_empty() && seen.listing().len() < 64 << 10,
            "{piece}"
        );
    }
}
