//! The examples of Microsoft's reference pages, asked of the emulator.
//!
//! Each file in `reference/` is a page, and names it and its revision in the public repository
//! `microsoftgraph/microsoft-graph-docs-contrib`. Names and ids are ours, the shapes are the page's. A step is
//!
//! - `get`, `batch`, `batch_of` or `token`, a request, and what is expected of its answer: `status` (200 if
//!   nothing is said), `body`, `text`, `content_type`, `code`, …
//! - or something that happens in between: `change`, `throttle`, `expire`.
//!
//! An example is compared strictly, as `shape` says, but for what the page itself says: `shortened` is its note that
//! objects are shown in part, `link` that there is a link of either kind. What we made of it is said in words:
//! `unsaid` is by what other parts of the page tell the example is incomplete, `left_out` is what of it we do not
//! expect, `added` what it does not have, and `may_refuse` why the emulator may refuse the request instead (but not
//! answer it wrongly).

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::replay::Replay;
use crate::shape::{self, Rules};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    #[serde(rename = "page")]
    path: String,
    #[expect(dead_code, reason = "says where to look")]
    revision: String,
    tenant: Vec<Value>,
    grant: Option<Vec<String>>,
    examples: Vec<Example>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    #[serde(rename = "example")]
    name: String,
    grant: Option<Vec<String>>,
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    // Requests.
    pub(crate) get: Option<String>,
    pub(crate) batch: Option<Value>,
    pub(crate) batch_of: Option<usize>,
    pub(crate) token: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    // What happens in between.
    #[serde(default)]
    pub(crate) change: Vec<Change>,
    pub(crate) throttle: Option<u64>,
    pub(crate) path: Option<String>,
    #[serde(default)]
    pub(crate) expire: bool,
    // What is expected.
    status: Option<u16>,
    body: Option<Value>,
    text: Option<String>,
    content_type: Option<String>,
    code: Option<String>,
    location: Option<String>,
    retry_after: Option<String>,
    statuses: Option<BTreeMap<String, u16>>,
    #[serde(default)]
    retry_after_of: BTreeMap<String, String>,
    #[serde(default)]
    headers_of_answer: BTreeMap<String, String>,
    #[serde(default)]
    null: BTreeMap<String, String>,
    #[serde(default)]
    unread: bool,
    // How it is compared.
    shortened: Option<Value>,
    link: Option<String>,
    #[serde(default)]
    unsaid: BTreeMap<String, String>,
    may_refuse: Option<String>,
    #[expect(dead_code, reason = "said for readers")]
    left_out: Option<String>,
    #[expect(dead_code, reason = "said for readers")]
    added: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(crate) enum Change {
    Set { set: String, to: Value },
    Add { add: String, to_group: String },
    Remove { remove: String, from: String },
    Delete { delete: String },
    Restore { restore: String },
    Purge { purge: String },
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) text: String,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

async fn replayed(text: &str) -> Result<()> {
    let page: Page = serde_json::from_str(text)?;
    let mut told = Vec::new();
    for example in &page.examples {
        let granted = example.grant.as_ref().or(page.grant.as_ref());
        let mut replay = Replay::start(&page.tenant, granted.map(Vec::as_slice)).await?;
        for (number, step) in example.steps.iter().enumerate() {
            let place = format!("{}, step {}", example.name, number + 1);
            let Some(got) = replay.step(step).await.context(place.clone())? else {
                continue;
            };
            if step.may_refuse.is_some() && (400..500).contains(&got.status) {
                told.extend(
                    error_form(&got)
                        .into_iter()
                        .map(|text| format!("{place}: {text}")),
                );
                continue;
            }
            told.extend(
                judged(step, &got, &replay.base())
                    .into_iter()
                    .map(|text| format!("{place}: {text}")),
            );
        }
    }
    assert!(told.is_empty(), "{} differs:\n{}", page.path, told.join("\n"));
    Ok(())
}

/// Everything in which an answer is not what its step expects.
fn judged(step: &Step, got: &Got, base: &str) -> Vec<String> {
    let mut told = Vec::new();
    let status = step.status.unwrap_or(200);
    if got.status != status {
        return vec![format!("{} instead of {status}: {}", got.status, got.text)];
    }
    let graph = step.token.is_none();
    if graph {
        // Documents of OData say more than the pages, which shorten it to the type alone.
        let wanted = step.content_type.as_deref().unwrap_or("application/json");
        let kind = got.header("content-type");
        if kind != wanted && kind.split(';').next() != Some(wanted) {
            told.push(format!("content type {kind:?} instead of {wanted:?}"));
        }
    }
    if let Some(text) = &step.text
        && got.text != *text
    {
        told.push(format!("{:?} instead of {text:?}", got.text));
    }
    let rules = Rules {
        shortened: step.shortened.is_some(),
        unsaid: step.unsaid.keys().cloned().collect(),
        either_link: step.link.is_some(),
        base: base.to_owned(),
    };
    if let Some(body) = &step.body {
        told.extend(shape::differences(body, &got.json(), &rules));
    } else if status >= 400 && graph {
        told.extend(error_form(got));
    }
    if let Some(code) = &step.code
        && got.json()["error"]["code"] != **code
    {
        told.push(format!("code {} instead of {code}", got.json()["error"]["code"]));
    }
    if let Some(location) = &step.location
        && got.header("location") != format!("{base}{location}")
    {
        told.push(format!(
            "location {:?} instead of {base}{location}",
            got.header("location")
        ));
    }
    if let Some(seconds) = &step.retry_after
        && got.header("retry-after") != seconds
    {
        told.push(format!(
            "retry-after {:?} instead of {seconds}",
            got.header("retry-after")
        ));
    }
    for (name, wanted) in &step.headers_of_answer {
        let value = got.header(name);
        let fits = match wanted.as_str() {
            "" => !value.is_empty(),
            "guid" => shape::is_guid(value),
            _ => value == wanted,
        };
        if !fits {
            told.push(format!("{name} is {value:?}"));
        }
    }
    told.extend(batch_judged(step, &got.json()));
    told.extend(nulls_judged(step, &got.json()));
    told
}

/// An error's body is the same everywhere, whatever the error is.
fn error_form(got: &Got) -> Vec<String> {
    let body = json!({"error": {
        "code": "{any}",
        "message": "{any}",
        "innerError": {"date": "2025-02-13T10:17:06", "request-id": "guid", "client-request-id": "guid"},
    }});
    shape::differences(&body, &got.json(), &Rules::default())
}

fn batch_judged(step: &Step, got: &Value) -> Vec<String> {
    let mut told = Vec::new();
    let item = |id: &str| got["responses"].as_array()?.iter().find(|item| item["id"] == *id);
    for (id, status) in step.statuses.iter().flatten() {
        match item(id) {
            Some(item) if item["status"] == *status => {}
            found => told.push(format!("item {id}: {found:?} instead of {status}")),
        }
    }
    for (id, seconds) in &step.retry_after_of {
        let value = item(id)
            .and_then(|item| item["headers"].as_object())
            .and_then(|headers| {
                headers
                    .iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case("retry-after"))
            });
        if value.is_none_or(|(_, value)| value != seconds) {
            told.push(format!("retry-after of item {id}: {value:?}"));
        }
    }
    if let Some(count) = step.batch_of {
        let items = got["responses"].as_array().map_or(0, Vec::len);
        if step.status == Some(200) && items != count {
            told.push(format!("{items} items instead of {count}"));
        }
    }
    told
}

/// Objects of these types have null in every property but type and id.
fn nulls_judged(step: &Step, got: &Value) -> Vec<String> {
    let values = got["value"].as_array().into_iter().flatten();
    let hidden = values.filter(|value| {
        value["@odata.type"]
            .as_str()
            .is_some_and(|kind| step.null.contains_key(kind))
    });
    hidden
        .flat_map(|value| value.as_object().into_iter().flatten())
        .filter(|(key, value)| !["@odata.type", "id"].contains(&key.as_str()) && !value.is_null())
        .map(|(key, value)| format!("{key} is {value} instead of null"))
        .collect()
}

impl Step {
    /// Whether its answer is only needed for its link.
    pub(crate) fn unread(&self) -> bool {
        self.unread
    }
}

macro_rules! pages {
    ($($test:ident => $file:literal,)*) => {
        $(
            #[tokio::test]
            async fn $test() -> Result<()> {
                replayed(include_str!(concat!("reference/", $file))).await
            }
        )*

        #[test]
        fn no_page_is_forgotten() -> Result<()> {
            let mut there = Vec::new();
            for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fidelity/reference"))? {
                there.push(entry?.file_name().to_string_lossy().into_owned());
            }
            there.sort();
            let mut known = vec![$($file.to_owned()),*];
            known.sort();
            assert_eq!(there, known);
            Ok(())
        }
    };
}

pages! {
    auth_v2_service => "auth-v2-service.json",
    delta_query_groups => "delta-query-groups.json",
    delta_query_overview => "delta-query-overview.json",
    delta_query_users => "delta-query-users.json",
    errors => "errors.json",
    group_delta => "group-delta.json",
    group_get => "group-get.json",
    group_list => "group-list.json",
    group_list_members => "group-list-members.json",
    group_list_owners => "group-list-owners.json",
    group_list_transitivemembers => "group-list-transitivemembers.json",
    json_batching => "json-batching.json",
    paging => "paging.json",
    permissions_overview => "permissions-overview.json",
    throttling => "throttling.json",
    user_delta => "user-delta.json",
    user_get => "user-get.json",
    user_list => "user-list.json",
}
