//! The life of rooms while the bot runs: they are replaced, and admins come and go.
