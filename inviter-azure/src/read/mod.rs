//! Reading a tenant: everything at once, or what changed since.

mod asking;
mod changes;
mod differences;
mod kept;
mod listing;
mod lists;

use crate::{config::EntraConfig, graph::Graph, object::UserProperties};

pub(crate) use kept::{Kept, read};

/// The most objects that Graph gives in one page of a list.
pub(crate) const PAGE: u32 = 999;

/// What reading needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) config: &'a EntraConfig,
    pub(crate) properties: &'a UserProperties,
}
