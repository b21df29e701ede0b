//! Pills: people and rooms that a client shows by their display names, while it sends their IDs in the formatted text
//! only (client-server API, "User and room mentions").

use ruma::{MatrixToUri, matrix_uri::MatrixId};

/// What begins the address of a pill.
const ADDRESS: &str = "https://matrix.to/#/";
const ENTITIES: [(&str, &str); 6] = [
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&quot;", "\""),
    ("&#39;", "'"),
    ("&#x27;", "'"),
    ("&amp;", "&"),
];

/// The plain text with everybody and every room by ID or alias, where a pill says which. What is not found in the
/// plain text stays as it is.
pub(super) fn by_ids(body: String, html: &str) -> String {
    if !html.contains(ADDRESS) {
        return body;
    }
    let mut named = String::with_capacity(body.len());
    let mut rest = &*body;
    for link in html.split("<a ").skip(1) {
        let Some((id, name)) = pill(link) else { continue };
        let Some((before, after)) = rest.split_once(&*name) else {
            continue;
        };
        named.push_str(before);
        named.push_str(&id);
        rest = after;
    }
    named.push_str(rest);
    named
}

/// Whom or what a link is about, and the name that it shows.
fn pill(link: &str) -> Option<(String, String)> {
    let (attributes, rest) = link.split_once('>')?;
    let address = attributes.split_once("href=\"")?.1.split_once('"')?.0;
    let name = text(rest.split_once("</a>")?.0);
    let id = match MatrixToUri::parse(&text(address)).ok()?.id() {
        MatrixId::User(id) => id.to_string(),
        MatrixId::RoomAlias(alias) => alias.to_string(),
        MatrixId::Room(id) => id.to_string(),
        _ => return None,
    };
    (!name.trim().is_empty()).then_some((id, name))
}

/// Characters for the entities that clients write.
fn text(html: &str) -> String {
    let mut text = html.to_owned();
    for (entity, character) in ENTITIES {
        text = text.replace(entity, character);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(id: &str, name: &str) -> String {
        format!("<a href=\"https://matrix.to/#/{id}\">{name}</a>")
    }

    #[test]
    fn people_and_rooms_are_named_by_what_they_are() {
        let html = format!(
            "!kick-member {} {}",
            link("#staff:example.com", "Staff &amp; friends"),
            link("%40ada%3Aexample.com", "Ada &lt;b&gt;")
        );
        assert_eq!(
            by_ids("!kick-member Staff & friends Ada <b>".to_owned(), &html),
            "!kick-member #staff:example.com @ada:example.com"
        );
        // Two people of one name, in their order.
        let html = format!("{} {}", link("@a:x", "Jo"), link("@b:x", "Jo"));
        assert_eq!(by_ids("Jo Jo Jo".to_owned(), &html), "@a:x @b:x Jo");
        let html = format!("!explain {}", link("@a:x", "@a:x"));
        assert_eq!(by_ids("!explain @a:x".to_owned(), &html), "!explain @a:x");
    }

    #[test]
    fn anything_else_stays() {
        for html in [
            "!sync".to_owned(),
            link("@a:x", ""),
            link("@a:x", "Eve"),
            link("nobody", "Jo"),
            link("@a:x/$event", "Eve"),
            "<a href=\"https://example.com\">Jo</a>".to_owned(),
            "<a href=\"https://matrix.to/#/@a:x\">Jo".to_owned(),
            "<a href=\"https://matrix.to/#/@a:x".to_owned(),
            "<a ".to_owned(),
        ] {
            assert_eq!(by_ids("Jo".to_owned(), &html), "Jo", "{html}");
        }
    }
}
