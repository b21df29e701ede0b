//! `$select`, and writing of objects as it says.

use crate::answer::Refusal;
use crate::extension;
use crate::group::{Group, Other};
use crate::id::Id;
use crate::object::{Entry, Kind, Object, Relation};
use crate::rights::{Rights, UserRights};
use crate::shown::{self, Column, Columns, Shown};
use crate::user::{BASIC, User};

/// What a collection has in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    Users,
    Groups,
    /// Directory objects of any kind.
    Objects,
}

impl Of {
    /// Its name in `@odata.context`.
    pub(crate) fn collection(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Groups => "groups",
            Self::Objects => "directoryObjects",
        }
    }

    pub(crate) fn type_name(self) -> &'static str {
        match self {
            Self::Users => "user",
            Self::Groups => "group",
            Self::Objects => "directoryObject",
        }
    }
}

/// Properties of the other kinds of objects.
fn other_properties(kind: &str) -> &'static [&'static str] {
    match kind {
        "device" => &[
            "accountEnabled",
            "deviceId",
            "displayName",
            "operatingSystem",
            "operatingSystemVersion",
            "trustType",
        ],
        "orgContact" => &[
            "displayName",
            "givenName",
            "mail",
            "mailNickname",
            "onPremisesSyncEnabled",
            "proxyAddresses",
            "surname",
        ],
        "servicePrincipal" => &[
            "accountEnabled",
            "appDisplayName",
            "appId",
            "displayName",
            "servicePrincipalType",
        ],
        _ => &["displayName"],
    }
}

/// Which properties are shown.
pub(crate) struct Selection {
    users: Vec<Column<User>>,
    groups: Vec<Column<Group>>,
    /// Directory extensions.
    extensions: Vec<String>,
    /// As they were named; nothing if there was no `$select`.
    names: Option<Vec<String>>,
    /// Of delta queries.
    pub(crate) relations: Vec<Relation>,
}

fn find<T: Columns>(name: &str) -> Option<Column<T>> {
    T::COLUMNS
        .iter()
        .find(|column| column.name.eq_ignore_ascii_case(name))
        .copied()
}

fn defaults<T: Columns>() -> Vec<Column<T>> {
    T::COLUMNS
        .iter()
        .filter(|column| column.default)
        .copied()
        .collect()
}

impl Selection {
    /// Reads `$select`. Relations can be named in delta queries only.
    pub(crate) fn parse(select: Option<&str>, of: Of, delta: bool) -> Result<Self, Refusal> {
        let Some(select) = select.filter(|select| !select.trim().is_empty()) else {
            let relations = if delta && of == Of::Groups {
                vec![Relation::Members]
            } else {
                Vec::new()
            };
            return Ok(Self {
                users: defaults(),
                groups: defaults(),
                extensions: Vec::new(),
                names: None,
                relations,
            });
        };
        let mut selection = Self {
            users: Vec::new(),
            groups: Vec::new(),
            extensions: Vec::new(),
            names: None,
            relations: Vec::new(),
        };
        let mut names: Vec<String> = Vec::new();
        for name in select.split(',').map(str::trim) {
            if names.iter().any(|other| other.eq_ignore_ascii_case(name)) {
                continue;
            }
            selection.add(name, of, delta)?;
            names.push(name.to_owned());
        }
        selection.names = Some(names);
        Ok(selection)
    }

    fn add(&mut self, name: &str, of: Of, delta: bool) -> Result<(), Refusal> {
        if name.eq_ignore_ascii_case("id") {
            return Ok(());
        }
        if extension::is_name(name) {
            self.extensions.push(name.to_owned());
            return Ok(());
        }
        if delta && of == Of::Groups {
            let relation = Relation::BOTH
                .into_iter()
                .find(|relation| relation.as_str().eq_ignore_ascii_case(name));
            if let Some(relation) = relation {
                self.relations.push(relation);
                return Ok(());
            }
        }
        let user = find(name).filter(|_| of != Of::Groups);
        let group = find(name).filter(|_| of != Of::Users);
        let other = of == Of::Objects
            && ["device", "orgContact", "servicePrincipal"]
                .into_iter()
                .flat_map(other_properties)
                .any(|known| known.eq_ignore_ascii_case(name));
        if user.is_none() && group.is_none() && !other {
            return Err(Refusal::no_property(name, of.type_name()));
        }
        self.users.extend(user);
        self.groups.extend(group);
        Ok(())
    }

    /// Whether a change of this property is to be told.
    pub(crate) fn tracks(&self, of: Of, name: &str) -> bool {
        self.names.is_none()
            || self.extensions.iter().any(|other| other == name)
            || match of {
                Of::Users => self.users.iter().any(|column| column.name == name),
                Of::Groups => self.groups.iter().any(|column| column.name == name),
                Of::Objects => false,
            }
    }

    /// The part of `@odata.context` behind the name of the collection: properties only, no relations.
    pub(crate) fn context(&self) -> String {
        let Some(names) = &self.names else {
            return String::new();
        };
        let relation = |name: &str| {
            self.relations
                .iter()
                .any(|relation| relation.as_str().eq_ignore_ascii_case(name))
        };
        let names: Vec<&str> = names
            .iter()
            .map(String::as_str)
            .filter(|name| !relation(name))
            .collect();
        if names.is_empty() {
            return String::new();
        }
        format!("({})", names.join(","))
    }

    /// Whether users are shown with their ids: they are not if others were selected. (Groups always are.)
    pub(crate) fn shows_ids(&self, of: Of) -> bool {
        let selected = |names: &Vec<String>| names.iter().any(|name| name.eq_ignore_ascii_case("id"));
        of != Of::Users || self.names.as_ref().is_none_or(selected)
    }

    /// Appends the members of an object, without its braces, as far as the rights let it be seen.
    pub(crate) fn write(&self, out: &mut Vec<u8>, object: &Object, rights: Rights) {
        let seen = rights.see(&object.kind);
        match &object.entry {
            Entry::User(user) => {
                let basic = rights.users == UserRights::Basic;
                self.write_columns(out, &self.users, &**user, |name| {
                    seen && (!basic || BASIC.contains(&name))
                });
            }
            Entry::Group(group) => self.write_columns(out, &self.groups, &**group, |_| seen),
            Entry::Other(other) => self.write_other(out, other, seen),
        }
    }

    fn write_columns<T: Columns>(
        &self,
        out: &mut Vec<u8>,
        columns: &[Column<T>],
        object: &T,
        seen: impl Fn(&'static str) -> bool,
    ) {
        for column in columns {
            shown::name(out, column.name);
            let value = if seen(column.name) {
                (column.get)(object)
            } else {
                Shown::Null
            };
            value.write(out);
        }
        for name in &self.extensions {
            // An extension without a value is left out, unlike a property of the schema.
            if let Some(value) = object.extensions().get(name).filter(|value| !value.is_null()) {
                shown::name(out, name);
                let value = if seen("extensions") {
                    Shown::Json(value)
                } else {
                    Shown::Null
                };
                value.write(out);
            }
        }
    }

    fn write_other(&self, out: &mut Vec<u8>, other: &Other, seen: bool) {
        let known = other_properties(&other.kind).iter().copied();
        let further = other
            .properties
            .keys()
            .map(String::as_str)
            .filter(|name| !other_properties(&other.kind).contains(name));
        for name in known.chain(further) {
            if let Some(names) = &self.names
                && !names.iter().any(|selected| selected.eq_ignore_ascii_case(name))
            {
                continue;
            }
            shown::name(out, name);
            let value = match other.properties.get(name) {
                _ if !seen => Shown::Null,
                _ if name == "displayName" => Shown::Text(&other.display_name),
                Some(value) => Shown::Json(value),
                None => Shown::Null,
            };
            value.write(out);
        }
    }

    /// Appends what a delta query says of an object's properties: never null for what was never set, and with
    /// `changed` only those.
    pub(crate) fn write_delta(
        &self,
        out: &mut Vec<u8>,
        object: &Object,
        changed: Option<&dyn Fn(&str) -> bool>,
    ) {
        match &object.entry {
            Entry::User(user) => self.write_delta_columns(out, &self.users, &**user, object, changed),
            Entry::Group(group) => self.write_delta_columns(out, &self.groups, &**group, object, changed),
            Entry::Other(_) => {}
        }
    }

    fn write_delta_columns<T: Columns>(
        &self,
        out: &mut Vec<u8>,
        columns: &[Column<T>],
        value: &T,
        object: &Object,
        changed: Option<&dyn Fn(&str) -> bool>,
    ) {
        let all;
        let columns = if changed.is_some() && self.names.is_none() {
            all = T::COLUMNS.to_vec();
            &all
        } else {
            columns
        };
        for column in columns {
            let shown = (column.get)(value);
            let told = changed.is_none_or(|changed| changed(column.name));
            if told && (!shown.is_unset() || object.touched.contains(column.name)) {
                shown::name(out, column.name);
                shown.write(out);
            }
        }
        for name in &self.extensions {
            let told = changed.is_none_or(|changed| changed(name));
            let extension = value.extensions().get(name).filter(|value| !value.is_null());
            if told && (extension.is_some() || object.touched.contains(name)) {
                shown::name(out, name);
                extension.map_or(Shown::Null, Shown::Json).write(out);
            }
        }
    }
}

/// Appends `"@odata.type":"#microsoft.graph.…"` and `"id":"…"`. Of delta queries the id is always told.
pub(crate) fn write_head(out: &mut Vec<u8>, id: Id, kind: Option<&Kind>) {
    if let Some(kind) = kind {
        shown::name(out, "@odata.type");
        out.extend_from_slice(b"\"#microsoft.graph.");
        out.extend_from_slice(kind.as_str().as_bytes());
        out.push(b'"');
    }
    shown::name(out, "id");
    out.push(b'"');
    id.write(out);
    out.push(b'"');
}
