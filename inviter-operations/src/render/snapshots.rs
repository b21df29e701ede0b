//! Reports of real runs against the homeserver in memory, as text and as JSON.

use std::sync::Arc;

use anstream::adapter::strip_str;
use inviter::core::{
    backend::BackendErrorKind,
    directory::Remark,
    evidence::Evidence,
    guard::ReleaseCode,
    memory::{Call, InMemoryDirectory, MemoryGroup, NewRoom, UserOp},
    reconcile::RunOptions,
    report::Report,
    resolve::ReadOutcome,
};
use serde_json::Value;

use super::{document, report};
use crate::place::Place;

impl Place {
    /// With ways, as `--paths` asks for them.
    fn evidence(&self, directories: &[ReadOutcome], report: &Report) -> Evidence {
        Evidence::gather(directories, &self.reconciler.policy, &report.rooms, true)
    }

    async fn plan(&self, options: &RunOptions) -> Seen {
        let draft = self.reconciler.plan(options).await.unwrap();
        let report = draft.report();
        let evidence = self.evidence(&draft.directories, &report);
        Seen {
            text: text(&report, &evidence, report::Kind::Plan),
            json: document::report(&report, &evidence, &draft.desired, "@inviter:example.com"),
        }
    }

    async fn sync(&self, options: &RunOptions) -> Seen {
        let draft = self.reconciler.plan(options).await.unwrap();
        let desired = draft.desired.clone();
        let directories = Arc::clone(&draft.directories);
        let report = self.reconciler.apply(draft, options).await;
        let evidence = self.evidence(&directories, &report);
        Seen {
            text: text(&report, &evidence, report::Kind::Sync),
            json: document::report(&report, &evidence, &desired, "@inviter:example.com"),
        }
    }
}

struct Seen {
    text: String,
    json: Value,
}

/// Without colours and without the room ID, which is another each time.
fn text(report: &Report, evidence: &Evidence, kind: report::Kind) -> String {
    let mut text = String::new();
    report::report(&mut text, report, evidence, kind).unwrap();
    let text = strip_str(&text).to_string();
    let lines = text.lines().map(|line| match line.split_once("  !") {
        Some((before, id)) if before.starts_with('#') => {
            let rest = id
                .split_once(',')
                .map_or_else(String::new, |(_, rest)| format!(",{rest}"));
            format!("{before}  !ID{rest}")
        }
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_first_plan_and_what_becomes_of_it() {
    let place = Place::new().await;
    let run = RunOptions::by_person();
    let plan = place.plan(&run).await;
    let room =
        "  + create the room \"staff\", encrypted, history shared  wanted by MTRX #staff:example.com (people)
  + level of @ada:example.com: default → 50             wanted by MTRX #staff:example.com (people)
  + invite @ada:example.com                             owner of MTRX #staff:example.com (people)
  + invite @bob:example.com                             member of MTRX #staff:example.com (people)
  + invite @cid:example.com                             member of MTRX #staff:example.com (people)
  + invite @dan:example.com                             member of MTRX #staff:example.com (people)
  + invite @eve:example.com                             member of MTRX #staff:example.com (people)";
    let last = "plan: 1 room to create, 5 to invite, 0 to remove, 0 to change; 0 held, 0 pending";
    assert_eq!(
        plan.text,
        format!("#staff:example.com  to create\n{room}\n\n{last}")
    );
    assert_eq!(plan.json["counts"]["changes"], 6);
    assert_eq!(
        plan.json["rooms"][0]["actions"][1]["group"]["name"],
        "MTRX #staff:example.com"
    );

    let sync = place.sync(&run).await;
    let room = room.replace('\n', "  done\n") + "  done";
    let last = "sync: 1 room created, 5 invited, 0 removed, 0 changed; 0 held, 0 failed, 0 put off";
    assert_eq!(sync.text, format!("#staff:example.com  !ID\n{room}\n\n{last}"));
    assert_eq!(sync.json["counts"], plan.json["counts"]);

    let plan = place.plan(&run).await;
    assert_eq!(plan.text, "plan: no changes");
}

#[tokio::test]
async fn a_level_and_a_removal() {
    let place = Place::new().await;
    let run = RunOptions::by_person();
    place.sync(&run).await;
    place.staff(&["ada", "bob", "cid", "dan"], &["bob"]);
    let plan = place.plan(&run).await;
    assert_eq!(
        plan.text,
        "\
#staff:example.com  !ID
  ~ level of @ada:example.com: 50 → default      not given by MTRX #staff:example.com (people) any more
  ~ level of @bob:example.com: default → 50      owner of MTRX #staff:example.com (people)
  - withdraw the invitation of @eve:example.com  not in MTRX #staff:example.com (people); active in people

plan: 0 rooms to create, 0 to invite, 1 to remove, 2 to change; 0 held, 0 pending"
    );
}

#[tokio::test]
async fn what_is_held_tells_how_to_let_it_go() {
    let place = Place::new().await;
    let run = RunOptions::by_person();
    place.sync(&run).await;
    place.staff(&["ada"], &["ada"]);
    let plan = place.plan(&run).await;
    let code = plan.json["release"].as_str().unwrap().to_owned();
    let held = |kind| {
        format!(
            "\
#staff:example.com  !ID
  ! withdraw the invitation of @bob:example.com  not in MTRX #staff:example.com (people); active in people  held
  ! withdraw the invitation of @cid:example.com  not in MTRX #staff:example.com (people); active in people  held
  ! withdraw the invitation of @dan:example.com  not in MTRX #staff:example.com (people); active in people  held
  ! withdraw the invitation of @eve:example.com  not in MTRX #staff:example.com (people); active in people  held
    held: 4 of 5 people of this room would go, the limit is 3 and 25 %
    if that is right, run `inviter sync --release {code}`

{kind}: no changes; 4 held"
        )
    };
    assert_eq!(plan.text, held("plan"));
    let actions = &plan.json["rooms"][0]["actions"];
    assert_eq!(actions[0]["outcome"], "held");
    assert_eq!(actions[0]["reasons"][0]["reason"], "room_limit");
    let sync = place.sync(&run).await;
    assert_eq!(sync.text, held("sync"));

    let mut released = RunOptions::by_person();
    released.releases.insert(ReleaseCode::new(code));
    let sync = place.sync(&released).await;
    assert_eq!(
        (&sync.json["counts"]["removed"], &sync.json["release"]),
        (&4.into(), &Value::Null)
    );
    assert_eq!(sync.json["rooms"][0]["release"], Value::Null);
}

#[tokio::test]
async fn a_failure_is_told_where_it_belongs() {
    let place = Place::new().await;
    let run = RunOptions::by_person();
    place.sync(&run).await;
    place.staff(&["ada", "bob", "cid", "dan", "eve", "fay"], &["ada"]);
    place.homeserver.fail_next(
        |call| matches!(call, Call::Execute(..)),
        BackendErrorKind::Unavailable,
    );
    let sync = place.sync(&run).await;
    assert!(
        sync.text
            .contains("+ invite @fay:example.com  member of MTRX #staff:example.com (people)  failed: "),
        "{}",
        sync.text
    );
    assert!(sync.text.ends_with("sync: no changes; 1 failed"), "{}", sync.text);
    assert_eq!(sync.json["rooms"][0]["actions"][0]["temporary"], true);
}

#[tokio::test]
async fn a_remark_of_a_directory_is_told() {
    let mut place = Place::new().await;
    let people = InMemoryDirectory::new("people")
        .with_people(["ada"])
        .with_group(MemoryGroup::new("MTRX #staff:example.com").members(["ada"]));
    people.add_remark(Remark::new("members of staff", "2 entries lead to nobody"));
    place.reconciler.providers = vec![Arc::new(people)];
    let run = RunOptions::by_person();
    let sync = place.sync(&run).await;
    let plan = place.plan(&run).await;
    for seen in [&sync, &plan] {
        assert!(
            seen.text
                .contains("note: directory people: members of staff: 2 entries lead to nobody\n"),
            "{}",
            seen.text
        );
        let finding = &seen.json["findings"][0];
        assert_eq!(
            (&finding["kind"], &finding["directory"]),
            (&"directory_remark".into(), &"people".into())
        );
    }
}

#[tokio::test]
async fn an_unread_directory_is_told_first_and_last() {
    let place = Place::new().await;
    place.people("");
    let plan = place.plan(&RunOptions::by_person()).await;
    assert!(
        plan.text.starts_with("error: directory people could not be read"),
        "{}",
        plan.text
    );
    assert!(
        plan.text.ends_with("plan: no changes; 1 directory not read"),
        "{}",
        plan.text
    );
}

#[tokio::test]
async fn a_group_that_is_missing_is_told_once() {
    let place = Place::new().await;
    place.sync(&RunOptions::by_person()).await;
    let group = serde_json::json!({
        "name": "MTRX #staff:example.com", "members": ["ada"], "groups": ["nobodys"], "owners": ["ada"],
    });
    let directory = serde_json::json!({ "people": [{ "id": "ada" }], "groups": [group] });
    place.people(&directory.to_string());
    let plan = place.plan(&RunOptions::by_person()).await;
    assert!(plan.text.contains("nobody is removed, because"), "{}", plan.text);

    let draft = place.reconciler.plan(&RunOptions::by_person()).await.unwrap();
    let mut text = String::new();
    super::rooms::desired(&mut text, &draft.desired).unwrap();
    let text = strip_str(&text).to_string();
    let mut gaps: Vec<_> = text.lines().filter(|line| line.contains("incomplete:")).collect();
    let count = gaps.len();
    assert!(count > 0, "{text}");
    gaps.dedup();
    assert_eq!(gaps.len(), count, "each once: {text}");
}

#[tokio::test]
async fn a_room_of_somebody_else_is_counted() {
    let place = Place::new().await;
    let owner = place.homeserver.register("owner").unwrap();
    let room = NewRoom {
        alias: Some("staff".to_owned()),
        ..NewRoom::default()
    };
    place
        .homeserver
        .act(&owner, &UserOp::CreateRoom(Box::new(room)))
        .unwrap();
    let plan = place.plan(&RunOptions::by_person()).await;
    assert!(
        plan.text.ends_with("plan: no changes; 1 room not managed"),
        "{}",
        plan.text
    );
}
