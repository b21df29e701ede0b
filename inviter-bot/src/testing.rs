//! Runs over a homeserver in memory, for unit tests of what is made of them.

use std::sync::Arc;

use inviter::{
    Config, Report, RunOptions, Setup,
    core::{
        RoomBackend as _, ServerName,
        memory::{InMemoryHomeserver, InMemoryStore},
        resolve::ReadOutcome,
    },
};
use tempfile::TempDir;

/// A directory in a file, and rooms that are to follow it.
pub(crate) struct World {
    pub(crate) setup: Setup,
    dir: TempDir,
}

impl World {
    /// With people and groups as in a directory file.
    pub(crate) async fn new(people: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let text = r#"
            [homeserver]
            url = "https://matrix.example.com"
            access_token_env = "TOKEN"
            [[directory]]
            name = "people"
            kind = "file"
            path = "people.toml"
            [state]
            dir = "state"
        "#;
        let token = |_: &str| Some("unused".to_owned());
        let config = Config::parse(text, &dir.path().join("inviter.toml"), &token).unwrap();
        let homeserver = InMemoryHomeserver::new(ServerName::parse("example.com").unwrap());
        let bot = homeserver.register("inviter").unwrap();
        let backend = Arc::new(homeserver.backend(bot));
        let identity = backend.whoami().await.unwrap();
        let store = Arc::new(InMemoryStore::default());
        let world = Self {
            setup: Setup::assemble(&config, identity, backend, store),
            dir,
        };
        world.write(people);
        world
    }

    /// Writes the directory file anew.
    pub(crate) fn write(&self, people: &str) {
        std::fs::write(self.dir.path().join("people.toml"), people).unwrap();
    }

    /// A run, and what the directories answered for it.
    pub(crate) async fn run(&self, options: &RunOptions) -> (Report, Arc<[ReadOutcome]>) {
        let draft = self.setup.reconciler.plan(options).await.unwrap();
        let directories = Arc::clone(&draft.directories);
        (self.setup.reconciler.apply(draft, options).await, directories)
    }
}

/// Two groups that stand for rooms, and three people.
pub(crate) const PEOPLE: &str = r#"
    people = [{ id = "alice" }, { id = "bob" }, { id = "carol" }]
    groups = [
        { name = "MTRX #staff:example.com", members = ["alice", "bob", "carol"], owners = ["alice"] },
        { name = "MTRX #board:example.com", members = ["alice"] },
    ]
"#;

/// The report of a first run over [`PEOPLE`].
pub(crate) async fn report(options: &RunOptions) -> Report {
    World::new(PEOPLE).await.run(options).await.0
}
