//! Whether accounts exist, by Synapse's administration API. There is no other trustworthy way: the profile of an
//! account that has none answers as that of an account that is none.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use inviter_core::backend::{AccountState, BackendError, BackendErrorKind};
use ruma::{OwnedUserId, UserId, api::error::ErrorKind};
use serde::Deserialize;
use tokio::{sync::Mutex, time::Instant};
use tracing::{debug, warn};

use crate::{add::Adding, backend::Shared, client::Call, error::Failure, stream::Object};

/// Where the administration API has accounts.
pub(crate) const USERS: &str = "/_synapse/admin/v2/users/";
/// Up to so many accounts are asked for one by one.
const ONE_BY_ONE: usize = 20;
/// Accounts per page of the list.
const PAGE: usize = 1000;
/// Accounts of the largest list that is read; more than any homeserver has, and about a gigabyte here.
const MAX_ACCOUNTS: usize = 10_000_000;
/// Bytes that a user ID may have (the specification's "Common Identifier Format").
const MAX_NAME: usize = 255;
/// How long the list is good for: the length of a run.
const KEPT: Duration = Duration::from_secs(5 * 60);

/// What has been learnt about accounts.
#[derive(Default)]
pub(crate) struct Accounts {
    /// Whether the administration API answers us; asked once.
    admin: tokio::sync::OnceCell<bool>,
    list: Mutex<Option<(Instant, Arc<List>)>>,
    /// Whether the administration API puts people into rooms for us.
    pub(crate) adding: Adding,
}

type List = BTreeMap<String, AccountState>;

#[derive(Deserialize)]
struct User {
    name: String,
    /// Absent in no version that we know; then nothing is known.
    deactivated: Option<bool>,
}

impl User {
    const fn state(&self) -> AccountState {
        match self.deactivated {
            Some(true) => AccountState::Deactivated,
            Some(false) => AccountState::Exists,
            None => AccountState::Unknown,
        }
    }
}

#[derive(Deserialize)]
struct Page {
    users: Vec<Object<User>>,
    #[serde(default)]
    next_token: Option<String>,
    total: usize,
}

impl Shared {
    /// Accounts in the order of the question; anything but a clear answer is unknown.
    pub(crate) async fn accounts(&self, users: &[OwnedUserId]) -> Result<Vec<AccountState>, BackendError> {
        let me = self.whoami().await?.user_id;
        let unknown = vec![AccountState::Unknown; users.len()];
        let ours = |user: &UserId| user.server_name() == me.server_name();
        let count = users.iter().filter(|user| ours(user)).count();
        if count == 0 || !self.is_admin(&me).await {
            return Ok(unknown);
        }
        if count <= ONE_BY_ONE && self.fresh_list().await.is_none() {
            // Owned, since a stream of borrowed ones makes a future that is not `Send` enough.
            return stream::iter(users.to_vec())
                .map(|user| async move {
                    if user.server_name() == self.whoami().await?.user_id.server_name() {
                        self.account(&user).await
                    } else {
                        Ok(AccountState::Unknown)
                    }
                })
                .buffered(self.client.concurrency)
                .try_collect()
                .await;
        }
        let list = match self.list().await {
            Ok(list) => list,
            Err(failure) => return self.not_told(failure).map(|_| unknown),
        };
        Ok(users
            .iter()
            .map(|user| match list.get(user.as_str()) {
                Some(state) => *state,
                None if ours(user) => AccountState::Missing,
                None => AccountState::Unknown,
            })
            .collect())
    }

    /// Reading our own account in the administration API shows whether we may. (The endpoint that is made for the
    /// question is not there on a homeserver whose accounts are kept by an authentication service.)
    async fn is_admin(&self, me: &UserId) -> bool {
        self.admin(me).await.is_ok_and(|admin| admin)
    }

    /// The same, asked once; a question that found no answer is asked again next time.
    pub(crate) async fn admin(&self, me: &UserId) -> Result<bool, Failure> {
        let asked = self.accounts.admin.get_or_try_init(|| self.ask_admin(me));
        asked.await.copied()
    }

    /// The same, asked now.
    pub(crate) async fn ask_admin(&self, me: &UserId) -> Result<bool, Failure> {
        let call = Call::read(me.as_str());
        match self.client.get_json::<User>(&call, &user_path(USERS, me)).await {
            Ok(_) => Ok(true),
            // The homeserver says no, or a proxy shuts the path off, with whichever page.
            Err(failure) if failure.status.is_some_and(|status| status.is_client_error()) => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    async fn account(&self, user: &UserId) -> Result<AccountState, BackendError> {
        let call = Call::read(user.as_str());
        match self.client.get_json::<User>(&call, &user_path(USERS, user)).await {
            Ok(found) => Ok(found.state()),
            Err(failure) if failure.is_not_found() => Ok(AccountState::Missing),
            Err(failure) => self.not_told(failure),
        }
    }

    /// Only a token that is not accepted is worth an error: it fails everything. All else leaves accounts unknown.
    fn not_told(&self, failure: Failure) -> Result<AccountState, BackendError> {
        if failure.error.kind == BackendErrorKind::Unauthenticated {
            return Err(failure.into());
        }
        debug!(homeserver = %self.client.base, error = %failure.error, "accounts stay unknown");
        Ok(AccountState::Unknown)
    }

    async fn fresh_list(&self) -> Option<Arc<List>> {
        let kept = self.accounts.list.lock().await;
        kept.as_ref()
            .filter(|(at, _)| at.elapsed() < KEPT)
            .map(|(_, list)| Arc::clone(list))
    }

    async fn list(&self) -> Result<Arc<List>, Failure> {
        // Held while reading, so that it is read once.
        let mut kept = self.accounts.list.lock().await;
        if let Some((at, list)) = kept.as_ref()
            && at.elapsed() < KEPT
        {
            return Ok(Arc::clone(list));
        }
        // Guests are accounts too, but the list refuses to show them where an authentication service keeps the
        // accounts; there are none then.
        let list = match self.read_list("").await {
            Err(failure) if matches!(failure.errcode(), Some(ErrorKind::InvalidParam)) => {
                self.read_list("&guests=false").await?
            }
            other => other?,
        };
        let list = Arc::new(list);
        *kept = Some((Instant::now(), Arc::clone(&list)));
        Ok(list)
    }

    async fn read_list(&self, guests: &str) -> Result<List, Failure> {
        let mut list = List::new();
        let mut names = 0;
        let mut skipped = 0;
        let mut from = "0".to_owned();
        let call = Call::read("the homeserver's list of users");
        loop {
            // Oldest first: accounts that appear meanwhile are at the end, and push none off a page.
            let path = format!(
                "/_synapse/admin/v2/users?from={from}&limit={PAGE}&deactivated=true&locked=true\
                 &order_by=creation_ts{guests}"
            );
            let page: Page = self.client.get_json(&call, &path).await?;
            let before = list.len() + skipped;
            for Object(user) in page.users {
                let state = user.state();
                names += user.name.len() as u64;
                if user.name.len() > MAX_NAME {
                    // Nobody who is wanted has that name, since no user ID is as long.
                    skipped += 1;
                } else {
                    list.insert(user.name, state);
                }
                if names > self.client.sizes.users {
                    return Err(not_a_list(
                        &call,
                        format!(
                            "is not read on, since its names have more than {} bytes",
                            self.client.sizes.users
                        ),
                    ));
                }
            }
            let came = list.len() + skipped;
            // A list whose pages go in a circle, or never end, has no end to wait for.
            if page.next_token.is_some() && (came == before || came > MAX_ACCOUNTS) {
                return Err(not_a_list(
                    &call,
                    format!("does not come to an end: {came} accounts came, and there is said to be more"),
                ));
            }
            match page.next_token {
                Some(next) if next != from && next.bytes().all(|b| b.is_ascii_alphanumeric()) => from = next,
                // A list with holes would make people missing.
                _ if came < page.total => {
                    return Err(Failure::without_effect(BackendError::new(
                        BackendErrorKind::Unavailable,
                        &call.about,
                        format!(
                            "{came} of {} accounts came; it changed while it was read",
                            page.total
                        ),
                    )));
                }
                _ => {
                    if skipped > 0 {
                        warn!(
                            homeserver = %self.client.base,
                            skipped,
                            "the list of users has names of more than {MAX_NAME} bytes, which are no user IDs"
                        );
                    }
                    return Ok(list);
                }
            }
        }
    }
}

/// What came cannot be the list of users, or not all of one that may be held.
fn not_a_list(call: &Call, what: String) -> Failure {
    Failure::without_effect(BackendError::new(BackendErrorKind::Malformed, &call.about, what))
}

/// A user ID behind a path, percent-encoded.
pub(crate) fn user_path(root: &str, user: &UserId) -> String {
    id_path(root, user.as_str())
}

/// An ID behind a path, percent-encoded.
pub(crate) fn id_path(root: &str, id: &str) -> String {
    id.bytes().fold(root.to_owned(), |mut path, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~@:=+".contains(&byte) {
            path.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(path, "%{byte:02X}");
        }
        path
    })
}
