//! `kind = "entra"`: what a description of a tenant says when it is right.

mod errors;
mod log_in;
mod pages;
mod rooms;

use std::{collections::BTreeMap, time::Duration};

use inviter::{
    azure::{Cloud, EntraConfig, RoomGroups},
    config::{Config, DirectoryConfig, DirectoryKind, EntraDirectoryConfig},
    core::mint::GuestRule,
};
use secrecy::ExposeSecret as _;

use super::{Place, around, good, lines::replaced, told, wrong_end};

const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
const CLIENT: &str = "11112222-bbbb-3333-cccc-4444dddd5555";
const GROUP: &str = "02bd9fd6-8f93-4758-87c3-1fb73740a315";
const OTHER_GROUP: &str = "0d5ff1ae-1f4b-4b2c-9f4d-8f1f2f6b3c11";

/// The least that describes a tenant.
const LEAST: &str = r#"tenant = "aaaabbbb-0000-cccc-1111-dddd2222eeee"
client_id = "11112222-bbbb-3333-cccc-4444dddd5555"
client_secret_env = "INVITER_PASSWORD"
group_prefix = "MTRX "
"#;

/// A directory after the one that every file here has, with these lines about its tenant.
fn directory(tenant: &str) -> String {
    format!("[[directory]]\nname = \"corp\"\nkind = \"entra\"\n[directory.entra]\n{tenant}\n")
}

/// The same with a line about the directory.
fn directory_with(line: &str) -> String {
    directory(LEAST).replace("[directory.entra]", &format!("{line}\n[directory.entra]"))
}

/// The least lines, with one in place of that with its key, or added.
fn least_with(line: &str) -> String {
    replaced(LEAST, line)
}

fn of(config: &Config) -> (&DirectoryConfig, &EntraDirectoryConfig) {
    let directory = config.directories.last().unwrap();
    match &directory.kind {
        DirectoryKind::Entra(entra) => (directory, entra),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn entra(tenant: &str) -> EntraConfig {
    of(&good(&directory(tenant))).1.entra.clone()
}

/// Asserts the one error of a tenant's lines, and that it stands where `what` does.
#[track_caller]
fn wrong(tenant: &str, what: &str, message: &str) {
    wrong_end(&directory(tenant), what, message);
}

/// Asserts the one error of a file in a place.
#[track_caller]
fn wrong_in(place: &Place, tenant: &str, message: &str) {
    let errors = place.parse(&around("", "", &directory(tenant)));
    let errors = told(&errors.expect_err("this file is wrong"));
    let [error] = errors.as_slice() else {
        panic!("{errors:#?}")
    };
    let (_, error) = error.split_once(": ").unwrap();
    assert_eq!(error, message);
}

/// The variables that every test has, and more.
fn environment(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    let home = [("HOME", "/home/inviter"), ("INVITER_PASSWORD", "from-env")];
    let all = home.iter().chain(variables);
    all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn the_least() {
    let config = good(&directory(LEAST));
    let (directory, config) = of(&config);
    assert_eq!(directory.name.as_str(), "corp");
    assert_eq!(
        (directory.attribute.as_str(), directory.before_at),
        ("userPrincipalName", true)
    );
    assert_eq!(directory.guests, GuestRule::Skip);
    let entra = &config.entra;
    assert_eq!(entra.cloud, Cloud::Global);
    let rooms = RoomGroups {
        root: None,
        name_prefix: Some("MTRX ".to_owned()),
        ids: Vec::new(),
    };
    assert_eq!(entra.rooms, rooms);
    assert_eq!(entra.properties, ["userPrincipalName"]);
    assert_eq!((&entra.matrix_id_property, entra.concurrency), (&None, 4));
    assert_eq!(entra.read_limit_mib, 8192);
    let seconds = [
        entra.connect_timeout,
        entra.request_timeout,
        entra.read_timeout,
        entra.full_read_every,
    ];
    assert_eq!(seconds.map(|time| time.as_secs()), [10, 60, 1800, 6 * 3600]);
    assert!(entra.ca_file.is_none() && entra.proxy.is_none() && !entra.danger_allow_plain_http);
    assert_eq!(entra.check(), Ok(()));
}

/// What is left out is what the library takes by itself.
#[test]
fn the_defaults_are_the_librarys() {
    let bare = EntraConfig::new(RoomGroups {
        name_prefix: Some("MTRX ".to_owned()),
        ..RoomGroups::default()
    });
    assert_eq!(format!("{:?}", entra(LEAST)), format!("{bare:?}"));
}

/// The directory is there, and contacts nobody before it is read.
#[test]
fn a_provider_is_made_of_it() {
    let providers = inviter::wiring::providers(&good(&directory(LEAST)));
    let names: Vec<String> = providers
        .iter()
        .map(|provider| provider.id().to_string())
        .collect();
    assert_eq!(names, ["people", "corp"]);
}

#[test]
fn the_property_of_ids_may_be_another() {
    for (property, before_at) in [
        ("mail", true),
        ("userPrincipalName", true),
        ("mailNickname", false),
        ("onPremisesSamAccountName", false),
        ("employeeId", false),
        ("onPremisesExtensionAttributes/extensionAttribute1", false),
        ("onPremisesExtensionAttributes/extensionAttribute15", false),
        ("extension_0123456789abcdef0123456789abcdef_matrixName", false),
    ] {
        let config = good(&directory_with(&format!("attribute = \"{property}\"")));
        let (directory, entra) = of(&config);
        assert_eq!(directory.attribute, property);
        assert_eq!(directory.before_at, before_at, "{property}");
        assert_eq!(
            entra.entra.properties,
            [property],
            "it is read, since IDs are made of it"
        );
        // Nothing of it goes to the directory before, which is a file.
        assert_eq!(config.directories[0].attribute, "uid");
    }
    let config = good(&directory_with("before_at = false\nguests = \"strip\""));
    let (directory, _) = of(&config);
    assert!(!directory.before_at);
    assert_eq!(directory.guests, GuestRule::Strip);
}

#[test]
fn where_the_tenant_is() {
    for (word, cloud) in [
        ("global", Cloud::Global),
        ("us_government", Cloud::UsGovernment),
        ("us_defense", Cloud::UsDefense),
        ("china", Cloud::China),
    ] {
        assert_eq!(entra(&least_with(&format!("cloud = \"{word}\""))).cloud, cloud);
    }
    let custom = |authority: &str, graph: &str| Cloud::Custom {
        authority: authority.to_owned(),
        graph: graph.to_owned(),
    };
    let with = |authority: &str, graph: &str, more: &str| {
        let lines = format!("{LEAST}authority = \"{authority}\"\ngraph_url = \"{graph}\"\n{more}");
        assert_eq!(entra(&lines).cloud, custom(authority, graph));
    };
    with("https://login.example.com", "https://graph.example.com/v1.0/", "");
    // To this machine, nobody is on the way.
    with("http://127.0.0.1:8080", "http://localhost:8080", "");
    with(
        "http://login.example.com",
        "http://graph.example.com",
        "danger_allow_plain_http = true",
    );
}

#[test]
fn what_is_read() {
    let all = entra(&format!(
        "{LEAST}root_group = \"{}\"\ngroups = [\"{OTHER_GROUP}\", \"{}\"]\nmatrix_id = \
         \"onPremisesExtensionAttributes/extensionAttribute2\"",
        GROUP.to_uppercase(),
        "0D5FF1AE-1F4B-4B2C-9F4D-8F1F2F6B3C12",
    ));
    assert_eq!(
        all.rooms,
        RoomGroups {
            // As Graph writes them.
            root: Some(GROUP.to_owned()),
            name_prefix: Some("MTRX ".to_owned()),
            ids: vec![
                OTHER_GROUP.to_owned(),
                "0d5ff1ae-1f4b-4b2c-9f4d-8f1f2f6b3c12".to_owned()
            ],
        }
    );
    assert_eq!(
        all.matrix_id_property.as_deref(),
        Some("onPremisesExtensionAttributes/extensionAttribute2")
    );
    // Each of the three is enough.
    for one in [
        format!("root_group = \"{GROUP}\""),
        format!("groups = [\"{GROUP}\"]"),
    ] {
        let lines = LEAST.replace("group_prefix = \"MTRX \"", &one);
        assert_eq!(entra(&lines).check(), Ok(()), "{one}");
    }
}

#[test]
fn limits() {
    let rest = entra(&format!(
        "{LEAST}concurrency = 16\nconnect_timeout = \"3s\"\nrequest_timeout = \"2m\"\nread_timeout = \"1h\"\n\
         full_read_every = \"6d\"\nread_limit_mib = 1048576\nproxy = \"http://proxy.example.com:3128\""
    ));
    assert_eq!((rest.concurrency, rest.read_limit_mib), (16, 1_048_576));
    let times = [
        rest.connect_timeout,
        rest.request_timeout,
        rest.read_timeout,
        rest.full_read_every,
    ];
    assert_eq!(times, [3, 120, 3600, 6 * 86400].map(Duration::from_secs));
    assert_eq!(
        rest.proxy.unwrap().expose_secret(),
        "http://proxy.example.com:3128/"
    );
    let least = entra(&least_with("full_read_every = \"1m\""));
    assert_eq!(least.full_read_every, Duration::from_secs(60));
    let place = Place::new();
    std::fs::write(place.path("ca.pem"), "-----BEGIN CERTIFICATE-----\n").unwrap();
    let config = place.parse(&around("", "", &directory(&least_with("ca_file = \"ca.pem\""))));
    let config = config.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(of(&config).1.entra.ca_file, Some(place.path("ca.pem")));
}
