//! Tenants of Entra in the configuration as it takes effect.

use super::*;

/// A file that is there.
const TOKEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
const APPLICATION: &str = "tenant = \"example.com\"\nclient_id = \"11112222-bbbb-3333-cccc-4444dddd5555\"\n\
                           client_secret_env = \"INVITER_PASSWORD\"";

fn directory(lines: &str) -> String {
    format!(
        "[[directory]]\nname = \"a\"\nkind = \"entra\"\n[directory.entra]\ngroup_prefix = \"MTRX \"\n{lines}\n"
    )
}

fn platform() -> [(&'static str, &'static str); 4] {
    [
        ("INVITER_PASSWORD", "hunter2"),
        ("AZURE_TENANT_ID", "tenant.example.com"),
        ("AZURE_CLIENT_ID", "99992222-bbbb-3333-cccc-4444dddd5555"),
        ("AZURE_FEDERATED_TOKEN_FILE", TOKEN),
    ]
}

fn environment() -> BTreeMap<String, String> {
    let home = [("HOME", "/home/inviter")];
    let all = home.into_iter().chain(platform());
    all.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn what_is_explained_is_the_configuration() {
    for lines in [
        APPLICATION.to_owned(),
        format!("{APPLICATION}\ncloud = \"china\""),
        format!(
            "{APPLICATION}\nauthority = \"https://login.example.com\"\ngraph_url = \"https://graph.example.com\""
        ),
        "credential = \"managed_identity\"".to_owned(),
        "credential = \"workload_identity\"".to_owned(),
        format!(
            "{APPLICATION}\nroot_group = \"02BD9FD6-8F93-4758-87C3-1FB73740A315\"\nmatrix_id = \"employeeId\"\n\
             concurrency = 2\nfull_read_every = \"2h\"\nproxy = \"http://proxy.example.com\"\n[[room]]\nalias = \
             \"#a:example.com\"\ngroups = [\"02bd9fd6-8f93-4758-87c3-1fb73740a316\"]"
        ),
    ] {
        means_the_same_with(&directory(&lines), &environment());
    }
}

#[test]
fn defaults_and_where_others_are_from() {
    let mut variables = platform().to_vec();
    variables.push(("INVITER__DIRECTORY__1__ENTRA__CONCURRENCY", "2"));
    variables.push(("INVITER__DIRECTORY__2__ENTRA__CLOUD", "us_defense"));
    let explained = explain(
        &around(
            "",
            "",
            &(directory("credential = \"workload_identity\"")
                + &directory(APPLICATION).replace("\"a\"", "\"b\"")),
        ),
        &variables,
    );
    assert!(!format!("{explained:?}").contains("hunter2"));
    let order = explained.sections.iter().map(|section| section.path.as_str());
    let order: Vec<&str> = order.filter(|path| path.starts_with("directory")).collect();
    assert_eq!(
        order,
        [
            // A file has no section of a tenant, and a tenant none of an LDAP server.
            "directory",
            "directory.renames",
            "directory",
            "directory.entra",
            "directory.renames",
            "directory",
            "directory.entra",
            "directory.renames"
        ]
    );
    let sections = explained.sections.iter().filter(|s| s.path == "directory.entra");
    let [a, b] = sections.collect::<Vec<_>>()[..] else {
        panic!("{explained:?}")
    };
    let of = |section: &inviter::config::ExplainedSection, name: &str| {
        let setting = section.settings.iter().find(|setting| setting.name == name);
        shown(setting.unwrap())
    };
    let by_default = |value: SettingValue| (Some(value), vec!["default".to_owned()]);
    let by_variable = |value: SettingValue, name: &str| (Some(value), vec![name.to_owned()]);
    // What the platform says counts for its own credential alone.
    assert_eq!(of(a, "tenant"), by_default(text("tenant.example.com")));
    assert_eq!(
        of(a, "client_id"),
        by_default(text("99992222-bbbb-3333-cccc-4444dddd5555"))
    );
    assert_eq!(of(a, "federated_token_file"), by_default(text(TOKEN)));
    assert_eq!(of(b, "federated_token_file"), (None, vec!["default".to_owned()]));
    assert_eq!(of(a, "cloud"), by_default(text("global")));
    assert_eq!(
        of(b, "cloud"),
        by_variable(text("us_defense"), "INVITER__DIRECTORY__2__ENTRA__CLOUD")
    );
    assert_eq!(
        of(a, "concurrency"),
        by_variable(
            SettingValue::Integer(2),
            "INVITER__DIRECTORY__1__ENTRA__CONCURRENCY"
        )
    );
    assert_eq!(of(b, "concurrency"), by_default(SettingValue::Integer(4)));
    assert_eq!(of(b, "credential"), by_default(text("client_secret")));
    for (name, value) in [
        ("connect_timeout", "10s"),
        ("request_timeout", "60s"),
        ("read_timeout", "30m"),
        ("full_read_every", "6h"),
    ] {
        assert_eq!(of(b, name), by_default(text(value)));
    }
    assert_eq!(of(b, "groups"), by_default(SettingValue::List(Vec::new())));
    assert_eq!(of(b, "authority"), (None, vec!["default".to_owned()]));
    let attribute = shown(setting(&explained, "directory", Some(1), "attribute"));
    assert_eq!(attribute, by_default(text("userPrincipalName")));
    let before_at = shown(setting(&explained, "directory", Some(1), "before_at"));
    assert_eq!(before_at, by_default(SettingValue::Flag(true)));
}
