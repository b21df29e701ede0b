//! Secrets in texts, in whatever form they may have got there.

pub(crate) use inviter_testkit::found;
