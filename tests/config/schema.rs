//! The JSON Schema accepts what the readers accept, and refuses what is wrong by its form.

use inviter::config::SectionKeys;
use serde_json::{Value, json};

use super::{around, sample};

/// The keywords that the schema uses, and no others: the error is the path of what does not fit.
fn check(schema: &Value, value: &Value, path: &str) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("{path}: {why}"));
    for (keyword, rule) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "$schema" | "description" | "default" => {}
            "type" => {
                let types = rule.as_array().cloned().unwrap_or_else(|| vec![rule.clone()]);
                let actual = match value {
                    Value::Object(_) => "object",
                    Value::Array(_) => "array",
                    Value::String(_) => "string",
                    Value::Bool(_) => "boolean",
                    Value::Number(number) if number.is_i64() => "integer",
                    _ => "other",
                };
                if !types.contains(&json!(actual)) {
                    return wrong("type");
                }
            }
            "enum" => {
                if !rule.as_array().unwrap().contains(value) {
                    return wrong("enum");
                }
            }
            "minLength" => {
                if value == "" {
                    return wrong("minLength");
                }
            }
            "pattern" => {
                let pattern = regex::Regex::new(rule.as_str().unwrap()).unwrap();
                if value.as_str().is_some_and(|text| !pattern.is_match(text)) {
                    return wrong("pattern");
                }
            }
            "minimum" | "maximum" => {
                let (bound, Some(number)) = (rule.as_i64().unwrap(), value.as_i64()) else {
                    continue;
                };
                if (keyword == "minimum" && number < bound) || (keyword == "maximum" && number > bound) {
                    return wrong(keyword);
                }
            }
            "required" => {
                for key in rule.as_array().unwrap() {
                    if value.get(key.as_str().unwrap()).is_none() {
                        return wrong("required");
                    }
                }
            }
            "items" => {
                for (ix, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(rule, item, &format!("{path}/{ix}"))?;
                }
            }
            "anyOf" => {
                let mut all = rule.as_array().unwrap().iter();
                if !all.any(|schema| check(schema, value, path).is_ok()) {
                    return wrong("anyOf");
                }
            }
            "properties" => {
                for (key, schema) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(key) {
                        check(schema, value, &format!("{path}/{key}"))?;
                    }
                }
            }
            "additionalProperties" => {
                let known = schema.get("properties");
                for (key, value) in value.as_object().into_iter().flatten() {
                    let path = format!("{path}/{key}");
                    match rule {
                        Value::Bool(false) if known.is_some_and(|known| known.get(key).is_none()) => {
                            return Err(format!("{path}: unknown"));
                        }
                        Value::Bool(_) => {}
                        schema => check(schema, value, &path)?,
                    }
                }
            }
            other => panic!("the schema uses `{other}`, which this test does not know"),
        }
    }
    Ok(())
}

fn fits(text: &str) -> Result<(), String> {
    let document: toml::Table = text.parse().unwrap();
    let document = serde_json::to_value(document).unwrap();
    check(&SectionKeys::top().json_schema(), &document, "")
}

#[test]
fn the_sample_fits() {
    assert_eq!(fits(sample::SAMPLE), Ok(()));
    assert_eq!(fits(&sample::uncommented(|_| true)), Ok(()));
}

#[test]
fn wrong_documents_do_not_fit() {
    let room = "[[room]]\nalias = \"#a:b\"\n";
    assert_eq!(fits(&around("", "", room)), Ok(()));
    for (end, error) in [
        (
            "[limits]\nroom_percent = 101".to_owned(),
            "/limits/room_percent: maximum",
        ),
        (
            "[limits]\nroom_count = -1".to_owned(),
            "/limits/room_count: minimum",
        ),
        ("[limits]\nwindow = \"30\"".to_owned(), "/limits/window: pattern"),
        ("[rooms]\nversion = 10".to_owned(), "/rooms/version: type"),
        ("[rooms]\nlisting = \"all\"".to_owned(), "/rooms/listing: enum"),
        ("[rooms]\ntopic = \"\"".to_owned(), "/rooms/topic: minLength"),
        ("[rooms]\ntopics = \"\"".to_owned(), "/rooms/topics: unknown"),
        (
            "[rooms.permissions]\nkick = \"leave\"".to_owned(),
            "/rooms/permissions/kick: pattern",
        ),
        (
            "[rooms.permissions.events]\nx = true".to_owned(),
            "/rooms/permissions/events/x: type",
        ),
        ("[[directory]]\nname = \"x\"".to_owned(), "/directory/1: required"),
        (
            "decoders = [\"mtr\"]".to_owned(),
            "/directory/0/decoders/0: anyOf",
        ),
        (
            "decoders = [{ alias = \"#a:b\" }]".to_owned(),
            "/directory/0/decoders/0: anyOf",
        ),
        // The schema is the same whether the program knows LDAP and Entra or not.
        (
            "ldap = { urls = [\"ldaps://a\"] }".to_owned(),
            "/directory/0/ldap: required",
        ),
        (
            "ldap = { urls = [], user_bases = [], group_bases = [], schema = \"ad\" }".to_owned(),
            "/directory/0/ldap/schema: enum",
        ),
        (
            "ldap = { urls = [], user_bases = [], group_bases = [], page_size = 9 }".to_owned(),
            "/directory/0/ldap/page_size: minimum",
        ),
        (
            "ldap = { urls = [], user_bases = [], group_bases = [], disabled_by = [\"uid\"] }".to_owned(),
            "/directory/0/ldap/disabled_by/0: enum",
        ),
        (
            "ldap = { urls = [], user_bases = [], group_bases = [], password = \"x\" }".to_owned(),
            "/directory/0/ldap/password: unknown",
        ),
        (
            "entra = { credential = \"password\" }".to_owned(),
            "/directory/0/entra/credential: enum",
        ),
        (
            "entra = { cloud = \"germany\" }".to_owned(),
            "/directory/0/entra/cloud: enum",
        ),
        (
            "entra = { concurrency = 17 }".to_owned(),
            "/directory/0/entra/concurrency: maximum",
        ),
        (
            "entra = { full_read_every = 7 }".to_owned(),
            "/directory/0/entra/full_read_every: type",
        ),
        (
            "entra = { client_secret = \"x\" }".to_owned(),
            "/directory/0/entra/client_secret: unknown",
        ),
        (format!("{room}groups = [1]"), "/room/0/groups/0: anyOf"),
        (
            format!("{room}members = [{{ user = \"@a:b\", lvl = 1 }}]"),
            "/room/0/members/0: anyOf",
        ),
        (
            "[accounts]\nexempt = \"@a:b\"".to_owned(),
            "/accounts/exempt: type",
        ),
    ] {
        assert_eq!(fits(&around("", "", &end)), Err(error.to_owned()), "{end}");
    }
    assert_eq!(
        fits("[homeserver]\nuser = \"@a:b\""),
        Err("/homeserver: required".to_owned())
    );
}
