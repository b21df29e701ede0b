//! What the emulator has handed out: access tokens, and links to pages and rounds of changes.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::delta::Round;
use crate::{lock, random};

/// What every access token begins with.
pub const ACCESS_TOKEN_PREFIX: &str = "emulated-access-token-";

/// What a client secret begins with that the emulator made up.
pub const SECRET_PREFIX: &str = "emulated-secret-";

/// Access tokens, and until when they are valid.
#[derive(Debug, Default)]
pub(crate) struct AccessTokens(Mutex<HashMap<String, Instant>>);

impl AccessTokens {
    pub(crate) fn issue(&self, lifetime: Duration) -> String {
        let token = format!("{ACCESS_TOKEN_PREFIX}{}", random::text(48));
        lock(&self.0).insert(token.clone(), Instant::now() + lifetime);
        token
    }

    pub(crate) fn is_valid(&self, token: &str) -> bool {
        lock(&self.0)
            .get(token)
            .is_some_and(|until| Instant::now() < *until)
    }

    pub(crate) fn expire(&self) {
        lock(&self.0).clear();
    }
}

#[derive(Debug, Clone)]
enum Kept {
    /// A page that was made already.
    Page(Bytes),
    Round(Round),
}

/// Pages and rounds, by the tokens in their links. Links stay good, however often they are followed.
#[derive(Debug, Default)]
pub(crate) struct Pages(Mutex<HashMap<String, Kept>>);

impl Pages {
    fn keep(&self, kept: Kept) -> String {
        let token = random::text(60);
        lock(&self.0).insert(token.clone(), kept);
        token
    }

    pub(crate) fn keep_page(&self, body: Bytes) -> String {
        self.keep(Kept::Page(body))
    }

    pub(crate) fn keep_round(&self, round: Round) -> String {
        self.keep(Kept::Round(round))
    }

    pub(crate) fn page(&self, token: &str) -> Option<Bytes> {
        match lock(&self.0).get(token)? {
            Kept::Page(body) => Some(body.clone()),
            Kept::Round(_) => None,
        }
    }

    pub(crate) fn round(&self, token: &str) -> Option<Round> {
        match lock(&self.0).get(token)? {
            Kept::Round(round) => Some(round.clone()),
            Kept::Page(_) => None,
        }
    }

    /// Forgets all rounds of changes.
    pub(crate) fn expire_rounds(&self) {
        lock(&self.0).retain(|_, kept| matches!(kept, Kept::Page(_)));
    }
}
