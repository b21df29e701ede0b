//! The text, of rooms on the homeserver in memory.

use std::{fs, sync::Arc};

use anstream::adapter::strip_str;
use inviter::{
    config::Config,
    core::{
        IdentityProvider, OwnedUserId, RoomBackend as _,
        memory::{InMemoryDirectory, InMemoryHomeserver, InMemoryStore, NewRoom, UserOp},
        provider::{Advice, AdviceKind},
    },
    wiring::{Setup, providers},
};
use serde_json::{Value, json};

use super::{Answer as _, Checked, Connected, ProviderId, ask_for_advice};

const CONFIG: &str = r#"
[homeserver]
url = "http://127.0.0.1:1"
user = "@inviter:example.com"
access_token_env = "TOKEN"

[[directory]]
name = "people"
kind = "file"
path = "people.json"

[state]
dir = "state"
"#;

struct Place {
    homeserver: InMemoryHomeserver,
    bot: OwnedUserId,
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let homeserver = InMemoryHomeserver::new("example.com".try_into().unwrap());
        Self {
            bot: homeserver.register("inviter").unwrap(),
            homeserver,
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn user(&self, name: &str) -> OwnedUserId {
        self.homeserver.register(name).unwrap()
    }

    /// Groups with the people and groups in them.
    fn groups(&self, groups: &[(&str, &[&str], &[&str])]) {
        let groups: Vec<Value> = groups
            .iter()
            .map(|(name, members, within)| json!({ "id": name, "name": name, "members": members, "groups": within }))
            .collect();
        let directory = json!({ "people": [{ "id": "ada" }, { "id": "bob" }], "groups": groups });
        fs::write(self.dir.path().join("people.json"), directory.to_string()).unwrap();
    }

    /// A room of somebody's, with others in it.
    fn room(&self, owner: &OwnedUserId, alias: &str, people: &[&OwnedUserId]) {
        let new = NewRoom {
            alias: Some(alias.to_owned()),
            ..NewRoom::default()
        };
        let made = self
            .homeserver
            .act(owner, &UserOp::CreateRoom(Box::new(new)))
            .unwrap();
        let room = made.created().unwrap();
        for user in people {
            let invite = UserOp::Invite {
                room: room.clone(),
                user: (*user).clone(),
                reason: None,
            };
            self.homeserver.act(owner, &invite).unwrap();
            self.homeserver
                .act(user, &UserOp::Join { room: room.clone() })
                .unwrap();
        }
    }

    async fn text(&self) -> String {
        text(&self.checked().await)
    }

    async fn checked(&self) -> Checked {
        let token = |_: &str| Some("token".to_owned());
        let config = Config::parse(CONFIG, &self.dir.path().join("inviter.toml"), &token).unwrap();
        let backend = Arc::new(self.homeserver.backend(self.bot.clone()));
        let identity = backend.whoami().await.unwrap();
        let setup = Setup::assemble(&config, identity, backend, Arc::new(InMemoryStore::default()));
        let connected = Connected::read(setup, &inviter::core::reconcile::RunOptions::by_person(), false)
            .await
            .unwrap();
        Checked {
            config: "inviter.toml".to_owned(),
            homeserver: "http://127.0.0.1:1".to_owned(),
            desired: connected.draft.desired.clone(),
            advice: ask_for_advice(&providers(&config)).await,
            connected: Ok(connected),
        }
    }
}

fn text(checked: &Checked) -> String {
    strip_str(&checked.text()).to_string()
}

#[tokio::test]
async fn a_first_look() {
    let place = Place::new();
    place.groups(&[
        ("MTRX #new:example.com", &["ada", "bob"], &[]),
        ("MTRX #old:example.com", &["ada", "bob"], &[]),
    ]);
    let (eve, ghost) = (place.user("eve"), place.user("signal_1"));
    place.room(&eve, "old", &[&ghost, &place.bot]);
    let text = place.text().await;
    // The room ID is another each time.
    let lines = text
        .lines()
        .map(|line| line.split_once("  !").map_or(line, |(before, _)| before));
    let text = lines.collect::<Vec<_>>().join("\n");
    assert_eq!(
        text,
        "\
configuration inviter.toml
directory people: 2 active accounts, 2 groups
homeserver http://127.0.0.1:1: in memory, gives new rooms version 12
account @inviter:example.com: an ordinary account, no administrator of the homeserver
rate limits: the homeserver does not tell the bot
  its rates are not known; what follows assumes those that a Synapse comes with
  the next sync takes at least a second (1 to create, 2 to invite), at 35 ms a request (100 ms to create a room), which the homeserver takes one after another

#new:example.com  to create, 2 wanted
#old:example.com  found, not adopted, 3 joined, 0 invited, 2 wanted
  version 12, created by @eve:example.com on 2023-11-14; the bot has level 0, may invite, and may not remove (50), set levels (100), set the name (50), set the topic (50), set the history visibility (100), list it (50)
  0 of the 2 who belong there are in it; once it is adopted, 2 would be invited, 0 removed, and 0 levels and settings changed
  note: nobody has adopted it; if it is yours: inviter adopt '#old:example.com'
  note: @eve:example.com is not known to any directory, and no trusted inviter or creator; 0 of the 2 who belong there are in it; the alias may be squatted: look at the room before you adopt it
    on the homeserver: if it is not yours, a server administrator frees the alias, and the next sync creates a room under it:
      curl -X DELETE -H \"Authorization: Bearer $ADMIN_TOKEN\" 'http://127.0.0.1:1/_matrix/client/v3/directory/room/%23old%3Aexample.com'
  note: the bot's level 0 is too low for what it has to do there
    in a client: @eve:example.com types `/op @inviter:example.com 100` in the room (Element: the bot in the list of people → Power level; what each level may do: Room settings → Roles & Permissions)
  note: its version 12 puts @eve:example.com above all levels: nobody can remove or lower them
  note: 1 account of a bridge is in no group (@signal_1:example.com)
note: accounts of bridges are in rooms and in no group, so a sync may remove them; to keep them, in [accounts]: exempt = [\"@signal_*:example.com\"]

check: something cannot work, see above (1 room with an obstacle)
next: inviter plan; then inviter sync"
    );
}

/// What is to be done is shown for the first rooms, and not buried under that of all.
#[tokio::test]
async fn many_rooms_with_one_trouble() {
    let place = Place::new();
    let names: Vec<String> = (10..35).map(|n| format!("MTRX #r{n}:example.com")).collect();
    let groups: Vec<(&str, &[&str], &[&str])> = names
        .iter()
        .map(|name| (&**name, &["ada"][..], &[][..]))
        .collect();
    place.groups(&groups);
    let ada = place.user("ada");
    for n in 10..35 {
        place.room(&ada, &format!("r{n}"), &[]);
    }
    let text = place.text().await;
    assert_eq!(
        text.matches("types `/invite @inviter:example.com`").count(),
        20,
        "{text}"
    );
    assert_eq!(text.matches("as in the rooms above").count(), 5, "{text}");
    assert_eq!(text.matches("note: the bot is not in it").count(), 25, "{text}");
    assert!(text.contains("see above (25 rooms with an obstacle)"), "{text}");
}

/// One group that was not read whole keeps people in several rooms: told once.
#[tokio::test]
async fn what_several_rooms_share_is_told_once() {
    let place = Place::new();
    let names = [
        "MTRX #a:example.com",
        "MTRX #b:example.com",
        "MTRX #c:example.com",
    ];
    let mut groups: Vec<(&str, &[&str], &[&str])> = names.map(|name| (name, &[][..], &["crew"][..])).to_vec();
    groups.push(("crew", &["ada", "nobodys"], &[]));
    place.groups(&groups);
    let ada = place.user("ada");
    for alias in ["a", "b", "c"] {
        place.room(&place.bot, alias, &[&ada]);
    }
    let text = place.text().await;
    assert_eq!(text.matches("nobody is removed, because").count(), 1, "{text}");
    assert!(
        text.contains("note: in 3 rooms: nobody is removed, because"),
        "{text}"
    );
}

/// What a directory has to say stands below it, and only what blocks is in the way.
#[tokio::test]
async fn advice_of_a_directory() {
    let place = Place::new();
    place.groups(&[("crew", &["ada"], &[])]);
    let directory = Arc::new(InMemoryDirectory::new("people"));
    directory.add_advice(Advice::new(AdviceKind::Fine, "the connection is encrypted"));
    directory.add_advice(Advice::new(
        AdviceKind::Improve,
        "index the attribute \u{1b}[31mmember",
    ));
    let directories: [Arc<dyn IdentityProvider>; 1] = [directory.clone()];
    let mut checked = place.checked().await;
    assert_eq!(checked.advice_of(&ProviderId::new("people")), []);
    let before = text(&checked);
    checked.advice = ask_for_advice(&directories).await;
    let line = "directory people: 2 active accounts, 1 group\n";
    let told = "  the connection is encrypted\n  note: index the attribute \\u{1b}[31mmember\n";
    assert_eq!(text(&checked), before.replace(line, &format!("{line}{told}")));
    assert_eq!(
        (checked.works(), checked.json()["works"].clone()),
        (true, true.into())
    );

    directory.add_advice(Advice::new(
        AdviceKind::Blocks,
        "the account may not read members; grant it",
    ));
    checked.advice = ask_for_advice(&directories).await;
    let after = text(&checked);
    let told = format!("{line}{told}  error: the account may not read members; grant it\nhomeserver");
    assert!(after.contains(&told), "{after}");
    let end = "check: something cannot work, see above (1 directory)\nnext: correct what is marked above, then inviter check\n";
    assert!(after.ends_with(end), "{after}");
    assert!(!checked.works());
    let json = checked.json();
    assert_eq!(
        json["directories"][0]["advice"][2],
        json!({ "kind": "blocks", "message": "the account may not read members; grant it" })
    );
    assert_eq!(
        (&json["works"], &json["directories"][0]["complete"]),
        (&false.into(), &true.into())
    );

    // Without a homeserver it is shown all the same.
    checked.connected = Err("it is down".to_owned());
    assert!(text(&checked).contains(&told), "{}", text(&checked));
}
