//! Samba: what makes it an Active Directory.

use anyhow::Result;
use inviter_testkit::{SambaAd, SambaOptions};

use crate::{tool, whoami};

#[tokio::test]
async fn samba_is_an_active_directory() -> Result<()> {
    let mut samba = SambaAd::start().await?;
    let base = samba.base_dn().to_owned();
    let ann = samba
        .add_user_with("ann", false, &[("mail", "ann@example.test")])
        .await?;
    let bob = samba.add_user("Bö, b", true).await?;
    let inner = samba.add_group("inner", &[&ann, &bob]).await?;
    let outer = samba.add_group("outer", &[&inner]).await?;

    let shown = ["userAccountControl", "primaryGroupID", "mail", "objectGUID"];
    let people = samba
        .search(
            &base,
            "(&(objectClass=user)(memberOf=*)(!(adminCount=1)))",
            &shown,
        )
        .await?;
    let of = |dn: &str| people.iter().find(|person| person.dn == dn).unwrap();
    assert_eq!(of(&ann).values("userAccountControl"), ["544"]);
    assert_eq!(of(&ann).values("mail"), ["ann@example.test"]);
    assert_eq!(of(&bob).values("userAccountControl"), ["546"]);
    assert_eq!(of(&bob).values("primaryGroupID"), ["513"]);
    assert_eq!(
        of(&bob)
            .attributes
            .iter()
            .find(|(name, _)| name == "objectGUID")
            .unwrap()
            .1
            .len(),
        16
    );
    let nested = format!("(memberOf:1.2.840.113556.1.4.1941:={outer})");
    assert_eq!(samba.search(&base, &nested, &["cn"]).await?.len(), 3);

    // A new account logs in by its principal name, in pages of three by TLS and by StartTLS.
    samba.set_password(&ann, "secret").await?;
    let search = async |samba: &SambaAd, url: &str, more: &[&str]| {
        let rest = [
            "-E",
            "pr=3/noprompt",
            "-b",
            samba.base_dn(),
            "(objectClass=group)",
            "cn",
        ];
        let login = [
            "-x",
            "-LLL",
            "-H",
            url,
            "-D",
            "ann@ad.example.test",
            "-w",
            "secret",
        ];
        let arguments = [&login[..], more, &rest].concat();
        tool("ldapsearch", &arguments, Some(samba.ca_file()), None).await
    };
    for (url, more) in [
        (samba.ldaps_url()?, None),
        (samba.url(), Some("-ZZ")),
        (samba.url(), None),
    ] {
        let more: Vec<_> = more.into_iter().collect();
        let said = search(&samba, url, &more).await?;
        assert_eq!(said.code, Some(0), "{}", said.errors);
        assert!(said.out.matches("dn: ").count() > 20, "{}", said.out);
    }
    let wrong = whoami(samba.url(), "ann@ad.example.test", "wrong", &[]).await?;
    assert!(
        wrong.code == Some(49) && wrong.errors.contains("data 52e"),
        "{}",
        wrong.errors
    );

    let url = samba.url().to_owned();
    samba.stop().await?;
    samba.restart().await?;
    assert_eq!(samba.url(), url);
    assert_eq!(samba.search(&ann, "(objectClass=user)", &["cn"]).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn samba_insists_on_tls_when_told_to() -> Result<()> {
    let samba = SambaAd::start_with(SambaOptions::new().strong_auth()).await?;
    let said = whoami(samba.url(), samba.admin_upn(), samba.admin_password(), &[]).await?;
    assert_eq!(said.code, Some(8), "{}", said.errors);
    samba.add_user("ann", false).await?;
    Ok(())
}
