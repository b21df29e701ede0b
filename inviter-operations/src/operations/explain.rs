//! `explain`: why somebody is in a room or not.

use std::fmt;

use clap::Args;
use inviter::core::{
    OwnedServerName, OwnedUserId, ServerName,
    desired::{Desired, Person},
    explain::Explanation,
    reconcile::{Reconciler, RunError, RunOptions},
    room::RoomRef,
    room_template::Argument,
};
use serde_json::Value;

use crate::{answer::Answer, arguments::room_ref, render::explanation};

/// Who and where.
#[derive(Debug, Clone, Args)]
#[group(skip)]
#[command(after_long_help = "\
Tells whether the person is in the room now, each account that leads to the Matrix ID, the groups that bring it \
there with the way of nesting, the level that is wanted, and what the next sync would do. Sends no writing request.")]
pub struct Explain {
    /// The person: a Matrix ID like '@ada:example.com', or its part before the colon
    pub user: String,
    /// The room: an alias or a room ID
    #[arg(value_name = "ROOM", value_parser = room_ref)]
    pub room: RoomRef,
    /// The room is of this argument, which takes the place of <1>
    #[arg(long, value_name = "VALUE", value_parser = Argument::parse)]
    pub argument: Vec<Argument>,
}

/// Why.
#[derive(Debug, Clone)]
pub struct Explained {
    /// The explanation itself.
    pub explanation: Explanation,
    /// A known person with a similar name.
    pub nearest: Option<OwnedUserId>,
    /// What the directories want, and how they fared.
    pub desired: Desired,
}

/// Nothing could be explained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExplainError {
    /// The person's name is none.
    #[error(
        "`{text}` is no Matrix ID ({error}); write one like '@ada:{server}', or its part before the colon"
    )]
    NotAUser {
        /// What was given.
        text: String,
        /// What is wrong with it.
        error: String,
        /// The server of the people of the directories.
        server: OwnedServerName,
    },
    /// Nothing could be read.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// Reads everything, since what goes in all rooms together may be held, and explains one person in one room.
///
/// # Errors
/// [`ExplainError`]
pub async fn explain(reconciler: &Reconciler, asked: &Explain) -> Result<Explained, ExplainError> {
    let user = complete(&asked.user, &reconciler.policy.accounts_server)?;
    let mut options = RunOptions::by_person();
    options.arguments = asked.argument.iter().cloned().collect();
    let draft = reconciler.plan(&options).await?;
    let explanation = reconciler.explain(&draft, &user, &asked.room).await;
    let nearest = nearest(&user, &draft.desired.people).cloned();
    Ok(Explained {
        explanation,
        nearest,
        desired: draft.desired,
    })
}

impl Answer for Explained {
    fn kind(&self) -> &'static str {
        "explain"
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        explanation::text(out, &self.explanation, self.nearest.as_ref())
    }

    fn json(&self) -> Value {
        explanation::json(&self.explanation, self.nearest.as_ref())
    }
}

/// A whole Matrix ID; what is not one already is taken for the part before the colon.
fn complete(text: &str, server: &ServerName) -> Result<OwnedUserId, ExplainError> {
    let whole = match text.strip_prefix('@') {
        Some(rest) if rest.contains(':') => text.to_owned(),
        Some(rest) => format!("@{rest}:{server}"),
        None => format!("@{text}:{server}"),
    };
    let user = OwnedUserId::try_from(whole).and_then(|user| user.validate_historical().map(|()| user));
    user.map_err(|error| ExplainError::NotAUser {
        text: text.to_owned(),
        error: error.to_string(),
        server: server.to_owned(),
    })
}

/// The known person whose name is most like this one, if there is one that is much like it.
fn nearest<'p>(user: &OwnedUserId, people: &'p [Person]) -> Option<&'p OwnedUserId> {
    let name = user.localpart().to_lowercase();
    let others = people
        .iter()
        .map(|person| &person.user_id)
        .filter(|other| *other != user);
    let (distance, nearest) = others
        .map(|other| {
            (
                strsim::osa_distance(&name, &other.localpart().to_lowercase()),
                other,
            )
        })
        .min()?;
    // About one slip in three letters.
    (distance <= name.chars().count().div_ceil(3)).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use inviter::core::{UserId, desired::PersonStanding};

    use super::*;

    #[test]
    fn a_name_is_completed_with_the_server() {
        let server = ServerName::parse("example.com").unwrap();
        for text in ["ada", "@ada", "@ada:example.com"] {
            assert_eq!(complete(text, &server).unwrap(), "@ada:example.com");
        }
        assert_eq!(complete("@ada:other.org", &server).unwrap(), "@ada:other.org");
        assert!(complete("ada lovelace", &server).is_err());
        let error = complete("@ada:not a server", &server).unwrap_err().to_string();
        assert!(error.contains("'@ada:example.com'"), "{error}");
    }

    #[test]
    fn the_nearest_name_is_much_alike() {
        let person = |name: &str| Person {
            user_id: UserId::parse(format!("@{name}:example.com")).unwrap(),
            standing: PersonStanding::Active,
        };
        let people = [person("ada.lovelace"), person("bob"), person("bobby")];
        let find = |name: &str| nearest(&person(name).user_id, &people).map(|user| user.localpart());
        assert_eq!(find("ada.lovlace"), Some("ada.lovelace"));
        assert_eq!(find("Bobb"), Some("bob"));
        assert_eq!(find("charles"), None);
        assert_eq!(find("bob"), None, "known already, and nobody else is much alike");
    }
}
