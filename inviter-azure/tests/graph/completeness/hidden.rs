//! Groups whose members nobody sees without a right of its own.

use inviter_graph_emulator::{Group, Id, Tenant};

use super::{ALL, Town, USUAL};
use crate::harness::tells;

fn hide(tenant: &mut Tenant, group: Id) {
    tenant.set_group(group, |group| {
        let name = group.display_name.clone();
        *group = Group::hidden(&name);
    });
}

/// Without the right, Graph leaves hidden members out, or refuses them.
const WAYS: [bool; 2] = [false, true];

#[tokio::test]
async fn a_room() {
    for denied in WAYS {
        let town = Town::start_with(
            |options| options.hidden_members_denied = denied,
            |tenant, ids| hide(tenant, ids.red),
        )
        .await;
        town.is_whole("with the right").await;
        // What is told as changed is not told of such a group.
        town.grant(&USUAL);
        for step in 0..4 {
            let picture = town.reads(&["Red"]).await;
            let told = &picture.incomplete()["Red"];
            tells(
                told,
                &[
                    "membership is hidden",
                    "Member.Read.Hidden",
                    "administrator's consent",
                ],
            );
            // It is that permission that is missing, and no other.
            assert!(!told.contains("GroupMember.Read.All"), "{told}");
            town.reads_anew(&["Red"]).await;
            town.change(|tenant| match step {
                0 => tenant.add_member(town.red, town.dan),
                1 => tenant.remove_member(town.red, town.ada),
                _ => tenant.rename_group(town.red, "Red"),
            });
        }
        // Owners are not hidden.
        assert_eq!(town.reads(&["Red"]).await.owners("Red").len(), 1);
        town.grant(&ALL);
        town.is_whole("with the right again").await;
    }
}

#[tokio::test]
async fn a_group_inside_a_room() {
    for denied in WAYS {
        let town = Town::start_with(
            |options| options.hidden_members_denied = denied,
            |tenant, ids| hide(tenant, ids.inner),
        )
        .await;
        town.grant(&USUAL);
        let picture = town.reads(&["Inner"]).await;
        tells(&picture.incomplete()["Inner"], &["Member.Read.Hidden"]);
        assert_eq!(picture.people("Red").len(), 1);
        // What is around it knows no more.
        town.reads_anew(&["Inner"]).await;
        town.grant(&ALL);
        town.is_whole("with the right").await;
    }
}

#[tokio::test]
async fn the_root_group() {
    for denied in WAYS {
        let town = Town::start_with(|options| options.hidden_members_denied = denied, |_, _| {}).await;
        town.is_whole("before").await;
        town.change(|tenant| hide(tenant, town.root));
        town.grant(&USUAL);
        let picture = town.reads(&[]).await;
        tells(&picture.listing(), &["Member.Read.Hidden"]);
        assert!(picture.rooms().is_empty());
        town.grant(&ALL);
        town.is_whole("with the right").await;
    }
}

#[tokio::test]
async fn becoming_hidden_later() {
    for denied in WAYS {
        let town = Town::start_with(|options| options.hidden_members_denied = denied, |_, _| {}).await;
        town.grant(&USUAL);
        town.is_whole("before").await;
        town.change(|tenant| hide(tenant, town.red));
        tells(
            &town.reads(&["Red"]).await.incomplete()["Red"],
            &["Member.Read.Hidden"],
        );
        // Nobody tells that somebody has come.
        town.change(|tenant| tenant.add_member(town.red, town.dan));
        town.reads(&["Red"]).await;
        town.change(|tenant| {
            tenant.set_group(town.red, |group| group.visibility = Some("Private".to_owned()));
        });
        town.is_whole("not hidden any more").await;
        // The one inside, and the group around it that nothing else happens to.
        town.change(|tenant| hide(tenant, town.inner));
        town.reads(&["Inner"]).await;
        town.change(|tenant| tenant.remove_member(town.inner, town.bob));
        town.reads(&["Inner"]).await;
        town.grant(&ALL);
        town.is_whole("with the right").await;
    }
}

/// That it is empty is not known either, unless somebody is shown.
#[tokio::test]
async fn an_empty_one() {
    let town = Town::start_with(|_| {}, |tenant, ids| hide(tenant, ids.inner)).await;
    town.change(|tenant| {
        tenant.remove_member(town.inner, town.bob);
        tenant.remove_member(town.inner, town.cyd);
    });
    town.reads(&["Inner"]).await;
    town.change(|tenant| tenant.add_member(town.inner, town.bob));
    town.is_whole("somebody is in").await;
    town.change(|tenant| tenant.remove_member(town.inner, town.bob));
    town.reads(&["Inner"]).await;
}
