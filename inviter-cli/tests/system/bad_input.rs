//! Bad input: one clear sentence, the right exit code, no change to any room.
