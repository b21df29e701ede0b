//! A soak test of the bot.
mod change;
mod organisation;
mod world;
fn main() {}
