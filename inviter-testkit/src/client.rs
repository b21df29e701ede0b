//! A raw Matrix client: JSON in, JSON out.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use anyhow::{Context, Result, bail};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::{Value, json};

/// The characters RFC 3986 leaves alone everywhere.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// One for all: setting one up reads the machine's certificates, which takes longer than most requests.
///
/// It keeps no connections. A kept one would belong to the runtime of one test, and would be dead after a
/// restart of the homeserver.
pub(crate) static HTTP: LazyLock<reqwest::Client> = LazyLock::new(|| {
    let builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .pool_max_idle_per_host(0);
    builder.build().unwrap_or_default()
});

/// Percent-encodes one segment of a path: room ids, aliases and user ids need it.
pub fn enc(segment: &str) -> String {
    utf8_percent_encode(segment, KEPT).to_string()
}

/// The body of an answer that has to be a success; an error that names the request otherwise.
pub fn expect_ok(what: &str, (status, body): (u16, Value)) -> Result<Value> {
    if !(200..300).contains(&status) {
        bail!("{what} answered {status}: {body}");
    }
    Ok(body)
}

/// One account's view of a homeserver.
///
/// [`raw`](Self::raw), [`get`](Self::get), [`post`](Self::post), [`put`](Self::put) and
/// [`delete`](Self::delete) hand back whatever the server answered; the named methods are errors unless it
/// answered with success. Nothing is retried.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    user_id: String,
    token: String,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base)
            .field("user_id", &self.user_id)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client for an account of which the access token is known.
    pub fn new(base: impl Into<String>, user_id: impl Into<String>, token: impl Into<String>) -> Self {
        Self {
            http: HTTP.clone(),
            base: base.into().trim_end_matches('/').to_owned(),
            user_id: user_id.into(),
            token: token.into(),
        }
    }

    /// The same account at another address, such as that of a [`Proxy`](crate::Proxy).
    #[must_use]
    pub fn via(&self, base: impl Into<String>) -> Self {
        Self::new(base, &self.user_id, &self.token)
    }

    /// The address of the homeserver, without a slash at the end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The full user id.
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// The access token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Any request at all. `path` begins with a slash and may carry a query; an answer that is not JSON comes
    /// back as a string.
    pub async fn raw(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        token: Option<&str>,
    ) -> Result<(u16, Value)> {
        let what = || format!("{method} {}{path}", self.base);
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.base));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.with_context(what)?;
        let status = response.status().as_u16();
        let text = response.text().await.with_context(what)?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    async fn request(&self, method: Method, path: &str, body: Option<&Value>) -> Result<(u16, Value)> {
        self.raw(method, path, body, Some(&self.token)).await
    }

    /// GET with this account's token.
    pub async fn get(&self, path: &str) -> Result<(u16, Value)> {
        self.request(Method::GET, path, None).await
    }

    /// POST with this account's token.
    pub async fn post(&self, path: &str, body: Value) -> Result<(u16, Value)> {
        self.request(Method::POST, path, Some(&body)).await
    }

    /// PUT with this account's token.
    pub async fn put(&self, path: &str, body: Value) -> Result<(u16, Value)> {
        self.request(Method::PUT, path, Some(&body)).await
    }

    /// DELETE with this account's token.
    pub async fn delete(&self, path: &str) -> Result<(u16, Value)> {
        self.request(Method::DELETE, path, None).await
    }

    async fn get_ok(&self, path: &str) -> Result<Value> {
        expect_ok(&format!("GET {path}"), self.get(path).await?)
    }

    async fn post_ok(&self, path: &str, body: Value) -> Result<Value> {
        expect_ok(&format!("POST {path}"), self.post(path, body).await?)
    }

    async fn put_ok(&self, path: &str, body: Value) -> Result<Value> {
        expect_ok(&format!("PUT {path}"), self.put(path, body).await?)
    }

    // ---- rooms ----

    /// Creates a room and returns its id.
    pub async fn create_room(&self, body: Value) -> Result<String> {
        let answer = self.post_ok("/_matrix/client/v3/createRoom", body).await?;
        text(&answer, "room_id")
    }

    async fn membership(&self, verb: &str, room: &str, user: &str) -> Result<()> {
        let path = format!("/_matrix/client/v3/rooms/{}/{verb}", enc(room));
        self.post_ok(&path, json!({ "user_id": user })).await.map(drop)
    }

    /// Invites somebody.
    pub async fn invite(&self, room: &str, user: &str) -> Result<()> {
        self.membership("invite", room, user).await
    }

    /// Kicks somebody, or takes an invitation back.
    pub async fn kick(&self, room: &str, user: &str) -> Result<()> {
        self.membership("kick", room, user).await
    }

    /// Bans somebody.
    pub async fn ban(&self, room: &str, user: &str) -> Result<()> {
        self.membership("ban", room, user).await
    }

    /// Lifts a ban.
    pub async fn unban(&self, room: &str, user: &str) -> Result<()> {
        self.membership("unban", room, user).await
    }

    /// Joins a room by id or alias and returns its id.
    pub async fn join(&self, room: &str) -> Result<String> {
        let answer = self
            .post_ok(&format!("/_matrix/client/v3/join/{}", enc(room)), json!({}))
            .await?;
        text(&answer, "room_id")
    }

    /// Leaves a room, or rejects an invitation.
    pub async fn leave(&self, room: &str) -> Result<()> {
        self.post_ok(
            &format!("/_matrix/client/v3/rooms/{}/leave", enc(room)),
            json!({}),
        )
        .await
        .map(drop)
    }

    /// Knocks at a room by id or alias and returns its id.
    pub async fn knock(&self, room: &str) -> Result<String> {
        let answer = self
            .post_ok(&format!("/_matrix/client/v3/knock/{}", enc(room)), json!({}))
            .await?;
        text(&answer, "room_id")
    }

    /// Sends a state event and returns its id.
    pub async fn send_state(&self, room: &str, kind: &str, key: &str, content: Value) -> Result<String> {
        let answer = self.put_ok(&state_path(room, kind, key), content).await?;
        text(&answer, "event_id")
    }

    /// Sends a text message and returns its event id.
    pub async fn send_text(&self, room: &str, message: &str) -> Result<String> {
        let path = format!(
            "/_matrix/client/v3/rooms/{}/send/m.room.message/{}",
            enc(room),
            crate::unique("txn")
        );
        let answer = self
            .put_ok(&path, json!({ "msgtype": "m.text", "body": message }))
            .await?;
        text(&answer, "event_id")
    }

    /// The current state events of a room.
    pub async fn state(&self, room: &str) -> Result<Vec<Value>> {
        let answer = self
            .get_ok(&format!("/_matrix/client/v3/rooms/{}/state", enc(room)))
            .await?;
        serde_json::from_value(answer).context("the state of a room")
    }

    /// The content of one state event, if the room has it.
    pub async fn state_event(&self, room: &str, kind: &str, key: &str) -> Result<Option<Value>> {
        found(
            &format!("the state event {kind}"),
            self.get(&state_path(room, kind, key)).await?,
        )
    }

    /// Everybody the room has a membership event of: user id to `join`, `invite`, `leave`, `ban` or `knock`.
    pub async fn members(&self, room: &str) -> Result<BTreeMap<String, String>> {
        let answer = self
            .get_ok(&format!("/_matrix/client/v3/rooms/{}/members", enc(room)))
            .await?;
        memberships(list(&answer, "chunk")?)
    }

    /// The content of `m.room.power_levels`.
    pub async fn power_levels(&self, room: &str) -> Result<Value> {
        self.state_event(room, "m.room.power_levels", "")
            .await?
            .context("the room has no power levels")
    }

    /// The id of the room an alias points to, if it exists.
    pub async fn resolve_alias(&self, alias: &str) -> Result<Option<String>> {
        let answer = self
            .get(&format!("/_matrix/client/v3/directory/room/{}", enc(alias)))
            .await?;
        found(alias, answer)?
            .map(|body| text(&body, "room_id"))
            .transpose()
    }

    /// Points an alias at a room.
    pub async fn add_alias(&self, alias: &str, room: &str) -> Result<()> {
        let path = format!("/_matrix/client/v3/directory/room/{}", enc(alias));
        self.put_ok(&path, json!({ "room_id": room })).await.map(drop)
    }

    /// The local aliases of a room, sorted.
    pub async fn aliases(&self, room: &str) -> Result<Vec<String>> {
        let answer = self
            .get_ok(&format!("/_matrix/client/v3/rooms/{}/aliases", enc(room)))
            .await?;
        let mut aliases: Vec<String> =
            serde_json::from_value(answer["aliases"].clone()).context("aliases")?;
        aliases.sort();
        Ok(aliases)
    }

    /// `public` if the room is published in the server's directory, `private` otherwise.
    pub async fn directory_visibility(&self, room: &str) -> Result<String> {
        let answer = self
            .get_ok(&format!("/_matrix/client/v3/directory/list/room/{}", enc(room)))
            .await?;
        text(&answer, "visibility")
    }

    // ---- Synapse's admin API; the account has to be a server admin ----

    /// All local accounts as the admin API lists them, deactivated ones included.
    pub async fn admin_users(&self) -> Result<Vec<Value>> {
        let mut users = Vec::new();
        let mut from = "0".to_owned();
        loop {
            let path = format!("/_synapse/admin/v2/users?limit=500&deactivated=true&from={from}");
            let page = self.get_ok(&path).await?;
            users.extend(list(&page, "users")?.iter().cloned());
            match &page["next_token"] {
                Value::String(token) => token.clone_into(&mut from),
                Value::Number(token) => from = token.to_string(),
                _ => return Ok(users),
            }
        }
    }

    /// All rooms as the admin API lists them. Synapse counts them in the background: a room made within the
    /// last second may be missing.
    pub async fn admin_rooms(&self) -> Result<Vec<Value>> {
        let mut rooms = Vec::new();
        let mut from = 0;
        loop {
            let page = self
                .get_ok(&format!("/_synapse/admin/v1/rooms?limit=500&from={from}"))
                .await?;
            rooms.extend(list(&page, "rooms")?.iter().cloned());
            match page["next_batch"].as_u64() {
                Some(next) => from = next,
                None => return Ok(rooms),
            }
        }
    }

    /// The current state events of any room.
    pub async fn admin_room_state(&self, room: &str) -> Result<Vec<Value>> {
        let answer = self
            .get_ok(&format!("/_synapse/admin/v1/rooms/{}/state", enc(room)))
            .await?;
        Ok(list(&answer, "state")?.to_vec())
    }

    /// [`members`](Self::members) of any room.
    pub async fn admin_members(&self, room: &str) -> Result<BTreeMap<String, String>> {
        let state = self.admin_room_state(room).await?;
        memberships(state.iter().filter(|event| event["type"] == "m.room.member"))
    }

    /// The rooms a local account has a membership in, current or past: room id to membership.
    pub async fn admin_memberships(&self, user: &str) -> Result<BTreeMap<String, String>> {
        let answer = self
            .get_ok(&format!("/_synapse/admin/v1/users/{}/memberships", enc(user)))
            .await?;
        serde_json::from_value(answer["memberships"].clone()).context("memberships")
    }

    /// Deactivates an account, without erasing it.
    pub async fn deactivate(&self, user: &str) -> Result<()> {
        let path = format!("/_synapse/admin/v1/deactivate/{}", enc(user));
        self.post_ok(&path, json!({ "erase": false })).await.map(drop)
    }

    /// Takes an account out of all rate limits.
    pub async fn override_ratelimit(&self, user: &str) -> Result<()> {
        let path = format!("/_synapse/admin/v1/users/{}/override_ratelimit", enc(user));
        self.post_ok(&path, json!({ "messages_per_second": 0, "burst_count": 0 }))
            .await
            .map(drop)
    }

    /// Makes a local account join; this admin has to be in the room with the right to invite.
    pub async fn force_join(&self, room: &str, user: &str) -> Result<()> {
        let path = format!("/_synapse/admin/v1/join/{}", enc(room));
        self.post_ok(&path, json!({ "user_id": user })).await.map(drop)
    }
}

fn state_path(room: &str, kind: &str, key: &str) -> String {
    format!(
        "/_matrix/client/v3/rooms/{}/state/{}/{}",
        enc(room),
        enc(kind),
        enc(key)
    )
}

fn text(answer: &Value, field: &str) -> Result<String> {
    let value = answer[field]
        .as_str()
        .with_context(|| format!("no {field} in {answer}"))?;
    Ok(value.to_owned())
}

fn list<'a>(answer: &'a Value, field: &str) -> Result<&'a [Value]> {
    let values = answer[field]
        .as_array()
        .with_context(|| format!("no {field} in {answer}"))?;
    Ok(values)
}

/// Nothing for 404, an error for any other failure.
fn found(what: &str, (status, body): (u16, Value)) -> Result<Option<Value>> {
    if status == 404 {
        Ok(None)
    } else {
        expect_ok(what, (status, body)).map(Some)
    }
}

fn memberships<'a>(events: impl IntoIterator<Item = &'a Value>) -> Result<BTreeMap<String, String>> {
    events
        .into_iter()
        .map(|event| Ok((text(event, "state_key")?, text(&event["content"], "membership")?)))
        .collect()
}
