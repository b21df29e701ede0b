//! Everything that can go wrong, everywhere that it can: what comes of it, and that nobody is ever missing from what is
//! called complete.

mod check;
mod delta;
mod full;
mod outgrown;
mod pacing;
mod place;
mod shapes;
mod tokens;
mod town;
mod trouble;

pub(crate) use check::lost;
