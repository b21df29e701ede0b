//! `check`: the configuration, the directories, the homeserver and each room, and what is missing.

mod document;
mod limits;
mod room;
mod summary;
#[cfg(test)]
mod tests;
mod text;

use std::{collections::BTreeMap, fmt, future::Future, sync::Arc};

use clap::Args;
use futures_util::future::join_all;
use inviter::{
    config::Config,
    core::{
        IdentityProvider, OwnedUserId, RoomBackend,
        backend::BackendError,
        desired::{Desired, SourceOutcome},
        directory::ProviderId,
        finding::{Finding, FindingKind},
        guard::GuardedRoom,
        plan::RoomStatus,
        policy::Policy,
        provider::{Advice, AdviceKind},
        reconcile::{Draft, RunOptions},
        remedy::{Remedy, RemedyContext, of_account, of_room},
        server::{RateOverride, ServerFacts},
    },
    wiring::{Setup, SetupError, providers},
};
use serde_json::Value;

use super::idp;
use crate::{answer::Answer, arguments::Part, render::counted};

/// What is checked, and whether anything is mended.
#[derive(Debug, Clone, Args)]
#[group(skip)]
#[command(after_long_help = "\
Sends no writing request, except with --fix one. Ends with code 1 if something cannot work: a directory cannot be \
read, or not to its end, or says that something has to be done first, the homeserver cannot be read, the account may \
not be used, a desired room cannot be managed, the bot lacks power in one, removals from one wait for a group that is missing or unread, or --fix could not do what it is for.

$ADMIN_TOKEN in the requests that are shown is the access token of an administrator of the homeserver.")]
pub struct Check {
    /// Which part of everything.
    #[command(flatten)]
    pub part: Part,
    /// Take the account out of the homeserver's rate limits, where it is an administrator of a Synapse; nothing else
    /// is written
    #[arg(long)]
    pub fix: bool,
}

/// What was found.
#[derive(Debug)]
pub struct Checked {
    config: String,
    /// The base of all requests.
    homeserver: String,
    desired: Desired,
    /// What the directories have to say to whoever sets them up.
    advice: BTreeMap<ProviderId, Vec<Advice>>,
    /// Without a homeserver there is a reason.
    connected: Result<Connected, String>,
}

/// What the homeserver had to say.
#[derive(Debug)]
struct Connected {
    bot: OwnedUserId,
    facts: ServerFacts,
    policy: Policy,
    /// The plan shows how each room is.
    draft: Draft,
    /// In the order of the plan's rooms.
    remedies: Vec<Vec<Remedy>>,
    of_account: Vec<Remedy>,
    fixed: Option<Fixed>,
}

/// What became of `--fix`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fixed {
    /// The account is out of the limits now.
    Lifted,
    /// It was before.
    Already,
    /// Why it is not.
    Not(String),
}

/// Checks everything that a sync needs. `name` is what the configuration is read from; `connect` is what connects it,
/// or has already: without a homeserver the directories are told about all the same.
///
/// # Errors
/// What asking the homeserver who the bot is can meet, if nothing else says so.
pub async fn check(
    name: &str,
    config: &Config,
    connect: impl Future<Output = Result<Setup, SetupError>>,
    asked: &Check,
) -> Result<Checked, SetupError> {
    let directories = providers(config);
    let (found, advice) = tokio::join!(look(config, connect, asked), ask_for_advice(&directories));
    let (connected, desired) = found?;
    Ok(Checked {
        config: format!("{name}: {}", configured(config)),
        homeserver: config.homeserver.url.to_string(),
        desired,
        advice,
        connected,
    })
}

/// What homeserver and directories say, and what the directories want.
async fn look(
    config: &Config,
    connect: impl Future<Output = Result<Setup, SetupError>>,
    asked: &Check,
) -> Result<(Result<Connected, String>, Desired), SetupError> {
    let connected = match connect.await {
        Ok(setup) => Connected::read(setup, &asked.part.options(), asked.fix).await,
        Err(error) => Err(error.to_string()),
    };
    let desired = match &connected {
        Ok(connected) => connected.draft.desired.clone(),
        // The directories can be told about all the same.
        Err(_) => idp::read(config).await?.desired,
    };
    Ok((connected, desired))
}

async fn ask_for_advice(directories: &[Arc<dyn IdentityProvider>]) -> BTreeMap<ProviderId, Vec<Advice>> {
    let asked = directories
        .iter()
        .map(|directory| async { (directory.id(), directory.advice().await) });
    join_all(asked).await.into_iter().collect()
}

fn configured(config: &Config) -> String {
    let listed = counted(
        config.rooms.len() + config.templates.len(),
        "room listed",
        "rooms listed",
    );
    format!(
        "{}, {listed}",
        counted(config.directories.len(), "directory", "directories")
    )
}

impl Connected {
    async fn read(setup: Setup, options: &RunOptions, fix: bool) -> Result<Self, String> {
        let backend = &setup.reconciler.backend;
        let (draft, mut facts) = tokio::join!(setup.reconciler.plan(options), backend.inspect());
        let draft = draft.map_err(|error| error.to_string())?;
        let fixed = if fix {
            Some(lift(&**backend, &mut facts).await)
        } else {
            None
        };
        let policy = setup.reconciler.policy;
        let cx = RemedyContext {
            facts: &facts,
            policy: &policy,
            bot: &draft.identity.user_id,
        };
        let rooms = draft.plan.rooms().iter();
        Ok(Self {
            remedies: rooms.map(|room| of_room(room.plan(), &cx)).collect(),
            of_account: of_account(&cx),
            bot: draft.identity.user_id.clone(),
            facts,
            policy,
            draft,
            fixed,
        })
    }
}

/// The one thing that is ever written: the account is taken out of the rate limits, where it may do that itself.
async fn lift(backend: &dyn RoomBackend, facts: &mut ServerFacts) -> Fixed {
    if facts.rate_override == RateOverride::Exempt {
        return Fixed::Already;
    }
    if facts.admin != Some(true) {
        let who = match facts.admin {
            Some(_) => "the bot is no administrator of the homeserver",
            None => "the homeserver does not tell whether the bot is its administrator",
        };
        return Fixed::Not(format!(
            "{who}, so nothing was sent; have an administrator send the request below"
        ));
    }
    match backend.lift_limits().await {
        Ok(now) => {
            facts.rate_override = now;
            if now == RateOverride::Exempt {
                Fixed::Lifted
            } else {
                Fixed::Not("the homeserver took the request, and limits the bot all the same".to_owned())
            }
        }
        Err(BackendError { message, .. }) => Fixed::Not(message),
    }
}

/// A room that no sync can do anything for, as it is.
fn is_blocked(room: &GuardedRoom) -> bool {
    match room.plan().status {
        // Whoever has paused it meant it.
        RoomStatus::Managed | RoomStatus::ToCreate | RoomStatus::Paused => false,
        // An invitation that the next sync accepts is no obstacle.
        RoomStatus::Invited => room.actions().is_empty(),
        _ => true,
    }
}

fn is_blocking(finding: &Finding) -> bool {
    matches!(
        finding.kind,
        FindingKind::PowerMissing | FindingKind::Unreadable | FindingKind::RemovalsNotConsidered
    )
}

/// Something about the room keeps it from being managed as its groups are.
fn is_in_the_way(room: &GuardedRoom) -> bool {
    is_blocked(room) || room.plan().findings.iter().any(is_blocking)
}

impl Checked {
    /// Whether a sync can do all that the directories want.
    pub fn works(&self) -> bool {
        let directories = self.desired.sources.iter().all(|source| self.can_work(source));
        directories && self.connected.as_ref().is_ok_and(Connected::works)
    }

    /// What became of lifting the rate limits: whether that was done now, or why it was not. `None` if it was not asked
    /// for, or the homeserver was not reached.
    pub fn lifted(&self) -> Option<Result<bool, &str>> {
        match self.connected.as_ref().ok()?.fixed.as_ref()? {
            Fixed::Lifted => Some(Ok(true)),
            Fixed::Already => Some(Ok(false)),
            Fixed::Not(why) => Some(Err(why)),
        }
    }

    /// Whether a directory can do its part.
    fn can_work(&self, source: &SourceOutcome) -> bool {
        let mut advice = self.advice_of(&source.provider).iter();
        source.is_complete() && advice.all(|advice| advice.kind != AdviceKind::Blocks)
    }

    fn advice_of(&self, directory: &ProviderId) -> &[Advice] {
        self.advice.get(directory).map_or(&[], Vec::as_slice)
    }
}

impl Connected {
    fn works(&self) -> bool {
        self.draft.plan.rooms().iter().all(|room| !is_in_the_way(room))
            && self.of_account.iter().all(|remedy| !remedy.blocks)
            && !matches!(self.fixed, Some(Fixed::Not(_)))
    }
}

impl Answer for Checked {
    fn kind(&self) -> &'static str {
        "check"
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        self.write_text(out)
    }

    fn json(&self) -> Value {
        self.contents()
    }
}
