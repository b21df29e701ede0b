//! Deleting objects, bringing them back, and deleting them for good.

use crate::change_log::{Cause, What};
use crate::id::Id;
use crate::object::{Kind, Relation};
use crate::tenant::Tenant;

impl Tenant {
    /// Deletes a user; [`restore_user`](Self::restore_user) brings it back. Its memberships end, and come back
    /// with it; whether delta queries tell so is up to
    /// [`Options::deletion_leaves_groups`](crate::Options::deletion_leaves_groups).
    pub fn delete_user(&mut self, user: Id) -> bool {
        self.users.contains(&user) && self.delete(user)
    }

    /// Deletes a group; [`restore_group`](Self::restore_group) brings it back. Delta queries say `changed`, as
    /// of Microsoft 365 groups; for what becomes of a security group, see [`purge_group`](Self::purge_group).
    pub fn delete_group(&mut self, group: Id) -> bool {
        self.groups.contains(&group) && self.delete(group)
    }

    /// Brings back a deleted user, with its memberships in groups that are still there.
    pub fn restore_user(&mut self, user: Id) -> bool {
        self.restore(user)
    }

    /// Brings back a deleted group, with those of its members that are still there.
    pub fn restore_group(&mut self, group: Id) -> bool {
        self.restore(group)
    }

    /// Deletes a user for good, whether it was deleted before or not.
    pub fn purge_user(&mut self, user: Id) -> bool {
        self.purge(user)
    }

    /// Deletes a group for good, whether it was deleted before or not.
    pub fn purge_group(&mut self, group: Id) -> bool {
        self.purge(group)
    }

    /// Deletes an object of any kind.
    pub fn delete(&mut self, id: Id) -> bool {
        let Some(object) = self.objects.remove(&id) else {
            return false;
        };
        self.users.remove(&id);
        self.groups.remove(&id);
        for relation in Relation::BOTH {
            // The object keeps both lists, in case it comes back.
            for group in object.holders(relation) {
                if let Some(holder) = self.objects.get_mut(group) {
                    holder.related_mut(relation).remove(&id);
                }
                self.note_related(relation, *group, id, object.kind.clone(), false, Cause::Deletion);
            }
            for target in object.related(relation) {
                if let Some(target) = self.objects.get_mut(target) {
                    target.holders_mut(relation).remove(&id);
                }
            }
        }
        self.log.push(id, object.kind.clone(), What::Deleted);
        self.deleted.insert(id, object);
        true
    }

    /// Brings back a deleted object of any kind.
    pub fn restore(&mut self, id: Id) -> bool {
        let Some(mut object) = self.deleted.remove(&id) else {
            return false;
        };
        let kind = object.kind.clone();
        match kind {
            Kind::User => _ = self.users.insert(id),
            Kind::Group => _ = self.groups.insert(id),
            Kind::Other(_) => {}
        }
        self.log.push(id, kind.clone(), What::Appeared);
        for relation in Relation::BOTH {
            for target in object.related(relation).clone() {
                if let Some(found) = self.objects.get_mut(&target) {
                    found.holders_mut(relation).insert(id);
                } else if target != id {
                    object.related_mut(relation).remove(&target);
                    if let Some(found) = self.deleted.get_mut(&target) {
                        found.holders_mut(relation).insert(id);
                        let kind = found.kind.clone();
                        self.note_related(relation, id, target, kind, false, Cause::Deletion);
                    }
                }
            }
            for group in object.holders(relation).clone() {
                if let Some(found) = self.objects.get_mut(&group) {
                    found.related_mut(relation).insert(id);
                    self.note_related(relation, group, id, kind.clone(), true, Cause::Deletion);
                } else if group != id {
                    object.holders_mut(relation).remove(&group);
                    if let Some(found) = self.deleted.get_mut(&group) {
                        found.related_mut(relation).insert(id);
                    }
                }
            }
        }
        self.objects.insert(id, object);
        true
    }

    /// Deletes an object of any kind for good.
    pub fn purge(&mut self, id: Id) -> bool {
        self.delete(id);
        let Some(object) = self.deleted.remove(&id) else {
            return false;
        };
        let mut lost = Vec::new();
        for (group, other) in &mut self.deleted {
            for relation in Relation::BOTH {
                if other.related_mut(relation).remove(&id) {
                    lost.push((relation, *group));
                }
                other.holders_mut(relation).remove(&id);
            }
        }
        // Should they come back, they come back without it, and that is told.
        for (relation, group) in lost {
            self.note_related(relation, group, id, object.kind.clone(), false, Cause::Change);
        }
        for relation in Relation::BOTH {
            for group in object.holders(relation) {
                if self.groups.contains(group) {
                    self.note_related(relation, *group, id, object.kind.clone(), false, Cause::Purge);
                }
            }
        }
        self.log.push(id, object.kind, What::Purged);
        true
    }
}
