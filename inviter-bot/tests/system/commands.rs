//! Commands, typed by a person with matrix-nio: their good use and their bad one.

mod confirming;
mod finding;
mod looking;
mod meanwhile;
mod shown;
mod who;
