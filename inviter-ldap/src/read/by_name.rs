//! Entries found by their names, of which there may be a million to find.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState},
};

use crate::Dn;

/// Numbers by names in canonical form.
///
/// All names lie in one text, and what leads to them is a small table of hashes: looking up names in no order is
/// waiting for memory, and little memory stays near. The hashes are seeded, so that nobody can make names that collide.
#[derive(Debug, Default)]
pub(super) struct ByName<S = RandomState> {
    /// In the order of adding.
    names: String,
    /// Where each ends.
    ends: Vec<usize>,
    /// The first name with a hash, by its place.
    places: HashMap<u64, u32, BuildHasherDefault<AsItIs>>,
    /// Those whose hash another one had already.
    others: HashMap<Dn, u32>,
    seed: S,
}

impl<S: BuildHasher> ByName<S> {
    /// Adds the next name, which has not been added: its place is how many there were before.
    pub(super) fn push(&mut self, dn: Dn) {
        let place = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        self.names.push_str(dn.as_str());
        self.ends.push(self.names.len());
        match self.places.entry(self.seed.hash_one(dn.as_str())) {
            Entry::Vacant(slot) => {
                slot.insert(place);
            }
            Entry::Occupied(_) => {
                self.others.insert(dn, place);
            }
        }
    }

    /// The place of a name in canonical form.
    pub(super) fn find(&self, name: &str) -> Option<u32> {
        let candidate = self.candidate(self.seed.hash_one(name))?;
        self.checked(candidate, name)
    }

    /// The places of names in canonical form. Step by step for all of them, so that the processor waits for many pieces
    /// of memory at a time.
    pub(super) fn find_all(&self, names: &[&str]) -> Vec<Option<u32>> {
        let hashes: Vec<u64> = names.iter().map(|name| self.seed.hash_one(name)).collect();
        let mut places: Vec<_> = hashes.into_iter().map(|hash| self.candidate(hash)).collect();
        for (place, name) in places.iter_mut().zip(names) {
            *place = place.and_then(|place| self.checked(place, name));
        }
        places
    }

    /// The first name with a hash.
    fn candidate(&self, hash: u64) -> Option<u32> {
        self.places.get(&hash).copied()
    }

    /// Where a name is, which is the candidate unless two have the same hash.
    fn checked(&self, candidate: u32, name: &str) -> Option<u32> {
        if self.name(candidate) == Some(name) {
            return Some(candidate);
        }
        self.others.get(name).copied()
    }

    /// All names, in the order of adding.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, &end)| &self.names[start..end])
    }

    fn name(&self, place: u32) -> Option<&str> {
        let place = place as usize;
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.names.get(start..*self.ends.get(place)?)
    }
}

/// For keys that are hashes already.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes
            .iter()
            .fold(self.0, |hash, &byte| hash << 8 | u64::from(byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives few hashes, so that many names have the same.
    #[derive(Debug, Default)]
    struct Few(u64);

    impl Hasher for Few {
        fn write(&mut self, bytes: &[u8]) {
            self.0 += bytes.iter().map(|&byte| u64::from(byte)).sum::<u64>();
        }

        fn finish(&self) -> u64 {
            self.0 % 3
        }
    }

    fn found_again<S: BuildHasher + Default>() {
        let dn = |number: u32| Dn::parse(&format!("UID={number},dc=x")).unwrap();
        let mut by_name = ByName::<S>::default();
        assert_eq!(by_name.find("uid=0,dc=x"), None);
        for number in 0..100 {
            by_name.push(dn(number));
        }
        let names: Vec<Dn> = (0..200).map(dn).collect();
        let texts: Vec<&str> = names.iter().map(Dn::as_str).collect();
        let expected: Vec<_> = (0..200).map(|number| (number < 100).then_some(number)).collect();
        assert_eq!(by_name.find_all(&texts), expected);
        let one_by_one: Vec<_> = texts.iter().map(|name| by_name.find(name)).collect();
        assert_eq!(one_by_one, expected);
        assert!(by_name.names().eq(texts[..100].iter().copied()));
        // The root has the shortest name of all.
        by_name.push(Dn::parse("").unwrap());
        assert_eq!(by_name.find(""), Some(100));
    }

    #[test]
    fn every_name_is_found_and_no_other() {
        found_again::<RandomState>();
    }

    #[test]
    fn names_with_the_same_hash_are_told_apart() {
        found_again::<BuildHasherDefault<Few>>();
    }
}
