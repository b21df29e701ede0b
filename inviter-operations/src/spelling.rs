//! How commands are spelled in what people read.
//!
//! All texts, those of the core included, name commands as they are typed in a shell: `inviter plan`. In a room they
//! begin with an exclamation mark. Only the finished text is changed, so that nothing which makes text has to know who
//! reads it.

/// What begins a command in a shell.
const IN_SHELL: &str = "inviter ";

/// The commands that can be given in a room, too. Others, such as `inviter config`, are left as they are.
pub const IN_ROOM: [&str; 18] = [
    "adopt",
    "check",
    "explain",
    "help",
    "idp",
    "invite-admin",
    "invite-member",
    "joined",
    "kick-member",
    "managed",
    "pause",
    "plan",
    "release",
    "resume",
    "status",
    "sync",
    "unmanage",
    "version",
];

/// A text with its commands spelled as they are typed in a room: `!inviter plan`.
pub fn for_room(text: &str) -> String {
    let mut spelled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(IN_SHELL) {
        let (before, from) = rest.split_at(at);
        let (begin, after) = from.split_at(IN_SHELL.len());
        spelled.push_str(before);
        let is_word = !spelled.ends_with(|c: char| c.is_alphanumeric() || "!@#$&:/-_.".contains(c));
        let end = after.find(|c: char| !c.is_ascii_lowercase() && c != '-');
        let command = &after[..end.unwrap_or(after.len())];
        if is_word && IN_ROOM.contains(&command) {
            spelled.push('!');
        }
        spelled.push_str(begin);
        rest = after;
    }
    spelled.push_str(rest);
    spelled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_spelled_for_a_room() {
        for (shell, room) in [
            (
                "run `inviter adopt '#a:b'`, or `inviter sync --release 0a`",
                "run `!inviter adopt '#a:b'`, or `!inviter sync --release 0a`",
            ),
            ("here: inviter adopt '#a:b'", "here: !inviter adopt '#a:b'"),
            (
                "next: inviter plan --adopt; then inviter sync",
                "next: !inviter plan --adopt; then !inviter sync",
            ),
            ("inviter plan", "!inviter plan"),
            ("inviter invite-admin", "!inviter invite-admin"),
        ] {
            assert_eq!(for_room(shell), room);
            assert_eq!(for_room(room), room, "once");
        }
    }

    #[test]
    fn nothing_else_is() {
        for text in [
            "",
            "inviter ",
            "`inviter config --file` names it",
            "@inviter:example.com is in it",
            "account @inviter plan",
            "the inviter of the room",
            "inviter planned it",
            "the-inviter sync",
        ] {
            assert_eq!(for_room(text), text);
        }
    }
}
