//! Single objects and collections.

use inviter_graph_emulator::{Emulator, Fault, Group, Match, Options, Shape, Tenant, Trouble, User};

use crate::raw::{Raw, encoded};

#[tokio::test]
async fn a_group_and_the_headers_of_every_answer() {
    let mut tenant = Tenant::new();
    let group = tenant.add_group("MTRX #walks:example.org");
    let emulator = Emulator::start(tenant).await.unwrap();
    let raw = Raw::new(&emulator).await;
    let reply = raw
        .get_with(
            &format!("/groups/{group}?$select=displayName,visibility"),
            &[("client-request-id", "mine")],
        )
        .await;
    assert_eq!(
        reply.body,
        serde_json::json!({
            "@odata.context":
                format!("{}/$metadata#groups(displayName,visibility)/$entity", emulator.graph_url()),
            "id": group.to_string(),
            "displayName": "MTRX #walks:example.org",
            "visibility": null,
        })
    );
    assert_eq!(reply.header("client-request-id"), "mine");
    assert_eq!(reply.header("request-id").len(), 36);
    assert_eq!(
        reply.header("content-type"),
        "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
    );
    let whole = raw.get(&format!("/groups/{group}")).await;
    assert_eq!(whole.body["securityEnabled"], true);
    assert!(whole.body.get("groupTypes").is_some() && whole.body.get("members").is_none());

    let missing = raw.get("/groups/0b6ee3ae-8f6a-4a26-8f9f-4b2f5a9a2b11").await;
    assert_eq!(missing.status, 404);
    assert_eq!(
        missing.body["error"]["message"],
        "Resource '0b6ee3ae-8f6a-4a26-8f9f-4b2f5a9a2b11' does not exist or one of its queried \
         reference-property objects are not present."
    );
    assert_eq!(missing.code(), "Request_ResourceNotFound");
    assert_eq!(
        missing.body["error"]["innerError"]["request-id"],
        missing.header("request-id")
    );
    assert_eq!(raw.get("/groups/x").await.code(), "Request_BadRequest");
    assert_eq!(raw.get("/nothing").await.code(), "BadRequest");
    let unknown = raw.get(&format!("/groups/{group}?$select=nothing")).await;
    assert_eq!(unknown.status, 400);
}

#[tokio::test]
async fn pages_of_members() {
    let tenant = Tenant::generate(&Shape {
        sizes: vec![250],
        users: 300,
        rooms: 1,
        non_users: 3,
        ..Shape::default()
    });
    let room = tenant.rooms()[0].clone();
    let emulator = Emulator::start(tenant).await.unwrap();
    let raw = Raw::new(&emulator).await;
    let members = format!("/groups/{}/members", room.group);
    let first = raw.get(&members).await;
    assert_eq!(first.value().len(), 100);
    let next = first.link("nextLink").unwrap();
    assert!(
        next.starts_with(&format!("{}{members}?", emulator.graph_url())),
        "{next}"
    );
    // What changes between two pages neither hides nor repeats anyone else.
    let told = first.ids()[0].parse().unwrap();
    emulator.change(|tenant| tenant.remove_member(room.group, told));
    let second = raw.get(&next).await;
    let third = raw.get(&second.link("nextLink").unwrap()).await;
    assert_eq!(second.value().len() + third.value().len(), 153);
    assert_eq!(third.link("nextLink"), None);

    assert_eq!(raw.get(&format!("{members}?$top=999")).await.value().len(), 252);
    for top in ["1000", "0"] {
        let refused = raw.get(&format!("{members}?$top={top}")).await;
        assert_eq!(
            (refused.status, refused.code()),
            (400, "Request_UnsupportedQuery")
        );
    }
    let (all, _) = raw.all(&format!("{members}?$select=mail&$top=50")).await;
    assert_eq!(all.len(), 252);
    for item in &all {
        let kind = item["@odata.type"].as_str().unwrap();
        let names: Vec<_> = item.as_object().unwrap().keys().map(String::as_str).collect();
        match kind {
            "#microsoft.graph.user" | "#microsoft.graph.orgContact" => {
                assert_eq!(names, ["@odata.type", "id", "mail"]);
            }
            _ => assert_eq!(names, ["@odata.type", "id"], "{kind}"),
        }
    }
    let users = raw.get("/users?$select=id").await;
    assert!(users.value()[0].get("@odata.type").is_none());
    assert_eq!(raw.all("/users").await.0.len(), 300);
}

#[tokio::test]
async fn nested_groups_and_owners() {
    let tenant = Tenant::generate(&Shape {
        sizes: vec![40, 7],
        rooms: 3,
        depth: 3,
        cycle: true,
        owners: 2,
        ..Shape::default()
    });
    let rooms = tenant.rooms().to_vec();
    let root = tenant.root().unwrap();
    let emulator = Emulator::start(tenant).await.unwrap();
    let raw = Raw::new(&emulator).await;
    assert_eq!(raw.get(&format!("/groups/{root}/members")).await.value().len(), 3);
    assert_eq!(rooms[0].people.len(), 40);
    assert_eq!(rooms[1].people.len(), 7);
    for room in &rooms {
        let (below, _) = raw
            .all(&format!(
                "/groups/{}/transitiveMembers?$top=10&$select=id",
                room.group
            ))
            .await;
        let people: std::collections::BTreeSet<_> = below
            .iter()
            .filter(|item| item["@odata.type"] == "#microsoft.graph.user")
            .map(|item| item["id"].as_str().unwrap().parse().unwrap())
            .collect();
        assert_eq!(people, room.people);
        emulator.tenant(|tenant| assert_eq!(tenant.people(room.group), room.people));
        let owners = raw.get(&format!("/groups/{}/owners", room.group)).await;
        assert_eq!(owners.value().len(), room.owners.len());
    }
}

#[tokio::test]
async fn filters() {
    let mut tenant = Tenant::new();
    let walks = tenant.add_group("MTRX #walks:example.org");
    let quoted = tenant.add_group("O'Neil's group");
    for number in 0..20 {
        tenant.add_group(format!("MTRX #r{number}:example.org"));
    }
    let emulator = Emulator::start(tenant).await.unwrap();
    let raw = Raw::new(&emulator).await;
    let ask = async |filter: &str| {
        raw.get(&format!("/groups?$top=5&$filter={}", encoded(filter)))
            .await
    };
    let (all, _) = raw
        .all(&format!(
            "/groups?$top=5&$filter={}",
            encoded("startswith(displayName,'mtrx #')")
        ))
        .await;
    assert_eq!(all.len(), 21);
    assert_eq!(
        ask("displayName eq 'O''Neil''s group'").await.ids(),
        [quoted.to_string()]
    );
    assert_eq!(
        ask(&format!("id in ('{walks}')")).await.ids(),
        [walks.to_string()]
    );
    let many = vec![format!("'{walks}'"); 16].join(",");
    for (filter, code) in [
        ("displayName eq 'O'Neil'", "Request_BadRequest"),
        ("displayName eq 'open", "Request_BadRequest"),
        ("endswith(displayName,'org')", "Request_UnsupportedQuery"),
        ("displayName ne 'a'", "Request_UnsupportedQuery"),
        (&*format!("id in ({many})"), "Request_UnsupportedQuery"),
    ] {
        let refused = ask(filter).await;
        assert_eq!((refused.status, refused.code()), (400, code), "{filter}");
    }
    assert_eq!(raw.get("/groups?$orderby=displayName").await.status, 400);
}

#[tokio::test]
async fn rights() {
    let mut tenant = Tenant::new();
    let alice = tenant.add_user("alice@example.org");
    let group = tenant.add_group(Group::hidden("MTRX #secret:example.org"));
    let open = tenant.add_group("MTRX #open:example.org");
    tenant.add_member(group, alice);
    tenant.add_member(open, alice);
    let emulator = Emulator::start(tenant).await.unwrap();
    let raw = Raw::new(&emulator).await;
    let members = format!("/groups/{open}/members?$select=displayName,accountEnabled");
    let hidden = format!("/groups/{group}/members");
    assert_eq!(raw.get(&hidden).await.value().len(), 1);
    assert_eq!(raw.get(&members).await.value()[0]["accountEnabled"], true);

    emulator.grant(&["GroupMember.Read.All"]);
    let reply = raw.get(&hidden).await;
    assert_eq!((reply.status, reply.value().len()), (200, 0));
    let limited = serde_json::json!({
        "@odata.type": "#microsoft.graph.user",
        "id": alice,
        "displayName": null,
        "accountEnabled": null,
    });
    assert_eq!(raw.get(&members).await.value()[0], limited);
    let refused = raw.get("/users").await;
    assert_eq!(
        (refused.status, refused.code()),
        (403, "Authorization_RequestDenied")
    );

    emulator.grant(&["GroupMember.Read.All", "User.ReadBasic.All"]);
    let basic = raw.get(&members).await;
    assert_eq!(basic.value()[0]["displayName"], "alice");
    assert_eq!(basic.value()[0]["accountEnabled"], serde_json::Value::Null);

    emulator.grant(&["User.Read.All"]);
    assert_eq!(raw.get(&members).await.status, 403);
    assert_eq!(raw.get("/groups/delta").await.status, 403);

    emulator.grant(&["Directory.Read.All"]);
    emulator.fault(Fault::once(Match::path("/members"), Trouble::LimitedInfo));
    assert_eq!(raw.get(&members).await.value()[0], limited);
    assert_eq!(raw.get(&members).await.value()[0]["displayName"], "alice");
    assert_eq!(
        raw.get("/organization").await.value()[0]["id"],
        emulator.tenant_id()
    );
}

#[tokio::test]
async fn hidden_members_may_be_refused() {
    let mut tenant = Tenant::new();
    let group = tenant.add_group(Group::hidden("MTRX #secret:example.org"));
    let options = Options {
        hidden_members_denied: true,
        ..Options::default()
    };
    let emulator = Emulator::start_with(tenant, options).await.unwrap();
    emulator.grant(&["GroupMember.Read.All"]);
    let raw = Raw::new(&emulator).await;
    assert_eq!(raw.get(&format!("/groups/{group}/members")).await.status, 403);
    assert_eq!(raw.get(&format!("/groups/{group}/owners")).await.status, 200);
}

#[tokio::test]
async fn extensions_of_users() {
    let mut tenant = Tenant::new();
    let name = format!("extension_{}_matrixName", "0".repeat(32));
    let mut user = User::new("alice@example.org");
    user.set_extension_attribute(3, Some("a"));
    user.extensions.insert(name.clone(), "alice".into());
    let alice = tenant.add_user(user);
    let bob = tenant.add_user("bob@example.org");
    let emulator = Emulator::start(tenant).await.unwrap();
    let raw = Raw::new(&emulator).await;
    let select = format!("$select=id,onPremisesExtensionAttributes,{name}");
    let reply = raw.get(&format!("/users/{alice}?{select}")).await;
    assert_eq!(
        reply.body["onPremisesExtensionAttributes"]["extensionAttribute3"],
        "a"
    );
    assert_eq!(reply.body[&name], "alice");
    // By principal name, too.
    let reply = raw.get(&format!("/users/bob@example.org?{select}")).await;
    assert_eq!(reply.body["id"], bob.to_string());
    assert!(reply.body.get(&name).is_none());
    let attributes = reply.body["onPremisesExtensionAttributes"].as_object().unwrap();
    assert_eq!(attributes.len(), 15);
    assert!(attributes.values().all(serde_json::Value::is_null));
}
