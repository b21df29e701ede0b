//! `kind = "ldap"`: what a description of a server says when it is right.

mod errors;
mod log_in;
mod pages;

use std::time::Duration;

use inviter::{
    config::{Config, DirectoryConfig, DirectoryKind},
    ldap::{Bind, ClientCertificate, DisabledBy, LdapConfig, Preset, PrimaryGroup, Schema},
};
use secrecy::ExposeSecret as _;

use super::{
    Place, around, good,
    lines::{replaced, without},
    told, wrong_end,
};

/// The least that describes a server.
const LEAST: &str = r#"urls = ["ldaps://ldap.example.com"]
bind_dn = "cn=bot,dc=example,dc=com"
password_env = "INVITER_PASSWORD"
user_bases = ["ou=people,dc=example,dc=com"]
group_bases = ["ou=groups,dc=example,dc=com"]
"#;

/// A directory after the one that every file here has, with these lines about its server.
fn directory(server: &str) -> String {
    format!("[[directory]]\nname = \"corp\"\nkind = \"ldap\"\n[directory.ldap]\n{server}\n")
}

/// The least lines, with one in place of that with its key, or added.
fn least_with(line: &str) -> String {
    replaced(LEAST, line)
}

/// A place with the files that a certificate needs.
fn place_with_certificates() -> Place {
    let place = Place::new();
    for name in ["ca.pem", "client.pem"] {
        std::fs::write(place.path(name), "-----BEGIN CERTIFICATE-----\n").unwrap();
    }
    place.secret("client.key", "-----BEGIN PRIVATE KEY-----\n");
    place
}

fn of(config: &Config) -> (&DirectoryConfig, &LdapConfig) {
    let directory = config.directories.last().unwrap();
    match &directory.kind {
        DirectoryKind::Ldap(ldap) => (directory, ldap),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn ldap(server: &str) -> LdapConfig {
    of(&good(&directory(server))).1.clone()
}

/// Asserts the one error of a server's lines, and that it stands where `what` does.
#[track_caller]
fn wrong(server: &str, what: &str, message: &str) {
    wrong_end(&directory(server), what, message);
}

/// Asserts the one error of a file in a place.
#[track_caller]
fn wrong_in(place: &Place, server: &str, message: &str) {
    let errors = place.parse(&around("", "", &directory(server)));
    let errors = told(&errors.expect_err("this file is wrong"));
    let [error] = errors.as_slice() else {
        panic!("{errors:#?}")
    };
    let (_, error) = error.split_once(": ").unwrap();
    assert_eq!(error, message);
}

#[test]
fn the_least() {
    let config = good(&directory(LEAST));
    let (directory, ldap) = of(&config);
    assert_eq!(directory.name.as_str(), "corp");
    assert_eq!(
        (directory.attribute.as_str(), directory.before_at),
        ("uid", false)
    );
    let Bind::Simple { dn, password } = &ldap.bind else {
        panic!("{ldap:?}")
    };
    assert_eq!(
        (dn.as_str(), password.expose_secret()),
        ("cn=bot,dc=example,dc=com", "from-env")
    );
    assert_eq!(ldap.urls, ["ldaps://ldap.example.com"]);
    assert_eq!(ldap.user_bases, ["ou=people,dc=example,dc=com"]);
    assert_eq!(ldap.group_bases, ["ou=groups,dc=example,dc=com"]);
    assert_eq!(ldap.attributes, ["uid"]);
    assert_eq!(ldap.schema, Schema::new(Preset::GroupOfNames));
    assert!(!ldap.start_tls && !ldap.danger_allow_plain_ldap);
    assert_eq!((&ldap.ca_file, &ldap.client_certificate), (&None, &None));
    assert_eq!((&ldap.matrix_id_attribute, ldap.page_size), (&None, 500));
    assert_eq!(ldap.read_limit_mib, 4096);
    assert!(ldap.ignore_referrals.is_empty());
    let seconds = [ldap.connect_timeout, ldap.operation_timeout, ldap.read_timeout];
    assert_eq!(seconds.map(|time| time.as_secs()), [10, 60, 900]);
    assert_eq!(ldap.check(), Ok(()));
}

#[test]
fn each_schema_by_its_name() {
    for (word, preset, attribute) in [
        ("group_of_names", Preset::GroupOfNames, "uid"),
        ("group_of_unique_names", Preset::GroupOfUniqueNames, "uid"),
        ("posix_group", Preset::PosixGroup, "uid"),
        ("active_directory", Preset::ActiveDirectory, "sAMAccountName"),
        ("freeipa", Preset::FreeIpa, "uid"),
    ] {
        let config = good(&directory(&least_with(&format!("schema = \"{word}\""))));
        let (directory, ldap) = of(&config);
        assert_eq!(ldap.schema, Schema::new(preset), "{word}");
        assert_eq!(directory.attribute, attribute, "{word}");
        assert_eq!(
            ldap.attributes,
            [attribute],
            "{word}: it is read, since IDs are made of it"
        );
    }
}

#[test]
fn the_attribute_of_ids_may_be_another() {
    let server = least_with("schema = \"active_directory\"");
    let end = directory(&server).replace(
        "[directory.ldap]",
        "attribute = \"userPrincipalName\"\n[directory.ldap]",
    );
    let config = good(&end);
    let (directory, ldap) = of(&config);
    assert_eq!(directory.attribute, "userPrincipalName");
    assert!(directory.before_at);
    assert_eq!(ldap.attributes, ["userPrincipalName"]);
    // Nothing of it goes to the directory before, which is a file.
    assert_eq!(config.directories[0].attribute, "uid");
}

#[test]
fn every_part_of_a_schema_can_be_changed() {
    let schema = ldap(&format!(
        "{LEAST}{}",
        r#"
        schema = "posix_group"
        user_filter = "(objectClass=inetOrgPerson)"
        group_filter = "(&(objectClass=posixGroup)(cn=xxx*))"
        group_name = "displayName"
        members = ["member", "uniqueMember"]
        member_logins = ["memberUid", "rfc822mail"]
        login = "mail"
        owners = ["owner", "manager"]
        ids = ["nsUniqueId"]
        primary_group = "gidNumber"
        disabled_by = ["shadowExpire", "userAccountControl"]
        disabled_filter = "(employeeType=former)"
        empty_groups = false
        placeholders = ["cn=nobody,dc=example,dc=com"]
        "#
    ))
    .schema;
    let texts = |values: &[&str]| -> Vec<String> { values.iter().map(|&text| text.to_owned()).collect() };
    let mut expected = Schema::new(Preset::PosixGroup);
    expected.user_filter = "(objectClass=inetOrgPerson)".to_owned();
    expected.group_filter = "(&(objectClass=posixGroup)(cn=xxx*))".to_owned();
    expected.group_name = "displayName".to_owned();
    expected.members = texts(&["member", "uniqueMember"]);
    expected.member_logins = texts(&["memberUid", "rfc822mail"]);
    expected.login = "mail".to_owned();
    expected.owners = texts(&["owner", "manager"]);
    expected.ids = texts(&["nsUniqueId"]);
    expected.primary_group = PrimaryGroup::GidNumber;
    expected.disabled_by = vec![DisabledBy::ShadowExpire, DisabledBy::UserAccountControl];
    expected.disabled_filter = Some("(employeeType=former)".to_owned());
    expected.empty_groups = false;
    expected.placeholders = texts(&["cn=nobody,dc=example,dc=com"]);
    assert_eq!(schema, expected);
}

/// An empty list takes away what the schema has, where a missing key leaves it.
#[test]
fn lists_may_be_empty() {
    let server = format!("{LEAST}owners = []\ndisabled_by = []\nids = []\n");
    let schema = ldap(&server).schema;
    assert!(schema.owners.is_empty() && schema.disabled_by.is_empty() && schema.ids.is_empty());
    // Primary groups may be all that there is.
    let server = format!("{LEAST}members = []\nprimary_group = \"gidNumber\"\n");
    assert!(ldap(&server).schema.members.is_empty());
}

#[test]
fn how_the_server_is_reached() {
    let several = ldap(&least_with(
        "urls = [\"ldaps://a.example.com:3636\", \"ldapi://%2Frun%2Fldapi\", \"ldap://127.0.0.1\", \"ldap://[::1]:389\"]",
    ));
    assert_eq!(
        several.urls,
        [
            "ldaps://a.example.com:3636",
            "ldapi://%2Frun%2Fldapi",
            "ldap://127.0.0.1",
            "ldap://[::1]:389"
        ]
    );
    let plain = least_with("urls = [\"ldap://ldap.example.com\"]");
    assert!(ldap(&format!("{plain}start_tls = true")).start_tls);
    assert!(ldap(&format!("{plain}danger_allow_plain_ldap = true")).danger_allow_plain_ldap);
    let rest = ldap(&format!(
        "{LEAST}matrix_id = \"matrixId\"\nignore_referrals = [\"dc=branch,dc=example,dc=com\"]\npage_size = 1000\n\
         connect_timeout = \"3s\"\noperation_timeout = \"2m\"\nread_timeout = \"1h\"\nread_limit_mib = 16"
    ));
    assert_eq!(rest.matrix_id_attribute.as_deref(), Some("matrixId"));
    assert_eq!(rest.ignore_referrals, ["dc=branch,dc=example,dc=com"]);
    assert_eq!((rest.page_size, rest.read_limit_mib), (1000, 16));
    assert_eq!(
        (rest.connect_timeout, rest.operation_timeout, rest.read_timeout),
        (
            Duration::from_secs(3),
            Duration::from_secs(120),
            Duration::from_secs(3600)
        )
    );
}

#[test]
fn how_the_bot_logs_in() {
    let place = place_with_certificates();
    place.secret("password", "s3cret\n");
    let parse = |server: &str| {
        let config = place.parse(&around("", "", &directory(server)));
        of(&config.unwrap_or_else(|e| panic!("{e}"))).1.clone()
    };
    // Active Directory takes names that are no DNs.
    let by_name = replaced(
        &without(LEAST, &["password_env"]),
        "bind_dn = \"bot@example.com\"",
    );
    let Bind::Simple { dn, password } = parse(&format!("{by_name}password_file = \"password\"")).bind else {
        panic!()
    };
    assert_eq!(
        (dn.as_str(), password.expose_secret()),
        ("bot@example.com", "s3cret")
    );

    let nameless = without(LEAST, &["bind_dn", "password_env"]);
    let external = parse(&format!(
        "{nameless}bind = \"external\"\nca_file = \"ca.pem\"\nclient_cert_file = \"client.pem\"\nclient_key_file = \
         \"client.key\""
    ));
    assert!(matches!(external.bind, Bind::External));
    assert_eq!(external.ca_file, Some(place.path("ca.pem")));
    let certificate = ClientCertificate {
        certificate: place.path("client.pem"),
        key: place.path("client.key"),
    };
    assert_eq!(external.client_certificate, Some(certificate));
    // A socket tells who is at its other end.
    let socket = replaced(&nameless, "urls = [\"ldapi://%2Frun%2Fldapi\"]");
    assert!(matches!(
        parse(&format!("{socket}bind = \"external\"")).bind,
        Bind::External
    ));
    assert!(matches!(
        parse(&format!("{nameless}bind = \"anonymous\"")).bind,
        Bind::Anonymous
    ));
}

#[test]
fn the_password_shows_nowhere() {
    let place = Place::new();
    place.secret("password", "hunter2\n");
    let server = without(LEAST, &["password_env"]) + "password_file = \"password\"";
    let text = around("", "", &directory(&server));
    let config = place.parse(&text).unwrap();
    assert!(!format!("{config:?} {config:#?}").contains("hunter2"));
    let explained = Config::explain(&text, &place.path("inviter.toml"), &super::environment).unwrap();
    assert!(!format!("{explained:?}").contains("hunter2"));
}

/// The groups of the one listed room of a file, as the room means them.
fn listed(directories: &str, groups: &str) -> Vec<String> {
    let room = format!("[[room]]\nalias = \"#a:example.com\"\ngroups = [{groups}]");
    let config = good(&format!("{directories}{room}"));
    let groups = config.rooms[0].groups.iter();
    groups.map(|group| group.group.as_str().to_owned()).collect()
}

/// A name is one name in every spelling, and LDAP directories call their groups by one of them.
#[test]
fn dns_in_rooms_are_as_names_compare() {
    let corp = directory(LEAST);
    let written = "CN=Staff \\\\2B Co, OU=Groups,DC=example,DC=com";
    let canonical = "cn=staff \\2b co,ou=groups,dc=example,dc=com";
    let table =
        |directory: &str| format!("{{ group = \"{written}\", directory = \"{directory}\", level = 50 }}");
    assert_eq!(listed(&corp, &format!("\"{written}\"")), [canonical]);
    assert_eq!(listed(&corp, &table("corp")), [canonical]);
    // Groups of a file are called as it calls them.
    let as_written = written.replace("\\\\", "\\");
    assert_eq!(listed(&corp, &table("people")), [as_written.as_str()]);
    assert_eq!(listed("", &format!("\"{written}\"")), [as_written.as_str()]);
    // What is no DN is a name or key.
    for name in ["Staff", "a=b", "Staff, Berlin", "0c6e-11"] {
        assert_eq!(listed(&corp, &format!("\"{name}\"")), [name]);
    }
    // Twice the same, in two spellings.
    wrong_end(
        &format!("{corp}[[room]]\nalias = \"#a:example.com\"\ngroups = [\"cn=a,dc=b\", \"CN=A, DC=B\"]"),
        "\"CN=A",
        "the group `cn=a,dc=b` is listed twice in this room; keep one",
    );
}

/// Escaped, a placeholder would be none.
#[test]
fn dns_with_placeholders_stay_as_they_are() {
    let room = "[[room]]\nalias = \"#year-<1>:example.com\"\narguments = [\"2025\"]\n\
                groups = [\"CN=Students-<1>,OU=Groups,DC=example,DC=com\"]";
    let config = good(&format!("{}{room}", directory(LEAST)));
    let group = &config.templates[0].groups[0].group;
    assert_eq!(group, "CN=Students-<1>,OU=Groups,DC=example,DC=com");
}
