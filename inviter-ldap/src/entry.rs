//! Entries of a search, taken apart without trust: a malformed one is an error, never a panic.

use std::borrow::Cow;

use ldap3::asn1::{PL, StructureTag};

/// Far more than are ever asked for.
const MAX_ATTRIBUTES: usize = 1000;

/// An entry as the server sent it; values are bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) dn: String,
    attributes: Vec<(String, Vec<Vec<u8>>)>,
}

/// An entry that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// The name, as far as it could be read.
    pub(crate) dn: Option<String>,
    /// What is wrong with it: a clause.
    pub(crate) why: Cow<'static, str>,
}

impl Malformed {
    /// An entry whose name is none.
    pub(crate) fn without_name(dn: String, why: crate::DnError) -> Self {
        Self {
            dn: Some(dn),
            why: format!("its name cannot be understood: {why}").into(),
        }
    }

    /// A group that does not say what it is called.
    pub(crate) fn without_group_name(dn: String, attribute: &str) -> Self {
        Self {
            dn: Some(dn),
            why: format!("its `{attribute}` is not shown").into(),
        }
    }

    /// An entry whose name another has that is not the same.
    pub(crate) fn with_another(dn: String) -> Self {
        Self {
            dn: Some(dn),
            why: "its name and another's differ in case or spaces only".into(),
        }
    }
}

impl Entry {
    /// Takes a `SearchResultEntry` (RFC 4511 section 4.5.2) apart.
    pub(crate) fn read(tag: StructureTag) -> Result<Self, Malformed> {
        let nameless = |why: &'static str| Malformed {
            dn: None,
            why: why.into(),
        };
        let mut parts = constructed(tag)
            .ok_or(nameless("it is not of the form of an entry"))?
            .into_iter();
        let dn = parts.next().and_then(primitive);
        let dn = dn.ok_or(nameless("it has no name"))?;
        let dn = String::from_utf8(dn).map_err(|error| Malformed {
            dn: Some(String::from_utf8_lossy(error.as_bytes()).into_owned()),
            why: "its name is not UTF-8".into(),
        })?;
        match parts.next().and_then(constructed).and_then(attributes) {
            Some(attributes) => Ok(Self { dn, attributes }),
            None => Err(Malformed {
                dn: Some(dn),
                why: "its attributes are not of the form of attributes".into(),
            }),
        }
    }

    /// An attribute's values, by its name without options. Servers write names in a case of their own.
    pub(crate) fn values(&self, name: &str) -> &[Vec<u8>] {
        let found = self.attributes.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map_or(&[], |(_, values)| values)
    }

    /// Takes an attribute's values out.
    pub(crate) fn take(&mut self, name: &str) -> Vec<Vec<u8>> {
        let found = self
            .attributes
            .iter_mut()
            .find(|(n, _)| n.eq_ignore_ascii_case(name));
        found
            .map(|(_, values)| std::mem::take(values))
            .unwrap_or_default()
    }

    /// Whether the entry is of a class, as far as it shows its classes.
    pub(crate) fn may_be(&self, class: &str) -> bool {
        let classes = self.values("objectClass");
        classes.is_empty()
            || classes
                .iter()
                .any(|own| own.eq_ignore_ascii_case(class.as_bytes()))
    }

    /// The first value of an attribute, if it is text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.values(name).first()?).ok()
    }

    /// All values of an attribute that are text, those that the entry's own name has first, then in order: servers
    /// answer them in any.
    pub(crate) fn texts(&self, name: &str, dn: &crate::Dn) -> Vec<&str> {
        let values = self.values(name).iter();
        let mut texts: Vec<&str> = values
            .filter_map(|value| std::str::from_utf8(value).ok())
            .collect();
        if texts.len() > 1 {
            texts.sort_unstable();
            texts.sort_by_key(|text| !dn.names_itself_by(name, text));
        }
        texts
    }

    /// An attribute in some form with options, such as `member;range=0-1499`: its full name.
    pub(crate) fn with_options(&self, name: &str) -> Option<&str> {
        let mut all = self.attributes.iter().map(|(full, _)| full.as_str());
        all.find(|full| {
            let base = full.split_once(';').map(|(base, _)| base);
            base.is_some_and(|base| base.eq_ignore_ascii_case(name))
        })
    }

    /// A range of an attribute's values, where the server hands them out in parts: `member;range=0-1499`.
    pub(crate) fn take_range(&mut self, name: &str) -> Option<ValueRange> {
        let mut all = self.attributes.iter().enumerate();
        let (at, (start, end)) = all.find_map(|(at, (full, _))| Some((at, range_of(full, name)?)))?;
        let (_, values) = self.attributes.swap_remove(at);
        Some(ValueRange { start, end, values })
    }
}

/// Values that are a part of all ([MS-ADTS] 3.1.1.3.1.3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ValueRange {
    /// The position of the first, from 0.
    pub(crate) start: usize,
    /// The position of the last; `None` if there are no more after these.
    pub(crate) end: Option<usize>,
    pub(crate) values: Vec<Vec<u8>>,
}

/// Start and end in `member;range=0-1499`.
fn range_of(full: &str, name: &str) -> Option<(usize, Option<usize>)> {
    let (base, options) = full.split_once(';')?;
    if !base.eq_ignore_ascii_case(name) {
        return None;
    }
    options.split(';').find_map(|option| {
        let (key, range) = option.split_once('=')?;
        let (start, end) = range.split_once('-')?;
        let start = start.parse().ok()?;
        match end {
            _ if !key.eq_ignore_ascii_case("range") => None,
            "*" => Some((start, None)),
            end => Some((start, Some(end.parse().ok()?))),
        }
    })
}

fn attributes(tags: Vec<StructureTag>) -> Option<Vec<(String, Vec<Vec<u8>>)>> {
    if tags.len() > MAX_ATTRIBUTES {
        return None;
    }
    let mut all: Vec<(String, Vec<Vec<u8>>)> = Vec::with_capacity(tags.len());
    for tag in tags {
        let mut parts = constructed(tag)?.into_iter();
        let name = String::from_utf8(parts.next().and_then(primitive)?).ok()?;
        let values = constructed(parts.next()?)?.into_iter().map(primitive);
        let values: Vec<Vec<u8>> = values.collect::<Option<_>>()?;
        // No attribute may come twice; of one that does, no value may be lost.
        match all
            .iter_mut()
            .find(|(known, _)| known.eq_ignore_ascii_case(&name))
        {
            Some((_, known)) => known.extend(values),
            None => all.push((name, values)),
        }
    }
    Some(all)
}

/// The URLs of a `SearchResultReference`, as far as they are text.
pub(crate) fn references(tag: StructureTag) -> Vec<String> {
    let values = constructed(tag).unwrap_or_default();
    let values = values.into_iter().filter_map(primitive);
    values
        .map(|value| String::from_utf8_lossy(&value).into_owned())
        .collect()
}

pub(crate) fn constructed(tag: StructureTag) -> Option<Vec<StructureTag>> {
    match tag.payload {
        PL::C(parts) => Some(parts),
        PL::P(_) => None,
    }
}

pub(crate) fn primitive(tag: StructureTag) -> Option<Vec<u8>> {
    match tag.payload {
        PL::P(bytes) => Some(bytes),
        PL::C(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use ldap3::asn1::TagClass;
    use proptest::{
        collection::vec,
        prelude::*,
        sample::{Index, select},
    };

    use super::*;

    fn octets(bytes: &[u8]) -> StructureTag {
        StructureTag {
            class: TagClass::Universal,
            id: 4,
            payload: PL::P(bytes.to_vec()),
        }
    }

    fn sequence(parts: Vec<StructureTag>) -> StructureTag {
        StructureTag {
            class: TagClass::Universal,
            id: 16,
            payload: PL::C(parts),
        }
    }

    fn entry(dn: &[u8], attributes: &[(&[u8], &[&[u8]])]) -> StructureTag {
        let attributes = attributes
            .iter()
            .map(|(name, values)| {
                let values = values.iter().map(|value| octets(value)).collect();
                sequence(vec![octets(name), sequence(values)])
            })
            .collect();
        sequence(vec![octets(dn), sequence(attributes)])
    }

    #[test]
    fn values_and_ranges() {
        let tag = entry(
            b"cn=a",
            &[
                (b"Member;range=0-1", &[b"x", b"y"]),
                (b"cn", &[b"b", b"a"]),
                (b"objectGUID", &[&[0xff, 0]]),
                (b"member", &[]),
                (b"CN", &[b"c"]),
            ],
        );
        let mut entry = Entry::read(tag).unwrap();
        let dn = crate::Dn::parse(&entry.dn).unwrap();
        assert_eq!(entry.texts("CN", &dn), ["a", "b", "c"]);
        assert_eq!(entry.values("objectguid"), [vec![0xff, 0]]);
        assert_eq!(entry.text("objectguid"), None);
        assert_eq!(entry.with_options("member"), Some("Member;range=0-1"));
        assert_eq!(
            entry.take_range("member"),
            Some(ValueRange {
                start: 0,
                end: Some(1),
                values: vec![b"x".to_vec(), b"y".to_vec()]
            })
        );
        assert_eq!(entry.with_options("member"), None);
        assert_eq!(range_of("member;range=2-*", "member"), Some((2, None)));
        assert_eq!(range_of("member;binary", "member"), None);
        assert_eq!(range_of("member;range=x-3", "member"), None);
        assert_eq!(range_of("members;range=0-3", "member"), None);
    }

    #[test]
    fn malformed_ones_are_errors() {
        for (tag, why) in [
            (octets(b"x"), "it is not of the form of an entry"),
            (sequence(vec![]), "it has no name"),
            (sequence(vec![octets(&[0xff])]), "its name is not UTF-8"),
            (
                sequence(vec![octets(b"cn=a"), octets(b"x")]),
                "its attributes are not of the form of attributes",
            ),
            (
                entry(b"cn=a", &[(&[0xff], &[b"x"])]),
                "its attributes are not of the form of attributes",
            ),
        ] {
            assert_eq!(Entry::read(tag).unwrap_err().why, why);
        }
    }

    /// Any element at all, of the depth that messages may have.
    fn any_tag() -> impl Strategy<Value = StructureTag> {
        let leaf = vec(any::<u8>(), 0..8).prop_map(|bytes| octets(&bytes));
        leaf.prop_recursive(4, 32, 4, |inner| vec(inner, 0..4).prop_map(sequence))
    }

    /// Names in any case, some of them twice, some with options.
    fn attribute_name() -> impl Strategy<Value = String> {
        let base = select(vec!["member", "Member", "MEMBER", "cn", "CN", "uid", "é"]);
        let option = prop_oneof![
            4 => Just(String::new()),
            1 => select(vec![";binary", ";lang-de", ";range=", ";range=-", ";range=1-", ";;"]).prop_map(str::to_owned),
            2 => (any::<u32>(), any::<u32>()).prop_map(|(from, to)| format!(";range={from}-{to}")),
            1 => any::<u32>().prop_map(|from| format!(";Range={from}-*")),
        ];
        (base, option).prop_map(|(base, option)| format!("{base}{option}"))
    }

    proptest! {
        /// No value is lost, whatever an attribute is called and however often it comes.
        #[test]
        fn all_values_are_there(
            given in vec((attribute_name(), vec(vec(any::<u8>(), 0..6), 0..4)), 0..12),
        ) {
            let tags = given.iter().map(|(name, values)| {
                let values = values.iter().map(|value| octets(value)).collect();
                sequence(vec![octets(name.as_bytes()), sequence(values)])
            });
            let mut entry = Entry::read(sequence(vec![octets(b"cn=a"), sequence(tags.collect())])).unwrap();
            for (name, _) in &given {
                let alike = given.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
                let all: Vec<Vec<u8>> = alike.flat_map(|(_, values)| values.clone()).collect();
                prop_assert_eq!(entry.values(name), all, "{}", name);
            }
            let before = entry.clone();
            while let Some(range) = entry.take_range("member") {
                let end = range.end.map_or("*".to_owned(), |end| end.to_string());
                let name = format!("member;range={}-{end}", range.start);
                prop_assert_eq!(before.values(&name), range.values, "{}", name);
            }
            let is_range = |(name, _): &&(String, Vec<Vec<u8>>)| {
                let name = name.to_ascii_lowercase();
                name.strip_prefix("member;range=").is_some_and(|range| range.len() > 2)
            };
            prop_assert_eq!(entry.attributes.iter().filter(is_range).count(), 0);
        }

        /// An element in the place of a value is that value or an error, and the other values stay.
        #[test]
        fn what_is_spoiled_is_an_error_or_the_value(
            given in vec(vec(vec(any::<u8>(), 0..6), 1..4), 1..5),
            at in (any::<Index>(), any::<Index>()),
            with in any_tag(),
        ) {
            let (attribute, value) = (at.0.index(given.len()), at.1.index(given[at.0.index(given.len())].len()));
            let tags = given.iter().enumerate().map(|(number, values)| {
                let mut values: Vec<_> = values.iter().map(|value| octets(value)).collect();
                if number == attribute {
                    values[value] = with.clone();
                }
                sequence(vec![octets(format!("a{number}").as_bytes()), sequence(values)])
            });
            let read = Entry::read(sequence(vec![octets(b"cn=a"), sequence(tags.collect())]));
            let Some(bytes) = primitive(with.clone()) else {
                prop_assert_eq!(read.unwrap_err().dn, Some("cn=a".to_owned()));
                return Ok(());
            };
            let (read, mut all) = (read.unwrap(), given);
            all[attribute][value] = bytes;
            for (number, values) in all.iter().enumerate() {
                prop_assert_eq!(read.values(&format!("A{number}")), &values[..]);
            }
            let _ = Entry::read(with.clone());
            references(with);
        }
    }
}
