//! Finding entries, binding, and what is recorded of it.

use inviter_testkit::ldap::{Behaviour, Operation, PAGED_RESULTS, Scope};

use crate::client::{Raw, ldapsearch};
use crate::data::{ADMIN, PASSWORD, serve};

#[tokio::test]
async fn finds_what_a_filter_and_a_scope_say() {
    let server = serve(Behaviour::default()).await;
    for (arguments, names) in [
        (&["(uid=ADA)"][..], &["uid=ada"][..]),
        (&["(uid=a*)"], &["uid=ada"]),
        (&["(uid=*D*A)"], &["uid=ada"]),
        (&["(uid=*b*b*)"], &["uid=bob"]),
        (&["(uid=*b*b*b*)"], &[]),
        (&["(&(objectClass=person)(!(uid=bob)))"], &["uid=ada", "uid=eve"]),
        (&["(|(uid=bob)(cn=walkers))"], &["uid=bob", "cn=walkers"]),
        (&["(uidNumber>=10)"], &["uid=bob", "uid=eve"]),
        (&["(uidNumber<=9)"], &["uid=ada"]),
        (&["(uidNumber:1.2.840.113556.1.4.803:=3)"], &["uid=eve"]),
        (
            &["(uidNumber:1.2.840.113556.1.4.804:=1)"],
            &["uid=ada", "uid=eve"],
        ),
        // A rule that the server does not know matches nothing, and its opposite neither.
        (&["(member:1.2.840.113556.1.4.1941:=uid=eve)"], &[]),
        (&["(!(member:1.2.840.113556.1.4.1941:=uid=eve))"], &[]),
        (
            &["(member=UID=Bob, OU=people, dc=example, dc=org)"],
            &["cn=walkers"],
        ),
        (&["(cn=cooks \\28evening\\29)"], &["cn=cooks (evening)"]),
        (&["(jpegPhoto=\\ff\\d8\\00)"], &["uid=eve"]),
        (&["-s", "one"], &["ou=people", "ou=groups"]),
        (&["-s", "base"], &["dc=example"]),
        (
            &["-b", "OU=People, DC=example,DC=org"],
            &["ou=people", "uid=ada", "uid=bob", "uid=eve"],
        ),
    ] {
        let found = ldapsearch(&server.url(), arguments).await;
        assert_eq!(
            (found.code, found.names()),
            (Some(0), names.to_vec()),
            "{arguments:?}"
        );
    }
}

#[tokio::test]
async fn gives_the_attributes_asked_for() {
    let server = serve(Behaviour::default()).await;
    for (asked, attributes) in [
        (&[][..], &["objectClass", "uid", "uidNumber", "jpegPhoto"][..]),
        (&["UIDnumber", "no"], &["uidNumber"]),
        (&["+"], &["entryUUID"]),
        (
            &["*", "entryuuid"],
            &["objectClass", "uid", "uidNumber", "entryUUID", "jpegPhoto"],
        ),
        (&["1.1"], &[]),
        // Without ranges this is the name of an attribute that nobody has.
        (&["uid;range=0-*"], &[]),
    ] {
        let found = ldapsearch(&server.url(), &[&["(uid=eve)"], asked].concat()).await;
        assert_eq!(found.attributes(), attributes, "{asked:?}");
    }
    let found = ldapsearch(&server.url(), &["(uid=eve)", "jpegPhoto"]).await;
    assert!(found.lines.contains(&"jpegPhoto:: /9gA".to_owned()), "{found:?}");
}

#[tokio::test]
async fn says_what_is_missing_and_what_it_is() {
    let server = serve(Behaviour::default()).await;
    let found = ldapsearch(&server.url(), &["-b", "cn=no,ou=no,ou=people,dc=example,dc=org"]).await;
    assert_eq!(found.code, Some(32));
    assert!(
        found.errors.contains("Matched DN: ou=people,dc=example,dc=org"),
        "{found:?}"
    );
    let found = ldapsearch(&server.url(), &["-b", "", "-s", "base", "*", "+"]).await;
    assert_eq!(found.values("namingContexts"), ["dc=example,dc=org"]);
    assert_eq!(found.values("supportedControl"), [PAGED_RESULTS]);

    server.change(|entries| {
        entries.root_dse_mut().set("vendorName", ["a test"]);
        assert!(entries.remove("uid=Ada, ou=people, dc=example, dc=org"));
        assert!(!entries.remove("uid=ada,ou=people,dc=example,dc=org"));
        assert!(entries.rename("uid=bob,ou=people,dc=example,dc=org", "uid=rob,dc=example,dc=org"));
    });
    let found = ldapsearch(&server.url(), &["-b", "", "-s", "base", "*"]).await;
    assert_eq!(found.values("vendorName"), ["a test"]);
    let found = ldapsearch(&server.url(), &["(uid=*)"]).await;
    assert_eq!(found.names(), ["uid=rob", "uid=eve"]);
    let found = ldapsearch(&server.url(), &["-b", "UID=Rob,dc=example,dc=org"]).await;
    assert_eq!(found.values("uid"), ["bob"]);
}

#[tokio::test]
async fn lets_only_accounts_bind() {
    let server = serve(Behaviour::active_directory()).await;
    let wrong = ldapsearch(&server.url(), &["-D", ADMIN, "-w", "wrong"]).await;
    assert_eq!(wrong.code, Some(49));
    assert!(
        wrong.errors.contains(
            "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 52e, v1db1"
        ),
        "{wrong:?}"
    );
    // Each of these binds is a success, but only one is the account's.
    for (arguments, code) in [
        (&["-D", "CN=Admin, dc=example, dc=org", "-w", PASSWORD][..], 0),
        (&["-D", ADMIN, "-w", ""], 1),
        (&[], 1),
        (&["-b", "", "-s", "base"], 0),
    ] {
        let found = ldapsearch(&server.url(), arguments).await;
        assert_eq!(found.code, Some(code), "{arguments:?} {found:?}");
    }
    server.set(Behaviour::default());
    let refused = ldapsearch(&server.url(), &["-D", ADMIN, "-w", ""]).await;
    assert_eq!(refused.code, Some(53));
    let anonymous = ldapsearch(&server.url(), &["-s", "base"]).await;
    assert_eq!(anonymous.code, Some(0));

    let binds = server
        .requests()
        .into_iter()
        .filter_map(|request| match request.operation {
            Operation::Bind {
                dn,
                simple: true,
                empty_password,
            } => Some((dn, empty_password)),
            _ => None,
        });
    let admin = |empty| (ADMIN.to_owned(), empty);
    let nobody = (String::new(), true);
    assert_eq!(
        binds.collect::<Vec<_>>(),
        [
            admin(false),
            ("CN=Admin, dc=example, dc=org".to_owned(), false),
            admin(true),
            nobody.clone(),
            nobody.clone(),
            admin(true),
            nobody,
        ]
    );
}

#[tokio::test]
async fn records_what_was_asked() {
    let server = serve(Behaviour::default()).await;
    let filters = [
        "(objectClass=*)",
        "(&(a=b)(|(c>=d)(e<=f))(!(g~=h)))",
        "(cn=a*b*c)",
        "(cn=*b*)",
        "(cn=\\2a\\28\\29\\5c\\00ü\\ff)",
        "(cn:dn:1.2.3:=x)",
        "(:1.2.3:=x)",
    ];
    for filter in filters {
        ldapsearch(&server.url(), &[filter]).await;
    }
    let searches = server.searches();
    assert_eq!(
        searches
            .iter()
            .map(|search| search.filter.as_str())
            .collect::<Vec<_>>(),
        filters
    );
    assert_eq!(searches.last().unwrap().number, filters.len());

    let arguments = [
        "-b",
        "OU=x",
        "-s",
        "one",
        "-z",
        "7",
        "-l",
        "9",
        "-A",
        "-a",
        "always",
        "-E",
        "!pr=3/noprompt",
        "(cn=x)",
        "Member;range=0-*",
        "+",
    ];
    ldapsearch(&server.url(), &arguments).await;
    let requests = server.requests();
    let request = requests
        .iter()
        .find(|request| request.is_search(filters.len() + 1));
    let request = request.unwrap();
    assert_eq!(requests[request.index].message_id, request.message_id);
    assert_eq!(request.connection, filters.len());
    let search = request.search().unwrap();
    assert_eq!((search.base.as_str(), search.scope), ("OU=x", Scope::One));
    assert_eq!((search.size_limit, search.time_limit), (7, 9));
    assert_eq!((search.types_only, search.aliases), (true, 3));
    assert_eq!(search.attributes, ["Member;range=0-*", "+"]);
    assert_eq!(search.page.as_ref().unwrap().size, 3);
    assert!(request.is_critical(PAGED_RESULTS));
    // The program does not wait until this has arrived.
    while !matches!(server.requests().last().unwrap().operation, Operation::Unbind) {
        tokio::task::yield_now().await;
    }

    server.clear();
    assert!(server.requests().is_empty());
    ldapsearch(&server.url(), &[]).await;
    assert_eq!(server.searches()[0].number, filters.len() + 2);
}

#[tokio::test]
async fn refuses_what_is_not_reading() {
    let server = serve(Behaviour::default()).await;
    let tls = ldapsearch(&server.url(), &["-ZZ"]).await;
    assert_ne!(tls.code, Some(0));
    let sasl = ldapsearch(&server.url(), &["-Y", "EXTERNAL"]).await;
    assert_ne!(sasl.code, Some(0));

    let mut raw = Raw::to(server.address()).await.unwrap();
    // A deletion of "cn=x", and its answer: unwillingToPerform.
    raw.send(&[0x30, 9, 2, 1, 5, 0x4a, 4, b'c', b'n', b'=', b'x'])
        .await;
    let answer = raw.message().await;
    assert_eq!(answer[2..10], [2, 1, 5, 0x6b, answer[6], 0x0a, 1, 53]);
    // Bytes that are no message end the connection.
    raw.send(b"GET / HTTP/1.1\r\n\r\n").await;
    assert!(raw.rest().await.is_empty());
}
