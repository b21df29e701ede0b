//! Microsoft's own client follows changes.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use inviter_graph_emulator::{Id, Tenant};

use crate::emulator::Served;
use crate::world;

/// What a client knows of groups' members from all rounds so far, by the merging that the pages recommend.
#[derive(Debug, Default)]
struct Known {
    members: BTreeMap<String, BTreeSet<String>>,
}

impl Known {
    fn merge<'a>(&mut self, objects: impl IntoIterator<Item = &'a Value>) {
        for held in objects {
            let group = &held["json"];
            let id = group["id"].as_str().unwrap_or_default().to_owned();
            if group.get("@removed").is_some() {
                self.members.remove(&id);
                continue;
            }
            let members = self.members.entry(id).or_default();
            for member in group["members@delta"].as_array().into_iter().flatten() {
                let id = member["id"].as_str().unwrap_or_default().to_owned();
                if member.get("@removed").is_some() {
                    members.remove(&id);
                } else {
                    members.insert(id);
                }
            }
        }
    }
}

fn truth(tenant: &Tenant) -> BTreeMap<String, BTreeSet<String>> {
    let members = |id: Id| tenant.members(id).map(|member| member.to_string()).collect();
    tenant
        .groups()
        .map(|(id, _)| (id.to_string(), members(id)))
        .collect()
}

#[tokio::test]
async fn the_client_can_follow_changes() -> Result<()> {
    let mut served = Served::start().await?;
    groups_and_their_members_can_be_followed(&mut served)
        .await
        .context("groups and their members can be followed")?;
    users_can_be_followed(&mut served)
        .await
        .context("users can be followed")?;
    Ok(())
}

async fn groups_and_their_members_can_be_followed(served: &mut Served) -> Result<()> {
    let mut tenant = served.tenant();
    let groups = served.groups;
    let emulator = &served.emulator;
    let reader = &mut served.reader;
    let question = json!({"do": "pages", "of": "groups/delta", "select": ["id", "displayName", "members"]});
    let first = reader.ask(question).await?;
    let mut known = Known::default();
    known.merge(world::all(&first));
    assert_eq!(known.members, truth(&tenant));
    for held in world::all(&first) {
        let unknown = held["unknown"].as_array().context("no list")?;
        assert!(unknown.iter().all(|name| name == "members@delta"), "{held:#}");
    }
    let link = first["delta_link"].as_str().context("no delta link")?.to_owned();

    // Nothing has changed yet.
    let follow = |link: &str| json!({"do": "pages", "of": "groups/delta", "link": link});
    let none = reader.ask(follow(&link)).await?;
    assert_eq!(world::all(&none).count(), 0);
    let link = none["delta_link"].as_str().context("no delta link")?.to_owned();

    let stranger = tenant.users().map(|(id, _)| id).last().context("no user")?;
    let gone = tenant.members(groups.large).next().context("no member")?;
    let change = |tenant: &mut Tenant| {
        tenant.remove_member(groups.large, gone);
        tenant.add_member(groups.empty, stranger);
        tenant.rename_group(groups.mixed, "Renamed");
        tenant.purge_group(groups.owned);
        let new = tenant.add_group("New");
        tenant.add_member(new, groups.empty);
    };
    change(&mut tenant);
    emulator.change(change);
    let next = reader.ask(follow(&link)).await?;
    known.merge(world::all(&next));
    assert_eq!(known.members, truth(&tenant));
    let seen: BTreeSet<String> = world::all(&next)
        .filter_map(|held| Some(held["json"]["id"].as_str()?.to_owned()))
        .collect();
    assert_eq!(seen.len(), 5, "{next:#}");
    let removed = world::all(&next).find(|held| held["json"].get("@removed").is_some());
    let removed = removed.context("the deleted group is missing")?;
    assert_eq!(removed["json"]["@removed"], json!({"reason": "deleted"}));
    let renamed = world::all(&next).find(|held| held["json"]["id"] == json!(groups.mixed));
    assert_eq!(
        renamed.context("the renamed group is missing")?["json"]["displayName"],
        "Renamed"
    );
    Ok(())
}

async fn users_can_be_followed(served: &mut Served) -> Result<()> {
    let tenant = served.tenant();
    let emulator = &served.emulator;
    let reader = &mut served.reader;
    let selected = [
        "id",
        "userPrincipalName",
        "displayName",
        "accountEnabled",
        "jobTitle",
    ];
    let question = json!({"do": "pages", "of": "users/delta", "select": selected});
    let first = reader.ask(question).await?;
    let seen = world::by_id(world::all(&first));
    assert_eq!(seen.len(), 320);
    for (id, _) in tenant.users() {
        let held = seen.get(&id.to_string()).context("a user is missing")?;
        assert_eq!((&held["class"], &held["unknown"]), (&json!("User"), &json!([])));
        assert_eq!(
            world::seen_properties(held),
            world::user_properties(&tenant, id, &selected)
        );
    }
    let link = first["delta_link"].as_str().context("no delta link")?.to_owned();

    let some: Vec<Id> = tenant.users().map(|(id, _)| id).take(4).collect();
    let [disabled, renamed, deleted, purged] = some[..] else {
        unreachable!("four users were taken");
    };
    let added = emulator.change(|tenant| {
        tenant.set_user(disabled, |user| user.account_enabled = !user.account_enabled);
        tenant.rename(renamed, "someone.else@example.org");
        tenant.delete_user(deleted);
        tenant.purge_user(purged);
        // Nobody asked for this property.
        tenant.set_user(disabled, |user| user.city = Some("Bergen".to_owned()));
        tenant.add_user("new@example.org")
    });
    let next = reader
        .ask(json!({"do": "pages", "of": "users/delta", "link": link}))
        .await?;
    let seen = world::by_id(world::all(&next));
    assert_eq!(seen.len(), 5, "{next:#}");
    let of = |id: Id| seen.get(&id.to_string()).context("a change is missing");
    assert_eq!(
        of(disabled)?["json"]["accountEnabled"],
        json!(tenant.user(disabled).is_some_and(|user| !user.account_enabled))
    );
    assert_eq!(
        of(renamed)?["json"]["userPrincipalName"],
        "someone.else@example.org"
    );
    assert_eq!(of(added)?["json"]["userPrincipalName"], "new@example.org");
    assert_eq!(of(deleted)?["json"]["@removed"], json!({"reason": "changed"}));
    assert_eq!(of(purged)?["json"]["@removed"], json!({"reason": "deleted"}));
    Ok(())
}
