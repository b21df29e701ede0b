//! The faults of the reference system, shown absent. Each test quotes the fault in its first line.
//!
//! Those that need LDAP or Entra are tested with these.

mod directories;
mod levels;
mod limits;
mod names;
mod people;
mod runs;
mod scope;

use anyhow::Result;

use crate::harness::{Directory, Output, Site};

/// A site whose rooms are as the directory says, twice over: nobody is removed before one run has gone through.
async fn settled(fill: impl FnOnce(&mut Directory)) -> Result<(Site, Directory)> {
    let site = Site::new().await?;
    let mut directory = Directory::default();
    fill(&mut directory);
    site.register(directory.everybody()).await?;
    site.save(&directory)?;
    site.fine(&["sync"]).await?;
    site.fine(&["sync"]).await?;
    Ok((site, directory))
}

/// Fails unless exactly one line has all these parts in it.
#[track_caller]
fn tells(output: &Output, parts: &[&str]) {
    crate::bad_input::one_line(output, parts);
}
