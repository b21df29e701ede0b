//! Groups that vanish, and the root group itself.

use inviter_core::provider::{ProviderErrorKind as Kind, ReadRequest};
use inviter_graph_emulator::{Fault, Match, Trouble};

use super::Town;
use crate::harness::{World, below, listed, tells};

/// The list that it was in is answered, and then it is gone.
#[tokio::test]
async fn between_listing_and_reading() {
    for what in ["Red", "Inner"] {
        let town = Town::start().await;
        let group = if what == "Red" { town.red } else { town.inner };
        let members = Match::path(&format!("/groups/{group}/"));
        town.world
            .emulator
            .fault(Fault::always(members, Trouble::NotFound));
        let picture = town.reads(&[what]).await;
        tells(
            &picture.incomplete()[what],
            &["Graph does not have it any more", "if it was deleted"],
        );
        assert_eq!(picture.listing(), "");
        // So it was, and Graph tells.
        town.change(|tenant| tenant.delete_group(group));
        town.is_whole("deleted").await;
        town.world.emulator.clear_faults();
        town.change(|tenant| tenant.restore_group(group));
        town.is_whole("brought back").await;
    }
}

/// Graph tells of a deletion in other words for each kind of groups, and in any order.
#[tokio::test]
async fn before_what_changed_is_read() {
    for purged in [false, true] {
        for inner in [false, true] {
            let town = Town::start().await;
            town.is_whole("before").await;
            let group = if inner { town.inner } else { town.red };
            town.change(|tenant| {
                tenant.delete_group(group);
                if purged {
                    tenant.purge_group(group);
                }
            });
            town.is_whole("deleted").await;
        }
    }
}

#[tokio::test]
async fn the_root_group() {
    let town = Town::start().await;
    town.is_whole("before").await;
    town.change(|tenant| tenant.delete_group(town.root));
    // Whoever has read it before knows that groups are missing; whoever has not knows nothing.
    for _ in 0..2 {
        match town.world.try_read().await {
            Ok(picture) => tells(
                &picture.listing(),
                &["Graph does not have it any more", "members of group"],
            ),
            Err(error) => tells(&error.to_string(), &["Graph does not have it any more"]),
        }
    }
    let anew = town.world.another();
    let error = inviter_core::IdentityProvider::read(&anew, &ReadRequest::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::Misconfigured);
    tells(
        &error.to_string(),
        &[
            &format!("/groups/{}", town.root),
            "Graph does not have it any more",
            "take it out of the configuration",
        ],
    );
    town.change(|tenant| tenant.restore_group(town.root));
    town.is_whole("brought back").await;
}

#[tokio::test]
async fn the_root_group_is_not_shown() {
    let town = Town::start().await;
    town.grant(&["User.Read.All"]);
    for _ in 0..2 {
        let error = town.world.try_read().await.unwrap_err();
        assert_eq!(error.kind, Kind::Denied);
        tells(
            &error.to_string(),
            &[
                &format!("GET /groups/{}", town.root),
                "GroupMember.Read.All",
                "administrator's consent",
                "403 Authorization_RequestDenied",
            ],
        );
    }
    town.grant(&super::ALL);
    town.is_whole("with the right").await;
}

/// A user's ID, say, in place of a group's.
#[tokio::test]
async fn the_root_group_is_none() {
    let town = Town::start().await;
    let emulator = &town.world.emulator;
    let mut config = town.world.config.clone();
    config.rooms = below(town.ada);
    let error = read(&town.world, config.clone()).await.unwrap_err();
    assert_eq!(error.kind, Kind::Misconfigured);
    config.rooms = listed(&[town.ada]);
    let picture = read(&town.world, config).await.unwrap();
    assert!(picture.groups.is_empty());
    tells(
        &picture.remarks[0].to_string(),
        &[&town.ada.to_string(), "not in this tenant"],
    );
    assert!(emulator.request_count() > 0);
}

async fn read(
    world: &World,
    config: inviter_azure::EntraConfig,
) -> Result<inviter_core::directory::Directory, inviter_core::provider::ProviderError> {
    let directory = inviter_azure::EntraDirectory::new(
        inviter_core::directory::ProviderId::new("another"),
        config,
        world.tokens.clone(),
        world.clock.clone(),
    );
    inviter_core::IdentityProvider::read(&directory, &ReadRequest::default()).await
}
