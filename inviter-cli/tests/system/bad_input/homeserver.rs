//! The homeserver does not take the bot, cannot be reached, or is none.

use anyhow::{Context as _, Result};
use inviter_testkit::{Fault, Recorded, enc, expect_ok};
use serde_json::{Value, json};
use tokio::net::TcpSocket;

use super::{Due, one_line, tls::Certificates};
use crate::harness::{CONFIG, Output, files_below, found};

/// A token that the homeserver has never given out.
const WRONG_TOKEN: &str = "syt_d3Jvbmc_wrongwrongwrongwrong_0000";
const WRONG_PASSWORD: &str = "hunter2 hunter2";
/// Every form of it differs from every other, and no part of it is in a user name.
const PASSWORD: &str = "Kn\u{f6}pfe?+/\"&\\%41 und Zwirn im Korb";

/// A page as a proxy, a firewall or a log-in portal shows it.
fn page(status: u16) -> Fault {
    let headers = vec![("content-type".to_owned(), "text/html; charset=utf-8".to_owned())];
    let body =
        "\n<!DOCTYPE html>\n<html><head><title>Welcome</title></head><body>Please log in</body></html>";
    Fault::Status(status, headers, body.to_owned())
}

impl Due {
    /// Configures a log-in with a password instead of the token.
    fn log_in_with(&self, password: &str) -> Result<()> {
        self.site.write_secret("password", password)?;
        let config = self.site.config_text("", "");
        let config = config.replace("access_token_file = \"token\"", "password_file = \"password\"");
        self.site.write(CONFIG, &config).map(drop)
    }

    /// Configures another address, and more keys of its section.
    fn configure_url(&self, url: &str, keys: &str) -> Result<()> {
        let config = self.site.config_text("", "");
        let config = config.replace(self.site.proxy.url(), url);
        let config = config.replace("[homeserver]\n", &format!("[homeserver]\n{keys}\n"));
        self.site.write(CONFIG, &config).map(drop)
    }
}

#[tokio::test]
async fn wrong_token() -> Result<()> {
    let due = Due::new().await?;
    due.site.write_secret("token", WRONG_TOKEN)?;
    due.fails(&[
        due.site.proxy.url(),
        "does not accept the access token",
        "log in again or give a new one",
    ])
    .await?;
    let output = due.site.run(&["sync", "-vvv"]).await?;
    is_clean_of_secrets(&output, &[WRONG_TOKEN]);
    due.site.write_secret("token", due.site.bot.token())?;
    due.repaired().await
}

#[tokio::test]
async fn token_of_another_account() -> Result<()> {
    let due = Due::new().await?;
    let other = due.site.person("alice").await?;
    due.site.write_secret("token", other.token())?;
    due.fails(&[
        &due.site.user("alice"),
        "give a token of",
        due.site.bot.user_id(),
        "`user` in [homeserver]",
    ])
    .await?;
    due.site.write_secret("token", due.site.bot.token())?;
    due.repaired().await
}

#[tokio::test]
async fn wrong_password() -> Result<()> {
    let due = Due::new().await?;
    due.log_in_with(WRONG_PASSWORD)?;
    due.fails(&[
        due.site.bot.user_id(),
        "does not accept the user name or the password",
        "correct `user` or the password",
    ])
    .await?;
    let output = due.site.run(&["sync", "-vvv"]).await?;
    is_clean_of_secrets(&output, &[WRONG_PASSWORD]);
    for file in files_below(&due.site.path("state"))? {
        let name = file.file_name().unwrap_or_default();
        assert_ne!(name, "session.json", "a session without a log-in");
    }
    let path = format!("/_synapse/admin/v2/users/{}", enc(due.site.bot.user_id()));
    let body = json!({ "password": PASSWORD, "logout_devices": false });
    expect_ok(&path, due.site.admin.put(&path, body).await?)?;
    due.log_in_with(PASSWORD)?;
    let output = due.site.fine(&["sync", "-vvv"]).await?;
    // What is kept of the session is the token, and that nowhere else.
    let mut session = None;
    for file in files_below(&due.site.path("state"))? {
        let bytes = std::fs::read(&file)?;
        assert_eq!(found(&bytes, &[PASSWORD]), [""; 0], "{}", file.display());
        if file.ends_with("session.json") {
            session = Some(serde_json::from_slice::<Value>(&bytes)?);
        }
    }
    let token = session.context("no session")?["access_token"].clone();
    is_clean_of_secrets(&output, &[PASSWORD, token.as_str().context("no token")?]);
    due.beta_is_done().await
}

/// Even the most talkative log has no secret in it, in whatever form.
#[track_caller]
fn is_clean_of_secrets(output: &Output, secrets: &[&str]) {
    assert!(!output.stderr.is_empty(), "{output}");
    for text in [&output.stdout, &output.stderr] {
        assert_eq!(found(text.as_bytes(), secrets), [""; 0], "{output}");
    }
}

#[tokio::test]
async fn unreachable() -> Result<()> {
    let due = Due::new().await?;
    // Bound and not listening: nobody else gets the port, and nobody answers there.
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    let url = format!("http://{}", socket.local_addr()?);
    due.configure_url(&url, "")?;
    due.fails(&[&url, "cannot be reached", "check the homeserver's URL"])
        .await?;
    due.repaired().await
}

#[tokio::test]
async fn name_that_does_not_resolve() -> Result<()> {
    let due = Due::new().await?;
    due.configure_url("https://matrix.invalid", "")?;
    due.fails(&[
        "https://matrix.invalid",
        "cannot be reached",
        "check the homeserver's URL",
    ])
    .await?;
    due.repaired().await
}

/// What an administrator with an authority of their own has, and what `openssl req -x509` makes without its `CA:TRUE`.
#[tokio::test]
async fn untrusted_certificate() -> Result<()> {
    for certificates in [Certificates::of_an_authority()?, Certificates::of_itself(false)?] {
        let due = Due::new().await?;
        let server = certificates.serve(due.site.synapse.url()).await?;
        due.configure_url(&server.url, "")?;
        due.fails(&[
            &server.url,
            "certificate that is not trusted",
            "name the authority's certificate as `ca_file`",
        ])
        .await?;
        // The same server, trusted.
        due.site.write("ca.pem", &certificates.authority)?;
        due.configure_url(&server.url, "ca_file = \"ca.pem\"")?;
        due.site.fine(&["sync"]).await?;
        due.beta_is_done().await?;
    }
    Ok(())
}

/// What `openssl req -x509` makes by default. That no program of this kind takes it has to be said: naming it as
/// `ca_file` does not help.
#[tokio::test]
async fn certificate_of_an_authority_itself() -> Result<()> {
    let due = Due::new().await?;
    let certificates = Certificates::of_itself(true)?;
    let server = certificates.serve(due.site.synapse.url()).await?;
    due.site.write("ca.pem", &certificates.authority)?;
    for key in ["", "ca_file = \"ca.pem\""] {
        due.configure_url(&server.url, key)?;
        due.fails(&[
            &server.url,
            "certificate that is not trusted",
            "an authority's own (CA:TRUE)",
            "make one for the server (CA:FALSE)",
        ])
        .await?;
    }
    due.repaired().await
}

#[tokio::test]
async fn certificate_for_another_name() -> Result<()> {
    let due = Due::new().await?;
    let certificates = Certificates::for_name("matrix.elsewhere.example")?;
    let server = certificates.serve(due.site.synapse.url()).await?;
    due.site.write("ca.pem", &certificates.authority)?;
    due.configure_url(&server.url, "ca_file = \"ca.pem\"")?;
    due.fails(&[
        &server.url,
        "a certificate for another name",
        "check the homeserver's URL",
    ])
    .await?;
    due.repaired().await
}

#[tokio::test]
async fn certificate_that_has_expired() -> Result<()> {
    let due = Due::new().await?;
    let certificates = Certificates::expired()?;
    let server = certificates.serve(due.site.synapse.url()).await?;
    due.site.write("ca.pem", &certificates.authority)?;
    due.configure_url(&server.url, "ca_file = \"ca.pem\"")?;
    due.fails(&[
        &server.url,
        "a certificate that has expired",
        "renew it on the homeserver",
    ])
    .await?;
    due.repaired().await
}

#[tokio::test]
async fn certificate_file_without_certificates() -> Result<()> {
    let due = Due::new().await?;
    due.site.write("ca.pem", "This is not a certificate.\n")?;
    due.configure_url("https://127.0.0.1:9", "ca_file = \"ca.pem\"")?;
    due.fails(&[
        "`ca_file` in [homeserver]",
        "ca.pem",
        "holds no certificate",
        "convert it",
    ])
    .await?;
    due.site.write(
        "ca.pem",
        "-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n",
    )?;
    due.fails(&[
        "https://127.0.0.1:9",
        "`ca_file` holds a certificate that cannot be read",
        "check it",
    ])
    .await?;
    due.repaired().await
}

#[tokio::test]
async fn web_pages_with_502() -> Result<()> {
    let due = Due::new().await?;
    due.site.proxy.on_request(|_| Some(Fault::Html502));
    due.fails(&[
        due.site.proxy.url(),
        "a web page, not Matrix",
        "a proxy is in front of a homeserver that is down",
    ])
    .await?;
    due.repaired().await
}

#[tokio::test]
async fn web_pages_with_200() -> Result<()> {
    let due = Due::new().await?;
    due.site.proxy.on_request(|_| Some(page(200)));
    due.fails(&[
        due.site.proxy.url(),
        "a web page, not Matrix",
        "check the homeserver's URL",
    ])
    .await?;
    due.repaired().await
}

/// A page where the rooms' state was asked for: nothing is known about any room.
#[tokio::test]
async fn web_page_instead_of_the_rooms() -> Result<()> {
    for status in [200, 502] {
        let due = Due::new().await?;
        let is_state =
            |request: &Recorded| request.path.ends_with("/sync") || request.path.ends_with("/state");
        due.site
            .proxy
            .on_request(move |request| is_state(request).then(|| page(status)));
        for room in ["alpha", "beta"] {
            due.tells(
                4,
                &[
                    &due.site.alias(room),
                    "a web page, not Matrix",
                    "nothing is done in it",
                ],
            )
            .await?;
        }
        due.repaired().await?;
    }
    Ok(())
}

/// A page with 404 where the alias was asked for is not the homeserver's word that there is no room.
#[tokio::test]
async fn web_page_instead_of_an_alias() -> Result<()> {
    let mut due = Due::new().await?;
    due.directory.room("gamma").members(["bob"]);
    due.site.save(&due.directory)?;
    due.site
        .proxy
        .on_request(|request| request.path.contains("/directory/room/").then(|| page(404)));
    let output = due.clean(&["sync"]).await?.exits(4);
    one_line(
        &output,
        &[
            &due.site.alias("gamma"),
            "a web page, not Matrix",
            "nothing is done in it",
        ],
    );
    let gamma = due.site.admin.resolve_alias(&due.site.alias("gamma")).await?;
    assert_eq!(gamma, None, "created on the word of a web page");
    due.repaired().await
}
