//! What people can ask for, whichever frontend they use: the `inviter` command and the bot take the same arguments, do
//! the same and tell it in the same words.
//!
//! - [`arguments`] are parsed by clap, from a shell or from a message.
//! - [`operations`] do what was asked for; each answers with an [`Answer`], which a frontend shows.
//! - [`render`] makes text, coloured with ANSI sequences, and JSON of what the library answers.
//! - [`startup`] finds the configuration.
//! - [`spelling`] writes commands in such texts as a person in a room has to type them.

pub mod answer;
pub mod arguments;
pub mod operations;
#[cfg(test)]
mod place;
pub mod render;
pub mod spelling;
pub mod startup;

pub use answer::Answer;
