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

/// The plain text with everybody and every room by ID or alias, where a pill says which. A name is only replaced where
/// it stands as words of its own after the command, and as often as the formatted text has it before the pill it is
/// left: a person may be called like a command, or like a part of one. What is not found stays as it is.
pub(super) fn by_ids(body: String, html: &str) -> String {
    if !html.contains(ADDRESS) {
        return body;
    }
    // What is replied to is quoted before, and is not in the body.
    let html = html.split_once("</mx-reply>").map_or(html, |(_, own)| own);
    let (command, mut rest) = body.split_at(command(&body));
    let mut named = String::with_capacity(body.len());
    named.push_str(command);
    let mut links = html.split("<a ");
    let mut between = links.next().map(without_tags).unwrap_or_default();
    // The command is no place for a name.
    between.drain(..self::command(&between));
    for link in links {
        let (shown, then) = link.split_once("</a>").unwrap_or((link, ""));
        let then = without_tags(then);
        let Some((id, name)) = pill(link) else {
            between.push_str(&without_tags(shown.split_once('>').map_or("", |(_, text)| text)));
            between.push_str(&then);
            continue;
        };
        let before = whole(&between, &name).count();
        if let Some(at) = whole(rest, &name).nth(before) {
            named.push_str(&rest[..at]);
            named.push_str(&id);
            rest = &rest[at + name.len()..];
            between = then;
        } else {
            between.push_str(&then);
        }
    }
    named.push_str(rest);
    named
}

/// How long the first word is, if it is a command; with the space before it.
fn command(text: &str) -> usize {
    let begin = text.len() - text.trim_start().len();
    let word = &text[begin..];
    if word.starts_with('!') {
        begin + word.find(char::is_whitespace).unwrap_or(word.len())
    } else {
        0
    }
}

/// Where a name stands as words of its own, perhaps in quotation marks or as the value of an option.
fn whole<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = usize> + 'a {
    let quotes = |c: char| c.is_whitespace() || "\"'“”„‘’‚".contains(c);
    text.match_indices(name).map(|(at, _)| at).filter(move |at| {
        let before = text[..*at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        before.is_none_or(|c| quotes(c) || c == '=') && after.is_none_or(quotes)
    })
}

/// Formatted text as plain text.
fn without_tags(html: &str) -> String {
    let mut plain = String::with_capacity(html.len());
    for (index, part) in html.split('<').enumerate() {
        if index == 0 {
            plain.push_str(part);
        } else if let Some((_, after)) = part.split_once('>') {
            plain.push_str(after);
        }
    }
    text(&plain)
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
    fn a_name_is_replaced_where_it_stands_by_itself() {
        let (staff, k) = (link("#staff:example.com", "Staff"), link("@kay:x", "k"));
        for (body, html, read) in [
            (
                "!kick-member #Staff:x k",
                format!("!kick-member #Staff:x {k}"),
                "!kick-member #Staff:x @kay:x",
            ),
            (
                "!kick-member #Staff:x Staff",
                format!("!kick-member #Staff:x {}", link("@st:x", "Staff")),
                "!kick-member #Staff:x @st:x",
            ),
            (
                "!kick-member Staff k",
                format!("!kick-member {staff} {k}"),
                "!kick-member #staff:example.com @kay:x",
            ),
            (
                "!inviter sync sync",
                format!("!inviter sync {}", link("#sync:x", "sync")),
                "!inviter sync #sync:x",
            ),
            (
                "!plan !plan",
                format!("!plan {}", link("#p:x", "!plan")),
                "!plan #p:x",
            ),
            (
                "!unmanage \"Staff\" --admin=k",
                format!("<p>!unmanage &quot;{staff}&quot; --admin={k}</p>"),
                "!unmanage \"#staff:example.com\" --admin=@kay:x",
            ),
            (
                "!explain k Staff",
                format!("<mx-reply><blockquote>{k}</blockquote></mx-reply>!explain k {staff}"),
                "!explain k #staff:example.com",
            ),
            // Nowhere by itself.
            ("!explain kk #k:x", format!("!explain kk {k}"), "!explain kk #k:x"),
            ("!k", k.clone(), "!k"),
        ] {
            assert_eq!(by_ids(body.to_owned(), &html), read, "{html}");
        }
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
