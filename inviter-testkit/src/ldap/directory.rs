//! The entries that a server of the tests serves.

use std::collections::{BTreeMap, HashMap};

/// An entry: a name and attributes with values of any bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub(super) dn: String,
    pub(super) attributes: Vec<Attribute>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) values: Vec<Vec<u8>>,
    /// Sent only if asked for by name or with `+`.
    pub(super) operational: bool,
}

impl Entry {
    /// An entry without attributes. Its name is sent as it stands here.
    pub fn new(dn: impl Into<String>) -> Self {
        Self {
            dn: dn.into(),
            attributes: Vec::new(),
        }
    }

    /// Its name.
    pub fn dn(&self) -> &str {
        &self.dn
    }

    /// With an attribute: `.with("cn", ["Ada"])`. Replaces one with the same name.
    #[must_use]
    pub fn with<V: Into<Vec<u8>>>(mut self, name: &str, values: impl IntoIterator<Item = V>) -> Self {
        self.set(name, values);
        self
    }

    /// With an attribute that is sent only if asked for by name or with `+`, as `entryUUID` is.
    #[must_use]
    pub fn with_operational<V: Into<Vec<u8>>>(
        mut self,
        name: &str,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        self.set(name, values);
        for attribute in &mut self.attributes {
            attribute.operational |= attribute.name.eq_ignore_ascii_case(name);
        }
        self
    }

    /// Gives an attribute these values; without values it goes.
    pub fn set<V: Into<Vec<u8>>>(&mut self, name: &str, values: impl IntoIterator<Item = V>) {
        self.attributes
            .retain(|attribute| !attribute.name.eq_ignore_ascii_case(name));
        let values: Vec<_> = values.into_iter().map(Into::into).collect();
        if !values.is_empty() {
            self.attributes.push(Attribute {
                name: name.to_owned(),
                values,
                operational: false,
            });
        }
    }

    /// The values of an attribute; none if there is no such attribute.
    pub fn values(&self, name: &str) -> &[Vec<u8>] {
        self.attributes
            .iter()
            .find(|attribute| attribute.name.eq_ignore_ascii_case(name))
            .map_or(&[], |attribute| &attribute.values)
    }

    /// Takes values out of an attribute, such as members out of a group.
    pub fn retain(&mut self, name: &str, mut keep: impl FnMut(&[u8]) -> bool) {
        for attribute in &mut self.attributes {
            if attribute.name.eq_ignore_ascii_case(name) {
                attribute.values.retain(|value| keep(value));
            }
        }
        self.attributes.retain(|attribute| !attribute.values.is_empty());
    }
}

/// A directory: entries in the order in which searches give them, a root DSE, and who may bind.
#[derive(Debug, Clone)]
pub struct Entries {
    root_dse: Entry,
    list: BTreeMap<usize, (Dn, Entry)>,
    places: HashMap<Dn, usize>,
    next: usize,
    accounts: Vec<(String, String)>,
}

impl Entries {
    /// A directory with the entry of its suffix, such as `dc=example,dc=org`, and a root DSE that names the
    /// suffix and says that the server can page.
    pub fn new(suffix: &str) -> Self {
        let root_dse = Entry::new("")
            .with("objectClass", ["top"])
            .with_operational("namingContexts", [suffix])
            .with_operational("supportedLDAPVersion", ["3"])
            .with_operational("supportedControl", [super::PAGED_RESULTS]);
        Self {
            root_dse,
            list: BTreeMap::new(),
            places: HashMap::new(),
            next: 0,
            accounts: Vec::new(),
        }
        .with(Entry::new(suffix).with("objectClass", ["top", "domain"]))
    }

    /// With one more entry; see [`add`](Self::add).
    #[must_use]
    pub fn with(mut self, entry: Entry) -> Self {
        self.add(entry);
        self
    }

    /// With someone who may bind; needs no entry. Nobody else can, except anonymously.
    #[must_use]
    pub fn with_account(mut self, dn: &str, password: &str) -> Self {
        self.accounts.push((dn.to_owned(), password.to_owned()));
        self
    }

    /// Adds an entry behind the others. What it lies below need not exist; one with the same name goes.
    pub fn add(&mut self, entry: Entry) {
        self.remove(&entry.dn);
        let dn = Dn::new(&entry.dn);
        self.places.insert(dn.clone(), self.next);
        self.list.insert(self.next, (dn, entry));
        self.next += 1;
    }

    /// Removes the entry with this name, but not what lies below it; says whether it was there.
    pub fn remove(&mut self, dn: &str) -> bool {
        let place = self.places.remove(&Dn::new(dn));
        place.and_then(|place| self.list.remove(&place)).is_some()
    }

    /// Gives an entry another name, in the same place; says whether it was there. One that has that name goes, and
    /// values with the old name stay.
    pub fn rename(&mut self, dn: &str, to: &str) -> bool {
        let Some(place) = self.places.remove(&Dn::new(dn)) else {
            return false;
        };
        self.remove(to);
        if let Some((key, entry)) = self.list.get_mut(&place) {
            *key = Dn::new(to);
            to.clone_into(&mut entry.dn);
        }
        self.places.insert(Dn::new(to), place);
        true
    }

    /// The entry with this name, to be changed.
    pub fn get_mut(&mut self, dn: &str) -> Option<&mut Entry> {
        let place = self.places.get(&Dn::new(dn))?;
        self.list.get_mut(place).map(|(_, entry)| entry)
    }

    /// The entry with the empty name, in which a server says what it can do.
    pub fn root_dse_mut(&mut self) -> &mut Entry {
        &mut self.root_dse
    }

    pub(super) fn root_dse(&self) -> &Entry {
        &self.root_dse
    }

    pub(super) fn get(&self, dn: &str) -> Option<&Entry> {
        let place = self.places.get(&Dn::new(dn))?;
        self.list.get(place).map(|(_, entry)| entry)
    }

    /// All entries, with their names in comparable form.
    pub(super) fn iter(&self) -> impl Iterator<Item = &(Dn, Entry)> {
        self.list.values()
    }

    /// The name of the nearest entry above a name for which there is none.
    pub(super) fn nearest_above(&self, dn: &str) -> Option<&str> {
        let dn = Dn::new(dn);
        self.iter()
            .filter(|(above, _)| dn.depth_below(above).is_some())
            .max_by_key(|(above, _)| above.0.len())
            .map(|(_, entry)| entry.dn.as_str())
    }

    pub(super) fn may_bind(&self, dn: &str, password: &[u8]) -> bool {
        self.accounts.iter().any(|(account, right)| {
            Dn::new(account) == Dn::new(dn) && right.as_bytes() == password && !password.is_empty()
        })
    }
}

/// A name in the form in which it is compared: without regard to case and to spaces round `,` and `=`. Other
/// spellings of the same name, such as `\2c` for `\,`, count as other names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Dn(Vec<String>);

impl Dn {
    pub(super) fn new(dn: &str) -> Self {
        let dn = String::from_utf8_lossy(&comparable(dn.as_bytes())).into_owned();
        let mut parts = Vec::new();
        let mut part = String::new();
        let mut escaped = false;
        for character in dn.chars() {
            if character == ',' && !escaped {
                parts.push(std::mem::take(&mut part));
            } else {
                part.push(character);
            }
            escaped = character == '\\' && !escaped;
        }
        if !dn.is_empty() {
            parts.push(part);
        }
        Self(parts)
    }

    /// How many levels it lies below another, 0 if it is the other; nothing if it is neither.
    pub(super) fn depth_below(&self, base: &Self) -> Option<usize> {
        self.0.ends_with(&base.0).then(|| self.0.len() - base.0.len())
    }
}

/// A value in the form in which it is compared; see [`Dn`]. Bytes that are no text stay as they are.
pub(super) fn comparable(value: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(value) else {
        return value.to_vec();
    };
    let text = text.trim().to_lowercase();
    let mut result = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            ',' | '=' => {
                result.truncate(result.trim_end_matches(' ').len());
                result.push(character);
            }
            ' ' if result.ends_with([',', '=']) => {}
            _ => result.push(character),
        }
    }
    result.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_case_and_spaces() {
        assert_eq!(
            Dn::new("CN=Ada Lovelace , DC = example"),
            Dn::new("cn=ada lovelace,dc=Example")
        );
        assert_ne!(
            Dn::new("cn=adalovelace,dc=example"),
            Dn::new("cn=ada lovelace,dc=example")
        );
        let below = |dn: &str, base: &str| Dn::new(dn).depth_below(&Dn::new(base));
        assert_eq!(below("cn=a,ou=b,dc=c", "dc=c"), Some(2));
        assert_eq!(below("dc=c", "dc=c"), Some(0));
        assert_eq!(below("dc=c", "cn=a,dc=c"), None);
        assert_eq!(below("cn=xou=b,dc=c", "ou=b,dc=c"), None);
        assert_eq!(below("cn=x\\,ou=b,dc=c", "ou=b,dc=c"), None);
        assert_eq!(below("cn=x\\,y,ou=b,dc=c", "ou=b,dc=c"), Some(1));
        assert_eq!(below("cn=a,dc=c", ""), Some(2));
    }
}
