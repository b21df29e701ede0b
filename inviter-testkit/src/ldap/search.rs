//! The answer to a search, as long as nothing goes wrong with it.

use std::collections::HashMap;

use super::behaviour::{Behaviour, Paging, Ranges};
use super::directory::{Dn, Entries, Entry};
use super::fault::Step;
use super::request::{Page, Scope, Search};
use super::select::{BeyondEnd, select};
use super::wire::{self, Outcome};
use super::{PAGED_RESULTS, Request};

/// Says that references are to be given as entries (RFC 3296). There are none, so this is easy to obey.
const MANAGE_DSA_IT: &str = "2.16.840.1.113730.3.4.2";

/// The searches of a connection of which there are pages still to come, by cookie.
#[derive(Debug, Default)]
pub(super) struct Pages {
    open: HashMap<Vec<u8>, Rest>,
    given: u64,
}

#[derive(Debug, Clone)]
struct Rest {
    names: Vec<String>,
    /// How many entries the client's own limit still allows.
    allowed: usize,
}

impl Pages {
    /// A cookie like no other: not text, and with a NUL.
    fn cookie(&mut self) -> Vec<u8> {
        self.given += 1;
        [b"\x00\xff\xfe", &self.given.to_be_bytes()[..]].concat()
    }
}

/// Answers one search.
pub(super) struct Answering<'a> {
    pub(super) entries: &'a Entries,
    pub(super) behaviour: &'a Behaviour,
    pub(super) pages: &'a mut Pages,
    /// How many ranges the server has given out.
    pub(super) ranges: &'a mut usize,
}

/// What is left of an answer when it fails: the result.
type Failed = Outcome;

impl Answering<'_> {
    pub(super) fn answer(&mut self, request: &Request, search: &Search) -> Vec<Step> {
        let mut steps = Vec::new();
        let id = request.message_id;
        let done = match self.try_answer(request, search, &mut steps) {
            Ok(done) => done,
            Err(outcome) => wire::done(id, &outcome),
        };
        steps.push(Step::Done(done));
        steps
    }

    fn try_answer(
        &mut self,
        request: &Request,
        search: &Search,
        steps: &mut Vec<Step>,
    ) -> Result<Vec<u8>, Failed> {
        let supported = self.behaviour.paging != Paging::Unsupported;
        let unknown = request.controls.iter().find(|control| {
            let known = control.oid == MANAGE_DSA_IT || (control.oid == PAGED_RESULTS && supported);
            control.critical && !known
        });
        if unknown.is_some() {
            return Err(Outcome::new(12, "critical extension is not supported"));
        }
        match &search.page {
            Some(page) if supported => self.page(request, search, page, steps),
            _ => self.all_at_once(request, search, steps),
        }
    }

    fn all_at_once(
        &mut self,
        request: &Request,
        search: &Search,
        steps: &mut Vec<Step>,
    ) -> Result<Vec<u8>, Failed> {
        let names = self.find(search)?;
        let limit = client_limit(search).min(self.behaviour.max_entries.unwrap_or(usize::MAX));
        self.give(request, search, &names[..names.len().min(limit)], steps)?;
        if names.len() > limit {
            return Err(Outcome::new(4, "size limit exceeded"));
        }
        self.refer(request, search, steps);
        Ok(wire::done(request.message_id, &Outcome::default()))
    }

    fn page(
        &mut self,
        request: &Request,
        search: &Search,
        page: &Page,
        steps: &mut Vec<Step>,
    ) -> Result<Vec<u8>, Failed> {
        let id = request.message_id;
        let same = b"\x00the same for ever\xff";
        let first = page.cookie.is_empty();
        let ever = match self.behaviour.paging {
            Paging::SameForEver => Some(same.to_vec()),
            Paging::EmptyForEver => Some(self.pages.cookie()),
            _ => None,
        };
        let mut rest = if first || self.behaviour.paging == Paging::SameForEver {
            Rest {
                names: self.find(search)?,
                allowed: client_limit(search),
            }
        } else if self.behaviour.paging == Paging::EmptyForEver {
            Rest {
                names: Vec::new(),
                allowed: usize::MAX,
            }
        } else {
            let known = self.pages.open.remove(&page.cookie);
            known
                .filter(|_| self.behaviour.paging != Paging::Forgetful)
                .ok_or_else(|| Outcome::new(53, "the cookie of the paged results is not known"))?
        };
        let size = usize::try_from(page.size).unwrap_or(0);
        let size = size.min(self.behaviour.max_entries.unwrap_or(usize::MAX));
        let count = size.min(rest.allowed).min(rest.names.len());
        let now: Vec<_> = rest.names.drain(..count).collect();
        self.give(request, search, &now, steps)?;
        rest.allowed -= count;
        if rest.allowed == 0 && !rest.names.is_empty() {
            return Err(Outcome::new(4, "size limit exceeded"));
        }
        let cookie = if let Some(cookie) = ever {
            cookie
        } else if rest.names.is_empty() || size == 0 {
            // A size of 0 says that the client wants no more pages.
            self.refer(request, search, steps);
            Vec::new()
        } else {
            let cookie = self.pages.cookie();
            self.pages.open.insert(cookie.clone(), rest);
            cookie
        };
        let success = Outcome::default();
        Ok(match self.behaviour.paging {
            Paging::NoControl => wire::done(id, &success),
            Paging::Unreadable => wire::done_with_page(id, &success, b"\x30\x7fno BER"),
            _ => wire::done_with_page(id, &success, &wire::page_value(&cookie)),
        })
    }

    /// The names of the entries that a search finds.
    fn find(&self, search: &Search) -> Result<Vec<String>, Failed> {
        let matches = |entry: &Entry| search.parsed.matches(entry) == Some(true);
        if search.base.is_empty() && search.scope == Scope::Base {
            let root = self.entries.root_dse();
            return Ok(matches(root).then(String::new).into_iter().collect());
        }
        if !search.base.is_empty() && self.entries.get(&search.base).is_none() {
            return Err(Outcome {
                code: 32,
                matched: self
                    .entries
                    .nearest_above(&search.base)
                    .unwrap_or_default()
                    .to_owned(),
                ..Outcome::default()
            });
        }
        let base = Dn::new(&search.base);
        let within = |dn: &Dn| {
            let depth = dn.depth_below(&base);
            match search.scope {
                Scope::Base => depth == Some(0),
                Scope::One => depth == Some(1),
                Scope::Sub => depth.is_some(),
            }
        };
        let found = self.entries.iter();
        let found = found.filter(|(dn, entry)| within(dn) && matches(entry));
        Ok(found.map(|(_, entry)| entry.dn.clone()).collect())
    }

    fn give(
        &mut self,
        request: &Request,
        search: &Search,
        names: &[String],
        steps: &mut Vec<Step>,
    ) -> Result<(), Failed> {
        let mut step = |ranges: &Ranges| {
            let step = match ranges.steps.as_slice() {
                [] => ranges.max_values,
                steps => steps[*self.ranges % steps.len()].min(ranges.max_values),
            };
            *self.ranges += 1;
            step.max(1)
        };
        for name in names {
            let entry = if name.is_empty() {
                Some(self.entries.root_dse())
            } else {
                self.entries.get(name)
            };
            // An entry may have gone since the first page.
            let Some(entry) = entry else { continue };
            let ranges = self.behaviour.ranges.as_ref();
            let selected = select(entry, &search.attributes, ranges, &mut step)
                .map_err(|BeyondEnd| Outcome::new(1, "a range begins beyond the last value"))?;
            steps.push(Step::Entry(
                name.clone(),
                wire::entry(request.message_id, &selected),
            ));
        }
        Ok(())
    }

    fn refer(&self, request: &Request, search: &Search, steps: &mut Vec<Step>) {
        if search.scope == Scope::Base {
            return;
        }
        for url in &self.behaviour.references {
            let reference = wire::reference(request.message_id, std::slice::from_ref(url));
            steps.push(Step::Other(reference));
        }
    }
}

fn client_limit(search: &Search) -> usize {
    match usize::try_from(search.size_limit) {
        Ok(limit) if limit > 0 => limit,
        _ => usize::MAX,
    }
}
