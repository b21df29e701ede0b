//! The bare client: sends what inviter has sent, and does nothing else.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use inviter_testkit::{Recorded, enc};
use reqwest::Method;
use serde_json::Value;

/// The writing requests of a first sync, without the IDs that the homeserver gave.
#[derive(Debug, Default)]
pub(crate) struct Script {
    /// Bodies of `createRoom`, by room.
    creations: Vec<Value>,
    /// Everything else, the rooms in turn: those that the homeserver works on one after another stand far apart.
    rest: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    method: Method,
    room: usize,
    /// What follows the room's ID in the path.
    verb: String,
    body: Value,
}

impl Script {
    /// `room_of` leads from the localpart of an alias to the room's ID at the homeserver where this was recorded.
    pub(crate) fn new(writes: &[Recorded], room_of: &BTreeMap<String, String>) -> Result<Self> {
        let mut creations = Vec::new();
        let mut number_of = BTreeMap::new();
        let mut rest: Vec<(usize, Step)> = Vec::new();
        let mut steps_in = BTreeMap::new();
        for request in writes {
            let body = request.json();
            if request.path.ends_with("/createRoom") {
                let alias = body["room_alias_name"].as_str().context("a room without alias")?;
                number_of.insert(
                    room_of.get(alias).context("a room that is not there")?,
                    creations.len(),
                );
                creations.push(body);
                continue;
            }
            let path = request.decoded_path();
            let after = path.strip_prefix("/_matrix/client/v3/rooms/");
            let (id, verb) = after
                .and_then(|after| after.split_once('/'))
                .context(path.clone())?;
            let room = *number_of
                .get(&id.to_owned())
                .context("a room that was not created")?;
            let turn = steps_in.entry(room).or_insert(0_usize);
            *turn += 1;
            let step = Step {
                method: Method::from_bytes(request.method.as_bytes())?,
                room,
                verb: verb.to_owned(),
                body,
            };
            rest.push((*turn, step));
        }
        rest.sort_by_key(|(turn, step)| (*turn, step.room));
        Ok(Self {
            creations,
            rest: rest.into_iter().map(|(_, step)| step).collect(),
        })
    }

    /// How many requests these are.
    pub(crate) fn len(&self) -> usize {
        self.creations.len() + self.rest.len()
    }

    /// Sends them all, so many at a time. Answers the rooms' IDs.
    pub(crate) async fn play(&self, base: &str, token: &str, in_flight: usize) -> Result<Vec<String>> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let send = |method: Method, path: String, body: &Value| {
            let request = http
                .request(method, format!("{base}{path}"))
                .bearer_auth(token)
                .json(body);
            async move {
                let response = request.send().await?;
                let status = response.status();
                let answer: Value = response.json().await?;
                ensure!(status.is_success(), "{path} answered {status}: {answer}");
                Ok(answer)
            }
        };
        let rooms: Vec<String> = stream::iter(&self.creations)
            .map(|body| send(Method::POST, "/_matrix/client/v3/createRoom".to_owned(), body))
            .buffered(in_flight)
            .map(|answer| anyhow::Ok(answer?["room_id"].as_str().context("no room ID")?.to_owned()))
            .try_collect()
            .await?;
        let prefixes: Vec<String> = rooms
            .iter()
            .map(|room| format!("/_matrix/client/v3/rooms/{}", enc(room)))
            .collect();
        stream::iter(&self.rest)
            .map(|step| {
                let path = format!("{}/{}", prefixes[step.room], step.verb);
                send(step.method.clone(), path, &step.body)
            })
            .buffer_unordered(in_flight)
            .try_for_each(|_: Value| async { anyhow::Ok(()) })
            .await?;
        Ok(rooms)
    }
}
