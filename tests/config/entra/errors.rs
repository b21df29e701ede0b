//! What is told when a description of a tenant is wrong: one sentence each, at its place.

use super::{GROUP, LEAST, directory, directory_with, least_with, wrong, wrong_in};
use crate::{Place, around, error_of, errors_of, lines::without, wrong_end};

#[test]
fn what_is_missing() {
    let bare = "[[directory]]\nname = \"corp\"\nkind = \"entra\"\n";
    wrong_end(
        bare,
        "\"entra\"",
        "the section [directory.entra] is missing; it needs `tenant`, `client_id`, `client_secret_file` and one of \
         `root_group`, `group_prefix` and `groups`",
    );
    wrong_end(
        &format!("{bare}entra = \"example.com\""),
        "\"example.com\"",
        "`directory.entra` must be a table, not a string",
    );
    let errors = errors_of(&around("", "", &directory("group_prefix = \"a\"")));
    let errors: Vec<&str> = errors
        .iter()
        .map(|error| error.split_once(": ").unwrap().1)
        .collect();
    assert_eq!(
        errors,
        [
            "`tenant` in [directory.entra] is missing; write the directory (tenant) ID that the Entra admin center \
             shows, or one of the tenant's domains",
            "`client_id` in [directory.entra] is missing; write the application (client) ID that the app registration \
             shows",
            "[directory.entra] needs `client_secret_file` or `client_secret_env`, or another `credential`",
        ]
    );
}

#[test]
fn of_another_kind() {
    let entra = directory_with("path = \"people.toml\"");
    wrong_end(
        &entra,
        "\"people.toml\"\n[directory.entra]",
        "`path` in [directory] is for `kind = \"file\"`; leave it out, or correct `kind`",
    );
    let entra = directory_with("ldap = { urls = [] }");
    wrong_end(
        &entra,
        "{ urls",
        "`ldap` in [directory] is for `kind = \"ldap\"`; leave it out, or correct `kind`",
    );
    wrong_end(
        &directory(LEAST).replace("kind = \"entra\"", "kind = \"entr\""),
        "\"entr\"",
        "`kind` in [directory]: `entr` is unknown, did you mean `entra`?",
    );
}

#[test]
fn names() {
    for tenant in [
        "example",
        "https://example.com",
        "example..com",
        "-a.example.com",
        "a b.com",
    ] {
        wrong(
            &least_with(&format!("tenant = \"{tenant}\"")),
            &format!("\"{tenant}\""),
            &format!(
                "`tenant` in [directory.entra]: `{tenant}` is no tenant; write the directory (tenant) ID that the Entra \
                 admin center shows, or one of the tenant's domains, such as \"example.onmicrosoft.com\""
            ),
        );
    }
    for tenant in ["common", "organizations", "consumers"] {
        wrong(
            &least_with(&format!("tenant = \"{tenant}\"")),
            &format!("\"{tenant}\""),
            &format!(
                "`tenant` in [directory.entra]: `{tenant}` stands for tenants of all kinds, and the bot reads one; write \
                 its directory (tenant) ID or one of its domains"
            ),
        );
    }
    wrong(
        &least_with("client_id = \"inviter\""),
        "\"inviter\"",
        "`client_id` in [directory.entra]: `inviter` is no application ID; write the one that the app registration shows \
         as \"Application (client) ID\", such as \"11112222-bbbb-3333-cccc-4444dddd5555\"",
    );
    let no_id = |key: &str| {
        format!(
            "`{key}` in [directory.entra]: `Staff` is not an object ID; write the one that the Entra admin center shows \
             for the group, such as \"02bd9fd6-8f93-4758-87c3-1fb73740a315\""
        )
    };
    wrong(
        &least_with("root_group = \"Staff\""),
        "\"Staff\"",
        &no_id("root_group"),
    );
    let groups = format!("groups = [\"{GROUP}\", \"Staff\"]");
    wrong(&least_with(&groups), "\"Staff\"", &no_id("groups"));
    let twice = format!("groups = [\"{GROUP}\", \"{}\"]", GROUP.to_uppercase());
    wrong(
        &least_with(&twice),
        &format!("\"{}\"", GROUP.to_uppercase()),
        &format!("`groups` in [directory.entra] has `{GROUP}` twice; keep one"),
    );
    wrong(
        &least_with("group_prefix = \"\""),
        "\"\"",
        "`group_prefix` in [directory.entra] is empty",
    );
}

#[test]
fn properties() {
    let no_name = |key: &str, section: &str, name: &str| {
        format!(
            "`{key}` in [{section}]: `{name}` is not the name of a property of users; write one such as \
             \"userPrincipalName\", \"onPremisesExtensionAttributes/extensionAttribute1\" or \"extension_<application \
             ID>_<name>\""
        )
    };
    for name in ["user name", "mail,id", "a/b/c", "1a", "mail$", "/mail"] {
        wrong(
            &least_with(&format!("matrix_id = \"{name}\"")),
            &format!("\"{name}\""),
            &no_name("matrix_id", "directory.entra", name),
        );
        wrong_end(
            &directory_with(&format!("attribute = \"{name}\"")),
            &format!("\"{name}\""),
            &no_name("attribute", "directory", name),
        );
    }
    for (name, better) in [
        ("extensionAttribute7", "extensionAttribute7"),
        ("onPremisesExtensionAttributes", "extensionAttribute1"),
        (
            "onPremisesExtensionAttributes/extensionAttribute16",
            "extensionAttribute1",
        ),
        (
            "onPremisesExtensionAttributes/extensionattribute1",
            "extensionAttribute1",
        ),
        ("onPremisesExtensionAttributes/mail", "extensionAttribute1"),
    ] {
        wrong_end(
            &directory_with(&format!("attribute = \"{name}\"")),
            &format!("\"{name}\""),
            &format!(
                "`attribute` in [directory]: `{name}` is not a property with a text; the parts of \
                 onPremisesExtensionAttributes are extensionAttribute1 to extensionAttribute15, so write it like \
                 \"onPremisesExtensionAttributes/{better}\""
            ),
        );
    }
}

#[test]
fn clouds() {
    wrong(
        &least_with("cloud = \"Global\""),
        "\"Global\"",
        "`cloud` in [directory.entra]: `Global` is unknown, did you mean `global`?",
    );
    wrong(
        &least_with("cloud = \"germany\""),
        "\"germany\"",
        "`cloud` in [directory.entra]: `germany` is unknown; write `global`, `us_government`, `us_defense` or `china`",
    );
    for (given, missing) in [("authority", "graph_url"), ("graph_url", "authority")] {
        wrong(
            &least_with(&format!("{given} = \"https://x.example.com\"")),
            "\"https://x",
            &format!("`{given}` in [directory.entra] needs `{missing}` too"),
        );
    }
    let urls = "authority = \"https://login.example.com\"\ngraph_url = \"https://graph.example.com\"";
    wrong(
        &format!("{LEAST}{urls}\ncloud = \"global\""),
        "\"global\"",
        "`cloud` in [directory.entra] has no effect beside `authority` and `graph_url`; keep it, or those two",
    );
    for key in ["authority", "graph_url"] {
        let url = |url: &str, message: &str| {
            let other = if key == "authority" {
                "graph_url"
            } else {
                "authority"
            };
            wrong(
                &format!("{LEAST}{key} = \"{url}\"\n{other} = \"https://other.example.com\""),
                &format!("\"{url}\""),
                &format!("`{key}` in [directory.entra]: {message}"),
            );
        };
        for odd in ["graph.example.com", "ldaps://graph.example.com", "https://"] {
            url(
                odd,
                &format!(
                    "`{odd}` is not a URL that can be used; write one such as \"https://graph.microsoft.com\""
                ),
            );
        }
        url(
            "http://graph.example.com",
            "`http://graph.example.com` would send the application's secret unencrypted; use https, or set \
             `danger_allow_plain_http = true` if nobody can read the traffic",
        );
        for secret in [
            "https://me:hunter2@graph.example.com",
            "https://graph.example.com?key=hunter2",
            "https://graph.example.com#hunter2",
        ] {
            url(
                secret,
                "a URL with a user name, a password, a query or a fragment in it is not accepted; write one such as \
                 \"https://graph.microsoft.com\"",
            );
        }
    }
}

#[test]
fn numbers() {
    let one = |line: &str, what: &str, message: &str| wrong(&least_with(line), what, message);
    for number in [0, 17] {
        one(
            &format!("concurrency = {number}"),
            &format!("{number}\n"),
            &format!("`concurrency` in [directory.entra] is {number} and must be between 1 and 16"),
        );
    }
    for limit in [0, 15, 1_048_577] {
        one(
            &format!("read_limit_mib = {limit}"),
            &format!("{limit}\n"),
            &format!("`read_limit_mib` in [directory.entra] is {limit} and must be between 16 and 1048576"),
        );
    }
    for (key, default) in [
        ("connect_timeout", 10),
        ("request_timeout", 60),
        ("read_timeout", 1800),
    ] {
        one(
            &format!("{key} = \"0s\""),
            "\"0s\"",
            &format!(
                "`{key}` in [directory.entra] is 0, so every request would fail; leave it out for {default}s"
            ),
        );
    }
    for every in ["0s", "59s", "6d 1s", "7d"] {
        one(
            &format!("full_read_every = \"{every}\""),
            &format!("\"{every}\""),
            "`full_read_every` in [directory.entra] must be between 1m and 6d; Microsoft keeps what changed for seven \
             days only",
        );
    }
}

#[test]
fn the_way_there() {
    let error = error_of(&around(
        "",
        "",
        &directory(&least_with("proxy = \"http://me:hunter2@proxy.example.com\"")),
    ));
    assert!(
        error.contains("`proxy` in [directory.entra]: a proxy with a user name or password")
            && !error.contains("hunter2"),
        "{error}"
    );
    let place = Place::new();
    wrong_in(
        &place,
        &least_with("ca_file = \"token\""),
        &format!(
            "`ca_file` in [directory.entra]: the file `{}` holds no certificate in PEM form \
             (`-----BEGIN CERTIFICATE-----`); convert it, or name another",
            place.path("token").display()
        ),
    );
}

#[test]
fn unknown_keys() {
    for (key, near) in [
        ("tenat", "tenant"),
        ("clientid", "client_id"),
        ("root_groups", "root_group"),
        ("certificate-file", "certificate_file"),
        ("graph_uri", "graph_url"),
    ] {
        wrong(
            &format!("{LEAST}{key} = \"x\""),
            &format!("{key} = \"x\""),
            &format!("unknown key `{key}` in [directory.entra], did you mean `{near}`?"),
        );
    }
    let lines = without(LEAST, &["group_prefix"]) + "gruppe = 1";
    let errors = errors_of(&around("", "", &directory(&lines)));
    assert!(
        errors
            .iter()
            .any(|error| error.contains("unknown key `gruppe` in [directory.entra]")),
        "{errors:#?}"
    );
}
