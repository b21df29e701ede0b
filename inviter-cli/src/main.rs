//! The inviter command.
fn main() {}
