//! Connections: whom the bot trusts, and how it logs in.

use inviter_core::{
    IdentityProvider as _,
    provider::{AdviceKind, ProviderError, ProviderErrorKind as Kind, ReadRequest},
};
use inviter_ldap::{Bind, ClientCertificate, LdapConfig, Preset};
use inviter_testkit::{
    Ca, Certificate, Ldif, Overlay, SecretForms, Slapd, SlapdOptions, VerifyClient, ldap::LdapProxy,
};

use crate::picture::{config, provider, read, set, tells};

const PASSWORD: &str = "s3cret-of-reader";

/// A person in a group, and an account for the bot.
fn population() -> Ldif {
    let mut ldif = Ldif::tree("dc=example,dc=test");
    ldif.account("reader", PASSWORD, &[]);
    ldif.person("jane", &[]);
    let jane = ldif.person_dn("jane");
    ldif.group_of_names("staff", &[jane]);
    ldif
}

async fn slapd(options: SlapdOptions) -> Slapd {
    Slapd::start(options.ldif(population())).await.unwrap()
}

fn as_reader(slapd: &Slapd, url: &str) -> LdapConfig {
    let mut config = config(slapd, Preset::GroupOfNames);
    config.urls = vec![url.to_owned()];
    config.bind = Bind::Simple {
        dn: slapd.account_dn("reader"),
        password: PASSWORD.into(),
    };
    config
}

async fn reads(config: &LdapConfig) {
    let picture = read(config).await.unwrap();
    picture.is_complete();
    assert_eq!(picture.members("staff"), set(&["jane"]));
}

async fn fails(config: &LdapConfig) -> ProviderError {
    let error = read(config).await.unwrap_err();
    // Whatever went wrong, nobody reads a password in it.
    let told = format!("{error} {error:?} {:?}", provider(config.clone()));
    assert!(!told.contains(PASSWORD), "{told}");
    error
}

/// What slapd has logged of all that came before: it writes a line a moment after the answer.
async fn log(slapd: &Slapd) -> String {
    let marker = "(cn=marker of the log)";
    slapd.search(slapd.suffix(), marker, &["1.1"]).await.unwrap();
    loop {
        let log = slapd.log().unwrap();
        if log.contains(marker) {
            return log;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn tls_with_a_private_authority() {
    let ca = Ca::new("Test").unwrap();
    let certificate = ca.issue(&["localhost", "127.0.0.1"]).unwrap();
    let slapd = slapd(
        SlapdOptions::new()
            .certificate(&certificate)
            .global("security tls=1"),
    )
    .await;
    let mut ldaps = as_reader(&slapd, slapd.ldaps_url().unwrap());
    let error = fails(&ldaps).await;
    tells(
        &error.to_string(),
        &["ldaps://localhost", "authority that is not trusted", "`ca_file`"],
    );
    ldaps.ca_file = Some(ca.file().to_owned());
    reads(&ldaps).await;

    // StartTLS on the other port; without it the server refuses, since it takes nothing unencrypted.
    let mut start_tls = as_reader(&slapd, slapd.url());
    start_tls.ca_file = Some(ca.file().to_owned());
    let error = fails(&start_tls).await;
    assert_eq!(error.kind, Kind::Denied);
    tells(
        &error.to_string(),
        &["encrypted connections only", "`start_tls = true`"],
    );
    start_tls.start_tls = true;
    reads(&start_tls).await;

    // An authority that is a file, and none.
    ldaps.ca_file = Some(certificate.key_file().to_owned());
    let error = fails(&ldaps).await;
    assert_eq!(error.kind, Kind::Misconfigured);
    tells(&error.to_string(), &["holds no certificate in PEM form"]);
}

/// For another name, expired, of an authority that is not trusted: by ldaps:// and by StartTLS, the bot does not log in.
#[tokio::test]
async fn certificates_that_are_not_accepted() {
    let (ca, other) = (Ca::new("Test").unwrap(), Ca::new("Other").unwrap());
    let names = ["localhost", "127.0.0.1"];
    for (certificate, word) in [
        (ca.issue(&["ldap.example.test"]).unwrap(), "for another name"),
        (ca.expired(&names).unwrap(), "has expired"),
        (other.issue(&names).unwrap(), "authority that is not trusted"),
    ] {
        let slapd = slapd(SlapdOptions::new().certificate(&certificate)).await;
        let mut ldaps = as_reader(&slapd, slapd.ldaps_url().unwrap());
        ldaps.ca_file = Some(ca.file().to_owned());
        let mut start_tls = as_reader(&slapd, slapd.url());
        start_tls.start_tls = true;
        start_tls.ca_file = Some(ca.file().to_owned());
        for config in [ldaps, start_tls] {
            let error = fails(&config).await;
            assert_eq!(error.kind, Kind::Denied);
            tells(&error.to_string(), &[word]);
        }
        // The bot never came to logging in.
        assert!(
            !log(&slapd).await.contains("BIND dn=\"cn=reader"),
            "{}",
            log(&slapd).await
        );
        // The log would tell: without TLS the same server hears of it.
        reads(&as_reader(&slapd, slapd.url())).await;
        tells(&log(&slapd).await, &["BIND dn=\"cn=reader"]);
    }
}

#[tokio::test]
async fn start_tls_that_is_refused_sends_nothing() {
    let slapd = slapd(SlapdOptions::new()).await;
    let mut config = as_reader(&slapd, slapd.url());
    config.start_tls = true;
    let error = fails(&config).await;
    tells(
        &error.to_string(),
        &["refuses StartTLS", "nothing is sent unencrypted"],
    );
    assert!(
        !log(&slapd).await.contains("BIND dn=\"cn=reader"),
        "{}",
        log(&slapd).await
    );
}

/// The lines of a certificate's private key, and all of them as one.
fn lines_of_key(certificate: &Certificate) -> Vec<String> {
    let pem = std::fs::read_to_string(certificate.key_file()).unwrap();
    let mut lines: Vec<&str> = pem.lines().collect();
    lines.retain(|line| line.len() > 16 && !line.starts_with('-'));
    let whole = lines.concat();
    lines.into_iter().map(str::to_owned).chain([whole]).collect()
}

#[tokio::test]
async fn by_certificate_and_by_socket() {
    let ca = Ca::new("Test").unwrap();
    let certificate = ca.issue(&["localhost", "127.0.0.1"]).unwrap();
    let options = SlapdOptions::new()
        .certificate(&certificate)
        .verify_client(VerifyClient::Demand);
    let slapd = slapd(options).await;
    let mut config = as_reader(&slapd, slapd.ldaps_url().unwrap());
    config.ca_file = Some(ca.file().to_owned());
    config.bind = Bind::External;
    let error = fails(&config).await;
    tells(&error.to_string(), &["needs a client certificate"]);
    let client = ca.client("reader").unwrap();
    config.client_certificate = Some(ClientCertificate {
        certificate: client.file().to_owned(),
        key: client.key_file().to_owned(),
    });
    reads(&config).await;
    tells(
        &log(&slapd).await,
        &["BIND dn=\"cn=reader,dc=example,dc=test\" mech=EXTERNAL"],
    );

    // The server has taken the key's signature, and nobody reads the key in what is said of it: of how it is used, with
    // one that is another's, in a file that holds other things, too, and in the certificate's place.
    let key = lines_of_key(&client);
    assert!(key.len() > 1, "{key:?}");
    let stranger = ca.client("stranger").unwrap();
    let other = lines_of_key(&stranger);
    let secrets = SecretForms::new(&[key, other].concat()).unwrap();
    let is_known = secrets.found(&std::fs::read(client.key_file()).unwrap());
    assert!(!is_known.is_empty());
    let directory = provider(config.clone());
    let picture = directory.read(&ReadRequest::default()).await.unwrap();
    let mut told = format!(
        "{config:?} {config:#?} {directory:?} {picture:?} {:?}",
        directory.advice().await
    );
    let damaged = tempfile::tempdir().unwrap();
    let cut = damaged.path().join("cut.key");
    let pem = std::fs::read_to_string(client.key_file()).unwrap();
    std::fs::write(&cut, pem.replace("-----END", "-----ENDED")).unwrap();
    for (certificate, key) in [
        (client.file(), stranger.key_file()),
        (client.file(), cut.as_path()),
        (client.key_file(), client.key_file()),
    ] {
        let mut config = config.clone();
        config.client_certificate = Some(ClientCertificate {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        });
        let error = fails(&config).await;
        let shown = provider(config.clone());
        told.push_str(
            &[
                format!("{error} {error:?} {error:#?}"),
                format!("{shown:?} {config:?}"),
            ]
            .concat(),
        );
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            told.push_str(&[error.to_string(), format!("{error:?}")].concat());
            cause = error.source();
        }
    }
    assert_eq!(secrets.found(told.as_bytes()), [""; 0], "{told}");

    // Without the certificate the server ends the handshake.
    config.client_certificate = None;
    config.bind = as_reader(&slapd, slapd.url()).bind;
    let error = fails(&config).await;
    tells(
        &error.to_string(),
        &["ldaps://localhost", "may demand a client certificate"],
    );

    let mut socket = as_reader(&slapd, slapd.ldapi_url().unwrap());
    socket.bind = Bind::External;
    reads(&socket).await;
}

#[tokio::test]
async fn passwords_that_are_refused() {
    let mut ldif = population();
    ldif.password_policy(3600);
    ldif.expired_account("expired", PASSWORD);
    let options = SlapdOptions::new().overlay(Overlay::Ppolicy).ldif(ldif);
    let slapd = Slapd::start(options).await.unwrap();
    let with = |name: &str, password: &str| {
        let mut config = config(&slapd, Preset::GroupOfNames);
        config.bind = Bind::Simple {
            dn: slapd.account_dn(name),
            password: password.into(),
        };
        config
    };
    for (config, words) in [
        (
            with("reader", "wrong"),
            &["cn=reader,dc=example,dc=test", "with this password"][..],
        ),
        (with("nobody", PASSWORD), &["cn=nobody,dc=example,dc=test"]),
        (
            with("expired", PASSWORD),
            &["cn=expired,dc=example,dc=test", "has expired", "set a new one"],
        ),
    ] {
        let error = fails(&config).await;
        assert_eq!(error.kind, Kind::Denied, "{error}");
        tells(&error.to_string(), words);
    }
    // An empty password would be taken for no log-in at all; it is not sent.
    let before = log(&slapd).await.matches("BIND dn=\"cn=reader").count();
    let error = fails(&with("reader", "")).await;
    assert_eq!(error.kind, Kind::Misconfigured);
    tells(&error.to_string(), &["the password is empty"]);
    assert_eq!(log(&slapd).await.matches("BIND dn=\"cn=reader").count(), before);
}

#[tokio::test]
async fn without_logging_in() {
    let slapd = slapd(SlapdOptions::new()).await;
    let mut config = as_reader(&slapd, slapd.url());
    config.bind = Bind::Anonymous;
    reads(&config).await;
    let closed = Slapd::start(SlapdOptions::new().ldif(population()).global("require authc"))
        .await
        .unwrap();
    config.urls = vec![closed.url().to_owned()];
    let error = fails(&config).await;
    assert_eq!(error.kind, Kind::Denied);
}

#[tokio::test]
async fn another_server_takes_the_place() {
    let slapd = slapd(SlapdOptions::new()).await;
    let mut gone = as_reader(&slapd, "ldap://127.0.0.1:1");
    let error = fails(&gone).await;
    assert_eq!(error.kind, Kind::Unavailable);
    tells(&error.to_string(), &["ldap://127.0.0.1:1: nothing listens there"]);
    gone.urls.push(slapd.url().to_owned());
    reads(&gone).await;
    let advice = provider(gone.clone()).advice().await;
    let told: Vec<_> = advice.iter().map(|a| (a.kind, &*a.message)).collect();
    assert_eq!(told[0].0, AdviceKind::Improve, "{told:?}");
    tells(told[0].1, &["ldap://127.0.0.1:1", "nothing listens there"]);
    assert!(
        told.iter()
            .any(|(_, message)| message.contains("the server is OpenLDAP")),
        "{told:?}"
    );
    assert!(
        told.iter()
            .any(|(_, message)| message.contains("`schema = \"group_of_names\"` fits")),
        "{told:?}"
    );

    // A refused password is not tried elsewhere: it would count as wrong there too.
    let proxy = LdapProxy::start(slapd.url().trim_start_matches("ldap://").parse().unwrap())
        .await
        .unwrap();
    let mut wrong = as_reader(&slapd, slapd.url());
    wrong.urls.push(proxy.url());
    wrong.bind = Bind::Simple {
        dn: slapd.account_dn("reader"),
        password: "wrong".into(),
    };
    fails(&wrong).await;
    // Neither by whoever asks for advice.
    let told = provider(wrong).advice().await;
    assert!(told.is_empty(), "{told:?}");
    assert_eq!(proxy.counts().connections, 0);
}

#[tokio::test]
async fn advice_on_what_does_not_fit() {
    let slapd = slapd(SlapdOptions::new()).await;
    let mut config = as_reader(&slapd, slapd.url());
    config.schema = inviter_ldap::Schema::new(Preset::ActiveDirectory);
    config.group_bases.push("dc=example,dc=com".to_owned());
    let advice = provider(config).advice().await;
    let told: Vec<_> = advice.iter().map(|a| (a.kind, &*a.message)).collect();
    let has = |kind, word: &str| told.iter().any(|(k, m)| *k == kind && m.contains(word));
    assert!(
        has(
            AdviceKind::Blocks,
            "dc=example,dc=com is none of this server's: it has dc=example,dc=test"
        ),
        "{told:?}"
    );
    assert!(
        has(AdviceKind::Improve, "`schema = \"group_of_names\"` seems to fit"),
        "{told:?}"
    );
}
