//! Arguments that several operations take, and how single values are read.

use clap::Args;
use inviter::core::{
    OwnedRoomId, OwnedUserId,
    decode::parse_alias,
    guard::ReleaseCode,
    patterns::Patterns,
    reconcile::RunOptions,
    room::RoomRef,
    room_template::Argument,
    scope::{self, Scope},
};

/// For people; the brackets would be links in documentation.
const ARGUMENT_HELP: &str = "Only the rooms that this makes of the [[room]] entries with <1>; several values with \
    commas for <1>, <2> and so on; may be given several times";

/// Which part of everything is meant, and what was let go.
#[derive(Debug, Clone, Default, Args)]
pub struct Selection {
    /// Which part.
    #[command(flatten)]
    pub part: Part,
    /// Let go what is held under this code, which the plan shows; may be given several times
    #[arg(long, value_name = "CODE")]
    pub release: Vec<String>,
}

impl Selection {
    /// The options of a person's own run.
    pub fn options(&self) -> RunOptions {
        let mut options = self.part.options();
        options.releases = self.release.iter().map(ReleaseCode::new).collect();
        options
    }
}

/// Which part of everything is meant. Patterns narrow the scope of the configuration, and never widen it.
#[derive(Debug, Clone, Default, Args)]
pub struct Part {
    /// Only this room, by alias or ID; may be given several times
    #[arg(long, value_name = "ROOM", value_parser = room_ref)]
    pub room: Vec<RoomRef>,
    /// Only the rooms that these make of the listed ones with placeholders.
    #[arg(long, value_name = "VALUE", value_parser = Argument::parse, help = ARGUMENT_HELP)]
    pub argument: Vec<Argument>,
    /// Only rooms whose alias or ID matches this pattern (* and ?); may be given several times
    #[arg(long, value_name = "PATTERN", value_parser = pattern)]
    pub include_room: Vec<String>,
    /// No room whose alias or ID matches this pattern; may be given several times
    #[arg(long, value_name = "PATTERN", value_parser = pattern)]
    pub exclude_room: Vec<String>,
    /// Only rooms of groups whose name or key matches this pattern; may be given several times
    #[arg(long, value_name = "PATTERN", value_parser = pattern)]
    pub include_group: Vec<String>,
    /// No room of groups whose name or key matches this pattern; may be given several times
    #[arg(long, value_name = "PATTERN", value_parser = pattern)]
    pub exclude_group: Vec<String>,
}

impl Part {
    /// The options of a person's own run.
    pub fn options(&self) -> RunOptions {
        let mut options = RunOptions::by_person();
        options.rooms = self.room.iter().cloned().collect();
        options.arguments = self.argument.iter().cloned().collect();
        options.scope = Scope {
            rooms: selection(&self.include_room, &self.exclude_room),
            groups: selection(&self.include_group, &self.exclude_group),
        };
        options
    }
}

/// Both lists were checked one by one.
fn selection(include: &[String], exclude: &[String]) -> scope::Selection {
    let compiled = |texts: &[String]| Patterns::new(texts.iter().cloned()).unwrap_or_default();
    scope::Selection::new(compiled(include), compiled(exclude))
}

/// Checks a pattern.
///
/// # Errors
/// What is wrong with it, as the end of a sentence.
pub fn pattern(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("it is empty; write a name with * and ? for what may differ".to_owned());
    }
    let compiled = Patterns::new([text.to_owned()]);
    compiled.map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

/// Reads an alias, whose server may be in capitals, or a room ID.
///
/// # Errors
/// What is wrong with it, as the end of a sentence.
pub fn room_ref(text: &str) -> Result<RoomRef, String> {
    let room = if text.starts_with('!') {
        let id = OwnedRoomId::try_from(text);
        id.map(RoomRef::Id)
            .map_err(|error| format!("is not a room ID: {error}"))
    } else {
        parse_alias(text).map(RoomRef::Alias)
    };
    room.map_err(|why| {
        format!("it {why}; write an alias like '#room:example.com' or a room ID like '!abc:example.com'")
    })
}

/// Reads a whole user ID.
///
/// # Errors
/// What is wrong with it, as the end of a sentence.
pub fn user_id(text: &str) -> Result<OwnedUserId, String> {
    OwnedUserId::try_from(text).map_err(|error| format!("{error}; write a user ID like '@user:example.com'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_by_alias_or_id() {
        assert!(matches!(room_ref("#a:b"), Ok(RoomRef::Alias(_))));
        assert!(matches!(room_ref("!a:b"), Ok(RoomRef::Id(_))));
        for (wrong, why) in [("a", "it is not a room alias"), ("#:b", "it has nothing")] {
            let error = room_ref(wrong).unwrap_err();
            assert!(
                error.starts_with(why) && error.contains("'#room:example.com'"),
                "{error}"
            );
        }
    }

    /// Directories and the configuration are read so, and another spelling would name no room.
    #[test]
    fn the_server_of_an_alias_is_in_lower_case() {
        assert_eq!(room_ref("#Staff:Example.COM"), room_ref("#Staff:example.com"));
        assert_ne!(room_ref("#Staff:example.com"), room_ref("#staff:example.com"));
    }

    #[test]
    fn users_by_their_whole_id() {
        assert!(user_id("@a:b").is_ok());
        for text in ["a", "@a", "#a:b", "@a:"] {
            let error = user_id(text).unwrap_err();
            assert!(error.contains("'@user:example.com'"), "{error}");
        }
    }
}
