//! What a directory is filled with.

use super::ProviderFeatures;

/// People and groups, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Population {
    /// The people.
    pub people: Vec<PersonEntry>,
    /// The groups; all members, groups within groups, and owners are in the population too.
    pub groups: Vec<GroupEntry>,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonEntry {
    /// The login name; unique without regard to case.
    pub login: String,
    /// The account is disabled.
    pub disabled: bool,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupEntry {
    /// The name; unique without regard to case.
    pub name: String,
    /// Login names of its direct members.
    pub members: Vec<String>,
    /// Names of the groups within it.
    pub groups: Vec<String>,
    /// Login names of its owners.
    pub owners: Vec<String>,
}

/// More than a page of any server's default but the largest.
const MANY: usize = 250;

/// Names that quoting gets wrong: in a DN, in a filter, in a URL, in JSON.
const AWKWARD: [&str; 8] = [
    "o'brien",
    "jörg.müller",
    "smith, john",
    "a+b=c",
    "back\\slash",
    "star*(paren)",
    "per%20cent&more",
    "\"quoted\" <x>;",
];

fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn group(name: &str, members: &[&str], groups: &[&str], owners: &[&str]) -> GroupEntry {
    GroupEntry {
        name: name.to_owned(),
        members: texts(members),
        groups: texts(groups),
        owners: texts(owners),
    }
}

impl Population {
    /// The population that the suite begins with: a group larger than a page, nesting over several levels and in
    /// two ways to one group, groups that contain each other, awkward names, disabled people, and an empty group.
    /// Everyone is in a group.
    pub fn example(features: &ProviderFeatures) -> Self {
        let many: Vec<String> = (0..MANY).map(|n| format!("person{n:03}")).collect();
        let logins = many.iter().map(String::as_str);
        let logins = logins.chain(AWKWARD).chain(["jane", "joe", "gone"]);
        let people = logins
            .map(|login| PersonEntry {
                login: login.to_owned(),
                disabled: features.disabled && login == "gone",
            })
            .collect();
        let mut groups = vec![
            GroupEntry {
                members: many,
                ..group("everyone", &[], &[], &["jane", "joe"])
            },
            group("awkward", &AWKWARD, &[], &AWKWARD[..2]),
            group("inner", &["jane", "gone"], &[], &[]),
            group("left way", &["joe"], &["inner"], &[]),
            group("right way", &["person000"], &["inner"], &[]),
            group(
                "xxxroomxxxexample.org",
                &["person001"],
                &["left way", "right way"],
                &["joe", "jane"],
            ),
            group(
                "MTRX #room, \"one\":example.org",
                &["jane"],
                &["everyone"],
                &["jane"],
            ),
            group("round", &["jane"], &["about"], &[]),
            group("about", &["joe"], &["round"], &[]),
            group("Überall (*)", &["joe"], &[], &["joe"]),
        ];
        if features.empty_groups {
            groups.push(group("empty", &[], &[], &[]));
        }
        if !features.owners {
            for group in &mut groups {
                group.owners.clear();
            }
        }
        Self { people, groups }
    }

    /// The same after some time: someone left, someone came, a group lost and one gained a member, a group is
    /// gone, a group is new, someone else is disabled, and an owner is none any more.
    #[must_use]
    pub fn changed(&self) -> Self {
        let mut after = self.clone();
        let can_disable = self.people.iter().any(|p| p.disabled);
        after.people.retain(|p| p.login != "person002");
        after.people.push(PersonEntry {
            login: "newcomer".to_owned(),
            disabled: false,
        });
        for person in &mut after.people {
            if person.login == "person003" {
                person.disabled = can_disable;
            }
        }
        after.groups.retain(|g| g.name != "Überall (*)");
        for group in &mut after.groups {
            group.members.retain(|m| m != "person002");
            match group.name.as_str() {
                "inner" => group.members.push("newcomer".to_owned()),
                "left way" => group.groups.clear(),
                "xxxroomxxxexample.org" => group.owners.retain(|o| o != "jane"),
                _ => {}
            }
        }
        after
            .groups
            .push(group("xxxnewxxxexample.org", &["newcomer"], &["inner"], &[]));
        after
    }
}
