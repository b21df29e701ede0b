//! `inviter explain`

use clap::Args;
use inviter::core::{
    OwnedUserId, ServerName, desired::Person, reconcile::RunOptions, room::RoomRef, room_template::Argument,
};

use super::room_ref;
use crate::{
    context::Context,
    exit::Exit,
    output,
    render::{document, explanation},
};

/// Tell why somebody is in a room or not.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Tells whether the person is in the room now, each account that leads to the Matrix ID, the groups that bring it \
there with the way of nesting, the level that is wanted, and what the next sync would do. Sends no writing request.")]
pub(crate) struct Explain {
    /// The person: a Matrix ID like '@ada:example.com', or its part before the colon
    user: String,
    /// The room: an alias or a room ID
    #[arg(value_name = "ROOM", value_parser = room_ref)]
    room: RoomRef,
    /// The room is of this argument, which takes the place of <1>
    #[arg(long, value_name = "VALUE", value_parser = Argument::parse)]
    argument: Vec<Argument>,
    /// Write one JSON document
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub(super) async fn run(&self, context: &Context<'_>) -> anyhow::Result<Exit> {
        let reconciler = context.setup().await?.reconciler;
        let user = complete(&self.user, &reconciler.policy.accounts_server)?;
        // All rooms, since what goes in them together may be held.
        let mut options = RunOptions::by_person();
        options.arguments = self.argument.iter().cloned().collect();
        let draft = reconciler.plan(&options).await?;
        let answer = reconciler.explain(&draft, &user, &self.room).await;
        let nearest = nearest(&user, &draft.desired.people);
        if self.json {
            let contents = explanation::json(&answer, nearest);
            output::json(&document::Document::new("explain", contents))?;
        } else {
            let mut text = String::new();
            explanation::text(&mut text, &answer, nearest)?;
            output::text(&text)?;
        }
        Ok(Exit::of_sources(&draft.desired))
    }
}

/// A whole Matrix ID; what is not one already is taken for the part before the colon.
fn complete(text: &str, server: &ServerName) -> anyhow::Result<OwnedUserId> {
    let whole = match text.strip_prefix('@') {
        Some(rest) if rest.contains(':') => text.to_owned(),
        Some(rest) => format!("@{rest}:{server}"),
        None => format!("@{text}:{server}"),
    };
    let user = OwnedUserId::try_from(whole).and_then(|user| user.validate_historical().map(|()| user));
    user.map_err(|error| {
        anyhow::anyhow!(
            "`{text}` is no Matrix ID ({error}); write one like '@ada:{server}', or its part before the colon"
        )
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
