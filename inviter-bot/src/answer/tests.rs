use inviter_operations::render::style::{ADD, HEADLINE, QUIET};

use super::*;

fn html(told: &Told) -> &str {
    told.messages[0].html.as_deref().unwrap()
}

#[test]
fn a_line_or_two_is_a_paragraph() {
    let told = Told::text(&format!("{HEADLINE}sync: no changes{HEADLINE:#}\n"));
    assert_eq!(told.messages[0].plain, "sync: no changes");
    assert_eq!(html(&told), "sync: no changes");
    let told = Told::sentence("run `inviter release <b>` & go\non");
    assert_eq!(told.messages[0].plain, "run `!inviter release <b>` & go\non");
    assert_eq!(
        html(&told),
        "run <code>!inviter release &lt;b&gt;</code> &amp; go<br>on"
    );
}

#[test]
fn styles_become_markup_and_nothing_else_does() {
    let text =
        format!("{HEADLINE}<b>x</b>{HEADLINE:#}\n  {ADD}+{ADD:#} a & b  {QUIET}\"why\"{QUIET:#}\nlast\n");
    let told = Told::text(&text);
    assert_eq!(told.messages[0].plain, "<b>x</b>\n  + a & b  \"why\"\nlast");
    assert_eq!(
        html(&told),
        "<pre><code><strong>&lt;b&gt;x&lt;/b&gt;</strong>\n  <font color=\"#20883a\" data-mx-color=\"#20883a\">+</font> a \
         &amp; b  <font color=\"#808080\" data-mx-color=\"#808080\">&quot;why&quot;</font>\nlast</code></pre>"
    );
    assert_eq!(told.file, None);
}

#[test]
fn a_long_text_is_shortened_and_attached() {
    use std::fmt::Write as _;
    let mut text = String::new();
    for number in 0..500 {
        writeln!(text, "{ADD}+{ADD:#} line {number}, run inviter sync").unwrap();
    }
    text.push_str("plan: 500 to invite\n");
    let told = Told::with_urgent(&text, "! held: too many\n");
    let shown = &told.messages[0].plain;
    assert_eq!(told.messages.len(), 1);
    assert!(
        shown.starts_with("plan: 500 to invite\n\n! held: too many\n\n+ line 0"),
        "{shown}"
    );
    assert!(
        shown.ends_with("… 475 more lines, and all of it in the file"),
        "{shown}"
    );
    let file = told.file.unwrap();
    assert_eq!(file.lines().count(), 501);
    assert!(file.starts_with("+ line 0, run !inviter sync\n"), "{file}");
}

#[test]
fn warnings_come_first_and_all_of_them() {
    let told = Told::sentence("sync: no changes").warning(&["one".to_owned(), "two".to_owned()]);
    assert_eq!(told.messages[0].plain, "one\ntwo");
    assert_eq!(told.messages[1].plain, "sync: no changes");
    // So many that they are several messages, and so many that they are a file.
    let warnings: Vec<String> = (0..50)
        .map(|number| format!("{number}: {}", "\"".repeat(230)))
        .collect();
    let told = Told::sentence("sync: no changes").warning(&warnings);
    let all: Vec<&str> = told.messages.iter().map(|message| &*message.plain).collect();
    assert!(all.len() > 2, "{}", all.len());
    assert!(all.concat().contains("49: ") && all.last() == Some(&"sync: no changes"));
    let warnings: Vec<String> = (0..500)
        .map(|number| format!("warning {number} of many"))
        .collect();
    let told = Told {
        messages: Vec::new(),
        file: Some("the answer\n".to_owned()),
    };
    let file = told.warning(&warnings).file.unwrap();
    assert!(
        file.contains("warning 499 of many\n") && file.ends_with("\nthe answer\n"),
        "{file}"
    );
}

mod any_text {
    use proptest::prelude::*;

    use super::{
        super::{parts, styled},
        *,
    };

    /// HTML without the tags that are our own.
    fn without_ours(html: &str) -> String {
        let mut rest = html.to_owned();
        for ours in [
            "<pre><code>",
            "</code></pre>",
            "<strong>",
            "</strong>",
            "</font>",
            "<br>",
            "<code>",
            "</code>",
        ] {
            rest = rest.replace(ours, "");
        }
        let font =
            regex::Regex::new(r##"<font color="#[0-9a-f]{6}" data-mx-color="#[0-9a-f]{6}">"##).unwrap();
        font.replace_all(&rest, "").into_owned()
    }

    fn is_fit(message: &Message) -> Result<(), TestCaseError> {
        let html = message.html.as_deref().unwrap();
        prop_assert!(!without_ours(html).contains(['<', '>', '"', '\'']), "{}", html);
        let harmful = |c: char| c != '\n' && is_harmful(c);
        prop_assert!(!message.plain.contains(harmful) && !html.contains(harmful));
        // As an edit, with everything that Matrix puts around it.
        let json = serde_json::json!({ "body": message.plain, "formatted_body": message.html });
        prop_assert!(
            json.to_string().len() * 2 + 2_000 < 65_536,
            "{}",
            json.to_string().len()
        );
        Ok(())
    }

    fn text() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "[a-z<>&\"'` \u{1b}\u{202e}é🦀]{0,80}",
            "[\u{0}\t\r\u{7f}-\u{9f}\u{ad}\u{61c}\u{200b}-\u{200f}\u{2028}-\u{202e}\u{2060}-\u{206f}\u{feff}\u{e0041}a]{0,20}",
            Just("\n".to_owned()),
            Just(format!("{HEADLINE}")),
            Just(format!("{HEADLINE:#}")),
            Just(format!("{ADD}<img>{ADD:#}")),
            "(<\"){1000,4000}",
        ];
        proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn never_makes_markup_or_too_much(text in text()) {
            let told = Told::text(&text);
            prop_assert!(!told.messages.is_empty());
            for message in &told.messages {
                is_fit(message)?;
            }
            for message in &Told::sentence(&text).messages {
                is_fit(message)?;
            }
        }

        #[test]
        fn nothing_is_lost_when_split(text in text()) {
            let lines = styled::lines(&text);
            let messages = parts::blocks(&lines);
            for message in &messages {
                is_fit(message)?;
            }
            let whole = plain(&lines).replace('\n', "");
            let split: String = messages.iter().map(|message| message.plain.replace('\n', "")).collect();
            prop_assert_eq!(split, whole);
        }
    }
}
