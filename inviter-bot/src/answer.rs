//! From text with terminal styles to what a Matrix client shows: plain text, and HTML in which nothing is markup but
//! our own.

/// One or several lines as a paragraph: plain text and HTML. What stands between backticks is shown as code.
pub(crate) fn paragraph(text: &str) -> (String, String) {
    let mut html = String::new();
    for (index, part) in escape(text).split('`').enumerate() {
        if index % 2 == 1 {
            html.push_str("<code>");
            html.push_str(part);
            html.push_str("</code>");
        } else {
            html.push_str(&part.replace('\n', "<br>"));
        }
    }
    (text.to_owned(), html)
}

/// Text that means itself.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
