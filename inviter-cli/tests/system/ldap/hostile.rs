//! Logins that mean something else to who does not write them with care: as a filter, as a name, or as the end of a
//! text.

use anyhow::Result;
use inviter_testkit::SlapdOptions;

use super::{
    town::{Plan, Town},
    tree::SUFFIX,
};
use crate::{
    bad_input::one_line,
    harness::{Directory, lines},
};

const STAR: &str = "*)(uid=*";
const NUL: &str = "a\0b";
const BACKSLASH: &str = "back\\slash";
const BRACKET: &str = "\\2a)(|(uid=alice";

/// The rooms of people by what they are called.
fn rooms(called: impl Fn(&str) -> String) -> Directory {
    let mut rooms = Directory::default();
    let mut room = |name: &str, people: &[&str]| {
        rooms
            .room(name)
            .members(people.iter().map(|person| called(person)));
    };
    room("one", &[STAR, "alice"]);
    room("two", &[NUL, BACKSLASH, "bob"]);
    room("three", &[BRACKET]);
    room("ein", &[STAR, "bob"]);
    room("zwei", &[NUL, BRACKET]);
    room("drei", &[BACKSLASH, "alice"]);
    rooms.room("one").owners([called(STAR), called("alice")]);
    rooms.people([called("carol")]);
    rooms
}

/// A login as the localpart of a Matrix ID (<https://spec.matrix.org/v1.19/appendices/#mapping-from-other-character-sets>).
fn localpart(login: &str) -> String {
    let write = |byte: u8| match byte {
        b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'/' | b'+' => char::from(byte).to_string(),
        _ => format!("={byte:02x}"),
    };
    login.bytes().map(write).collect()
}

#[tokio::test]
async fn everybody_gets_their_own_rooms_only() -> Result<()> {
    let mut plan = Plan {
        ldap: rooms(str::to_owned),
        posix: ["ein", "zwei", "drei"].map(str::to_owned).into(),
        ..Plan::default()
    };
    plan.keys = format!(
        "member_logins = [\"memberUid\"]\nuser_bases = [\"ou=people,{SUFFIX}\"]\ngroup_bases = [\"ou=groups,{SUFFIX}\"]\n\
         group_filter = \"(|(objectClass=groupOfNames)(objectClass=posixGroup))\"\n"
    );
    let mut town = Town::found(SlapdOptions::new(), plan).await?;
    let mut wanted = rooms(localpart);
    town.site
        .register([STAR, NUL, BACKSLASH, BRACKET].map(localpart))
        .await?;
    let are_as_wanted = async |town: &Town, wanted: &Directory| {
        for room in wanted.rooms() {
            town.site.room(&room).await?.is_as_wanted(wanted, &room);
        }
        anyhow::Ok(())
    };
    town.site.fine(&["sync"]).await?;
    are_as_wanted(&town, &wanted).await?;
    let (output, writes) = town.site.writes_of(&["sync"]).await?;
    assert_eq!(lines(&writes), [""; 0], "{output}");

    // Nobody's login, and the name of nobody: both would be everybody's to who takes them for patterns.
    let ein = town.tree.group(&town.ldap, "ein");
    town.apply(|ldif| {
        ldif.add_values(&ein, "memberUid", &["*"]);
    })
    .await?;
    let (output, writes) = town.site.writes_of(&["sync"]).await?;
    assert_eq!(lines(&writes), [""; 0], "{output}");
    one_line(&output, &["1 member entry", "(*)", "nobody is there any more"]);

    // They go as everybody does.
    town.change(|directory| {
        directory.room("one").without(STAR);
        directory.room("ein").without(STAR);
        directory.room("zwei").without(NUL);
    })
    .await?;
    wanted.room("one").without(&localpart(STAR));
    wanted.room("ein").without(&localpart(STAR));
    wanted.room("zwei").without(&localpart(NUL));
    town.site.fine(&["sync"]).await?;
    are_as_wanted(&town, &wanted).await
}
