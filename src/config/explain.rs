//! The configuration as it takes effect: every key with its value and where that comes from.

mod defaults;

use std::path::Path;

use serde::Serialize;

use super::{
    Config, ConfigErrors, Environment,
    keys::{Fallback, Key, Kind, SectionKeys},
    secrets::without_password,
    source::Place,
};
use crate::document::{Entry, Node, Problems, Value, parse_toml_value};

/// A configuration and where each of its values comes from.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Explained {
    /// The configuration.
    pub config: Config,
    /// Its sections in the order in which a file can have them.
    pub sections: Vec<ExplainedSection>,
}

/// A table of the configuration.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ExplainedSection {
    /// Its place, as in `rooms.permissions`; empty for the top.
    pub path: String,
    /// The number of the entry, from 0, where it is one of a list of tables.
    pub index: Option<usize>,
    /// Its keys but those that are sections themselves.
    pub settings: Vec<Setting>,
}

/// A key with its value.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Setting {
    /// The key.
    pub name: String,
    /// Its value; `None` if it has none.
    pub value: Option<SettingValue>,
    /// Where the value comes from; several if a variable overrides a part of it. There is at least one.
    pub origins: Vec<Origin>,
    /// What holds where there is no value, to follow "by default".
    pub otherwise: Option<&'static str>,
    /// A password in the value is shown as `***`.
    pub masked: bool,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// Nobody has given it.
    Default,
    /// The same key of `[rooms]`.
    Rooms,
    /// It was given here.
    Given(Place),
}

/// A value of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum SettingValue {
    /// A string.
    Text(String),
    /// An integer.
    Integer(i64),
    /// A flag.
    Flag(bool),
    /// A list.
    List(Vec<SettingValue>),
    /// A table.
    Table(std::collections::BTreeMap<String, SettingValue>),
}

impl SettingValue {
    fn of(value: &Value<'_>) -> Self {
        match value {
            Value::Text(text) => Self::Text(text.clone().into_owned()),
            Value::Integer(number) => Self::Integer(*number),
            Value::Flag(flag) => Self::Flag(*flag),
            Value::List(items) => Self::List(items.iter().map(|item| Self::of(&item.value)).collect()),
            Value::Table(entries) => Self::Table(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone().into_owned(), Self::of(&entry.node.value)))
                    .collect(),
            ),
            // No key takes one, so a configuration that was read has none.
            Value::Other(kind) => Self::Text((*kind).to_owned()),
        }
    }

    /// A value of the table of keys.
    pub(super) fn of_toml(toml: &str) -> Self {
        Self::of(&parse_toml_value(toml, 0, &mut Problems::default()))
    }
}

impl Config {
    /// As [`Config::parse`], with where each value comes from.
    ///
    /// # Errors
    /// All errors of the text at once.
    pub fn explain(text: &str, path: &Path, env: &dyn Environment) -> Result<Explained, ConfigErrors> {
        let variables = env.overrides();
        Self::explain_source(&super::source_of(text, path, &variables), env)
    }

    /// As [`Config::load`], with where each value comes from.
    ///
    /// # Errors
    /// All errors of the file at once.
    pub fn explain_file(path: &Path, env: &dyn Environment) -> Result<Explained, ConfigErrors> {
        Self::explain(&super::read_file(path)?, path, env)
    }

    /// As [`Config::from_environment`], with where each value comes from.
    ///
    /// # Errors
    /// All errors at once.
    pub fn explain_environment(base: &Path, env: &dyn Environment) -> Result<Explained, ConfigErrors> {
        let variables = env.overrides();
        Self::explain_source(&super::source_of_variables(base, &variables), env)
    }

    fn explain_source(source: &super::Source<'_>, env: &dyn Environment) -> Result<Explained, ConfigErrors> {
        let (config, tree) = Self::examine(source, env)?;
        let mut explainer = Explainer {
            config: &config,
            place: &source.places(),
            sections: Vec::new(),
            outer: None,
        };
        explainer.table(SectionKeys::top(), "", None, Some(&tree));
        let sections = explainer.sections;
        Ok(Explained { config, sections })
    }
}

/// Sections of directories that only those of one kind have.
const OF_ONE_KIND: [&str; 2] = ["directory.ldap", "directory.entra"];

struct Explainer<'a> {
    config: &'a Config,
    place: &'a dyn Fn(usize) -> Place,
    sections: Vec<ExplainedSection>,
    /// The number of the entry that the table is in, where that is one of a list.
    outer: Option<usize>,
}

impl Explainer<'_> {
    fn table(
        &mut self,
        keys: &'static SectionKeys,
        path: &str,
        index: Option<usize>,
        table: Option<&Node<'_>>,
    ) {
        let mut settings = Vec::new();
        let mut below = Vec::new();
        for key in keys.keys {
            let node = table.and_then(|table| get(table, key.name));
            match key.kind {
                Kind::Table(_) | Kind::Tables(_) | Kind::Free(_) => below.push((key, node)),
                _ => settings.push(self.setting(keys, key, index, node)),
            }
        }
        let managed = self.managed(&mut settings, table);
        self.sections.push(ExplainedSection {
            path: path.to_owned(),
            index,
            settings,
        });
        for (key, node) in below {
            let path = match path {
                "" => key.name.to_owned(),
                path => format!("{path}.{}", key.name),
            };
            match key.kind {
                Kind::Table(_) if key.name == "permissions" && !managed => {}
                // Of another kind of directory.
                Kind::Table(_) if OF_ONE_KIND.contains(&&*path) && node.is_none() => {}
                Kind::Table(keys) => {
                    self.outer = index;
                    self.table(keys, &path, None, node);
                }
                Kind::Tables(keys) => {
                    for (ix, item) in items(node).iter().enumerate() {
                        self.table(keys, &path, Some(ix), Some(item));
                    }
                }
                _ => self.free(key, &path, node),
            }
        }
    }

    /// Whether a section with permissions has effect, as its reader decides it.
    fn managed(&self, settings: &mut [Setting], table: Option<&Node<'_>>) -> bool {
        let Some(setting) = settings
            .iter_mut()
            .find(|setting| setting.name == "manage_permissions")
        else {
            return true;
        };
        let permissions = table.and_then(|table| get(table, "permissions"));
        let is_off = setting.value == Some(SettingValue::Flag(false));
        if let (Some(permissions), true, [Origin::Rooms]) = (permissions, is_off, &*setting.origins) {
            // Its own permissions bring the template back for a room.
            setting.origins = self.origins(permissions);
            setting.value = Some(SettingValue::Flag(true));
        }
        setting.value != Some(SettingValue::Flag(false))
    }

    fn setting(
        &self,
        keys: &SectionKeys,
        key: &'static Key,
        index: Option<usize>,
        node: Option<&Node<'_>>,
    ) -> Setting {
        let mut setting = Setting {
            name: key.name.to_owned(),
            value: None,
            origins: vec![Origin::Default],
            otherwise: None,
            masked: false,
        };
        if let Some(node) = node {
            setting.origins = self.origins(node);
            let mut value = SettingValue::of(&node.value);
            if let (true, SettingValue::Text(text)) = (key.secret, &mut value)
                && let Some(masked) = without_password(text)
            {
                *text = masked;
                setting.masked = true;
            }
            setting.value = Some(value);
            return setting;
        }
        match key.fallback {
            Fallback::Value(value) => setting.value = Some(SettingValue::of_toml(value)),
            Fallback::AsInRooms => {
                let rooms = keys.name.replacen("room", "rooms", 1);
                let inherited = self.shown(&rooms, key.name);
                if let Some(inherited) = inherited {
                    setting.value.clone_from(&inherited.value);
                    setting.otherwise = inherited.otherwise;
                    setting.origins = vec![Origin::Rooms];
                } else {
                    setting.value = default_in_rooms(&rooms, key.name);
                }
            }
            Fallback::Said(what) => {
                setting.value = defaults::worked_out(self.config, keys.name, index.or(self.outer), key.name);
                setting.otherwise = Some(what);
            }
            Fallback::Required => {}
        }
        setting
    }

    /// A setting of a section that stands before.
    fn shown(&self, path: &str, name: &str) -> Option<&Setting> {
        let section = self.sections.iter().find(|section| section.path == path)?;
        section.settings.iter().find(|setting| setting.name == name)
    }

    /// A table with free keys, on top of the default ones.
    fn free(&mut self, key: &'static Key, path: &str, table: Option<&Node<'_>>) {
        let rooms = path.replacen("room.", "rooms.", 1);
        let inherited = self.sections.iter().find(|section| section.path == rooms);
        let mut settings = match (key.fallback, inherited) {
            (Fallback::AsInRooms, Some(section)) => {
                let mut settings = section.settings.clone();
                for setting in &mut settings {
                    setting.origins = vec![Origin::Rooms];
                }
                settings
            }
            (Fallback::AsInRooms, None) => {
                let section = rooms.rsplit_once('.').map_or("", |(section, _)| section);
                entries_of(default_in_rooms(section, key.name))
            }
            (Fallback::Value(value), _) => entries_of(Some(SettingValue::of_toml(value))),
            _ => Vec::new(),
        };
        for entry in table.map(entries).unwrap_or_default() {
            let given = Setting {
                name: entry.key.clone().into_owned(),
                value: Some(SettingValue::of(&entry.node.value)),
                origins: self.origins(&entry.node),
                otherwise: None,
                masked: false,
            };
            match settings.iter_mut().find(|setting| setting.name == given.name) {
                Some(setting) => *setting = given,
                None => settings.push(given),
            }
        }
        self.sections.push(ExplainedSection {
            path: path.to_owned(),
            index: None,
            settings,
        });
    }

    /// Where a value was given: its line in the file, and the variables that override parts of it.
    fn origins(&self, node: &Node<'_>) -> Vec<Origin> {
        let mut origins = vec![Origin::Given((self.place)(node.at))];
        self.add_variables(node, &mut origins);
        origins
    }

    fn add_variables(&self, node: &Node<'_>, origins: &mut Vec<Origin>) {
        let below: Vec<&Node<'_>> = match &node.value {
            Value::List(items) => items.iter().collect(),
            Value::Table(entries) => entries.iter().map(|entry| &entry.node).collect(),
            _ => return,
        };
        for node in below {
            let origin = Origin::Given((self.place)(node.at));
            if matches!(origin, Origin::Given(Place::Variable(_))) && !origins.contains(&origin) {
                origins.push(origin);
            }
            self.add_variables(node, origins);
        }
    }
}

/// The default of a key in `[rooms]` or `[rooms.permissions]`.
fn default_in_rooms(section: &str, name: &str) -> Option<SettingValue> {
    let sections = SectionKeys::top().all();
    let section = sections.into_iter().find(|keys| keys.name == section)?;
    match section.find(name)?.fallback {
        Fallback::Value(value) => Some(SettingValue::of_toml(value)),
        _ => None,
    }
}

fn entries_of(table: Option<SettingValue>) -> Vec<Setting> {
    let Some(SettingValue::Table(entries)) = table else {
        return Vec::new();
    };
    let settings = entries.into_iter().map(|(name, value)| Setting {
        name,
        value: Some(value),
        origins: vec![Origin::Default],
        otherwise: None,
        masked: false,
    });
    settings.collect()
}

fn entries<'n>(table: &'n Node<'n>) -> &'n [Entry<'n>] {
    match &table.value {
        Value::Table(entries) => entries,
        _ => &[],
    }
}

pub(super) fn get<'n>(table: &'n Node<'n>, key: &str) -> Option<&'n Node<'n>> {
    let found = entries(table).iter().find(|entry| entry.key == key);
    found.map(|entry| &entry.node)
}

fn items<'n>(list: Option<&'n Node<'n>>) -> &'n [Node<'n>] {
    match list.map(|list| &list.value) {
        Some(Value::List(items)) => items,
        _ => &[],
    }
}
