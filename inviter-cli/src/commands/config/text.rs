//! The configuration, as TOML and as JSON.

use std::{
    fmt::{self, Write as _},
    path::Path,
};

use inviter::config::{Explained, ExplainedSection, Origin, Place, Setting, SettingValue};
use inviter_operations::{
    render::clean::{Clean, clean, is_harmful},
    startup::ConfigSource,
};
use serde_json::{Value, json};

/// Takes out what is as it would be by default, and sections in which nothing is left.
pub(super) fn keep_changed(explained: &mut Explained) {
    for section in &mut explained.sections {
        let is_given = |setting: &Setting| matches!(setting.origins.as_slice(), [Origin::Given(_), ..]);
        section.settings.retain(is_given);
    }
    explained.sections.retain(|section| !section.settings.is_empty());
}

/// What the configuration is read from, on a line.
pub(super) fn file_line(source: &ConfigSource) -> String {
    format!("{}\n", clean(&source.name()))
}

/// As a configuration file, with the origin of each value behind it.
pub(super) fn toml(text: &mut String, source: &str, explained: &Explained) -> fmt::Result {
    writeln!(
        text,
        "# The configuration of {} as it takes effect.",
        Clean(source)
    )?;
    for section in &explained.sections {
        header(text, section)?;
        for setting in &section.settings {
            line(text, setting)?;
        }
    }
    Ok(())
}

fn header(text: &mut String, section: &ExplainedSection) -> fmt::Result {
    text.push('\n');
    match (section.path.as_str(), section.index) {
        ("", _) => Ok(()),
        (path, Some(_)) => writeln!(text, "[[{path}]]"),
        (path, None) => writeln!(text, "[{path}]"),
    }
}

fn line(text: &mut String, setting: &Setting) -> fmt::Result {
    let Some(shown) = &setting.value else {
        let otherwise = setting.otherwise.unwrap_or("not set");
        return writeln!(text, "# {} is not set: {otherwise}", setting.name);
    };
    key(text, &setting.name)?;
    text.push_str(" = ");
    value(text, shown)?;
    let origins: Vec<String> = setting.origins.iter().map(origin).collect();
    let masked = if setting.masked { ", masked" } else { "" };
    writeln!(text, "  # {}{masked}", origins.join(", "))
}

fn origin(origin: &Origin) -> String {
    match origin {
        Origin::Default => "default".to_owned(),
        Origin::Rooms => "as in [rooms]".to_owned(),
        Origin::Given(Place::Line { file, line, .. }) => {
            let name = file.file_name().unwrap_or(file.as_os_str());
            format!("{}:{line}", Clean(&name.to_string_lossy()))
        }
        Origin::Given(place) => clean(&place.to_string()),
        _ => "elsewhere".to_owned(),
    }
}

fn key(text: &mut String, key: &str) -> fmt::Result {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(is_bare) {
        text.push_str(key);
        return Ok(());
    }
    string(text, key)
}

fn value(text: &mut String, shown: &SettingValue) -> fmt::Result {
    match shown {
        SettingValue::Text(string_value) => string(text, string_value),
        SettingValue::Integer(number) => write!(text, "{number}"),
        SettingValue::Flag(flag) => write!(text, "{flag}"),
        SettingValue::List(items) => {
            text.push('[');
            for (ix, item) in items.iter().enumerate() {
                text.push_str(if ix > 0 { ", " } else { "" });
                value(text, item)?;
            }
            text.push(']');
            Ok(())
        }
        SettingValue::Table(entries) => {
            text.push('{');
            for (ix, (name, entry)) in entries.iter().enumerate() {
                text.push_str(if ix > 0 { ", " } else { " " });
                key(text, name)?;
                text.push_str(" = ");
                value(text, entry)?;
            }
            text.push_str(" }");
            Ok(())
        }
        _ => Ok(()),
    }
}

/// A basic string of TOML, with everything escaped that could harm a terminal.
fn string(text: &mut String, contents: &str) -> fmt::Result {
    text.push('"');
    for c in contents.chars() {
        match c {
            '"' | '\\' => write!(text, "\\{c}")?,
            c if is_harmful(c) => write!(text, "\\U{:08x}", u32::from(c))?,
            c => text.push(c),
        }
    }
    text.push('"');
    Ok(())
}

/// The contents of the JSON document.
pub(super) fn json(file: Option<&Path>, explained: &Explained) -> Value {
    json!({
        "file": file.map(|file| file.display().to_string()),
        "sections": explained.sections.iter().map(|section| json!({
            "section": section.path,
            "index": section.index,
            "settings": section.settings.iter().map(|setting| json!({
                "key": setting.name,
                "value": setting.value,
                "origins": setting.origins.iter().map(json_origin).collect::<Vec<_>>(),
                "masked": setting.masked,
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}

fn json_origin(origin: &Origin) -> Value {
    match origin {
        Origin::Default => json!({ "from": "default" }),
        Origin::Rooms => json!({ "from": "rooms" }),
        Origin::Given(Place::Line { line, .. }) => json!({ "from": "file", "line": line }),
        Origin::Given(Place::Variable(name)) => json!({ "from": "variable", "name": name }),
        _ => json!({ "from": "elsewhere" }),
    }
}
