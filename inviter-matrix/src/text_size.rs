//! How long a name, a topic or a reason may be: an event has at most 64 KiB (client-server API, "Size limits"), and
//! what does not fit would be refused by the homeserver in words that name neither the text nor the remedy.

use inviter_core::backend::{BackendError, BackendErrorKind};

/// Bytes of a text in an event. In canonical JSON each may become six, which leaves room for the rest of the event.
const MAX_TEXT: usize = 8_000;

/// A reason, cut where it does not fit: no removal fails for what is said about it.
pub(crate) fn reason(text: Option<&str>) -> Option<String> {
    let text = text?;
    let end = text.char_indices().find(|(at, c)| at + c.len_utf8() > MAX_TEXT);
    Some(match end {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    })
}

/// Refuses a name or topic that fits in no event.
pub(crate) fn check(about: &str, what: &str, text: &str) -> Result<(), BackendError> {
    if text.len() <= MAX_TEXT {
        return Ok(());
    }
    Err(BackendError::new(
        BackendErrorKind::Refused,
        about,
        format!(
            "the {what} has {} bytes, and {MAX_TEXT} fit in an event; shorten it in the configuration",
            text.len()
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_cut_between_characters() {
        assert_eq!(reason(None), None);
        assert_eq!(reason(Some("because")).as_deref(), Some("because"));
        let cut = reason(Some(&format!("a{}", "🦀".repeat(1 << 18)))).unwrap();
        assert!(
            cut.len() <= MAX_TEXT + "…".len() && cut.ends_with("🦀…"),
            "{}",
            cut.len()
        );
        let worst = serde_json::to_string(&reason(Some(&"\u{1}".repeat(1 << 20)))).unwrap();
        assert!(worst.len() < 60_000, "{}", worst.len());
    }

    #[test]
    fn a_name_is_refused() {
        check("#a:x", "name", &"x".repeat(MAX_TEXT)).unwrap();
        assert_eq!(
            check("#a:x", "name", &"x".repeat(1 << 20))
                .unwrap_err()
                .to_string(),
            "#a:x: the name has 1048576 bytes, and 8000 fit in an event; shorten it in the configuration"
        );
    }
}
