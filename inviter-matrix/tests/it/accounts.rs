//! Whether accounts exist.

use anyhow::Result;
use inviter_core::{
    OwnedUserId, RoomBackend, UserId,
    backend::AccountState::{Deactivated, Exists, Missing, Unknown},
};
use inviter_testkit::{Fault, Options, Synapse, unique};

use crate::support::{World, lines, world, world_on};

async fn admin_world() -> Result<World> {
    world_on(Synapse::shared().await?, true, |_| {}).await
}

fn id(user: &str) -> OwnedUserId {
    UserId::parse(user).unwrap()
}

#[tokio::test]
async fn as_admin_a_few_one_by_one() -> Result<()> {
    let world = admin_world().await?;
    let there = world.synapse.register(&unique("there")).await?;
    let off = world.synapse.register(&unique("off")).await?;
    world.bot.deactivate(off.user_id()).await?;
    let missing = world.synapse.user_id(&unique("missing"));
    let odd = world.synapse.user_id("a/b=c");
    let users = [
        off.user_id(),
        &missing,
        "@x:elsewhere.example",
        there.user_id(),
        &odd,
    ]
    .map(id);
    world.proxy.clear();
    let states = world.backend.accounts(&users).await?;
    assert_eq!(states, [Deactivated, Missing, Unknown, Exists, Missing]);
    assert_eq!(world.proxy.requests().len(), 5, "{:?}", lines(&world.proxy));
    assert!(world.proxy.writes().is_empty());
    // An error is not an absence.
    world
        .proxy
        .on_request(|_| Some(Fault::Status(404, vec![], "<html></html>".to_owned())));
    assert_eq!(world.backend.accounts(&users[..2]).await?, [Unknown, Unknown]);
    Ok(())
}

#[tokio::test]
async fn as_admin_many_from_the_list_read_once() -> Result<()> {
    // Its own homeserver: the list must not change while it is read.
    let world = world_on(Synapse::start(Options::new()).await?, true, |_| {}).await?;
    let names: Vec<String> = (0..1100).map(|n| format!("user{n}")).collect();
    world.synapse.create_users(&names).await?;
    world.bot.deactivate(&world.synapse.user_id("user7")).await?;
    let lock = format!("/_synapse/admin/v2/users/{}", world.synapse.user_id("user8"));
    assert_eq!(
        world
            .bot
            .put(&lock, serde_json::json!({ "locked": true }))
            .await?
            .0,
        200
    );
    let mut users: Vec<_> = names
        .iter()
        .map(|name| id(&world.synapse.user_id(name)))
        .collect();
    users.push(id(&world.synapse.user_id("nobody")));
    users.push(id("@nobody:elsewhere.example"));
    world.proxy.clear();
    // A page that fails leaves all unknown.
    world.proxy.on_request(|r| {
        r.query
            .as_ref()
            .is_some_and(|q| q.contains("from=1000"))
            .then(|| Fault::matrix(500, "M_UNKNOWN"))
    });
    assert!(
        world
            .backend
            .accounts(&users)
            .await?
            .iter()
            .all(|s| *s == Unknown)
    );
    world.proxy.heal();
    world.proxy.clear();
    let states = world.backend.accounts(&users).await?;
    let count = |state| states.iter().filter(|s| **s == state).count();
    assert_eq!(states[7], Deactivated);
    assert_eq!(states[1100..], [Missing, Unknown]);
    assert_eq!(count(Exists), 1099);
    assert_eq!(world.proxy.requests().len(), 2, "{:?}", lines(&world.proxy));
    world.backend.accounts(&users).await?;
    world.backend.accounts(&users[..1]).await?;
    assert_eq!(world.proxy.requests().len(), 2);
    Ok(())
}

#[tokio::test]
async fn without_rights_all_are_unknown_after_one_request() -> Result<()> {
    let world = world().await?;
    let users = [id(world.bot.user_id()), id(&world.synapse.user_id("nobody"))];
    for _ in 0..3 {
        assert_eq!(world.backend.accounts(&users).await?, [Unknown; 2]);
    }
    assert_eq!(world.proxy.requests().len(), 1, "{:?}", lines(&world.proxy));
    // Foreign ones are nobody's to know.
    assert_eq!(
        world.backend.accounts(&[id("@x:elsewhere.example")]).await?,
        [Unknown]
    );
    Ok(())
}
