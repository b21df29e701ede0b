//! Files by example: what is read, and what is said of everything else.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{harmful::is_harmful, patterns::Patterns, scope::Selection};

fn file() -> Value {
    json!({
        "kind": "inviter_plan",
        "format": 1,
        "program": "0.1.0",
        "planned": "2026-01-01T00:00:00Z",
        "homeserver": "example.org",
        "account": "@bot:example.org",
        "configured_scope": {"rooms": {"include": [], "exclude": [["#x*"]]}, "groups": {"include": [], "exclude": []}},
        "asked_rooms": ["#a:example.org", "!b:example.org"],
        "asked_arguments": ["2024,x"],
        "asked_scope": {"rooms": {"include": [["#a*", "!b*"]], "exclude": []}, "groups": {"include": [], "exclude": []}},
        "rooms": [{
            "room": "#a:example.org",
            "refs": ["#a:example.org"],
            "room_id": "!a:example.org",
            "actions": [
                {"op": {"invite": {"user": "@ada:example.org", "reason": null}},
                 "why": {"rule": "in_group", "group":
                    {"name": "MTRX #a:example.org", "directory": "corp", "key": "a", "role": "members"}}},
                {"op": {"remove": {"user": "@bob:example.org", "invitation": false, "reason": null}},
                 "why": {"rule": "in_no_group"}, "held": ["too many"]},
                {"op": {"set_levels": {"changes": [{"slot": {"user": "@cid:example.org"}, "from": 50, "to": null}]}},
                 "why": {"rule": "no_longer_given"}, "lowers": {"from": 50, "to": 0}},
            ],
        }],
    })
}

fn parse(file: &Value) -> Result<SavedPlan, SavedPlanError> {
    SavedPlan::parse(file.to_string().as_bytes())
}

fn wrong(change: impl FnOnce(&mut Value)) -> String {
    let mut file = file();
    change(&mut file);
    parse(&file).unwrap_err().to_string()
}

#[test]
fn a_file_is_read_and_written_back() {
    let plan = parse(&file()).unwrap();
    assert_eq!((plan.actions(), plan.held()), (3, 1));
    let text = plan.to_text().unwrap();
    assert!(text.starts_with(BEGINS), "{text}");
    assert_eq!(SavedPlan::parse(text.as_bytes()).unwrap(), plan);
    assert_eq!(
        serde_json::from_str::<Value>(&text).unwrap()["rooms"][0]["room"],
        "#a:example.org"
    );
    // A line for each action, for people.
    assert_eq!(
        text.lines().filter(|line| line.contains("\"op\"")).count(),
        3,
        "{text}"
    );
    let options = plan.options().unwrap();
    assert_eq!((options.rooms.len(), options.arguments.len()), (2, 1));
    assert!(options.scope.rooms.admits(["#abc"]) && !options.scope.rooms.admits(["#b"]));
    assert_eq!(options.trigger, crate::guard::Trigger::Person);
    assert!(options.releases.is_empty(), "no file lets anything go");
}

#[test]
fn every_other_file_is_told_what_it_is() {
    let of = |text: &str| SavedPlan::parse(text.as_bytes()).unwrap_err();
    for text in [
        "",
        "[homeserver]\nurl = 1",
        "{",
        "{\"kind\": \"inviter_plan\", \"format\": 1, ",
    ] {
        assert!(
            matches!(of(text), SavedPlanError::NotJson(_)),
            "{text}: {}",
            of(text)
        );
    }
    for text in [
        "[]",
        "1",
        "null",
        "\"inviter_plan\"",
        "{}",
        "{\"kind\": 1}",
        "{\"schema\": 1, \"kind\": \"plan\"}",
    ] {
        assert_eq!(of(text), SavedPlanError::NotAPlan, "{text}");
    }
    let text = wrong(|file| {
        file["format"] = 2.into();
        file["program"] = "9.1.0".into();
        file["something"] = "new".into();
    });
    assert_eq!(
        text,
        "it is of format 2, and this version reads up to 1; use inviter 9.1.0, which has written it, or plan again"
    );
    assert_eq!(
        SavedPlan::parse(&vec![b' '; 64 * 1024 * 1024 + 1]).unwrap_err(),
        SavedPlanError::TooLarge
    );
    // Deeper than any stack.
    let deep = format!("{{\"kind\": {}", "[".repeat(1_000_000));
    assert!(matches!(of(&deep), SavedPlanError::NotJson(_)));
}

#[test]
fn a_plan_with_something_wrong_in_it_is_told_what() {
    let is = |text: String, part: &str| {
        assert!(
            text.starts_with("it is a plan that cannot be understood: "),
            "{text}"
        );
        assert!(text.contains(part), "{part}: {text}");
        assert!(
            text.chars().count() < 500 && text.ends_with("plan again"),
            "{text}"
        );
    };
    let action = |op: Value| wrong(|file| file["rooms"][0]["actions"][0]["op"] = op);
    is(action(json!({"explode": {}})), "unknown variant `explode`");
    is(
        action(json!({"invite": {"reason": null}})),
        "missing field `user`",
    );
    is(
        action(json!({"invite": {"user": "ada", "reason": null}})),
        "sigil",
    );
    is(
        action(json!({"invite": {"user": "@ada:example.org", "reason": null, "note": "for a week"}})),
        "unknown field `note`",
    );
    is(
        action(json!({"set_levels": {"changes": [
            {"slot": {"user": "@cid:example.org"}, "from": 50, "to": null, "until": 1},
        ]}})),
        "unknown field `until`",
    );
    is(
        action(json!({"invite": ["@ada:example.org", null]})),
        "is not written as plans have it",
    );
    is(
        wrong(|file| {
            file["rooms"][0]["actions"][2]["lowers"] = json!({"from": 50, "to": 0, "of": "@bob:example.org"});
        }),
        "unknown field `of`",
    );
    is(wrong(|file| file["format"] = 0.into()), "`format`");
    is(wrong(|file| file["format"] = "1".into()), "`format`");
    is(wrong(|file| file["extra"] = 1.into()), "unknown field `extra`");
    is(
        wrong(|file| file["rooms"][0]["actions"][0]["released"] = true.into()),
        "unknown field `released`",
    );
    is(
        wrong(|file| file["rooms"][0]["room"] = "a".into()),
        "`a` names no room",
    );
    is(
        wrong(|file| file["asked_arguments"] = json!(["a b"])),
        "cannot be an argument",
    );
    is(
        wrong(|file| file["asked_scope"]["rooms"]["include"] = json!([["["]])),
        "pattern",
    );
    is(
        wrong(|file| file["asked_scope"]["rooms"]["include"] = json!([["{".repeat(2000)]])),
        "pattern",
    );
    is(
        wrong(|file| file["asked_scope"]["rooms"]["include"] = json!(vec![json!(["a"]); 10_001])),
        "patterns",
    );
    is(
        wrong(|file| file["asked_rooms"] = json!(vec!["#a:b"; 10_001])),
        "10000 rooms",
    );
    is(
        wrong(|file| file["planned"] = "x".repeat(201).into()),
        "`planned` is too long",
    );
    is(wrong(|file| file["homeserver"] = "a b\u{1b}".into()), "");
    is(wrong(|file| file["account"] = "x".repeat(100_000).into()), "");
    is(
        wrong(|file| {
            let mut again = file["rooms"][0].clone();
            again["room"] = "#other:example.org".into();
            file["rooms"].as_array_mut().unwrap().push(again);
        }),
        "stands in it twice",
    );
}

#[test]
fn a_key_that_stands_there_twice_is_told() {
    let text = file().to_string();
    let twice = |part: &str, again: &str| {
        let doubled = text.replacen(part, &format!("{part},{again}"), 1);
        assert_ne!(doubled, text);
        SavedPlan::parse(doubled.as_bytes()).unwrap_err().to_string()
    };
    for error in [
        twice("\"format\":1", "\"format\":1"),
        twice("\"kind\":\"inviter_plan\"", "\"kind\":\"plan\""),
        twice("\"planned\":\"2026-01-01T00:00:00Z\"", "\"planned\":\"\""),
        twice("\"user\":\"@ada:example.org\"", "\"user\":\"@bob:example.org\""),
    ] {
        assert!(
            error.starts_with("it is a plan that cannot be understood: duplicate field `"),
            "{error}"
        );
    }
}

#[test]
fn a_plan_is_for_one_account_and_one_scope() {
    let plan = parse(&file()).unwrap();
    let pattern = Patterns::new(["#x*".to_owned()]).unwrap();
    let scope = Scope {
        rooms: Selection::new(Patterns::default(), pattern),
        groups: Selection::default(),
    };
    let check = |account: &str, scope: &Scope| {
        let account = OwnedUserId::try_from(account).unwrap();
        plan.check(&account, scope).map_err(|error| error.to_string())
    };
    assert_eq!(check("@bot:example.org", &scope), Ok(()));
    let other = check("@bot:elsewhere.org", &scope).unwrap_err();
    assert!(
        other.starts_with("it was made for the homeserver example.org, and this is elsewhere.org"),
        "{other}"
    );
    let other = check("@another:example.org", &scope).unwrap_err();
    assert!(
        other.starts_with("it was made for the account @bot:example.org, and this is @another"),
        "{other}"
    );
    let other = check("@bot:example.org", &Scope::default()).unwrap_err();
    assert!(other.contains("`[scope]`"), "{other}");
}

#[test]
fn another_name_of_a_group_is_no_difference_and_all_else_is() {
    let key = |change: &dyn Fn(&mut SavedAction)| {
        let mut plan = parse(&file()).unwrap();
        let action = &mut plan.rooms[0].actions[0];
        change(action);
        action.key()
    };
    let same = key(&|_| {});
    let group = |change: fn(&mut SavedGroup)| key(&move |action| change(action.why.group.as_mut().unwrap()));
    assert_eq!(group(|group| group.name = "other".to_owned()), same);
    assert_ne!(
        group(|group| group.key = crate::directory::GroupKey::new("b")),
        same
    );
    assert_ne!(group(|group| group.role = crate::desired::FeedRole::Owners), same);
    assert_eq!(key(&|action| action.held.push("x".to_owned())), same);
    assert_ne!(key(&|action| action.why.rule = "fixed".to_owned()), same);
    assert_ne!(
        key(&|action| action.lowers = Some(crate::levels::Lowering { from: 1, to: 0 })),
        same
    );
}

/// Any JSON.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC*|[\\x00-\\x1f\u{202e}\u{200b}]*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let keys = prop_oneof!["[a-z_]{1,8}", Just("op".to_owned()), Just("rooms".to_owned())];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((keys, inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// Puts something else at some place of a document.
fn put(value: &mut Value, mut at: usize, new: &Value) {
    let mut place = value;
    loop {
        let count = match &*place {
            Value::Array(list) => list.len(),
            Value::Object(object) => object.len(),
            _ => 0,
        };
        if count == 0 || at.is_multiple_of(5) {
            *place = new.clone();
            return;
        }
        let (next, rest) = ((at / 5) % count, at / 5 / count);
        at = rest;
        place = match place {
            Value::Array(list) => &mut list[next],
            Value::Object(object) => object.values_mut().nth(next).unwrap(),
            _ => unreachable!("it has something in it"),
        };
    }
}

/// Whatever is read can be written, and is read as the same. Neither that nor what is said of the rest has anything in it
/// that moves, hides or turns text.
fn is_sound(text: &[u8]) -> Result<(), TestCaseError> {
    let harmful = |text: &str| text.chars().find(|c| is_harmful(*c));
    match SavedPlan::parse(text) {
        Ok(plan) => {
            let written = plan.to_text().unwrap();
            for line in written.split('\n') {
                prop_assert_eq!(harmful(line), None, "{:?}", line);
            }
            let again = SavedPlan::parse(written.as_bytes());
            prop_assert_eq!(again, Ok(plan));
        }
        Err(error) => {
            let told = error.to_string();
            prop_assert!(told.chars().count() < 600, "{}", told);
            prop_assert_eq!(harmful(&told), None, "{:?}", told);
        }
    }
    Ok(())
}

#[test]
fn nothing_that_is_written_or_said_turns_or_hides_text() {
    let nasty = "\u{202e}x\u{200b}\u{e0041}\u{9b}\u{7f}\r\n\u{2028}<b>";
    let changes: [fn(&mut Value, &str); 7] = [
        |file, text| file["planned"] = text.into(),
        |file, text| file["program"] = text.into(),
        |file, text| file["rooms"][0]["actions"][0]["why"]["group"]["name"] = text.into(),
        |file, text| file["rooms"][0]["actions"][0]["why"]["group"]["key"] = text.into(),
        |file, text| file["rooms"][0]["actions"][0]["why"]["rule"] = text.into(),
        |file, text| file["rooms"][0]["actions"][0]["op"]["invite"]["reason"] = text.into(),
        |file, text| file["rooms"][0]["actions"][1]["held"][0] = text.into(),
    ];
    for change in changes {
        let mut file = file();
        change(&mut file, nasty);
        assert!(parse(&file).is_ok(), "{file}");
        is_sound(file.to_string().as_bytes()).unwrap();
    }
    let refused: [fn(&mut Value, &str); 4] = [
        |file, text| file["rooms"][0]["room"] = text.into(),
        |file, text| file["account"] = text.into(),
        |file, text| file["asked_arguments"] = json!([text]),
        |file, text| file["rooms"][0]["actions"][0]["op"] = json!({ text: {} }),
    ];
    for change in refused {
        let mut file = file();
        change(&mut file, nasty);
        assert!(parse(&file).is_err(), "{file}");
        is_sound(file.to_string().as_bytes()).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), json in any_json()) {
        is_sound(&bytes)?;
        is_sound(json.to_string().as_bytes())?;
    }

    #[test]
    fn a_file_that_somebody_changed_is_read_or_refused(
        at in any::<usize>(), new in any_json(), cut in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut changed = file();
        put(&mut changed, at, &new);
        is_sound(changed.to_string().as_bytes())?;
        let mut bytes = file().to_string().into_bytes();
        let index = cut.index(bytes.len());
        bytes[index] = byte;
        is_sound(&bytes)?;
        is_sound(&bytes[..index])?;
    }
}
