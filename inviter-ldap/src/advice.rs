//! placeholder
use crate::config::LdapConfig;
use inviter_core::provider::Advice;
use std::sync::Arc;
pub(crate) async fn advice(_config: Arc<LdapConfig>) -> Vec<Advice> {
    Vec::new()
}
