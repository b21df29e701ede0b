//! What can go wrong with a list of a group.

use anyhow::Result;
use inviter_graph_emulator::{Fault, Match, Options, Trouble};

use super::{
    rights::{ALL, GROUPS, USERS, grant},
    tenancy::Tenancy,
    trial::{self, Case, Due},
};
use crate::harness::Site;

/// Something goes wrong with every request of this kind.
pub(super) fn always(
    when: impl Fn(&Tenancy) -> Match + 'static,
    what: Trouble,
) -> impl Fn(&mut Tenancy, &Site) -> Result<()> {
    move |tenancy, _| {
        tenancy.emulator.fault(Fault::always(when(tenancy), what.clone()));
        Ok(())
    }
}

/// With those to the lists of the group of the room that is to be harmed.
fn lists_of(room: &'static str) -> impl Fn(&Tenancy) -> Match {
    move |tenancy| Match::path(&tenancy.path(room)).in_batch()
}

/// With those to further pages of its members.
fn pages_of(room: &'static str) -> impl Fn(&Tenancy) -> Match {
    move |tenancy| Match::path(&tenancy.list(room, "members")).outside_batch()
}

fn short_pages() -> Options {
    Options {
        largest_page: 2,
        ..Options::default()
    }
}

/// What is told where some list could not be read.
const NOT_ALL: &str = "not everything could be read of group {a}";
const NOBODY: &str = "so nobody is removed from the rooms that they feed";

#[tokio::test]
async fn lists_that_cannot_be_read() -> Result<()> {
    let page = |name, trouble, room, told: &[&str]| {
        let told = [&[NOT_ALL, NOBODY, "members of"], told].concat();
        Case::of_room(name, Due::Removal, &told, always(pages_of(room), trouble)).options(short_pages())
    };
    let item = |name, trouble, room, told: &[&str]| {
        let told = [&[NOT_ALL, NOBODY, "members of"], told].concat();
        Case::of_room(name, Due::Both, &told, always(lists_of(room), trouble))
    };
    trial::all(vec![
        page(
            "page500",
            Trouble::Status(500),
            "page500-a",
            &["Graph cannot answer", "run again later"],
        ),
        page(
            "pagecut",
            Trouble::CutBody,
            "pagecut-a",
            &["broke", "run again later"],
        ),
        page(
            "pagehalf",
            Trouble::Truncated,
            "pagehalf-a",
            &["the answer is cut off", "check the URL of Graph"],
        ),
        page(
            "pagegone",
            Trouble::Gone,
            "pagegone-a",
            &["does not know any more where this stood", "run again"],
        ),
        item(
            "item500",
            Trouble::Status(500),
            "item500-a",
            &["Graph cannot answer", "run again later"],
        ),
        item(
            "itemlost",
            Trouble::DropBatchItem,
            "itemlost-a",
            &["left this out of its answer to a batch", "check the URL of Graph"],
        ),
        item(
            "item404",
            Trouble::NotFound,
            "item404-a",
            &["Graph does not have it any more"],
        ),
        item(
            "item403",
            Trouble::Denied,
            "item403-a",
            &["grant the application the permission GroupMember.Read.All"],
        ),
        item(
            "limited",
            Trouble::LimitedInfo,
            "limited-a",
            &[
                "Graph does not show the name and the status of",
                "grant the application the permission User.Read.All",
            ],
        ),
        Case::of_room(
            "owners",
            Due::Demotion,
            &[
                "not all owners could be read of group {a}",
                "so no owner is lowered in the rooms that they feed",
                "owners of",
                "Graph cannot answer",
                "run again later",
            ],
            always(
                |tenancy| Match::path(&tenancy.list("owners-a", "owners")),
                Trouble::Status(500),
            ),
        ),
        hidden("hidden", Options::default()),
        hidden(
            "hiddenno",
            Options {
                hidden_members_denied: true,
                ..Options::default()
            },
        ),
    ])
    .await
}

/// Somebody hides a group's members, which the application may not see.
fn hidden(name: &'static str, options: Options) -> Case {
    let told = [
        NOT_ALL,
        NOBODY,
        "its membership is hidden",
        "grant the application the permission Member.Read.Hidden",
    ];
    let room = move || format!("{name}-a");
    Case::of_room(name, Due::Removal, &told, move |tenancy, _| {
        let group = tenancy.group(&room());
        tenancy.emulator.grant(&[GROUPS, USERS]);
        let hide = |group: &mut inviter_graph_emulator::Group| {
            group.visibility = Some("HiddenMembership".to_owned());
        };
        assert!(tenancy.emulator.change(|tenant| tenant.set_group(group, hide)));
        Ok(())
    })
    .options(options)
    .mended_by(grant(&ALL))
}
