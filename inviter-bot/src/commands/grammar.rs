//! From a message to a command.

use clap::{
    ColorChoice, CommandFactory as _, FromArgMatches as _, Parser,
    error::{ContextKind, ContextValue, ErrorKind},
};
use inviter_operations::spelling::IN_ROOM;

use super::Command;
use crate::answer::Told;

/// What a message to the bot begins with.
pub(crate) const NAME: &str = "!inviter";
/// Commands that there are on the command line only.
const ELSEWHERE: [&str; 3] = ["completions", "config", "man"];
/// For help, which clients show in a column of their own width.
const WIDTH: usize = 90;

#[derive(Debug, Parser)]
#[command(
    name = "!inviter",
    bin_name = "!inviter",
    no_binary_name = true,
    disable_help_subcommand = true,
    disable_version_flag = true,
    color = ColorChoice::Never,
    term_width = WIDTH,
    about = "Makes the membership of Matrix rooms follow the groups of a directory.",
    after_help = "`!inviter help COMMAND` tells how one is used."
)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

/// What a message asks for.
#[derive(Debug)]
pub(crate) enum Understood {
    /// Something to be done.
    Command(Box<Command>),
    /// Something to be told, help or what is wrong.
    Told(Told),
}

/// Whether a message begins with the bot's name, wherever it stands.
pub(crate) fn is_addressed(body: &str) -> bool {
    after_name(body.trim()).is_some()
}

/// Reads a message of the administration room; `None` if it is not for the bot. With `plain`, `!sync` is a command, too.
pub(crate) fn understand(body: &str, plain: bool) -> Option<Understood> {
    let body = body.trim();
    let (addressed, rest) = match after_name(body) {
        Some(rest) => (true, rest),
        None => (false, body.strip_prefix('!').filter(|_| plain)?),
    };
    let name = rest.split_whitespace().next().unwrap_or_default();
    if !addressed {
        // Another bot's, or no command at all.
        let own = rest.starts_with(name) && IN_ROOM.contains(&name);
        if !own {
            return None;
        }
    }
    Some(match words(rest) {
        Some(words) => parse(&words),
        None => Understood::Told(Told::sentence(
            "a quotation mark is not closed, so nothing was done; words with spaces stand between two \" or two '",
        )),
    })
}

/// What follows the bot's name.
fn after_name(body: &str) -> Option<&str> {
    let (name, rest) = body.split_at_checked(NAME.len())?;
    let is_name = name.eq_ignore_ascii_case(NAME);
    (is_name && rest.chars().next().is_none_or(char::is_whitespace)).then_some(rest.trim_start())
}

/// Splits as a shell does; `None` if a quotation is not closed.
fn words(text: &str) -> Option<Vec<String>> {
    // A shell takes what follows `#` for a comment, and here it is a room.
    const SHARP: &str = "\u{fdd0}";
    let text = typewritten(text).replace('#', SHARP);
    let words = shlex::split(&text)?;
    Some(words.into_iter().map(|word| word.replace(SHARP, "#")).collect())
}

/// Takes back what phones make of quotation marks and double hyphens.
fn typewritten(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut before = ' ';
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let begins = before.is_whitespace() || before == '=';
        let ends = characters.peek().is_none_or(|next| next.is_whitespace());
        match character {
            // An apostrophe within a name is one.
            '‘' | '’' | '‚' if begins || ends => plain.push('\''),
            '“' | '”' | '„' if begins || ends => plain.push('"'),
            '—' if begins => plain.push_str("--"),
            other => plain.push(other),
        }
        before = character;
    }
    plain
}

fn parse(words: &[String]) -> Understood {
    let asks_for_help = |word: &String| matches!(word.as_str(), "help" | "--help" | "-h");
    match words {
        [] => return Understood::Told(overview()),
        [first] if asks_for_help(first) => return Understood::Told(overview()),
        [first, command] if first == "help" && !asks_for_help(command) => {
            return Understood::Told(help(command));
        }
        [first, ..] if first == "help" => {
            return Understood::Told(Told::sentence(
                "`!inviter help COMMAND` takes one command, such as `sync`",
            ));
        }
        _ => {}
    }
    let parsed = Line::command()
        .try_get_matches_from(words)
        .and_then(|matches| Line::from_arg_matches(&matches));
    match parsed {
        Ok(line) => Understood::Command(Box::new(line.command)),
        Err(error) => Understood::Told(wrong(&error, words)),
    }
}

/// All commands.
fn overview() -> Told {
    Told::text(&Line::command().render_help().ansi().to_string())
}

/// How a command is used.
fn help(name: &str) -> Told {
    let mut line = Line::command();
    line.build();
    match line.find_subcommand_mut(name) {
        Some(command) => Told::text(&command.render_long_help().ansi().to_string()),
        None if IN_ROOM.contains(&name) => overview(),
        None => unknown(name, line_suggestion(name).as_deref()),
    }
}

/// The line that tells how a command is written.
fn usage(name: &str) -> Option<String> {
    let mut line = Line::command();
    line.build();
    let usage = line.find_subcommand_mut(name)?.render_usage();
    Some(usage.ansi().to_string().trim_end().to_owned())
}

/// What clap takes for the nearest.
fn line_suggestion(name: &str) -> Option<String> {
    let error = Line::command().try_get_matches_from([name]).err()?;
    suggestion(&error)
}

fn suggestion(error: &clap::Error) -> Option<String> {
    match error.get(ContextKind::SuggestedSubcommand)? {
        ContextValue::String(one) => Some(one.clone()),
        // The likeliest is the last.
        ContextValue::Strings(several) => several.last().cloned(),
        _ => None,
    }
}

fn unknown(name: &str, nearest: Option<&str>) -> Told {
    if ELSEWHERE.contains(&name) {
        return Told::sentence(&format!(
            "`{name}` there is on the command line only; `!inviter help` lists what there is here"
        ));
    }
    let name: String = name.chars().take(40).collect();
    let nearest = nearest.map_or_else(String::new, |nearest| {
        format!("; did you mean `!inviter {nearest}`?")
    });
    let and = if nearest.is_empty() { ";" } else { "" };
    Told::sentence(&format!(
        "there is no command `{name}`{nearest}{and} `!inviter help` lists all"
    ))
}

/// What is wrong, with how the command is used.
fn wrong(error: &clap::Error, words: &[String]) -> Told {
    let name = words.first().map_or("", String::as_str);
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Told::text(&error.render().ansi().to_string())
        }
        ErrorKind::InvalidSubcommand => unknown(name, suggestion(error).as_deref()),
        _ => {
            let text = error.render().ansi().to_string();
            let end = text.find("For more information").unwrap_or(text.len());
            let mut text = text[..end].trim_end().to_owned();
            // Of a value that is not understood clap does not tell it.
            if error.get(ContextKind::Usage).is_none()
                && let Some(usage) = usage(name)
            {
                text = format!("{text}\n\n{usage}");
            }
            Told::text(&format!(
                "{text}\n\nnothing was done; `!inviter help {name}` tells more\n"
            ))
        }
    }
}
