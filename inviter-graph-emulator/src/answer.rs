//! Answers before they are sent, and errors in the forms of Graph and of the token endpoint.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::clock;
use crate::shown;

/// What Graph says its JSON is.
pub(crate) const GRAPH_JSON: &str =
    "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";

/// An answer, and how it goes out.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
    pub(crate) delivery: Delivery,
}

/// How an answer goes out.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "any of them may go together")]
pub(crate) struct Delivery {
    /// This passes first.
    pub(crate) delay: Duration,
    /// The connection ends instead.
    pub(crate) cut: bool,
    /// The connection ends after half of the body.
    pub(crate) cut_body: bool,
    /// Nothing is ever said.
    pub(crate) silence: bool,
    /// The body comes in small pieces with this time between them.
    pub(crate) trickle: Option<Duration>,
    /// The body is followed by so many blanks.
    pub(crate) blanks: usize,
    /// Left out of the answer to a batch.
    pub(crate) dropped: bool,
    /// Comes twice in the answer to a batch.
    pub(crate) doubled: bool,
    /// Comes under another id in the answer to a batch.
    pub(crate) renamed: bool,
}

impl Delivery {
    /// What befalls the answer to a batch because of one of its items.
    pub(crate) fn join(&mut self, item: &Self) {
        self.delay += item.delay;
        self.cut |= item.cut;
        self.cut_body |= item.cut_body;
        self.silence |= item.silence;
        self.trickle = self.trickle.or(item.trickle);
        self.blanks += item.blanks;
    }
}

impl Answer {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![("content-type", content_type.to_owned())],
            body: body.into(),
            delivery: Delivery::default(),
        }
    }

    pub(crate) fn json(status: u16, value: &Value) -> Self {
        Self::new(status, "application/json; charset=utf-8", value.to_string())
    }

    pub(crate) fn graph(body: Vec<u8>) -> Self {
        // What the request has cost; throttling goes by it.
        Self::new(200, GRAPH_JSON, body).with("x-ms-resource-unit", "1")
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// Who asks what: Graph answers with both ids.
#[derive(Debug, Clone)]
pub(crate) struct RequestIds {
    /// The server's name for the request.
    pub(crate) request: String,
    /// The client's, or the server's again.
    pub(crate) client: String,
}

/// An error of Graph's.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            headers: Vec::new(),
        }
    }

    /// A request that is not well formed.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "Request_BadRequest", message)
    }

    /// A query that the directory does not know how to answer.
    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self::new(400, "Request_UnsupportedQuery", message)
    }

    pub(crate) fn segment(segment: &str) -> Self {
        Self::new(
            400,
            "BadRequest",
            format!("Resource not found for the segment '{segment}'."),
        )
    }

    pub(crate) fn no_property(name: &str, of: &str) -> Self {
        let message = format!(
            "Parsing OData Select and Expand failed: Could not find a property named '{name}' on type \
             'microsoft.graph.{of}'."
        );
        Self::new(400, "BadRequest", message)
    }

    pub(crate) fn not_found(what: &str) -> Self {
        let message = format!(
            "Resource '{what}' does not exist or one of its queried reference-property objects are not present."
        );
        Self::new(404, "Request_ResourceNotFound", message)
    }

    pub(crate) fn denied() -> Self {
        let message = "Insufficient privileges to complete the operation.";
        Self::new(403, "Authorization_RequestDenied", message)
    }

    pub(crate) fn unauthenticated(message: &str) -> Self {
        let mut refusal = Self::new(401, "InvalidAuthenticationToken", message);
        let challenge = "Bearer realm=\"\", \
            authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", \
            client_id=\"00000003-0000-0000-c000-000000000000\"";
        refusal.headers.push(("www-authenticate", challenge.to_owned()));
        refusal
    }

    pub(crate) fn delta_expired() -> Self {
        Self::new(
            410,
            "syncStateNotFound",
            "The state of this round of changes is not known any more.",
        )
    }

    pub(crate) fn throttled(retry_after: Option<u64>) -> Self {
        let mut refusal = Self::new(429, "TooManyRequests", "Please retry again later.");
        if let Some(seconds) = retry_after {
            refusal.headers.push(("retry-after", seconds.to_string()));
        }
        refusal
    }

    /// The error that Graph has for a status.
    pub(crate) fn of_status(status: u16) -> Self {
        match status {
            401 => Self::unauthenticated("Access token validation failure."),
            403 => Self::denied(),
            404 => Self::not_found("unknown"),
            410 => Self::delta_expired(),
            429 => Self::throttled(None),
            500 => Self::new(500, "InternalServerError", "Something failed inside."),
            502 => Self::new(502, "BadGateway", "A server behind this one failed."),
            503 => Self::new(503, "ServiceUnavailable", "The service cannot answer now."),
            504 => Self::new(504, "GatewayTimeout", "A server behind this one did not answer."),
            400..500 => Self::new(status, "Request_BadRequest", "The request was refused."),
            _ => Self::new(status, "UnknownError", "The request failed."),
        }
    }

    pub(crate) fn answer(&self, ids: &RequestIds) -> Answer {
        let mut body = b"{".to_vec();
        shown::name(&mut body, "error");
        let mut error = json!({
            "code": self.code,
            "message": self.message,
            "innerError": {
                "date": clock::without_zone(),
                "request-id": ids.request,
                "client-request-id": ids.client,
            },
        });
        if self.status == 429 {
            let inner = &mut error["innerError"];
            inner["code"] = json!("429");
            inner["message"] = json!("Please retry after");
            inner["status"] = json!("429");
        }
        shown::json(&mut body, &error);
        body.push(b'}');
        let mut answer = Answer::new(self.status, "application/json", body);
        answer.headers.extend(self.headers.iter().cloned());
        answer
    }
}
