//! One page of a delta query as it is written, with room for so many objects and so many members.

use crate::id::Id;
use crate::object::{Kind, Relation};
use crate::options::Options;
use crate::selection::write_head;
use crate::shown;

pub(super) struct Writer {
    out: Vec<u8>,
    objects_left: usize,
    related_left: usize,
    /// The relation whose list is open.
    open: Option<Relation>,
}

impl Writer {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            out: Vec::new(),
            objects_left: options.delta_page_size.max(1),
            related_left: options.delta_members.max(1),
            open: None,
        }
    }

    /// Whether nothing more is to begin.
    pub(super) fn is_full(&self) -> bool {
        self.objects_left == 0 || self.related_left == 0
    }

    /// Whether no more members or owners fit.
    pub(super) fn is_full_of_related(&self) -> bool {
        self.related_left == 0
    }

    /// Begins an object, and hands out where its properties go.
    pub(super) fn begin(&mut self, id: Id) -> &mut Vec<u8> {
        self.objects_left = self.objects_left.saturating_sub(1);
        if !self.out.is_empty() {
            self.out.push(b',');
        }
        self.out.push(b'{');
        write_head(&mut self.out, id, None);
        &mut self.out
    }

    /// Adds a member or an owner to the object that was begun, there or removed.
    pub(super) fn related(&mut self, relation: Relation, id: Id, kind: &Kind, added: bool) {
        self.related_left = self.related_left.saturating_sub(1);
        if self.open == Some(relation) {
            self.out.push(b',');
        } else {
            self.close();
            shown::name(&mut self.out, &format!("{}@delta", relation.as_str()));
            self.out.push(b'[');
            self.open = Some(relation);
        }
        self.out.push(b'{');
        write_head(&mut self.out, id, Some(kind));
        if !added {
            removed(&mut self.out, "deleted");
        }
        self.out.push(b'}');
    }

    fn close(&mut self) {
        if self.open.take().is_some() {
            self.out.push(b']');
        }
    }

    /// Ends the object that was begun.
    pub(super) fn end(&mut self) {
        self.close();
        self.out.push(b'}');
    }

    /// A whole object that is gone.
    pub(super) fn removed(&mut self, id: Id, reason: &str) {
        removed(self.begin(id), reason);
        self.end();
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.out
    }
}

fn removed(out: &mut Vec<u8>, reason: &str) {
    shown::name(out, "@removed");
    out.extend_from_slice(b"{\"reason\":\"");
    out.extend_from_slice(reason.as_bytes());
    out.extend_from_slice(b"\"}");
}
