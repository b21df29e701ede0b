//! What clients ask, as the tests look at it.

use std::fmt;
use std::time::Duration;

use anyhow::{Result, bail};

use super::ber::{BOOLEAN, ENUMERATED, INTEGER, OCTETS, Reader, SEQUENCE, integer};
use super::filter::Filter;

/// The paged results control of RFC 2696.
pub const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";

/// A request that a server or a proxy of the tests has seen.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its place in the order of arrival, from 0; counts on after `clear`.
    pub index: usize,
    /// Which connection it came by, from 0.
    pub connection: usize,
    /// The number that the client gave it.
    pub message_id: i64,
    /// What it asks.
    pub operation: Operation,
    /// The controls that came with it.
    pub controls: Vec<Control>,
    /// When it had arrived, since the start of the server or the proxy.
    pub at: Duration,
}

impl Request {
    /// What is searched for, if it is a search.
    pub fn search(&self) -> Option<&Search> {
        match &self.operation {
            Operation::Search(search) => Some(search),
            _ => None,
        }
    }

    /// Whether it is the search with this number; see [`Search::number`].
    pub fn is_search(&self, number: usize) -> bool {
        self.search().is_some_and(|search| search.number == number)
    }

    /// Whether it is a bind.
    pub fn is_bind(&self) -> bool {
        matches!(self.operation, Operation::Bind { .. })
    }

    /// Whether it came with this control, marked as critical.
    pub fn is_critical(&self, oid: &str) -> bool {
        self.controls
            .iter()
            .any(|control| control.oid == oid && control.critical)
    }
}

/// What a [`Request`] asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// A bind. The password itself is not kept.
    Bind {
        /// The name of who binds; empty for an anonymous bind.
        dn: String,
        /// Whether it is a simple bind, not one by SASL.
        simple: bool,
        /// Whether the password was empty, which servers may take for an anonymous bind and call a success.
        empty_password: bool,
    },
    /// The client goes.
    Unbind,
    /// The client does not want the answer to this message any more.
    Abandon(i64),
    /// A search.
    Search(Box<Search>),
    /// An extended operation with this object identifier, such as `StartTLS`'s 1.3.6.1.4.1.1466.20037.
    Extended(String),
    /// Anything else, by the tag of its message: one that writes, a comparison.
    Other(u8),
}

/// What a search asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// Its place among the searches of all connections, from 1; pages and ranges count by themselves.
    pub number: usize,
    /// Where to begin, as it was sent.
    pub base: String,
    /// How deep to go.
    pub scope: Scope,
    /// Whether aliases are followed: 0 never, 1 while searching, 2 to find the base, 3 always.
    pub aliases: i64,
    /// The most entries the client wants; 0 for no limit.
    pub size_limit: i64,
    /// The most seconds the client wants it to take; 0 for no limit.
    pub time_limit: i64,
    /// Whether the client wants no values.
    pub types_only: bool,
    /// The filter as text (RFC 4515).
    pub filter: String,
    /// The attributes asked for, as they were sent.
    pub attributes: Vec<String>,
    /// The page asked for, if it was sent with [`PAGED_RESULTS`] and that could be read.
    pub page: Option<Page>,
    pub(super) parsed: Filter,
}

/// The page that a search asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The most entries in it.
    pub size: i64,
    /// Empty for the first page, else what the answer before said.
    pub cookie: Vec<u8>,
}

/// How deep a search goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The base itself.
    Base,
    /// What is right below the base, but not the base.
    One,
    /// The base and all below it.
    Sub,
}

/// A control of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// Its object identifier.
    pub oid: String,
    /// Whether the server must refuse the request if it does not know the control.
    pub critical: bool,
    /// What it says, if anything.
    pub value: Option<Vec<u8>>,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.operation {
            Operation::Bind { dn, .. } => write!(f, "bind {dn:?}"),
            Operation::Unbind => f.write_str("unbind"),
            Operation::Abandon(id) => write!(f, "abandon {id}"),
            Operation::Extended(oid) => write!(f, "extended {oid}"),
            Operation::Other(tag) => write!(f, "operation {tag:#04x}"),
            Operation::Search(search) => write!(
                f,
                "search {} {:?} {:?} {} {}",
                search.number,
                search.base,
                search.scope,
                search.filter,
                search.attributes.join(",")
            ),
        }
    }
}

/// A message of a client in its parts: what became of it is up to who reads it.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) id: i64,
    pub(super) operation: Operation,
    pub(super) controls: Vec<Control>,
    /// The password of a simple bind, which is not recorded.
    pub(super) password: Option<Vec<u8>>,
}

impl Message {
    /// Reads a message; the number of a search is left at 0.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        let mut message = Reader(Reader(bytes).expect(SEQUENCE)?);
        let id = message.number(INTEGER)?;
        let (tag, contents) = message.next()?;
        let mut controls = Vec::new();
        if message.tag() == Some(0xa0) {
            let mut list = Reader(message.expect(0xa0)?);
            while !list.is_empty() {
                controls.push(control(Reader(list.expect(SEQUENCE)?))?);
            }
        }
        let mut password = None;
        let mut reader = Reader(contents);
        let operation = match tag {
            0x60 => {
                reader.number(INTEGER)?;
                let dn = reader.text(OCTETS)?;
                let (method, credentials) = reader.next()?;
                let simple = method == 0x80;
                password = simple.then(|| credentials.to_vec());
                Operation::Bind {
                    dn,
                    simple,
                    empty_password: simple && credentials.is_empty(),
                }
            }
            0x42 => Operation::Unbind,
            // The contents are those of an INTEGER; the tag is the operation's own.
            0x50 => Operation::Abandon(integer(contents)?),
            0x63 => Operation::Search(Box::new(search(reader, &controls)?)),
            0x77 => Operation::Extended(reader.text(0x80)?),
            _ => Operation::Other(tag),
        };
        Ok(Self {
            id,
            operation,
            controls,
            password,
        })
    }
}

fn control(mut reader: Reader<'_>) -> Result<Control> {
    let oid = reader.text(OCTETS)?;
    let mut critical = false;
    if reader.tag() == Some(BOOLEAN) {
        critical = reader.expect(BOOLEAN)?.iter().any(|byte| *byte != 0);
    }
    let value = if reader.is_empty() {
        None
    } else {
        Some(reader.expect(OCTETS)?.to_vec())
    };
    Ok(Control { oid, critical, value })
}

fn search(mut reader: Reader<'_>, controls: &[Control]) -> Result<Search> {
    let base = reader.text(OCTETS)?;
    let scope = match reader.number(ENUMERATED)? {
        0 => Scope::Base,
        1 => Scope::One,
        2 => Scope::Sub,
        other => bail!("a scope {other}"),
    };
    let aliases = reader.number(ENUMERATED)?;
    let size_limit = reader.number(INTEGER)?;
    let time_limit = reader.number(INTEGER)?;
    let types_only = reader.expect(BOOLEAN)?.iter().any(|byte| *byte != 0);
    let parsed = Filter::parse(&mut reader)?;
    let mut list = Reader(reader.expect(SEQUENCE)?);
    let mut attributes = Vec::new();
    while !list.is_empty() {
        attributes.push(list.text(OCTETS)?);
    }
    let page = controls
        .iter()
        .filter(|control| control.oid == PAGED_RESULTS)
        .find_map(|control| page(control.value.as_deref()?).ok());
    Ok(Search {
        number: 0,
        base,
        scope,
        aliases,
        size_limit,
        time_limit,
        types_only,
        filter: parsed.to_string(),
        attributes,
        page,
        parsed,
    })
}

fn page(value: &[u8]) -> Result<Page> {
    let mut reader = Reader(Reader(value).expect(SEQUENCE)?);
    Ok(Page {
        size: reader.number(INTEGER)?,
        cookie: reader.expect(OCTETS)?.to_vec(),
    })
}
