//! What is told after runs over a homeserver in memory.

mod told_once;

use std::{sync::Arc, time::Duration};

use inviter::{
    RunOptions,
    core::{
        directory::{Extent, Gap},
        memory::{InMemoryDirectory, InMemoryStore, MemoryGroup, MemoryPerson},
        provider::ProviderErrorKind,
        reconcile::Reconciler,
        time::{FixedClock, Timestamp},
    },
};

use super::*;
use crate::{
    quarantines::Quarantines,
    testing::{PEOPLE, World},
};

const NOON: Timestamp = Timestamp(1_700_000_000_000);

/// A bot that has told what it had to tell.
struct Scene {
    reconciler: Reconciler,
    people: Arc<InMemoryDirectory>,
    store: InMemoryStore,
    notices: Notices,
    _world: World,
}

fn group(room: &str) -> String {
    format!("MTRX #{room}:example.com")
}

impl Scene {
    /// Rooms of these names with two people each, after a first run, which has nothing to tell.
    async fn new(rooms: &[String]) -> Self {
        let world = World::new(PEOPLE).await;
        let mut reconciler = world.setup.reconciler.clone();
        let people = InMemoryDirectory::new("people");
        for name in ["ada", "bob"] {
            let id = format!("@{name}:example.com").as_str().try_into().unwrap();
            people.put_person(MemoryPerson::new(name).matrix_id(id));
        }
        for room in rooms {
            people.put_group(MemoryGroup::new(group(room)).members(["ada", "bob"]));
        }
        let (people, store) = (Arc::new(people), InMemoryStore::default());
        reconciler.providers = vec![Arc::clone(&people) as Arc<_>];
        reconciler.store = Arc::new(store.clone());
        reconciler.clock = Arc::new(FixedClock(NOON));
        Quarantines::default().around(&mut reconciler, Duration::from_secs(60 * 60));
        let mut scene = Self {
            reconciler,
            people,
            store,
            notices: Notices::default(),
            _world: world,
        };
        assert_eq!(scene.run().await, NOTHING);
        scene
    }

    fn around(&self, part: bool) -> Around {
        let directories = &self.reconciler.providers;
        let quarantined = directories
            .iter()
            .filter_map(|directory| Some((directory.id(), directory.quarantined()?)));
        Around {
            directories: directories.iter().map(|directory| directory.id()).collect(),
            quarantined: quarantined.collect(),
            now: NOON,
            part,
            ran: true,
        }
    }

    /// What is to be told after a run on schedule.
    async fn news(&self) -> News {
        let report = self.reconciler.sync(&RunOptions::default()).await.unwrap();
        self.notices.news(&report, &self.around(false))
    }

    /// What the room hears after a run on schedule.
    async fn run(&mut self) -> Vec<String> {
        let news = self.news().await;
        let lines = news.lines.clone();
        self.notices.told_that(news, true);
        lines
    }

    fn gap(&self, room: &str, why: &str) {
        self.people
            .edit_group(&group(room), |group| group.members_gap(why));
    }

    fn no_gap(&self, room: &str) {
        self.people
            .put_group(MemoryGroup::new(group(room)).members(["ada", "bob"]));
    }
}

const NOTHING: [&str; 0] = [];

fn rooms(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("room{number}")).collect()
}

/// Graph's errors name another request each time.
#[tokio::test]
async fn a_directory_that_cannot_be_read_is_told_once_whatever_it_says() {
    let mut scene = Scene::new(&rooms(2)).await;
    scene
        .people
        .fail(ProviderErrorKind::Unavailable, "request 1 failed");
    let told = scene.run().await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("not read: directory people could not be read (")
            && told[0].contains("request 1"),
        "{told:?}"
    );
    scene
        .people
        .fail(ProviderErrorKind::Unavailable, "request 2 failed");
    assert_eq!(scene.run().await, NOTHING, "it is still away");
    scene.people.recover();
    assert_eq!(scene.run().await, ["over: directory people answers again"]);
    assert_eq!(scene.run().await, NOTHING);
}

#[tokio::test]
async fn a_directory_that_is_taken_away_has_not_recovered() {
    let mut scene = Scene::new(&rooms(1)).await;
    scene.people.fail(ProviderErrorKind::Unavailable, "away");
    assert_eq!(scene.run().await.len(), 1);
    scene.reconciler.providers.clear();
    assert_eq!(scene.run().await, NOTHING);
}

#[tokio::test]
async fn a_run_about_some_rooms_ends_nothing() {
    let mut scene = Scene::new(&rooms(1)).await;
    let good = scene.reconciler.sync(&RunOptions::default()).await.unwrap();
    let looked_at = |scene: &mut Scene| {
        let news = scene.notices.news(&good, &scene.around(true));
        let lines = news.lines.clone();
        scene.notices.told_that(news, true);
        lines
    };
    scene.people.fail(ProviderErrorKind::Unavailable, "away");
    assert_eq!(scene.run().await.len(), 1);
    assert_eq!(looked_at(&mut scene), NOTHING);
    assert_eq!(scene.run().await, NOTHING, "it was told before");
    scene.people.recover();
    scene.gap("room0", "a page is missing");
    assert_eq!(scene.run().await.len(), 3);
    assert_eq!(looked_at(&mut scene), NOTHING);
    assert_eq!(scene.run().await, NOTHING, "it was told before");
}

#[tokio::test]
async fn a_quarantine_names_what_helps() {
    for (kind, helps, other) in [
        (ProviderErrorKind::Denied, "systemctl reload", "`!inviter sync`"),
        (
            ProviderErrorKind::Misconfigured,
            "systemctl reload",
            "`!inviter sync`",
        ),
        (
            ProviderErrorKind::Unavailable,
            "`!inviter sync`",
            "systemctl reload",
        ),
        (
            ProviderErrorKind::Malformed,
            "`!inviter sync`",
            "systemctl reload",
        ),
    ] {
        let mut scene = Scene::new(&rooms(1)).await;
        scene.people.fail(kind, "no");
        // One that refuses the bot is left alone at once.
        let mut told = scene.run().await;
        if kind != ProviderErrorKind::Denied {
            assert!(told[0].starts_with("not read: "), "{told:?}");
            assert_eq!(scene.run().await, NOTHING);
            told = scene.run().await;
        }
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].starts_with("quarantine: directory people has failed "),
            "{told:?}"
        );
        assert!(told[0].contains(helps) && !told[0].contains(other), "{told:?}");
        assert_eq!(scene.run().await, NOTHING);
        scene.people.recover();
        // A person's command asks.
        assert!(scene.reconciler.read().await[0].result.is_ok());
        let told = scene.run().await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].starts_with("over: directory people answers again, "),
            "{told:?}"
        );
    }
}

#[tokio::test]
async fn what_is_read_in_part_is_told_once_and_when_it_is_over() {
    let mut scene = Scene::new(&rooms(2)).await;
    scene.gap("room0", "page 2 is missing");
    let told = scene.run().await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].starts_with("read in part: ") && told[0].contains("page 2 is missing"),
        "{told:?}"
    );
    assert!(
        told[1].starts_with("#room0:example.com: nobody is removed, because "),
        "{told:?}"
    );
    for _ in 0..2 {
        assert_eq!(scene.run().await, NOTHING);
    }
    // Another group of the same directory is another room.
    scene.gap("room1", "page 3 is missing");
    let told = scene.run().await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("#room1:example.com: nobody is removed"),
        "{told:?}"
    );
    // What is away says nothing of what it had not said before.
    scene.people.fail(ProviderErrorKind::Unavailable, "away");
    assert_eq!(scene.run().await.len(), 1);
    scene.people.recover();
    assert_eq!(scene.run().await, ["over: directory people answers again"]);
    scene.no_gap("room0");
    assert_eq!(
        scene.run().await,
        ["over: #room0:example.com: it is known again who belongs there"]
    );
    scene.no_gap("room1");
    assert_eq!(
        scene.run().await,
        [
            "over: directory people is read as a whole again",
            "over: #room1:example.com: it is known again who belongs there"
        ]
    );
    assert_eq!(scene.run().await, NOTHING);
}

#[tokio::test]
async fn many_rooms_share_a_sentence() {
    let names = rooms(5);
    let mut scene = Scene::new(&names).await;
    for room in &names {
        scene.gap(room, "it is refused");
    }
    let told = scene.run().await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(
        told[1],
        "nobody is removed from 5 rooms, because not all is known of who belongs there: #room0:example.com, \
         #room1:example.com, #room2:example.com and 2 more; `!inviter plan` says why"
    );
    assert_eq!(scene.run().await, NOTHING);
    for room in &names {
        scene.no_gap(room);
    }
    let told = scene.run().await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[1].starts_with("over: in 5 rooms it is known again who belongs there: "),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_directory_that_does_not_list_everything_is_told() {
    let mut scene = Scene::new(&rooms(1)).await;
    let gap = Gap {
        what: "ou=groups".to_owned(),
        why: "the size limit was met".to_owned(),
    };
    scene.people.set_listing(Extent::AtLeast(vec![gap]));
    let told = scene.run().await;
    assert!(
        told[0].starts_with("read in part: directory people was not listed completely"),
        "{told:?}"
    );
    assert_eq!(scene.run().await, NOTHING);
    scene.people.set_listing(Extent::Complete);
    let told = scene.run().await;
    assert!(
        told.contains(&"over: directory people is read as a whole again".to_owned()),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_lost_memory_is_told_until_somebody_has_heard_it() {
    let mut scene = Scene::new(&rooms(1)).await;
    scene.store.lose("the file was damaged");
    // Nobody hears it, and the next run would not know of it any more.
    let news = scene.news().await;
    assert_eq!(news.lines.len(), 1, "{news:?}");
    scene.notices.told_that(news, false);
    let told = scene.run().await;
    assert_eq!(told.len(), 1, "{told:?}");
    for words in [
        "memory lost: the file was damaged",
        "gone are all pauses, what was held, and whom the bot has brought in",
        "`!inviter pause ROOM…`",
        "`!inviter plan`",
        "`!inviter sync`",
    ] {
        assert!(told[0].contains(words), "{words}: {told:?}");
    }
    assert_eq!(scene.run().await, NOTHING);
    // Another loss is another matter.
    scene.store.lose("the file was damaged again");
    assert_eq!(scene.run().await.len(), 1);
    assert_eq!(scene.run().await, NOTHING);
}
