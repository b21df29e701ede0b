//! Who is in groups, and what is read of people.

use std::collections::{BTreeMap, BTreeSet};

use inviter_core::directory::Account;
use inviter_graph_emulator::{Options, Recorded, Tenant, User};
use serde_json::json;

use crate::{
    facts::{EXTENSION, EXTENSION_ATTRIBUTE},
    harness::{Picture, World, below, named, set, tells},
    sketch::{at, people, sketch},
};

/// A room with users, of which properties are read.
async fn room_of(users: Vec<User>, properties: &[&str], matrix_id: Option<&str>) -> World {
    let mut tenant = Tenant::new();
    let room = tenant.add_group("MTRX one");
    for user in users {
        let user = tenant.add_user(user);
        tenant.add_member(room, user);
    }
    World::start_with(tenant, Options::default(), named("MTRX "), |config| {
        config.properties = properties.iter().map(|&name| name.to_owned()).collect();
        config.matrix_id_property = matrix_id.map(str::to_owned);
    })
    .await
}

fn user(name: &str) -> User {
    User::new(&format!("{name}@example.org"))
}

fn with(name: &str, change: impl FnOnce(&mut User)) -> User {
    let mut user = user(name);
    change(&mut user);
    user
}

/// What an attribute is of each person.
fn values<'a>(picture: &'a Picture, name: &str) -> BTreeMap<&'a str, Option<&'a str>> {
    let accounts = picture.directory.accounts.iter();
    accounts
        .map(|account| (account.shown(), account.attributes.get(name)))
        .collect()
}

#[tokio::test]
async fn devices_contacts_and_applications_are_nobody_and_make_nothing_incomplete() {
    let mut tenant = sketch(&[("MTRX one", &["ada"])]);
    let room = at(&tenant, "MTRX one");
    let things = [
        tenant.add_device("a laptop"),
        tenant.add_contact("a customer"),
        tenant.add_service_principal("an app"),
        tenant.add_other("application", "another"),
        tenant.add_other("administrativeUnit", "a unit"),
        tenant.add_other("directoryRole", "a role"),
    ];
    for thing in things {
        tenant.add_member(room, thing);
        tenant.add_owner(room, thing);
    }
    let world = World::start(tenant, named("MTRX ")).await;
    for picture in [world.read().await, world.read().await, world.read_anew().await] {
        assert_eq!(picture.members("MTRX one"), people(&["ada"]));
        assert_eq!(picture.owners("MTRX one"), BTreeSet::new());
        world.assert_true(&picture, "things are nobody");
    }
    // Likewise where they are told as changed.
    world.emulator.change(|tenant| {
        let thing = tenant.add_device("a telephone");
        tenant.add_member(room, thing);
        tenant.remove_member(room, things[0]);
        tenant.delete(things[1]);
    });
    let (picture, sent) = world.counted().await;
    world.assert_true(&picture, "things come and go");
    assert_eq!(sent, 2);
}

#[tokio::test]
async fn what_is_of_an_unknown_type_may_be_a_person() {
    let mut tenant = sketch(&[("MTRX one", &["ada"]), ("MTRX two", &["bob"])]);
    let [one, two] = ["MTRX one", "MTRX two"].map(|name| at(&tenant, name));
    let unknown = tenant.add_other("personOfTheFuture", "somebody");
    tenant.add_member(one, unknown);
    tenant.add_owner(two, unknown);
    let world = World::start(tenant, named("MTRX ")).await;
    let id = unknown.to_string();
    for picture in [world.read().await, world.read().await, world.read_anew().await] {
        assert_eq!(picture.members("MTRX one"), set(&["ada@example.org"]));
        let incomplete = picture.incomplete();
        assert_eq!(incomplete.keys().copied().collect::<Vec<_>>(), ["MTRX one"]);
        tells(
            &incomplete["MTRX one"],
            &["MTRX one", &id, "personOfTheFuture", "may be a person"],
        );
        let incomplete = picture.incomplete_owners();
        assert_eq!(incomplete.keys().copied().collect::<Vec<_>>(), ["MTRX two"]);
        tells(&incomplete["MTRX two"], &[&id, "personOfTheFuture"]);
        assert_eq!(picture.listing(), "");
    }
    world.emulator.change(|tenant| {
        tenant.remove_member(one, unknown);
        tenant.remove_owner(two, unknown);
    });
    world.assert_true(&world.read().await, "it is gone");
    world.emulator.change(|tenant| tenant.add_member(two, unknown));
    let picture = world.read().await;
    assert_eq!(
        picture.incomplete().keys().copied().collect::<Vec<_>>(),
        ["MTRX two"]
    );
}

#[tokio::test]
async fn what_is_of_an_unknown_type_in_the_root_group_may_be_a_room() {
    let mut tenant = sketch(&[("Rooms", &["one"]), ("one", &["ada"])]);
    let root = at(&tenant, "Rooms");
    let unknown = tenant.add_other("groupOfTheFuture", "something");
    tenant.add_member(root, unknown);
    let world = World::start(tenant, below(root)).await;
    let picture = world.read().await;
    assert_eq!(picture.rooms(), BTreeSet::from(["one"]));
    tells(&picture.listing(), &[&unknown.to_string(), "groupOfTheFuture"]);
    assert_eq!(picture.incomplete(), BTreeMap::new());
}

#[tokio::test]
async fn disabled_people_are_there_and_disabled() {
    let users = vec![user("ada"), with("bob", |user| user.account_enabled = false)];
    let world = room_of(users, &["userPrincipalName"], None).await;
    let picture = world.read().await;
    assert!(picture.is_active("ada@example.org") && !picture.is_active("bob@example.org"));
    assert_eq!(picture.members("MTRX one"), people(&["ada", "bob"]));
    world.assert_true(&picture, "one is disabled");
}

#[tokio::test]
async fn guests_come_with_the_names_that_they_have() {
    let name = "eva_partner.example#EXT#@example.org";
    let guest = with("eva", |user| {
        name.clone_into(&mut user.user_principal_name);
        user.user_type = Some("Guest".to_owned());
        user.mail = Some("eva@partner.example".to_owned());
    });
    let world = room_of(vec![user("ada"), guest], &["userPrincipalName", "mail"], None).await;
    let picture = world.read().await;
    assert_eq!(picture.members("MTRX one"), set(&["ada@example.org", name]));
    let guest = picture.account(name);
    assert_eq!(guest.attributes.get("userPrincipalName"), Some(name));
    assert_eq!(guest.attributes.get("mail"), Some("eva@partner.example"));
    world.assert_true(&picture, "a guest");
}

#[tokio::test]
async fn every_property_that_user_ids_are_made_of() {
    let one = with("ada", |user| {
        user.mail = Some("ada.lovelace@example.org".to_owned());
        user.mail_nickname = Some("al".to_owned());
        user.on_premises_sam_account_name = Some("LOVELACE".to_owned());
        user.set_extension_attribute(7, Some("ada-7"));
        user.set_extension_attribute(8, Some("ada-8"));
        user.extensions.insert(EXTENSION.to_owned(), json!("ada-x"));
    });
    let none = with("bob", |user| {
        user.mail = None;
        user.mail_nickname = None;
        user.set_extension_attribute(8, Some("bob-8"));
    });
    let empty = with("cy", |user| {
        user.mail = Some(String::new());
        user.mail_nickname = Some(String::new());
        user.on_premises_sam_account_name = Some(String::new());
        user.set_extension_attribute(7, Some(""));
        user.extensions.insert(EXTENSION.to_owned(), json!(""));
    });
    let expected = [
        ("userPrincipalName", "ada@example.org"),
        ("mail", "ada.lovelace@example.org"),
        ("mailNickname", "al"),
        ("onPremisesSamAccountName", "LOVELACE"),
        (EXTENSION_ATTRIBUTE, "ada-7"),
        (EXTENSION, "ada-x"),
    ];
    for (property, value) in expected {
        let users = vec![one.clone(), none.clone(), empty.clone()];
        let world = room_of(users, &[property], None).await;
        let picture = world.read().await;
        world.assert_true(&picture, property);
        if property != "userPrincipalName" {
            let expected = [
                ("ada@example.org", Some(value)),
                ("bob@example.org", None),
                ("cy@example.org", None),
            ];
            assert_eq!(values(&picture, property), BTreeMap::from(expected), "{property}");
        }
        // Nobody without one has another's, or one of another property.
        let attributes = |account: &Account| {
            expected
                .iter()
                .filter(|(name, _)| account.attributes.get(name).is_some())
                .count()
        };
        assert_eq!(attributes(picture.account("bob@example.org")), 1, "{property}");

        // It comes, it changes, it goes.
        for value in [Some("first"), Some("second"), None] {
            world.emulator.change(|tenant| {
                let bob = at(tenant, "bob");
                tenant.set_user(bob, |user| set_property(user, property, value));
            });
            world.assert_true(&world.read().await, &format!("{property} is {value:?}"));
            world.assert_true(&world.read_anew().await, &format!("{property} is {value:?}"));
        }
    }
}

fn set_property(user: &mut User, name: &str, value: Option<&str>) {
    let text = value.map(str::to_owned);
    match name {
        "mail" => user.mail = text,
        "mailNickname" => user.mail_nickname = text,
        "onPremisesSamAccountName" => user.on_premises_sam_account_name = text,
        EXTENSION_ATTRIBUTE => user.set_extension_attribute(7, value),
        EXTENSION => match value {
            Some(value) => _ = user.extensions.insert(EXTENSION.to_owned(), json!(value)),
            None => _ = user.extensions.remove(EXTENSION),
        },
        // Nobody is without one.
        _ => user.display_name = text,
    }
}

#[tokio::test]
async fn whole_matrix_ids_and_what_is_none() {
    let having = |name: &str, id: Option<&str>| {
        with(name, |user| {
            if let Some(id) = id {
                user.extensions.insert(EXTENSION.to_owned(), json!(id));
            }
        })
    };
    let users = vec![
        having("ada", Some("@countess:matrix.example.org")),
        having("bob", None),
        having("cy", Some("cy")),
        having("dan", Some("@dan")),
    ];
    let world = room_of(users, &["mail"], Some(EXTENSION)).await;
    let check = |picture: Picture| {
        let id = |name: &str| picture.account(name).matrix_id.as_ref().map(ToString::to_string);
        assert_eq!(
            id("ada@example.org").as_deref(),
            Some("@countess:matrix.example.org")
        );
        for name in ["bob@example.org", "cy@example.org", "dan@example.org"] {
            assert_eq!(id(name), None);
        }
        // An ID is made of bob's address; the others have one that is wrong, and are nobody's.
        let mails = values(&picture, "mail");
        assert_eq!(mails["bob@example.org"], Some("bob@example.org"));
        assert_eq!((mails["cy@example.org"], mails["dan@example.org"]), (None, None));
        tells(
            &picture.remarks(),
            &[EXTENSION, "cy@example.org", "dan@example.org", "not a Matrix ID"],
        );
        assert!(!picture.remarks().contains("bob"), "{}", picture.remarks());
        assert_eq!(picture.members("MTRX one"), people(&["ada", "bob", "cy", "dan"]));
        picture.assert_complete();
    };
    for picture in [world.read().await, world.read().await, world.read_anew().await] {
        check(picture);
    }
    let correct = |name: &str, id: &str| {
        world.emulator.change(|tenant| {
            let user = at(tenant, name);
            tenant.set_user(user, |user| set_property(user, EXTENSION, Some(id)));
        });
    };
    correct("cy", "@cy:example.org");
    correct("dan", "@dan:example.org");
    let picture = world.read().await;
    world.assert_true(&picture, "corrected");
    assert_eq!(picture.remarks(), "");
}

#[tokio::test]
async fn where_nobody_has_a_matrix_id_no_other_is_made_up() {
    let world = room_of(vec![user("ada"), user("bob")], &["mail"], Some(EXTENSION)).await;
    for picture in [world.read().await, world.read().await, world.read_anew().await] {
        let all = picture.directory.accounts.iter();
        assert!(
            all.clone()
                .all(|account| account.matrix_id.is_none() && account.attributes.get("mail").is_none())
        );
        assert_eq!(all.count(), 2);
        tells(&picture.remarks(), &[EXTENSION, "all people", "nobody has one"]);
        picture.assert_complete();
    }
}

#[tokio::test]
async fn only_what_is_needed_is_asked_for_and_nobody_by_themselves() {
    let mut tenant = sketch(&[
        ("Rooms", &["one", "two"]),
        ("one", &["ada", "bob", "inner", "*cy"]),
        ("two", &["ada", "inner", "*ada", "*dan"]),
        ("inner", &["eve", "*flo", "deep"]),
        ("deep", &["gus"]),
    ]);
    let root = at(&tenant, "Rooms");
    let somebody = at(&tenant, "gus");
    tenant.set_user(somebody, |user| {
        set_property(user, EXTENSION, Some("@gus:example.org"));
    });
    let names = ["one", "two", "inner", "deep"].map(|name| at(&tenant, name));
    let world = World::start_with(tenant, Options::default(), below(root), |config| {
        config.properties = vec!["mail".to_owned(), EXTENSION_ATTRIBUTE.to_owned()];
        config.matrix_id_property = Some(EXTENSION.to_owned());
    })
    .await;
    world.read().await;
    let user = format!("id,accountEnabled,userPrincipalName,mail,onPremisesExtensionAttributes,{EXTENSION}");
    let group = "id,displayName,visibility";
    let [one, two, inner, deep] = names.map(|id| id.to_string());
    let members =
        |id: &str| format!("/v1.0/groups/{id}/members?$select={user},displayName,visibility&$top=999");
    let owners = |id: &str| format!("/v1.0/groups/{id}/owners?$select={user}&$top=999");
    let mut expected = vec![
        format!("/v1.0/users/delta?$select={user}&$deltatoken=latest"),
        format!("/v1.0/groups/delta?$select={group},members,owners&$deltatoken=latest"),
        format!("/v1.0/groups/{root}?$select={group}"),
        members(&root.to_string()),
        owners(&one),
        owners(&two),
    ];
    expected.extend([&one, &two, &inner, &deep].map(|id| members(id)));
    expected.sort();
    let batch = |path: &String| path == "/v1.0/$batch";
    let mut asked: Vec<String> = world.asked().iter().map(Recorded::decoded).collect();
    asked.retain(|path| !batch(path));
    asked.sort();
    assert_eq!(asked, expected);
    for request in world.asked().iter().filter(|request| !request.in_batch) {
        assert_eq!(request.header("x-ms-throttle-priority"), Some("low"), "{request}");
    }

    // Afterwards, the list of which something was told, and then the people, in a batch each.
    world.emulator.change(|tenant| {
        let [ada, eve] = ["ada", "eve"].map(|name| at(tenant, name));
        tenant.rename(ada, "ada.lovelace@example.org");
        tenant.disable(eve);
        tenant.add_owner(at(tenant, "one"), eve);
    });
    let (picture, sent) = world.counted().await;
    world.assert_true(&picture, "changed");
    assert_eq!(sent, 2 + 2);
    let mut asked: Vec<String> = world.asked().iter().map(Recorded::decoded).collect();
    asked.retain(|path| !batch(path) && !path.contains("/delta"));
    asked.sort();
    let person = |name: &str| {
        let id = world.emulator.tenant(|tenant| at(tenant, name));
        format!("/v1.0/users/{id}?$select={user}")
    };
    let mut expected = vec![owners(&one), person("ada.lovelace"), person("eve")];
    expected.sort();
    assert_eq!(asked, expected);
}
