//! OpenLDAP: TLS, overlays, limits, and starting again.

use anyhow::Result;
use inviter_testkit::{Ca, Ldif, Overlay, Slapd, SlapdOptions, VerifyClient};

use crate::{is_running, tool, whoami};

const SUFFIX: &str = "dc=example,dc=test";

/// The address for TLS as OpenLDAP's tools can use it: they compare a certificate with the machine's own name
/// when the address says `localhost`.
fn by_number(slapd: &Slapd) -> Result<String> {
    Ok(slapd.ldaps_url()?.replace("localhost", "127.0.0.1"))
}

fn with_reader() -> Ldif {
    let mut ldif = Ldif::tree(SUFFIX);
    ldif.account("reader", "secret", &[]);
    ldif
}

#[tokio::test]
async fn slapd_speaks_tls() -> Result<()> {
    let ca = Ca::new("Tests")?;
    let other = Ca::new("Others")?;
    let search = async |slapd: &Slapd, ca: &Ca| {
        let base = ["-x", "-LLL", "-b", SUFFIX, "-s", "base", "-H"];
        let url = by_number(slapd)?;
        let by_tls = [&base[..], &[&url]].concat();
        let by_tls = tool("ldapsearch", &by_tls, Some(ca.file()), None).await?;
        let by_start = [&base[..], &[slapd.url(), "-ZZ"]].concat();
        let by_start = tool("ldapsearch", &by_start, Some(ca.file()), None).await?;
        anyhow::Ok((by_tls.code, by_start.code))
    };

    let good = ca.issue(&["localhost", "127.0.0.1"])?;
    let mut slapd = Slapd::start(SlapdOptions::new().certificate(&good)).await?;
    assert_eq!(search(&slapd, &ca).await?, (Some(0), Some(0)));
    assert_eq!(search(&slapd, &other).await?, (Some(255), Some(1)));

    let urls = (slapd.url().to_owned(), slapd.ldaps_url()?.to_owned());
    for bad in [
        ca.issue(&["elsewhere.example.test"])?,
        ca.expired(&["localhost", "127.0.0.1"])?,
    ] {
        slapd.restart_with(|options| options.certificate(&bad)).await?;
        assert_eq!(
            (slapd.url(), slapd.ldaps_url()?),
            (urls.0.as_str(), urls.1.as_str())
        );
        assert_eq!(search(&slapd, &ca).await?, (Some(255), Some(1)));
    }
    Ok(())
}

#[tokio::test]
async fn slapd_knows_clients_by_certificate() -> Result<()> {
    let ca = Ca::new("Tests")?;
    let server = ca.issue(&["localhost", "127.0.0.1"])?;
    let options = SlapdOptions::new()
        .ldif(with_reader())
        .certificate(&server)
        .verify_client(VerifyClient::Demand);
    let slapd = Slapd::start(options).await?;
    let url = by_number(&slapd)?;
    let whoami = ["-Q", "-Y", "EXTERNAL", "-H", &url];

    let said = tool(
        "ldapwhoami",
        &whoami,
        Some(ca.file()),
        Some(&ca.client("reader")?),
    )
    .await?;
    assert_eq!(
        said.out.trim(),
        format!("dn:{}", slapd.account_dn("reader")),
        "{}",
        said.errors
    );
    let without = tool("ldapwhoami", &whoami, Some(ca.file()), None).await?;
    assert_ne!(without.code, Some(0));
    let unknown = Ca::new("Others")?.client("reader")?;
    let unknown = tool("ldapwhoami", &whoami, Some(ca.file()), Some(&unknown)).await?;
    assert_ne!(unknown.code, Some(0));
    Ok(())
}

#[tokio::test]
async fn overlays_follow_members_only_when_on() -> Result<()> {
    for on in [true, false] {
        let mut ldif = Ldif::tree(SUFFIX);
        ldif.person("ann", &[]).person("Bö, b", &[]);
        let people = [ldif.person_dn("ann"), ldif.person_dn("Bö, b")];
        ldif.group_of_names("staff", &people);
        let mut options = SlapdOptions::new().ldif(&ldif);
        if on {
            options = options.overlay(Overlay::MemberOf).overlay(Overlay::Refint);
        }
        let slapd = Slapd::start(options).await?;
        let mut more = Ldif::new(SUFFIX);
        more.group_of_names("late", &people[..1]).delete(&people[1]);
        slapd.apply(&more).await?;

        let ann = slapd.search(&people[0], "(objectClass=*)", &["memberOf"]).await?;
        let mut groups = ann[0].values("memberOf");
        groups.sort();
        let staff = slapd
            .search(&slapd.group_dn("staff"), "(cn=staff)", &["member"])
            .await?;
        let expected = if on {
            vec![slapd.group_dn("late"), slapd.group_dn("staff")]
        } else {
            Vec::new()
        };
        assert_eq!(groups, expected);
        assert_eq!(staff[0].values("member").len(), if on { 1 } else { 2 });
    }
    Ok(())
}

#[tokio::test]
async fn slapd_takes_and_returns_any_value() -> Result<()> {
    let slapd = Slapd::start(SlapdOptions::new()).await?;
    let mut ldif = Ldif::new(SUFFIX);
    let names = ["Doe, John", "*)(uid=*", "back\\slash", "zoë", " #+=\"<>; "];
    for name in names {
        ldif.person(
            name,
            &[("objectClass", "lockableAccount"), ("nsAccountLock", "true")],
        );
    }
    ldif.posix_account("unix", 1000, 100)
        .posix_group("users", 100, &names[..3]);
    ldif.group_of_unique_names("unique", &names.map(|name| ldif.person_dn(name)));
    ldif.group_of_names("none", &[""; 0]);
    slapd.apply(&ldif).await?;

    let mut found: Vec<_> = slapd
        .search(SUFFIX, "(nsAccountLock=TRUE)", &["uid"])
        .await?
        .iter()
        .filter_map(|person| person.value("uid"))
        .collect();
    found.sort();
    let mut expected = names;
    expected.sort_unstable();
    assert_eq!(found, expected);
    // The names of people are the same to the server as to the helper.
    for name in names {
        let found = slapd
            .search(&slapd.person_dn(name), "(objectClass=*)", &["cn"])
            .await?;
        assert_eq!(found[0].value("cn").as_deref(), Some(name));
    }
    let none = slapd
        .search(&slapd.group_dn("none"), "(cn=*)", &["member"])
        .await?;
    assert_eq!(none[0].values("member"), [""]);
    Ok(())
}

#[tokio::test]
async fn size_limits_are_met() -> Result<()> {
    let mut ldif = with_reader();
    for number in 0..600 {
        ldif.person(&format!("p{number}"), &[]);
    }
    let mut slapd = Slapd::start(SlapdOptions::new().ldif(&ldif)).await?;
    let search = async |slapd: &Slapd| {
        let reader = slapd.account_dn("reader");
        let arguments = [
            "-x",
            "-LLL",
            "-H",
            slapd.url(),
            "-D",
            &reader,
            "-w",
            "secret",
            "-b",
            SUFFIX,
            "(uid=p*)",
            "uid",
        ];
        let said = tool("ldapsearch", &arguments, None, None).await?;
        anyhow::Ok((said.code, said.out.matches("dn: ").count()))
    };
    assert_eq!(search(&slapd).await?, (Some(0), 600));
    slapd.restart_with(SlapdOptions::stock_size_limit).await?;
    assert_eq!(search(&slapd).await?, (Some(4), 500));
    let limits = format!("limits dn.exact=\"{}\" size=100", slapd.account_dn("reader"));
    slapd
        .restart_with(|options| options.size_limit(200).database(&limits))
        .await?;
    assert_eq!(search(&slapd).await?, (Some(4), 100));
    Ok(())
}

#[tokio::test]
async fn slapd_comes_back_as_it_was_or_with_other_rules() -> Result<()> {
    let mut slapd = Slapd::start(SlapdOptions::new().ldif(with_reader())).await?;
    let url = slapd.url().to_owned();
    let mut ldif = Ldif::new(SUFFIX);
    ldif.person("ann", &[("mail", "ann@example.test")]);
    slapd.apply(&ldif).await?;
    let ann = slapd.person_dn("ann");
    for crash in [false, true] {
        let pid = slapd.pid();
        if crash {
            slapd.crash().await?;
        } else {
            slapd.stop().await?;
        }
        assert!(!is_running(pid));
        slapd.apply(&ldif).await.unwrap_err();
        slapd.restart().await?;
        assert_eq!(slapd.url(), url);
        assert_eq!(
            slapd.search(&ann, "(uid=ann)", &["mail"]).await?[0].values("mail"),
            ["ann@example.test"]
        );
    }
    slapd.restart().await.unwrap_err();

    let mut change = Ldif::new(SUFFIX);
    change
        .replace_values(&ann, "mail", &["a@example.test", "b@example.test"])
        .delete_values(&ann, "mail", &["a@example.test"])
        .rename(&ann, "uid=bob", None);
    slapd.apply(&change).await?;
    let bob = slapd.person_dn("bob");
    assert_eq!(
        slapd.search(&bob, "(uid=bob)", &["mail"]).await?[0].values("mail"),
        ["b@example.test"]
    );

    let reader = slapd.account_dn("reader");
    slapd
        .restart_with(|options| options.access(&["access to * by * none"]))
        .await?;
    let arguments = ["-x", "-H", &url, "-D", &reader, "-w", "secret", "-b", SUFFIX];
    assert_eq!(tool("ldapsearch", &arguments, None, None).await?.code, Some(32));
    assert!(slapd.log()?.contains(&format!("SRCH base=\"{SUFFIX}\"")));
    Ok(())
}

#[tokio::test]
async fn an_expired_password_is_refused_with_the_reason() -> Result<()> {
    let mut ldif = with_reader();
    ldif.password_policy(3600).expired_account("old", "secret");
    let slapd = Slapd::start(SlapdOptions::new().ldif(&ldif).overlay(Overlay::Ppolicy)).await?;
    let reader = whoami(slapd.url(), &slapd.account_dn("reader"), "secret", &[]).await?;
    assert_eq!(reader.code, Some(0), "{}", reader.errors);
    let old = whoami(
        slapd.url(),
        &slapd.account_dn("old"),
        "secret",
        &["-e", "ppolicy"],
    )
    .await?;
    assert_eq!(old.code, Some(49));
    assert!(old.errors.contains("Password expired"), "{}", old.errors);
    Ok(())
}
