//! Times in the forms of the answers.

use jiff::Timestamp;

/// Such as `2024-03-01T08:00:00`, for Graph's inner errors.
pub(crate) fn without_zone() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// Such as `2024-03-01 08:00:00Z`, for errors of the token endpoint.
pub(crate) fn with_zone() -> String {
    Timestamp::now().strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// Such as `Fri, 01 Mar 2024 08:00:00 GMT`.
pub(crate) fn http() -> String {
    Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Seconds since 1970.
pub(crate) fn unix() -> i64 {
    Timestamp::now().as_second()
}

/// Seconds since 1970, and parts of them.
pub(crate) fn unix_with_parts() -> f64 {
    Timestamp::now().as_duration().as_secs_f64()
}
