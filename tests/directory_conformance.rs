//! The core's conformance suite for directories, over a TOML and a JSON file.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "in a test, a surprise is a failure"
)]

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;
use inviter::{
    FileDirectory, IdentityProvider,
    core::{
        conformance::{
            self,
            provider::{HarnessError, Population, ProviderHarness},
        },
        directory::ProviderId,
    },
};
use serde_json::{Value, json};
use tempfile::TempDir;

#[derive(Debug)]
struct Harness {
    dir: TempDir,
    name: &'static str,
    /// What happens to the file in the end.
    break_it: fn(PathBuf) -> std::io::Result<()>,
}

impl Harness {
    fn new(name: &'static str, break_it: fn(PathBuf) -> std::io::Result<()>) -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            name,
            break_it,
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join(self.name)
    }

    fn write(&self, population: &Population) -> Result<(), HarnessError> {
        let people = population
            .people
            .iter()
            .map(|person| json!({ "id": person.login, "enabled": !person.disabled }));
        let groups = population.groups.iter().map(|group| {
            json!({
                "name": group.name,
                "members": group.members,
                "groups": group.groups,
                "owners": group.owners,
            })
        });
        let document =
            json!({ "people": people.collect::<Vec<Value>>(), "groups": groups.collect::<Vec<Value>>() });
        let text = if self.path().extension().is_some_and(|e| e == "toml") {
            toml::to_string(&document)?
        } else {
            serde_json::to_string_pretty(&document)?
        };
        Ok(std::fs::write(self.path(), text)?)
    }
}

#[async_trait]
impl ProviderHarness for Harness {
    async fn populate(&self, population: &Population) -> Result<Arc<dyn IdentityProvider>, HarnessError> {
        self.write(population)?;
        Ok(Arc::new(FileDirectory::new(ProviderId::new("file"), self.path())))
    }

    async fn change(&self, population: &Population) -> Result<(), HarnessError> {
        self.write(population)
    }

    async fn break_it(&self) -> Result<(), HarnessError> {
        Ok((self.break_it)(self.path())?)
    }
}

fn conforms(harness: &Harness) {
    let outcomes = futures_executor::block_on(conformance::provider::run(harness));
    for outcome in &outcomes {
        println!("{outcome}");
    }
    assert!(!outcomes.is_empty());
    let failed = conformance::failures(&outcomes);
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn toml_that_goes_away() {
    conforms(&Harness::new("directory.toml", std::fs::remove_file));
}

#[test]
fn toml_that_is_emptied() {
    conforms(&Harness::new("directory.toml", |path| std::fs::write(path, "")));
}

#[test]
fn json_that_is_cut_off() {
    conforms(&Harness::new("directory.json", |path| {
        let text = std::fs::read(&path)?;
        std::fs::write(path, &text[..text.len() / 2])
    }));
}
