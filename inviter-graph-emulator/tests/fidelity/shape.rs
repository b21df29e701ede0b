//! Compares an answer with the one that a reference page shows.
//!
//! The tenant is built from the page's example, so that values have to be the page's as well, but for those that
//! nobody can know before: times, request ids and tokens have to have the page's form.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Url;
use serde_json::{Map, Value};

/// What the page says of its answer, besides the answer.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// A note says that the objects are shortened: they may have further properties, though no annotations.
    pub(crate) shortened: bool,
    /// Keys that the answer may have although the example has them not; other parts of the page say why.
    pub(crate) unsaid: BTreeSet<String>,
    /// The page says that the answer has a link to the next page or one to the next round.
    pub(crate) either_link: bool,
    /// What stands for `https://graph.microsoft.com/v1.0`.
    pub(crate) base: String,
}

const MICROSOFT: &str = "https://graph.microsoft.com/v1.0";
const LINKS: [&str; 2] = ["@odata.nextLink", "@odata.deltaLink"];

/// Everything in which an answer differs from the page's, each with its place.
pub(crate) fn differences(page: &Value, got: &Value, rules: &Rules) -> Vec<String> {
    let mut found = Vec::new();
    let envelope = ["value", "error", "responses"]
        .iter()
        .any(|key| page.get(key).is_some());
    compare(page, got, rules, "", !envelope, &mut found);
    found
}

fn compare(page: &Value, got: &Value, rules: &Rules, place: &str, entity: bool, found: &mut Vec<String>) {
    match (page, got) {
        (Value::Object(page), Value::Object(got)) => objects(page, got, rules, place, entity, found),
        (Value::Array(page), Value::Array(got)) => arrays(page, got, rules, place, found),
        _ if fits(page, got, place, rules) => {}
        _ => found.push(format!("{place}: {got} instead of {page}")),
    }
}

fn objects(
    page: &Map<String, Value>,
    got: &Map<String, Value>,
    rules: &Rules,
    place: &str,
    entity: bool,
    found: &mut Vec<String>,
) {
    // Names of headers do not care for case.
    let folds = place.ends_with("/headers");
    let got: BTreeMap<String, &Value> = got.iter().map(|(key, value)| (fold(key, folds), value)).collect();
    let page: BTreeMap<String, &Value> = page
        .iter()
        .map(|(key, value)| (fold(key, folds), value))
        .collect();
    let link = |key: &str| rules.either_link && LINKS.contains(&key);
    for (key, expected) in &page {
        let inside = format!("{place}/{key}");
        match got.get(key) {
            Some(value) => {
                let entity =
                    key == "body" && expected.get("value").is_none() && expected.get("error").is_none();
                compare(expected, value, rules, &inside, entity, found);
            }
            None if link(key) && LINKS.iter().any(|other| got.contains_key(*other)) => {}
            None => found.push(format!("{inside}: missing")),
        }
    }
    for (key, value) in &got {
        let allowed = page.contains_key(key)
            || rules.unsaid.contains(key)
            || link(key) && LINKS.iter().any(|other| page.contains_key(*other))
            || rules.shortened && entity && !key.contains('@');
        if !allowed {
            found.push(format!("{place}/{key}: {value}, which the page has not"));
        }
    }
}

fn fold(key: &str, folds: bool) -> String {
    if folds {
        key.to_ascii_lowercase()
    } else {
        key.to_owned()
    }
}

fn arrays(page: &[Value], got: &[Value], rules: &Rules, place: &str, found: &mut Vec<String>) {
    if page.len() != got.len() {
        found.push(format!(
            "{place}: {} elements instead of {}",
            got.len(),
            page.len()
        ));
    }
    let entity = place.ends_with("/value");
    for (index, expected) in page.iter().enumerate() {
        // The order of objects means nothing in Graph: they are found by what says which one it is.
        let same = ["id", "displayName", "userPrincipalName"].iter().find_map(|key| {
            let name = expected.get(key)?;
            got.iter().find(|value| value.get(key) == Some(name))
        });
        let inside = format!("{place}/{index}");
        match same.or_else(|| got.get(index)) {
            Some(value) => compare(expected, value, rules, &inside, entity, found),
            None => found.push(format!("{inside}: missing")),
        }
    }
}

/// Whether a value that is neither object nor array is what the page shows.
fn fits(page: &Value, got: &Value, place: &str, rules: &Rules) -> bool {
    let key = place.rsplit('/').next().unwrap_or_default();
    match (page, got) {
        // A token may be valid for some seconds more or less.
        (Value::Number(_), Value::Number(got)) if key.ends_with("expires_in") => got
            .as_u64()
            .is_some_and(|seconds| (60..=86_400).contains(&seconds)),
        (Value::String(page), Value::Number(_)) => page == "{number}",
        (Value::String(page), Value::String(got)) => match page.as_str() {
            "{any}" | "token" => !got.is_empty(),
            "guid" => is_guid(got),
            _ if LINKS.contains(&key) => same_link(page, got, rules),
            _ if is_time(page) => digits(page) == digits(got),
            _ => page.replace(MICROSOFT, &rules.base) == *got,
        },
        _ => page == got,
    }
}

/// Whether a text has the form of a GUID in small letters.
pub(crate) fn is_guid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    lengths == [8, 4, 4, 4, 12] && groups.concat().bytes().all(hex)
}

fn is_time(text: &str) -> bool {
    ["0000-00-00T00:00:00", "0000-00-00 00:00:00Z"]
        .iter()
        .any(|form| digits(text).starts_with(form))
}

/// A text's form: every digit as a zero.
fn digits(text: &str) -> String {
    text.replace(|character: char| character.is_ascii_digit(), "0")
}

/// Whether two links have the same path and the same parameters; state tokens have to be there only.
fn same_link(page: &str, got: &str, rules: &Rules) -> bool {
    let parts = |link: &str| -> Option<(String, BTreeMap<String, String>)> {
        let url = Url::parse(link).ok()?;
        let parameters = url.query_pairs().map(|(name, value)| {
            let token = ["$skiptoken", "$deltatoken"].contains(&name.as_ref()) && !value.is_empty();
            let value = if token { "token" } else { &value };
            (name.into_owned(), value.to_owned())
        });
        let parameters = parameters.collect();
        Some((
            format!("{}{}", url.origin().ascii_serialization(), url.path()),
            parameters,
        ))
    };
    let expected = parts(&page.replace(MICROSOFT, &rules.base));
    expected.is_some() && expected == parts(got)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules() -> Rules {
        Rules {
            base: "https://here.test/v1.0".to_owned(),
            ..Rules::default()
        }
    }

    #[test]
    fn a_missing_key_an_additional_one_and_another_type_are_differences() {
        let page = json!({"@odata.context": "x", "value": [{"id": "1", "mail": null, "groupTypes": []}]});
        let got = json!({"@odata.context": "x", "value": [{"id": "1", "groupTypes": "[]", "more": 1}]});
        let told = differences(&page, &got, &rules());
        assert_eq!(told.len(), 3, "{told:#?}");
        assert!(told[0].starts_with("/value/0/groupTypes"), "{told:#?}");
        assert_eq!(told[1], "/value/0/mail: missing");
        assert!(told[2].starts_with("/value/0/more"), "{told:#?}");
    }

    #[test]
    fn a_shortened_object_may_have_more_properties_but_no_annotations() {
        let page = json!({"value": [{"id": "1"}]});
        let shortened = Rules {
            shortened: true,
            ..rules()
        };
        let got = json!({"value": [{"id": "1", "mail": "a"}]});
        assert_eq!(differences(&page, &got, &shortened), Vec::<String>::new());
        let got = json!({"value": [{"id": "1", "@odata.id": "a"}]});
        assert_eq!(differences(&page, &got, &shortened).len(), 1);
        // Nor may what is around the objects have more.
        let got = json!({"value": [{"id": "1"}], "count": 1});
        assert_eq!(differences(&page, &got, &shortened).len(), 1);
        let got = json!({"value": [{"id": "1"}], "@odata.context": "a"});
        assert_eq!(differences(&page, &got, &shortened).len(), 1);
    }

    #[test]
    fn links_are_compared_without_their_tokens_and_contexts_as_a_whole() {
        let page = json!({
            "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users",
            "@odata.nextLink": "https://graph.microsoft.com/v1.0/users?$top=5&$skiptoken=token",
            "value": [],
        });
        let got = |context: &str, link: &str| json!({"@odata.context": context, "@odata.nextLink": link, "value": []});
        let context = "https://here.test/v1.0/$metadata#users";
        let right = got(context, "https://here.test/v1.0/users?%24skiptoken=abc&$top=5");
        assert_eq!(differences(&page, &right, &rules()), Vec::<String>::new());
        for wrong in [
            got(context, "https://here.test/v1.0/users?$skiptoken=abc"),
            got(context, "https://here.test/v1.0/users?$top=5&$skiptoken="),
            got(context, "https://here.test/v1.0/groups?$top=5&$skiptoken=abc"),
            got(context, "/v1.0/users?$top=5&$skiptoken=abc"),
            got(
                "https://here.test/v1.0/$metadata#groups",
                "https://here.test/v1.0/users?$top=5&$skiptoken=abc",
            ),
        ] {
            assert_eq!(differences(&page, &wrong, &rules()).len(), 1, "{wrong:#}");
        }
    }

    #[test]
    fn times_and_request_ids_have_to_have_the_form_of_the_pages() {
        let page = json!({"error": {"date": "2025-02-13T10:17:06", "request-id": "guid"}});
        let got = |date: &str, id: &str| json!({"error": {"date": date, "request-id": id}});
        let id = "93b6f17e-c05d-4f45-ad2a-6665c708d8a0";
        assert!(differences(&page, &got("2030-12-24T00:00:00", id), &rules()).is_empty());
        assert_eq!(
            differences(&page, &got("2030-12-24T00:00:00Z", id), &rules()).len(),
            1
        );
        assert_eq!(
            differences(&page, &got("2030-12-24T00:00:00", "17"), &rules()).len(),
            1
        );
    }
}
