//! Characters that must not get from a directory or a homeserver to where people read.

/// Control characters; marks that change the direction of text, join or hide it; line separators; tags.
///
/// Line breaks are among them: whoever writes several lines breaks them apart first.
pub fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_hides_or_turns_is_harmful_and_letters_are_not() {
        let harmful = "\0\n\r\t\u{1b}\u{7f}\u{9b}\u{ad}\u{61c}\u{200b}\u{200e}\u{2028}\u{202e}\u{2066}\u{feff}\u{e0041}";
        for c in harmful.chars() {
            assert!(is_harmful(c), "{c:?}");
        }
        for c in "aZ é日🦀<&\"'`*@#!=".chars() {
            assert!(!is_harmful(c), "{c:?}");
        }
    }
}
