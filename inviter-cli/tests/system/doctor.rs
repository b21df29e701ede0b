//! `inviter check` tells of each thing that can be in the way, and what it shows to mend it does mend it.

mod account;
mod found;
mod rooms;

use anyhow::{Context as _, Result};
use inviter_testkit::{Client, expect_ok};
use serde_json::{Value, json};

use crate::harness::{Directory, Output, Site};

/// A site whose directory wants alice and bob in `club`, with a person who can make rooms.
async fn club() -> Result<(Site, Directory, Client)> {
    let site = Site::new().await?;
    let mut directory = Directory::default();
    directory.room("club").members(["alice", "bob"]);
    directory.people(["owner"]);
    site.register(directory.everybody()).await?;
    site.save(&directory)?;
    let owner = site.person("owner").await?;
    Ok((site, directory, owner))
}

/// What `check` says, as text and as JSON; it writes nothing.
async fn check(site: &Site, code: i32) -> Result<(Output, Value)> {
    let before = site.digest().await?;
    let (text, writes) = site.writes_of(&["check"]).await?;
    assert!(writes.is_empty(), "{text}");
    let (json, writes) = site.writes_of(&["check", "--json"]).await?;
    assert!(writes.is_empty(), "{json}");
    assert_eq!(site.digest().await?, before);
    Ok((text.exits(code), json.exits(code).json()))
}

/// Fails unless the text has all of these.
#[track_caller]
fn says(output: &Output, parts: &[&str]) {
    for part in parts {
        assert!(output.stdout.contains(part), "{part:?} is missing\n{output}");
    }
}

/// The only room.
fn room(json: &Value) -> &Value {
    &json["rooms"][0]
}

/// The troubles of a room.
fn troubles(room: &Value) -> Vec<&str> {
    let remedies = room["remedies"].as_array().into_iter().flatten();
    remedies.filter_map(|remedy| remedy["trouble"].as_str()).collect()
}

/// The request with this in its path that a remedy shows.
fn request<'a>(remedies: &'a Value, path: &str) -> Result<&'a Value> {
    let steps = remedies
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|remedy| remedy["steps"].as_array());
    let request = steps
        .flatten()
        .find(|step| step["path"].as_str().is_some_and(|p| p.contains(path)));
    request.with_context(|| format!("no request with {path} in {remedies}"))
}

/// Runs the command line that is shown for a request, word for word, as a person with the admin's token would.
async fn carry_out(site: &Site, output: &Output, request: &Value) -> Result<Value> {
    let curl = request["curl"].as_str().context("no command line")?;
    says(output, &[curl]);
    let answer = tokio::process::Command::new("sh")
        .arg("-c")
        .arg(curl.replacen("curl ", "curl -sS -w '\n%{http_code}' ", 1))
        .env("ADMIN_TOKEN", site.admin.token())
        .output()
        .await?;
    let text = String::from_utf8(answer.stdout)?;
    let (body, status) = text.rsplit_once('\n').with_context(|| text.clone())?;
    let body = serde_json::from_str(body).unwrap_or(json!(body));
    expect_ok(curl, (status.parse()?, body))
}
