//! Embedding inviter in a service: a directory of one's own, and a homeserver in memory instead of a real one.
//!
//! ```sh
//! cargo run --example embed
//! ```
//!
//! A real service exchanges the parts: any [`IdentityProvider`], the backend for a real homeserver, and a store
//! that outlives the process. What is done with them stays as it is here.

use std::{
    error::Error,
    io::{Write as _, stdout},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use inviter::{
    SystemClock,
    core::{
        IdentityProvider, ServerName,
        decode::MtrxDecoder,
        directory::{
            Account, AccountIx, AccountStatus, Attributes, Directory, Extent, Group, GroupKey, Member, Part,
            ProviderId,
        },
        guard::Limits,
        memory::{InMemoryHomeserver, InMemoryStore},
        mint::{GuestRule, Minting},
        policy::{Policy, SourcePolicy},
        provider::{ProviderError, ReadRequest},
        reconcile::{Reconciler, RunOptions},
        report::Report,
    },
};

/// The people of one team, as the service knows them.
#[derive(Debug)]
struct Team(Mutex<Vec<&'static str>>);

#[async_trait]
impl IdentityProvider for Team {
    fn id(&self) -> ProviderId {
        ProviderId::new("team")
    }

    async fn read(&self, _request: &ReadRequest) -> Result<Directory, ProviderError> {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let accounts = names.iter().map(|name| Account {
            key: (*name).into(),
            label: None,
            attributes: Attributes::from_iter([("uid", *name)]),
            status: Some(AccountStatus::Active),
            matrix_id: None,
        });
        let members = (0..)
            .take(names.len())
            .map(|index| Member::Account(AccountIx(index)));
        Ok(Directory {
            accounts: accounts.collect(),
            groups: vec![Group {
                key: GroupKey::new("1"),
                // A group with a name of this form stands for a room.
                name: "MTRX #team:example.com".into(),
                also_called: Vec::new(),
                members: Part::complete(members.collect()),
                owners: Part::complete(Vec::new()),
                flattened: false,
                nested_only: false,
            }],
            // All there is: who is not in it may be removed.
            listing: Extent::Complete,
            accounts_extent: Extent::Complete,
            ..Directory::default()
        })
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let server = ServerName::parse("example.com")?;
    let homeserver = InMemoryHomeserver::new(server.clone());
    let bot = homeserver.register("inviter")?;
    for name in ["alice", "bob", "carol"] {
        homeserver.register(name)?;
    }

    let team = Arc::new(Team(Mutex::new(vec!["alice", "bob"])));
    let mut policy = Policy::new(server.clone());
    policy.sources.push(SourcePolicy {
        provider: team.id(),
        decoders: vec![Arc::new(MtrxDecoder::default())],
        minting: Minting {
            server,
            attribute: "uid".to_owned(),
            before_at: false,
            guests: GuestRule::Skip,
            renames: [].into(),
        },
    });
    let reconciler = Reconciler {
        providers: vec![Arc::clone(&team) as Arc<dyn IdentityProvider>],
        backend: Arc::new(homeserver.backend(bot)),
        store: Arc::new(InMemoryStore::default()),
        policy,
        limits: Limits::default(),
        clock: Arc::new(SystemClock),
        rooms_at_once: 4,
        people_at_once: 4,
    };

    // The core needs no particular runtime.
    futures_executor::block_on(async {
        let run = RunOptions::by_person();
        let draft = reconciler.plan(&run).await?;
        tell("plan", &draft.report())?;
        tell("sync", &reconciler.apply(draft, &run).await)?;

        *team.0.lock().unwrap_or_else(PoisonError::into_inner) = vec!["alice", "carol"];
        tell("bob left, carol came", &reconciler.sync(&run).await?)?;
        tell("and then", &reconciler.sync(&run).await?)
    })
}

fn tell(what: &str, report: &Report) -> Result<(), Box<dyn Error>> {
    let tally = report.tally();
    writeln!(
        stdout().lock(),
        "{what}: rooms created {}, invited {}, removed {}, changed {}",
        tally.rooms_created,
        tally.invited,
        tally.removed,
        tally.changed
    )?;
    Ok(())
}
