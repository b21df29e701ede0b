use std::sync::Arc;

use super::*;
use crate::{Cloud, EntraConfig, RoomGroups, graph::scripted::Tokens};

fn graph(url: &str) -> Graph {
    let mut config = EntraConfig::new(RoomGroups::default());
    config.cloud = Cloud::Custom {
        authority: url.to_owned(),
        graph: url.to_owned(),
    };
    Graph::new(&config, Arc::new(Tokens::default())).unwrap()
}

#[test]
fn only_links_to_graph_itself_are_taken() {
    let here = graph("https://graph.example");
    let link = "https://graph.example/v1.0/groups/delta?$deltatoken=hush-1";
    assert_eq!(here.link(link).unwrap().0.as_str(), link);
    // The same, written otherwise.
    here.link("https://GRAPH.example:443/v1.0/users").unwrap();
    let refused = [
        (
            "http://graph.example/v1.0/users?$skiptoken=hush",
            "http://graph.example",
        ),
        (
            "https://graph.example:8443/v1.0/users?$skiptoken=hush",
            "https://graph.example:8443",
        ),
        (
            "https://graph.example.evil.example/?$skiptoken=hush",
            "graph.example.evil.example",
        ),
        (
            "https://evil.example/v1.0/users?$skiptoken=hush",
            "https://evil.example",
        ),
        (
            "https://graph.example@evil.example/?$skiptoken=hush",
            "https://evil.example",
        ),
        ("https://user:hush@graph.example/v1.0/users", "a user in it"),
        ("https://user@graph.example/v1.0/users", "a user in it"),
        ("file:///etc/passwd", "file://nowhere"),
        ("/v1.0/users?$skiptoken=hush", "not a URL"),
        ("", "not a URL"),
        ("javascript:alert(1)", "nowhere"),
    ];
    for (link, why) in refused {
        let error = here.link(link).unwrap_err();
        assert_eq!(error.kind, GraphErrorKind::Malformed, "{link}");
        assert!(error.message.contains(why), "{link}: {error}");
        assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
    }
    let plain = graph("http://127.0.0.1:8080");
    plain.link("http://127.0.0.1:8080/v1.0/users").unwrap();
    plain.link("http://localhost:8080/v1.0/users").unwrap_err();
}

#[test]
fn a_link_is_shown_without_its_tokens() {
    let here = graph("https://graph.example:8443");
    for link in [
        "https://graph.example:8443/v1.0/users/delta?$deltatoken=hush&$select=id",
        "https://graph.example:8443/v1.0/users/delta(token='hush')",
        "https://graph.example:8443/v1.0/users/delta#hush",
    ] {
        let link = here.link(link).unwrap();
        assert_eq!(link.to_string(), "https://graph.example:8443/v1.0/users/delta");
        assert_eq!(
            format!("{link:?}"),
            "Link(https://graph.example:8443/v1.0/users/delta)"
        );
        assert_eq!(here.about_get(&link.0), "GET /users/delta");
    }
}

#[test]
fn clouds_have_hosts_of_their_own() {
    let mut config = EntraConfig::new(RoomGroups::default());
    config.cloud = Cloud::China;
    let china = Graph::new(&config, Arc::new(Tokens::default())).unwrap();
    china
        .link("https://microsoftgraph.chinacloudapi.cn/v1.0/users")
        .unwrap();
    china.link("https://graph.microsoft.com/v1.0/users").unwrap_err();
}
