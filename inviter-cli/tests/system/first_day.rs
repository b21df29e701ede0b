//! The first day of an administrator with thirty rooms that people made by hand, on a homeserver with the limits that
//! it comes with. What is typed and printed is the page `docs/first-day.md`, word for word; what the homeserver then
//! has is looked at by its admin API.

mod organisation;
mod transcript;

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde_json::json;

use self::{organisation::Organisation, transcript::Transcript};
use crate::harness::{Output, Site};

/// The curl line about this in what was printed.
fn curl(output: &Output, path: &str) -> Result<String> {
    let line = output.stdout.lines().map(str::trim);
    let mut lines = line.filter(|line| line.starts_with("curl ") && line.contains(path));
    lines
        .next()
        .map(str::to_owned)
        .with_context(|| format!("no request for {path}: {output}"))
}

/// Whoever is in a room but the bot, by short names.
async fn people(site: &Site, room: &str) -> Result<BTreeSet<String>> {
    let inside = site.room(room).await?.inside().into_iter();
    Ok(inside.filter(|name| name != "inviter").collect())
}

#[tokio::test]
async fn is_as_the_documentation_shows() -> Result<()> {
    let organisation = Organisation::found().await?;
    let site = &organisation.site;
    let untouched = site.digest().await?;
    let mut page = Transcript::new(&organisation, INTRODUCTION);

    page.says("## Look first");
    page.says(LOOK);
    let check = page.runs(&["check"], 1).await?;
    assert_eq!(site.digest().await?, untouched, "looking changes nothing");

    page.says("## Lift the rate limits");
    page.says(LIMITS);
    page.sends(&curl(&check, "override_ratelimit")?).await?;

    pilot(&organisation, &mut page).await?;
    let zoology = people(site, "zoology").await?;
    obstacles(&organisation, &mut page, &check).await?;
    rest(&organisation, &mut page).await?;
    page.says(DONE);

    // What the homeserver has: everybody where the groups say, and nobody gone but Erin.
    for room in organisation.directory.rooms() {
        let wanted = organisation.directory.wanted(&room).into_keys();
        let inside = people(site, &room).await?;
        assert!(inside.is_superset(&wanted.collect()), "{room}: {inside:?}");
    }
    assert!(people(site, "zoology").await?.is_superset(&zoology));
    assert!(people(site, "lounge").await?.contains("telegram_1001"));
    assert_eq!(site.room("board").await?.creator, "inviter");
    let (output, writes) = site.writes_of(&["sync"]).await?;
    assert!(writes.is_empty(), "{output}");
    page.is("first-day.md")
}

const SCOPE: &str = "[scope]\ninclude_rooms = [\"#physics:*\", \"#chemistry:*\"]\n";
const TRUSTED: &str = "trusted_inviters = [\"@keeper:example.org\"]";
const EXEMPT: &str = "\
    [accounts]\nexempt = [\"@keeper:example.org\", \"@telegram_*:example.org\", \"@telegrambot:example.org\"]\n";

async fn pilot(organisation: &Organisation, page: &mut Transcript<'_>) -> Result<()> {
    let site = &organisation.site;
    page.says("## A pilot of two rooms");
    page.says(PILOT);
    let pilot = format!("[accounts]\nexempt = [\"@keeper:example.org\"]\n\n{SCOPE}");
    site.configure("", &pilot)?;
    page.block(&pilot);
    page.says("Everything from here on is about these two rooms. What would adopting them do?");
    page.runs(&["plan", "--adopt", "--removals-csv", "removals.csv"], 3)
        .await?;
    let table = std::fs::read_to_string(site.path("removals.csv"))?;
    page.says("`removals.csv` is for those who have to agree: each removal with its reason. Erin is told of in it, and explained in more words by");
    page.runs(&["explain", "@erin:example.org", "#physics:example.org"], 0)
        .await?;
    assert!(
        table.lines().count() == 2 && table.contains("@erin:example.org"),
        "{table}"
    );
    page.says(AGREED);
    page.runs(&["adopt", "#physics:example.org", "#chemistry:example.org"], 0)
        .await?;
    page.runs(&["sync"], 3).await?;
    page.says(FIRST_CLEAN);
    page.runs(&["sync"], 0).await?;
    let mut physics = organisation
        .directory
        .wanted("physics")
        .into_keys()
        .collect::<BTreeSet<_>>();
    physics.insert("keeper".to_owned());
    assert_eq!(people(site, "physics").await?, physics);
    page.says("And once more, to see that there is nothing left to do:");
    page.runs(&["sync"], 0).await?;
    page.runs(&["managed"], 0).await?;
    Ok(())
}

async fn obstacles(organisation: &Organisation, page: &mut Transcript<'_>, check: &Output) -> Result<()> {
    let site = &organisation.site;
    page.says("## What is in the way elsewhere");
    page.says(OBSTACLES);
    page.block(&format!("{TRUSTED}\n\n{EXEMPT}"));
    site.configure(TRUSTED, &format!("{SCOPE}\n{EXEMPT}"))?;
    for room in ["geology", "history", "library", "workshop"] {
        let room = inviter_testkit::enc(&id(organisation, room));
        page.sends(&curl(check, &format!("{room}/make_room_admin"))?)
            .await?;
    }
    page.says(SQUATTED);
    page.sends(&curl(check, "directory/room/%23board")?).await?;
    page.says(BY_HAND);
    let keeper = organisation.person("keeper");
    keeper
        .send_state(
            &id(organisation, "welcome"),
            "m.room.join_rules",
            "",
            json!({ "join_rule": "invite" }),
        )
        .await?;
    site.admin
        .delete("/_matrix/client/v3/directory/room/%23old-lab%3Aexample.org")
        .await?;
    Ok(())
}

async fn rest(organisation: &Organisation, page: &mut Transcript<'_>) -> Result<()> {
    let site = &organisation.site;
    page.says("## The rest");
    page.says(REST);
    site.configure(TRUSTED, EXEMPT)?;
    let rest = page
        .runs(&["plan", "--adopt", "--removals-csv", "removals.csv"], 0)
        .await?;
    assert!(!rest.stdout.contains("telegram"), "{rest}");
    let table = std::fs::read_to_string(site.path("removals.csv"))?;
    assert_eq!(
        table.lines().count(),
        1,
        "nobody goes who was not read about: {table}"
    );
    page.says(ADOPT_ALL);
    page.runs(&["sync", "--adopt"], 0).await?;
    page.says(AGAIN);
    page.runs(&["sync", "--adopt"], 4).await?;
    page.says("Into the canteen the bot was only invited, and has no power there. The check says who can lend it some:");
    let check = page.runs(&["check"], 1).await?;
    let canteen = inviter_testkit::enc(&id(organisation, "canteen"));
    page.sends(&curl(&check, &format!("{canteen}/make_room_admin"))?)
        .await?;
    page.runs(&["sync"], 0).await?;
    page.says("Nothing is left to do, and everything is managed:");
    page.runs(&["sync"], 0).await?;
    page.runs(&["managed"], 0).await?;
    Ok(())
}

fn id(organisation: &Organisation, room: &str) -> String {
    let mut rooms = organisation.rooms.iter().filter(|(_, name)| name == room);
    rooms.next().map(|(id, _)| id.clone()).unwrap_or_default()
}

const INTRODUCTION: &str = "\
# The first day

A university has thirty Matrix rooms that people made by hand over the years, a Synapse with the rate limits that it comes with, and a directory
whose groups say who belongs where. Today somebody sets up inviter. This page is what they typed and what they read; a test plays it against a real
Synapse and compares every line.

The bot's account `@inviter:example.org` is an ordinary one, and a member of most rooms, since somebody was told to invite it everywhere and to make
it an admin. The configuration is the one of the README: the homeserver, the token, one directory.
";
const LOOK: &str = "\
`inviter check` reads everything and changes nothing. For each room it says how it is, what the bot may do there, and what mends what is in the way.";
const LIMITS: &str = "\
The homeserver does not tell an ordinary account which limits hold for it, so the check reckons with those that a Synapse comes with. With thirty
rooms and few new people that hardly matters, with thousands it would be days. A server administrator runs the request that was shown:";
const PILOT: &str = "\
Nobody lets a new program loose on thirty rooms. Two will do for today. Keeper, who made the rooms and is in none of their groups, is to stay where
they are. In `inviter.toml`:";
const AGREED: &str = "\
Erin has moved to another department, and agrees. The rooms are adopted, and the first sync brings in who is missing:";
const FIRST_CLEAN: &str = "\
Nobody is removed by the first sync: that begins after one full run has gone through cleanly, so that there is something to compare with. The second
one does what was read in the plan:";
const OBSTACLES: &str = "\
The check has named an obstacle in eight rooms. The bot accepts invitations only from people who are trusted; the accounts of the bridge in the lounge are to
stay. Two lines of the configuration settle both:";
const SQUATTED: &str = "\
`#board` was somebody else's idea: nobody who belongs there is in it. The alias is freed, and inviter will make the room that belongs to it:";
const BY_HAND: &str = "\
The rest is done in a client, as the check says: `#welcome` becomes invite only, and the alias of the old lab is removed from the room that was
replaced.";
const REST: &str = "\
The two rooms are fine. `[scope]` is taken out of the configuration, and the plan is about everything:";
const ADOPT_ALL: &str = "\
Nobody would be removed. The bot accepts the invitations that wait for it, adopts what it is in, and creates the rooms that are missing:";
const AGAIN: &str = "\
Rooms that it joined just now were not its own yet; the next sync adopts them:";
const DONE: &str = "\
From here on `inviter sync` runs by a timer. A removal beyond the limits, a group that vanishes or a directory that shrinks holds the removals
and asks.";
