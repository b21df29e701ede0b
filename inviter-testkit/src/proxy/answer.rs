//! Answers to clients: a homeserver's, whole or broken, and made-up ones.

use std::time::Duration;

use anyhow::{Result, anyhow};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, stream};
use http_body_util::StreamBody;
use hyper::body::Frame;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

pub(super) type AnswerBody = StreamBody<BoxStream<'static, Result<Frame<Bytes>>>>;
pub(super) type Answer = Response<AnswerBody>;
pub(super) type Head = (StatusCode, HeaderMap);

pub(super) fn answer_head(response: &reqwest::Response) -> Head {
    let mut headers = response.headers().clone();
    remove_hop_by_hop(&mut headers);
    (response.status(), headers)
}

pub(super) fn with_head((status, headers): Head, body: BoxStream<'static, Result<Frame<Bytes>>>) -> Answer {
    let mut answer = Response::new(StreamBody::new(body));
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    answer
}

pub(super) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    for name in [
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::TE,
        header::TRAILER,
        header::UPGRADE,
    ] {
        headers.remove(name);
    }
    headers.remove("keep-alive");
}

pub(super) fn made_up(status: u16, headers: &[(String, String)], body: String) -> Result<Answer> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(
            HeaderName::try_from(name.as_str())?,
            HeaderValue::from_str(value)?,
        );
    }
    map.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    let body = stream::iter([Ok(Frame::data(Bytes::from(body)))]).boxed();
    Ok(with_head((StatusCode::from_u16(status)?, map), body))
}

pub(super) fn html_502() -> Result<Answer> {
    let body =
        "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>";
    made_up(
        502,
        &[("content-type".to_owned(), "text/html".to_owned())],
        body.to_owned(),
    )
}

/// Promises the whole body and ends the connection after half of it.
pub(super) async fn truncated(response: reqwest::Response) -> Result<Answer> {
    let mut head = answer_head(&response);
    let body = response.bytes().await?;
    head.1
        .insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    let half = body.slice(..body.len() / 2);
    let cut = async {
        // Time for hyper to send the half: an error at once would take it along.
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(anyhow!("truncated by a fault"))
    };
    let body = stream::iter([Ok(Frame::data(half))])
        .chain(stream::once(cut))
        .boxed();
    Ok(with_head(head, body))
}

/// A sound answer, of which the body is half of what it should be.
pub(super) async fn half(response: reqwest::Response) -> Result<Answer> {
    let mut head = answer_head(&response);
    let body = response.bytes().await?;
    let half = body.slice(..body.len() / 2);
    head.1
        .insert(header::CONTENT_LENGTH, HeaderValue::from(half.len()));
    Ok(with_head(head, stream::iter([Ok(Frame::data(half))]).boxed()))
}
