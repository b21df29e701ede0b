//! How the bot logs in to a tenant: each credential, and what is told when it could not.

use inviter::{azure::Credential, config::Config};
use secrecy::ExposeSecret as _;

use super::{CLIENT, LEAST, TENANT, directory, environment, least_with, of, wrong, wrong_in};
use crate::{Place, around, errors_of, lines::without, told};

/// No credential, and everything else.
const NAMED: &str = r#"tenant = "aaaabbbb-0000-cccc-1111-dddd2222eeee"
client_id = "11112222-bbbb-3333-cccc-4444dddd5555"
group_prefix = "MTRX "
"#;
const NAMELESS: &str = "group_prefix = \"MTRX \"\n";
const CERTIFICATE: &str = "credential = \"client_certificate\"\n";
const WORKLOAD: &str = "credential = \"workload_identity\"\n";
const MANAGED: &str = "credential = \"managed_identity\"\n";
/// In the form that Entra gives its secrets.
const LIKE_A_SECRET: &str = "hun8Q~hunter2hunter2hunter2hunter2hunter";

fn place() -> Place {
    let place = Place::new();
    std::fs::write(place.path("bot.pem"), "-----BEGIN CERTIFICATE-----\n").unwrap();
    place.secret("bot.key", "-----BEGIN PRIVATE KEY-----\n");
    place.secret("secret", "s3cret\n");
    std::fs::write(place.path("platform-token"), "eyJ\n").unwrap();
    // Platforms show it to everybody in the container.
    place.mode("platform-token", 0o644);
    place
}

fn parse(place: &Place, tenant: &str, variables: &[(&str, &str)]) -> Credential {
    let text = around("", "", &directory(tenant));
    let config = Config::parse(&text, &place.path("inviter.toml"), &environment(variables));
    let config = config.unwrap_or_else(|e| panic!("{e}\n{tenant}"));
    of(&config).1.credential.clone()
}

/// The one error of a tenant's lines with these variables.
fn error_with(place: &Place, tenant: &str, variables: &[(&str, &str)]) -> String {
    let text = around("", "", &directory(tenant));
    let errors = Config::parse(&text, &place.path("inviter.toml"), &environment(variables)).unwrap_err();
    let errors = told(&errors);
    assert_eq!(errors.len(), 1, "{errors:#?}");
    errors[0].split_once(": ").unwrap().1.to_owned()
}

#[test]
fn with_a_secret() {
    let place = place();
    for (line, expected) in [
        ("client_secret_env = \"INVITER_PASSWORD\"", "from-env"),
        ("client_secret_file = \"secret\"", "s3cret"),
    ] {
        for credential in ["", "credential = \"client_secret\"\n"] {
            let found = parse(&place, &format!("{NAMED}{credential}{line}"), &[]);
            let Credential::ClientSecret {
                tenant,
                client_id,
                secret,
            } = found
            else {
                panic!("{found:?}")
            };
            assert_eq!((tenant.as_str(), client_id.as_str()), (TENANT, CLIENT));
            assert_eq!(secret.expose_secret(), expected);
        }
    }
    let domain = NAMED.replace(TENANT, "example.onmicrosoft.com");
    let found = parse(&place, &format!("{domain}client_secret_file = \"secret\""), &[]);
    assert!(matches!(found, Credential::ClientSecret { tenant, .. } if tenant == "example.onmicrosoft.com"));
}

#[test]
fn with_a_certificate() {
    let place = place();
    let files = "certificate_file = \"bot.pem\"\nkey_file = \"bot.key\"";
    let found = parse(&place, &format!("{NAMED}{CERTIFICATE}{files}"), &[]);
    let Credential::ClientCertificate {
        tenant,
        client_id,
        certificate,
        key,
    } = found
    else {
        panic!("{found:?}")
    };
    assert_eq!((tenant.as_str(), client_id.as_str()), (TENANT, CLIENT));
    assert_eq!((certificate, key), (place.path("bot.pem"), place.path("bot.key")));
}

#[test]
fn with_the_identity_of_a_workload() {
    let place = place();
    let token = place.path("platform-token").display().to_string();
    let variables = [
        ("AZURE_TENANT_ID", "tenant.example.com"),
        ("AZURE_CLIENT_ID", "99992222-bbbb-3333-cccc-4444dddd5555"),
        ("AZURE_FEDERATED_TOKEN_FILE", token.as_str()),
    ];
    let shown = |lines: &str, variables: &[(&str, &str)]| {
        let found = parse(&place, &format!("{lines}{WORKLOAD}"), variables);
        let Credential::WorkloadIdentity {
            tenant,
            client_id,
            token_file,
        } = found
        else {
            panic!("{found:?}")
        };
        assert_eq!(token_file, place.path("platform-token"));
        (tenant, client_id)
    };
    let of_platform = (variables[0].1.to_owned(), variables[1].1.to_owned());
    assert_eq!(shown(NAMELESS, &variables), of_platform);
    // What stands in the file comes first.
    let written = format!("{NAMED}federated_token_file = \"platform-token\"\n");
    let of_file = (TENANT.to_owned(), CLIENT.to_owned());
    assert_eq!(shown(&written, &variables), of_file);
    assert_eq!(shown(&written, &[]), of_file);
    // For other credentials the variables say nothing: they may be another program's.
    let errors = Config::parse(
        &around("", "", &directory(&without(LEAST, &["tenant", "client_id"]))),
        &place.path("inviter.toml"),
        &environment(&variables),
    );
    assert_eq!(errors.unwrap_err().errors().len(), 2);
}

#[test]
fn with_the_identity_of_the_machine() {
    let place = place();
    let found = parse(
        &place,
        &format!("{NAMELESS}{MANAGED}"),
        &[("AZURE_CLIENT_ID", CLIENT)],
    );
    assert!(matches!(found, Credential::ManagedIdentity { client_id: None }));
    let assigned = format!("{NAMELESS}{MANAGED}client_id = \"{CLIENT}\"");
    let found = parse(&place, &assigned, &[]);
    assert!(matches!(found, Credential::ManagedIdentity { client_id: Some(id) } if id == CLIENT));
}

#[test]
fn secrets_show_nowhere() {
    let place = Place::new();
    place.secret("secret", "hunter2\n");
    let text = around(
        "",
        "",
        &directory(&format!("{NAMED}client_secret_file = \"secret\"")),
    );
    let config = place.parse(&text).unwrap();
    assert!(!format!("{config:?} {config:#?}").contains("hunter2"));
    let explained = Config::explain(&text, &place.path("inviter.toml"), &crate::environment).unwrap();
    assert!(!format!("{explained:?}").contains("hunter2"));
    let text = around("", "", &directory(LEAST));
    let variables = environment(&[("INVITER_PASSWORD", "hunter2")]);
    let explained = Config::explain(&text, &place.path("inviter.toml"), &variables).unwrap();
    assert!(!format!("{explained:?}").contains("hunter2"));
}

#[test]
fn wrong_secrets() {
    let place = place();
    place.secret("empty", "\n");
    place.secret("id", "5c34d2c0-9d7c-4a9a-8f3c-0123456789ab\n");
    let file = |name: &str| format!("{NAMED}client_secret_file = \"{name}\"");
    wrong_in(
        &place,
        &file("empty"),
        &format!(
            "`client_secret_file` in [directory.entra]: the file `{}` is empty",
            place.path("empty").display()
        ),
    );
    wrong_in(
        &place,
        &file("nowhere"),
        &format!(
            "`client_secret_file` in [directory.entra]: the file `{}` does not exist",
            place.path("nowhere").display()
        ),
    );
    wrong_in(
        &place,
        &file("id"),
        "`client_secret_file` in [directory.entra] leads to the ID of a client secret; take the secret's value, which \
         the app registration shows only once, when the secret is made",
    );
    wrong(
        &format!("{NAMED}client_secret_env = \"UNSET\""),
        "\"UNSET\"",
        "`client_secret_env` in [directory.entra]: the environment variable `UNSET` is not set",
    );
    wrong(
        &format!("{NAMED}client_secret = \"hunter2\""),
        "client_secret = ",
        "`client_secret` in [directory.entra]: a secret must not stand in this file; write it to a file that only the \
         bot can read and name that with `client_secret_file`, or name an environment variable with `client_secret_env`",
    );
    wrong(
        NAMED,
        "[directory.entra]",
        "[directory.entra] needs `client_secret_file` or `client_secret_env`, or another `credential`",
    );
    wrong(
        &format!("{LEAST}client_secret_file = \"token\""),
        "\"INVITER_PASSWORD\"",
        "`client_secret_file` and `client_secret_env` are given in [directory.entra], and it must be one of them",
    );
    // The secret itself in place of its file, or of the ID of the application.
    wrong(
        &file(LIKE_A_SECRET),
        "\"hun8Q",
        "`client_secret_file` in [directory.entra] looks like the secret itself, which must not stand in this file; \
         write it to a file that only the bot can read, and write that file's name here",
    );
    for line in [
        format!("client_id = \"{LIKE_A_SECRET}\""),
        format!("tenant = \"{LIKE_A_SECRET}\""),
        format!("client_secret_env = \"{LIKE_A_SECRET}\""),
    ] {
        let errors = errors_of(&around("", "", &directory(&least_with(&line))));
        assert!(
            errors.len() == 1 && !errors[0].contains("hunter2"),
            "{line}: {errors:#?}"
        );
    }
}

#[test]
fn wrong_certificates() {
    let place = place();
    std::fs::write(place.path("text"), "no certificate").unwrap();
    let with = |lines: &str| format!("{NAMED}{CERTIFICATE}{lines}");
    wrong_in(
        &place,
        &with(""),
        "[directory.entra] needs `certificate_file` and `key_file` for `credential = \"client_certificate\"`",
    );
    wrong_in(
        &place,
        &with("certificate_file = \"bot.pem\""),
        "`certificate_file` in [directory.entra] needs `key_file` too",
    );
    wrong_in(
        &place,
        &with("key_file = \"bot.key\""),
        "`key_file` in [directory.entra] needs `certificate_file` too",
    );
    wrong_in(
        &place,
        &with("certificate_file = \"text\"\nkey_file = \"bot.key\""),
        &format!(
            "`certificate_file` in [directory.entra]: the file `{}` holds no certificate in PEM form \
             (`-----BEGIN CERTIFICATE-----`); convert it, or name another",
            place.path("text").display()
        ),
    );
    wrong_in(
        &place,
        &with("certificate_file = \"bot.pem\"\nkey_file = \"nowhere\""),
        &format!(
            "`key_file` in [directory.entra]: the file `{}` does not exist",
            place.path("nowhere").display()
        ),
    );
}

#[cfg(unix)]
#[test]
fn files_that_are_open_to_others() {
    let place = place();
    let told = |key: &str, name: &str| {
        let path = place.path(name);
        let path = path.display();
        format!(
            "`{key}` in [directory.entra]: the file `{path}` holds a secret and is open to every user (mode 0644); run \
             `chmod o= {path}`, or `chmod 600` to keep it to yourself"
        )
    };
    place.mode("secret", 0o644);
    place.mode("bot.key", 0o644);
    wrong_in(
        &place,
        &format!("{NAMED}client_secret_file = \"secret\""),
        &told("client_secret_file", "secret"),
    );
    let files = "certificate_file = \"bot.pem\"\nkey_file = \"bot.key\"";
    wrong_in(
        &place,
        &format!("{NAMED}{CERTIFICATE}{files}"),
        &told("key_file", "bot.key"),
    );
}

#[test]
fn wrong_workload_identities() {
    let place = place();
    let lines = format!("{NAMED}{WORKLOAD}");
    assert_eq!(
        error_with(&place, &lines, &[("AZURE_FEDERATED_TOKEN_FILE", "")]),
        "`federated_token_file` in [directory.entra] is missing; write where the platform keeps the workload's token, or \
         set the environment variable `AZURE_FEDERATED_TOKEN_FILE`"
    );
    assert_eq!(
        error_with(
            &place,
            &lines,
            &[("AZURE_FEDERATED_TOKEN_FILE", "/nowhere/token")]
        ),
        "`federated_token_file` in [directory.entra] is missing, and the environment variable \
         `AZURE_FEDERATED_TOKEN_FILE` does not help: the file `/nowhere/token` does not exist"
    );
    assert_eq!(
        error_with(&place, &format!("{lines}federated_token_file = \".\""), &[]),
        format!(
            "`federated_token_file` in [directory.entra]: the file `{}` is not a file",
            place.path(".").display()
        )
    );
    let token = format!("{WORKLOAD}federated_token_file = \"platform-token\"\n");
    let nameless = format!("client_id = \"{CLIENT}\"\n{NAMELESS}{token}");
    assert_eq!(
        error_with(&place, &nameless, &[]),
        "`tenant` in [directory.entra] is missing; write the directory (tenant) ID that the Entra admin center shows, or \
         one of the tenant's domains, or set the environment variable `AZURE_TENANT_ID`"
    );
    assert_eq!(
        error_with(&place, &nameless, &[("AZURE_TENANT_ID", "common")]),
        "`tenant` in [directory.entra] is missing, and the environment variable `AZURE_TENANT_ID` does not help: \
         `common` stands for tenants of all kinds, and the bot reads one; write its directory (tenant) ID or one of its \
         domains"
    );
}

#[test]
fn keys_of_another_credential() {
    let place = place();
    let credentials = [
        ("client_secret", "client_secret_file = \"secret\""),
        ("client_secret", "client_secret_env = \"INVITER_PASSWORD\""),
        ("client_certificate", "certificate_file = \"bot.pem\""),
        ("client_certificate", "key_file = \"bot.key\""),
        ("workload_identity", "federated_token_file = \"platform-token\""),
    ];
    for word in [
        "client_secret",
        "client_certificate",
        "workload_identity",
        "managed_identity",
    ] {
        let named = if word == "managed_identity" {
            NAMELESS
        } else {
            NAMED
        };
        for (of, line) in credentials.iter().filter(|(of, _)| *of != word) {
            let key = line.split(" = ").next().unwrap();
            wrong_in(
                &place,
                &format!("{named}credential = \"{word}\"\n{line}"),
                &format!(
                    "`{key}` in [directory.entra] is for `credential = \"{of}\"`; leave it out, or correct `credential`"
                ),
            );
        }
    }
    wrong_in(
        &place,
        &format!("{NAMED}federated_token_file = \"platform-token\""),
        "`federated_token_file` in [directory.entra] is for `credential = \"workload_identity\"`; leave it out, or write \
         that too",
    );
    wrong(
        &format!("{NAMELESS}{MANAGED}tenant = \"{TENANT}\""),
        &format!("\"{TENANT}\""),
        "`tenant` in [directory.entra] is not for `credential = \"managed_identity\"`, which belongs to one tenant \
         anyway; leave it out, or correct `credential`",
    );
    wrong(
        &format!("{NAMED}credential = \"clientsecret\""),
        "\"clientsecret\"",
        "`credential` in [directory.entra]: `clientsecret` is unknown, did you mean `client_secret`?",
    );
    wrong(
        &format!("{NAMED}credential = \"password\""),
        "\"password\"",
        "`credential` in [directory.entra]: `password` is unknown; write `client_secret`, `client_certificate`, \
         `workload_identity` or `managed_identity`",
    );
}
