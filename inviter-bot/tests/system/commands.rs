//! Commands, typed by a person with matrix-nio: their good use and their bad one.

mod confirming;
mod looking;
mod shown;
mod who;
