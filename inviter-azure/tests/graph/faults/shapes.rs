//! Answers that are JSON and of another form than Graph's.

use std::time::Duration;

use inviter_graph_emulator::{Fault, Match, Trouble};
use serde_json::{Value, json};

use super::{
    lost,
    town::{BOARD, INNER, NEWCOMER, RED, ROOT, change, id, world},
};
use crate::harness::{Picture, World, tells};

const TIMEOUT: Duration = Duration::from_secs(30);

fn answer(body: &Value) -> Trouble {
    Trouble::Answer {
        status: 200,
        headers: vec![("content-type", "application/json".to_owned())],
        body: body.to_string(),
    }
}

fn person(number: u64) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.user",
        "id": id(number).to_string(),
        "userPrincipalName": format!("p{number}@example.org"),
        "accountEnabled": true,
    })
}

/// A person with other values; null takes one out.
fn person_but(number: u64, other: &[(&str, Value)]) -> Value {
    let mut person = person(number);
    for (name, value) in other {
        person[*name] = value.clone();
    }
    person
        .as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    person
}

fn deep() -> Value {
    (0..100).fold(json!(1), |value, _| json!({ "a": [value] }))
}

/// Objects in lists that cannot be what is meant, and what is said of each.
fn strange(number: u64) -> Vec<(Value, &'static str)> {
    vec![
        (
            person_but(number, &[("id", json!(5))]),
            "does not have what was expected",
        ),
        (
            person_but(number, &[("id", json!({}))]),
            "does not have what was expected",
        ),
        (person_but(number, &[("id", Value::Null)]), "without an ID"),
        (person_but(number, &[("id", json!("ada"))]), "without an ID"),
        (
            person_but(number, &[("id", json!("00000000-0000-4000-8000-0000000001010"))]),
            "without an ID",
        ),
        (
            person_but(number, &[("@odata.type", Value::Null)]),
            "of a type (no type) that is not known here",
        ),
        (
            person_but(number, &[("@odata.type", json!(7))]),
            "does not have what was expected",
        ),
        (
            person_but(number, &[("@odata.type", json!("#microsoft.graph.robot"))]),
            "of a type (robot) that is not known here",
        ),
        (
            person_but(number, &[("accountEnabled", json!("yes"))]),
            "User.Read.All",
        ),
        (
            person_but(number, &[("accountEnabled", Value::Null)]),
            "User.Read.All",
        ),
        (
            person_but(number, &[("userPrincipalName", json!(["p101"]))]),
            "User.Read.All",
        ),
        (
            person_but(number, &[("userPrincipalName", json!(""))]),
            "User.Read.All",
        ),
        (person_but(number, &[("department", deep())]), "the answer"),
        (json!("p101"), "does not have what was expected"),
        (Value::Null, "does not have what was expected"),
        (json!([person(number)]), "does not have what was expected"),
    ]
}

/// What red's members may be instead of a list, with what is said.
fn no_lists(number: u64) -> Vec<(Value, &'static str)> {
    let with = |next: Value| json!({ "value": [person(number)], "@odata.nextLink": next });
    let mut all = vec![
        (json!({ "value": null }), "does not have what was expected"),
        (json!({ "value": {} }), "does not have what was expected"),
        (json!({ "value": "none" }), "does not have what was expected"),
        (json!({ "Value": [] }), "does not have `value`"),
        (
            json!({ "error": { "code": "x", "message": "y" } }),
            "does not have `value`",
        ),
        (json!([person(number)]), "the answer"),
        (json!(null), "does not have what was expected"),
        (with(json!(5)), "does not have what was expected"),
        (with(json!("")), "not a URL"),
        (with(json!("/v1.0/groups?$skiptoken=x")), "not a URL"),
        (with(json!("javascript:alert(1)")), "which is not followed"),
        (
            with(json!("https://graph.microsoft.com/v1.0/groups")),
            "instead of http://127.0.0.1",
        ),
    ];
    all.extend(
        strange(number)
            .into_iter()
            .map(|(object, why)| (json!({ "value": [object] }), why)),
    );
    all
}

#[track_caller]
fn is_safe(world: &World, picture: &Picture, told: &str) {
    let wrong = lost(picture, &world.truth());
    assert!(wrong.is_empty(), "{told}: {wrong:#?}");
    assert!(!picture.incomplete().contains_key("Quiet"), "{told}");
    assert_eq!(picture.members("Quiet").len(), 2, "{told}");
}

#[tokio::test]
async fn members_that_are_none() {
    let world = world(TIMEOUT).await;
    for (number, name, member) in [(RED, "Red", 104), (INNER, "Inner", 110)] {
        for (body, why) in no_lists(member) {
            let told = format!("{name}: {body:.200}");
            let path = format!("/groups/{}/members", id(number));
            let fault = world
                .emulator
                .fault(Fault::always(Match::path(&path), answer(&body)));
            let picture = Picture::new(
                inviter_core::IdentityProvider::read(
                    &world.another(),
                    &inviter_core::provider::ReadRequest::default(),
                )
                .await
                .unwrap_or_else(|error| panic!("{told}: {error}")),
            );
            is_safe(&world, &picture, &told);
            assert_eq!(
                picture.incomplete().into_keys().collect::<Vec<_>>(),
                [name],
                "{told}"
            );
            tells(&picture.incomplete()[name], &[why]);
            assert_eq!(picture.listing(), "", "{told}");
            fault.clear();
        }
    }
    world.assert_true(&world.read().await, "afterwards");
}

#[tokio::test]
async fn owners_that_are_none() {
    let world = world(TIMEOUT).await;
    let path = format!("/groups/{}/owners", id(BOARD));
    for (body, why) in no_lists(118) {
        let told = format!("{body:.200}");
        let fault = world
            .emulator
            .fault(Fault::always(Match::path(&path), answer(&body)));
        let picture = world.read_anew().await;
        is_safe(&world, &picture, &told);
        assert!(picture.incomplete().is_empty(), "{told}");
        assert_eq!(
            picture.incomplete_owners().into_keys().collect::<Vec<_>>(),
            ["Board"],
            "{told}"
        );
        tells(&picture.incomplete_owners()["Board"], &[why]);
        fault.clear();
    }
    world.assert_true(&world.read().await, "afterwards");
}

/// A group that is not known by its name may be a room's, wherever it would have been found.
#[tokio::test]
async fn groups_that_are_none() {
    let group = |other: &[(&str, Value)]| {
        let mut group = json!({ "id": id(41).to_string(), "displayName": "Team a", "visibility": null });
        for (name, value) in other {
            group[*name] = value.clone();
        }
        group
    };
    let world = world(TIMEOUT).await;
    for (object, why) in [
        (group(&[("id", json!(1))]), "does not have what was expected"),
        (group(&[("id", json!("a"))]), "without an ID"),
        (group(&[("displayName", deep())]), "the answer"),
    ] {
        let body = json!({ "value": [object] });
        let fault = world
            .emulator
            .fault(Fault::always(Match::path("/groups?"), answer(&body)));
        let picture = world.read_anew().await;
        is_safe(&world, &picture, why);
        tells(&picture.listing(), &[why]);
        fault.clear();
    }
    // One without a name is asked for its name.
    for place in ["/groups?", "/members"] {
        let without = Trouble::WithoutProperty("displayName".to_owned());
        let fault = world.emulator.fault(Fault::always(Match::path(place), without));
        world.assert_true(&world.read_anew().await, place);
        fault.clear();
    }
    // And where it is not told then either, that is known.
    let nameless = json!({ "id": id(BOARD).to_string(), "displayName": null });
    let path = format!("/groups/{}?", id(BOARD));
    let fault = world
        .emulator
        .fault(Fault::always(Match::path(&path), answer(&nameless)));
    let picture = world.read_anew().await;
    is_safe(&world, &picture, "nameless");
    tells(
        &picture.listing(),
        &[
            "group 00000000-0000-4000-8000-000000000050",
            "GroupMember.Read.All",
        ],
    );
    fault.clear();
    world.assert_true(&world.read().await, "afterwards");
}

/// Whatever is not understood of what changed, everything is read instead.
#[tokio::test]
async fn changes_that_are_none() {
    let link = |world: &World| format!("{}/groups/delta?$deltatoken=x", world.emulator.graph_url());
    let red = id(RED).to_string();
    let items = [
        json!({ "id": 5 }),
        json!({ "id": "red" }),
        json!({ "displayName": "Red" }),
        json!({ "id": red, "members@delta": "x" }),
        json!({ "id": red, "members@delta": [5] }),
        json!({ "id": red, "members@delta": {} }),
        json!({ "id": red, "@odata.type": 1 }),
        json!({ "id": red, "displayName": deep() }),
        json!("Red"),
    ];
    for item in items {
        for path in ["/groups/delta", "/users/delta"] {
            let world = world(TIMEOUT).await;
            world.read().await;
            world.emulator.change(change);
            let body = json!({ "value": [item], "@odata.deltaLink": link(&world) });
            let fault = world
                .emulator
                .fault(Fault::once(Match::path(path), answer(&body)));
            let told = format!("{path}: {item:.200}");
            world.assert_true(&world.read().await, &told);
            assert_eq!(fault.hits(), 1, "{told}");
            world.assert_true(&world.read().await, &told);
        }
    }
}

/// What is understood in part makes the rest unknown, and is asked for.
#[tokio::test]
async fn changes_that_are_only_half_told() {
    let red = id(RED).to_string();
    let root = id(ROOT).to_string();
    for item in [
        // Nobody knows what kind of object that is, or which.
        json!({ "id": red, "members@delta": [{ "id": id(NEWCOMER).to_string() }] }),
        json!({ "id": red, "members@delta": [{ "@odata.type": "#microsoft.graph.user", "id": "x" }] }),
        json!({ "id": red, "owners@delta": [{ "@odata.type": "#microsoft.graph.user", "id": null }] }),
        json!({ "id": root, "members@delta": [{ "@odata.type": "#microsoft.graph.group", "id": "" }] }),
        json!({ "id": red, "displayName": null }),
        json!({ "id": red, "displayName": 7 }),
        json!({ "id": id(41).to_string(), "displayName": null }),
        json!({ "id": red, "members@delta": null, "owners@delta": null }),
        // Once this and once that.
        json!({ "id": red, "members@delta": [person(101), { "id": id(101).to_string(), "@removed": {} }] }),
    ] {
        let world = world(TIMEOUT).await;
        world.read().await;
        let link = format!("{}/groups/delta?$deltatoken=x", world.emulator.graph_url());
        let body = json!({ "value": [item], "@odata.deltaLink": link });
        world
            .emulator
            .fault(Fault::once(Match::path("/groups/delta"), answer(&body)));
        let told = format!("{item:.200}");
        is_safe(&world, &world.read().await, &told);
        world.assert_true(&world.read().await, &told);
    }
    for item in [
        json!({ "id": id(101).to_string(), "accountEnabled": "yes" }),
        json!({ "id": id(101).to_string(), "accountEnabled": null }),
        json!({ "id": id(101).to_string(), "userPrincipalName": null }),
        json!({ "id": id(101).to_string(), "userPrincipalName": 5 }),
    ] {
        let world = world(TIMEOUT).await;
        world.read().await;
        let link = format!("{}/users/delta?$deltatoken=x", world.emulator.graph_url());
        let body = json!({ "value": [item], "@odata.deltaLink": link });
        world
            .emulator
            .fault(Fault::once(Match::path("/users/delta"), answer(&body)));
        is_safe(&world, &world.read().await, &item.to_string());
        world.assert_true(&world.read().await, &item.to_string());
    }
}
