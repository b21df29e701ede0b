//! What a request is for the limiters, and what is said of a wait.

use std::time::Duration;

use inviter_core::server::LimitKind;

/// Requests that are limited together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// Everything that changes nothing.
    Read,
    /// Waiting for news: a read that is under way nearly always.
    Follow,
    /// Logging in.
    LogIn,
    /// Creating rooms.
    Create,
    /// Joining rooms.
    Join,
    /// State events, removals and directory listings.
    Send,
    /// Invitations.
    Invite,
    /// Putting people in by the administration API, which has no limits of its own.
    Add,
}

impl Class {
    /// Under which name the limit is told; logging in happens before anything that could tell,
    /// and what has no limits meets none.
    pub(crate) const fn kind(self) -> Option<LimitKind> {
        match self {
            Self::Read | Self::Follow => Some(LimitKind::Reads),
            Self::LogIn | Self::Add => None,
            Self::Create => Some(LimitKind::Creations),
            Self::Join => Some(LimitKind::Joins),
            Self::Send => Some(LimitKind::Events),
            Self::Invite => Some(LimitKind::Invitations),
        }
    }
}

/// What a request is, for the limiters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) class: Class,
    pub(crate) room: Option<String>,
    pub(crate) invitee: Option<String>,
}

impl Work {
    pub(crate) const fn of(class: Class) -> Self {
        Self {
            class,
            room: None,
            invitee: None,
        }
    }

    pub(crate) fn in_room(class: Class, room: impl Into<String>) -> Self {
        Self {
            class,
            room: Some(room.into()),
            invitee: None,
        }
    }

    pub(crate) fn invite(room: impl Into<String>, invitee: impl Into<String>) -> Self {
        Self {
            class: Class::Invite,
            room: Some(room.into()),
            invitee: Some(invitee.into()),
        }
    }

    /// Everything whose pause this has to wait for.
    pub(crate) fn keys(&self) -> Vec<Key> {
        let mut keys = vec![Key::Class(self.class)];
        if let Some(room) = &self.room {
            keys.push(Key::Room(self.class, room.clone()));
            if let Some(invitee) = &self.invitee {
                keys.push(Key::Pair(room.clone(), invitee.clone()));
            }
        }
        if let Some(invitee) = &self.invitee {
            keys.push(Key::Invitee(invitee.clone()));
        }
        keys
    }

    /// The limiter that certainly is not open: exactly this.
    pub(crate) fn narrowest(&self) -> Key {
        match (&self.room, &self.invitee) {
            (Some(room), Some(invitee)) => Key::Pair(room.clone(), invitee.clone()),
            (Some(room), None) => Key::Room(self.class, room.clone()),
            _ => Key::Class(self.class),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// The whole account, for one class of requests.
    Class(Class),
    Room(Class, String),
    Invitee(String),
    Pair(String, String),
}

/// Whom a pause is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Only what was refused itself.
    This,
    /// One person, in whichever room.
    Invitee,
    /// One room, whoever is invited.
    Room,
    /// The account.
    Account,
}

/// A wait before a request may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pause {
    pub(crate) rest: Duration,
    pub(crate) scope: Scope,
    pub(crate) class: Class,
}

impl Pause {
    /// What is said of that which is put off for it: true for this one, whoever was refused.
    pub(crate) fn message(&self) -> String {
        let seconds = self.rest.as_secs().max(1);
        let what = match self.class {
            Class::Read | Class::Follow => "read nothing",
            Class::LogIn => "log in",
            Class::Create => "create no room",
            Class::Join => "join no room",
            Class::Send => "change no room",
            Class::Invite => "invite nobody",
            Class::Add => "put nobody in",
        };
        match self.scope {
            Scope::This => {
                format!("the homeserver asks to wait {seconds} s before this is tried again (429)")
            }
            Scope::Invitee => {
                format!("the homeserver asks to wait {seconds} s before this person is invited again (429)")
            }
            Scope::Room => {
                format!("the homeserver lets nobody be invited into this room for {seconds} s more (429)")
            }
            Scope::Account => {
                format!("the homeserver lets this account {what} for {seconds} s more (429)")
            }
        }
    }
}
