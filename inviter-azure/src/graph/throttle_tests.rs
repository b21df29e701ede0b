use http::HeaderValue;
use tokio::time::advance;

use super::*;
use crate::graph::scripted::Logged;

const SECOND: Duration = Duration::from_secs(1);

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| {
            (
                http::HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            )
        })
        .collect()
}

#[test]
fn waits_are_told_in_seconds_or_as_dates() {
    let told = |value: &str| retry_after(&headers(&[("retry-after", value)]));
    assert_eq!(told("120"), Some(Duration::from_secs(120)));
    assert_eq!(told(" 7 "), Some(Duration::from_secs(7)));
    assert_eq!(told("0"), Some(Duration::ZERO));
    assert_eq!(
        told("99999999999999999999999"),
        Some(Duration::from_secs(u32::MAX.into()))
    );
    for nothing in ["", "-1", "1.5", "soon", "+5"] {
        assert_eq!(told(nothing), None, "{nothing}");
    }
    assert_eq!(told("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
    let in_a_while = SystemTime::now() + Duration::from_secs(90);
    let told = told(&httpdate::fmt_http_date(in_a_while)).unwrap();
    assert!(told > 80 * SECOND && told <= 90 * SECOND, "{told:?}");
    assert_eq!(retry_after(&HeaderMap::new()), None);
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_everybodys_and_told_once() {
    let (logged, _guard) = Logged::begin();
    let throttle = Throttle::default();
    assert_eq!(throttle.pause(), None);
    let start = Instant::now();
    throttle.close("GET /users", 10 * SECOND, false);
    throttle.close("GET /groups", 5 * SECOND, true);
    let pause = throttle.pause().unwrap();
    // The longer one holds, and what is said of it.
    assert_eq!((pause.until, pause.hopeless), (start + 10 * SECOND, false));
    throttle.close("GET /users", 20 * SECOND, true);
    assert!(throttle.pause().unwrap().hopeless);
    assert_eq!(logged.count(" INFO "), 1, "{}", logged.text());
    assert_eq!(logged.count("GET /users"), 2);
    advance(20 * SECOND).await;
    assert_eq!(throttle.pause(), None);
    throttle.close("GET /users", SECOND, false);
    assert!(!throttle.pause().unwrap().hopeless);
    assert_eq!(logged.count(" INFO "), 2);
}

#[tokio::test(start_paused = true)]
async fn no_pause_is_forever() {
    let throttle = Throttle::default();
    throttle.close("GET /users", Duration::from_secs(u64::from(u32::MAX)), true);
    advance(LONGEST).await;
    assert_eq!(throttle.pause(), None);
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_comes_near_is_told_once_a_minute() {
    let (logged, _guard) = Logged::begin();
    let throttle = Throttle::default();
    let near = headers(&[
        ("x-ms-throttle-limit-percentage", "0.8"),
        ("x-ms-throttle-scope", "Tenant_Application/Read/1/2"),
    ]);
    throttle.note(&headers(&[("x-ms-throttle-limit-percentage", "0.79")]));
    throttle.note(&headers(&[("x-ms-throttle-limit-percentage", "much")]));
    throttle.note(&HeaderMap::new());
    assert_eq!(logged.count(" WARN "), 0);
    throttle.note(&near);
    throttle.note(&near);
    advance(59 * SECOND).await;
    throttle.note(&near);
    assert_eq!(logged.count(" WARN "), 1, "{}", logged.text());
    assert_eq!(logged.count("Tenant_Application/Read"), 1);
    advance(SECOND).await;
    throttle.note(&headers(&[("x-ms-throttle-limit-percentage", "1.8")]));
    assert_eq!(logged.count(" WARN "), 2);
}

#[test]
fn jitter_stays_below_its_most() {
    assert!((0..1000).all(|_| jitter(SECOND) < SECOND));
    assert!((0..1000).any(|_| jitter(SECOND) > SECOND / 2));
    assert_eq!(jitter(Duration::ZERO), Duration::ZERO);
}
