//! Rounds of changes.

use inviter_graph_emulator::{Emulator, Fault, Group, Id, Match, Options, Tenant, Trouble, User};
use serde_json::{Value, json};

use crate::raw::{Raw, encoded};

struct World {
    emulator: Emulator,
    raw: Raw,
    people: Vec<Id>,
    group: Id,
    empty: Id,
}

async fn start(people: usize, options: Options) -> World {
    let mut tenant = Tenant::new();
    let people: Vec<Id> = (0..people)
        .map(|number| tenant.add_user(format!("user{number}@example.org").as_str()))
        .collect();
    let group = tenant.add_group("MTRX #walks:example.org");
    let empty = tenant.add_group("Empty");
    for person in &people {
        tenant.add_member(group, *person);
    }
    let emulator = Emulator::start_with(tenant, options).await.unwrap();
    let raw = Raw::new(&emulator).await;
    World {
        emulator,
        raw,
        people,
        group,
        empty,
    }
}

const GROUPS: &str = "/groups/delta?$select=displayName,description,members,owners";

impl World {
    async fn begin(&self, path: &str) -> (Vec<Value>, String) {
        let (items, link) = self.raw.all(path).await;
        (items, link.unwrap())
    }
}

fn of(items: &[Value], id: Id) -> Vec<&Value> {
    items.iter().filter(|item| item["id"] == id.to_string()).collect()
}

#[tokio::test]
async fn everything_at_first_in_pages() {
    let options = Options {
        delta_members: 3,
        delta_page_size: 1,
        ..Options::default()
    };
    let world = start(8, options).await;
    world
        .emulator
        .change(|tenant| tenant.add_owner(world.group, world.people[0]));
    let (items, link) = world.begin(GROUPS).await;
    assert!(link.starts_with(&format!(
        "{}/groups/delta?$deltatoken=",
        world.emulator.graph_url()
    )));
    assert_eq!(
        of(&items, world.empty),
        [&json!({ "id": world.empty, "displayName": "Empty" })]
    );
    // The group comes again on each page that has more of its members.
    let parts = of(&items, world.group);
    assert_eq!(parts.len(), 3);
    let told = |name: &str| {
        let lists = parts.iter().filter_map(|part| part.get(name)?.as_array());
        lists
            .flatten()
            .map(|one| one["id"].as_str().unwrap().parse().unwrap())
            .collect()
    };
    let mut members: Vec<Id> = told("members@delta");
    members.sort_unstable();
    let mut people = world.people.clone();
    people.sort_unstable();
    assert_eq!(members, people);
    let owners: Vec<Id> = told("owners@delta");
    assert_eq!(owners, [world.people[0]]);
    assert!(
        parts
            .iter()
            .all(|part| part["displayName"] == "MTRX #walks:example.org")
    );
    assert_eq!(
        parts[0]["members@delta"][0]["@odata.type"],
        "#microsoft.graph.user"
    );

    let (nothing, _) = world.begin(&link).await;
    assert!(nothing.is_empty());
    // Without $select members come too, owners do not.
    let (items, _) = world.begin("/groups/delta").await;
    let part = of(&items, world.group)[0];
    assert!(part.get("members@delta").is_some() && part.get("owners@delta").is_none());
}

#[tokio::test]
async fn changes_of_groups() {
    let world = start(4, Options::default()).await;
    let [a, b, c, d] = world.people[..] else {
        unreachable!()
    };
    let (_, link) = world.begin(GROUPS).await;
    let new = world.emulator.change(|tenant| {
        tenant.remove_member(world.group, a);
        tenant.delete_user(b);
        tenant.add_member(world.empty, world.group);
        tenant.add_owner(world.group, c);
        // Not selected.
        tenant.set_group(world.empty, |group| group.visibility = Some("Private".to_owned()));
        let new = tenant.add_group("New");
        tenant.add_member(new, d);
        new
    });
    let (items, link) = world.begin(&link).await;
    let removed = json!({ "reason": "deleted" });
    let mut group = of(&items, world.group)[0].clone();
    let members = group["members@delta"].as_array_mut().unwrap();
    members.sort_by_key(|member| member["id"] != a.to_string());
    let user = "#microsoft.graph.user";
    assert_eq!(
        group,
        json!({
            "id": world.group,
            "displayName": "MTRX #walks:example.org",
            "members@delta": [
                { "@odata.type": user, "id": a, "@removed": removed },
                { "@odata.type": user, "id": b, "@removed": removed },
            ],
            "owners@delta": [{ "@odata.type": user, "id": c }],
        })
    );
    let kind = "#microsoft.graph.group";
    assert_eq!(
        of(&items, world.empty),
        [&json!({
            "id": world.empty,
            "displayName": "Empty",
            "members@delta": [{ "@odata.type": kind, "id": world.group }],
        })]
    );
    assert_eq!(of(&items, new)[0]["members@delta"][0]["id"], d.to_string());

    world.emulator.change(|tenant| {
        tenant.restore_user(b);
        tenant.delete_group(new);
        tenant.purge_group(world.empty);
    });
    let (items, link) = world.begin(&link).await;
    assert_eq!(
        of(&items, world.group)[0]["members@delta"],
        json!([{ "@odata.type": user, "id": b }])
    );
    assert_eq!(
        of(&items, new),
        [&json!({ "id": new, "@removed": { "reason": "changed" } })]
    );
    let gone = json!({ "id": world.empty, "@removed": { "reason": "deleted" } });
    assert_eq!(of(&items, world.empty), [&gone]);

    world.emulator.change(|tenant| tenant.restore_group(new));
    let (items, _) = world.begin(&link).await;
    assert_eq!(of(&items, new)[0]["members@delta"][0]["id"], d.to_string());
}

#[tokio::test]
async fn changes_of_properties() {
    let world = start(2, Options::default()).await;
    let [a, b] = world.people[..] else { unreachable!() };
    let (items, link) = world
        .begin("/users/delta?$select=displayName,jobTitle,department,mail")
        .await;
    // What was never set is left out.
    assert_eq!(
        of(&items, a),
        [&json!({ "id": a, "displayName": "user0", "mail": "user0@example.org" })]
    );
    world.emulator.change(|tenant| {
        tenant.set_user(a, |user| {
            user.mail = None;
            user.department = Some("Walks".to_owned());
        });
        tenant.disable(b);
    });
    let changed = json!({ "id": a, "displayName": "user0", "department": "Walks", "mail": null });
    let (items, _) = world.begin(&link).await;
    assert_eq!(items, [changed]);
    let minimal = world.raw.get_with(&link, &[("prefer", "return=minimal")]).await;
    assert_eq!(
        minimal.value(),
        [json!({ "id": a, "department": "Walks", "mail": null })]
    );
    assert_eq!(minimal.header("preference-applied"), "return=minimal");

    let filter = encoded(&format!("id eq '{b}'"));
    let (items, link) = world
        .begin(&format!("/users/microsoft.graph.delta()?$filter={filter}"))
        .await;
    assert_eq!(items.len(), 1);
    world.emulator.change(|tenant| {
        tenant.delete_user(a);
        tenant.delete_user(b);
        tenant.purge_user(b);
    });
    let (items, _) = world.begin(&link).await;
    assert_eq!(items, [json!({ "id": b, "@removed": { "reason": "deleted" } })]);
}

#[tokio::test]
async fn from_now_on_and_what_is_refused() {
    let world = start(3, Options::default()).await;
    let reply = world
        .raw
        .get("/users/delta?$deltaToken=latest&$select=displayName")
        .await;
    assert!(reply.value().is_empty());
    let link = reply.link("deltaLink").unwrap();
    let new = world
        .emulator
        .change(|tenant| tenant.add_user(User::new("new@example.org")));
    let (items, _) = world.begin(&link.replace("$deltatoken", "$DeltaToken")).await;
    assert_eq!(items, [json!({ "id": new, "displayName": "new" })]);
    for query in [
        "$top=5",
        "$orderby=displayName",
        "$expand=members",
        "$filter=displayName eq 'a'",
    ] {
        assert_eq!(
            world.raw.get(&format!("/users/delta?{query}")).await.status,
            400,
            "{query}"
        );
    }
    let select = format!("{link}&$select=mail");
    assert_eq!(world.raw.get(&select).await.status, 400);
    // A link of another collection is none.
    assert_eq!(
        world.raw.get(&link.replace("/users/", "/groups/")).await.status,
        410
    );
    world.emulator.expire_delta_links();
    let gone = world.raw.get(&link).await;
    assert_eq!((gone.status, gone.code()), (410, "syncStateNotFound"));
    assert_eq!(world.begin(gone.header("location")).await.0.len(), 4);
}

#[tokio::test]
async fn hidden_members_are_left_out() {
    let world = start(2, Options::default()).await;
    let hidden = world.emulator.change(|tenant| {
        let hidden = tenant.add_group(Group::hidden("Secret"));
        tenant.add_member(hidden, world.people[0]);
        hidden
    });
    let (items, _) = world.begin(GROUPS).await;
    assert!(of(&items, hidden)[0].get("members@delta").is_some());
    world.emulator.grant(&["GroupMember.Read.All", "User.Read.All"]);
    let (items, link) = world.begin(GROUPS).await;
    assert!(of(&items, hidden)[0].get("members@delta").is_none());
    world
        .emulator
        .change(|tenant| tenant.add_member(hidden, world.people[1]));
    assert!(world.begin(&link).await.0.is_empty());
}

#[tokio::test]
async fn troubles() {
    let world = start(5, Options::default()).await;
    let delta = Match::path("/groups/delta");
    let (sound, _) = world.begin(GROUPS).await;
    for trouble in [Trouble::EmptyPages(3), Trouble::Shuffle] {
        world.emulator.clear_requests();
        world.emulator.fault(Fault::once(delta.clone(), trouble));
        let (items, _) = world.begin(GROUPS).await;
        let members = |items: &[Value]| {
            let part = of(items, world.group)[0]["members@delta"]
                .as_array()
                .unwrap()
                .clone();
            let mut ids: Vec<_> = part.iter().map(|member| member["id"].to_string()).collect();
            ids.sort_unstable();
            ids
        };
        assert_eq!(members(&items), members(&sound));
    }
    world
        .emulator
        .fault(Fault::once(delta.clone(), Trouble::EmptyPages(3)));
    world.emulator.clear_requests();
    world.begin(GROUPS).await;
    assert_eq!(world.emulator.request_count(), 4);
    world.emulator.fault(Fault::once(delta.clone(), Trouble::Repeat));
    let (items, _) = world.begin(GROUPS).await;
    assert_eq!(of(&items, world.group).len(), 2);
    assert_eq!(items[0]["members@delta"].as_array().map_or(10, Vec::len), 10);
    world.emulator.fault(Fault::once(delta, Trouble::Contradict));
    let (items, _) = world.begin(GROUPS).await;
    let parts = of(&items, world.group);
    assert_eq!(parts[0]["members@delta"].as_array().unwrap().len(), 10);
    assert_eq!(parts[1]["@removed"]["reason"], "deleted");
}
