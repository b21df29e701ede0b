//! Reading from a server that behaves as badly as it can: what must never come of it is a complete list that lacks
//! somebody.

// Always set here; it tells the lints that helpers may unwrap as tests may.
#[cfg(test)]
mod codes;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod disabled;
#[cfg(test)]
mod gone;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod kinds;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod logins;
#[cfg(test)]
mod lookups;
#[cfg(test)]
mod malformed;
#[cfg(test)]
mod nothing;
#[cfg(test)]
mod paging;
#[cfg(test)]
mod references;
#[cfg(test)]
mod seen;
#[cfg(test)]
mod world;
