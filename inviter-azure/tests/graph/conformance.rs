//! The core's conformance suite for directories.

use std::{
    fmt::{self, Debug},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::join_all;
use inviter_core::{
    IdentityProvider,
    conformance::{
        self,
        provider::{GroupEntry, HarnessError, PersonEntry, Population, ProviderHarness},
    },
    directory::Account,
};
use inviter_graph_emulator::{Emulator, Fault, Id, Match, Options, Tenant, Trouble, User};
use tokio::sync::Mutex;

use crate::harness::{World, below};

const ROOT: &str = "all groups of rooms";

/// What happens to Graph in the end.
type Outage = fn(&Emulator);

struct Harness {
    /// How long what was read is kept current.
    full_read_every: Duration,
    outage: Outage,
    world: Mutex<Option<World>>,
}

impl Debug for Harness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Harness")
            .field("full_read_every", &self.full_read_every)
            .finish_non_exhaustive()
    }
}

/// Logins hold what no user principal name may, and the emulator does not mind.
fn principal(login: &str) -> String {
    format!("{login}@example.org")
}

fn put_person(tenant: &mut Tenant, person: &PersonEntry) {
    let id = match tenant.user_named(&principal(&person.login)) {
        Some(id) => id,
        None => tenant.add_user(User::new(&principal(&person.login))),
    };
    if person.disabled {
        tenant.disable(id);
    } else {
        tenant.enable(id);
    }
}

fn put_group(tenant: &mut Tenant, group: &GroupEntry) {
    let id = tenant.group_named(&group.name).unwrap();
    let people = |logins: &[String]| -> Vec<Id> {
        let ids = logins
            .iter()
            .map(|login| tenant.user_named(&principal(login)).unwrap());
        ids.collect()
    };
    let groups = group.groups.iter().map(|name| tenant.group_named(name).unwrap());
    let members: Vec<Id> = people(&group.members).into_iter().chain(groups).collect();
    let owners = people(&group.owners);
    let surplus =
        |had: Vec<Id>, has: &[Id]| had.into_iter().filter(|id| !has.contains(id)).collect::<Vec<_>>();
    let no_members = surplus(tenant.members(id).collect(), &members);
    let no_owners = surplus(tenant.owners(id).collect(), &owners);
    for member in members {
        tenant.add_member(id, member);
    }
    for owner in owners {
        tenant.add_owner(id, owner);
    }
    for member in no_members {
        tenant.remove_member(id, member);
    }
    for owner in no_owners {
        tenant.remove_owner(id, owner);
    }
}

/// Makes a tenant hold just this population.
fn fill(tenant: &mut Tenant, population: &Population) {
    let root = tenant.group_named(ROOT).unwrap();
    for person in &population.people {
        put_person(tenant, person);
    }
    for group in &population.groups {
        if tenant.group_named(&group.name).is_none() {
            let id = tenant.add_group(group.name.as_str());
            tenant.add_member(root, id);
        }
    }
    for group in &population.groups {
        put_group(tenant, group);
    }
    let is_no_person = |user: &User| {
        !population
            .people
            .iter()
            .any(|p| principal(&p.login) == user.user_principal_name)
    };
    let gone: Vec<Id> = tenant
        .users()
        .filter(|(_, user)| is_no_person(user))
        .map(|(id, _)| id)
        .collect();
    for id in gone {
        tenant.delete_user(id);
    }
    let is_no_group = |name: &str| name != ROOT && !population.groups.iter().any(|group| group.name == name);
    let groups = tenant.groups();
    let gone: Vec<Id> = groups
        .filter(|(_, group)| is_no_group(&group.display_name))
        .map(|(id, _)| id)
        .collect();
    for id in gone {
        tenant.purge_group(id);
    }
}

#[async_trait]
impl ProviderHarness for Harness {
    async fn populate(&self, population: &Population) -> Result<Arc<dyn IdentityProvider>, HarnessError> {
        let mut tenant = Tenant::new();
        let root = tenant.add_group(ROOT);
        fill(&mut tenant, population);
        // Several pages of each.
        let options = Options {
            largest_page: 100,
            delta_page_size: 2,
            delta_members: 3,
            ..Options::default()
        };
        let world = World::start_with(tenant, options, below(root), |config| {
            config.full_read_every = self.full_read_every;
        })
        .await;
        let provider = Arc::new(world.directory.clone());
        *self.world.lock().await = Some(world);
        Ok(provider)
    }

    async fn change(&self, population: &Population) -> Result<(), HarnessError> {
        let world = self.world.lock().await;
        let world = world.as_ref().ok_or("not started")?;
        world.emulator.change(|tenant| fill(tenant, population));
        Ok(())
    }

    async fn break_it(&self) -> Result<(), HarnessError> {
        let world = self.world.lock().await;
        (self.outage)(&world.as_ref().ok_or("not started")?.emulator);
        Ok(())
    }

    fn login(&self, account: &Account) -> Option<String> {
        let name = account.attributes.get("userPrincipalName")?;
        Some(name.strip_suffix("@example.org")?.to_owned())
    }
}

async fn conforms(about: &str, full_read_every: Duration, outage: Outage) {
    let harness = Harness {
        full_read_every,
        outage,
        world: Mutex::default(),
    };
    let outcomes = conformance::provider::run(&harness).await;
    assert!(outcomes.len() > 10, "{about}: {outcomes:#?}");
    let failed = conformance::failures(&outcomes);
    assert!(failed.is_empty(), "{about}: {failed:#?}");
}

fn always(emulator: &Emulator, when: Match, what: Trouble) {
    emulator.fault(Fault::always(when, what));
}

/// What may happen to Graph.
const OUTAGES: [(&str, Outage); 11] = [
    ("nobody answers", |emulator| {
        always(emulator, Match::every(), Trouble::Cut);
    }),
    ("Graph cannot answer", |emulator| {
        always(emulator, Match::graph(), Trouble::HtmlStatus(503));
    }),
    ("no permission any more", |emulator| {
        emulator.grant(&[]);
    }),
    ("no right to see people", |emulator| {
        emulator.grant(&["GroupMember.Read.All"]);
    }),
    ("only the basic profile of people", |emulator| {
        emulator.grant(&["GroupMember.Read.All", "User.ReadBasic.All"]);
    }),
    ("no right to see groups", |emulator| {
        emulator.grant(&["User.Read.All"]);
    }),
    ("no changes, and people by their IDs only", |emulator| {
        emulator.expire_delta_links();
        always(emulator, Match::path("/members"), Trouble::LimitedInfo);
    }),
    ("no changes, and only first pages", |emulator| {
        emulator.expire_delta_links();
        always(emulator, Match::path("skiptoken"), Trouble::Status(504));
    }),
    ("no changes, and parts of batches", |emulator| {
        emulator.expire_delta_links();
        let some = Match::path("/members").in_batch().from_nth(4);
        always(emulator, some, Trouble::DropBatchItem);
    }),
    ("asked to wait for long", |emulator| {
        let throttle = Trouble::Throttle {
            retry_after: Some(1000),
        };
        always(emulator, Match::path("/groups/delta"), throttle);
    }),
    ("half answers", |emulator| {
        emulator.expire_delta_links();
        always(emulator, Match::graph().from_nth(5), Trouble::Truncated);
    }),
];

/// Most of the time is waiting, so all at once.
#[tokio::test]
async fn whatever_happens_to_graph() {
    let all = OUTAGES.map(|(about, outage)| conforms(about, Duration::from_secs(3600), outage));
    join_all(all).await;
}

#[tokio::test]
async fn each_read_checked_by_a_full_one() {
    let owners = |emulator: &Emulator| always(emulator, Match::path("/owners"), Trouble::Status(500));
    conforms("no owners", Duration::ZERO, owners).await;
}
