//! What servers and proxies of the tests have seen.

use std::sync::Mutex;
use std::time::Instant;

use super::request::{Message, Operation, Request, Search};
use crate::lock;

#[derive(Debug)]
pub(super) struct Recorder {
    started: Instant,
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    requests: Vec<Request>,
    /// All so far, forgotten ones included.
    count: usize,
    searches: usize,
}

impl Recorder {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            log: Mutex::default(),
        }
    }

    /// Notes a message and gives it, and the search in it, their numbers.
    pub(super) fn note(&self, connection: usize, message: Message) -> Request {
        let mut log = lock(&self.log);
        let mut operation = message.operation;
        if let Operation::Search(search) = &mut operation {
            log.searches += 1;
            search.number = log.searches;
        }
        let request = Request {
            index: log.count,
            connection,
            message_id: message.id,
            operation,
            controls: message.controls,
            at: self.started.elapsed(),
        };
        log.count += 1;
        log.requests.push(request.clone());
        request
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        lock(&self.log).requests.clone()
    }

    pub(super) fn searches(&self) -> Vec<Search> {
        lock(&self.log)
            .requests
            .iter()
            .filter_map(|request| request.search().cloned())
            .collect()
    }

    pub(super) fn clear(&self) {
        lock(&self.log).requests.clear();
    }
}
