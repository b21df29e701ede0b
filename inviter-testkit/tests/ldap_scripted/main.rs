//! The testkit's own LDAP server and proxy, looked at with OpenLDAP's `ldapsearch` and with bytes by hand.

// Always set here; it tells the lints that helpers may unwrap as tests may.
#[cfg(test)]
mod client;
#[cfg(test)]
mod data;
mod directory;
mod faults;
mod hostile;
mod limits;
#[cfg(test)]
mod proxy;
