//! inviter
