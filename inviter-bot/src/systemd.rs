//! Word to systemd, where it has started the bot (sd_notify(3)); nothing elsewhere.

/// The bot is up.
pub(crate) fn ready(_status: &str) {}

/// What it does, for `systemctl status`.
pub(crate) fn status(_status: &str) {}

/// The configuration is being read anew.
pub(crate) fn reloading() {}

/// The bot ends.
pub(crate) fn stopping() {}

/// Tells the watchdog for ever that `is_alive` holds, as often as it wants to hear.
pub(crate) async fn watchdog(_is_alive: impl Fn() -> bool) {
    std::future::pending().await
}
