//! What is told when the bot could not log in: secrets, certificates, and the ways that need them.

use super::{LEAST, place_with_certificates, wrong, wrong_in};
use crate::{
    Place,
    lines::{replaced, without},
};

#[test]
fn passwords() {
    let place = Place::new();
    place.secret("empty", "\n");
    let server = without(LEAST, &["password_env"]);
    let file = |name: &str| format!("{server}password_file = \"{name}\"");
    wrong_in(
        &place,
        &file("empty"),
        &format!(
            "`password_file` in [directory.ldap]: the file `{}` is empty",
            place.path("empty").display()
        ),
    );
    wrong_in(
        &place,
        &file("nowhere"),
        &format!(
            "`password_file` in [directory.ldap]: the file `{}` does not exist",
            place.path("nowhere").display()
        ),
    );
    wrong(
        &format!("{server}password_env = \"EMPTY\""),
        "\"EMPTY\"",
        "`password_env` in [directory.ldap]: the environment variable `EMPTY` is empty",
    );
    wrong(
        &format!("{server}password_env = \"UNSET\""),
        "\"UNSET\"",
        "`password_env` in [directory.ldap]: the environment variable `UNSET` is not set",
    );
    wrong(
        &format!("{server}password = \"hunter2\""),
        "password = \"hunter2\"",
        "`password` in [directory.ldap]: a secret must not stand in this file; write it to a file that only the bot can \
         read and name that with `password_file`, or name an environment variable with `password_env`",
    );
    wrong(
        &server,
        "[directory.ldap]",
        "[directory.ldap] needs `password_file` or `password_env` for `bind_dn`",
    );
    wrong(
        &format!("{LEAST}password_file = \"token\""),
        "\"INVITER_PASSWORD\"",
        "`password_file` and `password_env` are given in [directory.ldap], and it must be one of them",
    );
}

#[cfg(unix)]
#[test]
fn files_that_are_open_to_others() {
    let place = place_with_certificates();
    place.secret("password", "s3cret");
    let told = |key: &str, name: &str| {
        let path = place.path(name);
        let path = path.display();
        format!(
            "`{key}` in [directory.ldap]: the file `{path}` holds a secret and is open to every user (mode 0644); run \
             `chmod o= {path}`, or `chmod 600` to keep it to yourself"
        )
    };
    place.mode("password", 0o644);
    place.mode("client.key", 0o644);
    let server = without(LEAST, &["password_env"]) + "password_file = \"password\"";
    wrong_in(&place, &server, &told("password_file", "password"));
    wrong_in(
        &place,
        &format!("{LEAST}client_cert_file = \"client.pem\"\nclient_key_file = \"client.key\""),
        &told("client_key_file", "client.key"),
    );
}

#[test]
fn ways_of_logging_in() {
    for bind in ["external", "anonymous"] {
        for (key, value) in [
            ("bind_dn", "\"cn=bot,dc=example,dc=com\""),
            ("password_env", "\"INVITER_PASSWORD\""),
        ] {
            let others = without(LEAST, &["bind_dn", "password_env"]);
            let socket = replaced(&others, "urls = [\"ldapi://%2Frun%2Fldapi\"]");
            wrong(
                &format!("{socket}bind = \"{bind}\"\n{key} = {value}"),
                value,
                &format!(
                    "`{key}` in [directory.ldap] is for `bind = \"simple\"`, and `bind` is another; leave one of them \
                     out"
                ),
            );
        }
    }
    let nameless = without(LEAST, &["bind_dn", "password_env"]);
    wrong(
        &format!("{nameless}bind = \"external\""),
        "[directory.ldap]",
        "[directory.ldap]: `bind = \"external\"` needs a client certificate (`client_cert_file` and \
         `client_key_file`) and TLS, or ldapi:// URLs",
    );
    // Every server has to know the bot.
    let some_sockets = replaced(&nameless, "urls = [\"ldapi://%2Frun%2Fldapi\", \"ldaps://a\"]");
    wrong(
        &format!("{some_sockets}bind = \"external\""),
        "[directory.ldap]",
        "[directory.ldap]: `bind = \"external\"` needs a client certificate (`client_cert_file` and \
         `client_key_file`) and TLS, or ldapi:// URLs",
    );
    wrong(
        &format!("{LEAST}bind = \"sasl\""),
        "\"sasl\"",
        "`bind` in [directory.ldap]: `sasl` is unknown; write `simple`, `external` or `anonymous`",
    );
}

#[test]
fn certificates() {
    let place = place_with_certificates();
    std::fs::write(place.path("text"), "no certificate").unwrap();
    wrong_in(
        &place,
        &format!("{LEAST}client_cert_file = \"client.pem\""),
        "`client_cert_file` in [directory.ldap] needs `client_key_file` too",
    );
    wrong_in(
        &place,
        &format!("{LEAST}client_key_file = \"client.key\""),
        "`client_key_file` in [directory.ldap] needs `client_cert_file` too",
    );
    wrong_in(
        &place,
        &format!("{LEAST}client_cert_file = \"client.pem\"\nclient_key_file = \"nowhere\""),
        &format!(
            "`client_key_file` in [directory.ldap]: the file `{}` does not exist",
            place.path("nowhere").display()
        ),
    );
    for key in ["ca_file", "client_cert_file"] {
        let rest = match key {
            "ca_file" => "",
            _ => "\nclient_key_file = \"client.key\"",
        };
        wrong_in(
            &place,
            &format!("{LEAST}{key} = \"text\"{rest}"),
            &format!(
                "`{key}` in [directory.ldap]: the file `{}` holds no certificate in PEM form \
                 (`-----BEGIN CERTIFICATE-----`); convert it, or name another",
                place.path("text").display()
            ),
        );
    }
}
