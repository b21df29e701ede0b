//! A run that is killed at any of its writing requests leaves nothing that the next run does not put right.
