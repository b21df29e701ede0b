//! From a request to its answer: the record, what goes wrong, who may ask, and which part answers.

use std::sync::PoisonError;

use crate::answer::{Answer, Refusal};
use crate::batch;
use crate::control;
use crate::emulator::Shared;
use crate::fault::Trouble;
use crate::graph::{self, Asked};
use crate::identity;
use crate::lock;
use crate::query::Query;
use crate::record::Recorded;
use crate::rights::{Rights, UserRights};
use crate::server::Incoming;
use crate::spoil::{self, Place, Spoilt};

const VERSION: &str = "/v1.0";

/// How a request is answered that is answered at all.
#[derive(Debug, Clone, Copy)]
struct Manner {
    /// People are shown by their ids only.
    limited: bool,
    /// From the copy of the directory.
    stale: bool,
}

impl Manner {
    fn of(troubles: &[Trouble]) -> Self {
        Self {
            limited: troubles
                .iter()
                .any(|trouble| matches!(trouble, Trouble::LimitedInfo)),
            stale: troubles.iter().any(|trouble| matches!(trouble, Trouble::Stale)),
        }
    }
}

impl Shared {
    /// Answers a request; also its place in the record.
    pub(crate) fn answer(&self, request: &Incoming) -> (usize, Answer) {
        let index = self.record(request, false);
        if self.options.control && request.path == control::PATH {
            return (index, control::answer(self, request));
        }
        let troubles = self.faults.of(&request.method, &request.path_and_query(), false);
        let manner = Manner::of(&troubles);
        let answer = self.spoil(request, &troubles, || self.whole(request, manner));
        (index, answer)
    }

    /// Answers an item of a batch.
    pub(crate) fn answer_in_batch(&self, part: &Incoming, limited: bool) -> Answer {
        let index = self.record(part, true);
        let troubles = self.faults.of(&part.method, &part.path_and_query(), true);
        let mut manner = Manner::of(&troubles);
        manner.limited |= limited;
        let answer = self.spoil(part, &troubles, || {
            self.graph(part, manner)
                .unwrap_or_else(|refusal| refusal.answer(&part.ids))
        });
        if !answer.delivery.dropped {
            self.note_status(index, answer.status);
        }
        answer
    }

    fn spoil(&self, request: &Incoming, troubles: &[Trouble], sound: impl FnOnce() -> Answer) -> Answer {
        if troubles.is_empty() {
            return sound();
        }
        let path_and_query = request.path_and_query();
        let of = Spoilt {
            place: if is_graph(&request.path) {
                Place::Graph
            } else {
                Place::Token
            },
            origin: &self.origin,
            path_and_query: &path_and_query,
            authorization: request.header("authorization").unwrap_or_default(),
            body: &request.body,
            ids: &request.ids,
            pages: &self.pages,
        };
        let answer = spoil::instead(troubles, &of).unwrap_or_else(sound);
        spoil::change(answer, troubles, &of)
    }

    fn whole(&self, request: &Incoming, manner: Manner) -> Answer {
        let answer = if is_graph(&request.path) {
            self.authorize(request).and_then(|()| {
                if request.path == "/v1.0/$batch" || request.path == "/v1.0/%24batch" {
                    if request.method != "POST" {
                        return Err(Refusal::segment("$batch"));
                    }
                    return batch::answer(self, request, manner.limited);
                }
                self.graph(request, manner)
            })
        } else {
            identity::answer(self, request)
                .ok_or_else(|| Refusal::new(404, "NotFound", "There is nothing at this address."))
        };
        answer.unwrap_or_else(|refusal| refusal.answer(&request.ids))
    }

    fn authorize(&self, request: &Incoming) -> Result<(), Refusal> {
        let token = request
            .header("authorization")
            .and_then(|header| header.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        match token {
            None | Some("") => Err(Refusal::unauthenticated("Access token is empty.")),
            Some(token) if self.access_tokens.is_valid(token) => Ok(()),
            Some(_) => Err(Refusal::unauthenticated(
                "Lifetime validation failed, the token is expired.",
            )),
        }
    }

    fn graph(&self, request: &Incoming, manner: Manner) -> Result<Answer, Refusal> {
        let query = Query::parse(&request.query);
        if let Some(body) = query.get("$skiptoken").and_then(|token| self.pages.page(token)) {
            return Ok(Answer::graph(body.to_vec()));
        }
        let path = request.path.strip_prefix(VERSION).unwrap_or(&request.path);
        let prefer = request.header("prefer").unwrap_or_default().to_ascii_lowercase();
        let consistency = request.header("consistencylevel").unwrap_or_default();
        let asked = Asked {
            method: &request.method,
            path: path.trim_end_matches('/'),
            query: &query,
            minimal: prefer.split(',').any(|part| part.trim() == "return=minimal"),
            eventual: consistency.eq_ignore_ascii_case("eventual"),
            base: &self.base,
            tenant_id: &self.identity.tenant_id,
            options: &self.options,
        };
        let mut rights = Rights::of(&lock(&self.identity.granted));
        if manner.limited {
            rights.users = UserRights::None;
        }
        if manner.stale && !graph::is_delta(asked.path) {
            let remembered = self.remembered.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(tenant) = &*remembered {
                return graph::answer(&asked, tenant, rights, &self.pages);
            }
        }
        let tenant = self.tenant.read().unwrap_or_else(PoisonError::into_inner);
        graph::answer(&asked, &tenant, rights, &self.pages)
    }

    /// Whether this is a name of the tenant.
    pub(crate) fn is_tenant(&self, name: &str) -> bool {
        let tenant = self.tenant.read().unwrap_or_else(PoisonError::into_inner);
        name.eq_ignore_ascii_case(&self.identity.tenant_id) || name.eq_ignore_ascii_case(tenant.domain())
    }

    fn record(&self, request: &Incoming, in_batch: bool) -> usize {
        let mut log = lock(&self.log);
        let index = log.first + log.requests.len();
        log.requests.push(Recorded {
            index,
            method: request.method.clone(),
            path_and_query: request.path_and_query(),
            status: None,
            headers: request.headers.clone(),
            body: request.body.clone(),
            in_batch,
            at: self.started.elapsed(),
        });
        index
    }

    pub(crate) fn note_status(&self, index: usize, status: u16) {
        let mut log = lock(&self.log);
        let place = index.checked_sub(log.first);
        if let Some(request) = place.and_then(|place| log.requests.get_mut(place)) {
            request.status = Some(status);
        }
    }
}

fn is_graph(path: &str) -> bool {
    path.strip_prefix(VERSION)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
