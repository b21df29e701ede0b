//! Two homeservers, two bots, two directories, and rooms that both share.
