//! What real runs against the homeserver in memory come to.

use std::{fs, sync::Arc};

use inviter::{
    config::Config,
    core::{
        RoomBackend as _,
        backend::BackendErrorKind,
        directory::Remark,
        guard::ReleaseCode,
        memory::{Call, InMemoryDirectory, InMemoryHomeserver, InMemoryStore, MemoryGroup},
        reconcile::{Reconciler, RunOptions},
    },
    wiring::Setup,
};
use serde_json::{Value, json};

use super::Exit;

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

struct Place {
    dir: tempfile::TempDir,
    homeserver: InMemoryHomeserver,
    reconciler: Reconciler,
}

impl Place {
    async fn new() -> Self {
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
        place.staff(&json!({ "members": ["ada", "bob", "cid", "dan", "eve"], "owners": ["ada"] }));
        place
    }

    /// The one room's group.
    fn staff(&self, group: &Value) {
        let people = ["ada", "bob", "cid", "dan", "eve", "fay"];
        let people: Vec<Value> = people.iter().map(|id| json!({ "id": id })).collect();
        let mut group = group.clone();
        group["name"] = "MTRX #staff:example.com".into();
        self.people(&json!({ "people": people, "groups": [group] }).to_string());
    }

    fn people(&self, text: &str) {
        fs::write(self.dir.path().join("people.json"), text).unwrap();
    }

    /// What a plan comes to, with `--exit-code`.
    async fn plan(&self, options: &RunOptions) -> Exit {
        let draft = self.reconciler.plan(options).await.unwrap();
        Exit::of_plan(&draft.report(), &draft.desired, true)
    }

    /// What a sync comes to, with `--exit-code`.
    async fn sync(&self, options: &RunOptions) -> Exit {
        let draft = self.reconciler.plan(options).await.unwrap();
        let desired = draft.desired.clone();
        let report = self.reconciler.apply(draft, options).await;
        Exit::of_sync(&report, &desired, true)
    }
}

#[tokio::test]
async fn a_first_run() {
    let place = Place::new().await;
    let run = RunOptions::by_person();
    assert_eq!(place.plan(&run).await, Exit::Changes);
    assert_eq!(place.sync(&run).await, Exit::Fine);
    assert_eq!(place.plan(&run).await, Exit::Fine);
}

#[tokio::test]
async fn something_is_held_until_it_is_let_go() {
    let place = Place::new().await;
    let run = RunOptions::by_person();
    place.sync(&run).await;
    place.staff(&json!({ "members": ["ada"], "owners": ["ada"] }));
    assert_eq!(place.plan(&run).await, Exit::Held);
    assert_eq!(place.sync(&run).await, Exit::Held);
    let code = place.reconciler.plan(&run).await.unwrap().plan.release().cloned();
    let mut released = RunOptions::by_person();
    released.releases.insert(ReleaseCode::new(code.unwrap().as_str()));
    assert_eq!(place.sync(&released).await, Exit::Fine);
}

#[tokio::test]
async fn everything_fails() {
    let place = Place::new().await;
    let run = RunOptions::by_person();
    place.sync(&run).await;
    place.staff(&json!({ "members": ["ada", "bob", "cid", "dan", "eve", "fay"], "owners": ["ada"] }));
    place.homeserver.fail_next(
        |call| matches!(call, Call::Execute(..)),
        BackendErrorKind::Unavailable,
    );
    assert_eq!(place.sync(&run).await, Exit::Failed);
}

#[tokio::test]
async fn a_remark_of_a_directory_calls_for_nobody() {
    let mut place = Place::new().await;
    let people = InMemoryDirectory::new("people")
        .with_people(["ada"])
        .with_group(MemoryGroup::new("MTRX #staff:example.com").members(["ada"]));
    people.add_remark(Remark::new("members of staff", "2 entries lead to nobody"));
    place.reconciler.providers = vec![Arc::new(people)];
    let run = RunOptions::by_person();
    assert_eq!(place.sync(&run).await, Exit::Fine);
    assert_eq!(place.plan(&run).await, Exit::Fine);
    let desired = place.reconciler.plan(&run).await.unwrap().desired;
    assert_eq!(Exit::of_sources(&desired), Exit::Fine);
}

#[tokio::test]
async fn an_unread_directory_is_a_failure() {
    let place = Place::new().await;
    place.people("");
    assert_eq!(place.plan(&RunOptions::by_person()).await, Exit::Failed);
}

#[tokio::test]
async fn a_group_that_is_missing_calls_for_a_person() {
    let place = Place::new().await;
    place.sync(&RunOptions::by_person()).await;
    place.staff(&json!({ "members": ["ada"], "groups": ["nobodys"], "owners": ["ada"] }));
    assert_eq!(place.plan(&RunOptions::by_person()).await, Exit::InPart);
}
