//! Whatever Graph says: no panic, and nothing that is not of its form passes for a page, a whole one least of all.
//! `PROPTEST_CASES` says how many cases are tried.

use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::{Map, Value, json};

use super::json;
use crate::{graph::Page, object::Object, object_id::ObjectId};

const IDS: [&str; 3] = [
    "6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0",
    "4562bcc8-c436-4f95-b7c0-4f8ce89dca5e",
    "not-a-guid",
];

fn text() -> impl Strategy<Value = String> {
    let words = [
        "id",
        "value",
        "@odata.nextLink",
        "@odata.deltaLink",
        "@odata.type",
        "@removed",
        "members@delta",
        "userPrincipalName",
        "accountEnabled",
        "#microsoft.graph.user",
        "#microsoft.graph.group",
        IDS[0],
        IDS[2],
        "",
    ];
    prop_oneof![
        proptest::sample::select(words.to_vec()).prop_map(str::to_owned),
        any::<String>()
    ]
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((text(), inner), 0..6)
                .prop_map(|pairs| Value::from(pairs.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn page() -> Value {
    json!({
        "@odata.context": "https://graph.example/$metadata#groups",
        "@odata.nextLink": "https://graph.example/v1.0/groups?$skiptoken=x",
        "value": [
            { "@odata.type": "#microsoft.graph.user", "id": IDS[0], "userPrincipalName": "a@e.org", "accountEnabled": true },
            { "@odata.type": "#microsoft.graph.group", "id": IDS[1], "displayName": "MTRX #a:e.org",
                "members@delta": [{ "@odata.type": "#microsoft.graph.user", "id": IDS[0], "@removed": { "reason": "deleted" } }] },
            { "id": IDS[1], "@removed": { "reason": "changed" } },
        ],
    })
}

fn places(value: &Value, here: &str, all: &mut Vec<String>) {
    all.push(here.to_owned());
    match value {
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                places(item, &format!("{here}/{n}"), all);
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                places(
                    item,
                    &format!("{here}/{}", key.replace('~', "~0").replace('/', "~1")),
                    all,
                );
            }
        }
        _ => {}
    }
}

fn harmed(mut document: Value, harms: &[(Index, Option<Value>)]) -> Value {
    for (index, harm) in harms {
        let mut all = Vec::new();
        places(&document, "", &mut all);
        let place = index.get(&all).clone();
        if let Some(value) = harm {
            document.pointer_mut(&place).unwrap().clone_from(value);
            continue;
        }
        let (parent, name) = place.rsplit_once('/').unwrap_or_default();
        if let Some(Value::Object(map)) = document.pointer_mut(parent) {
            map.remove(&name.replace("~1", "/").replace("~0", "~"));
        }
    }
    document
}

/// What was taken for a page is one: with all of its items, and with the link to the next if it says that there is one.
fn is_one(body: &[u8]) -> Result<(), TestCaseError> {
    let Ok(page) = json::<Page<Object>>("GET /groups", body) else {
        return Ok(());
    };
    // What nobody wants of it need not even be UTF-8.
    let told: Value = serde_json::from_str(&String::from_utf8_lossy(body)).unwrap();
    let items = told["value"].as_array();
    prop_assert_eq!(Some(page.value.len()), items.map(Vec::len));
    prop_assert_eq!(
        page.next.as_deref().map(Value::from),
        told.get("@odata.nextLink")
            .filter(|link| !link.is_null())
            .cloned()
    );
    prop_assert_eq!(
        page.delta.as_deref().map(Value::from),
        told.get("@odata.deltaLink")
            .filter(|link| !link.is_null())
            .cloned()
    );
    for (object, item) in page.value.iter().zip(items.unwrap()) {
        prop_assert!(item.is_object());
        prop_assert_eq!(object.id, item["id"].as_str().and_then(ObjectId::parse));
        let part = |name: &str| item[name].as_array().map_or(0, Vec::len);
        prop_assert_eq!(object.members.len(), part("members@delta"));
        prop_assert_eq!(object.owners.len(), part("owners@delta"));
        let mut told = item.as_object().unwrap().iter();
        let told = told.find(|(name, _)| name.eq_ignore_ascii_case("accountEnabled"));
        prop_assert_eq!(object.get("accountEnabled"), told.map(|(_, value)| value));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn harmed_pages(harms in vec((any::<Index>(), proptest::option::of(anything())), 1..5)) {
        is_one(harmed(page(), &harms).to_string().as_bytes())?;
    }

    #[test]
    fn anything_for_a_page(body in anything()) {
        is_one(body.to_string().as_bytes())?;
        is_one(json!({ "value": body }).to_string().as_bytes())?;
    }

    /// Bytes that were changed, and an answer that ends too early: that one is no page at all.
    #[test]
    fn bytes(noise in vec((any::<Index>(), any::<u8>()), 0..4), cut in any::<Index>()) {
        let mut body = page().to_string().into_bytes();
        prop_assert!(json::<Page<Object>>("GET /groups", &body[..cut.index(body.len())]).is_err());
        for (at, byte) in noise {
            let at = at.index(body.len());
            body[at] = byte;
        }
        is_one(&body)?;
    }
}

/// By the order of its fields, this would be an empty page without a next one.
#[test]
fn a_list_is_no_page() {
    for body in ["[[], null, null]", " [[],null,null]", "[]"] {
        assert!(
            json::<Page<Object>>("GET /groups", body.as_bytes()).is_err(),
            "{body}"
        );
    }
}
