//! `/$batch`: up to 20 requests in one.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use crate::answer::{Answer, Delivery, Refusal};
use crate::emulator::Shared;
use crate::server::Incoming;
use crate::{random, shown};

const MOST: usize = 20;

#[derive(Deserialize)]
struct Batch {
    requests: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    #[serde(default)]
    id: Value,
    method: Option<String>,
    url: Option<String>,
    #[serde(default)]
    headers: serde_json::Map<String, Value>,
    #[serde(default)]
    depends_on: Vec<String>,
}

/// Answers a batch, or says why it is none. The items have been through faults and the record.
pub(crate) fn answer(shared: &Shared, request: &Incoming, limited: bool) -> Result<Answer, Refusal> {
    let batch: Batch = serde_json::from_slice(&request.body)
        .map_err(|_| Refusal::new(400, "BadRequest", "Invalid batch payload format."))?;
    let items = check(&batch.requests)?;
    let mut delivery = Delivery::default();
    let mut answers: Vec<(&str, u16, Vec<u8>)> = Vec::new();
    for (id, method, url, item) in items {
        let failed = item.depends_on.iter().any(|other| {
            !answers
                .iter()
                .any(|(id, status, _)| id.eq_ignore_ascii_case(other) && *status < 400)
        });
        let part = request.part(
            method,
            &format!("/v1.0/{}", url.trim_start_matches('/')),
            &item.headers,
        );
        let answer = if failed {
            Refusal::new(
                424,
                "FailedDependency",
                "A request that this one depends on has failed.",
            )
            .answer(&part.ids)
        } else {
            shared.answer_in_batch(&part, limited)
        };
        delivery.join(&answer.delivery);
        if answer.delivery.dropped {
            continue;
        }
        let shown = if answer.delivery.renamed {
            format!("{id}-of-another")
        } else {
            id.to_owned()
        };
        for _ in 0..=usize::from(answer.delivery.doubled) {
            answers.push((id, answer.status, response(&shown, &answer)));
        }
    }
    // No client may count on the order.
    random::shuffle(&mut answers);
    let mut out = b"{\"responses\":[".to_vec();
    for (index, (_, _, response)) in answers.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(response);
    }
    out.extend_from_slice(b"]}");
    let mut answer = Answer::new(200, "application/json", out);
    answer.delivery = delivery;
    Ok(answer)
}

type Checked<'a> = (&'a str, &'a str, &'a str, &'a Item);

fn check(requests: &[Item]) -> Result<Vec<Checked<'_>>, Refusal> {
    let bad = |message: &str| Refusal::new(400, "BadRequest", message);
    if requests.len() > MOST {
        return Err(Refusal::new(
            400,
            "MaximumValueExceeded",
            format!("Number of batch request steps exceeds the maximum value of {MOST}."),
        ));
    }
    if requests.is_empty() {
        return Err(bad("Invalid batch payload format."));
    }
    let mut ids = BTreeSet::new();
    let mut checked = Vec::new();
    for item in requests {
        let id = item.id.as_str().filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| bad("Every batch request step needs an id, as a string."))?;
        let method = item.method.as_deref();
        let method = method.ok_or_else(|| bad("Every batch request step needs a method."))?;
        let url = item.url.as_deref().filter(|url| !url.contains("://"));
        let url = url.ok_or_else(|| bad("Every batch request step needs a relative url."))?;
        if !ids.insert(id.to_lowercase()) {
            return Err(bad("The ids of batch request steps have to be unique."));
        }
        checked.push((id, method, url, item));
    }
    Ok(checked)
}

fn response(id: &str, answer: &Answer) -> Vec<u8> {
    let mut out = b"{".to_vec();
    shown::name(&mut out, "id");
    shown::string(&mut out, id);
    shown::name(&mut out, "status");
    out.extend_from_slice(answer.status.to_string().as_bytes());
    shown::name(&mut out, "headers");
    out.push(b'{');
    shown::name(&mut out, "Cache-Control");
    shown::string(&mut out, "no-cache");
    if answer.status == 200 {
        shown::name(&mut out, "OData-Version");
        shown::string(&mut out, "4.0");
    } else {
        shown::name(&mut out, "x-ms-resource-unit");
        shown::string(&mut out, "1");
    }
    for (name, value) in &answer.headers {
        shown::name(&mut out, &title(name));
        shown::string(&mut out, value);
    }
    out.push(b'}');
    shown::name(&mut out, "body");
    if answer.body.is_empty() {
        out.extend_from_slice(b"null");
    } else if serde_json::from_slice::<serde::de::IgnoredAny>(&answer.body).is_ok() {
        out.extend_from_slice(&answer.body);
    } else {
        shown::string(&mut out, &String::from_utf8_lossy(&answer.body));
    }
    out.push(b'}');
    out
}

/// `content-type` as `Content-Type`.
fn title(name: &str) -> String {
    let parts = name.split('-').map(|part| {
        let (first, rest) = part.split_at(part.len().min(1));
        format!("{}{rest}", first.to_ascii_uppercase())
    });
    parts.collect::<Vec<_>>().join("-")
}
