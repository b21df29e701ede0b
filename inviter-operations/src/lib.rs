//! What people can ask for, whichever frontend they use: the `inviter` command and the bot take the same arguments, do
//! the same and tell it in the same words.
//!
//! - [`render`] makes text, coloured with ANSI sequences, and JSON of what the library answers.

pub mod render;
