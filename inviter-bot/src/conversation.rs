//! What people say to the bot, and what it answers.

use std::sync::Arc;

use inviter::matrix::Incoming;
use tokio::sync::mpsc;

use crate::session::Session;

/// Listens and answers for as long as the session lasts.
pub(crate) async fn hold(_session: Arc<Session>, mut incoming: mpsc::UnboundedReceiver<Incoming>) {
    while let Some(_said) = incoming.recv().await {}
}
