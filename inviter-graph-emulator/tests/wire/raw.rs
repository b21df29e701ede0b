//! A client that says what a test wants to say, and reads what comes back.

use std::time::Duration;

use inviter_graph_emulator::Emulator;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

pub(crate) struct Raw {
    pub(crate) http: reqwest::Client,
    base: String,
    token: String,
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Reply {
    async fn read(response: reqwest::Response) -> Self {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = response.json().await.unwrap_or(Value::Null);
        Self {
            status,
            headers,
            body,
        }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    pub(crate) fn value(&self) -> &[Value] {
        self.body["value"].as_array().unwrap()
    }

    pub(crate) fn link(&self, name: &str) -> Option<String> {
        Some(self.body.get(format!("@odata.{name}"))?.as_str()?.to_owned())
    }

    pub(crate) fn ids(&self) -> Vec<&str> {
        self.value()
            .iter()
            .map(|item| item["id"].as_str().unwrap())
            .collect()
    }
}

impl Raw {
    pub(crate) async fn new(emulator: &Emulator) -> Self {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        let secret = emulator.client_secret();
        let form = [("client_secret", secret.as_str())];
        let reply = ask_token(&http, emulator, &form).await;
        let token = reply.body["access_token"].as_str().unwrap().to_owned();
        Self {
            http,
            base: emulator.graph_url().to_owned(),
            token,
        }
    }

    /// Asks for a path below the base, or for a whole address.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.get_with(path, &[]).await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.try_get(path, headers).await.unwrap()
    }

    pub(crate) async fn try_get(&self, path: &str, headers: &[(&str, &str)]) -> reqwest::Result<Reply> {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.base)
        };
        let mut request = self.http.get(url).bearer_auth(&self.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Ok(Reply::read(request.send().await?).await)
    }

    pub(crate) async fn batch(&self, requests: Value) -> Reply {
        let url = format!("{}/$batch", self.base);
        let body = json!({ "requests": requests }).to_string();
        let request = self.http.post(url).bearer_auth(&self.token);
        let request = request.header("content-type", "application/json").body(body);
        Reply::read(request.send().await.unwrap()).await
    }

    /// All pages from here on, and the delta link at their end.
    pub(crate) async fn all(&self, path: &str) -> (Vec<Value>, Option<String>) {
        let mut items = Vec::new();
        let mut next = path.to_owned();
        loop {
            let reply = self.get(&next).await;
            assert_eq!(reply.status, 200, "{}", reply.body);
            items.extend(reply.value().iter().cloned());
            match reply.link("nextLink") {
                Some(link) => next = link,
                None => return (items, reply.link("deltaLink")),
            }
        }
    }
}

/// Asks the token endpoint with these fields and the usual ones.
pub(crate) async fn ask_token(http: &reqwest::Client, emulator: &Emulator, fields: &[(&str, &str)]) -> Reply {
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_id", emulator.client_id()),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    form.retain(|(name, _)| !fields.iter().any(|(other, _)| other == name));
    form.extend(fields);
    let body: Vec<String> = form
        .iter()
        .map(|(name, value)| format!("{name}={}", encoded(value)))
        .collect();
    let url = format!(
        "{}/{}/oauth2/v2.0/token",
        emulator.authority(),
        emulator.tenant_id()
    );
    let request = http
        .post(url)
        .header("content-type", "application/x-www-form-urlencoded");
    Reply::read(request.body(body.join("&")).send().await.unwrap()).await
}

pub(crate) fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
