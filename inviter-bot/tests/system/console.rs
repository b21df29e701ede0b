//! A person at the administration room.

use std::time::Duration;

use anyhow::{Context as _, Result};
use inviter_testkit::{Message, Nio, count};

use crate::harness::{LONG, Site};

/// How long it is made sure that nothing is said.
const SILENCE: Duration = Duration::from_secs(3);
/// The reaction that confirms.
pub(crate) const YES: &str = "✅";
/// The reaction that cancels.
pub(crate) const NO: &str = "❌";

/// A session of matrix-nio, in which commands are typed.
#[derive(Debug)]
pub(crate) struct Console {
    pub(crate) nio: Nio,
    pub(crate) room: String,
}

impl Console {
    /// The boss, who made the room.
    pub(crate) async fn boss(site: &Site) -> Result<Self> {
        Self::of(site, "boss").await
    }

    /// A person of the site, who joins the room if they were invited.
    pub(crate) async fn of(site: &Site, name: &str) -> Result<Self> {
        let nio = Nio::start(&site.synapse, &site.localpart(name)).await?;
        Ok(Self {
            nio,
            room: site.admin_room.clone(),
        })
    }

    /// The first answer to what is typed.
    pub(crate) async fn ask(&self, text: &str) -> Result<Message> {
        self.nio
            .ask(&self.room, text, LONG)
            .await
            .with_context(|| text.to_owned())
    }

    /// Types, and waits until an answer reads so; answers with the command's event and that answer.
    pub(crate) async fn told(&self, text: &str, words: &[&str]) -> Result<(String, Message)> {
        let event = self.nio.send(&self.room, text).await?;
        let answer = self
            .answer(&event, words)
            .await
            .with_context(|| text.to_owned())?;
        Ok((event, answer))
    }

    /// Waits until an answer to an event reads so.
    pub(crate) async fn answer(&self, event: &str, words: &[&str]) -> Result<Message> {
        let fits = |message: &Message| words.iter().all(|word| message.text().contains(word));
        let answers = self
            .nio
            .answers(&self.room, event, |all| all.iter().any(fits), LONG)
            .await?;
        answers.into_iter().find(fits).context("an answer")
    }

    /// Waits until a message reads so by now.
    pub(crate) async fn becomes(&self, event: &str, words: &[&str]) -> Result<Message> {
        self.nio
            .wait(&format!("{words:?}"), LONG, |seen| {
                let message = seen.message(event)?;
                words
                    .iter()
                    .all(|word| message.text().contains(word))
                    .then(|| message.clone())
            })
            .await
    }

    /// All answers to an event, once there are so many.
    pub(crate) async fn answers(&self, event: &str, number: usize) -> Result<Vec<Message>> {
        self.nio.answers(&self.room, event, count(number), LONG).await
    }

    /// Types something that must not be answered.
    pub(crate) async fn is_ignored(&self, text: &str) -> Result<()> {
        let event = self.nio.send(&self.room, text).await?;
        let answers = self.nio.answers(&self.room, &event, count(1), SILENCE).await.ok();
        anyhow::ensure!(answers.is_none(), "{text} was answered: {answers:?}");
        Ok(())
    }

    /// Types a command that has to be confirmed; answers with the question, to which the bot has put its reactions.
    pub(crate) async fn asked(&self, text: &str, words: &[&str]) -> Result<(String, Message)> {
        let mut all = words.to_vec();
        all.push("react with ✅ to do it");
        let (event, question) = self.told(text, &all).await?;
        for key in [YES, NO] {
            self.nio.reaction(&question.event, key, LONG).await?;
        }
        Ok((event, question))
    }

    /// Reacts to a question.
    pub(crate) async fn react(&self, question: &Message, key: &str) -> Result<()> {
        self.nio.react(&self.room, &question.event, key).await.map(drop)
    }
}
