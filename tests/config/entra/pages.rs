//! README.md and docs/entra.md say what is so.

use inviter::config::Config;

use super::{environment, of};
use crate::{Place, around};

/// Every description of a tenant on the pages for people is right as it stands.
#[test]
fn the_examples_of_the_pages_are_right() {
    let place = Place::new();
    place.secret("entra_client_secret", "s3cret");
    place.secret("entra.key", "-----BEGIN PRIVATE KEY-----\n");
    for name in ["entra.pem", "ca.pem"] {
        std::fs::write(place.path(name), "-----BEGIN CERTIFICATE-----\n").unwrap();
    }
    let token = place.path("token").display().to_string();
    let platform = environment(&[
        ("AZURE_TENANT_ID", "example.onmicrosoft.com"),
        ("AZURE_CLIENT_ID", "11112222-bbbb-3333-cccc-4444dddd5555"),
        ("AZURE_FEDERATED_TOKEN_FILE", token.as_str()),
    ]);
    let readme: Vec<&str> = include_str!("../../../README.md").lines().collect();
    // Indented there, and fenced on the other page.
    let readme =
        readme.chunk_by(|a, b| a.starts_with("    ") || a.is_empty() && b.starts_with("    ") || a == b);
    let readme = readme.map(|lines| {
        let lines = lines.iter().map(|line| line.trim_start());
        lines.collect::<Vec<_>>().join("\n")
    });
    let page = include_str!("../../../docs/entra.md").split("```toml\n").skip(1);
    let page = page.map(|rest| rest.split("```").next().unwrap().to_owned());
    let mut tried = 0;
    for example in readme
        .chain(page)
        .filter(|text| text.contains("[directory.entra]") || text.starts_with("[[room]]"))
    {
        // Rooms stand by themselves there, and need the tenant.
        let example = match example.split_once("[[directory]]") {
            Some((_, rest)) => format!("[[directory]]{}", rest.replace("\"people\"", "\"corp\"")),
            None => super::directory(super::LEAST) + &example.replace("\"people\"", "\"corp\""),
        };
        let text = around("", "", &example);
        let config = Config::parse(&text, &place.path("inviter.toml"), &platform);
        let config = config.unwrap_or_else(|e| panic!("{e}\n{example}"));
        assert_eq!(of(&config).1.entra.check(), Ok(()), "{example}");
        tried += 1;
    }
    assert_eq!(tried, 6);
}

/// The table of clouds says where each is.
#[test]
fn the_page_tells_the_clouds() {
    use inviter::azure::Cloud;

    let page = include_str!("../../../docs/entra.md");
    for (word, cloud) in [
        ("global", Cloud::Global),
        ("us_government", Cloud::UsGovernment),
        ("us_defense", Cloud::UsDefense),
        ("china", Cloud::China),
    ] {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{word}`")));
        let row = row.unwrap_or_else(|| panic!("{word} is not on the page"));
        for url in [cloud.authority(), cloud.graph()] {
            assert!(row.contains(&format!("`{url}`")), "{row}: {url}");
        }
    }
}
