//! Rooms with placeholders: one entry of the configuration stands for a room a year, a course or a site.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    decode::parse_alias,
    directory::{GroupKey, ProviderId},
    room::RoomRef,
    room_rules::{FixedMember, RoomRules, RoomSpec, SpecGroup},
};

/// The highest placeholder: `<1>` to `<9>`.
const MAX_PLACEHOLDERS: usize = 9;
/// Longest value, in bytes: an alias has 255 in all.
const MAX_VALUE_BYTES: usize = 100;

/// What takes the place of the placeholders: the first value that of `<1>`, the second that of `<2>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Argument(Vec<String>);

impl Argument {
    /// Checks values.
    ///
    /// # Errors
    /// What is wrong, naming the value: none or too many of them, an empty one, or one with other characters than
    /// letters, digits, `-`, `_` and `.`, which could change the meaning of an alias or a DN.
    pub fn new(values: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let values: Vec<String> = values.into_iter().collect();
        if values.is_empty() || values.len() > MAX_PLACEHOLDERS {
            return Err(format!(
                "an argument has 1 to {MAX_PLACEHOLDERS} values, for <1> and so on, not {}",
                values.len()
            ));
        }
        for value in &values {
            let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
            if value.is_empty() || value.len() > MAX_VALUE_BYTES || !value.chars().all(fits) {
                let value: String = value.chars().take(MAX_VALUE_BYTES).collect();
                return Err(format!(
                    "`{}` cannot be an argument; write letters, digits, `-`, `_` and `.`",
                    value.escape_debug()
                ));
            }
        }
        Ok(Self(values))
    }

    /// Reads values that stand between commas, as on a command line.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::new(text.split(',').map(|value| value.trim().to_owned()))
    }

    /// The values.
    pub fn values(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

/// A room of the explicit list with placeholders in its alias and its groups, and maybe in its name and topic.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoomTemplate {
    /// The alias, with at least one placeholder.
    pub alias: String,
    /// Groups whose members belong in it; their names or keys may have placeholders.
    pub groups: Vec<TemplateGroup>,
    /// People named one by one.
    pub members: Vec<FixedMember>,
    /// The settings; name and topic may have placeholders.
    pub rules: RoomRules,
    /// The arguments that the configuration lists: a run over everything is about these.
    pub arguments: Vec<Argument>,
}

/// A group of a [`RoomTemplate`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateGroup {
    /// As in [`SpecGroup`].
    pub provider: Option<ProviderId>,
    /// Key or name, with placeholders or without.
    pub group: String,
    /// As in [`SpecGroup`].
    pub level: Option<i64>,
}

impl RoomTemplate {
    /// A template that is consistent in itself.
    ///
    /// # Errors
    /// What is wrong, as a sentence: no placeholder in the alias, one of the groups, the name or the topic has one
    /// that the alias lacks (two arguments would lead to one room), a listed argument has another number of values,
    /// or leads to no valid alias.
    pub fn new(
        alias: impl Into<String>,
        groups: Vec<TemplateGroup>,
        members: Vec<FixedMember>,
        rules: RoomRules,
        arguments: Vec<Argument>,
    ) -> Result<Self, String> {
        let template = Self {
            alias: alias.into(),
            groups,
            members,
            rules,
            arguments,
        };
        let count = template.placeholders();
        if count == 0 {
            return Err(format!("`{}` has no placeholder such as <1>", template.alias));
        }
        for number in 1..=count {
            if !template.alias.contains(&placeholder(number)) {
                return Err(format!("`{}` has <{count}>, but not <{number}>", template.alias));
            }
        }
        let rules = &template.rules;
        let texts = [rules.name.as_deref(), rules.topic.as_deref()]
            .into_iter()
            .flatten();
        for text in texts.chain(template.groups.iter().map(|group| group.group.as_str())) {
            if let Some(number) = (count + 1..=MAX_PLACEHOLDERS).find(|n| text.contains(&placeholder(*n))) {
                return Err(format!(
                    "`{text}` has <{number}>, which the alias `{}` lacks; two arguments would be one room",
                    template.alias
                ));
            }
        }
        for argument in &template.arguments {
            template.expand(argument)?;
        }
        Ok(template)
    }

    /// Whether a text has a placeholder.
    pub fn has_placeholder(text: &str) -> bool {
        (1..=MAX_PLACEHOLDERS).any(|number| text.contains(&placeholder(number)))
    }

    /// Whether an argument has as many values as this has placeholders.
    pub fn takes(&self, argument: &Argument) -> bool {
        self.placeholders() == argument.0.len()
    }

    fn placeholders(&self) -> usize {
        let has = |number: &usize| self.alias.contains(&placeholder(*number));
        (1..=MAX_PLACEHOLDERS).rev().find(has).unwrap_or(0)
    }

    /// The room that an argument makes.
    ///
    /// # Errors
    /// What is wrong, as a sentence that names the argument: another number of values, or no valid alias.
    pub fn expand(&self, argument: &Argument) -> Result<RoomSpec, String> {
        if !self.takes(argument) {
            return Err(format!(
                "`{}` takes {}, and `{argument}` has {}",
                self.alias,
                values(self.placeholders()),
                argument.0.len()
            ));
        }
        let fill = |text: &str| {
            let values = argument.0.iter().enumerate();
            values.fold(text.to_owned(), |text, (at, value)| {
                text.replace(&placeholder(at + 1), value)
            })
        };
        let alias = fill(&self.alias);
        let parsed =
            parse_alias(&alias).map_err(|why| format!("`{argument}` makes `{alias}`, which {why}"))?;
        let groups = self.groups.iter().map(|group| SpecGroup {
            provider: group.provider.clone(),
            group: GroupKey::new(fill(&group.group)),
            level: group.level,
        });
        Ok(RoomSpec {
            room: RoomRef::Alias(parsed),
            groups: groups.collect(),
            members: self.members.clone(),
            rules: RoomRules {
                name: self.rules.name.as_deref().map(fill),
                topic: self.rules.topic.as_deref().map(fill),
                ..self.rules.clone()
            },
        })
    }
}

fn values(count: usize) -> String {
    if count == 1 {
        "1 value".to_owned()
    } else {
        format!("{count} values")
    }
}

fn placeholder(number: usize) -> String {
    format!("<{number}>")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str) -> TemplateGroup {
        TemplateGroup {
            provider: None,
            group: name.to_owned(),
            level: None,
        }
    }

    fn argument(text: &str) -> Argument {
        Argument::parse(text).unwrap()
    }

    fn template(alias: &str, groups: &[&str], arguments: &[&str]) -> Result<RoomTemplate, String> {
        RoomTemplate::new(
            alias,
            groups.iter().map(|name| group(name)).collect(),
            Vec::new(),
            RoomRules {
                name: Some("Year <1>".to_owned()),
                ..RoomRules::default()
            },
            arguments.iter().map(|text| argument(text)).collect(),
        )
    }

    #[test]
    fn placeholders_are_filled_everywhere() {
        let template = template("#year-<1>:x", &["students-<1>", "teachers"], &["2024"]).unwrap();
        let spec = template.expand(&argument("2024")).unwrap();
        assert_eq!(spec.room.to_string(), "#year-2024:x");
        let groups: Vec<&str> = spec.groups.iter().map(|g| g.group.as_str()).collect();
        assert_eq!(groups, ["students-2024", "teachers"]);
        assert_eq!(spec.rules.name.as_deref(), Some("Year 2024"));
    }

    #[test]
    fn several_values() {
        let template = template("#<2>-<1>:x", &["<1>/<2>"], &[]).unwrap();
        assert!(template.takes(&argument("a,b")) && !template.takes(&argument("a")));
        let spec = template.expand(&argument("a, b")).unwrap();
        assert_eq!(spec.room.to_string(), "#b-a:x");
        assert_eq!(spec.groups[0].group.as_str(), "a/b");
        let wrong = template.expand(&argument("a")).unwrap_err();
        assert_eq!(wrong, "`#<2>-<1>:x` takes 2 values, and `a` has 1");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong =
            |alias, groups: &[&str], arguments: &[&str]| template(alias, groups, arguments).unwrap_err();
        assert!(wrong("#a:x", &[], &[]).contains("no placeholder"));
        assert!(wrong("#<2>:x", &[], &[]).contains("has <2>, but not <1>"));
        assert!(wrong("#<1>:x", &["<1>-<2>"], &[]).contains("which the alias `#<1>:x` lacks"));
        assert!(wrong("#<1>:x", &[], &["a,b"]).contains("takes 1 value,"));
        assert!(wrong("<1>:x", &[], &["a"]).contains("is not a room alias"));
        for text in [
            "",
            "a b",
            "a,",
            "a:b",
            "cn=a",
            "#",
            &"a".repeat(101),
            "1,2,3,4,5,6,7,8,9,0",
        ] {
            assert!(Argument::parse(text).is_err(), "{text}");
        }
    }
}
