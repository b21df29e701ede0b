//! People of whom Graph shows no more than the ID and the type.

use inviter_graph_emulator::{Fault, Match, Trouble};
use serde_json::{Value, json};

use super::{Town, USUAL};
use crate::harness::{Picture, tells};

#[tokio::test]
async fn everybody_without_a_right_to_see_users() {
    let town = Town::start().await;
    town.grant(&["GroupMember.Read.All", "Member.Read.Hidden"]);
    for picture in [
        town.reads(&["Blue", "Inner", "Quiet", "Red"]).await,
        town.reads_anew(&["Blue", "Inner", "Quiet", "Red"]).await,
    ] {
        assert!(picture.directory.accounts.is_empty());
        tells(
            &picture.incomplete()["Blue"],
            &[
                "2 people",
                &town.cyd.to_string(),
                "User.Read.All",
                "administrator's consent",
            ],
        );
        tells(
            &picture.incomplete_owners()["Blue"],
            &["1 person", "User.Read.All"],
        );
        assert!(picture.group("Blue").members.values.is_empty());
        assert_eq!(picture.listing(), "");
    }
    town.grant(&USUAL);
    town.is_whole("with the right").await;
}

#[tokio::test]
async fn the_basic_profile_says_nothing_about_who_is_disabled() {
    let town = Town::start().await;
    town.change(|tenant| tenant.disable(town.cyd));
    for granted in [
        &["GroupMember.Read.All", "User.ReadBasic.All"][..],
        &["Group.Read.All", "User.ReadBasic.All", "Member.Read.Hidden"],
    ] {
        town.grant(granted);
        let picture = town.reads(&["Blue", "Inner", "Quiet", "Red"]).await;
        assert!(picture.directory.accounts.is_empty());
        tells(
            &picture.incomplete()["Blue"],
            &["the status of 2 people", "User.Read.All"],
        );
    }
    town.grant(&["Directory.Read.All"]);
    town.is_whole("with the right").await;
}

/// The answer of a group's members with one of them limited.
async fn limited(town: &Town) -> Picture {
    let person = |id: inviter_graph_emulator::Id, name: Option<&str>| {
        json!({
            "@odata.type": "#microsoft.graph.user",
            "id": id.to_string(),
            "userPrincipalName": name.map(|name| format!("{name}@example.org")),
            "accountEnabled": name.map(|_| true),
        })
    };
    let body: Value = json!({ "value": [person(town.cyd, None), person(town.dan, Some("dan"))] });
    let what = Trouble::Answer {
        status: 200,
        headers: vec![("content-type", "application/json".to_owned())],
        body: body.to_string(),
    };
    let members = Match::path(&format!("/groups/{}/members", town.blue));
    let fault = town.world.emulator.fault(Fault::once(members, what));
    let picture = town.world.read().await;
    assert_eq!(fault.hits(), 1);
    picture
}

#[tokio::test]
async fn somebody_who_is_shown_in_another_list() {
    let town = Town::start().await;
    let picture = limited(&town).await;
    town.world.assert_true(&picture, "inner shows whom blue does not");
}

#[tokio::test]
async fn somebody_alone() {
    let town = Town::start().await;
    town.change(|tenant| tenant.remove_member(town.inner, town.cyd));
    let picture = limited(&town).await;
    town.check(&picture, &["Blue"]);
    tells(
        &picture.incomplete()["Blue"],
        &["1 person", &town.cyd.to_string(), "User.Read.All"],
    );
    assert_eq!(picture.people("Red").len(), 2);
    // Nothing has changed, so Graph tells nothing as changed; what was not shown is read again all the same.
    town.is_whole("shown again").await;
    let (_, sent) = town.world.counted().await;
    assert_eq!(sent, 2);
}

#[tokio::test]
async fn whoever_is_new_and_not_shown() {
    let town = Town::start().await;
    town.is_whole("before").await;
    let fay = town.change(|tenant| {
        let fay = tenant.add_user("fay@example.org");
        tenant.add_member(town.blue, fay);
        fay
    });
    let user = format!("/users/{fay}");
    for what in [
        Trouble::LimitedInfo,
        Trouble::Denied,
        Trouble::NotFound,
        Trouble::Status(400),
        Trouble::EmptyValueMissing,
    ] {
        let told = format!("{what:?}");
        town.world.emulator.fault(Fault::always(Match::path(&user), what));
        for _ in 0..2 {
            let picture = town.world.read().await;
            // A list that is read anew shows them as well.
            let incomplete = picture.incomplete();
            town.check(&picture, &incomplete.keys().copied().collect::<Vec<_>>());
            if let Some(why) = incomplete.get("Blue") {
                tells(why, &[&fay.to_string()]);
            }
            assert!(incomplete.len() <= 1, "{told}: {incomplete:?}");
        }
        town.world.emulator.clear_faults();
        town.is_whole(&told).await;
        town.change(|tenant| tenant.remove_member(town.blue, fay));
        town.is_whole(&told).await;
        town.change(|tenant| tenant.add_member(town.blue, fay));
    }
}
