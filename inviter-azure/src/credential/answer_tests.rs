//! What is made of answers that no authority of the tests gives.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{Asked, Refusal, wait};
use crate::token::{TokenError, TokenErrorKind as Kind};

fn application() -> Asked {
    Asked::Authority {
        url: "https://login.example".to_owned(),
        tenant: "contoso".to_owned(),
        client_id: "app-1".to_owned(),
    }
}

fn explain(status: u16, body: &[u8], secrets: &[String]) -> TokenError {
    let refusal = Refusal {
        status: StatusCode::from_u16(status).unwrap(),
        retry_after: None,
        body,
        secrets,
    };
    refusal.explain(&application(), "https://login.example")
}

fn refused(status: u16, body: &Value) -> TokenError {
    explain(status, body.to_string().as_bytes(), &[])
}

fn aadsts(code: u32, text: &str) -> Value {
    json!({
        "error": "invalid_client",
        "error_description": format!("AADSTS{code}: {text}. Trace ID: 1 Correlation ID: 2 Timestamp: 3"),
        "error_codes": [code],
    })
}

#[test]
fn usual_codes_are_told_with_what_to_do() {
    for (code, words) in [
        (7_000_215, "the value, not the ID"),
        (
            7_000_222,
            "has expired; make a new one for the application `app-1`",
        ),
        (700_016, "knows no application `app-1` in the tenant `contoso`"),
        (7_000_112, "the application `app-1` is disabled"),
        (90_002, "knows no tenant `contoso`"),
        (700_027, "does not accept the certificate"),
        (700_024, "set this machine's clock right"),
        (700_213, "compare issuer, subject and audience"),
        (500_011, "belong to different clouds"),
    ] {
        let error = refused(401, &aadsts(code, "words of Microsoft's"));
        assert_eq!(error.kind, Kind::Denied, "{error}");
        let said = error.to_string();
        assert!(said.contains(words), "{said}");
        assert!(said.ends_with(&format!("(AADSTS{code})")), "{said}");
        assert!(!said.contains("Microsoft's"), "{said}");
    }
}

#[test]
fn other_codes_come_with_what_the_authority_says_on_one_line() {
    let error = refused(
        400,
        &aadsts(53_003, "Access was\r\n blocked\u{1b}[31m by\tpolicies"),
    );
    assert_eq!(
        error.to_string(),
        "https://login.example: refuses the credentials (AADSTS53003: Access was blocked [31m by policies)"
    );
    let long = refused(400, &aadsts(53_003, &"many words ".repeat(100)));
    assert!(long.to_string().chars().count() < 350, "{long}");
    let without_list = json!({"error": "x", "error_description": "AADSTS90014: no scope"});
    let error = refused(400, &without_list);
    assert_eq!(error.message, "refuses the credentials (AADSTS90014: no scope)");
    let without_code = refused(
        400,
        &json!({"error": "invalid_request", "error_description": "no"}),
    );
    assert_eq!(without_code.message, "refuses the credentials (no)");
}

#[test]
fn a_secret_that_is_repeated_is_not_shown() {
    let body = aadsts(53_003, "the secret p~4ss is not good").to_string();
    let error = explain(400, body.as_bytes(), &["p~4ss".to_owned()]);
    assert_eq!(error.message, "refuses the credentials (AADSTS53003)");
    let jwt = "a".repeat(61);
    let error = refused(400, &aadsts(53_003, &format!("got {jwt} instead")));
    assert_eq!(
        error.message,
        "refuses the credentials (AADSTS53003: got … instead)"
    );
}

#[test]
fn kinds_follow_the_status_first() {
    let busy = json!({"error": "temporarily_unavailable"});
    for (status, body, kind) in [
        (429, b"<html>".as_slice(), Kind::Unavailable),
        (500, b"<html>", Kind::Unavailable),
        (503, br#"{"error":"x"}"#, Kind::Unavailable),
        (408, b"", Kind::Unavailable),
        (400, busy.to_string().as_bytes(), Kind::Unavailable),
        (407, b"<html>", Kind::Misconfigured),
        (302, b"", Kind::Malformed),
        (404, b"<html>not here</html>", Kind::Malformed),
        (403, b"{}", Kind::Malformed),
        (403, br#"{"error":{"code":"Forbidden"}}"#, Kind::Malformed),
        (400, br#"{"message":"no"}"#, Kind::Malformed),
        (401, br#"{"error":"invalid_client"}"#, Kind::Denied),
    ] {
        let error = explain(status, body, &[]);
        assert_eq!(error.kind, kind, "{status}: {error}");
        assert!(!error.to_string().contains("html"), "{error}");
    }
}

#[test]
fn a_machine_without_the_identity_says_which() {
    let refusal = |body| Refusal {
        status: StatusCode::BAD_REQUEST,
        retry_after: None,
        body,
        secrets: &[],
    };
    let asked = Asked::Machine {
        client_id: Some("id-1".to_owned()),
    };
    let bodies: [&[u8]; 2] = [
        br#"{"error":"invalid_request","error_description":"Identity not found"}"#,
        br#"{"statusCode":400,"message":"Identity not found"}"#,
    ];
    for body in bodies {
        assert_eq!(
            refusal(body)
                .explain(&asked, "http://169.254.169.254/x")
                .to_string(),
            "http://169.254.169.254/x: this machine gives no token for the managed identity of the client ID `id-1`; \
             check it, and assign it to the machine (Identity not found)"
        );
    }
}

#[test]
fn waits_are_seconds_or_a_date() {
    assert_eq!(wait("7"), Some(Duration::from_secs(7)));
    assert_eq!(wait("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
    let far = wait("Fri, 01 Jan 2100 00:00:00 GMT").unwrap();
    assert!(far > Duration::from_secs(3600), "{far:?}");
    assert_eq!(wait("soon"), None);
}
