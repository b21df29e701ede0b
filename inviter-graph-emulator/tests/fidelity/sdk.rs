//! Microsoft's own client reads the emulator, and sees the tenant.
//!
//! These tests fail where the client is not installed: `tests/servers/graph-sdk install`.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use inviter_graph_emulator::{Fault, Match, Trouble};

use crate::emulator::Served;
use crate::world::{self, Groups, SELECTED};

fn sizes(pages: &Value) -> Vec<usize> {
    let pages = pages["pages"].as_array().into_iter().flatten();
    pages.map(|page| page.as_array().map_or(0, Vec::len)).collect()
}

#[tokio::test]
async fn the_client_sees_the_tenant() -> Result<()> {
    let mut served = Served::start().await?;
    all_groups_come_with_their_properties(&mut served)
        .await
        .context("all groups come with their properties")?;
    users_come_with_the_selected_properties_and_no_others(&mut served)
        .await
        .context("users come with the selected properties and no others")?;
    members_and_owners_come_page_by_page_as_what_they_are(&mut served)
        .await
        .context("members and owners come page by page as what they are")?;
    a_batch_of_twenty_comes_apart_into_its_answers(&mut served)
        .await
        .context("a batch of twenty comes apart into its answers")?;
    the_client_waits_as_long_as_it_is_told_to(&mut served)
        .await
        .context("the client waits as long as it is told to")?;
    Ok(())
}

async fn all_groups_come_with_their_properties(served: &mut Served) -> Result<()> {
    let tenant = served.tenant();
    let reader = &mut served.reader;
    let pages = reader.ask(json!({"do": "pages", "of": "groups"})).await?;
    assert_eq!(sizes(&pages), [100, 30], "without $top, a page has a hundred");
    let seen = world::by_id(world::all(&pages));
    assert_eq!(seen.len(), tenant.groups().count());
    for (id, _) in tenant.groups() {
        let held = seen.get(&id.to_string()).context("a group is missing")?;
        assert_eq!(held["class"], "Group");
        let properties = world::seen_properties(held);
        for (name, value) in world::group_properties(&tenant, id)
            .as_object()
            .into_iter()
            .flatten()
        {
            assert_eq!(properties[name], *value, "{name} of {id}");
        }
        // Since 2025 the service has it, and the client's model has it not.
        let unknown = held["unknown"].as_array().context("no list")?;
        assert!(unknown.iter().all(|name| name == "creationOptions"), "{held:#}");
    }

    // The client's own way through all pages finds the same.
    let question = json!({"do": "iterated", "of": "groups", "select": ["id", "displayName"], "top": 40});
    let iterated = reader.ask(question).await?;
    let iterated = iterated.as_array().context("no list")?;
    assert_eq!(world::by_id(iterated).len(), 130);
    for held in iterated {
        let id = held["json"]["id"].as_str().context("no id")?.parse()?;
        let group = tenant.group(id).context("no such group")?;
        assert_eq!(
            world::seen_properties(held),
            json!({"id": id, "displayName": group.display_name}),
            "only what was selected"
        );
    }
    Ok(())
}

async fn users_come_with_the_selected_properties_and_no_others(served: &mut Served) -> Result<()> {
    let tenant = served.tenant();
    let reader = &mut served.reader;
    let question = json!({"do": "pages", "of": "users", "select": SELECTED, "top": 150, "count": true,
        "headers": {"ConsistencyLevel": "eventual"}});
    let pages = reader.ask(question).await?;
    assert_eq!(sizes(&pages), [150, 150, 20]);
    assert_eq!(pages["count"], 320);
    assert_eq!(pages["unknown"], json!(["@odata.context"]));
    let seen = world::by_id(world::all(&pages));
    for (id, _) in tenant.users() {
        let held = seen.get(&id.to_string()).context("a user is missing")?;
        assert_eq!((&held["class"], &held["unknown"]), (&json!("User"), &json!([])));
        assert_eq!(
            world::seen_properties(held),
            world::user_properties(&tenant, id, &SELECTED)
        );
    }
    let guests = reader
        .ask(json!({"do": "pages", "of": "users", "filter": "userType eq 'Guest'", "select": ["id"]}))
        .await?;
    assert_eq!(world::by_id(world::all(&guests)).len(), 32);
    let disabled = reader
        .ask(json!({"do": "pages", "of": "users", "filter": "accountEnabled eq false", "select": ["id"]}))
        .await?;
    assert_eq!(world::by_id(world::all(&disabled)).len(), 46);

    // One user, by the id and by the name.
    let (id, user) = tenant.users().next().context("no user")?;
    for key in [id.to_string(), user.user_principal_name.clone()] {
        let held = reader
            .ask(json!({"do": "one", "of": "user", "user": key, "select": SELECTED}))
            .await?;
        assert_eq!(
            world::seen_properties(&held),
            world::user_properties(&tenant, id, &SELECTED)
        );
    }
    Ok(())
}

async fn members_and_owners_come_page_by_page_as_what_they_are(served: &mut Served) -> Result<()> {
    let tenant = served.tenant();
    let groups = served.groups;
    let reader = &mut served.reader;
    let Groups {
        large,
        cycle,
        mixed,
        owned,
        empty,
    } = groups;
    let large_pages = reader
        .ask(json!({"do": "pages", "of": "members", "group": large}))
        .await?;
    assert_eq!(sizes(&large_pages), [100, 100, 57]);
    let question = json!({"do": "pages", "of": "members", "group": large, "top": 999, "select": ["id"]});
    assert_eq!(sizes(&reader.ask(question).await?), [257]);

    for group in [large, cycle[0], cycle[1], cycle[2], mixed, owned, empty] {
        let members = reader
            .ask(json!({"do": "pages", "of": "members", "group": group}))
            .await?;
        assert_eq!(
            world::seen_classes(world::all(&members)),
            world::classes(&tenant, tenant.members(group))
        );
        let owners = reader
            .ask(json!({"do": "pages", "of": "owners", "group": group}))
            .await?;
        assert_eq!(
            world::seen_classes(world::all(&owners)),
            world::classes(&tenant, tenant.owners(group))
        );
        let question = json!({"do": "pages", "of": "transitiveMembers", "group": group});
        let below = reader.ask(question).await?;
        assert_eq!(
            world::seen_classes(world::all(&below)),
            world::classes(&tenant, tenant.below(group))
        );
    }

    // Users among the members have the selected properties.
    let question = json!({"do": "pages", "of": "members", "group": mixed, "select": SELECTED});
    let members = reader.ask(question).await?;
    let people: Vec<&Value> = world::all(&members)
        .filter(|held| held["class"] == "User")
        .collect();
    assert_eq!(people.len(), 2);
    for held in people {
        let id = held["json"]["id"].as_str().context("no id")?.parse()?;
        assert_eq!(
            world::seen_properties(held),
            world::user_properties(&tenant, id, &SELECTED)
        );
    }
    Ok(())
}

async fn a_batch_of_twenty_comes_apart_into_its_answers(served: &mut Served) -> Result<()> {
    let tenant = served.tenant();
    let groups = served.groups;
    let reader = &mut served.reader;
    let smalls: Vec<_> = tenant
        .groups()
        .filter(|(_, group)| group.display_name.starts_with("Small"))
        .collect();
    let mut requests: Vec<Value> = smalls[..17]
        .iter()
        .map(|(id, _)| json!({"of": "members", "group": id, "select": ["id", "displayName"]}))
        .collect();
    requests.push(json!({"of": "members", "group": groups.large, "top": 999, "select": ["id"]}));
    requests.push(json!({"of": "users", "top": 5, "select": ["id"]}));
    let missing = "00000000-0000-4000-8000-00000000abcd";
    requests.push(json!({"of": "user", "user": missing}));
    assert_eq!(requests.len(), 20);
    let told = reader.ask(json!({"do": "batch", "requests": requests})).await?;
    for (index, (id, _)) in smalls[..17].iter().enumerate() {
        assert_eq!(told[index]["status"], 200, "{told:#}");
        let values = told[index]["values"].as_array().context("no values")?;
        assert_eq!(
            world::seen_classes(values),
            world::classes(&tenant, tenant.members(*id))
        );
    }
    assert_eq!(told[17]["values"].as_array().map(Vec::len), Some(257));
    assert_eq!(told[18]["values"].as_array().map(Vec::len), Some(5));
    assert_eq!(told[19]["status"], 404);
    assert_eq!(told[19]["failed"]["code"], "Request_ResourceNotFound");
    Ok(())
}

async fn the_client_waits_as_long_as_it_is_told_to(served: &mut Served) -> Result<()> {
    let emulator = &served.emulator;
    let reader = &mut served.reader;
    let throttle = || Trouble::Throttle { retry_after: Some(2) };
    let question = json!({"do": "pages", "of": "users", "top": 999, "select": ["id"]});
    reader.ask(question.clone()).await?;

    emulator.fault(Fault::times(2, Match::path("/v1.0/users"), throttle()));
    emulator.clear_requests();
    let pages = reader.ask(question).await?;
    assert_eq!(sizes(&pages), [320]);
    let requests = emulator.requests();
    let statuses: Vec<Option<u16>> = requests.iter().map(|request| request.status).collect();
    assert_eq!(
        statuses,
        [Some(429), Some(429), Some(200)],
        "twice in vain, and then once more"
    );
    for pair in requests.windows(2) {
        let waited = pair[1].at.saturating_sub(pair[0].at);
        assert!(waited >= Duration::from_secs(2), "asked again after {waited:?}");
        assert_eq!(pair[1].path_and_query, pair[0].path_and_query);
    }

    // Without its own retries it tells what it was told.
    emulator.fault(Fault::once(Match::path("/v1.0/users"), throttle()));
    let question = json!({"do": "one", "of": "users", "top": 1, "retry": false});
    let failed = reader.failure(question).await?;
    assert_eq!(
        (&failed["status"], &failed["code"]),
        (&json!(429), &json!("TooManyRequests"))
    );
    assert_eq!(failed["headers"]["retry-after"], "2");
    Ok(())
}
