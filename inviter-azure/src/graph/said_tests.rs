use http::HeaderValue;
use serde_json::json;

use super::*;

fn read(body: &str) -> Said {
    Said::read(&HeaderMap::new(), body.as_bytes(), &Hidden::default())
}

#[test]
fn an_error_is_read() {
    let said = read(
        r#"{"error":{"code":"Authorization_RequestDenied","message":"Insufficient privileges to complete the operation.",
        "innerError":{"date":"2024-01-01T00:00:00","request-id":"5b7a2f5e-aaaa","client-request-id":"x"}}}"#,
    );
    assert_eq!(said.code.as_deref(), Some("Authorization_RequestDenied"));
    assert_eq!(said.message, "Insufficient privileges to complete the operation");
    assert_eq!(said.request_id.as_deref(), Some("5b7a2f5e-aaaa"));
}

#[test]
fn what_is_no_error_of_graph_is_told_as_such() {
    for body in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"error":"invalid"}"#,
        r#"{"error":{"code":5}}"#,
        "\u{0}",
    ] {
        let said = read(body);
        assert_eq!(
            (said.code, said.message.as_str()),
            (None, "the answer is no error of Graph"),
            "{body}"
        );
    }
    assert_eq!(read(" <html>").message, "the answer is a web page");
    assert_eq!(read(r#"{"error":{"code":"a"}}"#).message, "no reason is given");
}

#[test]
fn the_request_is_known_by_a_header_as_well() {
    let mut headers = HeaderMap::new();
    headers.insert("request-id", HeaderValue::from_static("from-header"));
    let said = Said::read(&headers, b"", &Hidden::default());
    assert_eq!(said.request_id.as_deref(), Some("from-header"));
}

#[test]
fn codes_tell_that_a_link_is_too_old() {
    let expired =
        |code: &str| read(&json!({"error": {"code": code, "message": "x"}}).to_string()).is_expired();
    for code in [
        "syncStateNotFound",
        "SyncStateInvalid",
        "resyncRequired",
        "Directory_ExpiredPageToken",
    ] {
        assert!(expired(code), "{code}");
    }
    assert!(!expired("Request_BadRequest") && !expired(""));
    assert!(read(r#"{"error":{"code":"badRequest","innererror":{"code":"resyncRequired"}}}"#).is_expired());
}

#[test]
fn texts_are_harmless() {
    let none = Hidden::default();
    assert_eq!(cleaned("a\u{1b}[2J\r\n b\u{202e}c\u{200b}.", &none), "a [2J b c");
    let long = cleaned(&"ä".repeat(1000), &none);
    assert_eq!(long.chars().count(), MOST + 1);
    assert!(long.ends_with('…'));
    assert_eq!(identifier("a b\u{1b}[31m-ü_.9"), Some("ab31m-_.9".to_owned()));
    assert_eq!(identifier("\n"), None);
}

/// An answer may have 16 MiB, and is read in the time that its length takes.
#[test]
fn a_body_full_of_what_is_cut_is_read_at_once() {
    let hidden = Hidden::new(
        "eyJ0.secret",
        &Url::parse("https://g.example/?token=hush").unwrap(),
    );
    let started = std::time::Instant::now();
    for piece in [
        "Token= ",
        "token=&",
        "token=\"",
        "eyJ0.secret",
        "hush ",
        "\u{202e}",
        " ",
    ] {
        let text = format!("before {} after", piece.repeat((1 << 20) / piece.len()));
        let shown = cleaned(&text, &hidden);
        assert!(
            shown.starts_with("before") && shown.chars().count() <= MOST + 1,
            "{shown}"
        );
        assert!(!shown.contains("secret") && !shown.contains("hush"), "{shown}");
    }
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[test]
fn tokens_are_not_repeated() {
    let url = Url::parse("https://g.example/users?$skiptoken=r%27aw&%24deltatoken=second&token=i&$select=id")
        .unwrap();
    let hidden = Hidden::new("eyJ0.secret", &url);
    let shown = cleaned(
        "'r'aw' and r%27aw and second are wrong for eyJ0.secret, id",
        &hidden,
    );
    assert_eq!(shown, "'…' and … and … are wrong for …, id");
    let other = cleaned(
        "see \"https://g.example/users?$SkipToken=aaa&x=1\" or token=bbb or token=",
        &hidden,
    );
    assert_eq!(
        other,
        "see \"https://g.example/users?$SkipToken=…&x=1\" or token=… or token=…"
    );
    assert_eq!(format!("{hidden:?}"), "Hidden(5)");
}
