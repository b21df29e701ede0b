//! Does what the steps of an example say.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use reqwest::Client;
use serde_json::{Value, json};

use inviter_graph_emulator::{Emulator, Fault, Group, Id, Match, Options, Other, Tenant, Trouble, User};

use crate::reference::{Change, Got, Step};

/// An emulated tenant that a page's requests are sent to.
pub(crate) struct Replay {
    emulator: Emulator,
    http: Client,
    token: String,
    /// The ids that objects have, by those that the page's example says.
    ids: Arc<BTreeMap<String, Id>>,
    /// The links of the last answer that had them.
    links: BTreeMap<String, String>,
}

impl Replay {
    pub(crate) async fn start(objects: &[Value], granted: Option<&[String]>) -> Result<Self> {
        let mut tenant = Tenant::new();
        let ids = fill(&mut tenant, objects)?;
        let options = Options {
            deletion_leaves_groups: false,
            ..Options::default()
        };
        let emulator = Emulator::start_with(tenant, options).await?;
        if let Some(granted) = granted {
            let granted: Vec<&str> = granted.iter().map(String::as_str).collect();
            emulator.grant(&granted);
        }
        let http = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let mut replay = Self {
            emulator,
            http,
            token: String::new(),
            ids: Arc::new(ids),
            links: BTreeMap::new(),
        };
        let right = BTreeMap::from([
            ("grant_type".to_owned(), "client_credentials".to_owned()),
            ("client_id".to_owned(), "{client_id}".to_owned()),
            ("client_secret".to_owned(), "{client_secret}".to_owned()),
            (
                "scope".to_owned(),
                "https://graph.microsoft.com/.default".to_owned(),
            ),
        ]);
        let got = replay.token(&right).await?;
        let answer = got.json();
        let token = answer["access_token"].as_str().context("no token")?;
        token.clone_into(&mut replay.token);
        Ok(replay)
    }

    /// The address of the emulated Graph, with its version.
    pub(crate) fn base(&self) -> String {
        self.emulator
            .graph_url()
            .to_string()
            .trim_end_matches('/')
            .to_owned()
    }

    /// Does a step; answers what there is to judge.
    pub(crate) async fn step(&mut self, step: &Step) -> Result<Option<Got>> {
        for change in &step.change {
            self.change(change)?;
        }
        if let Some(seconds) = step.throttle {
            let path = step.path.as_deref().unwrap_or("/v1.0/");
            let throttle = Trouble::Throttle {
                retry_after: Some(seconds),
            };
            self.emulator
                .fault(Fault::once(Match::path(path).method("GET"), throttle));
        }
        if step.expire {
            self.emulator.expire_delta_links();
        }
        let got = if let Some(get) = &step.get {
            let url = match get.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                Some(name) => self.links.get(name).context("no such link")?.clone(),
                None => format!("{}{get}", self.base()),
            };
            Some(self.send(self.http.get(url), step).await?)
        } else if let Some(batch) = &step.batch {
            Some(self.batch(batch, step).await?)
        } else if let Some(count) = step.batch_of {
            let item = |id: usize| json!({"id": id.to_string(), "method": "GET", "url": "/users?$select=id"});
            let requests: Vec<Value> = (0..count).map(item).collect();
            Some(self.batch(&json!({"requests": requests}), step).await?)
        } else if let Some(token) = &step.token {
            Some(self.token(token).await?)
        } else {
            None
        };
        if let Some(got) = &got {
            let body = got.json();
            for name in ["nextLink", "deltaLink"] {
                if let Some(link) = body[format!("@odata.{name}")].as_str() {
                    self.links.insert(name.to_owned(), link.to_owned());
                }
            }
            if step.unread() && got.status != 200 {
                bail!("{}: {}", got.status, got.text);
            }
        }
        Ok(got.filter(|_| !step.unread()).map(|mut got| {
            // Ids of users and groups can be chosen; those of other objects are the page's from here on.
            for (name, id) in self.ids.iter() {
                got.text = got.text.replace(&id.to_string(), name);
            }
            got
        }))
    }

    async fn batch(&self, body: &Value, step: &Step) -> Result<Got> {
        let request = self.http.post(format!("{}/$batch", self.base())).json(body);
        self.send(request, step).await
    }

    async fn token(&self, form: &BTreeMap<String, String>) -> Result<Got> {
        let form = form.iter().map(|(name, value)| {
            let value = match value.as_str() {
                "{client_id}" => self.emulator.client_id().to_string(),
                "{client_secret}" => self.emulator.client_secret(),
                value => value.to_owned(),
            };
            format!("{name}={}", value.replace(':', "%3A").replace('/', "%2F"))
        });
        let body = form.collect::<Vec<_>>().join("&");
        let (authority, tenant) = (self.emulator.authority(), self.emulator.tenant_id());
        let url = format!("{authority}/{tenant}/oauth2/v2.0/token");
        let request = self
            .http
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded");
        read(request.body(body)).await
    }

    async fn send(&self, mut request: reqwest::RequestBuilder, step: &Step) -> Result<Got> {
        let own = step.headers.get("Authorization");
        if own.is_none() {
            request = request.bearer_auth(&self.token);
        }
        for (name, value) in step.headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(name, value);
        }
        read(request).await
    }

    fn change(&self, change: &Change) -> Result<()> {
        let id = |text: &str| {
            self.ids
                .get(text)
                .copied()
                .with_context(|| format!("no object {text}"))
        };
        let done = match change {
            Change::Set { set, to } => self.set(id(set)?, to)?,
            Change::Add { add, to_group } => {
                let (object, group) = (id(add)?, id(to_group)?);
                self.emulator.change(|tenant| tenant.add_member(group, object))
            }
            Change::Remove { remove, from } => {
                let (object, group) = (id(remove)?, id(from)?);
                self.emulator.change(|tenant| tenant.remove_member(group, object))
            }
            Change::Delete { delete } => {
                let object = id(delete)?;
                self.emulator.change(|tenant| tenant.delete(object))
            }
            Change::Restore { restore } => {
                let object = id(restore)?;
                self.emulator.change(|tenant| tenant.restore(object))
            }
            Change::Purge { purge } => {
                let object = id(purge)?;
                self.emulator.change(|tenant| tenant.purge(object))
            }
        };
        if !done {
            bail!("{change:?} did nothing");
        }
        Ok(())
    }

    fn set(&self, id: Id, to: &Value) -> Result<bool> {
        self.emulator.change(|tenant| {
            if let Some(user) = tenant.user(id) {
                let changed: User = changed(user, to)?;
                return Ok(tenant.set_user(id, |user| *user = changed));
            }
            let group = tenant.group(id).context("neither user nor group")?;
            let changed: Group = changed(group, to)?;
            Ok(tenant.set_group(id, |group| *group = changed))
        })
    }
}

fn changed<T: serde::Serialize + serde::de::DeserializeOwned>(object: &T, to: &Value) -> Result<T> {
    let mut all = serde_json::to_value(object)?;
    for (name, value) in to.as_object().into_iter().flatten() {
        all[name] = value.clone();
    }
    Ok(serde_json::from_value(all)?)
}

async fn read(request: reqwest::RequestBuilder) -> Result<Got> {
    let answer = request.send().await?;
    let headers = answer.headers().iter();
    let headers =
        headers.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()));
    Ok(Got {
        status: answer.status().as_u16(),
        headers: headers.collect(),
        text: answer.text().await?,
    })
}

/// Makes the objects of a page's example, and says which ids they have.
fn fill(tenant: &mut Tenant, objects: &[Value]) -> Result<BTreeMap<String, Id>> {
    let mut ids = BTreeMap::new();
    let mut relations = Vec::new();
    for object in objects {
        let mut object = object.clone();
        let fields = object.as_object_mut().context("not an object")?;
        let mut taken = |name: &str| fields.remove(name).unwrap_or_default();
        let name = taken("id").as_str().context("no id")?.to_owned();
        let kind = taken("@odata.type").as_str().context("no type")?.to_owned();
        relations.push((name.clone(), taken("members"), taken("owners")));
        let given: Id = name.parse()?;
        let id = match kind.as_str() {
            "#microsoft.graph.user" => tenant.add_user_as(given, serde_json::from_value::<User>(object)?),
            "#microsoft.graph.group" => tenant.add_group_as(given, serde_json::from_value::<Group>(object)?),
            kind => tenant.add_object(Other {
                kind: kind.trim_start_matches("#microsoft.graph.").to_owned(),
                display_name: object["displayName"].as_str().unwrap_or_default().to_owned(),
                properties: object
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect(),
            }),
        };
        ids.insert(name, id);
    }
    let known = |name: &Value| {
        name.as_str()
            .and_then(|name| ids.get(name))
            .copied()
            .context("an unknown member")
    };
    for (group, members, owners) in relations {
        let group = known(&json!(group))?;
        for member in members.as_array().into_iter().flatten() {
            tenant.add_member(group, known(member)?);
        }
        for owner in owners.as_array().into_iter().flatten() {
            tenant.add_owner(group, known(owner)?);
        }
    }
    Ok(ids)
}
