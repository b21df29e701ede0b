//! The small sections: accounts, adoption, limits, people, state.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use inviter_core::{
    OwnedServerName, OwnedUserId, ServerName, UserId,
    guard::Limits,
    patterns::Patterns,
    policy::{Adoption, Policy, UnregisteredPolicy},
    reason::Reason,
    room_rules::{BringIn, LeftPolicy, RemovePolicy},
    scope::{Scope, Selection},
};

use super::{
    Environment,
    keys::{self, SectionKeys},
    path_in,
};
use crate::document::{Problems, Section, choose, parse_duration, shortened};

/// What the `danger_` keys accept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Danger {
    pub(super) world_readable: bool,
    pub(super) admin_levels: bool,
}

impl Danger {
    pub(super) fn read(top: &Section<'_>, problems: &mut Problems) -> Self {
        let mut flag = |key| top.flag(key, problems).unwrap_or(false);
        Self {
            world_readable: flag("danger_allow_world_readable"),
            admin_levels: flag("danger_allow_admin_levels"),
        }
    }
}

/// `[people]`
#[derive(Debug, Default)]
pub(super) struct People {
    pub(super) bring_in: BringIn,
    pub(super) left: LeftPolicy,
    pub(super) grace: Duration,
    pub(super) remove: RemovePolicy,
    pub(super) unregistered: UnregisteredPolicy,
    pub(super) manage_admins: bool,
    pub(super) invite_reason: Option<Reason>,
    pub(super) remove_reason: Option<Reason>,
}

/// A section that may be absent.
pub(super) fn section<'n>(
    top: &Section<'n>,
    keys: &'static SectionKeys,
    problems: &mut Problems,
) -> Section<'n> {
    top.get(keys.name)
        .and_then(|node| Section::read(node, keys.name, &keys.names(), problems))
        .unwrap_or(Section::absent(keys.name))
}

pub(super) fn accounts(top: &Section<'_>, problems: &mut Problems) -> (Option<OwnedServerName>, Patterns) {
    let section = section(top, &keys::ACCOUNTS, problems);
    let server = section.parsed("server", server_name, problems);
    let patterns = section.parsed_list("exempt", pattern, problems);
    let patterns = patterns.into_iter().map(|(_, pattern)| pattern);
    let exempt = Patterns::new(patterns).unwrap_or_else(|error| {
        problems.add(
            section.at("exempt"),
            format!("{}: {error}", section.key("exempt")),
        );
        Patterns::default()
    });
    (server, exempt)
}

pub(super) fn scope(top: &Section<'_>, problems: &mut Problems) -> Scope {
    let section = section(top, &keys::SCOPE, problems);
    let mut patterns = |key: &str, check: fn(&str) -> Result<String, String>| {
        let texts = section.parsed_list(key, check, problems);
        // Each was checked by itself.
        Patterns::new(texts.into_iter().map(|(_, text)| text)).unwrap_or_default()
    };
    Scope {
        rooms: Selection::new(
            patterns("include_rooms", room_pattern),
            patterns("exclude_rooms", room_pattern),
        ),
        groups: Selection::new(
            patterns("include_groups", pattern_alone),
            patterns("exclude_groups", pattern_alone),
        ),
    }
}

fn pattern_alone(text: &str) -> Result<String, String> {
    let compiled = Patterns::new([text.to_owned()]);
    compiled
        .map(|_| text.to_owned())
        .map_err(|error| error.to_string())
}

/// Aliases begin with `#` and IDs with `!`: a pattern that begins otherwise would quietly match nothing.
fn room_pattern(text: &str) -> Result<String, String> {
    if text.starts_with(['#', '!', '*', '?', '[', '{']) {
        return pattern_alone(text);
    }
    Err(format!(
        "`{text}` matches no room, since aliases begin with `#` and room IDs with `!`; write \"#{text}\" or \"*{text}\""
    ))
}

pub(super) fn adopt(top: &Section<'_>, problems: &mut Problems) -> Adoption {
    let section = section(top, &keys::ADOPT, problems);
    Adoption {
        any: section.flag("any", problems).unwrap_or(false),
        trusted_creators: users(&section, "trusted_creators", problems),
    }
}

/// The limits, and whether a group that vanished counts as an empty one.
pub(super) fn limits(top: &Section<'_>, problems: &mut Problems) -> (Limits, bool) {
    let section = section(top, &keys::LIMITS, problems);
    let default = Limits::default();
    let mut count = |key| section.integer(key, (0, u32::MAX), problems);
    let (room, directory, total, shrink) = (
        count("room_count"),
        count("directory_count"),
        count("total_count"),
        count("shrink_count"),
    );
    let mut percent = |key| section.integer(key, (0, 100), problems);
    let (room_percent, directory_percent, total_percent, shrink_percent) = (
        percent("room_percent"),
        percent("directory_percent"),
        percent("total_percent"),
        percent("shrink_percent"),
    );
    // One directory is not held to less than all together, unless that is said.
    let total_count = total.unwrap_or(default.total_count);
    let total_percent = total_percent.unwrap_or(default.total_percent);
    let limits = Limits {
        room_count: room.unwrap_or(default.room_count),
        room_percent: room_percent.unwrap_or(default.room_percent),
        directory_count: directory.unwrap_or(total_count),
        directory_percent: directory_percent.unwrap_or(total_percent),
        total_count,
        total_percent,
        shrink_count: shrink.unwrap_or(total_count),
        shrink_percent: shrink_percent.unwrap_or(total_percent),
        window: window(&section, default.window, problems),
    };
    let vanished_are_empty = section.flag("danger_vanished_groups_are_empty", problems);
    (limits, vanished_are_empty.unwrap_or(false))
}

/// In a shorter time nothing adds up to what the limits are about: each run would be allowed as much again.
const SHORTEST_WINDOW: Duration = Duration::from_secs(60 * 60);

fn window(section: &Section<'_>, default: Duration, problems: &mut Problems) -> Duration {
    let key = "window";
    let value = section.duration(key, problems).unwrap_or(default);
    if value < SHORTEST_WINDOW {
        problems.add(
            section.at(key),
            format!(
                "{} must be at least 1h, since in a shorter time removals would hardly be counted together; leave it \
                 out for 24h",
                section.key(key)
            ),
        );
    }
    value
}

pub(super) fn people(top: &Section<'_>, problems: &mut Problems) -> People {
    const UNREGISTERED: [(&str, UnregisteredPolicy); 2] = [
        ("hold", UnregisteredPolicy::Hold),
        ("invite", UnregisteredPolicy::Invite),
    ];
    let section = section(top, &keys::PEOPLE, problems);
    let mut reason = |key, default| reason(&section, key, default, problems);
    let invite_reason = reason("invite_reason", Reason::for_invitations());
    let remove_reason = reason("remove_reason", Reason::for_removals());
    People {
        bring_in: bring_in(&section, problems).unwrap_or_default(),
        left: left(&section, problems).unwrap_or_default(),
        grace: section.duration("grace", problems).unwrap_or_default(),
        remove: remove(&section, problems).unwrap_or_default(),
        unregistered: section
            .word("unregistered", &UNREGISTERED, problems)
            .unwrap_or_default(),
        manage_admins: section.flag("danger_manage_admins", problems).unwrap_or(false),
        invite_reason,
        remove_reason,
    }
}

/// A text that is shown; an empty one is none.
fn reason(
    section: &Section<'_>,
    key: &'static str,
    default: Reason,
    problems: &mut Problems,
) -> Option<Reason> {
    let Some((at, text)) = section.any_text(key, problems) else {
        return Some(default);
    };
    Reason::new(text).unwrap_or_else(|error| {
        problems.add(at, format!("{}: {error}", section.key(key)));
        None
    })
}

/// `bring_in`, for all rooms or for some.
pub(super) fn bring_in(section: &Section<'_>, problems: &mut Problems) -> Option<BringIn> {
    const BRING_IN: [(&str, BringIn); 2] = [("invite", BringIn::Invite), ("join", BringIn::Join)];
    section.word("bring_in", &BRING_IN, problems)
}

/// `remove`, for all rooms or for some.
pub(super) fn remove(section: &Section<'_>, problems: &mut Problems) -> Option<RemovePolicy> {
    const REMOVE: [(&str, RemovePolicy); 2] = [
        ("anyone", RemovePolicy::Anyone),
        ("brought_by_us", RemovePolicy::BroughtByUs),
    ];
    section.word("remove", &REMOVE, problems)
}

/// `left`, for all rooms or for some.
pub(super) fn left(section: &Section<'_>, problems: &mut Problems) -> Option<LeftPolicy> {
    section.parsed("left", left_policy, problems)
}

fn left_policy(text: &str) -> Result<LeftPolicy, String> {
    const LEFT: [(&str, LeftPolicy); 3] = [
        ("until_brought_anew", LeftPolicy::UntilBroughtAnew),
        ("again", LeftPolicy::Again),
        ("never", LeftPolicy::Never),
    ];
    let example = "such as \"after 7d\"";
    match text.trim().strip_prefix("after") {
        Some("") => Err(format!("`after` needs a duration, {example}")),
        Some(time) if time.starts_with(char::is_whitespace) => {
            let time = parse_duration(time.trim_start())?;
            if time.is_zero() {
                return Err(format!("`{}` is at once; write `again`", shortened(text)));
            }
            Ok(LeftPolicy::After(time))
        }
        _ => choose(text, &LEFT).map_err(|error| match error.strip_suffix('?') {
            Some(_) => error,
            None => format!("{error}, or a time {example}"),
        }),
    }
}

/// Where the state is kept, and for how long it is remembered what was done with people. The place is `None` only
/// together with a problem.
pub(super) fn state(
    top: &Section<'_>,
    base: &Path,
    env: &dyn Environment,
    problems: &mut Problems,
) -> (Option<PathBuf>, Duration) {
    let section = section(top, &keys::STATE, problems);
    let history = section.duration("history", problems).unwrap_or(Policy::HISTORY);
    (state_dir(top, &section, base, env, problems), history)
}

fn state_dir(
    top: &Section<'_>,
    section: &Section<'_>,
    base: &Path,
    env: &dyn Environment,
    problems: &mut Problems,
) -> Option<PathBuf> {
    if section.get("dir").is_some() {
        return section.text("dir", problems).map(|(_, text)| path_in(base, text));
    }
    // The base directory specification: a relative path is to be ignored.
    let absolute = |name| env.var(name).map(PathBuf::from).filter(|dir| dir.is_absolute());
    let default = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    if default.is_none() {
        problems.add(
            top.at,
            "there is no directory for the memory of earlier runs: set `dir` in [state], such as \
             \"/var/lib/inviter\" (neither XDG_STATE_HOME nor HOME is set)",
        );
    }
    default.map(|dir| dir.join("inviter"))
}

/// A list of user IDs.
pub(super) fn users(section: &Section<'_>, key: &str, problems: &mut Problems) -> BTreeSet<OwnedUserId> {
    let users = section.parsed_list(key, user_id, problems);
    users.into_iter().map(|(_, user)| user).collect()
}

pub(super) fn user_id(text: &str) -> Result<OwnedUserId, String> {
    UserId::parse(text)
        .map_err(|error| format!("`{text}` is not a user ID ({error}); write it like \"@name:example.com\""))
}

fn server_name(text: &str) -> Result<OwnedServerName, String> {
    ServerName::parse(text).map_err(|error| {
        format!("`{text}` is not a server name ({error}); write what follows the colon in user IDs, like \"example.com\"")
    })
}

fn pattern(text: &str) -> Result<String, String> {
    if !text.starts_with(['@', '*', '?', '[', '{']) {
        return Err(format!(
            "the pattern `{text}` matches no user ID, since those begin with `@`; write it like \"@bridge_*:example.com\""
        ));
    }
    Patterns::new([text.to_owned()]).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}
