//! What unit tests look at: a directory file, the homeserver in memory, and a reconciler between them.

use std::{fs, sync::Arc};

use inviter::{
    config::Config,
    core::{
        RoomBackend as _,
        memory::{InMemoryHomeserver, InMemoryStore},
        reconcile::Reconciler,
    },
    wiring::Setup,
};
use serde_json::Value;

const CONFIG: &str = r#"
[homeserver]
url = "http://127.0.0.1:1"
user = "@inviter:example.com"
access_token_env = "TOKEN"

[[directory]]
name = "people"
kind = "file"
path = "people.json"

[state]
dir = "state"
"#;

/// A room `#staff:example.com`, wanted by a directory file, on the homeserver in memory.
pub(crate) struct Place {
    dir: tempfile::TempDir,
    pub(crate) homeserver: InMemoryHomeserver,
    pub(crate) reconciler: Reconciler,
}

impl Place {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let token = |_: &str| Some("token".to_owned());
        let config = Config::parse(CONFIG, &dir.path().join("inviter.toml"), &token).unwrap();
        let homeserver = InMemoryHomeserver::new("example.com".try_into().unwrap());
        let bot = homeserver.register("inviter").unwrap();
        let backend = Arc::new(homeserver.backend(bot));
        let identity = backend.whoami().await.unwrap();
        let store = Arc::new(InMemoryStore::default());
        let reconciler = Setup::assemble(&config, identity, backend, store).reconciler;
        let place = Self {
            dir,
            homeserver,
            reconciler,
        };
        place.staff(&["ada", "bob", "cid", "dan", "eve"], &["ada"]);
        place
    }

    /// The one room and its people.
    pub(crate) fn staff(&self, members: &[&str], owners: &[&str]) {
        let people = ["ada", "bob", "cid", "dan", "eve", "fay"];
        let people: Vec<Value> = people.iter().map(|id| serde_json::json!({ "id": id })).collect();
        let group = serde_json::json!({
            "name": "MTRX #staff:example.com", "members": members, "owners": owners,
        });
        let directory = serde_json::json!({ "people": people, "groups": [group] });
        self.people(&directory.to_string());
    }

    /// What the file says.
    pub(crate) fn people(&self, text: &str) {
        fs::write(self.dir.path().join("people.json"), text).unwrap();
    }
}
