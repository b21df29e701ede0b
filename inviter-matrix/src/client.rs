//! Sending: one request with its limits, retries, token and deadline.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc, time::Duration};

use http::{
    StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use inviter_core::{
    backend::{BackendError, BackendErrorKind as Kind},
    server::LimitKind,
};
use ruma::api::{
    IncomingResponseExt as _, OutgoingRequest, OutgoingRequestExt as _, SupportedVersions,
    auth_scheme::{AuthScheme, SendAccessToken},
    error::{Error as MatrixError, ErrorKind, FromHttpResponseError, IntoHttpError},
    path_builder::{PathBuilder, VersionHistory},
};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::{
    sync::{OwnedMutexGuard, Semaphore},
    time::{Instant, sleep},
};
use tracing::{debug, info};

use crate::{
    answer_size::AnswerSizes,
    config::{MatrixConfig, Timeouts, base_url, check_credentials},
    error::{self, Failure},
    jitter::jitter,
    limits::Limits,
    observer::Observer,
    session::{Session, Token},
    stream::{Object, check_object},
    transport::{Answer, Body, Build, Mode, http_client},
    work::{Class, Work},
};

/// How often something that is safe to repeat is tried.
const TRIES: u32 = 3;

/// Whether a request may be sent again although the first one may have been carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Yes: it reads, or doing it twice is doing it once.
    Freely,
    /// Only if it certainly has not reached the homeserver.
    Never,
}

/// What a request is about, for limits, retries and errors.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) about: String,
    pub(crate) work: Work,
    pub(crate) repeat: Repeat,
}

impl Call {
    pub(crate) fn read(about: impl Into<String>) -> Self {
        Self {
            about: about.into(),
            work: Work::of(Class::Read),
            repeat: Repeat::Freely,
        }
    }

    pub(crate) fn write(about: impl Into<String>, work: Work, repeat: Repeat) -> Self {
        Self {
            about: about.into(),
            work,
            repeat,
        }
    }
}

/// The connection to one homeserver with one account.
pub(crate) struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) base: String,
    pub(crate) timeouts: Timeouts,
    pub(crate) sizes: AnswerSizes,
    wait_ceiling: Duration,
    versions: SupportedVersions,
    pub(crate) session: Session,
    limits: Limits,
    permits: Semaphore,
    pub(crate) concurrency: usize,
    /// Writing requests to one room go one after another: the homeserver orders them anyway, and after a 429 the
    /// others must not run into the same wall.
    rooms: std::sync::Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    /// Held while sending what is limited for the whole account.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Deserialize)]
struct Versions {
    versions: Vec<String>,
    #[serde(default)]
    unstable_features: BTreeMap<String, bool>,
}

impl Client {
    /// Builds the HTTP client and asks the homeserver which versions it speaks.
    pub(crate) async fn connect(config: MatrixConfig) -> Result<Self, BackendError> {
        let base = base_url(&config)?;
        check_credentials(&config)?;
        let mut client = Self {
            http: http_client(&config, &base)?,
            session: Session::new(config.credentials, base.clone()),
            base,
            timeouts: config.timeouts,
            sizes: config.sizes,
            wait_ceiling: config.wait_ceiling,
            versions: SupportedVersions::from_parts(&[], &BTreeMap::new()),
            limits: Limits::new(config.wait_ceiling),
            permits: Semaphore::new(config.max_concurrency.max(1)),
            concurrency: config.max_concurrency.max(1),
            rooms: std::sync::Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            observer: config.observer,
        };
        client.versions = client.negotiate().await?;
        Ok(client)
    }

    async fn negotiate(&self) -> Result<SupportedVersions, BackendError> {
        let url = format!("{}/_matrix/client/versions", self.base);
        let build = |_: &str| {
            http::Request::get(&url)
                .body(Vec::new())
                .map_err(IntoHttpError::from)
        };
        let answer = self.run(&Call::read(&self.base), None, Mode::Whole, &build).await;
        let answer = answer.map_err(|failure| match failure.status {
            Some(StatusCode::NOT_FOUND) => BackendError::new(
                Kind::Malformed,
                &self.base,
                "is not a Matrix homeserver: it does not know /_matrix/client/versions (404); check the URL",
            ),
            _ => failure.error,
        })?;
        let versions: Versions = self.json(&self.base, answer)?;
        let supported = SupportedVersions::from_parts(&versions.versions, &versions.unstable_features);
        if supported.versions.is_empty() {
            return Err(BackendError::new(
                Kind::Malformed,
                &self.base,
                "speaks no version of Matrix that this program knows",
            ));
        }
        Ok(supported)
    }

    /// Sends a request with the account's token.
    pub(crate) async fn send<R>(&self, call: &Call, request: R) -> Result<R::IncomingResponse, Failure>
    where
        R: OutgoingRequest<EndpointError = MatrixError, PathBuilder = VersionHistory> + Clone + Send + Sync,
        for<'a> R::Authentication: AuthScheme<Input<'a> = SendAccessToken<'a>>,
    {
        let build = self.builder(request);
        let answer = self.authenticated(call, Mode::Whole, &build).await?;
        self.convert::<R>(call, answer)
    }

    /// Sends a request and hands back the answer before its body has been read.
    pub(crate) async fn open<R>(
        &self,
        call: &Call,
        request: R,
        patience: Duration,
    ) -> Result<reqwest::Response, Failure>
    where
        R: OutgoingRequest<EndpointError = MatrixError, PathBuilder = VersionHistory> + Clone + Send + Sync,
        for<'a> R::Authentication: AuthScheme<Input<'a> = SendAccessToken<'a>>,
    {
        let build = self.builder(request);
        match self.authenticated(call, Mode::Open(patience), &build).await?.body {
            Body::Open(response) => Ok(response),
            Body::Whole(body) => Err(error::malformed(&call.about, &self.base, &body, std::fmt::Error)),
        }
    }

    /// Sends a request that needs no token, such as the one that gets one.
    pub(crate) async fn send_anonymous<R>(
        &self,
        call: &Call,
        request: R,
    ) -> Result<R::IncomingResponse, Failure>
    where
        R: OutgoingRequest<EndpointError = MatrixError, PathBuilder = VersionHistory> + Clone + Send + Sync,
        for<'a> R::Authentication: AuthScheme<Input<'a> = SendAccessToken<'a>>,
    {
        let build = self.builder(request);
        let answer = self.run(call, None, Mode::Whole, &build).await?;
        self.convert::<R>(call, answer)
    }

    /// A GET outside of the client-server API. `path` is encoded already.
    pub(crate) async fn get_json<T: DeserializeOwned>(&self, call: &Call, path: &str) -> Result<T, Failure> {
        let url = format!("{}{path}", self.base);
        let build = |token: &str| {
            Ok(http::Request::get(&url)
                .header(AUTHORIZATION, format!("Bearer {token}"))
                .body(Vec::new())?)
        };
        let answer = self.authenticated(call, Mode::Whole, &build).await?;
        self.json(&call.about, answer)
    }

    /// A request with a body outside of the client-server API. `path` is encoded already.
    pub(crate) async fn send_json<T: DeserializeOwned>(
        &self,
        call: &Call,
        method: &http::Method,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<T, Failure> {
        let url = format!("{}{path}", self.base);
        let build = |token: &str| {
            Ok(http::Request::builder()
                .method(method)
                .uri(&url)
                .header(AUTHORIZATION, format!("Bearer {token}"))
                .header(CONTENT_TYPE, "application/json")
                .body(body.to_string().into_bytes())?)
        };
        let answer = self.authenticated(call, Mode::Whole, &build).await?;
        self.json(&call.about, answer)
    }

    /// The versions of Matrix that both sides speak, oldest first.
    pub(crate) fn spec_versions(&self) -> Vec<String> {
        let versions = self.versions.versions.iter();
        versions
            .filter_map(|version| Some(version.as_str()?.to_owned()))
            .collect()
    }

    /// The limits that were met since this was last asked, each with the longest wait that was asked for.
    pub(crate) fn limits_met(&self) -> BTreeMap<LimitKind, Duration> {
        self.limits.met()
    }

    fn builder<R>(
        &self,
        request: R,
    ) -> impl Fn(&str) -> Result<http::Request<Vec<u8>>, IntoHttpError> + Send + Sync
    where
        R: OutgoingRequest<PathBuilder = VersionHistory> + Clone + Send + Sync,
        for<'a> R::Authentication: AuthScheme<Input<'a> = SendAccessToken<'a>>,
        for<'a> VersionHistory: PathBuilder<Input<'a> = Cow<'a, SupportedVersions>>,
    {
        move |token| {
            request.clone().try_into_http_request(
                &self.base,
                SendAccessToken::IfRequired(token),
                Cow::Borrowed(&self.versions),
            )
        }
    }

    fn convert<R>(&self, call: &Call, answer: Answer) -> Result<R::IncomingResponse, Failure>
    where
        R: OutgoingRequest<EndpointError = MatrixError>,
    {
        let Body::Whole(body) = answer.body else {
            return Err(error::malformed(&call.about, &self.base, b"", std::fmt::Error));
        };
        // Every success of the client-server API is an object, but for a room's state, which is read as it comes.
        check_object(&body).map_err(|failed| error::malformed(&call.about, &self.base, &body, failed))?;
        let response = http::Response::from_parts(answer.parts, body.as_slice());
        R::IncomingResponse::try_from_http_response(response).map_err(|failed| match failed {
            FromHttpResponseError::Server(said) => error::answered(&call.about, &self.base, &said),
            other => error::malformed(&call.about, &self.base, &body, other),
        })
    }

    fn json<T: DeserializeOwned>(&self, about: &str, answer: Answer) -> Result<T, Failure> {
        let body = match answer.body {
            Body::Whole(body) => body,
            Body::Open(_) => Vec::new(),
        };
        serde_json::from_slice::<Object<T>>(&body)
            .map(|Object(value)| value)
            .map_err(|failed| error::malformed(about, &self.base, &body, failed))
    }

    /// Runs a request with the token in use, and once more with a new one if that is not accepted any more.
    async fn authenticated(&self, call: &Call, mode: Mode, build: Build<'_>) -> Result<Answer, Failure> {
        let token = self.token(None).await?;
        match self.run(call, Some(&token), mode, build).await {
            Err(failure)
                if matches!(failure.errcode(), Some(ErrorKind::UnknownToken(_))) && self.can_log_in() =>
            {
                let token = self.token(Some(token.generation)).await?;
                self.run(call, Some(&token), mode, build).await
            }
            other => other,
        }
    }

    /// Waits for limits, sends, and repeats what may be repeated.
    async fn run(
        &self,
        call: &Call,
        token: Option<&Token>,
        mode: Mode,
        build: Build<'_>,
    ) -> Result<Answer, Failure> {
        let mut tries = 0;
        let started = Instant::now();
        let mut waited = Duration::ZERO;
        loop {
            let pass = self.admit(call, waited).await?;
            tries += 1;
            let failure = match self.attempt(call, token, mode, build).await {
                Ok(answer) => {
                    self.limits.passed(&call.work);
                    return Ok(answer);
                }
                Err(failure) => failure,
            };
            if failure.status == Some(StatusCode::TOO_MANY_REQUESTS) {
                let pause = self.limits.refused(&call.work, failure.error.retry_after);
                waited += pause;
                if let (Some(observer), Some(kind)) = (&self.observer, call.work.class.kind()) {
                    observer.limited(kind, pause);
                }
                info!(about = %call.about, ?pause, "waiting for a rate limit of the homeserver");
                // The limits decide in `admit` whether that is too long.
                tries -= 1;
                continue;
            }
            drop(pass);
            let temporary = match failure.status {
                Some(status) => status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT,
                None => failure.error.kind == Kind::Unavailable && !is_certificate(&failure),
            };
            let repeatable = call.repeat == Repeat::Freely || !failure.may_have_happened;
            // Another try after a deadline of a minute is still one request to the caller.
            if !temporary || !repeatable || tries >= TRIES || started.elapsed() > 2 * self.timeouts.request {
                return Err(failure);
            }
            let pause = Duration::from_millis(300) * 2_u32.pow(tries);
            debug!(about = %call.about, tries, error = %failure.error, "trying again");
            sleep(pause + jitter(pause)).await;
        }
    }

    /// Comes back when no limiter is closed and there is room for one more request; an error if a wait is longer than
    /// the ceiling, or all that this request itself was told to wait, `waited`, is. Waiting for others does not count:
    /// the last of many waits long where the account's limiter lets through one at a time.
    async fn admit(&self, call: &Call, waited: Duration) -> Result<Pass<'_>, Failure> {
        loop {
            if let Some(pause) = self.limits.pause(&call.work) {
                if pause.rest > self.wait_ceiling || waited > self.wait_ceiling {
                    let mut error = BackendError::new(Kind::RateLimited, &call.about, pause.message());
                    error.retry_after = Some(pause.rest);
                    return Err(Failure::without_effect(error));
                }
                sleep(pause.rest).await;
                continue;
            }
            let room = match &call.work.room {
                Some(room) => Some(self.room_lock(room).lock_owned().await),
                None => None,
            };
            // A limiter that the whole account has met lets one request through at a time. To send all that wait for
            // it would be worse than useless: Synapse counts a refused invitation against its invitee too.
            let turn = if self.limits.is_tight(call.work.class) {
                Some(self.turn.lock().await)
            } else {
                None
            };
            let permit = match call.work.class {
                // It waits for the homeserver and keeps nothing busy: others must not wait for it.
                Class::Follow => None,
                _ => match self.permits.acquire().await {
                    Ok(permit) => Some(permit),
                    Err(_) => {
                        return Err(Failure::without_effect(BackendError::new(
                            Kind::Unavailable,
                            &call.about,
                            "the backend is shutting down",
                        )));
                    }
                },
            };
            // Somebody may have been refused while this waited for its turn.
            if self.limits.enter(&call.work) {
                return Ok(Pass {
                    _room: room,
                    _turn: turn,
                    _permit: permit,
                });
            }
        }
    }

    fn room_lock(&self, room: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut rooms = self
            .rooms
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if rooms.len() > 1000 {
            rooms.retain(|_, lock| Arc::strong_count(lock) > 1);
        }
        Arc::clone(rooms.entry(room.to_owned()).or_default())
    }
}

/// Leave to send one request.
struct Pass<'a> {
    _room: Option<OwnedMutexGuard<()>>,
    _turn: Option<tokio::sync::MutexGuard<'a, ()>>,
    _permit: Option<tokio::sync::SemaphorePermit<'a>>,
}

fn is_certificate(failure: &Failure) -> bool {
    failure
        .error
        .source
        .as_ref()
        .is_some_and(|source| error::is_certificate(source.as_ref()))
}
