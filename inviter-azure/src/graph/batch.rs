//! Many GETs in one request: Graph's `$batch`.
//!
//! A batch's own status says nothing about its items: each has its own, and only those that need it are asked again.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};
use tokio::time::{Instant, sleep};
use tracing::debug;
use url::Url;

use super::{
    Graph, GraphError, GraphErrorKind,
    errors::{self, Course, Failure},
    exchange::{self, Answer, Ask, PRIORITY},
    outage::Outage,
    retries::{Effort, Step, beyond_patience},
};
use crate::token::Token;

/// How many requests Graph takes in one.
pub(crate) const BATCH: usize = 20;

/// One GET of a batch.
struct Item<'a> {
    /// Its place among all paths.
    place: usize,
    /// The place as Graph gets it: no other item of this read has the same.
    id: String,
    path: &'a str,
    url: Url,
    about: String,
    effort: Effort,
}

/// What became of a GET, with its place.
type Outcome<T> = (usize, Result<T, GraphError>);

#[derive(Serialize)]
struct Requests<'a> {
    requests: Vec<Request<'a>>,
}

#[derive(Serialize)]
struct Request<'a> {
    id: &'a str,
    method: &'static str,
    url: &'a str,
    headers: BTreeMap<&'static str, &'static str>,
}

#[derive(Deserialize)]
struct Responses<'a> {
    #[serde(borrow)]
    responses: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Response<'a> {
    id: String,
    status: u16,
    #[serde(default)]
    headers: Option<BTreeMap<String, Value>>,
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
}

impl Graph {
    /// Any number of GETs. The paths are as for [`get`](Self::get); the answers come in their order.
    pub(crate) async fn get_all<T: DeserializeOwned + Send>(
        &self,
        paths: &[String],
    ) -> Vec<Result<T, GraphError>> {
        self.get_all_during(&Outage::default(), paths).await
    }

    /// As [`get_all`](Self::get_all), one of several that belong together: where nothing is answered any more, the
    /// others need not try.
    pub(crate) async fn get_all_during<T: DeserializeOwned + Send>(
        &self,
        outage: &Outage,
        paths: &[String],
    ) -> Vec<Result<T, GraphError>> {
        let starts = (0..paths.len()).step_by(BATCH);
        let batches: Vec<_> = starts
            .map(|start| self.batch(paths, start..paths.len().min(start + BATCH), outage))
            .collect();
        let mut outcomes: Vec<Outcome<T>> = stream::iter(batches)
            .buffer_unordered(self.shared.concurrency)
            .flat_map(stream::iter)
            .collect()
            .await;
        outcomes.sort_unstable_by_key(|(place, _)| *place);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    /// Up to twenty of them, until each has its outcome.
    async fn batch<T: DeserializeOwned + Send>(
        &self,
        paths: &[String],
        range: Range<usize>,
        outage: &Outage,
    ) -> Vec<Outcome<T>> {
        let mut done = Vec::new();
        let mut items = Vec::new();
        for place in range {
            match self.item(place, &paths[place]) {
                Ok(item) => items.push(item),
                Err(error) => done.push((place, Err(error))),
            }
        }
        let mut left = vec![items];
        while let Some(mut items) = left.pop() {
            if items.is_empty() {
                continue;
            }
            if let Some(error) = outage.error() {
                done.extend(items.iter().map(|item| (item.place, Err(item.failed(&error)))));
                continue;
            }
            let started = Instant::now();
            match self.send_batch(&items).await {
                Ok((answers, token)) => {
                    outage.answered();
                    left.push(self.sort_out(items, answers, &token, &mut done).await);
                }
                Err(failure) if failure.course == Course::Less && items.len() > 1 => {
                    debug!(
                        items = items.len(),
                        "the answer to a batch is too large; it is split"
                    );
                    let second = items.split_off(items.len() / 2);
                    left.extend([second, items]);
                }
                Err(failure) if failure.course == Course::Less => {
                    for item in items {
                        done.push((item.place, self.get(item.path).await));
                    }
                }
                Err(failure) => {
                    outage.failed(started, &failure.error);
                    done.extend(
                        items
                            .iter()
                            .map(|item| (item.place, Err(item.failed(&failure.error)))),
                    );
                }
            }
        }
        done
    }

    fn item<'a>(&self, place: usize, path: &'a str) -> Result<Item<'a>, GraphError> {
        let url = self.url(path)?;
        Ok(Item {
            place,
            id: place.to_string(),
            path,
            about: self.about_get(&url),
            url,
            effort: Effort::default(),
        })
    }

    /// Sends a batch; the answers are in the order of the items.
    async fn send_batch<T: DeserializeOwned + Send>(
        &self,
        items: &[Item<'_>],
    ) -> Result<(Vec<Result<T, Failure>>, Token), Failure> {
        let about = "POST /$batch";
        let requests = items.iter().map(|item| Request {
            id: &item.id,
            method: "GET",
            url: item.path,
            headers: BTreeMap::from([PRIORITY]),
        });
        let requests = Requests {
            requests: requests.collect(),
        };
        let body = serde_json::to_vec(&requests).map_err(|failed| {
            let error = GraphError::new(GraphErrorKind::Refused, about, "the batch cannot be written");
            Failure::new(Course::GiveUp, error.caused_by(failed))
        })?;
        let ask = Ask {
            url: self
                .url("/$batch")
                .map_err(|error| Failure::new(Course::GiveUp, error))?,
            body: Some(body),
            about: about.to_owned(),
        };
        let sent = self.send(&ask, |answer| self.read_batch(about, items, answer));
        sent.await.map_err(|mut failure| {
            // That there is nothing that takes batches says nothing of what was asked for in one.
            if failure.error.kind == GraphErrorKind::NotFound {
                failure.error.kind = GraphErrorKind::Refused;
            }
            failure
        })
    }

    /// What a batch's answer holds for each item.
    fn read_batch<T: DeserializeOwned>(
        &self,
        about: &str,
        items: &[Item<'_>],
        answer: &Answer,
    ) -> Result<Vec<Result<T, Failure>>, Failure> {
        let Responses { responses } = serde_json::from_slice(&answer.body)
            .map_err(|failed| exchange::unreadable(about, &answer.body, &failed))?;
        let mut found: Vec<Vec<Response<'_>>> = items.iter().map(|_| Vec::new()).collect();
        let mut others = 0;
        for response in responses {
            // One that cannot be read is as good as none.
            let response = serde_json::from_str::<Response<'_>>(response.get()).ok();
            let asked = response.and_then(|response| {
                let at = items.iter().position(|item| item.id == response.id)?;
                Some((found.get_mut(at)?, response))
            });
            match asked {
                Some((found, response)) => found.push(response),
                None => others += 1,
            }
        }
        if others > 0 {
            debug!(
                others,
                "a batch's answer has parts that nobody asked for, or that cannot be read"
            );
        }
        let read = items
            .iter()
            .zip(found)
            .map(|(item, mut found)| match (found.pop(), found.is_empty()) {
                (Some(response), true) => self.read_item(item, &response, answer),
                (None, _) => Err(Failure::malformed(
                    Course::AgainOnce,
                    &item.about,
                    "Graph has left this out of its answer to a batch",
                )),
                (Some(_), false) => Err(Failure::malformed(
                    Course::AgainOnce,
                    &item.about,
                    "Graph has answered this more than once in a batch",
                )),
            });
        Ok(read.collect())
    }

    fn read_item<T: DeserializeOwned>(
        &self,
        item: &Item<'_>,
        response: &Response<'_>,
        answer: &Answer,
    ) -> Result<T, Failure> {
        let headers = headers(response.headers.as_ref());
        self.shared.throttle.note(&headers);
        let body = response.body.map_or("null", RawValue::get).as_bytes();
        let Ok(status) = StatusCode::from_u16(response.status) else {
            let message = format!("Graph has answered with {}, which is no status", response.status);
            return Err(Failure::malformed(Course::AgainOnce, &item.about, message));
        };
        if status.is_success() {
            return exchange::json(&item.about, body);
        }
        let hidden = answer.hidden.and_those_of(&item.url);
        Err(errors::answered(
            &item.about,
            self.base(),
            status,
            &headers,
            body,
            &hidden,
        ))
    }

    /// Keeps what is done, waits for what the others need, and returns them.
    async fn sort_out<'a, T>(
        &self,
        items: Vec<Item<'a>>,
        answers: Vec<Result<T, Failure>>,
        token: &Token,
        done: &mut Vec<Outcome<T>>,
    ) -> Vec<Item<'a>> {
        let shared = &self.shared;
        let (mut again, mut refused) = (Vec::new(), Vec::new());
        let (mut wait, mut pause) = (Duration::ZERO, None);
        for (mut item, answer) in items.into_iter().zip(answers) {
            let failure = match answer {
                Ok(read) => {
                    done.push((item.place, Ok(read)));
                    continue;
                }
                Err(failure) => failure,
            };
            match item.effort.next(failure.course, &shared.pace) {
                Step::GiveUp => done.push((item.place, Err(*failure.error))),
                Step::Close(close) => {
                    shared
                        .throttle
                        .close(&item.about, close, close > shared.pace.single);
                    done.push((item.place, Err(*beyond_patience(failure, close).error)));
                }
                Step::Pause(asked) => {
                    pause = pause.max(Some(asked));
                    again.push(item);
                }
                Step::After(asked) => {
                    debug!(about = %item.about, error = %failure.error, "trying again");
                    wait = wait.max(asked);
                    again.push(item);
                }
                Step::NewToken => refused.push(item),
            }
        }
        if let Some(pause) = pause {
            let about = again.first().map_or("", |item| &item.about);
            shared.throttle.close(about, pause, false);
        }
        if let Some(first) = refused.first() {
            match self.renew(&first.about, token).await {
                Ok(_) => again.append(&mut refused),
                Err(failure) => {
                    done.extend(
                        refused
                            .iter()
                            .map(|item| (item.place, Err(item.failed(&failure.error)))),
                    );
                }
            }
        }
        if !wait.is_zero() {
            sleep(wait).await;
        }
        again
    }
}

impl Item<'_> {
    /// The error of the whole batch, as this item's.
    fn failed(&self, error: &GraphError) -> GraphError {
        GraphError {
            about: self.about.clone(),
            ..error.clone()
        }
    }
}

/// An item's headers. What is no header is left out.
fn headers(given: Option<&BTreeMap<String, Value>>) -> HeaderMap {
    let pairs = given.into_iter().flatten().filter_map(|(name, value)| {
        let name = HeaderName::try_from(name).ok()?;
        let value = match value {
            Value::String(text) => HeaderValue::try_from(text).ok()?,
            Value::Number(number) => HeaderValue::try_from(number.to_string()).ok()?,
            _ => return None,
        };
        Some((name, value))
    });
    pairs.collect()
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
