//! Permissions that are taken away between two reads, and given again.

use inviter_core::provider::ProviderErrorKind as Kind;

use super::{ALL, Town};
use crate::harness::tells;

#[tokio::test]
async fn to_see_groups() {
    let town = Town::start().await;
    town.is_whole("before").await;
    town.change(|tenant| tenant.add_member(town.blue, town.ada));
    town.grant(&["User.Read.All", "Member.Read.Hidden"]);
    for _ in 0..2 {
        let error = town.world.try_read().await.unwrap_err();
        assert_eq!(error.kind, Kind::Denied);
        tells(
            &error.to_string(),
            &["GroupMember.Read.All", "administrator's consent"],
        );
    }
    town.change(|tenant| tenant.remove_member(town.red, town.ada));
    town.grant(&ALL);
    town.is_whole("given again").await;
}

#[tokio::test]
async fn to_see_users() {
    let town = Town::start().await;
    town.is_whole("before").await;
    town.change(|tenant| {
        tenant.add_member(town.blue, town.ada);
        tenant.disable(town.bob);
    });
    town.grant(&["GroupMember.Read.All", "Member.Read.Hidden"]);
    for _ in 0..2 {
        let picture = town.reads(&["Blue", "Inner", "Quiet", "Red"]).await;
        tells(&picture.incomplete()["Blue"], &["3 people", "User.Read.All"]);
    }
    town.change(|tenant| tenant.disable(town.dan));
    town.grant(&ALL);
    town.is_whole("given again").await;
    // From then on only what changes is read.
    let (_, sent) = town.world.counted().await;
    assert_eq!(sent, 2);
}

#[tokio::test]
async fn everything() {
    let town = Town::start().await;
    town.is_whole("before").await;
    town.grant(&[]);
    let error = town.world.try_read().await.unwrap_err();
    assert_eq!(error.kind, Kind::Denied);
    town.grant(&["GroupMember.Read.All"]);
    town.reads(&["Blue", "Inner", "Quiet", "Red"]).await;
    town.grant(&ALL);
    town.is_whole("given again").await;
}
