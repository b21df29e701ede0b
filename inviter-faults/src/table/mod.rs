//! The table of faults and places.

mod place;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use inviter::core::finding::Subject;
use inviter::core::report::Outcome;
use inviter::{Report, RunOptions};
use inviter_testkit::{Client, Options, Synapse};
use serde_json::json;

use self::place::{Scene, Trial, Wrong, trials};
use crate::homeserver::judge::Judge;
use crate::homeserver::organisation::Organisation;
use crate::homeserver::site::Site;

/// The setting that somebody changes.
const HISTORY: &str = "m.room.history_visibility";

/// The room that somebody else makes.
const LOBBY: &str = "lobby";

/// Trials at the same time: much of each is waiting.
const LANES: usize = 6;

/// What is asked of this part.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The file that is written
    #[arg(long, default_value = "docs/faults.md")]
    pub out: PathBuf,
}

/// What came of one fault at one place.
#[derive(Debug, Clone)]
pub struct Row {
    /// The line of the document, which says everything but [`met`](Self::met).
    pub line: String,
    /// How many requests met the fault.
    pub met: u64,
    /// What was done that may never be done.
    pub mistakes: Vec<String>,
    /// Why the run after the fault did not make everything right, or the one after that still wrote.
    pub not_converged: Option<String>,
}

/// Tries every fault at every place, and writes the table.
///
/// # Errors
/// When a trial could not be made, something was done by mistake, or something was not right after it.
pub fn run(args: &Args) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let rows = runtime.block_on(async {
        let synapse = Arc::new(Synapse::start(Options::new()).await?);
        rows(&synapse, |_, _| true).await
    })?;
    std::fs::write(&args.out, document(&rows)).with_context(|| args.out.display().to_string())?;
    let met: u64 = rows.iter().map(|row| row.met).sum();
    let wrong: Vec<&Row> = rows
        .iter()
        .filter(|row| !row.mistakes.is_empty() || row.not_converged.is_some())
        .collect();
    // Nobody is left to be told if this fails.
    let _ = writeln!(
        std::io::stdout(),
        "table: {} faults tried, {met} requests met them, {} went wrong",
        rows.len(),
        wrong.len()
    );
    if !wrong.is_empty() {
        bail!("{wrong:#?}");
    }
    Ok(())
}

/// Tries the faults that are asked for, by fault and place, in the order of the table.
///
/// # Errors
/// When a trial could not be made.
pub async fn rows(synapse: &Arc<Synapse>, wanted: impl Fn(&str, &str) -> bool) -> Result<Vec<Row>> {
    let trials = trials()
        .into_iter()
        .filter(|trial| wanted(trial.fault, trial.place));
    stream::iter(trials)
        .map(|trial| async move {
            let about = format!("{} at {}", trial.fault, trial.place);
            row(Arc::clone(synapse), &trial).await.context(about)
        })
        .buffered(LANES)
        .try_collect()
        .await
}

/// Every fault and its place, in the order of the table.
pub fn faults() -> Vec<(&'static str, &'static str)> {
    trials().iter().map(|trial| (trial.fault, trial.place)).collect()
}

fn before() -> Organisation {
    let mut organisation = Organisation::default();
    let people: Vec<String> = (0..12).map(|number| format!("p{number}")).collect();
    organisation.people.extend(people.iter().cloned());
    organisation
        .group("staff", true, ["p0", "p1", "p2", "p3"])
        .owners
        .insert("p0".to_owned());
    organisation.group("club", true, people.iter().skip(1).map(String::as_str));
    organisation
}

/// p2 goes from one room, p4 comes, p1 becomes a moderator, and there is one room more; and one to which the bot is
/// invited, if it is.
fn after(scene: Scene) -> Organisation {
    let mut organisation = before();
    if scene == Scene::Invited {
        organisation.group(LOBBY, true, ["p0", "p6"]);
    }
    let staff = organisation.group("staff", true, ["p4"]);
    staff.members.remove("p2");
    staff.owners.insert("p1".to_owned());
    organisation.group("den", true, ["p0", "p5"]);
    organisation
}

async fn row(synapse: Arc<Synapse>, trial: &Trial) -> Result<Row> {
    let mut site = Site::start(synapse, trial.kind, &before(), "").await?;
    trial.more.clone_into(&mut site.more);
    let olga = site.synapse.register(&site.names.localpart("olga")).await?;
    trial.scene.configure(&mut site, &olga);
    site.fine(&RunOptions::by_person()).await?;
    let living = if trial.lives_on {
        Some(site.connect().await?)
    } else {
        None
    };
    let first = match &living {
        Some(setup) => setup.reconciler.sync(&RunOptions::by_person()).await?,
        None => site.fine(&RunOptions::by_person()).await?,
    };
    ensure!(first.tally().failed == 0, "before the fault: {first:?}");
    site.proxy.settled().await;
    site.proxy.clear();
    let mut judge = Judge::new(&site, before(), Vec::new()).await?;
    let after = after(trial.scene);
    trial.scene.set(&site, &olga).await?;
    site.directory.publish(&site.names, &before(), &after).await?;
    judge.truth = after.clone();

    let wrong = trial.begin(&site);
    let ran = match &living {
        Some(setup) => setup
            .reconciler
            .sync(&RunOptions::by_person())
            .await
            .map_err(|e| e.to_string()),
        None => match site.connect().await {
            Ok(setup) => setup
                .reconciler
                .sync(&RunOptions::by_person())
                .await
                .map_err(|e| e.to_string()),
            Err(error) => Err(error.to_string()),
        },
    };
    site.proxy.settled().await;
    let met = wrong.met();
    Wrong::end(&site);
    ensure!(met > 0, "no request met it");
    let told = plain(&site, &told(&ran));
    judge.after_a_run(&site, "under the fault").await?;
    let removed = judge.removals;

    tokio::time::sleep(trial.wait).await;
    site.directory.publish(&site.names, &after, &after).await?;
    let converged = async {
        converges(&site, &mut judge, living).await?;
        trial.scene.is_right(&site).await
    };
    let not_converged = converged.await.err().map(|error| format!("{error:#}"));
    let by_mistake = judge
        .mistakes
        .iter()
        .filter(|mistake| mistake.contains("by mistake"))
        .count();
    let line = format!(
        "| {} | {} | {told} | {removed} | {by_mistake} | {} |",
        trial.place,
        trial.fault,
        if not_converged.is_none() { "yes" } else { "**no**" },
    );
    Ok(Row {
        line,
        met,
        mistakes: judge.mistakes,
        not_converged,
    })
}

impl Scene {
    /// What the configuration says of it.
    fn configure(self, site: &mut Site, olga: &Client) {
        let olga = olga.user_id();
        match self {
            Self::Plain => {}
            Self::Invited => {
                site.head = format!("trusted_inviters = [{olga:?}]\n");
                site.more = format!("[adopt]\ntrusted_creators = [{olga:?}]\n");
            }
            Self::Loosened => "[rooms]\nhistory_visibility = \"joined\"\n".clone_into(&mut site.more),
        }
    }

    /// What happens in rooms before the run.
    async fn set(self, site: &Site, olga: &Client) -> Result<()> {
        match self {
            Self::Plain => Ok(()),
            Self::Invited => site.invited_to(olga, LOBBY).await,
            Self::Loosened => {
                let room = site.room_id("club").await?.context("there is no club")?;
                let loose = json!({ "history_visibility": "shared" });
                let sent = site.bot.send_state(&room, HISTORY, "", loose).await;
                sent.map(drop)
            }
        }
    }

    /// Whether what people and levels do not show has become right.
    async fn is_right(self, site: &Site) -> Result<()> {
        if self == Self::Loosened {
            let room = site.room_id("club").await?.context("there is no club")?;
            let history = site.bot.state_event(&room, HISTORY, "").await?;
            ensure!(
                history == Some(json!({ "history_visibility": "joined" })),
                "the history of the club is {history:?}"
            );
        }
        Ok(())
    }
}

/// The fault is over: one run, and then nothing is written.
async fn converges(site: &Site, judge: &mut Judge, living: Option<inviter::Setup>) -> Result<()> {
    let setup = match living {
        Some(setup) => setup,
        None => site.connect().await?,
    };
    let report = setup.reconciler.sync(&RunOptions::by_person()).await?;
    judge.after_a_run(site, "after the fault").await?;
    let differences = judge.differences();
    ensure!(
        differences.is_empty(),
        "{differences:?}, told: {}",
        told(&Ok(report))
    );
    setup.reconciler.sync(&RunOptions::by_person()).await?;
    let writes = site.proxy.writes();
    ensure!(writes.is_empty(), "the quiet run writes: {writes:?}");
    judge.after_a_run(site, "the quiet run").await
}

/// What a run said that matters most, in one sentence.
fn told(ran: &Result<Report, String>) -> String {
    let report = match ran {
        Ok(report) => report,
        Err(error) => return format!("the run cannot begin: {error}"),
    };
    if let Some(error) = report.errors.first() {
        return error.clone();
    }
    let items = || report.rooms.iter().flat_map(|room| &room.items);
    let failed = items().find_map(|item| match &item.outcome {
        Outcome::Failed { error, .. } => Some(format!("failed: {error}")),
        Outcome::Parked { error, .. } => Some(format!("put off: {error}")),
        Outcome::Stale { detail } => Some(format!("left alone: {detail}")),
        _ => None,
    });
    let of_directory = report.findings.iter().find_map(|finding| {
        let about = matches!(finding.about, Subject::Directory(_));
        about.then(|| finding.to_string())
    });
    let held = items().find_map(|item| match &item.outcome {
        Outcome::Held { reasons } => reasons.first().map(|reason| format!("held: {reason}")),
        _ => None,
    });
    let of_rooms = report
        .rooms
        .iter()
        .flat_map(|room| &room.findings)
        .chain(&report.findings)
        .next();
    let done = report.tally();
    let else_done = || match of_rooms {
        Some(finding) => finding.to_string(),
        None => format!("nothing: {} changes are made all the same", done.changes()),
    };
    failed.or(of_directory).or(held).unwrap_or_else(else_done)
}

/// Without what differs from time to time: ports, room IDs and tags of names.
fn plain(site: &Site, text: &str) -> String {
    let text = text
        .replace(site.proxy.url(), "http://homeserver")
        .replace(&site.names.tag, "");
    let mut plain = String::new();
    for word in text.replace('|', "\\|").split_whitespace() {
        // The emulator gives each request an identifier of its own.
        let word = match word.find([')', ';']) {
            Some(end) if plain.ends_with("request-id") => format!("ID{}", word.get(end..).unwrap_or("")),
            // The length of an answer is not the same each time.
            _ if plain.ends_with("column") => hidden(word, "", "N", |c| c.is_ascii_digit()),
            _ => word.to_owned(),
        };
        let word = hidden(&word, "127.0.0.1:", "directory", |c| c.is_ascii_digit());
        let word = hidden(&word, "!", "!room", |c| {
            c.is_ascii_alphanumeric() || "-_".contains(c)
        });
        let word = word.replace(&format!("!room:{}", site.names.server), "!room");
        let space = if plain.is_empty() { "" } else { " " };
        // Writing to a string cannot fail.
        let _ = write!(plain, "{space}{word}");
    }
    plain
}

/// A word with a prefix and what follows it replaced, if much follows it.
fn hidden(word: &str, prefix: &str, by: &str, part: fn(char) -> bool) -> String {
    match word.split_once(prefix) {
        Some((head, tail)) if tail.starts_with(part) => {
            format!("{head}{by}{}", tail.trim_start_matches(part))
        }
        _ => word.to_owned(),
    }
}

fn document(rows: &[Row]) -> String {
    let mistakes: usize = rows.iter().map(|row| row.mistakes.len()).sum();
    let converged = rows.iter().filter(|row| row.not_converged.is_none()).count();
    let mut text = format!(
        "# Faults\n\n\
         What inviter does when something goes wrong, place by place. The table is made by\n\n\
         ```text\ncargo run -p inviter-faults --all-features -- table --out docs/faults.md\n```\n\n\
         which really runs each line: a Synapse behind a proxy that breaks requests, and as a directory a file (for \
         faults of the homeserver), a scripted LDAP server, or an emulated Microsoft Graph. Two rooms are as the \
         directory wants them; then one person is to go, one comes, one becomes a moderator, and a room is new. For \
         two of the places the bot is invited to one more, or a room's history is open to too many. The fault strikes \
         **every** request of its place for as long as the first run takes, so that trying again does not help. Then \
         it is over, and the next run has to make everything right, and the one after that must not write \
         anything.\n\n\
         *Removed* are those who were removed in the run with the fault: only the one who is to go may be. Every \
         writing request is held against what the directory says in truth. `homeserver` and `directory` stand for \
         addresses, `!room` for the ID of a room. Where a directory shows no people, those who are in a group that was \
         read whole are known by it, and so is who is in none.\n\n\
         {} faults were tried: {mistakes} mistakes, and after {converged} of them the next run converged.\n\n\
         | place | fault | what was told | removed | removed by mistake | next run converged |\n\
         |---|---|---|---|---|---|\n",
        rows.len(),
    );
    for row in rows {
        text.push_str(&row.line);
        text.push('\n');
    }
    text
}
