//! A room as the homeserver tells of it, in short names.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::change::Inside;
use crate::names::Names;
use crate::world::{HISTORY, Truth};

/// Somebody's membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// `join`, `invite`, `leave`, `ban` or `knock`.
    pub(crate) membership: String,
    /// The event, which tells one invitation from the next.
    pub(crate) event: String,
}

/// What the soak looks at in a room.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Room {
    pub(crate) members: BTreeMap<String, Member>,
    /// The entries of people in the power levels, 0 left out.
    pub(crate) levels: BTreeMap<String, i64>,
    /// The power levels without people.
    pub(crate) permissions: Value,
    pub(crate) history: String,
}

impl Room {
    /// A room from its state.
    pub(crate) fn of(state: &[Value], names: &Names) -> Self {
        let mut room = Self::default();
        for event in state {
            room.take(event, names);
        }
        room
    }

    /// Takes in a state event.
    pub(crate) fn take(&mut self, event: &Value, names: &Names) {
        let content = &event["content"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match event["type"].as_str() {
            Some("m.room.member") => {
                let member = Member {
                    membership: text(&content["membership"]),
                    event: text(&event["event_id"]),
                };
                let person = names.short(event["state_key"].as_str().unwrap_or_default());
                self.members.insert(person, member);
            }
            Some("m.room.power_levels") => {
                self.levels = levels(content, names);
                let mut permissions = content.clone();
                if let Some(fields) = permissions.as_object_mut() {
                    fields.remove("users");
                }
                self.permissions = permissions;
            }
            Some("m.room.history_visibility") => self.history = text(&content["history_visibility"]),
            _ => {}
        }
    }

    /// Who is joined or invited, and whether they are joined; without the bot and the wardens.
    pub(crate) fn inside(&self) -> Inside {
        let members = self.members.iter().filter(|(person, _)| Names::is_person(person));
        members
            .filter_map(|(person, member)| match member.membership.as_str() {
                "join" => Some((person.clone(), true)),
                "invite" => Some((person.clone(), false)),
                _ => None,
            })
            .collect()
    }

    /// How the room differs from what it must be; nothing if it does not.
    pub(crate) fn differs(&self, truth: &Truth) -> Option<String> {
        let inside = self.inside();
        let mut text = String::new();
        let mut say = |words: &str, person: &str| {
            // Writing to a string cannot fail.
            let _ = write!(text, " {person} {words};");
        };
        for person in truth.inside.iter().filter(|person| !inside.contains_key(*person)) {
            say("is missing", person);
        }
        for person in inside.keys().filter(|person| !truth.inside.contains(*person)) {
            say("is in it", person);
        }
        let of_people =
            |(person, level): (&String, &i64)| Names::is_person(person).then(|| (person.clone(), *level));
        let levels: BTreeMap<String, i64> = self.levels.iter().filter_map(of_people).collect();
        if levels != truth.levels {
            say(
                &format!("instead of {:?}", truth.levels),
                &format!("levels are {levels:?}"),
            );
        }
        if self.history != HISTORY {
            say(&self.history, "history is");
        }
        (!text.is_empty()).then(|| text.trim_end_matches(';').trim_start().to_owned())
    }
}

/// The entries of people that are not 0.
pub(crate) fn levels(content: &Value, names: &Names) -> BTreeMap<String, i64> {
    let users = content["users"].as_object().into_iter().flatten();
    users
        .filter_map(|(user, level)| Some((names.short(user), level.as_i64()?)))
        .filter(|(_, level)| *level != 0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_room_is_compared_with_what_it_must_be() {
        let names = Names::new("example.test");
        let member = |name: &str, membership: &str| {
            json!({
                "type": "m.room.member", "state_key": format!("@{name}:example.test"), "event_id": "$1",
                "content": { "membership": membership },
            })
        };
        let levels = json!({
            "type": "m.room.power_levels", "state_key": "",
            "content": { "invite": 100, "users": { "@p001:example.test": 50, "@bot:example.test": 100 } },
        });
        let history = json!({
            "type": "m.room.history_visibility", "state_key": "", "content": { "history_visibility": "shared" },
        });
        let mut state = vec![
            member("bot", "join"),
            member("warden-0", "join"),
            member("p001", "join"),
            member("p002", "invite"),
            member("p003", "leave"),
            levels,
            history,
        ];
        let truth = Truth {
            inside: ["p001", "p002"].map(str::to_owned).into(),
            levels: [("p001".to_owned(), 50)].into(),
        };
        let room = Room::of(&state, &names);
        assert_eq!(room.differs(&truth), None);
        assert_eq!(room.permissions, json!({ "invite": 100 }));
        assert_eq!(
            room.inside(),
            [("p001".to_owned(), true), ("p002".to_owned(), false)].into()
        );

        state.push(member("p002", "leave"));
        state.push(member("x01", "join"));
        state[5]["content"]["users"]["@p001:example.test"] = json!(75);
        state[6]["content"]["history_visibility"] = json!("joined");
        let told = Room::of(&state, &names).differs(&truth).unwrap();
        let expected = "p002 is missing; x01 is in it; levels are {\"p001\": 75} instead of {\"p001\": 50}; \
                        history is joined";
        assert_eq!(told, expected);
    }
}
