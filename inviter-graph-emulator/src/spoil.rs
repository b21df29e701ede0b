//! What troubles do to an answer.

use serde_json::{Map, Value, json};

use crate::answer::{Answer, Refusal, RequestIds};
use crate::fault::Trouble;
use crate::query::Query;
use crate::random;
use crate::tokens::Pages;

/// Whose form an error has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Graph,
    Token,
}

/// What is known of a request whose answer is spoilt.
pub(crate) struct Spoilt<'a> {
    pub(crate) place: Place,
    /// Such as `http://127.0.0.1:40123`.
    pub(crate) origin: &'a str,
    pub(crate) path_and_query: &'a str,
    pub(crate) authorization: &'a str,
    pub(crate) body: &'a [u8],
    pub(crate) ids: &'a RequestIds,
    pub(crate) pages: &'a Pages,
}

/// The answer that comes instead, if a trouble is of that kind.
pub(crate) fn instead(troubles: &[Trouble], of: &Spoilt<'_>) -> Option<Answer> {
    troubles.iter().find_map(|trouble| {
        let answer = match trouble {
            Trouble::Status(status) => error(*status, of),
            Trouble::HtmlStatus(status) => Answer::new(
                *status,
                "text/html",
                format!("<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>"),
            ),
            Trouble::Answer {
                status,
                headers,
                body,
            } => {
                let mut answer = Answer::new(*status, "", body.clone());
                answer.headers.clone_from(headers);
                answer
            }
            Trouble::Echo(status) => echo(*status, of),
            Trouble::Throttle { retry_after } => {
                let mut answer = error(429, of);
                if let Some(seconds) = retry_after {
                    answer = answer.with("retry-after", seconds.to_string());
                }
                answer
            }
            Trouble::Denied => error(403, of),
            Trouble::NotFound => error(404, of),
            Trouble::Gone => error(410, of),
            Trouble::NotJson => Answer::new(200, "application/json", "This is not what was expected."),
            Trouble::EmptyValueMissing => Answer::json(200, &json!({ "@odata.context": of.origin })),
            Trouble::Redirect(base) => Answer::new(302, "text/plain", "").with(
                "location",
                format!("{}{}", base.trim_end_matches('/'), of.path_and_query),
            ),
            _ => return None,
        };
        Some(answer)
    })
}

fn echo(status: u16, of: &Spoilt<'_>) -> Answer {
    let body = String::from_utf8_lossy(of.body);
    let said = format!(
        "What is {} with {} and {body}?",
        of.path_and_query, of.authorization
    );
    let error = match of.place {
        Place::Graph => json!({ "error": { "code": "BadRequest", "message": said } }),
        Place::Token => {
            json!({ "error": "invalid_request", "error_description": said, "error_codes": [900_144] })
        }
    };
    Answer::json(status, &error)
}

fn error(status: u16, of: &Spoilt<'_>) -> Answer {
    match of.place {
        Place::Graph => Refusal::of_status(status).answer(of.ids),
        Place::Token => Answer::json(
            status,
            &json!({
                "error": if status >= 500 { "temporarily_unavailable" } else { "invalid_request" },
                "error_description": format!("AADSTS90033: The service answers with {status} for a while."),
                "error_codes": [90033],
                "trace_id": of.ids.request,
                "correlation_id": of.ids.client,
            }),
        ),
    }
}

/// Changes an answer as the troubles say.
pub(crate) fn change(mut answer: Answer, troubles: &[Trouble], of: &Spoilt<'_>) -> Answer {
    for trouble in troubles {
        let delivery = &mut answer.delivery;
        match trouble {
            Trouble::Cut => delivery.cut = true,
            Trouble::CutBody => delivery.cut_body = true,
            Trouble::Silence => delivery.silence = true,
            Trouble::Slow(time) => delivery.delay += *time,
            Trouble::Trickle(time) => delivery.trickle = Some(*time),
            Trouble::Huge(blanks) => delivery.blanks += blanks,
            Trouble::DropBatchItem => delivery.dropped = true,
            Trouble::DoubleBatchItem => delivery.doubled = true,
            Trouble::RenameBatchItem => delivery.renamed = true,
            Trouble::Truncated => answer.body = answer.body.slice(..answer.body.len() / 2),
            _ => change_json(&mut answer, trouble, of),
        }
    }
    answer
}

fn change_json(answer: &mut Answer, trouble: &Trouble, of: &Spoilt<'_>) {
    if answer.status != 200 {
        return;
    }
    let Ok(Value::Object(mut body)) = serde_json::from_slice::<Value>(&answer.body) else {
        return;
    };
    let own = format!("{}{}", of.origin, of.path_and_query);
    match trouble {
        Trouble::NextLinkElsewhere(base) => {
            let next = body
                .get("@odata.nextLink")
                .and_then(Value::as_str)
                .unwrap_or(&own);
            let path = next.strip_prefix(of.origin).unwrap_or(of.path_and_query);
            let link = format!("{}{path}", base.trim_end_matches('/'));
            set_next(&mut body, &link);
        }
        Trouble::NextLinkLoop => set_next(&mut body, &own),
        Trouble::EmptyPages(count) => {
            let path = own.split('?').next().unwrap_or(&own);
            let mut page = answer.body.clone();
            for _ in 0..*count {
                let token = of.pages.keep_page(page);
                body.insert("value".to_owned(), json!([]));
                set_next(&mut body, &format!("{path}?$skiptoken={token}"));
                page = Value::Object(body.clone()).to_string().into();
            }
            answer.body = page;
            return;
        }
        Trouble::EmptyValue => {
            body.insert("value".to_owned(), json!([]));
            body.remove("@odata.nextLink");
        }
        Trouble::Repeat => lists(&mut body, &|list| list.extend(list.clone())),
        Trouble::Shuffle => lists(&mut body, &|list| random::shuffle(list)),
        Trouble::Contradict => lists(&mut body, &contradict),
        Trouble::Replay(pages) => {
            let items = told_before(of, *pages);
            if let (Some(Value::Array(all)), Some(items)) = (body.get_mut("value"), items) {
                all.extend(items);
            }
        }
        Trouble::WithoutProperty(name) => lists(&mut body, &|list| {
            for item in list.iter_mut().filter_map(Value::as_object_mut) {
                item.remove(name);
            }
        }),
        _ => return,
    }
    answer.body = Value::Object(body).to_string().into();
}

fn set_next(body: &mut Map<String, Value>, link: &str) {
    body.remove("@odata.deltaLink");
    body.insert("@odata.nextLink".to_owned(), json!(link));
}

/// Changes the list of items, and before it those of members and owners in each.
fn lists(body: &mut Map<String, Value>, change: &dyn Fn(&mut Vec<Value>)) {
    let Some(Value::Array(items)) = body.get_mut("value") else {
        return;
    };
    for item in items.iter_mut().filter_map(Value::as_object_mut) {
        for name in ["members@delta", "owners@delta"] {
            if let Some(Value::Array(list)) = item.get_mut(name) {
                change(list);
            }
        }
    }
    change(items);
}

/// What the delta query told so many pages before this one.
fn told_before(of: &Spoilt<'_>, pages: usize) -> Option<Vec<Value>> {
    let (_, query) = of.path_and_query.split_once('?')?;
    let query = Query::parse(query);
    let token = query.get("$deltatoken").or_else(|| query.get("$skiptoken"))?;
    serde_json::from_slice(of.pages.round(token)?.told_before(pages)?).ok()
}

fn contradict(list: &mut Vec<Value>) {
    let opposite = |item: &Value| {
        let mut item = item.as_object()?.clone();
        if item.remove("@removed").is_none() {
            item.retain(|name, _| name == "id" || name == "@odata.type");
            item.insert("@removed".to_owned(), json!({ "reason": "deleted" }));
        }
        Some(Value::Object(item))
    };
    let opposites: Vec<Value> = list.iter().filter_map(opposite).collect();
    list.extend(opposites);
}
