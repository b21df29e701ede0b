//! plan and guard, by example: every state that a room and a person can be in.

mod guard;
mod levels;
mod people;
mod rooms;
mod world;
